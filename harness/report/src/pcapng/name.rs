//! File names of captures.

use std::fmt::Write as _;

/// Leaves room for a folder and a suffix below the 255 bytes that file systems allow.
const LONGEST_BYTES: usize = 180;

/// The capture's file name for a case id: `reset/rst-in-window[state=ESTABLISHED,off=one]` becomes
/// `reset.rst-in-window.ESTABLISHED.one.pcapng`.
///
/// Two ids never share a name: where letters had to be replaced or cut, a hash of the id follows.
pub fn file_name(id: &str) -> String {
    stem(id) + ".pcapng"
}

/// The same without the suffix, for other files of a case or a test.
pub(crate) fn stem(id: &str) -> String {
    let (test, parameters) = match id.split_once('[') {
        Some((test, rest)) => (test, rest.strip_suffix(']').unwrap_or(rest)),
        None => (id, ""),
    };
    let mut name = String::new();
    let mut exact = true;
    push(&mut name, &mut exact, test, '/');
    for parameter in parameters.split(',').filter(|part| !part.is_empty()) {
        name.push('.');
        let value = parameter
            .split_once('=')
            .map_or(parameter, |(_, value)| value);
        push(&mut name, &mut exact, value, '\0');
    }
    if name.len() > LONGEST_BYTES {
        name.truncate(LONGEST_BYTES);
        exact = false;
    }
    if !exact {
        write!(name, ".{:08x}", fnv1a(id)).expect("a String takes everything");
    }
    name
}

/// Appends `text` in letters that every file system takes; `separator` becomes a dot.
fn push(name: &mut String, exact: &mut bool, text: &str, separator: char) {
    for c in text.chars() {
        if c == separator {
            name.push('.');
        } else if c.is_ascii_alphanumeric() || "-_+=".contains(c) {
            name.push(c);
        } else {
            name.push('_');
            *exact = false;
        }
    }
}

/// FNV-1a, 32 bits: stable between versions and machines, which std's hasher does not promise.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("handshake/syn-ack", "handshake.syn-ack.pcapng")]
    #[case("reset/x[state=ESTABLISHED,off=one]", "reset.x.ESTABLISHED.one.pcapng")]
    fn simple_ids_become_simple_names(#[case] id: &str, #[case] name: &str) {
        assert_eq!(file_name(id), name);
    }

    #[test]
    fn ids_that_differ_have_names_that_differ() {
        let ids = [
            "a/b[c=x.y]",
            "a/b[c=x,d=y]",
            "a/b[c=x_y]",
            "a/b[c=x/y]",
            "../b",
            "a/b[c=x*y]",
        ];
        let mut names: Vec<String> = ids.iter().map(|id| file_name(id)).collect();
        assert!(names.iter().all(|name| !name.contains('/')));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), ids.len());
    }

    #[test]
    fn long_ids_are_cut_to_what_a_file_system_takes() {
        let name = file_name(&format!("a/{}", "x".repeat(999)));
        assert!(name.len() < 255, "{name}");
    }
}
