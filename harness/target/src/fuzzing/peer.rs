//! A peer that is played by the input: it knows what the host sent last, and says every field of its segments
//! relative to that.

use super::input::Input;
use super::peer_options::{self, Offer};
use super::stream;
use std::net::SocketAddr;
use tcpconf_wire::view::{OptionView, TcpView};
use tcpconf_wire::{Auto, Checksum, Flags, Segment, SeqNumber, TcpOption};

/// Half of the sequence space: where signed comparisons turn over.
const FAR: u32 = 1 << 31;
/// The ISN of the first incarnation: the sequence numbers of every connection wrap early.
const FIRST_ISN: u32 = 0xffff_f800;
/// ISNs of incarnations lie this far apart.
const ISN_STEP: u32 = 0x0100_0000;
/// The longest text that an input can ask for.
const MAX_TEXT: usize = 3000;

/// Which fields of a segment are said, and not the expected ones.
pub(super) struct Shape(pub(super) u8);

impl Shape {
    const fn has(&self, bit: u8) -> bool {
        self.0 & bit != 0
    }
    pub(super) const SEQ: u8 = 1;
    pub(super) const ACK: u8 = 2;
    pub(super) const WINDOW: u8 = 4;
    pub(super) const OPTIONS: u8 = 8;
    /// Urgent pointer, checksum, data offset, reserved bits, ECN.
    pub(super) const LIES: u8 = 64;
}

/// One peer and its connection with the host.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) ours: SocketAddr,
    pub(super) target: SocketAddr,
    /// The port from which it connects; it listens to the host on another.
    home: (SocketAddr, SocketAddr),
    pub(super) offer: Offer,
    pub(super) isn: SeqNumber,
    /// What a peer that behaves would send next.
    pub(super) next: SeqNumber,
    /// The sequence number that it sent last.
    pub(super) last_seq: SeqNumber,
    pub(super) last_ack: SeqNumber,
    pub(super) window: u16,
    pub(super) clock: u32,
    // What the host said last.
    pub(super) iss: SeqNumber,
    /// The right end of what came in order: what to acknowledge.
    pub(super) rcv_nxt: SeqNumber,
    acked: SeqNumber,
    pub(super) host_seq: SeqNumber,
    host_window: u16,
    pub(super) host_ts: u32,
    pub(super) stamps: bool,
    pub(super) cookie: Vec<u8>,
}

impl Peer {
    pub(super) fn new(ours: SocketAddr, target: SocketAddr, offer: Offer) -> Self {
        let isn = SeqNumber(FIRST_ISN);
        Self {
            ours,
            target,
            home: (ours, target),
            offer,
            isn,
            next: isn,
            last_seq: isn,
            last_ack: SeqNumber(0),
            window: 0x4000,
            clock: 0x7fff_ff00,
            iss: SeqNumber(0),
            rcv_nxt: SeqNumber(0),
            acked: isn,
            host_seq: SeqNumber(0),
            host_window: 0,
            host_ts: 0,
            stamps: false,
            cookie: Vec::new(),
        }
    }

    /// A segment of the host has come.
    pub(super) fn observe(&mut self, from: SocketAddr, to: SocketAddr, segment: &TcpView<'_>) {
        let syn = segment.flags.contains(Flags::SYN);
        let has_ack = segment.flags.contains(Flags::ACK);
        if syn && !has_ack {
            // The host opens a connection: from now on this peer is its server.
            if (self.ours, self.target) != (to, from) {
                (self.ours, self.target) = (to, from);
                self.incarnation();
            }
            self.acked = self.isn;
        } else if (self.ours, self.target) != (to, from) {
            return;
        }
        let end = segment.seq + segment.seq_len();
        if syn {
            self.iss = segment.seq;
            self.rcv_nxt = end;
            self.stamps = false;
        } else if segment.seq.le(self.rcv_nxt) && self.rcv_nxt.lt(end) {
            self.rcv_nxt = end;
        }
        if has_ack {
            self.acked = segment.ack;
        }
        self.host_seq = segment.seq;
        self.host_window = segment.window;
        for option in segment.options() {
            match option {
                OptionView::Kind(8, &[a, b, c, d, ..]) => {
                    self.host_ts = u32::from_be_bytes([a, b, c, d]);
                    self.stamps |= syn && self.offer.timestamps;
                }
                OptionView::Kind(34, cookie) if !cookie.is_empty() => {
                    self.cookie = cookie.to_vec();
                }
                _ => {}
            }
        }
    }

    /// The next connection of this peer has another ISN.
    pub(super) fn incarnation(&mut self) {
        self.isn += ISN_STEP;
        self.next = self.isn;
        self.last_seq = self.isn;
        self.acked = self.isn;
        self.rcv_nxt = SeqNumber(0);
        self.stamps = false;
    }

    /// A SYN of a new connection, from the peer's own port.
    pub(super) fn syn(&mut self) -> Segment {
        (self.ours, self.target) = self.home;
        self.incarnation();
        let options = peer_options::of_syn(&self.offer, self.clock, &self.cookie);
        let mut segment = self.plain(Flags::SYN, 0, options);
        segment.ack = SeqNumber(0);
        self.said(&segment);
        segment
    }

    /// What a peer that behaves would send: `flags`, `len` octets, all acknowledged.
    pub(super) fn cooperative(&mut self, flags: Flags, len: usize) -> Segment {
        let mut segment = self.plain(flags | Flags::ACK, len, self.usual_options());
        if self.window == 0 {
            segment.window = 0x4000;
        }
        self.said(&segment);
        segment
    }

    /// SYN-ACK for the SYN of the host, or ACK for its SYN-ACK.
    pub(super) fn answer_syn(&mut self) -> Segment {
        if (self.ours, self.target) == self.home {
            return self.cooperative(Flags::NONE, 0);
        }
        let mut options = peer_options::of_syn(&self.offer, self.clock, &self.cookie);
        for option in &mut options {
            if let TcpOption::Timestamps { ecr, .. } = option {
                *ecr = self.host_ts;
            }
        }
        self.next = self.isn;
        let segment = self.plain(Flags::SYN | Flags::ACK, 0, options);
        self.said(&segment);
        segment
    }

    /// A segment whose fields the input says.
    pub(super) fn relative(&mut self, input: &mut Input<'_>, shape: &Shape) -> Segment {
        let flags = flags(input);
        let len = match input.byte() {
            n @ 0..=199 => usize::from(n),
            n @ 200..=239 => usize::from(n - 199) * 64,
            n => (usize::from(n - 239) * 200).min(MAX_TEXT),
        };
        // Most segments have none.
        let len = if len < 100 { 0 } else { len - 99 };
        let options = if flags.contains(Flags::SYN) {
            peer_options::of_syn(&self.offer, self.clock, &self.cookie)
        } else {
            self.usual_options()
        };
        let window = u32::from(self.host_window);
        let mut segment = self.plain(flags, 0, options);
        let seq = if shape.has(Shape::SEQ) {
            relative(input, self.next, self.last_seq, self.acked, window)
        } else {
            self.next
        };
        segment.seq = seq;
        if shape.has(Shape::ACK) {
            let own = u32::from(self.window);
            segment.ack = relative(input, self.rcv_nxt, self.last_ack, self.host_seq, own);
        }
        if shape.has(Shape::WINDOW) {
            segment.window = match input.byte() {
                0 => 0,
                1 => 1,
                2 => u16::MAX,
                3 => input.word(),
                n => u16::from(n) * 16,
            };
        }
        if shape.has(Shape::OPTIONS) {
            let around = peer_options::Around {
                una: self.rcv_nxt,
                last: self.host_seq,
                clock: self.clock,
                echo: self.host_ts,
                cookie: &self.cookie,
            };
            segment.options = peer_options::any(input, &around);
        }
        let first = seq + u32::from(flags.contains(Flags::SYN));
        segment.payload = stream(first, len);
        if shape.has(Shape::LIES) {
            lies(input, &mut segment);
        }
        self.said(&segment);
        segment
    }

    fn plain(&mut self, flags: Flags, len: usize, options: Vec<TcpOption>) -> Segment {
        let mut segment = Segment::new(self.ours, self.target);
        segment.flags = flags;
        segment.seq = self.next;
        segment.ack = self.rcv_nxt;
        segment.window = self.window;
        segment.options = options;
        let first = self.next + u32::from(flags.contains(Flags::SYN));
        segment.payload = stream(first, len);
        segment
    }

    pub(super) fn said(&mut self, segment: &Segment) {
        self.last_seq = segment.seq;
        self.last_ack = segment.ack;
        self.window = segment.window;
        if segment.seq == self.next && !segment.flags.contains(Flags::RST) {
            self.next = segment.seq + segment.seq_len();
        }
    }

    /// Time passes for the timestamp clock.
    pub(super) const fn tick(&mut self, millis: u32) {
        self.clock = self.clock.wrapping_add(millis);
    }

    pub(super) fn usual_options(&self) -> Vec<TcpOption> {
        if !self.stamps {
            return Vec::new();
        }
        vec![
            TcpOption::Nop,
            TcpOption::Nop,
            TcpOption::Timestamps {
                val: self.clock,
                ecr: self.host_ts,
            },
        ]
    }
}

/// A number beside those that matter: what is expected, what was said last, what the host has, its window.
fn relative(
    input: &mut Input<'_>,
    expected: SeqNumber,
    same: SeqNumber,
    other: SeqNumber,
    window: u32,
) -> SeqNumber {
    let by = |base: SeqNumber, offset: i32| SeqNumber(base.0.wrapping_add_signed(offset));
    match input.byte() % 10 {
        0 => same,
        1 => other,
        2 => by(expected, input.small()),
        3 => by(expected + window, input.small()),
        4 => by(SeqNumber(expected.0.wrapping_sub(window)), input.small()),
        5 => by(expected + FAR, input.small()),
        6 => SeqNumber(input.long()),
        7 => by(expected, i32::from(input.word().cast_signed())),
        8 => by(other, input.small()),
        _ => by(other + FAR, input.small()),
    }
}

fn flags(input: &mut Input<'_>) -> Flags {
    let ack = Flags::ACK;
    match input.byte() % 20 {
        0..=5 => ack,
        6 => ack | Flags::PSH,
        7 | 8 => ack | Flags::FIN,
        9 => Flags::SYN,
        10 => Flags::SYN | ack,
        11 => Flags::RST,
        12 => Flags::RST | ack,
        13 => ack | Flags::URG,
        14 => Flags::FIN,
        15 => ack | Flags::ECE,
        16 => ack | Flags::CWR,
        17 => Flags::SYN | Flags::ECE | Flags::CWR,
        18 => Flags::NONE,
        _ => Flags::from_bits(input.word()),
    }
}

fn lies(input: &mut Input<'_>, segment: &mut Segment) {
    match input.byte() % 9 {
        0..=2 => {
            segment.flags |= Flags::URG;
            segment.urgent = u16::from(input.byte());
        }
        3 => segment.urgent = input.word(),
        4 => segment.checksum = Checksum::Bad,
        // Not more than there is: what is text then would not name its place.
        5 => segment.data_offset = Auto::Is(input.byte() % 5),
        6 => segment.reserved = input.byte() & 7,
        7 => segment.truncate = Some(u16::from(input.byte() % 64)),
        _ => match &mut segment.ip {
            tcpconf_wire::IpHeader::V4(ip) => ip.ecn = input.byte() & 3,
            tcpconf_wire::IpHeader::V6(ip) => ip.ecn = input.byte() & 3,
        },
    }
}
