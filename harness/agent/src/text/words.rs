//! Words of a line, and what can be wrong with them.

use std::net::SocketAddr;
use tcpconf_engine::{Errno, SocketHandle};
use tcpconf_suite::vocabulary::Setting;
use thiserror::Error;

/// A line that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct Malformed {
    /// The number at its beginning, if it had one.
    pub id: Option<u64>,
    /// How a reply calls the error: EOPNOTSUPP for what the agent does not know, else EINVAL.
    pub errno: Errno,
    /// What is wrong, printable.
    pub text: String,
}

impl Malformed {
    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self {
            id: None,
            errno: Errno::Invalid,
            text: text.into(),
        }
    }

    pub(super) fn unknown(what: &str, word: &str) -> Self {
        Self {
            errno: Errno::Unsupported,
            ..Self::invalid(format!("no {what} '{}'", shortened(word)))
        }
    }

    pub(super) fn with_id(self, id: u64) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }
}

pub(super) type Result<T> = std::result::Result<T, Malformed>;

/// Error texts quote what came: not all of it.
fn shortened(word: &str) -> &str {
    // Lines are ASCII, so every index is a character's.
    &word[..word.len().min(40)]
}

/// A reader of the words of a line.
#[derive(Clone, Debug)]
pub(super) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub(super) fn of(line: &'a [u8]) -> Result<Self> {
        match std::str::from_utf8(line) {
            Ok(rest) if line.iter().all(|octet| (b' '..=b'~').contains(octet)) => Ok(Self { rest }),
            _ => Err(Malformed::invalid("a line is printable ASCII")),
        }
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start_matches(' ');
        let end = text.find(' ').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    pub(super) fn need(&mut self, what: &str) -> Result<&'a str> {
        self.next()
            .ok_or_else(|| Malformed::invalid(format!("{what} is missing")))
    }

    /// All that is left, blanks included.
    pub(super) fn rest(self) -> &'a str {
        self.rest.trim_matches(' ')
    }

    pub(super) fn end(&mut self) -> Result<()> {
        match self.next() {
            None => Ok(()),
            Some(word) => Err(Malformed::invalid(format!(
                "'{}' is too much",
                shortened(word)
            ))),
        }
    }

    pub(super) fn number<N: std::str::FromStr>(&mut self, what: &str) -> Result<N> {
        number(self.need(what)?, what)
    }

    pub(super) fn socket(&mut self) -> Result<SocketHandle> {
        self.number("the socket").map(SocketHandle)
    }

    pub(super) fn address(&mut self, what: &str) -> Result<SocketAddr> {
        address(self.need(what)?)
    }

    pub(super) fn setting(&mut self) -> Result<Setting> {
        setting(self.need("the setting")?)
    }
}

/// Decimal, no sign but `-`.
pub(super) fn number<N: std::str::FromStr>(word: &str, what: &str) -> Result<N> {
    let wrong = || Malformed::invalid(format!("{what}: '{}' is no number", shortened(word)));
    if word.starts_with('+') {
        return Err(wrong());
    }
    word.parse().map_err(|_| wrong())
}

/// `1.2.3.4:5`, `[1::2]:3`.
pub(super) fn address(word: &str) -> Result<SocketAddr> {
    word.parse()
        .map_err(|_| Malformed::invalid(format!("'{}' is no ADDRESS:PORT", shortened(word))))
}

pub(super) fn setting(word: &str) -> Result<Setting> {
    Setting::from_name(word).ok_or_else(|| Malformed::unknown("setting", word))
}

/// `NAME=VALUE`.
pub(super) fn pair(word: &str) -> Result<(&str, &str)> {
    word.split_once('=').ok_or_else(|| {
        Malformed::invalid(format!(
            "'{}' is not of the form NAME=VALUE",
            shortened(word)
        ))
    })
}
