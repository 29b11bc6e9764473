//! Invariants: what must hold of every segment that the target sends, whatever the test.
//!
//! Each counts as a test of its own (`invariant/NAME`), names its requirements and states when it
//! applies; a case's verdict comes from its steps alone.  The fuzzers use them as their oracle.

use crate::model::{Connection, Phase, SynAck};
use crate::reading::Reading;
use tcpconf_suite::plan::Level;
use tcpconf_wire::{ChecksumState, Flags, Malformation, TcpOption};

/// One invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// Its name, without `invariant/`.
    pub name: &'static str,
    /// What must hold, in one sentence.
    pub title: &'static str,
    /// Its requirements; the first gives the level.
    pub spec: &'static [&'static str],
    /// How binding it is.
    pub level: Level,
}

const fn must(name: &'static str, title: &'static str, spec: &'static [&'static str]) -> Invariant {
    Invariant {
        name,
        title,
        spec,
        level: Level::Must,
    }
}

/// All invariants, in the order of reports.
pub const fn invariants() -> &'static [Invariant] {
    INVARIANTS
}

const INVARIANTS: &[Invariant] = &[
    must(
        "checksum",
        "every segment has a right checksum",
        &["RFC9293-MUST-2"],
    ),
    must(
        "reserved-bits",
        "the reserved bits of the header are zero",
        &["RFC9293-3.1-1"],
    ),
    must(
        "header-form",
        "header lengths and IP lengths agree with the bytes",
        &["RFC9293-MUST-2"],
    ),
    must(
        "option-form",
        "every option has a right length, and what follows End-of-List is zero",
        &["RFC9293-MUST-68", "RFC9293-MUST-69"],
    ),
    must(
        "flags",
        "no segment has SYN with FIN or RST, FIN with RST, or none of SYN, ACK and RST",
        &["RFC9293-3.1-3"],
    ),
    must(
        "no-rst-to-rst",
        "a RST is never answered by a RST",
        &["RFC9293-3.5.2-8"],
    ),
    must(
        "mss-on-syn-only",
        "the MSS option stands on SYN segments only",
        &["RFC9293-MUST-65"],
    ),
    must(
        "sack-permitted-on-syn-only",
        "the SACK-permitted option stands on SYN segments only",
        &["RFC2018-2-1"],
    ),
    must(
        "window-scale-negotiated",
        "window scale stands on a SYN-ACK only when the SYN had it, and is at most 14",
        &["RFC7323-2.2-4", "RFC7323-2.3-6"],
    ),
    must(
        "timestamps-negotiated",
        "timestamps stand on a SYN-ACK only when the SYN had them",
        &["RFC7323-3.2-5"],
    ),
    must(
        "timestamps-on-every-segment",
        "once negotiated, timestamps stand on every segment but RST",
        &["RFC7323-3.2-6"],
    ),
    must(
        "timestamp-echo",
        "TSecr echoes a timestamp that was sent to the target",
        &["RFC7323-3.2-1"],
    ),
    must(
        "sack-negotiated",
        "SACK blocks come only after SACK-permitted was offered",
        &["RFC2018-4-3"],
    ),
    must(
        "sack-of-what-was-sent",
        "SACK blocks report only what was sent to the target",
        &["RFC2018-8-3"],
    ),
    must(
        "ack-within-sent",
        "the acknowledgement is never beyond what was sent to the target",
        &["RFC9293-3.1-3"],
    ),
    must(
        "data-within-window",
        "text never goes beyond the right edge of the window that was offered",
        &["RFC9293-3.10.7.4-WND-UPDATE-ESTABLISHED"],
    ),
    must(
        "data-within-mss",
        "no segment carries more than the peer's MSS, net of options",
        &["RFC9293-MUST-16"],
    ),
    must(
        "same-text-again",
        "a retransmission carries the octets that were sent before at their place",
        &["RFC9293-3.10.8-RTO-ESTABLISHED"],
    ),
    must(
        "isn-stable",
        "a SYN-ACK that is sent again keeps its sequence number and options",
        &["RFC9293-3.10.8-RTO-SYN-RECEIVED"],
    ),
    Invariant {
        level: Level::Should,
        ..must(
            "right-edge",
            "the right edge of the offered window never moves left",
            &["RFC9293-SHLD-14"],
        )
    },
];

/// What an invariant says of a segment.
pub(crate) enum Judgement {
    /// It holds.
    Holds(&'static str),
    /// It does not; why.
    Broken(&'static str, String),
}

/// What is known when a segment of the target is judged.
pub(crate) struct Evidence<'a> {
    pub(crate) segment: &'a Reading<'a>,
    pub(crate) malformed: &'a [Malformation],
    pub(crate) checksum: ChecksumState,
    /// The connection before the segment is applied to it.
    pub(crate) connection: &'a Connection,
    /// The path's MTU, where it is known to be less than what the target's link takes.
    pub(crate) mtu: u32,
}

/// Judges a segment by every invariant that applies.
pub(crate) fn judge(e: &Evidence<'_>) -> Vec<Judgement> {
    let mut out = Vec::with_capacity(invariants().len());
    judge_each(e, &mut |name, broken| {
        out.push(match broken {
            None => Judgement::Holds(name),
            Some(why) => Judgement::Broken(name, why),
        });
    });
    out
}

/// The same, told one by one: the name of an invariant that applies, and why it does not hold if it does not.
pub(crate) fn judge_each(e: &Evidence<'_>, rule: &mut impl FnMut(&'static str, Option<String>)) {
    let (segment, c) = (e.segment, e.connection);
    let flags = segment.flags;
    let (syn, rst, ack) = (
        flags.contains(Flags::SYN),
        flags.contains(Flags::RST),
        flags.contains(Flags::ACK),
    );
    if e.checksum == ChecksumState::Judged {
        rule("checksum", malformed(e, Malformation::is_checksum));
    }
    rule(
        "reserved-bits",
        (segment.reserved != 0).then(|| format!("reserved bits {:03b}", segment.reserved)),
    );
    rule("header-form", malformed(e, is_header));
    rule("option-form", malformed(e, is_option));
    rule("flags", nonsense(flags));
    if rst {
        rule(
            "no-rst-to-rst",
            c.answers_a_rst(segment).then(|| "answers a RST".into()),
        );
        return; // The rest speaks of segments of a connection.
    }
    rule(
        "mss-on-syn-only",
        off_syn(segment.offer.mss.filter(|_| !syn).map(TcpOption::Mss)),
    );
    rule(
        "sack-permitted-on-syn-only",
        off_syn((segment.offer.sack_permitted && !syn).then_some(TcpOption::SackPermitted)),
    );
    if c.is_of_the_past(segment) {
        return; // It says nothing of this incarnation.
    }
    judge_negotiation(e, syn, ack, rule);
    if ack && c.syn_sent {
        rule(
            "ack-within-sent",
            (!c.sent_by_us.covers(segment.ack - 1, segment.ack)).then(|| {
                let at = segment.ack.distance_from(c.irs);
                format!("acknowledges {at}, but the octet before it was never sent")
            }),
        );
        if c.phase != Phase::Reset && !syn {
            rule("right-edge", shrunk(segment, c));
        }
    }
    if !segment.payload.is_empty() {
        judge_text(e, rule);
    }
}

fn judge_negotiation(
    e: &Evidence<'_>,
    syn: bool,
    ack: bool,
    rule: &mut impl FnMut(&'static str, Option<String>),
) {
    let (segment, c) = (e.segment, e.connection);
    let stamps = segment.timestamps;
    // A SYN-ACK that follows a SYN of the target's own has the options of that one (RFC 7323 §3.2).
    if syn && ack && c.syn_sent && !c.active {
        let scale = segment.offer.window_scale;
        let offer = c.offer_answered(segment.ack);
        rule(
            "window-scale-negotiated",
            match (scale, offer.window_scale) {
                (Some(_), None) => Some("window scale, which the SYN did not offer".into()),
                (Some(shift), _) if shift > 14 => Some(format!("shift {shift}")),
                _ => None,
            },
        );
        rule(
            "timestamps-negotiated",
            (stamps.is_some() && !offer.timestamps)
                .then(|| "timestamps, which the SYN did not offer".into()),
        );
        if let Some(first) = &c.syn_ack
            && first.ack == segment.ack
        {
            rule("isn-stable", changed_syn_ack(first, segment));
        }
    }
    if c.timestamps_on() && !syn {
        rule(
            "timestamps-on-every-segment",
            stamps.is_none().then(|| "no timestamps".into()),
        );
    }
    if let (Some((_, ecr)), Some(sent), true) = (stamps, &c.sent_timestamps, ack)
        && !sent.is_empty()
    {
        rule(
            "timestamp-echo",
            (!sent.iter().rev().any(|sent| *sent == ecr))
                .then(|| format!("TSecr {ecr} was never sent")),
        );
    }
    if segment.sacks {
        rule(
            "sack-negotiated",
            (!c.sack_permitted()).then(|| "SACK blocks without SACK-permitted".into()),
        );
        let strange = segment.find_block(|l, r| !c.sent_by_us.covers(l, r));
        rule(
            "sack-of-what-was-sent",
            strange.map(|(l, r)| {
                format!(
                    "block {}:{} was never sent",
                    l.distance_from(c.irs),
                    r.distance_from(c.irs)
                )
            }),
        );
    }
}

fn judge_text(e: &Evidence<'_>, rule: &mut impl FnMut(&'static str, Option<String>)) {
    let (segment, c) = (e.segment, e.connection);
    let end =
        segment.seq + u32::from(segment.flags.contains(Flags::SYN)) + segment.payload.len() as u32;
    let one = segment.payload.len() == 1;
    if let Some(edge) = c.our_right_edge {
        // A zero-window probe may carry one octet beyond the edge (RFC 9293 §3.8.6.1).
        rule(
            "data-within-window",
            (edge.lt(end) && !(one && edge + 1 == end))
                .then(|| format!("{} octets beyond the offered window", end - edge)),
        );
    }
    // An MSS of zero cannot be met: it is taken for none, or single octets are sent.
    if c.syn_sent && c.our_offer.mss != Some(0) {
        let header = if c.ours.is_ipv4() { 40 } else { 60 };
        let limit = c.smss().min(e.mtu.saturating_sub(header));
        let room = limit.saturating_sub(segment.options_len as u32);
        rule(
            "data-within-mss",
            (segment.payload.len() as u32 > room.max(1))
                .then(|| format!("{} octets, at most {room} fit", segment.payload.len())),
        );
    }
    if one && c.iss.is_some() && end == c.snd_nxt {
        return; // A keep-alive may carry an octet of garbage (RFC 9293 §3.8.4).
    }
    rule(
        "same-text-again",
        c.changed_text(segment).map(|(seq, before, now)| {
            let at = c
                .iss
                .map_or(i64::from(seq.0), |iss| seq.distance_from(iss).into());
            format!("octet at {at} was {before:#04x} and is now {now:#04x}")
        }),
    );
}

fn malformed(e: &Evidence<'_>, which: fn(&Malformation) -> bool) -> Option<String> {
    e.malformed
        .iter()
        .find(|m| which(m))
        .map(ToString::to_string)
}

const fn is_header(m: &Malformation) -> bool {
    matches!(
        m,
        Malformation::IpHeaderLength { .. }
            | Malformation::IpLength { .. }
            | Malformation::IpReservedFlag
            | Malformation::Extension(_)
            | Malformation::TcpShort { .. }
            | Malformation::DataOffset { .. }
    )
}

const fn is_option(m: &Malformation) -> bool {
    matches!(
        m,
        Malformation::OptionLength { .. }
            | Malformation::OptionForm { .. }
            | Malformation::OptionPadding
    )
}

/// Combinations that no state of RFC 9293 §3.10 sends.
fn nonsense(flags: Flags) -> Option<String> {
    let both = |a, b| flags.contains(a | b);
    (both(Flags::SYN, Flags::FIN)
        || both(Flags::SYN, Flags::RST)
        || both(Flags::FIN, Flags::RST)
        || !flags.intersects(Flags::SYN | Flags::ACK | Flags::RST))
    .then(|| format!("flags {flags}"))
}

/// This option is only for SYN segments, and stands on another.
fn off_syn(option: Option<TcpOption>) -> Option<String> {
    option.map(|option| {
        format!(
            "<{}> on a segment without SYN",
            crate::matching::show_option(&option)
        )
    })
}

fn shrunk(segment: &Reading<'_>, c: &Connection) -> Option<String> {
    let lost = c.loses_window(segment)?;
    // Of two segments with one acknowledgement the older may have come later: one alone proves nothing.
    let newer = c.acked.is_none_or(|acked| acked.lt(segment.ack));
    (newer || c.edge_suspect).then(|| format!("the right edge moved {lost} octets to the left"))
}

fn changed_syn_ack(first: &SynAck, again: &Reading<'_>) -> Option<String> {
    // A Fast Open cookie may be left out (RFC 7413 §3.1 leaves it open).
    let still = |o: &&TcpOption| {
        !matches!(
            o,
            TcpOption::Timestamps { .. } | TcpOption::FastOpen(_) | TcpOption::Nop
        )
    };
    if first.seq != again.seq {
        return Some(format!("sequence number {} was {}", again.seq, first.seq));
    }
    let options = again.options();
    let same = (first.options.iter().filter(still)).eq(options.iter().filter(still));
    (!same).then(|| "other options than before".into())
}
