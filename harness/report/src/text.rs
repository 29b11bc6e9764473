//! Text from suites, profiles and packets on its way to a terminal or a file.

use std::fmt::Write as _;
use std::time::Duration;

/// `text` without anything that a terminal would obey: control characters and those that turn the
/// direction of writing are shown as `\u{1b}`.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if obeyed(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

fn obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// `text` as XML 1.0 can hold it: besides control characters, U+FFFE and U+FFFF are escaped. Newlines stay.
pub(crate) fn xml_safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            '\u{fffe}' | '\u{ffff}' => out.extend(c.escape_unicode()),
            c if obeyed(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// Bytes as lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            write!(out, "{byte:02x}").expect("a String takes everything");
            out
        })
}

/// `0.31s`
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.2}s", duration.as_secs_f64())
}

/// `1 case`, `2 cases`
pub(crate) fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(
            printable("a\x1b[31m\r\n\u{202e}é§"),
            "a\\u{1b}[31m\\r\\n\\u{202e}é§"
        );
    }

    #[test]
    fn noncharacters_do_not_reach_xml() {
        assert_eq!(xml_safe("a\u{fffe}\nb\0"), "a\\u{fffe}\nb\\u{0}");
    }

    #[test]
    fn bytes_print_as_hex() {
        assert_eq!(hex(&[0x45, 0, 0xff]), "4500ff");
    }
}
