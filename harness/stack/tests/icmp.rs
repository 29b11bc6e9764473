//! ICMP errors (RFC 9293 §3.9.2.2, RFC 5927).

mod common;

use common::{Trace, ip_datagram, plain};
use rstest::rstest;
use std::net::SocketAddr;
use tcpconf_stack::{ErrorKind, Event, SoftError};
use tcpconf_wire::checksum;

/// An ICMPv4 error from a router, quoting the segment at relative sequence number `seq`.
fn icmp(t: &Trace, kind: u8, code: u8, seq: u32) -> Vec<u8> {
    let mut tcp = Vec::new();
    tcp.extend(t.tuple.local.port().to_be_bytes());
    tcp.extend(t.tuple.remote.port().to_be_bytes());
    tcp.extend(
        t.iss
            .expect("the SYN was seen")
            .wrapping_add(seq)
            .to_be_bytes(),
    );
    let quoted = ip_datagram(t.tuple.local, t.tuple.remote, 6, tcp);
    let mut message = vec![kind, code, 0, 0, 0, 0, 0, 0];
    message.extend(quoted);
    let sum = checksum::of(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let router: SocketAddr = "10.0.0.254:0".parse().expect("an address");
    ip_datagram(router, t.tuple.local, 1, message)
}

fn connecting() -> Trace {
    let mut t = Trace::connecting(plain());
    t.drive("> S 0:0(0)");
    t
}

#[rstest]
#[case::protocol(2, ErrorKind::Refused)]
#[case::port(3, ErrorKind::Refused)]
#[case::prohibited(13, ErrorKind::Unreachable)]
fn shld_26_a_hard_error_ends_a_connection_request(#[case] code: u8, #[case] error: ErrorKind) {
    let mut t = connecting();
    let packet = icmp(&t, 3, code, 0);
    t.host.handle_packet(t.now, &packet);
    t.drive("-\n= CLOSED");
    assert_eq!(t.events(), [Event::Error(error), Event::Closed]);
}

#[rstest]
#[case::net(3, 0)]
#[case::host(3, 1)]
#[case::source_route(3, 5)]
#[case::time_exceeded(11, 0)]
#[case::parameter(12, 0)]
fn must_56_a_soft_error_is_told_and_changes_nothing(#[case] kind: u8, #[case] code: u8) {
    let mut t = connecting();
    let packet = icmp(&t, kind, code, 0);
    t.host.handle_packet(t.now, &packet);
    assert_eq!(t.events(), [Event::Soft(SoftError::Icmp { kind, code })]);
    t.drive("-\n= SYN-SENT\n+1 > S 0:0(0)");
}

#[test]
fn must_55_source_quench_is_dropped() {
    let mut t = connecting();
    let packet = icmp(&t, 4, 0, 0);
    t.host.handle_packet(t.now, &packet);
    assert_eq!(t.events(), []);
}

#[test]
fn rfc5927_4_1_a_sequence_number_that_is_not_in_flight_is_not_believed() {
    let mut t = connecting();
    for seq in [1, 5, u32::MAX] {
        let packet = icmp(&t, 3, 3, seq);
        t.host.handle_packet(t.now, &packet);
    }
    t.drive("-\n= SYN-SENT");
    assert_eq!(t.events(), []);
}

#[test]
fn rfc5927_5_2_a_hard_error_is_soft_once_synchronized() {
    let mut t = Trace::established(plain());
    t.events();
    t.send(10);
    t.drive("> P. 1:11(10) ack 1");
    let packet = icmp(&t, 3, 3, 1);
    t.host.handle_packet(t.now, &packet);
    t.drive("-\n= ESTABLISHED");
    assert_eq!(
        t.events(),
        [Event::Soft(SoftError::Icmp { kind: 3, code: 3 })]
    );
}

#[test]
fn a_wrong_icmp_checksum_is_dropped() {
    let mut t = connecting();
    let mut packet = icmp(&t, 3, 3, 0);
    packet[22] ^= 1;
    t.host.handle_packet(t.now, &packet);
    t.drive("-\n= SYN-SENT");
}
