//! A place in a suite as a line that can be shown.

use crate::printable;
use tcpconf_engine::Location;

/// How far a tab moves; suites are formatted without tabs, strangers' may have some.
const TAB: &str = "    ";

/// A line of a suite with a column marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters of the file.
    pub(crate) column: usize,
    /// The line as shown.
    pub(crate) text: String,
    /// Characters of `text` before the mark.
    pub(crate) caret: usize,
}

impl Place {
    pub(crate) fn of(location: &Location) -> Self {
        let source = &location.file.text;
        let mut at = location.span.start.min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        let start = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = source[at..]
            .find('\n')
            .map_or(source.len(), |newline| at + newline);
        let before = &source[start..at];
        Self {
            path: printable(&location.file.path),
            line: source[..start].matches('\n').count() + 1,
            column: before.chars().count() + 1,
            text: shown(source[start..end].trim_end()),
            caret: shown(before).chars().count(),
        }
    }

    /// `suites/reset/rfc5961.tcpt:13`
    pub(crate) fn short(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

fn shown(text: &str) -> String {
    printable(&text.replace('\t', TAB))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tcpconf_suite::ast::Span;
    use tcpconf_suite::plan::SourceFile;

    fn place(text: &str, start: usize) -> Place {
        let file = Arc::new(SourceFile {
            path: "a.tcpt".into(),
            text: text.into(),
        });
        Place::of(&Location {
            file,
            span: Span { start, end: start },
        })
    }

    #[test]
    fn caret_stands_under_the_span_in_spite_of_tabs() {
        let place = place("one\n\t> S.\r\n", 5);
        assert_eq!((place.line, place.column, place.caret), (2, 2, 4));
        assert_eq!(place.text, "    > S.");
    }

    #[test]
    fn span_behind_the_end_is_the_last_line() {
        assert_eq!(place("é", 99).short(), "a.tcpt:1");
    }
}
