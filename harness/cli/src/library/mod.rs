//! Where suites, fixtures, requirements and profiles come from: the disk first, else the binary.

mod disk;
mod shipped;

pub(crate) use disk::{read, suite_paths};
pub(crate) use shipped::{profile_names, profile_text};

use crate::failure::Failure;
use std::path::Path;
use tcpconf_report::coverage::Kills;
use tcpconf_suite::diagnostic::Severity;
use tcpconf_suite::{CrossRefs, Diagnostic, Plan, Requirements, SourceFile};

const REQUIREMENTS: &str = "requirements.toml";
const CROSSREFS: &str = "crossrefs.toml";
const KILLS: &str = "kills.toml";

/// What stands beside suites, each with its path and text.
#[derive(Debug, Default)]
struct Data {
    requirements: Option<(String, String)>,
    crossrefs: Option<(String, String)>,
    kills: Option<(String, String)>,
}

impl Data {
    /// The first of each.
    fn or(self, other: Self) -> Self {
        Self {
            requirements: self.requirements.or(other.requirements),
            crossrefs: self.crossrefs.or(other.crossrefs),
            kills: self.kills.or(other.kills),
        }
    }
}

/// Files that were asked for, and what they lean on.
#[derive(Debug)]
pub(crate) struct Library {
    /// Suites, in the order of the paths, each once.
    pub(crate) files: Vec<SourceFile>,
    /// Fixtures that any of them may use.
    pub(crate) fixtures: Vec<SourceFile>,
    /// What they may cite.
    pub(crate) requirements: Requirements,
    /// Which of their tests a fault kills.
    pub(crate) kills: Kills,
    /// Whether tests that go by rules are loaded with all of their instances.
    exhaustive: bool,
}

impl Library {
    /// Finds what the paths name: an existing file or folder, else a shipped suite.
    pub(crate) fn find(paths: &[String]) -> Result<Self, Failure> {
        let mut files: Vec<SourceFile> = Vec::new();
        let mut fixtures = Vec::new();
        let mut data = Data::default();
        for path in paths {
            let found = if Path::new(path).exists() {
                let found = disk::find(Path::new(path))?;
                if fixtures.is_empty() {
                    fixtures = found.fixtures;
                }
                data = data.or(found.data);
                found.files
            } else {
                shipped::find(path)?
            };
            for file in found {
                if files.iter().all(|known| known.path != file.path) {
                    files.push(file);
                }
            }
        }
        if fixtures.is_empty() {
            fixtures = shipped::fixtures();
        }
        let or_shipped =
            |found: Option<_>, name: &str| found.unwrap_or_else(|| shipped::data(name));
        let (path, text) = or_shipped(data.requirements, REQUIREMENTS);
        let requirements = Requirements::from_toml(&text)
            .map_err(|error| Failure::usage(format!("{path}: {error}")))?;
        let (path, text) = or_shipped(data.crossrefs, CROSSREFS);
        let crossrefs = CrossRefs::from_toml(&text)
            .map_err(|error| Failure::usage(format!("{path}: {error}")))?;
        let (path, text) = or_shipped(data.kills, KILLS);
        let kills =
            Kills::from_toml(&text).map_err(|error| Failure::usage(format!("{path}: {error}")))?;
        Ok(Self {
            files,
            fixtures,
            requirements: requirements.with_crossrefs(crossrefs),
            kills,
            exhaustive: false,
        })
    }

    /// The same, with every instance of tests that go by rules when `exhaustive`.
    pub(crate) fn exhaustive(mut self, exhaustive: bool) -> Self {
        self.exhaustive = exhaustive;
        self
    }

    /// The shipped requirements, for reports of suites that are not at hand.
    pub(crate) fn shipped_requirements() -> Result<Requirements, Failure> {
        let (path, text) = shipped::data(REQUIREMENTS);
        Requirements::from_toml(&text).map_err(|error| Failure::usage(format!("{path}: {error}")))
    }

    /// Reads the files; diagnostics may hold errors.
    pub(crate) fn load(&self) -> (Plan, Vec<Diagnostic>) {
        let load = if self.exhaustive {
            tcpconf_suite::load_exhaustive
        } else {
            tcpconf_suite::load
        };
        load(
            self.files.clone(),
            self.fixtures.clone(),
            &self.requirements,
        )
    }

    /// Reads the files and tells of their errors, and of what else is wrong with them when `warn`.
    ///
    /// # Errors
    /// When a file has an error: nothing is to be played then.
    pub(crate) fn plan(&self, warn: bool, colour: bool) -> Result<Plan, Failure> {
        let (plan, diagnostics) = self.load();
        for diagnostic in diagnostics.iter().filter(|d| warn || d.is_error()) {
            anstream::eprint!("{}", diagnostic.render(colour));
        }
        match count(&diagnostics, Severity::Error) {
            0 => Ok(plan),
            errors => Err(Failure::usage(format!(
                "nothing is played: the suites have {errors} error{}",
                if errors == 1 { "" } else { "s" }
            ))),
        }
    }
}

/// How many diagnostics are this bad.
pub(crate) fn count(diagnostics: &[Diagnostic], severity: Severity) -> usize {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity() == severity)
        .count()
}
