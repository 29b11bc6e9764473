//! Closing: FIN, TIME-WAIT and what the user does (RFC 9293 §3.6, §3.10.2 to §3.10.5).

mod common;

use common::{Trace, in_state, plain};
use rstest::rstest;
use tcpconf_stack::{CallError, Config, Event, Received};

// Eighth, and the transitions of closing

#[rstest]
#[case("ESTABLISHED", "CLOSE-WAIT")]
#[case("FIN-WAIT-2", "TIME-WAIT")]
fn eighth_a_fin_is_acknowledged(#[case] state: &str, #[case] next: &str) {
    let (mut t, snd, rcv) = in_state(state);
    t.events();
    t.drive(&format!("< F. {rcv}:{rcv}(0) ack {snd} win 10000"));
    let ack = rcv + 1;
    t.drive(&format!("> . {snd}:{snd}(0) ack {ack}\n-\n= {next}"));
    assert_eq!(t.events(), [Event::Eof]);
}

#[test]
fn eighth_a_fin_in_fin_wait_1() {
    let (mut t, ..) = in_state("FIN-WAIT-1");
    t.drive("< F. 1:1(0) ack 1 win 10000\n> . 2:2(0) ack 2\n= CLOSING");
    t.drive("< . 2:2(0) ack 2 win 10000\n-\n= TIME-WAIT");
    let (mut t, ..) = in_state("FIN-WAIT-1");
    t.drive("< F. 1:1(0) ack 2 win 10000\n> . 2:2(0) ack 2\n= TIME-WAIT");
}

#[test]
fn eighth_the_fin_again_draws_the_same_ack() {
    for state in ["CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT"] {
        let (mut t, snd, _) = in_state(state);
        let ack = if matches!(state, "CLOSING" | "LAST-ACK") {
            1
        } else {
            snd
        };
        t.drive(&format!("< F. 1:1(0) ack {ack} win 10000"));
        t.drive(&format!("> . {snd}:{snd}(0) ack 2\n-\n= {state}"));
    }
}

#[test]
fn must_13_time_wait_lasts_two_segment_lifetimes_and_a_fin_starts_it_again() {
    let (mut t, ..) = in_state("TIME-WAIT");
    t.drive(
        "
        +200
        < F. 1:1(0) ack 2 win 10000
        > . 2:2(0) ack 2
        +239
        = TIME-WAIT
        +1
        = CLOSED",
    );
    assert_eq!(t.events().last(), Some(&Event::Closed));
}

#[test]
fn last_ack_ends_with_the_ack_of_the_fin() {
    let (mut t, ..) = in_state("LAST-ACK");
    t.drive("< . 2:2(0) ack 1 win 10000\n-\n= LAST-ACK\n< . 2:2(0) ack 2 win 10000\n-\n= CLOSED");
}

#[test]
fn fin_wait_1_waits_for_the_ack_of_the_fin() {
    let mut t = Trace::established(plain());
    t.send(10);
    t.close();
    t.drive(
        "
        > FP. 1:11(10) ack 1
        < . 1:1(0) ack 11 win 10000
        = FIN-WAIT-1
        < . 1:1(0) ack 12 win 10000
        = FIN-WAIT-2",
    );
}

#[test]
fn rfc6191_a_newer_syn_ends_time_wait_and_an_older_one_does_not() {
    let (mut t, ..) = in_state("TIME-WAIT");
    t.drive("< S 1:1(0) win 1000\n> . 2:2(0) ack 2\n= TIME-WAIT");
    let old = t.status().unwrap().snd_nxt;
    t.drive("< S 5000:5000(0) win 1000\n> S. 0:0(0) ack 5001\n= SYN-RECEIVED");
    assert!(t.status().unwrap().iss.gt(old));
}

#[test]
fn rfc6191_with_timestamps_a_later_one_decides() {
    let config = Config {
        timestamps: true,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive(
        "
        < S 0:0(0) win 10000 <ts 100 0>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 10000 <ts 101 0>",
    );
    t.accept();
    t.close();
    t.drive(
        "
        > F. 1:1(0) ack 1
        < F. 1:1(0) ack 2 win 10000 <ts 102 0>
        > . 2:2(0) ack 2
        = TIME-WAIT
        < S -9000:-9000(0) win 1000 <ts 90 0>
        > . 2:2(0) ack 2
        = TIME-WAIT
        < S -9000:-9000(0) win 1000 <ts 103 0>
        > S. 0:0(0) ack 4294958297 <mss 1460,ts ecr 103>
        = SYN-RECEIVED",
    );
}

// The user's end

#[test]
fn rfc2525_2_17_unread_data_turns_the_close_into_a_reset() {
    let (mut t, ..) = in_state("ESTABLISHED");
    t.drive("< P. 1:11(10) ack 1 win 10000");
    let id = t.id();
    t.host.release(t.now, id);
    t.drive("> R 1:1(0)\n-\n= CLOSED");
    assert_eq!(t.host.status(id), None);
}

#[test]
fn shld_3_data_for_nobody_draws_a_reset() {
    let (mut t, ..) = in_state("ESTABLISHED");
    let id = t.id();
    t.host.release(t.now, id);
    t.drive(
        "
        > F. 1:1(0) ack 1
        < . 1:1(0) ack 2 win 10000
        = FIN-WAIT-2
        < P. 1:11(10) ack 2 win 10000
        > R 2:2(0)
        -
        = CLOSED",
    );
}

#[test]
fn fin_wait_2_without_a_user_is_given_up() {
    let (mut t, ..) = in_state("FIN-WAIT-2");
    t.drive("+1000\n= FIN-WAIT-2");
    let id = t.id();
    t.host.release(t.now, id);
    t.drive("+59\n= FIN-WAIT-2\n+1\n= CLOSED");
    assert_eq!(t.host.sockets(), 1);
}

// §3.10.2 to §3.10.5

#[rstest]
#[case("FIN-WAIT-1")]
#[case("FIN-WAIT-2")]
#[case("CLOSING")]
#[case("LAST-ACK")]
#[case("TIME-WAIT")]
fn after_close_send_and_close_are_refused(#[case] state: &str) {
    let (mut t, ..) = in_state(state);
    let id = t.id();
    assert_eq!(t.host.send(t.now, id, b"x"), Err(CallError::Closing));
    assert_eq!(t.host.close(t.now, id), Err(CallError::Closing));
    t.drive("-");
}

#[rstest]
#[case("ESTABLISHED", true)]
#[case("FIN-WAIT-1", true)]
#[case("FIN-WAIT-2", true)]
#[case("CLOSE-WAIT", true)]
#[case("CLOSING", false)]
#[case("LAST-ACK", false)]
#[case("TIME-WAIT", false)]
fn rfc9293_3_10_5_abort(#[case] state: &str, #[case] reset: bool) {
    let (mut t, snd, _) = in_state(state);
    let id = t.id();
    t.host.abort(t.now, id).unwrap();
    if reset {
        t.drive(&format!("> R {snd}:{snd}(0)"));
    }
    t.drive("-\n= CLOSED");
    assert_eq!(t.host.abort(t.now, id), Err(CallError::NoSuchConnection));
}

#[rstest]
#[case("CLOSE-WAIT")]
#[case("CLOSING")]
#[case("LAST-ACK")]
#[case("TIME-WAIT")]
fn rfc9293_3_10_3_after_the_fin_receive_says_eof(#[case] state: &str) {
    let (mut t, ..) = in_state(state);
    let id = t.id();
    assert_eq!(t.host.receive(t.now, id, 10), Ok(Received::Eof));
}

#[test]
fn close_in_close_wait_waits_for_queued_data() {
    let (mut t, ..) = in_state("CLOSE-WAIT");
    t.drive("< . 2:2(0) ack 1 win 5");
    t.send(10);
    t.close();
    t.drive("+0.2 > . 1:6(5) ack 2\n-\n= CLOSE-WAIT");
    t.drive("< . 2:2(0) ack 6 win 100\n> FP. 6:11(5) ack 2\n= LAST-ACK");
}

#[test]
fn an_orphan_whose_peer_keeps_the_window_shut_ends_although_probes_are_answered() {
    let mut t = Trace::established(plain());
    t.drive("< . 1:1(0) ack 1 win 0");
    t.send(10);
    let id = t.id();
    t.host.release(t.now, id);
    let released = t.now;
    let mut probes = 0;
    let reset = loop {
        let at = t.host.poll_timeout().expect("an orphan has a deadline");
        t.now = t.now.max(at);
        t.host.handle_timeout(t.now);
        match t.poll() {
            Some(segment) if segment.starts_with('R') => break segment,
            Some(_) => {
                probes += 1;
                t.drive("< . 1:1(0) ack 1 win 0");
            }
            None => {}
        }
    };
    assert!(reset.starts_with("R 2:2(0)"), "{reset}");
    assert!(probes > 5);
    let patience = t.host.config().orphan_timeout;
    assert_eq!(t.now, released + patience);
    assert_eq!(t.host.sockets(), 1, "the listener");
}

#[test]
fn an_orphan_that_delivers_is_left_alone() {
    let mut t = Trace::established(plain());
    t.send(3);
    let id = t.id();
    t.drive("> P. 1:4(3) ack 1\n< . 1:1(0) ack 1 win 0");
    t.host.release(t.now, id);
    for acked in 2..=4 {
        t.now += core::time::Duration::from_secs(200);
        t.drive(&format!("< . 1:1(0) ack {acked} win 0"));
        while t.poll().is_some() {}
        assert_eq!(t.state(), "FIN-WAIT-1");
    }
}
