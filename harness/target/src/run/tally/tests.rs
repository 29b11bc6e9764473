use super::Tally;
use crate::run::entry::Entry;
use crate::run::testing::{expecting, instance};
use rstest::rstest;
use std::time::Duration;
use tcpconf_engine::{
    CaseReport, Finding, Invariant, InvariantReport, Level, Outcome, Profile, RunEvent, Shown,
    Summary,
};
use tcpconf_wire::Instant;

const INVARIANTS: &[Invariant] = &[
    Invariant {
        name: "checksum",
        title: "every checksum is right",
        spec: &["RFC9293-MUST-2"],
        level: Level::Must,
    },
    Invariant {
        name: "reserved",
        title: "reserved bits are zero",
        spec: &[],
        level: Level::Should,
    },
];

fn report(id: &str, outcome: Outcome) -> CaseReport {
    let entry = Entry {
        instance: instance(id),
        ip: 4,
        set_aside: None,
    };
    entry.blank(1, outcome, "why")
}

fn finding(case: &str) -> Finding {
    Finding {
        invariant: "checksum",
        case: case.to_owned(),
        at: Instant::ZERO,
        segment: ".".to_owned(),
        message: "wrong".to_owned(),
    }
}

fn run(profile: &Profile, reports: Vec<CaseReport>) -> (Vec<RunEvent>, Summary) {
    let mut events = Vec::new();
    let mut sink = |event| events.push(event);
    let mut tally = Tally::new(profile, false, INVARIANTS, &mut sink);
    for report in reports {
        tally.absorb(&report);
        tally.case_finished(report);
    }
    let summary = tally.finish(Duration::ZERO);
    (events, summary)
}

fn invariants(events: &[RunEvent]) -> Vec<&InvariantReport> {
    events
        .iter()
        .filter_map(|event| match event {
            RunEvent::InvariantFinished(report) => Some(report),
            _ => None,
        })
        .collect()
}

#[rstest]
#[case("t/a", "fail", Outcome::Fail, Shown::Xfail, "on purpose")]
#[case("t/a", "fail", Outcome::Pass, Shown::Xpass, "on purpose")]
#[case("t/a", "fail", Outcome::Inconclusive, Shown::Inconclusive, "why")]
#[case("t/*", "fail", Outcome::Fail, Shown::Xfail, "on purpose")]
#[case("t/b", "fail", Outcome::Fail, Shown::Fail, "why")]
#[case("t/a", "any", Outcome::Fail, Shown::Xfail, "on purpose")]
#[case("t/a", "any", Outcome::Pass, Shown::Pass, "why")]
fn the_profile_marks_what_it_expects(
    #[case] expected: &str,
    #[case] wanted: &str,
    #[case] outcome: Outcome,
    #[case] shown: Shown,
    #[case] reason: &str,
) {
    let (events, summary) = run(
        &expecting(expected, wanted),
        vec![report("t/a[x=1]", outcome)],
    );
    let RunEvent::CaseFinished(report) = &events[0] else {
        panic!("{events:?}");
    };
    assert_eq!(Shown::of(&report.verdict, &report.marks), shown);
    assert_eq!(report.reason.as_deref(), Some(reason));
    assert_eq!(summary.counts[&shown], 1);
}

#[test]
fn invariants_are_summed_over_cases_in_their_order() {
    let mut good = report("t/a", Outcome::Pass);
    good.judged = vec![("checksum", 3)];
    let mut bad = report("t/b", Outcome::Pass);
    bad.judged = vec![("checksum", 4)];
    bad.findings = vec![finding("t/b")];
    let (events, summary) = run(&Profile::generic(), vec![good, bad]);
    let got: Vec<(String, Outcome, u64, usize)> = invariants(&events)
        .iter()
        .map(|r| (r.id.clone(), r.verdict.outcome, r.judged, r.findings.len()))
        .collect();
    assert_eq!(
        got,
        [
            ("invariant/checksum".to_owned(), Outcome::Fail, 7, 1),
            ("invariant/reserved".to_owned(), Outcome::Unsupported, 0, 0)
        ]
    );
    assert_eq!(summary.counts[&Shown::Fail], 1);
    assert_eq!(summary.counts[&Shown::Pass], 2);
    assert!(matches!(events.last(), Some(RunEvent::Finished(_))));
}

#[test]
fn an_expected_violation_is_xfail_and_findings_are_bounded() {
    let mut bad = report("t/b", Outcome::Pass);
    bad.findings = vec![finding("t/b"); 150];
    bad.judged = vec![("checksum", 150)];
    let (events, summary) = run(&expecting("invariant/checksum", "fail"), vec![bad]);
    assert_eq!(invariants(&events)[0].findings.len(), 100);
    assert_eq!(summary.counts[&Shown::Xfail], 1);
}

#[test]
fn requirements_count_what_passed_and_what_has_a_verdict() {
    let mut other = report("t/b", Outcome::Fail);
    other.spec = vec!["RFC9293-MUST-9".to_owned()];
    let mut none = report("t/c", Outcome::Unsupported);
    none.spec = vec!["RFC9293-MUST-8".to_owned()];
    let (_, summary) = run(
        &Profile::generic(),
        vec![report("t/a", Outcome::Pass), other, none],
    );
    assert_eq!(summary.requirements, (1, 2));
}

#[test]
fn a_run_without_cases_counts_no_invariants() {
    let (events, summary) = run(&Profile::generic(), Vec::new());
    assert_eq!(invariants(&events).len(), 0);
    assert!(summary.counts.is_empty());
}
