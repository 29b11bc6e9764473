use crate::run::testing::{FakeTarget, Manner, Outcomes, instance, plan, play, play_with};
use crate::run::{RunOptions, StopFlag, Target, exit_code, player};
use crate::stack_target::StackTarget;
use rstest::rstest;
use std::sync::Arc;
use std::time::Duration;
use tcpconf_engine::{Mark, Outcome, Profile};
use tcpconf_suite::{Requirements, SourceFile, load};

fn options() -> RunOptions {
    RunOptions {
        jobs: Some(1),
        sanity: false,
        ..RunOptions::default()
    }
}

fn fake(manner: Manner) -> Target {
    Target::InProcess(Arc::new(FakeTarget(manner)))
}

fn on(manner: Manner, ids: &[&str], options: &RunOptions) -> Outcomes {
    let profile = Profile::generic();
    play(&plan(ids), fake(manner), profile, options, &StopFlag::new())
}

#[test]
fn a_sound_endpoint_passes_and_the_wrong_expectation_fails() {
    let got = on(Manner::Answers, &["t/a", "t/fail"], &options());
    assert_eq!(got.lines(), ["t/a: PASS", "t/fail: FAIL as told"]);
    assert_eq!(exit_code(&got.summary, false), 1);
}

#[rstest]
#[case(
    Manner::FloodsForEver,
    "the target spins: more than 100000 packets at one instant"
)]
#[case(
    Manner::WakesForEver,
    "the target spins: its timer fired 1000 times at one instant"
)]
#[case(
    Manner::Panics,
    "the target panicked: assertion `left != right` failed: spoken to"
)]
fn a_target_that_spins_or_panics_fails_the_case(#[case] manner: Manner, #[case] sentence: &str) {
    let got = on(manner, &["t/a", "t/b"], &options());
    for line in got.lines() {
        assert!(line.contains(&format!("FAIL {sentence}")), "{line}");
    }
    assert_eq!(got.reports().count(), 2);
}

#[rstest]
#[case(
    "t/panic",
    "t/panic: ERROR the harness panicked in this case: told to panic"
)]
#[case(
    "t/spin",
    "t/spin: ERROR the harness failed in this case: it never waits"
)]
#[case(
    "t/hang",
    "t/hang: ERROR the harness failed in this case: not cleaned up 600 s after it was interrupted"
)]
fn a_fault_of_the_harness_is_an_error(#[case] id: &str, #[case] line: &str) {
    let got = on(Manner::Answers, &[id, "t/a"], &options());
    assert_eq!(got.lines(), [line, "t/a: PASS"]);
    assert_eq!(exit_code(&got.summary, false), 3);
}

#[test]
fn a_case_that_never_ends_is_inconclusive_at_its_time_limit() {
    let options = RunOptions {
        timeout: Some(Duration::from_secs(7200)),
        ..options()
    };
    let got = on(Manner::Answers, &["t/never"], &options);
    assert_eq!(
        got.lines(),
        ["t/never: INCONC not done at 7200 s of virtual time"]
    );
    assert_eq!(exit_code(&got.summary, false), 5);
}

#[rstest]
#[case(Manner::BlackHole, "does not answer")]
#[case(Manner::Refuses, "is closed")]
fn nothing_passes_against_an_unreachable_target(#[case] manner: Manner, #[case] words: &str) {
    let sane = RunOptions {
        sanity: true,
        ..options()
    };
    let got = on(manner, &["t/a", "t/wait"], &sane);
    assert!(got.summary.broken.as_ref().unwrap().contains(words));
    assert!(got.reports().all(|r| r.verdict.outcome == Outcome::Error));
    assert_eq!(got.reports().count(), 2);
    assert_eq!(exit_code(&got.summary, false), 3);
}

#[test]
fn without_sanity_a_black_hole_still_passes_nothing() {
    let got = on(Manner::BlackHole, &["t/a", "t/wait"], &options());
    assert!(got.reports().all(|r| r.verdict.outcome == Outcome::Fail));
}

#[test]
fn one_seed_gives_one_event_stream_at_any_number_of_threads() {
    let ids: Vec<String> = (0..200)
        .map(|n| format!("t/{}{n}", ["a", "odd", "fail", "wait"][n % 4]))
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let streams = [1, 2, 7].map(|jobs| {
        let options = RunOptions {
            jobs: Some(jobs),
            retries: 1,
            seed: 42,
            ..options()
        };
        format!("{:?}", on(Manner::Answers, &ids, &options).events)
    });
    assert!(streams[0].contains("Flaky"));
    assert_eq!(streams[0], streams[1]);
    assert_eq!(streams[0], streams[2]);
}

#[test]
fn retries_make_a_flaky_case_pass_with_a_mark() {
    let ids: Vec<String> = (0..40).map(|n| format!("t/odd{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let options = RunOptions {
        retries: 20,
        ..options()
    };
    let got = on(Manner::Answers, &ids, &options);
    assert!(got.reports().all(|r| r.verdict.outcome == Outcome::Pass));
    let flaky = got.reports().filter(|r| r.marks.contains(&Mark::Flaky));
    let again = got.reports().filter(|r| r.attempts > 1);
    assert!(got.summary.flaky > 0);
    assert_eq!(flaky.count(), got.summary.flaky);
    assert_eq!(again.count(), got.summary.flaky);
    let tries: u32 = got.reports().map(|r| r.attempts).sum();
    assert_eq!(got.starts().len(), tries as usize);
}

#[test]
fn a_case_that_always_fails_is_played_as_often_as_retries_say() {
    let options = RunOptions {
        retries: 2,
        ..options()
    };
    let got = on(Manner::Answers, &["t/fail"], &options);
    assert_eq!(got.report("t/fail").attempts, 3);
    assert_eq!(got.lines(), ["t/fail: FAIL as told"]);
}

#[rstest]
#[case(1)]
#[case(4)]
fn fail_fast_skips_what_follows_the_first_red_case(#[case] jobs: usize) {
    let options = RunOptions {
        fail_fast: true,
        jobs: Some(jobs),
        ..options()
    };
    let got = on(Manner::Answers, &["t/a", "t/fail", "t/b", "t/c"], &options);
    assert_eq!(
        got.lines(),
        [
            "t/a: PASS",
            "t/fail: FAIL as told",
            "t/b: SKIP not played: --fail-fast",
            "t/c: SKIP not played: --fail-fast"
        ]
    );
}

#[test]
fn a_warning_stops_a_fail_fast_run_only_when_strict() {
    for (strict, last) in [
        (false, "t/b: PASS"),
        (true, "t/b: SKIP not played: --fail-fast"),
    ] {
        let options = RunOptions {
            fail_fast: true,
            strict,
            ..options()
        };
        let got = on(Manner::Answers, &["t/should-fail", "t/b"], &options);
        assert_eq!(got.lines(), ["t/should-fail: WARN as told", last]);
    }
}

#[test]
fn a_deadline_that_has_passed_leaves_every_case_with_a_report() {
    let options = RunOptions {
        deadline: Some(Duration::ZERO),
        ..options()
    };
    let got = on(Manner::Answers, &["t/a", "t/b"], &options);
    assert_eq!(
        got.lines(),
        [
            "t/a: INCONC not played: the run's deadline had passed",
            "t/b: INCONC not played: the run's deadline had passed"
        ]
    );
    assert_eq!(exit_code(&got.summary, false), 5);
}

#[test]
fn an_interrupted_run_has_all_reports_and_exit_code_130() {
    let stop = StopFlag::new();
    stop.stop();
    let ids = ["t/a", "t/b"];
    let got = play(
        &plan(&ids),
        fake(Manner::Answers),
        Profile::generic(),
        &options(),
        &stop,
    );
    assert_eq!(
        got.lines(),
        ["t/a: SKIP interrupted", "t/b: SKIP interrupted"]
    );
    assert_eq!(exit_code(&got.summary, false), 130);
}

#[test]
fn what_the_target_does_not_offer_is_unsupported() {
    let mut driven = instance("t/driven");
    driven.needs.app = true;
    let got = play(
        &[driven],
        fake(Manner::Answers),
        Profile::generic(),
        &options(),
        &StopFlag::new(),
    );
    assert_eq!(
        got.lines(),
        ["t/driven: UNSUP the target has no application interface"]
    );
    assert_eq!(got.starts(), [""; 0]);
}

#[test]
fn nothing_selected_is_exit_code_4() {
    let got = on(Manner::Answers, &[], &options());
    assert_eq!(exit_code(&got.summary, false), 4);
}

const SUITE: &str = r#"tcpt 1
suite "Determinism"

test syn-ack {
  title "A SYN draws a SYN-ACK"
  spec  RFC9293-3.10.7.2-SYN
  matrix {
    win = 0, 1, 1000, 65535
  }
  < S   win ${win}
  > S.  ack ISS+1 as first
  > S.  same as first  within 3s
  < R
}
"#;

/// The engine's cases on the own stack, from text to events.
#[test]
fn cases_on_the_own_stack_repeat_bit_for_bit() {
    let requirements =
        Requirements::from_toml(include_str!("../../../../../suites/requirements.toml")).unwrap();
    let id = requirements.iter().next().unwrap().id.clone();
    let file = SourceFile {
        path: "determinism/a.tcpt".to_owned(),
        text: SUITE
            .replace("RFC9293-3.10.7.2-SYN", &id)
            .replace("ISS+1", "IRS+1"),
    };
    let (plan, diagnostics) = load(vec![file], Vec::new(), &requirements);
    assert!(plan.instances.len() == 4, "{diagnostics:?}");
    let play = |jobs, seed| {
        let options = RunOptions {
            jobs: Some(jobs),
            seed,
            ..RunOptions::default()
        };
        let target = Target::InProcess(Arc::new(StackTarget::default()));
        let profile = Profile::generic();
        play_with(
            &plan.instances,
            target,
            profile,
            &options,
            &StopFlag::new(),
            &player::case,
        )
    };
    let (first, second, other) = (play(1, 7), play(4, 7), play(1, 8));
    for report in first.reports() {
        assert_eq!(
            report.verdict.outcome,
            Outcome::Pass,
            "{:?}",
            report.failure
        );
        assert!(report.trace.len() > 3);
    }
    assert_eq!(
        format!("{:?}", first.events),
        format!("{:?}", second.events)
    );
    let bytes = |o: &Outcomes| -> Vec<Vec<u8>> {
        o.reports()
            .flat_map(|r| r.trace.iter().map(|entry| entry.bytes.clone()))
            .collect()
    };
    assert_ne!(bytes(&first), bytes(&other));
}
