//! What holds for every stack in this process, seen by a client on the own stack.

mod pair;

pub(crate) use pair::{Pair, driven, driving, listen, needs, send};

use crate::seam::{InProcess, LeaseError};
use crate::service::{HTTP_RESPONSE, source_octet};
use crate::{SmoltcpTarget, StackTarget};
use pair::connect;
use rstest::rstest;
use std::net::SocketAddr;
use tcpconf_engine::{AppCall, AppEvent, Errno, Value};
use tcpconf_stack::{ListenOptions, Received};
use tcpconf_suite::vocabulary::Setting;

fn stack() -> Box<dyn InProcess> {
    Box::new(StackTarget::default())
}

fn smoltcp() -> Box<dyn InProcess> {
    Box::new(SmoltcpTarget)
}

#[rstest]
#[case("listen")]
#[case("sink")]
#[case("echo")]
#[case("source")]
fn services_that_close_after_the_peer(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
    #[case] service: &str,
    #[values(4, 6)] ip: u8,
) {
    let mut pair = Pair::open(&*server, service, ip);
    assert_eq!(pair.state(), "ESTABLISHED");
    pair.send(b"hello");
    pair.close();
    while matches!(pair.receive(), Received::Data(_)) {}
    assert_eq!(pair.state(), "TIME-WAIT");
}

#[rstest]
fn closed_is_refused(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
    #[values(4, 6)] ip: u8,
) {
    assert_eq!(Pair::open(&*server, "closed", ip).state(), "CLOSED");
}

#[rstest]
fn an_unknown_service_is_unsupported(#[values(stack(), smoltcp())] server: Box<dyn InProcess>) {
    let opened = server.open(1, &needs("gopher"), 4);
    assert!(matches!(opened, Err(LeaseError::Unsupported(_))));
}

#[rstest]
fn one_seed_gives_one_conversation(#[values(stack(), smoltcp())] server: Box<dyn InProcess>) {
    let sent = |seed| {
        let mut pair = Pair::with(&*server, &needs("echo"), 4, seed);
        pair.send(b"abc");
        pair.sent
    };
    assert_eq!(sent(5), sent(5));
    assert_ne!(sent(5), sent(6));
}

#[rstest]
fn echo_sends_back_more_than_its_buffers_hold(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
) {
    let mut pair = Pair::open(&*server, "echo", 4);
    let text: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    pair.send(&text);
    let mut got = Vec::new();
    while let Received::Data(data) = pair.receive() {
        got.extend(data);
    }
    assert_eq!(got, text);
}

#[rstest]
fn source_sends_its_pattern_without_end(#[values(stack(), smoltcp())] server: Box<dyn InProcess>) {
    let mut pair = Pair::open(&*server, "source", 6);
    let mut position = 0;
    while position < 1_000_000 {
        let Received::Data(data) = pair.receive() else {
            panic!("the source is dry at {position}");
        };
        for octet in data {
            assert_eq!(octet, source_octet(position));
            position += 1;
        }
    }
}

#[rstest]
fn noread_closes_its_window_and_hold_does_not(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
) {
    let text = vec![7; 256 * 1024];
    let mut noread = Pair::open(&*server, "noread", 4);
    noread.send(&text);
    let of = |pair: &Pair| pair.client.status(pair.socket).unwrap();
    assert_eq!(of(&noread).snd_wnd, 0);
    let mut hold = Pair::open(&*server, "hold", 4);
    hold.send(&text);
    assert_eq!(of(&hold).unacked, 0);
    assert!(of(&hold).snd_wnd > 0);
}

#[rstest]
fn status_names_states_as_the_rfc_does(#[values(stack(), smoltcp())] server: Box<dyn InProcess>) {
    let mut pair = Pair::open(&*server, "hold", 4);
    let tuple = pair.tuple();
    let state = |pair: &Pair| pair.server.status(tuple).map(|s| s.state);
    assert_eq!(state(&pair).as_deref(), Some("ESTABLISHED"));
    pair.close();
    assert_eq!(pair.state(), "FIN-WAIT-2");
    assert_eq!(state(&pair).as_deref(), Some("CLOSE-WAIT"));
    pair.client.abort(pair.now, pair.socket).unwrap();
    pair.settle();
    assert_eq!(state(&pair), None, "nothing is left");
}

#[rstest]
fn the_application_sends_and_receives(#[values(stack(), smoltcp())] server: Box<dyn InProcess>) {
    let (mut pair, socket) = driven(&*server);
    assert_eq!(pair.call(1, AppCall::Receive(socket, 100)), None);
    pair.send(b"abc");
    assert_eq!(pair.reply(1), Some(Ok(Value::Bytes(b"abc".to_vec()))));
    let sent = pair.call(2, send(socket, b"defg".to_vec()));
    assert_eq!(sent, Some(Ok(Value::Count(4))));
    assert_eq!(pair.receive(), Received::Data(b"defg".to_vec()));
}

#[rstest]
fn a_send_beyond_all_buffers_is_answered_when_all_is_taken(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
) {
    let (mut pair, socket) = driven(&*server);
    let much = vec![1; 1_000_000];
    assert_eq!(pair.call(1, send(socket, much)), None);
    let mut got = 0;
    while let Received::Data(data) = pair.receive() {
        got += data.len();
    }
    assert_eq!(got, 1_000_000);
    assert_eq!(pair.reply(1), Some(Ok(Value::Count(1_000_000))));
}

#[rstest]
fn the_application_notices_the_peers_close_and_closes(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
) {
    let (mut pair, socket) = driven(&*server);
    pair.close();
    assert!(pair.app.contains(&AppEvent::Eof(socket)));
    let eof = pair.call(1, AppCall::Receive(socket, 9));
    assert_eq!(eof, Some(Ok(Value::Bytes(Vec::new()))));
    assert_eq!(pair.call(2, AppCall::Close(socket)), Some(Ok(Value::Done)));
    assert_eq!(pair.state(), "TIME-WAIT");
    let again = pair.call(3, send(socket, vec![1]));
    assert!(matches!(again, Some(Err(_))), "{again:?}");
}

#[rstest]
fn a_reset_is_an_error_of_the_connection(#[values(stack(), smoltcp())] server: Box<dyn InProcess>) {
    let (mut pair, socket) = driven(&*server);
    assert_eq!(pair.call(1, AppCall::Receive(socket, 9)), None);
    pair.client.abort(pair.now, pair.socket).unwrap();
    pair.settle();
    assert_eq!(pair.reply(1), Some(Err(Errno::ConnectionReset)));
    let error = AppEvent::Error(socket, Errno::ConnectionReset);
    assert!(pair.app.contains(&error), "{:?}", pair.app);
}

#[rstest]
fn abort_resets_the_peer_and_frees_the_handle(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
) {
    let (mut pair, socket) = driven(&*server);
    assert_eq!(pair.call(1, AppCall::Abort(socket)), Some(Ok(Value::Done)));
    assert_eq!(pair.state(), "CLOSED");
    let status = pair.call(2, AppCall::Status(socket));
    assert_eq!(status, Some(Err(Errno::BadSocket)));
}

#[rstest]
fn the_application_connects_or_is_refused(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
) {
    let (mut pair, _) = driven(&*server);
    let peer = SocketAddr::new(pair.client.addresses()[0], 5001);
    let Some(Ok(Value::Socket(refused))) = pair.call(3, connect(peer)) else {
        panic!("no socket");
    };
    let error = AppEvent::Error(refused, Errno::ConnectionRefused);
    assert!(pair.app.contains(&error), "{:?}", pair.app);
    let options = ListenOptions::default();
    pair.client.listen(None, 5001, options).unwrap();
    let Some(Ok(Value::Socket(socket))) = pair.call(4, connect(peer)) else {
        panic!("no socket");
    };
    assert!(pair.app.contains(&AppEvent::Connected(socket)));
    let sent = pair.call(5, send(socket, vec![7; 9]));
    assert_eq!(sent, Some(Ok(Value::Count(9))));
}

#[rstest]
fn an_active_open_that_nobody_answers_can_be_closed(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
) {
    let (mut pair, _) = driven(&*server);
    let nobody = SocketAddr::new([192, 0, 2, 99].into(), 9);
    let Some(Ok(Value::Socket(socket))) = pair.call(1, connect(nobody)) else {
        panic!("no socket");
    };
    let status = pair.call(2, AppCall::Status(socket));
    assert!(
        matches!(&status, Some(Ok(Value::Status(s))) if s.state == "SYN-SENT"),
        "{status:?}"
    );
    assert_eq!(pair.call(3, AppCall::Close(socket)), Some(Ok(Value::Done)));
}

#[rstest]
fn many_connections_one_after_the_other_leave_nothing_behind(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
) {
    let mut pair = Pair::open(&*server, "sink", 4);
    for _ in 0..300 {
        let tuple = pair.tuple();
        pair.send(b"x");
        pair.client.abort(pair.now, pair.socket).unwrap();
        pair.settle();
        assert_eq!(pair.server.status(tuple), None);
        let again = pair.client.connect(pair.now, None, pair.target, None);
        pair.socket = again.unwrap();
        pair.settle();
        assert_eq!(pair.state(), "ESTABLISHED");
    }
}

#[rstest]
fn close_waits_behind_what_is_still_to_be_sent(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
) {
    let (mut pair, socket) = driven(&*server);
    assert_eq!(pair.call(1, send(socket, vec![1; 1_000_000])), None);
    assert_eq!(pair.call(2, AppCall::Close(socket)), None);
    let mut got = 0;
    while let Received::Data(data) = pair.receive() {
        got += data.len();
    }
    assert_eq!(got, 1_000_000);
    assert_eq!(pair.reply(2), Some(Ok(Value::Done)));
    assert_eq!(pair.receive(), Received::Eof);
}

#[rstest]
fn status_and_options_by_name(#[values(stack(), smoltcp())] server: Box<dyn InProcess>) {
    let (mut pair, socket) = driven(&*server);
    let Some(Ok(Value::Status(status))) = pair.call(1, AppCall::Status(socket)) else {
        panic!("no status");
    };
    assert_eq!(status.state, "ESTABLISHED");
    let mut set = |id, setting, value| pair.call(id, AppCall::Set(socket, setting, value));
    assert_eq!(set(2, Setting::NoDelay, 1), Some(Ok(Value::Done)));
    assert_eq!(set(3, Setting::Ttl, 900), Some(Err(Errno::Invalid)));
    assert_eq!(set(4, Setting::Cork, 1), Some(Err(Errno::Unsupported)));
}

#[rstest]
fn buffers_are_those_of_the_opening(#[values(stack(), smoltcp())] server: Box<dyn InProcess>) {
    let (mut pair, socket) = driven(&*server);
    let set = AppCall::Set(socket, Setting::ReceiveBuffer, 5_000);
    assert_eq!(pair.call(1, set), Some(Err(Errno::IsConnected)));
    let mut listen = |id, octets| {
        let call = AppCall::Listen {
            local: ([0; 4], 8_000 + id as u16).into(),
            backlog: 1,
            with: vec![(Setting::ReceiveBuffer, octets)],
        };
        pair.call(id, call)
    };
    assert!(matches!(listen(2, 5_000), Some(Ok(Value::Socket(_)))));
    for (id, octets) in [(3, 0), (4, -1), (5, i64::MAX)] {
        assert_eq!(listen(id, octets), Some(Err(Errno::Invalid)));
    }
}

#[rstest]
fn http_answers_a_request_once_it_is_whole(
    #[values(stack(), smoltcp())] server: Box<dyn InProcess>,
) {
    let mut pair = Pair::open(&*server, "http", 4);
    pair.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r");
    assert_eq!(pair.receive(), Received::Nothing);
    pair.send(b"\n");
    assert_eq!(pair.receive(), Received::Data(HTTP_RESPONSE.to_vec()));
    assert_eq!(pair.receive(), Received::Eof);
}
