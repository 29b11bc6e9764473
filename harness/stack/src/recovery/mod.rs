//! Loss detection behind a narrow trait: which segments in flight count as lost.  What is done about
//! it, and how much may be sent, is decided by `sender` and `congestion`.
//!
//! Without SACK there is nothing to detect by: duplicate acknowledgements are counted by the sender.

mod prr;
mod rack;
mod sack;

use crate::config::LossRecovery;
use crate::scoreboard::{Scoreboard, Sent};
use core::time::Duration;
use tcpconf_wire::{Instant, SeqNumber};

pub(crate) use prr::Prr;
pub(crate) use rack::Rack;
pub(crate) use sack::Sack;

/// The moment at which losses are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    pub(crate) mss: u32,
    pub(crate) srtt: Option<Duration>,
    pub(crate) snd_una: SeqNumber,
    pub(crate) snd_nxt: SeqNumber,
    /// In fast recovery or after a timeout.
    pub(crate) recovering: bool,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Detected {
    /// Segments were marked that had not been before.
    pub(crate) lost: bool,
    /// When to look again, if no acknowledgement comes before.
    pub(crate) again: Option<Instant>,
}

/// A way to tell which segments are lost.
pub(crate) trait LossDetection {
    /// `segment` was acknowledged or SACKed for the first time.
    fn on_delivered(&mut self, now: Instant, segment: &Sent);
    /// The peer reports that it got octets twice (RFC 2883).
    fn on_duplicate_report(&mut self, moment: Moment);
    /// Fast recovery is over.
    fn on_recovered(&mut self, now: Instant);
    /// The retransmission timer has expired: marks what counts as lost.
    fn on_timeout(&mut self, moment: Moment, board: &mut Scoreboard);
    /// Marks what is lost.
    fn detect(&mut self, moment: Moment, board: &mut Scoreboard) -> Detected;
}

/// The ways to choose from.
#[derive(Debug)]
pub(crate) enum Detector {
    Sack(Sack),
    Rack(Box<Rack>),
}

impl Default for Detector {
    fn default() -> Self {
        Self::Sack(Sack)
    }
}

impl Detector {
    #[inline]
    pub(crate) fn new(choice: LossRecovery) -> Self {
        match choice {
            LossRecovery::Sack => Self::Sack(Sack),
            LossRecovery::Rack => Self::Rack(Box::default()),
        }
    }

    /// Whether the scoreboard must know the order in which segments were sent.
    pub(crate) fn needs_order(&self) -> bool {
        matches!(self, Self::Rack(_))
    }

    /// Whether `NextSeg` of RFC 6675 §4 chooses what is sent in fast recovery.
    pub(crate) fn fills_holes(&self) -> bool {
        matches!(self, Self::Sack(_))
    }

    /// Whether tail loss probes belong to it (RFC 8985 §7).
    pub(crate) fn probes_tail(&self) -> bool {
        matches!(self, Self::Rack(_))
    }

    fn inner(&mut self) -> &mut dyn LossDetection {
        match self {
            Self::Sack(sack) => sack,
            Self::Rack(rack) => &mut **rack,
        }
    }
}

impl LossDetection for Detector {
    #[inline]
    fn on_delivered(&mut self, now: Instant, segment: &Sent) {
        match self {
            Self::Sack(sack) => sack.on_delivered(now, segment),
            Self::Rack(rack) => rack.on_delivered(now, segment),
        }
    }
    fn on_duplicate_report(&mut self, moment: Moment) {
        self.inner().on_duplicate_report(moment);
    }
    fn on_recovered(&mut self, now: Instant) {
        self.inner().on_recovered(now);
    }
    fn on_timeout(&mut self, moment: Moment, board: &mut Scoreboard) {
        self.inner().on_timeout(moment, board);
    }
    fn detect(&mut self, moment: Moment, board: &mut Scoreboard) -> Detected {
        self.inner().detect(moment, board)
    }
}
