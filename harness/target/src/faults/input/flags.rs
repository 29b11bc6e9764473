//! Flags, reserved bits, the urgent pointer, ECN (RFC 9293 §3.1, RFC 3168).

use crate::faults::Change::Input;
use crate::faults::peer::{CE, ecn};
use crate::faults::scene::{Scene, Stage, Then, clear, drop_if, hang_if, is_ack, is_syn, set};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Flags, Segment};

pub(in crate::faults) const ROOM: Room = Room {
    title: "Flags of segments that arrive",
    faults: &[
        Fault::new(
            "syn-with-push-ignored",
            "ignores connection requests with PSH",
            "RFC 9293 §3.10.7.2: other control bits are not looked at",
            Input(|segment, _| drop_if(is_syn(segment) && segment.flags.contains(Flags::PSH))),
        ),
        Fault::new(
            "syn-with-urgent-ignored",
            "ignores connection requests with URG",
            "RFC 9293 §3.10.7.2: other control bits are not looked at",
            Input(|segment, _| drop_if(is_syn(segment) && segment.flags.contains(Flags::URG))),
        ),
        Fault::new(
            "syn-with-ecn-ignored",
            "ignores connection requests that ask for ECN",
            "RFC 3168 §6.1.1.1: middleboxes and hosts that drop them",
            Input(|segment, _| {
                drop_if(is_syn(segment) && segment.flags.intersects(Flags::ECE | Flags::CWR))
            }),
        ),
        Fault::new(
            "syn-with-ae-ignored",
            "ignores connection requests with the former NS flag",
            "RFC 9293 §3.1; RFC 9768",
            Input(|segment, _| drop_if(is_syn(segment) && segment.flags.contains(Flags::AE))),
        ),
        Fault::new(
            "syn-with-fin-ignored",
            "ignores connection requests with FIN",
            "RFC 9293 §3.10.7.2; bug bank: SYN+FIN to LISTEN",
            Input(|segment, _| drop_if(is_syn(segment) && segment.flags.contains(Flags::FIN))),
        ),
        Fault::new(
            "reserved-bits-refused",
            "ignores segments with reserved bits",
            "RFC 9293 §3.1: must be ignored in received segments",
            Input(|segment, _| drop_if(segment.reserved != 0)),
        ),
        Fault::new(
            "congestion-experienced-ignored",
            "drops packets whose IP header says congestion experienced",
            "RFC 3168 §6.1.1",
            Input(|segment, _| drop_if(ecn(segment) == CE)),
        ),
        Fault::new(
            "ecn-capable-ignored",
            "drops packets of ECN-capable transports",
            "RFC 3168 §6.1.1",
            Input(|segment, _| drop_if((1..CE).contains(&ecn(segment)))),
        ),
        Fault::new(
            "push-on-bare-ack-ignored",
            "ignores segments with PSH but without text",
            "RFC 9293 §3.9.1.2: PSH says nothing to the state machine",
            Input(|segment, _| {
                drop_if(
                    is_ack(segment)
                        && segment.flags.contains(Flags::PSH)
                        && segment.payload.is_empty(),
                )
            }),
        ),
        Fault::new(
            "ecn-flags-on-ack-ignored",
            "ignores acknowledgements with ECE, CWR or AE",
            "RFC 3168 §6.1.1, RFC 9768",
            Input(|segment, _| {
                let ecn = Flags::ECE | Flags::CWR | Flags::AE;
                drop_if(is_ack(segment) && segment.flags.intersects(ecn))
            }),
        ),
        Fault::new(
            "urgent-ignored",
            "ignores acknowledgements with URG",
            "RFC 9293 §3.8.5",
            Input(|segment, _| drop_if(is_ack(segment) && segment.flags.contains(Flags::URG))),
        ),
        Fault::new(
            "urgent-zero-hangs",
            "hangs when an urgent pointer is zero",
            "CVE-2019-12255 (VxWorks IPnet: length underflow)",
            Input(|segment, _| hang_if(is_urgent(segment, |pointer, _| pointer == 0))),
        ),
        Fault::new(
            "urgent-beyond-text-hangs",
            "hangs when an urgent pointer points beyond the text",
            "CVE-2020-17437 (uIP), CVE-2021-31400 (NicheStack)",
            Input(|segment, _| hang_if(is_urgent(segment, |pointer, text| pointer > text))),
        ),
        Fault::new(
            "urgent-sign-hangs",
            "hangs when an urgent pointer is at 2^15 or above",
            "RFC 9293 §3.1: the urgent pointer is unsigned; CVE-2019-12260 to 12263 (IPnet)",
            Input(|segment, _| hang_if(is_urgent(segment, |pointer, _| pointer > 0x7fff))),
        ),
        Fault::new(
            "null-hangs",
            "hangs on a segment without flags",
            "bug bank: null segments to LISTEN",
            Input(|segment, _| hang_if(segment.flags.is_empty())),
        ),
        Fault::new(
            "christmas-tree-hangs",
            "hangs on a segment with FIN, PSH and URG",
            "bug bank: all-flags segments to LISTEN",
            Input(|segment, _| {
                hang_if(segment.flags.contains(Flags::FIN | Flags::PSH | Flags::URG))
            }),
        ),
        Fault::new(
            "syn-fin-hangs",
            "hangs on a segment with SYN and FIN",
            "bug bank: SYN+FIN to LISTEN",
            Input(|segment, _| hang_if(segment.flags.contains(Flags::SYN | Flags::FIN))),
        ),
        Fault::new(
            "null-in-listen-answered",
            "answers segments without SYN, ACK, RST and FIN that meet a listener",
            "RFC 9293 §3.10.7.2: drop",
            Input(|segment, scene| stray_is_answered(segment, scene, false)),
        ),
        Fault::new(
            "fin-in-listen-answered",
            "answers a FIN without ACK that meets a listener",
            "RFC 9293 §3.10.7.2: drop",
            Input(|segment, scene| stray_is_answered(segment, scene, true)),
        ),
        Fault::new(
            "fin-in-listen-hangs",
            "hangs on a FIN that meets a listener",
            "RFC 9293 §3.10.7.4, eighth step: do not process the FIN in LISTEN",
            Input(|segment, scene| {
                hang_if(scene.connection.stage == Stage::None && segment.flags.contains(Flags::FIN))
            }),
        ),
        Fault::new(
            "fin-ignored",
            "does not count a FIN on the acknowledgement that opens the connection",
            "RFC 9293 §3.10.7.4, eighth step; bug bank: FreeRTOS d89a9facf",
            Input(|segment, scene| {
                if scene.connection.is_opened_by(segment) {
                    clear(segment, Flags::FIN);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "second-fin-ignored",
            "drops a segment with FIN behind the FIN that was taken, acknowledgement and all",
            "RFC 9293 §3.10.7.4: ACK is fifth, FIN eighth; smoltcp 0.14, process(), \"unexpected packet\"",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let behind = segment.seq == connection.rcv_nxt;
                drop_if(connection.fin_in && behind && segment.flags.contains(Flags::FIN))
            }),
        ),
        Fault::new(
            "fin-before-ack",
            "processes a FIN whose acknowledgement is wrong",
            "RFC 9293 §3.10.7.4: ACK is fifth, FIN eighth",
            Input(|segment, scene| {
                let connection = &scene.connection;
                if connection.is_half_open() && segment.flags.contains(Flags::FIN | Flags::ACK) {
                    segment.ack = connection.iss + 1;
                }
                Then::Pass
            }),
        ),
    ],
};

/// Urgent, with a pointer and an amount of text of which `odd` holds.
fn is_urgent(segment: &Segment, odd: fn(usize, usize) -> bool) -> bool {
    is_ack(segment)
        && segment.flags.contains(Flags::URG)
        && odd(segment.urgent.into(), segment.payload.len())
}

/// What RFC 9293 §3.10.7.2 calls other text or control, with or without FIN, is reset.
fn stray_is_answered(segment: &mut Segment, scene: &Scene<'_>, fin: bool) -> Then {
    let known = Flags::SYN | Flags::ACK | Flags::RST;
    if scene.connection.stage == Stage::None
        && !segment.flags.intersects(known)
        && segment.flags.contains(Flags::FIN) == fin
    {
        set(segment, Flags::ACK);
    }
    Then::Pass
}
