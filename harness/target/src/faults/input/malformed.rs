//! Options of impossible lengths (RFC 9293 §3.1, MUST-7): the endless loops of six stacks.

use crate::faults::Change::Input;
use crate::faults::scene::{Scene, Then, hang_if, is_ack, is_syn};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Auto, Malformation, kind};

/// Kinds that a small stack reads.
const READ: [u8; 3] = [kind::MSS, kind::WINDOW_SCALE, kind::TIMESTAMPS];

pub(in crate::faults) const ROOM: Room = Room {
    title: "Malformed options of segments that arrive",
    faults: &[
        Fault::new(
            "length-0-loops",
            "loops on an option of length 0",
            "CVE-2020-13988 (uIP), CVE-2026-6985 (Mongoose)",
            Input(|_, scene| hang_if(any_length(scene, |_, length, _| length == Some(0)))),
        ),
        Fault::new(
            "known-length-0-loops",
            "loops on a known option of length 0",
            "CVE-2020-24337 (picoTCP)",
            Input(|_, scene| {
                hang_if(any_length(scene, |kind, length, _| {
                    length == Some(0) && READ.contains(&kind)
                }))
            }),
        ),
        Fault::new(
            "unknown-length-0-loops",
            "loops on an unknown option of length 0",
            "CVE-2019-15702 (RIOT), TF-T17 (TLDK)",
            Input(|_, scene| {
                hang_if(any_length(scene, |kind, length, _| {
                    length == Some(0) && !READ.contains(&kind)
                }))
            }),
        ),
        Fault::new(
            "length-1-loops",
            "loops on an option of length 1",
            "CVE-2021-26788 (CycloneTCP); lwIP #24596",
            Input(|_, scene| hang_if(any_length(scene, |_, length, _| length == Some(1)))),
        ),
        Fault::new(
            "length-past-end-read",
            "reads past the end of the header for an option that is longer, and crashes",
            "CVE-2018-16524 (FreeRTOS), lwIP #24596",
            Input(|_, scene| {
                hang_if(any_length(scene, |_, length, left| {
                    length.is_some_and(|length| usize::from(length) > left)
                }))
            }),
        ),
        Fault::new(
            "length-missing-read",
            "reads past the end of the header for a length octet that is not there, and crashes",
            "CVE-2018-16603 (FreeRTOS)",
            Input(|_, scene| hang_if(any_length(scene, |_, length, _| length.is_none()))),
        ),
        Fault::new(
            "known-length-wrong-hangs",
            "crashes when a known option is longer or shorter than it should be",
            "CVE-2018-16524 (FreeRTOS), CVE-2019-12258 (IPnet: window scale of length 2)",
            Input(|_, scene| {
                let forms = |m: &Malformation| matches!(m, Malformation::OptionForm { .. });
                hang_if(scene.malformed.iter().any(forms))
            }),
        ),
        Fault::new(
            "malformed-syn-hangs",
            "crashes on a connection request with any malformed option",
            "CVE-2021-26788 (CycloneTCP)",
            Input(|segment, scene| hang_if(is_syn(segment) && any_length(scene, |_, _, _| true))),
        ),
        Fault::new(
            "malformed-ack-hangs",
            "crashes on an acknowledgement with any malformed option",
            "CVE-2021-26788 (CycloneTCP)",
            Input(|segment, scene| hang_if(is_ack(segment) && any_length(scene, |_, _, _| true))),
        ),
        Fault::new(
            "offset-below-five-read-as-five",
            "takes a data offset of less than five words for five",
            "RFC 9293 §3.1: the minimum is five; MUST-7",
            Input(|segment, scene| {
                let low =
                    |m: &Malformation| matches!(m, Malformation::DataOffset { words: ..5, .. });
                if scene.connection.is_open() && scene.malformed.iter().any(low) {
                    segment.data_offset = Auto::Auto;
                }
                Then::Pass
            }),
        ),
    ],
};

/// Whether the length of some option is impossible in this way: kind, length octet, octets left.
fn any_length(scene: &Scene<'_>, odd: fn(u8, Option<u8>, usize) -> bool) -> bool {
    scene
        .malformed
        .iter()
        .any(|malformation| match malformation {
            Malformation::OptionLength {
                kind, length, left, ..
            } => odd(*kind, *length, *left),
            _ => false,
        })
}
