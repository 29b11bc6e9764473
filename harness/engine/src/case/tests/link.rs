//! `impair`, and a target file's `[link]`: what is done is shown, models and times stay right.

use super::*;
use crate::LinkSettings;
use rstest::rstest;

const OPEN: &str = "  < S\n  > S.\n  < .\n";

/// `OPEN`, then these steps.
fn opened(steps: &str) -> String {
    format!("{OPEN}{steps}")
}

/// The notes of the trace, but for cleaning up.
fn notes(report: &CaseReport) -> Vec<String> {
    let entries = report.trace.iter().filter_map(|entry| {
        let note = entry.note.clone()?;
        (note != "cleaning up").then(|| format!("{}: {note}", entry.line()))
    });
    entries.collect()
}

/// Sends `texts` of ten octets each when it is acknowledged for the first time, then acknowledges.
fn talker(texts: u32) -> impl FnMut(&Segment) -> Answer {
    let mut talked = false;
    move |to| {
        if to.flags == Flags::SYN || talked || to.flags.contains(Flags::RST) {
            return sound(to);
        }
        talked = true;
        let text = |n: u32| {
            let mut text = reply(to, Flags::ACK, ISS + 1 + 10 * n, to.seq.0);
            text.payload = vec![b'a' + n as u8; 10];
            (ms(1 + u64::from(n)), text)
        };
        (0..texts).map(text).collect()
    }
}

#[test]
fn a_lost_segment_of_ours_was_not_received_and_is_the_next_again() {
    let steps = "  impair in drop 1st data\n  < P.  len 10\n  > nothing  for 300ms\n  check RCV.NXT == IRS+1\n\
                 < P.  len 10\n  > .  ack IRS+11";
    let report = play(&opened(steps), sound);
    assert_passes(&report);
    assert_eq!(
        notes(&report),
        ["< P. 1:11(10) ack 1 win 65535: dropped by the link (drop 1st data)"]
    );
}

#[test]
fn the_target_never_gets_what_is_lost() {
    let mut texts = 0;
    let report = play(
        &opened("  impair in drop 2nd data\n  repeat 3 {\n  < P.  len 10\n  wait 10ms\n  }"),
        |to| {
            texts += u32::from(!to.payload.is_empty());
            sound(to)
        },
    );
    assert_passes(&report);
    assert_eq!(texts, 2);
}

#[test]
fn a_lost_segment_of_the_target_was_not_seen_by_us_but_is_judged() {
    let steps = "  impair out drop 2nd data\n  < .\n  > .  seq ISS+1  len 10\n  > .  seq ISS+21  len 10\n\
                 check SND.NXT == ISS+31\n  < .\n";
    let mut acked = Vec::new();
    let mut peer = talker(3);
    let report = play(&format!("  < S\n  > S.\n{steps}"), |to| {
        if to.flags == Flags::ACK {
            acked.push(to.ack - SeqNumber(ISS));
        }
        peer(to)
    });
    assert_passes(&report);
    // Our own acknowledgement stops at the gap.
    assert_eq!(acked, [1, 11]);
    assert_eq!(
        notes(&report),
        ["> . 11:21(10) ack 1 win 10000: dropped by the link (drop 2nd data)"]
    );
    let judged = report.judged.iter().find(|(name, _)| *name == "checksum");
    assert_eq!(judged.map(|(_, n)| *n), Some(4), "{:?}", report.judged);
}

#[test]
fn autoack_acknowledges_what_was_heard() {
    let steps =
        "  autoack on\n  impair out drop 2nd data\n  impair out reorder 1st data\n  < .\n  wait 1s";
    let mut acked = Vec::new();
    let mut peer = talker(4);
    let report = play(&format!("  < S\n  > S.\n{steps}"), |to| {
        if to.flags == Flags::ACK {
            acked.push(to.ack - SeqNumber(ISS));
        }
        peer(to)
    });
    assert_passes(&report);
    // The SYN-ACK was acknowledged by `autoack off`'s step; then 21..31, 1..11, 31..41 came, 11..21 never did.
    assert_eq!(acked, [1, 1, 11, 11]);
}

#[test]
fn a_delay_is_not_charged_to_the_target() {
    let late = "  impair delay 700ms\n  < P.  len 10\n  > .  ack IRS+11  within 5ms";
    assert_passes(&play(&opened(late), sound));
    let slow = |to: &Segment| {
        let mut answers = sound(to);
        if !to.payload.is_empty() {
            answers[0].0 = ms(6);
        }
        answers
    };
    let report = play(&opened(late), slow);
    assert_eq!(message(&report), "it came after 0.006s, within 0.005s");
}

#[test]
fn what_came_in_time_and_is_held_still_breaks_a_silence() {
    let steps = "  impair out delay 2s\n  < P.  len 10\n  > nothing  for 100ms\n  alive";
    let report = play(&opened(steps), sound);
    assert_eq!(
        message(&report),
        ". 1:1(0) ack 11 win 10000 came where nothing was to come"
    );
    assert!(notes(&report)[0].contains("2000 ms late by the link (delay 2000ms); nothing was"));
}

#[test]
fn a_probe_of_the_harness_is_not_impaired() {
    let steps = "  impair drop every segment\n  < P.  len 10\n  alive\n  state ESTABLISHED";
    assert_passes(&play(&opened(steps), sound));
}

#[test]
fn a_duplicate_comes_twice_both_ways() {
    let mut came = 0;
    let steps =
        "  impair duplicate every data\n  < P.  len 10\n  > .  ack IRS+11\n  > .  ack IRS+11";
    let report = play(&opened(steps), |to| {
        came += u32::from(!to.payload.is_empty());
        sound(to)
    });
    assert_passes(&report);
    assert_eq!(came, 2);

    let steps = "  impair out duplicate every data\n  < .\n  > .  len 10  as one\n  > .  same as one\n  check one.seq == ISS+1";
    let report = play(&format!("  < S\n  > S.\n{steps}"), talker(1));
    assert_passes(&report);
    assert!(
        notes(&report)
            .iter()
            .any(|note| note.contains("made by the link (duplicate)"))
    );
}

#[test]
fn segments_of_ours_change_their_order() {
    let mut came = Vec::new();
    let steps = "  impair in reorder 1st data\n  < P.  seq IRS+1  len 10\n  < P.  seq IRS+11  len 10\n  wait 100ms\n  check RCV.NXT == IRS+21";
    let report = play(&opened(steps), |to| {
        if !to.payload.is_empty() {
            came.push(to.seq.0);
        }
        sound(to)
    });
    assert_passes(&report);
    assert_eq!(came, [1_011, 1_001]);
}

#[test]
fn a_corrupted_segment_of_ours_goes_out_with_a_wrong_checksum() {
    let mut wrong = 0;
    let steps =
        "  impair in corrupt 1st data\n  < P.  len 10\n  wait 10ms\n  check RCV.NXT == IRS+1";
    let report = play(&opened(steps), |to| {
        wrong += u32::from(to.checksum != tcpconf_wire::Checksum::Good);
        Vec::from_iter((to.flags == Flags::SYN).then(|| (ms(1), syn_ack(to))))
    });
    assert_passes(&report);
    assert_eq!(wrong, 1);
}

#[test]
fn a_corrupted_segment_of_the_target_is_discarded() {
    let steps = "  impair out corrupt 1st ack\n  < P.  len 10\n  > .";
    let report = play(&opened(steps), sound);
    assert_eq!(message(&report), "nothing came within 1.000s");
    assert_eq!(
        notes(&report),
        [
            "> . 1:1(0) ack 11 win 10000: corrupted by the link (corrupt 1st ack); discarded for its checksum"
        ]
    );
}

#[test]
fn what_the_link_holds_at_the_end_never_leaves_it() {
    let mut texts = 0;
    let report = play(&opened("  impair in delay 1h\n  < P.  len 10"), |to| {
        texts += u32::from(!to.payload.is_empty());
        sound(to)
    });
    assert_passes(&report);
    assert_eq!(texts, 0);
    assert!(notes(&report)[0].ends_with("never left the link"));
}

#[test]
fn fragments_share_one_fate() {
    let steps = "  impair in drop 1st data\n  < P.  len 20  fragment at 32\n  check RCV.NXT == IRS+1\n\
                 < P.  len 20  fragment at 32\n  wait 1ms\n  check RCV.NXT == IRS+21";
    let report = play(&opened(steps), |to| {
        Vec::from_iter((to.flags == Flags::SYN).then(|| (ms(1), syn_ack(to))))
    });
    assert_passes(&report);
}

/// Lossy steps that can go either way, by the seed.
fn transfer(seed: u64) -> CaseReport {
    let steps = "  impair in drop 30%\n  impair in reorder 20%\n  impair in duplicate 20%\n  impair in delay 0ms..20ms\n\
                 ignore acks\n  repeat 30 {\n  < P.  len 10\n  wait 5ms\n  }\n  wait 1s";
    let mut setup = setup(&opened(steps), Profile::generic(), Mode::Judge);
    setup.seed = seed;
    drive(setup, sound)
}

#[test]
fn the_same_seed_gives_the_same_events_and_another_one_others() {
    let traces: Vec<_> = [5, 5, 6].map(|seed| transfer(seed).trace).into();
    assert_eq!(traces[0], traces[1]);
    assert_ne!(traces[0], traces[2]);
}

fn with_link(delay_ms: u64, loss: u32) -> Profile {
    Profile {
        link: LinkSettings {
            delay_ms,
            loss,
            ..LinkSettings::default()
        },
        ..Profile::generic()
    }
}

#[rstest]
#[case("  < P.  len 10\n  > .  ack IRS+11  within 50ms\n  alive\n  > nothing  for 10ms\n  alive")]
#[case("  < P.  len 10  as a\n  > .  as b\n  check time(b)-time(a) == 1ms\n  silence")]
#[case("  < R\n  gone")]
fn a_long_way_to_the_target_changes_no_verdict(#[case] steps: &str) {
    let mut reset = false;
    let mut next = 1_001;
    let report = play_with(&opened(steps), with_link(900, 0), Mode::Judge, |to| {
        reset |= to.flags == Flags::RST;
        if reset && to.flags.contains(Flags::ACK) {
            return vec![(ms(1), reply(to, Flags::RST, to.ack.0, 0))];
        }
        let old = to.flags == Flags::ACK && to.seq.0 < next;
        next = next.max((to.seq + to.seq_len()).0);
        if old {
            return vec![(ms(1), reply(to, Flags::ACK, ISS + 1, next))];
        }
        sound(to)
    });
    assert_passes(&report);
}

#[test]
fn a_failure_on_a_lossy_way_to_the_target_is_nobodys() {
    let setup = setup("  < S\n  > S.", with_link(0, 1_000_000), Mode::Judge);
    let report = drive(setup, sound);
    assert_eq!(report.verdict.outcome, Outcome::Inconclusive);
    assert_eq!(
        report.reason.as_deref(),
        Some("the target's link lost 1 of the packets")
    );
}
