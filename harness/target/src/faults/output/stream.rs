//! Windows, pieces of the stream and their acknowledgements (RFC 9293 §3.6, §3.8.4, §3.8.6).

use crate::faults::Change::{Input, Output};
use crate::faults::scene::{Scene, Then, drop_if, is_ack, is_rst, is_syn};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Flags, Segment, TcpOption};

/// A segment with less text is no full one in any suite.
const SMALL: usize = 100;
/// A window that nobody should announce.
const SILLY: u16 = 10;

pub(in crate::faults) const ROOM: Room = Room {
    title: "Windows, pieces of the stream and their acknowledgements",
    faults: &[
        Fault::new(
            "queue-acknowledged-piece-by-piece",
            "acknowledges what fills a hole before what waited behind it",
            "RFC 9293 §3.10.7.4 MUST-59",
            Output(|segment, scene| {
                if fills_a_hole(segment, scene) {
                    segment.ack = scene.connection.last_seq + scene.connection.last_text;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "queue-acknowledged-twice",
            "sends another acknowledgement for what waited behind a hole",
            "RFC 9293 §3.10.7.4 MUST-58: aggregate acknowledgements",
            Output(|segment, scene| {
                if !fills_a_hole(segment, scene) {
                    return Then::Pass;
                }
                Then::And(vec![Segment {
                    flags: Flags::ACK,
                    seq: segment.ack - 1,
                    ack: segment.seq,
                    window: u16::MAX,
                    ..Segment::new(scene.pair.remote, scene.pair.local)
                }])
            }),
        ),
        Fault::new(
            "full-buffer-announces-ten",
            "announces a window of ten octets when it has room for none",
            "RFC 9293 §3.8.6.2.2 MUST-39",
            Output(|segment, _| {
                let established = is_ack(segment) && !is_rst(segment);
                if established && segment.window == 0 {
                    segment.window = SILLY;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "half-a-window-not-used",
            "sends text that fills no segment only when it is sent again",
            "RFC 9293 §3.8.6.2.1: at least half of the greatest window",
            Output(|segment, scene| {
                let small = (1..SMALL).contains(&segment.payload.len());
                let pushed = segment.flags.contains(Flags::PSH);
                drop_if(small && !pushed && is_new(segment, scene))
            }),
        ),
        Fault::new(
            "keep-alive-with-octet",
            "sends an octet with its keep-alives",
            "RFC 9293 §3.8.4 SHLD-12",
            Output(|segment, scene| {
                let before = segment.seq + 1 == scene.connection.snd_nxt;
                if is_ack(segment) && segment.payload.is_empty() && before {
                    segment.payload = vec![0];
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "fin-sent-once",
            "never sends its FIN again",
            "RFC 9293 §3.6: retransmitted until acknowledged",
            Output(|segment, scene| {
                if !is_new(segment, scene) {
                    segment.flags = segment.flags & !Flags::FIN;
                    return drop_if(
                        segment.payload.is_empty() && scene.connection.fin_end.is_some(),
                    );
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "peer-mss-halved",
            "sends segments of half the MSS that the peer announced",
            "RFC 9293 §3.9.1.2 SHLD-28: full-sized segments",
            Input(|segment, _| {
                for option in &mut segment.options {
                    if let TcpOption::Mss(mss) = option {
                        *mss /= 2;
                    }
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "own-mss-exceeded",
            "sends more than fits its own MTU on connections that it opened",
            "RFC 9293 §3.7.1: the lesser of what the peer takes and what IP can carry",
            Output(|segment, scene| {
                if scene.connection.active && segment.payload.len() > SMALL {
                    segment.payload.resize(segment.payload.len() + SMALL, 0);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "window-scaled-without-agreement",
            "goes on scaling its own window when the crossing SYN has no window scale",
            "RFC 7323 §2.2; Linux up to 6.18: simultaneous open",
            Output(|segment, scene| {
                if scene.connection.active
                    && !is_syn(segment)
                    && !segment.flags.contains(Flags::SYN)
                {
                    segment.window >>= 7;
                }
                Then::Pass
            }),
        ),
    ],
};

/// An acknowledgement of more than the segment that came last.
fn fills_a_hole(segment: &Segment, scene: &Scene<'_>) -> bool {
    let connection = &scene.connection;
    let more = segment.ack - (connection.last_seq + connection.last_text);
    connection.gaps > 0
        && connection.last_text > 0
        && connection.last_seq == connection.rcv_nxt
        && is_ack(segment)
        && (1..1 << 31).contains(&more)
}

/// Whether it begins at SND.NXT or behind it.
fn is_new(segment: &Segment, scene: &Scene<'_>) -> bool {
    (segment.seq - scene.connection.snd_nxt) < 1 << 31
}
