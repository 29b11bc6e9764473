//! Octets in a word: `hex:4142`, or `pattern:OFFSET:LENGTH` for the payload that suites send.

use super::MAX_PATTERN;
use super::words::{Malformed, Result, number};
use std::fmt::Write as _;
use tcpconf_engine::payload;

/// Shorter data is not worth a pattern.
const SHORTEST_PATTERN: usize = 32;
/// Offsets at which a pattern is looked for: suites begin near the start of the stream.
const LIKELY_OFFSETS: u32 = 1 << 16;

/// In as short a form as there is.
pub(super) fn write(out: &mut String, octets: &[u8]) {
    if let Some(offset) = pattern_of(octets) {
        write!(out, "pattern:{offset}:{}", octets.len()).expect("a String takes everything");
    } else {
        write_hex(out, octets);
    }
}

/// In the form that needs no search.
pub(super) fn write_hex(out: &mut String, octets: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(4 + 2 * octets.len());
    out.push_str("hex:");
    for octet in octets {
        out.push(char::from(DIGITS[usize::from(octet >> 4)]));
        out.push(char::from(DIGITS[usize::from(octet & 15)]));
    }
}

fn pattern_of(octets: &[u8]) -> Option<u32> {
    if octets.len() < SHORTEST_PATTERN || octets.len() > MAX_PATTERN {
        return None;
    }
    (0..LIKELY_OFFSETS).find(|offset| payload::first_wrong(*offset, octets).is_none())
}

pub(super) fn read(word: &str) -> Result<Vec<u8>> {
    if let Some(digits) = word.strip_prefix("hex:") {
        return hex(digits.as_bytes());
    }
    let Some((offset, length)) = word
        .strip_prefix("pattern:")
        .and_then(|pattern| pattern.split_once(':'))
    else {
        return Err(Malformed::invalid(
            "data is hex:DIGITS or pattern:OFFSET:LENGTH",
        ));
    };
    let offset = number(offset, "the offset")?;
    let length: usize = number(length, "the length")?;
    if length > MAX_PATTERN {
        return Err(Malformed::invalid(format!(
            "a pattern has at most {MAX_PATTERN} octets"
        )));
    }
    Ok(payload::octets(offset, length))
}

fn hex(digits: &[u8]) -> Result<Vec<u8>> {
    let digit = |octet: u8| match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    };
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect::<Option<_>>()
        .ok_or_else(|| Malformed::invalid("hex: takes pairs of hexadecimal digits"))
}
