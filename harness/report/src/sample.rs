//! Hand-made events for the tests of all reports.

use std::sync::Arc;
use std::time::Duration;
use tcpconf_engine::{
    CaseReport, Difference, Direction, Evidence, Failure, Finding, InvariantReport, Level,
    Location, Mark, Outcome, RunEvent, RunInfo, Shown, Summary, TraceEntry, Verdict,
};
use tcpconf_suite::Requirements;
use tcpconf_suite::ast::Span;
use tcpconf_suite::plan::SourceFile;
use tcpconf_wire::Instant;

const SUITE: &str = "\
tcpt 1
suite \"Blind reset attack\"

fixture challenge-ack {
  > .     seq SND.NXT  ack RCV.NXT  len 0   within 1s
  alive
}

test fail {
  title   \"A RST in the window but not at RCV.NXT draws a challenge ACK\"
  spec    RFC9293-3.10.7.4-RST-INWND-ESTABLISHED
  reach   ESTABLISHED
  < R     seq RCV.NXT+1
  > .     seq SND.NXT  ack RCV.NXT  len 0   within 1s
  use     challenge-ack
  check   time(second)-time(first) >= 1.8s
}
";

pub(crate) fn requirements() -> Arc<Requirements> {
    Arc::new(Requirements::from_toml(include_str!("../../../suites/requirements.toml")).unwrap())
}

/// The place of the first `text` in the sample suite.
pub(crate) fn location(text: &str) -> Location {
    let start = SUITE.find(text).unwrap();
    let file = Arc::new(SourceFile {
        path: "suites/reset/rfc5961.tcpt".into(),
        text: SUITE.into(),
    });
    Location {
        file,
        span: Span {
            start,
            end: start + text.len(),
        },
    }
}

pub(crate) fn run_info() -> RunInfo {
    RunInfo {
        version: "0.1.0".into(),
        target: "kernel".into(),
        profile: "linux".into(),
        seed: 7,
        cases: 12,
        tests: 12,
        paths: vec!["suites/reset".into()],
        epoch_nanos: 1_700_000_000_123_456_789,
    }
}

fn packet(direction: Direction, micros: u64, text: &str, note: Option<&str>) -> TraceEntry {
    let mut bytes = vec![0x45, 0, 0, 41];
    bytes.resize(41, u8::try_from(micros % 251).unwrap());
    TraceEntry {
        direction,
        connection: None,
        at: Instant::from_nanos(5_000_000_000 + micros * 1_000),
        bytes,
        text: text.into(),
        note: note.map(str::to_owned),
    }
}

fn trace() -> Vec<TraceEntry> {
    use Direction::{In, Out};
    vec![
        packet(In, 0, "S   0:0(0) win 65535 <mss 1460>", None),
        packet(Out, 12, "S.  0:0(0) ack 1 win 64240 <mss 1460>", None),
        packet(In, 30, ".   1:1(0) ack 1 win 65535", None),
        packet(In, 900, "R   2:2(0) win 65535", None),
        packet(Out, 1_012_345, "R.  1:1(0) ack 1 win 0", Some("mismatch")),
        packet(In, 1_012_400, "R   2:2(0) win 0", Some("cleaning up")),
    ]
}

/// A case with no more than a verdict.
pub(crate) fn case(id: &str, outcome: Outcome, level: Level) -> CaseReport {
    CaseReport {
        id: id.into(),
        test: id.split('[').next().unwrap().into(),
        title: "A RST in the window but not at RCV.NXT draws a challenge ACK".into(),
        spec: vec![
            "RFC9293-3.10.7.4-RST-INWND-ESTABLISHED".into(),
            "RFC5961-3.2-4".into(),
        ],
        verdict: Verdict { outcome, level },
        marks: Vec::new(),
        reason: None,
        duration: Duration::from_millis(311),
        started: Instant::from_secs(5),
        attempts: 1,
        failure: None,
        trace: Vec::new(),
        states: vec![("ESTABLISHED".into(), Evidence::Wire)],
        findings: Vec::new(),
        judged: vec![("checksum", 3)],
        seed: 7,
        location: location("test fail"),
    }
}

/// A case with packets.
fn played(id: &str, outcome: Outcome, level: Level) -> CaseReport {
    CaseReport {
        trace: trace(),
        ..case(id, outcome, level)
    }
}

/// Nothing came where a segment was due.
pub(crate) fn failed() -> CaseReport {
    CaseReport {
        failure: Some(Failure {
            message: "nothing came within 1s".into(),
            spec: Some("RFC9293-3.10.7.4-RST-INWND-ESTABLISHED".into()),
            location: vec![location(
                "> .     seq SND.NXT  ack RCV.NXT  len 0   within 1s\n  use",
            )],
            expected: Some(".   seq 1   ack 1   len 0    within 1.000s".into()),
            actual: Some("nothing".into()),
            differences: Vec::new(),
        }),
        trace: trace(),
        ..case(
            "reset/fail[state=ESTABLISHED,off=one]",
            Outcome::Fail,
            Level::Must,
        )
    }
}

/// A segment came whose fields differ.
pub(crate) fn mismatch(level: Level) -> CaseReport {
    let difference = |field: &str, expected: &str, actual: &str| Difference {
        field: field.into(),
        expected: expected.into(),
        actual: actual.into(),
    };
    let mut case = failed();
    case.id = format!("reset/fail-{level:?}").to_lowercase();
    case.test.clone_from(&case.id);
    case.verdict.level = level;
    let failure = case.failure.as_mut().unwrap();
    failure.message = "another segment came".into();
    failure.actual = Some("R.  1:1(0) ack 1 win 0".into());
    failure.differences = vec![
        difference("flags", ".", "R."),
        difference("ack", "1001 (RCV.NXT+1000)", "1"),
        difference("time", "at most 1.000s", "1.011s"),
    ];
    failure.location = vec![
        location("use     challenge-ack"),
        location("> .     seq SND.NXT  ack RCV.NXT  len 0   within 1s\n  alive"),
    ];
    case
}

/// A `check` that does not hold.
pub(crate) fn check_failed() -> CaseReport {
    let mut case = failed();
    case.id = "reset/fail-check".into();
    let failure = case.failure.as_mut().unwrap();
    failure.message = "does not hold: 1.000s >= 1.800s".into();
    failure.location = vec![location("time(second)")];
    failure.expected = None;
    failure.actual = None;
    case
}

pub(crate) fn with(mut case: CaseReport, marks: &[Mark], reason: Option<&str>) -> CaseReport {
    case.marks = marks.to_vec();
    case.reason = reason.map(str::to_owned);
    case
}

fn finding() -> Finding {
    Finding {
        invariant: "no-rst-to-rst",
        case: "reset/fail-must".into(),
        at: Instant::from_millis(6_012),
        segment: "R.  1:1(0) ack 1 win 0".into(),
        message: "a RST in answer to a RST".into(),
    }
}

pub(crate) fn invariant(outcome: Outcome, level: Level) -> InvariantReport {
    let failed = outcome == Outcome::Fail;
    InvariantReport {
        id: if failed {
            "invariant/no-rst-to-rst".into()
        } else {
            "invariant/checksum".into()
        },
        title: "A RST is never answered by a RST".into(),
        spec: vec!["RFC9293-MUST-2".into()],
        verdict: Verdict { outcome, level },
        marks: Vec::new(),
        reason: None,
        judged: 42,
        findings: if failed { vec![finding()] } else { Vec::new() },
    }
}

/// One case of every kind, in the order of [`Shown`].
pub(crate) fn cases() -> Vec<CaseReport> {
    use Level::{May, Must, Should};
    let mut passed = case("reset/pass", Outcome::Pass, Must);
    passed.trace = trace();
    let mut flaky = with(
        case("reset/flaky", Outcome::Pass, Must),
        &[Mark::Flaky],
        None,
    );
    flaky.attempts = 2;
    let mut expected = failed();
    expected.id = "reset/fail-expected".into();
    vec![
        passed,
        flaky,
        failed(),
        mismatch(Should),
        mismatch(May),
        with(
            expected,
            &[Mark::Xfail],
            Some("Linux answers at most one such segment in 500 ms"),
        ),
        with(
            case("reset/xpass", Outcome::Pass, Must),
            &[Mark::Xpass],
            Some("Linux answers at most one such segment in 500 ms"),
        ),
        with(
            case("reset/unsup", Outcome::Unsupported, Must),
            &[],
            Some("no application interface"),
        ),
        with(
            played("reset/fail-inconc", Outcome::Inconclusive, Must),
            &[],
            Some("ESTABLISHED was not reached"),
        ),
        with(
            played("reset/fail-error", Outcome::Error, Must),
            &[],
            Some("sendmsg: network is down"),
        ),
        with(
            case("reset/skip", Outcome::Skip, Must),
            &[Mark::Slow],
            Some("takes 131 s: run with --slow"),
        ),
    ]
}

/// A run with one case of every kind, invariants and a note.
pub(crate) fn run_of_every_kind() -> Vec<RunEvent> {
    let mut events = vec![RunEvent::Started(run_info())];
    let mut counts = std::collections::BTreeMap::new();
    for case in cases() {
        *counts
            .entry(Shown::of(&case.verdict, &case.marks))
            .or_insert(0) += 1;
        events.push(RunEvent::CaseStarted {
            id: case.id.clone(),
            attempt: case.attempts,
        });
        events.push(RunEvent::CaseFinished(Box::new(case)));
    }
    events.push(RunEvent::Note(
        "2 packets came that no case had asked for".into(),
    ));
    for invariant in [
        invariant(Outcome::Pass, Level::Must),
        invariant(Outcome::Fail, Level::Should),
    ] {
        *counts
            .entry(Shown::of(&invariant.verdict, &invariant.marks))
            .or_insert(0) += 1;
        events.push(RunEvent::InvariantFinished(invariant));
    }
    events.push(RunEvent::Finished(Summary {
        counts,
        flaky: 1,
        elapsed: Duration::from_millis(823),
        interrupted: false,
        broken: None,
        killed_by: None,
        requirements: (30, 32),
    }));
    events
}
