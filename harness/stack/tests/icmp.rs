//! ICMP errors (RFC 9293 §3.9.2.2, RFC 5927).

mod common;

use common::{Trace, ip_datagram, plain};
use rstest::rstest;
use std::net::SocketAddr;
use tcpconf_stack::{Config, ErrorKind, Event, SoftError};
use tcpconf_wire::checksum;

/// An ICMPv4 error from a router, quoting the segment at relative sequence number `seq`.
fn icmp(t: &Trace, kind: u8, code: u8, seq: u32) -> Vec<u8> {
    too_big(t, [kind, code, 0, 0, 0, 0, 0, 0], seq, 28)
}

/// The same with any ICMP header, and the length that the quoted datagram had.
fn too_big(t: &Trace, header: [u8; 8], seq: u32, length: u16) -> Vec<u8> {
    let mut tcp = Vec::new();
    tcp.extend(t.tuple.local.port().to_be_bytes());
    tcp.extend(t.tuple.remote.port().to_be_bytes());
    tcp.extend(
        t.iss
            .expect("the SYN was seen")
            .wrapping_add(seq)
            .to_be_bytes(),
    );
    let mut quoted = ip_datagram(t.tuple.local, t.tuple.remote, 6, tcp);
    quoted[2..4].copy_from_slice(&length.to_be_bytes());
    let mut message = header.to_vec();
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

// Path MTU discovery, RFC 1191

/// ESTABLISHED with a large window, three segments of 1460 octets in flight.
fn sending() -> Trace {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 30000 <mss 1460>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 30000",
    );
    t.accept();
    t.send(2920);
    t.drive("> . 1:1461(1460) ack 1\n> P. 1461:2921(1460) ack 1\n-");
    t
}

const fn next_hop(mtu: u16) -> [u8; 8] {
    let [a, b] = mtu.to_be_bytes();
    [3, 4, 0, 0, 0, 0, a, b]
}

#[test]
fn rfc1191_3_too_big_cuts_segments_up_and_leaves_the_congestion_window() {
    let mut t = sending();
    let cwnd = t.status().unwrap().cwnd;
    let packet = too_big(&t, next_hop(1000), 1, 1500);
    t.host.handle_packet(t.now, &packet);
    t.drive(
        "
        > . 1:961(960) ack 1
        -",
    );
    assert_eq!(t.status().unwrap().cwnd, cwnd);
    // RFC 1191 §6.4: the second message of the burst changes nothing more.
    t.host.handle_packet(t.now, &packet);
    // One segment until acknowledgements begin to arrive again, then slow start, up to cwnd as it was.
    t.drive(
        "
        -
        < . 1:1(0) ack 961 win 30000
        > . 961:1461(500) ack 1
        > . 1461:2421(960) ack 1
        > P. 2421:2921(500) ack 1
        -
        < . 1:1(0) ack 2921 win 30000",
    );
    t.send(2000);
    t.drive("> . 2921:3881(960) ack 1\n> . 3881:4841(960) ack 1\n-");
}

#[test]
fn rfc1191_6_4_a_large_flight_is_not_sent_again_at_once_in_many_segments() {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 60000 <mss 1460>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 60000",
    );
    t.accept();
    t.send(14_600);
    assert_eq!(core::iter::from_fn(|| t.poll()).count(), 10);
    let packet = too_big(&t, next_hop(552), 1, 1500);
    t.host.handle_packet(t.now, &packet);
    let mut left = 14_600;
    let mut most = 0;
    let mut at = 1;
    while left > 0 {
        let mut count = 0;
        let mut end = at;
        while let Some(segment) = t.poll() {
            let range = segment.split(' ').nth(1).unwrap();
            let range = range.split('(').next().unwrap();
            end = range.split(':').nth(1).unwrap().parse().unwrap();
            count += 1;
        }
        assert!(count > 0, "the flight is repaired");
        most = most.max(count);
        left -= end - at;
        at = end;
        t.drive(&format!("< . 1:1(0) ack {at} win 60000"));
    }
    // One ACK for all that left grows the window by a segment.
    assert!(most <= 8, "{most}");
}

#[rstest]
#[case::larger_than_now(next_hop(1600), 1500, 1460)]
#[case::no_next_hop(next_hop(0), 1500, 1452)]
#[case::no_next_hop_of_a_small_one(next_hop(0), 576, 512)]
#[case::below_the_minimum(next_hop(20), 1500, 512)]
#[case::of_a_datagram_that_fits(next_hop(1000), 900, 1460)]
fn rfc1191_the_estimate(#[case] header: [u8; 8], #[case] length: u16, #[case] mss: u32) {
    let mut t = sending();
    let packet = too_big(&t, header, 1, length);
    t.host.handle_packet(t.now, &packet);
    assert_eq!(t.status().unwrap().mss, mss);
}

#[test]
fn rfc5927_too_big_about_what_is_not_in_flight_is_not_believed() {
    let mut t = sending();
    let packet = too_big(&t, next_hop(600), 3000, 1500);
    t.host.handle_packet(t.now, &packet);
    assert_eq!(t.status().unwrap().mss, 1460);
}

#[test]
fn rfc1191_6_3_the_estimate_is_shared_and_ages() {
    let mut t = sending();
    let packet = too_big(&t, next_hop(1000), 1, 1500);
    t.host.handle_packet(t.now, &packet);
    let first = t.tuple;
    t.tuple.remote.set_port(50_000);
    let syn = t.build("S 0:0(0) win 30000 <mss 1460>");
    t.host.handle_packet(t.now, &syn);
    assert_eq!(t.status().unwrap().mss, 960);
    t.now += core::time::Duration::from_secs(601);
    t.host.handle_timeout(t.now);
    t.tuple.remote.set_port(50_001);
    let syn = t.build("S 0:0(0) win 30000 <mss 1460>");
    t.host.handle_packet(t.now, &syn);
    assert_eq!(t.status().unwrap().mss, 1460);
    t.tuple = first;
    assert_eq!(t.status().map(|s| s.mss), None, "R2 has ended the first");
}

#[test]
fn rfc4821_7_7_a_black_hole_is_found() {
    let mut t = sending();
    t.drive(
        "
        +1 > . 1:1461(1460) ack 1
        +2 > . 1:1461(1460) ack 1
        +4 > . 1:1461(1460) ack 1
        +8 > . 1:1461(1460) ack 1
        +16 > . 1:731(730) ack 1",
    );
}

#[test]
fn path_mtus_are_remembered_up_to_a_limit_and_old_ones_make_room() {
    let config = Config {
        max_paths: 1,
        ..plain()
    };
    let mut t = Trace::listening(config);
    let learn = |t: &mut Trace, host: u8| {
        t.tuple.remote.set_ip([10, 0, 0, host].into());
        t.drive(
            "
            < S 0:0(0) win 30000 <mss 1460>
            > S. 0:0(0) ack 1
            < . 1:1(0) ack 1 win 30000",
        );
        t.accept();
        t.send(1460);
        t.drive("> P. 1:1461(1460) ack 1");
        let packet = too_big(t, next_hop(1000), 1, 1500);
        t.host.handle_packet(t.now, &packet);
        t.drive("> . 1:961(960) ack 1\n-");
        let id = t.id();
        t.host.abort(t.now, id).unwrap();
        t.drive("> R 1461:1461(0)");
        // What a new connection starts with.
        t.drive("< S 5000:5000(0) win 30000 <mss 1460>");
        let mss = t.status().unwrap().mss;
        while t.poll().is_some() {}
        mss
    };
    assert_eq!(learn(&mut t, 2), 960);
    assert_eq!(learn(&mut t, 3), 1460, "there is no room");
    t.now += core::time::Duration::from_secs(601);
    t.host.handle_timeout(t.now);
    while t.poll().is_some() {}
    assert_eq!(learn(&mut t, 4), 960, "the old one has aged");
}
