//! `tcpconf run`: plays a plan, writes the reports, answers with an exit code.

mod outputs;

use super::colour_on_stderr;
use super::open::{self, Choice};
use crate::args::{IpArg, PaceArgs, RunArgs, SelectionArgs, TargetArgs};
use crate::failure::{EXIT_BROKEN, EXIT_NOTHING_SELECTED, EXIT_USAGE, Failure};
use crate::library::Library;
use crate::profile;
use crate::selection::select;
use outputs::Outputs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use tcpconf_engine::{Profile, RunEvent, RunInfo, Summary};
use tcpconf_suite::{Instance, Requirements};
use tcpconf_target::{EXIT_INTERRUPTED, IpChoice, RunOptions, StopFlag, Target, exit_code};

/// What a run needs, all of it found before the first packet.
struct Prepared {
    instances: Vec<Instance>,
    requirements: Arc<Requirements>,
    profile: Arc<Profile>,
    options: RunOptions,
    target: Target,
}

pub(super) fn run(args: &RunArgs) -> Result<u8, Failure> {
    if let Some((one, other)) = Outputs::new(args).clash() {
        let message = format!("{one} and {other} name the same file");
        return Err(Failure::usage(message).help("each report needs one of its own"));
    }
    match prepare(args) {
        Ok(prepared) => play(args, prepared),
        Err(failure) => {
            let errors = report(args, &failure);
            let code = if failure.code == EXIT_USAGE || errors == 0 {
                failure.code
            } else {
                EXIT_BROKEN
            };
            Err(Failure { code, ..failure })
        }
    }
}

fn prepare(args: &RunArgs) -> Result<Prepared, Failure> {
    let (choice, profile) = open::resolve(&args.target, args.profile.profile.as_deref())?;
    let library = Library::find(&args.selection.paths)?.exhaustive(args.selection.exhaustive);
    let plan = library.plan(true, colour_on_stderr())?;
    let profile = profile::with_services(profile, &args.target.service);
    let instances = select(plan, &args.selection)?;
    if instances.is_empty() {
        return Err(Failure {
            code: EXIT_NOTHING_SELECTED,
            message: "nothing is selected".into(),
            help: Some("what there is: tcpconf list PATH".into()),
        });
    }
    let target = open::open(&choice, &args.target, &profile)?;
    Ok(Prepared {
        instances,
        requirements: Arc::new(library.requirements),
        profile: Arc::new(profile),
        options: options(&args.target, &args.selection, &args.pace, &choice),
        target,
    })
}

/// What the command line says of how to play.
pub(super) fn options(
    target: &TargetArgs,
    selection: &SelectionArgs,
    pace: &PaceArgs,
    choice: &Choice,
) -> RunOptions {
    RunOptions {
        target: target.target.clone(),
        paths: selection.paths.clone(),
        seed: pace.seed.unwrap_or_else(|| usual_seed(choice)),
        jobs: pace.jobs,
        ip: target.ip.map(|ip| match ip {
            IpArg::V4 => IpChoice::V4,
            IpArg::V6 => IpChoice::V6,
            IpArg::Both => IpChoice::Both,
        }),
        retries: pace.retries,
        fail_fast: pace.fail_fast,
        slow: pace.slow,
        timeout: pace.timeout,
        deadline: pace.deadline,
        rate: pace.rate.map(|rate| rate.0),
        strict: pace.strict,
        ..RunOptions::default()
    }
}

/// The built-in stack does the same each time; others get new ports and payload.
fn usual_seed(choice: &Choice) -> u64 {
    match choice {
        Choice::Stack | Choice::Smoltcp => 0,
        Choice::Kernel | Choice::Host(_) | Choice::Attached(_) => {
            // Short enough to be typed.
            RandomState::new().build_hasher().finish() % 1_000_000
        }
    }
}

fn play(args: &RunArgs, prepared: Prepared) -> Result<u8, Failure> {
    let stop = StopFlag::new();
    stop_on_signals(&stop)?;
    let mut reports = Outputs::new(args).all(prepared.requirements);
    let summary = tcpconf_target::run(
        &prepared.instances,
        prepared.target,
        prepared.profile,
        prepared.options,
        &mut |event| reports.event(&event),
        &stop,
    );
    let code = exit_code(&summary, args.pace.strict);
    let errors = reports.finish();
    for error in &errors {
        anstream::eprintln!("error: {error}");
    }
    Ok(if errors.is_empty() || code == EXIT_INTERRUPTED {
        code
    } else {
        EXIT_BROKEN
    })
}

/// The first signal ends the run with its reports, the second one ends it at once.
pub(super) fn stop_on_signals(stop: &StopFlag) -> Result<(), Failure> {
    let stop = stop.clone();
    ctrlc::set_handler(move || {
        if stop.is_set() {
            std::process::exit(i32::from(EXIT_INTERRUPTED));
        }
        stop.stop();
        anstream::eprintln!("interrupted: cleaning up; once more to end at once");
    })
    .map_err(|error| Failure::broken(format!("signals cannot be caught: {error}")))
}

/// Files of a run that never began say so, lest those of the last one are taken for its own. How many
/// could not be written.
fn report(args: &RunArgs, failure: &Failure) -> usize {
    let mut reports = Outputs::new(args).files();
    reports.event(&RunEvent::Started(RunInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        target: args.target.target.clone(),
        profile: args.profile.profile.clone().unwrap_or_default(),
        seed: args.pace.seed.unwrap_or_default(),
        cases: 0,
        tests: 0,
        paths: args.selection.paths.clone(),
        epoch_nanos: 0,
    }));
    let nothing = failure.code == EXIT_NOTHING_SELECTED;
    if nothing {
        reports.event(&RunEvent::Note(failure.message.clone()));
    }
    reports.event(&RunEvent::Finished(Summary {
        broken: (!nothing).then(|| failure.message.clone()),
        ..Summary::default()
    }));
    let errors = reports.finish();
    for error in &errors {
        anstream::eprintln!("error: {error}");
    }
    errors.len()
}
