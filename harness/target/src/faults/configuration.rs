//! Configurations of the own stack that break a rule.

use super::Change::Configuration;
use super::{Fault, Room};
use std::time::Duration;
use tcpconf_stack::Ecn;

pub(super) const ROOM: Room = Room {
    title: "Configurations",
    faults: &[
        Fault::new(
            "rto-short",
            "sends a SYN-ACK again after 300 ms",
            "RFC 6298 §2.1: at least a second",
            Configuration(|config| config.rto_initial = Duration::from_millis(300)),
        ),
        Fault::new(
            "rto-long",
            "sends a SYN-ACK again only after five seconds",
            "RFC 6298 §2.1: a second; RFC 4987 §4",
            Configuration(|config| config.rto_initial = Duration::from_secs(5)),
        ),
        Fault::new(
            "rto-without-back-off",
            "waits a second before every retransmission",
            "RFC 6298 §5.5",
            Configuration(|config| config.rto_max = Duration::from_secs(1)),
        ),
        Fault::new(
            "rto-minimum-short",
            "takes 50 ms for the least timeout",
            "RFC 6298 §2.4: a second",
            Configuration(|config| config.rto_min = Duration::from_millis(50)),
        ),
        Fault::new(
            "rto-unbounded",
            "lets timeouts double for ever",
            "RFC 6298 §5.5: a maximum; RFC 9293 §3.8.1",
            Configuration(|config| config.rto_max = Duration::from_secs(100_000)),
        ),
        Fault::new(
            "acknowledgement-not-delayed",
            "acknowledges every segment at once",
            "RFC 9293 §3.8.6.3 SHLD-18",
            Configuration(|config| config.delayed_ack = Duration::ZERO),
        ),
        Fault::new(
            "silly-window-used-at-once",
            "sends into any window at once",
            "RFC 9293 §3.8.6.2.1 MUST-38",
            Configuration(|config| config.sws_override = Duration::ZERO),
        ),
        Fault::new(
            "silly-window-used-late",
            "waits ten seconds before it sends into a small window",
            "RFC 9293 §3.8.6.2.1: 0.1 to 1.0 seconds",
            Configuration(|config| config.sws_override = Duration::from_secs(10)),
        ),
        Fault::new(
            "ecn-not-granted",
            "does not grant ECN",
            "RFC 3168 §6.1.1; RFC 9293 §3.8.2 SHLD-8",
            Configuration(|config| config.ecn = Ecn::Off),
        ),
        Fault::new(
            "time-wait-not-reused",
            "opens no connection from TIME-WAIT",
            "RFC 6191 §2; RFC 9293 §3.6.1 MAY-2, SHLD-4",
            Configuration(|config| config.time_wait_reuse = false),
        ),
        Fault::new(
            "acknowledgement-late",
            "delays acknowledgements by 700 ms",
            "RFC 9293 §3.8.6.3 MUST-40: less than half a second",
            Configuration(|config| config.delayed_ack = Duration::from_millis(700)),
        ),
        Fault::new(
            "acknowledgement-never-delayed",
            "acknowledges each segment at once",
            "RFC 5681 §4.2; RFC 9293 §3.8.6.3 SHLD-18",
            Configuration(|config| config.delayed_ack = Duration::ZERO),
        ),
        Fault::new(
            "syn-ack-retries-few",
            "gives a handshake up after one retransmission",
            "RFC 9293 §3.8.3 SHLD-10",
            Configuration(|config| config.synack_retries = 1),
        ),
        Fault::new(
            "syn-ack-retries-endless",
            "never gives a handshake up",
            "RFC 9293 §3.8.3 MUST-20; CVE-1999-0116 (SYN flood)",
            Configuration(|config| config.synack_retries = 1_000),
        ),
        Fault::new(
            "challenges-missing",
            "knows nothing of RFC 5961",
            "RFC 5961 §3 to §5",
            Configuration(|config| config.rfc5961 = false),
        ),
        Fault::new(
            "challenges-forbidden",
            "sends no acknowledgement for segments that are not acceptable",
            "RFC 9293 §3.10.7.4, first step; RFC 5961 §7",
            Configuration(|config| config.challenge_acks_per_second = 0),
        ),
        Fault::new(
            "scale-unanswered",
            "does not answer a window scale",
            "RFC 7323 §2.3",
            Configuration(|config| config.window_scale = false),
        ),
        Fault::new(
            "timestamps-unanswered",
            "does not answer timestamps",
            "RFC 7323 §3.2",
            Configuration(|config| config.timestamps = false),
        ),
        Fault::new(
            "sack-unanswered",
            "does not answer SACK-permitted",
            "RFC 2018 §2",
            Configuration(|config| config.sack = false),
        ),
        Fault::new(
            "cookies-missing",
            "drops connection requests when half-open connections fill the backlog",
            "RFC 4987 §4; CVE-1999-0116 (SYN flood)",
            Configuration(|config| config.syn_cookies = false),
        ),
        Fault::new(
            "reassembly-missing",
            "keeps no text that arrives out of order",
            "RFC 9293 §3.10.7.4 SHLD-31",
            Configuration(|config| config.max_reassembly_ranges = 0),
        ),
    ],
};
