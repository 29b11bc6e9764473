//! What is wrong with a suite, where, and what would be right.
//!
//! Every diagnostic has a [`Code`], of which docs/format.md lists all; each has a golden pair in
//! `tests/diagnostics`.  Nothing is printed here: [`Diagnostic::render`] yields text.

mod code;
mod render;

pub use code::{Code, Severity};
pub use render::caret;

use crate::ast::Span;
use crate::plan::SourceFile;
use std::sync::Arc;
pub(crate) use tcpconf_wire::notation::nearest;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of thing.
    pub code: Code,
    /// A lowercase fragment: `unknown symbol 'RCV.NTX'`.
    pub message: String,
    /// The file that `span` points into.
    pub file: Arc<SourceFile>,
    /// Where.
    pub span: Span,
    /// What stands under the caret; may be empty.
    pub label: String,
    /// What to do about it: the nearest right spelling, or the list of what could stand here.
    pub help: Option<String>,
    /// A second place: where a name was defined first.
    pub related: Option<(Span, String)>,
}

impl Diagnostic {
    /// A diagnostic without label, help or second place.
    pub fn new(code: Code, file: &Arc<SourceFile>, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            file: Arc::clone(file),
            span,
            label: String::new(),
            help: None,
            related: None,
        }
    }

    /// With text under the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a second place in the same file.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((span, label.into()));
        self
    }

    /// With the nearest of `candidates` to `word` as advice, or all of them when none is near and
    /// they are few.
    #[must_use]
    pub fn suggest<'a>(
        self,
        word: &str,
        candidates: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Self {
        /// A longer list helps nobody.
        const MANY: usize = 40;
        match nearest(word, candidates.clone()) {
            Some(near) => self.help(format!("did you mean '{near}'?")),
            None => {
                let all: Vec<&str> = candidates.into_iter().collect();
                if all.is_empty() || all.len() > MANY {
                    self
                } else {
                    self.help(format!("known: {}", all.join(" ")))
                }
            }
        }
    }

    /// Error or warning.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Whether the suite cannot be run because of it.
    pub fn is_error(&self) -> bool {
        self.severity() == Severity::Error
    }

    /// Line and column, both from 1, the column in characters.
    pub fn line_column(&self) -> (usize, usize) {
        line_column(&self.file.text, self.span.start)
    }
}

/// Line and column of a byte offset, both from 1, the column in characters.
pub fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}

/// Sorts by file and place and drops what is said twice.
pub fn tidy(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| {
        (&a.file.path, a.span.start, a.code, &a.message).cmp(&(
            &b.file.path,
            b.span.start,
            b.code,
            &b.message,
        ))
    });
    diagnostics.dedup_by(|a, b| {
        a.code == b.code && a.span == b.span && a.file.path == b.file.path && a.message == b.message
    });
}
