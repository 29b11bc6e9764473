//! Both ends against each other, over real sockets of this host.

use super::*;
use crate::autosar::client::Reading;
use crate::autosar::tester::Testers;
use crate::autosar::{Numbering, Transport};
use crate::server::AgentOptions;
use rstest::rstest;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tcpconf_engine::CallId;

const PATIENCE: Duration = Duration::from_secs(5);

/// A station in a thread, which ends with this.
struct Running {
    address: SocketAddr,
    stop: UnixStream,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    fn start(transport: Transport, dialect: Dialect, options: AgentOptions) -> Self {
        let address = "127.0.0.1:0".parse().unwrap();
        let station = Station::open(transport, address, dialect, options).unwrap();
        let address = station.address().unwrap();
        let (stop, stopped) = UnixStream::pair().unwrap();
        let thread = std::thread::spawn(move || station.run(stopped.as_fd(), &mut |_| {}));
        Self {
            address,
            stop,
            thread: Some(thread),
        }
    }

    fn testers(&self, transport: Transport, dialect: Dialect, reading: Reading) -> Testers {
        Testers::new(transport, self.address, dialect, reading, PATIENCE).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.write_all(b"!").unwrap();
        let ended = self.thread.take().unwrap().join();
        assert!(matches!(ended, Ok(Ok(()))), "{ended:?}");
    }
}

/// One case by hand.
struct Hand {
    testers: Testers,
    next: u64,
    seen: Vec<AppEvent>,
}

impl Hand {
    const KEY: u64 = 7;

    fn new(testers: Testers) -> Self {
        Self {
            testers,
            next: 1,
            seen: Vec::new(),
        }
    }

    fn begin(&mut self, call: AppCall) -> CallId {
        let id = CallId(self.next);
        self.next += 1;
        self.testers.call(Self::KEY, id, call);
        id
    }

    fn result(&mut self, wanted: CallId) -> Result<Value, Errno> {
        let until = Instant::now() + PATIENCE * 2;
        loop {
            while let Some((key, event)) = self.testers.poll() {
                assert_eq!(key, Self::KEY);
                if let AppEvent::Reply { id, result } = &event
                    && *id == wanted
                {
                    return result.clone();
                }
                self.seen.push(event);
            }
            assert!(Instant::now() < until, "no answer to {wanted:?}");
            let fd = self.testers.fd();
            let mut fds = [nix::poll::PollFd::new(fd, nix::poll::PollFlags::POLLIN)];
            nix::poll::poll(&mut fds, 100u16).unwrap();
        }
    }

    fn call(&mut self, call: AppCall) -> Result<Value, Errno> {
        let id = self.begin(call);
        self.result(id)
    }

    fn socket(&mut self, call: AppCall) -> SocketHandle {
        match self.call(call) {
            Ok(Value::Socket(handle)) => handle,
            other => panic!("{other:?}"),
        }
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn old() -> Dialect {
    Dialect {
        response: 0x08,
        numbering: Numbering::FromThree,
        service: 0x1234,
        ..Dialect::default()
    }
}

#[rstest]
fn a_conversation_goes_through_both_ends(
    #[values(Transport::Udp, Transport::Tcp)] transport: Transport,
    #[values(Dialect::default(), old())] dialect: Dialect,
    #[values(Reading::Early, Reading::OnDemand)] reading: Reading,
) {
    let running = Running::start(transport, dialect, AgentOptions::default());
    let mut hand = Hand::new(running.testers(transport, dialect, reading));
    let port = free_port();
    let listener = hand.socket(AppCall::Listen {
        local: local(port),
        backlog: 4,
        with: Vec::new(),
    });
    let accept = hand.begin(AppCall::Accept(listener));
    let client = hand.socket(AppCall::Connect {
        remote: local(port),
        local: None,
        with: vec![(Setting::NoDelay, 1), (Setting::Ttl, 9)],
        data: Vec::new(),
    });
    let Ok(Value::Socket(server)) = hand.result(accept) else {
        panic!("nothing accepted");
    };
    let accepted = hand
        .seen
        .iter()
        .any(|e| matches!(e, AppEvent::Accepted { socket, .. } if *socket == server));
    assert!(accepted, "{:?}", hand.seen);

    let hello = AppCall::Send {
        socket: client,
        data: b"hello".to_vec(),
        urgent: false,
        more: false,
    };
    assert_eq!(hand.call(hello), Ok(Value::Count(5)));
    let first = hand.call(AppCall::Receive(server, 3));
    assert_eq!(first, Ok(Value::Bytes(b"hel".to_vec())));
    let rest = hand.call(AppCall::Receive(server, 100));
    assert_eq!(rest, Ok(Value::Bytes(b"lo".to_vec())));

    let waiting = hand.begin(AppCall::Receive(server, 1));
    assert_eq!(hand.call(AppCall::Close(client)), Ok(Value::Done));
    assert_eq!(hand.result(waiting), Ok(Value::Bytes(Vec::new())));
    assert_eq!(hand.call(AppCall::Release(server)), Ok(Value::Done));
    assert_eq!(hand.call(AppCall::Release(server)), Err(Errno::BadSocket));
    assert_eq!(hand.call(AppCall::Abort(client)), Ok(Value::Done));
    assert_eq!(hand.call(AppCall::Close(listener)), Ok(Value::Done));
    let again = hand.call(AppCall::Connect {
        remote: local(port),
        local: None,
        with: Vec::new(),
        data: Vec::new(),
    });
    // Nothing tells how a connect went but by the socket.
    assert!(matches!(again, Ok(Value::Socket(_)) | Err(_)), "{again:?}");
}

#[rstest]
fn the_end_of_a_case_closes_its_sockets(
    #[values(Transport::Udp, Transport::Tcp)] transport: Transport,
) {
    let dialect = Dialect::default();
    let running = Running::start(transport, dialect, AgentOptions::default());
    let mut hand = Hand::new(running.testers(transport, dialect, Reading::OnDemand));
    let port = free_port();
    hand.socket(AppCall::Listen {
        local: local(port),
        backlog: 1,
        with: Vec::new(),
    });
    assert!(std::net::TcpStream::connect(local(port)).is_ok());
    hand.begin(AppCall::ResetAll);
    let until = Instant::now() + PATIENCE;
    while hand.testers.held() > 0 && Instant::now() < until {
        assert_eq!(hand.testers.poll(), None);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(hand.testers.held(), 0);
    assert!(std::net::TcpStream::connect(local(port)).is_err());
}

#[test]
fn a_tcp_tester_that_hangs_up_leaves_nothing() {
    let dialect = Dialect::default();
    let running = Running::start(Transport::Tcp, dialect, AgentOptions::default());
    let mut hand = Hand::new(running.testers(Transport::Tcp, dialect, Reading::OnDemand));
    let port = free_port();
    hand.socket(AppCall::Listen {
        local: local(port),
        backlog: 1,
        with: Vec::new(),
    });
    drop(hand);
    let until = Instant::now() + PATIENCE;
    while std::net::TcpStream::connect(local(port)).is_ok() {
        assert!(Instant::now() < until, "it still listens");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn ports_and_peers_are_those_that_are_allowed() {
    let dialect = Dialect::default();
    let options = AgentOptions {
        ports: Some("50000-50010".parse().unwrap()),
        ..AgentOptions::default()
    };
    let running = Running::start(Transport::Udp, dialect, options);
    let mut hand = Hand::new(running.testers(Transport::Udp, dialect, Reading::Early));
    let refused = hand.call(AppCall::Listen {
        local: local(4_000),
        backlog: 1,
        with: Vec::new(),
    });
    assert_eq!(refused, Err(Errno::AddressInUse));
    let refused = hand.call(AppCall::Connect {
        remote: "192.0.2.1:80".parse().unwrap(),
        local: None,
        with: Vec::new(),
        data: Vec::new(),
    });
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn a_taken_port_is_named_when_it_is_bound() {
    let dialect = Dialect::default();
    let mut tester = UpperTester::new(dialect, Policy::unlimited()).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let request = Request::CreateAndBind {
        bind: true,
        port: taken.local_addr().unwrap().port(),
        address: [127, 0, 0, 1].into(),
    };
    tester.handle(&request.message(&dialect));
    assert_eq!(tester.next_message().unwrap().result, result::NOT_BOUND);
    assert_eq!(tester.held(), 0);
}

#[test]
fn nonsense_over_udp_and_tcp_is_survived() {
    let dialect = Dialect::default();
    for transport in [Transport::Udp, Transport::Tcp] {
        let running = Running::start(transport, dialect, AgentOptions::default());
        let nonsense: [&[u8]; 4] = [b"", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64], &[0; 16]];
        for octets in nonsense {
            match transport {
                Transport::Udp => {
                    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
                    socket.send_to(octets, running.address).unwrap();
                }
                Transport::Tcp => {
                    let mut stream = std::net::TcpStream::connect(running.address).unwrap();
                    stream.write_all(octets).unwrap();
                }
            }
        }
        let mut hand = Hand::new(running.testers(transport, dialect, Reading::Early));
        let port = free_port();
        hand.socket(AppCall::Listen {
            local: local(port),
            backlog: 1,
            with: Vec::new(),
        });
    }
}

#[test]
fn a_short_pattern_is_sent_again_and_again() {
    let dialect = Dialect::default();
    let mut tester = UpperTester::new(dialect, Policy::unlimited()).unwrap();
    let peer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = Request::CreateAndBind {
        bind: false,
        port: 0,
        address: [0, 0, 0, 0].into(),
    };
    let connect = Request::Connect {
        socket: 1,
        port: peer.local_addr().unwrap().port(),
        address: [127, 0, 0, 1].into(),
    };
    let send = Request::SendData {
        socket: 1,
        total: 7,
        flags: 0,
        data: b"abc".to_vec(),
    };
    tester.handle(&bind.message(&dialect));
    tester.handle(&connect.message(&dialect));
    let (mut stream, _) = peer.accept().unwrap();
    tester.handle(&send.message(&dialect));
    tester.turn().unwrap();
    let close = Request::CloseSocket {
        socket: 1,
        abort: false,
    };
    tester.handle(&close.message(&dialect));
    while let Some(message) = tester.next_message() {
        assert_eq!(message.result, result::OK, "{message:?}");
    }
    let mut got = String::new();
    io::Read::read_to_string(&mut stream, &mut got).unwrap();
    assert_eq!(got, "abcabca");
}
