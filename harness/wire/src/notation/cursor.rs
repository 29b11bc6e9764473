//! A position in a text: the scannerless reader that all notation parsers share.
//!
//! The cursor never crosses a newline by itself, and knows no comments: where a step ends is the
//! caller's business ([`Cursor::at_line_end`] tells).

use super::{NotationError, Span};

/// A text and a place in it. Cloning it is how a parser looks ahead.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Cursor<'a> {
    /// The start of `text`.
    pub const fn new(text: &'a str) -> Self {
        Self { text, pos: 0 }
    }

    /// The byte `pos` of `text`, so that spans are those of the whole text.
    ///
    /// # Panics
    /// When `pos` is beyond the text or inside a character.
    pub fn at(text: &'a str, pos: usize) -> Self {
        assert!(text.is_char_boundary(pos), "{pos} is no place in the text");
        Self { text, pos }
    }

    /// Bytes from the start of the text.
    pub const fn pos(&self) -> usize {
        self.pos
    }

    /// What follows.
    pub fn rest(&self) -> &'a str {
        &self.text[self.pos..]
    }

    /// Whether the text is used up.
    pub const fn at_end(&self) -> bool {
        self.pos == self.text.len()
    }

    /// Whether the text, the line, or what stands before a `#` comment is used up.
    pub fn at_line_end(&self) -> bool {
        matches!(self.peek_char(), None | Some('\n' | '\r' | '#'))
    }

    /// The next character.
    pub fn peek_char(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes the next character.
    pub fn next_char(&mut self) -> Option<char> {
        let c = self.peek_char()?;
        self.pos += c.len_utf8();
        Some(c)
    }

    /// Passes over spaces and tabs.
    pub fn skip_blanks(&mut self) {
        self.word(|c| c == ' ' || c == '\t');
    }

    /// Takes `token` when it stands here.
    pub fn eat(&mut self, token: &str) -> bool {
        let here = self.rest().starts_with(token);
        if here {
            self.pos += token.len();
        }
        here
    }

    /// Takes `keyword` when it stands here and no letter, digit or `_` follows.
    pub fn eat_keyword(&mut self, keyword: &str) -> bool {
        let here = self
            .rest()
            .strip_prefix(keyword)
            .is_some_and(|rest| !rest.starts_with(is_ident_char));
        if here {
            self.pos += keyword.len();
        }
        here
    }

    /// Takes the longest run of characters of a class; may be empty.
    pub fn word(&mut self, class: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !class(c)).unwrap_or(rest.len());
        self.pos += length;
        &rest[..length]
    }

    /// Takes `[A-Za-z_][A-Za-z0-9_]*`, several of them when joined by `.`.
    pub fn ident(&mut self) -> Option<&'a str> {
        let start = self.pos;
        loop {
            if !self.peek_char().is_some_and(is_ident_start) {
                break;
            }
            self.word(is_ident_char);
            let mut ahead = self.clone();
            if !(ahead.eat(".") && ahead.peek_char().is_some_and(is_ident_start)) {
                break;
            }
            *self = ahead;
        }
        (self.pos > start).then(|| &self.text[start..self.pos])
    }

    /// Takes a decimal or `0x` number; `_` may part its digits.
    ///
    /// # Errors
    /// When no digit stands here, or the number needs more than 64 bits.
    pub fn number(&mut self) -> Result<u64, NotationError> {
        let start = self.pos;
        let radix = if self.eat("0x") || self.eat("0X") {
            16
        } else {
            10
        };
        let digits = self.word(|c| c.is_digit(radix) || c == '_');
        if !digits.starts_with(|c: char| c.is_digit(radix)) {
            self.pos = start;
            return Err(self.expected("number"));
        }
        u64::from_str_radix(&digits.replace('_', ""), radix)
            .map_err(|_| self.error(start, "number needs more than 64 bits"))
    }

    /// Takes `(0a 0b0c)` behind `hex` or `raw`: pairs of hexadecimal digits, blanks between, `0x` before.
    ///
    /// # Errors
    /// When that is not what stands here.
    pub fn hex_body(&mut self) -> Result<Vec<u8>, NotationError> {
        if !self.eat("(") {
            return Err(self.expected("'(' and hexadecimal digits"));
        }
        self.skip_blanks();
        if !self.eat("0x") {
            self.eat("0X");
        }
        let mut bytes = Vec::new();
        loop {
            self.skip_blanks();
            if self.eat(")") {
                return Ok(bytes);
            }
            let start = self.pos;
            let pair = self.next_char().zip(self.next_char());
            let byte = pair.and_then(|(high, low)| {
                Some(u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?))
            });
            let Some(Ok(byte)) = byte else {
                self.pos = start;
                return Err(self.expected("two hexadecimal digits or ')'"));
            };
            bytes.push(byte);
        }
    }

    /// Takes `"…"` with the escapes `\n \r \t \0 \\ \" \xNN`.
    ///
    /// # Errors
    /// When no quote stands here, it is not closed on this line, or an escape is unknown.
    pub fn string(&mut self) -> Result<Vec<u8>, NotationError> {
        let start = self.pos;
        if !self.eat("\"") {
            return Err(self.expected("a string"));
        }
        let mut bytes = Vec::new();
        loop {
            let at = self.pos;
            match self.next_char() {
                Some('"') => return Ok(bytes),
                Some('\\') => bytes.push(self.escape(at)?),
                Some(c) if c != '\n' && c != '\r' => {
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => {
                    self.pos = at;
                    return Err(self.error(start, "string is not closed on its line"));
                }
            }
        }
    }

    fn escape(&mut self, start: usize) -> Result<u8, NotationError> {
        let byte = match self.next_char() {
            Some('n') => Some(b'\n'),
            Some('r') => Some(b'\r'),
            Some('t') => Some(b'\t'),
            Some('0') => Some(0),
            Some('\\') => Some(b'\\'),
            Some('"') => Some(b'"'),
            Some('x') => {
                let digits = self.rest().get(..2).unwrap_or_default();
                let byte = digits
                    .bytes()
                    .all(|b| b.is_ascii_hexdigit())
                    .then(|| u8::from_str_radix(digits, 16).ok())
                    .flatten();
                self.pos += if byte.is_some() { 2 } else { 0 };
                byte
            }
            _ => None,
        };
        byte.ok_or_else(|| {
            self.error(
                start,
                r#"unknown escape, expected \n \r \t \0 \\ \" or \xNN"#,
            )
        })
    }

    /// The same text from another place.
    pub(super) const fn rewound(&self, pos: usize) -> Self {
        Self {
            text: self.text,
            pos,
        }
    }

    /// From `start` to here.
    pub const fn span_from(&self, start: usize) -> Span {
        Span {
            start,
            end: self.pos,
        }
    }

    /// An error about what stands from `start` to here.
    pub fn error(&self, start: usize, message: impl Into<String>) -> NotationError {
        NotationError {
            span: self.span_from(start),
            message: message.into(),
            suggestion: None,
        }
    }

    /// An error about the next word: `expected WHAT, found 'word'`.
    pub fn expected(&self, what: &str) -> NotationError {
        let mut ahead = self.clone();
        let start = ahead.pos;
        if !ahead.at_line_end() && ahead.word(is_ident_char).is_empty() {
            ahead.next_char();
        }
        let found = match &self.text[start..ahead.pos] {
            "" => "the end".to_owned(),
            word => format!("'{}'", word.escape_debug()),
        };
        ahead.error(start, format!("expected {what}, found {found}"))
    }
}

/// Whether an identifier may begin with it.
pub const fn is_ident_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

/// Whether an identifier may contain it.
pub const fn is_ident_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The nearest of `candidates`, when it is near enough to be meant.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let lower = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .map(|c| {
            (
                strsim::damerau_levenshtein(&lower, &c.to_ascii_lowercase()),
                c,
            )
        })
        .filter(|(distance, c)| *distance <= c.len().max(word.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}
