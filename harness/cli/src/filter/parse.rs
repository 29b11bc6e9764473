//! Filter expressions from text, by recursive descent.

use super::{Filter, FilterError};
use tcpconf_suite::Level;
use tcpconf_wire::notation::nearest;
use wildmatch::WildMatch;

const PREDICATES: [&str; 7] = ["id", "test", "spec", "also", "folder", "suite", "level"];
/// More than a person writes, less than a stack holds.
const MAX_DEPTH: usize = 100;
/// What the run adds to the id of a case played over both IP versions; instances do not have it yet.
const IP_PARAMETERS: [(&str, &str); 2] = [(",ip=6]", "]"), ("[ip=6]", "")];

pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut parser = Parser {
        text,
        chars: &chars,
        at: 0,
        depth: 0,
    };
    let filter = parser.or()?;
    parser.blanks();
    match parser.peek() {
        None => Ok(filter),
        Some(')') => Err(parser.error(1, "this parenthesis closes nothing")),
        Some(_) => Err(parser.error(parser.word_length(), "expected 'and' or 'or' before this")),
    }
}

struct Parser<'a> {
    text: &'a str,
    chars: &'a [char],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Filter, FilterError> {
        let mut left = self.and()?;
        while self.keyword("or") {
            left = Filter::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Filter, FilterError> {
        let mut left = self.not()?;
        while self.keyword("and") {
            left = Filter::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(1, "too deeply nested"));
        }
        let result = if self.keyword("not") {
            self.not().map(|inner| Filter::Not(Box::new(inner)))
        } else {
            self.primary()
        };
        self.depth -= 1;
        result
    }

    fn primary(&mut self) -> Result<Filter, FilterError> {
        self.blanks();
        match self.peek() {
            None => Err(self.error(1, "expected a filter here")),
            Some(')') => Err(self.error(1, "expected a filter before this")),
            Some('(') => {
                let opened = self.at;
                self.at += 1;
                let inner = self.or()?;
                self.blanks();
                if self.peek() != Some(')') {
                    return Err(self.error_at(opened, 1, "this parenthesis is not closed"));
                }
                self.at += 1;
                Ok(inner)
            }
            Some(_) => self.predicate(),
        }
    }

    fn predicate(&mut self) -> Result<Filter, FilterError> {
        let start = self.at;
        let length = self.word_length();
        self.at += length;
        let word: String = self.chars[start..self.at].iter().collect();
        if self.peek() != Some('(') {
            if matches!(word.as_str(), "and" | "or") {
                return Err(self.error_at(start, length, "expected a filter before this"));
            }
            return Ok(Filter::Word(word));
        }
        if !PREDICATES.contains(&word.as_str()) {
            let mut error = self.error_at(start, length, &format!("unknown filter '{word}'"));
            error.help = Some(match nearest(&word, PREDICATES) {
                Some(near) => format!("did you mean '{near}'?"),
                None => format!("there are: {}", PREDICATES.join(" ")),
            });
            return Err(error);
        }
        let (argument, place) = self.argument()?;
        let glob = WildMatch::new(&argument);
        Ok(match word.as_str() {
            "id" => Filter::Id(WildMatch::new(&without_ip(&argument))),
            "test" => Filter::Test(glob),
            "spec" => Filter::Spec(glob),
            "also" => Filter::Also(glob),
            "folder" | "suite" => Filter::Folder(glob),
            _ => Filter::Level(match argument.to_ascii_lowercase().as_str() {
                "must" => Level::Must,
                "should" => Level::Should,
                "may" => Level::May,
                _ => {
                    let length = argument.chars().count();
                    return Err(self.error_at(place, length, "expected must, should or may"));
                }
            }),
        })
    }

    /// What stands in the parentheses at the cursor, and where it begins.
    fn argument(&mut self) -> Result<(String, usize), FilterError> {
        let opened = self.at;
        self.at += 1;
        self.blanks();
        let place = self.at;
        let argument = if self.peek() == Some('"') {
            self.quoted()?
        } else {
            self.unquoted()
        };
        self.blanks();
        if self.peek() != Some(')') {
            return Err(self.error_at(opened, 1, "this parenthesis is not closed"));
        }
        self.at += 1;
        if argument.is_empty() {
            return Err(self.error_at(opened, 2, "expected something in the parentheses"));
        }
        Ok((argument, place))
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let opened = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '"' => return Ok(text),
                '\\' => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                c => text.push(c),
            }
        }
        Err(self.error_at(opened, 1, "this quote is not closed"))
    }

    /// Up to the parenthesis that closes, parentheses inside matched.
    fn unquoted(&mut self) -> String {
        let mut text = String::new();
        let mut depth = 0_usize;
        while let Some(c) = self.peek() {
            match c {
                '(' => depth += 1,
                ')' if depth == 0 => break,
                ')' => depth -= 1,
                _ => {}
            }
            text.push(c);
            self.at += 1;
        }
        text.trim_end().to_owned()
    }

    /// Takes the word if it stands here on its own.
    fn keyword(&mut self, word: &str) -> bool {
        self.blanks();
        let length = self.word_length();
        let next: String = self.chars[self.at..self.at + length].iter().collect();
        if next != word {
            return false;
        }
        self.at += length;
        true
    }

    fn word_length(&self) -> usize {
        let end = |c: &char| c.is_whitespace() || matches!(c, '(' | ')');
        self.chars[self.at..].iter().take_while(|c| !end(c)).count()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn error(&self, len: usize, message: &str) -> FilterError {
        self.error_at(self.at, len, message)
    }

    fn error_at(&self, at: usize, len: usize, message: &str) -> FilterError {
        FilterError {
            text: self.text.replace(char::is_control, " "),
            at,
            len,
            message: message.to_owned(),
            help: None,
        }
    }
}

/// The id of the instance that a case is, whichever IP version it was played over.
pub(crate) fn without_ip(id: &str) -> String {
    for (suffix, instead) in IP_PARAMETERS {
        if let Some(head) = id.strip_suffix(suffix) {
            return format!("{head}{instead}");
        }
    }
    id.to_owned()
}
