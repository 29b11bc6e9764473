use super::{StackTarget, lease};
use crate::in_process_tests::{Pair, driven, listen};
use std::net::SocketAddr;
use tcpconf_engine::{AppCall, Value};
use tcpconf_stack::Received;
use tcpconf_suite::vocabulary::Setting;

#[test]
fn closer_closes_first_and_reads_on() {
    let mut pair = Pair::open(&StackTarget::default(), "closer", 4);
    assert_eq!(pair.state(), "CLOSE-WAIT");
    pair.send(b"still read");
    assert_eq!(pair.client.status(pair.socket).unwrap().unacked, 0);
    assert_eq!(pair.receive(), Received::Eof);
    pair.close();
    assert_eq!(pair.state(), "CLOSED");
}

#[test]
fn leases_have_several_peers_of_the_right_family() {
    for (ip, v4) in [(4, true), (6, false)] {
        let lease = lease(u64::MAX, ip);
        assert!(lease.addresses.len() > 1 && !lease.ports.is_empty());
        assert!(lease.addresses.iter().all(|a| a.is_ipv4() == v4));
        assert_eq!(lease.target.is_ipv4(), v4);
        assert_ne!(lease.closed_port, lease.target.port());
    }
}

#[test]
fn the_application_listens_elsewhere_and_accepts_on_demand() {
    let (mut pair, _) = driven(&StackTarget::default());
    let local = SocketAddr::new(pair.target.ip(), 8080);
    let listen = listen(local, 3);
    let Some(Ok(Value::Socket(listener))) = pair.call(1, listen) else {
        panic!("no listener");
    };
    pair.client.connect(pair.now, None, local, None).unwrap();
    pair.settle();
    let accepted = pair.call(2, AppCall::Accept(listener));
    assert!(
        matches!(accepted, Some(Ok(Value::Socket(_)))),
        "{accepted:?}"
    );
}

#[test]
fn linger_zero_makes_release_an_abort_and_reset_all_ends_everything() {
    let (mut pair, socket) = driven(&StackTarget::default());
    let linger = AppCall::Set(socket, Setting::Linger, 0);
    assert_eq!(pair.call(1, linger), Some(Ok(Value::Done)));
    assert_eq!(
        pair.call(2, AppCall::Release(socket)),
        Some(Ok(Value::Done))
    );
    assert_eq!(pair.state(), "CLOSED");

    let (mut pair, _) = driven(&StackTarget::default());
    assert_eq!(pair.call(1, AppCall::ResetAll), Some(Ok(Value::Done)));
    assert_eq!(pair.state(), "CLOSED");
    let again = pair.client.connect(pair.now, None, pair.target, None);
    pair.socket = again.unwrap();
    pair.settle();
    assert_eq!(pair.state(), "CLOSED", "nothing listens any more");
}
