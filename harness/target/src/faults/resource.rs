//! Room for connections, and whose connection is whose (RFC 9293 §3.3.1, RFC 4987).

use super::Change::Input;
use super::scene::{Pair, Scene, Stage, Then, drop_if, exact_rst, is_syn, set};
use super::{Fault, Room};
use tcpconf_wire::{Flags, Segment};

/// Connections of a small host.
const SMALL_TABLE: u32 = 50;
/// Half-open connections behind a small backlog.
const SMALL_BACKLOG: usize = 6;
/// Connections that a leaking host has room for.
const OPENED: u32 = 20;
/// Connections of a very small host.
const FEW: usize = 4;
/// Ports below are those of servers (RFC 6335 §6).
const FIRST_USER_PORT: u16 = 1024;

pub(super) const ROOM: Room = Room {
    title: "Room for connections",
    faults: &[
        Fault::new(
            "one-peer-at-a-time",
            "serves only the socket that came first",
            "RFC 9293 MUST-41; uIP with one connection",
            Input(|segment, scene| {
                let first = scene.host.first_peer.unwrap_or(scene.pair.remote);
                drop_if(is_syn(segment) && first != scene.pair.remote)
            }),
        ),
        Fault::new(
            "one-address-a-port",
            "tells peers apart by port alone",
            "RFC 9293 §3.3.1: a connection is its four-tuple",
            Input(|segment, scene| {
                let same = |pair: &Pair| {
                    pair.remote.port() == scene.pair.remote.port() && *pair != scene.pair
                };
                drop_if(is_syn(segment) && scene.host.connections.keys().any(same))
            }),
        ),
        Fault::new(
            "one-embryo",
            "has room for one half-open connection",
            "CVE-1999-0116 (SYN flood)",
            Input(|segment, scene| drop_if(is_syn(segment) && half_open(scene) > 0)),
        ),
        Fault::new(
            "low-ports-refused",
            "ignores peers on ports below 1024",
            "RFC 9293 §3.10.7.2",
            Input(|_, scene| drop_if(scene.pair.remote.port() < FIRST_USER_PORT)),
        ),
        Fault::new(
            "port-sign-refused",
            "ignores peers on port 2^15 and on the last port",
            "RFC 9293 §3.1: ports are unsigned",
            Input(|_, scene| drop_if(matches!(scene.pair.remote.port(), 0x8000 | u16::MAX))),
        ),
        Fault::new(
            "embryos-never-freed",
            "takes fifty connection requests, and no more",
            "CVE-1999-0116, CVE-2017-5972 (SYN flood)",
            Input(|segment, scene| drop_if(is_syn(segment) && scene.host.answered >= SMALL_TABLE)),
        ),
        Fault::new(
            "full-backlog-resets",
            "refuses connection requests when the backlog is full",
            "RFC 9293 §3.5.2; bug bank: gVisor 368fc605d",
            Input(|segment, scene| {
                if is_syn(segment) && half_open(scene) >= SMALL_BACKLOG {
                    set(segment, Flags::ACK);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "backlog-never-drains",
            "keeps the place of half-open connections that were reset",
            "RFC 9293 §3.10.7.4, SYN-RECEIVED: RST",
            Input(|segment, scene| {
                let connections = scene.host.connections.values();
                let resets: u32 = connections.map(|connection| connection.resets).sum();
                drop_if(is_syn(segment) && resets as usize >= SMALL_BACKLOG)
            }),
        ),
        Fault::new(
            "connections-never-freed",
            "has room for twenty connections, those that are over included",
            "RFC 9293 §3.10.7.4, ESTABLISHED: RST deletes the TCB; bug bank: FreeBSD LAST-ACK leak",
            Input(|segment, scene| drop_if(is_syn(segment) && scene.host.opened >= OPENED)),
        ),
        Fault::new(
            "four-connections",
            "has room for four connections",
            "RFC 9293 MUST-41; lwIP with MEMP_NUM_TCP_PCB of 4",
            Input(|segment, scene| {
                let connections = scene.host.connections.values();
                let live = connections.filter(|connection| connection.is_live());
                drop_if(is_syn(segment) && live.count() >= FEW)
            }),
        ),
        Fault::new(
            "burst-evicts-open",
            "drops an open connection to make room for half-open ones",
            "RFC 4987 §4; RFC 9293 MUST-41",
            Input(|segment, scene| match scene.host.syns > SMALL_TABLE {
                true => evict(segment, scene, Stage::Open),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "new-connection-ends-open",
            "drops an open connection when another is asked for",
            "RFC 9293 MUST-41",
            Input(|segment, scene| evict(segment, scene, Stage::Open)),
        ),
        Fault::new(
            "new-connection-evicts",
            "drops a half-open connection when another is asked for",
            "RFC 4987 §3.4 (recycling the oldest), with a table of one",
            Input(|segment, scene| evict(segment, scene, Stage::HalfOpen)),
        ),
    ],
};

fn half_open(scene: &Scene<'_>) -> usize {
    let others = scene.host.connections.iter();
    others
        .filter(|(pair, connection)| **pair != scene.pair && connection.is_half_open())
        .count()
}

/// A connection request of new sockets ends those at the given stage.
fn evict(segment: &Segment, scene: &Scene<'_>, stage: Stage) -> Then {
    if !is_syn(segment) {
        return Then::Pass;
    }
    let others = scene.host.connections.iter();
    Then::And(
        others
            .filter(|(pair, connection)| **pair != scene.pair && connection.stage == stage)
            .map(|(pair, connection)| exact_rst(*pair, connection))
            .collect(),
    )
}
