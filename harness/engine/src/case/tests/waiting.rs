//! The waiting rule (LANGUAGE.md, semantics 5 and 6).

use super::*;

#[test]
fn a_retransmission_is_passed_over() {
    let report = play("  < S\n  > S.\n  < .\n  > P.  seq 1  len 5", |s| {
        if s.flags == Flags::SYN {
            return vec![(ms(1), syn_ack(s)), (ms(3), syn_ack(s))];
        }
        let mut text = reply(s, Flags::PSH | Flags::ACK, ISS + 1, 1_001);
        text.payload = b"hello".to_vec();
        vec![(ms(10), text)]
    });
    assert_passes(&report);
}

#[test]
fn a_pure_ack_is_a_mismatch() {
    let report = play("  < S\n  > S.\n  < .\n  > F.  seq 1", |s| {
        if s.flags == Flags::SYN {
            return vec![(ms(1), syn_ack(s))];
        }
        vec![(ms(1), reply(s, Flags::ACK, ISS + 1, 1_001))]
    });
    assert_eq!(message(&report), "flags is . instead of F.");
}

#[test]
fn ignored_acks_are_passed_over() {
    let peer = |s: &Segment| {
        if s.flags == Flags::SYN {
            return vec![(ms(1), syn_ack(s))];
        }
        vec![
            (ms(1), reply(s, Flags::ACK, ISS + 1, 1_001)),
            (ms(2), reply(s, Flags::FIN | Flags::ACK, ISS + 1, 1_001)),
        ]
    };
    assert_passes(&play(
        "  ignore acks\n  < S\n  > S.\n  < .\n  > F.  seq 1",
        peer,
    ));
}

#[test]
fn matching_comes_before_passing_over() {
    let report = play(
        "  < S\n  > S.  as first\n  > S.  same as first  after 900ms  within 2s",
        |s| {
            if s.flags == Flags::SYN {
                return vec![(ms(1), syn_ack(s)), (ms(1_001), syn_ack(s))];
            }
            Vec::new()
        },
    );
    assert_passes(&report);
}

#[test]
fn an_early_segment_is_a_mismatch_in_time() {
    let report = play(
        "  < S\n  > S.  as first\n  > S.  same as first  after 900ms  within 2s",
        |s| {
            if s.flags == Flags::SYN {
                return vec![(ms(1), syn_ack(s)), (ms(301), syn_ack(s))];
            }
            Vec::new()
        },
    );
    assert_eq!(message(&report), "it came after 0.300s, not before 0.900s");
}

#[test]
fn within_counts_from_the_label() {
    let body = "  < S  as syn\n  > S.\n  < .\n  > F.  within 100ms of syn";
    let peer = |late: u64| {
        move |s: &Segment| {
            if s.flags == Flags::SYN {
                return vec![(ms(50), syn_ack(s))];
            }
            vec![(ms(late), reply(s, Flags::FIN | Flags::ACK, ISS + 1, 1_001))]
        }
    };
    assert_passes(&play(body, peer(49)));
    assert_eq!(message(&play(body, peer(70))), "nothing came within 0.100s");
}

#[test]
fn what_comes_after_the_grace_is_nothing() {
    let report = play("  < S\n  > S.  within 100ms", |s| {
        vec![(ms(5_000), syn_ack(s))]
    });
    assert_eq!(message(&report), "nothing came within 0.100s");
    assert_eq!(report.failure.unwrap().actual.as_deref(), Some("nothing"));
}

#[test]
fn nothing_fails_when_something_comes() {
    let report = play(
        "  < S\n  > S.\n  < .\n  > nothing for 300ms\n  alive",
        |s| {
            if s.flags == Flags::SYN {
                return vec![(ms(1), syn_ack(s))];
            }
            vec![(ms(200), reply(s, Flags::ACK, ISS + 1, 1_001))]
        },
    );
    assert!(message(&report).contains("came where nothing was to come"));
}

#[test]
fn nothing_passes_retransmissions_over_and_needs_proof_of_life() {
    let report = play(
        "  < S\n  > S.\n  > nothing for 300ms\n  < .\n  alive",
        |s| {
            let mut answers = sound(s);
            if s.flags == Flags::SYN {
                answers.push((ms(100), syn_ack(s)));
            }
            answers
        },
    );
    assert_passes(&report);
}

#[test]
fn either_is_decided_by_the_first_segment() {
    let body = "  < S\n  either {\n    > S.\n    < .\n    alive\n  } pass or {\n    > R.\n  } warn";
    assert_passes(&play(body, sound));
    let refused = play(body, |s| {
        vec![(ms(1), reply(s, Flags::RST | Flags::ACK, 0, s.seq.0 + 1))]
    });
    assert_eq!(refused.verdict.outcome, Outcome::Fail);
    assert_eq!(refused.verdict.level, crate::Level::Should);
    let neither = play(body, |s| vec![(ms(1), reply(s, Flags::ACK, 7, 7))]);
    assert_eq!(message(&neither), "none of the alternatives came");
    assert_eq!(neither.verdict.level, crate::Level::Must);
}

#[test]
fn nothing_wins_a_branch_by_time() {
    let body = "  < S\n  either {\n    > S.\n  } pass or {\n    > nothing for 300ms\n  } info\n  < R\n  b < S\n  b > S.";
    let mut syns = 0;
    let report = play(body, |s| {
        syns += u32::from(s.flags == Flags::SYN);
        if syns < 2 { Vec::new() } else { sound(s) }
    });
    assert_eq!(report.verdict.outcome, Outcome::Fail);
    assert_eq!(report.verdict.level, crate::Level::May);
}

#[test]
fn unordered_takes_its_steps_in_any_order() {
    let body = "  < S\n  > S.\n  < .\n  unordered {\n    > F.  seq 6\n    > P.  seq 1  len 5\n  }";
    let report = play(body, |s| {
        if s.flags == Flags::SYN {
            return vec![(ms(1), syn_ack(s))];
        }
        let mut text = reply(s, Flags::PSH | Flags::ACK, ISS + 1, 1_001);
        text.payload = b"hello".to_vec();
        let fin = reply(s, Flags::FIN | Flags::ACK, ISS + 6, 1_001);
        vec![(ms(1), text), (ms(2), fin)]
    });
    assert_passes(&report);
}

#[test]
fn every_field_that_differs_is_reported() {
    let report = play("  < S\n  > S.  ack IRS+2  win 7  <mss 536,sackOK>", |s| {
        vec![(ms(1), syn_ack(s))]
    });
    assert_eq!(message(&report), "ack, win, <mss>, <sackOK> differ");
    let failure = report.failure.unwrap();
    let fields: Vec<_> = failure
        .differences
        .iter()
        .map(|d| (d.field.as_str(), d.expected.as_str(), d.actual.as_str()))
        .collect();
    assert_eq!(
        fields,
        [
            ("ack", "2 (abs 1002)", "1 (abs 1001)"),
            ("win", "7", "10000"),
            ("<mss>", "536", "1460"),
            ("<sackOK>", "present", "absent"),
        ]
    );
    assert_eq!(
        failure.expected.as_deref(),
        Some("S.   ack 2   win 7   <mss 536,sackOK>   within 1.000s")
    );
}

#[test]
fn observing_records_and_never_ends_the_case() {
    let body = "  < S\n  > R.\n  < .\n  > nothing for 1s\n  alive";
    let mode = Mode::Observe { quiet: ms(200) };
    let report = play_with(body, Profile::generic(), mode, sound);
    assert_passes(&report);
    let observed = report
        .trace
        .iter()
        .filter(|e| e.note.as_deref() == Some("observed"))
        .count();
    assert_eq!(observed, 1);
}

#[test]
fn ignoring_ends_with_the_fixture_that_asks_for_it() {
    let text = |steps: &str| {
        format!(
            "tcpt 1\nsuite \"t\"\n\nfixture taken {{\n  ignore acks\n  > F.  seq 1\n}}\n\ntest t {{\n  title \"t\"\n  spec RFC9293-MUST-2\n{steps}\n}}\n"
        )
    };
    let peer = |s: &Segment| {
        if s.flags == Flags::SYN {
            return vec![(ms(1), syn_ack(s))];
        }
        let ack = s.seq.0 + s.seq_len();
        vec![
            (ms(1), reply(s, Flags::ACK, ISS + 1, ack)),
            (ms(2), reply(s, Flags::FIN | Flags::ACK, ISS + 1, ack)),
        ]
    };
    let steps = "  < S\n  > S.\n  < .\n  use taken\n  < P.  len 3\n  > F.";
    let report = drive(
        setup_of(&text(steps), Profile::generic(), Mode::Judge),
        peer,
    );
    assert_eq!(message(&report), "flags is . instead of F.");
}

#[test]
fn the_first_segment_decides_whichever_connection_it_is_on() {
    let body = "  < S\n  b < S\n  > S.\n  b > S.\n  < .  len 1\n  b < .  len 1\n  wait 100ms\n  either {\n    > .\n    b > .\n  } pass or {\n    b > .\n  } warn";
    let mut text = 0;
    let report = play(body, |s| {
        let mut answers = sound(s);
        if s.payload.len() == 1 {
            text += 1;
            answers[0].0 = ms(if text == 1 { 50 } else { 10 });
        }
        answers
    });
    assert_eq!(
        report.verdict.level,
        crate::Level::Should,
        "{}",
        trace(&report)
    );
}

#[test]
fn the_shortest_silence_wins() {
    let body = "  b < S\n  b > S.\n  < S\n  either {\n    b > nothing for 3s\n  } warn or {\n    > nothing for 300ms\n  } pass or {\n    > S.\n  } info\n  alive";
    let mut syns = 0;
    assert_passes(&play(body, |s| {
        syns += 1;
        match syns {
            2 => vec![(ms(1_000), syn_ack(s))],
            _ => sound(s),
        }
    }));
}

#[test]
fn no_order_of_arrival_fails_a_right_set() {
    let body = "  < S\n  > S.\n  < .\n  unordered {\n    > P.  as any\n    > P.  seq 1  len 5  as first\n  }\n  check any.seq == ISS+6 and first.seq == ISS+1";
    let peer = |order: [u32; 2]| {
        move |s: &Segment| {
            if s.flags == Flags::SYN {
                return vec![(ms(1), syn_ack(s))];
            }
            let text = |at: u32| {
                let mut text = reply(s, Flags::PSH | Flags::ACK, ISS + at, 1_001);
                text.payload = b"hello".to_vec();
                text
            };
            vec![(ms(1), text(order[0])), (ms(2), text(order[1]))]
        }
    };
    assert_passes(&play(body, peer([1, 6])));
    assert_passes(&play(body, peer([6, 1])));
    assert_eq!(
        message(&play(body, peer([6, 11]))),
        "a segment came that none of these steps wants"
    );
}

#[test]
fn an_early_retransmission_is_not_passed_over_by_another_branch() {
    let body = "  < S\n  > S.  as first\n  either {\n    > S.  same as first  after 900ms  within 2s\n  } pass or {\n    > R.\n  } pass";
    let report = play(body, |s| {
        vec![
            (ms(1), syn_ack(s)),
            (ms(301), syn_ack(s)),
            (ms(1_001), syn_ack(s)),
        ]
    });
    assert_eq!(message(&report), "none of the alternatives came");
}

#[test]
fn silence_ends_when_it_says() {
    let body = "  < S\n  > S.\n  < .\n  silence";
    let peer = |at: u64| {
        move |s: &Segment| {
            let mut answers = sound(s);
            if s.flags == Flags::ACK && s.seq == SeqNumber(1_001) {
                answers.push((ms(at), reply(s, Flags::ACK, ISS + 1, 1_001)));
            }
            answers
        }
    };
    assert!(message(&play(body, peer(499))).contains("came where nothing was to come"));
    assert_passes(&play(body, peer(505)));
}

#[test]
fn acknowledging_by_itself_moves_no_clock() {
    let body = "  autoack on\n  < S\n  > S.\n  > F.  at 900ms..1100ms";
    let report = play(body, |s| {
        if s.flags != Flags::SYN {
            return Vec::new();
        }
        let mut text = reply(s, Flags::ACK, ISS + 1, 1_001);
        text.payload = b"x".to_vec();
        let fin = reply(s, Flags::FIN | Flags::ACK, ISS + 2, 1_001);
        vec![(ms(1), syn_ack(s)), (ms(1_000), fin)]
    });
    assert_passes(&report);
    let sent = |e: &&crate::TraceEntry| e.note.as_deref() == Some("autoack");
    assert_eq!(report.trace.iter().filter(sent).count(), 2);
}

#[test]
fn a_probe_waits_for_what_the_stimulus_draws() {
    // The text is acknowledged, then the RST ends the connection: the acknowledgement proves no life.
    let report = play("  < S\n  > S.\n  < .\n  < P.  len 5\n  < R\n  alive", |s| {
        if s.seq == SeqNumber(1_005) {
            return vec![(ms(1), reply(s, Flags::RST, s.ack.0, 0))];
        }
        sound(s)
    });
    assert_eq!(message(&report), "the connection was gone at the probe");
}

#[test]
fn a_due_send_that_was_late_makes_no_failure() {
    let mut case = Case::new(setup(
        "  wait 1s\n  < S\n  > S.",
        Profile::generic(),
        Mode::Judge,
    ));
    assert!(matches!(case.poll(Instant::ZERO), Action::WaitUntil(_)));
    let mut now = Instant::from_millis(1_400);
    let verdict = loop {
        match case.poll(now) {
            Action::Done(verdict) => break verdict,
            Action::WaitUntil(at) => now = at,
            Action::Transmit { id, .. } => case.handle_sent(id, now),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn observing_names_segments_for_later_stimuli() {
    let body =
        "  < S  <mss 1460>\n  > S.  <mss *>  as answer\n  < .  seq answer.ack  ack answer.seq+1";
    let mode = Mode::Observe { quiet: ms(200) };
    let report = play_with(body, Profile::generic(), mode, sound);
    assert_passes(&report);
    let sent = report
        .trace
        .iter()
        .filter(|e| e.text.starts_with(". "))
        .count();
    assert_eq!(sent, 1, "{:#?}", report.trace);
}
