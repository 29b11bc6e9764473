//! The sockets of the application: requests in, messages out.

use super::policy::{Policy, PortRange};
use super::progress;
use super::services::Services;
use super::socket::{Entry, Role, Sending, errno, local_address};
use super::status::{self, StatusSource};
use super::{settings, socket};
use crate::service::Service;
use crate::text::{Answer, Hello, MAX_LINE, Message, Refusal, Request};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::os::fd::AsFd;
use tcpconf_engine::{AppCall, AppEvent, Errno, FourTuple, SocketHandle, Status, Value};
use tcpconf_suite::vocabulary::Setting;

/// Sockets and services, connections of services included, that there may be at once.
pub const MAX_SOCKETS: usize = 4_096;
/// Calls that may wait for one socket.
pub const MAX_CALLS: usize = 16;
/// Octets that one RECEIVE gives, so that its reply fits into a line.
pub const MAX_RECEIVE: usize = 16 * 1_024;
/// Octets that calls of SEND may leave waiting, all sockets together.
pub const MAX_WAITING: usize = 16 << 20;
/// Ready sockets that are looked at in one turn.
const EVENTS: usize = 16;

pub(super) type Outcome = Result<Option<Value>, Refusal>;

/// The application of this host, driven by requests.
pub struct Application {
    epoll: Epoll,
    sockets: BTreeMap<u64, Entry>,
    services: Services,
    policy: Policy,
    source: Option<Box<dyn StatusSource>>,
    next: u64,
    out: VecDeque<Message>,
}

/// What this agent says of itself.
pub fn hello(connection: bool) -> Hello {
    Hello {
        line: MAX_LINE,
        capabilities: settings::capabilities(),
        connection,
        services: Service::ALL.to_vec(),
        ..Hello::new(concat!("tcpconf/", env!("CARGO_PKG_VERSION")))
    }
}

impl Application {
    /// Without a socket yet.
    ///
    /// # Errors
    /// What the system said to an epoll.
    pub fn new(policy: Policy) -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            sockets: BTreeMap::new(),
            services: Services::default(),
            policy,
            source: None,
            next: 1,
            out: VecDeque::new(),
        })
    }

    /// Asks `source` of connections that have no socket here.
    #[must_use]
    pub fn with_status_source(mut self, source: Box<dyn StatusSource>) -> Self {
        self.source = Some(source);
        self
    }

    /// Readable when [`Application::turn`] has something to do.
    pub fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.epoll.0.as_fd()
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
        let mut events = [EpollEvent::empty(); EVENTS];
        let count = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
            Err(nix::errno::Errno::EINTR) => 0,
            other => other?,
        };
        for event in &events[..count] {
            let token = event.data();
            let flags = event.events();
            if Services::owns(token) {
                let room = MAX_SOCKETS.saturating_sub(self.held());
                self.services.ready(&self.epoll, token, flags, room);
            } else if let Some(entry) = self.sockets.get_mut(&token) {
                progress::ready(entry, SocketHandle(token), flags, &mut self.out);
                self.accept_waiting(token);
            }
        }
        Ok(())
    }

    /// Does what is asked; the reply is a message, now or when there is one.
    pub fn request(&mut self, id: u64, request: Request) {
        let result = match request {
            Request::Hello => {
                let hello = Hello {
                    ports: self.policy.ports.as_ref().map(PortRange::ends),
                    ..hello(self.source.is_some())
                };
                let result = Ok(Answer::Hello(hello));
                self.out.push_back(Message::Reply { id, result });
                return;
            }
            Request::Connection(connection) => self
                .connection(connection)
                .map(|it| Some(Value::Status(it))),
            Request::Service {
                service,
                local,
                backlog,
            } => self.service(service, local, backlog),
            Request::Call(call) => self.call(id, call),
        };
        match result {
            Ok(None) => {}
            Ok(Some(value)) => self.out.push_back(Message::reply(id, Ok(value))),
            Err(refusal) => self.out.push_back(Message::Reply {
                id,
                result: Err(refusal),
            }),
        }
    }

    /// Says something besides, in its place among the rest.
    pub(super) fn tell(&mut self, message: Message) {
        self.out.push_back(message);
    }

    /// Closes everything without a trace, services included: the controller has gone.
    pub fn clear(&mut self) {
        self.reset();
        self.services.clear();
        self.out.clear();
    }

    /// Sockets, services and their connections.
    pub fn held(&self) -> usize {
        self.sockets.len() + self.services.held()
    }

    fn call(&mut self, id: u64, call: AppCall) -> Outcome {
        match call {
            AppCall::Listen {
                local,
                backlog,
                with,
            } => self.listen(local, backlog, &with),
            AppCall::Connect {
                remote,
                local,
                with,
                data,
            } => self.connect(remote, local, &with, data),
            AppCall::Accept(handle) => {
                let entry = with_room(&mut self.sockets, handle)?;
                if entry.role != Role::Listener {
                    return Err(Errno::Invalid.into());
                }
                entry.accepting.push_back(id);
                self.accept_waiting(handle.0);
                Ok(None)
            }
            AppCall::Send {
                socket,
                data,
                urgent,
                more,
            } => self.send(id, socket, data, urgent, more),
            AppCall::Receive(handle, max) => {
                let entry = with_room(&mut self.sockets, handle)?;
                entry.receiving.push_back((id, max.min(MAX_RECEIVE)));
                progress::receive(entry, &mut self.out);
                Ok(None)
            }
            AppCall::ReceiveUrgent(handle) => {
                let entry = find(&mut self.sockets, handle)?;
                Ok(Some(progress::receive_urgent(entry)?))
            }
            AppCall::Close(handle) => self.close(handle),
            AppCall::ShutdownRead(handle) => {
                let entry = find(&mut self.sockets, handle)?;
                entry
                    .socket
                    .shutdown(Shutdown::Read)
                    .map_err(|e| refused(&e))?;
                if entry.role == Role::Open {
                    entry.role = Role::Deaf;
                }
                progress::receive(entry, &mut self.out);
                Ok(Some(Value::Done))
            }
            AppCall::Release(handle) => {
                self.take(handle)?.release();
                Ok(Some(Value::Done))
            }
            AppCall::Abort(handle) => {
                self.take(handle)?.abort();
                Ok(Some(Value::Done))
            }
            AppCall::Set(handle, setting, value) => {
                let entry = find(&mut self.sockets, handle)?;
                settings::set(&entry.socket, setting, value).map_err(|e| refused(&e))?;
                Ok(Some(Value::Done))
            }
            AppCall::Get(handle, setting) => {
                let entry = find(&mut self.sockets, handle)?;
                let value = settings::get(&entry.socket, setting).map_err(|e| refused(&e))?;
                Ok(Some(Value::Number(value)))
            }
            AppCall::Status(handle) => Ok(Some(Value::Status(self.status(handle)?))),
            AppCall::ResetAll => {
                self.reset();
                Ok(Some(Value::Done))
            }
        }
    }

    fn listen(&mut self, local: SocketAddr, backlog: u32, with: &[(Setting, i64)]) -> Outcome {
        let socket = self.bound(local, with)?;
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        socket.listen(backlog).map_err(|e| refused(&e))?;
        let handle = self.keep(Entry::new(socket, Role::Listener))?;
        Ok(Some(Value::Socket(handle)))
    }

    fn connect(
        &mut self,
        remote: SocketAddr,
        local: Option<SocketAddr>,
        with: &[(Setting, i64)],
        data: Vec<u8>,
    ) -> Outcome {
        if !self.policy.connect.include(remote.ip()) {
            return Err(Refusal {
                errno: Errno::Access,
                text: format!("connecting to {} is not allowed (--connect)", remote.ip()),
            });
        }
        self.has_room_for(data.len())?;
        let fast = with
            .iter()
            .find(|(setting, _)| *setting == Setting::FastOpen)
            .is_some_and(|(_, value)| *value != 0);
        let with: Vec<_> = with
            .iter()
            .copied()
            .filter(|(setting, _)| *setting != Setting::FastOpen)
            .collect();
        let any = match remote.ip() {
            IpAddr::V4(_) => SocketAddr::from(([0, 0, 0, 0], 0)),
            IpAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
        };
        let socket = match local.filter(|local| *local != any) {
            Some(local) => self.bound(local, &with)?,
            // Which port is nobody's wish: the system's choice is outside `--ports` at most.
            None => self.fresh(any, &with)?,
        };
        let mut entry = Entry::new(socket, Role::Connecting);
        let taken = progress::open(&entry.socket, &SockAddr::from(remote), &data, fast);
        let taken = taken.map_err(|e| refused(&e))?;
        if taken < data.len() {
            entry.sending.push_back(Sending {
                id: None,
                data,
                taken,
                urgent: false,
                more: false,
            });
        }
        entry.connection = local_address(&entry.socket).map(|local| FourTuple { local, remote });
        let handle = self.keep(entry)?;
        Ok(Some(Value::Socket(handle)))
    }

    fn send(
        &mut self,
        id: u64,
        handle: SocketHandle,
        data: Vec<u8>,
        urgent: bool,
        more: bool,
    ) -> Outcome {
        self.has_room_for(data.len())?;
        let entry = with_room(&mut self.sockets, handle)?;
        if entry.role == Role::Listener {
            return Err(Errno::NotConnected.into());
        }
        entry.sending.push_back(Sending {
            id: Some(id),
            data,
            taken: 0,
            urgent,
            more,
        });
        progress::send(entry, &mut self.out);
        Ok(None)
    }

    fn close(&mut self, handle: SocketHandle) -> Outcome {
        let entry = find(&mut self.sockets, handle)?;
        // A listener stops listening only when its receiving side is shut down.
        let listens = entry.role == Role::Listener;
        let how = if listens {
            Shutdown::Read
        } else {
            Shutdown::Write
        };
        entry.socket.shutdown(how).map_err(|e| refused(&e))?;
        if listens {
            let waiting = entry.take_calls();
            self.fail(waiting, Errno::ConnectionAborted);
        } else if entry.role == Role::Connecting {
            // RFC 9293 §3.10.4: in SYN-SENT the connection is gone.
            progress::gone(entry, handle, &mut self.out);
        }
        Ok(Some(Value::Done))
    }

    fn status(&mut self, handle: SocketHandle) -> Result<Status, Refusal> {
        let entry = find(&mut self.sockets, handle)?;
        let mut status = status::of(&entry.socket, entry.error);
        // What waits with us was taken from the application as far as it can tell.
        let waiting = entry.waiting() as u64;
        status.unacked = status.unacked.map(|unacked| unacked + waiting);
        let connection = entry.connection.filter(|_| entry.error.is_none());
        // In TIME-WAIT the kernel keeps the connection and not the socket.
        if status.state == status::CLOSED
            && let (Some(connection), Some(source)) = (connection, &mut self.source)
            && let Some(seen) = source.status(connection)?
        {
            status.state = seen.state;
        }
        Ok(status)
    }

    fn connection(&mut self, connection: FourTuple) -> Result<Status, Refusal> {
        let ours = self
            .sockets
            .iter()
            .find(|(_, entry)| entry.connection == Some(connection))
            .map(|(handle, _)| SocketHandle(*handle));
        if let Some(handle) = ours {
            return self.status(handle);
        }
        let Some(source) = &mut self.source else {
            return Err(Errno::Unsupported.into());
        };
        Ok(source.status(connection)?.unwrap_or_else(|| Status {
            state: status::CLOSED.to_owned(),
            ..Status::default()
        }))
    }

    fn service(&mut self, service: Service, local: SocketAddr, backlog: Option<u32>) -> Outcome {
        self.services.close(local);
        if service == Service::Closed {
            return Ok(Some(Value::Done));
        }
        let socket = self.bound(local, &[])?;
        let backlog = backlog.map_or(128, |backlog| i32::try_from(backlog).unwrap_or(i32::MAX));
        socket.listen(backlog).map_err(|e| refused(&e))?;
        let port = local_address(&socket).map_or(local.port(), |local| local.port());
        self.services
            .open(
                &self.epoll,
                service,
                SocketAddr::new(local.ip(), port),
                socket.into(),
            )
            .map_err(|e| refused(&e))?;
        Ok(Some(Value::Number(i64::from(port))))
    }

    /// A socket at an address that the policy allows.
    fn bound(&self, local: SocketAddr, with: &[(Setting, i64)]) -> Result<Socket, Refusal> {
        if !self.policy.may_use(local.port()) {
            return Err(Refusal {
                errno: Errno::Access,
                text: format!("port {} is not one of --ports", local.port()),
            });
        }
        let socket = self.fresh(local, with)?;
        let mut last = io::Error::from_raw_os_error(libc::EADDRINUSE);
        for port in self.policy.candidates(local.port()) {
            match socket.bind(&SocketAddr::new(local.ip(), port).into()) {
                Ok(()) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(refused(&last))
    }

    fn fresh(&self, like: SocketAddr, with: &[(Setting, i64)]) -> Result<Socket, Refusal> {
        if self.held() >= MAX_SOCKETS {
            return Err(too_many());
        }
        make(like, with).map_err(|e| refused(&e))
    }

    fn accept_waiting(&mut self, listener: u64) {
        loop {
            let room = self.held() < MAX_SOCKETS;
            let Some(entry) = self.sockets.get_mut(&listener) else {
                return;
            };
            if entry.role != Role::Listener || entry.accepting.is_empty() || !room {
                return;
            }
            match entry.socket.accept() {
                Ok((socket, _)) => {
                    let id = entry.accepting.pop_front();
                    self.accepted(SocketHandle(listener), id, socket);
                }
                Err(error) if socket::is_later(&error) => return,
                Err(error) => {
                    let id = entry.accepting.pop_front();
                    self.fail(id, errno(&error));
                }
            }
        }
    }

    fn accepted(&mut self, listener: SocketHandle, id: Option<u64>, socket: Socket) {
        let mut entry = Entry::new(socket, Role::Open);
        entry.note_ends();
        let connection = entry.connection;
        let kept = entry
            .socket
            .set_nonblocking(true)
            .map_err(|e| refused(&e))
            .and_then(|()| Ok((connection.ok_or(Errno::NotConnected)?, self.keep(entry)?)));
        match kept {
            Ok((connection, socket)) => {
                self.out.push_back(Message::Event(AppEvent::Accepted {
                    listener,
                    socket,
                    connection,
                }));
                self.out
                    .extend(id.map(|id| Message::reply(id, Ok(Value::Socket(socket)))));
            }
            // Reset while it waited in the queue: its end has no name any more.
            Err(refusal) => self.fail(id, refusal.errno),
        }
    }

    fn keep(&mut self, entry: Entry) -> Result<SocketHandle, Refusal> {
        let token = self.next;
        self.next += 1;
        // Edges only: what is ready stays ready without waking us again and again.
        let flags = EpollFlags::EPOLLIN
            | EpollFlags::EPOLLOUT
            | EpollFlags::EPOLLPRI
            | EpollFlags::EPOLLRDHUP
            | EpollFlags::EPOLLET;
        self.epoll
            .add(&entry.socket, EpollEvent::new(flags, token))
            .map_err(|e| refused(&e.into()))?;
        self.sockets.insert(token, entry);
        Ok(SocketHandle(token))
    }

    /// Takes the socket away; calls that wait for it are answered.
    fn take(&mut self, handle: SocketHandle) -> Result<Entry, Refusal> {
        let mut entry = self.sockets.remove(&handle.0).ok_or(Errno::BadSocket)?;
        let waiting = entry.take_calls();
        self.fail(waiting, Errno::ConnectionAborted);
        Ok(entry)
    }

    fn reset(&mut self) {
        // Listeners first, so that nothing is accepted meanwhile.
        let mut handles: Vec<_> = self
            .sockets
            .keys()
            .map(|handle| SocketHandle(*handle))
            .collect();
        handles.sort_by_key(|handle| self.sockets[&handle.0].role != Role::Listener);
        for handle in handles {
            if let Ok(entry) = self.take(handle) {
                entry.abort();
            }
        }
    }

    fn fail(&mut self, calls: impl IntoIterator<Item = u64>, errno: Errno) {
        self.out
            .extend(calls.into_iter().map(|id| Message::reply(id, Err(errno))));
    }

    fn has_room_for(&self, octets: usize) -> Result<(), Refusal> {
        let waiting: usize = self.sockets.values().map(Entry::waiting).sum();
        if waiting + octets > MAX_WAITING {
            return Err(Refusal {
                errno: Errno::NoBuffers,
                text: format!("{waiting} octets wait to be sent"),
            });
        }
        Ok(())
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.clear();
    }
}

fn find(sockets: &mut BTreeMap<u64, Entry>, handle: SocketHandle) -> Result<&mut Entry, Refusal> {
    sockets
        .get_mut(&handle.0)
        .ok_or_else(|| Errno::BadSocket.into())
}

fn with_room(
    sockets: &mut BTreeMap<u64, Entry>,
    handle: SocketHandle,
) -> Result<&mut Entry, Refusal> {
    let entry = find(sockets, handle)?;
    if entry.calls() >= MAX_CALLS {
        return Err(Refusal {
            errno: Errno::NoBuffers,
            text: format!("{MAX_CALLS} calls wait for the socket"),
        });
    }
    Ok(entry)
}

fn refused(error: &io::Error) -> Refusal {
    let errno = errno(error);
    // Names say enough; what has none says what the system said.
    let text = match errno {
        Errno::Other => error.to_string(),
        _ => String::new(),
    };
    Refusal { errno, text }
}

fn too_many() -> Refusal {
    Refusal {
        errno: Errno::NoBuffers,
        text: format!("there are {MAX_SOCKETS} sockets"),
    }
}

fn make(like: SocketAddr, with: &[(Setting, i64)]) -> io::Result<Socket> {
    let domain = Domain::for_address(like);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if domain == Domain::IPV6 {
        socket.set_only_v6(true)?;
    }
    // What the last case left in TIME-WAIT must not keep this one from its port.
    socket.set_reuse_address(true)?;
    for (setting, value) in with {
        settings::set(&socket, *setting, *value)?;
    }
    Ok(socket)
}
