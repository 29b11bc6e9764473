//! What is known of a target: how to reach it, claimed features, timing, expected failures
//! (suites/targets/*.toml, a user's targets.toml). docs/targets.md has every key.
//!
//! Nothing is opened or started here: `exec`, `transport` and `agent` are words for whoever does.

mod error;
mod glob;
mod merge;
#[cfg(test)]
mod tests;

pub use error::ProfileError;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use tcpconf_suite::vocabulary::{self, Entry, FEATURES, SERVICES};

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

/// What is expected instead of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// A failure: a pass is an `xpass`, and red.
    Fail,
    /// A pass or a failure: the verdict is a throw of dice, or depends on what nobody controls.
    Any,
}

/// An expected outcome that differs from a pass, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// An instance id, a test id, or a glob (`*` any run of characters, `?` one, `{a,b}` either).
    #[serde(deserialize_with = "something")]
    pub test: String,
    /// What comes instead of a pass.
    pub outcome: Expected,
    /// Why this target rightly or knowingly differs.
    #[serde(deserialize_with = "something")]
    pub reason: String,
    /// Where that can be read.
    #[serde(default)]
    pub reference: Option<String>,
}

/// The link between us and the target, as far as it is ours to make.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinkSettings {
    /// Octets of IP in a frame, for devices that we make.
    #[serde(deserialize_with = "mtu")]
    pub mtu: u16,
    /// Our addresses there, which no host may have; empty: ours to choose.
    pub ours: Vec<IpAddr>,
    /// How long the target may take until it answers, milliseconds.
    pub ready_ms: u64,
    /// How much later every packet of a case comes, in each direction, milliseconds.
    #[serde(deserialize_with = "delay")]
    pub delay_ms: u64,
    /// How many packets of a case are lost, in each direction, parts of a million; written in percent.
    #[serde(rename = "loss_percent", deserialize_with = "share")]
    pub loss: u32,
}

/// A longer way is longer than any deadline of a test.
const DELAY_MAX_MS: u64 = 10_000;

/// RFC 791 §3.2: what every internet module must be able to forward without fragmentation.
const MTU_MIN: u16 = 68;

fn mtu<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let mtu = u16::deserialize(deserializer)?;
    if mtu < MTU_MIN {
        return Err(D::Error::custom(format!(
            "an MTU of {mtu}, IP needs {MTU_MIN} at least"
        )));
    }
    Ok(mtu)
}

fn delay<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let delay = u64::deserialize(deserializer)?;
    if delay > DELAY_MAX_MS {
        return Err(D::Error::custom(format!(
            "a delay of {delay} ms, at most {DELAY_MAX_MS} make sense"
        )));
    }
    Ok(delay)
}

/// Percent, whole or with decimals, in parts of a million.
fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let percent = f64::deserialize(deserializer)?;
    if !(0.0..=100.0).contains(&percent) {
        return Err(D::Error::custom(format!(
            "{percent} percent are not between 0 and 100"
        )));
    }
    Ok((percent * 1e4).round() as u32)
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            mtu: 1_500,
            ours: Vec::new(),
            ready_ms: 10_000,
            delay_ms: 0,
            loss: 0,
        }
    }
}

/// What is known of a target.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its name; in a targets.toml the name of its table.
    #[serde(default)]
    pub name: String,
    /// One sentence.
    #[serde(default)]
    pub description: String,
    /// A shipped profile that holds for what is not said here.
    #[serde(default)]
    pub profile: Option<String>,
    /// Where it is: `HOST:PORT`, or `stack`, `smoltcp`, `kernel`.
    #[serde(default)]
    pub address: Option<String>,
    /// How it is started: a program and its arguments.
    #[serde(default)]
    pub exec: Vec<String>,
    /// How packets reach it: `tap:IF`, `tun:IF`, `packet:IF`, `unix:PATH`, `unix-listen:PATH`, `unixseq:PATH`.
    #[serde(default)]
    pub transport: Option<String>,
    /// `ADDR:PORT` of the agent that drives its application.
    #[serde(default)]
    pub agent: Option<String>,
    /// The link to it.
    #[serde(default)]
    pub link: LinkSettings,
    /// Features by name; what is not listed is unknown.
    #[serde(default, deserialize_with = "features")]
    pub features: BTreeMap<String, Claim>,
    /// Timing.
    #[serde(default)]
    pub timing: Timing,
    /// Services behind ports: name to port.
    #[serde(default, deserialize_with = "services")]
    pub services: BTreeMap<String, u16>,
    /// What a web server is asked for where it stands in for a source.
    #[serde(default = "root", deserialize_with = "path")]
    pub http_path: String,
    /// Half-open connections that a foreign target is trusted with at once.
    #[serde(default = "default_half_open")]
    pub max_half_open: u32,
    /// Expected failures.
    #[serde(default, rename = "expect")]
    pub expectations: Vec<Expectation>,
}

fn root() -> String {
    "/".to_owned()
}

/// The request must fit into the smallest segment that a target must take.
const PATH_MAX: usize = 256;

fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let path = String::deserialize(deserializer)?;
    let plain = path.bytes().all(|octet| octet.is_ascii_graphic());
    if path.starts_with('/') && plain && path.len() <= PATH_MAX {
        return Ok(path);
    }
    Err(D::Error::custom(format!(
        "a path begins with / and has at most {PATH_MAX} printable ASCII characters, no blanks"
    )))
}

const fn default_half_open() -> u32 {
    2
}

fn something<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(D::Error::custom("nothing stands here"));
    }
    Ok(text)
}

fn features<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Claim>, D::Error> {
    let map = BTreeMap::<String, Claim>::deserialize(deserializer)?;
    known("feature", FEATURES, map.keys())?;
    Ok(map)
}

fn services<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, u16>, D::Error> {
    let map = BTreeMap::<String, u16>::deserialize(deserializer)?;
    known("service", SERVICES, map.keys())?;
    Ok(map)
}

/// All names are of the table; the error is worded as serde words those of its own.
fn known<'k, E: serde::de::Error>(
    what: &str,
    table: &'static [Entry],
    keys: impl Iterator<Item = &'k String>,
) -> Result<(), E> {
    for key in keys {
        if !vocabulary::has(table, key) {
            let all: Vec<String> = vocabulary::names(table).map(|n| format!("`{n}`")).collect();
            let all = all.join(", ");
            return Err(E::custom(format!(
                "unknown {what} `{key}`, expected one of {all}"
            )));
        }
    }
    Ok(())
}

impl Profile {
    /// A host that nobody described: all of RFC 9293 is claimed, optional features are unknown.
    pub fn generic() -> Self {
        Self {
            name: "generic".into(),
            description: "a host that nobody described".into(),
            profile: None,
            address: None,
            exec: Vec::new(),
            transport: None,
            agent: None,
            link: LinkSettings::default(),
            features: BTreeMap::new(),
            timing: Timing::default(),
            services: BTreeMap::new(),
            http_path: root(),
            max_half_open: default_half_open(),
            expectations: Vec::new(),
        }
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// [`ProfileError`] with the place of unknown keys and values that make no sense.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        toml::from_str(text).map_err(|error| ProfileError::new(text, &error))
    }

    /// Reads a targets.toml: a table for each target, by name.
    ///
    /// # Errors
    /// As [`Profile::from_toml`].
    pub fn all_from_toml(text: &str) -> Result<BTreeMap<String, Self>, ProfileError> {
        let mut all: BTreeMap<String, Self> =
            toml::from_str(text).map_err(|error| ProfileError::new(text, &error))?;
        for (name, profile) in &mut all {
            profile.name.clone_from(name);
        }
        Ok(all)
    }

    /// What the target claims about a feature.
    pub fn claim(&self, feature: &str) -> Claim {
        self.features
            .get(feature)
            .copied()
            .unwrap_or(Claim::Unknown)
    }

    /// The expectation for an instance, its test, or an invariant. One that does not say `ip=6` holds for an
    /// instance that is played over both versions of IP, too.
    pub fn expectation(&self, id: &str) -> Option<&Expectation> {
        let test = id.split('[').next().unwrap_or(id);
        let of = |id: &str| {
            self.expectations
                .iter()
                .find(|e| e.test == id || e.test == test || glob::matches(&e.test, id))
        };
        of(id).or_else(|| match id.strip_suffix("[ip=6]") {
            Some(plain) => of(plain),
            None => of(&format!("{}]", id.strip_suffix(",ip=6]")?)),
        })
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
