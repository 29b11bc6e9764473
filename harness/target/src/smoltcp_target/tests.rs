use super::SmoltcpTarget;
use crate::seam::{InProcess, LeaseError};
use crate::service::{HTTP_RESPONSE, source_octet};
use rstest::rstest;
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, CallId, Endpoint, Errno, FourTuple, SocketHandle, Value};
use tcpconf_stack::{Config, Host, ListenOptions, Received, SocketId};
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Setting;
use tcpconf_wire::Instant;

/// The own stack as a client of smoltcp, in virtual time without delay.
struct Pair {
    client: Host,
    socket: SocketId,
    server: Box<dyn Endpoint>,
    now: Instant,
    target: SocketAddr,
    app: Vec<AppEvent>,
    /// Packets of the server, as they are on the wire.
    sent: Vec<Vec<u8>>,
}

impl Pair {
    fn open(service: &str, ip: u8) -> Self {
        Self::with(&needs(service), ip, 5)
    }

    fn with(needs: &Needs, ip: u8, seed: u64) -> Self {
        let (mut server, lease) = SmoltcpTarget.open(seed, needs, ip).unwrap();
        let mut client = Host::new(Config::with_addresses([lease.addresses[0]]), 1);
        let now = Instant::from_secs(1);
        if needs.driven {
            let listen = AppCall::Listen {
                local: lease.target,
                backlog: 5,
                with: Vec::new(),
            };
            server.call(now, CallId(1_000), listen);
            server.call(now, CallId(1_001), AppCall::Accept(SocketHandle(1)));
        }
        let socket = client.connect(now, None, lease.target, None).unwrap();
        let mut pair = Self {
            client,
            socket,
            server,
            now,
            target: lease.target,
            app: Vec::new(),
            sent: Vec::new(),
        };
        pair.settle();
        pair
    }

    fn settle(&mut self) {
        self.run(Duration::from_secs(2));
    }

    /// Lets packets and timers run for that long.
    fn run(&mut self, length: Duration) {
        let end = self.now + length;
        for _ in 0..100_000 {
            let mut busy = false;
            while let Some(packet) = self.server.poll_transmit(self.now) {
                self.client.handle_packet(self.now, &packet.bytes);
                self.sent.push(packet.bytes);
                busy = true;
            }
            self.client.handle_timeout(self.now);
            while let Some(packet) = self.client.poll_transmit(self.now) {
                self.server.handle_packet(self.now, &packet);
                busy = true;
            }
            while let Some(event) = self.server.poll_app(self.now) {
                self.app.push(event);
            }
            if busy {
                continue;
            }
            let next = [self.client.poll_timeout(), self.server.poll_timeout()];
            match next.into_iter().flatten().min() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("no rest");
    }

    fn send(&mut self, data: &[u8]) {
        let taken = self.client.send(self.now, self.socket, data).unwrap();
        assert_eq!(taken, data.len());
        self.settle();
    }

    fn close(&mut self) {
        self.client.close(self.now, self.socket).unwrap();
        self.settle();
    }

    fn receive(&mut self) -> Received {
        let got = self.client.receive(self.now, self.socket, 1 << 20).unwrap();
        self.settle();
        got
    }

    /// The client's state.
    fn state(&self) -> String {
        let status = self.client.status(self.socket);
        status.map_or("CLOSED".to_owned(), |s| s.state.to_string())
    }

    /// smoltcp's sockets of the client's connection.
    fn tuple(&self) -> FourTuple {
        let client = self.client.status(self.socket).unwrap().tuple;
        FourTuple {
            local: client.remote,
            remote: client.local,
        }
    }

    fn call(&mut self, id: u64, call: AppCall) -> Option<Result<Value, Errno>> {
        self.server.call(self.now, CallId(id), call);
        self.settle();
        self.reply(id)
    }

    fn reply(&self, wanted: u64) -> Option<Result<Value, Errno>> {
        self.app.iter().find_map(|event| match event {
            AppEvent::Reply { id, result } if id.0 == wanted => Some(result.clone()),
            _ => None,
        })
    }
}

fn send(socket: SocketHandle, data: Vec<u8>) -> AppCall {
    AppCall::Send {
        socket,
        data,
        urgent: false,
        more: false,
    }
}

fn listen(local: SocketAddr, backlog: u32) -> AppCall {
    AppCall::Listen {
        local,
        backlog,
        with: Vec::new(),
    }
}

fn connect(remote: SocketAddr) -> AppCall {
    AppCall::Connect {
        remote,
        local: None,
        with: Vec::new(),
        data: Vec::new(),
    }
}

fn needs(service: &str) -> Needs {
    Needs {
        service: service.to_owned(),
        ..Needs::default()
    }
}

fn driving() -> Needs {
    Needs {
        app: true,
        driven: true,
        ..needs("listen")
    }
}

/// A case that drives the application: the connection that the client has made is handed over.
fn driven() -> (Pair, SocketHandle) {
    let pair = Pair::with(&driving(), 4, 5);
    let socket = pair.app.iter().find_map(|event| match event {
        AppEvent::Accepted { socket, .. } => Some(*socket),
        _ => None,
    });
    (pair, socket.expect("a connection was handed over"))
}

#[rstest]
#[case("listen")]
#[case("sink")]
#[case("echo")]
#[case("source")]
fn services_that_close_after_the_peer(#[case] service: &str, #[values(4, 6)] ip: u8) {
    let mut pair = Pair::open(service, ip);
    assert_eq!(pair.state(), "ESTABLISHED");
    pair.send(b"hello");
    pair.close();
    while matches!(pair.receive(), Received::Data(_)) {}
    assert_eq!(pair.state(), "TIME-WAIT");
}

#[test]
fn echo_sends_back_more_than_its_buffers_hold() {
    let mut pair = Pair::open("echo", 4);
    let text: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    pair.send(&text);
    let mut got = Vec::new();
    while let Received::Data(data) = pair.receive() {
        got.extend(data);
    }
    assert_eq!(got, text);
}

#[test]
fn source_sends_its_pattern_without_end() {
    let mut pair = Pair::open("source", 6);
    let mut position = 0;
    while position < 1_000_000 {
        let Received::Data(data) = pair.receive() else {
            panic!("the source is dry at {position}");
        };
        for octet in data {
            assert_eq!(octet, source_octet(position));
            position += 1;
        }
    }
}

#[test]
fn noread_closes_its_window_and_hold_does_not() {
    let text = vec![7; 256 * 1024];
    let mut noread = Pair::open("noread", 4);
    noread.send(&text);
    let of = |pair: &Pair| pair.client.status(pair.socket).unwrap();
    assert_eq!(of(&noread).snd_wnd, 0);
    let mut hold = Pair::open("hold", 4);
    hold.send(&text);
    assert_eq!(of(&hold).unacked, 0);
    assert!(of(&hold).snd_wnd > 0);
}

#[test]
fn status_names_states_as_the_rfc_does() {
    let mut pair = Pair::open("hold", 4);
    let tuple = pair.tuple();
    let state = |pair: &Pair| pair.server.status(tuple).map(|s| s.state);
    assert_eq!(state(&pair).as_deref(), Some("ESTABLISHED"));
    pair.close();
    assert_eq!(pair.state(), "FIN-WAIT-2");
    assert_eq!(state(&pair).as_deref(), Some("CLOSE-WAIT"));
    pair.client.abort(pair.now, pair.socket).unwrap();
    pair.settle();
    assert_eq!(state(&pair), None, "nothing is left");
}

#[test]
fn closer_closes_first_and_waits_ten_seconds_in_time_wait() {
    let mut pair = Pair::open("closer", 4);
    let tuple = pair.tuple();
    assert_eq!(pair.state(), "CLOSE-WAIT");
    pair.send(b"still read");
    assert_eq!(pair.receive(), Received::Eof);
    pair.close();
    assert_eq!(pair.state(), "CLOSED");
    let state = |pair: &Pair| pair.server.status(tuple).map(|s| s.state);
    assert_eq!(state(&pair).as_deref(), Some("TIME-WAIT"));
    pair.run(Duration::from_secs(10));
    assert_eq!(state(&pair), None);
}

#[test]
fn http_answers_and_closes() {
    let mut pair = Pair::open("http", 4);
    pair.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(pair.receive(), Received::Data(HTTP_RESPONSE.to_vec()));
    assert_eq!(pair.receive(), Received::Eof);
}

#[rstest]
fn closed_is_refused(#[values(4, 6)] ip: u8) {
    assert_eq!(Pair::open("closed", ip).state(), "CLOSED");
}

#[test]
fn an_unknown_service_is_unsupported() {
    let opened = SmoltcpTarget.open(1, &needs("gopher"), 4);
    assert!(matches!(opened, Err(LeaseError::Unsupported(_))));
}

#[test]
fn one_seed_gives_one_conversation() {
    let sent = |seed| {
        let mut pair = Pair::with(&needs("echo"), 4, seed);
        pair.send(b"abc");
        pair.sent
    };
    assert_eq!(sent(5), sent(5));
    assert_ne!(sent(5), sent(6));
}

#[test]
fn a_backlog_holds_as_many_connections_and_accepting_makes_room() {
    let needs = Needs {
        backlog: Some(2),
        ..driving()
    };
    let mut pair = Pair::with(&needs, 4, 5);
    let local = SocketAddr::new(pair.target.ip(), 8080);
    let listen = listen(local, 2);
    let Some(Ok(Value::Socket(listener))) = pair.call(1, listen) else {
        panic!("no listener");
    };
    let connect = |pair: &mut Pair| {
        let socket = pair.client.connect(pair.now, None, local, None).unwrap();
        pair.settle();
        let status = pair.client.status(socket);
        status.map_or("CLOSED".to_owned(), |s| s.state.to_string())
    };
    assert_eq!(connect(&mut pair), "ESTABLISHED");
    assert_eq!(connect(&mut pair), "ESTABLISHED");
    assert_eq!(connect(&mut pair), "CLOSED", "smoltcp resets the third");
    let accepted = pair.call(2, AppCall::Accept(listener));
    assert!(
        matches!(accepted, Some(Ok(Value::Socket(_)))),
        "{accepted:?}"
    );
    assert_eq!(connect(&mut pair), "ESTABLISHED");
}

#[test]
fn many_connections_one_after_the_other_leave_nothing_behind() {
    let mut pair = Pair::open("sink", 4);
    for _ in 0..300 {
        let tuple = pair.tuple();
        pair.send(b"x");
        pair.client.abort(pair.now, pair.socket).unwrap();
        pair.settle();
        assert_eq!(pair.server.status(tuple), None);
        let again = pair.client.connect(pair.now, None, pair.target, None);
        pair.socket = again.unwrap();
        pair.settle();
        assert_eq!(pair.state(), "ESTABLISHED");
    }
}

#[test]
fn the_application_sends_and_receives() {
    let (mut pair, socket) = driven();
    assert_eq!(pair.call(1, AppCall::Receive(socket, 100)), None);
    pair.send(b"abc");
    assert_eq!(pair.reply(1), Some(Ok(Value::Bytes(b"abc".to_vec()))));
    let sent = pair.call(2, send(socket, b"defg".to_vec()));
    assert_eq!(sent, Some(Ok(Value::Count(4))));
    assert_eq!(pair.receive(), Received::Data(b"defg".to_vec()));
}

#[test]
fn a_send_beyond_all_buffers_is_answered_when_all_is_taken() {
    let (mut pair, socket) = driven();
    let much = vec![1; 1_000_000];
    assert_eq!(pair.call(1, send(socket, much)), None);
    let mut got = 0;
    while let Received::Data(data) = pair.receive() {
        got += data.len();
    }
    assert_eq!(got, 1_000_000);
    assert_eq!(pair.reply(1), Some(Ok(Value::Count(1_000_000))));
}

#[test]
fn the_application_notices_the_peers_close_and_closes() {
    let (mut pair, socket) = driven();
    pair.close();
    assert!(pair.app.contains(&AppEvent::Eof(socket)));
    let eof = pair.call(1, AppCall::Receive(socket, 9));
    assert_eq!(eof, Some(Ok(Value::Bytes(Vec::new()))));
    assert_eq!(pair.call(2, AppCall::Close(socket)), Some(Ok(Value::Done)));
    assert_eq!(pair.state(), "TIME-WAIT");
    let again = pair.call(3, send(socket, vec![1]));
    assert_eq!(again, Some(Err(Errno::BrokenPipe)));
}

#[test]
fn a_reset_is_an_error_of_the_connection() {
    let (mut pair, socket) = driven();
    assert_eq!(pair.call(1, AppCall::Receive(socket, 9)), None);
    pair.client.abort(pair.now, pair.socket).unwrap();
    pair.settle();
    assert_eq!(pair.reply(1), Some(Err(Errno::ConnectionReset)));
    let error = AppEvent::Error(socket, Errno::ConnectionReset);
    assert!(pair.app.contains(&error), "{:?}", pair.app);
}

#[test]
fn abort_resets_the_peer_and_frees_the_handle() {
    let (mut pair, socket) = driven();
    assert_eq!(pair.call(1, AppCall::Abort(socket)), Some(Ok(Value::Done)));
    assert_eq!(pair.state(), "CLOSED");
    let status = pair.call(2, AppCall::Status(socket));
    assert_eq!(status, Some(Err(Errno::BadSocket)));
}

#[test]
fn what_comes_for_a_released_connection_is_reset() {
    let (mut pair, socket) = driven();
    assert_eq!(
        pair.call(1, AppCall::Release(socket)),
        Some(Ok(Value::Done))
    );
    assert_eq!(pair.state(), "CLOSE-WAIT");
    pair.send(b"too late");
    assert_eq!(pair.state(), "CLOSED");
}

#[test]
fn options_by_name() {
    let (mut pair, socket) = driven();
    let mut set = |id, setting, value| pair.call(id, AppCall::Set(socket, setting, value));
    assert_eq!(set(1, Setting::NoDelay, 1), Some(Ok(Value::Done)));
    assert_eq!(set(2, Setting::Ttl, 900), Some(Err(Errno::Invalid)));
    assert_eq!(set(3, Setting::Ttl, 9), Some(Ok(Value::Done)));
    assert_eq!(set(4, Setting::Cork, 1), Some(Err(Errno::Unsupported)));
    let sent = pair.call(5, send(socket, vec![1]));
    assert_eq!(sent, Some(Ok(Value::Count(1))));
    let ttl = pair.sent.last().unwrap()[8];
    assert_eq!(ttl, 9);
}

#[test]
fn user_timeout_ends_a_connection_whose_peer_is_silent() {
    let (mut pair, socket) = driven();
    let set = AppCall::Set(socket, Setting::UserTimeout, 5_000);
    assert_eq!(pair.call(1, set), Some(Ok(Value::Done)));
    pair.run(Duration::from_secs(10));
    let error = AppEvent::Error(socket, Errno::TimedOut);
    assert!(pair.app.contains(&error), "{:?}", pair.app);
}

#[test]
fn the_application_connects_or_is_refused() {
    let (mut pair, _) = driven();
    let peer = SocketAddr::new(pair.client.addresses()[0], 5001);
    let Some(Ok(Value::Socket(refused))) = pair.call(3, connect(peer)) else {
        panic!("no socket");
    };
    let error = AppEvent::Error(refused, Errno::ConnectionRefused);
    assert!(pair.app.contains(&error), "{:?}", pair.app);
    let options = ListenOptions::default();
    pair.client.listen(None, 5001, options).unwrap();
    let Some(Ok(Value::Socket(socket))) = pair.call(4, connect(peer)) else {
        panic!("no socket");
    };
    assert!(pair.app.contains(&AppEvent::Connected(socket)));
    let sent = pair.call(5, send(socket, vec![7; 9]));
    assert_eq!(sent, Some(Ok(Value::Count(9))));
}

#[test]
fn an_active_open_that_nobody_answers_can_be_closed() {
    let (mut pair, _) = driven();
    let nobody = SocketAddr::new([192, 0, 2, 99].into(), 9);
    let Some(Ok(Value::Socket(socket))) = pair.call(1, connect(nobody)) else {
        panic!("no socket");
    };
    let status = pair.call(2, AppCall::Status(socket));
    assert!(
        matches!(&status, Some(Ok(Value::Status(s))) if s.state == "SYN-SENT"),
        "{status:?}"
    );
    assert_eq!(pair.call(3, AppCall::Close(socket)), Some(Ok(Value::Done)));
}
