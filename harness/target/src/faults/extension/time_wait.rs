//! A SYN that meets TIME-WAIT (RFC 6191, RFC 9293 §3.6.1).

use crate::faults::Change::Input;
use crate::faults::peer::is_older;
use crate::faults::scene::{Scene, Then, drop_if, is_syn};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Segment, TcpOption};

/// Far above all that an old connection has used.
const FAR_ABOVE: u32 = 0x1000_0000;

pub(in crate::faults) const ROOM: Room = Room {
    title: "A SYN in TIME-WAIT",
    faults: &[
        Fault::new(
            "any-syn-leaves-time-wait",
            "opens a connection anew for every SYN in TIME-WAIT, an old one too",
            "RFC 6191 §2; RFC 9293 §3.6.1",
            Input(|segment, scene| {
                if !meets_time_wait(segment, scene) {
                    return Then::Pass;
                }
                if !is_above(segment, scene) {
                    segment.seq = scene.connection.rcv_nxt + FAR_ABOVE;
                }
                later(segment, scene)
            }),
        ),
        Fault::new(
            "stamps-in-time-wait-ignored",
            "goes by the number of a SYN in TIME-WAIT alone",
            "RFC 6191 §2: the timestamp first",
            Input(|segment, scene| {
                if !meets_time_wait(segment, scene) || segment.timestamps().is_none() {
                    return Then::Pass;
                }
                if is_above(segment, scene) {
                    return later(segment, scene);
                }
                drop_if(true)
            }),
        ),
        Fault::new(
            "time-wait-needs-a-later-stamp",
            "opens nothing for a SYN in TIME-WAIT whose timestamp is not later than the last one",
            "RFC 6191 §2: the same time, or none, and a higher number",
            Input(|segment, scene| {
                let newest = scene.connection.peer.newest;
                let later = match (segment.timestamps(), newest) {
                    (Some((val, _)), Some(newest)) => is_older(newest, val),
                    (None, Some(_)) => false,
                    _ => true,
                };
                drop_if(meets_time_wait(segment, scene) && !later)
            }),
        ),
    ],
};

/// Both have sent their FIN, and here comes a SYN.
fn meets_time_wait(segment: &Segment, scene: &Scene<'_>) -> bool {
    let connection = &scene.connection;
    is_syn(segment) && connection.fin_in && connection.fin_end.is_some()
}

/// Its number is above all that was received.
fn is_above(segment: &Segment, scene: &Scene<'_>) -> bool {
    segment.seq.gt(scene.connection.rcv_nxt)
}

/// Moves its TSval, if it has one, behind the newest.
fn later(segment: &mut Segment, scene: &Scene<'_>) -> Then {
    let newest = scene.connection.peer.newest;
    for option in &mut segment.options {
        if let TcpOption::Timestamps { val, .. } = option
            && let Some(newest) = newest
        {
            *val = newest.wrapping_add(1);
        }
    }
    Then::Pass
}
