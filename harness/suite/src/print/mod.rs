//! Trees as text, in the one canonical layout: for suites that code built, and for [`format`].
//!
//! A tree becomes [`Line`]s, which [`layout`] aligns; comments and blank lines of a source text are
//! put between them by [`comments`].

mod comments;
mod layout;
mod rules;
mod steps;

use crate::ast::*;
use crate::diagnostic::Diagnostic;
use crate::expr::text_of;
use crate::parser::Quotes;
use crate::plan::SourceFile;
use layout::{Line, Shape};
use std::fmt;

/// The text in its canonical layout, comments kept.
///
/// # Errors
/// When the text is no suite.
pub fn format(file: &SourceFile) -> Result<String, Vec<Diagnostic>> {
    let (suite, diagnostics) = crate::parser::parse(file);
    match suite {
        Some(suite) if diagnostics.is_empty() => {
            let mut printer = Printer {
                source: Some(&file.text),
                lines: Vec::new(),
                indent: 0,
            };
            printer.suite(&suite);
            comments::add(&file.text, &mut printer.lines);
            Ok(layout::text(&printer.lines))
        }
        _ => Err(diagnostics),
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, |printer| printer.suite(self))
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, |printer| printer.test(self))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(f, |printer| printer.step(self))
    }
}

fn shown(f: &mut fmt::Formatter<'_>, print: impl FnOnce(&mut Printer<'_>)) -> fmt::Result {
    let mut printer = Printer {
        source: None,
        lines: Vec::new(),
        indent: 0,
    };
    print(&mut printer);
    f.write_str(&layout::text(&printer.lines))
}

/// Lines longer than this are broken where the language allows it.
const WIDTH: usize = 100;

/// The printer of trees.
struct Printer<'a> {
    /// What the tree was read from: numbers are printed as they stand there.
    source: Option<&'a str>,
    lines: Vec<Line>,
    indent: usize,
}

impl Printer<'_> {
    fn suite(&mut self, suite: &Suite) {
        let start = self.source.and_then(|text| text.find("tcpt"));
        self.line(start, "tcpt 1");
        self.line(
            Some(suite.title.span.start),
            format!("suite {}", quoted(&suite.title.value)),
        );
        enum Item<'a> {
            Fixture(&'a Fixture),
            Test(&'a Test),
            Rules(&'a Rules),
        }
        let fixtures = suite
            .fixtures
            .iter()
            .map(|f| (f.span.start, Item::Fixture(f)));
        let tests = suite.tests.iter().map(|t| (t.span.start, Item::Test(t)));
        let rules = suite.rules.iter().map(|r| (r.span.start, Item::Rules(r)));
        let mut items: Vec<_> = fixtures.chain(rules).chain(tests).collect();
        items.sort_by_key(|(start, _)| *start);
        for (_, item) in items {
            self.gap();
            match item {
                Item::Fixture(fixture) => self.fixture(fixture),
                Item::Test(test) => self.test(test),
                Item::Rules(rules) => self.rules(rules),
            }
        }
    }

    fn fixture(&mut self, fixture: &Fixture) {
        let params: Vec<&str> = fixture.params.iter().map(|p| p.value.as_str()).collect();
        let params = if params.is_empty() {
            String::new()
        } else {
            format!("({})", params.join(", "))
        };
        self.line(
            Some(fixture.span.start),
            format!("fixture {}{params} {{", fixture.name.value),
        );
        self.block(&fixture.steps, fixture.span.end, "}");
    }

    fn test(&mut self, test: &Test) {
        self.line(
            Some(test.span.start),
            format!("test {} {{", test.slug.value),
        );
        self.indent += 1;
        self.directives(test);
        self.indent -= 1;
        self.block(&test.steps, test.span.end, "}");
    }

    fn directives(&mut self, test: &Test) {
        let Test {
            slug: _,
            title,
            spec,
            also,
            given,
            matrix,
            table,
            rules,
            attributes,
            ..
        } = test;
        let Attributes {
            exclusive,
            slow,
            ip,
            timeout,
            service,
            backlog,
        } = attributes;
        self.keyword(test, "title", title.span, &quoted(&title.value));
        for ids in broken(spec) {
            self.keyword(test, "spec", ids[0].span, &joined(ids));
        }
        for Also { id, restated } in also {
            let restated = if *restated { " restated" } else { "" };
            self.keyword(test, "also", id.span, &format!("{}{restated}", id.value));
        }
        if let Some(first) = given.first() {
            self.keyword(test, "given", first.span, &joined(given));
        }
        if let Some(service) = service {
            self.keyword(test, "service", service.span, &service.value);
        }
        if let Some(backlog) = backlog {
            self.keyword(test, "backlog", backlog.span, &backlog.value.to_string());
        }
        if let Some(ip) = ip {
            self.keyword(test, "ip", ip.span, &ip.value.to_string());
        }
        if let Some(timeout) = timeout {
            let text = self.literal(timeout.span, || crate::expr::duration(timeout.value));
            self.keyword(test, "timeout", timeout.span, &text);
        }
        for (word, set) in [("exclusive", exclusive), ("slow", slow)] {
            if *set {
                let at = self.keyword_place(test, word, Span::default());
                self.line(at, word);
            }
        }
        self.matrix(test, matrix);
        if let Some(table) = table {
            self.table(test, table);
        }
        if let Some(rules) = rules {
            self.keyword(test, "rules", rules.span, &rules.value);
        }
    }

    fn matrix(&mut self, test: &Test, matrix: &[Axis]) {
        let Some(first) = matrix.first() else { return };
        let at = self.keyword_place(test, "matrix", first.name.span);
        if let [axis] = matrix {
            let line = format!(
                "matrix  {{ {} = {} }}",
                axis.name.value,
                values(&axis.values)
            );
            if line.len() < WIDTH && !self.has_comment(at, axis.name.span.start) {
                self.line(at, line);
                return;
            }
        }
        self.line(at, "matrix {");
        self.indent += 1;
        let width = matrix
            .iter()
            .map(|axis| axis.name.value.len())
            .max()
            .unwrap_or(0);
        for axis in matrix {
            let head = format!("{:width$} =", axis.name.value);
            let parts = broken(&axis.values);
            for (i, part) in parts.iter().enumerate() {
                let head = if i == 0 {
                    head.clone()
                } else {
                    " ".repeat(head.len())
                };
                let at = if i == 0 {
                    axis.name.span.start
                } else {
                    part[0].span.start
                };
                let comma = if i + 1 == parts.len() { "" } else { "," };
                self.line(Some(at), format!("{head} {}{comma}", values(part)));
            }
        }
        self.indent -= 1;
        self.line(None, "}");
    }

    /// Whether a comment stands between the two places.
    fn has_comment(&self, from: Option<usize>, to: usize) -> bool {
        let Some(text) = from.and_then(|from| self.source?.get(from..to)) else {
            return false;
        };
        let mut quotes = Quotes::default();
        text.chars().any(|c| !quotes.inside(c) && c == '#')
    }

    fn table(&mut self, test: &Test, table: &Table) {
        let Some(first) = table.columns.first() else {
            return;
        };
        let at = self.keyword_place(test, "table", first.span);
        self.line(at, "table {");
        self.indent += 1;
        let head = table.columns.iter().map(|c| c.value.clone()).collect();
        let mut rows = vec![(first.span.start, head)];
        for row in &table.rows {
            let start = row.first().map_or(0, |cell| cell.span.start);
            rows.push((start, row.iter().map(value).collect::<Vec<String>>()));
        }
        for (start, cells) in rows {
            self.push(Some(start), Shape::Row { cells, arrow: None });
        }
        self.indent -= 1;
        self.line(None, "}");
    }

    fn keyword(&mut self, test: &Test, word: &str, span: Span, rest: &str) {
        let at = if matches!(word, "spec" | "also") {
            Some(span.start)
        } else {
            self.keyword_place(test, word, span)
        };
        self.line(at, format!("{word:7} {rest}"));
    }

    /// Where the line of a directive begins in the source; a directive keeps only its value's place.
    fn keyword_place(&self, test: &Test, word: &str, fallback: Span) -> Option<usize> {
        let text = self.source?.get(test.span.start..test.span.end)?;
        let mut at = test.span.start;
        for line in text.split_inclusive('\n') {
            let trimmed = line.trim_start();
            let follows = trimmed.strip_prefix(word);
            if follows.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric())) {
                return Some(at + line.len() - trimmed.len());
            }
            at += line.len();
        }
        Some(fallback.start)
    }

    fn literal(&self, span: Span, text: impl FnOnce() -> String) -> String {
        match self
            .source
            .and_then(|source| source.get(span.start..span.end))
        {
            Some(literal) if !literal.is_empty() => literal.to_owned(),
            _ => text(),
        }
    }

    fn expr(&self, expr: &Expr) -> String {
        text_of(expr, self.source)
    }

    fn line(&mut self, at: Option<usize>, text: impl Into<String>) {
        self.push(at, Shape::Plain(text.into()));
    }

    fn push(&mut self, at: Option<usize>, shape: Shape) {
        // Trees that code built have no places.
        let at = at.filter(|_| self.source.is_some());
        self.lines.push(Line {
            indent: self.indent,
            at,
            shape,
            ..Line::default()
        });
    }

    /// A blank line before what comes next.
    fn gap(&mut self) {
        self.lines.push(Line::default());
    }

    /// The steps of a block and the line that closes it.
    fn block(&mut self, steps: &[Step], end: usize, close: &str) {
        self.indent += 1;
        for step in steps {
            self.step(step);
        }
        self.indent -= 1;
        self.line(Some(end), close);
    }
}

/// The text in quotes, as the notation's strings are.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `one: 1`, or the text alone when it is its own short name.
fn value(binding: &Binding) -> String {
    if binding.label == binding.text {
        binding.text.clone()
    } else {
        format!("{}: {}", binding.label, binding.text)
    }
}

fn values(bindings: &[Binding]) -> String {
    bindings.iter().map(value).collect::<Vec<_>>().join(", ")
}

fn joined(names: &[Name]) -> String {
    joined_by(names, " ")
}

fn joined_by(names: &[Name], separator: &str) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
    names.join(separator)
}

/// What takes part in a list that may be broken.
trait Width {
    fn width(&self) -> usize;
}

impl Width for Name {
    fn width(&self) -> usize {
        self.value.len()
    }
}

impl Width for Binding {
    fn width(&self) -> usize {
        value(self).len()
    }
}

/// A list in pieces that fit a line.
fn broken<T: Width>(items: &[T]) -> Vec<&[T]> {
    /// What stands before and around the items.
    const MARGIN: usize = 20;
    let mut pieces = Vec::new();
    let (mut start, mut length) = (0, 0);
    for (i, item) in items.iter().enumerate() {
        if i > start && length + item.width() > WIDTH - MARGIN {
            pieces.push(&items[start..i]);
            (start, length) = (i, 0);
        }
        length += item.width() + 2;
    }
    if start < items.len() {
        pieces.push(&items[start..]);
    }
    pieces
}
