//! `IsLost` of RFC 6675 §4: by what was SACKed above a segment.

use super::{Detected, LossDetection, Moment};
use crate::scoreboard::{Scoreboard, Sent};
use tcpconf_wire::Instant;

/// RFC 6675. It has no memory of its own: the scoreboard is all it needs.
#[derive(Debug)]
pub(crate) struct Sack;

impl LossDetection for Sack {
    fn on_delivered(&mut self, _now: Instant, _segment: &Sent) {}

    fn on_duplicate_report(&mut self, _moment: Moment) {}

    fn on_recovered(&mut self, _now: Instant) {}

    fn on_timeout(&mut self, _moment: Moment, board: &mut Scoreboard) {
        board.mark_all_lost();
    }

    fn detect(&mut self, moment: Moment, board: &mut Scoreboard) -> Detected {
        Detected {
            lost: board.mark_lost_by_sack(moment.mss),
            again: None,
        }
    }
}
