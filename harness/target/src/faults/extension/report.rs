//! Selective acknowledgement, as receiver and as sender (RFC 2018, RFC 2883).

use crate::faults::Change::{Input, Output};
use crate::faults::scene::{Then, drop_if, is_ack, is_before};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Flags, Segment, TcpOption};

pub(in crate::faults) const ROOM: Room = Room {
    title: "Selective acknowledgement",
    faults: &[
        Fault::new(
            "report-once",
            "reports the first segment behind a hole and none after it",
            "RFC 2018 §4: each duplicate acknowledgement bears a SACK option",
            Output(|segment, scene| silent_if(segment, scene.connection.gaps > 1)),
        ),
        Fault::new(
            "report-missing-on-progress",
            "reports nothing when an acknowledgement moves on",
            "RFC 2018 §4: all ACKs that do not cover the highest octet",
            Output(|segment, scene| {
                let moves = segment.ack != scene.connection.rcv_nxt;
                silent_if(segment, moves && !segment.flags.contains(Flags::SYN))
            }),
        ),
        Fault::new(
            "report-of-plain-text-alone",
            "reports no segment with FIN or URG",
            "RFC 2018 §4: in every case",
            Output(|segment, scene| {
                let connection = &scene.connection;
                silent_if(segment, connection.last_fin || connection.last_urgent)
            }),
        ),
        Fault::new(
            "report-of-every-second-segment",
            "acknowledges every second segment behind a hole",
            "RFC 2018 §4: an ACK for every segment; Linux tcp_comp_sack",
            Output(|segment, scene| {
                let reports = segment.sack_blocks().next().is_some();
                drop_if(reports && scene.connection.gaps.is_multiple_of(2))
            }),
        ),
        Fault::new(
            "report-right-edge-inclusive",
            "puts the last octet of a block where its right edge belongs",
            "RFC 2018 §3: the octet behind the block",
            Output(|segment, _| blocks(segment, |_, right| *right = right.wrapping_sub(1))),
        ),
        Fault::new(
            "report-of-duplicates-missing",
            "reports no duplicates",
            "RFC 2883 §4",
            Output(|segment, scene| {
                let first = segment.sack_blocks().next();
                let duplicate = first.is_some_and(|(left, _)| is_before(left, segment.ack));
                silent_if(segment, duplicate && scene.connection.is_open())
            }),
        ),
        Fault::new(
            "report-of-duplicates-whole",
            "reports the whole segment when part of it is a duplicate",
            "RFC 2883 §4: only the duplicate run",
            Output(|segment, scene| {
                let (begin, octets) = (scene.connection.last_seq, scene.connection.last_text);
                let old = is_before(begin, segment.ack);
                blocks(segment, |left, right| {
                    if old && *left == begin.0 {
                        *right = begin.0.wrapping_add(octets);
                    }
                })
            }),
        ),
        Fault::new(
            "reports-ignored",
            "reads no SACK blocks",
            "RFC 2018 §5: the sender records them",
            Input(|segment, scene| silent_if(segment, scene.connection.is_open())),
        ),
        Fault::new(
            "reported-text-thrown-away",
            "never sends again what was reported last",
            "RFC 2018 §5.1, §8: a receiver may renege",
            Output(|segment, scene| {
                let connection = &scene.connection;
                let again = is_before(segment.seq, connection.snd_nxt);
                let within = connection
                    .peer
                    .reported
                    .is_some_and(|(left, right)| (segment.seq - left) < right - left);
                drop_if(!segment.payload.is_empty() && again && within)
            }),
        ),
    ],
};

fn silent_if(segment: &mut Segment, condition: bool) -> Then {
    if condition && is_ack(segment) {
        let sack = |o: &TcpOption| matches!(o, TcpOption::Sack(_));
        segment.options.retain(|o| !sack(o));
    }
    Then::Pass
}

fn blocks(segment: &mut Segment, change: impl Fn(&mut u32, &mut u32)) -> Then {
    for option in &mut segment.options {
        if let TcpOption::Sack(blocks) = option {
            for (left, right) in blocks {
                change(left, right);
            }
        }
    }
    Then::Pass
}
