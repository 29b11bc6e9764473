//! suites/kills.toml: which tests a fault kills.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Which tests a fault kills, by what `tests/self_validation` computed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kills {
    /// 1.
    schema_version: u32,
    /// Instances that no fault kills.
    #[serde(default)]
    survivors: BTreeSet<String>,
    /// Tests, and how many faults kill an instance of each.
    #[serde(default)]
    tests: BTreeMap<String, usize>,
}

/// Why kills could not be read.
#[derive(Debug, thiserror::Error)]
pub enum KillsError {
    /// The file is no TOML, or has fields that are not known.
    #[error("kills cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// A newer file than this version reads.
    #[error("schema_version is {got}, but this version reads {expected}")]
    Version {
        /// What this version reads.
        expected: u32,
        /// What the file says.
        got: u32,
    },
}

/// The `schema_version` that is read.
const SCHEMA_VERSION: u32 = 1;
/// At the top of the file.
const HEAD: &str = "\
# Which test is killed by how many faults, and which instances are killed by none. Computed from docs/fault-matrix*:
# UPDATE_COVERAGE=1 cargo test -p tcpconf-tests --test coverage writes it anew.
";

impl Kills {
    /// From tests with the number of faults that kill each, and the instances that none kills.
    pub fn new(tests: BTreeMap<String, usize>, survivors: BTreeSet<String>) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            survivors,
            tests,
        }
    }

    /// Reads kills.toml.
    ///
    /// # Errors
    /// When it is no such file.
    pub fn from_toml(text: &str) -> Result<Self, KillsError> {
        let kills: Self = toml::from_str(text)?;
        if kills.schema_version != SCHEMA_VERSION {
            return Err(KillsError::Version {
                expected: SCHEMA_VERSION,
                got: kills.schema_version,
            });
        }
        Ok(kills)
    }

    /// Writes kills.toml.
    ///
    /// # Panics
    /// Never: names and numbers can always be written.
    pub fn to_toml(&self) -> String {
        let body = toml::to_string_pretty(self).expect("names and numbers are TOML");
        format!("{HEAD}{body}")
    }

    /// Whether a fault kills this instance of this test.
    pub fn kills(&self, test: &str, instance: &str) -> bool {
        self.tests.get(test).is_some_and(|faults| *faults > 0) && !self.survivors.contains(instance)
    }

    /// How many tests a fault kills.
    pub fn tests(&self) -> impl Iterator<Item = &str> {
        self.tests
            .iter()
            .filter(|(_, faults)| **faults > 0)
            .map(|(test, _)| test.as_str())
    }
}
