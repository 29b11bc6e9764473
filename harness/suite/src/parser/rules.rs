//! `rules`: rows that match parameters and bind others.

use super::parameter::{cells, trimmed};
use super::{Parsed, Parser};
use crate::ast::{Binding, Choice, Name, Outcome, Rule, Rules, SameAs, Span, Spanned};
use crate::diagnostic::Code;

/// Between what is matched and what is bound.
const ARROW: &str = " -> ";
/// The word that begins the outcome of a cell that is no instance of its own.
const SAME_AS: &str = "same-as";
/// The word before values that a row is not for.
const NOT: &str = "not ";

impl Parser<'_> {
    pub(super) fn rules(&mut self) -> Parsed<Rules> {
        let start = self.at;
        self.word();
        let name = self.plain_name("the name of rules", Self::is_slug)?;
        let mut columns: Option<(Vec<Name>, Vec<Name>)> = None;
        let mut rows = Vec::new();
        let errors = self.diagnostics.len();
        self.braced("rules", |parser| {
            let line = parser.at;
            let end = parser.value_end(&[])?;
            let Some(arrow) = parser.text[line..end].find(ARROW) else {
                let (start, end) = trimmed(parser.text, line, end);
                let message = "expected ' -> ' between what is matched and what is bound";
                return Err(parser
                    .error(Code::Syntax, Span { start, end }, message)
                    .help("such as: state | flags -> reaction | spec")
                    .into());
            };
            let matched = cells(parser.text, line, line + arrow);
            let behind = line + arrow + ARROW.len();
            match &columns {
                None => {
                    let bound = cells(parser.text, behind, end);
                    columns = Some((parser.columns(&matched)?, parser.columns(&bound)?));
                    parser.at = end;
                }
                Some((left, right)) => {
                    parser.shape(&matched, left.len(), "left", (line, end))?;
                    let choices: Parsed<Vec<Choice>> =
                        matched.iter().map(|cell| parser.choice(*cell)).collect();
                    let choices = choices?;
                    let outcome = parser.outcome((behind, end), right.len(), line)?;
                    let (start, end) = trimmed(parser.text, line, end);
                    rows.push(Rule {
                        choices,
                        outcome,
                        span: Span { start, end },
                    });
                }
            }
            Ok(())
        })?;
        // A row that could not be read is reported already.
        if rows.is_empty() && self.diagnostics.len() == errors {
            let span = name.span;
            return Err(self
                .error(Code::EmptyBlock, span, "the rules have no row")
                .into());
        }
        let (matched, bound) = columns.unwrap_or_default();
        Ok(Rules {
            name,
            matched,
            bound,
            rows,
            span: self.since(start),
        })
    }

    fn shape(
        &self,
        cells: &[(usize, usize)],
        columns: usize,
        side: &str,
        (start, end): (usize, usize),
    ) -> Parsed<()> {
        if cells.len() == columns {
            return Ok(());
        }
        let (start, end) = trimmed(self.text, start, end);
        let count = cells.len();
        let message = format!(
            "{side} of '->' the row has {count} cell{}, the rules {columns} column{}",
            if count == 1 { "" } else { "s" },
            if columns == 1 { "" } else { "s" },
        );
        Err(self
            .error(Code::TableShape, Span { start, end }, message)
            .help("cells are parted by '|' with a blank on both sides")
            .into())
    }

    /// `*`, `a, b` or `not a, b`.
    fn choice(&self, (start, end): (usize, usize)) -> Parsed<Choice> {
        let (start, end) = trimmed(self.text, start, end);
        let span = Span { start, end };
        let text = &self.text[start..end];
        let (negated, list) = match text.strip_prefix(NOT) {
            Some(_) => (true, start + NOT.len()),
            None => (false, start),
        };
        if text == "*" {
            return Ok(Choice {
                negated: false,
                labels: Vec::new(),
                span,
            });
        }
        let mut labels = Vec::new();
        let mut from = list;
        for part in self.text[list..end].split(',') {
            let (start, end) = trimmed(self.text, from, from + part.len());
            from += part.len() + 1;
            let value = self.text[start..end].to_owned();
            let span = Span { start, end };
            if value.is_empty() || value == "*" || value.contains(char::is_whitespace) {
                let message = "expected '*', or short names of values parted by commas";
                return Err(self
                    .error(
                        Code::Syntax,
                        if value.is_empty() {
                            widened(start)
                        } else {
                            span
                        },
                        message,
                    )
                    .help("'not' in front stands for all other values")
                    .into());
            }
            labels.push(Spanned { value, span });
        }
        Ok(Choice {
            negated,
            labels,
            span,
        })
    }

    /// What stands behind the arrow; `line` is where the row begins.
    fn outcome(
        &mut self,
        (start, end): (usize, usize),
        columns: usize,
        line: usize,
    ) -> Parsed<Outcome> {
        self.at = start;
        if self.accept_word(SAME_AS) {
            return Ok(Outcome::SameAs(self.same_as()?));
        }
        let cells = cells(self.text, start, end);
        self.shape(&cells, columns, "right", (line, end))?;
        let values: Parsed<Vec<Binding>> = cells
            .iter()
            .map(|(start, end)| self.binding(*start, *end))
            .collect();
        self.at = end;
        values.map(Outcome::Bind)
    }

    fn same_as(&mut self) -> Parsed<SameAs> {
        let mut cell = Vec::new();
        while cell.is_empty() || !self.peek_word().is_empty() {
            let name = self.plain_name("a parameter", Self::is_identifier)?;
            self.expect("=")?;
            cell.push((name, self.name("the short name of a value")?));
        }
        let reason = self.string()?;
        Ok(SameAs { cell, reason })
    }
}

/// A place where nothing stands.
fn widened(at: usize) -> Span {
    Span { start: at, end: at }
}
