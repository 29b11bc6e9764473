//! `tcpconf snapshot`: how a target reacts, as text.

use super::open::{self, Choice};
use super::run::{options, stop_on_signals};
use super::{colour_on_stderr, is_writable, plural, print, print_instead};
use crate::args::SnapshotArgs;
use crate::failure::{EXIT_BROKEN, EXIT_NOTHING_SELECTED, Failure};
use crate::filter::without_ip;
use crate::library::Library;
use crate::profile;
use crate::selection::select;
use std::path::Path;
use std::sync::Arc;
use tcpconf_engine::{CaseReport, Mode, Profile, RunEvent};
use tcpconf_report::snapshot::Snapshot;
use tcpconf_suite::Instance;
use tcpconf_target::{EXIT_INTERRUPTED, RunOptions, StopFlag, run};

/// All plays of one snapshot.
struct Plays<'a> {
    args: &'a SnapshotArgs,
    choice: &'a Choice,
    profile: Arc<Profile>,
    stop: StopFlag,
}

pub(super) fn snapshot(args: &SnapshotArgs) -> Result<u8, Failure> {
    let (choice, profile) = open::resolve(&args.target, args.profile.profile.as_deref())?;
    let plan = Library::find(&args.selection.paths)?
        .exhaustive(args.selection.exhaustive)
        .plan(false, colour_on_stderr())?;
    let profile = profile::with_services(profile, &args.target.service);
    let instances = select(plan, &args.selection)?;
    if instances.is_empty() {
        return Err(Failure {
            code: EXIT_NOTHING_SELECTED,
            message: "nothing is selected".into(),
            help: Some("what there is: tcpconf list PATH".into()),
        });
    }
    if let Some(path) = &args.output {
        is_writable(&if path.is_dir() {
            path.join(PROBE)
        } else {
            path.clone()
        })?;
    }
    let stop = StopFlag::new();
    let plays = Plays {
        args,
        choice: &choice,
        profile: Arc::new(profile),
        stop: stop.clone(),
    };
    // The target is opened before the first thread: signals are caught on one.
    let judging = plays.target()?;
    stop_on_signals(&stop)?;
    let base = options(&args.target, &args.selection, &args.pace, &choice);
    let judged = plays.play(&instances, judging, base.clone())?;
    let mut observed = plays.observe(&instances, &base)?;
    if !stop.is_set() {
        // In real time many cases at once disturb each other: what differed is played again with few beside it.
        let shaky = Snapshot::of(Vec::new(), &judged, &observed).unstable_ids();
        let again: Vec<Instance> = instances
            .iter()
            .filter(|instance| shaky.iter().any(|id| without_ip(id) == instance.id))
            .cloned()
            .collect();
        if !again.is_empty() {
            let jobs = Some(base.jobs.map_or(FEW, |jobs| jobs.min(FEW)));
            let calm = RunOptions {
                jobs,
                ..base.clone()
            };
            let rounds = plays.observe(&again, &calm)?;
            for (round, newer) in observed.iter_mut().zip(rounds) {
                round.retain(|case| newer.iter().all(|other| other.id != case.id));
                round.extend(newer);
            }
        }
    }
    if stop.is_set() {
        anstream::eprintln!(
            "no snapshot is written: half of one would show differences that are none"
        );
        return Ok(EXIT_INTERRUPTED);
    }
    let snapshot = Snapshot::of(plays.about(), &judged, &observed);
    let Some(path) = &args.output else {
        print(&snapshot.render())?;
        return Ok(0);
    };
    let (cases, unstable) = (snapshot.cases.len(), snapshot.unstable());
    let whole = snapshot.render();
    let parts = if path.is_dir() {
        let by_folder = snapshot.by_folder().into_iter();
        by_folder
            .map(|(folder, part)| (path.join(format!("{folder}.txt")), part.render()))
            .collect()
    } else {
        vec![(path.clone(), whole.clone())]
    };
    for (file, text) in parts {
        write(&file, &text).map_err(|failure| print_instead(&whole, failure))?;
    }
    print(&format!(
        "{}: {}, {unstable} of them unstable\n",
        path.display(),
        plural(cases, "case")
    ))?;
    Ok(0)
}

/// Half a snapshot would be taken for a whole one: it does not stay.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| {
        if file.is_file() {
            // The first error is the one to tell of.
            let _ = std::fs::remove_file(file);
        }
        Failure::broken(format!("{}: {error}", file.display()))
    })
}

/// Written and removed where a folder is to hold the snapshots.
const PROBE: &str = ".tcpconf-snapshot";

/// How many cases are played side by side when those of many differed from play to play.
const FEW: usize = 16;

/// For one case that is observed; in virtual time it costs nothing.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(600);

impl Plays<'_> {
    fn target(&self) -> Result<tcpconf_target::Target, Failure> {
        open::open(self.choice, &self.args.target, &self.profile)
    }

    /// What these did in each of the plays, each with a seed of its own.
    fn observe(
        &self,
        instances: &[Instance],
        base: &RunOptions,
    ) -> Result<Vec<Vec<CaseReport>>, Failure> {
        let rounds = (0..self.args.plays).map(|round| {
            let options = RunOptions {
                mode: Mode::Observe {
                    quiet: self.args.quiet,
                },
                // A case waits at every step until it is quiet: what it derives for itself is too short.
                timeout: self.args.pace.timeout.or(Some(LONGEST)),
                seed: base.seed.wrapping_add(u64::from(round)),
                ..base.clone()
            };
            self.play(instances, self.target()?, options)
        });
        rounds.collect()
    }

    fn play(
        &self,
        instances: &[Instance],
        target: tcpconf_target::Target,
        options: RunOptions,
    ) -> Result<Vec<CaseReport>, Failure> {
        let mut reports = Vec::new();
        let summary = run(
            instances,
            target,
            Arc::clone(&self.profile),
            options,
            &mut |event| {
                if let RunEvent::CaseFinished(report) = event {
                    reports.push(*report);
                }
            },
            &self.stop,
        );
        match summary.broken {
            Some(message) => Err(Failure {
                code: EXIT_BROKEN,
                message,
                help: None,
            }),
            None => Ok(reports),
        }
    }

    fn about(&self) -> Vec<String> {
        vec![
            format!(
                "target {}, profile {}",
                self.args.target.target, self.profile.name
            ),
            format!(
                "each stimulus is followed by {} without a packet; {} plays agree",
                humantime::format_duration(self.args.quiet),
                self.args.plays
            ),
        ]
    }
}
