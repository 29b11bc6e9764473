//! No suite and no target makes a case hang, panic or slow down beyond measure.

use super::*;
use rstest::rstest;

#[test]
fn observing_ends_although_samples_have_no_value() {
    let mode = Mode::Observe { quiet: ms(50) };
    let body =
        "  sample 3 as isn = ISS {\n    < S\n    > S.\n    < R\n  }\n  check count(isn) == 3";
    let report = play_with(body, Profile::generic(), mode, |_| Vec::new());
    assert_eq!(report.verdict.outcome, Outcome::Pass, "{:?}", report.reason);
    let syns = report
        .trace
        .iter()
        .filter(|e| e.text.starts_with("S "))
        .count();
    assert_eq!(syns, 3);
}

#[test]
fn a_lease_without_addresses_is_an_error() {
    let mut setup = setup("  < S\n  > S.", Profile::generic(), Mode::Judge);
    setup.lease.addresses.clear();
    let report = drive(setup, |_| Vec::new());
    assert_eq!(report.verdict.outcome, Outcome::Error);
    assert_eq!(
        report.reason.as_deref(),
        Some("the lease has no source address")
    );
}

#[test]
fn a_driver_without_ports_makes_an_error() {
    let mut setup = setup("  < S\n  > S.", Profile::generic(), Mode::Judge);
    setup.lease.ports.clear();
    let mut case = Case::new(setup);
    let now = Instant::ZERO;
    assert!(matches!(case.poll(now), Action::NeedPorts(_)));
    case.add_ports([]);
    let verdict = (0..10)
        .find_map(|_| match case.poll(now) {
            Action::Done(verdict) => Some(verdict),
            _ => None,
        })
        .expect("the case ends");
    assert_eq!(verdict.outcome, Outcome::Error);
}

/// `i128` overflows at 2^127.
#[rstest]
#[case::product("M*M*M*M*M == 0")]
#[case::sum("M*M*M*0x7fffffff + M*M*M*0x7fffffff == 0")]
#[case::difference("-M*M*M*0x7fffffff - M*M*M*0x7fffffff - M == 0")]
#[case::time("1d*M*M*M > 1s")]
fn arithmetic_beyond_all_bounds_is_an_error_of_the_suite(#[case] expression: &str) {
    let expression = expression.replace('M', "0xffffffff");
    let report = play(&format!("  < S\n  > S.\n  check {expression}"), sound);
    assert_eq!(report.verdict.outcome, Outcome::Error);
    assert_eq!(report.reason.as_deref(), Some("the result is too large"));
}

#[test]
fn a_time_beyond_the_clock_is_the_longest_one_not_none() {
    let body = "  < S\n  > S.  within 1000d * 1000000";
    assert_passes(&play(body, sound));
}

#[test]
fn loops_in_loops_come_to_an_end() {
    let body =
        "  < S\n  > S.\n  repeat 100000 {\n    repeat 100000 {\n      check 1 == 1\n    }\n  }";
    let report = play(body, sound);
    assert_eq!(report.verdict.outcome, Outcome::Error);
    assert!(report.reason.unwrap().contains("steps"));
}

/// Each round costs the same, however many went before; were it not so, this test would take hours.
#[test]
fn a_hundred_thousand_rounds_come_to_an_end() {
    let body = "  autoack off\n  sample 100000 as isn = ISS {\n    ignore acks\n    < S\n    > S.\n    < R\n  }\n  check distinct(isn)";
    let mut iss = ISS;
    let report = play(body, |s| {
        if s.flags != Flags::SYN {
            return Vec::new();
        }
        iss = iss.wrapping_add(40_503);
        let mut answer = syn_ack(s);
        answer.seq = SeqNumber(iss);
        vec![(ms(1), answer)]
    });
    assert_passes(&report);
}

#[test]
fn no_round_at_all_is_fine() {
    let body = "  < S\n  > S.\n  repeat RCV.WND-RCV.WND {\n    < R\n  }\n  sample RCV.WND-RCV.WND as isn = ISS {\n    < R\n  }\n  check count(isn) == 0\n  alive";
    assert_passes(&play(body, sound));
}
