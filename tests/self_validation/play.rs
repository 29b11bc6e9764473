//! Plays the tests of all topics against the own stack, against every fault of the bank and against what is no TCP.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use tcpconf_engine::{CaseReport, Outcome, Profile, RunEvent};
use tcpconf_suite::{Instance, Requirements, SourceFile, load};
use tcpconf_target::faults::{Fault, FaultyTarget, NonStack, faults};
use tcpconf_target::{InProcess, RunOptions, StackTarget, StopFlag, Target, run};
use tcpconf_tests::root;

/// Instances by their place in the plan.
pub(crate) type Instances = BTreeSet<usize>;

/// What became of a whole plan against one target.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// Passed.
    pub passed: Instances,
    /// Failed in a step of their own; an invariant, a crash or a start state that is not reached is no
    /// such step.
    pub killed: Instances,
    /// Anything else that is no pass, with the reason.
    pub others: Vec<(usize, String)>,
}

/// A plan with all that was played.
#[derive(Debug)]
pub(crate) struct Bank {
    /// The plan.
    pub plan: Vec<Instance>,
    /// Against the own stack.
    pub sound: Played,
    /// Against each fault, in the order of the bank.
    pub faulty: Vec<(&'static Fault, Played)>,
    /// Against what is no TCP.
    pub non_stacks: Vec<(NonStack, Played)>,
}

/// Everything, played once for all tests of this program.
pub(crate) static BANK: LazyLock<Bank> = LazyLock::new(Bank::play);

impl Bank {
    fn play() -> Self {
        let plan = plan();
        let profile = profile();
        let against = |target: Arc<dyn InProcess>| play(&plan, target, &profile);
        Self {
            sound: against(Arc::new(StackTarget::default())),
            faulty: faults()
                .map(|fault| (fault, against(Arc::new(FaultyTarget::new(fault)))))
                .collect(),
            non_stacks: NonStack::ALL
                .map(|what| (what, against(Arc::new(what))))
                .into(),
            plan,
        }
    }
}

fn play(plan: &[Instance], target: Arc<dyn InProcess>, profile: &Arc<Profile>) -> Played {
    let options = RunOptions {
        sanity: false,
        ..RunOptions::default()
    };
    let mut played = Played::default();
    let mut at = 0;
    let mut sink = |event: RunEvent| {
        if let RunEvent::CaseFinished(report) = event {
            // Events come in the order of the plan.
            assert_eq!(report.id, plan[at].id);
            match report.verdict.outcome {
                Outcome::Pass => _ = played.passed.insert(at),
                Outcome::Fail if by_a_step(&report) => _ = played.killed.insert(at),
                outcome => {
                    let message = report.failure.as_ref().map(|failure| &failure.message);
                    let reason = report.reason.as_ref().or(message);
                    played.others.push((at, format!("{outcome:?}: {reason:?}")));
                }
            }
            at += 1;
        }
    };
    let profile = Arc::clone(profile);
    let target = Target::InProcess(target);
    let summary = run(plan, target, profile, options, &mut sink, &StopFlag::new());
    assert_eq!(summary.broken, None);
    assert_eq!(at, plan.len());
    played
}

/// Whether it was a step that failed: what the run says of a target that crashed or spins stands at the
/// test as a whole.
fn by_a_step(report: &CaseReport) -> bool {
    report
        .failure
        .as_ref()
        .and_then(|failure| failure.location.last())
        .is_some_and(|place| *place != report.location)
}

/// The folders under suites/ that hold tests, in order.
pub(crate) fn topics() -> Vec<String> {
    let mut topics: Vec<String> = std::fs::read_dir(root().join("suites"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != "fixtures" && entry.path().is_dir())
        .filter(|entry| !suites(&entry.path()).is_empty())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    topics.sort_unstable();
    topics
}

fn plan() -> Vec<Instance> {
    let requirements =
        Requirements::from_toml(&text(&root().join("suites/requirements.toml"))).unwrap();
    let files = topics()
        .iter()
        .flat_map(|topic| suites(&root().join("suites").join(topic)))
        .collect();
    let (plan, diagnostics) = load(
        files,
        suites(&root().join("suites/fixtures")),
        &requirements,
    );
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    plan.instances
}

fn profile() -> Arc<Profile> {
    let toml = text(&root().join("suites/targets/stack.toml"));
    Arc::new(Profile::from_toml(&toml).unwrap())
}

fn suites(folder: &Path) -> Vec<SourceFile> {
    let mut files: Vec<SourceFile> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "tcpt"))
        .map(|path| SourceFile {
            path: path.strip_prefix(root()).unwrap().display().to_string(),
            text: text(&path),
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
