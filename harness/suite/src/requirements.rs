//! suites/requirements.toml as data: what a suite may cite.

use crate::crossrefs::CrossRefs;
use crate::diagnostic::nearest;
use crate::plan::Level;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that an RFC asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// `RFC9293-MUST-2`.
    pub id: String,
    /// 9293.
    pub rfc: u32,
    /// `3.10.7.4`.
    pub section: String,
    /// The key word.
    pub level: KeyWord,
    /// Where the level comes from.
    pub basis: Basis,
    /// What it takes to see it.
    pub observable: Observable,
    /// The plain service behind the port that it takes, or `-`.
    pub service: String,
    /// The topic.
    pub topic: String,
    /// What is asked, in our words.
    pub summary: String,
    /// How to see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// What to mind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What must be implemented or negotiated for it to bind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applies_if: Option<String>,
    /// The state, for records of the state × event matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The event, for records of the state × event matrix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// The key words of RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyWord {
    /// MUST.
    #[serde(rename = "MUST")]
    Must,
    /// MUST NOT.
    #[serde(rename = "MUST NOT")]
    MustNot,
    /// SHOULD.
    #[serde(rename = "SHOULD")]
    Should,
    /// SHOULD NOT.
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    /// MAY.
    #[serde(rename = "MAY")]
    May,
}

impl KeyWord {
    /// As the RFCs spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
            Self::May => "MAY",
        }
    }

    /// How binding it is.
    pub fn level(self) -> Level {
        match self {
            Self::Must | Self::MustNot => Level::Must,
            Self::Should | Self::ShouldNot => Level::Should,
            Self::May => Level::May,
        }
    }
}

/// Where a requirement's level comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// A label of RFC 9293 appendix B.
    Label,
    /// An upper-case key word of RFC 2119.
    Bcp14,
    /// The catalogue's reading of plain prose.
    Prose,
}

/// What it takes to see whether a requirement is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Observable {
    /// Segments alone, within about five seconds.
    Wire,
    /// The target's socket interface.
    Agent,
    /// More than five seconds.
    Time,
    /// Not visible from outside.
    Local,
}

/// Why requirements could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RequirementsError {
    /// The file is no TOML, or has fields that are not known.
    #[error("requirements cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// Two records have one id.
    #[error("requirement '{0}' stands twice")]
    Duplicate(String),
    /// The file's own count is wrong.
    #[error("record_count is {expected}, but there are {got} records")]
    Count {
        /// What the file says.
        expected: usize,
        /// What there is.
        got: usize,
    },
    /// A newer file than this version reads.
    #[error("schema_version is {got}, but this version reads {expected}")]
    Version {
        /// What this version reads.
        expected: u32,
        /// What the file says.
        got: u32,
    },
}

/// All requirements, by id.
#[derive(Clone, Debug, Default)]
pub struct Requirements {
    records: Vec<Requirement>,
    by_id: BTreeMap<String, usize>,
    crossrefs: Option<CrossRefs>,
}

/// The `schema_version` that is read.
const SCHEMA_VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: u32,
    record_count: usize,
    #[serde(default)]
    requirement: Vec<Requirement>,
}

impl Requirements {
    /// Reads requirements.toml.
    ///
    /// # Errors
    /// When it is no such file, a field is not known, an id stands twice or the count is wrong.
    pub fn from_toml(text: &str) -> Result<Self, RequirementsError> {
        let file: File = toml::from_str(text)?;
        if file.schema_version != SCHEMA_VERSION {
            return Err(RequirementsError::Version {
                expected: SCHEMA_VERSION,
                got: file.schema_version,
            });
        }
        if file.record_count != file.requirement.len() {
            return Err(RequirementsError::Count {
                expected: file.record_count,
                got: file.requirement.len(),
            });
        }
        let mut by_id = BTreeMap::new();
        for (index, record) in file.requirement.iter().enumerate() {
            if by_id.insert(record.id.clone(), index).is_some() {
                return Err(RequirementsError::Duplicate(record.id.clone()));
            }
        }
        Ok(Self {
            records: file.requirement,
            by_id,
            crossrefs: None,
        })
    }

    /// Adds the list of what `also` may cite; without it any id is taken.
    #[must_use]
    pub fn with_crossrefs(self, crossrefs: CrossRefs) -> Self {
        Self {
            crossrefs: Some(crossrefs),
            ..self
        }
    }

    /// What `also` may cite, if that is known.
    pub fn crossrefs(&self) -> Option<&CrossRefs> {
        self.crossrefs.as_ref()
    }

    /// The requirement with this id.
    pub fn find(&self, id: &str) -> Option<&Requirement> {
        self.by_id.get(id).map(|index| &self.records[*index])
    }

    /// In the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Requirement> {
        self.records.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The id that is nearest to `id`, if one is near.
    pub fn nearest(&self, id: &str) -> Option<&str> {
        // Ids share long prefixes, which Jaro-Winkler overrates: a change of few letters decides.
        const FEW: usize = 4;
        self.by_id
            .keys()
            .map(|known| (strsim::damerau_levenshtein(id, known), known.as_str()))
            .filter(|(distance, _)| *distance <= FEW)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, known)| known)
            .or_else(|| nearest(id, self.by_id.keys().map(String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../suites/requirements.toml");

    #[test]
    fn shipped_file_is_read_whole() {
        let requirements = Requirements::from_toml(SHIPPED).unwrap();
        let record = requirements.find("RFC9293-MUST-2").unwrap();
        assert_eq!(record.level.level(), Level::Must);
        assert_eq!(record.observable, Observable::Wire);
        assert_eq!(requirements.iter().count(), requirements.len());
    }

    #[test]
    fn near_id_is_suggested() {
        let requirements = Requirements::from_toml(SHIPPED).unwrap();
        assert_eq!(
            requirements.nearest("RFC9293-MUTS-2"),
            Some("RFC9293-MUST-2")
        );
    }

    #[test]
    fn unknown_field_and_wrong_count_are_errors() {
        let head = "schema_version = 1\nrecord_count = 0\n";
        assert!(Requirements::from_toml(head).is_ok());
        assert!(matches!(
            Requirements::from_toml("schema_version = 1\nrecord_count = 3\n"),
            Err(RequirementsError::Count {
                expected: 3,
                got: 0
            })
        ));
        assert!(Requirements::from_toml(&format!("{head}colour = 1\n")).is_err());
    }
}
