//! The cursor: a stack of step lists.

use crate::session::UNNAMED;
use std::collections::BTreeSet;
use std::sync::Arc;
use tcpconf_suite::ast::{Expr, Ignorable, Name, Span, Step};
use tcpconf_suite::plan::SourceFile;

/// Why a list of steps is being played.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// The test itself, `conn`, a branch of `either`.
    Plain,
    /// `reach`: a failure is inconclusive.
    Setup(String),
    /// A fixture in place of `use`.
    Inlined,
    /// `repeat`.
    Repeat {
        left: u64,
        round: i128,
        counter: Option<String>,
    },
    /// `sample`.
    Sample {
        left: u64,
        bindings: Arc<[(Name, Expr)]>,
        /// Connections from before: the others belong to a round.
        before: Arc<BTreeSet<String>>,
    },
}

/// A list of steps with a place in it.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) steps: Arc<[Step]>,
    /// The next step.
    pub(super) at: usize,
    pub(super) role: Role,
    /// The connection that steps speak of.
    pub(super) conn: String,
    pub(super) file: Arc<SourceFile>,
    /// What is passed over: `ignore` holds to the end of the list that it stands in.
    pub(super) ignored: Vec<Ignorable>,
}

impl Frame {
    pub(super) fn root(steps: Vec<Step>, file: Arc<SourceFile>) -> Self {
        Self {
            steps: steps.into(),
            at: 0,
            role: Role::Plain,
            conn: UNNAMED.into(),
            file,
            ignored: Vec::new(),
        }
    }

    /// A list inside this one: same file, same connection.
    pub(super) fn inner(&self, steps: &[Step], role: Role) -> Self {
        Self {
            steps: steps.into(),
            at: 0,
            role,
            conn: self.conn.clone(),
            file: Arc::clone(&self.file),
            ignored: self.ignored.clone(),
        }
    }

    /// The place of the step that was begun last.
    pub(super) fn span(&self) -> Span {
        self.steps
            .get(self.at.saturating_sub(1))
            .map_or_else(Span::default, |step| step.span)
    }
}
