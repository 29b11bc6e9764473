//! What SEGMENT ARRIVES and the timeouts return: the answer, what becomes of the connection, and
//! what the user is told.  Whoever called carries it out.

use crate::error::ErrorKind;
use crate::types::{Event, StateName};
use core::ops::{BitOr, BitOrAssign};
use tcpconf_wire::SeqNumber;

/// The segment that answers, besides what is sent in due course.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reply {
    #[default]
    None,
    /// `<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>`, now.
    Ack,
    /// The same, within the rate limit (RFC 5961 §7).
    ChallengeAck,
    /// The SYN-ACK once more.
    SynAck,
    /// `<SEQ=seq><CTL=RST>`.
    Reset { seq: SeqNumber },
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its state is as before.
    #[default]
    Stay,
    /// It has entered this state.
    Enter(StateName),
    /// The embryo is gone; its listener was in LISTEN all the time.
    ReturnToListen,
    /// The connection is deleted; why, if not in order.
    Closed(Option<ErrorKind>),
    /// TIME-WAIT ends, and the segment goes to the listener (RFC 6191, MAY-2); the new ISS is
    /// beyond this one.
    Reopen { above: SeqNumber },
}

/// A set of user events, those without contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signals(u8);

impl Signals {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ACCEPTABLE: Self = Self(1);
    /// ESTABLISHED was reached.
    pub(crate) const CONNECTED: Self = Self(2);
    pub(crate) const READABLE: Self = Self(4);
    pub(crate) const WRITABLE: Self = Self(8);
    pub(crate) const URGENT: Self = Self(16);
    pub(crate) const EOF: Self = Self(32);
    pub(crate) const CLOSED: Self = Self(64);

    /// By bit, in the order in which they are told.
    const EVENTS: [Event; 7] = [
        Event::Acceptable,
        Event::Connected,
        Event::Readable,
        Event::Writable,
        Event::Urgent,
        Event::Eof,
        Event::Closed,
    ];

    pub(crate) const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }

    /// Takes the first event out.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        let event = Self::EVENTS.get(self.0.trailing_zeros() as usize)?;
        self.0 &= self.0 - 1;
        Some(*event)
    }
}

impl BitOr for Signals {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Signals {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// The value of one event of the state machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaction {
    pub(crate) reply: Reply,
    pub(crate) fate: Fate,
    pub(crate) signals: Signals,
}

impl Reaction {
    pub(crate) const DROP: Self = Self {
        reply: Reply::None,
        fate: Fate::Stay,
        signals: Signals::NONE,
    };

    pub(crate) const fn reply(reply: Reply) -> Self {
        Self {
            reply,
            ..Self::DROP
        }
    }

    pub(crate) const fn fate(fate: Fate) -> Self {
        Self { fate, ..Self::DROP }
    }
}
