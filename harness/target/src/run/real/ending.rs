//! Ends a run before all cases are played; every case still gets its report.

use super::{CLEANING_UP, Loop, Play};
use crate::run::in_process::{FAIL_FAST, PAST_DEADLINE};
use tcpconf_engine::Outcome;

/// Why a run ends early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Ctrl-C.
    Interrupted,
    /// `--fail-fast`.
    FailFast,
    /// `--deadline`.
    Deadline,
    /// The target died: the sentence.
    Dead(String),
    /// The application side has gone: the sentence.
    Lost(String),
    /// The target was never reached, or the harness failed: the sentence.
    Broken(String),
}

impl Ending {
    /// What cases that were not played get.
    fn unplayed(&self) -> (Outcome, &str) {
        match self {
            Self::Interrupted => (Outcome::Skip, "interrupted"),
            Self::FailFast => (Outcome::Skip, FAIL_FAST),
            Self::Deadline => (Outcome::Inconclusive, PAST_DEADLINE),
            Self::Dead(sentence) | Self::Lost(sentence) => (Outcome::Inconclusive, sentence),
            Self::Broken(sentence) => (Outcome::Error, sentence),
        }
    }

    /// What cases that are being played get.
    fn interrupted(&self) -> (Outcome, &str) {
        match self {
            Self::Deadline => (Outcome::Inconclusive, "the run's deadline passed"),
            other => other.unplayed(),
        }
    }
}

impl Loop<'_, '_> {
    /// Whether the run must end now.
    pub(super) fn look_for_an_end(&mut self) {
        if self.ending.is_some() {
            return;
        }
        if self.common.stop.is_set() {
            self.end(Ending::Interrupted);
        } else if self.common.past_deadline() {
            self.end(Ending::Deadline);
        } else if self.common.options.fail_fast && self.tally.is_red() {
            self.end(Ending::FailFast);
        }
    }

    /// Interrupts what runs, and reports what will not be played.
    pub(super) fn end(&mut self, ending: Ending) {
        match &ending {
            Ending::Interrupted => self.tally.interrupted(),
            Ending::Broken(sentence) => self.tally.broken(sentence.clone()),
            Ending::FailFast | Ending::Deadline | Ending::Dead(_) | Ending::Lost(_) => {}
        }
        let now = self.target.link().now();
        let (outcome, reason) = ending.interrupted();
        for running in self.running.values_mut() {
            if !running.interrupted {
                running.interrupted = true;
                running.limit = now + CLEANING_UP;
                running.play.conversation().interrupt(now, outcome, reason);
            }
            running.wake = now;
        }
        let (outcome, reason) = ending.unplayed();
        for pending in self.queue.drain() {
            self.finish_blank(pending.index, outcome, reason);
        }
        self.ending = Some(ending.clone());
        self.acquit_all();
    }

    /// The link is of no use any more: nothing can be cleaned up.
    pub(super) fn abandon(&mut self, sentence: String) {
        self.end(Ending::Broken(sentence.clone()));
        self.health.under_way = false;
        for (slot, running) in std::mem::take(&mut self.running) {
            self.hang_up(slot, &running.lease, self.uses_application(&running.play));
            self.target.release(running.lease);
            if let Play::Case { index, .. } = running.play {
                self.finish_blank(index, Outcome::Error, &sentence);
            }
        }
    }
}
