//! What a reaction is a reaction to, in the classes by which entries of the table speak.

use super::script::Operation;
use super::side::Seen;
use std::fmt;
use tcpconf_wire::Flags;

/// Where a segment lies in the receive window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeqPlace {
    /// Nothing has been acknowledged yet: there is no window.
    NoWindow,
    /// It ends at RCV.NXT or before.
    Old,
    /// It begins before RCV.NXT and reaches beyond.
    Overlap,
    /// It begins at RCV.NXT.
    Next,
    /// It begins in the window behind RCV.NXT.
    Ahead,
    /// It begins at or behind the right edge.
    Beyond,
}

/// Where an acknowledgement lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AckPlace {
    /// The segment has none.
    Missing,
    /// Below what was acknowledged before.
    Old,
    /// What was acknowledged before.
    Again,
    /// What was sent.
    New,
    /// More than was sent, no more than was given to be sent.
    Given,
    /// More than that.
    Unsent,
}

/// What has happened to a connection and shows later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    /// Text came on a SYN.
    TextOnSyn,
    /// The application has closed in SYN-RECEIVED.
    ClosedEarly,
    /// The application has released the socket.
    Released,
    /// The peer's window is or was narrow, or not all is acknowledged.
    NoRoom,
    /// A FIN came ahead of what was expected.
    FinAhead,
    /// A segment came with an old acknowledgement.
    OldAck,
    /// A window of 0 was said.
    WindowClosed,
    /// As much text came ahead of what was expected, in pieces, as smoltcp has room for.
    ManyPieces,
    /// A segment without RST came from outside of the receive window.
    OutsideWindow,
    /// A window of 0 was said on an earlier connection.
    WindowClosedBefore,
    /// The peer has cooperated for a while.
    Cooperated,
}

/// One or more segments, or a call, in a state.
#[derive(Clone, Debug, Default)]
pub(super) struct Situation {
    pub(super) state: String,
    pub(super) past: Vec<Past>,
    pub(super) segments: Vec<Told>,
    pub(super) operation: Option<Operation>,
}

/// A segment by classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) flags: Flags,
    pub(super) seq: SeqPlace,
    pub(super) ack: AckPlace,
    pub(super) text: bool,
}

impl Situation {
    pub(super) fn new(state: String, past: Vec<Past>) -> Self {
        Self {
            state,
            past,
            ..Self::default()
        }
    }

    pub(super) fn segment(&mut self, flags: Flags, seq: SeqPlace, ack: AckPlace, text: bool) {
        self.segments.push(Told {
            flags,
            seq,
            ack,
            text,
        });
    }

    pub(super) fn operation(&mut self, operation: &Operation) {
        self.operation = Some(*operation);
    }
}

impl SeqPlace {
    /// By RCV.NXT and the right edge; all relative to the peer's ISN.
    pub(super) fn of(window: Option<(u32, u32)>, first: i32, end: i32) -> Self {
        let Some((next, edge)) = window.map(|(next, edge)| (next as i32, edge as i32)) else {
            return Self::NoWindow;
        };
        if first == next {
            Self::Next
        } else if first < next {
            if end <= next {
                Self::Old
            } else {
                Self::Overlap
            }
        } else if first < edge {
            Self::Ahead
        } else {
            Self::Beyond
        }
    }
}

impl AckPlace {
    /// All relative to the ISS.
    pub(super) fn of(has_ack: bool, ack: u32, seen: &Seen, una: u32, given: u32) -> Self {
        let after = |other: u32| ack.wrapping_sub(other) as i32;
        if !has_ack {
            Self::Missing
        } else if after(seen.sent) > 0 && after(given) <= 0 {
            Self::Given
        } else if after(seen.sent) > 0 {
            Self::Unsent
        } else if ack == una {
            Self::Again
        } else if after(una) > 0 {
            Self::New
        } else {
            Self::Old
        }
    }
}

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.state)?;
        if !self.past.is_empty() {
            write!(f, " {:?}", self.past)?;
        }
        for told in &self.segments {
            let text = if told.text { ", text" } else { "" };
            write!(
                f,
                ": {:?}, seq {:?}, ack {:?}{text}",
                told.flags, told.seq, told.ack
            )?;
        }
        Ok(())
    }
}
