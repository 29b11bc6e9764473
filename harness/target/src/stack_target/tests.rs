use super::{StackTarget, lease};
use crate::seam::{InProcess, LeaseError};
use crate::service::{HTTP_RESPONSE, source_octet};
use rstest::rstest;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, CallId, Endpoint, Errno, FourTuple, SocketHandle, Value};
use tcpconf_stack::{Config, Host, ListenOptions, Received, SocketId};
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Setting;
use tcpconf_wire::{Instant, Packet};

/// A client on the same stack beside a server under test, in virtual time without delay.
struct Pair {
    client: Host,
    socket: SocketId,
    server: Box<dyn Endpoint>,
    now: Instant,
    target: SocketAddr,
    app: Vec<AppEvent>,
}

impl Pair {
    fn open(service: &str, ip: u8) -> Self {
        Self::with(&needs(service), ip)
    }

    fn with(needs: &Needs, ip: u8) -> Self {
        let (mut server, lease) = StackTarget::default().open(5, needs, ip).unwrap();
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
        };
        pair.settle();
        pair
    }

    /// Lets packets and timers run for two seconds.
    fn settle(&mut self) {
        let end = self.now + Duration::from_secs(2);
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 100_000, "no rest");
            let mut packets: VecDeque<Packet> = VecDeque::new();
            while let Some(packet) = self.server.poll_transmit(self.now) {
                packets.push_back(packet);
            }
            let busy = !packets.is_empty();
            for packet in packets {
                self.client.handle_packet(self.now, &packet.bytes);
            }
            self.client.handle_timeout(self.now);
            let mut any = false;
            while let Some(packet) = self.client.poll_transmit(self.now) {
                self.server.handle_packet(self.now, &packet);
                any = true;
            }
            while let Some(event) = self.server.poll_app(self.now) {
                self.app.push(event);
            }
            if busy || any {
                continue;
            }
            let next = [self.client.poll_timeout(), self.server.poll_timeout()];
            match next.into_iter().flatten().min() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => break,
            }
        }
        self.now = end;
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

    fn state(&self) -> String {
        let status = self.client.status(self.socket);
        status.map_or("CLOSED".to_owned(), |s| s.state.to_string())
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

#[rstest]
#[case("listen")]
#[case("sink")]
#[case("echo")]
fn services_that_close_after_the_peer(#[case] service: &str, #[values(4, 6)] ip: u8) {
    let mut pair = Pair::open(service, ip);
    assert_eq!(pair.state(), "ESTABLISHED");
    pair.send(b"hello");
    pair.close();
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
    let mut pair = Pair::open("source", 4);
    let mut position = 0;
    while position < 3_000_000 {
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
    let unacked = |pair: &Pair| pair.client.status(pair.socket).unwrap();
    assert_eq!(unacked(&noread).snd_wnd, 0);
    let mut hold = Pair::open("hold", 4);
    hold.send(&text);
    assert_eq!(unacked(&hold).unacked, 0);
    assert!(unacked(&hold).snd_wnd > 0);
}

#[test]
fn hold_stays_in_close_wait() {
    let mut pair = Pair::open("hold", 4);
    let client = pair.client.status(pair.socket).unwrap().tuple;
    pair.close();
    assert_eq!(pair.state(), "FIN-WAIT-2");
    let status = pair.server.status(FourTuple {
        local: client.remote,
        remote: client.local,
    });
    assert_eq!(status.unwrap().state, "CLOSE-WAIT");
}

#[test]
fn closer_closes_first_and_reads_on() {
    let mut pair = Pair::open("closer", 4);
    assert_eq!(pair.state(), "CLOSE-WAIT");
    pair.send(b"still read");
    assert_eq!(pair.client.status(pair.socket).unwrap().unacked, 0);
    assert_eq!(pair.receive(), Received::Eof);
    pair.close();
    assert_eq!(pair.state(), "CLOSED");
}

#[test]
fn http_answers_a_request_once_it_is_whole() {
    let mut pair = Pair::open("http", 4);
    pair.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r");
    assert_eq!(pair.receive(), Received::Nothing);
    pair.send(b"\n");
    assert_eq!(pair.receive(), Received::Data(HTTP_RESPONSE.to_vec()));
    assert_eq!(pair.receive(), Received::Eof);
}

#[test]
fn nothing_listens_where_closed_is_asked_for() {
    assert_eq!(Pair::open("closed", 4).state(), "CLOSED");
}

#[test]
fn an_unknown_service_is_unsupported() {
    let opened = StackTarget::default().open(1, &needs("gopher"), 4);
    assert!(matches!(opened, Err(LeaseError::Unsupported(_))));
}

#[test]
fn leases_have_several_peers_of_the_right_family() {
    for (ip, v4) in [(4, true), (6, false)] {
        let lease = lease(u64::MAX, ip);
        assert!(lease.addresses.len() > 1 && !lease.ports.is_empty());
        assert!(lease.addresses.iter().all(|a| a.is_ipv4() == v4));
        assert_eq!(lease.target.is_ipv4(), v4);
        assert_ne!(lease.closed_port, lease.target.port());
    }
}

/// A case that drives the application: the connection that the client has made is handed over.
fn driven() -> (Pair, SocketHandle) {
    let needs = Needs {
        app: true,
        driven: true,
        ..needs("listen")
    };
    let pair = Pair::with(&needs, 4);
    let socket = pair.app.iter().find_map(|event| match event {
        AppEvent::Accepted { socket, .. } => Some(*socket),
        _ => None,
    });
    (pair, socket.expect("a connection was handed over"))
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
    let much = vec![1; 3_000_000];
    assert_eq!(pair.call(1, send(socket, much)), None);
    let mut got = 0;
    while let Received::Data(data) = pair.receive() {
        got += data.len();
    }
    assert_eq!(got, 3_000_000);
    assert_eq!(pair.reply(1), Some(Ok(Value::Count(3_000_000))));
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
    assert!(matches!(again, Some(Err(_))), "{again:?}");
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
fn status_and_options_by_name() {
    let (mut pair, socket) = driven();
    let Some(Ok(Value::Status(status))) = pair.call(1, AppCall::Status(socket)) else {
        panic!("no status");
    };
    assert_eq!(status.state, "ESTABLISHED");
    let mut set = |id, setting, value| pair.call(id, AppCall::Set(socket, setting, value));
    assert_eq!(set(2, Setting::NoDelay, 1), Some(Ok(Value::Done)));
    assert_eq!(set(3, Setting::Ttl, 900), Some(Err(Errno::Invalid)));
    assert_eq!(set(4, Setting::Cork, 1), Some(Err(Errno::Unsupported)));
}

#[test]
fn the_application_listens_elsewhere_accepts_on_demand_and_connects() {
    let (mut pair, _) = driven();
    let local = SocketAddr::new(pair.target.ip(), 8080);
    let listen = listen(local, 3);
    let Some(Ok(Value::Socket(listener))) = pair.call(1, listen) else {
        panic!("no listener");
    };
    pair.client.connect(pair.now, None, local, None).unwrap();
    pair.settle();
    let accepted = pair.call(2, AppCall::Accept(listener));
    assert!(
        matches!(accepted, Some(Ok(Value::Socket(_)))),
        "{accepted:?}"
    );

    let peer = SocketAddr::new(pair.client.addresses()[0], 5001);
    let Some(Ok(Value::Socket(refused))) = pair.call(3, connect(peer)) else {
        panic!("no socket");
    };
    let error = AppEvent::Error(refused, Errno::ConnectionRefused);
    assert!(pair.app.contains(&error), "{:?}", pair.app);
    let options = ListenOptions::default();
    pair.client.listen(None, 5001, options).unwrap();
    let Some(Ok(Value::Socket(connected))) = pair.call(4, connect(peer)) else {
        panic!("no socket");
    };
    assert!(pair.app.contains(&AppEvent::Connected(connected)));
}

#[test]
fn linger_zero_makes_release_an_abort_and_reset_all_ends_everything() {
    let (mut pair, socket) = driven();
    let linger = AppCall::Set(socket, Setting::Linger, 0);
    assert_eq!(pair.call(1, linger), Some(Ok(Value::Done)));
    assert_eq!(
        pair.call(2, AppCall::Release(socket)),
        Some(Ok(Value::Done))
    );
    assert_eq!(pair.state(), "CLOSED");

    let (mut pair, _) = driven();
    assert_eq!(pair.call(1, AppCall::ResetAll), Some(Ok(Value::Done)));
    assert_eq!(pair.state(), "CLOSED");
    let again = pair.client.connect(pair.now, None, pair.target, None);
    pair.socket = again.unwrap();
    pair.settle();
    assert_eq!(pair.state(), "CLOSED", "nothing listens any more");
}

#[test]
fn close_waits_behind_what_is_still_to_be_sent() {
    let (mut pair, socket) = driven();
    assert_eq!(pair.call(1, send(socket, vec![1; 1_000_000])), None);
    assert_eq!(pair.call(2, AppCall::Close(socket)), None);
    let mut got = 0;
    while let Received::Data(data) = pair.receive() {
        got += data.len();
    }
    assert_eq!(got, 1_000_000);
    assert_eq!(pair.reply(2), Some(Ok(Value::Done)));
    assert_eq!(pair.receive(), Received::Eof);
}
