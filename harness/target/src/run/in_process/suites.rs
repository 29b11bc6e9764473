//! Suites with an application, played on the targets in this process; what they leave behind.

use crate::run::{RunOptions, StopFlag, Target};
use crate::seam::{InProcess, LeaseError};
use crate::{SmoltcpTarget, StackTarget};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tcpconf_engine::{
    AppCall, AppEvent, CallId, Endpoint, Evidence, FourTuple, Lease, Profile, RunEvent, Status,
};
use tcpconf_suite::plan::{Instance, Needs};
use tcpconf_suite::vocabulary::{Capability, PATHS, STATES, names};
use tcpconf_suite::{Requirements, SourceFile, load};
use tcpconf_wire::{Instant, Packet};

fn suites() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites")
}

fn file(path: &Path) -> SourceFile {
    SourceFile {
        path: path.display().to_string(),
        text: std::fs::read_to_string(path).unwrap(),
    }
}

fn plan(paths: &[&str]) -> Vec<Instance> {
    let requirements = std::fs::read_to_string(suites().join("requirements.toml")).unwrap();
    let requirements = Requirements::from_toml(&requirements).unwrap();
    let mut fixtures: Vec<_> = std::fs::read_dir(suites().join("fixtures"))
        .unwrap()
        .map(|entry| file(&entry.unwrap().path()))
        .collect();
    fixtures.sort_by(|a, b| a.path.cmp(&b.path));
    let files = paths
        .iter()
        .map(|path| file(&suites().join(path)))
        .collect();
    let (plan, diagnostics) = load(files, fixtures, &requirements);
    let text: Vec<String> = diagnostics.iter().map(|d| d.render(false)).collect();
    assert!(text.is_empty(), "{}", text.join("\n"));
    plan.instances
}

/// A target whose endpoints say what they hold when their case is over.
struct Watched<T> {
    inner: T,
    left: Arc<Mutex<Vec<String>>>,
}

struct WatchedEndpoint {
    inner: Box<dyn Endpoint>,
    left: Arc<Mutex<Vec<String>>>,
}

impl<T: InProcess> InProcess for Watched<T> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn application(&self) -> Option<&[Capability]> {
        self.inner.application()
    }

    fn open(
        &self,
        seed: u64,
        needs: &Needs,
        ip: u8,
    ) -> Result<(Box<dyn Endpoint>, Lease), LeaseError> {
        let (inner, lease) = self.inner.open(seed, needs, ip)?;
        let left = Arc::clone(&self.left);
        Ok((Box::new(WatchedEndpoint { inner, left }), lease))
    }
}

impl Endpoint for WatchedEndpoint {
    fn addresses(&self) -> &[IpAddr] {
        self.inner.addresses()
    }
    fn handle_packet(&mut self, now: Instant, packet: &Packet) {
        self.inner.handle_packet(now, packet);
    }
    fn poll_transmit(&mut self, now: Instant) -> Option<Packet> {
        self.inner.poll_transmit(now)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.inner.poll_timeout()
    }
    fn call(&mut self, now: Instant, id: CallId, call: AppCall) {
        self.inner.call(now, id, call);
    }
    fn poll_app(&mut self, now: Instant) -> Option<AppEvent> {
        self.inner.poll_app(now)
    }
    fn status(&self, connection: FourTuple) -> Option<Status> {
        self.inner.status(connection)
    }
}

impl Drop for WatchedEndpoint {
    fn drop(&mut self) {
        let left = self.inner.connections().expect("the targets here can tell");
        let left = left.into_iter().map(|status| status.state);
        self.left
            .lock()
            .unwrap()
            .extend(left.filter(|state| state != "TIME-WAIT"));
    }
}

/// `id: SHOWN why` of cases that did not pass, and of what evidence each checked state was.
struct Played {
    not_passed: Vec<String>,
    states: Vec<(String, Evidence)>,
    left: Vec<String>,
}

fn play(paths: &[&str], target: impl InProcess + 'static, profile: Profile) -> Played {
    let left = Arc::new(Mutex::new(Vec::new()));
    let watched = Watched {
        inner: target,
        left: Arc::clone(&left),
    };
    let (mut not_passed, mut states) = (Vec::new(), Vec::new());
    let mut sink = |event: RunEvent| {
        if let RunEvent::CaseFinished(report) = event {
            states.extend(report.states.iter().cloned());
            if report.verdict.outcome != tcpconf_engine::Outcome::Pass {
                let why = report.failure.as_ref().map(|f| {
                    let expected = f.expected.as_deref().unwrap_or("");
                    let actual = f.actual.as_deref().unwrap_or("");
                    format!("{} (expected {expected}, actual {actual})", f.message)
                });
                let trace: Vec<String> = report
                    .trace
                    .iter()
                    .map(|entry| format!("\n      {:?} {}", entry.direction, entry.text))
                    .collect();
                not_passed.push(format!(
                    "{}: {:?} {:?} {:?}{}",
                    report.id,
                    report.verdict.outcome,
                    report.reason,
                    why,
                    trace.concat()
                ));
            }
        }
    };
    crate::run::run(
        &plan(paths),
        Target::InProcess(Arc::new(watched)),
        Arc::new(profile),
        RunOptions {
            slow: true,
            ..RunOptions::default()
        },
        &mut sink,
        &StopFlag::new(),
    );
    Played {
        not_passed,
        states,
        left: Arc::try_unwrap(left).unwrap().into_inner().unwrap(),
    }
}

/// The ids that fail in a step against one of the faults.
fn killed(paths: &[&str]) -> std::collections::BTreeMap<String, Vec<&'static str>> {
    let plan = plan(paths);
    let mut killers: std::collections::BTreeMap<String, Vec<&'static str>> = plan
        .iter()
        .map(|instance| (instance.id.clone(), Vec::new()))
        .collect();
    for fault in crate::faults::faults() {
        let mut sink = |event: RunEvent| {
            if let RunEvent::CaseFinished(report) = event
                && report.verdict.outcome == tcpconf_engine::Outcome::Fail
                && let Some(killers) = killers.get_mut(&report.id)
            {
                killers.push(fault.name);
            }
        };
        let target = Target::InProcess(Arc::new(crate::faults::FaultyTarget::new(fault)));
        let options = RunOptions {
            sanity: false,
            ..RunOptions::default()
        };
        let profile = Arc::new(Profile::generic());
        crate::run::run(&plan, target, profile, options, &mut sink, &StopFlag::new());
    }
    killers
}

#[test]
fn every_test_with_an_application_is_killed_by_a_fault() {
    let paths = [STATES_SUITE, OPEN_SUITES].concat();
    let alive: Vec<String> = killed(&paths)
        .into_iter()
        .filter(|(_, killers)| killers.is_empty())
        .map(|(id, _)| id)
        .collect();
    assert!(alive.is_empty(), "{}", alive.join("\n"));
}

const STATES_SUITE: &[&str] = &["states/reach.tcpt"];
const OPEN_SUITES: &[&str] = &[
    "handshake/active-open.tcpt",
    "handshake/syn-sent.tcpt",
    "handshake/simultaneous-open.tcpt",
];

#[test]
fn all_states_are_reached_by_every_path_and_confirmed_and_nothing_is_left() {
    let played = play(STATES_SUITE, StackTarget::default(), Profile::generic());
    assert!(
        played.not_passed.is_empty(),
        "{}",
        played.not_passed.join("\n")
    );
    assert!(played.left.is_empty(), "left behind: {:?}", played.left);
    let confirmed = |state: &str| {
        let of =
            |(name, evidence): &&(String, Evidence)| name == state && *evidence == Evidence::Status;
        played.states.iter().filter(of).count()
    };
    for state in names(STATES) {
        let paths = PATHS.iter().filter(|(of, ..)| *of == state).count();
        let expected = match state {
            // There is no connection to ask for.
            "CLOSED" | "LISTEN" => 0,
            _ => paths.max(1),
        };
        assert_eq!(confirmed(state), expected, "{state}");
    }
}

#[test]
fn smoltcp_reaches_all_states_but_where_it_differs_and_leaves_nothing() {
    let played = play(STATES_SUITE, SmoltcpTarget, Profile::generic());
    assert!(played.left.is_empty(), "left behind: {:?}", played.left);
    assert!(
        played.not_passed.is_empty(),
        "{}",
        played.not_passed.join("\n")
    );
}

#[test]
fn the_own_stack_opens_as_the_suites_say() {
    let played = play(OPEN_SUITES, StackTarget::default(), Profile::generic());
    assert!(
        played.not_passed.is_empty(),
        "{}",
        played.not_passed.join("\n")
    );
    assert!(played.left.is_empty(), "left behind: {:?}", played.left);
}
