//! The fuzz targets: each takes any bytes and panics on a finding.
//!
//! fuzz/ holds their shells for libFuzzer; the test `corpora` runs the same functions over the seeds and
//! over what was ever found.

use super::oracle;
use arbitrary::Unstructured;

/// A fuzz target by name.
pub type Target = (&'static str, fn(&[u8]));

/// All targets of this crate, by the names of their folders in fuzz/seeds and fuzz/regressions.
pub const TARGETS: [Target; 5] = [
    ("segment_parse", segment_parse),
    ("segment_roundtrip", segment_roundtrip),
    ("segment_text", segment_text),
    ("options_parse", options_parse),
    ("notation_parse", notation_parse),
];

/// The bytes are a packet.
pub fn segment_parse(data: &[u8]) {
    oracle::packet_bytes(data);
}

/// The bytes make a segment, a sound one or an ICMP message, by the first of them.
pub fn segment_roundtrip(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let u = &mut Unstructured::new(rest);
    match choice % 4 {
        0 | 3 => drop(super::segment(u).map(|value| oracle::segment_bytes(&value))),
        1 => drop(super::sound_segment(u).map(|value| oracle::sound_segment_bytes(&value))),
        _ => drop(super::icmp(u).map(|value| oracle::packet_bytes(&value.build()))),
    }
}

/// The bytes are a packet, or make a segment, an ICMP message or a template, by the first of them: what each is
/// as text. It is a target of its own because text takes fifty times as long as bytes.
pub fn segment_text(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let u = &mut Unstructured::new(rest);
    match choice % 4 {
        0 => drop(super::segment(u).map(|value| oracle::text_round_trip(&value))),
        1 => oracle::packet_text(rest),
        2 => drop(super::icmp(u).map(|value| oracle::icmp_text(&value))),
        _ => drop(super::template(u).map(|value| oracle::template(&value))),
    }
}

/// The bytes are the options area of a header.
pub fn options_parse(data: &[u8]) {
    oracle::options(data);
}

/// The bytes are a line of the notation.
pub fn notation_parse(data: &[u8]) {
    if let Ok(text) = core::str::from_utf8(data) {
        oracle::text(text);
    }
}
