//! Conversations of the suites as inputs of `stack_ops` and `two_stacks`, for the fuzzers to begin with.
//!
//! An input says every number relative to what the host sent last, so that a conversation with one host is much the
//! same with another. What an input cannot say (more than three peers, other ports of the host, IP options) is left
//! out: a seed need not be exact.

use super::peer::{Peer, Shape};
use super::peer_options::{self, Offer};
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_wire::view::IpView;
use tcpconf_wire::{Checksum, Content, Flags, Instant, Segment, SeqNumber, TcpOption, parse};

/// A packet of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When it was on the wire.
    pub at: Instant,
    /// The host has sent it; otherwise it was sent to it.
    pub of_host: bool,
    /// The IP packet.
    pub bytes: Vec<u8>,
}

/// Peers that an input has.
const PEERS: usize = 3;
/// The peer's SYN on the wire of `stack_ops`: by peer.
const SYN: [u8; PEERS] = [234, 232, 233];
/// Time passes.
const TIME: u8 = 184;
/// The application connects.
const CONNECT: u8 = 179;
/// The packet goes through, or is lost, on the wire of `two_stacks`.
const FATES: [u8; 2] = [0, 96];

/// The input of `stack_ops` that is most like the conversation; `None` without a segment.
pub fn stack_ops_seed(heard: &[Heard]) -> Option<Vec<u8>> {
    let segments = segments(heard);
    let mut out = configuration(&segments)?;
    out.push(1); // No handshake beforehand.
    let mut writer = Writer {
        peers: Vec::new(),
        out,
    };
    let mut last = segments.first()?.at;
    for Spoken {
        at,
        of_host,
        bytes,
        segment,
    } in &segments
    {
        let gap = at.since(last);
        last = *at;
        if gap >= Duration::from_millis(1) {
            // A timer of the host, or as long as the peer waited.
            let code = if *of_host { 0 } else { passing(gap) };
            writer.out.extend([TIME, code]);
        }
        if *of_host {
            writer.observe(segment, bytes);
        } else {
            writer.say(segment);
        }
    }
    Some(writer.out)
}

/// The input of `two_stacks` with the configuration of the conversation, in which what the host had to send again is
/// lost; `None` without a segment.
pub fn two_stacks_seed(heard: &[Heard]) -> Option<Vec<u8>> {
    let segments = segments(heard);
    let settings = configuration(&segments)?;
    let text = |of_host: bool| -> u16 {
        let all = segments.iter().filter(|s| s.of_host == of_host);
        all.map(|s| s.segment.payload.len())
            .sum::<usize>()
            .min(4000) as u16
    };
    let mut out = vec![0];
    out.extend([&settings[..], &settings[..]].concat());
    out.extend(text(false).to_le_bytes());
    out.extend(text(true).to_le_bytes());
    for (i, spoken) in segments.iter().enumerate() {
        let again = segments[i + 1..].iter().any(|later| {
            later.of_host == spoken.of_host
                && later.segment.seq == spoken.segment.seq
                && later.segment.seq_len() > 0
        });
        out.push(FATES[usize::from(again)]);
    }
    Some(out)
}

/// A TCP segment of a conversation.
struct Spoken<'a> {
    at: Instant,
    of_host: bool,
    bytes: &'a [u8],
    segment: Segment,
}

fn segments(heard: &[Heard]) -> Vec<Spoken<'_>> {
    heard
        .iter()
        .filter_map(|packet| match parse(&packet.bytes).content {
            Content::Tcp(segment) => Some(Spoken {
                at: packet.at,
                of_host: packet.of_host,
                bytes: &packet.bytes,
                segment,
            }),
            _ => None,
        })
        .collect()
}

/// The octets that `Settings::read` takes: what the peer offers, and an application that does what was seen.
fn configuration(segments: &[Spoken<'_>]) -> Option<Vec<u8>> {
    let first = segments.first()?;
    let syn = segments
        .iter()
        .find(|s| !s.of_host && s.segment.flags.contains(Flags::SYN));
    let options = syn.map_or(&[][..], |s| &s.segment.options);
    let (mut offers, mut mss, mut shift) = (0, 1460, 0);
    for option in options {
        offers |= match option {
            TcpOption::Mss(value) => {
                mss = *value;
                1
            }
            TcpOption::SackPermitted => 2,
            TcpOption::Timestamps { .. } => 4,
            TcpOption::WindowScale(value) => {
                shift = value & 0xf;
                8
            }
            _ => 0,
        };
    }
    let spoke = |of_host: bool| {
        segments
            .iter()
            .any(|s| s.of_host == of_host && !s.segment.payload.is_empty())
    };
    // Sink, source, echo: `Manner::ALL`.
    let manner = match (spoke(true), spoke(false)) {
        (false, _) => 0,
        (true, false) => 1,
        (true, true) => 2,
    };
    let mss = nearest(&[1460, 536, 48, 1, 0, 9000, 65535, 88], mss);
    Some(vec![
        u8::from(first.segment.ip.src().is_ipv6()),
        0,
        !offers & 0xf | shift << 4,
        0, // MTU
        0, // receive buffer
        0, // send buffer
        0, // gaps
        0, // delayed ACKs
        0, // shortest RTO
        0, // socket options
        0, // backlog
        manner,
        mss,
    ])
}

/// The index of the nearest of these.
fn nearest(choices: &[u16], value: u16) -> u8 {
    let distance = |i: &usize| choices[*i].abs_diff(value);
    (0..choices.len()).min_by_key(distance).unwrap_or(0) as u8
}

/// The octet behind [`TIME`] for so long a time.
fn passing(gap: Duration) -> u8 {
    let (millis, seconds) = (gap.as_millis() as u64, gap.as_secs());
    match (millis, seconds) {
        (0..=64, _) => 95 + millis.max(1) as u8,
        (65..=3200, _) => 159 + (millis / 50).max(1) as u8,
        (_, 0..=24) => 223 + seconds.max(1) as u8,
        _ => 247 + (seconds / 300).clamp(1, 8) as u8,
    }
}

struct Writer {
    /// Each with the socket that it has in the conversation.
    peers: Vec<(SocketAddr, Peer)>,
    out: Vec<u8>,
}

impl Writer {
    fn peer(&mut self, socket: SocketAddr, host: SocketAddr) -> Option<usize> {
        if let Some(known) = self.peers.iter().position(|(s, _)| *s == socket) {
            return Some(known);
        }
        if self.peers.len() == PEERS {
            return None;
        }
        let offer = Offer {
            mss: Some(1460),
            sack: false,
            timestamps: false,
            window_scale: None,
            fast_open: false,
        };
        self.peers.push((socket, Peer::new(socket, host, offer)));
        Some(self.peers.len() - 1)
    }

    fn observe(&mut self, segment: &Segment, bytes: &[u8]) {
        let Some(n) = self.peer(segment.dst(), segment.src()) else {
            return;
        };
        let flags = segment.flags & (Flags::SYN | Flags::ACK);
        if flags == Flags::SYN {
            self.out.extend([CONNECT, n as u8]);
        }
        if let Ok(ip) = IpView::parse(bytes)
            && let Ok(tcp) = ip.tcp()
        {
            self.peers[n].1.observe(segment.src(), segment.dst(), &tcp);
        }
    }

    /// The peer's segment as an operation.
    fn say(&mut self, segment: &Segment) {
        let Some(n) = self.peer(segment.src(), segment.dst()) else {
            return;
        };
        let peer = &mut self.peers[n].1;
        let new = segment.flags == Flags::SYN && segment.seq != peer.isn;
        if new {
            peer.isn = segment.seq;
            peer.next = segment.seq;
            peer.offer = offer_of(&segment.options);
        }
        if new && segment.payload.is_empty() {
            peer.said(segment);
            self.out.push(SYN[n]);
            return;
        }
        let (shape, fields) = fields(peer, segment);
        peer.said(segment);
        self.out.push((n as u8) << 4 | shape);
        self.out.extend(fields);
    }
}

fn offer_of(options: &[TcpOption]) -> Offer {
    let mut offer = Offer {
        mss: None,
        sack: false,
        timestamps: false,
        window_scale: None,
        fast_open: false,
    };
    for option in options {
        match option {
            TcpOption::Mss(mss) => offer.mss = Some(*mss),
            TcpOption::SackPermitted => offer.sack = true,
            TcpOption::Timestamps { .. } => offer.timestamps = true,
            TcpOption::WindowScale(shift) => offer.window_scale = Some(*shift),
            _ => {}
        }
    }
    offer
}

/// Which fields are not the expected ones, and what `Peer::relative` reads to say them.
fn fields(peer: &Peer, segment: &Segment) -> (u8, Vec<u8>) {
    let mut shape = 0;
    let mut out = flags(segment.flags);
    out.push(text_len(segment.payload.len()));
    if segment.seq != peer.next {
        shape |= Shape::SEQ;
        out.extend(relative(segment.seq, peer.next));
    }
    if segment.flags.contains(Flags::ACK) && segment.ack != peer.rcv_nxt {
        shape |= Shape::ACK;
        out.extend(relative(segment.ack, peer.rcv_nxt));
    }
    if segment.window != peer.window {
        shape |= Shape::WINDOW;
        out.push(3);
        out.extend(segment.window.to_le_bytes());
    }
    let syn = segment.flags.contains(Flags::SYN);
    let kinds = |options: &[TcpOption]| -> Vec<Option<u8>> {
        let told = options.iter().filter(|o| !matches!(o, TcpOption::Nop));
        told.map(TcpOption::kind).collect()
    };
    let usual = if syn {
        peer_options::of_syn(&peer.offer, peer.clock, &peer.cookie)
    } else {
        peer.usual_options()
    };
    if kinds(&segment.options) != kinds(&usual) {
        shape |= Shape::OPTIONS;
        let told: Vec<&TcpOption> = segment.options.iter().take(7).collect();
        out.push(told.len() as u8);
        told.iter().for_each(|o| option(o, peer, &mut out));
    }
    if segment.checksum != Checksum::Good {
        shape |= Shape::LIES;
        out.push(4);
    } else if segment.flags.contains(Flags::URG) {
        shape |= Shape::LIES;
        out.push(3);
        out.extend(segment.urgent.to_le_bytes());
    } else if segment.reserved != 0 {
        shape |= Shape::LIES;
        out.extend([6, segment.reserved]);
    }
    (shape, out)
}

fn flags(flags: Flags) -> Vec<u8> {
    let ack = Flags::ACK;
    let known = [
        (ack, 0),
        (ack | Flags::PSH, 6),
        (ack | Flags::FIN, 7),
        (Flags::SYN, 9),
        (Flags::SYN | ack, 10),
        (Flags::RST, 11),
        (Flags::RST | ack, 12),
        (ack | Flags::URG, 13),
        (Flags::FIN, 14),
        (Flags::NONE, 18),
    ];
    match known.iter().find(|(known, _)| *known == flags) {
        Some((_, code)) => vec![*code],
        None => [&[19][..], &flags.bits().to_le_bytes()].concat(),
    }
}

/// The octet for about so much text.
const fn text_len(len: usize) -> u8 {
    match len {
        0 => 0,
        1..=100 => (len + 99) as u8,
        _ => {
            let blocks = (len + 99) / 64;
            199 + if blocks < 40 { blocks as u8 } else { 40 }
        }
    }
}

/// A number beside the expected one, as `peer::relative` reads it.
fn relative(value: SeqNumber, expected: SeqNumber) -> Vec<u8> {
    let distance = value.distance_from(expected);
    let far = value.distance_from(expected + (1 << 31));
    if let Ok(small) = i8::try_from(distance) {
        vec![2, small.cast_unsigned()]
    } else if let Ok(medium) = i16::try_from(distance) {
        [&[7][..], &medium.to_le_bytes()].concat()
    } else if let Ok(small) = i8::try_from(far) {
        vec![5, small.cast_unsigned()]
    } else {
        [&[6][..], &value.0.to_le_bytes()].concat()
    }
}

/// One option, as `peer_options::one` reads it.
fn option(option: &TcpOption, peer: &Peer, out: &mut Vec<u8>) {
    match option {
        TcpOption::Timestamps { val, ecr } => {
            let stamp = |value: u32, around: u32| match i8::try_from(
                SeqNumber(value).distance_from(SeqNumber(around)),
            ) {
                Ok(small) => vec![0, small.cast_unsigned()],
                Err(_) => [&[2][..], &value.to_le_bytes()].concat(),
            };
            out.push(1);
            out.extend(stamp(*val, peer.clock));
            out.extend(stamp(*ecr, peer.host_ts));
        }
        TcpOption::Sack(blocks) => {
            let blocks = &blocks[..blocks.len().min(4)];
            out.extend([2, blocks.len().saturating_sub(1) as u8]);
            for (left, right) in blocks {
                let offset = SeqNumber(*left).distance_from(peer.rcv_nxt);
                let offset = offset.clamp(-2047, 2047) as i16 * 16;
                out.push(0);
                out.extend(offset.to_le_bytes());
                out.push((right.wrapping_sub(*left) / 8).clamp(2, 255) as u8);
            }
        }
        TcpOption::Mss(mss) => {
            out.extend([5, nearest(&[0, 1, 48, 536, 1460, u16::MAX, 63], *mss)]);
        }
        TcpOption::WindowScale(shift) => {
            out.extend([6, nearest(&[0, 1, 7, 14, 15, 255], u16::from(*shift))]);
        }
        TcpOption::SackPermitted => out.push(7),
        TcpOption::Nop => out.push(8),
        TcpOption::Eol => out.push(9),
        TcpOption::UserTimeout { minutes, value } => {
            out.extend([10, u8::from(*minutes)]);
            out.extend(value.to_le_bytes());
        }
        TcpOption::FastOpen(_) => out.push(11),
        other => {
            let mut bytes = Vec::new();
            other.build_into(&mut bytes);
            bytes.truncate(8);
            out.extend([15, bytes.len() as u8]);
            out.extend(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::settings::address;
    use crate::fuzzing::stack_ops_heard;

    fn segment(from: u16, flags: Flags, seq: u32, ack: u32, text: &[u8]) -> Segment {
        let socket = |n: u8, port| SocketAddr::new(address(false, n), port);
        let (peer, host) = (socket(10, 40_000), socket(1, 80));
        let (src, dst) = if from == 80 {
            (host, peer)
        } else {
            (peer, host)
        };
        let mut segment = Segment::new(src, dst);
        segment.flags = flags;
        segment.seq = SeqNumber(seq);
        segment.ack = SeqNumber(ack);
        segment.window = 0x4000;
        segment.payload = text.to_vec();
        segment
    }

    #[test]
    fn a_conversation_is_had_again_with_another_host() {
        let (ack, syn) = (Flags::ACK, Flags::SYN);
        let said = [
            segment(1, syn, 700, 0, &[]),
            segment(80, syn | ack, 9000, 701, &[]),
            segment(1, ack, 701, 9001, &[]),
            segment(1, ack | Flags::PSH, 711, 9001, b"out of order"),
            segment(80, ack, 9001, 701, &[]),
            segment(1, ack, 701, 9001, b"0123456789"),
            segment(80, ack, 9001, 723, &[]),
            segment(1, Flags::RST, 723, 0, &[]),
        ];
        let heard: Vec<Heard> = said
            .iter()
            .map(|segment| Heard {
                at: Instant::from_secs(1),
                of_host: segment.src_port == 80,
                bytes: segment.build(),
            })
            .collect();
        let seed = stack_ops_seed(&heard).unwrap();
        let outline = |heard: &[Heard]| -> Vec<(bool, Flags, usize)> {
            let segments = heard.iter().filter_map(|h| {
                let segment = Segment::parse(&h.bytes)?;
                Some((h.of_host, segment.flags, segment.payload.len()))
            });
            segments.collect()
        };
        assert_eq!(outline(&stack_ops_heard(&seed)), outline(&heard));
        crate::fuzzing::two_stacks(&two_stacks_seed(&heard).unwrap());
    }
}
