//! What the fuzz targets of this crate run.

use crate::text::{Lines, MAX_LINE, Message, Request};

/// What a fuzzer runs over its inputs.
pub type FuzzTarget = fn(&[u8]);

/// Name and function of each target.
pub const FUZZ_TARGETS: [(&str, FuzzTarget); 1] = [("agent_parse", agent_parse)];

/// A stream to an agent and from one: no panic, lines bounded, and what was read is read again from its
/// print.
///
/// # Panics
/// When something of that does not hold.
pub fn agent_parse(data: &[u8]) {
    let mut lines = Lines::new(MAX_LINE);
    // Cut in two somewhere: where does not matter.
    let at = data.first().map_or(0, |octet| usize::from(*octet)) % (data.len() + 1);
    let (first, second) = data.split_at(at);
    for push in [first, second, b"\n"] {
        lines.push(push);
        while let Some(line) = lines.next_line() {
            let line = line.expect("an input is shorter than a line may be");
            assert!(!line.contains(&b'\n'));
            request(&line);
            message(&line);
        }
    }
}

fn request(line: &[u8]) {
    let Ok((id, request)) = Request::decode(line) else {
        return;
    };
    let print = request.encode(id);
    let again = Request::decode(stripped(&print));
    assert_eq!(again, Ok((id, request)), "{print}");
}

fn message(line: &[u8]) {
    let Ok(message) = Message::decode(line) else {
        return;
    };
    let print = message.encode();
    let again = Message::decode(stripped(&print));
    assert_eq!(again, Ok(message), "{print}");
}

fn stripped(print: &str) -> &[u8] {
    let line = print.strip_suffix('\n').expect("a print is a line");
    assert!(!line.contains('\n'), "one line: {print}");
    line.as_bytes()
}
