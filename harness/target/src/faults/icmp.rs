//! ICMP errors that are believed too much (RFC 9293 §3.9.2.2, RFC 5927).

use super::Change::{Icmp, IcmpLost};
use super::scene::{Stage, exact_rst};
use super::{Fault, Room};

pub(super) const ROOM: Room = Room {
    title: "ICMP errors that arrive",
    faults: &[
        Fault::new(
            "icmp-ends-half-open",
            "drops half-open connections for any ICMP message",
            "RFC 9293 §3.9.2.2 MUST-56",
            Icmp(|host| of_stage(host, Stage::HalfOpen)),
        ),
        Fault::new(
            "icmp-ends-open",
            "drops open connections for any ICMP message",
            "RFC 9293 §3.9.2.2 MUST-56, MUST-54",
            Icmp(|host| of_stage(host, Stage::Open)),
        ),
        Fault::new(
            "icmp-lost",
            "takes no ICMP message",
            "RFC 9293 §3.9.2.2 MUST-54, SHLD-26; RFC 1191 §3",
            IcmpLost,
        ),
    ],
};

fn of_stage(host: &super::scene::Host, stage: Stage) -> Vec<tcpconf_wire::Segment> {
    host.connections
        .iter()
        .filter(|(_, connection)| connection.stage == stage)
        .map(|(pair, connection)| exact_rst(*pair, connection))
        .collect()
}
