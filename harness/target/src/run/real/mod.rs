//! Real targets: one event loop, hundreds of cases at once, never spinning.
//!
//! The loop takes the time, then what has arrived, then lets every case act that heard something or
//! whose time has come. The time is taken first, so that no wait runs out while its packet lies unread.
//! `start` begins cases, `finish` ends them, `health` keeps watch over the target, `ending` ends a run early.

mod application;
mod ending;
mod finish;
mod health;
mod measure;
mod notes;
mod queue;
mod reassembly;
mod router;
mod start;
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
use crate::seam::RealTarget;
use application::Calls;
use ending::Ending;
use health::Health;
use measure::{Bucket, Histogram};
use notes::Unclaimed;
use queue::Queue;
use reassembly::{Assembled, Reassembly};
use router::{Route, Router, Slot};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tcpconf_engine::{Action, Lease, Mark, Outcome};
use tcpconf_wire::{Instant, Packet};
use wait::Waiter;

/// The longest sleep: Ctrl-C and the deadline are seen this soon.
const MAX_SLEEP: Duration = Duration::from_millis(100);
/// How often threads of the target's side are asked how long they waited for a processor. So far apart the waits of one
/// answer are about one wait, and one that begins behind an answer is known long before it spoils a case.
const ASK_THREADS: Duration = Duration::from_millis(10);
/// How long cases may clean up when they are interrupted.
const CLEANING_UP: Duration = Duration::from_secs(3);

/// Plays all entries.
pub(crate) fn run(
    target: &mut dyn RealTarget,
    entries: &[Entry],
    common: &Common<'_>,
    tally: &mut Tally<'_>,
) {
    wait::exact_timers();
    let waiter = match Waiter::new(target) {
        Ok(waiter) => waiter,
        Err(error) => {
            let sentence = format!("the link cannot be waited on: {error}");
            tally.broken(sentence.clone());
            for entry in entries {
                tally.case_finished(entry.blank(common.options.seed, Outcome::Error, &sentence));
            }
            return;
        }
    };
    if let Some(caveat) = target.caveat() {
        tally.note(caveat);
    }
    let gate = start::gate(target, common, tally);
    let now = target.link().now();
    let threads_asked = target.waited_for_processor().map(|_| now);
    let playable = set_aside(entries, common, tally);
    let mut run = Loop {
        queue: Queue::new(entries, playable, gate),
        health: Health::new(common.options.sanity, entries),
        rate: common
            .options
            .rate
            .or_else(|| target.default_rate())
            .map(|rate| Bucket::new(rate, now)),
        waiter,
        target,
        entries,
        common,
        tally,
        running: BTreeMap::new(),
        next_slot: 0,
        router: Router::default(),
        calls: Calls::default(),
        reassembly: Reassembly::default(),
        unclaimed: Unclaimed::default(),
        ending: None,
        busy_since: None,
        next_start: now,
        behind: Duration::ZERO,
        threads_asked,
        more_to_start: false,
        turn_around: Histogram::default(),
        lateness: Histogram::default(),
        last_to_speak: None,
    };
    if !run.queue.is_empty() {
        run.play();
    }
    run.notes();
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
    waiter: Waiter,
    target: &'a mut dyn RealTarget,
    entries: &'a [Entry],
    common: &'a Common<'a>,
    tally: &'a mut Tally<'r>,
    queue: Queue,
    health: Health,
    running: BTreeMap<Slot, Running>,
    next_slot: Slot,
    router: Router,
    calls: Calls,
    reassembly: Reassembly,
    unclaimed: Unclaimed,
    rate: Option<Bucket>,
    ending: Option<Ending>,
    busy_since: Option<Instant>,
    /// Before then no case starts.
    next_start: Instant,
    /// How late the loop was at worst since it last looked for a case to start: with a packet, or with a case whose
    /// time had come.
    behind: Duration,
    /// When threads of the target's side were asked last how long they waited for a processor, if it has any.
    threads_asked: Option<Instant>,
    /// Not all that may start has started.
    more_to_start: bool,
    turn_around: Histogram,
    lateness: Histogram,
    /// The entry whose packet was the last to go out.
    last_to_speak: Option<usize>,
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
    /// While it went on, the loop woke it too late, or a thread of the target's side waited too long for a processor.
    spoiled: bool,
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

impl Loop<'_, '_> {
    fn play(&mut self) {
        let mut inbox = Vec::new();
        loop {
            self.look_for_an_end();
            self.look_for_death();
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
            self.look_for_late_applications();
            if self
                .threads_asked
                .is_some_and(|at| now.since(at) >= ASK_THREADS)
            {
                self.look_for_starved_threads(now);
            }
            self.look_for_late_wakes(now);
            let heard = self.distribute(now, inbox.drain(..));
            for slot in heard {
                self.drive(slot, now);
            }
            // No wait runs out while its answer lies unread.
            self.drive_told(now);
            self.drive_due(now);
            self.drive_told(now);
        }
    }

    /// Lets cases act whose applications had something to tell.
    fn drive_told(&mut self, now: Instant) {
        loop {
            let told = self.hear_applications(now);
            if told.is_empty() {
                return;
            }
            for slot in told {
                self.drive(slot, now);
            }
        }
    }

    /// Until the next thing to do, or a packet.
    fn sleep(&mut self) -> std::io::Result<()> {
        if self.more_to_start {
            return Ok(());
        }
        let now = self.target.link().now();
        // Starts wait for their spacing and for the rate limit.
        let rate = self.rate.as_ref().map(Bucket::next);
        let start = rate.unwrap_or(now).max(self.next_start);
        let start = Some(start).filter(|at| *at > now && !self.queue.is_empty());
        let acts = self.running.values().map(|r| r.wake.min(r.limit));
        let next = acts.chain(start).min();
        let longest = match self.threads_asked {
            Some(_) if !self.running.is_empty() => ASK_THREADS,
            _ => MAX_SLEEP,
        };
        let timeout = match next {
            Some(next) if next <= now => return Ok(()),
            Some(next) => next.since(now).min(longest),
            None if self.busy_since.is_none() => return Ok(()),
            None => longest,
        };
        self.waiter.wait(self.target, timeout)?;
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
                        self.behind = self.behind.max(now.since(packet.at));
                        running.heard.get_or_insert(packet.at);
                        running.play.conversation().handle_packet(now, &packet);
                        heard.insert(slot);
                    }
                }
                Route::Straggler => {}
                Route::Unclaimed => {
                    self.unclaimed.add(&packet.bytes, &self.target.addresses());
                }
            }
        }
        heard
    }

    /// Marks what wanted to act long before now. Before packets are handed out: one that has just come wakes a case as
    /// well, and would hide how late it is.
    fn look_for_late_wakes(&mut self, now: Instant) {
        for running in self.running.values_mut() {
            let late = now.since(running.wake);
            self.behind = self.behind.max(late);
            running.spoiled |= late > self.common.options.late_after;
        }
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
                    if let Play::Case { index, .. } = &running.play {
                        self.last_to_speak = Some(*index);
                    }
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
                Action::Call { id, call } => self.call(slot, id, call),
                Action::Status(connection) => {
                    let status = self.target.status(&running.lease, connection);
                    running.play.conversation().handle_status(now, status);
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
