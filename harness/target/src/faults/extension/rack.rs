//! Loss found by time, and tail loss probes (RFC 8985, RFC 6937).

use crate::faults::Change::{Configuration, Input, Lacks, Output};
use crate::faults::scene::{Scene, Then, drop_if, is_ack, is_before};
use crate::faults::{Fault, Room};
use std::time::Duration;
use tcpconf_wire::{Segment, TcpOption};

/// Text that leaves so long after the last segment came was sent by a timer.
const PAUSE: Duration = Duration::from_millis(1);
/// Less than any retransmission timeout.
const TIMEOUT: Duration = Duration::from_millis(950);

pub(in crate::faults) const ROOM: Room = Room {
    title: "Loss found by time",
    faults: &[
        Fault::new(
            "rack-missing",
            "counts reports instead of looking at the time, and sends no tail loss probes",
            "RFC 8985 §6, §7",
            Lacks("rack"),
        ),
        Fault::new(
            "tail-probe-missing",
            "sends no tail loss probes",
            "RFC 8985 §7.3",
            Output(|segment, scene| {
                drop_if(is_by_timer(segment, scene) && scene.connection.peer.reported.is_none())
            }),
        ),
        Fault::new(
            "reordering-timer-missing",
            "finds losses when acknowledgements come, and at no other time",
            "RFC 8985 §6.2 step 5",
            Output(|segment, scene| {
                drop_if(is_by_timer(segment, scene) && scene.connection.peer.reported.is_some())
            }),
        ),
        Fault::new(
            "young-acknowledgements-count",
            "takes the acknowledgement of what was just sent again for a report on everything before it",
            "RFC 8985 §6.2 step 2: younger than the least round trip",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let again = is_before(connection.text_seq, connection.snd_nxt - 1)
                    && is_before(connection.peer.acked, segment.ack)
                    && is_before(segment.ack, connection.snd_nxt - 200);
                let reported = connection.peer.reported.is_some();
                match connection.is_open() && is_ack(segment) && again && reported {
                    true => {
                        let end = connection.snd_nxt;
                        let mut more = segment.clone();
                        let block = ((end - 100).0, end.0);
                        more.options = vec![TcpOption::Sack(vec![block])];
                        Then::And(vec![more])
                    }
                    false => Then::Pass,
                }
            }),
        ),
        Fault::new(
            "rate-not-reduced",
            "lets half a window out at once when recovery begins",
            "RFC 6937 §3; RFC 8985 §9.3",
            Configuration(|config| config.prr = false),
        ),
    ],
};

/// Text that no acknowledgement let out, sent before any timeout.
fn is_by_timer(segment: &Segment, scene: &Scene<'_>) -> bool {
    let connection = &scene.connection;
    let since = scene.now.since(connection.heard_at);
    connection.is_open() && !segment.payload.is_empty() && since > PAUSE && since < TIMEOUT
}
