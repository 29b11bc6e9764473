//! Explicit Congestion Notification (RFC 3168).

mod common;

use common::{Trace, plain};
use rstest::rstest;
use tcpconf_stack::{Config, Ecn};

fn with(ecn: Ecn) -> Config {
    Config { ecn, ..plain() }
}

/// ESTABLISHED with ECN.
fn capable() -> Trace {
    let mut t = Trace::listening(with(Ecn::Accept));
    t.drive(
        "
        < SEW 0:0(0) win 20000 <mss 1000>
        > S.E 0:0(0) ack 1 ecn 0
        < . 1:1(0) ack 1 win 20000",
    );
    t.accept();
    t
}

#[rstest]
#[case::setup(Ecn::Accept, "SEW", "S.E")]
#[case::only_ece(Ecn::Accept, "SE", "S.")]
#[case::only_cwr(Ecn::Accept, "SW", "S.")]
#[case::none(Ecn::Accept, "S", "S.")]
#[case::off(Ecn::Off, "SEW", "S.")]
fn rfc3168_6_1_1_only_an_ecn_setup_syn_is_granted(
    #[case] ecn: Ecn,
    #[case] syn: &str,
    #[case] answer: &str,
) {
    let mut t = Trace::listening(with(ecn));
    t.drive(&format!(
        "< {syn} 0:0(0) win 1000\n> {answer} 0:0(0) ack 1 ecn 0"
    ));
}

#[rstest]
#[case::granted("S.E", 2)]
#[case::plain("S.", 0)]
#[case::reflected("S.EW", 0)]
fn rfc3168_6_1_1_a_request_needs_an_ecn_setup_syn_ack(#[case] answer: &str, #[case] ect: u8) {
    let mut t = Trace::connecting(with(Ecn::Request));
    t.drive(&format!(
        "> SEW 0:0(0) ecn 0\n< {answer} 0:0(0) ack 1 win 20000\n> . 1:1(0) ack 1 ecn 0"
    ));
    t.send(10);
    t.drive(&format!("> P. 1:11(10) ack 1 ecn {ect}"));
}

#[test]
fn rfc3168_6_1_1_1_a_syn_without_answer_is_sent_again_without_ecn() {
    let mut t = Trace::connecting(with(Ecn::Request));
    t.drive("> SEW 0:0(0)\n+1 > S 0:0(0)\n< S.E 0:0(0) ack 1 win 20000\n> . 1:1(0) ack 1");
    t.send(10);
    t.drive("> P. 1:11(10) ack 1 ecn 0");
}

#[test]
fn rfc3168_6_1_3_a_mark_is_echoed_until_cwr() {
    let mut t = capable();
    t.drive(
        "
        < P. 1:11(10) ack 1 win 20000 ecn 3
        > .E 1:1(0) ack 11 ecn 0
        < P. 11:21(10) ack 1 win 20000 ecn 2
        +0.2 > .E 1:1(0) ack 21
        < P.W 21:31(10) ack 1 win 20000 ecn 2
        +0.2 > . 1:1(0) ack 31
        < P.W 31:41(10) ack 1 win 20000 ecn 3
        > .E 1:1(0) ack 41",
    );
}

#[test]
fn rfc3168_6_1_5_a_mark_outside_the_window_is_ignored() {
    let mut t = capable();
    t.drive("< P. 90001:90011(10) ack 1 win 20000 ecn 3\n> . 1:1(0) ack 1");
}

#[test]
fn rfc3168_6_1_2_an_echo_halves_the_window_once_and_cwr_says_so() {
    let mut t = capable();
    t.send(16_000);
    for i in 0..10 {
        let (from, to) = (1 + i * 1000, 1001 + i * 1000);
        t.drive(&format!("> . {from}:{to}(1000) ack 1 ecn 2"));
    }
    t.drive("-\n< .E 1:1(0) ack 2001 win 20000\n-");
    assert_eq!(t.status().unwrap().cwnd, 5000);
    t.drive("< .E 1:1(0) ack 4001 win 20000\n-");
    assert_eq!(t.status().unwrap().cwnd, 5000);
    t.drive(
        "
        < . 1:1(0) ack 7001 win 20000
        > .W 10001:11001(1000) ack 1 ecn 2
        > . 11001:12001(1000) ack 1 ecn 2
        -",
    );
}

/// The peer echoes until it has CWR, which stands on text behind what was in flight at the reduction.
#[test]
fn rfc3168_6_1_2_the_echo_of_the_last_segment_in_flight_reduces_nothing_more() {
    let mut t = capable();
    t.send(16_000);
    for i in 0..10 {
        let (from, to) = (1 + i * 1000, 1001 + i * 1000);
        t.drive(&format!("> . {from}:{to}(1000) ack 1 ecn 2"));
    }
    t.drive(
        "
        < .E 1:1(0) ack 2001 win 20000
        -
        < .E 1:1(0) ack 10001 win 20000
        > .W 10001:11001(1000) ack 1 ecn 2",
    );
    assert_eq!(t.status().unwrap().cwnd, 5000);
}

#[test]
fn rfc3168_6_1_5_retransmissions_are_not_ect() {
    let mut t = capable();
    t.send(10);
    t.drive("> P. 1:11(10) ack 1 ecn 2\n+1 > P. 1:11(10) ack 1 ecn 0");
}

#[test]
fn rfc3168_6_1_6_window_probes_are_not_ect() {
    let mut t = capable();
    t.drive("< . 1:1(0) ack 1 win 0");
    t.send(10);
    t.drive("+1 > . 1:2(1) ack 1 ecn 0");
}
