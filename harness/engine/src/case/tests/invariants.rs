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

fn names(report: &CaseReport) -> Vec<&str> {
    report.findings.iter().map(|f| f.invariant).collect()
}

#[test]
fn a_rst_that_crosses_ours_answers_what_went_before() {
    let report = play("  < .  ack abs 77\n  < R  seq 5\n  > R  seq abs 77", |s| {
        if s.flags == Flags::ACK {
            return vec![(ms(1), reply(s, Flags::RST, s.ack.0, 0))];
        }
        Vec::new()
    });
    assert_passes(&report);
    assert_eq!(report.findings, []);
}

#[test]
fn a_repeated_syn_may_be_answered_afresh() {
    let mut seq = ISS;
    let report = play("  < S  as syn\n  > S.\n  < same as syn\n  > S.", |s| {
        seq += 1_000;
        let mut answer = syn_ack(s);
        answer.seq = SeqNumber(seq);
        vec![(ms(1), answer)]
    });
    assert_passes(&report);
    assert_eq!(report.findings, []);
}

#[test]
fn a_syn_ack_is_judged_by_the_syn_that_it_acknowledges() {
    let body =
        "  < S  <mss 1460>\n  > S.\n  < S  isn 77  <mss 1460,nop,wscale 7>\n  > S.  ack abs 78";
    let peer = |scale_first: bool| {
        move |s: &Segment| {
            let mut answer = syn_ack(s);
            answer.seq += s.seq.0;
            if scale_first || s.seq == SeqNumber(77) {
                answer.options.push(TcpOption::WindowScale(2));
            }
            vec![(ms(1), answer)]
        }
    };
    assert_eq!(names(&play(body, peer(false))), [""; 0]);
    assert_eq!(names(&play(body, peer(true))), ["window-scale-negotiated"]);
}

#[test]
fn an_old_window_that_comes_late_is_no_shrinking_but_one_that_stays_is() {
    let peer = |windows: [u16; 3]| {
        move |s: &Segment| {
            let mut answers = sound(s);
            if s.flags == Flags::ACK && s.seq == SeqNumber(1_001) {
                for (at, window) in (1..).zip(windows) {
                    let mut ack = reply(s, Flags::ACK, ISS + 1, 1_001);
                    ack.window = window;
                    answers.push((ms(at), ack));
                }
            }
            answers
        }
    };
    let body = "  < S\n  > S.\n  < .\n  wait 100ms";
    assert_eq!(names(&play(body, peer([20_000, 10_000, 20_000]))), [""; 0]);
    assert_eq!(
        names(&play(body, peer([20_000, 5_000, 5_000]))),
        ["right-edge"]
    );
}

#[test]
fn a_keep_alive_may_carry_garbage() {
    let report = play("  < S\n  > S.\n  < .\n  wait 100ms", |s| {
        let mut answers = sound(s);
        if s.flags == Flags::ACK {
            let mut text = reply(s, Flags::ACK, ISS + 1, 1_001);
            text.payload = b"hello".to_vec();
            let mut garbage = reply(s, Flags::ACK, ISS + 5, 1_001);
            garbage.payload = vec![0];
            answers.extend([(ms(1), text), (ms(2), garbage)]);
        }
        answers
    });
    assert_eq!(report.findings, []);
}

#[test]
fn one_octet_far_beyond_the_window_is_no_probe() {
    let report = play("  < S  win 0\n  > S.\n  < .  win 0\n  wait 100ms", |s| {
        let mut answers = sound(s);
        if s.flags == Flags::ACK {
            let mut segment = reply(s, Flags::ACK, ISS + 100, 1_001);
            segment.payload = vec![b'x'];
            answers.push((ms(1), segment));
        }
        answers
    });
    assert_eq!(names(&report), ["data-within-window"]);
}

#[test]
fn an_acknowledgement_into_a_hole_is_found() {
    let report = play(
        "  < S\n  > S.\n  < .\n  < .  seq 5001  len 10\n  wait 100ms",
        |s| {
            let mut answers = sound(s);
            if s.payload.len() == 10 {
                answers[0].1.ack = SeqNumber(1_000 + 3_000);
            }
            answers
        },
    );
    assert_eq!(names(&report), ["ack-within-sent"]);
}

#[test]
fn more_timestamps_than_are_remembered_break_nothing() {
    let body = "  < S  <mss 1460,TS val 5 ecr 0>\n  > S.\n  repeat 70000 as i {\n    < .  tsval 10+i\n  }\n  < P.  len 1\n  > .  ack RCV.NXT";
    let report = play(body, |s| {
        let (val, _) = s.timestamps().unwrap_or_default();
        let mut answers = if s.seq_len() > 0 {
            sound(s)
        } else {
            Vec::new()
        };
        for (_, answer) in &mut answers {
            answer
                .options
                .push(TcpOption::Timestamps { val: 1, ecr: val });
        }
        answers
    });
    assert_passes(&report);
    assert_eq!(report.findings, []);
}
