//! The plan: instances of tests, ready to be played.
//!
//! An [`Instance`] is a test with its parameters bound.  Its steps are lowered on demand: parameters
//! and fixtures substituted, `reach` spelled out, so that a plan of many
//! thousand instances stays small.

use crate::ast::{Binding, Span, Suite};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// The text of a file, for carets.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// As the user named it, or relative to the embedded suites: `suites/reset/rfc5961.tcpt`.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl std::fmt::Debug for SourceFile {
    /// The path and the length: every diagnostic and fixture carries its file.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SourceFile({:?}, {} bytes)", self.path, self.text.len())
    }
}

/// How binding a requirement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// MUST, MUST NOT.
    Must,
    /// SHOULD, SHOULD NOT.
    Should,
    /// MAY.
    May,
}

/// What an instance needs from a target; derived from its steps and directives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The plain service behind the port: `listen`, `closed`, `sink`, `echo`, …
    pub service: String,
    /// An application interface (`app` steps, states that need one).
    pub app: bool,
    /// Nothing is to stand behind the port: the case opens what it needs by `app` calls.
    pub driven: bool,
    /// The steps themselves say when the application listens on the service's port; otherwise it does before the first step.
    pub listens: bool,
    /// It must tell of what happens by itself (`app expect`): open connections, errors, ends of streams.
    pub events: bool,
    /// What the application interface must be able to do.
    pub calls: std::collections::BTreeSet<crate::vocabulary::Capability>,
    /// Claimed features (`given`).
    pub features: Vec<String>,
    /// The target, or an instance of it, to itself.
    pub exclusive: bool,
    /// Only with `--slow`.
    pub slow: bool,
    /// Only over this IP version.
    pub ip: Option<u8>,
    /// How many half-open connections it leaves for longer than a round trip at a time.
    pub half_open: u32,
    /// The listener's backlog, if it matters.
    pub backlog: Option<u32>,
    /// The longest that its own waits can take on a sound target, `profile` values taken as RFC values.
    pub duration: Duration,
    /// `timeout T`.
    pub timeout: Option<Duration>,
}

/// A test with its parameters bound.
#[derive(Clone, Debug)]
pub struct Instance {
    /// `folder/slug` or `folder/slug[param=value,…]`.
    pub id: String,
    /// `folder/slug`.
    pub test: String,
    /// The test's title.
    pub title: String,
    /// Requirement ids after expansion, the first decides the level.
    pub spec: Vec<String>,
    /// The level of the first id.
    pub level: Level,
    /// Cross-references `(id, restated)`.
    pub also: Vec<(String, bool)>,
    /// What it needs.
    pub needs: Needs,
    /// Where it stands.
    pub file: Arc<SourceFile>,
    /// The parsed file.
    pub suite: Arc<Suite>,
    /// Fixtures of suites/fixtures that its file may use.
    pub shared: Arc<Vec<(Arc<SourceFile>, Suite)>>,
    /// Which test of the file.
    pub index: usize,
    /// Parameter names with their values.
    pub bindings: Vec<(String, Binding)>,
    /// The test's place in the file.
    pub span: Span,
}

/// What a run will play.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In the order of files and tests.
    pub instances: Vec<Instance>,
}
