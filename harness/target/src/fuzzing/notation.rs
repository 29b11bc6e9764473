//! An input of `stack_ops` as a suite: the conversation of its first peer, as far as the language says it.
//!
//! What the test expects is what the host did in the fuzzer, fixed or not: whoever keeps it decides what is right.
//! Left out: other peers, ICMP, calls of the application, and options but those of SYN segments.

use super::seeds::Heard;
use core::fmt::Write;
use std::time::Duration;
use tcpconf_wire::{Content, Flags, Segment, SeqNumber, TcpOption, parse};

/// The longest pause that is written.
const LONGEST: Duration = Duration::from_secs(600);

/// A suite with one test of this name; `None` when no peer has opened a connection.
pub fn stack_ops_suite(name: &str, data: &[u8]) -> Option<String> {
    suite(name, &super::stack_ops_heard(data))
}

fn suite(name: &str, heard: &[Heard]) -> Option<String> {
    let mut out = format!(
        "tcpt 1\nsuite \"What a fuzzer found\"\n\ntest {name} {{\n  title   \"What stack_ops did: {name}\"\n  \
         spec    RFC9293-MUST-2\n  service sink\n"
    );
    let mut bases: Option<(Segment, Option<SeqNumber>)> = None;
    let mut last = heard.first()?.at;
    for packet in heard {
        let Content::Tcp(segment) = parse(&packet.bytes).content else {
            continue;
        };
        if bases.is_none() {
            if packet.of_host || segment.flags != Flags::SYN {
                continue;
            }
            bases = Some((segment.clone(), None));
            last = packet.at;
        }
        let (syn, iss) = bases.as_mut()?;
        let ours = (syn.src(), syn.dst());
        if (segment.src(), segment.dst()) != ours && (segment.dst(), segment.src()) != ours {
            continue;
        }
        let gap = packet.at.since(last).min(LONGEST);
        last = packet.at;
        if packet.of_host {
            if segment.flags.contains(Flags::SYN) {
                iss.get_or_insert(segment.seq);
            }
            expect(&mut out, &segment, syn.seq, *iss, gap);
        } else {
            if gap >= Duration::from_millis(1) {
                writeln!(out, "  wait    {}ms", gap.as_millis()).ok()?;
            }
            say(&mut out, &segment, syn.seq, *iss);
        }
    }
    bases?;
    out.push_str("}\n");
    Some(out)
}

/// `BASE`, `BASE+3`, `BASE-3`.
fn beside(base: &str, value: SeqNumber, at: SeqNumber) -> String {
    match value.distance_from(at) {
        0 => base.to_owned(),
        distance => format!("{base}{distance:+}"),
    }
}

fn say(out: &mut String, segment: &Segment, irs: SeqNumber, iss: Option<SeqNumber>) {
    let mut line = format!("  < {:<5}", segment.flags.to_string());
    if segment.flags != Flags::SYN || segment.seq != irs {
        line += &format!(" seq {}", beside("IRS", segment.seq, irs));
    }
    if let (true, Some(iss)) = (segment.flags.contains(Flags::ACK), iss) {
        line += &format!(" ack {}", beside("ISS", segment.ack, iss));
    }
    line += &format!(" win {}", segment.window);
    if !segment.payload.is_empty() {
        line += &format!(" len {}", segment.payload.len());
    }
    if segment.flags.contains(Flags::SYN) {
        let options: Vec<String> = segment.options.iter().filter_map(negotiated).collect();
        if !options.is_empty() {
            line += &format!(" <{}>", options.join(","));
        }
    }
    out.push_str(&line);
    out.push('\n');
}

fn expect(
    out: &mut String,
    segment: &Segment,
    irs: SeqNumber,
    iss: Option<SeqNumber>,
    gap: Duration,
) {
    let mut line = format!("  > {:<5}", segment.flags.to_string());
    if let Some(iss) = iss.filter(|_| !segment.flags.contains(Flags::SYN)) {
        line += &format!(" seq {}", beside("ISS", segment.seq, iss));
    }
    if segment.flags.contains(Flags::ACK) {
        line += &format!(" ack {}", beside("IRS", segment.ack, irs));
    }
    if !segment.payload.is_empty() {
        line += &format!(" len {}", segment.payload.len());
    }
    line += &format!(" within {}ms", (gap * 2).as_millis().max(1000));
    out.push_str(&line);
    out.push('\n');
}

/// An option of a SYN, unless it is one whose value no other run can repeat.
fn negotiated(option: &TcpOption) -> Option<String> {
    match option {
        TcpOption::Mss(mss) => Some(format!("mss {mss}")),
        TcpOption::SackPermitted => Some("sackOK".to_owned()),
        TcpOption::WindowScale(shift) => Some(format!("wscale {shift}")),
        _ => None,
    }
}
