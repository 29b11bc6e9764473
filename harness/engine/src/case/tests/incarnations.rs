//! Connections that follow on one another, segments from elsewhere, and what is left behind.

use super::*;

#[test]
fn symbols_of_a_syn_are_those_from_before_it() {
    let mut syns = Vec::new();
    let report = play(
        "  < S\n  > S.\n  < R\n  < S  seq IRS+1\n  > S.  ack IRS+1",
        |s| {
            if s.flags == Flags::SYN {
                syns.push(s.seq.0);
            }
            sound(s)
        },
    );
    assert_passes(&report);
    assert_eq!(syns, [1_000, 1_001]);
}

#[test]
fn a_syn_ack_of_the_incarnation_before_is_a_retransmission() {
    let report = play(
        "  < S\n  > S.\n  wait 900ms\n  < R\n  < S\n  > S.  ack IRS+1",
        |s| {
            let mut answers = sound(s);
            if s.flags == Flags::SYN && s.seq == SeqNumber(1_000) {
                answers.push((ms(902), syn_ack(s)));
            } else if s.flags == Flags::SYN {
                answers[0].1.seq += 7;
                answers[0].0 = ms(20);
            }
            answers
        },
    );
    assert_passes(&report);
    assert_eq!(report.findings, []);
}

#[test]
fn what_came_unasked_before_a_new_syn_is_a_mismatch_all_the_same() {
    let report = play(
        "  < S\n  > S.\n  < R\n  wait 100ms\n  < S\n  > S.  ack IRS+1",
        |s| {
            if s.flags == Flags::RST {
                return vec![(ms(1), reply(s, Flags::RST, 0, 0))];
            }
            sound(s)
        },
    );
    assert_eq!(message(&report), "flags, ack differ");
}

#[test]
fn a_segment_from_another_port_is_none_of_the_connection() {
    let report = play(
        "  < S\n  > S.\n  < .\n  < P.  sport 9  len 10\n  check RCV.NXT == IRS+1\n  < P.  len 3\n  > .  ack RCV.NXT",
        |s| {
            if s.src_port == 9 {
                return Vec::new();
            }
            sound(s)
        },
    );
    assert_passes(&report);
}

#[test]
fn every_round_has_connections_of_its_own() {
    let mut ports = std::collections::BTreeSet::new();
    let report = play(
        "  sample 3 as isn = ISS {\n    < S\n    b < S\n    > S.\n    b > S.\n  }\n  check count(isn) == 3",
        |s| {
            ports.insert(s.src_port);
            sound(s)
        },
    );
    assert_passes(&report);
    assert_eq!(ports.len(), 6);
}

#[test]
fn the_right_receiver_knows_what_no_step_has_taken() {
    let report = play(
        "  < S\n  > S.\n  < .\n  wait 100ms\n  < P.  len 5  ack ISS+11\n  > P.  len 10\n  > .  ack IRS+6\n  check RCV.NXT == IRS+6 and SND.UNA == ISS+11",
        |s| {
            let mut answers = sound(s);
            if s.flags == Flags::ACK && s.payload.is_empty() {
                let mut text = reply(s, Flags::PSH | Flags::ACK, ISS + 1, 1_001);
                text.payload = vec![b'x'; 10];
                answers.push((ms(1), text));
            }
            answers
        },
    );
    assert_passes(&report);
}

/// The RSTs of cleaning up, by their distance from our ISN.
fn resets(report: &CaseReport) -> Vec<String> {
    report
        .trace
        .iter()
        .filter(|e| e.note.as_deref() == Some("cleaning up"))
        .map(|e| e.text.split(' ').nth(1).unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn cleaning_up_resets_a_syn_that_nobody_answered() {
    let silent = |_: &Segment| Vec::new();
    assert_eq!(resets(&play("  < S\n  wait 10ms", silent)), ["1:1(0)"]);
    let with_text = play("  < S  len 10\n  wait 10ms", silent);
    assert_eq!(resets(&with_text), ["1:1(0)", "11:11(0)"]);
    let two = play("  < S\n  < S  isn 1500\n  wait 10ms", silent);
    assert_eq!(resets(&two), ["1:1(0)", "501:501(0)"]);
}

#[test]
fn cleaning_up_resets_where_the_target_stands_and_where_it_ought_to() {
    let unanswered = play("  < S\n  > S.\n  < .\n  < P.  len 9", |s| {
        if s.payload.is_empty() {
            sound(s)
        } else {
            Vec::new()
        }
    });
    assert_eq!(resets(&unanswered), ["1:1(0)", "10:10(0)"]);
}

#[test]
fn cleaning_up_leaves_alone_what_is_reset_but_not_what_lives_on() {
    let dead = play("  < S\n  > S.\n  < R\n  wait 10ms", sound);
    assert_eq!(resets(&dead), [""; 0]);
    let alive = play("  < S\n  > S.\n  < R\n  < S\n  wait 10ms", |s| {
        if s.flags == Flags::SYN && s.seq != SeqNumber(1_000) {
            return vec![(ms(1), reply(s, Flags::ACK, ISS + 1, 1_001))];
        }
        sound(s)
    });
    let first = resets(&alive);
    assert!(
        first.iter().any(|at| at.starts_with("-16777215:")),
        "the old one at its RCV.NXT, seen from the new ISN: {first:?}"
    );
}
