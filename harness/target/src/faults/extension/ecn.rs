//! Explicit congestion notification (RFC 3168).

use crate::faults::Change::{Configuration, Input, Output};
use crate::faults::peer::{CE, ecn, set_ecn};
use crate::faults::scene::{Then, clear, is_ack, is_before, is_syn_ack, set};
use crate::faults::{Fault, Room};
use tcpconf_stack::Ecn;
use tcpconf_wire::{Flags, Segment};

/// ECT(0).
const ECT: u8 = 2;

pub(in crate::faults) const ROOM: Room = Room {
    title: "Explicit congestion notification",
    faults: &[
        Fault::new(
            "ecn-refused",
            "grants no ECN",
            "RFC 3168 §6.1.1",
            Configuration(|config| config.ecn = Ecn::Off),
        ),
        Fault::new(
            "ecn-granted-to-all",
            "answers every SYN by an ECN-setup SYN-ACK",
            "RFC 3168 §6.1.1",
            Output(|segment, _| match is_syn_ack(segment) {
                true => set(segment, Flags::ECE),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "ect-on-syn-ack",
            "sends SYN-ACKs with ECT",
            "RFC 3168 §6.1.1",
            Output(|segment, _| capable_if(segment, is_syn_ack(segment))),
        ),
        Fault::new(
            "ect-on-all-text",
            "sends all text with ECT, retransmissions and what was never agreed on included",
            "RFC 3168 §6.1.1, §6.1.5",
            Output(|segment, _| capable_if(segment, !segment.payload.is_empty())),
        ),
        Fault::new(
            "ect-begets-ect",
            "sends ECT to peers that send ECT",
            "RFC 3168 §6.1.1: no sign that the peer is ECN-capable",
            Output(|segment, scene| {
                let capable = scene.connection.peer.ecn != 0;
                capable_if(segment, capable && !segment.payload.is_empty())
            }),
        ),
        Fault::new(
            "ect-on-acknowledgements",
            "sends pure acknowledgements with ECT",
            "RFC 3168 §6.1.4",
            Output(|segment, scene| {
                let empty = segment.payload.is_empty() && !segment.flags.contains(Flags::SYN);
                capable_if(segment, scene.connection.is_open() && empty)
            }),
        ),
        Fault::new(
            "ect-1-sent",
            "sends ECT(1)",
            "RFC 3168 §6.1.2; RFC 8311",
            Output(|segment, _| {
                if ecn(segment) == ECT {
                    set_ecn(segment, 1);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "ect-missing",
            "sends text without ECT",
            "RFC 3168 §6.1.2",
            Output(|segment, _| {
                set_ecn(segment, 0);
                Then::Pass
            }),
        ),
        Fault::new(
            "mark-not-echoed",
            "does not tell of marks",
            "RFC 3168 §6.1.3",
            Output(|segment, scene| match scene.connection.is_open() {
                true => clear(segment, Flags::ECE),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "mark-echoed-once",
            "tells of a mark in one acknowledgement",
            "RFC 3168 §6.1.3: until CWR comes",
            Output(|segment, scene| match scene.connection.peer.ecn == CE {
                false if scene.connection.is_open() => clear(segment, Flags::ECE),
                _ => Then::Pass,
            }),
        ),
        Fault::new(
            "mark-echoed-for-ever",
            "goes on telling of a mark when CWR has come",
            "RFC 3168 §6.1.3",
            Input(|segment, scene| match scene.connection.is_open() {
                true => clear(segment, Flags::CWR),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "mark-beside-cwr-forgotten",
            "does not see the mark of a segment with CWR, nor any after it",
            "RFC 3168 §6.1.3",
            Input(|segment, scene| {
                let cwr = segment.flags.contains(Flags::CWR) || scene.connection.peer.has_reduced;
                if scene.connection.is_open() && cwr && ecn(segment) == CE {
                    set_ecn(segment, ECT);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "mark-outside-the-window-echoed",
            "tells of marks outside of the window",
            "RFC 3168 §6.1.5",
            Output(|segment, scene| {
                let connection = &scene.connection;
                match connection.is_open() && connection.peer.ecn == CE {
                    true => set(segment, Flags::ECE),
                    false => Then::Pass,
                }
            }),
        ),
        Fault::new(
            "echo-not-heeded",
            "does not react to echoes",
            "RFC 3168 §6.1.2",
            Input(|segment, scene| match scene.connection.is_open() {
                true => clear(segment, Flags::ECE),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "cwr-missing",
            "never sends CWR",
            "RFC 3168 §6.1.2",
            Output(|segment, _| clear(segment, Flags::CWR)),
        ),
        Fault::new(
            "cwr-on-all-text",
            "sends CWR on all text once a mark was echoed",
            "RFC 3168 §6.1.2: the first new segment",
            Output(|segment, scene| {
                match scene.connection.peer.has_echoed && !segment.payload.is_empty() {
                    true => set(segment, Flags::CWR),
                    false => Then::Pass,
                }
            }),
        ),
        Fault::new(
            "cwr-on-retransmissions",
            "sends CWR on retransmissions and probes",
            "RFC 3168 §6.1.2, §6.1.6",
            Output(|segment, scene| {
                let connection = &scene.connection;
                let old = is_before(segment.seq, connection.snd_nxt);
                let probe = connection.peer.window == 0;
                match is_ack(segment) && !segment.payload.is_empty() && (old || probe) {
                    true => set(segment, Flags::CWR),
                    false => Then::Pass,
                }
            }),
        ),
    ],
};

fn capable_if(segment: &mut Segment, condition: bool) -> Then {
    if condition {
        set_ecn(segment, ECT);
    }
    Then::Pass
}
