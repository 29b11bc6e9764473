//! `same as LABEL`: a segment against one that came or was sent before.

use super::{Match, relative, show_option};
use crate::model::Connection;
use tcpconf_wire::{Auto, Checksum, Segment, SeqNumber, TcpOption};

/// Header, options and text, but for IP id, checksum, TSval and TSecr (semantics 6).
pub(crate) fn same_as(
    wanted: &Segment,
    actual: &Segment,
    connection: &Connection,
    result: &mut Match,
) {
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
    let theirs = |s: SeqNumber| relative(s, connection.iss);
    let ours = |s: SeqNumber| relative(s, connection.syn_sent.then_some(connection.irs));
    compare("seq", theirs(wanted.seq), theirs(actual.seq));
    compare("ack", ours(wanted.ack), ours(actual.ack));
    compare("win", wanted.window.to_string(), actual.window.to_string());
    compare("urg", wanted.urgent.to_string(), actual.urgent.to_string());
    compare(
        "reserved",
        wanted.reserved.to_string(),
        actual.reserved.to_string(),
    );
    let options = |s: &Segment| {
        let all: Vec<String> = s.options.iter().map(show_option).collect();
        format!("<{}>", all.join(","))
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
