//! Keeps watch over the target: a sanity handshake first, last, and after each case that did not pass.
//!
//! A case that did not pass is a suspect until a handshake that began later has succeeded: then its
//! verdict stands. When the handshake fails twice, the target is dead; the first suspect killed it, and
//! what follows is inconclusive.

use super::ending::Ending;
use super::queue::Pending;
use super::{CLEANING_UP, Loop, Play};
use crate::run::attempts::Excused;
use crate::run::entry::{Entry, fail};
use crate::run::sanity::{Handshake, Probe};
use crate::seam::LeaseError;
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_engine::{CaseReport, Outcome};
use tcpconf_suite::plan::Needs;
use tcpconf_wire::Instant;

/// Handshakes that fail in a row before the target counts as dead: the first may have met a full backlog.
const FAILURES_UNTIL_DEAD: u32 = 2;
/// Longer than the handshake's own patience.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(15);

/// A case that did not pass, while it is not known whether the target lives.
struct Suspect {
    report: CaseReport,
    pending: Pending,
    excuse: Option<Excused>,
    ended: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before the first handshake.
    Unknown,
    /// A handshake has succeeded.
    Good,
    /// The last handshake has succeeded, or the target offers none.
    Over,
}

/// What is known of the target's health.
pub(super) struct Health {
    phase: Phase,
    /// A closed port is all that the cases need.
    closed_is_fine: bool,
    ip: u8,
    pub(super) under_way: bool,
    failures: u32,
    suspects: Vec<Suspect>,
    /// When the last handshake that succeeded began.
    good_at: Instant,
    last_ended: Instant,
    /// The case that got its verdict last.
    pub(super) last_finished: Option<String>,
}

impl Health {
    pub(super) fn new(enabled: bool, entries: &[Entry]) -> Self {
        let playable = || entries.iter().filter(|e| e.set_aside.is_none());
        Self {
            phase: if enabled { Phase::Unknown } else { Phase::Over },
            closed_is_fine: playable().all(|e| e.instance.needs.service == "closed"),
            ip: playable().next().map_or(4, |e| e.ip),
            under_way: false,
            failures: 0,
            suspects: Vec::new(),
            good_at: Instant::ZERO,
            last_ended: Instant::ZERO,
            last_finished: None,
        }
    }

    /// Whether cases may start.
    pub(super) fn is_known_good(&self) -> bool {
        self.phase != Phase::Unknown
    }

    /// Whether a handshake must still be made before the run can end.
    pub(super) const fn is_pending(&self) -> bool {
        !matches!(self.phase, Phase::Over) || self.under_way
    }

    fn is_fine(&self, found: &Probe) -> bool {
        match found {
            Probe::Open => true,
            Probe::Closed => self.closed_is_fine,
            Probe::Silent | Probe::Icmp(..) | Probe::NotSent(_) => false,
        }
    }
}

impl Loop<'_, '_> {
    /// Begins a handshake when one is due.
    pub(super) fn watch(&mut self) {
        if self.ending.is_some() {
            self.health.phase = Phase::Over;
            return;
        }
        let idle = self.running.is_empty() && self.queue.is_empty();
        let due = match self.health.phase {
            Phase::Unknown => true,
            Phase::Good => !self.health.suspects.is_empty() || idle,
            Phase::Over => false,
        };
        if !due || self.health.under_way {
            return;
        }
        if idle && self.health.suspects.is_empty() && self.health.good_at >= self.health.last_ended
        {
            self.health.phase = Phase::Over;
            return;
        }
        let closed = self.health.closed_is_fine;
        let needs = Needs {
            service: if closed { "closed" } else { "listen" }.to_owned(),
            ..Needs::default()
        };
        match self.target.lease(&needs, self.health.ip, 1) {
            Ok(lease) => {
                let handshake = Handshake::new(&lease, self.target.next_isn());
                let began = self.target.link().now();
                self.health.under_way = true;
                let play = Play::Sanity { handshake, began };
                self.begin(play, lease, HANDSHAKE_LIMIT);
            }
            Err(LeaseError::Busy) => self.busy("a sanity handshake"),
            Err(LeaseError::Unsupported(_)) => {
                self.health.phase = Phase::Over;
                self.acquit(Instant::from_nanos(u64::MAX));
            }
            Err(LeaseError::Target(error)) => {
                let now = self.target.link().now();
                self.no_lease(now, &error);
            }
        }
    }

    /// A case has ended. What did not pass waits until the target has shown that it lives.
    pub(super) fn suspect_or_settle(
        &mut self,
        report: CaseReport,
        pending: Pending,
        excuse: Option<Excused>,
        now: Instant,
    ) {
        self.health.last_ended = now;
        let failed = matches!(
            report.verdict.outcome,
            Outcome::Fail | Outcome::Inconclusive
        );
        if failed && self.health.phase == Phase::Good && self.ending.is_none() {
            self.health.suspects.push(Suspect {
                report,
                pending,
                excuse,
                ended: now,
            });
        } else {
            self.settle(report, pending, excuse);
        }
    }

    /// A handshake has ended.
    pub(super) fn sanity_ended(&mut self, found: Probe, target: SocketAddr, began: Instant) {
        self.health.under_way = false;
        if self.ending.is_some() {
            return;
        }
        if self.health.is_fine(&found) {
            self.health.failures = 0;
            self.health.phase = Phase::Good;
            self.health.good_at = began;
            self.acquit(began);
            return;
        }
        let sentence = found.sentence(target);
        if self.health.phase == Phase::Unknown {
            self.end(Ending::Broken(sentence));
            return;
        }
        self.health.failures += 1;
        if self.health.failures >= FAILURES_UNTIL_DEAD {
            self.dead(&sentence);
        }
    }

    /// The verdicts of cases that ended before this instant stand.
    fn acquit(&mut self, before: Instant) {
        let (clear, still): (Vec<Suspect>, Vec<Suspect>) =
            std::mem::take(&mut self.health.suspects)
                .into_iter()
                .partition(|s| s.ended <= before);
        self.health.suspects = still;
        for suspect in clear {
            self.settle(suspect.report, suspect.pending, suspect.excuse);
        }
    }

    /// All suspects get their verdicts as they are: the run ends for another reason.
    pub(super) fn acquit_all(&mut self) {
        self.acquit(Instant::from_nanos(u64::MAX));
    }

    /// Ends the run when the target is known to be gone: whoever spoke to it last killed it.
    pub(super) fn look_for_death(&mut self) {
        if self.ending.is_some() {
            return;
        }
        let Some(sentence) = self.target.ended() else {
            return;
        };
        if self.health.phase == Phase::Unknown {
            self.end(Ending::Broken(sentence));
            return;
        }
        let last = self.last_to_speak;
        let reason = format!("the target died: {sentence}");
        let now = self.target.link().now();
        let mut others = Vec::new();
        for running in self.running.values_mut() {
            let Play::Case { index, player, .. } = &mut running.play else {
                continue;
            };
            if Some(*index) != last {
                others.push(self.entries[*index].instance.id.as_str());
            } else if !running.interrupted {
                running.interrupted = true;
                running.limit = now + CLEANING_UP;
                player.interrupt(now, Outcome::Fail, &reason);
            }
        }
        let id = last.map(|index| self.entries[index].instance.id.clone());
        let id = id.unwrap_or_default();
        self.tally.killed_by(&id);
        let beside = match others[..] {
            [] => String::new(),
            _ => format!(
                " (beside it ran {}: -j 1 tells for sure)",
                others.join(", ")
            ),
        };
        self.tally
            .note(format!("the target died in {id}{beside}: {sentence}"));
        if let Some(suspect) = self.health.suspects.iter_mut().find(|s| s.report.id == id) {
            fail(&mut suspect.report, reason);
            suspect.excuse = None;
        }
        self.end(Ending::Dead(format!("the target died in {id}")));
    }

    /// The target does not answer any more.
    fn dead(&mut self, sentence: &str) {
        let mut suspects = std::mem::take(&mut self.health.suspects);
        let first_fail = suspects
            .iter()
            .position(|s| s.report.verdict.outcome == Outcome::Fail);
        let killer = if suspects.is_empty() {
            None
        } else {
            Some(suspects.remove(first_fail.unwrap_or(0)))
        };
        let id = match &killer {
            Some(suspect) => suspect.report.id.clone(),
            None => self.health.last_finished.clone().unwrap_or_default(),
        };
        self.tally.killed_by(&id);
        self.tally
            .note(format!("the target stopped answering in {id}: {sentence}"));
        let reason = format!("the target stopped answering in {id}");
        if let Some(Suspect {
            mut report,
            pending,
            ..
        }) = killer
        {
            report.attempts = pending.attempts.count;
            if report.verdict.outcome == Outcome::Fail {
                report.reason = Some(format!("the target died: {sentence}"));
            } else {
                fail(&mut report, format!("the target died: {sentence}"));
            }
            self.tally.case_finished(report);
        }
        self.end(Ending::Dead(reason.clone()));
        self.nothing_is_known(suspects, &reason);
    }

    /// The application side has gone: what ran and what did not pass just now says nothing of the target.
    pub(super) fn lost(&mut self, sentence: String) {
        if self.ending.is_some() {
            return;
        }
        self.tally.note(sentence.clone());
        let suspects = std::mem::take(&mut self.health.suspects);
        self.end(Ending::Lost(sentence.clone()));
        self.nothing_is_known(suspects, &sentence);
    }

    /// These cases did not pass, and it is not known why.
    fn nothing_is_known(&mut self, suspects: Vec<Suspect>, reason: &str) {
        for Suspect {
            mut report,
            pending,
            ..
        } in suspects
        {
            report.attempts = pending.attempts.count;
            report.verdict.outcome = Outcome::Inconclusive;
            report.reason = Some(reason.to_owned());
            report.failure = None;
            self.tally.case_finished(report);
        }
    }
}
