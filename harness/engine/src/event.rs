//! The event stream of a run. Reports are folds over it; nothing reads backwards.

use crate::{Mark, Verdict};
use std::sync::Arc;
use std::time::Duration;
use tcpconf_suite::ast::Span;
use tcpconf_suite::plan::SourceFile;
use tcpconf_wire::Instant;

/// What happens in a run, in order.
#[derive(Clone, Debug)]
pub enum RunEvent {
    /// First of all.
    Started(RunInfo),
    /// A case began (again: `attempt` counts from 1).
    CaseStarted {
        /// Its id.
        id: String,
        /// Which try.
        attempt: u32,
    },
    /// A case ended for good.
    CaseFinished(Box<CaseReport>),
    /// An invariant's verdict over all cases; all of them come after the last case.
    InvariantFinished(InvariantReport),
    /// Something the user should know, in one sentence (a dead target, an odd packet, a late harness).
    Note(String),
    /// Last of all.
    Finished(Summary),
}

/// What is known before the first packet.
#[derive(Clone, Debug)]
pub struct RunInfo {
    /// tcpconf's version.
    pub version: String,
    /// The target as the user named it.
    pub target: String,
    /// The profile's name.
    pub profile: String,
    /// The seed.
    pub seed: u64,
    /// Instances selected.
    pub cases: usize,
    /// Tests selected (instances of one test count once).
    pub tests: usize,
    /// The paths on the command line, for the `again` line.
    pub paths: Vec<String>,
    /// Nanoseconds since the Unix epoch at [`Instant::ZERO`]; 0 in virtual time.
    pub epoch_nanos: u64,
}

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// `<`: into the target.
    In,
    /// `>`: out of the target.
    Out,
}

/// A packet of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// Which way.
    pub direction: Direction,
    /// The connection's name in the suite; `None` for the one without a name.
    pub connection: Option<String>,
    /// When: the send stamp or the receive stamp.
    pub at: Instant,
    /// The IP packet.
    pub bytes: Vec<u8>,
    /// As the notation shows it, relative to the connection's ISNs.
    pub text: String,
    /// What the engine thought of it: `passed over: retransmission`, `mismatch`, `cleaning up`.
    pub note: Option<String>,
}

impl TraceEntry {
    /// The packet as a step would write it: `< S 0:0(0) win 65535`, `b > S. …` on a connection with a name.
    pub fn line(&self) -> String {
        let arrow = match self.direction {
            Direction::In => '<',
            Direction::Out => '>',
        };
        match &self.connection {
            Some(name) => format!("{name} {arrow} {}", self.text),
            None => format!("{arrow} {}", self.text),
        }
    }
}

/// A place in a suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The step.
    pub span: Span,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// `ack`, `flags`, `<mss>`, `time`.
    pub field: String,
    /// What was asked for, evaluated: `1001 (IRS+1)`.
    pub expected: String,
    /// What came.
    pub actual: String,
}

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// One sentence without a full stop: `nothing came within 1s`.
    pub message: String,
    /// The requirement concerned: the step's own, else the test's first.
    pub spec: Option<String>,
    /// The step; the innermost last, the `use`s that led there before it.
    pub location: Vec<Location>,
    /// The expected segment, evaluated, in the notation.
    pub expected: Option<String>,
    /// The actual one; `nothing` when none came.
    pub actual: Option<String>,
    /// All fields that differ.
    pub differences: Vec<Difference>,
}

/// A violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The invariant's name, without `invariant/`.
    pub invariant: &'static str,
    /// The case in which it happened.
    pub case: String,
    /// When.
    pub at: Instant,
    /// The segment in the notation.
    pub segment: String,
    /// What is wrong with it.
    pub message: String,
}

/// What a checked state rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// The target said so: the state itself.
    Status,
    /// A probe on the wire: the class of states that answer alike.
    Wire,
}

/// A case from its first packet to its verdict.
#[derive(Clone, Debug)]
pub struct CaseReport {
    /// `folder/slug[…]`.
    pub id: String,
    /// `folder/slug`.
    pub test: String,
    /// The title.
    pub title: String,
    /// Requirement ids.
    pub spec: Vec<String>,
    /// Outcome and level.
    pub verdict: Verdict,
    /// What the run adds.
    pub marks: Vec<Mark>,
    /// Why an expected failure is expected (from the profile), or why the case is unsupported,
    /// inconclusive, skipped.
    pub reason: Option<String>,
    /// From its first action to its verdict, on the target's clock.
    pub duration: Duration,
    /// When it began.
    pub started: Instant,
    /// How often it was played.
    pub attempts: u32,
    /// Why it did not pass.
    pub failure: Option<Failure>,
    /// All its packets.
    pub trace: Vec<TraceEntry>,
    /// The states that were checked, and by what.
    pub states: Vec<(String, Evidence)>,
    /// Violations of invariants seen while it ran; they do not change its verdict.
    pub findings: Vec<Finding>,
    /// Segments that each invariant judged, by name.
    pub judged: Vec<(&'static str, u64)>,
    /// The seed that plays it again.
    pub seed: u64,
    /// Where its test stands.
    pub location: Location,
}

/// An invariant over the whole run: a test of its own.
#[derive(Clone, Debug)]
pub struct InvariantReport {
    /// `invariant/NAME`.
    pub id: String,
    /// What must always hold, in one sentence.
    pub title: String,
    /// Its requirements.
    pub spec: Vec<String>,
    /// Pass, fail, or unsupported when no segment could be judged.
    pub verdict: Verdict,
    /// Expected by the profile or not.
    pub marks: Vec<Mark>,
    /// The profile's reason.
    pub reason: Option<String>,
    /// Segments judged.
    pub judged: u64,
    /// Violations, at most the first hundred.
    pub findings: Vec<Finding>,
}

/// Counts at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cases (and invariants) by the word under which they are shown, in the order of [`crate::Shown`].
    pub counts: std::collections::BTreeMap<crate::Shown, usize>,
    /// How many were flaky.
    pub flaky: usize,
    /// Wall-clock time of the run.
    pub elapsed: Duration,
    /// Ctrl-C.
    pub interrupted: bool,
    /// The target could not be reached, or the harness failed: the sentence.
    pub broken: Option<String>,
    /// The case that killed the target.
    pub killed_by: Option<String>,
    /// Distinct requirement ids of cases that passed, and of all cases with a verdict.
    pub requirements: (usize, usize),
}
