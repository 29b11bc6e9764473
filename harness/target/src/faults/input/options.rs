//! Options that are well-formed (RFC 9293 §3.1, RFC 7323, RFC 2018, RFC 7413).

use crate::faults::Change::Input;
use crate::faults::scene::{Then, drop_if, exact_rst, hang_if, is_ack, is_syn};
use crate::faults::{Fault, Room};
use tcpconf_wire::{Segment, TcpOption, kind};

/// Option kinds that every stack knows.
const USUAL: [u8; 7] = [
    kind::EOL,
    kind::NOP,
    kind::MSS,
    kind::WINDOW_SCALE,
    kind::SACK_PERMITTED,
    kind::SACK,
    kind::TIMESTAMPS,
];
/// Octets of options that a header has room for (RFC 9293 §3.1: data offset at most 15 words).
const FULL: usize = 40;

pub(in crate::faults) const ROOM: Room = Room {
    title: "Options of segments that arrive",
    faults: &[
        Fault::new(
            "options-ignored",
            "reads no options of a connection request",
            "RFC 9293 §3.1 MUST-4",
            Input(|segment, _| {
                if is_syn(segment) {
                    segment.options.clear();
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "mss-zero-hangs",
            "divides by an MSS of zero",
            "lwIP #22249, TF-M1, CVE-2018-16523",
            Input(|segment, _| hang_if(is_syn(segment) && segment.mss() == Some(0))),
        ),
        Fault::new(
            "mss-small-ignored",
            "ignores connection requests with an MSS below 64",
            "RFC 9293 §3.7.1; CVE-2019-11479 (low MSS)",
            Input(|segment, _| {
                drop_if(is_syn(segment) && segment.mss().is_some_and(|mss| (1..64).contains(&mss)))
            }),
        ),
        Fault::new(
            "mss-large-ignored",
            "ignores connection requests with an MSS above that of Ethernet",
            "RFC 9293 §3.7.1",
            Input(|segment, _| {
                drop_if(is_syn(segment) && segment.mss().is_some_and(|mss| mss > 1460))
            }),
        ),
        Fault::new(
            "mss-absent-hangs",
            "divides by the MSS that a connection request does not name",
            "RFC 9293 §3.7.1 MUST-15; CVE-2018-16523 (MSS absent)",
            Input(|segment, _| hang_if(is_syn(segment) && segment.mss().is_none())),
        ),
        Fault::new(
            "scale-above-14-ignored",
            "ignores connection requests with a window scale above 14",
            "RFC 7323 §2.3: take 14",
            Input(|segment, _| {
                drop_if(is_syn(segment) && segment.window_scale().is_some_and(|shift| shift > 14))
            }),
        ),
        Fault::new(
            "scale-above-7-ignored",
            "ignores connection requests with a window scale above 7",
            "RFC 7323 §2.3: up to 14",
            Input(|segment, _| {
                drop_if(is_syn(segment) && segment.window_scale().is_some_and(|shift| shift > 7))
            }),
        ),
        Fault::new(
            "scale-zero-ignored",
            "takes a window scale of zero for none",
            "RFC 7323 §2.2: the sender can still scale",
            Input(|segment, _| drop_if(is_syn(segment) && segment.window_scale() == Some(0))),
        ),
        Fault::new(
            "unknown-option-ignored",
            "ignores segments with options of unknown kinds",
            "RFC 9293 §3.1 MUST-6",
            Input(|segment, _| drop_if(segment.options.iter().any(is_unusual))),
        ),
        Fault::new(
            "unknown-option-ends-list",
            "reads no options behind one of an unknown kind",
            "RFC 9293 §3.1 MUST-6",
            Input(|segment, _| {
                if let Some(at) = segment.options.iter().position(is_unusual) {
                    segment.options.truncate(at);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "behind-end-of-list-read",
            "reads options behind the end of the list",
            "RFC 9293 §3.1 MUST-69",
            Input(|segment, _| {
                for option in &mut segment.options {
                    if *option == TcpOption::Eol {
                        *option = TcpOption::Nop;
                    }
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "end-of-list-hangs",
            "hangs when the list of options is ended",
            "RFC 9293 §3.1 MUST-4",
            Input(|segment, _| hang_if(segment.options.contains(&TcpOption::Eol))),
        ),
        Fault::new(
            "no-operations-ignored",
            "ignores segments with three NOPs in a row",
            "RFC 9293 §3.1 MUST-4",
            Input(|segment, _| {
                drop_if(
                    TcpOption::build_all(&segment.options)
                        .windows(3)
                        .any(|octets| octets == [kind::NOP; 3]),
                )
            }),
        ),
        Fault::new(
            "leading-no-operation-ignored",
            "ignores segments whose options begin with a NOP",
            "RFC 9293 §3.1 MUST-4",
            Input(|segment, _| drop_if(segment.options.first() == Some(&TcpOption::Nop))),
        ),
        Fault::new(
            "misaligned-timestamps-ignored",
            "reads timestamps only where they begin at an even octet",
            "RFC 9293 §3.1 MUST-64; RFC 7323 appendix A",
            Input(|segment, _| {
                retain_by_place(segment, |option, at| {
                    option.kind() != Some(kind::TIMESTAMPS) || at % 2 == 0
                })
            }),
        ),
        Fault::new(
            "late-timestamps-ignored",
            "reads no timestamps in the second half of the options",
            "RFC 9293 §3.1 MUST-64",
            Input(|segment, _| {
                retain_by_place(segment, |option, at| {
                    option.kind() != Some(kind::TIMESTAMPS) || at < FULL / 2
                })
            }),
        ),
        Fault::new(
            "full-header-ignored",
            "has no room for forty octets of options",
            "RFC 9293 §3.1: data offset 15",
            Input(|segment, _| drop_if(TcpOption::build_all(&segment.options).len() > FULL - 4)),
        ),
        Fault::new(
            "repeated-option-ignored",
            "ignores segments that carry an option twice",
            "RFC 9293 §3.1; tcpreq MultiMSS",
            Input(|segment, _| drop_if(has_repeated(segment))),
        ),
        Fault::new(
            "syn-option-on-ack-ignored",
            "ignores acknowledgements with options that belong on a SYN",
            "RFC 9293 §3.1 MUST-5; RFC 7323 §2.2",
            Input(|segment, _| {
                let syn_only = [kind::MSS, kind::WINDOW_SCALE, kind::SACK_PERMITTED];
                let late =
                    |option: &TcpOption| option.kind().is_some_and(|k| syn_only.contains(&k));
                drop_if(is_ack(segment) && segment.options.iter().any(late))
            }),
        ),
        Fault::new(
            "sack-on-third-ack-hangs",
            "hangs on selective acknowledgements that nobody agreed on",
            "bug bank: SACK of FreeBSD and OpenBSD",
            Input(|segment, _| hang_if(segment.sack_blocks().next().is_some())),
        ),
        Fault::new(
            "stray-timestamps-ignored",
            "ignores acknowledgements with timestamps that were not agreed on",
            "RFC 7323 §3.2",
            Input(|segment, scene| {
                drop_if(
                    is_ack(segment)
                        && scene.connection.is_live()
                        && scene.connection.tsval.is_none()
                        && segment.timestamps().is_some(),
                )
            }),
        ),
        Fault::new(
            "missing-timestamps-reset",
            "resets a connection whose segment lacks the timestamps that were agreed on",
            "RFC 7323 §3.2; bug bank: gVisor efe5e737d",
            Input(|segment, scene| {
                let connection = &scene.connection;
                if is_ack(segment)
                    && connection.is_half_open()
                    && connection.tsval.is_some()
                    && segment.timestamps().is_none()
                {
                    *segment = exact_rst(scene.pair, connection);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "fast-open-ignored",
            "ignores connection requests with a Fast Open option",
            "RFC 7413 §4.1.1; RFC 9293 §3.1 MUST-6",
            Input(|segment, _| {
                drop_if(
                    segment
                        .options
                        .iter()
                        .any(|o| matches!(o, TcpOption::FastOpen(_))),
                )
            }),
        ),
    ],
};

/// Of a kind that not every stack knows.
fn is_unusual(option: &TcpOption) -> bool {
    option.kind().is_some_and(|kind| !USUAL.contains(&kind))
}

fn has_repeated(segment: &Segment) -> bool {
    let mut kinds: Vec<u8> = segment
        .options
        .iter()
        .filter_map(TcpOption::kind)
        .filter(|k| *k != kind::NOP)
        .collect();
    let all = kinds.len();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.len() < all
}

/// Replaces the options for which `kept` does not hold by NOPs; it is told where in the list one begins.
fn retain_by_place(segment: &mut Segment, kept: fn(&TcpOption, usize) -> bool) -> Then {
    let mut at = 0;
    let mut list = Vec::new();
    for option in &segment.options {
        let length = TcpOption::build_all(std::slice::from_ref(option)).len();
        if kept(option, at) {
            list.push(option.clone());
        } else {
            list.extend(std::iter::repeat_n(TcpOption::Nop, length));
        }
        at += length;
    }
    segment.options = list;
    Then::Pass
}
