//! What is wrong with a target file, and where.

use std::ops::Range;
use tcpconf_wire::notation::nearest;
use thiserror::Error;

/// Why a target file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct ProfileError {
    /// A lowercase fragment: ``unknown field `featurs` ``.
    pub message: String,
    /// Where: octets of the text. Empty at its beginning when the place is not known.
    pub span: Range<usize>,
    /// What would be right: the nearest name, or all there are.
    pub help: Option<String>,
}

impl ProfileError {
    pub(super) fn new(text: &str, error: &toml::de::Error) -> Self {
        let whole = error.message().lines().next().unwrap_or_default();
        let span = error.span().unwrap_or(0..0);
        let (message, help) = match whole.split_once(", expected ") {
            Some((head, choice)) if head.starts_with("unknown ") => {
                (head.to_owned(), advice(head, choice))
            }
            _ => (whole.to_owned(), None),
        };
        let span = word(&message)
            .and_then(|word| place_of(text, &span, word))
            .unwrap_or(span);
        Self {
            message,
            span,
            help,
        }
    }
}

/// The word between the first two backticks.
fn word(text: &str) -> Option<&str> {
    text.split('`').nth(1)
}

fn advice(head: &str, choice: &str) -> Option<String> {
    let known: Vec<&str> = choice.split('`').skip(1).step_by(2).collect();
    Some(match nearest(word(head)?, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("there are: {}", known.join(" ")),
    })
}

/// The key itself, when the span is that of its table (or of its header).
fn place_of(text: &str, span: &Range<usize>, word: &str) -> Option<Range<usize>> {
    if text.get(span.clone())?.trim_matches('"') == word {
        return None;
    }
    let mut at = span.start;
    for (number, line) in text[span.start..].split_inclusive('\n').enumerate() {
        let key = line.trim_start();
        if number > 0 && key.starts_with('[') {
            break;
        }
        let bare = key.strip_prefix('"').unwrap_or(key);
        let is_it = bare.strip_prefix(word).is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '=' | '.' | '"'))
        });
        if is_it {
            let start = at + line.len() - bare.len();
            return Some(start..start + word.len());
        }
        at += line.len();
    }
    None
}
