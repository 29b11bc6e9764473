//! The SYN-ACK and its retransmissions (RFC 9293 §3.5 and §3.8.1, RFC 6298).

use crate::faults::Change::Output;
use crate::faults::scene::{Scene, Then, drop_if, is_syn_ack, third_ack};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Segment, SeqNumber, TcpOption};

/// A gap that no retransmission explains.
const STEP: u32 = 1_000;

pub(in crate::faults) const ROOM: Room = Room {
    title: "SYN-ACKs that are sent",
    faults: &[
        Fault::new(
            "syn-ack-sent-once",
            "sends the SYN-ACK only once",
            "RFC 9293 §3.8.1; RFC 4987 §4",
            Output(|segment, scene| drop_if(is_again(segment, scene))),
        ),
        Fault::new(
            "syn-ack-again-with-new-isn",
            "sends the SYN-ACK again with another sequence number",
            "bug bank: picoTCP b783dad2 (SYN-ACK with new ISN)",
            Output(|segment, scene| {
                if is_again(segment, scene) {
                    segment.seq += STEP;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-again-with-other-window",
            "sends the SYN-ACK again with another window",
            "RFC 9293 §3.8.1",
            Output(|segment, scene| {
                if is_again(segment, scene) {
                    segment.window ^= 1;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-again-without-options",
            "sends the SYN-ACK again without options, as a cookie",
            "RFC 4987 §3.6",
            Output(|segment, scene| {
                if is_again(segment, scene) {
                    segment.options.clear();
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-again-with-ack-beside",
            "sends the SYN-ACK again with an acknowledgement of one more",
            "RFC 9293 §3.8.1",
            Output(|segment, scene| {
                if is_again(segment, scene) {
                    segment.ack += 1;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-again-with-older-stamp",
            "sends the SYN-ACK again with a timestamp before that of the first",
            "RFC 7323 §5.4",
            Output(|segment, scene| {
                if is_again(segment, scene) {
                    for option in &mut segment.options {
                        if let TcpOption::Timestamps { val, .. } = option {
                            *val = val.wrapping_sub(60_000);
                        }
                    }
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-opens",
            "takes a connection for open when its SYN-ACK is sent",
            "RFC 9293 §3.5; RFC 1644 (T/TCP)",
            Output(|segment, scene| opens_if(segment, scene, true)),
        ),
        Fault::new(
            "syn-ack-opens-for-text",
            "takes a connection whose request carried text for open when its SYN-ACK is sent",
            "RFC 9293 §3.5; RFC 1644 (T/TCP), RFC 7413 without cookie",
            Output(|segment, scene| opens_if(segment, scene, scene.connection.syn_text > 0)),
        ),
        Fault::new(
            "syn-ack-forgets-wrap",
            "acknowledges the last number of the space by itself",
            "RFC 9293 §3.4: modulo 2^32",
            Output(|segment, _| {
                if is_syn_ack(segment) && segment.ack == SeqNumber(0) {
                    segment.ack = SeqNumber(u32::MAX);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-forgets-syn",
            "acknowledges the number of the SYN itself",
            "RFC 9293 §3.4: SYN counts for one",
            Output(|segment, _| {
                if is_syn_ack(segment) {
                    segment.ack = segment.ack - 1;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-acknowledges-too-much",
            "acknowledges more than a connection request holds",
            "RFC 9293 §3.5",
            Output(|segment, scene| {
                let text = scene.connection.syn_text;
                if is_syn_ack(segment) && text > 0 {
                    segment.ack = scene.connection.irs + text + 3;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-with-reserved-bits",
            "sets a reserved bit in the SYN-ACK",
            "RFC 9293 §3.1: must be zero in generated segments",
            Output(|segment, _| {
                if is_syn_ack(segment) {
                    segment.reserved = 1;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-with-text",
            "sends text with the SYN-ACK",
            "RFC 9293 §3.5: none before the handshake is complete, without Fast Open",
            Output(|segment, _| {
                if is_syn_ack(segment) {
                    segment.payload = b"welcome".to_vec();
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-window-scaled",
            "shifts the window of the SYN-ACK",
            "RFC 7323 §2.2: the window of a SYN is never scaled",
            Output(|segment, _| {
                if is_syn_ack(segment)
                    && let Some(shift) = segment.window_scale()
                {
                    segment.window >>= shift.max(1);
                }
                Then::Pass
            }),
        ),
    ],
};

/// A SYN-ACK that was sent before.
fn is_again(segment: &Segment, scene: &Scene<'_>) -> bool {
    is_syn_ack(segment) && scene.connection.is_half_open() && segment.seq == scene.connection.iss
}

/// The sound endpoint receives the acknowledgement of its SYN-ACK at once if it is so.
fn opens_if(segment: &Segment, scene: &Scene<'_>, open: bool) -> Then {
    if !is_syn_ack(segment) || !open {
        return Then::Pass;
    }
    let mut connection = scene.connection;
    connection.iss = segment.seq;
    connection.rcv_nxt = segment.ack;
    Then::And(vec![third_ack(scene.pair, &connection)])
}
