//! The sender of an open connection: loss, probes, keep-alives, urgent octets (RFC 5681, 6582, 9293 §3.8).

use crate::faults::Change::{Configuration, Input, Output};
use crate::faults::scene::{Scene, Then, drop_if, exact_rst, is_ack, is_before};
use crate::faults::{Fault, Room};
use std::ops::Range;
use std::time::Duration;
use tcpconf_stack::KeepAlive;
use tcpconf_wire::{Flags, Segment, TcpOption};

/// Duplicate acknowledgements that tell of a loss (RFC 5681 §3.2).
const THRESHOLD: u32 = 3;
/// Octets of the stream, behind any initial window of small segments.
const LATER: Range<u32> = 3_500..25_000;
/// Answered probes after which an impatient sender gives up.
const PROBES: u32 = 5;

pub(in crate::faults) const ROOM: Room = Room {
    title: "The sender of an open connection",
    faults: &[
        Fault::new(
            "limited-transmit-missing",
            "sends nothing new on the first two duplicate acknowledgements",
            "RFC 5681 §3.2; RFC 3042 §2",
            Output(|segment, scene| {
                let duplicates = scene.connection.peer.duplicates;
                drop_if(is_new_text(segment, scene) && (1..THRESHOLD).contains(&duplicates))
            }),
        ),
        Fault::new(
            "fast-retransmit-missing",
            "counts no more than two duplicate acknowledgements",
            "RFC 5681 §3.2",
            Input(|segment, scene| {
                let peer = &scene.connection.peer;
                drop_if(peer.is_duplicate(segment) && peer.duplicates + 1 >= THRESHOLD)
            }),
        ),
        Fault::new(
            "fast-retransmit-too-early",
            "counts each duplicate acknowledgement three times",
            "RFC 5681 §3.2: the third",
            Input(
                |segment, scene| match scene.connection.peer.is_duplicate(segment) {
                    true => Then::And(vec![segment.clone(), segment.clone()]),
                    false => Then::Pass,
                },
            ),
        ),
        Fault::new(
            "inflation-missing",
            "sends nothing new in recovery",
            "RFC 5681 §3.2: each further duplicate acknowledgement inflates the window",
            Output(|segment, scene| {
                let recovering = scene.connection.peer.duplicates >= THRESHOLD;
                drop_if(is_new_text(segment, scene) && recovering)
            }),
        ),
        Fault::new(
            "later-window-missing",
            "has no congestion window once the first flight is over",
            "RFC 5681 §3.1, §3.2; RFC 2525 §2.6",
            Output(|segment, scene| {
                let connection = &scene.connection;
                let later = LATER.contains(&(segment.seq - connection.iss));
                match connection.is_open() && later && !segment.payload.is_empty() {
                    true => Then::And(vec![Segment {
                        flags: Flags::ACK,
                        seq: connection.rcv_nxt,
                        ack: segment.seq + segment.payload.len() as u32,
                        window: u16::MAX,
                        ..Segment::new(scene.pair.remote, scene.pair.local)
                    }]),
                    false => Then::Pass,
                }
            }),
        ),
        Fault::new(
            "persist-gives-up",
            "gives a connection up when five probes of a shut window were answered",
            "RFC 9293 §3.8.6.1 MUST-37; RFC 6429",
            Input(|_, scene| match scene.connection.peer.shut >= PROBES {
                true => Then::And(vec![exact_rst(scene.pair, &scene.connection)]),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "keep-alives-hasty",
            "sends keep-alives a second apart and gives up after the third",
            "RFC 2525 §2.9",
            Configuration(|config| {
                config.socket.keep_alive = Some(KeepAlive {
                    interval: Duration::from_secs(1),
                    probes: 3,
                    ..KeepAlive::default()
                });
            }),
        ),
        Fault::new(
            "keep-alives-unasked",
            "sends keep-alives after twenty seconds of silence, whether or not they are asked for",
            "RFC 9293 §3.8.4 MUST-25: off unless the application turns them on",
            Configuration(|config| {
                config.socket.keep_alive = Some(KeepAlive {
                    idle: Duration::from_secs(20),
                    ..KeepAlive::default()
                });
            }),
        ),
        Fault::new(
            "keep-alives-early",
            "sends keep-alives after a minute of silence",
            "RFC 2525 §2.11; RFC 9293 §3.8.4 MUST-28",
            Configuration(|config| {
                config.socket.keep_alive = Some(KeepAlive {
                    idle: Duration::from_secs(60),
                    ..KeepAlive::default()
                });
            }),
        ),
        Fault::new(
            "urgent-pointer-at-the-last-octet",
            "points at the last urgent octet",
            "RFC 6093 §2.1, §4; RFC 9293 §3.8.5 MUST-62",
            Output(|segment, _| {
                segment.urgent = segment.urgent.saturating_sub(1);
                Then::Pass
            }),
        ),
        Fault::new(
            "urgent-pointer-wraps",
            "sends the low sixteen bits of a far urgent pointer",
            "RFC 7323 appendix A; RFC 9293 §3.8.5",
            Output(|segment, _| {
                if segment.urgent == u16::MAX {
                    segment.urgent = 4_464;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "user-timeout-believed-at-once",
            "ends a connection whose peer asks for a user timeout of a second or less",
            "RFC 5482 §3.1, §3.4: at least 100 s, and zero is ignored",
            Input(
                |segment, scene| match is_short(segment) && scene.connection.is_open() {
                    true => Then::And(vec![Segment {
                        seq: segment.seq + segment.seq_len(),
                        ..exact_rst(scene.pair, &scene.connection)
                    }]),
                    false => Then::Pass,
                },
            ),
        ),
    ],
};

/// Text that was not sent before.
fn is_new_text(segment: &Segment, scene: &Scene<'_>) -> bool {
    let connection = &scene.connection;
    connection.is_open()
        && is_ack(segment)
        && !segment.payload.is_empty()
        && !is_before(segment.seq, connection.snd_nxt)
}

/// It asks for a user timeout of a second or less.
fn is_short(segment: &Segment) -> bool {
    segment.options.iter().any(|option| {
        matches!(
            option,
            TcpOption::UserTimeout {
                value: 0 | 1,
                minutes: false
            }
        )
    })
}
