//! What the documentation's examples leave out: policy, limits, hostile controllers.

use super::*;
use crate::text::{Answer, MAX_LINE, Message, Request};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, Errno, FourTuple, SocketHandle, Status, Value};
use tcpconf_suite::vocabulary::{Capability, Setting};

const PATIENCE: Duration = Duration::from_secs(10);
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

/// An application and what it said.
struct Driven {
    application: Application,
    said: Vec<Message>,
    next: u64,
}

impl Driven {
    fn new(policy: Policy) -> Self {
        Self {
            application: Application::new(policy).unwrap(),
            said: Vec::new(),
            next: 1,
        }
    }

    /// Asks, and turns until `done` holds for something that is said.
    fn until<T>(&mut self, mut done: impl FnMut(&Message) -> Option<T>) -> T {
        loop {
            while let Some(message) = self.application.next_message() {
                self.said.push(message.clone());
                if let Some(result) = done(&message) {
                    return result;
                }
            }
            let mut fds = [PollFd::new(self.application.fd(), PollFlags::POLLIN)];
            let patience = PollTimeout::try_from(PATIENCE).unwrap();
            let ready = poll(&mut fds, patience).unwrap();
            assert!(ready > 0, "nothing more comes after {:?}", self.said);
            self.application.turn().unwrap();
        }
    }

    fn ask(&mut self, request: impl Into<Request>) -> Result<Value, Errno> {
        let wanted = self.next;
        self.next += 1;
        self.application.request(wanted, request.into());
        self.until(|message| match message {
            Message::Reply { id, result } if *id == wanted => Some(match result {
                Ok(Answer::Value(value)) => Ok(value.clone()),
                Ok(Answer::Hello(hello)) => panic!("{hello:?}"),
                Err(refusal) => Err(refusal.errno),
            }),
            _ => None,
        })
    }

    fn socket(&mut self, call: AppCall) -> SocketHandle {
        match self.ask(call).unwrap() {
            Value::Socket(socket) => socket,
            other => panic!("{other:?}"),
        }
    }

    fn event(&mut self, wanted: &AppEvent) {
        self.until(|message| (*message == Message::Event(wanted.clone())).then_some(()));
    }

    fn connected(&mut self, remote: SocketAddr, with: &[(Setting, i64)]) -> SocketHandle {
        let socket = self.socket(connect(remote, with));
        self.event(&AppEvent::Connected(socket));
        socket
    }

    fn status(&mut self, socket: SocketHandle) -> Status {
        match self.ask(AppCall::Status(socket)).unwrap() {
            Value::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }
}

fn connect(remote: SocketAddr, with: &[(Setting, i64)]) -> AppCall {
    AppCall::Connect {
        remote,
        local: None,
        with: with.to_vec(),
        data: Vec::new(),
    }
}

fn listen(port: u16) -> AppCall {
    AppCall::Listen {
        local: (LOOPBACK, port).into(),
        backlog: 5,
        with: Vec::new(),
    }
}

fn peer() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn every_setting_that_is_offered_can_be_set_and_read() {
    let (listener, address) = peer();
    let mut driven = Driven::new(Policy::unlimited());
    let socket = driven.connected(address, &[(Setting::Mss, 900)]);
    let values = [
        (Setting::NoDelay, 1, 1),
        (Setting::Cork, 1, 1),
        (Setting::KeepAlive, 1, 1),
        (Setting::KeepAliveIdle, 2_001, 3_000),
        (Setting::KeepAliveInterval, 1, 1_000),
        (Setting::KeepAliveCount, 4, 4),
        (Setting::Linger, 1_500, 2_000),
        (Setting::Linger, -1, -1),
        (Setting::UserTimeout, 1_234, 1_234),
        (Setting::ReceiveBuffer, 8_192, 16_384),
        (Setting::SendBuffer, 8_192, 16_384),
        (Setting::OobInline, 1, 1),
        (Setting::Congestion, 0, 0),
        (Setting::Ttl, 9, 9),
        (Setting::Dscp, 46, 46),
        (Setting::SoftErrors, 1, 1),
    ];
    for (setting, value, read) in values {
        let done = driven.ask(AppCall::Set(socket, setting, value));
        assert_eq!(done, Ok(Value::Done), "{setting:?}");
        let value = driven.ask(AppCall::Get(socket, setting));
        assert_eq!(value, Ok(Value::Number(read)), "{setting:?}");
    }
    let offered: std::collections::BTreeSet<_> =
        values.iter().map(|(setting, ..)| *setting).collect();
    for capability in hello(false).capabilities {
        if let Capability::Set(setting) = capability
            && setting != Setting::Mss
            && setting != Setting::FastOpen
        {
            assert!(
                offered.contains(&setting),
                "{setting:?} is offered and untried"
            );
        }
    }
    // Those two are for before the connection: the first was, and the segment shows it.
    let mss = driven.ask(AppCall::Get(socket, Setting::Mss)).unwrap();
    assert!(matches!(mss, Value::Number(1..=900)), "{mss:?}");
    let fast = AppCall::Listen {
        local: (LOOPBACK, 0).into(),
        backlog: 1,
        with: vec![(Setting::FastOpen, 7)],
    };
    let fast = driven.socket(fast);
    let queue = driven.ask(AppCall::Get(fast, Setting::FastOpen));
    assert_eq!(queue, Ok(Value::Number(7)));
    for (setting, value) in [
        (Setting::Ecn, 1),
        (Setting::Congestion, 2),
        (Setting::Dscp, 64),
    ] {
        let refused = driven.ask(AppCall::Set(socket, setting, value));
        assert!(
            matches!(refused, Err(Errno::Unsupported | Errno::Invalid)),
            "{setting:?}"
        );
    }
    drop(listener);
}

#[test]
fn data_of_an_open_arrives_with_and_without_fast_open() {
    for fast in [0, 1] {
        let (listener, address) = peer();
        let mut driven = Driven::new(Policy::unlimited());
        let socket = driven.socket(AppCall::Connect {
            remote: address,
            local: None,
            with: vec![(Setting::FastOpen, fast)],
            data: b"early".to_vec(),
        });
        driven.event(&AppEvent::Connected(socket));
        let (mut accepted, _) = listener.accept().unwrap();
        let mut octets = [0; 5];
        accepted.set_read_timeout(Some(PATIENCE)).unwrap();
        accepted.read_exact(&mut octets).unwrap();
        assert_eq!(&octets, b"early");
    }
}

#[test]
fn a_send_that_the_peer_does_not_take_waits_and_is_counted() {
    const SIZE: usize = 8 << 20;
    let (listener, address) = peer();
    let mut driven = Driven::new(Policy::unlimited());
    let socket = driven.connected(address, &[]);
    let (mut accepted, _) = listener.accept().unwrap();
    let send = |data| AppCall::Send {
        socket,
        data,
        urgent: false,
        more: false,
    };
    driven.application.request(700, send(vec![7; SIZE]).into());
    assert!(driven.status(socket).unacked.unwrap() > 0);
    assert!(
        !driven
            .said
            .iter()
            .any(|said| matches!(said, Message::Reply { id: 700, .. })),
        "no buffer is that large"
    );
    // More than may wait in all.
    let more = driven.ask(send(vec![0; MAX_WAITING]));
    assert_eq!(more, Err(Errno::NoBuffers));
    let reading = std::thread::spawn(move || {
        let mut left = SIZE;
        let mut octets = vec![0; 1 << 16];
        while left > 0 {
            left -= accepted.read(&mut octets).unwrap();
        }
        accepted
    });
    let count = driven.until(|message| match message {
        Message::Reply { id: 700, result } => Some(result.clone()),
        _ => None,
    });
    assert_eq!(count, Ok(Answer::Value(Value::Count(SIZE))));
    drop(reading.join().unwrap());
    driven.event(&AppEvent::Eof(socket));
}

#[test]
fn calls_that_wait_for_a_socket_are_limited_and_answered_when_it_goes() {
    let (listener, address) = peer();
    let mut driven = Driven::new(Policy::unlimited());
    let socket = driven.connected(address, &[]);
    for id in 0..MAX_CALLS {
        driven
            .application
            .request(900 + id as u64, AppCall::Receive(socket, 5).into());
    }
    let one_more = driven.ask(AppCall::Receive(socket, 5));
    assert_eq!(one_more, Err(Errno::NoBuffers));
    driven
        .application
        .request(999, AppCall::Release(socket).into());
    let mut answered = 0;
    driven.until(|message| {
        if let Message::Reply { id: 900.., result } = message
            && let Err(refusal) = result
        {
            assert_eq!(refusal.errno, Errno::ConnectionAborted);
            answered += 1;
        }
        matches!(message, Message::Reply { id: 999, .. }).then_some(())
    });
    assert_eq!(answered, MAX_CALLS);
    drop(listener);
}

#[test]
fn release_with_a_linger_time_does_not_block() {
    let (listener, address) = peer();
    let mut driven = Driven::new(Policy::unlimited());
    let socket = driven.connected(address, &[(Setting::Linger, 3_600_000)]);
    let (accepted, _) = listener.accept().unwrap();
    driven.application.request(
        500,
        AppCall::Send {
            socket,
            data: vec![1; 1 << 20],
            urgent: false,
            more: false,
        }
        .into(),
    );
    // An hour's linger would block this thread, and the test with it.
    assert_eq!(driven.ask(AppCall::Release(socket)), Ok(Value::Done));
    drop(accepted);
}

#[test]
fn closing_a_listener_or_an_opening_connection_answers_who_waits() {
    let mut driven = Driven::new(Policy::unlimited());
    let listener = driven.socket(listen(0));
    driven
        .application
        .request(800, AppCall::Accept(listener).into());
    assert_eq!(driven.ask(AppCall::Close(listener)), Ok(Value::Done));
    let waited = driven.said.iter().find_map(|said| match said {
        Message::Reply { id: 800, result } => Some(result.clone()),
        _ => None,
    });
    let errno = waited.map(|result| result.unwrap_err().errno);
    assert_eq!(errno, Some(Errno::ConnectionAborted));
    assert_eq!(driven.status(listener).state, "CLOSED");
}

#[test]
fn policy_keeps_ports_and_addresses() {
    let ports: PortRange = "50000-50009".parse().unwrap();
    let mut driven = Driven::new(Policy {
        ports: Some(ports),
        connect: Peers::In(vec!["127.0.0.1".parse().unwrap()]),
    });
    assert_eq!(driven.ask(listen(49_999)), Err(Errno::Access));
    let any = driven.socket(listen(0));
    assert_eq!(driven.status(any).state, "LISTEN");
    let elsewhere = connect(([127, 0, 0, 2], 9).into(), &[]);
    assert_eq!(driven.ask(elsewhere), Err(Errno::Access));
    let from = AppCall::Connect {
        remote: (LOOPBACK, 9).into(),
        local: Some((LOOPBACK, 40_000).into()),
        with: Vec::new(),
        data: Vec::new(),
    };
    assert_eq!(driven.ask(from), Err(Errno::Access));
    let service = Request::Service {
        service: crate::service::Service::Echo,
        local: (LOOPBACK, 40_000).into(),
        backlog: None,
    };
    assert_eq!(driven.ask(service), Err(Errno::Access));
}

#[test]
fn what_the_socket_forgot_the_status_source_knows() {
    struct TimeWait(FourTuple);
    impl StatusSource for TimeWait {
        fn status(&mut self, connection: FourTuple) -> Result<Option<Status>, Errno> {
            Ok((connection == self.0).then(|| Status {
                state: "TIME-WAIT".into(),
                ..Status::default()
            }))
        }
    }
    let connection = FourTuple {
        local: (LOOPBACK, 1).into(),
        remote: (LOOPBACK, 2).into(),
    };
    let mut driven = Driven::new(Policy::unlimited());
    assert_eq!(
        driven.ask(Request::Connection(connection)),
        Err(Errno::Unsupported)
    );
    driven.application = Application::new(Policy::unlimited())
        .unwrap()
        .with_status_source(Box::new(TimeWait(connection)));
    let mut state = |connection| match driven.ask(Request::Connection(connection)) {
        Ok(Value::Status(status)) => status.state,
        other => panic!("{other:?}"),
    };
    assert_eq!(state(connection), "TIME-WAIT");
    let other = FourTuple {
        local: connection.remote,
        remote: connection.local,
    };
    assert_eq!(state(other), "CLOSED");
}

/// An agent in a thread; it ends when this is dropped.
struct Running {
    address: SocketAddr,
    stop: Option<UnixStream>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Running {
    fn new(options: AgentOptions) -> Self {
        let agent = Agent::listen((LOOPBACK, 0).into(), options).unwrap();
        let address = agent.address().unwrap();
        let (stop, stopped) = UnixStream::pair().unwrap();
        let thread =
            std::thread::spawn(move || agent.run(stopped.as_fd(), &mut || None, &mut |_| {}));
        Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn controller(&self) -> BufReader<TcpStream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        BufReader::new(stream)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.unwrap().unwrap().unwrap();
        }
    }
}

fn say(controller: &mut BufReader<TcpStream>, line: &str) {
    writeln!(controller.get_mut(), "{line}").unwrap();
}

fn hear(controller: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    controller.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn who_is_not_allowed_hears_nothing() {
    let running = Running::new(AgentOptions {
        allow: vec!["10.0.0.0/8".parse().unwrap()],
        ..AgentOptions::default()
    });
    let mut controller = running.controller();
    let mut heard = Vec::new();
    // A reset is as good as an end.
    drop(controller.read_to_end(&mut heard));
    assert_eq!(heard, b"");
}

#[test]
fn the_second_controller_is_sent_away_and_comes_in_when_the_first_has_gone() {
    let running = Running::new(AgentOptions::default());
    let mut first = running.controller();
    say(&mut first, "1 reset");
    assert_eq!(hear(&mut first), "1 ok");
    let mut second = running.controller();
    assert_eq!(hear(&mut second), "* bye another controller is served");
    let (_, address) = peer();
    say(&mut first, &format!("2 listen {address}"));
    let made = hear(&mut first);
    assert_eq!(made, "2 ok socket 1");
    drop(first);
    // Until the agent has noticed it may still send us away.
    let mut third = loop {
        let mut third = running.controller();
        if writeln!(third.get_mut(), "3 hello").is_ok() && hear(&mut third).starts_with("3 ok") {
            break third;
        }
    };
    // The port of the first is free again.
    say(&mut third, &format!("4 listen {address}"));
    assert!(hear(&mut third).starts_with("4 ok socket"));
}

#[test]
fn nonsense_is_answered_and_does_no_harm() {
    let running = Running::new(AgentOptions::default());
    let mut controller = running.controller();
    let stream = controller.get_mut();
    stream.write_all(b"\xff\xfe\x00\n\n\r\nx y z\n7\n").unwrap();
    stream.write_all(&vec![b'a'; MAX_LINE + 5_000]).unwrap();
    stream.write_all(b"\n8 send 99 hex:00\n9 hello\n").unwrap();
    assert_eq!(
        hear(&mut controller),
        "0 error EINVAL a line is printable ASCII"
    );
    assert!(hear(&mut controller).starts_with("0 error EINVAL"));
    assert_eq!(hear(&mut controller), "7 error EINVAL the verb is missing");
    assert!(hear(&mut controller).starts_with("0 error EMSGSIZE"));
    assert_eq!(hear(&mut controller), "8 error EBADF");
    assert!(hear(&mut controller).starts_with("9 ok hello protocol=1"));
}

#[test]
fn a_controller_that_does_not_read_is_not_read_from_for_ever() {
    let running = Running::new(AgentOptions::default());
    let mut controller = running.controller();
    let stream = controller.get_ref().try_clone().unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let request = b"1 hello\n".repeat(4_096);
    // Answers are forty times as long as these requests, and none is read: at last no more is taken.
    let mut asked = 0;
    while asked < 256 << 20 {
        match (&stream).write(&request) {
            Ok(count) => asked += count,
            Err(_) => break,
        }
    }
    assert!(asked < 256 << 20, "the agent takes requests without end");
    // And when it reads, all is answered.
    assert!(hear(&mut controller).starts_with("1 ok hello"));
    drop(stream);
    drop(controller);
    let mut next = loop {
        let mut next = running.controller();
        if writeln!(next.get_mut(), "1 reset").is_ok() && hear(&mut next) == "1 ok" {
            break next;
        }
    };
    say(&mut next, "2 reset");
    assert_eq!(hear(&mut next), "2 ok");
}

#[test]
fn the_end_of_a_pipe_ends_the_conversation_after_its_last_answer() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let mut application = Application::new(Policy::unlimited()).unwrap();
    (&ours)
        .write_all(b"1 listen 127.0.0.1:0\n2 reset\n")
        .unwrap();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    let end = serve(&theirs, &theirs, &mut application, None).unwrap();
    assert_eq!(end, End::Gone);
    assert_eq!(application.held(), 0);
    drop(theirs);
    let mut answers = String::new();
    (&ours).read_to_string(&mut answers).unwrap();
    assert_eq!(answers, "1 ok socket 1\n2 ok\n");
}
