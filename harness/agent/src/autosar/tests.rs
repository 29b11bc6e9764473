use super::client::{Client, Reading, capabilities, express};
use super::message::{MAX_DATA, Malformed, Message, Stream};
use super::primitive::result::errno_of;
use super::primitive::{Direction, Event, Request, Response, result};
use super::*;
use proptest::prelude::*;
use rstest::rstest;
use std::net::IpAddr;
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, SocketHandle, Value};
use tcpconf_suite::vocabulary::{Capability, Setting};

fn old() -> Dialect {
    Dialect {
        response: 0x08,
        numbering: Numbering::FromThree,
        ..Dialect::default()
    }
}

fn hex(bytes: &[u8]) -> String {
    let octets: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
    octets.join(" ")
}

#[test]
fn headers_are_laid_out_as_in_the_specification() {
    let bind = Request::CreateAndBind {
        bind: true,
        port: 7_000,
        address: "10.0.0.1".parse().unwrap(),
    };
    let sent = bind.message(&Dialect::default());
    let bytes = sent.build();
    let expected = "01 05 02 01 00 00 00 11 00 00 00 00 01 01 00 00 01 1b 58 00 04 0a 00 00 01";
    assert_eq!(hex(&bytes), expected);
    let response = Response::Socket(3).message(&Dialect::default(), &sent);
    let expected = "01 05 02 01 00 00 00 0a 00 00 00 00 01 01 80 00 00 03";
    assert_eq!(hex(&response.build()), expected);
    let event = Event::Forwarded {
        full: 2,
        data: b"ok".to_vec(),
    };
    let expected = "01 05 82 03 00 00 00 0e 00 00 00 00 01 01 02 00 00 02 00 02 6f 6b";
    assert_eq!(
        hex(&event.message(&Dialect::default(), 0).build()),
        expected
    );
}

#[test]
fn older_devices_number_from_three_and_answer_by_eight() {
    let request = Request::Shutdown {
        socket: 1,
        direction: Direction::Send,
    };
    let sent = request.message(&old());
    assert_eq!((sent.group, sent.primitive), (primitive::TCP, 0x0a));
    let answer = Response::Done.message(&old(), &sent);
    assert_eq!(answer.message_type, 0x08);
    assert_eq!(old().kind(&answer), Some(Kind::Response));
    assert_eq!(Dialect::default().kind(&answer), None);
    // Group GENERAL is numbered alike.
    assert_eq!(Request::StartTest.message(&old()).primitive, 2);
}

#[test]
fn a_device_is_named_by_its_transport_its_place_and_what_is_odd_about_it() {
    let device: Device = "udp:10.0.0.2:30700".parse().unwrap();
    assert_eq!(device.address, "10.0.0.2:30700".parse().unwrap());
    assert_eq!(
        (device.transport, device.dialect),
        (Transport::Udp, Dialect::default())
    );
    let odd = "tcp:56000,response=0x08,numbering=3,reading=on-demand,service=261";
    let device: Device = odd.parse().unwrap();
    assert_eq!(device.address, "0.0.0.0:56000".parse().unwrap());
    assert_eq!((device.transport, device.dialect), (Transport::Tcp, old()));
    assert_eq!(device.reading, Reading::OnDemand);
}

#[rstest]
#[case("udp")]
#[case("sctp:1.2.3.4:5")]
#[case("udp:1.2.3.4")]
#[case("udp:1.2.3.4:5,service=0x10000")]
#[case("udp:1.2.3.4:5,numbering=1")]
#[case("udp:1.2.3.4:5,late")]
fn what_is_no_device_is_refused(#[case] text: &str) {
    assert!(text.parse::<Device>().is_err());
}

#[test]
fn text_has_a_mark_and_a_zero() {
    let end = Request::EndTest {
        case: 258,
        suite: "tcp".into(),
    };
    let message = end.message(&Dialect::default());
    assert_eq!(hex(&message.data), "01 02 00 07 ef bb bf 74 63 70 00");
    let bare = Message {
        data: b"\x01\x02\x00\x03tcp".to_vec(),
        ..message.clone()
    };
    assert_eq!(Request::of(&bare, &Dialect::default()), Ok(end));
    let none = Message {
        data: Vec::new(),
        ..message
    };
    let (case, suite) = (0, String::new());
    let expected = Request::EndTest { case, suite };
    assert_eq!(Request::of(&none, &Dialect::default()), Ok(expected));
}

#[rstest]
#[case::short(&[1, 5, 2, 1], Malformed::Short(4))]
#[case::length_too_small(&[0; 16], Malformed::Length { said: 0, came: 0 })]
#[case::length_too_great(
    &[1, 5, 2, 1, 0, 0, 0, 9, 0, 0, 0, 0, 1, 1, 0, 0],
    Malformed::Length { said: 9, came: 8 }
)]
#[case::monstrous(
    &[1, 5, 2, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 1, 0, 0],
    Malformed::Long(u32::MAX)
)]
fn what_is_no_message_is_refused(#[case] bytes: &[u8], #[case] why: Malformed) {
    assert_eq!(Message::parse(bytes), Err(why));
}

#[rstest]
#[case::unknown_primitive(2, 8, &[], result::NOT_FOUND)]
#[case::unknown_group(11, 0, &[], result::NOT_FOUND)]
#[case::too_short(2, 5, &[0, 1, 0], result::INVALID)]
#[case::too_long(2, 4, &[0, 1, 0, 1, 9], result::INVALID)]
#[case::no_such_direction(2, 7, &[0, 1, 3], result::INVALID)]
#[case::no_such_address(2, 5, &[0, 1, 0, 80, 0, 3, 1, 2, 3], result::INVALID)]
fn what_is_no_request_has_a_result(
    #[case] group: u8,
    #[case] primitive: u8,
    #[case] data: &[u8],
    #[case] expected: u8,
) {
    let dialect = Dialect::default();
    let message = dialect.message(Kind::Request, group, primitive, data.to_vec());
    assert_eq!(Request::of(&message, &dialect), Err(expected));
    assert!(errno_of(expected).is_some());
}

#[test]
fn what_the_protocol_can_express_and_what_not() {
    let lines: Vec<String> = Capability::ALL
        .into_iter()
        .map(|capability| match express(capability) {
            Ok(primitives) => format!("{capability}: {primitives}"),
            Err(missing) => format!("{capability}: unsupported: {missing}"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn what_cannot_be_expressed_is_refused_and_nothing_is_sent() {
    let mut client = Client::new(Dialect::default(), Reading::Early);
    let calls = [
        AppCall::Status(SocketHandle(1)),
        AppCall::Listen {
            local: "10.0.0.1:7000".parse().unwrap(),
            backlog: 1,
            with: vec![(Setting::KeepAlive, 1)],
        },
        AppCall::Listen {
            local: "10.0.0.1:7000".parse().unwrap(),
            backlog: 1,
            with: vec![(Setting::Mss, 400)],
        },
        AppCall::Connect {
            remote: "10.0.0.1:7000".parse().unwrap(),
            local: None,
            with: Vec::new(),
            data: vec![1],
        },
    ];
    for (call, id) in calls.into_iter().zip((1..).map(CallId)) {
        client.call(id, call);
        let result = Err(Errno::Unsupported);
        assert_eq!(client.next_event(), Some(AppEvent::Reply { id, result }));
    }
    assert_eq!(client.next_message(), None);
    assert!(capabilities().contains(&Capability::Send));
    assert!(!capabilities().contains(&Capability::Status));
}

/// Answers the request that the client has sent.
fn answer(client: &mut Client, response: &Response) -> Request {
    let dialect = Dialect::default();
    let sent = Message::parse(&client.next_message().expect("a request")).unwrap();
    let request = Request::of(&sent, &dialect).unwrap();
    client.handle(&response.message(&dialect, &sent));
    request
}

fn connect(client: &mut Client, id: CallId) {
    client.call(
        id,
        AppCall::Connect {
            remote: "10.0.0.2:80".parse().unwrap(),
            local: None,
            with: vec![(Setting::NoDelay, 1)],
            data: Vec::new(),
        },
    );
}

#[test]
fn an_active_open_is_create_configure_connect_and_reading_follows() {
    let mut client = Client::new(Dialect::default(), Reading::Early);
    connect(&mut client, CallId(1));
    let names = [
        answer(&mut client, &Response::Socket(9)).name(),
        answer(&mut client, &Response::Done).name(),
        answer(&mut client, &Response::Done).name(),
    ];
    assert_eq!(names, ["CREATE_AND_BIND", "CONFIGURE_SOCKET", "CONNECT"]);
    let (id, result) = (CallId(1), Ok(Value::Socket(SocketHandle(9))));
    assert_eq!(client.next_event(), Some(AppEvent::Reply { id, result }));
    let read = answer(&mut client, &Response::Dropped(0));
    assert_eq!(
        read,
        Request::ReceiveAndForward {
            socket: 9,
            max_forward: u16::MAX,
            max_length: u16::MAX,
        }
    );
}

#[test]
fn octets_that_the_device_threw_away_fail_the_next_receive() {
    let mut client = Client::new(Dialect::default(), Reading::Early);
    connect(&mut client, CallId(1));
    for response in [Response::Socket(9), Response::Done, Response::Done] {
        answer(&mut client, &response);
    }
    answer(&mut client, &Response::Dropped(5));
    client.next_event();
    client.call(CallId(2), AppCall::Receive(SocketHandle(9), 10));
    let (id, result) = (CallId(2), Err(Errno::NoBuffers));
    assert_eq!(client.next_event(), Some(AppEvent::Reply { id, result }));
}

#[test]
fn an_open_that_fails_closes_its_socket_again() {
    let dialect = Dialect::default();
    let mut client = Client::new(dialect, Reading::Early);
    connect(&mut client, CallId(1));
    answer(&mut client, &Response::Socket(9));
    answer(&mut client, &Response::Done);
    let sent = Message::parse(&client.next_message().unwrap()).unwrap();
    client.handle(&primitive::refusal(&dialect, &sent, result::NOT_OK));
    let (id, result) = (CallId(1), Err(Errno::Other));
    assert_eq!(client.next_event(), Some(AppEvent::Reply { id, result }));
    let (socket, abort) = (9, true);
    let closed = answer(&mut client, &Response::Done);
    assert_eq!(closed, Request::CloseSocket { socket, abort });
}

#[test]
fn a_reset_closes_what_is_open_and_what_is_being_opened() {
    let mut client = Client::new(Dialect::default(), Reading::OnDemand);
    connect(&mut client, CallId(1));
    for response in [Response::Socket(9), Response::Done, Response::Done] {
        answer(&mut client, &response);
    }
    connect(&mut client, CallId(2));
    client.call(CallId(3), AppCall::ResetAll);
    answer(&mut client, &Response::Socket(10));
    let closed: Vec<Request> = (0..2)
        .map(|_| answer(&mut client, &Response::Done))
        .collect();
    let abort = true;
    for socket in [9, 10] {
        assert!(closed.contains(&Request::CloseSocket { socket, abort }));
    }
    assert_eq!(client.next_message(), None);
    let replies: Vec<AppEvent> = std::iter::from_fn(|| client.next_event()).collect();
    let done = AppEvent::Reply {
        id: CallId(3),
        result: Ok(Value::Done),
    };
    assert!(replies.contains(&done), "{replies:?}");
}

#[test]
fn a_late_response_is_not_taken_for_another() {
    let dialect = Dialect::default();
    let mut client = Client::new(dialect, Reading::OnDemand);
    connect(&mut client, CallId(1));
    let late = Message::parse(&client.next_message().unwrap()).unwrap();
    client.give_up(Errno::TimedOut);
    let (id, result) = (CallId(1), Err(Errno::TimedOut));
    assert_eq!(client.next_event(), Some(AppEvent::Reply { id, result }));
    client.handle(&Response::Socket(4).message(&dialect, &late));
    assert_eq!((client.next_message(), client.next_event()), (None, None));
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
    ]
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..40)
}

fn request() -> impl Strategy<Value = Request> {
    let n = any::<u16>;
    prop_oneof![
        Just(Request::GetVersion),
        Just(Request::StartTest),
        (n(), "\\PC*").prop_map(|(case, suite)| Request::EndTest { case, suite }),
        (n(), any::<bool>()).prop_map(|(socket, abort)| Request::CloseSocket { socket, abort }),
        (any::<bool>(), n(), address()).prop_map(|(bind, port, address)| Request::CreateAndBind {
            bind,
            port,
            address
        }),
        (n(), n(), any::<u8>(), octets()).prop_map(|(socket, total, flags, data)| {
            Request::SendData {
                socket,
                total,
                flags,
                data,
            }
        }),
        (n(), n(), n()).prop_map(|(socket, max_forward, max_length)| {
            Request::ReceiveAndForward {
                socket,
                max_forward,
                max_length,
            }
        }),
        (n(), n()).prop_map(|(listener, max_connections)| Request::ListenAndAccept {
            listener,
            max_connections
        }),
        (n(), n(), address()).prop_map(|(socket, port, address)| Request::Connect {
            socket,
            port,
            address
        }),
        (n(), n(), octets()).prop_map(|(socket, parameter, value)| Request::ConfigureSocket {
            socket,
            parameter,
            value
        }),
        (n(), 0..3u8).prop_map(|(socket, how)| Request::Shutdown {
            socket,
            direction: [Direction::Receive, Direction::Send, Direction::Both][usize::from(how)],
        }),
    ]
}

proptest! {
    #[test]
    fn requests_are_read_as_they_were_written(request in request(), three in any::<bool>()) {
        let dialect = if three { old() } else { Dialect::default() };
        let message = request.message(&dialect);
        let again = Message::parse(&message.build()).unwrap();
        prop_assert_eq!(&again, &message);
        prop_assert_eq!(dialect.kind(&again), Some(Kind::Request));
        prop_assert_eq!(Request::of(&again, &dialect), Ok(request));
    }

    #[test]
    fn a_stream_is_cut_alike_wherever_it_is_interrupted(
        requests in proptest::collection::vec(request(), 1..6),
        portion in 1..50usize,
    ) {
        let messages: Vec<Message> =
            requests.iter().map(|r| r.message(&Dialect::default())).collect();
        let bytes: Vec<u8> = messages.iter().flat_map(Message::build).collect();
        let mut stream = Stream::default();
        let mut found = Vec::new();
        for portion in bytes.chunks(portion) {
            stream.push(portion);
            while let Some(message) = stream.next_message().unwrap() {
                found.push(message);
            }
        }
        prop_assert_eq!(found, messages);
    }

    #[test]
    fn any_octets_are_a_message_that_builds_to_them_or_none(
        data in proptest::collection::vec(any::<u8>(), 0..80),
        claim in proptest::bool::ANY,
    ) {
        let mut data = data;
        if claim && data.len() >= 16 {
            let length = u32::try_from(data.len() - 8).unwrap();
            data[4..8].copy_from_slice(&length.to_be_bytes());
            prop_assert!(Message::parse(&data).is_ok());
        }
        if let Ok(message) = Message::parse(&data) {
            prop_assert!(message.data.len() <= MAX_DATA);
            prop_assert_eq!(message.build(), data);
        }
    }
}
