//! Starts cases: as many as the gate admits, each with a lease.

use super::queue::{Gate, Load, Pending};
use super::{Loop, Play, Running};
use crate::TargetError;
use crate::run::Common;
use crate::run::tally::Tally;
use crate::seam::{LeaseError, RealTarget};
use std::time::Duration;
use tcpconf_engine::{CaseSetup, Lease, Outcome};
use tcpconf_wire::Instant;

/// Cases at once where each has a listener of its own.
const JOBS_OWN_LISTENER: usize = 400;
/// Cases at once for each half-open connection that a shared listener is trusted with: those beyond
/// have finished their handshakes.
const JOBS_PER_HALF_OPEN: usize = 4;
/// Ports that a lease begins with; a case asks for more.
const LEASE_PORTS: usize = 4;
/// Cases that start before packets are looked after again: a lease may cost a millisecond.
const STARTS_IN_A_ROW: usize = 1;
/// Between two starts where the listener is shared: a server that is slow to accept has room for few
/// connections in its accept queue (python3's http.server: 5).
pub(super) const SPACING: Duration = Duration::from_millis(5);
/// A loop that is later than this share of what would spoil a case starts none.
const BEHIND: u32 = 4;
/// How long a lease may stay busy while nothing runs.
const MAX_BUSY: Duration = Duration::from_secs(30);

/// How many cases run at once.
pub(super) fn gate(target: &dyn RealTarget, common: &Common<'_>, tally: &mut Tally<'_>) -> Gate {
    let max_half_open = target.max_half_open();
    let bound = max_half_open.map_or(JOBS_OWN_LISTENER, |max| {
        (max as usize * JOBS_PER_HALF_OPEN).max(1)
    });
    let asked = common.options.jobs.unwrap_or(bound).max(1);
    if let Some(max) = max_half_open
        && asked > bound
    {
        tally.note(format!(
            "{bound} cases at once instead of {asked}: the profile trusts the target with {max} \
             half-open connections (max_half_open)"
        ));
    }
    let jobs = match max_half_open {
        Some(_) => asked.min(bound),
        None => asked,
    };
    Gate {
        jobs,
        max_half_open,
        exclusive_alone: target.exclusive_runs_alone(),
    }
}

impl Loop<'_, '_> {
    pub(super) fn load(&mut self) -> Load {
        let mut load = Load::default();
        for running in self.running.values_mut() {
            let needs = match &running.play {
                Play::Case { index, .. } => {
                    let needs = &self.entries[*index].instance.needs;
                    load.cases += 1;
                    load.exclusive |= needs.exclusive && self.target.exclusive_runs_alone();
                    needs.half_open
                }
                Play::Sanity { .. } => 0,
            };
            load.half_open += needs.max(running.play.conversation().half_open());
        }
        load
    }

    /// Starts what may start, a few at a time.
    pub(super) fn start_cases(&mut self) {
        self.more_to_start = false;
        for _ in 0..STARTS_IN_A_ROW {
            if self.ending.is_some() || !self.health.is_known_good() {
                return;
            }
            let now = self.target.link().now();
            if self.next_start > now || self.rate.as_ref().is_some_and(|rate| rate.next() > now) {
                return;
            }
            // More cases would make it later still; as long as it was late it takes what there is.
            let behind = std::mem::take(&mut self.behind);
            if behind > self.common.options.late_after / BEHIND && !self.running.is_empty() {
                self.next_start = now + behind;
                return;
            }
            let load = self.load();
            let Some(pending) = self.queue.next(self.entries, load) else {
                return;
            };
            let needs = &self.entries[pending.index].instance.needs;
            let ip = self.entries[pending.index].ip;
            match self.target.lease(needs, ip, LEASE_PORTS) {
                Ok(lease) => self.start(pending, lease),
                Err(LeaseError::Busy) => {
                    let id = &self.entries[pending.index].instance.id;
                    self.queue.put_back(self.entries, pending);
                    return self.busy(id);
                }
                Err(LeaseError::Unsupported(reason)) => {
                    self.finish_blank(pending.index, Outcome::Unsupported, &reason);
                }
                Err(LeaseError::Target(error)) => {
                    self.queue.put_back(self.entries, pending);
                    return self.no_lease(now, &error);
                }
            }
        }
        self.more_to_start = true;
    }

    /// The target failed, or the application side that has a part in every lease.
    pub(super) fn no_lease(&mut self, now: Instant, error: &TargetError) {
        self.look_for_lost_applications(now);
        if self.ending.is_none() {
            self.abandon(error.to_string());
        }
    }

    /// There is no lease at this moment; there never will be when nothing runs that could return one.
    pub(super) fn busy(&mut self, what: &str) {
        let now = self.target.link().now();
        let since = *self.busy_since.get_or_insert(now);
        if self.running.is_empty() && now.since(since) > MAX_BUSY {
            self.abandon(format!(
                "the target has no room for {what}, though nothing runs"
            ));
        }
    }

    fn start(&mut self, mut pending: Pending, lease: Lease) {
        let entry = &self.entries[pending.index];
        let attempt = pending.attempts.begin();
        self.tally.case_started(&entry.instance.id, attempt);
        let player = (self.common.factory)(CaseSetup {
            instance: entry.instance.clone(),
            lease: lease.clone(),
            profile: self.common.profile.clone(),
            mode: self.common.options.mode,
            seed: entry.seed(self.common.options.seed, attempt),
            isn: self.target.next_isn(),
            late_after: self.common.options.late_after,
        });
        let play = Play::Case {
            index: pending.index,
            attempts: pending.attempts,
            player,
        };
        let limit = entry.real_limit(self.common.options);
        self.begin(play, lease, limit);
        if self.target.max_half_open().is_some() {
            self.next_start = self.target.link().now() + SPACING;
        }
    }

    /// The conversation joins the others, and acts for the first time.
    pub(super) fn begin(&mut self, play: Play, lease: Lease, limit: Duration) {
        let slot = self.next_slot;
        self.next_slot += 1;
        self.busy_since = None;
        self.router.claim(slot, &lease);
        let link = self.target.link();
        let (now, dropped) = (link.now(), link.dropped());
        let running = Running {
            play,
            lease,
            wake: now,
            limit: now + limit,
            interrupted: false,
            dropped,
            heard: None,
            spoiled: false,
        };
        self.running.insert(slot, running);
        self.drive(slot, now);
    }
}
