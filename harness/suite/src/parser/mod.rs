//! Text to tree, with recovery: every error of a file in one pass.
//!
//! A step is a line, so that an error ends at the end of its line, or of the block that the line
//! opens.  Segments are read by the notation of `tcpconf-wire`, whose values are expressions here.

mod app;
mod directive;
mod parameter;
mod rules;
mod scan;
mod segment;
mod step;

pub(crate) use scan::Quotes;

use crate::ast::{Expr, Fixture, Name, Spanned, Suite};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::ExprParser;
use crate::limits;
use crate::plan::SourceFile;
use std::sync::Arc;
use tcpconf_wire::notation::{Cursor, NotationError, Span};

/// The version that the first line names.
const VERSION: &str = "1";

/// What stands at the top of a file.
const ITEMS: &[&str] = &["test", "fixture", "rules"];

type Parsed<T> = Result<T, Box<Diagnostic>>;

/// Reads a file: its tree, as far as it was understood, and what is wrong with it.
///
/// The tree is `None` only when nothing could be read; a tree beside errors lacks what they touch.
pub fn parse(file: &SourceFile) -> (Option<Suite>, Vec<Diagnostic>) {
    parse_shared(&Arc::new(file.clone()))
}

/// [`parse`] for a file that is shared already.
pub fn parse_shared(file: &Arc<SourceFile>) -> (Option<Suite>, Vec<Diagnostic>) {
    let mut parser = Parser {
        file,
        text: &file.text,
        at: 0,
        depth: 0,
        diagnostics: Vec::new(),
    };
    if let Some(diagnostic) = parser.beyond_limits() {
        return (None, vec![diagnostic]);
    }
    let suite = parser.suite();
    (suite, parser.diagnostics)
}

/// Reads one expression that is the whole of `text`.
///
/// # Errors
/// Where it is not understood.
pub fn parse_expr(text: &str) -> Result<Expr, NotationError> {
    let mut cursor = Cursor::new(text);
    let expr = ExprParser::default().expression(&mut cursor)?;
    let rest = cursor.rest().trim();
    if rest.is_empty() {
        return Ok(expr);
    }
    let span = Span {
        start: cursor.pos(),
        end: text.len(),
    };
    Err(NotationError {
        span,
        message: format!("unexpected '{rest}'"),
        suggestion: None,
    })
}

pub(crate) struct Parser<'a> {
    file: &'a Arc<SourceFile>,
    text: &'a str,
    at: usize,
    depth: usize,
    diagnostics: Vec<Diagnostic>,
}

impl Parser<'_> {
    fn beyond_limits(&self) -> Option<Diagnostic> {
        if self.text.len() > limits::FILE_BYTES {
            let message = format!("the file is larger than {} bytes", limits::FILE_BYTES);
            return Some(self.error(Code::Limit, Span::default(), message));
        }
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            if line.len() > limits::LINE_BYTES {
                let message = format!("the line is longer than {} bytes", limits::LINE_BYTES);
                let span = Span { start, end: start };
                return Some(self.error(Code::Limit, span, message));
            }
            start += line.len();
        }
        None
    }

    fn suite(&mut self) -> Option<Suite> {
        let title = match self.header() {
            Ok(title) => title,
            Err(diagnostic) => {
                // The header is wrong, the rest may be right: go on behind its lines.
                self.diagnostics.push(*diagnostic);
                self.skip_header();
                Spanned {
                    value: String::new(),
                    span: Span::default(),
                }
            }
        };
        let mut suite = Suite {
            title,
            fixtures: Vec::new(),
            tests: Vec::new(),
            rules: Vec::new(),
        };
        let mut understood = false;
        loop {
            self.skip_lines();
            if self.rest().is_empty() {
                break;
            }
            let start = self.at;
            match self.item(&mut suite) {
                Ok(()) => understood = true,
                Err(diagnostic) => {
                    self.diagnostics.push(*diagnostic);
                    self.recover(start);
                    if self.rest().starts_with('}') {
                        self.at += 1;
                    }
                }
            }
        }
        (understood || self.diagnostics.is_empty()).then_some(suite)
    }

    fn header(&mut self) -> Parsed<Name> {
        self.skip_lines();
        let span = self.word_span();
        if self.word() != "tcpt" {
            return Err(self
                .error(Code::Header, span, "a suite begins with the line 'tcpt 1'")
                .help("write 'tcpt 1', then 'suite \"…\"'")
                .into());
        }
        let span = self.word_span();
        let version = self.word();
        if version != VERSION {
            let message = format!("version '{version}' of the language is not known");
            return Err(self
                .error(Code::Header, span, message)
                .help("write 'tcpt 1'")
                .into());
        }
        self.end_of_step()?;
        self.skip_lines();
        let span = self.word_span();
        if self.word() != "suite" {
            return Err(self
                .error(
                    Code::Header,
                    span,
                    "the second line of a suite is 'suite \"…\"'",
                )
                .into());
        }
        let title = self.string()?;
        self.end_of_step()?;
        Ok(title)
    }

    fn skip_header(&mut self) {
        self.at = 0;
        loop {
            self.skip_lines();
            let word = self.peek_word();
            if self.rest().is_empty() || ITEMS.contains(&word) {
                return;
            }
            if word != "tcpt" && word != "suite" && self.rest().starts_with(char::is_alphabetic) {
                return;
            }
            self.skip_line();
        }
    }

    fn item(&mut self, suite: &mut Suite) -> Parsed<()> {
        let span = self.word_span();
        match self.peek_word() {
            "test" => {
                let test = self.test()?;
                suite.tests.push(test);
            }
            "fixture" => {
                let fixture = self.fixture()?;
                suite.fixtures.push(fixture);
            }
            "rules" => {
                let rules = self.rules()?;
                suite.rules.push(rules);
            }
            word => return Err(self.unknown_item(span, word).into()),
        }
        self.end_of_step()
    }

    fn unknown_item(&self, span: Span, word: &str) -> Diagnostic {
        if crate::vocabulary::has(crate::vocabulary::RESERVED, word) {
            return self.reserved(span, word);
        }
        let found = self.found_at(span);
        self.error(
            Code::UnknownItem,
            span,
            format!("expected 'test', 'fixture' or 'rules', found {found}"),
        )
        .suggest(word, ITEMS.iter().copied())
    }

    fn fixture(&mut self) -> Parsed<Fixture> {
        let start = self.at;
        self.word();
        let name = self.plain_name("a fixture's name", Self::is_slug)?;
        let mut params = Vec::new();
        if self.accept("(") {
            loop {
                params.push(self.plain_name("a parameter", Self::is_identifier)?);
                if !self.accept(",") {
                    self.expect(")")?;
                    break;
                }
            }
        }
        let steps = self.block("a fixture")?;
        Ok(Fixture {
            name,
            params,
            steps,
            span: self.since(start),
        })
    }
}
