//! Hosts with one thing wrong, for the tests of the oracles: faults of the bank on the wire, and what no rewriting of
//! packets can do.

use super::subject::{Behaviour, Way};
use crate::faults::{OnTheWire, fault};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tcpconf_stack::{CallError, FourTuple, Host, SocketId, SocketOptions, Status};
use tcpconf_wire::view::IpView;
use tcpconf_wire::{Instant, Segment};

/// What `run` panics with; empty when it does not.
pub(super) fn finding(run: impl FnOnce()) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(run)) else {
        return String::new();
    };
    let text = panic.downcast::<String>().map(|text| *text);
    text.unwrap_or_else(|other| {
        other
            .downcast::<&str>()
            .map_or_else(|_| "?".into(), |s| (*s).into())
    })
}

/// Octets of an input before the byte that chooses the handshake.
const SETTINGS: usize = 13;
/// Places among them.
pub(super) const RECEIVE_BUFFER: usize = 4;
pub(super) const SEND_BUFFER: usize = 5;
pub(super) const RANGES: usize = 6;
pub(super) const BACKLOG: usize = 10;
pub(super) const MANNER: usize = 11;
pub(super) const PEER_MSS: usize = 12;

/// A configuration that is the plainest but for these octets.
pub(super) fn settings(changes: &[(usize, u8)]) -> Vec<u8> {
    let mut out = vec![0; SETTINGS];
    for &(place, value) in changes {
        out[place] = value;
    }
    out
}

/// A fault of the bank.
pub(super) fn bank(name: &str) -> Way {
    let fault = fault(name).expect("the bank has it");
    Box::new(Bank(OnTheWire::new(fault).expect("it is one of packets")))
}

struct Bank(OnTheWire);

impl Behaviour for Bank {
    fn handle_packet(&mut self, host: &mut Host, now: Instant, bytes: &[u8]) {
        for packet in self.0.arrives(now, bytes) {
            host.handle_packet(now, &packet.bytes);
        }
    }

    fn poll_transmit_into(&mut self, host: &mut Host, now: Instant, out: &mut Vec<u8>) -> bool {
        while host.poll_transmit_into(now, out) {
            let packet = self.0.leaves(now, out);
            for more in self.0.for_host() {
                host.handle_packet(now, &more.bytes);
            }
            if let Some(packet) = packet {
                *out = packet.bytes;
                return true;
            }
        }
        false
    }
}

/// Segments leave as this leaves them, or not at all.
pub(super) struct Sends<F>(pub(super) F);

impl<F: FnMut(&mut Segment) -> bool> Behaviour for Sends<F> {
    fn poll_transmit_into(&mut self, host: &mut Host, now: Instant, out: &mut Vec<u8>) -> bool {
        while host.poll_transmit_into(now, out) {
            let mut segment = Segment::parse(out).expect("the host writes segments");
            if self.0(&mut segment) {
                *out = segment.build();
                return true;
            }
        }
        false
    }
}

/// Packets leave as this leaves them.
pub(super) struct Writes(pub(super) fn(&mut Vec<u8>));

impl Behaviour for Writes {
    fn poll_transmit_into(&mut self, host: &mut Host, now: Instant, out: &mut Vec<u8>) -> bool {
        let any = host.poll_transmit_into(now, out);
        if any {
            self.0(out);
        }
        any
    }
}

/// Sends what it sent last again and again.
#[derive(Default)]
pub(super) struct SendsAgain {
    /// A pause before each copy; `None` at once and without end.
    after: Option<Duration>,
    /// Segments with text are lost.
    without_text: bool,
    last: Vec<u8>,
    next: Option<Instant>,
}

impl SendsAgain {
    pub(super) fn after(pause: Duration) -> Self {
        Self {
            after: Some(pause),
            ..Self::default()
        }
    }

    /// Beside that, what it sends for the first time is lost if it carries text.
    pub(super) fn without_text(self) -> Self {
        Self {
            without_text: true,
            ..self
        }
    }
}

impl Behaviour for SendsAgain {
    fn poll_timeout(&self, host: &Host) -> Option<Instant> {
        [host.poll_timeout(), self.next].into_iter().flatten().min()
    }

    fn poll_transmit_into(&mut self, host: &mut Host, now: Instant, out: &mut Vec<u8>) -> bool {
        while host.poll_transmit_into(now, out) {
            let text = IpView::parse(out)
                .is_ok_and(|ip| ip.tcp().is_ok_and(|tcp| !tcp.payload.is_empty()));
            if text && self.without_text {
                continue;
            }
            self.last.clone_from(out);
            self.next = self.after.map(|pause| now + pause);
            return true;
        }
        match (self.after, self.next) {
            (None, _) if !self.last.is_empty() => {}
            (Some(pause), Some(next)) if next <= now => self.next = Some(now + pause),
            _ => return false,
        }
        out.clone_from(&self.last);
        true
    }
}

/// Has one packet more whenever it was asked for all.
#[derive(Default)]
pub(super) struct Restless {
    last: Vec<u8>,
    drained: bool,
}

impl Behaviour for Restless {
    fn poll_transmit_into(&mut self, host: &mut Host, now: Instant, out: &mut Vec<u8>) -> bool {
        if host.poll_transmit_into(now, out) {
            self.last.clone_from(out);
            return true;
        }
        self.drained = !self.drained;
        out.clone_from(&self.last);
        self.drained && !self.last.is_empty()
    }
}

/// Has forgotten its timers: nothing is sent again, nobody is given up.
pub(super) struct WithoutTimers;

impl Behaviour for WithoutTimers {
    fn handle_timeout(&mut self, _host: &mut Host, _now: Instant) {}

    fn poll_timeout(&self, _host: &Host) -> Option<Instant> {
        None
    }
}

/// Never learns that a timer has run.
pub(super) struct TimerInThePast;

impl Behaviour for TimerInThePast {
    fn poll_timeout(&self, _host: &Host) -> Option<Instant> {
        Some(Instant::ZERO)
    }
}

/// Keeps a timer of a connection that is gone.
pub(super) struct TimerOfNobody;

impl Behaviour for TimerOfNobody {
    fn poll_timeout(&self, host: &Host) -> Option<Instant> {
        host.poll_timeout().or(Some(Instant::from_secs(1 << 30)))
    }
}

/// Wakes up for nothing.
pub(super) struct WakesUp {
    every: Duration,
    at: Instant,
}

impl WakesUp {
    pub(super) fn every(every: Duration) -> Self {
        let at = Instant::ZERO;
        Self { every, at }
    }
}

impl Behaviour for WakesUp {
    fn handle_timeout(&mut self, host: &mut Host, now: Instant) {
        self.at = now;
        host.handle_timeout(now);
    }

    fn poll_transmit_into(&mut self, host: &mut Host, now: Instant, out: &mut Vec<u8>) -> bool {
        self.at = now;
        host.poll_transmit_into(now, out)
    }

    fn poll_timeout(&self, host: &Host) -> Option<Instant> {
        let own = self.at + self.every;
        Some(host.poll_timeout().map_or(own, |at| at.min(own)))
    }
}

/// Sockets that are released stay.
pub(super) struct Leaks;

impl Behaviour for Leaks {
    fn release(&mut self, _host: &mut Host, _now: Instant, _id: SocketId) {}
}

/// Makes a socket of each packet.
#[derive(Default)]
pub(super) struct SocketForEach(usize);

impl Behaviour for SocketForEach {
    fn handle_packet(&mut self, host: &mut Host, now: Instant, bytes: &[u8]) {
        self.0 += 1;
        host.handle_packet(now, bytes);
    }

    fn sockets(&self, host: &Host) -> usize {
        host.sockets() + self.0
    }
}

/// Its connections are as this leaves them.
pub(super) struct Has(pub(super) fn(&mut Status));

impl Behaviour for Has {
    fn status_of(&self, host: &Host, tuple: FourTuple) -> Option<Status> {
        let mut status = host.status_of(tuple)?;
        self.0(&mut status);
        Some(status)
    }
}

/// What the user reads is as this leaves it; `None` is the end.
pub(super) struct Delivers(pub(super) fn(&mut [u8]) -> Option<usize>);

impl Behaviour for Delivers {
    fn receive_into(
        &mut self,
        host: &mut Host,
        now: Instant,
        id: SocketId,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, CallError> {
        let got = host.receive_into(now, id, buffer)?;
        Ok(got.and_then(|count| self.0(&mut buffer[..count])))
    }
}

/// SEND says that it took one octet more than there were.
pub(super) struct TakesMore;

impl Behaviour for TakesMore {
    fn send(
        &mut self,
        host: &mut Host,
        now: Instant,
        id: SocketId,
        data: &[u8],
    ) -> Result<usize, CallError> {
        host.send(now, id, data).map(|_| data.len() + 1)
    }
}

/// Does not know its sockets any more when their options are changed.
pub(super) struct ForgetsSockets;

impl Behaviour for ForgetsSockets {
    fn set_options(
        &mut self,
        _host: &mut Host,
        _id: SocketId,
        _options: SocketOptions,
    ) -> Result<(), CallError> {
        Err(CallError::NoSuchConnection)
    }
}

/// Walks over a whole queue for each segment that arrives.
pub(super) struct Walks {
    /// How long the queue is, by the connection and by the segments of it that came ahead of RCV.NXT.
    queue: fn(&Status, u64) -> u64,
    steps: BTreeMap<(std::net::SocketAddr, std::net::SocketAddr), (u64, u64)>,
}

impl Walks {
    pub(super) fn over(queue: fn(&Status, u64) -> u64) -> Self {
        Self {
            queue,
            steps: BTreeMap::new(),
        }
    }
}

impl Behaviour for Walks {
    fn handle_packet(&mut self, host: &mut Host, now: Instant, bytes: &[u8]) {
        if let Some(segment) = Segment::parse(bytes) {
            let (local, remote) = (segment.dst(), segment.src());
            if let Some(status) = host.status_of(FourTuple { local, remote }) {
                let (ahead, steps) = self.steps.entry((local, remote)).or_default();
                *ahead += u64::from(segment.seq.gt(status.rcv_nxt));
                *steps += (self.queue)(&status, *ahead);
            }
        }
        host.handle_packet(now, bytes);
    }

    fn status_of(&self, host: &Host, tuple: FourTuple) -> Option<Status> {
        let mut status = host.status_of(tuple)?;
        let steps = self.steps.get(&(tuple.local, tuple.remote));
        status.work += steps.map_or(0, |(_, steps)| *steps);
        Some(status)
    }
}
