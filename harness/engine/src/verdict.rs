//! Verdicts: an outcome, a level, and the marks of the run. Two axes, never one word.

use serde::{Deserialize, Serialize};
use std::fmt;
pub use tcpconf_suite::plan::Level;

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All steps held.
    Pass,
    /// A step did not hold.
    Fail,
    /// The target does not claim the feature, lacks the service, or has no application interface.
    Unsupported,
    /// The start state could not be reached, or the harness was late.
    Inconclusive,
    /// Harness or target unreachable.
    Error,
    /// Not run: deselected while running (`--fail-fast`, `--deadline`, interrupt) or `slow`.
    Skip,
}

/// Why a verdict says nothing about the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// The harness sent, heard or woke too late, or a part of its own that plays the target's side did.
    Late,
    /// A packet was lost on the way.
    Lost,
}

impl fmt::Display for Excuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Late => "the harness was late",
            Self::Lost => "the target's link lost packets",
        })
    }
}

/// What the run adds to an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// The profile expects this failure and says why.
    Xfail,
    /// The profile expects a failure, and it passed: red until the profile says so.
    Xpass,
    /// Failed, then passed when played again.
    Flaky,
    /// Longer than the `slow` limit.
    Slow,
}

/// Outcome and level of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What became of it.
    pub outcome: Outcome,
    /// The level at which a fail counts: the test's, or weaker when an `either` branch says so, or MAY
    /// when the failure concerns a feature that the target does not claim either way.
    pub level: Level,
}

/// The one word (or mark) under which a case is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shown {
    /// As expected.
    Pass,
    /// A fail at MUST.
    Fail,
    /// A fail at SHOULD.
    Warn,
    /// A fail at MAY, or for a feature that is unknown.
    Info,
    /// A fail that the profile expects.
    Xfail,
    /// A pass where the profile expects a failure.
    Xpass,
    /// Unsupported.
    Unsupported,
    /// Inconclusive.
    Inconclusive,
    /// Harness or target unreachable.
    Error,
    /// Not run.
    Skip,
}

impl Shown {
    /// The word for outcome, level and marks.
    pub fn of(verdict: &Verdict, marks: &[Mark]) -> Self {
        if marks.contains(&Mark::Xfail) {
            return Self::Xfail;
        }
        if marks.contains(&Mark::Xpass) {
            return Self::Xpass;
        }
        match (verdict.outcome, verdict.level) {
            (Outcome::Pass, _) => Self::Pass,
            (Outcome::Fail, Level::Must) => Self::Fail,
            (Outcome::Fail, Level::Should) => Self::Warn,
            (Outcome::Fail, Level::May) => Self::Info,
            (Outcome::Unsupported, _) => Self::Unsupported,
            (Outcome::Inconclusive, _) => Self::Inconclusive,
            (Outcome::Error, _) => Self::Error,
            (Outcome::Skip, _) => Self::Skip,
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Xfail => "XFAIL",
            Self::Xpass => "XPASS",
            Self::Unsupported => "UNSUP",
            Self::Inconclusive => "INCONC",
            Self::Error => "ERROR",
            Self::Skip => "SKIP",
        })
    }
}
