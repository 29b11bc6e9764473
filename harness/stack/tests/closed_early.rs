//! CLOSE in SYN-RECEIVED (RFC 9293 §3.10.4): FIN-WAIT-1 while our SYN is not acknowledged.

mod common;

use common::{PORT, Trace, plain};
use core::time::Duration;
use rstest::rstest;
use tcpconf_stack::{CallError, Config, ErrorKind, Event, ListenOptions};

/// Two SYNs have crossed, and the SYN-ACK is sent.
fn crossed(config: Config, window: u16) -> Trace {
    let mut t = Trace::connecting(config);
    t.drive(&format!(
        "> S 0:0(0)\n< S 0:0(0) win {window}\n> S. 0:0(0) ack 1\n= SYN-RECEIVED"
    ));
    t
}

/// Closed there.
fn closed() -> Trace {
    let mut t = crossed(plain(), 1000);
    t.close();
    t.drive("> F. 1:1(0) ack 1\n-\n= FIN-WAIT-1");
    t
}

fn all_timers(t: &mut Trace) {
    while let Some(at) = t.host.poll_timeout() {
        t.now = t.now.max(at);
        while t.host.poll_transmit(t.now).is_some() {}
    }
}

#[test]
fn a_fin_is_sent_at_once_and_the_ack_of_the_syn_does_not_acknowledge_it() {
    let mut t = closed();
    let id = t.id();
    assert_eq!(t.host.close(t.now, id), Err(CallError::Closing));
    assert_eq!(t.host.send(t.now, id, b"late"), Err(CallError::Closing));
    let status = t.status().unwrap();
    assert_eq!(
        (status.snd_una, status.snd_nxt),
        (status.iss, status.iss + 2)
    );
    t.drive("< . 1:1(0) ack 1 win 1000\n-\n= FIN-WAIT-1");
    assert_eq!(t.events(), [Event::Connected]);
    t.drive("< . 1:1(0) ack 2 win 1000\n-\n= FIN-WAIT-2\n< F. 1:1(0) ack 2 win 1000\n> . 2:2(0) ack 2\n= TIME-WAIT");
}

#[rstest]
#[case::the_fin_too("< . 1:1(0) ack 2 win 1000", "-\n= FIN-WAIT-2")]
#[case::with_a_fin("< F. 1:1(0) ack 1 win 1000", "> . 2:2(0) ack 2\n= CLOSING")]
#[case::all_with_a_fin("< F. 1:1(0) ack 2 win 1000", "> . 2:2(0) ack 2\n= TIME-WAIT")]
#[case::with_text("< P. 1:11(10) ack 1 win 1000", "+0.2 > . 2:2(0) ack 11\n= FIN-WAIT-1")]
#[case::by_a_crossing_syn_ack(
    "< S. 0:0(0) ack 1 win 1000",
    "-\n= FIN-WAIT-1\n< . 1:1(0) ack 2 win 1000\n= FIN-WAIT-2"
)]
fn the_ack_of_the_syn_may_bring_more(#[case] ack: &str, #[case] then: &str) {
    let mut t = closed();
    t.drive(ack);
    t.drive(then);
}

#[test]
fn a_syn_ack_that_is_due_goes_before_the_fin() {
    let mut t = Trace::connecting(plain());
    t.drive("> S 0:0(0)\n< S 0:0(0) win 1000");
    t.close();
    t.drive("= FIN-WAIT-1\n> S. 0:0(0) ack 1\n> F. 1:1(0) ack 1\n-");
}

#[test]
fn with_text_queued_the_close_is_queued_behind_it() {
    let mut t = crossed(plain(), 1000);
    assert_eq!(t.send(10), 10);
    t.close();
    let id = t.id();
    assert_eq!(t.host.close(t.now, id), Err(CallError::Closing));
    t.drive("-\n= SYN-RECEIVED\n< . 1:1(0) ack 1 win 1000\n> FP. 1:11(10) ack 1\n= FIN-WAIT-1");
}

#[test]
fn the_fin_waits_for_a_window() {
    let mut t = crossed(plain(), 0);
    t.close();
    t.drive("-\n= FIN-WAIT-1\n< . 1:1(0) ack 1 win 1000\n> F. 1:1(0) ack 1\n= FIN-WAIT-1");
}

/// RFC 6298 §5.4: the earliest that is not acknowledged, and that is the SYN.
#[test]
fn the_syn_ack_is_sent_again_and_the_fin_behind_it() {
    let mut t = closed();
    t.drive(
        "
        +1 > S. 0:0(0) ack 1
        -
        +2 > S. 0:0(0) ack 1
        -
        < . 1:1(0) ack 1 win 1000
        > F. 1:1(0) ack 1
        -
        = FIN-WAIT-1
        < . 1:1(0) ack 2 win 1000
        = FIN-WAIT-2",
    );
}

#[test]
fn from_the_ack_of_the_syn_on_the_fin_has_its_own_timer() {
    let mut t = closed();
    t.drive("+0.5\n< . 1:1(0) ack 1 win 1000\n-");
    let rto = t.status().unwrap().rto;
    t.drive(&format!(
        "+{} > F. 1:1(0) ack 1\n= FIN-WAIT-1",
        rto.as_secs_f64()
    ));
}

#[test]
fn the_syn_of_the_peer_again_draws_the_syn_ack_again() {
    let mut t = closed();
    t.drive("< S 0:0(0) win 1000\n> S. 0:0(0) ack 1\n-\n= FIN-WAIT-1");
}

#[test]
fn a_peer_that_never_answers_is_given_up() {
    let mut t = closed();
    all_timers(&mut t);
    let told = t.events();
    assert!(told.ends_with(&[Event::Error(ErrorKind::TimedOut), Event::Closed]));
}

/// §3.5.2: a synchronized state answers what is unacceptable by an ACK, and stays.
#[rstest]
#[case::of_nothing("< . 1:1(0) ack 0 win 1000")]
#[case::beyond_the_fin("< . 1:1(0) ack 3 win 1000")]
#[case::with_text("< P. 1:11(10) ack 0 win 1000")]
#[case::with_a_fin("< F. 1:1(0) ack 0 win 1000")]
fn a_wrong_ack_is_answered_and_the_handshake_goes_on(#[case] wrong: &str) {
    let mut t = closed();
    t.drive(wrong);
    t.drive("> . 2:2(0) ack 1\n-\n= FIN-WAIT-1\n< . 1:1(0) ack 2 win 1000\n= FIN-WAIT-2");
}

#[test]
fn a_reset_ends_it_and_an_abort_resets() {
    let mut t = closed();
    t.drive("< R 1:1(0)\n-\n= CLOSED");
    assert_eq!(t.events(), [Event::Error(ErrorKind::Reset), Event::Closed]);
    let mut t = closed();
    let id = t.id();
    t.host.abort(t.now, id).expect("it exists");
    t.drive("> R 2:2(0)\n-\n= CLOSED");
}

#[test]
fn a_release_closes_and_nobody_has_to_hold_on() {
    let mut t = crossed(plain(), 1000);
    let id = t.id();
    t.host.release(t.now, id);
    t.drive("> F. 1:1(0) ack 1\n= FIN-WAIT-1\n< . 1:1(0) ack 2 win 1000\n= FIN-WAIT-2");
    let mut t = crossed(plain(), 1000);
    let id = t.id();
    t.host.release(t.now, id);
    t.drive("> F. 1:1(0) ack 1\n< R 1:1(0)\n-\n= CLOSED");
    assert_eq!(t.host.sockets(), 0);
}

// A connection that its user has before the handshake is done: Fast Open (RFC 7413).

/// Accepted in SYN-RECEIVED.
fn accepted_early() -> Trace {
    let mut t = Trace::with(plain());
    let options = ListenOptions {
        fast_open: Some(1),
        ..ListenOptions::default()
    };
    let listener = t
        .host
        .listen(None, PORT, options)
        .expect("the port is free");
    t.listener = Some(listener);
    t.drive("< S 0:0(0) win 1000 <raw 22 2>");
    let answer = t.host.poll_transmit(t.now).expect("a SYN-ACK").bytes;
    let at = answer
        .windows(2)
        .position(|w| w == [34, 10])
        .expect("a cookie");
    let cookie: Vec<String> = answer[at..at + 10]
        .iter()
        .map(|o| format!("{o:x}"))
        .collect();
    t.iss = Some(u32::from_be_bytes([
        answer[24], answer[25], answer[26], answer[27],
    ]));
    t.drive("< R 1:1(0)\n= CLOSED");
    t.iss = None;
    t.now += Duration::from_secs(1);
    t.drive(&format!(
        "< S 0:100(100) win 1000 <raw {}>\n> S. 0:0(0) ack 101",
        cookie.join(" ")
    ));
    t.accept();
    t.read();
    t.events();
    t
}

fn half_open(t: &Trace) -> usize {
    let listener = t.listener.expect("it listens");
    t.host.status(listener).expect("it listens").half_open
}

#[test]
fn a_connection_closed_early_is_half_open_until_its_syn_is_acknowledged() {
    let mut t = accepted_early();
    assert_eq!(half_open(&t), 1);
    t.close();
    t.drive("> F. 1:1(0) ack 101\n= FIN-WAIT-1");
    assert_eq!(half_open(&t), 1);
    t.drive("< . 101:101(0) ack 1 win 1000\n-\n= FIN-WAIT-1");
    assert_eq!(half_open(&t), 0);
    t.drive("< . 101:101(0) ack 2 win 1000\n= FIN-WAIT-2");
}

#[rstest]
#[case::reset("< R 101:101(0)\n-\n= CLOSED", &[Event::Error(ErrorKind::Reset), Event::Closed])]
#[case::lost("+1 > S. 0:0(0) ack 101\n+2 > S. 0:0(0) ack 101\n= FIN-WAIT-1", &[])]
fn one_closed_early_leaves_its_listener_when_it_ends(#[case] script: &str, #[case] told: &[Event]) {
    let mut t = accepted_early();
    t.close();
    t.drive("> F. 1:1(0) ack 101");
    t.drive(script);
    assert_eq!(t.events(), told);
    all_timers(&mut t);
    t.drive("= CLOSED");
    assert_eq!(half_open(&t), 0);
}

#[test]
fn one_let_go_early_is_no_matter_of_its_listener() {
    let mut t = accepted_early();
    t.close();
    let id = t.id();
    t.host.release(t.now, id);
    assert_eq!(half_open(&t), 0);
    t.drive("> F. 1:1(0) ack 101\n< . 101:101(0) ack 2 win 1000\n= FIN-WAIT-2");
    assert_eq!(half_open(&t), 0);
    let listener = t.listener.unwrap();
    assert_eq!(t.host.accept(listener), None);
}
