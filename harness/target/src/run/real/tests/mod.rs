mod application;
mod fake;

use crate::run::sanity::segment;
use crate::run::testing::{Manner, OURS, Outcomes, TARGET, expecting, instance, plan, play};
use crate::run::{RunOptions, StopFlag, Target, exit_code};
use fake::{FakeReal, KILLER, fake};
use rstest::rstest;
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_engine::{Mark, Outcome, Profile, Shown};
use tcpconf_suite::plan::Instance;
use tcpconf_wire::{Flags, SeqNumber};

fn on(target: FakeReal, plan: &[Instance], options: &RunOptions) -> Outcomes {
    let target = Target::Real(Box::new(target));
    play(plan, target, Profile::generic(), options, &StopFlag::new())
}

/// A machine under load is late for a fast clock.
fn in_no_hurry() -> RunOptions {
    RunOptions {
        late_after: Duration::from_secs(60),
        ..RunOptions::default()
    }
}

fn sorted(outcomes: &Outcomes) -> Vec<String> {
    let mut lines = outcomes.lines();
    lines.sort();
    lines
}

#[test]
fn a_sound_target_passes_and_the_wrong_expectation_fails() {
    let (target, seen) = fake(Manner::Answers);
    let got = on(
        target,
        &plan(&["t/a", "t/fail", "t/b"]),
        &RunOptions::default(),
    );
    assert_eq!(
        sorted(&got),
        ["t/a: PASS", "t/b: PASS", "t/fail: FAIL as told"]
    );
    assert_eq!(exit_code(&got.summary, false), 1);
    assert_eq!(seen.borrow().leases, 0, "every lease was given back");
}

#[test]
fn turn_around_is_measured_and_noted_when_asked_for() {
    let (target, _) = fake(Manner::Answers);
    let options = RunOptions {
        verbose: true,
        ..RunOptions::default()
    };
    let got = on(target, &plan(&["t/a"]), &options);
    assert!(
        got.notes().iter().any(|n| n.starts_with("turn-around")),
        "{:?}",
        got.notes()
    );
}

#[rstest]
#[case(Manner::BlackHole, "does not answer")]
#[case(Manner::Refuses, "is closed")]
fn nothing_is_played_on_an_unreachable_target(#[case] manner: Manner, #[case] words: &str) {
    let (target, _) = fake(manner);
    let got = on(target, &plan(&["t/a", "t/b"]), &RunOptions::default());
    assert!(got.summary.broken.as_ref().unwrap().contains(words));
    assert!(got.reports().all(|r| r.verdict.outcome == Outcome::Error));
    assert_eq!(got.reports().count(), 2);
    assert_eq!(got.starts(), [""; 0]);
    assert_eq!(exit_code(&got.summary, false), 3);
}

#[test]
fn tests_of_a_closed_port_run_against_a_closed_port() {
    let (target, _) = fake(Manner::Refuses);
    let mut closed = instance("t/closed");
    closed.needs.service = "closed".to_owned();
    let got = on(target, &[closed], &RunOptions::default());
    assert_eq!(got.lines(), ["t/closed: PASS"]);
    assert_eq!(got.summary.broken, None);
}

#[test]
fn the_case_that_kills_the_target_is_named_and_later_ones_are_inconclusive() {
    let (target, _) = fake(Manner::Answers);
    let mut plan = plan(&["t/before", "t/kills", "t/after", "t/last"]);
    plan[1].needs.service = KILLER.to_owned();
    let options = RunOptions {
        jobs: Some(1),
        ..RunOptions::default()
    };
    let got = on(target, &plan, &options);
    assert_eq!(got.summary.killed_by.as_deref(), Some("t/kills"));
    assert_eq!(got.report("t/before").verdict.outcome, Outcome::Pass);
    assert_eq!(got.report("t/kills").verdict.outcome, Outcome::Fail);
    for id in ["t/after", "t/last"] {
        let report = got.report(id);
        assert_eq!(report.verdict.outcome, Outcome::Inconclusive);
        let reason = report.reason.as_deref().unwrap();
        assert_eq!(reason, "the target stopped answering in t/kills");
    }
    assert_eq!(got.reports().count(), 4);
    assert_eq!(exit_code(&got.summary, false), 1);
}

#[rstest]
#[case::one_at_a_time(1, "t/kills")]
#[case::beside_others(4, "t/kills")]
fn a_target_that_is_known_to_be_gone_was_killed_by_whoever_spoke_last(
    #[case] jobs: usize,
    #[case] killer: &str,
) {
    let (mut target, _) = fake(Manner::Answers);
    target.tells_its_end = true;
    let mut plan = plan(&["t/before", "t/kills", "t/after", "t/last"]);
    plan[1].needs.service = KILLER.to_owned();
    let options = RunOptions {
        jobs: Some(jobs),
        ..RunOptions::default()
    };
    let got = on(target, &plan, &options);
    assert_eq!(got.summary.killed_by.as_deref(), Some(killer));
    let report = got.report(killer);
    assert_eq!(report.verdict.outcome, Outcome::Fail);
    let reason = report.reason.as_deref();
    assert_eq!(reason, Some("the target died: it ended by SIGSEGV"));
    assert_eq!(got.reports().count(), 4);
    let last = got.report("t/last");
    assert_eq!(last.verdict.outcome, Outcome::Inconclusive);
    assert_eq!(exit_code(&got.summary, false), 1);
}

/// There is no time to play it again, and still it accuses nobody.
#[test]
fn a_late_failure_is_none_when_the_run_ends_before_it_is_played_again() {
    let (target, _) = fake(Manner::Answers);
    let options = RunOptions {
        fail_fast: true,
        ..in_no_hurry()
    };
    let got = on(target, &plan(&["t/fail", "t/fail-late"]), &options);
    assert_eq!(
        sorted(&got),
        [
            "t/fail-late: INCONC the harness was late",
            "t/fail: FAIL as told"
        ]
    );
    assert_eq!(got.report("t/fail-late").attempts, 1);
}

/// Whoever killed the target did, however late we were.
#[test]
fn lateness_excuses_no_death() {
    let (mut target, _) = fake(Manner::Answers);
    target.tells_its_end = true;
    target.waited = Some(Duration::from_secs(1));
    let mut plan = plan(&["t/kills"]);
    plan[0].needs.service = KILLER.to_owned();
    let got = on(target, &plan, &RunOptions::default());
    assert_eq!(
        got.lines(),
        ["t/kills: FAIL the target died: it ended by SIGSEGV"]
    );
}

#[test]
fn retries_and_lateness_are_told_apart() {
    let (target, _) = fake(Manner::Answers);
    let options = RunOptions {
        retries: 1,
        ..in_no_hurry()
    };
    let got = on(
        target,
        &plan(&["t/fail-late", "t/fail", "t/late"]),
        &options,
    );
    let late = got.report("t/fail-late");
    assert_eq!(late.verdict.outcome, Outcome::Inconclusive);
    assert_eq!(
        late.reason.as_deref(),
        Some("the harness was late in 5 plays")
    );
    assert_eq!(late.attempts, 5);
    assert_eq!(got.report("t/fail").attempts, 2);
    let pass = got.report("t/late");
    assert_eq!((pass.attempts, pass.verdict.outcome), (1, Outcome::Pass));
    assert!(!pass.marks.contains(&Mark::Flaky));
}

/// It accuses the target of nothing new.
#[rstest]
#[case::it_failed_each_time("t/fail-late", "XFAIL on purpose")]
#[case::it_never_came_to_its_steps("t/unreached-late", "INCONC the harness was late in 5 plays")]
#[case::it_passed_each_time("t/late", "INCONC the harness was late in 5 plays")]
#[case::a_packet_was_lost_each_time(
    "t/fail-lost",
    "INCONC the target's link lost packets in 5 plays"
)]
#[case::it_is_not_expected("t/other-fail-late", "INCONC the harness was late in 5 plays")]
fn what_is_expected_to_fail_and_does_has_failed_however_late_we_were(
    #[case] id: &str,
    #[case] line: &str,
) {
    let (target, _) = fake(Manner::Answers);
    let target = Target::Real(Box::new(target));
    let profile = expecting("t/{fail-late,fail-lost,unreached-late,late}", "fail");
    let got = play(
        &plan(&[id]),
        target,
        profile,
        &RunOptions::default(),
        &StopFlag::new(),
    );
    assert_eq!(got.lines(), [format!("{id}: {line}")]);
    assert_eq!(got.report(id).attempts, 5);
}

#[test]
fn the_longest_case_starts_first() {
    let (target, _) = fake(Manner::Answers);
    let mut plan = plan(&["t/short", "t/long", "t/middle"]);
    plan[1].needs.duration = Duration::from_secs(60);
    plan[2].needs.duration = Duration::from_secs(30);
    let got = on(target, &plan, &RunOptions::default());
    assert_eq!(got.starts(), ["t/long", "t/middle", "t/short"]);
}

#[test]
fn cases_wait_at_the_same_time() {
    let ids: Vec<String> = (0..300).map(|n| format!("t/wait{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (target, seen) = fake(Manner::Answers);
    let began = std::time::Instant::now();
    let got = on(target, &plan(&ids), &in_no_hurry());
    assert!(got.reports().all(|r| r.verdict.outcome == Outcome::Pass));
    assert!(seen.borrow().most_leases >= 300);
    // Each waits a second of the fast clock; one after the other they would take 15 s.
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[rstest]
#[case(Some(3), None, 3)]
#[case(Some(100), Some(2), 2)]
#[case(None, Some(1), 1)]
fn jobs_and_half_open_connections_bound_what_runs(
    #[case] jobs: Option<usize>,
    #[case] max_half_open: Option<u32>,
    #[case] most: usize,
) {
    let (mut target, seen) = fake(Manner::BlackHole);
    target.max_half_open = max_half_open;
    let options = RunOptions {
        jobs,
        sanity: false,
        ..in_no_hurry()
    };
    let got = on(target, &plan(&["t/a", "t/b", "t/c", "t/d"]), &options);
    assert_eq!(got.reports().count(), 4);
    assert_eq!(seen.borrow().most_leases, most);
}

#[test]
fn cases_follow_each_other_slowly_where_the_listener_is_shared() {
    let ids: Vec<String> = (0..20).map(|n| format!("t/a{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (mut target, seen) = fake(Manner::Answers);
    target.link.speed = 1;
    target.max_half_open = Some(2);
    let got = on(target, &plan(&ids), &RunOptions::default());
    assert_eq!(got.summary.counts.get(&Shown::Pass), Some(&20));
    let sent = seen.borrow().sent.clone();
    let packets_of_sanity = 3;
    let of_cases = &sent[packets_of_sanity..sent.len() - packets_of_sanity];
    for two in of_cases.windows(2) {
        assert!(
            two[1].since(two[0]) >= crate::run::real::start::SPACING,
            "{two:?}"
        );
    }
}

/// As late as the loop was with a packet, so long it starts none while others run.
#[rstest]
#[case::late(true)]
#[case::in_time(false)]
fn a_loop_that_is_late_starts_fewer_cases(#[case] late: bool) {
    let ids: Vec<String> = (0..10).map(|n| format!("t/wait{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (mut target, seen) = fake(Manner::Answers);
    target.link.speed = 1;
    let options = RunOptions {
        sanity: false,
        late_after: Duration::from_millis(150),
        ..RunOptions::default()
    };
    let by = Duration::from_millis(40);
    if late {
        target.link.unread = by;
    }
    let got = on(target, &plan(&ids), &options);
    assert_eq!(got.summary.counts.get(&Shown::Pass), Some(&10));
    // Each case begins with a segment, and waits then.
    let began = seen.borrow().sent[..5].to_vec();
    let slowly = began.windows(2).all(|two| two[1].since(two[0]) >= by);
    assert_eq!(slowly, late, "{began:?}");
}

/// It wants to act a second after the answer. A packet that comes meanwhile does not make it timely.
#[rstest]
#[case::in_time(1_000, Outcome::Fail)]
#[case::late(1_600, Outcome::Inconclusive)]
fn a_case_that_was_woken_too_late_is_inconclusive(
    #[case] leap: u64,
    #[case] outcome: Outcome,
    #[values(false, true)] packet: bool,
) {
    let (mut target, _) = fake(Manner::Answers);
    target.link.speed = 1;
    target.link.leap = Duration::from_millis(leap);
    target.link.duplicates = packet;
    let options = RunOptions {
        sanity: false,
        retries: 0,
        late_after: Duration::from_millis(400),
        ..RunOptions::default()
    };
    let got = on(target, &plan(&["t/wait-fail"]), &options);
    let report = got.report("t/wait-fail");
    assert_eq!(report.verdict.outcome, outcome, "{:?}", report.reason);
}

#[rstest]
#[case(true)]
#[case(false)]
fn exclusive_cases_run_alone_where_they_must(#[case] alone: bool) {
    let (mut target, seen) = fake(Manner::Answers);
    target.exclusive_alone = alone;
    let mut plan = plan(&["t/wait-x", "t/wait-y", "t/wait-a", "t/wait-b"]);
    plan[0].needs.exclusive = true;
    plan[1].needs.exclusive = true;
    let options = RunOptions {
        sanity: false,
        ..RunOptions::default()
    };
    let got = on(target, &plan, &options);
    assert!(got.reports().all(|r| r.verdict.outcome == Outcome::Pass));
    let beside = seen.borrow().beside_exclusive.clone();
    assert_eq!(beside, if alone { [1, 1] } else { [1, 2] });
}

#[test]
fn a_busy_target_is_asked_again() {
    let (mut target, seen) = fake(Manner::Answers);
    target.room = 1;
    let got = on(
        target,
        &plan(&["t/a", "t/b", "t/c"]),
        &RunOptions::default(),
    );
    assert!(got.reports().all(|r| r.verdict.outcome == Outcome::Pass));
    assert_eq!(seen.borrow().most_leases, 1);
}

#[test]
fn a_target_that_never_has_room_ends_the_run() {
    let (mut target, _) = fake(Manner::Answers);
    target.room = 0;
    let got = on(target, &plan(&["t/a"]), &RunOptions::default());
    assert!(got.summary.broken.unwrap().contains("no room"));
}

#[test]
fn what_the_target_does_not_offer_is_unsupported() {
    let (target, _) = fake(Manner::Answers);
    let mut nowhere = instance("t/nowhere");
    nowhere.needs.service = "nowhere".to_owned();
    let got = on(target, &[nowhere], &RunOptions::default());
    assert_eq!(got.lines(), ["t/nowhere: UNSUP no such service"]);
    assert_eq!(exit_code(&got.summary, false), 5);
}

#[test]
fn slow_cases_need_to_be_asked_for() {
    let mut slow = instance("t/slow");
    slow.needs.duration = Duration::from_secs(71);
    for (asked, line) in [
        (false, "t/slow: SKIP slow: needs --slow"),
        (true, "t/slow: PASS"),
    ] {
        let (target, _) = fake(Manner::Answers);
        let options = RunOptions {
            slow: asked,
            ..RunOptions::default()
        };
        let got = on(target, &[slow.clone()], &options);
        assert_eq!(got.lines(), [line]);
        assert!(got.report("t/slow").marks.contains(&Mark::Slow));
    }
}

#[test]
fn a_case_has_its_time_and_one_that_does_not_clean_up_is_an_error() {
    let (target, _) = fake(Manner::Answers);
    let options = RunOptions {
        timeout: Some(Duration::from_secs(2)),
        ..RunOptions::default()
    };
    let got = on(target, &plan(&["t/never", "t/hang", "t/a"]), &options);
    assert_eq!(
        sorted(&got),
        [
            "t/a: PASS",
            "t/hang: ERROR the harness failed in this case: it did not clean up",
            "t/never: INCONC not done after 2 s"
        ]
    );
}

#[test]
fn the_deadline_interrupts_what_runs_and_leaves_the_rest_open() {
    let (target, _) = fake(Manner::Answers);
    let options = RunOptions {
        deadline: Some(Duration::from_millis(150)),
        jobs: Some(1),
        ..RunOptions::default()
    };
    let got = on(target, &plan(&["t/never", "t/b"]), &options);
    assert_eq!(
        sorted(&got),
        [
            "t/b: INCONC not played: the run's deadline had passed",
            "t/never: INCONC the run's deadline passed"
        ]
    );
    assert_eq!(exit_code(&got.summary, false), 5);
}

#[test]
fn an_interrupt_ends_the_run_with_all_reports() {
    let (target, _) = fake(Manner::Answers);
    let stop = StopFlag::new();
    let later = stop.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(150));
        later.stop();
    });
    let options = RunOptions {
        jobs: Some(1),
        ..RunOptions::default()
    };
    let target = Target::Real(Box::new(target));
    let ids = plan(&["t/never", "t/b"]);
    let got = play(&ids, target, Profile::generic(), &options, &stop);
    thread.join().unwrap();
    assert_eq!(
        sorted(&got),
        ["t/b: SKIP interrupted", "t/never: SKIP interrupted"]
    );
    assert_eq!(exit_code(&got.summary, false), 130);
}

#[test]
fn fail_fast_ends_the_run() {
    let (target, _) = fake(Manner::Answers);
    let options = RunOptions {
        fail_fast: true,
        jobs: Some(1),
        ..RunOptions::default()
    };
    let got = on(target, &plan(&["t/fail", "t/wait", "t/never"]), &options);
    assert_eq!(got.lines()[0], "t/fail: FAIL as told");
    let skipped = got.lines().iter().filter(|l| l.contains("SKIP")).count();
    assert!(skipped >= 1, "{:?}", got.lines());
    assert_eq!(got.reports().count(), 3);
}

#[test]
fn the_rate_bounds_packets_a_second() {
    let ids: Vec<String> = (0..60).map(|n| format!("t/a{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (mut target, seen) = fake(Manner::Answers);
    target.link.speed = 1;
    let options = RunOptions {
        rate: Some(200),
        ..RunOptions::default()
    };
    let got = on(target, &plan(&ids), &options);
    assert_eq!(
        got.summary.counts.get(&Shown::Pass),
        Some(&60),
        "{:?}",
        got.lines()
    );
    let sent = seen.borrow().sent.clone();
    let seconds = sent[sent.len() - 1].since(sent[0]).as_secs_f64();
    let rate = (sent.len() - 1) as f64 / seconds;
    // A hundredth of a second's worth may go at once.
    assert!(rate < 205.0, "{rate} packets a second");
}

#[test]
fn a_packet_that_cannot_be_sent_is_the_harnesss_error() {
    let (mut target, _) = fake(Manner::Answers);
    target.link.fails = true;
    let options = RunOptions {
        sanity: false,
        ..RunOptions::default()
    };
    let got = on(target, &plan(&["t/a"]), &options);
    assert_eq!(
        got.lines(),
        ["t/a: ERROR a packet could not be sent: the wire is cut"]
    );

    let (mut target, _) = fake(Manner::Answers);
    target.link.fails = true;
    let got = on(target, &plan(&["t/a"]), &RunOptions::default());
    assert!(got.summary.broken.unwrap().contains("the wire is cut"));
}

#[test]
fn packets_that_nobody_claims_are_noted() {
    let (mut target, _) = fake(Manner::Answers);
    let nobody = SocketAddr::new(OURS, 9);
    let stray = |from| segment(from, nobody, SeqNumber(1), SeqNumber(1), Flags::ACK);
    target.link.arrive(stray(TARGET));
    let somebody = SocketAddr::new([192, 0, 2, 77].into(), 80);
    target.link.arrive(stray(somebody));
    let got = on(target, &plan(&["t/a"]), &RunOptions::default());
    let first = "192.0.2.1:80 > 192.0.2.10:9 . seq 1 ack 1";
    let note = format!("packets of the target that belonged to no case: 1 (the first: {first})");
    assert_eq!(got.notes(), [note]);
}
