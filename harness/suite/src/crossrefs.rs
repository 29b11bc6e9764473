//! suites/crossrefs.toml as data: the ids of other systems' tests, which `also` cites.
//!
//! An id is `SYSTEM:NAME` (`TC8:BASICS_01`), but for RFC 2525, whose problems are `RFC2525-2.1`.

use crate::diagnostic::nearest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A system whose tests can be cited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// `TC8`.
    pub name: String,
    /// What it is, in a few words.
    pub title: String,
    /// Where its ids come from.
    pub source: String,
    /// Whether all its ids are listed; otherwise any id with its prefix is taken.
    pub complete: bool,
    /// How many ids it has; with `complete` as many as are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// What to mind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A test or problem of another system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossRef {
    /// `TC8:BASICS_01`.
    pub id: String,
    /// What it is about, in our words.
    pub title: String,
    /// Why no test of ours corresponds to it.
    #[serde(default, rename = "not", skip_serializing_if = "Option::is_none")]
    pub not: Option<String>,
}

/// Why cross-references could not be read.
#[derive(Debug, thiserror::Error)]
pub enum CrossRefsError {
    /// The file is no TOML, or has fields that are not known.
    #[error("cross-references cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// Two records have one id.
    #[error("cross-reference '{0}' stands twice")]
    Duplicate(String),
    /// An id of a system that is not listed.
    #[error("cross-reference '{0}' belongs to no system of the file")]
    NoSystem(String),
    /// A system's own count is wrong.
    #[error("{system} has {got} ids, but its count is {expected}")]
    Count {
        /// The system's name.
        system: String,
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

/// All cross-references, by id.
#[derive(Clone, Debug, Default)]
pub struct CrossRefs {
    systems: Vec<System>,
    records: Vec<CrossRef>,
    by_id: BTreeMap<String, usize>,
}

/// The `schema_version` that is read.
const SCHEMA_VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema_version: u32,
    #[serde(default)]
    system: Vec<System>,
    #[serde(default)]
    crossref: Vec<CrossRef>,
}

impl CrossRefs {
    /// Reads crossrefs.toml.
    ///
    /// # Errors
    /// When it is no such file, a field is not known, an id stands twice, belongs to no system, or a
    /// system's count is wrong.
    pub fn from_toml(text: &str) -> Result<Self, CrossRefsError> {
        let file: File = toml::from_str(text)?;
        if file.schema_version != SCHEMA_VERSION {
            return Err(CrossRefsError::Version {
                expected: SCHEMA_VERSION,
                got: file.schema_version,
            });
        }
        let mut by_id = BTreeMap::new();
        for (index, record) in file.crossref.iter().enumerate() {
            if by_id.insert(record.id.clone(), index).is_some() {
                return Err(CrossRefsError::Duplicate(record.id.clone()));
            }
        }
        let refs = Self {
            systems: file.system,
            records: file.crossref,
            by_id,
        };
        for record in &refs.records {
            if refs.system(&record.id).is_none() {
                return Err(CrossRefsError::NoSystem(record.id.clone()));
            }
        }
        for system in &refs.systems {
            let got = refs.of(system).count();
            match system.count {
                Some(expected) if system.complete && expected != got => {
                    return Err(CrossRefsError::Count {
                        system: system.name.clone(),
                        expected,
                        got,
                    });
                }
                _ => {}
            }
        }
        Ok(refs)
    }

    /// In the order of the file.
    pub fn systems(&self) -> &[System] {
        &self.systems
    }

    /// In the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &CrossRef> {
        self.records.iter()
    }

    /// The ids of one system.
    pub fn of<'a>(&'a self, system: &'a System) -> impl Iterator<Item = &'a CrossRef> {
        self.records
            .iter()
            .filter(|record| belongs(&record.id, system))
    }

    /// The record with this id.
    pub fn find(&self, id: &str) -> Option<&CrossRef> {
        self.by_id.get(id).map(|index| &self.records[*index])
    }

    /// The system that an id belongs to by its prefix.
    pub fn system(&self, id: &str) -> Option<&System> {
        self.systems.iter().find(|system| belongs(id, system))
    }

    /// Whether a suite may cite this id: it is listed, or its system's list is not complete.
    pub fn may_be_cited(&self, id: &str) -> bool {
        self.find(id).is_some() || self.system(id).is_some_and(|system| !system.complete)
    }

    /// The id that is nearest to `id`, if one is near.
    pub fn nearest(&self, id: &str) -> Option<&str> {
        const FEW: usize = 4;
        self.records
            .iter()
            .map(|record| record.id.as_str())
            .map(|known| (strsim::damerau_levenshtein(id, known), known))
            .filter(|(distance, _)| *distance <= FEW)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, known)| known)
            .or_else(|| nearest(id, self.by_id.keys().map(String::as_str)))
    }
}

fn belongs(id: &str, system: &System) -> bool {
    id.strip_prefix(&system.name)
        .is_some_and(|rest| rest.starts_with([':', '-']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::collections::BTreeSet;

    const SHIPPED: &str = include_str!("../../../suites/crossrefs.toml");
    const PROBLEMS: &str = include_str!("../../../suites/known_problems.toml");

    #[rstest]
    #[case("TC8", 116)]
    #[case("packetimpact", 29)]
    #[case("tcpreq", 13)]
    #[case("RFC2525", 18)]
    fn shipped_lists_are_whole(#[case] name: &str, #[case] count: usize) {
        let refs = CrossRefs::from_toml(SHIPPED).unwrap();
        let system = refs.systems().iter().find(|s| s.name == name).unwrap();
        assert!(system.complete);
        assert_eq!(refs.of(system).count(), count);
    }

    #[test]
    fn problems_of_rfc_2525_are_those_of_known_problems() {
        let refs = CrossRefs::from_toml(SHIPPED).unwrap();
        let listed: BTreeSet<&str> = refs
            .iter()
            .map(|record| record.id.as_str())
            .filter(|id| id.starts_with("RFC2525-"))
            .collect();
        let table: toml::Table = toml::from_str(PROBLEMS).unwrap();
        let known: BTreeSet<&str> = table["known_problem"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem["id"].as_str().unwrap())
            .collect();
        assert_eq!(listed, known);
    }

    #[rstest]
    #[case("TC8:BASICS_01", true)]
    #[case("TC8:BASICS_15", false)]
    #[case("ANVL:9.27", true)]
    #[case("RFC2525-2.18", true)]
    #[case("RFC2525-2.19", false)]
    #[case("anvl:9.27", false)]
    fn only_what_exists_may_be_cited(#[case] id: &str, #[case] may: bool) {
        let refs = CrossRefs::from_toml(SHIPPED).unwrap();
        assert_eq!(refs.may_be_cited(id), may);
    }

    #[test]
    fn near_id_is_suggested() {
        let refs = CrossRefs::from_toml(SHIPPED).unwrap();
        assert_eq!(refs.nearest("TC8:BASIC_01"), Some("TC8:BASICS_01"));
        assert_eq!(
            refs.nearest("TCP:FLAGS_INVALID_15"),
            Some("TC8:FLAGS_INVALID_15")
        );
    }

    #[test]
    fn wrong_counts_and_strangers_are_errors() {
        let head = "schema_version = 1\n[[system]]\nname = 'X'\ntitle = ''\nsource = ''\ncomplete = true\ncount = 1\n";
        assert!(matches!(
            CrossRefs::from_toml(head),
            Err(CrossRefsError::Count { .. })
        ));
        let one = "[[crossref]]\nid = 'X:a'\ntitle = ''\n";
        assert!(CrossRefs::from_toml(&format!("{head}{one}")).is_ok());
        assert!(matches!(
            CrossRefs::from_toml(&format!("{head}{one}{one}")),
            Err(CrossRefsError::Duplicate(_))
        ));
        let stranger = "[[crossref]]\nid = 'Y:a'\ntitle = ''\n";
        assert!(matches!(
            CrossRefs::from_toml(&format!("{head}{one}{stranger}")),
            Err(CrossRefsError::NoSystem(_))
        ));
    }
}
