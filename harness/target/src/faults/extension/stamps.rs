//! Timestamps of an open connection (RFC 7323 §3 to §5).

use crate::faults::Change::{Input, Output};
use crate::faults::peer::is_older;
use crate::faults::scene::{Scene, Then, drop_if, is_ack, is_rst, is_syn};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Segment, TcpOption};

pub(in crate::faults) const ROOM: Room = Room {
    title: "Timestamps of an open connection",
    faults: &[
        Fault::new(
            "stamps-in-nanoseconds",
            "counts nanoseconds in TSval",
            "RFC 7323 §5.4: the clock must not wrap within a segment lifetime",
            Output(|segment, scene| faster(segment, scene, 1_000_000)),
        ),
        Fault::new(
            "stamps-in-microseconds",
            "counts microseconds in TSval",
            "RFC 7323 §5.4: a tick of 1 ms to 1 s",
            Output(|segment, scene| faster(segment, scene, 1_000)),
        ),
        Fault::new(
            "stamps-stand-still",
            "sends one TSval for ever",
            "RFC 7323 §4.1: values of a clock",
            Output(|segment, scene| faster(segment, scene, 0)),
        ),
        Fault::new(
            "stamp-of-older-segments-echoed",
            "echoes the timestamp that came last, however old",
            "RFC 7323 §4.3: TS.Recent does not go back",
            Output(|segment, scene| {
                let last = scene.connection.peer.tsval;
                each(segment, |_, ecr| *ecr = last.unwrap_or(*ecr))
            }),
        ),
        Fault::new(
            "stamps-of-the-future-taken",
            "takes the timestamp of a segment behind a hole",
            "RFC 7323 §4.3: SEG.SEQ <= Last.ACK.sent",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let (Some(newest), Some((val, _))) = (connection.peer.newest, segment.timestamps())
                else {
                    return Then::Pass;
                };
                drop_if(connection.queued.is_some() && is_older(val, newest))
            }),
        ),
        Fault::new(
            "old-stamps-taken",
            "takes text with an old timestamp",
            "RFC 7323 §5.3 R1",
            Input(|segment, scene| {
                let newest = scene.connection.peer.newest;
                if !is_ack(segment) || !scene.connection.is_open() {
                    return Then::Pass;
                }
                each(segment, |val, _| {
                    if let Some(newest) = newest
                        && is_older(*val, newest)
                    {
                        *val = newest;
                    }
                })
            }),
        ),
        Fault::new(
            "syn-echoes-something",
            "echoes 4711 in its own SYN",
            "RFC 7323 §3.2: TSecr is zero without ACK",
            Output(|segment, _| match is_syn(segment) {
                true => each(segment, |_, ecr| *ecr = 4711),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "echo-of-a-syn-judged",
            "drops a SYN that echoes something",
            "RFC 7323 §3.2: TSecr is ignored without ACK",
            Input(|segment, _| {
                drop_if(is_syn(segment) && segment.timestamps().is_some_and(|(_, ecr)| ecr != 0))
            }),
        ),
        Fault::new(
            "reset-without-timestamps",
            "sends RSTs without timestamps",
            "RFC 7323 §3.2, §5.2; Linux tcp_v4_send_reset()",
            Output(|segment, _| {
                if is_rst(segment) {
                    let stamps = |o: &TcpOption| matches!(o, TcpOption::Timestamps { .. });
                    segment.options.retain(|o| !stamps(o));
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "reset-echoes-nothing",
            "echoes zero in RSTs",
            "RFC 7323 §5.2: TSecr of the segment that drew it",
            Output(|segment, _| match is_rst(segment) {
                true => each(segment, |_, ecr| *ecr = 0),
                false => Then::Pass,
            }),
        ),
    ],
};

/// Changes TSval and TSecr.
fn each(segment: &mut Segment, change: impl Fn(&mut u32, &mut u32)) -> Then {
    for option in &mut segment.options {
        if let TcpOption::Timestamps { val, ecr } = option {
            change(val, ecr);
        }
    }
    Then::Pass
}

/// TSval runs so many times faster from the first one on.
fn faster(segment: &mut Segment, scene: &Scene<'_>, times: u32) -> Then {
    let Some(first) = scene.connection.first_stamp else {
        return Then::Pass;
    };
    if is_rst(segment) {
        return Then::Pass;
    }
    each(segment, |val, _| {
        *val = first.wrapping_add(val.wrapping_sub(first).wrapping_mul(times));
    })
}
