//! TCP Fast Open (RFC 7413).

mod common;

use common::{PORT, Trace, plain};
use rstest::rstest;
use tcpconf_stack::{ErrorKind, Event, ListenOptions};

fn listening(fast_open: Option<usize>) -> Trace {
    let mut t = Trace::with(plain());
    let options = ListenOptions {
        fast_open,
        ..ListenOptions::default()
    };
    t.listener = Some(
        t.host
            .listen(None, PORT, options)
            .expect("the port is free"),
    );
    t
}

/// A cookie, as `raw` octets of an option, got by a handshake that is then reset.
fn cookie(t: &mut Trace) -> String {
    t.drive("< S 0:0(0) win 1000 <raw 22 2>");
    let answer = t.poll().expect("a SYN-ACK");
    let octets = answer
        .split_once("Kind(34, [")
        .and_then(|(_, rest)| rest.split_once("])"))
        .expect("a cookie")
        .0;
    let hex: Vec<String> = octets
        .split(", ")
        .map(|o| format!("{:02x}", o.parse::<u8>().expect("an octet")))
        .collect();
    assert_eq!(hex.len(), 8);
    t.drive("< R 1:1(0)\n-\n= CLOSED");
    format!("raw 22 0a {}", hex.join(" "))
}

#[test]
fn rfc7413_4_2_2_text_with_a_valid_cookie_is_taken_at_once() {
    let mut t = listening(Some(5));
    let cookie = cookie(&mut t);
    t.drive(&format!("< S 0:100(100) win 1000 <{cookie}>"));
    t.drive("> S. 0:0(0) ack 101 <mss 1460>\n-\n= SYN-RECEIVED");
    assert_eq!(t.events(), [Event::Acceptable, Event::Readable]);
    t.accept();
    assert_eq!(t.read().len(), 100);
    assert_eq!(t.send(10), 10);
    t.drive("-\n+1 > S. 0:0(0) ack 101 <mss 1460>");
    t.drive("< . 101:101(0) ack 1 win 1000\n> P. 1:11(10) ack 101\n= ESTABLISHED");
    let listener = t.listener.unwrap();
    assert_eq!(t.host.accept(listener), None);
    assert_eq!(t.host.status(listener).unwrap().half_open, 0);
}

#[rstest]
#[case::wrong("raw 22 0a 1 2 3 4 5 6 7 8", "mss 1460,Kind(34")]
#[case::of_another_length("raw 22 6 1 2 3 4", "mss 1460,Kind(34")]
#[case::odd("raw 22 7 1 2 3 4 5", "mss 1460>")]
#[case::too_short("raw 22 4 1 2", "mss 1460>")]
#[case::too_long("raw 22 14 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8", "mss 1460>")]
fn rfc7413_4_2_2_other_cookies_acknowledge_the_syn_only(#[case] option: &str, #[case] with: &str) {
    let mut t = listening(Some(5));
    t.drive(&format!("< S 0:100(100) win 1000 <{option}>"));
    let answer = t.poll().unwrap();
    assert!(answer.starts_with("S. 0:0(0) ack 1 "), "{answer}");
    assert!(answer.contains(with), "{answer}");
    assert_eq!(t.events(), []);
}

#[test]
fn rfc7413_4_2_without_consent_the_option_is_ignored() {
    let mut t = listening(None);
    t.drive("< S 0:100(100) win 1000 <raw 22 2>\n> S. 0:0(0) ack 1 <mss 1460>");
}

#[test]
fn rfc7413_4_2_above_the_limit_it_is_an_ordinary_handshake() {
    let mut t = listening(Some(1));
    let cookie = cookie(&mut t);
    t.drive(&format!(
        "< S 0:100(100) win 1000 <{cookie}>\n> S. 0:0(0) ack 101"
    ));
    t.tuple.remote.set_port(40_001);
    let syn = t.build(&format!("S 0:100(100) win 1000 <{cookie}>"));
    t.host.handle_packet(t.now, &syn);
    let status = t.status().unwrap();
    assert_eq!(status.rcv_nxt.0, common::PEER_ISN.wrapping_add(1));
}

#[test]
fn rfc7413_4_1_2_a_cookie_is_bound_to_the_address_and_expires() {
    let mut t = listening(Some(5));
    let cookie = cookie(&mut t);
    let own = t.tuple.remote;
    t.tuple.remote.set_ip([10, 0, 0, 3].into());
    t.drive(&format!("< S 0:100(100) win 1000 <{cookie}>"));
    assert_eq!(t.status().unwrap().unread, 0);
    t.drive("> S. 0:0(0) ack 1\n< R 1:1(0)");
    t.tuple.remote = own;
    t.now += core::time::Duration::from_secs(7200);
    t.drive(&format!(
        "< S 0:100(100) win 1000 <{cookie}>\n> S. 0:0(0) ack 1"
    ));
}

#[test]
fn a_reset_before_the_handshake_is_done_is_told() {
    let mut t = listening(Some(5));
    let cookie = cookie(&mut t);
    t.drive(&format!(
        "< S 0:100(100) win 1000 <{cookie}>\n> S. 0:0(0) ack 101"
    ));
    t.accept();
    t.events();
    t.drive("< R 101:101(0)\n-\n= CLOSED");
    assert_eq!(t.events(), [Event::Error(ErrorKind::Reset), Event::Closed]);
    let listener = t.listener.unwrap();
    assert_eq!(t.host.status(listener).unwrap().half_open, 0);
}

// The client's side

fn connect(t: &mut Trace, len: usize) {
    let local = Some((t.tuple.local.ip(), PORT));
    let data = common::stream(1, len);
    let (id, queued) = t
        .host
        .connect_with_data(t.now, local, t.tuple.remote, None, &data)
        .expect("the tuple is free");
    assert_eq!(queued, len);
    t.id = Some(id);
}

const COOKIE: &str = "raw 22 6 1 2 3 4";

/// A first connection, which brings the cookie and is then reset.
fn with_cookie() -> Trace {
    let mut t = Trace::with(plain());
    connect(&mut t, 10);
    t.drive(&format!(
        "
        > S 0:0(0) <mss 1460,Kind(34, [])>
        < S. 0:0(0) ack 1 win 10000 <mss 600,{COOKIE}>
        > P. 1:11(10) ack 1
        < R 1:1(0)
        = CLOSED"
    ));
    let id = t.id();
    t.host.release(t.now, id);
    t
}

/// The next packet: flags, text and its options.
fn syn(t: &mut Trace) -> (String, Vec<u8>, Vec<u8>) {
    let packet = t.host.poll_transmit(t.now).expect("a SYN");
    let ip = tcpconf_wire::view::IpView::parse(&packet.bytes).expect("a packet");
    let tcp = ip.tcp().expect("a segment");
    t.iss = Some(tcp.seq.0);
    (
        tcp.flags.to_string(),
        tcp.payload.to_vec(),
        tcp.options.to_vec(),
    )
}

#[test]
fn rfc7413_4_2_2_with_a_cookie_the_syn_carries_data() {
    let mut t = with_cookie();
    connect(&mut t, 1000);
    let (flags, text, options) = syn(&mut t);
    // 600 less the options of a SYN
    assert_eq!((flags.as_str(), text), ("S", common::stream(1, 560)));
    assert!(options.ends_with(&[34, 6, 1, 2, 3, 4]));
    t.drive("< S. 0:0(0) ack 561 win 10000 <mss 600>\n> P. 561:1001(440) ack 1\n-");
}

#[test]
fn rfc7413_4_2_2_what_the_syn_ack_leaves_out_is_sent_again() {
    let mut t = with_cookie();
    connect(&mut t, 300);
    assert_eq!(syn(&mut t).1.len(), 300);
    t.drive("< S. 0:0(0) ack 1 win 10000 <mss 600>\n> P. 1:301(300) ack 1\n-\n= ESTABLISHED");
}

#[test]
fn rfc7413_4_2_2_a_repeated_syn_is_plain_and_the_path_is_remembered() {
    let mut t = with_cookie();
    connect(&mut t, 300);
    assert_eq!(syn(&mut t).1.len(), 300);
    t.drive(
        "+1 > S 0:0(0) <mss 1460>\n< S. 0:0(0) ack 1 win 10000 <mss 600>\n> P. 1:301(300) ack 1",
    );
    let id = t.id();
    t.host.abort(t.now, id).expect("it exists");
    t.drive("> R 301:301(0)");
    connect(&mut t, 300);
    t.drive("> S 0:0(0) <mss 1460>");
}

#[test]
fn rfc7413_4_2_1_a_server_without_cookies_is_not_asked_again() {
    let mut t = Trace::with(plain());
    connect(&mut t, 10);
    t.drive("> S 0:0(0) <mss 1460,Kind(34, [])>\n< S. 0:0(0) ack 1 win 10000\n> P. 1:11(10) ack 1");
    let id = t.id();
    t.host.abort(t.now, id).expect("it exists");
    t.drive("> R 11:11(0)");
    connect(&mut t, 10);
    t.drive("> S 0:0(0) <mss 1460>");
}
