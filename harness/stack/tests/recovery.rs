//! Loss recovery: fast retransmit, SACK, F-RTO, RACK-TLP (RFC 5681, 6582, 3042, 2018, 2883, 6675, 5682,
//! 8985).

mod common;

use common::{Trace, plain};
use tcpconf_stack::{Config, LossRecovery};

/// ESTABLISHED with SACK negotiated.
fn with_sack() -> Trace {
    let config = Config {
        sack: true,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive(
        "
        < S 0:0(0) win 20000 <mss 1000,sackOK>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 20000",
    );
    t.accept();
    t
}

// RFC 5681, 6582, 3042

#[test]
fn rfc5681_3_2_three_duplicate_acks_retransmit_and_rfc3042_sends_new_data_before() {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 30000 <mss 1000>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 30000",
    );
    t.accept();
    t.send(20_000);
    for i in 0..10 {
        let (from, to) = (1 + i * 1000, 1001 + i * 1000);
        t.drive(&format!("> . {from}:{to}(1000) ack 1"));
    }
    t.drive(
        "
        -
        < . 1:1(0) ack 1 win 30000
        > . 10001:11001(1000) ack 1
        < . 1:1(0) ack 1 win 30000
        > . 11001:12001(1000) ack 1
        < . 1:1(0) ack 1 win 30000
        > . 1:1001(1000) ack 1
        -
        # a partial acknowledgement: the next hole
        < . 1:1(0) ack 3001 win 30000
        > . 3001:4001(1000) ack 1
        -
        < . 1:1(0) ack 12001 win 30000",
    );
    assert_eq!(t.status().unwrap().ssthresh, 6000);
}

#[test]
fn old_acks_and_window_updates_are_no_duplicates() {
    let mut t = Trace::established(plain());
    t.send(4000);
    for i in 0..4 {
        let (from, to) = (1 + i * 1000, 1001 + i * 1000);
        t.drive(
            &format!("> * {from}:{to}(1000) ack 1").replace('*', if i == 3 { "P." } else { "." }),
        );
    }
    t.drive(
        "
        < . 1:1(0) ack 1 win 10001
        < . 1:1(0) ack 1 win 10002
        < . 1:1(0) ack 1 win 10003
        < . 1:1(0) ack -5 win 10003
        < . 1:1(0) ack -5 win 10003
        < . 1:1(0) ack -5 win 10003
        -",
    );
}

// RFC 2018, 6675

#[test]
fn rfc2018_4_out_of_order_data_is_reported_newest_first() {
    let mut t = with_sack();
    t.drive(
        "
        < P. 11:21(10) ack 1 win 10000
        > . 1:1(0) ack 1 <sack 11:21>
        < P. 31:41(10) ack 1 win 10000
        > . 1:1(0) ack 1 <sack 31:41 11:21>
        < P. 15:25(10) ack 1 win 10000
        > . 1:1(0) ack 1 <sack 15:21 11:25 31:41>
        < P. 1:11(10) ack 1 win 10000
        > . 1:1(0) ack 25 <sack 31:41>
        < P. 25:31(6) ack 1 win 10000
        > . 1:1(0) ack 41 <>",
    );
}

#[test]
fn rfc2018_4_each_segment_out_of_order_of_one_instant_draws_an_ack() {
    let mut t = with_sack();
    t.drive(
        "
        < P. 11:21(10) ack 1 win 10000
        < P. 21:31(10) ack 1 win 10000
        < P. 31:41(10) ack 1 win 10000
        > . 1:1(0) ack 1 <sack 11:41>
        > . 1:1(0) ack 1 <sack 11:41>
        > . 1:1(0) ack 1 <sack 11:41>
        -",
    );
}

/// Three more with the number that the last of them brings about would look like a loss (RFC 5681 §2).
#[test]
fn rfc5681_4_2_what_fills_the_hole_at_the_same_instant_draws_one_ack_for_all() {
    let mut t = with_sack();
    t.drive(
        "
        < P. 11:21(10) ack 1 win 10000
        < P. 21:31(10) ack 1 win 10000
        < P. 31:41(10) ack 1 win 10000
        < P. 1:11(10) ack 1 win 10000
        > . 1:1(0) ack 41 <>
        -",
    );
}

#[test]
fn rfc2883_4_a_duplicate_is_reported() {
    let mut t = with_sack();
    t.drive(
        "
        < P. 1:11(10) ack 1 win 10000
        < P. 11:21(10) ack 1 win 10000
        > . 1:1(0) ack 21 <>
        < P. 1:11(10) ack 1 win 10000
        > . 1:1(0) ack 21 <sack 1:11>
        < P. 1:11(10) ack 1 win 10000
        > . 1:1(0) ack 21 <sack 1:11>",
    );
}

#[test]
fn rfc6675_holes_are_retransmitted_and_what_was_sacked_is_not() {
    let mut t = with_sack();
    t.send(10_000);
    for i in 0..10 {
        let (from, to) = (1 + i * 1000, 1001 + i * 1000);
        t.drive(
            &format!("> * {from}:{to}(1000) ack 1").replace('*', if i == 9 { "P." } else { "." }),
        );
    }
    t.drive(
        "
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:2001>
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:2001 3001:4001>
        -
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:2001 3001:5001>
        > . 1:1001(1000) ack 1
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:2001 3001:9001>
        > . 2001:3001(1000) ack 1
        < . 1:1(0) ack 9001 win 20000
        # nothing else can be sent: the tail is rescued, and once only
        > P. 9001:10001(1000) ack 1
        -
        < . 1:1(0) ack 9001 win 20000
        -
        < . 1:1(0) ack 10001 win 20000
        -",
    );
}

#[test]
fn rfc6675_4_a_lost_tail_is_rescued_without_a_timeout() {
    let mut t = with_sack();
    t.send(6000);
    for i in 0..6 {
        let (from, to) = (1 + i * 1000, 1001 + i * 1000);
        t.drive(
            &format!("> * {from}:{to}(1000) ack 1").replace('*', if i == 5 { "P." } else { "." }),
        );
    }
    t.drive(
        "
        # the first and the last are lost
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:2001>
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:3001>
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:4001>
        > . 1:1001(1000) ack 1
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:5001>
        > P. 5001:6001(1000) ack 1
        < . 1:1(0) ack 5001 win 20000
        -
        < . 1:1(0) ack 6001 win 20000
        -",
    );
    assert_eq!(t.status().unwrap().retransmissions, 2);
}

#[test]
fn rfc6675_4_new_data_goes_before_a_rescue() {
    let mut t = with_sack();
    t.send(5000);
    for i in 0..5 {
        let (from, to) = (1 + i * 1000, 1001 + i * 1000);
        t.drive(
            &format!("> * {from}:{to}(1000) ack 1").replace('*', if i == 4 { "P." } else { "." }),
        );
    }
    t.drive(
        "
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:4001>
        > . 1:1001(1000) ack 1",
    );
    t.send(1000);
    t.drive(
        "
        < . 1:1(0) ack 4001 win 20000
        > P. 5001:6001(1000) ack 1
        -",
    );
}

#[test]
fn rfc6675_4_holes_that_may_fill_by_themselves_come_before_the_rescue() {
    let mut t = with_sack();
    t.send(8000);
    for i in 0..8 {
        let (from, to) = (1 + i * 1000, 1001 + i * 1000);
        t.drive(
            &format!("> * {from}:{to}(1000) ack 1").replace('*', if i == 7 { "P." } else { "." }),
        );
    }
    t.drive(
        "
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:4001>
        > . 1:1001(1000) ack 1
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 5001:6001 1001:4001>
        -
        # 4001 has one segment above it: not lost yet, but a hole
        < . 1:1(0) ack 4001 win 20000 <nop,nop,sack 5001:6001>
        > . 4001:5001(1000) ack 1
        -
        < . 1:1(0) ack 6001 win 20000
        > P. 7001:8001(1000) ack 1
        -",
    );
}

#[test]
fn sack_blocks_that_lie_are_ignored() {
    let mut t = with_sack();
    t.send(3000);
    t.drive("> . 1:1001(1000) ack 1\n> . 1001:2001(1000) ack 1\n> P. 2001:3001(1000) ack 1");
    for block in [
        "5000:6000",
        "1:2147483649",
        "3001:1",
        "2147483649:2147483650",
        "1:1",
    ] {
        t.drive(&format!(
            "< . 1:1(0) ack 1 win 20000 <nop,nop,sack {block}>\n-"
        ));
    }
    t.drive("+1 > . 1:1001(1000) ack 1");
}

// RFC 5682

/// Five segments in flight, ten more queued, and the timer expires.
fn timed_out() -> Trace {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 5000 <mss 1000>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 5000",
    );
    t.accept();
    t.send(15_000);
    for i in 0..5 {
        let (from, to) = (1 + i * 1000, 1001 + i * 1000);
        t.drive(&format!("> . {from}:{to}(1000) ack 1"));
    }
    t.drive("-\n+1 > . 1:1001(1000) ack 1\n-");
    t
}

#[test]
fn rfc5682_a_needless_timeout_is_undone() {
    let mut t = timed_out();
    t.drive(
        "
        < . 1:1(0) ack 1001 win 15000
        > . 5001:6001(1000) ack 1
        > . 6001:7001(1000) ack 1
        -
        < . 1:1(0) ack 2001 win 15000",
    );
    // What it was, and the growth of the last acknowledgement.
    assert_eq!(t.status().unwrap().cwnd, 11_000);
    assert_eq!(t.status().unwrap().retransmissions, 1);
    t.drive("> . 7001:8001(1000) ack 1");
}

#[test]
fn rfc5682_a_needed_timeout_goes_on_from_the_head() {
    let mut t = timed_out();
    t.drive(
        "
        < . 1:1(0) ack 1001 win 15000
        > . 5001:6001(1000) ack 1
        > . 6001:7001(1000) ack 1
        -
        < . 1:1(0) ack 1001 win 15000
        > . 1001:2001(1000) ack 1",
    );
    assert!(t.status().unwrap().cwnd <= 2000);
}

#[test]
fn rfc5682_without_room_in_the_window_recovery_is_the_usual_one() {
    let mut t = timed_out();
    t.drive(
        "
        < . 1:1(0) ack 1001 win 4000
        > . 1001:2001(1000) ack 1
        > . 2001:3001(1000) ack 1
        -",
    );
}

// RFC 8985

/// ESTABLISHED with SACK and RACK-TLP, a round trip of 100 ms.
fn with_rack() -> Trace {
    let config = Config {
        sack: true,
        loss_recovery: LossRecovery::Rack,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive(
        "
        < S 0:0(0) win 20000 <mss 1000,sackOK>
        > S. 0:0(0) ack 1
        +0.1
        < . 1:1(0) ack 1 win 20000",
    );
    t.accept();
    t
}

#[test]
fn rfc8985_7_the_tail_is_probed_after_two_round_trips() {
    let mut t = with_rack();
    t.send(2000);
    t.drive(
        "
        > . 1:1001(1000) ack 1
        > P. 1001:2001(1000) ack 1
        +0.2 > P. 1001:2001(1000) ack 1
        +0.1
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:2001>
        > . 1:1001(1000) ack 1",
    );
}

#[test]
fn rfc8985_7_3_after_the_probe_the_retransmission_timer_runs() {
    let mut t = with_rack();
    t.send(1000);
    t.drive(
        "
        > P. 1:1001(1000) ack 1
        +0.4 > P. 1:1001(1000) ack 1
        +1 > P. 1:1001(1000) ack 1",
    );
}

#[test]
fn rfc8985_6_2_a_hole_is_filled_a_quarter_of_the_round_trip_later() {
    let mut t = with_rack();
    t.send(2000);
    t.drive(
        "
        > . 1:1001(1000) ack 1
        > P. 1001:2001(1000) ack 1
        +0.1
        < . 1:1(0) ack 1 win 20000 <nop,nop,sack 1001:2001>
        +0.025 > . 1:1001(1000) ack 1",
    );
}
