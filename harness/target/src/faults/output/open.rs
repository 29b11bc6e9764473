//! Segments that are sent on an open connection: acknowledgements, text, what stands on them.

use crate::faults::Change::Output;
use crate::faults::scene::{Scene, Then, clear, drop_if, is_ack};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Checksum, Flags, Segment, TcpOption};

/// Less than a line of a terminal.
const SMALL: usize = 8;
/// More than any initial window.
const BEYOND_INITIAL_WINDOW: u32 = 30_000;

pub(in crate::faults) const ROOM: Room = Room {
    title: "Segments that are sent on an open connection",
    faults: &[
        Fault::new(
            "out-acknowledgement-numbered-beside",
            "numbers acknowledgements one too high",
            "RFC 9293 §3.10.7.4: SEQ=SND.NXT",
            Output(|segment, scene| {
                if is_pure(segment, scene) {
                    segment.seq += 1;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "out-acknowledgement-checksum-wrong",
            "sends acknowledgements with a wrong checksum",
            "RFC 9293 §3.1 MUST-2",
            Output(|segment, scene| {
                if is_pure(segment, scene) {
                    segment.checksum = Checksum::Bad;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "out-text-checksum-wrong",
            "sends text with a wrong checksum",
            "RFC 9293 §3.1 MUST-2",
            Output(|segment, _| {
                if !segment.payload.is_empty() {
                    segment.checksum = Checksum::Bad;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "out-push-missing",
            "never sets PSH",
            "RFC 9293 §3.9.1.2 MUST-61",
            Output(|segment, _| clear(segment, Flags::PSH)),
        ),
        Fault::new(
            "out-small-text-held-back",
            "sits on text of less than eight octets for ever",
            "RFC 9293 §3.9.1.2 MUST-60",
            Output(|segment, _| {
                drop_if(
                    (1..SMALL).contains(&segment.payload.len())
                        && !segment.flags.contains(Flags::FIN),
                )
            }),
        ),
        Fault::new(
            "out-gap-unanswered",
            "does not acknowledge text that arrives behind a hole",
            "RFC 5681 §3.2: an immediate duplicate acknowledgement",
            Output(|segment, scene| {
                let connection = &scene.connection;
                drop_if(
                    is_pure(segment, scene)
                        && connection.last_text > 0
                        && connection.is_behind_a_hole(connection.last_seq),
                )
            }),
        ),
        Fault::new(
            "out-text-sent-once",
            "sends text only once",
            "RFC 9293 §3.8.1: retransmission",
            Output(|segment, scene| {
                let end = segment.seq + segment.payload.len() as u32;
                let again = (scene.connection.snd_nxt - end) < 1 << 31;
                drop_if(!segment.payload.is_empty() && again)
            }),
        ),
        Fault::new(
            "out-mss-on-text",
            "puts an MSS option on text",
            "RFC 9293 §3.2 MUST-65",
            Output(|segment, scene| {
                if scene.connection.is_open() && !segment.payload.is_empty() {
                    segment.options.push(TcpOption::Mss(1_460));
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "out-sack-permitted-behind-the-handshake",
            "puts SACK-permitted on acknowledgements",
            "RFC 2018 §2: not on non-SYN segments",
            Output(|segment, scene| {
                if is_pure(segment, scene) {
                    segment.options.push(TcpOption::SackPermitted);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "out-sack-unasked",
            "reports holes to peers that did not permit it",
            "RFC 2018 §4: only with SACK-permitted",
            Output(|segment, scene| {
                let connection = &scene.connection;
                if let Some((begin, octets)) = connection.queued
                    && is_pure(segment, scene)
                    && segment.sack_blocks().next().is_none()
                {
                    let block = (begin.0, begin.0.wrapping_add(octets));
                    segment.options.push(TcpOption::Sack(vec![block]));
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "out-initial-window-missing",
            "begins without a congestion window",
            "RFC 6928 §2; RFC 2525 §2.1 and §2.3",
            Output(|segment, scene| {
                let connection = &scene.connection;
                let early = (segment.seq - connection.iss) < BEYOND_INITIAL_WINDOW;
                match connection.is_open() && early && !segment.payload.is_empty() {
                    true => Then::And(vec![acknowledgement(segment, scene)]),
                    false => Then::Pass,
                }
            }),
        ),
        Fault::new(
            "out-syn-uncounted-below-2-31",
            "does not count a SYN whose number is below 2^31",
            "RFC 9293 §3.4: SYN counts for one; signed arithmetic",
            Output(|segment, _| {
                if segment.flags.contains(Flags::SYN) && segment.ack.0 <= 1 << 31 {
                    segment.ack = segment.ack - 1;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "out-syn-uncounted-above-2-31",
            "does not count a SYN whose number is 2^31 or above",
            "RFC 9293 §3.4: SYN counts for one; signed arithmetic",
            Output(|segment, _| {
                if segment.flags.contains(Flags::SYN) && segment.ack.0 > 1 << 31 {
                    segment.ack = segment.ack - 1;
                }
                Then::Pass
            }),
        ),
    ],
};

/// An acknowledgement without text, FIN and RST on an open connection.
fn is_pure(segment: &Segment, scene: &Scene<'_>) -> bool {
    scene.connection.is_open()
        && is_ack(segment)
        && segment.payload.is_empty()
        && !segment.flags.contains(Flags::FIN)
}

/// The peer's acknowledgement of a text, as if it had come already.
fn acknowledgement(segment: &Segment, scene: &Scene<'_>) -> Segment {
    Segment {
        flags: Flags::ACK,
        seq: scene.connection.rcv_nxt,
        ack: segment.seq + segment.payload.len() as u32,
        window: u16::MAX,
        ..Segment::new(scene.pair.remote, scene.pair.local)
    }
}
