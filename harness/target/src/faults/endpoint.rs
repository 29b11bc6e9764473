//! The own stack with one fault, as a target.

use super::scene::{Host, Pair, Scene, Then, is_rst, is_syn, is_syn_ack};
use super::{Called, Change, Fault};
use crate::seam::{InProcess, LeaseError};
use crate::stack_target::StackTarget;
use std::collections::VecDeque;
use std::net::IpAddr;
use tcpconf_engine::{AppCall, AppEvent, CallId, Endpoint, FourTuple, Lease, Status, Value};
use tcpconf_stack::Config;
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Capability;
use tcpconf_wire::{
    Checksum, Content, Flags, Instant, Malformation, Packet, Parsed, Segment, TcpOption, parse,
};

/// The own stack with one fault.
#[derive(Clone, Debug)]
pub struct FaultyTarget {
    fault: &'static Fault,
    sound: StackTarget,
}

impl FaultyTarget {
    /// A target whose hosts have this fault.
    pub fn new(fault: &'static Fault) -> Self {
        let mut config = Config::default();
        if let Change::Configuration(change) = fault.change {
            change(&mut config);
        }
        Self {
            fault,
            sound: StackTarget::new(config),
        }
    }
}

impl InProcess for FaultyTarget {
    fn name(&self) -> &str {
        self.fault.name
    }

    fn application(&self) -> Option<&[Capability]> {
        self.sound.application()
    }

    fn open(
        &self,
        seed: u64,
        needs: &Needs,
        ip: u8,
    ) -> Result<(Box<dyn Endpoint>, Lease), LeaseError> {
        let mut needs = needs.clone();
        if let Change::Lacks(feature) = self.fault.change {
            needs.features.retain(|needed| needed != feature);
        }
        let (sound, lease) = self.sound.open(seed, &needs, ip)?;
        Ok((Box::new(FaultyEndpoint::new(self.fault, sound)), lease))
    }
}

/// A sound endpoint with a fault on its way in, on its way out, or in its calls.
pub(super) struct FaultyEndpoint {
    fault: &'static Fault,
    sound: Box<dyn Endpoint>,
    host: Host,
    /// Answers to calls that were not made.
    told: VecDeque<AppEvent>,
}

impl FaultyEndpoint {
    pub(super) fn new(fault: &'static Fault, sound: Box<dyn Endpoint>) -> Self {
        Self {
            fault,
            sound,
            host: Host::default(),
            told: VecDeque::new(),
        }
    }

    /// The fault looks at a segment that arrives.
    fn look_at_input(&self, now: Instant, parsed: &Parsed, segment: &mut Segment) -> Then {
        let rewrite = match self.fault.change {
            Change::Damaged(rewrite) if is_damaged(parsed) => rewrite,
            Change::Input(rewrite) if !is_damaged(parsed) => rewrite,
            _ => return Then::Pass,
        };
        rewrite(
            segment,
            &self.scene(now, Pair::of_input(segment), &parsed.malformed),
        )
    }

    fn scene<'a>(&'a self, now: Instant, pair: Pair, malformed: &'a [Malformation]) -> Scene<'a> {
        Scene {
            now,
            pair,
            connection: self.host.connection(pair),
            host: &self.host,
            malformed,
        }
    }

    /// Hands a segment to the sound endpoint, in its own numbers.
    fn deliver(&mut self, now: Instant, mut segment: Segment) {
        let connection = self.host.connection(Pair::of_input(&segment));
        if segment.flags.contains(Flags::ACK) {
            segment.ack = segment.ack - connection.isn_shift;
        }
        for option in &mut segment.options {
            match option {
                TcpOption::Timestamps { ecr, .. } => {
                    *ecr = ecr.wrapping_sub(connection.stamp_shift);
                }
                TcpOption::Sack(blocks) => {
                    for (left, right) in blocks {
                        *left = left.wrapping_sub(connection.isn_shift);
                        *right = right.wrapping_sub(connection.isn_shift);
                    }
                }
                _ => {}
            }
        }
        self.sound
            .handle_packet(now, &Packet::new(segment.build(), now));
    }

    fn and_deliver(&mut self, now: Instant, then: Then) {
        if let Then::And(more) = then {
            for segment in more {
                self.host.receive(now, Pair::of_input(&segment), &segment);
                self.deliver(now, segment);
            }
        }
    }

    /// Puts a segment of the sound endpoint into the numbers that the peer sees.
    fn renumber(&mut self, now: Instant, segment: &mut Segment) {
        let pair = Pair::of_output(segment);
        let before = self.host.connection(pair);
        // The numbers of a new connection are chosen with its first SYN or SYN-ACK.
        if (is_syn_ack(segment) || is_syn(segment))
            && (!before.is_live() || segment.seq + before.isn_shift != before.iss)
        {
            let scene = self.scene(now, pair, &[]);
            let isn_shift = match self.fault.change {
                Change::Isn(choose) => choose(&scene, segment.seq) - segment.seq,
                _ => 0,
            };
            let stamp_shift = match (&self.fault.change, segment.timestamps()) {
                (Change::Stamps(choose), Some((val, _))) => choose(&scene).wrapping_sub(val),
                _ => 0,
            };
            let connection = self.host.connections.entry(pair).or_default();
            connection.isn_shift = isn_shift;
            connection.stamp_shift = stamp_shift;
        }
        let connection = self.host.connection(pair);
        // A RST with ACK numbers itself 0 because it has no number (RFC 9293 §3.5.2).
        if !(is_rst(segment) && segment.flags.contains(Flags::ACK)) {
            segment.seq += connection.isn_shift;
        }
        for option in &mut segment.options {
            if let TcpOption::Timestamps { val, .. } = option {
                *val = val.wrapping_add(connection.stamp_shift);
            }
        }
    }
}

/// Whether the sound endpoint will drop it for its checksum.
fn is_damaged(parsed: &Parsed) -> bool {
    parsed
        .malformed
        .iter()
        .any(|m| matches!(m, Malformation::TcpChecksum { .. }))
}

impl Endpoint for FaultyEndpoint {
    fn addresses(&self) -> &[IpAddr] {
        self.sound.addresses()
    }

    fn handle_packet(&mut self, now: Instant, packet: &Packet) {
        if self.host.hung {
            return;
        }
        let parsed = parse(&packet.bytes);
        let Content::Tcp(original) = &parsed.content else {
            let icmp = matches!(parsed.content, Content::Icmp(_));
            if icmp && matches!(self.fault.change, Change::IcmpLost) {
                return;
            }
            self.sound.handle_packet(now, packet);
            if let (Change::Icmp(more), Content::Icmp(_)) = (&self.fault.change, &parsed.content) {
                self.and_deliver(now, Then::And(more(&self.host)));
            }
            return;
        };
        let mut segment = original.clone();
        let then = self.look_at_input(now, &parsed, &mut segment);
        match then {
            Then::Hang => self.host.hung = true,
            Then::Drop => {}
            Then::Pass | Then::And(_) => {
                let dropped = is_damaged(&parsed) && segment.checksum != Checksum::Good;
                self.deliver(now, segment);
                if !dropped {
                    self.host.receive(now, Pair::of_input(original), original);
                }
                self.and_deliver(now, then);
            }
        }
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Packet> {
        while !self.host.hung {
            let packet = self.sound.poll_transmit(now)?;
            let Some(mut segment) = Segment::parse(&packet.bytes) else {
                return Some(packet);
            };
            self.renumber(now, &mut segment);
            let pair = Pair::of_output(&segment);
            let then = match self.fault.change {
                Change::Output(rewrite) => rewrite(&mut segment, &self.scene(now, pair, &[])),
                _ => Then::Pass,
            };
            // Also what was lost: the connection has come that far.
            self.host.transmit(now, pair, &segment);
            match then {
                Then::Hang => self.host.hung = true,
                Then::Drop => {}
                Then::Pass | Then::And(_) => {
                    self.and_deliver(now, then);
                    return Some(Packet::new(segment.build(), packet.at));
                }
            }
        }
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.host.hung {
            true => None,
            false => self.sound.poll_timeout(),
        }
    }

    fn call(&mut self, now: Instant, id: CallId, mut call: AppCall) {
        if self.host.hung {
            return;
        }
        let called = match self.fault.change {
            Change::Call(look) => look(&mut call, &self.host),
            _ => Called::Made,
        };
        let result = match called {
            Called::Made => {
                if let AppCall::Listen { local, .. } = &call {
                    self.host.listened.get_or_insert(*local);
                }
                return self.sound.call(now, id, call);
            }
            Called::Answered(result) => result,
            Called::Hang => {
                self.host.hung = true;
                Ok(Value::Done)
            }
        };
        self.told.push_back(AppEvent::Reply { id, result });
    }

    fn poll_app(&mut self, now: Instant) -> Option<AppEvent> {
        if let Some(told) = self.told.pop_front() {
            return Some(told);
        }
        let mut event = self.sound.poll_app(now)?;
        match (&self.fault.change, &mut event) {
            (Change::Told(rewrite), event) => rewrite(event),
            (
                Change::Status(rewrite),
                AppEvent::Reply {
                    result: Ok(Value::Status(status)),
                    ..
                },
            ) => rewrite(status),
            _ => {}
        }
        Some(event)
    }

    fn status(&self, connection: FourTuple) -> Option<Status> {
        let mut status = self.sound.status(connection)?;
        if let Change::Status(rewrite) = self.fault.change {
            rewrite(&mut status);
        }
        Some(status)
    }
}
