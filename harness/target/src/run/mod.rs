//! The run loop: plays a plan against a target and passes the events on.
//!
//! Two drivers share everything but time: [`in_process`] jumps virtual time from event to event, one
//! fresh endpoint a case; [`real`] plays hundreds of cases at once on one event loop. What a run adds to
//! the verdicts of the engine stands in [`tally`] (marks, invariants, counts) and [`attempts`]
//! (playing again).

mod attempts;
mod entry;
mod exit;
mod in_process;
mod options;
mod player;
mod real;
mod sanity;
mod tally;
#[cfg(test)]
mod testing;
mod virtual_time;

pub use exit::{
    EXIT_BROKEN, EXIT_EXPECTED, EXIT_FAILED, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED,
    EXIT_NOTHING_SELECTED, exit_code,
};
pub use options::{IpChoice, RunOptions, StopFlag};

use crate::seam::{InProcess, RealTarget};
use player::Factory;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant as WallClock;
use tally::Tally;
use tcpconf_engine::{Invariant, Profile, RunEvent, RunInfo, Summary};
use tcpconf_suite::plan::Instance;

/// The first port of the dynamic range (RFC 6335 §6), where ports go on after the last.
pub(crate) const FIRST_PORT: u16 = 49_152;

/// What a run plays against.
pub enum Target {
    /// In virtual time.
    InProcess(Arc<dyn InProcess>),
    /// In real time.
    Real(Box<dyn RealTarget>),
}

/// What both drivers are given.
pub(crate) struct Common<'r> {
    pub(crate) options: &'r RunOptions,
    pub(crate) profile: &'r Arc<Profile>,
    pub(crate) stop: &'r StopFlag,
    pub(crate) factory: &'r Factory,
    pub(crate) began: WallClock,
}

impl Common<'_> {
    /// Whether the run's wall-clock time is used up.
    pub(crate) fn past_deadline(&self) -> bool {
        self.options
            .deadline
            .is_some_and(|deadline| self.began.elapsed() >= deadline)
    }
}

/// Plays the plan. All events go to `sink` in order; the summary is also the last of them.
///
/// Every instance gets exactly one `CaseFinished`, also when the run ends early.
pub fn run(
    plan: &[Instance],
    target: Target,
    profile: Arc<Profile>,
    options: RunOptions,
    sink: &mut dyn FnMut(RunEvent),
    stop: &StopFlag,
) -> Summary {
    let invariants = tcpconf_engine::invariants();
    let factory: &Factory = &player::case;
    run_with(
        plan, target, &profile, &options, sink, stop, factory, invariants,
    )
}

#[expect(
    clippy::too_many_arguments,
    reason = "what `run` takes, and what its tests replace"
)]
fn run_with(
    plan: &[Instance],
    target: Target,
    profile: &Arc<Profile>,
    options: &RunOptions,
    sink: &mut dyn FnMut(RunEvent),
    stop: &StopFlag,
    factory: &Factory,
    invariants: &'static [Invariant],
) -> Summary {
    let began = WallClock::now();
    let (offered, epoch_nanos) = match &target {
        Target::InProcess(_) => (vec![4, 6], 0),
        Target::Real(real) => (real.ip_versions().to_vec(), real.epoch_nanos()),
    };
    let application = match &target {
        Target::InProcess(target) => target.application(),
        Target::Real(target) => target.application(),
    };
    let why_not = |call| match &target {
        Target::InProcess(_) => None,
        Target::Real(target) => target.why_not(call),
    };
    let entries = entry::entries(plan, options.ip, &offered, application, &why_not);
    let tests: BTreeSet<&str> = plan.iter().map(|i| i.test.as_str()).collect();
    sink(RunEvent::Started(RunInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        target: options.target.clone(),
        profile: profile.name.clone(),
        seed: options.seed,
        cases: entries.len(),
        tests: tests.len(),
        paths: options.paths.clone(),
        epoch_nanos,
    }));
    let common = Common {
        options,
        profile,
        stop,
        factory,
        began,
    };
    let mut tally = Tally::new(profile, options.strict, invariants, sink);
    match target {
        Target::InProcess(target) => in_process::run(&*target, &entries, &common, &mut tally),
        Target::Real(mut target) => real::run(&mut *target, &entries, &common, &mut tally),
    }
    tally.finish(began.elapsed())
}
