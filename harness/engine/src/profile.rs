//! What is known of a target: claimed features, timing, expected failures (suites/targets/*.toml).

use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use thiserror::Error;
use wildmatch::WildMatch;

/// Whether a target implements an optional feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Claim {
    /// It does: a failure counts at the requirement's level.
    Yes,
    /// It does not: the test is unsupported.
    No,
    /// Not known: the test runs, a failure is information.
    Unknown,
}

/// Timing of a target, in the units of the key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// RTO before the first measurement, milliseconds (RFC 6298 §2.1: 1 s).
    pub rto_initial_ms: u64,
    /// Lower bound of the RTO, milliseconds (RFC 6298 §2.4: 1 s).
    pub rto_min_ms: u64,
    /// Upper bound of the RTO, milliseconds (RFC 6298 §2.5: at least 60 s).
    pub rto_max_ms: u64,
    /// Longest delay of an acknowledgement, milliseconds (RFC 9293 MUST-40: below 500).
    pub delayed_ack_ms: u64,
    /// Maximum segment lifetime, milliseconds (RFC 9293 §3.4.2: 2 min).
    pub msl_ms: u64,
    /// Unacceptable segments closer than this may go unanswered, milliseconds (RFC 5961 §7).
    pub probe_spacing_ms: u64,
    /// How often a SYN-ACK is sent again before the target gives up; `None` when unknown.
    pub syn_ack_retries: Option<u32>,
    /// How long a test waits for an answer that should come at once, milliseconds.
    pub answer_ms: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            rto_initial_ms: 1_000,
            rto_min_ms: 1_000,
            rto_max_ms: 60_000,
            delayed_ack_ms: 500,
            msl_ms: 120_000,
            probe_spacing_ms: 1_000,
            syn_ack_retries: None,
            answer_ms: 1_000,
        }
    }
}

/// An expected outcome that differs from a pass, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// An instance id, a test id, or a glob (`*` any run of characters, `?` one).
    pub test: String,
    /// `fail` (the only outcome that can be expected; anything else is not a deviation).
    pub outcome: String,
    /// Why this target rightly or knowingly differs.
    pub reason: String,
    /// Where that can be read.
    #[serde(default)]
    pub reference: Option<String>,
}

/// What is known of a target.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// One sentence.
    #[serde(default)]
    pub description: String,
    /// Features by name; what is not listed is unknown.
    #[serde(default)]
    pub features: BTreeMap<String, Claim>,
    /// Timing.
    #[serde(default)]
    pub timing: Timing,
    /// Services behind ports: name to port.
    #[serde(default)]
    pub services: BTreeMap<String, u16>,
    /// Half-open connections that a foreign target is trusted with at once.
    #[serde(default = "default_half_open")]
    pub max_half_open: u32,
    /// Expected failures.
    #[serde(default, rename = "expect")]
    pub expectations: Vec<Expectation>,
}

const fn default_half_open() -> u32 {
    2
}

/// Why a profile cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// Not TOML, an unknown key, a wrong type: with a caret.
    #[error("{0}")]
    Toml(String),
    /// A value that makes no sense.
    #[error("{0}")]
    Value(String),
}

impl Profile {
    /// A host that nobody described: all of RFC 9293 is claimed, optional features are unknown.
    pub fn generic() -> Self {
        Self {
            name: "generic".into(),
            description: "a host that nobody described".into(),
            features: BTreeMap::new(),
            timing: Timing::default(),
            services: BTreeMap::new(),
            max_half_open: default_half_open(),
            expectations: Vec::new(),
        }
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// [`ProfileError`] with line, column and caret for unknown keys and wrong types.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text).map_err(|e| ProfileError::Toml(e.to_string()))?;
        for expectation in &profile.expectations {
            if expectation.outcome != "fail" {
                return Err(ProfileError::Value(format!(
                    "expected outcome {:?} of {}: only \"fail\" can be expected",
                    expectation.outcome, expectation.test
                )));
            }
            if expectation.reason.trim().is_empty() {
                return Err(ProfileError::Value(format!(
                    "the expected failure of {} has no reason",
                    expectation.test
                )));
            }
        }
        Ok(profile)
    }

    /// What the target claims about a feature.
    pub fn claim(&self, feature: &str) -> Claim {
        self.features
            .get(feature)
            .copied()
            .unwrap_or(Claim::Unknown)
    }

    /// The expectation for an instance, its test, or an invariant.
    pub fn expectation(&self, id: &str) -> Option<&Expectation> {
        let test = id.split('[').next().unwrap_or(id);
        self.expectations
            .iter()
            .find(|e| e.test == id || e.test == test || WildMatch::new(&e.test).matches(id))
    }

    /// A value of the profile by its name in suites: `rto_max`, a duration.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        let t = &self.timing;
        Some(Duration::from_millis(match name {
            "rto_initial" => t.rto_initial_ms,
            "rto_min" => t.rto_min_ms,
            "rto_max" => t.rto_max_ms,
            "delayed_ack" => t.delayed_ack_ms,
            "msl" => t.msl_ms,
            "probe_spacing" => t.probe_spacing_ms,
            "answer" => t.answer_ms,
            _ => return None,
        }))
    }
}
