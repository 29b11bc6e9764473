//! In-process targets: one fresh endpoint a case, virtual time, cases spread over threads.
//!
//! Events come in the order of the plan whatever the number of threads, so that two runs with one
//! seed give one event stream.

use super::Common;
use super::attempts::{Attempts, Excused};
use super::entry::{Entry, fail};
use super::sanity::{Handshake, Probe};
use super::tally::Tally;
use super::virtual_time::{End, Limits, message, play};
use crate::seam::{InProcess, LeaseError};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tcpconf_engine::{CaseReport, CaseSetup, Outcome};
use tcpconf_suite::plan::Needs;

/// In virtual time nothing is late.
const NEVER_LATE: Duration = Duration::MAX;

/// All tries of one case; the last one is final.
struct Played {
    index: usize,
    tries: Vec<CaseReport>,
}

/// Plays all entries.
pub(crate) fn run(
    target: &dyn InProcess,
    entries: &[Entry],
    common: &Common<'_>,
    tally: &mut Tally<'_>,
) {
    if common.options.sanity
        && let Some(entry) = entries.iter().find(|e| e.set_aside.is_none())
        && let Some(sentence) = unreachable(target, entry, common)
    {
        tally.broken(sentence.clone());
        for entry in entries {
            tally.case_finished(entry.blank(common.options.seed, Outcome::Error, &sentence));
        }
        return;
    }
    let jobs = common
        .options
        .jobs
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
        .clamp(1, entries.len().max(1));
    let (next, halt) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let sender = sender.clone();
            let (next, halt) = (&next, &halt);
            scope.spawn(move || work(target, entries, common, next, halt, &sender));
        }
        drop(sender);
        emit(entries, common, tally, &receiver, &halt);
    });
}

/// Takes one case after the other until there are none or the run ends early.
fn work(
    target: &dyn InProcess,
    entries: &[Entry],
    common: &Common<'_>,
    next: &AtomicUsize,
    halt: &AtomicBool,
    sender: &Sender<Played>,
) {
    while !halt.load(Ordering::Relaxed) && !common.stop.is_set() && !common.past_deadline() {
        let index = next.fetch_add(1, Ordering::Relaxed);
        let Some(entry) = entries.get(index) else {
            return;
        };
        let tries = play_entry(target, entry, common);
        if sender.send(Played { index, tries }).is_err() {
            return;
        }
    }
}

/// Passes the events on in the order of the plan.
fn emit(
    entries: &[Entry],
    common: &Common<'_>,
    tally: &mut Tally<'_>,
    receiver: &Receiver<Played>,
    halt: &AtomicBool,
) {
    let mut waiting = BTreeMap::new();
    let mut at = 0;
    for Played { index, tries } in receiver {
        waiting.insert(index, tries);
        while let Some(tries) = waiting.remove(&at) {
            at += 1;
            if tally.is_red() && common.options.fail_fast {
                halt.store(true, Ordering::Relaxed);
                let skipped = entries[at - 1].blank(common.options.seed, Outcome::Skip, FAIL_FAST);
                tally.case_finished(skipped);
                continue;
            }
            finish(tries, tally);
        }
    }
    // The run ended early: what was played counts, the rest is skipped.
    let (outcome, reason) = if common.stop.is_set() {
        (Outcome::Skip, "interrupted")
    } else if tally.is_red() && common.options.fail_fast {
        (Outcome::Skip, FAIL_FAST)
    } else {
        (Outcome::Inconclusive, PAST_DEADLINE)
    };
    for (index, entry) in entries.iter().enumerate().skip(at) {
        match waiting.remove(&index) {
            Some(tries) if reason != FAIL_FAST => finish(tries, tally),
            _ => tally.case_finished(entry.blank(common.options.seed, outcome, reason)),
        }
    }
    if common.stop.is_set() {
        tally.interrupted();
    }
}

/// Why cases are skipped after the first red one.
pub(crate) const FAIL_FAST: &str = "not played: --fail-fast";
/// Why cases have no verdict that were never played: the question stays open, so this is not a skip.
pub(crate) const PAST_DEADLINE: &str = "not played: the run's deadline had passed";

fn finish(mut tries: Vec<CaseReport>, tally: &mut Tally<'_>) {
    for (report, attempt) in tries.iter().zip(1..) {
        if report.attempts > 0 {
            tally.case_started(&report.id, attempt);
        }
        tally.absorb(report);
    }
    if let Some(last) = tries.pop() {
        tally.case_finished(last);
    }
}

/// Plays a case, again if `--retries` says so.
fn play_entry(target: &dyn InProcess, entry: &Entry, common: &Common<'_>) -> Vec<CaseReport> {
    if let Some((outcome, reason)) = &entry.set_aside {
        return vec![entry.blank(common.options.seed, *outcome, reason)];
    }
    let expected = common
        .profile
        .expectation(&entry.instance.id)
        .map(|e| e.outcome);
    let (mut attempts, mut tries) = (Attempts::default(), Vec::new());
    loop {
        let attempt = attempts.begin();
        let (mut report, excuse) = match play_once(target, entry, common, attempt) {
            Ok(played) => played,
            Err(not_begun) => return vec![not_begun],
        };
        let again = attempts.again(&mut report, excuse, expected, common.options.retries);
        tries.push(report);
        if !again {
            return tries;
        }
    }
}

/// One try; the error is the report of a case that could not begin.
#[expect(
    clippy::result_large_err,
    reason = "the report is moved into a vector at once"
)]
fn play_once(
    target: &dyn InProcess,
    entry: &Entry,
    common: &Common<'_>,
    attempt: u32,
) -> Result<(CaseReport, Option<Excused>), CaseReport> {
    let run_seed = common.options.seed;
    let seed = entry.seed(run_seed, attempt);
    let (mut endpoint, lease) = match target.open(seed, &entry.instance.needs, entry.ip) {
        Ok(opened) => opened,
        Err(LeaseError::Unsupported(reason)) => {
            return Err(entry.blank(run_seed, Outcome::Unsupported, &reason));
        }
        Err(error) => return Err(entry.blank(run_seed, Outcome::Error, &error.to_string())),
    };
    let next_port = lease
        .ports
        .back()
        .and_then(|last| last.checked_add(1))
        .unwrap_or(super::FIRST_PORT);
    let limits = Limits {
        one_way: common.options.one_way_delay,
        whole: entry.virtual_limit(common.options),
        stop: common.stop,
    };
    let setup = CaseSetup {
        instance: entry.instance.clone(),
        lease,
        profile: common.profile.clone(),
        mode: common.options.mode,
        seed,
        isn: (seed >> 32) as u32,
        late_after: NEVER_LATE,
    };
    let mut excuse = None;
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut player = (common.factory)(setup);
        match play(&mut *player, &mut *endpoint, next_port, &limits) {
            End::Done => {
                let failed = player.has_failed();
                excuse = player.excuse().map(|why| Excused { why, failed });
                player.into_report()
            }
            End::Misbehaved(sentence) => {
                let mut report = player.into_report();
                fail(&mut report, sentence);
                report
            }
            End::Stuck(sentence) => {
                let sentence = format!("the harness failed in this case: {sentence}");
                entry.blank(run_seed, Outcome::Error, &sentence)
            }
        }
    }));
    let mut report = played.unwrap_or_else(|panic| {
        let sentence = format!("the harness panicked in this case: {}", message(&*panic));
        entry.blank(run_seed, Outcome::Error, &sentence)
    });
    report.seed = run_seed;
    Ok((report, excuse))
}

/// Why nothing can be tested: no connection request is answered. `None` when one is, when a case
/// needs no listener, or when the target offers none.
fn unreachable(target: &dyn InProcess, entry: &Entry, common: &Common<'_>) -> Option<String> {
    let needs = Needs {
        service: "listen".to_owned(),
        ..Needs::default()
    };
    let seed = entry.seed(common.options.seed, 1);
    let (mut endpoint, lease) = match target.open(seed, &needs, entry.ip) {
        Ok(opened) => opened,
        Err(LeaseError::Unsupported(_) | LeaseError::Busy) => return None,
        Err(LeaseError::Target(error)) => return Some(error.to_string()),
    };
    let mut handshake = Handshake::new(&lease, seed as u32);
    let limits = Limits {
        one_way: common.options.one_way_delay,
        whole: Duration::from_secs(60),
        stop: common.stop,
    };
    let end = play(&mut handshake, &mut *endpoint, super::FIRST_PORT, &limits);
    match (end, handshake.found()) {
        (End::Misbehaved(sentence) | End::Stuck(sentence), _) => Some(sentence),
        (End::Done, Probe::Open) => None,
        (End::Done, other) => Some(other.sentence(lease.target)),
    }
}

#[cfg(test)]
mod suites;
#[cfg(test)]
mod tests;
