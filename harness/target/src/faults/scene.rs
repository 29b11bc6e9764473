//! What a fault may look at: the connection and the host as the wire shows them.

use super::peer::Peer;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tcpconf_wire::{Flags, Instant, Malformation, Segment, SeqNumber};

/// The shift where none was agreed on (RFC 7323 §2.2).
const UNSCALED: u8 = 0;

/// What becomes of a segment that a fault has looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It goes on, as the fault left it.
    Pass,
    /// It is lost.
    Drop,
    /// It goes on, and the sound endpoint receives these as well: the fault's way to make it do things.
    And(Vec<Segment>),
    /// The host hangs for ever: an endless loop, a crash.
    Hang,
}

/// The two sockets of a connection: the endpoint's and the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    /// The endpoint's.
    pub(super) local: SocketAddr,
    /// The peer's.
    pub(super) remote: SocketAddr,
}

impl Pair {
    /// Of a segment that arrives.
    pub(super) const fn of_input(segment: &Segment) -> Self {
        Self {
            local: segment.dst(),
            remote: segment.src(),
        }
    }

    /// Of a segment that leaves.
    pub(super) const fn of_output(segment: &Segment) -> Self {
        Self {
            local: segment.src(),
            remote: segment.dst(),
        }
    }
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is none: LISTEN or CLOSED.
    #[default]
    None,
    /// SYN-SENT.
    SynSent,
    /// SYN-RECEIVED.
    HalfOpen,
    /// ESTABLISHED, and whatever comes behind it.
    Open,
}

/// A connection by its traffic. Numbers are those that the peer sees.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Connection {
    /// How far it has come.
    pub(super) stage: Stage,
    /// The endpoint has opened it.
    pub(super) active: bool,
    /// How often its SYN went out.
    pub(super) syns_out: u32,
    /// ACKs without SYN and RST that went out.
    pub(super) acks_out: u32,
    /// A FIN has arrived.
    pub(super) fin_in: bool,
    /// Connections of these sockets that were reset before.
    pub(super) resets: u32,
    /// IRS: of the last SYN that arrived.
    pub(super) irs: SeqNumber,
    /// How often that SYN arrived.
    pub(super) syns: u32,
    /// Octets of text on that SYN.
    pub(super) syn_text: u32,
    /// SEG.LEN of the last segment that arrived.
    pub(super) last_len: u32,
    /// Sequence number of the last segment that arrived.
    pub(super) last_seq: SeqNumber,
    /// Octets of text on the last segment that arrived.
    pub(super) last_text: u32,
    /// Whether the last segment that arrived carried a FIN.
    pub(super) last_fin: bool,
    /// Whether it carried URG.
    pub(super) last_urgent: bool,
    /// What the peer has said.
    pub(super) peer: Peer,
    /// TSval of the first SYN or SYN-ACK that was sent.
    pub(super) first_stamp: Option<u32>,
    /// How many segments with text arrived out of order.
    pub(super) gaps: u32,
    /// The text that arrived out of order last, while the hole before it is open: where it begins, and its octets.
    pub(super) queued: Option<(SeqNumber, u32)>,
    /// TSval of the last SYN that arrived.
    pub(super) tsval: Option<u32>,
    /// ISS: of the last SYN-ACK.
    pub(super) iss: SeqNumber,
    /// When that SYN-ACK was sent first.
    pub(super) answered_at: Instant,
    /// When a segment arrived last.
    pub(super) heard_at: Instant,
    /// How often that SYN-ACK was sent.
    pub(super) syn_acks: u32,
    /// Where the text begins that was sent last.
    pub(super) text_seq: SeqNumber,
    /// SND.NXT: behind everything that was sent.
    pub(super) snd_nxt: SeqNumber,
    /// SND.NXT behind the FIN, when it was sent.
    pub(super) fin_end: Option<SeqNumber>,
    /// RCV.NXT: the last acknowledgement that was sent.
    pub(super) rcv_nxt: SeqNumber,
    /// RCV.WND in octets, as it was announced last.
    pub(super) rcv_wnd: u32,
    scale: u8,
    /// What is added to sequence numbers on their way out.
    pub(super) isn_shift: u32,
    /// What is added to TSval on its way out.
    pub(super) stamp_shift: u32,
}

impl Connection {
    /// Where a segment lies from RCV.NXT on, modulo 2^32.
    pub(super) fn offset(&self, segment: &Segment) -> u32 {
        segment.seq - self.rcv_nxt
    }

    /// Whether a segment begins within the receive window.
    pub(super) fn is_in_window(&self, segment: &Segment) -> bool {
        self.offset(segment) < self.rcv_wnd
    }

    /// Whether there is a connection that a RST or ACK could meet.
    pub(super) fn is_live(&self) -> bool {
        self.stage != Stage::None
    }

    /// ESTABLISHED or behind it.
    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether a segment begins behind a hole, and within 2^31.
    pub(super) fn is_behind_a_hole(&self, seq: SeqNumber) -> bool {
        (1..1 << 31).contains(&(seq - self.rcv_nxt))
    }

    /// The shift of the windows that are announced.
    pub(super) fn own_scale(&self) -> u8 {
        self.scale.min(14)
    }

    /// SYN-SENT.
    pub(super) fn is_opening(&self) -> bool {
        self.stage == Stage::SynSent
    }

    /// SYN-RECEIVED.
    pub(super) fn is_half_open(&self) -> bool {
        self.stage == Stage::HalfOpen
    }

    /// Whether a segment would open it: the acknowledgement of its SYN-ACK.
    pub(super) fn is_opened_by(&self, segment: &Segment) -> bool {
        self.is_half_open()
            && segment.flags.contains(Flags::ACK)
            && !segment.flags.intersects(Flags::SYN | Flags::RST)
            && segment.ack == self.iss + 1
            && self.is_in_window(segment)
    }

    fn receive(&mut self, segment: &Segment) {
        self.fin_in |= segment.flags.contains(Flags::FIN);
        if self.is_opened_by(segment) {
            self.stage = Stage::Open;
        } else if self.is_opening() {
            let acks = segment.flags.contains(Flags::ACK) && segment.ack == self.iss + 1;
            if acks && is_rst(segment) {
                self.stage = Stage::None;
            } else if acks && segment.flags.contains(Flags::SYN) {
                self.stage = Stage::Open;
            }
        } else if self.is_live()
            && segment.flags.contains(Flags::RST)
            && segment.seq == self.rcv_nxt
        {
            self.stage = Stage::None;
            self.resets += 1;
        }
        if is_syn(segment) {
            self.syns = match segment.seq == self.irs {
                true => self.syns + 1,
                false => 1,
            };
            self.irs = segment.seq;
            self.syn_text = segment.payload.len() as u32;
            self.tsval = segment.timestamps().map(|(val, _)| val);
        }
        if !segment.payload.is_empty() && self.is_open() {
            let range = (segment.seq, segment.payload.len() as u32);
            match self.is_behind_a_hole(segment.seq) {
                true => {
                    self.gaps += 1;
                    self.queued = Some(range);
                }
                false => self.queued = None,
            }
        }
        self.last_seq = segment.seq;
        self.last_len = segment.seq_len();
        self.last_text = segment.payload.len() as u32;
        self.last_fin = segment.flags.contains(Flags::FIN);
        self.last_urgent = segment.flags.contains(Flags::URG);
        self.peer.receive(segment);
    }

    fn transmit(&mut self, now: Instant, segment: &Segment) {
        if segment.flags.contains(Flags::SYN) {
            self.first_stamp = segment.timestamps().map(|(val, _)| val);
        }
        if is_syn(segment) {
            if self.syns_out == 0 {
                self.stage = Stage::SynSent;
                self.active = true;
                self.iss = segment.seq;
                self.snd_nxt = segment.seq + 1;
            }
            self.syns_out += 1;
            return;
        }
        self.acks_out += u32::from(is_ack(segment));
        if is_syn_ack(segment) {
            if self.is_opening() {
                self.stage = Stage::HalfOpen;
            }
            if self.stage == Stage::None || segment.seq != self.iss {
                self.stage = Stage::HalfOpen;
                self.iss = segment.seq;
                self.answered_at = now;
                self.syn_acks = 0;
            }
            self.syn_acks += 1;
            self.scale = segment.window_scale().unwrap_or(UNSCALED);
            self.rcv_nxt = segment.ack;
            self.rcv_wnd = segment.window.into();
            self.snd_nxt = segment.seq + 1;
            self.fin_end = None;
            self.gaps = 0;
            self.queued = None;
        } else if segment.flags.contains(Flags::ACK) && !segment.flags.contains(Flags::RST) {
            self.rcv_nxt = segment.ack;
            self.rcv_wnd = u32::from(segment.window) << self.own_scale();
            let end = segment.seq + segment.seq_len();
            if !segment.payload.is_empty() {
                self.text_seq = segment.seq;
            }
            if segment.flags.contains(Flags::FIN) {
                self.fin_end = Some(end);
            }
            if (end - self.snd_nxt) < 1 << 31 {
                self.snd_nxt = end;
            }
        }
    }
}

/// The host by its traffic.
#[derive(Clone, Debug, Default)]
pub(super) struct Host {
    /// Whether it hangs.
    pub(super) hung: bool,
    /// Connections by their sockets.
    pub(super) connections: BTreeMap<Pair, Connection>,
    /// SYNs that arrived.
    pub(super) syns: u32,
    /// SYN-ACKs that were sent for the first time.
    pub(super) answered: u32,
    /// Connections that were opened.
    pub(super) opened: u32,
    /// RSTs that were sent.
    pub(super) resets: u32,
    /// Where its user asked it to listen first.
    pub(super) listened: Option<SocketAddr>,
    /// Who sent the first SYN.
    pub(super) first_peer: Option<SocketAddr>,
}

impl Host {
    /// The connection of these sockets.
    pub(super) fn connection(&self, pair: Pair) -> Connection {
        self.connections.get(&pair).copied().unwrap_or_default()
    }

    /// A segment went in, as the peer sent it.
    pub(super) fn receive(&mut self, now: Instant, pair: Pair, segment: &Segment) {
        if is_syn(segment) {
            self.syns += 1;
            self.first_peer.get_or_insert(pair.remote);
        }
        let connection = self.connections.entry(pair).or_default();
        self.opened += u32::from(connection.is_opened_by(segment));
        connection.heard_at = now;
        connection.receive(segment);
    }

    /// A segment came out, as the peer sees it.
    pub(super) fn transmit(&mut self, now: Instant, pair: Pair, segment: &Segment) {
        let connection = self.connections.entry(pair).or_default();
        connection.transmit(now, segment);
        self.answered += u32::from(is_syn_ack(segment) && connection.syn_acks == 1);
        self.resets += u32::from(segment.flags.contains(Flags::RST));
    }
}

/// What a fault may look at when a segment passes; both as they were before it.
pub(super) struct Scene<'a> {
    /// The time.
    pub(super) now: Instant,
    /// The sockets of the segment.
    pub(super) pair: Pair,
    /// Their connection.
    pub(super) connection: Connection,
    /// The host.
    pub(super) host: &'a Host,
    /// What is wrong with a segment that arrives.
    pub(super) malformed: &'a [Malformation],
}

/// Whether a sequence number lies before another, modulo 2^32.
pub(super) fn is_before(one: SeqNumber, other: SeqNumber) -> bool {
    (1..1 << 31).contains(&(other - one))
}

/// A connection request: SYN without ACK and RST.
pub(super) fn is_syn(segment: &Segment) -> bool {
    segment.flags & (Flags::SYN | Flags::ACK | Flags::RST) == Flags::SYN
}

/// SYN with ACK, without RST.
pub(super) fn is_syn_ack(segment: &Segment) -> bool {
    segment.flags & (Flags::SYN | Flags::ACK | Flags::RST) == Flags::SYN | Flags::ACK
}

/// ACK without SYN and RST.
pub(super) fn is_ack(segment: &Segment) -> bool {
    segment.flags & (Flags::SYN | Flags::ACK | Flags::RST) == Flags::ACK
}

/// RST with or without ACK.
pub(super) fn is_rst(segment: &Segment) -> bool {
    segment.flags.contains(Flags::RST)
}

/// The segment with this flag.
pub(super) fn set(segment: &mut Segment, flags: Flags) -> Then {
    segment.flags |= flags;
    Then::Pass
}

/// The segment without this flag.
pub(super) fn clear(segment: &mut Segment, flags: Flags) -> Then {
    segment.flags = segment.flags & !flags;
    Then::Pass
}

/// Lost if it is so.
pub(super) fn drop_if(condition: bool) -> Then {
    if condition { Then::Drop } else { Then::Pass }
}

/// The host hangs if it is so.
pub(super) fn hang_if(condition: bool) -> Then {
    if condition { Then::Hang } else { Then::Pass }
}

/// The RST that ends a connection as its peer would send it.
pub(super) fn exact_rst(pair: Pair, connection: &Connection) -> Segment {
    Segment {
        flags: Flags::RST,
        seq: connection.rcv_nxt,
        ..Segment::new(pair.remote, pair.local)
    }
}

/// The acknowledgement that opens a connection as its peer would send it.
pub(super) fn third_ack(pair: Pair, connection: &Connection) -> Segment {
    Segment {
        flags: Flags::ACK,
        seq: connection.rcv_nxt,
        ack: connection.iss + 1,
        window: u16::MAX,
        ..Segment::new(pair.remote, pair.local)
    }
}
