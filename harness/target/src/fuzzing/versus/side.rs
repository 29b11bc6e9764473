//! One of the two stacks: its endpoint, what it has shown on the wire, and what its application was told.

use super::super::stream;
use super::compare::{Ack, CLOSED, Reaction, Reset};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, CallId, Endpoint, Errno, FourTuple, SocketHandle, Value};
use tcpconf_suite::vocabulary::Setting;
use tcpconf_wire::view::{IpView, TcpView};
use tcpconf_wire::{Flags, Instant, Packet, Segment, SeqNumber};

/// Connections that may wait to be accepted; an input opens fewer.
const BACKLOG: u32 = 128;
/// Wake-ups and packets at a time without an operation: far more than an RTO a second makes.
const MAX_ROUNDS: u32 = 20_000;

/// What one side has shown of a connection.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// As the target sees it.
    pub(super) tuple: FourTuple,
    /// The peer's ISN.
    pub(super) irs: SeqNumber,
    /// The target's ISN, when it has shown one.
    pub(super) iss: Option<SeqNumber>,
    /// The right end of what it has sent, relative to its ISN.
    pub(super) sent: u32,
    /// What it has acknowledged, relative to the peer's ISN.
    pub(super) acked: Option<u32>,
    /// The right edge of its window, likewise.
    pub(super) edge: Option<u32>,
    /// Octets that its application has read.
    pub(super) read: u32,
    pub(super) socket: Option<SocketHandle>,
    /// A RECEIVE waits.
    pub(super) receiving: bool,
    /// How often the two sockets have met before.
    again: u32,
}

/// What a call was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    Listen,
    Accept,
    Connect(usize),
    Send(usize),
    /// Which, and how often its two sockets had met before.
    Receive(usize, u32),
    Other(usize),
}

pub(super) struct Side {
    pub(super) name: &'static str,
    /// It does not stop sending.
    pub(super) spins: bool,
    endpoint: Box<dyn Endpoint>,
    pub(super) connections: Vec<Seen>,
    listener: Option<SocketHandle>,
    calls: BTreeMap<CallId, For>,
    next_call: u64,
    /// What has happened since the last comparison.
    words: Vec<String>,
    ack: Ack,
    reset: Option<Reset>,
    /// What the segment was that is answered.
    asked: Option<Asked>,
}

/// The numbers of a segment, by which its answers are told.
#[derive(Clone, Copy, Debug)]
struct Asked {
    ack: Option<SeqNumber>,
    end: SeqNumber,
}

impl Side {
    pub(super) fn new(name: &'static str, endpoint: Box<dyn Endpoint>) -> Self {
        Self {
            name,
            spins: false,
            endpoint,
            connections: Vec::new(),
            listener: None,
            calls: BTreeMap::new(),
            next_call: 0,
            words: Vec::new(),
            ack: Ack::No,
            reset: None,
            asked: None,
        }
    }

    pub(super) fn listen(&mut self, now: Instant, local: SocketAddr) {
        let listen = AppCall::Listen {
            local,
            backlog: BACKLOG,
            with: vec![(Setting::NoDelay, 1)],
        };
        self.call(now, listen, For::Listen);
        self.drain(now);
    }

    pub(super) fn open(&mut self, tuple: FourTuple, irs: SeqNumber) {
        self.connections.push(Seen {
            tuple,
            irs,
            iss: None,
            sent: 0,
            acked: None,
            edge: None,
            read: 0,
            socket: None,
            receiving: false,
            again: 0,
        });
    }

    /// The two sockets meet again: what was before does not count.
    pub(super) fn open_again(&mut self, irs: SeqNumber) {
        if let Some(before) = self.connections.pop() {
            self.open(before.tuple, irs);
            self.connections.last_mut().expect("just opened").again = before.again + 1;
        }
    }

    /// A SYN that an active OPEN may take has this number.
    pub(super) fn expect(&mut self, irs: SeqNumber) {
        if let Some(connection) = self.connections.last_mut() {
            connection.irs = irs;
        }
    }

    pub(super) fn connect(&mut self, now: Instant) {
        let index = self.connections.len() - 1;
        let tuple = self.connections[index].tuple;
        let connect = AppCall::Connect {
            remote: tuple.remote,
            local: Some(tuple.local),
            with: vec![(Setting::NoDelay, 1)],
            data: Vec::new(),
        };
        self.call(now, connect, For::Connect(index));
    }

    /// A call on the socket of the connection that was opened last, if there is one.
    pub(super) fn on_socket(&mut self, now: Instant, call: impl Fn(SocketHandle) -> AppCall) {
        let index = self.connections.len() - 1;
        let connection = &mut self.connections[index];
        let Some(socket) = connection.socket else {
            return;
        };
        let call = call(socket);
        let what = match call {
            AppCall::Send { .. } => For::Send(index),
            AppCall::Receive(..) => {
                connection.receiving = true;
                For::Receive(index, connection.again)
            }
            AppCall::Abort(_) | AppCall::Release(_) => {
                connection.socket = None;
                For::Other(index)
            }
            _ => For::Other(index),
        };
        self.call(now, call, what);
    }

    fn call(&mut self, now: Instant, call: AppCall, what: For) {
        self.next_call += 1;
        let id = CallId(self.next_call);
        self.calls.insert(id, what);
        self.endpoint.call(now, id, call);
    }

    pub(super) fn deliver(&mut self, now: Instant, segment: &Segment) {
        self.asked = Some(Asked {
            ack: segment.flags.contains(Flags::ACK).then_some(segment.ack),
            end: segment.seq + segment.seq_len(),
        });
        let packet = Packet::new(segment.build(), now);
        self.endpoint.handle_packet(now, &packet);
        self.drain(now);
    }

    /// Lets timers fire until then.
    pub(super) fn run(&mut self, from: Instant, until: Instant) {
        let mut now = from;
        for _ in 0..MAX_ROUNDS {
            self.drain(now);
            if self.spins {
                return;
            }
            match self.endpoint.poll_timeout() {
                // A timer of a microsecond's clock may lie a little before ours.
                Some(at) if at <= now => now += Duration::from_micros(1),
                Some(at) => now = at,
                None => return,
            }
            if now > until {
                return;
            }
        }
        panic!("{} does not come to rest", self.name);
    }

    /// What goes out now, and what the application is told now.
    fn drain(&mut self, now: Instant) {
        let mut rounds = 0;
        while let Some(packet) = self.endpoint.poll_transmit(now) {
            rounds += 1;
            if rounds == MAX_ROUNDS {
                self.spins = true;
                return;
            }
            self.sent(&packet.bytes);
        }
        while let Some(event) = self.endpoint.poll_app(now) {
            rounds += 1;
            assert!(rounds < MAX_ROUNDS, "{} does not stop telling", self.name);
            self.told(now, event);
        }
    }

    fn sent(&mut self, bytes: &[u8]) {
        let ip = IpView::parse(bytes).expect("both write well-formed packets");
        let tcp = ip.tcp().expect("both write well-formed segments");
        assert!(ip.tcp_checksum_ok(), "{}: a wrong checksum", self.name);
        let from = SocketAddr::new(ip.src, tcp.src_port);
        let to = SocketAddr::new(ip.dst, tcp.dst_port);
        let last = self.connections.len();
        let found = self
            .connections
            .iter_mut()
            .enumerate()
            .find(|(_, c)| (c.tuple.local, c.tuple.remote) == (from, to));
        let Some((index, connection)) = found else {
            panic!("{}: a segment of no connection: {from} > {to}", self.name);
        };
        if tcp.flags.contains(Flags::RST) {
            if index + 1 == last {
                self.reset = Some(Reset::of(&tcp, self.asked.map(|a| (a.ack, a.end))));
            }
            return;
        }
        let ack = connection.observe(&tcp, self.name);
        if index + 1 == last {
            self.ack = self.ack.max(ack);
        }
    }

    fn told(&mut self, now: Instant, event: AppEvent) {
        match event {
            AppEvent::Reply { id, result } => self.replied(now, id, result),
            AppEvent::Accepted {
                socket, connection, ..
            } => {
                let index = self.connections.iter().position(|c| c.tuple == connection);
                let index = index.expect("only the peer opens connections");
                self.connections[index].socket = Some(socket);
                self.word(index, "accepted");
            }
            AppEvent::Connected(socket) => self.of_socket(socket, "connected"),
            AppEvent::Eof(socket) => self.of_socket(socket, "end of file"),
            AppEvent::Error(socket, errno) => self.of_socket(socket, errno.name()),
            AppEvent::Readable(_) | AppEvent::Oob(_) | AppEvent::SoftError(..) => {}
        }
    }

    fn replied(&mut self, now: Instant, id: CallId, result: Result<Value, Errno>) {
        let what = self.calls.remove(&id).expect("each call is answered once");
        match (what, result) {
            (For::Listen, Ok(Value::Socket(listener))) => {
                self.listener = Some(listener);
                self.call(now, AppCall::Accept(listener), For::Accept);
            }
            (For::Listen, other) => panic!("{}: LISTEN answers {other:?}", self.name),
            (For::Accept, _) => {
                let listener = self.listener.expect("something was accepted by it");
                self.call(now, AppCall::Accept(listener), For::Accept);
            }
            (For::Connect(index), Ok(Value::Socket(socket))) => {
                self.connections[index].socket = Some(socket);
            }
            (For::Receive(index, again), Ok(Value::Bytes(bytes))) => {
                let connection = &mut self.connections[index];
                if connection.again != again {
                    return;
                }
                connection.receiving = false;
                let first = connection.irs + 1 + connection.read;
                assert!(
                    bytes == stream(first, bytes.len()),
                    "{}: text that nobody sent, from {} on",
                    self.name,
                    connection.read
                );
                connection.read += bytes.len() as u32;
            }
            // How much waits where is the stack's own affair.
            (For::Send(_) | For::Other(_), Ok(_)) => {}
            (For::Receive(index, _), Err(_)) => self.connections[index].receiving = false,
            (For::Send(_) | For::Other(_), Err(_)) => {}
            (For::Connect(index), other) => self.word(index, &format!("OPEN answers {other:?}")),
            (For::Receive(..), Ok(other)) => panic!("{}: RECEIVE answers {other:?}", self.name),
        }
    }

    fn of_socket(&mut self, socket: SocketHandle, word: &str) {
        let index = self
            .connections
            .iter()
            .position(|c| c.socket == Some(socket));
        if let Some(index) = index {
            self.word(index, word);
        }
    }

    fn word(&mut self, index: usize, word: &str) {
        if index + 1 == self.connections.len() {
            self.words.push(word.to_owned());
        }
    }

    /// The connection that was opened last.
    pub(super) fn last(&self) -> Option<&Seen> {
        self.connections.last()
    }

    /// Its state as RFC 9293 spells it.
    pub(super) fn state(&self) -> String {
        let status = self.last().and_then(|c| self.endpoint.status(c.tuple));
        status.map_or_else(|| CLOSED.to_owned(), |status| status.state)
    }

    /// Octets for its application so far.
    pub(super) fn delivered(&self) -> u32 {
        let Some(connection) = self.last() else {
            return 0;
        };
        let status = self.endpoint.status(connection.tuple);
        let unread = status.and_then(|status| status.unread).unwrap_or(0);
        connection.read + unread as u32
    }

    /// What has happened since the last time that this was asked.
    pub(super) fn reaction(&mut self) -> Reaction {
        let mut words = std::mem::take(&mut self.words);
        words.sort();
        self.asked = None;
        let state = self.state();
        let ack = std::mem::replace(&mut self.ack, Ack::No);
        let reset = self.reset.take();
        let connection = self.last();
        let status = connection.and_then(|c| self.endpoint.status(c.tuple));
        Reaction {
            ack,
            reset,
            acked: connection.and_then(|c| c.acked),
            delivered: connection.zip(status.as_ref()).map(|(c, status)| {
                let unread = status.unread.expect("both tell how much is unread");
                u64::from(c.read) + unread
            }),
            unacked: status.and_then(|status| status.unacked),
            state,
            words,
        }
    }
}

impl Seen {
    /// What a segment shows, but for a RST, and how much of an acknowledgement it is.
    fn observe(&mut self, tcp: &TcpView<'_>, name: &str) -> Ack {
        let syn = tcp.flags.contains(Flags::SYN);
        if syn && self.iss != Some(tcp.seq) {
            // After a reset in SYN-RECEIVED the same two sockets may meet again.
            (self.iss, self.sent, self.edge) = (Some(tcp.seq), 0, None);
        }
        let iss = self.iss.expect("the first segment of a side is a SYN");
        let first = (tcp.seq + u32::from(syn)).0.wrapping_sub(iss.0);
        let text = stream(SeqNumber(first), tcp.payload.len());
        assert!(
            tcp.payload == text,
            "{name}: text that nobody sent, at {first}"
        );
        let end = (tcp.seq + tcp.seq_len()).0.wrapping_sub(iss.0);
        if end.wrapping_sub(self.sent).cast_signed() > 0 {
            self.sent = end;
        }
        if !tcp.flags.contains(Flags::ACK) {
            return Ack::No;
        }
        let acked = tcp.ack.0.wrapping_sub(self.irs.0);
        self.acked = Some(self.acked.map_or(acked, |before| before.max(acked)));
        let edge = acked.wrapping_add(u32::from(tcp.window));
        self.edge = Some(self.edge.map_or(edge, |before| before.max(edge)));
        if tcp.seq_len() == 0 {
            Ack::Alone
        } else {
            Ack::Along
        }
    }
}

/// The address of the peer.
pub(super) fn peer_address(addresses: &[IpAddr]) -> IpAddr {
    *addresses.first().expect("a lease has an address of ours")
}
