//! Acknowledgements (RFC 9293 §3.10.7.2 and §3.10.7.4, fifth step).

use crate::faults::Change::Input;
use crate::faults::scene::{
    Scene, Stage, Then, clear, drop_if, exact_rst, hang_if, is_ack, set, third_ack,
};
use crate::faults::{Fault, Room};
use std::time::Duration;
use tcpconf_wire::{Flags, Segment, SeqNumber};

/// How long a handshake may take by a hasty defence against floods.
const EMBRYO: Duration = Duration::from_millis(50);

pub(in crate::faults) const ROOM: Room = Room {
    title: "Acknowledgements that arrive",
    faults: &[
        Fault::new(
            "any-ack-opens",
            "opens a half-open connection on any acknowledgement",
            "RFC 9293 §3.10.7.4: SND.UNA < SEG.ACK =< SND.NXT",
            Input(|segment, scene| good_ack_if(segment, scene, |_| true)),
        ),
        Fault::new(
            "ack-of-nothing-opens",
            "counts ISS itself as an acknowledgement of the SYN-ACK",
            "RFC 9293 §3.10.7.4: SND.UNA < SEG.ACK, not =<",
            Input(|segment, scene| good_ack_if(segment, scene, |ahead| ahead == 0)),
        ),
        Fault::new(
            "ack-below-opens",
            "opens a half-open connection on acknowledgements below ISS",
            "RFC 9293 §3.10.7.4: SND.UNA < SEG.ACK",
            Input(|segment, scene| good_ack_if(segment, scene, |ahead| ahead < 0)),
        ),
        Fault::new(
            "ack-beyond-opens",
            "opens a half-open connection on acknowledgements of what was never sent",
            "RFC 9293 §3.10.7.4: SEG.ACK =< SND.NXT; bug bank: gVisor 40faeaa18",
            Input(|segment, scene| good_ack_if(segment, scene, |ahead| ahead > 1)),
        ),
        Fault::new(
            "ack-of-another-opens",
            "looks an acknowledgement up among all half-open connections",
            "RFC 9293 §3.3.1: a connection is its four-tuple",
            Input(ack_of_another),
        ),
        Fault::new(
            "ack-opens-all",
            "opens all half-open connections when one is acknowledged",
            "RFC 9293 §3.3.1: a connection is its four-tuple",
            Input(ack_opens_all),
        ),
        Fault::new(
            "bad-ack-ignored",
            "drops wrong acknowledgements in SYN-RECEIVED without an answer",
            "RFC 9293 §3.10.7.4: form a reset; bug bank: FreeBSD D52934",
            Input(|segment, scene| drop_if(is_bad(segment, scene))),
        ),
        Fault::new(
            "bad-ack-resets",
            "leaves SYN-RECEIVED when an acknowledgement is wrong, after the answer",
            "RFC 9293 §3.10.7.4; bug bank: FreeBSD D52934",
            Input(|segment, scene| {
                if is_bad(segment, scene) {
                    return Then::And(vec![exact_rst(scene.pair, &scene.connection)]);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "sixteenth-ack-opens",
            "compares acknowledgements modulo 16",
            "RFC 9293 §3.4: modulo 2^32",
            Input(|segment, scene| good_ack_if(segment, scene, |ahead| ahead.rem_euclid(16) == 1)),
        ),
        Fault::new(
            "ack-flag-not-asked-for",
            "reads the acknowledgement field of segments without ACK, and takes them for the last of the handshake",
            "RFC 9293 §3.10.7.4: if the ACK bit is off, drop",
            Input(|segment, scene| {
                let flags = Flags::ACK | Flags::SYN | Flags::RST;
                if scene.connection.is_half_open() && !segment.flags.intersects(flags) {
                    set(segment, Flags::ACK);
                    segment.ack = scene.connection.iss + 1;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "no-ack-ends-connection",
            "resets a half-open connection on a segment without ACK",
            "RFC 9293 §3.10.7.4: drop",
            Input(|segment, scene| {
                let flags = Flags::ACK | Flags::SYN | Flags::RST;
                if scene.connection.is_half_open() && !segment.flags.intersects(flags) {
                    *segment = exact_rst(scene.pair, &scene.connection);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "second-ack-resets",
            "resets an open connection on a second copy of the handshake's last acknowledgement",
            "RFC 9293 §3.10.7.4: a duplicate can be ignored",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let copy = connection.stage == Stage::Open
                    && segment.flags == Flags::ACK
                    && segment.payload.is_empty()
                    && segment.seq == connection.rcv_nxt
                    && segment.ack == connection.iss + 1;
                if copy {
                    *segment = exact_rst(scene.pair, connection);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "late-ack-ignored",
            "no longer takes the acknowledgement once the SYN-ACK was sent again",
            "RFC 9293 §3.10.7.4",
            Input(|segment, scene| {
                drop_if(scene.connection.syn_acks > 1 && scene.connection.is_opened_by(segment))
            }),
        ),
        Fault::new(
            "bare-ack-does-not-open",
            "waits for text before it takes a connection for open",
            "RFC 9293 §3.10.7.4, fifth step: TCP_DEFER_ACCEPT for everybody",
            Input(|segment, scene| {
                drop_if(
                    scene.connection.is_opened_by(segment)
                        && segment.payload.is_empty()
                        && !segment.flags.contains(Flags::FIN),
                )
            }),
        ),
        Fault::new(
            "embryo-short-lived",
            "forgets a half-open connection after 50 ms",
            "RFC 4987 §3.3 (reducing the timer), overdone",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let age = scene.now.since(connection.answered_at);
                drop_if(connection.is_opened_by(segment) && age > EMBRYO)
            }),
        ),
        Fault::new(
            "ack-in-listen-ignored",
            "drops acknowledgements that meet a listener without an answer",
            "RFC 9293 §3.10.7.2: form a reset",
            Input(|segment, scene| drop_if(is_stray(segment, scene))),
        ),
        Fault::new(
            "text-in-listen-ignored",
            "drops acknowledgements with text that meet a listener without an answer",
            "RFC 9293 §3.10.7.2: form a reset",
            Input(|segment, scene| {
                drop_if(is_stray(segment, scene) && !segment.payload.is_empty())
            }),
        ),
        Fault::new(
            "fin-ack-in-listen-ignored",
            "drops FINs with acknowledgement that meet a listener without an answer",
            "RFC 9293 §3.10.7.2: ACK is second, the rest fourth",
            Input(|segment, scene| {
                drop_if(is_stray(segment, scene) && segment.flags.contains(Flags::FIN))
            }),
        ),
        Fault::new(
            "ack-zero-in-listen-ignored",
            "takes an acknowledgement number of zero for none",
            "RFC 9293 §3.4: the space is 0 to 2^32 - 1",
            Input(|segment, scene| {
                drop_if(is_stray(segment, scene) && segment.ack == SeqNumber(0))
            }),
        ),
        Fault::new(
            "ack-in-listen-hangs",
            "hangs on an acknowledgement of something that it does not remember",
            "bug bank: FreeBSD SA-02:20 (syncookie without options)",
            Input(|segment, scene| hang_if(is_stray(segment, scene))),
        ),
        Fault::new(
            "syn-ack-in-listen-opens",
            "takes a SYN-ACK that meets a listener for a connection request",
            "RFC 9293 §3.10.7.2: ACK is second, SYN third",
            Input(|segment, scene| {
                if scene.connection.stage == Stage::None && segment.flags.contains(Flags::SYN) {
                    clear(segment, Flags::ACK);
                }
                Then::Pass
            }),
        ),
    ],
};

/// An acknowledgement of a half-open connection counts as the right one if `taken` says so of its
/// distance from ISS.
fn good_ack_if(segment: &mut Segment, scene: &Scene<'_>, taken: fn(i32) -> bool) -> Then {
    let connection = &scene.connection;
    if is_ack(segment)
        && connection.is_half_open()
        && taken(segment.ack.distance_from(connection.iss))
    {
        segment.ack = connection.iss + 1;
    }
    Then::Pass
}

/// In the window of a half-open connection, and acknowledging anything but its SYN-ACK.
fn is_bad(segment: &Segment, scene: &Scene<'_>) -> bool {
    let connection = &scene.connection;
    is_ack(segment)
        && connection.is_half_open()
        && connection.is_in_window(segment)
        && segment.ack != connection.iss + 1
}

/// With ACK, and without a connection.
fn is_stray(segment: &Segment, scene: &Scene<'_>) -> bool {
    is_ack(segment) && scene.connection.stage == Stage::None
}

fn ack_of_another(segment: &mut Segment, scene: &Scene<'_>) -> Then {
    let others = &scene.host.connections;
    if is_ack(segment)
        && scene.connection.is_half_open()
        && others
            .values()
            .any(|other| other.is_half_open() && segment.ack == other.iss + 1)
    {
        segment.ack = scene.connection.iss + 1;
    }
    Then::Pass
}

fn ack_opens_all(segment: &mut Segment, scene: &Scene<'_>) -> Then {
    if !scene.connection.is_opened_by(segment) {
        return Then::Pass;
    }
    let others = scene.host.connections.iter();
    Then::And(
        others
            .filter(|(pair, other)| **pair != scene.pair && other.is_half_open())
            .map(|(pair, other)| third_ack(*pair, other))
            .collect(),
    )
}
