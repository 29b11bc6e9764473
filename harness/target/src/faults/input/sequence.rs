//! Sequence numbers (RFC 9293 §3.4 and §3.10.7.4, first step).

use crate::faults::Change::Input;
use crate::faults::scene::{Connection, Scene, Then, drop_if, exact_rst, is_ack, is_rst, is_syn};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Flags, Segment, SeqNumber};

pub(in crate::faults) const ROOM: Room = Room {
    title: "Sequence numbers of segments that arrive",
    faults: &[
        Fault::new(
            "any-sequence-opens",
            "takes the last acknowledgement of the handshake with any sequence number",
            "RFC 9293 §3.10.7.4, first step; bug bank: gVisor db2a60be6",
            Input(|segment, scene| next_if(true, segment, scene)),
        ),
        Fault::new(
            "left-of-window-opens",
            "takes acknowledgements that lie just left of the window",
            "RFC 9293 §3.4, acceptability",
            Input(|segment, scene| {
                let before = segment.seq.distance_from(scene.connection.rcv_nxt);
                next_if((-2..0).contains(&before), segment, scene)
            }),
        ),
        Fault::new(
            "right-edge-opens",
            "counts the first number behind the window into it",
            "RFC 9293 §3.4, acceptability; bug bank: picoTCP 9b6682af",
            Input(|segment, scene| {
                let connection = &scene.connection;
                next_if(
                    connection.offset(segment) == connection.rcv_wnd,
                    segment,
                    scene,
                )
            }),
        ),
        Fault::new(
            "outside-window-ignored",
            "drops segments outside of the window of a half-open connection without an answer",
            "RFC 9293 §3.10.7.4, first step: send an acknowledgement",
            Input(|segment, scene| drop_if(is_outside(segment, scene) && !is_syn(segment))),
        ),
        Fault::new(
            "outside-window-resets",
            "leaves SYN-RECEIVED on a segment outside of the window, after the answer",
            "RFC 9293 §3.10.7.4, first step: and drop it",
            Input(|segment, scene| {
                if is_outside(segment, scene) {
                    return Then::And(vec![exact_rst(scene.pair, &scene.connection)]);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-copy-ignored",
            "ignores copies of the SYN in SYN-RECEIVED",
            "RFC 9293 §3.10.7.4, first step",
            Input(|segment, scene| {
                let connection = &scene.connection;
                drop_if(
                    is_syn(segment) && connection.is_half_open() && segment.seq == connection.irs,
                )
            }),
        ),
        Fault::new(
            "syn-copy-resets",
            "starts anew on a copy of the SYN in SYN-RECEIVED",
            "RFC 9293 §3.10.7.4, first step; bug bank: picoTCP b783dad2 (new ISN)",
            Input(|segment, scene| {
                let connection = &scene.connection;
                anew_if(
                    connection.is_half_open() && segment.seq == connection.irs,
                    segment,
                    scene,
                )
            }),
        ),
        Fault::new(
            "syn-copy-resets-open",
            "starts anew on a copy of the SYN in ESTABLISHED",
            "RFC 5961 §4.2",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let open = connection.is_live() && !connection.is_half_open();
                anew_if(open && segment.seq == connection.irs, segment, scene)
            }),
        ),
        Fault::new(
            "other-syn-ignored",
            "ignores other SYNs in SYN-RECEIVED",
            "RFC 9293 §3.10.7.4, first and fourth step",
            Input(|segment, scene| drop_if(is_other_syn(segment, &scene.connection))),
        ),
        Fault::new(
            "other-syn-starts-anew",
            "replaces a half-open connection on a SYN outside of its window",
            "RFC 9293 §3.10.7.4, first step; RFC 5961 §4.2",
            Input(|segment, scene| {
                let other = is_other_syn(segment, &scene.connection);
                anew_if(
                    other && !scene.connection.is_in_window(segment),
                    segment,
                    scene,
                )
            }),
        ),
        Fault::new(
            "syn-in-window-ignored",
            "keeps a half-open connection when a SYN falls into its window",
            "RFC 9293 §3.10.7.4, fourth step: return to LISTEN",
            Input(|segment, scene| {
                let connection = &scene.connection;
                drop_if(
                    segment.flags & (Flags::SYN | Flags::RST) == Flags::SYN
                        && connection.is_half_open()
                        && connection.is_in_window(segment),
                )
            }),
        ),
        Fault::new(
            "sequence-compared-unsigned",
            "takes what comes behind the wrap at 2^32 for old",
            "RFC 9293 §3.4: modulo 2^32",
            Input(|segment, scene| {
                let SeqNumber(irs) = scene.connection.irs;
                drop_if(is_ahead(segment, scene) && segment.seq.0 < irs)
            }),
        ),
        Fault::new(
            "sequence-compared-signed",
            "takes what comes behind 2^31 for old",
            "RFC 9293 §3.4: modulo 2^32",
            Input(|segment, scene| {
                let SeqNumber(irs) = scene.connection.irs;
                drop_if(is_ahead(segment, scene) && segment.seq.0.cast_signed() < irs.cast_signed())
            }),
        ),
        Fault::new(
            "isn-zero-refused",
            "takes an initial sequence number of zero for none",
            "RFC 9293 §3.4.1: the space is 0 to 2^32 - 1",
            Input(|segment, _| drop_if(is_syn(segment) && segment.seq == SeqNumber(0))),
        ),
        Fault::new(
            "isn-low-refused",
            "takes the first initial sequence numbers for errors",
            "RFC 9293 §3.4.1: the space is 0 to 2^32 - 1",
            Input(|segment, _| drop_if(is_syn(segment) && segment.seq.0 < 16)),
        ),
        Fault::new(
            "isn-last-refused",
            "takes the last initial sequence numbers for errors",
            "RFC 9293 §3.4.1: the space is 0 to 2^32 - 1",
            Input(|segment, _| {
                drop_if(is_syn(segment) && (0xffff_fff0..).contains(&segment.seq.0))
            }),
        ),
        Fault::new(
            "isn-sign-refused",
            "takes initial sequence numbers at 2^31 for errors",
            "RFC 9293 §3.4.1: the space is 0 to 2^32 - 1",
            Input(|segment, _| {
                drop_if(is_syn(segment) && (0x7fff_fff0..=0x8000_000f).contains(&segment.seq.0))
            }),
        ),
    ],
};

/// An acknowledgement of a half-open connection counts as the next segment if it is so.
fn next_if(taken: bool, segment: &mut Segment, scene: &Scene<'_>) -> Then {
    if is_ack(segment) && scene.connection.is_half_open() && taken {
        segment.seq = scene.connection.rcv_nxt;
    }
    Then::Pass
}

/// Meets a half-open connection, and neither begins in its window nor is a RST.
fn is_outside(segment: &Segment, scene: &Scene<'_>) -> bool {
    let connection = &scene.connection;
    connection.is_half_open() && !connection.is_in_window(segment) && !is_rst(segment)
}

/// A SYN that is not that of the half-open connection which it meets.
fn is_other_syn(segment: &Segment, connection: &Connection) -> bool {
    is_syn(segment) && connection.is_half_open() && segment.seq != connection.irs
}

/// In the window of a connection, the first segment behind the SYN included.
fn is_ahead(segment: &Segment, scene: &Scene<'_>) -> bool {
    is_ack(segment) && scene.connection.is_live() && scene.connection.is_in_window(segment)
}

/// A SYN replaces the connection if it is so: the sound endpoint sees a reset first.
fn anew_if(replaced: bool, segment: &mut Segment, scene: &Scene<'_>) -> Then {
    if !is_syn(segment) || !replaced {
        return Then::Pass;
    }
    let syn = segment.clone();
    *segment = exact_rst(scene.pair, &scene.connection);
    Then::And(vec![syn])
}
