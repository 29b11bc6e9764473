//! Each invariant finds what breaks it, and nothing else does.

use super::*;
use rstest::rstest;

/// A change to the peer's segment, and the invariants that it breaks.
#[rstest]
#[case::checksum(|s: &mut Segment| s.checksum = tcpconf_wire::Checksum::Bad, &["checksum"])]
#[case::reserved(|s: &mut Segment| s.reserved = 1, &["reserved-bits"])]
#[case::option_form(|s: &mut Segment| s.options = vec![TcpOption::Raw(vec![2, 9])], &["option-form"])]
#[case::mss_off_syn(|s: &mut Segment| s.options = vec![TcpOption::Mss(1_460)], &["mss-on-syn-only"])]
#[case::sack_permitted_off_syn(
    |s: &mut Segment| s.options = vec![TcpOption::SackPermitted], &["sack-permitted-on-syn-only"])]
#[case::sack_unasked(
    |s: &mut Segment| s.options = vec![TcpOption::Sack(vec![(1_001, 1_011)])], &["sack-negotiated"])]
#[case::sack_of_nothing(
    |s: &mut Segment| s.options = vec![TcpOption::Sack(vec![(5_000, 5_010)])],
    &["sack-negotiated", "sack-of-what-was-sent"])]
#[case::ack_beyond(|s: &mut Segment| s.ack += 1, &["ack-within-sent"])]
#[case::flags(|s: &mut Segment| s.flags = Flags::FIN | Flags::PSH, &["flags"])]
#[case::right_edge(|s: &mut Segment| s.window = 100, &["right-edge"])]
#[case::beyond_mss(|s: &mut Segment| s.payload = vec![b'x'; 537], &["data-within-mss"])]
#[case::sound(|_: &mut Segment| (), &[])]
fn what_breaks_an_invariant_is_found(#[case] change: fn(&mut Segment), #[case] broken: &[&str]) {
    let report = play("  < S\n  > S.\n  < P.  len 10\n  wait 100ms", |s| {
        let mut answers = sound(s);
        if s.payload.len() == 10 {
            change(&mut answers[0].1);
        }
        answers
    });
    let names: Vec<&str> = report.findings.iter().map(|f| f.invariant).collect();
    assert_eq!(names, broken, "{:#?}", report.findings);
}

#[test]
fn options_that_were_not_offered_are_found_on_the_syn_ack() {
    let report = play("  < S  <mss 1460>\n  wait 100ms", |s| {
        let mut answer = syn_ack(s);
        answer.options = vec![
            TcpOption::WindowScale(15),
            TcpOption::Nop,
            TcpOption::Timestamps { val: 1, ecr: 0 },
            TcpOption::Nop,
            TcpOption::Nop,
        ];
        vec![(ms(1), answer)]
    });
    let names: Vec<&str> = report.findings.iter().map(|f| f.invariant).collect();
    assert_eq!(names, ["window-scale-negotiated", "timestamps-negotiated"]);
}

#[test]
fn a_rst_in_answer_to_a_rst_is_found() {
    let report = play("  < R  seq 5\n  wait 100ms", |s| {
        vec![(ms(1), reply(s, Flags::RST | Flags::ACK, 0, s.seq.0))]
    });
    let names: Vec<&str> = report.findings.iter().map(|f| f.invariant).collect();
    assert_eq!(names, ["no-rst-to-rst"]);
}

#[test]
fn other_octets_at_the_same_place_are_found() {
    let report = play("  < S\n  > S.\n  < .\n  wait 100ms", |s| {
        let mut answers = sound(s);
        if s.flags == Flags::ACK {
            for (at, text) in [(1, b"hello"), (2, b"help!")] {
                let mut segment = reply(s, Flags::ACK, ISS + 1, 1_001);
                segment.payload = text.to_vec();
                answers.push((ms(at), segment));
            }
        }
        answers
    });
    let names: Vec<&str> = report.findings.iter().map(|f| f.invariant).collect();
    assert_eq!(names, ["same-text-again"]);
    assert!(
        report.findings[0].message.contains("octet at 4"),
        "{:?}",
        report.findings
    );
}

#[test]
fn a_syn_ack_that_changes_is_found() {
    let report = play("  < S\n  wait 2s", |s| {
        if s.flags != Flags::SYN {
            return Vec::new();
        }
        let mut again = syn_ack(s);
        again.options.push(TcpOption::Nop);
        again.options.push(TcpOption::WindowScale(1));
        let mut other = syn_ack(s);
        other.seq += 1;
        vec![(ms(1), syn_ack(s)), (ms(900), again), (ms(901), other)]
    });
    let names: Vec<&str> = report.findings.iter().map(|f| f.invariant).collect();
    assert_eq!(
        names,
        ["window-scale-negotiated", "isn-stable", "isn-stable"]
    );
}

#[test]
fn text_beyond_the_window_is_found_but_a_probe_is_none() {
    let peer = |length: usize| {
        move |s: &Segment| {
            let mut answers = sound(s);
            if s.flags == Flags::ACK {
                let mut segment = reply(s, Flags::ACK, ISS + 1, 1_001);
                segment.payload = vec![b'x'; length];
                answers.push((ms(1), segment));
            }
            answers
        }
    };
    let body = "  < S  win 0\n  > S.\n  < .  win 0\n  wait 100ms";
    let found = play(body, peer(2));
    let names: Vec<&str> = found.findings.iter().map(|f| f.invariant).collect();
    assert_eq!(names, ["data-within-window"]);
    assert_eq!(play(body, peer(1)).findings, []);
}

#[test]
fn every_invariant_cites_requirements_that_exist() {
    let requirements =
        Requirements::from_toml(include_str!("../../../../../suites/requirements.toml")).unwrap();
    for invariant in crate::invariants() {
        assert!(!invariant.spec.is_empty());
        for id in invariant.spec {
            assert!(
                requirements.find(id).is_some(),
                "{} cites {id}",
                invariant.name
            );
        }
    }
}
