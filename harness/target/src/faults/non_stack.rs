//! What is no TCP: a hole, a refusal, a mirror, noise. No test may pass against them, but for tests that ask
//! for exactly that answer.

use crate::seam::{InProcess, LeaseError};
use crate::stack_target::StackTarget;
use siphasher::sip::SipHasher13;
use std::collections::VecDeque;
use std::hash::Hasher;
use std::net::IpAddr;
use tcpconf_engine::{
    AppCall, AppEvent, CallId, Endpoint, FourTuple, Lease, SocketHandle, Status, Value,
};
use tcpconf_suite::plan::Needs;
use tcpconf_wire::{Content, Flags, Instant, Malformation, Packet, Segment, SeqNumber, parse};

/// Something with an address that is no TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NonStack {
    /// Takes everything and says nothing.
    BlackHole,
    /// Answers everything as a host without connections and listeners: by the right RST (RFC 9293 §3.5.2).
    Refuser,
    /// Sends every segment back as it came, sockets swapped.
    Mirror,
    /// Answers every segment by one of noise: numbers, flags and window drawn by lot, checksum right.
    Noise,
}

impl NonStack {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::BlackHole, Self::Refuser, Self::Mirror, Self::Noise];

    fn answer(self, segment: &Segment, number: u64) -> Option<Segment> {
        match self {
            Self::BlackHole => None,
            Self::Refuser => refusal(segment),
            Self::Mirror => Some(mirrored(segment)),
            Self::Noise => Some(noise(segment, number)),
        }
    }
}

impl InProcess for NonStack {
    fn name(&self) -> &str {
        match self {
            Self::BlackHole => "black-hole",
            Self::Refuser => "refuser",
            Self::Mirror => "mirror",
            Self::Noise => "noise",
        }
    }

    fn open(
        &self,
        seed: u64,
        needs: &Needs,
        ip: u8,
    ) -> Result<(Box<dyn Endpoint>, Lease), LeaseError> {
        let (sound, lease) = StackTarget::default().open(seed, needs, ip)?;
        let endpoint = Answering {
            what: *self,
            addresses: sound.addresses().to_vec(),
            lot: seed,
            out: VecDeque::new(),
            told: VecDeque::new(),
        };
        Ok((Box::new(endpoint), lease))
    }
}

/// RFC 9293 §3.5.2, group 1.
fn refusal(segment: &Segment) -> Option<Segment> {
    if segment.flags.contains(Flags::RST) {
        return None;
    }
    let reset = Segment::new(segment.dst(), segment.src());
    Some(if segment.flags.contains(Flags::ACK) {
        Segment {
            flags: Flags::RST,
            seq: segment.ack,
            ..reset
        }
    } else {
        Segment {
            flags: Flags::RST | Flags::ACK,
            ack: segment.seq + segment.seq_len(),
            ..reset
        }
    })
}

fn mirrored(segment: &Segment) -> Segment {
    let there = Segment::new(segment.dst(), segment.src());
    Segment {
        ip: there.ip,
        src_port: there.src_port,
        dst_port: there.dst_port,
        ..segment.clone()
    }
}

fn noise(segment: &Segment, number: u64) -> Segment {
    let lot = |what: u64| {
        let mut hasher = SipHasher13::new_with_keys(number, what);
        hasher.write_u32(segment.seq.0);
        hasher.finish() as u32
    };
    Segment {
        seq: SeqNumber(lot(0)),
        ack: SeqNumber(lot(1)),
        flags: Flags::from_bits(lot(2) as u16),
        window: lot(3) as u16,
        ..Segment::new(segment.dst(), segment.src())
    }
}

struct Answering {
    what: NonStack,
    addresses: Vec<IpAddr>,
    lot: u64,
    out: VecDeque<Segment>,
    told: VecDeque<AppEvent>,
}

impl Endpoint for Answering {
    fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    fn handle_packet(&mut self, _now: Instant, packet: &Packet) {
        let parsed = parse(&packet.bytes);
        if parsed.malformed.iter().any(Malformation::is_checksum) {
            return;
        }
        if let Content::Tcp(segment) = &parsed.content {
            self.lot = self.lot.wrapping_add(1);
            self.out.extend(self.what.answer(segment, self.lot));
        }
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Packet> {
        self.out
            .pop_front()
            .map(|segment| Packet::new(segment.build(), now))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Says yes to everything, and does nothing.
    fn call(&mut self, _now: Instant, id: CallId, call: AppCall) {
        let value = match call {
            AppCall::Listen { .. } | AppCall::Connect { .. } => Value::Socket(SocketHandle(id.0)),
            AppCall::Accept(_) | AppCall::Receive(..) => return,
            _ => Value::Done,
        };
        let result = Ok(value);
        self.told.push_back(AppEvent::Reply { id, result });
    }

    fn poll_app(&mut self, _now: Instant) -> Option<AppEvent> {
        self.told.pop_front()
    }

    fn status(&self, _connection: FourTuple) -> Option<Status> {
        None
    }
}
