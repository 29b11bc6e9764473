//! Suites, profiles and requirements from a folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tcpconf_engine::Profile;
use tcpconf_suite::{CrossRefs, Instance, Requirements, SourceFile};
use thiserror::Error;

/// The suites of the project, beside this crate wherever cargo has put it.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../suites");
/// Folders that hold no suites of their own.
const NO_TOPICS: [&str; 2] = ["fixtures", "targets"];

/// Why suites cannot be played.
#[derive(Debug, Error)]
pub enum SuitesError {
    /// A file or a folder.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Requirements or a profile.
    #[error("{path}: {message}")]
    Data {
        /// Which.
        path: PathBuf,
        /// What is wrong with it, with a caret.
        message: String,
    },
    /// The suites have errors: each with a caret.
    #[error("{0}")]
    Suites(String),
}

/// Tests to be played.
#[derive(Clone, Debug)]
pub struct Suites {
    folder: PathBuf,
    instances: Vec<Instance>,
    requirements: Arc<Requirements>,
}

impl Suites {
    /// The suites of the project, as they are in its source: cargo brings them along with this crate.
    ///
    /// # Errors
    /// When the source has been moved away since it was compiled.
    pub fn shipped() -> Result<Self, SuitesError> {
        Self::from_dir(SHIPPED)
    }

    /// The suites of a folder like suites/: a folder a topic, `fixtures`, `targets`, requirements.toml, crossrefs.toml.
    ///
    /// # Errors
    /// When something cannot be read or a suite has errors.
    pub fn from_dir(folder: impl AsRef<Path>) -> Result<Self, SuitesError> {
        let folder = folder.as_ref();
        let mut files = Vec::new();
        for topic in entries(folder)? {
            let is_topic = |name: &std::ffi::OsStr| NO_TOPICS.iter().all(|no| name != *no);
            if topic.is_dir() && topic.file_name().is_some_and(is_topic) {
                collect(&topic, &mut files)?;
            }
        }
        let mut fixtures = Vec::new();
        if folder.join("fixtures").is_dir() {
            collect(&folder.join("fixtures"), &mut fixtures)?;
        }
        let requirements = data(&folder.join("requirements.toml"), Requirements::from_toml)?;
        let crossrefs = data(&folder.join("crossrefs.toml"), CrossRefs::from_toml)?;
        let requirements = requirements.with_crossrefs(crossrefs);
        let (plan, diagnostics) = tcpconf_suite::load(files, fixtures, &requirements);
        let errors: Vec<_> = diagnostics.iter().filter(|d| d.is_error()).collect();
        if !errors.is_empty() {
            let mut text = String::new();
            for error in errors {
                let _ = write!(text, "{}", error.render(false));
            }
            return Err(SuitesError::Suites(text));
        }
        Ok(Self {
            folder: folder.to_owned(),
            instances: plan.instances,
            requirements: Arc::new(requirements),
        })
    }

    /// Those whose id begins so: `handshake/`, `handshake/rst-outside-the-window[`.
    #[must_use]
    pub fn only(mut self, beginning: &str) -> Self {
        self.instances.retain(|i| i.id.starts_with(beginning));
        self
    }

    /// A profile of `targets/`, by its name: what a stack claims, its timing, failures that are expected of it.
    ///
    /// # Errors
    /// When there is none, or it has errors.
    pub fn profile(&self, name: &str) -> Result<Profile, SuitesError> {
        let path = self.folder.join("targets").join(format!("{name}.toml"));
        data(&path, Profile::from_toml)
    }

    /// How many cases there are.
    pub fn len(&self) -> usize {
        self.instances.len()
    }

    /// Whether nothing is left to be played.
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    pub(crate) fn instances(&self) -> &[Instance] {
        &self.instances
    }

    pub(crate) const fn requirements(&self) -> &Arc<Requirements> {
        &self.requirements
    }
}

/// Reads a file by that function.
fn data<T, E: ToString>(
    path: &Path,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, SuitesError> {
    parse(&text(path)?).map_err(|error| SuitesError::Data {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

/// Appends the suites below a folder, in the order of their names.
fn collect(folder: &Path, files: &mut Vec<SourceFile>) -> Result<(), SuitesError> {
    for path in entries(folder)? {
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|suffix| suffix == "tcpt") {
            files.push(SourceFile {
                path: path.display().to_string(),
                text: text(&path)?,
            });
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, SuitesError> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|source| unreadable(folder, source))?;
    let mut paths: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    Ok(paths)
}

fn text(path: &Path) -> Result<String, SuitesError> {
    std::fs::read_to_string(path).map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: std::io::Error) -> SuitesError {
    SuitesError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_suites_and_profiles_are_read() {
        let suites = Suites::shipped().unwrap();
        let all = suites.len();
        assert_eq!(suites.profile("smoltcp").unwrap().name, "smoltcp");
        let some = suites.only("handshake/");
        assert!(!some.is_empty() && some.len() < all);
        assert!(
            some.instances()
                .iter()
                .all(|i| i.id.starts_with("handshake/"))
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Suites::from_dir("/no/such/folder").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("/no/such/folder cannot be read: "),
            "{error}"
        );
    }
}
