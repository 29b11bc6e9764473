//! Ends cases: their verdicts, or another try.

use super::queue::Pending;
use super::router::Slot;
use super::{CLEANING_UP, Loop, Play, Running};
use crate::run::attempts::Excused;
use tcpconf_engine::{CaseReport, Excuse, Mark, Outcome};
use tcpconf_wire::Instant;

impl Loop<'_, '_> {
    /// A case has used its time up: it is interrupted, and given up when that does not end it.
    pub(super) fn over_time(&mut self, slot: Slot, now: Instant) {
        let Some(running) = self.running.get_mut(&slot) else {
            return;
        };
        if !running.interrupted {
            running.interrupted = true;
            running.limit = now + CLEANING_UP;
            let reason = match &running.play {
                Play::Case { index, .. } => {
                    let limit = self.entries[*index].real_limit(self.common.options);
                    format!("not done after {} s", limit.as_secs_f64())
                }
                Play::Sanity { .. } => String::new(),
            };
            let conversation = running.play.conversation();
            conversation.interrupt(now, Outcome::Inconclusive, &reason);
            return;
        }
        match self.forget(slot).map(|running| running.play) {
            Some(Play::Case { index, .. }) => {
                let sentence = "the harness failed in this case: it did not clean up";
                self.finish_blank(index, Outcome::Error, sentence);
            }
            Some(Play::Sanity { .. }) => self.health.under_way = false,
            None => {}
        }
    }

    pub(super) fn forget(&mut self, slot: Slot) -> Option<Running> {
        let running = self.running.remove(&slot)?;
        self.router.release(slot);
        self.hang_up(slot, &running.lease, self.uses_application(&running.play));
        self.target.release(running.lease.clone());
        Some(running)
    }

    pub(super) fn uses_application(&self, play: &Play) -> bool {
        match play {
            Play::Case { index, .. } => self.entries[*index].instance.needs.app,
            Play::Sanity { .. } => false,
        }
    }

    /// A conversation is done.
    pub(super) fn ended(&mut self, slot: Slot, now: Instant) {
        self.look_for_starved_threads(now);
        let Some(running) = self.forget(slot) else {
            return;
        };
        match running.play {
            Play::Sanity { handshake, began } => {
                self.sanity_ended(handshake.found(), running.lease.target, began);
            }
            Play::Case {
                index,
                attempts,
                player,
            } => {
                let lost = self.target.link().dropped() > running.dropped;
                let late = (lost || running.spoiled).then_some(Excuse::Late);
                let failed = player.has_failed();
                // What a run's end does to a case, lateness does not excuse.
                let excuse = match (&self.ending, running.interrupted) {
                    (Some(_), true) => None,
                    _ => late.or(player.excuse()),
                };
                let excuse = excuse.map(|why| Excused { why, failed });
                let mut report = player.into_report();
                report.seed = self.common.options.seed;
                if self.entries[index].is_slow() {
                    report.marks.push(Mark::Slow);
                }
                self.tally.absorb(&report);
                let pending = Pending { index, attempts };
                self.suspect_or_settle(report, pending, excuse, now);
            }
        }
    }

    /// The target lives: the verdict stands, or the case is played again.
    pub(super) fn settle(
        &mut self,
        mut report: CaseReport,
        mut pending: Pending,
        excuse: Option<Excused>,
    ) {
        let expected = self
            .common
            .profile
            .expectation(&report.id)
            .map(|e| e.outcome);
        let retries = self.common.options.retries;
        let again = pending
            .attempts
            .again(&mut report, excuse, expected, retries);
        if again && self.ending.is_none() {
            self.queue.spoiled(self.entries, pending);
        } else {
            if again && let Some(excuse) = excuse {
                report.verdict.outcome = Outcome::Inconclusive;
                report.reason = Some(excuse.why.to_string());
            }
            self.health.last_finished = Some(report.id.clone());
            self.tally.case_finished(report);
        }
    }

    pub(super) fn finish_blank(&mut self, index: usize, outcome: Outcome, reason: &str) {
        let report = self.entries[index].blank(self.common.options.seed, outcome, reason);
        self.tally.case_finished(report);
    }
}
