//! `same as LABEL`: a segment against one that came or was sent before.

use super::{Match, show_option};
use tcpconf_wire::{Auto, Checksum, Segment, TcpOption};

/// Header, options and text, but for IP id, checksum, TSval and TSecr (semantics 6).
pub(crate) fn same_as(wanted: &Segment, actual: &Segment, result: &mut Match) {
    let strip = |s: &Segment| {
        let mut s = s.clone();
        s.checksum = Checksum::Good;
        s.data_offset = Auto::Auto;
        for option in &mut s.options {
            if let TcpOption::Timestamps { val, ecr } = option {
                (*val, *ecr) = (0, 0);
            }
        }
        s
    };
    let (wanted, actual) = (strip(wanted), strip(actual));
    let mut compare = |field: &str, wanted: String, actual: String| {
        if wanted != actual {
            result.differs(field, wanted, actual);
        }
    };
    compare("flags", wanted.flags.to_string(), actual.flags.to_string());
    compare("seq", wanted.seq.to_string(), actual.seq.to_string());
    compare("ack", wanted.ack.to_string(), actual.ack.to_string());
    compare("win", wanted.window.to_string(), actual.window.to_string());
    compare("urg", wanted.urgent.to_string(), actual.urgent.to_string());
    compare(
        "reserved",
        wanted.reserved.to_string(),
        actual.reserved.to_string(),
    );
    let options = |s: &Segment| {
        s.options
            .iter()
            .map(show_option)
            .collect::<Vec<_>>()
            .join(",")
    };
    compare("options", options(&wanted), options(&actual));
    if wanted.payload != actual.payload {
        compare(
            "text",
            format!("{} octets", wanted.payload.len()),
            format!("{} octets, other ones", actual.payload.len()),
        );
    }
}
