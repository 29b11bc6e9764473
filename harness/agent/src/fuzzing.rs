//! What the fuzz targets of this crate run.

use crate::autosar::Dialect;
use crate::autosar::Numbering::{FromThree, FromZero};
use crate::autosar::message::{Message as Octets, Stream};
use crate::autosar::primitive::{self, Event, Response};
use crate::text::{Lines, MAX_LINE, Message, Request};

/// What a fuzzer runs over its inputs.
pub type FuzzTarget = fn(&[u8]);

/// Name and function of each target.
pub const FUZZ_TARGETS: [(&str, FuzzTarget); 2] = [
    ("agent_parse", agent_parse),
    ("autosar_parse", autosar_parse),
];

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

/// Messages of the AUTOSAR protocol, as a datagram and in a stream: no panic, what was parsed builds to the
/// same octets, and what a primitive was read as is read again from its message.
///
/// # Panics
/// When something of that does not hold.
pub fn autosar_parse(data: &[u8]) {
    if let Ok(message) = Octets::parse(data) {
        assert_eq!(message.build(), data);
        for numbering in [FromZero, FromThree] {
            let dialect = Dialect {
                numbering,
                ..Dialect::default()
            };
            primitives(&message, &dialect);
        }
    }
    let mut stream = Stream::default();
    let mut taken = 0;
    for portion in data.chunks(7) {
        stream.push(portion);
        while let Ok(Some(message)) = stream.next_message() {
            let octets = message.build();
            assert!(data[taken..].starts_with(&octets));
            taken += octets.len();
        }
    }
}

fn primitives(message: &Octets, dialect: &Dialect) {
    if let Ok(request) = primitive::Request::of(message, dialect) {
        let again = primitive::Request::of(&request.message(dialect), dialect);
        assert_eq!(again, Ok(request.clone()));
        if let Ok(response) = Response::of(message, &request) {
            let print = response.message(dialect, message);
            assert_eq!(Response::of(&print, &request), Ok(response));
        }
    }
    if let Ok(event) = Event::of(message, dialect) {
        assert_eq!(Event::of(&event.message(dialect, 1), dialect), Ok(event));
    }
}
