//! Senders whose application is the limit: RFC 5681 §4.1 and RFC 7661.

mod common;

use common::{Trace, plain};
use tcpconf_stack::{Config, UnusedWindow};

/// ESTABLISHED with a congestion window of forty segments of 1000 octets, idle; returns SND.NXT, relative.
fn grown(unused_window: UnusedWindow, sack: bool) -> (Trace, u32) {
    let config = Config {
        unused_window,
        sack,
        ..plain()
    };
    let mut t = Trace::listening(config);
    let option = if sack { ",sackOK" } else { "" };
    t.drive(&format!(
        "
        < S 0:0(0) win 60000 <mss 1000{option}>
        > S. 0:0(0) ack 1
        +0.1
        < . 1:1(0) ack 1 win 60000"
    ));
    t.accept();
    // Slow start: two segments leave for each that is acknowledged.
    t.send(68_000);
    let mut sent = burst(&mut t);
    for acked in 1..=29 {
        if acked % 10 == 1 {
            t.drive("+0.1");
        }
        t.drive(&format!("< . 1:1(0) ack {} win 60000", 1 + acked * 1000));
        sent += burst(&mut t);
    }
    assert_eq!(sent, 68);
    let nxt = 68_001;
    t.drive(&format!("+0.1\n< . 1:1(0) ack {nxt} win 60000\n-"));
    assert_eq!(cwnd(&t), 40_000);
    (t, nxt)
}

/// `count` segments leave, and each is acknowledged a tenth of a second later.
fn exchange(t: &mut Trace, nxt: u32, count: u32) -> u32 {
    for _ in 0..count {
        assert!(t.poll().is_some(), "{count} segments should leave");
    }
    t.drive("-\n+0.1");
    for i in 1..=count {
        t.drive(&format!("< . 1:1(0) ack {} win 60000", nxt + i * 1000));
    }
    nxt + count * 1000
}

fn cwnd(t: &Trace) -> u32 {
    t.status().expect("a connection").cwnd
}

/// Segments that leave now.
fn burst(t: &mut Trace) -> usize {
    core::iter::from_fn(|| t.poll()).count()
}

#[test]
fn rfc5681_4_1_a_pause_leaves_the_initial_window() {
    let (mut t, nxt) = grown(UnusedWindow::Restart, false);
    t.drive("+60");
    t.send(40_000);
    assert_eq!(burst(&mut t), 10);
    t.drive(&format!("< . 1:1(0) ack {} win 60000", nxt + 1000));
    assert_eq!(burst(&mut t), 2);
}

#[test]
fn rfc7661_4_4_a_pause_keeps_the_window_and_4_4_2_bursts_stay_small() {
    let (mut t, nxt) = grown(UnusedWindow::Validate, false);
    t.drive("+60");
    assert_eq!(cwnd(&t), 40_000);
    t.send(60_000);
    assert_eq!(burst(&mut t), 10);
    t.drive(&format!("< . 1:1(0) ack {} win 60000", nxt + 1000));
    assert_eq!(burst(&mut t), 10);
    t.drive(&format!("< . 1:1(0) ack {} win 60000", nxt + 2000));
    assert_eq!(burst(&mut t), 10);
}

#[test]
fn rfc7661_4_4_3_after_five_minutes_half_of_the_window_is_left() {
    let (mut t, mut nxt) = grown(UnusedWindow::Validate, false);
    // One segment every ten seconds: not validated, and not idle.
    for _ in 0..29 {
        t.drive("+10");
        t.send(1000);
        nxt = exchange(&mut t, nxt, 1);
        assert_eq!(cwnd(&t), 40_000);
    }
    for _ in 0..3 {
        t.drive("+10");
        t.send(1000);
        nxt = exchange(&mut t, nxt, 1);
    }
    let status = t.status().unwrap();
    assert_eq!((status.cwnd, status.ssthresh), (20_000, u32::MAX));
    t.drive("+3600");
    t.send(1000);
    exchange(&mut t, nxt, 1);
    assert_eq!(cwnd(&t), 10_000);
}

#[test]
fn rfc7661_4_4_an_unvalidated_window_does_not_grow_and_use_validates_it() {
    let (mut t, mut nxt) = grown(UnusedWindow::Validate, false);
    t.drive("+10");
    for _ in 0..5 {
        t.send(4000);
        nxt = exchange(&mut t, nxt, 4);
    }
    assert_eq!(cwnd(&t), 40_000);
    // More than half of it within a round trip.
    t.send(34_000);
    assert_eq!(burst(&mut t), 10);
    for i in 1..=34 {
        assert_eq!(cwnd(&t), 40_000, "before {i}");
        t.drive(&format!("< . 1:1(0) ack {} win 60000", nxt + i * 1000));
        burst(&mut t);
    }
    assert_eq!(cwnd(&t), 41_000);
    t.send(30_000);
    assert_eq!(burst(&mut t), 30);
}

#[test]
fn rfc7661_4_4_1_a_loss_reduces_what_was_used() {
    let (mut t, mut nxt) = grown(UnusedWindow::Validate, true);
    t.drive("+10");
    t.send(8000);
    nxt = exchange(&mut t, nxt, 8);
    t.send(5000);
    assert_eq!(burst(&mut t), 5);
    // The first is lost. pipeACK is 8000, in flight are 5000.
    let seg = |i: u32| nxt + i * 1000;
    t.drive(&format!(
        "
        < . 1:1(0) ack {} win 60000 <nop,nop,sack {}:{}>
        > . {}:{}(1000) ack 1",
        seg(0),
        seg(1),
        seg(4),
        seg(0),
        seg(1),
    ));
    assert_eq!(cwnd(&t), 4000);
    burst(&mut t);
    t.drive(&format!("< . 1:1(0) ack {} win 60000", seg(5)));
    // One segment, and the rescued last one, were sent again: (8000 - 2000) / 2.
    assert_eq!(t.status().unwrap().retransmissions, 2);
    assert_eq!(cwnd(&t), 3000);
}

#[test]
fn rfc7661_4_4_a_timeout_leaves_the_phase() {
    let (mut t, nxt) = grown(UnusedWindow::Validate, false);
    t.drive("+10");
    t.send(1000);
    let end = nxt + 1000;
    t.drive(&format!(
        "> P. {nxt}:{end}(1000) ack 1\n+1 > P. {nxt}:{end}(1000) ack 1"
    ));
    assert_eq!(cwnd(&t), 1000);
}
