//! Steps that are not about waiting: loops, checks, connections, sources, labels.

use super::*;
use crate::{Claim, Evidence, Level};

#[test]
fn sample_gathers_a_value_a_round_each_on_a_port_of_its_own() {
    let mut isn = ISS;
    let mut ports = Vec::new();
    let report = play(
        "  sample 5 as isn = ISS {\n    < S\n    > S.\n    < R\n  }\n  check distinct(isn)\n  check not distinct(diff(isn))",
        |s| {
            if s.flags != Flags::SYN {
                return Vec::new();
            }
            ports.push(s.src_port);
            isn += 64_000;
            let mut answer = syn_ack(s);
            answer.seq = SeqNumber(isn);
            vec![(ms(1), answer)]
        },
    );
    assert_passes(&report);
    ports.dedup();
    assert_eq!(ports.len(), 5);
}

#[test]
fn sample_keeps_the_port_when_told_so() {
    let mut ports = Vec::new();
    let report = play(
        "  sample 3 as isn = ISS {\n    < S  from port same\n    > S.\n    < R\n  }\n  check count(isn) == 3",
        |s| {
            ports.push(s.src_port);
            sound(s)
        },
    );
    assert_passes(&report);
    ports.dedup();
    assert_eq!(ports, [40_000]);
}

#[test]
fn a_check_that_does_not_hold_shows_both_sides() {
    let report = play(
        "  < S\n  > S.  as got\n  check got.win == 1 + 1\n  < R",
        sound,
    );
    assert_eq!(message(&report), "the check does not hold");
    let failure = report.failure.unwrap();
    assert_eq!(failure.expected.as_deref(), Some("got.win == 1 + 1"));
    assert_eq!(failure.actual.as_deref(), Some("10000 and 2"));
}

#[test]
fn repeat_counts_from_zero() {
    let mut lengths = Vec::new();
    let report = play(
        "  < S\n  > S.\n  < .\n  repeat 3 as i {\n    < P.  len 10 + i\n    > .  ack RCV.NXT\n  }",
        |s| {
            if !s.payload.is_empty() {
                lengths.push(s.payload.len());
            }
            sound(s)
        },
    );
    assert_passes(&report);
    assert_eq!(lengths, [10, 11, 12]);
}

#[test]
fn connections_by_name_are_apart() {
    let report = play(
        "  < S\n  b < S\n  > S.\n  b > S.\n  < .\n  b < .\n  conn b {\n    < P.  len 4\n    > .  ack RCV.NXT\n  }\n  < P.  len 3\n  > .  ack IRS+4",
        sound,
    );
    assert_passes(&report);
}

#[test]
fn a_syn_again_repeats_isn_and_options() {
    let mut syns = Vec::new();
    let report = play(
        "  < S  <mss 1000,sackOK>\n  > S.\n  < S\n  > S.  ack IRS+1",
        |s| {
            if s.flags == Flags::SYN {
                syns.push((s.seq, s.options.clone()));
            }
            sound(s)
        },
    );
    assert_passes(&report);
    assert_eq!(syns[0], syns[1]);
}

#[test]
fn after_an_exact_reset_the_next_syn_is_a_new_incarnation() {
    let mut isns = Vec::new();
    let report = play("  < S\n  > S.\n  < R\n  < S\n  > S.  ack IRS+1", |s| {
        if s.flags == Flags::SYN {
            isns.push(s.seq);
        }
        sound(s)
    });
    assert_passes(&report);
    assert_ne!(isns[0], isns[1]);
}

#[test]
fn a_failure_on_the_way_to_a_state_is_inconclusive() {
    let report = play("  reach ESTABLISHED\n  < .\n  alive", |_| Vec::new());
    assert_eq!(report.verdict.outcome, Outcome::Inconclusive);
    let reason = report.reason.unwrap();
    assert!(
        reason.starts_with("ESTABLISHED could not be reached"),
        "{reason}"
    );
}

#[test]
fn a_claimed_feature_counts_an_unknown_one_informs_a_missing_one_is_unsupported() {
    let body = "  given timestamps\n  < S\n  > R.";
    let verdict = |claim: Option<Claim>| {
        let mut profile = Profile::generic();
        if let Some(claim) = claim {
            profile.features.insert("timestamps".into(), claim);
        }
        play_with(body, profile, Mode::Judge, sound).verdict
    };
    let claimed = verdict(Some(Claim::Yes));
    assert_eq!(
        (claimed.outcome, claimed.level),
        (Outcome::Fail, Level::Must)
    );
    let unknown = verdict(None);
    assert_eq!(
        (unknown.outcome, unknown.level),
        (Outcome::Fail, Level::May)
    );
    assert_eq!(verdict(Some(Claim::No)).outcome, Outcome::Unsupported);
}

#[test]
fn cleaning_up_resets_what_stands_exactly() {
    let report = play("  < S\n  > S.\n  < .\n  < P.  len 100", sound);
    assert_passes(&report);
    let last = report.trace.last().unwrap();
    assert_eq!(last.note.as_deref(), Some("cleaning up"));
    assert!(last.text.starts_with("R 101:101(0)"), "{}", last.text);
}

#[test]
fn a_probe_tells_alive_from_gone() {
    let reset = |s: &Segment| {
        if s.flags == Flags::SYN {
            return sound(s);
        }
        vec![(ms(1), reply(s, Flags::RST, s.ack.0, 0))]
    };
    let body = |last: &str| format!("  < S\n  > S.\n  < .\n  {last}");
    assert_passes(&play(&body("alive"), sound));
    assert_passes(&play(&body("gone"), |s| {
        if s.seq == SeqNumber(1_000) {
            reset(s)
        } else {
            sound(s)
        }
    }));
    assert_eq!(
        message(&play(&body("gone"), sound)),
        "the connection still answers"
    );
    assert_eq!(
        message(&play(&body("alive"), |s| {
            if s.flags == Flags::SYN {
                sound(s)
            } else {
                Vec::new()
            }
        })),
        "the connection did not answer a probe left of its window"
    );
}

#[test]
fn alive_probes_the_connection_even_after_our_exact_reset() {
    let report = play("  < S\n  > S.\n  < .\n  < R\n  alive", |s| {
        if s.flags == Flags::ACK && s.seq == SeqNumber(1_000) {
            return vec![(ms(1), reply(s, Flags::RST, s.ack.0, 0))];
        }
        sound(s)
    });
    assert_eq!(message(&report), "the connection was gone at the probe");
}

#[test]
fn a_state_rests_on_the_targets_word_or_on_the_wire() {
    let wire = play("  < S\n  > S.\n  < .\n  state ESTABLISHED", sound);
    assert_passes(&wire);
    assert_eq!(wire.states, [("ESTABLISHED".to_owned(), Evidence::Wire)]);
    let said = |state: &str| {
        let mut profile = Profile::generic();
        profile.name = format!("status {state}");
        play_with(
            "  < S\n  > S.\n  < .\n  state ESTABLISHED",
            profile,
            Mode::Judge,
            sound,
        )
    };
    let right = said("ESTABLISHED");
    assert_passes(&right);
    assert_eq!(right.states, [("ESTABLISHED".to_owned(), Evidence::Status)]);
    assert_eq!(
        message(&said("SYN-RECEIVED")),
        "the target is in SYN-RECEIVED"
    );
}

#[test]
fn a_late_harness_makes_no_failure() {
    let mut case = Case::new(setup("  < S\n  > S.", Profile::generic(), Mode::Judge));
    let Action::Transmit { id, .. } = case.poll(Instant::ZERO) else {
        panic!("a SYN is sent first")
    };
    case.handle_sent(id, Instant::from_millis(300));
    let Action::WaitUntil(at) = case.poll(Instant::from_millis(300)) else {
        panic!("then it waits")
    };
    let verdict = loop {
        if let Action::Done(verdict) = case.poll(at) {
            break verdict;
        }
    };
    assert_eq!(verdict.outcome, Outcome::Inconclusive);
    assert!(case.was_late());
}

#[test]
fn a_check_of_an_option_that_the_target_left_out_fails() {
    let report = play("  < S\n  > S.  as got\n  check got.wscale == 7", sound);
    assert_eq!(message(&report), "the segment has no wscale");
}

#[test]
fn a_check_may_have_parts_without_value_behind_one_that_fails() {
    let report = play(
        "  < S\n  > S.  as got\n  check got.win == 5 and got.wscale == 7",
        sound,
    );
    assert_eq!(message(&report), "the check does not hold");
    assert_eq!(
        report.failure.unwrap().actual.as_deref(),
        Some("false and ?")
    );
}

#[test]
fn what_is_tolerated_is_no_failure_of_a_case_that_ends_otherwise() {
    let body = "  < S\n  either {\n    > R.\n  } pass or {\n    > S.\n  } warn\n";
    let report = play(&format!("{body}  app close"), sound);
    // The interface of these tests accepts connections and does no more.
    assert_eq!(report.verdict.outcome, Outcome::Unsupported);
    assert_eq!(report.failure, None);
    let worse = play(&format!("{body}  > F.  within 10ms"), sound);
    assert_eq!(message(&worse), "nothing came within 0.010s");
    assert_eq!(worse.verdict.level, Level::Must);
}

#[test]
fn the_worst_grade_of_nested_alternatives_counts() {
    let body = |outer: &str, inner: &str| {
        format!(
            "  < S\n  either {{\n    > S.\n    either {{\n      > S.\n    }} {inner} or {{\n      > F.\n    }} pass\n  }} {outer} or {{\n    > R.\n  }} pass"
        )
    };
    let peer = |s: &Segment| vec![(ms(1), syn_ack(s)), (ms(2), syn_ack(s))];
    for (outer, inner, level) in [
        ("warn", "info", Level::Should),
        ("info", "warn", Level::Should),
        ("info", "pass", Level::May),
    ] {
        let report = play(&body(outer, inner), peer);
        assert_eq!(report.verdict.outcome, Outcome::Fail);
        assert_eq!(report.verdict.level, level, "{outer} {inner}");
    }
    assert_passes(&play(&body("pass", "pass"), peer));
}

#[test]
fn labels_in_rounds_are_bound_anew() {
    let report = play(
        "  < S\n  > S.\n  < .\n  repeat 3 as i {\n    < P.  len 10+i  as sent\n    > .  ack sent.end  within 1s of sent  as got\n    check got.ack == sent.seq+10+i\n  }",
        sound,
    );
    assert_passes(&report);
}

#[test]
fn a_bound_below_zero_is_a_bound() {
    let body = |relation: &str| format!("  < S\n  > S.  len {relation} RCV.WND-100000");
    assert_passes(&play(&body(">="), sound));
    let report = play(&body("<"), sound);
    assert_eq!(message(&report), "len is 0 instead of < -34465");
}
