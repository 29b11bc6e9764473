//! The own stack beside smoltcp: one script of a peer and of an application against both, through the same
//! [`Endpoint`](tcpconf_engine::Endpoint), and their reactions compared after each operation.
//!
//! Every number that the peer says is relative to what both have shown, so that ISNs do not matter; both hear the same
//! at the same virtual time. Only what RFC 9293 fixes is compared ([`compare`]): not when, how often or in what pieces
//! something is sent. Numbers on which two sound stacks may differ are not said: acknowledgements of what only one has
//! sent, text around the right edges when these differ. Known deviations stand in [`allowed`], each with its
//! reference. Extensions that smoltcp lacks are off in the own stack: timestamps, RFC 5961, RFC 6191, ECN, SYN
//! cookies; timers that would tell the two apart have smoltcp's values.

mod allowed;
mod compare;
mod peer;
#[cfg(test)]
mod scenarios;
mod script;
mod side;
mod situation;
#[cfg(test)]
mod tests;

use super::stream;
use crate::seam::InProcess;
use crate::smoltcp_target::SmoltcpTarget;
use crate::stack_target::StackTarget;
use allowed::{ALLOWED, Allowed, Then};
use compare::{CLOSED, Depth, Facet, Reaction, UNSYNCHRONIZED, differences};
use peer::Peer;
use script::{AckBase, Operation, Script, Shape, union};
use side::{Side, peer_address};
use situation::{Past, Situation};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tcpconf_engine::{AppCall, FourTuple, Lease};
use tcpconf_stack::{Config, Ecn, SocketOptions};
use tcpconf_suite::plan::Needs;
use tcpconf_wire::{Flags, Instant, SeqNumber};

/// Octets of a receive buffer: what smoltcp has here, a window that needs no scale.
const BUFFER: u32 = 65_535;
/// After each operation: longer than a delayed ACK, the RTO and the second in which one challenge ACK may go out; no
/// divisor of any timer, so that nothing falls on an operation.
const SETTLE: Duration = Duration::from_millis(1_103);
/// smoltcp's TIME-WAIT is `CLOSE_DELAY`, 10 s.
const MSL: Duration = Duration::from_secs(5);
/// smoltcp never gives up.
const NEVER: Duration = Duration::from_secs(1 << 24);
/// The peer's ISN: the sequence numbers of every connection wrap early.
const FIRST_ISN: SeqNumber = SeqNumber(0xffff_f800);
/// ISNs of connections lie this far apart.
const ISN_STEP: u32 = 0x0100_0000;
/// For acknowledgements of nothing.
const NO_ISS: SeqNumber = SeqNumber(0x1000_0000);
/// Not half of the sequence space, where no two stacks agree on what comes first.
const FAR: u32 = (1 << 31) - (1 << 20);
/// The peer connects from here on, a port a connection.
const PEER_PORTS: u16 = 40_000;
/// The application connects from here on.
const OWN_PORTS: u16 = 6000;
/// What the application sends of a connection in all: send buffers never fill.
const MAX_GIVEN: u32 = 30_000;
/// Windows below are narrow.
const WIDE: u16 = 8000;
/// Rounds of a cooperating peer.
const MAX_ROUNDS: u32 = 60;

/// The bytes are a script.
///
/// # Panics
/// On a difference that no entry of the table allows.
pub fn stack_vs_smoltcp(data: &[u8]) {
    let script = Script::read(data);
    if let Err(difference) = World::new(&script, &ALLOWED, None).run() {
        panic!("{difference}");
    }
}

/// The same, telling what happens: for whoever looks into a finding.
///
/// # Panics
/// As [`stack_vs_smoltcp`].
pub fn stack_vs_smoltcp_told(data: &[u8], tell: fn(&str)) {
    let script = Script::read(data);
    if let Err(difference) = World::new(&script, &ALLOWED, Some(tell)).run() {
        panic!("{difference}");
    }
}

struct World<'a> {
    script: &'a Script,
    allowed: &'a [Allowed],
    tell: Option<fn(&str)>,
    lease: Lease,
    /// The own stack first.
    sides: [Side; 2],
    peer: Option<Peer>,
    opened: u16,
    now: Instant,
    /// What was delivered since the last comparison.
    situation: Situation,
    pending: bool,
    /// The rest of the script is not comparable.
    over: bool,
    used: Vec<&'static str>,
}

/// The own stack as like smoltcp as its configuration allows.
fn config() -> Config {
    Config {
        msl: MSL,
        delayed_ack: Duration::from_millis(10),
        receive_buffer: BUFFER,
        send_buffer: BUFFER,
        timestamps: false,
        ecn: Ecn::Off,
        rfc5961: false,
        syn_cookies: false,
        time_wait_reuse: false,
        r2_syn: NEVER,
        synack_retries: u32::MAX,
        fin_wait_2_timeout: NEVER,
        orphan_timeout: NEVER,
        black_hole_after: None,
        socket: SocketOptions {
            user_timeout: None,
            ..SocketOptions::default()
        },
        ..Config::default()
    }
}

impl<'a> World<'a> {
    fn new(script: &'a Script, allowed: &'a [Allowed], tell: Option<fn(&str)>) -> Self {
        let ip = if script.v6 { 6 } else { 4 };
        let needs = Needs {
            service: "listen".to_owned(),
            app: true,
            driven: true,
            ..Needs::default()
        };
        let seed = u64::from(script.seed);
        let own = StackTarget::new(config()).open(seed, &needs, ip);
        let other = SmoltcpTarget.open(seed, &needs, ip);
        let (own, lease) = own.unwrap_or_else(|error| panic!("the own stack: {error}"));
        let (other, _) = other.unwrap_or_else(|error| panic!("smoltcp: {error}"));
        let now = Instant::from_secs(1);
        let mut sides = [Side::new("stack", own), Side::new("smoltcp", other)];
        for side in &mut sides {
            side.listen(now, lease.target);
        }
        Self {
            script,
            allowed,
            tell,
            lease,
            sides,
            peer: None,
            opened: 0,
            now,
            situation: Situation::default(),
            pending: false,
            over: false,
            used: Vec::new(),
        }
    }

    /// The entries of the table that it took; what none allows is the error.
    fn run(mut self) -> Result<Vec<&'static str>, String> {
        let mut prelude = Operation::Wait(0);
        for operation in &self.script.operations {
            if self.over {
                break;
            }
            let is_segment = matches!(operation, Operation::Segment(_));
            if self.pending && !is_segment {
                self.settle(SETTLE);
                self.pending = false;
                if let Then::Stop = self.compare(&prelude, Depth::Effects)? {
                    return Ok(self.used);
                }
            }
            prelude = *operation;
            if !self.pending {
                let past = self.peer.as_ref().map(Peer::past);
                self.situation = Situation::new(self.sides[0].state(), past.unwrap_or_default());
            }
            let Some(mut depth) = self.perform(*operation) else {
                continue;
            };
            if self.pending {
                depth = Depth::Effects;
            }
            self.pending = self.is_prelude(operation);
            if self.pending {
                continue;
            }
            self.settle(SETTLE);
            if let Then::Stop = self.compare(operation, depth)? {
                return Ok(self.used);
            }
        }
        if self.pending {
            self.settle(SETTLE);
            self.compare(&prelude, Depth::Effects)?;
        }
        Ok(self.used)
    }

    /// Whether it is text that came in a state that it does not change, and the next operation is to follow at once.
    fn is_prelude(&self, operation: &Operation) -> bool {
        let Operation::Segment(shape) = operation else {
            return false;
        };
        shape.at_once
            && shape.ack == (AckBase::All, 0)
            && [Flags::ACK, union(Flags::ACK, Flags::PSH)].contains(&shape.flags)
            && ["ESTABLISHED", "FIN-WAIT-2"].contains(&self.situation.state.as_str())
    }

    fn settle(&mut self, length: Duration) {
        let until = self.now + length;
        for side in &mut self.sides {
            side.run(self.now, until);
        }
        self.now = until;
    }

    /// How to compare what follows; `None` when the operation has no meaning now.
    fn perform(&mut self, operation: Operation) -> Option<Depth> {
        match operation {
            Operation::Syn { open } => {
                let port = if open {
                    self.lease.target.port()
                } else {
                    self.lease.closed_port
                };
                let ours = SocketAddr::new(self.peer_address(), PEER_PORTS + self.opened);
                self.open(ours, SocketAddr::new(self.lease.target.ip(), port));
                self.say(&Shape::new(Flags::SYN))?;
                return Some(Depth::Form);
            }
            Operation::Connect => {
                let port = *self.lease.listen_ports.front()?;
                let ours = SocketAddr::new(self.peer_address(), port);
                let from = SocketAddr::new(self.lease.target.ip(), OWN_PORTS + self.opened);
                self.open(ours, from);
                for side in &mut self.sides {
                    side.connect(self.now);
                }
            }
            Operation::Segment(shape) => {
                let unsynchronized = UNSYNCHRONIZED.contains(&self.situation.state.as_str());
                self.say(&shape)?;
                return Some(if unsynchronized {
                    Depth::Form
                } else {
                    Depth::Answer
                });
            }
            Operation::Send(count) => {
                let peer = self.peer.as_mut()?;
                // What is given before the handshake is over waits inside of a stack or outside.
                let early = UNSYNCHRONIZED.contains(&self.situation.state.as_str());
                if early || peer.closed || peer.given + u32::from(count) > MAX_GIVEN {
                    return None;
                }
                let data = stream(SeqNumber(1 + peer.given), usize::from(count));
                peer.given += u32::from(count);
                self.call(|socket| AppCall::Send {
                    socket,
                    data: data.clone(),
                    urgent: false,
                    more: false,
                });
            }
            Operation::Receive(count) => {
                let waits = |side: &Side| side.last().is_none_or(|c| c.receiving);
                if self.situation.state == CLOSED || self.sides.iter().any(waits) {
                    return None;
                }
                self.call(|socket| AppCall::Receive(socket, usize::from(count)));
            }
            Operation::Close => {
                let peer = self.peer.as_mut()?;
                if peer.closed {
                    return None;
                }
                peer.closed = true;
                if self.situation.state == "SYN-RECEIVED" {
                    peer.has(Past::ClosedEarly);
                }
                self.call(AppCall::Close);
            }
            Operation::Abort => {
                self.peer.as_ref()?;
                self.call(AppCall::Abort);
            }
            Operation::Release => {
                let peer = self.peer.as_mut()?;
                if self.situation.state == "SYN-RECEIVED" && !peer.closed {
                    peer.has(Past::ClosedEarly);
                }
                peer.closed = true;
                peer.has(Past::Released);
                self.call(AppCall::Release);
            }
            Operation::Wait(seconds) => self.settle(Duration::from_secs(u64::from(seconds))),
            Operation::Cooperate => {
                if !self.cooperate()? {
                    self.over = true;
                    return None;
                }
                if let Some(peer) = &mut self.peer {
                    peer.has(Past::Cooperated);
                }
            }
        }
        Some(Depth::Effects)
    }

    fn call(&mut self, call: impl Fn(tcpconf_engine::SocketHandle) -> AppCall) {
        for side in &mut self.sides {
            side.on_socket(self.now, &call);
        }
    }

    fn peer_address(&self) -> IpAddr {
        peer_address(&self.lease.addresses)
    }

    fn open(&mut self, ours: SocketAddr, target: SocketAddr) {
        let isn = FIRST_ISN + u32::from(self.opened) * ISN_STEP;
        self.opened += 1;
        let tuple = FourTuple {
            local: target,
            remote: ours,
        };
        for side in &mut self.sides {
            side.open(tuple, isn);
        }
        self.peer = Some(Peer::after(self.peer.as_ref(), ours, target, isn));
    }

    /// Compares what both did; the error is a difference that is not allowed.
    fn compare(&mut self, operation: &Operation, depth: Depth) -> Result<Then, String> {
        let [own, other] = &mut self.sides;
        if own.spins {
            return Err(format!(
                "the own stack sends without end after {operation:?}"
            ));
        }
        let spins = other.spins;
        let reactions = [own.reaction(), other.reaction()];
        let mut found = differences(&reactions[0], &reactions[1], depth);
        if *operation == Operation::Cooperate {
            let open = reactions.iter().all(|r| r.state != CLOSED);
            let sent = [own.last(), other.last()].map(|c| c.map(|c| c.sent));
            let all = reactions.iter().all(|r| r.unacked == Some(0));
            if open && all && sent[0] != sent[1] {
                found.push(Facet::Sent);
            }
        }
        if spins {
            found.push(Facet::Rest);
        }
        self.situation.operation(operation);
        for (side, reaction) in self.sides.iter().zip(&reactions) {
            self.note(&format!("  {:<8}{reaction}", side.name));
        }
        if found.is_empty() {
            return Ok(Then::GoOn);
        }
        let mut then = Then::GoOn;
        let mut left = found.clone();
        for entry in self.allowed {
            if !entry.when.matches(&self.situation)
                || !found.iter().any(|f| entry.differs.contains(f))
            {
                continue;
            }
            left.retain(|facet| !entry.differs.contains(facet));
            self.note(&format!(
                "  allowed: {}: {}; {}",
                entry.name, entry.reason, entry.reference
            ));
            self.used.push(entry.name);
            if entry.then == Then::Stop {
                then = Then::Stop;
            }
        }
        const APART: [Facet; 6] = [
            Facet::Rest,
            Facet::Acked,
            Facet::Delivered,
            Facet::Unacked,
            Facet::State,
            Facet::Sent,
        ];
        if left.is_empty() {
            let apart = found.iter().any(|facet| APART.contains(facet));
            return Ok(if apart { Then::Stop } else { then });
        }
        Err(self.difference(operation, &left, &reactions))
    }

    fn difference(
        &self,
        operation: &Operation,
        left: &[Facet],
        reactions: &[Reaction; 2],
    ) -> String {
        let [own, other] = reactions;
        format!(
            "the two differ in {left:?}\n  at {:?}\n  after {operation:?}\n  in {}\n  stack   {own}\n  smoltcp {other}",
            self.now, self.situation
        )
    }

    fn note(&self, line: &str) {
        if let Some(tell) = self.tell {
            tell(line);
        }
    }
}
