//! Opening: CLOSED, LISTEN, SYN-SENT, SYN-RECEIVED (RFC 9293 §3.5, §3.10.7.1 to §3.10.7.3).

mod common;

use common::{PORT, Trace, plain};
use rstest::rstest;
use tcpconf_stack::{Config, ErrorKind, Event, ListenOptions};

#[test]
fn rfc9293_3_5_passive_open() {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 10000 <mss 1000>
        > S. 0:0(0) ack 1 win 65535 <mss 1460>
        = SYN-RECEIVED
        < . 1:1(0) ack 1 win 10000
        -
        = ESTABLISHED",
    );
    assert_eq!(t.events(), [Event::Acceptable]);
    let id = t.accept();
    assert_eq!(t.host.status(id).map(|s| s.mss), Some(1000));
}

#[test]
fn rfc9293_3_5_active_open() {
    let mut t = Trace::connecting(plain());
    t.drive(
        "
        > S 0:0(0) win 65535 <mss 1460>
        = SYN-SENT
        < S. 0:0(0) ack 1 win 10000 <mss 1000>
        > . 1:1(0) ack 1
        = ESTABLISHED",
    );
    assert_eq!(t.events(), [Event::Connected, Event::Writable]);
}

#[test]
fn must_10_simultaneous_open() {
    let mut t = Trace::connecting(plain());
    t.drive(
        "
        > S 0:0(0)
        < S 0:0(0) win 10000 <mss 1000>
        > S. 0:0(0) ack 1
        = SYN-RECEIVED
        < S. 0:0(0) ack 1 win 10000 <mss 1000>
        -
        = ESTABLISHED",
    );
    assert_eq!(t.events(), [Event::Connected, Event::Writable]);
}

#[test]
fn two_hosts_open_to_each_other_at_once() {
    let config = |n: u8| Config::with_addresses([[10, 0, 0, n].into()]);
    let mut a = tcpconf_stack::Host::new(config(1), 1);
    let mut b = tcpconf_stack::Host::new(config(2), 2);
    let now = tcpconf_wire::Instant::ZERO;
    let ends = |n: u8| Some(([10, 0, 0, n].into(), 5000));
    let x = a
        .connect(now, ends(1), ([10, 0, 0, 2], 5000).into(), None)
        .unwrap();
    let y = b
        .connect(now, ends(2), ([10, 0, 0, 1], 5000).into(), None)
        .unwrap();
    let first = (a.poll_transmit(now).unwrap(), b.poll_transmit(now).unwrap());
    a.handle_packet(now, &first.1.bytes);
    b.handle_packet(now, &first.0.bytes);
    for _ in 0..20 {
        if let Some(p) = a.poll_transmit(now) {
            b.handle_packet(now, &p.bytes);
        }
        if let Some(p) = b.poll_transmit(now) {
            a.handle_packet(now, &p.bytes);
        }
    }
    assert!(a.poll_transmit(now).is_none() && b.poll_transmit(now).is_none());
    for (host, id) in [(&a, x), (&b, y)] {
        assert_eq!(host.status(id).unwrap().state.to_string(), "ESTABLISHED");
    }
}

// §3.10.7.1

#[rstest]
#[case::syn("< S 5:5(0) win 100", Some("> R. 0:0(0) ack 6"))]
#[case::data("< P 5:15(10) win 100", Some("> R. 0:0(0) ack 15"))]
#[case::syn_fin_data("< SF 5:8(3) win 100", Some("> R. 0:0(0) ack 10"))]
#[case::ack("< . 5:5(0) ack 77 win 100", Some("> R 77:77(0)"))]
#[case::syn_ack("< S. 5:5(0) ack 77 win 100", Some("> R 77:77(0)"))]
#[case::rst("< R 5:5(0)", None)]
#[case::rst_ack("< R. 5:5(0) ack 77", None)]
fn rfc9293_3_10_7_1_closed_answers(#[case] segment: &str, #[case] answer: Option<&str>) {
    let mut t = Trace::with(plain());
    t.iss = Some(0);
    t.drive(segment);
    t.drive(answer.unwrap_or("-"));
    t.drive("-");
}

// §3.10.7.2

#[rstest]
#[case::rst("< R 5:5(0)", None)]
#[case::ack("< . 5:5(0) ack 77 win 100", Some("> R 77:77(0)"))]
#[case::syn_ack("< S. 5:5(0) ack 77 win 100", Some("> R 77:77(0)"))]
#[case::fin("< F 5:5(0) win 100", None)]
#[case::null("< - 5:5(0) win 100", None)]
#[case::data_without_ack("< P 5:15(10) win 100", None)]
#[case::fin_ack("< F. 5:5(0) ack 77 win 100", Some("> R 77:77(0)"))]
fn rfc9293_3_10_7_2_listen_answers(#[case] segment: &str, #[case] answer: Option<&str>) {
    let mut t = Trace::listening(plain());
    t.iss = Some(0);
    t.drive(segment);
    t.drive(answer.unwrap_or("-"));
    t.drive("- \n = CLOSED".replace(" \n ", "\n").as_str());
    t.drive("< S 0:0(0) win 100\n > S. 0:0(0) ack 1");
}

#[rstest]
#[case::next("< P. 101:111(10) ack 1 win 1000", 111)]
#[case::again("< P. 1:101(100) ack 1 win 1000", 101)]
#[case::more("< P. 51:151(100) ack 1 win 1000", 151)]
#[case::less("< P. 1:51(50) ack 1 win 1000", 101)]
#[case::nothing("< . 1:1(0) ack 1 win 1000", 101)]
fn rfc9293_3_10_7_2_text_of_the_syn_is_kept_until_established(
    #[case] third: &str,
    #[case] ack: usize,
) {
    let mut t = Trace::listening(plain());
    t.drive("< S 0:100(100) win 1000\n> S. 0:0(0) ack 1");
    assert_eq!(t.status().unwrap().unread, 0);
    t.drive(third);
    t.drive(&format!("> . 1:1(0) ack {ack}\n-\n= ESTABLISHED"));
    t.accept();
    assert_eq!(t.read().len(), ack - 1);
}

#[rstest]
#[case::fin("< SF 0:0(0) win 1000")]
#[case::push_urgent("< SPU 0:0(0) win 1000 urg 5")]
fn a_fin_on_a_syn_is_left_for_retransmission(#[case] syn: &str) {
    let mut t = Trace::listening(plain());
    t.drive(syn);
    t.drive("> S. 0:0(0) ack 1\n< F. 1:1(0) ack 1 win 1000\n> . 1:1(0) ack 2\n= CLOSE-WAIT");
}

#[test]
fn must_4_text_of_the_third_segment_is_taken() {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 1000
        > S. 0:0(0) ack 1
        < FP. 1:51(50) ack 1 win 1000
        > . 1:1(0) ack 52
        = CLOSE-WAIT",
    );
    t.accept();
    assert_eq!(t.read().len(), 50);
}

// §3.10.7.3

#[rstest]
#[case::ack_of_the_isn("< . 0:0(0) ack 0 win 9", Some("> R 0:0(0)"))]
#[case::ack_beyond("< S. 0:0(0) ack 2 win 9", Some("> R 2:2(0)"))]
#[case::bad_ack_with_rst("< R. 0:0(0) ack 2", None)]
#[case::rst_without_ack("< R 0:0(0)", None)]
#[case::good_ack_alone("< . 0:0(0) ack 1 win 9", None)]
#[case::fin("< F 0:0(0) win 9", None)]
#[case::null("< - 0:0(0) win 9", None)]
fn rfc9293_3_10_7_3_syn_sent_stays(#[case] segment: &str, #[case] answer: Option<&str>) {
    let mut t = Trace::connecting(plain());
    t.drive("> S 0:0(0)");
    t.drive(segment);
    t.drive(answer.unwrap_or("-"));
    t.drive("-\n= SYN-SENT\n< S. 0:0(0) ack 1 win 1000\n> . 1:1(0) ack 1\n= ESTABLISHED");
}

#[test]
fn rfc9293_3_10_7_3_rst_with_good_ack_refuses() {
    let mut t = Trace::connecting(plain());
    t.drive("> S 0:0(0)\n< R. 0:0(0) ack 1\n-\n= CLOSED");
    assert_eq!(
        t.events(),
        [Event::Error(ErrorKind::Refused), Event::Closed]
    );
    let id = t.id();
    assert_eq!(
        t.host.receive(t.now, id, 10),
        Err(ErrorKind::Refused.into())
    );
}

#[test]
fn rfc9293_3_10_7_3_text_and_fin_of_the_syn_ack_are_taken() {
    let mut t = Trace::connecting(plain());
    t.drive(
        "
        > S 0:0(0)
        < SFP. 0:20(20) ack 1 win 1000
        > . 1:1(0) ack 22
        = CLOSE-WAIT",
    );
    assert_eq!(t.read(), common::stream(0, 20));
}

// SYN-RECEIVED

#[rstest]
#[case::iss("< . 1:1(0) ack 0 win 1000", "> R 0:0(0)")]
#[case::before_iss("< . 1:1(0) ack -1 win 1000", "> R 4294967295:4294967295(0)")]
#[case::beyond("< . 1:1(0) ack 2 win 1000", "> R 2:2(0)")]
#[case::data("< P. 1:11(10) ack 2 win 1000", "> R 2:2(0)")]
fn rfc9293_3_10_7_4_bad_ack_in_syn_received_draws_a_rst(
    #[case] segment: &str,
    #[case] answer: &str,
) {
    let mut t = Trace::listening(plain());
    t.drive("< S 0:0(0) win 1000\n> S. 0:0(0) ack 1");
    t.drive(segment);
    t.drive(answer);
    t.drive("-\n= SYN-RECEIVED\n< . 1:1(0) ack 1 win 1000\n= ESTABLISHED");
}

#[test]
fn the_same_syn_again_draws_the_same_syn_ack() {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 1000
        > S. 0:0(0) ack 1
        < S 0:0(0) win 1000
        > S. 0:0(0) ack 1
        -
        = SYN-RECEIVED",
    );
}

#[test]
fn rfc9293_3_10_7_4_another_syn_in_the_window_returns_to_listen() {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 1000
        > S. 0:0(0) ack 1
        < S 100:100(0) win 1000
        -
        = CLOSED
        < S 100:100(0) win 1000
        > S. 0:0(0) ack 101",
    );
}

#[test]
fn a_syn_outside_the_window_draws_an_ack() {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 1000
        > S. 0:0(0) ack 1
        < S -5000:-5000(0) win 1000
        > . 1:1(0) ack 1
        = SYN-RECEIVED",
    );
}

#[rstest]
#[case::exact("< R 1:1(0)", "-", "= CLOSED")]
#[case::in_window("< R 2:2(0)", "> . 1:1(0) ack 1", "= SYN-RECEIVED")]
#[case::outside("< R 70000:70000(0)", "-", "= SYN-RECEIVED")]
fn rst_in_syn_received(#[case] rst: &str, #[case] answer: &str, #[case] state: &str) {
    let mut t = Trace::listening(plain());
    t.drive("< S 0:0(0) win 1000\n> S. 0:0(0) ack 1");
    t.drive(rst);
    t.drive(answer);
    t.drive(state);
    assert_eq!(
        t.host
            .status(t.listener.unwrap())
            .unwrap()
            .state
            .to_string(),
        "LISTEN"
    );
}

#[test]
fn rst_in_syn_received_from_syn_sent_refuses() {
    let mut t = Trace::connecting(plain());
    t.drive("> S 0:0(0)\n< S 0:0(0) win 9\n> S. 0:0(0) ack 1\n< R 1:1(0)\n-\n= CLOSED");
    assert_eq!(
        t.events(),
        [Event::Error(ErrorKind::Refused), Event::Closed]
    );
}

// Retransmission of SYNs

#[test]
fn must_23_the_syn_is_sent_for_three_minutes() {
    let mut t = Trace::connecting(plain());
    t.drive(
        "
        > S 0:0(0)
        +1 > S 0:0(0)
        +2 > S 0:0(0)
        +4 > S 0:0(0)
        +8 > S 0:0(0)
        +16 > S 0:0(0)
        +32 > S 0:0(0)
        +60 > S 0:0(0)
        = SYN-SENT
        +60
        = CLOSED",
    );
    let events = t.events();
    assert_eq!(
        events[1..],
        [Event::Error(ErrorKind::TimedOut), Event::Closed]
    );
}

#[test]
fn the_syn_ack_is_sent_again_and_given_up() {
    let mut t = Trace::listening(plain());
    t.drive(
        "
        < S 0:0(0) win 1000
        > S. 0:0(0) ack 1
        +1 > S. 0:0(0) ack 1
        +2 > S. 0:0(0) ack 1
        +4 > S. 0:0(0) ack 1
        +8 > S. 0:0(0) ack 1
        +16 > S. 0:0(0) ack 1
        +32 > S. 0:0(0) ack 1
        +60 > S. 0:0(0) ack 1
        +60
        = CLOSED",
    );
    assert_eq!(t.host.sockets(), 1);
}

// Options

#[rstest]
#[case::none("", "mss 1460")]
#[case::scale("wscale 7", "mss 1460,wscale 0")]
#[case::sack("sackOK", "mss 1460,sackOK")]
#[case::stamps("ts 100 0", "mss 1460,ts ecr 100")]
#[case::all(
    "mss 1000,sackOK,ts 100 0,nop,wscale 7",
    "mss 1460,sackOK,ts ecr 100,wscale 0"
)]
#[case::scale_and_stamps("ts 100 0,wscale 7", "mss 1460,ts ecr 100,wscale 0")]
#[case::unknown("raw fd 4 0 0,sackOK", "mss 1460,sackOK")]
#[case::length_zero("raw fd 0 0 0,sackOK", "mss 1460")]
#[case::length_one("raw fd 1 0 0,sackOK", "mss 1460")]
#[case::length_beyond("sackOK,raw fd 22", "mss 1460,sackOK")]
fn only_what_was_offered_is_answered(#[case] offered: &str, #[case] answered: &str) {
    let config = Config {
        window_scale: true,
        timestamps: true,
        sack: true,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive(&format!("< S 0:0(0) win 1000 <{offered}>"));
    t.drive(&format!("> S. 0:0(0) ack 1 <{answered}>"));
}

#[test]
fn an_active_open_offers_everything() {
    let mut t = Trace::connecting(Config::with_addresses([[10, 0, 0, 1].into()]));
    t.drive("> S 0:0(0) win 65535 <mss 1460,sackOK,ts ecr 0,wscale 3>");
}

#[rstest]
#[case::absent("", 536)]
#[case::zero("mss 0", 536)]
#[case::small("mss 88", 88)]
#[case::large("mss 9000", 1460)]
fn must_16_the_send_mss(#[case] option: &str, #[case] mss: u32) {
    let mut t = Trace::listening(plain());
    t.drive(&format!("< S 0:0(0) win 30000 <{option}>"));
    t.drive("> S. 0:0(0) ack 1\n< . 1:1(0) ack 1 win 30000");
    t.accept();
    t.send(3000);
    let end = 1 + mss;
    t.drive(&format!("> . 1:{end}({mss}) ack 1"));
}

#[test]
fn rfc7323_2_3_a_shift_above_14_is_14() {
    let config = Config {
        window_scale: true,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive(
        "
        < S 0:0(0) win 1000 <wscale 15>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 3",
    );
    assert_eq!(t.status().unwrap().snd_wnd, 3 << 14);
}

// Listeners, backlog, addresses

#[test]
fn a_full_backlog_drops_syns_silently() {
    let mut t = Trace::with(plain());
    let options = ListenOptions {
        backlog: 1,
        ..ListenOptions::default()
    };
    t.listener = Some(t.host.listen(None, PORT, options).unwrap());
    t.drive("< S 0:0(0) win 1000\n> S. 0:0(0) ack 1");
    t.tuple.remote.set_port(40_001);
    t.drive("< S 0:0(0) win 1000\n-\n= CLOSED");
    t.tuple.remote.set_port(40_000);
    t.drive("< . 1:1(0) ack 1 win 1000");
    t.tuple.remote.set_port(40_001);
    t.drive("< S 0:0(0) win 1000\n-");
    t.accept();
    let syn = t.build("S 0:0(0) win 1000");
    t.host.handle_packet(t.now, &syn);
    assert_eq!(t.state(), "SYN-RECEIVED");
}

#[test]
fn rfc4987_3_6_cookies_serve_when_the_backlog_is_full() {
    let mut t = Trace::with(Config {
        syn_cookies: true,
        ..plain()
    });
    let options = ListenOptions {
        backlog: 1,
        ..ListenOptions::default()
    };
    let listener = t.host.listen(None, PORT, options).unwrap();
    t.listener = Some(listener);
    t.drive("< S 0:0(0) win 1000\n> S. 0:0(0) ack 1");
    t.tuple.remote.set_port(40_001);
    let syn = t.build("S 0:0(0) win 1000 <mss 1000,sackOK>");
    t.host.handle_packet(t.now, &syn);
    let packet = t.host.poll_transmit(t.now).unwrap();
    let ip = tcpconf_wire::view::IpView::parse(&packet.bytes).unwrap();
    let tcp = ip.tcp().unwrap();
    assert_eq!(t.state(), "CLOSED");
    assert_eq!(tcp.flags.to_string(), "S.");
    assert_eq!(tcp.options, [2, 4, 0x05, 0xb4]);
    let first = t.iss.replace(tcp.seq.0);
    // A wrong cookie draws a RST, the right one makes a connection, text included.
    let wrong = t.build(". 1:1(0) ack 2 win 1000");
    t.host.handle_packet(t.now, &wrong);
    let reset = t.host.poll_transmit(t.now).unwrap();
    assert_eq!(reset.bytes[33], 4);
    t.drive("< P. 1:11(10) ack 1 win 1000\n= ESTABLISHED");
    let id = t.accept();
    assert_eq!(t.host.status(id).unwrap().mss, 536);
    assert_eq!(t.read().len(), 10);
    assert_eq!(t.host.status(listener).unwrap().half_open, 1);
    t.iss = first;
    t.tuple.remote.set_port(40_000);
    t.drive("= SYN-RECEIVED");
}

#[test]
fn must_57_must_63_syns_of_invalid_addresses_are_ignored() {
    for (source, target) in [
        ("255.255.255.255", "10.0.0.1"),
        ("224.0.0.1", "10.0.0.1"),
        ("0.0.0.0", "10.0.0.1"),
        ("127.0.0.1", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.2", "255.255.255.255"),
        ("10.0.0.2", "224.0.0.1"),
        ("10.0.0.2", "10.0.0.255"),
    ] {
        let mut t = Trace::listening(plain());
        t.tuple.remote.set_ip(source.parse().unwrap());
        t.tuple.local.set_ip(target.parse().unwrap());
        t.drive("< S 0:0(0) win 1000\n-\n= CLOSED");
    }
}

#[test]
fn must_3_a_wrong_checksum_is_dropped() {
    let mut t = Trace::listening(plain());
    let mut packet = t.build("S 0:0(0) win 1000");
    packet[36] ^= 1;
    t.host.handle_packet(t.now, &packet);
    t.drive("-\n= CLOSED");
}

#[test]
fn reserved_bits_are_ignored() {
    let mut t = Trace::listening(plain());
    let good = t.build("S 0:0(0) win 1000");
    let mut tcp = good[20..].to_vec();
    tcp[12] |= 0x0e;
    tcp[16..18].fill(0);
    let packet = common::ip_packet(t.tuple.remote, t.tuple.local, tcp);
    t.host.handle_packet(t.now, &packet);
    t.drive("> S. 0:0(0) ack 1");
}

#[test]
fn ipv6_works_the_same() {
    let config = Config {
        addresses: vec!["fd00::1".parse().unwrap()],
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive(
        "
        < S 0:0(0) win 30000
        > S. 0:0(0) ack 1 <mss 1440>
        < P. 1:11(10) ack 1 win 30000
        = ESTABLISHED",
    );
    t.accept();
    assert_eq!(t.read().len(), 10);
    t.send(2000);
    t.drive("> . 1:1221(1220) ack 11");
}

/// RFC 7323 §2.2: only the windows of SYNs are not scaled.
#[test]
fn rfc7323_2_2_the_window_of_an_ack_in_syn_received_is_scaled() {
    let config = Config {
        window_scale: true,
        receive_buffer: 200_000,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive(
        "
        < S 0:0(0) win 10000 <mss 1000,wscale 0>
        > S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 2>
        # not acceptable
        < . 70000:70000(0) ack 1 win 10000
        > . 1:1(0) ack 1 win 50000
        = SYN-RECEIVED
        < . 1:1(0) ack 1 win 10000
        < P. 1:11(10) ack 1 win 10000
        +0.2 > . 1:1(0) ack 11 win 49998",
    );
}
