//! Checksums (RFC 9293 §3.1, MUST-3).

use crate::faults::Change::Damaged;
use crate::faults::scene::{Then, drop_if, is_ack, is_rst, is_syn};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Checksum, Segment};

pub(in crate::faults) const ROOM: Room = Room {
    title: "Checksums of segments that arrive",
    faults: &[
        Fault::new(
            "checksum-not-looked-at",
            "takes segments whatever their checksum",
            "RFC 9293 §3.1 MUST-3",
            Damaged(|segment, _| repair_if(true, segment)),
        ),
        Fault::new(
            "checksum-zero-is-none",
            "takes a checksum field of zero for no checksum, as UDP does",
            "RFC 9293 §3.1 MUST-3, RFC 768",
            Damaged(|segment, _| repair_if(segment.checksum == Checksum::Is(0), segment)),
        ),
        Fault::new(
            "checksum-of-syn-not-looked-at",
            "does not look at the checksum of connection requests",
            "RFC 9293 §3.1 MUST-3",
            Damaged(|segment, _| repair_if(is_syn(segment), segment)),
        ),
        Fault::new(
            "checksum-of-rst-not-looked-at",
            "does not look at the checksum of resets",
            "RFC 9293 §3.1 MUST-3",
            Damaged(|segment, _| repair_if(is_rst(segment), segment)),
        ),
        Fault::new(
            "checksum-of-bare-ack-not-looked-at",
            "does not look at the checksum of acknowledgements without text",
            "RFC 9293 §3.1 MUST-3",
            Damaged(|segment, _| repair_if(is_ack(segment) && segment.payload.is_empty(), segment)),
        ),
        Fault::new(
            "checksum-wrong-hangs",
            "hangs when a checksum is wrong",
            "RFC 9293 §3.1 MUST-3",
            Damaged(|_, _| Then::Hang),
        ),
    ],
};

/// The sound endpoint takes the segment if the faulty one would.
fn repair_if(taken: bool, segment: &mut Segment) -> Then {
    segment.checksum = Checksum::Good;
    drop_if(!taken)
}
