//! The bounds of the retransmission timeout (RFC 6298 §2).

use crate::faults::Change::Configuration;
use crate::faults::{Fault, Room};
use std::time::Duration;

pub(in crate::faults) const ROOM: Room = Room {
    title: "Bounds of the retransmission timeout",
    faults: &[
        Fault::new(
            "rto-two-seconds-at-most",
            "takes 2 s for the greatest timeout",
            "RFC 6298 §2.5: at least a minute",
            Configuration(|config| config.rto_max = Duration::from_secs(2)),
        ),
        Fault::new(
            "rto-half-a-minute-at-most",
            "takes 30 s for the greatest timeout",
            "RFC 6298 §2.5: at least a minute",
            Configuration(|config| config.rto_max = Duration::from_secs(30)),
        ),
        Fault::new(
            "rto-minimum-long",
            "takes 10 s for the least timeout",
            "RFC 6298 §2.4: a second",
            Configuration(|config| config.rto_min = Duration::from_secs(10)),
        ),
    ],
};
