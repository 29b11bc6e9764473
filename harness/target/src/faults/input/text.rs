//! Text in the handshake, and the windows that come with it (RFC 9293 §3.4, §3.5 and §3.10.7.4, seventh step).

use crate::faults::Change::Input;
use crate::faults::scene::{Scene, Then, drop_if, is_ack, is_syn};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Segment, SeqNumber};

/// Text of the size of a full segment or near it.
const LARGE: usize = 536;
/// A buffer of a small stack.
const SMALL: usize = 64;
/// The segment size of Ethernet.
const FULL_SIZED: u16 = 1_460;

pub(in crate::faults) const ROOM: Room = Room {
    title: "Text of segments that arrive, and their window",
    faults: &[
        Fault::new(
            "text-on-syn-ignored",
            "ignores connection requests with text",
            "RFC 9293 §3.10.7.2: queued for processing later",
            Input(|segment, _| drop_if(is_syn(segment) && !segment.payload.is_empty())),
        ),
        Fault::new(
            "text-on-syn-forgotten",
            "forgets the text of a connection request",
            "RFC 9293 §3.10.7.2: queued for processing later",
            Input(|segment, _| {
                if is_syn(segment) {
                    segment.payload.clear();
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "text-on-syn-counts-twice",
            "counts the text of a connection request again when the connection opens",
            "RFC 9293 §3.5: a gap in the stream",
            Input(|segment, scene| {
                let connection = &scene.connection;
                if connection.is_live() && is_ack(segment) {
                    segment.seq += connection.syn_text;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "text-on-third-ack-ignored",
            "ignores acknowledgements that open a connection and carry text",
            "RFC 9293 §3.10.7.4, seventh step",
            Input(|segment, scene| {
                drop_if(scene.connection.is_opened_by(segment) && !segment.payload.is_empty())
            }),
        ),
        Fault::new(
            "text-on-third-ack-forgotten",
            "takes the acknowledgement that opens a connection without its text",
            "RFC 9293 §3.10.7.4, seventh step",
            Input(|segment, scene| {
                if scene.connection.is_opened_by(segment) {
                    segment.payload.clear();
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "text-out-of-order-forgotten",
            "forgets text that overtakes the last acknowledgement of the handshake",
            "RFC 9293 §3.10.7.4 SHLD-31",
            Input(|segment, scene| {
                let connection = &scene.connection;
                drop_if(
                    connection.is_opened_by(segment)
                        && !segment.payload.is_empty()
                        && segment.seq != connection.rcv_nxt,
                )
            }),
        ),
        Fault::new(
            "second-text-ignored",
            "ignores text behind the first segment of text",
            "RFC 9293 §3.10.7.4, seventh step",
            Input(|segment, scene| {
                let SeqNumber(received) = scene.connection.rcv_nxt - scene.connection.irs.0;
                drop_if(is_text(segment, scene) && received > 1)
            }),
        ),
        Fault::new(
            "middling-text-cut",
            "takes at most 64 octets of a segment that has fewer than 536",
            "RFC 9293 §3.10.7.4, seventh step; bug bank: small buffers of small stacks",
            Input(|segment, scene| {
                if is_text(segment, scene) && segment.payload.len() < LARGE {
                    segment.payload.truncate(SMALL);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "large-text-cut",
            "takes at most 535 octets of a segment",
            "RFC 9293 §3.7.1: at least 536 must be taken",
            Input(|segment, scene| {
                if is_text(segment, scene) {
                    segment.payload.truncate(LARGE - 1);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "zero-window-ignored",
            "ignores segments of a peer that announces no room",
            "RFC 9293 §3.10.7.4: a window of the peer does not make its segments unacceptable",
            Input(|segment, _| drop_if(segment.window == 0)),
        ),
        Fault::new(
            "small-window-ignored",
            "ignores connection requests whose window is smaller than a segment",
            "RFC 9293 §3.10.7.2: the window of a SYN is not judged",
            Input(|segment, _| drop_if(is_syn(segment) && segment.window < FULL_SIZED)),
        ),
        Fault::new(
            "window-signed",
            "takes the window 2^15 of a connection request for a negative one",
            "RFC 9293 §3.1 MUST-1: the window is unsigned",
            Input(|segment, _| drop_if(is_syn(segment) && segment.window == 0x8000)),
        ),
    ],
};

/// Text on a connection.
fn is_text(segment: &Segment, scene: &Scene<'_>) -> bool {
    scene.connection.is_live() && is_ack(segment) && !segment.payload.is_empty()
}
