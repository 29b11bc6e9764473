//! Resets that are sent (RFC 9293 §3.5.2).

use crate::faults::Change::Output;
use crate::faults::scene::{Stage, Then, drop_if, is_rst};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Flags, Segment, SeqNumber, TcpOption};

pub(in crate::faults) const ROOM: Room = Room {
    title: "Resets that are sent",
    faults: &[
        Fault::new(
            "rst-missing-in-listen",
            "sends no reset for acknowledgements that meet no connection",
            "RFC 9293 §3.10.7.1 and §3.10.7.2",
            Output(|segment, scene| {
                drop_if(is_bare(segment) && scene.connection.stage == Stage::None)
            }),
        ),
        Fault::new(
            "rst-missing-half-open",
            "sends no reset for wrong acknowledgements of a half-open connection",
            "RFC 9293 §3.10.7.4, fifth step",
            Output(|segment, scene| drop_if(is_bare(segment) && scene.connection.is_half_open())),
        ),
        Fault::new(
            "rst-missing-without-ack",
            "refuses nothing on closed ports that carries no acknowledgement",
            "RFC 9293 §3.10.7.1",
            Output(|segment, _| drop_if(is_with_ack(segment))),
        ),
        Fault::new(
            "rst-sequence-zero",
            "numbers the reset for an acknowledgement that meets no connection zero",
            "RFC 9293 §3.10.7.1: SEG.ACK",
            Output(|segment, scene| {
                if is_bare(segment) && scene.connection.stage == Stage::None {
                    segment.seq = SeqNumber(0);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-sequence-signed",
            "numbers resets 2^31 - 1 at most",
            "RFC 9293 §3.4: modulo 2^32",
            Output(|segment, scene| {
                if is_bare(segment) && scene.connection.stage == Stage::None {
                    segment.seq = SeqNumber(segment.seq.0.min(i32::MAX.cast_unsigned()));
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-sequence-beside",
            "numbers the reset for a wrong acknowledgement one too high",
            "RFC 9293 §3.10.7.4, fifth step; bug bank: gVisor 45835a60f",
            Output(|segment, scene| {
                if is_bare(segment) && scene.connection.is_half_open() {
                    segment.seq += 1;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-numbered-one",
            "numbers the reset of a segment without acknowledgement one",
            "RFC 9293 §3.10.7.1: zero",
            Output(|segment, _| {
                if is_with_ack(segment) {
                    segment.seq = SeqNumber(1);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-with-ack-flag",
            "sets ACK in the reset for an acknowledgement",
            "RFC 9293 §3.10.7.1",
            Output(|segment, _| {
                segment.flags |= match is_bare(segment) {
                    true => Flags::ACK,
                    false => Flags::NONE,
                };
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-without-ack-flag",
            "leaves out ACK in the reset of a segment without acknowledgement",
            "RFC 9293 §3.10.7.1",
            Output(|segment, _| {
                if is_with_ack(segment) {
                    segment.flags = Flags::RST;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-forgets-text",
            "does not count the text in the acknowledgement of a reset",
            "RFC 9293 §3.10.7.1: SEG.SEQ+SEG.LEN",
            Output(|segment, scene| acknowledge_less(segment, scene.connection.last_text)),
        ),
        Fault::new(
            "rst-forgets-fin",
            "does not count the FIN in the acknowledgement of a reset",
            "RFC 9293 §3.10.7.1: SEG.SEQ+SEG.LEN",
            Output(|segment, scene| {
                acknowledge_less(segment, u32::from(scene.connection.last_fin))
            }),
        ),
        Fault::new(
            "rst-forgets-syn",
            "does not count the SYN in the acknowledgement of a reset",
            "RFC 9293 §3.10.7.1: SEG.SEQ+SEG.LEN",
            Output(|segment, scene| {
                let connection = &scene.connection;
                let others = connection.last_text + u32::from(connection.last_fin);
                acknowledge_less(segment, connection.last_len - others)
            }),
        ),
        Fault::new(
            "rst-counts-one",
            "counts one for segments without length in the acknowledgement of a reset",
            "RFC 9293 §3.10.7.1: SEG.SEQ+SEG.LEN",
            Output(|segment, scene| {
                if is_with_ack(segment) && scene.connection.last_len == 0 {
                    segment.ack += 1;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-echoes-text",
            "sends the text of a segment back with the reset",
            "RFC 9293 §3.5.2",
            Output(|segment, scene| {
                if is_rst(segment) {
                    segment.payload = vec![0; scene.connection.last_text as usize];
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-with-syn-options",
            "names its MSS in resets",
            "RFC 9293 §3.7.1 MUST-65: only with SYN",
            Output(|segment, _| {
                if is_rst(segment) {
                    segment.options.push(TcpOption::Mss(1460));
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-limited",
            "sends at most five resets",
            "RFC 9293 §3.10.7.1: each is answered",
            Output(|segment, scene| drop_if(is_rst(segment) && scene.host.resets >= 5)),
        ),
        Fault::new(
            "rst-for-syn-once",
            "refuses a connection request of the same sockets only once",
            "RFC 9293 §3.10.7.1: each is answered",
            Output(|segment, scene| drop_if(is_with_ack(segment) && scene.connection.syns > 1)),
        ),
    ],
};

/// RST alone: in answer to an acknowledgement.
fn is_bare(segment: &Segment) -> bool {
    is_rst(segment) && !segment.flags.contains(Flags::ACK)
}

/// RST with ACK: in answer to a segment without acknowledgement.
fn is_with_ack(segment: &Segment) -> bool {
    segment.flags.contains(Flags::RST | Flags::ACK)
}

fn acknowledge_less(segment: &mut Segment, octets: u32) -> Then {
    if is_with_ack(segment) {
        segment.ack = segment.ack - octets;
    }
    Then::Pass
}
