//! The checks of SEGMENT ARRIVES in synchronized states (RFC 9293 §3.10.7.4).

mod common;

use common::{SYNCHRONIZED, Trace, in_state, plain};
use tcpconf_stack::{Config, ErrorKind, Event, Received};

// First

#[test]
fn first_an_unacceptable_segment_draws_an_ack() {
    for state in SYNCHRONIZED {
        for seq in [-10i64, 70_000] {
            let (mut t, snd, rcv) = in_state(state);
            let seq = i64::from(rcv) + seq;
            t.drive(&format!("< . {seq}:{seq}(0) ack {snd} win 10000"));
            t.drive(&format!("> . {snd}:{snd}(0) ack {rcv}\n-\n= {state}"));
            let end = seq + 5;
            t.drive(&format!("< P. {seq}:{end}(5) ack {snd} win 10000"));
            t.drive(&format!("> . {snd}:{snd}(0) ack {rcv}\n-\n= {state}"));
        }
    }
}

#[test]
fn first_a_rst_outside_the_window_is_dropped() {
    for state in SYNCHRONIZED {
        let (mut t, _, rcv) = in_state(state);
        for seq in [i64::from(rcv) - 1, i64::from(rcv) + 70_000] {
            t.drive(&format!("< R {seq}:{seq}(0)\n-\n= {state}"));
        }
    }
}

#[test]
fn first_a_segment_is_trimmed_to_the_window() {
    let config = Config {
        receive_buffer: 100,
        ..plain()
    };
    let mut t = Trace::established(config);
    t.drive("< P. 1:51(50) ack 1 win 10000\n< P. 31:61(30) ack 1 win 10000");
    t.drive("> . 1:1(0) ack 61 win 40\n< FP. 61:151(90) ack 1 win 10000");
    t.drive("+0.2 > . 1:1(0) ack 101 win 0\n= ESTABLISHED");
    assert_eq!(t.read(), common::stream(1, 100));
}

/// The four rows of §3.4 ask whether the first or the last octet lies in the window. In a segment
/// that begins before it and ends behind it neither does.
#[test]
fn first_a_segment_that_spans_the_window_is_not_acceptable() {
    let config = Config {
        receive_buffer: 100,
        ..plain()
    };
    let mut t = Trace::established(config);
    t.drive(
        "
        < P. 1:51(50) ack 1 win 10000
        +0.2 > . 1:1(0) ack 51 win 50
        # 51 to 100 would fit, but neither 41 nor 110 does
        < P. 41:111(70) ack 1 win 10000
        > . 1:1(0) ack 51 win 50
        # each end alone is enough
        < P. 41:61(20) ack 1 win 10000
        +0.2 > . 1:1(0) ack 61 win 40
        < P. 61:111(50) ack 1 win 10000
        +0.2 > . 1:1(0) ack 101 win 0",
    );
    assert_eq!(t.read(), common::stream(1, 100));
}

#[test]
fn must_66_a_closed_window_lets_ack_urg_and_rst_through() {
    let config = Config {
        receive_buffer: 100,
        ..plain()
    };
    let mut t = Trace::established(config);
    t.send(10);
    t.drive(
        "> P. 1:11(10) ack 1\n< P. 1:101(100) ack 1 win 10000\n+0.2 > . 11:11(0) ack 101 win 0",
    );
    t.events();
    t.drive("< PU. 101:102(1) ack 11 win 10000 urg 1\n> . 11:11(0) ack 101 win 0");
    assert_eq!(t.status().unwrap().unacked, 0);
    assert_eq!(t.events(), [Event::Urgent]);
    t.drive("< R 102:102(0)\n-\n= ESTABLISHED\n< R 101:101(0)\n-\n= CLOSED");
}

// Second

#[test]
fn second_an_exact_rst_resets() {
    for state in SYNCHRONIZED {
        let (mut t, _, rcv) = in_state(state);
        t.events();
        t.drive(&format!("< R {rcv}:{rcv}(0)\n-\n= CLOSED"));
        let told = t.events();
        let error = matches!(
            state,
            "ESTABLISHED" | "FIN-WAIT-1" | "FIN-WAIT-2" | "CLOSE-WAIT"
        );
        assert_eq!(
            told.contains(&Event::Error(ErrorKind::Reset)),
            error,
            "{state}"
        );
        assert_eq!(told.last(), Some(&Event::Closed), "{state}");
    }
}

#[test]
fn second_shld_2_a_rst_with_text_resets() {
    let (mut t, ..) = in_state("ESTABLISHED");
    t.drive("< R. 1:21(20) ack 1\n-\n= CLOSED");
}

#[test]
fn rfc5961_3_2_a_rst_in_the_window_draws_a_challenge() {
    for state in SYNCHRONIZED {
        let (mut t, snd, rcv) = in_state(state);
        let seq = rcv + 1;
        t.drive(&format!("< R {seq}:{seq}(0)"));
        t.drive(&format!("> . {snd}:{snd}(0) ack {rcv}\n-\n= {state}"));
    }
}

#[test]
fn rfc5961_7_challenges_are_limited() {
    let config = Config {
        challenge_acks_per_second: 3,
        ..plain()
    };
    let mut t = Trace::established(config);
    for _ in 0..3 {
        t.drive("< R 9:9(0)\n> . 1:1(0) ack 1");
    }
    t.drive("< R 9:9(0)\n-\n+1\n< R 9:9(0)\n> . 1:1(0) ack 1");
}

// Fourth

#[test]
fn rfc5961_4_a_syn_draws_a_challenge() {
    for state in SYNCHRONIZED {
        if state == "TIME-WAIT" {
            continue;
        }
        for seq in [0i64, 1, 5, 70_000] {
            let (mut t, snd, rcv) = in_state(state);
            let seq = i64::from(rcv) + seq - 1;
            t.drive(&format!("< S {seq}:{seq}(0) win 10000"));
            t.drive(&format!("> . {snd}:{snd}(0) ack {rcv}\n-\n= {state}"));
        }
    }
}

#[test]
fn without_rfc5961_rst_and_syn_in_the_window_reset() {
    let config = Config {
        rfc5961: false,
        ..plain()
    };
    let mut t = Trace::established(config.clone());
    t.drive("< R 5:5(0)\n-\n= CLOSED");
    let mut t = Trace::established(config);
    t.drive("< S 5:5(0) win 1000\n> R 1:1(0)\n-\n= CLOSED");
}

// Fifth

#[test]
fn fifth_without_ack_nothing_happens() {
    for state in SYNCHRONIZED {
        let (mut t, _, rcv) = in_state(state);
        let end = rcv + 4;
        t.drive(&format!("< FP {rcv}:{end}(4) win 10000\n-\n= {state}"));
    }
}

#[test]
fn fifth_an_ack_of_what_was_not_sent_draws_an_ack_and_nothing_else() {
    for state in SYNCHRONIZED {
        let (mut t, snd, rcv) = in_state(state);
        let (end, ack) = (rcv + 4, snd + 1);
        t.drive(&format!("< P. {rcv}:{end}(4) ack {ack} win 10000"));
        t.drive(&format!("> . {snd}:{snd}(0) ack {rcv}\n-\n= {state}"));
    }
}

#[test]
fn rfc5961_5_2_a_very_old_ack_draws_an_ack() {
    for state in SYNCHRONIZED {
        let (mut t, snd, rcv) = in_state(state);
        let (end, ack) = (rcv + 4, i64::from(snd) - 10_002);
        t.drive(&format!("< P. {rcv}:{end}(4) ack {ack} win 10000"));
        t.drive(&format!("> . {snd}:{snd}(0) ack {rcv}\n-\n= {state}"));
    }
}

#[test]
fn fifth_an_old_ack_is_ignored_and_the_text_taken() {
    let (mut t, ..) = in_state("ESTABLISHED");
    t.drive("< P. 1:11(10) ack -100 win 10000\n+0.2 > . 1:1(0) ack 11");
}

#[test]
fn fifth_the_window_follows_newer_segments_only() {
    let (mut t, ..) = in_state("ESTABLISHED");
    t.drive("< P. 1:11(10) ack 1 win 5000\n+0.2 > . 1:1(0) ack 11");
    assert_eq!(t.status().unwrap().snd_wnd, 5000);
    t.drive("< P. 5:11(6) ack 1 win 7000\n> . 1:1(0) ack 11");
    assert_eq!(t.status().unwrap().snd_wnd, 5000);
    t.drive("< . 11:11(0) ack 1 win 6000");
    assert_eq!(t.status().unwrap().snd_wnd, 6000);
    t.drive("< P. 12:21(9) ack 1 win 8000\n> . 1:1(0) ack 11");
    assert_eq!(t.status().unwrap().snd_wnd, 8000);
    t.drive("< . 11:11(0) ack 1 win 4000");
    assert_eq!(t.status().unwrap().snd_wnd, 8000);
}

// Sixth

#[test]
fn sixth_urgent_is_told_once_a_run() {
    let (mut t, ..) = in_state("ESTABLISHED");
    t.events();
    t.drive("< PU. 1:11(10) ack 1 win 10000 urg 5");
    assert_eq!(t.events(), [Event::Readable, Event::Urgent]);
    assert!(t.status().unwrap().urgent);
    t.drive("< PU. 11:12(1) ack 1 win 10000 urg 1\n> . 1:1(0) ack 12");
    assert_eq!(t.events(), [Event::Readable, Event::Urgent]);
    assert_eq!(t.read(), common::stream(1, 11));
    assert!(!t.status().unwrap().urgent);
}

#[test]
fn sixth_after_the_fin_urgent_is_ignored() {
    for state in ["CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"] {
        let (mut t, snd, rcv) = in_state(state);
        t.events();
        let end = rcv + 5;
        t.drive(&format!("< PU. {rcv}:{end}(5) ack {snd} win 10000 urg 3"));
        assert!(!t.events().contains(&Event::Urgent), "{state}");
    }
}

// Seventh

#[test]
fn seventh_text_is_taken_where_the_peer_may_send() {
    for state in ["ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2"] {
        let (mut t, snd, _) = in_state(state);
        t.drive(&format!("< P. 1:11(10) ack {snd} win 10000"));
        let _ = t.poll();
        assert_eq!(t.read(), common::stream(1, 10), "{state}");
    }
}

#[test]
fn seventh_text_after_the_fin_is_not_taken() {
    for state in ["CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"] {
        let (mut t, _, _) = in_state(state);
        let ack = if matches!(state, "CLOSING" | "LAST-ACK") {
            1
        } else {
            2
        };
        let ack = if state == "CLOSE-WAIT" { 1 } else { ack };
        t.drive(&format!("< P. 2:12(10) ack {ack} win 10000"));
        assert_eq!(
            t.status().unwrap().rcv_nxt.0,
            common::PEER_ISN.wrapping_add(2)
        );
        assert_eq!(t.status().unwrap().unread, 0, "{state}");
    }
}

#[test]
fn shld_31_out_of_order_segments_are_kept() {
    let (mut t, ..) = in_state("ESTABLISHED");
    t.drive(
        "
        < P. 11:21(10) ack 1 win 10000
        > . 1:1(0) ack 1
        < FP. 21:31(10) ack 1 win 10000
        > . 1:1(0) ack 1
        < P. 1:11(10) ack 1 win 10000
        > . 1:1(0) ack 32
        -
        = CLOSE-WAIT",
    );
    assert_eq!(t.read(), common::stream(1, 30));
    let id = t.id();
    assert_eq!(t.host.receive(t.now, id, 1), Ok(Received::Eof));
}

#[test]
fn must_40_shld_19_acks_are_delayed_and_every_second_segment_draws_one() {
    let (mut t, ..) = in_state("ESTABLISHED");
    t.drive(
        "
        < P. 1:1001(1000) ack 1 win 10000
        +0.2 > . 1:1(0) ack 1001
        < P. 1001:2001(1000) ack 1 win 10000
        -
        < P. 2001:3001(1000) ack 1 win 10000
        > . 1:1(0) ack 3001
        +1",
    );
}

// Timestamps

fn stamped() -> Trace {
    let config = Config {
        timestamps: true,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive(
        "
        < S 0:0(0) win 10000 <mss 1000,ts 100 0>
        > S. 0:0(0) ack 1 <mss 1460,ts ecr 100>
        < . 1:1(0) ack 1 win 10000 <ts 101 0>",
    );
    t.accept();
    t
}

#[test]
fn rfc7323_5_3_r1_an_old_timestamp_draws_an_ack() {
    let mut t = stamped();
    t.drive("< P. 1:11(10) ack 1 win 10000 <ts 100 0>\n> . 1:1(0) ack 1 <ts ecr 101>");
    t.drive("< P. 1:11(10) ack 1 win 10000 <ts 102 0>\n+0.2 > . 1:1(0) ack 11 <ts ecr 102>");
}

#[test]
fn rfc7323_3_2_a_segment_without_timestamps_is_dropped_but_not_a_rst() {
    let mut t = stamped();
    t.drive("< P. 1:11(10) ack 1 win 10000\n-\n= ESTABLISHED\n< R 1:1(0)\n= CLOSED");
}

#[test]
fn rfc7323_4_3_the_echo_is_that_of_the_segment_at_the_left_edge() {
    let mut t = stamped();
    t.drive(
        "
        < P. 11:21(10) ack 1 win 10000 <ts 103 0>
        > . 1:1(0) ack 1 <ts ecr 101>
        < P. 1:11(10) ack 1 win 10000 <ts 104 0>
        > . 1:1(0) ack 21 <ts ecr 104>",
    );
}

#[test]
fn rfc7323_5_5_after_24_days_any_timestamp_is_taken() {
    let mut t = stamped();
    t.drive("+2100000\n< P. 1:11(10) ack 1 win 10000 <ts 5 0>\n+0.2 > . 1:1(0) ack 11 <ts ecr 5>");
}

#[test]
fn rfc7323_5_2_a_rst_carries_timestamps() {
    let mut t = stamped();
    let id = t.id();
    t.host.abort(t.now, id).unwrap();
    t.drive("> R 1:1(0) <ts ecr 101>");
}
