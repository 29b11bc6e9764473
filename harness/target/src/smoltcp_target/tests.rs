use super::SmoltcpTarget;
use crate::in_process_tests::{Pair, driven, driving, listen, send};
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, Errno, Value};
use tcpconf_stack::Received;
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Setting;

#[test]
fn closer_closes_first_and_waits_ten_seconds_in_time_wait() {
    let mut pair = Pair::open(&SmoltcpTarget, "closer", 4);
    let tuple = pair.tuple();
    assert_eq!(pair.state(), "CLOSE-WAIT");
    pair.send(b"still read");
    assert_eq!(pair.receive(), Received::Eof);
    pair.close();
    assert_eq!(pair.state(), "CLOSED");
    let state = |pair: &Pair| pair.server.status(tuple).map(|s| s.state);
    assert_eq!(state(&pair).as_deref(), Some("TIME-WAIT"));
    pair.run(Duration::from_secs(10));
    assert_eq!(state(&pair), None);
}

#[test]
fn a_backlog_holds_as_many_connections_and_accepting_makes_room() {
    let needs = Needs {
        backlog: Some(2),
        ..driving()
    };
    let mut pair = Pair::with(&SmoltcpTarget, &needs, 4, 5);
    let local = SocketAddr::new(pair.target.ip(), 8080);
    let listen = listen(local, 2);
    let Some(Ok(Value::Socket(listener))) = pair.call(1, listen) else {
        panic!("no listener");
    };
    let connect = |pair: &mut Pair| {
        let socket = pair.client.connect(pair.now, None, local, None).unwrap();
        pair.settle();
        let status = pair.client.status(socket);
        status.map_or("CLOSED".to_owned(), |s| s.state.to_string())
    };
    assert_eq!(connect(&mut pair), "ESTABLISHED");
    assert_eq!(connect(&mut pair), "ESTABLISHED");
    assert_eq!(connect(&mut pair), "CLOSED", "smoltcp resets the third");
    let accepted = pair.call(2, AppCall::Accept(listener));
    assert!(
        matches!(accepted, Some(Ok(Value::Socket(_)))),
        "{accepted:?}"
    );
    assert_eq!(connect(&mut pair), "ESTABLISHED");
}

#[test]
fn what_comes_for_a_released_connection_is_reset() {
    let (mut pair, socket) = driven(&SmoltcpTarget);
    assert_eq!(
        pair.call(1, AppCall::Release(socket)),
        Some(Ok(Value::Done))
    );
    assert_eq!(pair.state(), "CLOSE-WAIT");
    pair.send(b"too late");
    assert_eq!(pair.state(), "CLOSED");
}

#[test]
fn options_by_name() {
    let (mut pair, socket) = driven(&SmoltcpTarget);
    let mut set = |id, setting, value| pair.call(id, AppCall::Set(socket, setting, value));
    assert_eq!(set(1, Setting::NoDelay, 1), Some(Ok(Value::Done)));
    assert_eq!(set(2, Setting::Ttl, 900), Some(Err(Errno::Invalid)));
    assert_eq!(set(3, Setting::Ttl, 9), Some(Ok(Value::Done)));
    assert_eq!(set(4, Setting::Cork, 1), Some(Err(Errno::Unsupported)));
    let sent = pair.call(5, send(socket, vec![1]));
    assert_eq!(sent, Some(Ok(Value::Count(1))));
    let ttl = pair.sent.last().unwrap()[8];
    assert_eq!(ttl, 9);
}

#[test]
fn user_timeout_ends_a_connection_whose_peer_is_silent() {
    let (mut pair, socket) = driven(&SmoltcpTarget);
    let set = AppCall::Set(socket, Setting::UserTimeout, 5_000);
    assert_eq!(pair.call(1, set), Some(Ok(Value::Done)));
    pair.run(Duration::from_secs(10));
    let error = AppEvent::Error(socket, Errno::TimedOut);
    assert!(pair.app.contains(&error), "{:?}", pair.app);
}
