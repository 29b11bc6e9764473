//! Fragments, ICMP, and interrupts.

use super::*;
use tcpconf_wire::view::{IpView, PROTOCOL_ICMP};

/// Plays `body` against a sound peer; the packets that went into the target.
fn sent(body: &str) -> (CaseReport, Vec<Vec<u8>>) {
    let report = play(body, sound);
    let packets = report
        .trace
        .iter()
        .filter(|e| e.direction == crate::Direction::In)
        .map(|e| e.bytes.clone())
        .collect();
    (report, packets)
}

#[test]
fn fragments_make_up_the_segment_that_the_model_applies() {
    let mut case = Case::new(setup(
        "  < S\n  > S.\n  < .\n  < P.  len 100  fragment at 24,64\n  check RCV.NXT == IRS+101",
        Profile::generic(),
        Mode::Judge,
    ));
    let mut now = Instant::ZERO;
    let mut pieces = Vec::new();
    let verdict = loop {
        match case.poll(now) {
            Action::Transmit { id, bytes } => {
                case.handle_sent(id, now);
                if let Content::Tcp(segment) = parse(&bytes).content
                    && segment.flags == Flags::SYN
                {
                    case.handle_packet(now, &Packet::new(syn_ack(&segment).build(), now));
                }
                if IpView::parse(&bytes).unwrap().fragment.is_some() {
                    pieces.push(IpView::parse(&bytes).unwrap().fragment.unwrap());
                }
            }
            Action::WaitUntil(at) => now = at,
            Action::Done(verdict) => break verdict,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(verdict.outcome, Outcome::Pass);
    assert_eq!(pieces, [(0, true), (24, true), (64, false)]);
}

#[test]
fn icmp_quotes_what_the_target_sent_and_is_no_segment() {
    let (report, packets) = sent(
        "  < S\n  > S.  as theirs\n  < .\n  < icmp frag-needed  mtu 600  quote theirs  seq +5  truncate 28\n  check RCV.NXT == IRS+1\n  alive",
    );
    assert_passes(&report);
    let icmp = packets.iter().find(|p| p[9] == PROTOCOL_ICMP).unwrap();
    assert_eq!((icmp[20], icmp[21]), (3, 4));
    assert_eq!(u16::from_be_bytes([icmp[26], icmp[27]]), 600);
    let quote = &icmp[28..];
    assert_eq!(quote.len(), 28);
    assert_eq!(quote[12..16], [10, 0, 0, 2], "the target sent it");
    let seq = u32::from_be_bytes([quote[24], quote[25], quote[26], quote[27]]);
    assert_eq!(seq, ISS + 5);
}

#[test]
fn an_icmp_message_does_not_count_as_a_rst() {
    // Its bytes must not be read as a TCP header.
    let report = play(
        "  < S\n  > S.  as theirs\n  < icmp port-unreachable  quote theirs\n  > R.",
        |s| {
            if s.flags != Flags::SYN {
                return Vec::new();
            }
            vec![
                (ms(1), syn_ack(s)),
                (ms(50), reply(s, Flags::RST | Flags::ACK, ISS + 1, 1_001)),
            ]
        },
    );
    assert_passes(&report);
    assert_eq!(report.findings, []);
}

#[test]
fn an_interrupt_cleans_up_and_keeps_the_verdict_that_stands() {
    let mut case = Case::new(setup("  < S\n  > S.", Profile::generic(), Mode::Judge));
    let now = Instant::ZERO;
    assert!(matches!(case.poll(now), Action::Transmit { .. }));
    assert!(matches!(case.poll(now), Action::WaitUntil(_)));
    case.interrupt(now, Outcome::Skip, "interrupted");
    case.interrupt(now, Outcome::Error, "again");
    let Action::Transmit { bytes, .. } = case.poll(now) else {
        panic!("the half-open connection is reset")
    };
    assert_eq!(parse(&bytes).content, {
        let mut rst = Segment::new(([10, 0, 0, 1], 40_000).into(), ([10, 0, 0, 2], 80).into());
        rst.flags = Flags::RST;
        rst.seq = SeqNumber(1_001);
        parse(&rst.build()).content
    });
    let Action::Done(verdict) = case.poll(now) else {
        panic!("then it is done")
    };
    assert_eq!(verdict.outcome, Outcome::Skip);
    assert_eq!(case.into_report().reason.as_deref(), Some("interrupted"));
}
