//! Windows and the range of acknowledgements (RFC 7323 §2, RFC 5961 §5).

use crate::faults::Change::{Input, Output};
use crate::faults::scene::{Scene, Then, drop_if, exact_rst, is_ack, is_before};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Flags, Segment};

pub(in crate::faults) const ROOM: Room = Room {
    title: "Windows and the range of acknowledgements",
    faults: &[
        Fault::new(
            "range-by-the-last-window",
            "takes acknowledgements no older than the last window is large",
            "RFC 5961 §5.2: MAX.SND.WND is the largest window",
            Input(|segment, scene| {
                let peer = &scene.connection.peer;
                drop_if(is_text(segment, scene) && behind(segment, scene) > peer.octets(segment))
            }),
        ),
        Fault::new(
            "range-open-below",
            "takes text with any old acknowledgement",
            "RFC 5961 §5.2; RFC 9293 §3.10.7.4 without it",
            Input(|segment, scene| {
                if is_text(segment, scene) && behind(segment, scene) > 0 {
                    segment.ack = scene.connection.peer.acked;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "range-open-above",
            "takes text that acknowledges what was not sent",
            "RFC 9293 §3.10.7.4, fifth check",
            Input(|segment, scene| {
                if is_text(segment, scene) && is_before(scene.connection.snd_nxt, segment.ack) {
                    segment.ack = scene.connection.snd_nxt;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "scale-behind-the-syn-taken",
            "scales a window by the option that stands beside it",
            "RFC 7323 §2.2: only on SYN segments",
            Input(|segment, _| {
                if let Some(shift) = segment.window_scale().filter(|_| is_ack(segment)) {
                    let window = u32::from(segment.window) << shift.min(14);
                    segment.window = u16::try_from(window).unwrap_or(u16::MAX);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "scale-of-fifteen-taken",
            "takes a shift above 14",
            "RFC 7323 §2.3: 14 is used",
            Input(|segment, scene| {
                if is_ack(segment) && scene.connection.peer.scale > 14 {
                    segment.window = segment.window.saturating_mul(2);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "shrunken-window-resets",
            "resets a connection whose peer takes back part of its window",
            "RFC 9293 §3.8.6 MUST-34; RFC 7323 §2.4",
            Input(|segment, scene| match shrinks(segment, scene) {
                true => Then::And(vec![exact_rst(scene.pair, &scene.connection)]),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "shrunken-window-ignored",
            "goes by the largest right edge that its peer ever announced",
            "RFC 7323 §2.4: the most recent window",
            Input(|segment, scene| {
                if shrinks(segment, scene) {
                    let peer = &scene.connection.peer;
                    let window = (peer.edge - segment.ack) >> peer.scale.min(14);
                    segment.window = u16::try_from(window).unwrap_or(u16::MAX);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "own-right-edge-refused",
            "drops text that fills the window to its last octet",
            "RFC 9293 §3.4: SEG.SEQ < RCV.NXT+RCV.WND",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let end = segment.seq + segment.payload.len() as u32;
                drop_if(is_text(segment, scene) && end - connection.rcv_nxt >= connection.rcv_wnd)
            }),
        ),
        Fault::new(
            "own-window-not-shifted",
            "announces its window without shifting it",
            "RFC 7323 §2.3",
            Output(|segment, scene| {
                if is_ack(segment) && scene.connection.is_open() {
                    let window = u32::from(segment.window) << scene.connection.own_scale();
                    segment.window = u16::try_from(window).unwrap_or(u16::MAX);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "retransmission-cut-to-the-window",
            "sends nothing again that reaches beyond the window of now",
            "RFC 7323 §2.4: retransmit what was within the window once",
            Output(|segment, scene| {
                let connection = &scene.connection;
                let end = segment.seq + segment.payload.len() as u32;
                let again = !is_before(connection.snd_nxt, end);
                let beyond = is_before(connection.peer.edge, end);
                drop_if(connection.is_open() && !segment.payload.is_empty() && again && beyond)
            }),
        ),
    ],
};

/// Text on an open connection.
fn is_text(segment: &Segment, scene: &Scene<'_>) -> bool {
    scene.connection.is_open() && is_ack(segment) && !segment.payload.is_empty()
}

/// How far the acknowledgement of a segment lies below the highest one.
fn behind(segment: &Segment, scene: &Scene<'_>) -> u32 {
    let acked = scene.connection.peer.acked;
    match is_before(segment.ack, acked) {
        true => acked - segment.ack,
        false => 0,
    }
}

/// The right edge that it announces lies left of that of before, and its window is not shut.
fn shrinks(segment: &Segment, scene: &Scene<'_>) -> bool {
    let peer = &scene.connection.peer;
    let edge = segment.ack + peer.octets(segment);
    scene.connection.is_open()
        && is_ack(segment)
        && !segment.flags.contains(Flags::FIN)
        && segment.payload.is_empty()
        && peer.has_acked
        && !is_before(segment.ack, peer.acked)
        && is_before(edge, peer.edge)
}
