//! What is sent when: Nagle, silly windows, zero windows, PSH, urgent data, retransmission, keep-alive
//! (RFC 9293 §3.7.4, §3.8; RFC 6298).

mod common;

use common::{Trace, plain};
use tcpconf_stack::{Config, ErrorKind, Event, KeepAlive, SocketOptions, SoftError};

fn options(t: &mut Trace, change: impl FnOnce(&mut SocketOptions)) {
    let id = t.id();
    let mut options = t.host.options(id).expect("it exists");
    change(&mut options);
    t.host.set_options(id, options).expect("it exists");
}

fn no_nagle() -> Trace {
    let mut t = Trace::established(plain());
    options(&mut t, |o| o.nagle = false);
    t
}

#[test]
fn shld_7_nagle_holds_a_small_segment_until_the_ack() {
    let mut t = Trace::established(plain());
    t.send(10);
    t.drive("> P. 1:11(10) ack 1");
    t.send(10);
    t.drive("-");
    t.send(10);
    t.drive("-\n< . 1:1(0) ack 11 win 10000\n> P. 11:31(20) ack 1\n-");
}

#[test]
fn must_17_without_nagle_small_segments_leave_at_once() {
    let mut t = no_nagle();
    t.send(10);
    t.drive("> P. 1:11(10) ack 1");
    t.send(10);
    t.drive("> P. 11:21(10) ack 1\n-");
}

#[test]
fn must_61_shld_28_full_segments_and_push_on_the_last() {
    let mut t = Trace::established(plain());
    t.send(2500);
    t.drive(
        "
        > . 1:1001(1000) ack 1
        > . 1001:2001(1000) ack 1
        -
        < . 1:1(0) ack 2001 win 10000
        > P. 2001:2501(500) ack 1
        -",
    );
}

#[test]
fn close_pushes_what_nagle_holds() {
    let mut t = Trace::established(plain());
    t.send(1010);
    t.drive("> . 1:1001(1000) ack 1\n-");
    t.close();
    t.drive("> FP. 1001:1011(10) ack 1\n-");
}

#[test]
fn must_38_a_small_window_is_used_only_after_a_while() {
    let mut t = Trace::established(plain());
    t.drive("< . 1:1(0) ack 1 win 100");
    t.send(500);
    t.drive("-\n+0.2 > . 1:101(100) ack 1\n-");
}

#[test]
fn rfc9293_3_8_6_2_1_half_the_largest_window_is_worth_a_segment() {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 600 <mss 1000>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 600",
    );
    t.accept();
    t.send(5000);
    t.drive("> . 1:601(600) ack 1\n-");
}

#[test]
fn must_36_shld_29_shld_30_a_zero_window_is_probed() {
    let mut t = Trace::established(plain());
    t.drive("< . 1:1(0) ack 1 win 0");
    t.send(500);
    t.drive(
        "
        -
        +1 > . 1:2(1) ack 1
        < . 1:1(0) ack 1 win 0
        +2 > . 1:2(1) ack 1
        < . 1:1(0) ack 1 win 0
        +4 > . 1:2(1) ack 1
        < . 1:1(0) ack 1 win 1000
        > P. 1:501(500) ack 1
        -",
    );
}

#[test]
fn a_probe_that_is_taken_is_not_sent_again() {
    let mut t = Trace::established(plain());
    t.drive("< . 1:1(0) ack 1 win 0");
    t.send(500);
    t.drive("+1 > . 1:2(1) ack 1\n< . 1:1(0) ack 2 win 1000\n> P. 2:501(499) ack 1\n-");
}

#[test]
fn must_37_probes_that_are_answered_keep_the_connection() {
    let mut t = Trace::established(plain());
    t.drive("< . 1:1(0) ack 1 win 0");
    t.send(5);
    t.drive("+1 > . 1:2(1) ack 1\n< . 1:1(0) ack 1 win 0");
    t.drive("+2 > . 1:2(1) ack 1\n< . 1:1(0) ack 1 win 0");
    t.drive("+4 > . 1:2(1) ack 1\n< . 1:1(0) ack 1 win 0");
    t.drive("+8 > . 1:2(1) ack 1\n< . 1:1(0) ack 1 win 0");
    t.drive("+16 > . 1:2(1) ack 1\n< . 1:1(0) ack 1 win 0");
    t.drive("+32 > . 1:2(1) ack 1\n< . 1:1(0) ack 1 win 0");
    for _ in 0..10 {
        t.drive("+60 > . 1:2(1) ack 1\n< . 1:1(0) ack 1 win 0\n= ESTABLISHED");
    }
}

#[test]
fn must_34_must_35_a_window_shrunk_to_zero_is_probed() {
    let mut t = Trace::established(plain());
    t.send(2000);
    t.drive(
        "
        > . 1:1001(1000) ack 1
        > P. 1001:2001(1000) ack 1
        < . 1:1(0) ack 1 win 0
        +1 > . 1:2(1) ack 1
        < . 1:1(0) ack 1 win 5000
        > . 1:2(1) ack 1",
    );
}

#[test]
fn must_62_urgent_data_points_behind_its_last_octet() {
    let mut t = no_nagle();
    let id = t.id();
    t.host
        .send_urgent(t.now, id, &common::stream(1, 10))
        .unwrap();
    t.drive("> P.U 1:11(10) ack 1 urg 10");
    t.send(5);
    t.drive("> P. 11:16(5) ack 1");
}

#[test]
fn urgent_data_ahead_is_announced_by_each_segment_before_it() {
    let mut t = Trace::established(plain());
    let id = t.id();
    t.host
        .send_urgent(t.now, id, &common::stream(1, 1500))
        .unwrap();
    t.drive("> .U 1:1001(1000) ack 1 urg 1500\n> P.U 1001:1501(500) ack 1 urg 500");
}

// RFC 6298

#[test]
fn rfc6298_5_retransmission_backs_off_and_karn_keeps_the_timeout() {
    let mut t = Trace::established(plain());
    t.send(10);
    t.drive(
        "
        > P. 1:11(10) ack 1
        +1 > P. 1:11(10) ack 1
        +2 > P. 1:11(10) ack 1
        +4 > P. 1:11(10) ack 1
        < . 1:1(0) ack 11 win 10000
        -",
    );
    t.send(10);
    t.drive("> P. 11:21(10) ack 1\n+8 > P. 11:21(10) ack 1");
}

#[test]
fn shld_9_must_20_r1_is_told_and_r2_ends_the_connection() {
    let mut t = Trace::established(plain());
    t.events();
    options(&mut t, |o| {
        o.user_timeout = Some(core::time::Duration::from_secs(20));
    });
    t.send(10);
    t.drive(
        "
        > P. 1:11(10) ack 1
        +1 > P. 1:11(10) ack 1
        +2 > P. 1:11(10) ack 1
        +4 > P. 1:11(10) ack 1",
    );
    assert_eq!(t.events(), [Event::Soft(SoftError::Unresponsive)]);
    t.drive("+8 > P. 1:11(10) ack 1\n+5 > R 11:11(0)\n= CLOSED");
    assert_eq!(
        t.events(),
        [Event::Error(ErrorKind::TimedOut), Event::Closed]
    );
}

#[test]
fn the_fin_is_sent_again() {
    let mut t = Trace::established(plain());
    t.close();
    t.drive("> F. 1:1(0) ack 1\n+1 > F. 1:1(0) ack 1\n+2 > F. 1:1(0) ack 1\n= FIN-WAIT-1");
}

#[test]
fn after_a_timeout_one_segment_is_sent_and_then_slow_start() {
    let mut t = Trace::established(plain());
    t.send(4000);
    t.drive(
        "
        > . 1:1001(1000) ack 1
        > . 1001:2001(1000) ack 1
        > . 2001:3001(1000) ack 1
        > P. 3001:4001(1000) ack 1
        +1 > . 1:1001(1000) ack 1
        -
        < . 1:1(0) ack 1001 win 10000
        > . 1001:2001(1000) ack 1
        > . 2001:3001(1000) ack 1
        -
        < . 1:1(0) ack 4001 win 10000
        -",
    );
}

// Keep-alive, §3.8.4

#[test]
fn must_25_there_is_no_keep_alive_unless_asked_for() {
    let mut t = Trace::established(plain());
    t.drive("+1000000\n= ESTABLISHED");
}

#[test]
fn must_26_must_29_keep_alive_probes_and_gives_up() {
    let mut t = Trace::established(plain());
    options(&mut t, |o| {
        o.keep_alive = Some(KeepAlive {
            probes: 2,
            ..KeepAlive::default()
        });
    });
    t.drive(
        "
        +7200 > . 0:0(0) ack 1
        < . 1:1(0) ack 1 win 10000
        +7200 > . 0:0(0) ack 1
        +75 > . 0:0(0) ack 1
        +75 > R 1:1(0)
        = CLOSED",
    );
}

#[test]
fn rfc9293_3_8_4_a_keep_alive_of_the_peer_is_answered() {
    let mut t = Trace::established(plain());
    t.drive("< . 0:0(0) ack 1 win 10000\n> . 1:1(0) ack 1");
    t.drive("< . 0:1(1) ack 1 win 10000\n> . 1:1(0) ack 1");
}

// Receive window, §3.8.6

#[test]
fn must_39_the_window_opens_in_useful_steps() {
    let config = Config {
        receive_buffer: 4000,
        ..plain()
    };
    let mut t = Trace::established(config);
    t.drive(
        "
        < . 1:1001(1000) ack 1 win 10000
        < . 1001:2001(1000) ack 1 win 10000
        > . 1:1(0) ack 2001 win 2000
        < . 2001:3001(1000) ack 1 win 10000
        < . 3001:4001(1000) ack 1 win 10000
        > . 1:1(0) ack 4001 win 0",
    );
    let id = t.id();
    let _ = t.host.receive(t.now, id, 900);
    t.drive("-");
    let _ = t.host.receive(t.now, id, 100);
    t.drive("> . 1:1(0) ack 4001 win 1000\n-");
    assert_eq!(t.read().len(), 3000);
    t.drive("> . 1:1(0) ack 4001 win 4000");
}

#[test]
fn a_lying_urgent_pointer_far_beyond_the_text_does_no_harm() {
    let mut t = Trace::established(plain());
    t.drive("< PU. 1:11(10) ack 1 win 10000 urg 65535");
    t.drive("< PU. 11:21(10) ack 1 win 10000 urg 0\n> . 1:1(0) ack 21");
    assert_eq!(t.read().len(), 20);
    assert!(t.status().unwrap().urgent);
}
