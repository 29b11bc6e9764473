//! The upper tester: the sockets of this host behind service primitives.
//!
//! [`UpperTester`] is one tester's sockets, messages in and out; [`Station`] waits for testers on a UDP or
//! TCP port.  What differs from the book is on the safe side: what arrives before RECEIVE_AND_FORWARD is
//! kept, not thrown away (its response says 0 dropped), the end of the peer's stream is told by an event
//! without octets, and events carry the socket's number where SOME/IP has its request id.

mod station;
#[cfg(test)]
mod tests;

pub use station::Station;

use super::Dialect;
use super::message::{Kind, Message};
use super::primitive::{
    ANY_PORT, Direction, Event, FOR_EVER, Request, Response, parameter, refusal, result,
};
use crate::server::{Application, Policy};
use crate::text;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::os::fd::BorrowedFd;
use tcpconf_engine::{AppCall, AppEvent, Errno, FourTuple, SocketHandle, Value};
use tcpconf_suite::vocabulary::Setting;

/// The release of the acceptance tests whose primitives these are.
const VERSION: [u16; 3] = [1, 2, 0];
/// Octets read at a time.
const PIECE: usize = 8 * 1_024;
/// Octets that one SEND_DATA may make of a short pattern.
const MAX_TOTAL: usize = u16::MAX as usize;

/// A socket as a tester knows it.
#[derive(Debug)]
enum Known {
    /// Created; what it becomes is not known yet.
    Created {
        local: Option<SocketAddr>,
        settings: Vec<(Setting, i64)>,
    },
    Listener {
        handle: SocketHandle,
        left: u16,
    },
    Connection {
        handle: SocketHandle,
        forwarding: Option<Forwarding>,
    },
}

/// RECEIVE_AND_FORWARD under way.
#[derive(Clone, Copy, Debug)]
struct Forwarding {
    max_forward: usize,
    /// Octets still to be received; `None` for ever.
    left: Option<usize>,
}

/// Where a socket is to be bound, and how it is to be set.
type Wishes = (Option<SocketAddr>, Vec<(Setting, i64)>);

/// What a reply of the application is for.
#[derive(Clone, Copy, Debug)]
enum Waiting {
    Accept(u16),
    Receive(u16),
    /// Nobody asks.
    Other,
}

/// The sockets of one tester.
pub struct UpperTester {
    dialect: Dialect,
    application: Application,
    sockets: BTreeMap<u16, Known>,
    waiting: BTreeMap<u64, Waiting>,
    /// The peer of a connection whose number comes next.
    accepted: Option<FourTuple>,
    next_socket: u16,
    next_call: u64,
    out: VecDeque<Message>,
}

impl UpperTester {
    /// Without a socket yet.
    ///
    /// # Errors
    /// What the system said to an epoll.
    pub fn new(dialect: Dialect, policy: Policy) -> io::Result<Self> {
        Ok(Self {
            dialect,
            application: Application::new(policy)?,
            sockets: BTreeMap::new(),
            waiting: BTreeMap::new(),
            accepted: None,
            next_socket: 0,
            next_call: 1,
            out: VecDeque::new(),
        })
    }

    /// Readable when [`UpperTester::turn`] has something to do.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.application.fd()
    }

    /// What it has to tell, in order.
    pub fn next_message(&mut self) -> Option<Message> {
        self.out.pop_front()
    }

    /// Looks at sockets that have become ready. Does not block.
    ///
    /// # Errors
    /// What the system said to the epoll.
    pub fn turn(&mut self) -> io::Result<()> {
        self.application.turn()?;
        self.listen_to_application();
        Ok(())
    }

    /// Takes a message. What is no request of this dialect is passed over.
    pub fn handle(&mut self, message: &Message) {
        if self.dialect.kind(message) != Some(Kind::Request) {
            return;
        }
        let answer = match Request::of(message, &self.dialect).and_then(|it| self.request(it)) {
            Ok(response) => response.message(&self.dialect, message),
            Err(result) => refusal(&self.dialect, message, result),
        };
        // Events that the request brought about come behind its response.
        self.out.push_back(answer);
        self.listen_to_application();
    }

    /// Closes everything without a trace: the tester has gone, or its test is over.
    pub fn clear(&mut self) {
        self.application.clear();
        self.sockets.clear();
        self.waiting.clear();
    }

    /// Sockets held, those that are not open yet included.
    pub fn held(&self) -> usize {
        self.sockets.len()
    }

    fn request(&mut self, request: Request) -> Result<Response, u8> {
        match request {
            Request::GetVersion => return Ok(Response::Version(VERSION)),
            Request::StartTest => {}
            Request::EndTest { .. } => self.clear(),
            Request::CloseSocket { socket, abort } => {
                let known = self.sockets.remove(&socket).ok_or(result::NO_SOCKET)?;
                if let Some(handle) = known.handle() {
                    self.done(if abort {
                        AppCall::Abort(handle)
                    } else {
                        AppCall::Release(handle)
                    })?;
                }
            }
            Request::CreateAndBind {
                bind,
                port,
                address,
            } => return self.create(bind, port, address),
            Request::SendData {
                socket,
                total,
                data,
                ..
            } => self.send(socket, usize::from(total), &data)?,
            Request::ReceiveAndForward {
                socket,
                max_forward,
                max_length,
            } => {
                self.forward(socket, max_forward, max_length)?;
                return Ok(Response::Dropped(0));
            }
            Request::ListenAndAccept {
                listener,
                max_connections,
            } => self.listen(listener, max_connections)?,
            Request::Connect {
                socket,
                port,
                address,
            } => self.connect(socket, SocketAddr::new(address, port))?,
            Request::ConfigureSocket {
                socket,
                parameter,
                value,
            } => self.configure(socket, parameter, &value)?,
            Request::Shutdown { socket, direction } => {
                let handle = self.handle_of(socket)?;
                if direction != Direction::Receive {
                    self.done(AppCall::Close(handle))?;
                }
                if direction != Direction::Send {
                    self.done(AppCall::ShutdownRead(handle))?;
                }
            }
        }
        Ok(Response::Done)
    }

    /// Makes a call that is answered at once or never.
    fn done(&mut self, call: AppCall) -> Result<Option<Value>, u8> {
        let id = self.ask(Waiting::Other, call);
        self.listen_until(id)
    }

    fn ask(&mut self, waiting: Waiting, call: AppCall) -> u64 {
        let id = self.next_call;
        self.next_call += 1;
        self.waiting.insert(id, waiting);
        self.application.request(id, text::Request::Call(call));
        id
    }

    fn listen_to_application(&mut self) {
        // No call has this number.
        drop(self.listen_until(0));
    }

    /// Takes what the application tells; the answer to `wanted`, if it is there already.
    fn listen_until(&mut self, wanted: u64) -> Result<Option<Value>, u8> {
        let mut found = Ok(None);
        while let Some(message) = self.application.next_message() {
            match message {
                text::Message::Reply { id, result } => {
                    let result = match result {
                        Ok(text::Answer::Value(value)) => Ok(value),
                        Ok(text::Answer::Hello(_)) => Err(Errno::Other),
                        Err(refusal) => Err(refusal.errno),
                    };
                    let waiting = self.waiting.remove(&id).unwrap_or(Waiting::Other);
                    if id == wanted {
                        found = result.map(Some).map_err(result::result_of);
                    } else {
                        self.replied(waiting, result);
                    }
                }
                text::Message::Event(AppEvent::Accepted { connection, .. }) => {
                    self.accepted = Some(connection);
                }
                text::Message::Event(_) | text::Message::Bye(_) => {}
            }
        }
        found
    }

    fn replied(&mut self, waiting: Waiting, result: Result<Value, Errno>) {
        match (waiting, result) {
            (Waiting::Accept(listener), Ok(Value::Socket(handle))) => {
                self.took(listener, handle);
            }
            (Waiting::Receive(socket), Ok(Value::Bytes(data))) => self.received(socket, &data),
            (Waiting::Receive(socket), Err(_)) => {
                if let Some(Known::Connection { forwarding, .. }) = self.sockets.get_mut(&socket) {
                    *forwarding = None;
                }
            }
            _ => {}
        }
    }

    fn number(&mut self) -> Result<u16, u8> {
        for _ in 0..=u16::MAX {
            self.next_socket = self.next_socket.wrapping_add(1);
            if self.next_socket != 0 && !self.sockets.contains_key(&self.next_socket) {
                return Ok(self.next_socket);
            }
        }
        Err(result::NOT_CREATED)
    }

    fn create(&mut self, bind: bool, port: u16, address: IpAddr) -> Result<Response, u8> {
        if self.sockets.len() >= crate::server::MAX_SOCKETS {
            return Err(result::NOT_CREATED);
        }
        let port = if port == ANY_PORT { 0 } else { port };
        let local = SocketAddr::new(address, port);
        if bind {
            is_free(local).map_err(|_| result::NOT_BOUND)?;
        }
        let number = self.number()?;
        let known = Known::Created {
            local: bind.then_some(local),
            settings: Vec::new(),
        };
        self.sockets.insert(number, known);
        Ok(Response::Socket(number))
    }

    /// Where and how a socket that is nothing yet wants to be.
    fn created(&self, socket: u16) -> Result<Wishes, u8> {
        match self.sockets.get(&socket) {
            None => Err(result::NO_SOCKET),
            Some(Known::Created { local, settings }) => Ok((*local, settings.clone())),
            Some(_) => Err(result::NOT_OK),
        }
    }

    fn handle_of(&self, socket: u16) -> Result<SocketHandle, u8> {
        let known = self.sockets.get(&socket).ok_or(result::NO_SOCKET)?;
        known.handle().ok_or(result::NOT_OK)
    }

    fn listen(&mut self, socket: u16, max_connections: u16) -> Result<(), u8> {
        let (local, with) = self.created(socket)?;
        let call = AppCall::Listen {
            local: local.ok_or(result::NOT_OK)?,
            backlog: max_connections.max(1).into(),
            with,
        };
        let Some(Value::Socket(handle)) = self.done(call)? else {
            return Err(result::NOT_OK);
        };
        let left = max_connections.max(1);
        self.sockets
            .insert(socket, Known::Listener { handle, left });
        self.ask(Waiting::Accept(socket), AppCall::Accept(handle));
        Ok(())
    }

    /// A connection was accepted: the next is waited for, as far as the tester wanted.
    fn took(&mut self, listener: u16, handle: SocketHandle) {
        let connection = self.accepted.take();
        let peer = connection.map(|connection| connection.remote);
        let Ok(socket) = self.number() else {
            drop(self.done(AppCall::Abort(handle)));
            return;
        };
        let known = Known::Connection {
            handle,
            forwarding: None,
        };
        self.sockets.insert(socket, known);
        let unknown = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
        let peer = peer.unwrap_or(unknown);
        let event = Event::Accepted {
            listener,
            socket,
            port: peer.port(),
            address: peer.ip().to_canonical(),
        };
        self.out.push_back(event.message(&self.dialect, socket));
        let Some(Known::Listener { handle, left }) = self.sockets.get_mut(&listener) else {
            return;
        };
        *left -= 1;
        if *left > 0 {
            let call = AppCall::Accept(*handle);
            self.ask(Waiting::Accept(listener), call);
        }
    }

    fn connect(&mut self, socket: u16, remote: SocketAddr) -> Result<(), u8> {
        let (local, with) = self.created(socket)?;
        let call = AppCall::Connect {
            remote,
            local,
            with,
            data: Vec::new(),
        };
        let Some(Value::Socket(handle)) = self.done(call)? else {
            return Err(result::NOT_OK);
        };
        let known = Known::Connection {
            handle,
            forwarding: None,
        };
        self.sockets.insert(socket, known);
        Ok(())
    }

    /// Short data are sent again and again until there are `total` octets of them.
    fn send(&mut self, socket: u16, total: usize, data: &[u8]) -> Result<(), u8> {
        let handle = self.handle_of(socket)?;
        if data.is_empty() && total > 0 {
            return Err(result::INVALID);
        }
        let total = total.max(data.len()).min(MAX_TOTAL);
        let data = data.iter().copied().cycle().take(total).collect();
        let call = AppCall::Send {
            socket: handle,
            data,
            urgent: false,
            more: false,
        };
        // What cannot be sent at once is sent later: the primitive does not block.
        self.done(call).map(drop)
    }

    fn forward(&mut self, socket: u16, max_forward: u16, max_length: u16) -> Result<(), u8> {
        let wanted = Forwarding {
            max_forward: max_forward.into(),
            left: (max_length != FOR_EVER).then_some(max_length.into()),
        };
        match self.sockets.get_mut(&socket) {
            None => Err(result::NO_SOCKET),
            Some(Known::Connection { forwarding, .. }) => {
                let reads_already = forwarding.replace(wanted).is_some();
                if !reads_already {
                    self.read(socket);
                }
                Ok(())
            }
            Some(_) => Err(result::NOT_OK),
        }
    }

    /// Reads the next piece, if one is wanted.
    fn read(&mut self, socket: u16) {
        let Some(Known::Connection { handle, forwarding }) = self.sockets.get_mut(&socket) else {
            return;
        };
        let Some(wanted) = forwarding else {
            return;
        };
        let count = wanted.left.map_or(PIECE, |left| left.min(PIECE));
        if count == 0 {
            *forwarding = None;
            return;
        }
        let call = AppCall::Receive(*handle, count);
        self.ask(Waiting::Receive(socket), call);
    }

    fn received(&mut self, socket: u16, data: &[u8]) {
        let Some(Known::Connection { forwarding, .. }) = self.sockets.get_mut(&socket) else {
            return;
        };
        let Some(wanted) = forwarding else {
            return;
        };
        if let Some(left) = &mut wanted.left {
            *left = left.saturating_sub(data.len());
        }
        let event = Event::Forwarded {
            full: u16::try_from(data.len()).expect("PIECE fits"),
            data: data[..data.len().min(wanted.max_forward)].to_vec(),
        };
        if data.is_empty() {
            *forwarding = None;
        }
        self.out.push_back(event.message(&self.dialect, socket));
        self.read(socket);
    }

    fn configure(&mut self, socket: u16, parameter: u16, value: &[u8]) -> Result<(), u8> {
        let setting = match (parameter, value) {
            (parameter::TTL, [ttl]) => (Setting::Ttl, i64::from(*ttl)),
            // The two lowest bits are ECN's, which the kernel sets itself.
            (parameter::PRIORITY, [class]) => (Setting::Dscp, i64::from(class >> 2)),
            (parameter::MSS, [high, low]) => {
                (Setting::Mss, u16::from_be_bytes([*high, *low]).into())
            }
            (parameter::NAGLE, [on]) => (Setting::NoDelay, i64::from(*on == 0)),
            (parameter::TTL | parameter::PRIORITY | parameter::MSS | parameter::NAGLE, _) => {
                return Err(result::INVALID);
            }
            _ => return Err(result::NOT_FOUND),
        };
        match self.sockets.get_mut(&socket) {
            None => Err(result::NO_SOCKET),
            Some(Known::Created { settings, .. }) => {
                settings.retain(|(known, _)| *known != setting.0);
                settings.push(setting);
                Ok(())
            }
            Some(known) => {
                let handle = known.handle().ok_or(result::NOT_OK)?;
                self.done(AppCall::Set(handle, setting.0, setting.1))
                    .map(drop)
            }
        }
    }
}

impl Known {
    const fn handle(&self) -> Option<SocketHandle> {
        match self {
            Self::Created { .. } => None,
            Self::Listener { handle, .. } | Self::Connection { handle, .. } => Some(*handle),
        }
    }
}

/// Whether the address can be bound: what is created is bound only when it is known what it becomes.
fn is_free(local: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(
        Domain::for_address(local),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if local.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&local.into())
}
