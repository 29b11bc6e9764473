//! OPEN, and what a user can set (RFC 9293 §3.9.1), and how segments are handed to IP (§3.9.2).

mod common;

use common::{PORT, Trace, plain};
use tcpconf_stack::{
    CallError, Config, Ecn, Host, ListenOptions, SocketOptions, UserTimeoutOption,
};
use tcpconf_wire::checksum;

#[test]
fn must_43_to_46_addresses_of_open() {
    let config = Config {
        addresses: ["10.0.0.1", "10.0.0.9", "fd00::1"]
            .map(|a| a.parse().unwrap())
            .to_vec(),
        ..plain()
    };
    let mut host = Host::new(config, 1);
    let now = tcpconf_wire::Instant::ZERO;
    let mut open = |local: Option<(&str, u16)>, remote: &str| {
        let local = local.map(|(a, p)| (a.parse().unwrap(), p));
        let id = host.connect(now, local, remote.parse().unwrap(), None)?;
        Ok(host.status(id).unwrap().tuple.local.to_string())
    };
    let chosen = open(None, "10.0.0.2:80").unwrap();
    assert!(chosen.starts_with("10.0.0.1:"));
    assert!(
        open(None, "[fd00::2]:80")
            .unwrap()
            .starts_with("[fd00::1]:")
    );
    let given = ("10.0.0.9", 5000);
    assert_eq!(open(Some(given), "10.0.0.2:80").unwrap(), "10.0.0.9:5000");
    assert_eq!(
        open(Some(given), "10.0.0.2:80"),
        Err(CallError::AlreadyExists)
    );
    assert_eq!(
        open(Some(("10.0.0.3", 1)), "10.0.0.2:80"),
        Err(CallError::InvalidLocal)
    );
    for remote in [
        "255.255.255.255:80",
        "224.0.0.1:80",
        "[ff02::1]:80",
        "10.0.0.1:80",
    ] {
        assert_eq!(
            open(None, remote),
            Err(CallError::InvalidRemote),
            "{remote}"
        );
    }
    for remote in ["0.0.0.0:80", "10.0.0.2:0"] {
        assert_eq!(
            open(None, remote),
            Err(CallError::RemoteUnspecified),
            "{remote}"
        );
    }
}

#[test]
fn rfc6056_ports_differ_and_run_out() {
    let config = Config {
        ephemeral_ports: (50_000, 50_009),
        ..plain()
    };
    let mut host = Host::new(config, 1);
    let now = tcpconf_wire::Instant::ZERO;
    let mut ports = Vec::new();
    for _ in 0..10 {
        let id = host
            .connect(now, None, ([10, 0, 0, 2], 80).into(), None)
            .unwrap();
        ports.push(host.status(id).unwrap().tuple.local.port());
    }
    ports.sort_unstable();
    assert_eq!(ports, (50_000..50_010).collect::<Vec<_>>());
    let full = host.connect(now, None, ([10, 0, 0, 2], 80).into(), None);
    assert_eq!(full, Err(CallError::InsufficientResources));
    assert!(
        host.connect(now, None, ([10, 0, 0, 2], 81).into(), None)
            .is_ok()
    );
}

#[test]
fn must_41_must_42_a_listener_disturbs_no_connection() {
    let mut t = Trace::connecting(plain());
    t.drive("> S 0:0(0)");
    let listener = t.host.listen(None, PORT, ListenOptions::default());
    assert!(listener.is_ok());
    t.drive("= SYN-SENT\n< S. 0:0(0) ack 1 win 1000\n> . 1:1(0) ack 1\n= ESTABLISHED");
    let again = t.host.listen(None, PORT, ListenOptions::default());
    assert_eq!(again, Err(CallError::AlreadyExists));
    let specific = Some(t.tuple.local.ip());
    assert!(
        t.host
            .listen(specific, PORT, ListenOptions::default())
            .is_ok()
    );
}

#[test]
fn rfc9293_3_10_1_a_listener_can_turn_active() {
    let mut t = Trace::listening(plain());
    let listener = t.listener.unwrap();
    t.host
        .connect_listener(t.now, listener, t.tuple.remote)
        .unwrap();
    t.drive("> S 0:0(0)\n= SYN-SENT\n< S. 0:0(0) ack 1 win 1000\n> . 1:1(0) ack 1\n= ESTABLISHED");
    let again = t.host.connect_listener(t.now, listener, t.tuple.remote);
    assert_eq!(again, Err(CallError::AlreadyExists));
}

#[test]
fn rfc9293_3_10_2_to_3_10_5_calls_on_a_listener() {
    let mut t = Trace::listening(plain());
    let id = t.listener.unwrap();
    assert_eq!(
        t.host.send(t.now, id, b"x"),
        Err(CallError::RemoteUnspecified)
    );
    assert_eq!(t.host.receive_into(t.now, id, &mut [0; 4]), Ok(Some(0)));
    t.drive("< S 0:0(0) win 1000\n> S. 0:0(0) ack 1");
    t.host.close(t.now, id).unwrap();
    t.drive("> R 1:1(0)\n-\n= CLOSED");
    assert_eq!(t.host.close(t.now, id), Err(CallError::NoSuchConnection));
    assert_eq!(t.host.sockets(), 0);
}

#[test]
fn rfc9293_3_10_calls_in_syn_sent() {
    let mut t = Trace::connecting(plain());
    t.drive("> S 0:0(0)");
    assert_eq!(t.send(100), 100);
    t.drive("-");
    let id = t.id();
    assert_eq!(t.host.receive_into(t.now, id, &mut [0; 4]), Ok(Some(0)));
    t.drive("< S. 0:0(0) ack 1 win 1000\n> P. 1:101(100) ack 1");
    let mut t = Trace::connecting(plain());
    t.drive("> S 0:0(0)");
    t.close();
    t.drive("-\n= CLOSED");
    assert_eq!(t.host.sockets(), 0);
}

#[test]
fn what_the_user_sets_goes_before_the_configuration() {
    let socket = SocketOptions {
        mss: Some(1000),
        receive_buffer: Some(3000),
        send_buffer: Some(2500),
        ecn: Some(Ecn::Request),
        ..plain().socket
    };
    let mut t = Trace::connecting(Config { socket, ..plain() });
    t.drive("> SEW 0:0(0) win 3000 <mss 1000>\n< S. 0:0(0) ack 1 win 60000 <mss 1460>\n> . 1:1(0) ack 1 win 3000");
    let id = t.id();
    let text: Vec<u8> = (1..5001).map(|octet| (octet % 251) as u8).collect();
    assert_eq!(t.host.send(t.now, id, &text), Ok(2500));
    t.drive("> . 1:1001(1000) ack 1\n> . 1001:2001(1000) ack 1");
}

#[test]
fn must_48_must_49_dscp_and_ttl_reach_ip() {
    let mut t = Trace::established(plain());
    let id = t.id();
    let options = SocketOptions {
        dscp: 46,
        ttl: 9,
        ..t.host.options(id).unwrap()
    };
    t.host.set_options(id, options).unwrap();
    t.send(10);
    let packet = t.host.poll_transmit(t.now).unwrap();
    let ip = tcpconf_wire::view::IpView::parse(&packet.bytes).unwrap();
    assert_eq!((ip.dscp, ip.ttl), (46, 9));
}

#[test]
fn must_50_ip_options_are_skipped() {
    let mut t = Trace::listening(plain());
    let plain = t.build("S 0:0(0) win 1000");
    let mut packet = plain[..20].to_vec();
    packet.extend([7, 7, 4, 0, 0, 0, 0, 0]);
    packet.extend(&plain[20..]);
    packet[0] = 0x47;
    packet[3] += 8;
    packet[10..12].fill(0);
    let sum = checksum::of(&packet[..28]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    t.host.handle_packet(t.now, &packet);
    t.drive("> S. 0:0(0) ack 1");
}

#[test]
fn fragments_are_dropped() {
    let mut t = Trace::listening(plain());
    let mut packet = t.build("S 0:0(0) win 1000");
    packet[6] = 0x20;
    packet[10..12].fill(0);
    let sum = checksum::of(&packet[..20]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    t.host.handle_packet(t.now, &packet);
    t.drive("-\n= CLOSED");
}

#[test]
fn must_5_options_on_any_segment_are_survived() {
    let mut t = Trace::established(plain());
    t.drive(
        "
        < P. 1:11(10) ack 1 win 10000 <mss 5,sackOK,wscale 3,nop,nop,nop>
        < P. 11:21(10) ack 1 win 10000 <raw fe 0 1 1>
        > . 1:1(0) ack 21",
    );
    assert_eq!(t.status().unwrap().mss, 1000);
}

#[test]
fn must_64_options_at_any_alignment() {
    let config = Config {
        window_scale: true,
        sack: true,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive("< S 0:0(0) win 1000 <nop,mss 1000,sackOK,nop,nop,wscale 2,eol>");
    t.drive("> S. 0:0(0) ack 1 <mss 1460,sackOK,wscale 0>");
    assert_eq!(t.status().unwrap().mss, 1000);
}

#[test]
fn must_1_rec_1_large_windows_are_unsigned() {
    let mut t = Trace::listening(plain());
    t.drive("< S 0:0(0) win 1000 <mss 1000>\n> S. 0:0(0) ack 1\n< . 1:1(0) ack 1 win 65535");
    t.accept();
    t.send(60_000);
    t.drive("> . 1:1001(1000) ack 1");
    assert_eq!(t.status().unwrap().snd_wnd, 65535);
    let config = Config {
        window_scale: true,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive("< S 0:0(0) win 1000 <wscale 14>\n> S. 0:0(0) ack 1\n< . 1:1(0) ack 1 win 65535");
    assert_eq!(t.status().unwrap().snd_wnd, 65535 << 14);
}

#[test]
fn shld_20_soft_errors_can_be_muted() {
    let mut t = Trace::established(plain());
    t.events();
    let id = t.id();
    let options = SocketOptions {
        report_soft_errors: false,
        ..t.host.options(id).unwrap()
    };
    t.host.set_options(id, options).unwrap();
    t.send(10);
    t.drive("> P. 1:11(10) ack 1\n+1 > P. 1:11(10) ack 1\n+2 > P. 1:11(10) ack 1\n+4 > P. 1:11(10) ack 1");
    assert_eq!(t.events(), []);
}

#[test]
fn a_handle_never_means_another_socket() {
    let mut t = Trace::listening(plain());
    let old = t.listener.unwrap();
    t.host.close(t.now, old).unwrap();
    let new = t.host.listen(None, PORT, ListenOptions::default()).unwrap();
    assert_ne!(old, new);
    assert_eq!(t.host.status(old), None);
    assert!(t.host.status(new).is_some());
}

// RFC 5482

fn with_uto(option: UserTimeoutOption) -> Trace {
    let mut config = plain();
    config.socket.user_timeout_option = option;
    let mut t = Trace::connecting(config);
    t.drive("> S 0:0(0) <mss 1460>\n< S. 0:0(0) ack 1 win 10000 <mss 1000>");
    t
}

#[test]
fn rfc5482_3_the_first_segment_without_syn_tells_the_timeout() {
    let mut t = with_uto(UserTimeoutOption::Fixed);
    t.drive("> . 1:1(0) ack 1 <Kind(28, [1, 44])>");
    t.send(10);
    t.drive("> P. 1:11(10) ack 1 <>\n< . 1:1(0) ack 11 win 10000");
    let id = t.id();
    let options = SocketOptions {
        user_timeout: Some(core::time::Duration::from_secs(40_000)),
        ..t.host.options(id).unwrap()
    };
    t.host.set_options(id, options).unwrap();
    t.send(10);
    t.drive("> P. 11:21(10) ack 1 <Kind(28, [130, 155])>");
}

#[rstest::rstest]
#[case::off(UserTimeoutOption::Off, "1c 4 2 58", None, 300)]
#[case::fixed(UserTimeoutOption::Fixed, "1c 4 2 58", Some(600), 300)]
#[case::adopted(UserTimeoutOption::Changeable, "1c 4 2 58", Some(600), 600)]
#[case::minutes(UserTimeoutOption::Changeable, "1c 4 80 0a", Some(600), 600)]
#[case::lower_than_own(UserTimeoutOption::Changeable, "1c 4 0 1", Some(1), 300)]
#[case::beyond_the_limit(UserTimeoutOption::Changeable, "1c 4 ff ff", Some(32767 * 60), 3600)]
#[case::zero(UserTimeoutOption::Changeable, "1c 4 0 0", None, 300)]
#[case::wrong_length(UserTimeoutOption::Changeable, "1c 3 1 1", None, 300)]
fn rfc5482_3_1_the_timeout_of_the_peer(
    #[case] option: UserTimeoutOption,
    #[case] octets: &str,
    #[case] told: Option<u64>,
    #[case] adopted: u64,
) {
    let mut t = with_uto(option);
    t.drive("> . 1:1(0) ack 1");
    t.drive(&format!("< . 1:1(0) ack 1 win 10000 <raw {octets}>"));
    let status = t.status().unwrap();
    assert_eq!(status.peer_user_timeout.map(|d| d.as_secs()), told);
    assert_eq!(status.user_timeout.map(|d| d.as_secs()), Some(adopted));
}

#[test]
fn shld_21_a_listener_hands_its_options_on() {
    let mut t = Trace::listening(plain());
    let listener = t.listener.unwrap();
    let options = SocketOptions {
        ttl: 9,
        nagle: false,
        ..SocketOptions::default()
    };
    assert_eq!(t.host.set_options(listener, options), Ok(()));
    assert_eq!(t.host.options(listener), Some(options));
    t.drive("< S 0:0(0) win 1000 <mss 1000>\n> S. 0:0(0) ack 1\n< . 1:1(0) ack 1 win 1000");
    let id = t.accept();
    assert_eq!(t.host.options(id), Some(options));
    t.host.close(t.now, listener).unwrap();
    assert_eq!(t.host.options(listener), None);
    let gone = t.host.set_options(listener, options);
    assert_eq!(gone, Err(CallError::NoSuchConnection));
}

#[test]
fn must_16_a_tiny_mss_leaves_no_room_for_options() {
    let config = Config {
        timestamps: true,
        sack: true,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive(
        "
        < S 0:0(0) win 1000 <mss 40,sackOK,ts 1 0>
        > S. 0:0(0) ack 1 <mss 1460>
        < . 1:1(0) ack 1 win 1000",
    );
    t.accept();
    t.send(50);
    t.drive("> . 1:41(40) ack 1 <>");
}

#[test]
fn a_tiny_mss_lets_out_no_more_segments_at_once_than_are_allowed() {
    let config = Config {
        max_segments_in_flight: 16,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive("< S 0:0(0) win 60000 <mss 1>\n> S. 0:0(0) ack 1\n< . 1:1(0) ack 1 win 60000");
    t.accept();
    t.send(1000);
    let mut acked = 1;
    let mut most = 0;
    while acked < 1000 {
        let count = core::iter::from_fn(|| t.poll()).count() as u32;
        assert!(count > 0);
        most = most.max(count);
        // Each octet by itself, which opens the congestion window most.
        for at in acked + 1..=acked + count {
            t.drive(&format!("< . 1:1(0) ack {at} win 60000"));
        }
        acked += count;
    }
    assert_eq!(most, 16);
}
