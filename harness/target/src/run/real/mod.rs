//! Real targets: one event loop, hundreds of cases at once, never spinning.
//!
//! The loop takes the time, then what has arrived, then lets every case act that heard something or
//! whose time has come. The time is taken first, so that no wait runs out while its packet lies unread.
//! `health` keeps watch over the target, `ending` ends a run early.

mod ending;
mod health;
mod measure;
mod queue;
mod reassembly;
mod router;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod wait;

use super::Common;
use super::attempts::Attempts;
use super::entry::Entry;
use super::player::{Conversation, Player};
use super::sanity::Handshake;
use super::tally::Tally;
use crate::seam::{LeaseError, RealTarget};
use ending::Ending;
use health::Health;
use measure::{Bucket, Histogram};
use queue::{Gate, Load, Pending, Queue};
use reassembly::{Assembled, Reassembly};
use router::{Route, Router, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tcpconf_engine::{Action, AppEvent, CaseReport, CaseSetup, Errno, Lease, Mark, Outcome};
use tcpconf_wire::{Instant, Packet};

/// Cases at once where each has a listener of its own.
const JOBS_OWN_LISTENER: usize = 400;
/// Cases at once for each half-open connection that a shared listener is trusted with: those beyond
/// have finished their handshakes.
const JOBS_PER_HALF_OPEN: usize = 4;
/// Ports that a lease begins with; a case asks for more.
const LEASE_PORTS: usize = 4;
/// The longest sleep: Ctrl-C and the deadline are seen this soon.
const MAX_SLEEP: Duration = Duration::from_millis(100);
/// How long cases may clean up when they are interrupted.
const CLEANING_UP: Duration = Duration::from_secs(3);
/// How long a lease may stay busy while nothing runs.
const MAX_BUSY: Duration = Duration::from_secs(30);

/// Plays all entries.
pub(crate) fn run(
    target: &mut dyn RealTarget,
    entries: &[Entry],
    common: &Common<'_>,
    tally: &mut Tally<'_>,
) {
    wait::exact_timers();
    let gate = gate(target, common, tally);
    let now = target.link().now();
    let playable = set_aside(entries, common, tally);
    let mut run = Loop {
        queue: Queue::new(entries, playable, gate),
        health: Health::new(common.options.sanity, entries),
        rate: common.options.rate.map(|rate| Bucket::new(rate, now)),
        target,
        entries,
        common,
        tally,
        running: BTreeMap::new(),
        next_slot: 0,
        router: Router::default(),
        reassembly: Reassembly::default(),
        unclaimed: Unclaimed::default(),
        ending: None,
        busy_since: None,
        turn_around: Histogram::default(),
        lateness: Histogram::default(),
    };
    if !run.queue.is_empty() {
        run.play();
    }
    run.notes();
}

/// How many cases run at once.
fn gate(target: &dyn RealTarget, common: &Common<'_>, tally: &mut Tally<'_>) -> Gate {
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

/// Reports the entries that will not be played; the indices of the others.
fn set_aside(entries: &[Entry], common: &Common<'_>, tally: &mut Tally<'_>) -> Vec<usize> {
    let mut playable = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let slow = (Outcome::Skip, "slow: needs --slow".to_owned());
        let is_slow = entry.is_slow() && !common.options.slow;
        match entry.set_aside.as_ref().or(is_slow.then_some(&slow)) {
            Some((outcome, reason)) => {
                let mut report = entry.blank(common.options.seed, *outcome, reason);
                if is_slow {
                    report.marks.push(Mark::Slow);
                }
                tally.case_finished(report);
            }
            None => playable.push(index),
        }
    }
    playable
}

struct Loop<'a, 'r> {
    target: &'a mut dyn RealTarget,
    entries: &'a [Entry],
    common: &'a Common<'a>,
    tally: &'a mut Tally<'r>,
    queue: Queue,
    health: Health,
    running: BTreeMap<Slot, Running>,
    next_slot: Slot,
    router: Router,
    reassembly: Reassembly,
    unclaimed: Unclaimed,
    rate: Option<Bucket>,
    ending: Option<Ending>,
    busy_since: Option<Instant>,
    turn_around: Histogram,
    lateness: Histogram,
}

/// A conversation that goes on.
struct Running {
    play: Play,
    lease: Lease,
    wake: Instant,
    /// When it is interrupted, and then when it is given up.
    limit: Instant,
    interrupted: bool,
    /// Packets that the link had lost when it began.
    dropped: u64,
    /// The stamp of a packet that it has not answered yet.
    heard: Option<Instant>,
}

enum Play {
    Case {
        index: usize,
        attempts: Attempts,
        player: Box<dyn Player>,
    },
    Sanity {
        handshake: Handshake,
        began: Instant,
    },
}

impl Play {
    fn conversation(&mut self) -> &mut dyn Conversation {
        match self {
            Self::Case { player, .. } => &mut **player,
            Self::Sanity { handshake, .. } => handshake,
        }
    }
}

/// Packets that belong to no case.
#[derive(Default)]
struct Unclaimed {
    count: u64,
    first: Option<usize>,
    refused_fragments: u64,
}

impl Loop<'_, '_> {
    fn play(&mut self) {
        let mut inbox = Vec::new();
        loop {
            self.look_for_an_end();
            self.watch();
            self.start_cases();
            if self.running.is_empty() && self.queue.is_empty() && !self.health.is_pending() {
                return;
            }
            if let Err(error) = self.sleep() {
                return self.abandon(format!("waiting for packets failed: {error}"));
            }
            let now = self.target.link().now();
            if let Err(error) = self.target.link().receive(&mut inbox) {
                return self.abandon(format!("receiving packets failed: {error}"));
            }
            let heard = self.distribute(now, inbox.drain(..));
            for slot in heard {
                self.drive(slot, now);
            }
            self.drive_due(now);
        }
    }

    /// Until the next thing to do, or a packet.
    fn sleep(&mut self) -> std::io::Result<()> {
        let now = self.target.link().now();
        // Cases that wait for their start wait for the rate limit too.
        let rate = self.rate.as_ref().map(Bucket::next);
        let start = rate.filter(|at| *at > now && !self.queue.is_empty());
        let acts = self.running.values().map(|r| r.wake.min(r.limit));
        let next = acts.chain(start).min();
        let timeout = match next {
            Some(next) if next <= now => return Ok(()),
            Some(next) => next.since(now).min(MAX_SLEEP),
            None if self.busy_since.is_none() => return Ok(()),
            None => MAX_SLEEP,
        };
        wait::wait(self.target.link(), timeout)?;
        let woken = self.target.link().now();
        if let Some(next) = next
            && woken >= next
        {
            self.lateness.add(woken.since(next));
        }
        Ok(())
    }

    /// Hands packets to their cases; those that heard something.
    fn distribute(
        &mut self,
        now: Instant,
        packets: impl Iterator<Item = Packet>,
    ) -> BTreeSet<Slot> {
        let mut heard = BTreeSet::new();
        for packet in packets {
            let packet = match self.reassembly.take(packet) {
                Assembled::Whole(packet) => packet,
                Assembled::Waiting => continue,
                Assembled::Refused => {
                    self.unclaimed.refused_fragments += 1;
                    continue;
                }
            };
            match self.router.route(&packet) {
                Route::Case(slot) => {
                    if let Some(running) = self.running.get_mut(&slot) {
                        running.heard.get_or_insert(packet.at);
                        running.play.conversation().handle_packet(now, &packet);
                        heard.insert(slot);
                    }
                }
                Route::Straggler => {}
                Route::Unclaimed => {
                    self.unclaimed.count += 1;
                    self.unclaimed.first.get_or_insert(packet.bytes.len());
                }
            }
        }
        heard
    }

    fn drive_due(&mut self, now: Instant) {
        let due: Vec<Slot> = self
            .running
            .iter()
            .filter(|(_, r)| r.wake <= now || r.limit <= now)
            .map(|(slot, _)| *slot)
            .collect();
        for slot in due {
            if self.running.get(&slot).is_some_and(|r| r.limit <= now) {
                self.over_time(slot, now);
            }
            self.drive(slot, now);
        }
    }

    /// A case has used its time up: it is interrupted, and given up when that does not end it.
    fn over_time(&mut self, slot: Slot, now: Instant) {
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

    /// Lets a case act until it waits or is done.
    fn drive(&mut self, slot: Slot, now: Instant) {
        loop {
            let Some(running) = self.running.get_mut(&slot) else {
                return;
            };
            if let Some(rate) = &self.rate
                && rate.next() > now
            {
                running.wake = rate.next();
                return;
            }
            match running.play.conversation().poll(now) {
                Action::Transmit { id, bytes } => {
                    self.router.claim_source(slot, &bytes);
                    let mut stamps = Vec::with_capacity(1);
                    let sent = self.target.link().send(&[bytes], &mut stamps);
                    let at = stamps.first().copied().unwrap_or(now);
                    if let Some(rate) = &mut self.rate {
                        rate.take(now);
                    }
                    if let Some(heard) = running.heard.take() {
                        self.turn_around.add(at.since(heard));
                    }
                    if let Err(error) = sent {
                        running.not_sent(now, &error);
                    }
                    running.play.conversation().handle_sent(id, at);
                }
                Action::Call { id, .. } => {
                    let result = Err(Errno::Unsupported);
                    let reply = AppEvent::Reply { id, result };
                    running.play.conversation().handle_app(now, reply);
                }
                Action::NeedPorts(count) => {
                    let ports = self.target.more_ports(count);
                    self.router
                        .claim_ports(slot, &running.lease.addresses, &ports);
                    running.play.conversation().add_ports(ports);
                }
                Action::WaitUntil(at) => {
                    running.heard = None;
                    running.wake = at;
                    return;
                }
                Action::Done(_) => return self.ended(slot, now),
            }
        }
    }

    fn forget(&mut self, slot: Slot) -> Option<Running> {
        let running = self.running.remove(&slot)?;
        self.router.release(slot);
        self.target.release(running.lease.clone());
        Some(running)
    }

    /// A conversation is done.
    fn ended(&mut self, slot: Slot, now: Instant) {
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
                let late = player.was_late() || lost;
                let mut report = player.into_report();
                report.seed = self.common.options.seed;
                if self.entries[index].is_slow() {
                    report.marks.push(Mark::Slow);
                }
                self.tally.absorb(&report);
                let pending = Pending { index, attempts };
                self.suspect_or_settle(report, pending, late, now);
            }
        }
    }

    /// The target lives: the verdict stands, or the case is played again.
    fn settle(&mut self, mut report: CaseReport, mut pending: Pending, late: bool) {
        let expected = self.common.profile.expectation(&report.id).is_some();
        let retries = self.common.options.retries;
        let again = pending.attempts.again(&mut report, late, expected, retries);
        if again && self.ending.is_none() {
            self.queue.put_back(self.entries, pending);
        } else {
            self.health.last_finished = Some(report.id.clone());
            self.tally.case_finished(report);
        }
    }

    fn load(&mut self) -> Load {
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

    /// Starts what may start.
    fn start_cases(&mut self) {
        while self.ending.is_none() && self.health.is_known_good() {
            let now = self.target.link().now();
            if self.rate.as_ref().is_some_and(|rate| rate.next() > now) {
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
                Err(LeaseError::Target(error)) => return self.abandon(error.to_string()),
            }
        }
    }

    /// There is no lease at this moment; there never will be when nothing runs that could return one.
    fn busy(&mut self, what: &str) {
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
    }

    /// The conversation joins the others, and acts for the first time.
    fn begin(&mut self, play: Play, lease: Lease, limit: Duration) {
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
        };
        self.running.insert(slot, running);
        self.drive(slot, now);
    }

    fn finish_blank(&mut self, index: usize, outcome: Outcome, reason: &str) {
        let report = self.entries[index].blank(self.common.options.seed, outcome, reason);
        self.tally.case_finished(report);
    }

    /// What is worth a sentence at the end.
    fn notes(&mut self) {
        let Unclaimed {
            count,
            first,
            refused_fragments,
        } = self.unclaimed;
        if let Some(length) = first {
            self.tally.note(format!(
                "packets that belonged to no case: {count} (the first of {length} octets)"
            ));
        }
        if self.reassembly.fragments > 0 {
            self.tally.note(format!(
                "the target sent fragments: {} ({refused_fragments} of them overlapped)",
                self.reassembly.fragments
            ));
        }
        let dropped = self.target.link().dropped();
        if dropped > 0 {
            self.tally.note(format!(
                "packets lost on the way into the harness: {dropped}"
            ));
        }
        if self.common.options.verbose {
            self.figures();
        }
    }

    /// How fast and how late the harness itself was.
    fn figures(&mut self) {
        let figures = [
            (
                "turn-around (receive stamp to send stamp)",
                &self.turn_around,
            ),
            ("lateness of the harness's timers", &self.lateness),
        ];
        for (what, histogram) in figures {
            if let (Some(p50), Some(p99)) = (histogram.percentile(50), histogram.percentile(99)) {
                self.tally.note(format!(
                    "{what}: p50 {p50:.1?}, p99 {p99:.1?} ({} samples)",
                    histogram.total()
                ));
            }
        }
    }
}

impl Running {
    /// A packet could not be sent: the case ends, the harness is to blame.
    fn not_sent(&mut self, now: Instant, error: &std::io::Error) {
        if self.interrupted {
            return;
        }
        self.interrupted = true;
        self.limit = now + CLEANING_UP;
        match &mut self.play {
            Play::Case { player, .. } => {
                let reason = format!("a packet could not be sent: {error}");
                player.interrupt(now, Outcome::Error, &reason);
            }
            Play::Sanity { handshake, .. } => handshake.not_sent(error.to_string()),
        }
    }
}
