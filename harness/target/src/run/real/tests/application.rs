//! Cases with application calls.

use super::fake::{FakeReal, fake};
use super::on;
use crate::run::testing::{CallsMade, FakeApplication, Manner, instance, plan};
use crate::run::{RunOptions, exit_code};
use crate::seam::LostApplication;
use rstest::rstest;
use std::time::Duration;
use tcpconf_engine::{AppCall, Outcome, Shown};
use tcpconf_suite::plan::Instance;

/// A target with an application interface, and the calls that it got.
fn fake_with_application() -> (FakeReal, CallsMade) {
    let (mut target, _) = fake(Manner::Answers);
    let app = FakeApplication::new();
    let calls = app.calls.clone();
    target.app = Some(app);
    (target, calls)
}

#[test]
fn replies_and_events_of_applications_come_to_the_case_that_called() {
    let ids: Vec<String> = (0..50).map(|n| format!("t/app{n}")).collect();
    let mut plan: Vec<Instance> = ids.iter().map(|id| instance(id)).collect();
    for instance in &mut plan {
        instance.needs.app = true;
    }
    let (target, calls) = fake_with_application();
    let got = on(target, &plan, &RunOptions::default());
    // The script passes when its own reply and an event with its own key have come, and fails otherwise.
    assert_eq!(
        got.summary.counts.get(&Shown::Pass),
        Some(&50),
        "{:?}",
        got.lines()
    );
    let calls = calls.borrow();
    let last = |key: u64| calls.iter().rfind(|(of, _)| *of == key).map(|(_, c)| c);
    for (key, _) in calls.iter() {
        assert_eq!(last(*key), Some(&AppCall::ResetAll), "of {key}");
    }
}

#[test]
fn a_case_that_is_given_up_is_hung_up_too() {
    let mut hang = instance("t/hang");
    hang.needs.app = true;
    let (target, calls) = fake_with_application();
    let options = RunOptions {
        timeout: Some(Duration::from_secs(1)),
        ..RunOptions::default()
    };
    on(target, &[hang], &options);
    let calls: Vec<AppCall> = calls.borrow().iter().map(|(_, c)| c.clone()).collect();
    assert_eq!(calls, [AppCall::ResetAll]);
}

#[test]
fn a_target_without_an_application_makes_its_cases_unsupported() {
    let mut app = instance("t/app");
    app.needs.app = true;
    let (target, _) = fake(Manner::Answers);
    let got = on(target, &[app], &RunOptions::default());
    let line = "t/app: UNSUP the target has no application interface";
    assert_eq!(got.lines(), [line]);
}

/// Four cases one after the other, all but the last with an application; their verdicts in short.
fn with_a_loss(lost: fn(u64) -> LostApplication) -> (Vec<String>, Vec<String>, u8) {
    let (mut target, _) = fake_with_application();
    target.loses = Some(lost);
    let mut plan = plan(&["t/app0", "t/app1", "t/app2", "t/a"]);
    for instance in &mut plan[..3] {
        instance.needs.app = true;
    }
    let options = RunOptions {
        jobs: Some(1),
        ..RunOptions::default()
    };
    let got = on(target, &plan, &options);
    assert_eq!(got.summary.killed_by, None);
    assert!(got.reports().all(|r| r.verdict.outcome != Outcome::Fail));
    let notes = got.notes().into_iter().map(str::to_owned).collect();
    (got.lines(), notes, exit_code(&got.summary, false))
}

#[test]
fn when_the_application_of_all_goes_the_run_ends_without_blame() {
    let (mut lines, notes, code) = with_a_loss(|_| LostApplication {
        key: None,
        why: "the agent is gone".into(),
    });
    lines.sort();
    let wanted = ["t/a", "t/app0", "t/app1", "t/app2"];
    assert_eq!(
        lines,
        wanted.map(|id| format!("{id}: INCONC the agent is gone"))
    );
    assert_eq!(notes, ["the agent is gone"]);
    assert_eq!(code, 5);
}

#[test]
fn when_the_application_of_one_case_goes_the_others_are_played() {
    let (mut lines, notes, code) = with_a_loss(|key| LostApplication {
        key: Some(key),
        why: "its upper tester is gone".into(),
    });
    lines.sort();
    assert_eq!(
        lines,
        [
            "t/a: PASS",
            "t/app0: INCONC its upper tester is gone",
            "t/app1: PASS",
            "t/app2: PASS"
        ]
    );
    assert_eq!((notes, code), (Vec::new(), 5));
}

/// The target's application is the harness's own, and so is the thread that plays its services.
#[rstest]
fn failures_beside_a_late_thread_are_inconclusive(
    #[values(|t: &mut FakeReal, by| t.late = by, |t: &mut FakeReal, by| t.waited = Some(by))]
    is_late: fn(&mut FakeReal, Duration),
    #[values((0, Outcome::Fail), (1, Outcome::Inconclusive))] (by, outcome): (u64, Outcome),
) {
    let (mut target, _) = fake(Manner::Answers);
    let options = RunOptions {
        retries: 0,
        ..RunOptions::default()
    };
    let by = options.late_after + Duration::from_millis(by);
    is_late(&mut target, by);
    let got = on(target, &plan(&["t/fail", "t/a"]), &options);
    assert_eq!(got.report("t/fail").verdict.outcome, outcome);
    assert_eq!(got.report("t/a").verdict.outcome, Outcome::Pass);
}

/// Nothing else goes on while the case waits: a thread that gets no processor meanwhile is noticed all the same.
#[rstest]
#[case::has_threads(Some(Duration::ZERO), 10)]
#[case::has_none(None, 1)]
fn threads_are_asked_while_all_wait(#[case] waited: Option<Duration>, #[case] least: u32) {
    let (mut target, seen) = fake(Manner::Answers);
    target.link.speed = 1;
    target.waited = waited;
    let options = RunOptions {
        sanity: false,
        ..RunOptions::default()
    };
    let got = on(target, &plan(&["t/wait"]), &options);
    assert_eq!(got.report("t/wait").verdict.outcome, Outcome::Pass);
    // A second, ten milliseconds apart where the machine lets us; once at the beginning of the run and at the end of a case.
    let asked = seen.borrow().asked_of_threads;
    assert!(asked >= least, "{asked}");
    assert!(waited.is_some() || asked <= 2, "{asked}");
}
