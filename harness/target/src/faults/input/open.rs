//! Segments that arrive on an open connection (RFC 9293 §3.10.7.4): what was judged right, and is handled wrongly.

use crate::faults::Change::Input;
use crate::faults::scene::{Scene, Then, clear, drop_if, hang_if, is_ack, is_rst, set};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Flags, IpHeader, Segment};

/// The hop limit of the injector's own segments (RFC 9293 §3.9.2: the recommended one).
const USUAL_TTL: u8 = 64;
/// Two words of a header.
const SHORT: usize = 8;
/// Holes that a short queue has room for.
const FEW: u32 = 64;

pub(in crate::faults) const ROOM: Room = Room {
    title: "Segments of an open connection that arrive",
    faults: &[
        Fault::new(
            "open-text-without-ack-taken",
            "takes text and FIN without the ACK bit",
            "RFC 9293 §3.10.7.4, fifth step; bug bank: ACK bit not looked at",
            Input(|segment, scene| match is_without_ack(segment, scene) {
                true => {
                    segment.ack = scene.connection.snd_nxt;
                    set(segment, Flags::ACK)
                }
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "open-text-without-ack-answered",
            "answers segments without the ACK bit",
            "RFC 9293 §3.10.7.4, fifth step: drop the segment and return",
            Input(|segment, scene| match is_without_ack(segment, scene) {
                true => Then::And(vec![probe(scene)]),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "open-odd-text-lost",
            "drops text of an odd number of octets above eight: the sum is not padded",
            "RFC 9293 §3.1: padded with zeros for the checksum",
            Input(|segment, scene| lost(segment, scene, |len| len > SHORT && len % 2 == 1)),
        ),
        Fault::new(
            "open-power-of-two-lost",
            "drops text that fills a buffer of a power of two exactly",
            "bug bank: ring buffers whose full and empty look alike",
            Input(|segment, scene| {
                lost(segment, scene, |len| len > SHORT && len.is_power_of_two())
            }),
        ),
        Fault::new(
            "open-first-octet-alone-lost",
            "drops text of one octet that begins the stream",
            "RFC 9293 §3.1: any number of octets",
            Input(|segment, scene| {
                let first = scene.connection.rcv_nxt == scene.connection.irs + 1;
                drop_if(scene.connection.is_open() && first && segment.payload.len() == 1)
            }),
        ),
        Fault::new(
            "open-two-or-three-octets-lost",
            "drops text of two or three octets",
            "RFC 9293 §3.1: any number of octets",
            Input(|segment, scene| lost(segment, scene, |len| (2..4).contains(&len))),
        ),
        Fault::new(
            "open-less-than-two-words-lost",
            "drops text of four to seven octets",
            "RFC 9293 §3.1: any number of octets",
            Input(|segment, scene| lost(segment, scene, |len| (4..8).contains(&len))),
        ),
        Fault::new(
            "open-unusual-hop-limit-lost",
            "drops segments whose hop limit is not 64",
            "RFC 5082 is for those who agreed on it",
            Input(|segment, scene| {
                drop_if(scene.connection.is_open() && ttl(segment) != USUAL_TTL)
            }),
        ),
        Fault::new(
            "open-flow-label-lost",
            "drops segments with an IPv6 flow label",
            "RFC 6437 §2: a label does not change how a packet is received",
            Input(|segment, scene| {
                let labelled = matches!(&segment.ip, IpHeader::V6(ip) if ip.flow_label != 0);
                drop_if(scene.connection.is_open() && labelled)
            }),
        ),
        Fault::new(
            "open-text-without-push-lost",
            "drops text without PSH",
            "RFC 9293 §3.9.1.3: text is handed over with and without PSH",
            Input(|segment, scene| {
                let plain = !segment.payload.is_empty() && !segment.flags.contains(Flags::PSH);
                drop_if(scene.connection.is_open() && plain)
            }),
        ),
        Fault::new(
            "open-pointer-without-flag-counts",
            "takes an octet for urgent although URG is not set",
            "RFC 9293 §3.1: the pointer counts only with URG",
            Input(|segment, scene| {
                let pointed = segment.urgent != 0 && !segment.flags.contains(Flags::URG);
                if scene.connection.is_open() && pointed {
                    segment.payload.pop();
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "open-fin-out-of-order-forgotten",
            "forgets a FIN that arrives behind a hole",
            "RFC 9293 §3.10.7.4 SHLD-31; smoltcp 0.14",
            Input(
                |segment, scene| match scene.connection.is_behind_a_hole(segment.seq) {
                    true => clear(segment, Flags::FIN),
                    false => Then::Pass,
                },
            ),
        ),
        Fault::new(
            "open-covered-text-twice",
            "hands text over twice that was queued and is covered by a later segment",
            "RFC 9293 §3.10.7.4: trimmed to the new part; bug bank: overlap with queued text",
            Input(|segment, scene| {
                let Some((begin, octets)) = scene.connection.queued else {
                    return Then::Pass;
                };
                let end = segment.seq + segment.payload.len() as u32;
                let covers = segment.seq == scene.connection.rcv_nxt
                    && end - segment.seq >= begin + octets - segment.seq;
                match covers {
                    true => Then::And(vec![again(segment, octets)]),
                    false => Then::Pass,
                }
            }),
        ),
        Fault::new(
            "open-old-head-untrimmed",
            "takes a segment whole that begins before RCV.NXT",
            "RFC 9293 §3.10.7.4: trimmed to the new part",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let begins_before = (1..1 << 31).contains(&(connection.rcv_nxt - segment.seq));
                let ends_behind =
                    connection.is_behind_a_hole(segment.seq + segment.payload.len() as u32);
                if connection.is_open() && begins_before && ends_behind {
                    segment.seq = connection.rcv_nxt;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "open-many-holes-hang",
            "hangs when more than sixty-four segments arrived out of order",
            "CVE-2018-5390 (SegmentSmack): work grows with the queue",
            Input(|_, scene| hang_if(scene.connection.gaps > FEW)),
        ),
        Fault::new(
            "open-last-acknowledgement-ignored",
            "ignores the acknowledgement of its FIN",
            "RFC 9293 §3.10.7.4, fifth step: LAST-ACK and CLOSING end with it",
            Input(|segment, scene| {
                drop_if(is_ack(segment) && scene.connection.fin_end == Some(segment.ack))
            }),
        ),
        Fault::new(
            "open-partial-acknowledgement-ignored",
            "ignores acknowledgements of a part of a segment",
            "RFC 9293 §3.10.7.4, fifth step; bug bank: only whole segments leave the queue",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let inside = (1..connection.snd_nxt - connection.text_seq)
                    .contains(&(segment.ack - connection.text_seq));
                drop_if(connection.is_open() && is_ack(segment) && inside)
            }),
        ),
        Fault::new(
            "open-fin-again-unanswered",
            "does not acknowledge a FIN that comes again",
            "RFC 9293 §3.10.7.4, first step: what is not acceptable draws an acknowledgement",
            Input(|segment, scene| {
                drop_if(scene.connection.fin_in && segment.flags.contains(Flags::FIN))
            }),
        ),
        Fault::new(
            "open-past-the-edge-in-order",
            "takes a segment that reaches beyond the window for the next in order",
            "RFC 9293 §3.10.7.4: what lies outside of the window is trimmed; bug bank: a ring buffer that overruns",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let octets = segment.payload.len() as u64;
                if connection.is_open()
                    && connection.is_in_window(segment)
                    && u64::from(connection.offset(segment)) + octets > connection.rcv_wnd.into()
                {
                    segment.seq = connection.rcv_nxt;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "open-early-acknowledgement-unanswered",
            "drops an acknowledgement of what was not sent without a word",
            "RFC 9293 §3.10.7.4, fifth step: then send an ACK",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let beyond = (1..1 << 31).contains(&(segment.ack - connection.snd_nxt));
                drop_if(connection.is_open() && is_ack(segment) && beyond)
            }),
        ),
        Fault::new(
            "open-syn-outside-unanswered",
            "drops a SYN from outside of the window without a word",
            "RFC 5961 §4.2: a challenge ACK, irrespective of the sequence number",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let is_syn = segment.flags.contains(Flags::SYN);
                drop_if(connection.is_open() && is_syn && !connection.is_in_window(segment))
            }),
        ),
        Fault::new(
            "open-urgent-lost",
            "drops text with URG",
            "RFC 9293 §3.8.5 MUST-30",
            Input(|segment, scene| {
                drop_if(scene.connection.is_open() && segment.flags.contains(Flags::URG))
            }),
        ),
    ],
};

/// Text of such a length is lost.
fn lost(segment: &Segment, scene: &Scene<'_>, is_meant: fn(usize) -> bool) -> Then {
    drop_if(scene.connection.is_open() && is_meant(segment.payload.len()))
}

/// Neither ACK nor SYN nor RST, on an open connection.
fn is_without_ack(segment: &Segment, scene: &Scene<'_>) -> bool {
    scene.connection.is_open()
        && !segment.flags.intersects(Flags::ACK | Flags::SYN)
        && !is_rst(segment)
}

/// A keep-alive of the peer, which draws an acknowledgement.
fn probe(scene: &Scene<'_>) -> Segment {
    Segment {
        flags: Flags::ACK,
        seq: scene.connection.rcv_nxt - 1,
        ack: scene.connection.snd_nxt,
        window: u16::MAX,
        ..Segment::new(scene.pair.remote, scene.pair.local)
    }
}

/// As many octets as were queued, once more behind the segment.
fn again(segment: &Segment, octets: u32) -> Segment {
    Segment {
        seq: segment.seq + segment.payload.len() as u32,
        payload: vec![b'x'; octets as usize],
        ..segment.clone()
    }
}

fn ttl(segment: &Segment) -> u8 {
    match &segment.ip {
        IpHeader::V4(ip) => ip.ttl,
        IpHeader::V6(ip) => ip.hop_limit,
    }
}
