//! TCP Fast Open (RFC 7413).

use crate::faults::Change::{Input, Output};
use crate::faults::scene::{Then, is_syn, is_syn_ack};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Segment, TcpOption};

/// Octets of a cookie (RFC 7413 §4.1.1).
const COOKIE: std::ops::RangeInclusive<usize> = 4..=16;
/// Octets of text that fit into a packet of Ethernet, and not into one that every host takes.
const LARGE: usize = 1_400;

pub(in crate::faults) const ROOM: Room = Room {
    title: "Fast Open",
    faults: &[
        Fault::new(
            "fast-open-cookie-forgotten",
            "asks for a cookie every time",
            "RFC 7413 §4.1.3: clients cache cookies",
            Output(|segment, _| match is_syn(segment) {
                true => each_cookie(segment, Vec::clear),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "fast-open-on-every-syn",
            "puts a cookie on a SYN that is sent again",
            "RFC 7413 §4.2.2",
            Output(|segment, scene| {
                if is_syn(segment) && scene.connection.syns_out > 0 {
                    segment.options.push(TcpOption::FastOpen(vec![1; 8]));
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "fast-open-on-every-syn-ack",
            "puts a cookie on a SYN-ACK that is sent again",
            "RFC 7413 §4.2.1, §4.2.2",
            Output(|segment, scene| {
                if is_syn_ack(segment) && scene.connection.syn_acks > 0 {
                    segment.options.push(TcpOption::FastOpen(vec![1; 8]));
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "fast-open-lengths-not-looked-at",
            "takes a cookie of any length for a request",
            "RFC 7413 §4.1.1",
            Input(|segment, _| match is_syn(segment) {
                true => each_cookie(segment, |cookie| {
                    if !COOKIE.contains(&cookie.len()) || cookie.len() % 2 != 0 {
                        cookie.clear();
                    }
                }),
                false => Then::Pass,
            }),
        ),
        Fault::new(
            "fast-open-experimental",
            "grants cookies under the experimental kind",
            "RFC 7413 §9",
            Output(|segment, _| {
                for option in &mut segment.options {
                    if let TcpOption::FastOpen(cookie) = option {
                        *option = TcpOption::Experimental {
                            kind: 254,
                            exid: 0xf989,
                            data: std::mem::take(cookie),
                        };
                    }
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "fast-open-syn-overfull",
            "fills the SYN to the size of its own link",
            "RFC 7413 §4.1.3: 536 octets, or the MSS that came with the cookie",
            Output(|segment, _| {
                if is_syn(segment) && !segment.payload.is_empty() {
                    segment.payload.resize(LARGE, b'x');
                }
                Then::Pass
            }),
        ),
    ],
};

fn each_cookie(segment: &mut Segment, change: impl Fn(&mut Vec<u8>)) -> Then {
    for option in &mut segment.options {
        if let TcpOption::FastOpen(cookie) = option {
            change(cookie);
        }
    }
    Then::Pass
}
