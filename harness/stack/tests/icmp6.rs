//! ICMPv6 errors (RFC 4443) and path MTU discovery over IPv6 (RFC 8201).

mod common;

use common::{Trace, ip_datagram, plain};
use rstest::rstest;
use std::net::SocketAddr;
use tcpconf_stack::{Config, ErrorKind, Event};
use tcpconf_wire::checksum::Sum;

const ICMPV6: u8 = 58;
const TCP: u8 = 6;

fn config() -> Config {
    Config {
        addresses: vec!["fd00::1".parse().expect("an address")],
        ..plain()
    }
}

/// An error from a router that quotes the segment at relative sequence number `seq` in a datagram
/// with this next header.
fn icmp(t: &Trace, kind: u8, code: u8, field: u32, seq: u32, next_header: u8) -> Vec<u8> {
    let mut tcp = Vec::new();
    tcp.extend(t.tuple.local.port().to_be_bytes());
    tcp.extend(t.tuple.remote.port().to_be_bytes());
    let iss = t.iss.expect("the SYN was seen");
    tcp.extend(iss.wrapping_add(seq).to_be_bytes());
    let mut message = vec![kind, code, 0, 0];
    message.extend(field.to_be_bytes());
    let mut quoted = ip_datagram(t.tuple.local, t.tuple.remote, next_header, tcp);
    // It was a full datagram; errors quote the beginning.
    quoted[4..6].copy_from_slice(&1460u16.to_be_bytes());
    message.extend(quoted);
    let router: SocketAddr = "[fd00::fe]:0".parse().expect("an address");
    let pseudo = Sum::pseudo_header(router.ip(), t.tuple.local.ip(), ICMPV6, message.len());
    let sum = pseudo.add_bytes(&message).finish();
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ip_datagram(router, t.tuple.local, ICMPV6, message)
}

fn connecting() -> Trace {
    let mut t = Trace::connecting(config());
    t.drive("> S 0:0(0)");
    t
}

#[rstest]
#[case::port(4, ErrorKind::Refused)]
#[case::prohibited(1, ErrorKind::Unreachable)]
fn shld_26_a_hard_error_ends_a_connection_request(#[case] code: u8, #[case] error: ErrorKind) {
    let mut t = connecting();
    let packet = icmp(&t, 1, code, 0, 0, TCP);
    t.host.handle_packet(t.now, &packet);
    t.drive("-\n= CLOSED");
    assert_eq!(t.events(), [Event::Error(error), Event::Closed]);
}

#[test]
fn a_wrong_checksum_and_a_quote_of_another_protocol_are_dropped() {
    let mut t = connecting();
    let mut damaged = icmp(&t, 1, 4, 0, 0, TCP);
    damaged[42] ^= 1;
    let udp = icmp(&t, 1, 4, 0, 0, 17);
    let mut no_ip = icmp(&t, 1, 4, 0, 0, TCP);
    // The version of the quoted header, and the checksum that knows of it: 0x6000 more.
    no_ip[48] ^= 0x60;
    let sum = u16::from_be_bytes([no_ip[42], no_ip[43]]);
    let (sum, carry) = sum.overflowing_add(0x6000);
    no_ip[42..44].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
    for packet in [damaged, udp, no_ip] {
        t.host.handle_packet(t.now, &packet);
        t.drive("-\n= SYN-SENT");
    }
    assert!(t.events().is_empty());
}

/// Full segments of 1440 octets are in flight.
fn sending() -> Trace {
    let mut t = Trace::listening(config());
    t.drive(
        "
        < S 0:0(0) win 20000 <mss 1440>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 20000",
    );
    let id = t.accept();
    t.host.send(t.now, id, &[7; 2880]).expect("it is open");
    while t.host.poll_transmit(t.now).is_some() {}
    t
}

#[rstest]
#[case::fits(1400, 1340)]
#[case::smallest(1280, 1220)]
#[case::below_the_smallest_is_discarded(1279, 1440)]
#[case::larger_than_the_link(9000, 1440)]
fn rfc8201_4_packet_too_big_sets_the_path_mtu(#[case] mtu: u32, #[case] mss: u32) {
    let mut t = sending();
    let packet = icmp(&t, 2, 0, mtu, 1, TCP);
    t.host.handle_packet(t.now, &packet);
    assert_eq!(t.status().expect("it is open").mss, mss);
}

#[test]
fn rfc8201_4_the_estimate_of_a_connection_ages() {
    let mut t = sending();
    let packet = icmp(&t, 2, 0, 1300, 1, TCP);
    t.host.handle_packet(t.now, &packet);
    assert_eq!(t.status().expect("it is open").mss, 1240);
    while t.host.poll_transmit(t.now).is_some() {}
    t.drive("< . 1:1(0) ack 2881 win 20000");
    assert_eq!(t.status().expect("it is open").mss, 1240);
    t.now += t.host.config().path_mtu_lifetime;
    t.host.handle_timeout(t.now);
    assert_eq!(t.status().expect("it is open").mss, 1440);
}
