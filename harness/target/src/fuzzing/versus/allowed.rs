//! The allow-list: where smoltcp 0.14 is known to do other than RFC 9293 says, or than the own stack chooses to.
//!
//! An entry speaks of a situation and of the facets that may differ in it. The tests demand a scenario for each that
//! cannot do without it.

use super::compare::Facet;
use super::script::{Operation, union};
use super::situation::{AckPlace, Past, SeqPlace, Situation, Told};
use tcpconf_wire::Flags;

/// An entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    pub(super) name: &'static str,
    pub(super) when: When,
    pub(super) differs: &'static [Facet],
    pub(super) then: Then,
    pub(super) reason: &'static str,
    /// The section of the RFC, and where smoltcp does it.
    pub(super) reference: &'static str,
}

/// How it goes on after a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Both are in the same state.
    GoOn,
    /// They are not, or one has kept what the other has not: what follows is not comparable. So it is in any case
    /// when the difference is one of the state.
    Stop,
}

/// A pattern of situations: with segments, one of them has to match as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    /// Empty: any.
    pub(super) states: &'static [&'static str],
    /// All of these.
    pub(super) past: &'static [Past],
    pub(super) on: On,
}

/// What something is a reaction to.
#[derive(Clone, Copy, Debug)]
pub(super) enum On {
    /// A segment.
    Segment(Segment),
    /// A call, or time.
    Operation(fn(&Operation) -> bool),
    /// Either.
    Anything,
}

/// A pattern of segments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    /// All of these are set.
    pub(super) has: Flags,
    /// None of these.
    pub(super) lacks: Flags,
    /// Two or three of SYN, FIN and RST.
    pub(super) mixed: bool,
    /// Empty: any.
    pub(super) seq: &'static [SeqPlace],
    /// Empty: any.
    pub(super) ack: &'static [AckPlace],
    pub(super) text: Option<bool>,
}

impl When {
    pub(super) fn matches(&self, situation: &Situation) -> bool {
        (self.states.is_empty() || self.states.contains(&situation.state.as_str()))
            && self.past.iter().all(|past| situation.past.contains(past))
            && match self.on {
                On::Anything => true,
                On::Operation(is) => {
                    situation.segments.is_empty() && situation.operation.as_ref().is_some_and(is)
                }
                On::Segment(pattern) => situation.segments.iter().any(|told| pattern.takes(told)),
            }
    }
}

impl Segment {
    fn takes(&self, told: &Told) -> bool {
        told.flags.contains(self.has)
            && !told.flags.intersects(self.lacks)
            && (!self.mixed || is_mixed(told.flags))
            && (self.seq.is_empty() || self.seq.contains(&told.seq))
            && (self.ack.is_empty() || self.ack.contains(&told.ack))
            && self.text.is_none_or(|text| text == told.text)
    }
}

/// Two or three of SYN, FIN and RST.
fn is_mixed(flags: Flags) -> bool {
    let controls = [Flags::SYN, Flags::FIN, Flags::RST];
    controls.iter().filter(|f| flags.contains(**f)).count() > 1
}

/// All in which two that come to rest can differ.
const EVERYTHING: &[Facet] = &[
    Facet::Sent,
    Facet::Answer,
    Facet::Reset,
    Facet::Acked,
    Facet::Delivered,
    Facet::Unacked,
    Facet::State,
    Facet::Told,
];
/// All that a segment can change.
const EFFECTS: &[Facet] = EVERYTHING.split_at(1).1;
/// States in which the peer's FIN has come.
const BEHIND_FIN: &[&str] = &["CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"];
const SYNCHRONIZED: &[&str] = &[
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
];

/// Any segment, to be narrowed.
const fn segment() -> Segment {
    Segment {
        has: Flags::NONE,
        lacks: Flags::NONE,
        mixed: false,
        seq: &[],
        ack: &[],
        text: None,
    }
}

/// The table.
pub(super) const ALLOWED: [Allowed; 27] = [
    Allowed {
        name: "mixed-controls-are-malformed",
        when: When {
            states: &[],
            past: &[],
            on: On::Segment(Segment {
                mixed: true,
                ..segment()
            }),
        },
        differs: EFFECTS,
        then: Then::Stop,
        reason: "a segment with two of SYN, FIN and RST is dropped unread",
        reference: "RFC 9293 §3.10.7; smoltcp 0.14 src/wire/tcp.rs: Repr::parse(), control",
    },
    Allowed {
        name: "reset-without-acknowledgement",
        when: When {
            states: &["CLOSED"],
            past: &[],
            on: On::Segment(Segment {
                lacks: union(Flags::ACK, Flags::SYN),
                ..segment()
            }),
        },
        differs: &[Facet::Reset],
        then: Then::GoOn,
        reason: "a RST for a segment without ACK acknowledges it only if it is a SYN",
        reference: "RFC 9293 §3.5.2; smoltcp 0.14 src/socket/tcp.rs: rst_reply()",
    },
    Allowed {
        name: "no-ack-no-reading",
        when: When {
            states: &[
                "SYN-RECEIVED",
                "ESTABLISHED",
                "FIN-WAIT-1",
                "FIN-WAIT-2",
                "CLOSE-WAIT",
                "CLOSING",
                "LAST-ACK",
                "TIME-WAIT",
            ],
            past: &[],
            on: On::Segment(Segment {
                lacks: union(Flags::ACK, Flags::RST),
                ..segment()
            }),
        },
        differs: EFFECTS,
        then: Then::GoOn,
        reason: "a segment without ACK, a SYN included, is dropped before its sequence number is looked at",
        reference: "RFC 9293 §3.10.7.4, first and fourth; smoltcp 0.14 src/socket/tcp.rs: process(), \"expecting an ACK\"",
    },
    Allowed {
        name: "syn-in-the-window-is-no-error",
        when: When {
            states: SYNCHRONIZED,
            past: &[],
            on: On::Segment(Segment {
                has: union(Flags::SYN, Flags::ACK),
                ..segment()
            }),
        },
        differs: EFFECTS,
        then: Then::Stop,
        reason: "a SYN in the window is neither an error nor challenged, but dropped; one with an unacceptable ACK draws an ACK",
        reference: "RFC 9293 §3.10.7.4, fourth; smoltcp 0.14 src/socket/tcp.rs: process(), \"unexpected packet\"",
    },
    Allowed {
        name: "old-ack-takes-the-segment-with-it",
        when: When {
            states: SYNCHRONIZED,
            past: &[Past::OldAck],
            on: On::Anything,
        },
        differs: EFFECTS,
        then: Then::Stop,
        reason: "a segment whose acknowledgement is old is dropped with its text and its FIN, and before its sequence number is looked at",
        reference: "RFC 9293 §3.10.7.4, fifth: the ACK can be ignored; smoltcp 0.14 src/socket/tcp.rs: process(), \"duplicate ACK\"",
    },
    Allowed {
        name: "syn-sent-looks-at-controls-first",
        when: When {
            states: &["SYN-SENT"],
            past: &[],
            on: On::Segment(Segment {
                has: Flags::ACK,
                lacks: union(Flags::SYN, Flags::RST),
                ..segment()
            }),
        },
        differs: &[Facet::Reset],
        then: Then::GoOn,
        reason: "in SYN-SENT an unacceptable acknowledgement with FIN or PSH is not answered by a RST",
        reference: "RFC 9293 §3.10.7.3, first; smoltcp 0.14 src/socket/tcp.rs: process(), \"expecting a SYN|ACK\"",
    },
    Allowed {
        name: "text-on-syn-is-dropped",
        when: When {
            states: &[],
            past: &[Past::TextOnSyn],
            on: On::Anything,
        },
        differs: &[
            Facet::Acked,
            Facet::Delivered,
            Facet::Answer,
            Facet::State,
            Facet::Told,
        ],
        then: Then::Stop,
        reason: "text on a SYN is dropped and left for retransmission",
        reference: "RFC 9293 §3.10.7.2, third, and §3.10.7.3, fourth; smoltcp 0.14 src/socket/tcp.rs: process(), `State::Listen | State::SynSent => (&[][..], 0)`",
    },
    Allowed {
        name: "acknowledgement-before-sequence-number",
        when: When {
            states: &["SYN-RECEIVED"],
            past: &[],
            on: On::Segment(Segment {
                has: Flags::ACK,
                lacks: Flags::RST,
                seq: &[SeqPlace::Old, SeqPlace::Beyond],
                ..segment()
            }),
        },
        differs: &[Facet::Answer, Facet::Reset],
        then: Then::GoOn,
        reason: "in SYN-RECEIVED an unacceptable acknowledgement is answered by a RST even outside of the window",
        reference: "RFC 9293 §3.10.7.4, first, asks for an ACK, §3.5.2, group 2, for the RST; smoltcp 0.14 src/socket/tcp.rs: process(), \"unacceptable ACK in response to SYN|ACK\"",
    },
    Allowed {
        name: "reset-of-what-is-deleted",
        when: When {
            states: &["SYN-SENT", "CLOSING", "LAST-ACK", "TIME-WAIT"],
            past: &[],
            on: On::Operation(|operation| {
                matches!(
                    operation,
                    Operation::Close | Operation::Abort | Operation::Release
                )
            }),
        },
        differs: &[Facet::Reset],
        then: Then::GoOn,
        reason: "a connection that is given up in SYN-SENT, CLOSING, LAST-ACK or TIME-WAIT sends a RST",
        reference: "RFC 9293 §3.10.4, §3.10.5: delete the TCB; smoltcp 0.14 src/socket/tcp.rs: dispatch(), `self.state == State::Closed`",
    },
    Allowed {
        name: "fin-ahead-is-forgotten",
        when: When {
            states: &[],
            past: &[Past::FinAhead],
            on: On::Anything,
        },
        differs: EFFECTS,
        then: Then::Stop,
        reason: "a FIN ahead of what is expected is forgotten, and without text not even answered",
        reference: "RFC 9293 SHLD-31, RFC 5681 §4.2; smoltcp 0.14 src/socket/tcp.rs: process(), \"ignoring FIN\"",
    },
    Allowed {
        name: "fin-has-no-length",
        when: When {
            states: &[],
            past: &[],
            on: On::Segment(Segment {
                has: union(Flags::FIN, Flags::ACK),
                seq: &[SeqPlace::Overlap],
                ..segment()
            }),
        },
        differs: EFFECTS,
        then: Then::Stop,
        reason: "whether a segment reaches into the window is told by its text, without its FIN",
        reference: "RFC 9293 §3.4, SEG.LEN counts SYN and FIN; smoltcp 0.14 src/socket/tcp.rs: process(), `segment_end`",
    },
    Allowed {
        name: "acknowledgement-of-what-is-not-sent",
        when: When {
            states: SYNCHRONIZED,
            past: &[],
            on: On::Segment(Segment {
                has: Flags::ACK,
                lacks: union(Flags::SYN, Flags::RST),
                ack: &[AckPlace::Given],
                ..segment()
            }),
        },
        differs: EFFECTS,
        then: Then::Stop,
        reason: "an acknowledgement of what the application has given and what is not yet sent is taken",
        reference: "RFC 9293 §3.10.7.4, fifth: SEG.ACK > SND.NXT; smoltcp 0.14 src/socket/tcp.rs: process(), `ack_max`",
    },
    Allowed {
        name: "syn-ack-in-syn-received-is-dropped",
        when: When {
            states: &["SYN-RECEIVED"],
            past: &[],
            on: On::Segment(Segment {
                has: union(Flags::SYN, Flags::ACK),
                ..segment()
            }),
        },
        differs: &[Facet::State, Facet::Reset, Facet::Answer, Facet::Told],
        then: Then::Stop,
        reason: "a SYN-ACK in the window of a half-open connection is dropped, or reset by its acknowledgement",
        reference: "RFC 9293 §3.10.7.4, fourth; suites/targets/smoltcp.toml, handshake/other-syn-in-the-window[flags=S.,*]",
    },
    Allowed {
        name: "fin-again-takes-the-ack-with-it",
        when: When {
            states: BEHIND_FIN,
            past: &[],
            on: On::Segment(Segment {
                has: union(Flags::FIN, Flags::ACK),
                ..segment()
            }),
        },
        differs: EFFECTS,
        then: Then::Stop,
        reason: "a segment with FIN behind the peer's FIN is dropped with its acknowledgement",
        reference: "RFC 9293 §3.10.7.4, fifth comes before eighth; smoltcp 0.14 src/socket/tcp.rs: process(), \"unexpected packet\"",
    },
    Allowed {
        name: "text-behind-the-fin",
        when: When {
            states: BEHIND_FIN,
            past: &[],
            on: On::Segment(Segment {
                has: Flags::ACK,
                seq: &[SeqPlace::Next, SeqPlace::Ahead, SeqPlace::Overlap],
                text: Some(true),
                ..segment()
            }),
        },
        differs: EFFECTS,
        then: Then::Stop,
        reason: "text behind the FIN of the peer is taken and acknowledged",
        reference: "RFC 9293 §3.10.7.4, seventh: ignore the segment text; smoltcp 0.14 src/socket/tcp.rs: process(), `(State::CloseWait, TcpControl::None) => {}`",
    },
    Allowed {
        name: "text-for-nobody",
        when: When {
            states: &[],
            past: &[Past::Released],
            on: On::Segment(Segment {
                text: Some(true),
                ..segment()
            }),
        },
        differs: &[
            Facet::Answer,
            Facet::Reset,
            Facet::State,
            Facet::Acked,
            Facet::Delivered,
        ],
        then: Then::Stop,
        reason: "smoltcp has no orphans: a released socket is aborted when text has come that can be read, and not for text ahead",
        reference: "RFC 1122 §4.2.2.13; harness/target/src/smoltcp_target/look.rs",
    },
    Allowed {
        name: "rst-by-its-text",
        when: When {
            states: &[],
            past: &[],
            on: On::Segment(Segment {
                has: Flags::RST,
                seq: &[SeqPlace::Overlap],
                text: Some(true),
                ..segment()
            }),
        },
        differs: &[Facet::State, Facet::Told],
        then: Then::Stop,
        reason: "a RST whose own number is outside of the window is taken if its text reaches into it",
        reference: "RFC 9293 §3.10.7.4, second: SEG.SEQ is outside the window; smoltcp 0.14 src/socket/tcp.rs: process(), `segment_in_window`",
    },
    Allowed {
        name: "fin-waits-for-room",
        when: When {
            states: &["CLOSE-WAIT"],
            past: &[Past::NoRoom],
            on: On::Operation(|operation| {
                matches!(operation, Operation::Close | Operation::Release)
            }),
        },
        differs: &[Facet::State],
        then: Then::Stop,
        reason: "a closed window holds the FIN back, and LAST-ACK is entered when it is sent, in the own stack; smoltcp sends it all the same",
        reference: "RFC 9293 §3.10.4, CLOSE-WAIT, leaves it open",
    },
    Allowed {
        name: "fin-is-lost-in-the-handshake",
        when: When {
            states: &["FIN-WAIT-1"],
            past: &[Past::ClosedEarly],
            on: On::Anything,
        },
        differs: EVERYTHING,
        then: Then::Stop,
        reason: "after CLOSE in SYN-RECEIVED the own stack sends a FIN behind its SYN-ACK; smoltcp sends none, and takes the acknowledgement of its SYN for that of the FIN",
        reference: "RFC 9293 §3.10.4, SYN-RECEIVED; smoltcp 0.14 src/socket/tcp.rs: process(), ack_of_fin, and seq_to_transmit(), can_fin",
    },
    Allowed {
        name: "last-ack-answers-duplicates",
        when: When {
            states: &["LAST-ACK"],
            past: &[],
            on: On::Segment(Segment {
                has: Flags::ACK,
                ack: &[AckPlace::Again],
                ..segment()
            }),
        },
        differs: &[Facet::Answer],
        then: Then::GoOn,
        reason: "in LAST-ACK an ACK that acknowledges nothing new is challenged",
        reference: "RFC 9293 §3.10.7.4, fifth, LAST-ACK: nothing is sent; smoltcp 0.14 src/socket/tcp.rs: process(), \"Duplicate ACK; our FIN has not been acknowledged\"",
    },
    Allowed {
        name: "empty-segment-at-a-closed-window",
        when: When {
            states: &[],
            past: &[Past::WindowClosed],
            on: On::Segment(segment()),
        },
        differs: &[Facet::Answer],
        then: Then::GoOn,
        reason: "while the window is closed the timer of zero-window probes makes empty segments, which look like answers",
        reference: "RFC 9293 §3.8.6.1 asks for an octet; smoltcp 0.14 src/socket/tcp.rs: dispatch(), `is_zero_window_probe`",
    },
    Allowed {
        name: "time-wait-begins-again",
        when: When {
            states: &["TIME-WAIT"],
            past: &[Past::OutsideWindow],
            on: On::Anything,
        },
        differs: &[Facet::State, Facet::Answer, Facet::Reset],
        then: Then::Stop,
        reason: "any segment from outside of the window begins the wait of TIME-WAIT again",
        reference: "RFC 9293 §3.10.7.4, eighth: a FIN that comes again does; smoltcp 0.14 src/socket/tcp.rs: process(), \"restart the TIME-WAIT timeout\"",
    },
    Allowed {
        name: "few-pieces-are-kept",
        when: When {
            states: &[],
            past: &[Past::ManyPieces],
            on: On::Segment(Segment {
                has: Flags::ACK,
                seq: &[SeqPlace::Ahead],
                text: Some(true),
                ..segment()
            }),
        },
        differs: EFFECTS,
        then: Then::Stop,
        reason: "text ahead of a fifth hole is dropped without a word, together with what comes along",
        reference: "RFC 5681 §4.2: an immediate duplicate ACK; smoltcp 0.14 src/socket/tcp.rs: process(), \"too many holes\"",
    },
    Allowed {
        name: "probes-in-fin-wait-2-without-end",
        when: When {
            states: &["FIN-WAIT-1", "FIN-WAIT-2"],
            past: &[Past::WindowClosed],
            on: On::Anything,
        },
        differs: &[Facet::Rest, Facet::Answer],
        then: Then::Stop,
        reason: "the timer of zero-window probes runs on when all is acknowledged with a window of 0; in FIN-WAIT-2 it makes empty segments without a pause",
        reference: "RFC 9293 §3.8.6.1: probes are for data; smoltcp 0.14 src/socket/tcp.rs: process(), \"stopping zero-window-probe timer\" asks only for the window; dispatch(), should_zero_window_probe",
    },
    Allowed {
        name: "probes-of-an-earlier-connection-without-end",
        when: When {
            states: &[],
            past: &[Past::WindowClosedBefore],
            on: On::Anything,
        },
        differs: &[Facet::Rest],
        then: Then::Stop,
        reason: "the probes without end that an earlier connection makes in FIN-WAIT-2 show on whatever comes next",
        reference: "RFC 9293 §3.8.6.1: probes are for data; smoltcp 0.14 src/socket/tcp.rs: process(), dispatch(), as above",
    },
    Allowed {
        name: "time-wait-is-over-sooner",
        when: When {
            states: &["FIN-WAIT-1", "FIN-WAIT-2", "CLOSING"],
            past: &[],
            on: On::Operation(|operation| matches!(operation, Operation::Cooperate)),
        },
        differs: &[Facet::State],
        then: Then::Stop,
        reason: "with much to send the two reach TIME-WAIT at different times, so that one may be over when the other is not",
        reference: "RFC 9293 §3.6.1: 2 MSL from then on; smoltcp 0.14 src/socket/tcp.rs: CLOSE_DELAY",
    },
    Allowed {
        name: "time-wait-began-sooner",
        when: When {
            states: &["TIME-WAIT"],
            past: &[Past::Cooperated],
            on: On::Anything,
        },
        differs: &[Facet::State],
        then: Then::Stop,
        reason: "after much was taken at one go, TIME-WAIT began at different times; so it ends",
        reference: "RFC 9293 §3.6.1: 2 MSL from then on; smoltcp 0.14 src/socket/tcp.rs: CLOSE_DELAY",
    },
];
