//! Coverage: which requirement has which tests, computed from the suites and never written by hand.
//!
//! A requirement is
//! - *covered*: an invariant is named after it, or a test that a fault kills cites it first (as the
//!   first id of its `spec`, or at a step of its own);
//! - *partly* covered: it is cited, but only as a further id, or only by tests that no fault kills;
//! - *untested*: nobody cites it;
//! - *not visible*: from outside nobody can see whether it is met.
//!
//! Which test a fault kills is computed by `tests/self_validation` and read here from suites/kills.toml.
//! Nothing is said of a target's verdicts: that is what runs are for.

mod compute;
mod kills;
mod page;
mod pages;
mod table;
#[cfg(test)]
mod tests;
mod yardstick;

pub use compute::Sources;
pub use kills::{Kills, KillsError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Stands in the JSON. It grows when a field is removed or changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;

/// How far a requirement is tested.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// By an invariant, or by a test that cites it first and that a fault kills.
    Covered,
    /// Cited, but only as a further id, or only by tests that no fault kills.
    Partly,
    /// Nobody cites it.
    Untested,
    /// From outside nobody can see whether it is met.
    NotVisible,
}

impl Status {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Partly => "partly",
            Self::Untested => "untested",
            Self::NotVisible => "not visible",
        }
    }
}

/// How many requirements are in which status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// All.
    pub total: usize,
    /// See [`Status::Covered`].
    pub covered: usize,
    /// See [`Status::Partly`].
    pub partly: usize,
    /// See [`Status::Untested`].
    pub untested: usize,
    /// See [`Status::NotVisible`].
    pub not_visible: usize,
    /// Visible by segments within seconds, or through the application interface: not by waiting long.
    pub prompt: usize,
    /// Of these, how many are covered.
    pub prompt_covered: usize,
    /// Of these, how many are covered or partly covered.
    pub prompt_cited: usize,
}

impl Counts {
    fn add(&mut self, requirement: &RequirementCoverage) {
        self.total += 1;
        match requirement.status {
            Status::Covered => self.covered += 1,
            Status::Partly => self.partly += 1,
            Status::Untested => self.untested += 1,
            Status::NotVisible => self.not_visible += 1,
        }
        if matches!(requirement.visible.as_str(), "wire" | "agent") {
            self.prompt += 1;
            self.prompt_covered += usize::from(requirement.status == Status::Covered);
            let cited = matches!(requirement.status, Status::Covered | Status::Partly);
            self.prompt_cited += usize::from(cited);
        }
    }

    /// Those that can be seen from outside.
    pub fn visible(&self) -> usize {
        self.total - self.not_visible
    }
}

/// One RFC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RfcCoverage {
    /// 9293.
    pub rfc: u32,
    /// Its requirements.
    pub counts: Counts,
}

/// A test that cites a requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Citation {
    /// `folder/slug`.
    pub test: String,
    /// Whether it cites it first, or at a step of its own.
    pub first: bool,
    /// Whether a fault kills it.
    pub killed: bool,
}

/// One requirement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequirementCoverage {
    /// `RFC9293-MUST-2`.
    pub id: String,
    /// 9293.
    pub rfc: u32,
    /// `3.10.7.4`.
    pub section: String,
    /// `MUST NOT`.
    pub level: String,
    /// What it takes to see it: `wire`, `agent`, `time` or `local`.
    pub visible: String,
    /// What is asked.
    pub summary: String,
    /// How far it is tested.
    pub status: Status,
    /// Why it is not wholly covered, where there is more to say than the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The tests that cite it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<Citation>,
    /// The invariants that are named after it, without `invariant/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invariants: Vec<String>,
}

/// A goal that is counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Yardstick {
    /// `RFC 9293 appendix B`, `TC8`.
    pub name: String,
    /// What is counted.
    pub what: String,
    /// How many are reached.
    pub reached: usize,
    /// How many are left out, each with its reason.
    pub excused: usize,
    /// How many there are.
    pub total: usize,
}

/// A test of another system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CrossRefCoverage {
    /// `TC8:BASICS_01`.
    pub id: String,
    /// What it is about.
    pub title: String,
    /// Our tests that correspond to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<String>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not: Option<String>,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// The version of this schema.
    pub schema: u32,
    /// The profile for which tests were counted: what it does not claim is not tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Tests that count.
    pub tests: usize,
    /// Their instances.
    pub instances: usize,
    /// Tests that do not count, since the profile does not claim what they need.
    pub left_out: usize,
    /// Tests that a fault kills.
    pub killed: usize,
    /// All requirements together.
    pub all: Counts,
    /// RFC by RFC.
    pub rfcs: Vec<RfcCoverage>,
    /// The goals of the catalogue.
    pub yardsticks: Vec<Yardstick>,
    /// Every requirement, in the order of requirements.toml.
    pub requirements: Vec<RequirementCoverage>,
    /// Every listed test of other systems.
    pub crossrefs: Vec<CrossRefCoverage>,
}

impl Coverage {
    /// Computes it.
    pub fn of(sources: &Sources<'_>) -> Self {
        compute::coverage(sources)
    }

    /// As a table for a terminal: RFCs, then yardsticks.
    pub fn table(&self) -> String {
        table::table(self)
    }

    /// The ids of one RFC, each with its status and its tests; `None` when no requirement is of that RFC.
    pub fn listing(&self, rfc: u32) -> Option<String> {
        table::listing(self, rfc)
    }

    /// One requirement as [`Coverage::listing`] shows it.
    pub fn line(&self, id: &str) -> Option<String> {
        let requirement = self.requirements.iter().find(|r| r.id == id)?;
        Some(table::requirement(requirement))
    }

    /// As a Markdown page: docs/coverage.md.
    pub fn page(&self) -> String {
        page::page(self)
    }

    /// As static HTML: file names with their texts.
    ///
    /// # Errors
    /// When a template fails, which is a defect.
    pub fn html(&self) -> Result<BTreeMap<String, String>, minijinja::Error> {
        pages::html(self)
    }

    /// Cross-references for which there is both a test and a reason why there is none.
    pub fn contradictions(&self) -> impl Iterator<Item = &CrossRefCoverage> {
        self.crossrefs
            .iter()
            .filter(|reference| reference.not.is_some() && !reference.tests.is_empty())
    }
}

/// `12.5 %`, of nothing a dash.
pub(crate) fn percent(part: usize, whole: usize) -> String {
    if whole == 0 {
        "-".to_owned()
    } else {
        format!("{:.1} %", part as f64 * 100.0 / whole as f64)
    }
}
