//! The tester's end: application calls as service primitives, their responses and events as replies.
//!
//! Pure: octets go in and out, time is the caller's. One request is under way at a time, because a
//! response names its primitive and not its request. What the protocol cannot express is refused by
//! [`Errno::Unsupported`], and [`express`] says what is missing.
//!
//! An upper tester by the book throws away what arrives before RECEIVE_AND_FORWARD and reads without a
//! pause afterwards: [`Reading::Early`] asks for everything as soon as there is a connection, and the
//! device's window never closes. Ours keeps what arrives, so that [`Reading::OnDemand`] reads exactly
//! when the application is told to. Octets that were thrown away make the next RECEIVE fail (ENOBUFS).

use super::Dialect;
use super::message::{Kind, Message};
use super::primitive::{
    ANY_PORT, Direction, Event, FOR_EVER, Request, Response, errno_of, parameter,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, FourTuple, SocketHandle, Value};
use tcpconf_suite::vocabulary::{Capability, Setting};

/// Octets of one SEND_DATA: what fits into a datagram with its headers.
const MAX_SEND: usize = 60_000;
/// Connections that a listener accepts when the case does not say how many.
const MAX_CONNECTIONS: u32 = 0xfffe;

/// How a capability is expressed, or what is missing.
///
/// # Errors
/// The missing primitive, in words.
pub const fn express(capability: Capability) -> Result<&'static str, &'static str> {
    Ok(match capability {
        Capability::Listen => "CREATE_AND_BIND, LISTEN_AND_ACCEPT",
        Capability::Connect => "CREATE_AND_BIND, CONNECT",
        Capability::Accept => "the event of LISTEN_AND_ACCEPT",
        Capability::Send => "SEND_DATA",
        Capability::Receive => "RECEIVE_AND_FORWARD",
        Capability::Close => "SHUTDOWN of transmission",
        Capability::ShutdownRead => "SHUTDOWN of reception",
        Capability::Release => "CLOSE_SOCKET",
        Capability::Abort => "CLOSE_SOCKET with abort",
        Capability::Set(Setting::NoDelay) => "CONFIGURE_SOCKET 6 (Nagle)",
        Capability::Set(Setting::Mss) => "CONFIGURE_SOCKET 5 (MSS, 500 to 1460)",
        Capability::Set(Setting::Ttl) => "CONFIGURE_SOCKET 0 (TTL)",
        Capability::Set(Setting::Dscp) => "CONFIGURE_SOCKET 1 (traffic class)",
        Capability::SendUrgent => {
            return Err("the flags of SEND_DATA, urgent among them, differ between releases");
        }
        Capability::SendMore => return Err("no flag of SEND_DATA holds data back"),
        Capability::ReceiveUrgent => return Err("no primitive receives urgent data"),
        Capability::Get => return Err("no primitive reads a parameter back"),
        Capability::Status => return Err("no primitive tells the state of a connection"),
        Capability::Set(_) => return Err("no parameter of CONFIGURE_SOCKET"),
    })
}

/// Everything that the protocol can express.
pub fn capabilities() -> Vec<Capability> {
    Capability::ALL
        .into_iter()
        .filter(|capability| express(*capability).is_ok())
        .collect()
}

/// When the device is asked for what it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// As soon as there is a connection.
    #[default]
    Early,
    /// When the application receives.
    OnDemand,
}

/// What a request is part of.
#[derive(Clone, Debug)]
enum Purpose {
    /// A call: the reply when its last request is answered.
    Call(CallId, Value),
    /// Listening or connecting by a new socket, whose number the first response tells; where it is bound.
    Open(CallId, Role, SocketAddr),
    /// Reading from a socket; nobody waits.
    Read(u16),
    /// Nobody waits, and nothing depends on it.
    Tidy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Listener,
    Connection,
}

/// Requests of one purpose, one after the other.
#[derive(Clone, Debug)]
struct Job {
    purpose: Purpose,
    steps: VecDeque<Request>,
}

#[derive(Debug)]
struct Open {
    role: Role,
    /// Connections that were not asked for yet.
    accepted: VecDeque<(u16, SocketAddr)>,
    accepting: VecDeque<CallId>,
    local: SocketAddr,
    received: VecDeque<u8>,
    receiving: VecDeque<(CallId, usize)>,
    reading: bool,
    ended: bool,
    lost: bool,
}

/// One application, as it is seen through one upper tester.
#[derive(Debug)]
pub struct Client {
    dialect: Dialect,
    reading: Reading,
    jobs: VecDeque<Job>,
    under_way: Option<(Request, Job)>,
    out: VecDeque<Vec<u8>>,
    events: VecDeque<AppEvent>,
    sockets: BTreeMap<u16, Open>,
    /// Sockets whose closing is under way: their numbers mean nothing any more.
    closing: BTreeSet<u16>,
}

impl Client {
    /// Without a socket yet.
    pub fn new(dialect: Dialect, reading: Reading) -> Self {
        Self {
            dialect,
            reading,
            jobs: VecDeque::new(),
            under_way: None,
            out: VecDeque::new(),
            events: VecDeque::new(),
            sockets: BTreeMap::new(),
            closing: BTreeSet::new(),
        }
    }

    /// The next message for the upper tester.
    pub fn next_message(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// The next event of the application.
    pub fn next_event(&mut self) -> Option<AppEvent> {
        self.events.pop_front()
    }

    /// Whether a response is waited for.
    pub fn waits(&self) -> bool {
        self.under_way.is_some()
    }

    /// Makes a call; its reply is an event.
    pub fn call(&mut self, id: CallId, call: AppCall) {
        if call.needs().into_iter().any(|it| express(it).is_err()) {
            return self.reply(id, Err(Errno::Unsupported));
        }
        let made = match call {
            AppCall::Listen {
                local,
                backlog,
                with,
            } => self.listen(id, local, backlog, &with),
            AppCall::Connect {
                remote,
                local,
                with,
                data,
            } => self.connect(id, remote, local, &with, data),
            AppCall::Accept(handle) => self.accept(id, handle),
            AppCall::Send { socket, data, .. } => self.send(id, socket, &data),
            AppCall::Receive(handle, max) => self.receive(id, handle, max),
            AppCall::Close(handle) => self.close(id, handle),
            AppCall::ShutdownRead(handle) => self.shutdown(id, handle, Direction::Receive),
            AppCall::Release(handle) => self.drop_socket(id, handle, false),
            AppCall::Abort(handle) => self.drop_socket(id, handle, true),
            AppCall::Set(handle, setting, value) => self.set(id, handle, setting, value),
            AppCall::ResetAll => {
                self.reset(id);
                Ok(())
            }
            AppCall::ReceiveUrgent(_) | AppCall::Get(..) | AppCall::Status(_) => {
                Err(Errno::Unsupported)
            }
        };
        if let Err(errno) = made {
            self.reply(id, Err(errno));
        }
        self.go_on();
    }

    /// Takes a message from the upper tester. What is none of this dialect is passed over.
    pub fn handle(&mut self, message: &Message) {
        match self.dialect.kind(message) {
            Some(Kind::Response) => self.response(message),
            Some(Kind::Event) => {
                if let Ok(event) = Event::of(message, &self.dialect) {
                    self.event(event, message.request);
                }
            }
            Some(Kind::Request) | None => {}
        }
        self.go_on();
    }

    /// No response came in time, or the line is down: what is under way has failed.
    pub fn give_up(&mut self, errno: Errno) {
        if let Some((_, job)) = self.under_way.take() {
            self.failed(job, errno);
        }
        self.go_on();
    }

    fn reply(&mut self, id: CallId, result: Result<Value, Errno>) {
        self.events.push_back(AppEvent::Reply { id, result });
    }

    fn queue(&mut self, purpose: Purpose, steps: impl IntoIterator<Item = Request>) {
        let steps = steps.into_iter().collect();
        self.jobs.push_back(Job { purpose, steps });
    }

    /// Sends the next request, if none is under way.
    fn go_on(&mut self) {
        while self.under_way.is_none() {
            let Some(mut job) = self.jobs.pop_front() else {
                return;
            };
            if let Some(request) = job.steps.pop_front() {
                self.out.push_back(request.message(&self.dialect).build());
                self.under_way = Some((request, job));
            } else if let Purpose::Call(id, value) = job.purpose {
                self.reply(id, Ok(value));
            }
        }
    }

    fn find(&mut self, handle: SocketHandle) -> Result<(u16, &mut Open), Errno> {
        let number = u16::try_from(handle.0).map_err(|_| Errno::BadSocket)?;
        let open = self.sockets.get_mut(&number).ok_or(Errno::BadSocket)?;
        Ok((number, open))
    }

    fn listen(
        &mut self,
        id: CallId,
        local: SocketAddr,
        backlog: u32,
        with: &[(Setting, i64)],
    ) -> Result<(), Errno> {
        let max = backlog.clamp(1, MAX_CONNECTIONS);
        let last = Request::ListenAndAccept {
            listener: 0,
            max_connections: u16::try_from(max).expect("clamped"),
        };
        self.open(id, Role::Listener, Some(local), local, with, last)
    }

    fn connect(
        &mut self,
        id: CallId,
        remote: SocketAddr,
        local: Option<SocketAddr>,
        with: &[(Setting, i64)],
        data: Vec<u8>,
    ) -> Result<(), Errno> {
        if !data.is_empty() {
            return Err(Errno::Unsupported);
        }
        let last = Request::Connect {
            socket: 0,
            port: remote.port(),
            address: remote.ip(),
        };
        self.open(id, Role::Connection, local, remote, with, last)
    }

    fn open(
        &mut self,
        id: CallId,
        role: Role,
        local: Option<SocketAddr>,
        like: SocketAddr,
        with: &[(Setting, i64)],
        last: Request,
    ) -> Result<(), Errno> {
        let any = match like {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        let port = local.map_or(0, |local| local.port());
        let mut steps = vec![Request::CreateAndBind {
            bind: local.is_some(),
            port: if port == 0 { ANY_PORT } else { port },
            address: local.map_or(any, |local| local.ip()),
        }];
        for (setting, value) in with {
            steps.push(configure(0, *setting, *value)?);
        }
        steps.push(last);
        self.queue(
            Purpose::Open(id, role, local.unwrap_or(SocketAddr::new(any, 0))),
            steps,
        );
        Ok(())
    }

    fn accept(&mut self, id: CallId, handle: SocketHandle) -> Result<(), Errno> {
        let (number, open) = self.find(handle)?;
        if open.role != Role::Listener {
            return Err(Errno::Invalid);
        }
        open.accepting.push_back(id);
        self.hand_over(number);
        Ok(())
    }

    /// Gives connections to those who asked.
    fn hand_over(&mut self, listener: u16) {
        let Some(open) = self.sockets.get_mut(&listener) else {
            return;
        };
        while !open.accepting.is_empty()
            && let Some((number, remote)) = open.accepted.pop_front()
        {
            let socket = SocketHandle(number.into());
            self.events.push_back(AppEvent::Accepted {
                listener: SocketHandle(listener.into()),
                socket,
                connection: FourTuple {
                    local: open.local,
                    remote,
                },
            });
            if let Some(id) = open.accepting.pop_front() {
                let result = Ok(Value::Socket(socket));
                self.events.push_back(AppEvent::Reply { id, result });
            }
        }
    }

    fn send(&mut self, id: CallId, handle: SocketHandle, data: &[u8]) -> Result<(), Errno> {
        let (socket, _) = self.find(handle)?;
        let steps: Vec<_> = data
            .chunks(MAX_SEND)
            .map(|chunk| Request::SendData {
                socket,
                total: u16::try_from(chunk.len()).expect("MAX_SEND fits"),
                flags: 0,
                data: chunk.to_vec(),
            })
            .collect();
        self.queue(Purpose::Call(id, Value::Count(data.len())), steps);
        Ok(())
    }

    fn receive(&mut self, id: CallId, handle: SocketHandle, max: usize) -> Result<(), Errno> {
        let on_demand = self.reading == Reading::OnDemand;
        let (number, open) = self.find(handle)?;
        if open.role == Role::Listener {
            return Err(Errno::NotConnected);
        }
        open.receiving.push_back((id, max));
        let waits = open.received.is_empty() && !open.ended;
        if waits && (on_demand || !open.reading) {
            let length = if on_demand {
                max
            } else {
                usize::from(FOR_EVER)
            };
            self.read(number, length);
        }
        self.give(number);
        Ok(())
    }

    fn read(&mut self, socket: u16, length: usize) {
        let max_length = u16::try_from(length).unwrap_or(FOR_EVER);
        let request = Request::ReceiveAndForward {
            socket,
            max_forward: FOR_EVER,
            max_length,
        };
        self.queue(Purpose::Read(socket), [request]);
    }

    /// Answers those who receive, as far as there is something.
    fn give(&mut self, socket: u16) {
        let Some(open) = self.sockets.get_mut(&socket) else {
            return;
        };
        let ready = |open: &Open| open.lost || open.ended || !open.received.is_empty();
        while ready(open)
            && let Some((id, max)) = open.receiving.pop_front()
        {
            let result = if open.lost {
                Err(Errno::NoBuffers)
            } else {
                let count = open.received.len().min(max);
                Ok(Value::Bytes(open.received.drain(..count).collect()))
            };
            self.events.push_back(AppEvent::Reply { id, result });
        }
    }

    fn close(&mut self, id: CallId, handle: SocketHandle) -> Result<(), Errno> {
        match self.find(handle)?.1.role {
            Role::Connection => self.shutdown(id, handle, Direction::Send),
            // A listener is closed altogether.
            Role::Listener => self.drop_socket(id, handle, false),
        }
    }

    fn shutdown(
        &mut self,
        id: CallId,
        handle: SocketHandle,
        direction: Direction,
    ) -> Result<(), Errno> {
        let (socket, _) = self.find(handle)?;
        let request = Request::Shutdown { socket, direction };
        self.queue(Purpose::Call(id, Value::Done), [request]);
        Ok(())
    }

    fn drop_socket(&mut self, id: CallId, handle: SocketHandle, abort: bool) -> Result<(), Errno> {
        let (socket, _) = self.find(handle)?;
        self.forget(socket);
        let request = Request::CloseSocket { socket, abort };
        self.queue(Purpose::Call(id, Value::Done), [request]);
        Ok(())
    }

    /// The socket is about to be closed: who waits for it waits in vain.
    fn forget(&mut self, socket: u16) {
        let Some(open) = self.sockets.remove(&socket) else {
            return;
        };
        self.closing.insert(socket);
        let waiting = open.receiving.into_iter().map(|(id, _)| id);
        for id in waiting.chain(open.accepting) {
            self.reply(id, Err(Errno::ConnectionAborted));
        }
        // Connections that nobody has asked for.
        for (socket, _) in open.accepted {
            self.forget(socket);
            let abort = true;
            self.queue(Purpose::Tidy, [Request::CloseSocket { socket, abort }]);
        }
    }

    fn set(
        &mut self,
        id: CallId,
        handle: SocketHandle,
        setting: Setting,
        value: i64,
    ) -> Result<(), Errno> {
        let (socket, _) = self.find(handle)?;
        let request = configure(socket, setting, value)?;
        self.queue(Purpose::Call(id, Value::Done), [request]);
        Ok(())
    }

    fn reset(&mut self, id: CallId) {
        // What has not begun need not begin.
        for job in std::mem::take(&mut self.jobs) {
            if matches!(job.purpose, Purpose::Tidy) {
                self.jobs.push_back(job);
            } else {
                self.failed(job, Errno::ConnectionAborted);
            }
        }
        let sockets: Vec<u16> = self.sockets.keys().copied().collect();
        for socket in sockets {
            if self.sockets.contains_key(&socket) {
                self.forget(socket);
                let abort = true;
                self.queue(Purpose::Tidy, [Request::CloseSocket { socket, abort }]);
            }
        }
        if let Some((_, job)) = &mut self.under_way
            && let Purpose::Open(..) = job.purpose
        {
            // Its socket is closed as soon as it has a number.
            job.steps.clear();
        }
        self.queue(Purpose::Call(id, Value::Done), []);
    }

    fn response(&mut self, message: &Message) {
        let Some((request, job)) = self.under_way.take() else {
            return;
        };
        let sent = request.message(&self.dialect);
        if (sent.group, sent.primitive) != (message.group, message.primitive) {
            // Late, from a request that was given up.
            self.under_way = Some((request, job));
            return;
        }
        let answered = match errno_of(message.result) {
            Some(errno) => Err(errno),
            None => Response::of(message, &request).map_err(|_| Errno::Other),
        };
        match answered {
            Ok(response) => self.succeeded(&request, response, job),
            Err(errno) => self.failed_at(&request, job, errno),
        }
    }

    fn succeeded(&mut self, request: &Request, response: Response, mut job: Job) {
        match (&job.purpose, request, response) {
            (Purpose::Open(id, ..), Request::CreateAndBind { .. }, Response::Socket(number)) => {
                self.closing.remove(&number);
                if job.steps.is_empty() {
                    // Everything was reset meanwhile.
                    let (id, abort) = (*id, true);
                    self.reply(id, Err(Errno::ConnectionAborted));
                    let socket = number;
                    return self.queue(Purpose::Tidy, [Request::CloseSocket { socket, abort }]);
                }
                for step in &mut job.steps {
                    number_step(step, number);
                }
                self.jobs.push_front(job);
            }
            (Purpose::Open(id, role, local), _, _) if job.steps.is_empty() => {
                self.opened(*id, *role, *local, request);
            }
            (Purpose::Read(socket), _, Response::Dropped(count)) if count > 0 => {
                let socket = *socket;
                if let Some(open) = self.sockets.get_mut(&socket) {
                    open.lost = true;
                }
                self.give(socket);
            }
            (Purpose::Tidy | Purpose::Call(..), Request::CloseSocket { socket, .. }, _) => {
                self.closing.remove(socket);
                self.jobs.push_front(job);
            }
            _ => self.jobs.push_front(job),
        }
    }

    fn opened(&mut self, id: CallId, role: Role, local: SocketAddr, request: &Request) {
        let number = match request {
            Request::ListenAndAccept { listener, .. } => *listener,
            Request::Connect { socket, .. } => *socket,
            _ => return self.reply(id, Err(Errno::Other)),
        };
        self.keep(number, role, local);
        let socket = SocketHandle(number.into());
        self.reply(id, Ok(Value::Socket(socket)));
        if role == Role::Connection {
            self.begin_reading(number);
        }
    }

    fn keep(&mut self, number: u16, role: Role, local: SocketAddr) {
        self.sockets.insert(
            number,
            Open {
                role,
                accepted: VecDeque::new(),
                accepting: VecDeque::new(),
                local,
                received: VecDeque::new(),
                receiving: VecDeque::new(),
                reading: false,
                ended: false,
                lost: false,
            },
        );
    }

    fn begin_reading(&mut self, socket: u16) {
        if self.reading == Reading::Early {
            if let Some(open) = self.sockets.get_mut(&socket) {
                open.reading = true;
            }
            self.read(socket, FOR_EVER.into());
        }
    }

    /// A request of a job failed.
    fn failed_at(&mut self, request: &Request, job: Job, errno: Errno) {
        match request {
            Request::CloseSocket { socket, .. } => drop(self.closing.remove(socket)),
            // What cannot be opened leaves its socket behind.
            Request::ConfigureSocket { socket, .. }
            | Request::Connect { socket, .. }
            | Request::ListenAndAccept {
                listener: socket, ..
            } if matches!(job.purpose, Purpose::Open(..)) => {
                let (socket, abort) = (*socket, true);
                self.queue(Purpose::Tidy, [Request::CloseSocket { socket, abort }]);
            }
            _ => {}
        }
        self.failed(job, errno);
    }

    fn failed(&mut self, job: Job, errno: Errno) {
        match job.purpose {
            Purpose::Call(id, _) | Purpose::Open(id, ..) => self.reply(id, Err(errno)),
            Purpose::Read(socket) => {
                let Some(open) = self.sockets.get_mut(&socket) else {
                    return;
                };
                open.reading = false;
                for (id, _) in std::mem::take(&mut open.receiving) {
                    self.reply(id, Err(errno));
                }
            }
            Purpose::Tidy => {}
        }
    }

    fn event(&mut self, event: Event, request: u32) {
        match event {
            Event::Accepted {
                listener,
                socket,
                port,
                address,
            } => {
                let Some(open) = self.sockets.get_mut(&listener) else {
                    // It came while the listener was being closed.
                    let abort = true;
                    return self.queue(Purpose::Tidy, [Request::CloseSocket { socket, abort }]);
                };
                open.accepted
                    .push_back((socket, SocketAddr::new(address, port)));
                let local = open.local;
                self.keep(socket, Role::Connection, local);
                self.hand_over(listener);
                self.begin_reading(socket);
            }
            Event::Forwarded { full, data } => {
                let Some(socket) = self.reader(request) else {
                    return;
                };
                if let Some(open) = self.sockets.get_mut(&socket) {
                    open.lost |= usize::from(full) != data.len();
                    open.ended |= full == 0;
                    open.received.extend(data);
                    let handle = SocketHandle(socket.into());
                    self.events.push_back(match full {
                        0 => AppEvent::Eof(handle),
                        _ => AppEvent::Readable(handle),
                    });
                }
                self.give(socket);
            }
        }
    }

    /// Whose data an event carries: the protocol does not say. Ours writes it where SOME/IP has its
    /// request id; otherwise there must be one connection only.
    fn reader(&self, request: u32) -> Option<u16> {
        let named = u16::try_from(request).ok();
        let mut connections = self
            .sockets
            .iter()
            .filter(|(_, open)| open.role == Role::Connection)
            .map(|(number, _)| *number);
        match named.filter(|number| self.sockets.contains_key(number)) {
            Some(number) => Some(number),
            None => connections.next().filter(|_| connections.next().is_none()),
        }
    }
}

/// The socket of a request that was made before it had a number.
fn number_step(step: &mut Request, number: u16) {
    match step {
        Request::ConfigureSocket { socket, .. } | Request::Connect { socket, .. } => {
            *socket = number;
        }
        Request::ListenAndAccept { listener, .. } => *listener = number,
        _ => {}
    }
}

/// CONFIGURE_SOCKET for a setting.
fn configure(socket: u16, setting: Setting, value: i64) -> Result<Request, Errno> {
    let octet = |value: i64| u8::try_from(value).map_err(|_| Errno::Invalid);
    let (parameter, value) = match setting {
        Setting::NoDelay => (parameter::NAGLE, vec![u8::from(value == 0)]),
        Setting::Ttl => (parameter::TTL, vec![octet(value)?]),
        // The field has ECN in its two lowest bits.
        Setting::Dscp => (parameter::PRIORITY, vec![octet(value.saturating_mul(4))?]),
        Setting::Mss => {
            let value = u16::try_from(value).map_err(|_| Errno::Unsupported)?;
            if !(500..=1_460).contains(&value) {
                return Err(Errno::Unsupported);
            }
            (parameter::MSS, value.to_be_bytes().to_vec())
        }
        _ => return Err(Errno::Unsupported),
    };
    Ok(Request::ConfigureSocket {
        socket,
        parameter,
        value,
    })
}
