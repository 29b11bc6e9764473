//! `matrix` and `table`: the values of a test's parameters, kept as text.

use super::scan::Quotes;
use super::{Parsed, Parser};
use crate::ast::{Axis, Binding, Name, Span, Spanned, Table};
use crate::diagnostic::Code;

impl Parser<'_> {
    pub(super) fn matrix(&mut self) -> Parsed<Vec<Axis>> {
        let mut axes = Vec::new();
        let start = self.at;
        let errors = self.diagnostics.len();
        self.braced("a matrix", |parser| {
            let name = parser.plain_name("a parameter", Self::is_identifier)?;
            parser.expect("=")?;
            let values = parser.values()?;
            axes.push(Axis { name, values });
            Ok(())
        })?;
        // An axis that could not be read is reported already.
        if axes.is_empty() && self.diagnostics.len() == errors {
            let span = self.since(start);
            return Err(self
                .error(Code::EmptyBlock, span, "the matrix has no axis")
                .into());
        }
        Ok(axes)
    }

    /// Values parted by commas; a line that ends with a comma goes on.
    fn values(&mut self) -> Parsed<Vec<Binding>> {
        let mut values = Vec::new();
        loop {
            self.skip_blanks();
            let start = self.at;
            let end = self.value_end(&[','])?;
            if is_axis(&self.text[start..end]) {
                let span = Span { start, end };
                let message = "an axis of a matrix stands on a line of its own";
                return Err(self.error(Code::Syntax, span, message).into());
            }
            values.push(self.binding(start, end)?);
            self.at = end;
            if !self.accept(",") {
                return Ok(values);
            }
            self.skip_lines();
        }
    }

    /// Where a value ends: at a stop outside of brackets, at the block's end or the line's end.
    pub(super) fn value_end(&self, stops: &[char]) -> Parsed<usize> {
        let limit = self.content_end();
        let line = &self.text[self.at..limit];
        let mut quotes = Quotes::default();
        let mut closers: Vec<(char, usize)> = Vec::new();
        for (i, c) in line.char_indices() {
            let here = self.at + i;
            if quotes.inside(c) {
                continue;
            }
            let top = closers.last().map(|(closer, _)| *closer);
            match c {
                '(' => closers.push((')', here)),
                '[' => closers.push((']', here)),
                '{' => closers.push(('}', here)),
                '<' if begins_options(&line[i..]) => closers.push(('>', here)),
                _ if top == Some(c) => drop(closers.pop()),
                '}' | ')' if closers.is_empty() => return Ok(here),
                _ if closers.is_empty() && stops.contains(&c) => return Ok(here),
                _ => {}
            }
        }
        match closers.last() {
            None if !quotes.is_open() => Ok(limit),
            None => {
                let span = Span {
                    start: self.at,
                    end: limit,
                };
                Err(self
                    .error(Code::Unclosed, span, "the text is not closed by '\"'")
                    .into())
            }
            Some((closer, at)) => {
                let span = Span {
                    start: *at,
                    end: at + 1,
                };
                let message = format!("the bracket is not closed by '{closer}'");
                Err(self.error(Code::Unclosed, span, message).into())
            }
        }
    }

    /// `name: text` or `text`.
    pub(super) fn binding(&self, start: usize, end: usize) -> Parsed<Binding> {
        let (start, end) = trimmed(self.text, start, end);
        let whole = &self.text[start..end];
        let (label, text_start) = match short_name(whole) {
            Some((label, length)) => (label, trimmed(self.text, start + length, end).0),
            None => (whole, start),
        };
        let text = &self.text[text_start..end];
        if text.is_empty() {
            let end = end.max(start + usize::from(start < self.text.len()));
            let span = Span { start, end };
            return Err(self.error(Code::Syntax, span, "expected a value").into());
        }
        Ok(Binding {
            label: label.to_owned(),
            text: text.to_owned(),
            span: Span {
                start: text_start,
                end,
            },
        })
    }

    pub(super) fn table(&mut self) -> Parsed<Table> {
        let mut columns: Option<Vec<Name>> = None;
        let mut rows = Vec::new();
        let start = self.at;
        let errors = self.diagnostics.len();
        self.braced("a table", |parser| {
            let line = parser.at;
            let end = parser.value_end(&[])?;
            let cells = cells(parser.text, line, end);
            parser.at = end;
            let Some(columns) = &columns else {
                columns = Some(parser.columns(&cells)?);
                return Ok(());
            };
            if cells.len() != columns.len() {
                let (start, end) = trimmed(parser.text, line, end);
                let count = cells.len();
                let message = format!(
                    "the row has {count} cell{}, the table {} columns",
                    if count == 1 { "" } else { "s" },
                    columns.len()
                );
                let help = "cells are parted by '|' with a blank on both sides";
                let span = Span { start, end };
                return Err(parser
                    .error(Code::TableShape, span, message)
                    .help(help)
                    .into());
            }
            let row: Parsed<Vec<Binding>> = cells
                .iter()
                .map(|(start, end)| parser.binding(*start, *end))
                .collect();
            rows.push(row?);
            Ok(())
        })?;
        match columns {
            Some(columns) if !rows.is_empty() => Ok(Table { columns, rows }),
            // A row that could not be read is reported already.
            columns if self.diagnostics.len() > errors => Ok(Table {
                columns: columns.unwrap_or_default(),
                rows,
            }),
            _ => {
                let span = self.since(start);
                Err(self
                    .error(Code::EmptyBlock, span, "the table has no row")
                    .into())
            }
        }
    }

    pub(super) fn columns(&mut self, cells: &[(usize, usize)]) -> Parsed<Vec<Name>> {
        let mut columns = Vec::new();
        for (start, end) in cells {
            let (start, end) = trimmed(self.text, *start, *end);
            let value = self.text[start..end].to_owned();
            let span = Span { start, end };
            if !Self::is_identifier(&value) {
                let message = format!("'{value}' cannot be a column's name");
                let help = "a letter, then letters, digits and '_'";
                return Err(self.error(Code::BadName, span, message).help(help).into());
            }
            columns.push(Spanned { value, span });
        }
        Ok(columns)
    }
}

/// The cells of a row, as ranges.
pub(super) fn cells(text: &str, start: usize, end: usize) -> Vec<(usize, usize)> {
    const SEPARATOR: &str = " | ";
    let mut cells = Vec::new();
    let mut from = start;
    // An empty last cell leaves its separator at the line's end, without the blank behind it.
    let line = &text[start..end];
    for (at, _) in line.match_indices(SEPARATOR) {
        if start + at >= from {
            cells.push((from, start + at));
            from = start + at + SEPARATOR.len();
        }
    }
    cells.push((from.min(end), end));
    cells
}

pub(super) fn trimmed(text: &str, start: usize, end: usize) -> (usize, usize) {
    let slice = &text[start..end.max(start)];
    let start = start + slice.len() - slice.trim_start().len();
    let end = start + slice.trim().len();
    (start, end)
}

/// `one` of `one: 1`, and how many bytes it takes with its colon: the colon stands directly behind
/// it, a blank behind the colon.
fn short_name(text: &str) -> Option<(&str, usize)> {
    let (name, rest) = text.split_once(':')?;
    let is_name = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.+-".contains(c));
    (is_name && rest.starts_with([' ', '\t'])).then_some((name, name.len() + 1))
}

/// Whether `<…>` begins here, as in the notation: `<` alone is a comparison.
fn begins_options(text: &str) -> bool {
    text[1..].starts_with(|c: char| c.is_ascii_alphabetic() || ">!*.$".contains(c))
}

/// Whether a text that should be a value is `NAME = …`.
fn is_axis(text: &str) -> bool {
    let rest = text[crate::expr::identifier(text).len()..].trim_start();
    rest.len() < text.len() && rest.starts_with('=') && !rest.starts_with("==")
}
