//! Filter expressions: `-E 'folder(reset) and not level(may)'`.
//!
//! ```text
//! expr  = and { "or" and }
//! and   = not { "and" not }
//! not   = "not" not | "(" expr ")" | NAME "(" ARGUMENT ")" | WORD
//! ```
//!
//! A bare word is a part of an id.  An argument is a glob (`*`, `?`) over the whole name and ends at the
//! matching parenthesis; in double quotes it may hold anything.

mod parse;

use parse::parse;
pub(crate) use parse::without_ip;
use tcpconf_suite::{Instance, Level};
use thiserror::Error;
use wildmatch::WildMatch;

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Filter {
    /// The instance's id.
    Id(WildMatch),
    /// The test's id.
    Test(WildMatch),
    /// A requirement that it cites.
    Spec(WildMatch),
    /// A test of another system.
    Also(WildMatch),
    /// The folder.
    Folder(WildMatch),
    /// The level.
    Level(Level),
    /// Part of the id.
    Word(String),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

/// A filter that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("filter: {message}\n  {text}\n  {:at$}{}", "", "^".repeat((*len).max(1)))]
pub(crate) struct FilterError {
    text: String,
    /// In characters.
    at: usize,
    len: usize,
    message: String,
    pub(crate) help: Option<String>,
}

impl Filter {
    /// Reads an expression.
    pub(crate) fn parse(text: &str) -> Result<Self, FilterError> {
        parse(text)
    }

    /// Whether an instance is selected.
    pub(crate) fn matches(&self, instance: &Instance) -> bool {
        match self {
            Self::Id(glob) => glob.matches(&instance.id),
            Self::Test(glob) => glob.matches(&instance.test),
            Self::Spec(glob) => instance.spec.iter().any(|id| glob.matches(id)),
            Self::Also(glob) => instance.also.iter().any(|(id, _)| glob.matches(id)),
            Self::Folder(glob) => instance
                .test
                .rsplit_once('/')
                .is_some_and(|(folder, _)| glob.matches(folder)),
            Self::Level(level) => instance.level == *level,
            Self::Word(word) => instance.id.contains(word.as_str()),
            Self::Not(inner) => !inner.matches(instance),
            Self::And(a, b) => a.matches(instance) && b.matches(instance),
            Self::Or(a, b) => a.matches(instance) || b.matches(instance),
        }
    }
}

#[cfg(test)]
mod tests;
