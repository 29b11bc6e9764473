//! Options of the SYN-ACK (RFC 9293 §3.7.1, RFC 7323, RFC 2018).

use crate::faults::Change::Output;
use crate::faults::scene::{Scene, Then, is_ack, is_syn_ack};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Segment, TcpOption};

/// Octets of a timestamps option with its padding (RFC 7323 appendix A).
const STAMPS: u16 = 12;

pub(in crate::faults) const ROOM: Room = Room {
    title: "Options that are sent",
    faults: &[
        Fault::new(
            "scale-unasked",
            "answers a window scale that nobody offered",
            "RFC 7323 §2.2",
            Output(|segment, _| add_if_absent(segment, TcpOption::WindowScale(7))),
        ),
        Fault::new(
            "scale-forgotten-in-syn-received",
            "acknowledges from SYN-RECEIVED with a window in octets",
            "RFC 7323 §2.2: only that of a SYN is",
            Output(|segment, scene| {
                let connection = &scene.connection;
                if connection.is_half_open() && is_ack(segment) {
                    // What the SYN-ACK said, which is in octets.
                    segment.window = connection.rcv_wnd.min(u16::MAX.into()) as u16;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "timestamps-unasked",
            "answers timestamps that nobody offered",
            "RFC 7323 §3.2",
            Output(|segment, _| add_if_absent(segment, TcpOption::Timestamps { val: 1, ecr: 0 })),
        ),
        Fault::new(
            "sack-unasked",
            "answers a SACK-permitted that nobody offered",
            "RFC 2018 §2",
            Output(|segment, _| add_if_absent(segment, TcpOption::SackPermitted)),
        ),
        Fault::new(
            "fast-open-unasked",
            "gives Fast Open cookies to peers that did not ask",
            "RFC 7413 §4.2.2",
            Output(|segment, _| add_if_absent(segment, TcpOption::FastOpen(vec![0; 8]))),
        ),
        Fault::new(
            "mss-missing",
            "names no MSS",
            "RFC 9293 §3.7.1 SHLD-5",
            Output(|segment, _| keep(segment, |option| !matches!(option, TcpOption::Mss(_)))),
        ),
        Fault::new(
            "mss-tiny",
            "names an MSS of 64",
            "CVE-2019-11479 (MSS floor); RFC 9293 §3.7.1",
            Output(|segment, _| each_mss(segment, |mss| *mss = 64)),
        ),
        Fault::new(
            "mss-beyond-ip",
            "names an MSS that no IP packet can carry",
            "RFC 9293 §3.7.1 MUST-67",
            Output(|segment, _| each_mss(segment, |mss| *mss = 65_530)),
        ),
        Fault::new(
            "mss-less-options",
            "subtracts the options from the MSS",
            "RFC 6691 §2",
            Output(|segment, scene| {
                if scene.connection.tsval.is_some() {
                    return each_mss(segment, |mss| *mss -= STAMPS);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "scale-above-14",
            "answers a window scale of 15",
            "RFC 7323 §2.3",
            Output(|segment, _| {
                each(segment, |option| {
                    if let TcpOption::WindowScale(shift) = option {
                        *shift = 15;
                    }
                })
            }),
        ),
        Fault::new(
            "echo-missing",
            "echoes zero in the SYN-ACK",
            "RFC 7323 §3.2",
            Output(|segment, scene| echo(segment, scene, |_| 0)),
        ),
        Fault::new(
            "echo-of-low-half",
            "echoes the low sixteen bits alone",
            "RFC 7323 §3.2",
            Output(|segment, scene| echo(segment, scene, |val| val & 0xffff)),
        ),
        Fault::new(
            "echo-of-sign-missing",
            "echoes zero for timestamps from 2^31 on",
            "RFC 7323 §3.2: modulo 2^32",
            Output(|segment, scene| {
                echo(
                    segment,
                    scene,
                    |val| {
                        if val.cast_signed() < 0 { 0 } else { val }
                    },
                )
            }),
        ),
        Fault::new(
            "options-of-cookie",
            "answers a connection request with all options by an MSS alone",
            "RFC 4987 §4: cookies while there is room",
            Output(|segment, _| {
                if segment.options.iter().filter_map(TcpOption::kind).count() > 3 {
                    return keep(segment, |option| matches!(option, TcpOption::Mss(_)));
                }
                Then::Pass
            }),
        ),
    ],
};

/// Changes each option of a SYN-ACK.
fn each(segment: &mut Segment, change: impl FnMut(&mut TcpOption)) -> Then {
    if is_syn_ack(segment) {
        segment.options.iter_mut().for_each(change);
    }
    Then::Pass
}

fn each_mss(segment: &mut Segment, change: fn(&mut u16)) -> Then {
    each(segment, |option| {
        if let TcpOption::Mss(mss) = option {
            change(mss);
        }
    })
}

fn echo(segment: &mut Segment, scene: &Scene<'_>, value: fn(u32) -> u32) -> Then {
    let Some(val) = scene.connection.tsval else {
        return Then::Pass;
    };
    each(segment, |option| {
        if let TcpOption::Timestamps { ecr, .. } = option {
            *ecr = value(val);
        }
    })
}

/// Keeps only some options of a SYN-ACK.
fn keep(segment: &mut Segment, kept: fn(&TcpOption) -> bool) -> Then {
    if is_syn_ack(segment) {
        segment.options.retain(kept);
    }
    Then::Pass
}

/// Adds an option to a SYN-ACK that has none of its kind.
fn add_if_absent(segment: &mut Segment, option: TcpOption) -> Then {
    let there = segment.options.iter().any(|o| o.kind() == option.kind());
    if is_syn_ack(segment) && !there {
        segment.options.push(option);
    }
    Then::Pass
}
