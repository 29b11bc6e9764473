//! Resets (RFC 9293 §3.5.3 and §3.10.7, RFC 5961 §3).

use crate::faults::Change::Input;
use crate::faults::scene::{
    Scene, Stage, Then, clear, drop_if, exact_rst, hang_if, is_rst, is_syn, set, third_ack,
};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Flags, Segment};

pub(in crate::faults) const ROOM: Room = Room {
    title: "Resets that arrive",
    faults: &[
        Fault::new(
            "rst-ignored",
            "ignores resets of half-open connections",
            "RFC 9293 §3.10.7.4, SYN-RECEIVED",
            Input(|segment, scene| drop_if(is_rst(segment) && scene.connection.is_half_open())),
        ),
        Fault::new(
            "rst-with-ack-ignored",
            "ignores resets that carry an acknowledgement",
            "RFC 9293 §3.5.3",
            Input(|segment, _| drop_if(segment.flags.contains(Flags::RST | Flags::ACK))),
        ),
        Fault::new(
            "rst-with-other-flags-ignored",
            "ignores resets that carry FIN, PSH or URG",
            "RFC 9293 §3.10.7.4: RST is checked before them",
            Input(|segment, _| {
                let others = Flags::FIN | Flags::PSH | Flags::URG;
                drop_if(is_rst(segment) && segment.flags.intersects(others))
            }),
        ),
        Fault::new(
            "rst-with-text-ignored",
            "ignores resets that carry text",
            "RFC 9293 §3.5.3 SHLD-2",
            Input(|segment, _| drop_if(is_rst(segment) && !segment.payload.is_empty())),
        ),
        Fault::new(
            "rst-needs-good-ack",
            "ignores resets of half-open connections whose acknowledgement is not the right one",
            "RFC 9293 §3.5.3: outside of SYN-SENT the acknowledgement is not judged",
            Input(|segment, scene| {
                let connection = &scene.connection;
                drop_if(
                    segment.flags.contains(Flags::RST | Flags::ACK)
                        && connection.is_half_open()
                        && segment.ack != connection.iss + 1,
                )
            }),
        ),
        Fault::new(
            "rst-anywhere-resets",
            "believes resets with any sequence number",
            "CVE-2004-0230; RFC 9293 §3.5.3",
            Input(|segment, scene| exact_if(true, segment, scene)),
        ),
        Fault::new(
            "rst-in-window-resets",
            "believes resets anywhere in the window",
            "CVE-2004-0230; RFC 5961 §3.2",
            Input(|segment, scene| {
                exact_if(scene.connection.is_in_window(segment), segment, scene)
            }),
        ),
        Fault::new(
            "rst-right-edge-resets",
            "counts the first number behind the window into it when a reset bears it",
            "RFC 5961 §3.2",
            Input(|segment, scene| {
                let connection = &scene.connection;
                exact_if(
                    connection.offset(segment) == connection.rcv_wnd,
                    segment,
                    scene,
                )
            }),
        ),
        Fault::new(
            "rst-left-edge-resets",
            "counts the last number before the window into it when a reset bears it",
            "RFC 5961 §3.2",
            Input(|segment, scene| {
                exact_if(scene.connection.offset(segment) == u32::MAX, segment, scene)
            }),
        ),
        Fault::new(
            "rst-by-its-end-resets",
            "believes resets that begin before the window and end in it",
            "RFC 9293 §3.10.7.4, second step: SEG.SEQ; smoltcp 0.14, process(), `segment_in_window`",
            Input(|segment, scene| {
                let rcv_nxt = scene.connection.rcv_nxt;
                let end = segment.seq + segment.seq_len();
                let reaches = segment.seq.lt(rcv_nxt) && rcv_nxt.lt(end);
                exact_if(scene.connection.is_open() && reaches, segment, scene)
            }),
        ),
        Fault::new(
            "rst-in-window-unanswered",
            "drops resets in the window without a challenge",
            "RFC 5961 §3.2",
            Input(|segment, scene| {
                let connection = &scene.connection;
                drop_if(
                    is_rst(segment)
                        && connection.is_in_window(segment)
                        && segment.seq != connection.rcv_nxt,
                )
            }),
        ),
        Fault::new(
            "rst-outside-window-answered",
            "acknowledges resets outside of the window",
            "RFC 5961 §3.2; bug bank: picoTCP 647f7dc1 (RST acked)",
            Input(|segment, scene| {
                if is_rst(segment)
                    && scene.connection.is_live()
                    && !scene.connection.is_in_window(segment)
                {
                    clear(segment, Flags::RST);
                    set(segment, Flags::ACK);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-in-listen-answered",
            "answers resets that meet a listener or no listener by a reset",
            "RFC 9293 §3.5.2; bug bank: gVisor 3dc3cffb2, picoTCP 3dbdb5b4 (RST to RST)",
            Input(|segment, scene| {
                if is_rst(segment) && scene.connection.stage == Stage::None {
                    clear(segment, Flags::RST);
                    set(segment, Flags::ACK);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-answered",
            "answers the reset that ends a half-open connection by a reset",
            "RFC 9293 §3.5.2; bug bank: gVisor 3dc3cffb2, picoTCP 3dbdb5b4 (RST to RST)",
            Input(|segment, scene| {
                let connection = &scene.connection;
                if is_rst(segment) && connection.is_half_open() && segment.seq == connection.rcv_nxt
                {
                    // What would have opened the connection meets LISTEN, which resets it.
                    return Then::And(vec![third_ack(scene.pair, connection)]);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-kills-listener",
            "closes the listener when a reset meets it",
            "RFC 9293 §3.10.7.2: ignored",
            Input(|segment, scene| {
                hang_if(is_rst(segment) && scene.connection.stage == Stage::None)
            }),
        ),
        Fault::new(
            "rst-after-syn",
            "looks at SYN before RST in LISTEN: opens a connection",
            "RFC 9293 §3.10.7.2: RST is first",
            Input(|segment, scene| {
                if scene.connection.stage == Stage::None && segment.flags.contains(Flags::SYN) {
                    clear(segment, Flags::RST);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "rst-after-syn-half-open",
            "looks at SYN before RST in SYN-RECEIVED: drops it as a SYN that is not the first",
            "RFC 9293 §3.10.7.4: RST is second, SYN fourth",
            Input(|segment, scene| {
                drop_if(
                    scene.connection.is_half_open()
                        && segment.flags.contains(Flags::SYN | Flags::RST),
                )
            }),
        ),
        Fault::new(
            "rst-ends-them-all",
            "drops all half-open connections when one is reset",
            "RFC 9293 §3.10.7.4 and MUST-41",
            Input(end_them_all),
        ),
        Fault::new(
            "rst-leaves-time-wait",
            "refuses connection requests of sockets whose connection was reset",
            "RFC 9293 §3.10.7.4: CLOSED or LISTEN at once",
            Input(|segment, scene| {
                drop_if(
                    is_syn(segment)
                        && scene.connection.stage == Stage::None
                        && scene.connection.resets > 0,
                )
            }),
        ),
        Fault::new(
            "rst-then-lower-isn-refused",
            "refuses connection requests below the number of a connection that was reset",
            "RFC 9293 §3.10.7.4: CLOSED or LISTEN at once",
            Input(|segment, scene| {
                let connection = &scene.connection;
                drop_if(
                    is_syn(segment)
                        && connection.stage == Stage::None
                        && connection.resets > 0
                        && segment.seq.lt(connection.irs),
                )
            }),
        ),
        Fault::new(
            "rst-then-next-isn-refused",
            "takes a connection request with the next number for a copy of the old one",
            "RFC 9293 §3.10.7.4: CLOSED or LISTEN at once",
            Input(|segment, scene| {
                let connection = &scene.connection;
                drop_if(
                    is_syn(segment)
                        && connection.stage == Stage::None
                        && connection.resets > 0
                        && segment.seq == connection.irs + 1,
                )
            }),
        ),
    ],
};

/// A reset of a live connection counts as exact if it is so.
fn exact_if(believed: bool, segment: &mut Segment, scene: &Scene<'_>) -> Then {
    if is_rst(segment) && scene.connection.is_live() && believed {
        segment.seq = scene.connection.rcv_nxt;
    }
    Then::Pass
}

fn end_them_all(segment: &mut Segment, scene: &Scene<'_>) -> Then {
    if !is_rst(segment) || !scene.connection.is_half_open() {
        return Then::Pass;
    }
    let half_open = scene.host.connections.iter();
    Then::And(
        half_open
            .filter(|(pair, connection)| **pair != scene.pair && connection.is_half_open())
            .map(|(pair, connection)| exact_rst(*pair, connection))
            .collect(),
    )
}
