//! Lines and what they mean, both ways.

use super::*;
use crate::service::Service;
use proptest::prelude::*;
use rstest::rstest;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tcpconf_engine::payload;
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, FourTuple, SocketHandle, Status, Value};
use tcpconf_suite::vocabulary::{Capability, Setting};

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        (any::<u32>(), any::<u16>())
            .prop_map(|(ip, port)| SocketAddr::from((Ipv4Addr::from(ip), port))),
        (any::<u128>(), any::<u16>())
            .prop_map(|(ip, port)| SocketAddr::from((Ipv6Addr::from(ip), port))),
    ]
}

fn handle() -> impl Strategy<Value = SocketHandle> {
    any::<u64>().prop_map(SocketHandle)
}

fn setting() -> impl Strategy<Value = Setting> {
    prop::sample::select(Setting::ALL.to_vec())
}

fn settings() -> impl Strategy<Value = Vec<(Setting, i64)>> {
    prop::collection::vec((setting(), any::<i64>()), 0..4)
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        (0..70_000u32, 0..5_000usize).prop_map(|(at, length)| payload::octets(at, length)),
    ]
}

fn call() -> impl Strategy<Value = AppCall> {
    prop_oneof![
        (address(), any::<u32>(), settings()).prop_map(|(local, backlog, with)| {
            AppCall::Listen {
                local,
                backlog,
                with,
            }
        }),
        (address(), prop::option::of(address()), settings(), octets()).prop_map(
            |(remote, local, with, data)| AppCall::Connect {
                remote,
                local,
                with,
                data
            }
        ),
        (handle(), octets(), any::<bool>(), any::<bool>()).prop_map(
            |(socket, data, urgent, more)| AppCall::Send {
                socket,
                data,
                urgent,
                more
            }
        ),
        handle().prop_map(AppCall::Accept),
        (handle(), any::<usize>()).prop_map(|(socket, max)| AppCall::Receive(socket, max)),
        handle().prop_map(AppCall::ReceiveUrgent),
        handle().prop_map(AppCall::Close),
        handle().prop_map(AppCall::ShutdownRead),
        handle().prop_map(AppCall::Release),
        handle().prop_map(AppCall::Abort),
        (handle(), setting(), any::<i64>())
            .prop_map(|(socket, it, to)| AppCall::Set(socket, it, to)),
        (handle(), setting()).prop_map(|(socket, it)| AppCall::Get(socket, it)),
        handle().prop_map(AppCall::Status),
        Just(AppCall::ResetAll),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        8 => call().prop_map(Request::Call),
        1 => Just(Request::Hello),
        1 => (address(), address())
            .prop_map(|(local, remote)| Request::Connection(FourTuple { local, remote })),
        1 => (prop::sample::select(Service::ALL.to_vec()), address(), prop::option::of(any::<u32>()))
            .prop_map(|(service, local, backlog)| Request::Service { service, local, backlog }),
    ]
}

fn errno() -> impl Strategy<Value = Errno> {
    prop::sample::select(Errno::NAMES.map(|(errno, _)| errno).to_vec())
}

fn status() -> impl Strategy<Value = Status> {
    let number = || prop::option::of(any::<u64>());
    (
        "[A-Z-]{1,12}",
        number(),
        number(),
        prop::option::of(errno()),
        number(),
    )
        .prop_map(|(state, unread, unacked, error, memory)| Status {
            state,
            unread,
            unacked,
            error,
            memory,
        })
}

fn hello() -> impl Strategy<Value = Hello> {
    let verbs: Vec<_> = Capability::ALL
        .into_iter()
        .filter(|it| !matches!(it, Capability::Set(_)))
        .collect();
    let sets: Vec<_> = Setting::ALL.map(Capability::Set).to_vec();
    (
        (any::<u32>(), any::<usize>(), "[a-z/0-9.]{0,9}"),
        prop::sample::subsequence(verbs, 0..14),
        prop::sample::subsequence(sets, 0..17),
        (any::<bool>(), any::<Option<(u16, u16)>>()),
        prop::sample::subsequence(Service::ALL.to_vec(), 0..9),
    )
        .prop_map(
            |((protocol, line, agent), verbs, sets, (connection, ports), services)| Hello {
                protocol,
                agent,
                line,
                capabilities: [verbs, sets].concat(),
                connection,
                ports,
                services,
            },
        )
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Done),
        handle().prop_map(Value::Socket),
        any::<usize>().prop_map(Value::Count),
        octets().prop_map(Value::Bytes),
        any::<i64>().prop_map(Value::Number),
        status().prop_map(Value::Status),
    ]
}

fn event() -> impl Strategy<Value = AppEvent> {
    prop_oneof![
        (handle(), handle(), address(), address()).prop_map(|(listener, socket, local, remote)| {
            AppEvent::Accepted {
                listener,
                socket,
                connection: FourTuple { local, remote },
            }
        }),
        handle().prop_map(AppEvent::Connected),
        handle().prop_map(AppEvent::Readable),
        handle().prop_map(AppEvent::Eof),
        (handle(), errno()).prop_map(|(socket, errno)| AppEvent::Error(socket, errno)),
        handle().prop_map(AppEvent::Oob),
        (handle(), errno()).prop_map(|(socket, errno)| AppEvent::SoftError(socket, errno)),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let answer = prop_oneof![
        4 => value().prop_map(Answer::Value),
        1 => hello().prop_map(Answer::Hello),
    ];
    let refusal =
        (errno(), "([!-~]([ -~]{0,20}[!-~])?)?").prop_map(|(errno, text)| Refusal { errno, text });
    prop_oneof![
        4 => (any::<u64>(), prop_oneof![answer.prop_map(Ok), refusal.prop_map(Err)])
            .prop_map(|(id, result)| Message::Reply { id, result }),
        4 => event().prop_map(Message::Event),
        1 => "([!-~]([ -~]{0,20}[!-~])?)?".prop_map(Message::Bye),
    ]
}

fn line(print: &str) -> &[u8] {
    print.strip_suffix('\n').unwrap().as_bytes()
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written(id in any::<u64>(), request in request()) {
        let print = request.encode(id);
        prop_assert!(print.bytes().all(|octet| octet == b'\n' || (b' '..=b'~').contains(&octet)));
        prop_assert_eq!(Request::decode(line(&print)), Ok((id, request)));
    }

    #[test]
    fn a_message_is_read_as_it_was_written(message in message()) {
        let print = message.encode();
        prop_assert!(print.bytes().all(|octet| octet == b'\n' || (b' '..=b'~').contains(&octet)));
        prop_assert_eq!(Message::decode(line(&print)), Ok(message));
    }

    #[test]
    fn any_octets_are_a_meaning_or_an_error(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let errors = [
            Request::decode(&line).err(),
            Message::decode(&line).err(),
        ];
        for error in errors.into_iter().flatten() {
            prop_assert!(error.text.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
        }
    }

    #[test]
    fn words_of_the_protocol_in_any_order_do_no_harm(
        words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..12)
    ) {
        let line = words.join(" ");
        if let Ok((id, request)) = Request::decode(line.as_bytes()) {
            prop_assert_eq!(Request::decode(self::line(&request.encode(id))), Ok((id, request)));
        }
    }
}

const WORDS: [&str; 24] = [
    "1",
    "0",
    "-1",
    "hello",
    "listen",
    "connect",
    "send",
    "recv",
    "set",
    "get",
    "reset",
    "service",
    "echo",
    "1.2.3.4:5",
    "[::1]:80",
    "backlog=7",
    "nodelay=1",
    "nodelay",
    "hex:00",
    "hex:0",
    "pattern:1:9",
    "urgent",
    "more",
    "from=1.2.3.4:0",
];

#[rstest]
#[case("7 listen 0.0.0.0:0", AppCall::Listen { local: ([0; 4], 0).into(), backlog: 1, with: vec![] })]
#[case("7  send 4  hex:4a4B ", AppCall::Send {
    socket: SocketHandle(4), data: b"JK".to_vec(), urgent: false, more: false
})]
#[case("7 send 4 pattern:1:3 more", AppCall::Send {
    socket: SocketHandle(4), data: payload::octets(1, 3), urgent: false, more: true
})]
fn what_may_be_left_out_or_written_otherwise(#[case] line: &str, #[case] call: AppCall) {
    assert_eq!(
        Request::decode(line.as_bytes()),
        Ok((7, Request::Call(call)))
    );
}

#[rstest]
#[case("", None, Errno::Invalid, "the request's number is missing")]
#[case(
    "x hello",
    None,
    Errno::Invalid,
    "the request's number: 'x' is no number"
)]
#[case(
    "-3 hello",
    None,
    Errno::Invalid,
    "the request's number: '-3' is no number"
)]
#[case("3", Some(3), Errno::Invalid, "the verb is missing")]
#[case("3 hello\t", None, Errno::Invalid, "a line is printable ASCII")]
#[case("3 hello you", Some(3), Errno::Invalid, "'you' is too much")]
#[case("3 dance", Some(3), Errno::Unsupported, "no verb 'dance'")]
#[case("3 set 4 nagle 1", Some(3), Errno::Unsupported, "no setting 'nagle'")]
#[case(
    "3 service ehco 0.0.0.0:7",
    Some(3),
    Errno::Unsupported,
    "no service 'ehco'"
)]
#[case("3 listen 7000", Some(3), Errno::Invalid, "'7000' is no ADDRESS:PORT")]
#[case(
    "3 listen 0.0.0.0:70000",
    Some(3),
    Errno::Invalid,
    "'0.0.0.0:70000' is no ADDRESS:PORT"
)]
#[case(
    "3 listen 0.0.0.0:7 ttl",
    Some(3),
    Errno::Invalid,
    "'ttl' is not of the form NAME=VALUE"
)]
#[case(
    "3 send 4 hex:123",
    Some(3),
    Errno::Invalid,
    "hex: takes pairs of hexadecimal digits"
)]
#[case(
    "3 send 4 text",
    Some(3),
    Errno::Invalid,
    "data is hex:DIGITS or pattern:OFFSET:LENGTH"
)]
#[case(
    "3 send 4 pattern:0:1048577",
    Some(3),
    Errno::Invalid,
    "a pattern has at most 1048576 octets"
)]
#[case("3 recv 4 -1", Some(3), Errno::Invalid, "how much: '-1' is no number")]
fn what_is_wrong_with_a_request_is_said(
    #[case] line: &str,
    #[case] id: Option<u64>,
    #[case] errno: Errno,
    #[case] text: &str,
) {
    let text = text.to_owned();
    assert_eq!(
        Request::decode(line.as_bytes()),
        Err(Malformed { id, errno, text })
    );
}

#[test]
fn what_a_later_agent_says_besides_is_passed_over() {
    let line = b"1 ok hello protocol=1 line=999 agent=x verbs=listen,dance settings=nodelay,nagle \
        services=echo,finger colour=blue";
    let Ok(Message::Reply {
        result: Ok(Answer::Hello(hello)),
        ..
    }) = Message::decode(line)
    else {
        panic!("no hello");
    };
    let known = vec![Capability::Listen, Capability::Set(Setting::NoDelay)];
    assert_eq!(hello.capabilities, known);
    assert_eq!((hello.line, hello.services), (999, vec![Service::Echo]));
    let status = Message::decode(b"1 ok status LISTEN queued=5").unwrap();
    assert!(matches!(status, Message::Reply { result: Ok(_), .. }));
}

#[test]
fn an_error_without_a_name_here_keeps_its_own() {
    let message = Message::decode(b"1 error EXDEV too far").unwrap();
    let result = Err(Refusal {
        errno: Errno::Other,
        text: "EXDEV too far".into(),
    });
    assert_eq!(message, Message::Reply { id: 1, result });
}

#[test]
fn texts_from_elsewhere_cannot_begin_a_line() {
    let result = Err(Refusal {
        errno: Errno::Other,
        text: "a\n2 ok\u{1b}é".into(),
    });
    let print = Message::Reply { id: 1, result }.encode();
    assert_eq!(print, "1 error EIO a?2 ok??\n");
    assert_eq!(Message::Bye("x\ry".into()).encode(), "* bye x?y\n");
}

#[test]
fn replies_become_events_of_the_seam() {
    let reply = Message::reply(9, Err(Errno::BrokenPipe));
    let id = CallId(9);
    let result = Err(Errno::BrokenPipe);
    assert_eq!(reply.into_event(), Some(AppEvent::Reply { id, result }));
    assert_eq!(Message::Bye(String::new()).into_event(), None);
}
