//! The objects of JSON Lines reports. What stands here is an interface: see [`SCHEMA_VERSION`].

use crate::place::Place;
use crate::text::hex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use tcpconf_engine as engine;

/// Stands in the first line. It grows when a field is removed or changes its meaning; new fields and
/// new events may come without it, so readers skip what they do not know.
pub const SCHEMA_VERSION: u32 = 1;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Record {
    /// The first line.
    Started(Started),
    /// A case began.
    CaseStarted {
        /// The case's id.
        id: String,
        /// Which try, from 1.
        attempt: u32,
    },
    /// A case ended for good.
    CaseFinished(Box<CaseFinished>),
    /// An invariant's verdict over all cases.
    InvariantFinished(InvariantFinished),
    /// Something that the user should know.
    Note {
        /// One sentence.
        text: String,
    },
    /// The last line.
    Finished(Finished),
}

/// What is known before the first packet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Started {
    /// The version of this schema.
    pub schema: u32,
    /// tcpconf's version.
    pub version: String,
    /// The target as the user named it.
    pub target: String,
    /// The profile's name.
    pub profile: String,
    /// The seed of the run.
    pub seed: u64,
    /// Instances selected.
    pub cases: usize,
    /// Tests selected.
    pub tests: usize,
    /// The paths on the command line.
    pub paths: Vec<String>,
    /// Nanoseconds since the Unix epoch at the zero of all stamps; 0 in virtual time.
    pub epoch_ns: u64,
}

/// A case from its first packet to its verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CaseFinished {
    /// `folder/slug[name=value,…]`.
    pub id: String,
    /// `folder/slug`.
    pub test: String,
    /// What is tested, one sentence.
    pub title: String,
    /// Requirement ids; the first one decides the level.
    pub requirements: Vec<String>,
    /// The word under which it is shown.
    pub shown: Shown,
    /// What became of it.
    pub outcome: Outcome,
    /// The level at which a failure counts.
    pub level: Level,
    /// What the run adds.
    pub marks: Vec<Mark>,
    /// Why a failure is expected, or why the case is unsupported, inconclusive or skipped.
    pub reason: Option<String>,
    /// Nanoseconds from its first action to its verdict, on the target's clock.
    pub duration_ns: u64,
    /// When it began, nanoseconds since the start of the run.
    pub started_ns: u64,
    /// How often it was played.
    pub attempts: u32,
    /// The seed that plays it again.
    pub seed: u64,
    /// Where its test stands.
    pub location: Location,
    /// Why it did not pass.
    pub failure: Option<Failure>,
    /// The states that were checked.
    #[serde(default)]
    pub states: Vec<CheckedState>,
    /// Violations of invariants while it ran.
    pub findings: Vec<Finding>,
    /// Its packets; absent when it passed, unless all packets were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Vec<Packet>>,
}

/// A state that was checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckedState {
    /// As RFC 9293 spells it.
    pub state: String,
    /// What says so.
    pub evidence: Evidence,
}

/// A place in a suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// One sentence without a full stop.
    pub message: String,
    /// The requirement concerned.
    pub requirement: Option<String>,
    /// The step; the innermost last, fixtures' `use`s before it.
    pub location: Vec<Location>,
    /// The expected segment in the notation.
    pub expected: Option<String>,
    /// The actual one.
    pub actual: Option<String>,
    /// All fields that differ.
    pub differences: Vec<Difference>,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// `ack`, `flags`, `<mss>`, `time`.
    pub field: String,
    /// What was asked for.
    pub expected: String,
    /// What came.
    pub actual: String,
}

/// A violation of an invariant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// The invariant's name, without `invariant/`.
    pub invariant: String,
    /// The case in which it happened.
    pub case: String,
    /// Nanoseconds since the start of the run.
    pub at_ns: u64,
    /// The segment in the notation.
    pub segment: String,
    /// What is wrong with it.
    pub message: String,
}

/// A packet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Packet {
    /// `in`: into the target. `out`: out of it.
    pub direction: Direction,
    /// The connection's name in the suite, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Send or receive stamp, nanoseconds since the start of the run.
    pub at_ns: u64,
    /// In the notation, relative to the connection's ISNs.
    pub text: String,
    /// What the engine thought of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The IP packet, hex digits.
    pub hex: String,
}

/// An invariant over the whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InvariantFinished {
    /// `invariant/NAME`.
    pub id: String,
    /// What must always hold.
    pub title: String,
    /// Requirement ids.
    pub requirements: Vec<String>,
    /// The word under which it is shown.
    pub shown: Shown,
    /// What became of it.
    pub outcome: Outcome,
    /// The level at which a failure counts.
    pub level: Level,
    /// What the run adds.
    pub marks: Vec<Mark>,
    /// The profile's reason.
    pub reason: Option<String>,
    /// Segments judged.
    pub judged: u64,
    /// Violations, at most the first hundred.
    pub findings: Vec<Finding>,
}

/// Counts at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finished {
    /// Cases and invariants by the word under which they are shown.
    pub counts: BTreeMap<String, usize>,
    /// How many passed only when played again.
    pub flaky: usize,
    /// Nanoseconds that the run took.
    pub elapsed_ns: u64,
    /// Ctrl-C.
    pub interrupted: bool,
    /// Why the target could not be reached, or the harness failed.
    pub broken: Option<String>,
    /// The case that killed the target.
    pub killed_by: Option<String>,
    /// Distinct requirements of cases that passed.
    pub requirements_met: usize,
    /// Distinct requirements of all cases with a verdict.
    pub requirements_seen: usize,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $word:literal)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] #[serde(rename = $word)] $variant,)*
        }
        impl From<engine::$name> for $name {
            fn from(value: engine::$name) -> Self {
                match value { $(engine::$name::$variant => Self::$variant,)* }
            }
        }
    };
}

words! {
    /// What became of a case.
    Outcome {
        Pass "pass" Fail "fail" Unsupported "unsupported" Inconclusive "inconclusive" Error "error"
        Skip "skip"
    }
}
words! {
    /// How binding the requirement is.
    Level { Must "must" Should "should" May "may" }
}
words! {
    /// What the run adds to an outcome.
    Mark { Xfail "xfail" Xpass "xpass" Flaky "flaky" Slow "slow" }
}
words! {
    /// The word under which a case is shown.
    Shown {
        Pass "pass" Fail "fail" Warn "warn" Info "info" Xfail "xfail" Xpass "xpass"
        Unsupported "unsupported" Inconclusive "inconclusive" Error "error" Skip "skip"
    }
}
words! {
    /// What a checked state rests on: the target's word, or a probe that shows the class of states that
    /// answer alike.
    Evidence { Status "status" Wire "wire" }
}
words! {
    /// Which way a packet went.
    Direction { In "in" Out "out" }
}

impl Record {
    /// The line for an event; a case's packets only `with_packets`.
    pub fn of(event: &engine::RunEvent, with_packets: bool) -> Self {
        match event {
            engine::RunEvent::Started(run) => Self::Started(Started {
                schema: SCHEMA_VERSION,
                version: run.version.clone(),
                target: run.target.clone(),
                profile: run.profile.clone(),
                seed: run.seed,
                cases: run.cases,
                tests: run.tests,
                paths: run.paths.clone(),
                epoch_ns: run.epoch_nanos,
            }),
            engine::RunEvent::CaseStarted { id, attempt } => Self::CaseStarted {
                id: id.clone(),
                attempt: *attempt,
            },
            engine::RunEvent::CaseFinished(case) => {
                Self::CaseFinished(Box::new(CaseFinished::of(case, with_packets)))
            }
            engine::RunEvent::InvariantFinished(invariant) => {
                Self::InvariantFinished(InvariantFinished::of(invariant))
            }
            engine::RunEvent::Note(text) => Self::Note { text: text.clone() },
            engine::RunEvent::Finished(summary) => Self::Finished(Finished::of(summary)),
        }
    }
}

impl CaseFinished {
    fn of(case: &engine::CaseReport, with_packets: bool) -> Self {
        Self {
            id: case.id.clone(),
            test: case.test.clone(),
            title: case.title.clone(),
            requirements: case.spec.clone(),
            shown: engine::Shown::of(&case.verdict, &case.marks).into(),
            outcome: case.verdict.outcome.into(),
            level: case.verdict.level.into(),
            marks: marks(&case.marks),
            reason: case.reason.clone(),
            duration_ns: nanos(case.duration),
            started_ns: case.started.as_nanos(),
            attempts: case.attempts,
            seed: case.seed,
            location: location(&case.location),
            failure: case.failure.as_ref().map(Failure::of),
            states: case
                .states
                .iter()
                .map(|(state, evidence)| CheckedState {
                    state: state.clone(),
                    evidence: (*evidence).into(),
                })
                .collect(),
            findings: findings(&case.findings),
            trace: with_packets.then(|| case.trace.iter().map(Packet::of).collect()),
        }
    }
}

impl Failure {
    fn of(failure: &engine::Failure) -> Self {
        Self {
            message: failure.message.clone(),
            requirement: failure.spec.clone(),
            location: failure.location.iter().map(location).collect(),
            expected: failure.expected.clone(),
            actual: failure.actual.clone(),
            differences: failure
                .differences
                .iter()
                .map(|difference| Difference {
                    field: difference.field.clone(),
                    expected: difference.expected.clone(),
                    actual: difference.actual.clone(),
                })
                .collect(),
        }
    }
}

impl Packet {
    fn of(entry: &engine::TraceEntry) -> Self {
        Self {
            direction: entry.direction.into(),
            connection: entry.connection.clone(),
            at_ns: entry.at.as_nanos(),
            text: entry.text.clone(),
            note: entry.note.clone(),
            hex: hex(&entry.bytes),
        }
    }
}

impl InvariantFinished {
    fn of(invariant: &engine::InvariantReport) -> Self {
        Self {
            id: invariant.id.clone(),
            title: invariant.title.clone(),
            requirements: invariant.spec.clone(),
            shown: engine::Shown::of(&invariant.verdict, &invariant.marks).into(),
            outcome: invariant.verdict.outcome.into(),
            level: invariant.verdict.level.into(),
            marks: marks(&invariant.marks),
            reason: invariant.reason.clone(),
            judged: invariant.judged,
            findings: findings(&invariant.findings),
        }
    }
}

impl Finished {
    fn of(summary: &engine::Summary) -> Self {
        let word = |shown: engine::Shown| match serde_json::to_value(Shown::from(shown)) {
            Ok(serde_json::Value::String(word)) => word,
            _ => shown.to_string(),
        };
        Self {
            counts: summary
                .counts
                .iter()
                .map(|(shown, n)| (word(*shown), *n))
                .collect(),
            flaky: summary.flaky,
            elapsed_ns: nanos(summary.elapsed),
            interrupted: summary.interrupted,
            broken: summary.broken.clone(),
            killed_by: summary.killed_by.clone(),
            requirements_met: summary.requirements.0,
            requirements_seen: summary.requirements.1,
        }
    }
}

fn marks(marks: &[engine::Mark]) -> Vec<Mark> {
    marks.iter().copied().map(Mark::from).collect()
}

fn location(location: &engine::Location) -> Location {
    let place = Place::of(location);
    Location {
        file: location.file.path.clone(),
        line: place.line,
        column: place.column,
    }
}

fn findings(findings: &[engine::Finding]) -> Vec<Finding> {
    findings
        .iter()
        .map(|finding| Finding {
            invariant: finding.invariant.to_owned(),
            case: finding.case.clone(),
            at_ns: finding.at.as_nanos(),
            segment: finding.segment.clone(),
            message: finding.message.clone(),
        })
        .collect()
}

/// Saturates at about 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
