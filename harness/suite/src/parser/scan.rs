//! What the parser needs of a text: words, lines, blocks, and how to go on after an error.

use super::{Parsed, Parser};
use crate::ast::{Name, Span, Spanned};
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::{ExprParser, identifier};
use tcpconf_wire::notation::{Cursor, NotationError};

impl<'a> Parser<'a> {
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn since(&self, start: usize) -> Span {
        Span {
            start,
            end: self.at,
        }
    }

    pub(super) fn error(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, self.file, span, message)
    }

    pub(super) fn reserved(&self, span: Span, word: &str) -> Diagnostic {
        self.error(
            Code::Reserved,
            span,
            format!("'{word}' is reserved for a later version"),
        )
    }

    pub(super) fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
    }

    /// Over blanks, line ends and comments.
    pub(super) fn skip_lines(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if !self.rest().starts_with('#') {
                return;
            }
            self.skip_line();
        }
    }

    /// Up to the line's end, comment included.
    pub(super) fn skip_line(&mut self) {
        self.at += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// Where the line's content ends: before its comment or line end.
    pub(super) fn content_end(&self) -> usize {
        let mut quotes = Quotes::default();
        for (i, c) in self.rest().char_indices() {
            if c == '\n' || !quotes.inside(c) && c == '#' {
                return self.at + i;
            }
        }
        self.text.len()
    }

    /// A word: everything up to a blank, a brace, a quote or a comment; `${…}` belongs to it.
    fn word_length(&self) -> usize {
        let text = self.rest();
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            if let Some(inner) = text[at..].strip_prefix("${") {
                let name = identifier(inner);
                if name.is_empty() || !inner[name.len()..].starts_with('}') {
                    return at;
                }
                at += name.len() + "${}".len();
                continue;
            }
            if c.is_whitespace() || "{}\"#,()<>=|[]".contains(c) {
                break;
            }
            at += c.len_utf8();
        }
        at
    }

    pub(super) fn peek_word(&mut self) -> &'a str {
        self.skip_blanks();
        &self.rest()[..self.word_length()]
    }

    /// The next word; empty when none stands here.
    pub(super) fn word(&mut self) -> &'a str {
        let word = self.peek_word();
        self.at += word.len();
        word
    }

    /// Where the next word stands, or the next character when it is none.
    pub(super) fn word_span(&mut self) -> Span {
        self.skip_blanks();
        let mut length = self.word_length();
        if length == 0 {
            length = self
                .rest()
                .chars()
                .next()
                .filter(|c| *c != '\n')
                .map_or(0, char::len_utf8);
        }
        Span {
            start: self.at,
            end: self.at + length,
        }
    }

    /// `'word'`, or what else stands there.
    pub(super) fn found_at(&self, span: Span) -> String {
        let text = &self.text[span.start..span.end];
        if !text.is_empty() {
            return format!("'{text}'");
        }
        let end = if span.start == self.text.len() {
            "file"
        } else {
            "line"
        };
        format!("the end of the {end}")
    }

    pub(super) fn accept(&mut self, mark: &str) -> bool {
        self.skip_blanks();
        let found = self.rest().starts_with(mark);
        if found {
            self.at += mark.len();
        }
        found
    }

    pub(super) fn accept_word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == word;
        if found {
            self.at += word.len();
        }
        found
    }

    pub(super) fn expect(&mut self, mark: &str) -> Parsed<()> {
        if self.accept(mark) {
            return Ok(());
        }
        Err(self.expected(&format!("'{mark}'")).into())
    }

    pub(super) fn expected(&mut self, what: &str) -> Diagnostic {
        let span = self.word_span();
        let found = self.found_at(span);
        self.error(
            Code::Syntax,
            span,
            format!("expected {what}, found {found}"),
        )
        .label(format!("expected {what}"))
    }

    /// A word that must be there; `${…}` allowed.
    pub(super) fn name(&mut self, what: &str) -> Parsed<Name> {
        let span = self.word_span();
        let value = self.peek_word();
        if value.is_empty() {
            return Err(self.expected(what).into());
        }
        self.at += value.len();
        Ok(Spanned {
            value: value.to_owned(),
            span,
        })
    }

    /// A name without parameters in it, made of the right characters.
    pub(super) fn plain_name(&mut self, what: &str, allowed: fn(&str) -> bool) -> Parsed<Name> {
        let name = self.name(what)?;
        if allowed(&name.value) {
            return Ok(name);
        }
        let help = if std::ptr::fn_addr_eq(allowed, Self::is_slug as fn(&str) -> bool) {
            "lower-case letters, digits and '-', such as rst-in-window"
        } else {
            "a letter, then letters, digits and '_': '-' is minus in expressions"
        };
        let message = format!("'{}' cannot be {what}", name.value);
        self.diagnostics
            .push(self.error(Code::BadName, name.span, message).help(help));
        Ok(name)
    }

    pub(super) fn is_slug(text: &str) -> bool {
        text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    }

    pub(super) fn is_identifier(text: &str) -> bool {
        !text.is_empty() && identifier(text) == text
    }

    pub(super) fn string(&mut self) -> Parsed<Name> {
        self.skip_blanks();
        let start = self.at;
        if !self.rest().starts_with('"') {
            return Err(self.expected("a text in quotes").into());
        }
        let bytes = self.notation(|c, _| c.string())?;
        let span = self.since(start);
        match String::from_utf8(bytes) {
            Ok(value) => Ok(Spanned { value, span }),
            Err(_) => Err(self
                .error(Code::Notation, span, "the text is not UTF-8")
                .into()),
        }
    }

    /// Runs a reader of the notation on the rest of the line.
    pub(super) fn notation<T>(
        &mut self,
        read: impl FnOnce(&mut Cursor<'_>, &mut ExprParser) -> Result<T, NotationError>,
    ) -> Parsed<T> {
        let text = self.text;
        let mut cursor = Cursor::at(&text[..self.content_end()], self.at);
        let read = read(&mut cursor, &mut ExprParser::default());
        match read {
            Ok(value) => {
                self.at = cursor.pos();
                Ok(value)
            }
            Err(error) => Err(self.notation_error(error).into()),
        }
    }

    pub(super) fn notation_error(&self, error: NotationError) -> Diagnostic {
        let diagnostic = self.error(Code::Notation, error.span, error.message);
        match error.suggestion {
            Some(near) => diagnostic.help(format!("did you mean '{near}'?")),
            None => diagnostic,
        }
    }

    pub(super) fn expression(&mut self) -> Parsed<crate::ast::Expr> {
        self.notation(|c, p| p.expression(c))
    }

    /// The value of a clause: ends before comparisons.
    pub(super) fn value(&mut self) -> Parsed<crate::ast::Expr> {
        use tcpconf_wire::notation::ValueParser;
        self.skip_blanks();
        self.notation(|c, p| p.value(c))
    }

    /// Nothing more may stand on the line but a comment or the block's end.
    pub(super) fn end_of_step(&mut self) -> Parsed<()> {
        self.skip_blanks();
        match self.rest().chars().next() {
            None | Some('\n' | '#' | '}') => Ok(()),
            Some(_) => Err(self.expected("the end of the line").into()),
        }
    }

    /// Goes to the end of what began at `start`: of its line, or of the block that it opens; not
    /// past the end of the block around it.
    pub(super) fn recover(&mut self, start: usize) {
        self.at = start;
        let mut depth = 0_usize;
        let mut quotes = Quotes::default();
        let mut in_comment = false;
        let mut before = ' ';
        let mut in_parameter = false;
        for (i, c) in self.text[start..].char_indices() {
            let here = start + i;
            // The brace of `${` opens no block; what is left open by it ends with its line.
            let parameter = c == '{' && before == '$';
            before = c;
            match c {
                '\n' => {
                    in_parameter = false;
                    if depth == 0 || self.begins_item(here + 1) {
                        self.at = here;
                        return;
                    }
                    quotes = Quotes::default();
                    in_comment = false;
                }
                _ if in_comment || quotes.inside(c) => {}
                '#' => in_comment = true,
                '{' if parameter => in_parameter = true,
                '}' if in_parameter => in_parameter = false,
                '{' => depth += 1,
                '}' if depth == 0 => {
                    self.at = here;
                    return;
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
        self.at = self.text.len();
    }

    /// Whether a test or fixture begins at the line that starts here: then a brace is missing.
    pub(super) fn begins_item(&self, line_start: usize) -> bool {
        let line = &self.text[line_start..];
        super::ITEMS.iter().any(|word| {
            // `rules NAME` alone is a directive of a test.
            line.strip_prefix(word).is_some_and(|rest| {
                rest.starts_with(' ')
                    && (*word != "rules" || rest.lines().next().is_some_and(|l| l.contains('{')))
            })
        })
    }

    /// Whether the next token begins a test or fixture at the start of a line.
    pub(super) fn at_item(&self) -> bool {
        (self.at == 0 || self.text[..self.at].ends_with('\n')) && self.begins_item(self.at)
    }
}

/// Whether a scan over a line is inside of a string.
#[derive(Default)]
pub(crate) struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    /// Takes the next character; whether it belongs to a string, quotes included.
    pub(crate) fn inside(&mut self, c: char) -> bool {
        let was_open = self.open;
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' if self.open => self.escaped = true,
            '"' => self.open = !self.open,
            _ => {}
        }
        was_open || self.open
    }

    /// Whether a string is not closed yet.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }
}
