//! The application interface of the own stack: calls of a case, answered when their effect is there.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, FourTuple, SocketHandle, Value};
use tcpconf_stack::{
    CallError, ErrorKind, Event, Host, KeepAlive, ListenOptions, Received, SocketId, SocketOptions,
};
use tcpconf_wire::Instant;

/// Sockets of the case's application, and calls that wait.
#[derive(Debug, Default)]
pub(super) struct Application {
    sockets: BTreeMap<SocketId, Socket>,
    handles: BTreeMap<SocketHandle, SocketId>,
    /// The listener that stood there when the case began: its connections are handed over at once.
    given: Option<(SocketId, u16)>,
    next_handle: u64,
    events: VecDeque<AppEvent>,
}

/// A socket with the calls that wait for it.
#[derive(Debug)]
struct Socket {
    handle: SocketHandle,
    connecting: Option<CallId>,
    accepting: VecDeque<CallId>,
    /// What is still to be taken, and how much was.
    sending: VecDeque<(CallId, Vec<u8>, usize)>,
    receiving: VecDeque<(CallId, usize)>,
}

impl Application {
    /// The listener behind the service's port belongs to the case.
    pub(super) fn take_listener(&mut self, listener: SocketId, port: u16) {
        self.own(listener);
        self.given = Some((listener, port));
    }

    /// Whether the socket is the case's.
    pub(super) fn owns(&self, id: SocketId) -> bool {
        self.sockets.contains_key(&id)
    }

    /// What it has to tell.
    pub(super) fn next_event(&mut self) -> Option<AppEvent> {
        self.events.pop_front()
    }

    /// Makes a call; its reply is an event.
    pub(super) fn call(&mut self, host: &mut Host, now: Instant, id: CallId, call: AppCall) {
        let result = match call {
            AppCall::Listen { local, backlog } => self.listen(host, local, backlog),
            AppCall::Connect { remote } => match host.connect(now, None, remote, None) {
                Ok(socket) => {
                    self.own(socket).connecting = Some(id);
                    return;
                }
                Err(error) => Err(errno(&error)),
            },
            AppCall::Accept(handle) => {
                self.with(handle, |socket, _| socket.accepting.push_back(id))
            }
            AppCall::Send(handle, data) => {
                self.with(handle, |socket, _| socket.sending.push_back((id, data, 0)))
            }
            AppCall::Receive(handle, max) => {
                self.with(handle, |socket, _| socket.receiving.push_back((id, max)))
            }
            AppCall::Close(handle) => self
                .find(handle)
                .and_then(|socket| host.close(now, socket).map_err(|e| errno(&e)))
                .map(|()| Some(Value::Done)),
            AppCall::Release(handle) => self.find(handle).map(|socket| {
                host.release(now, socket);
                self.forget(socket);
                Some(Value::Done)
            }),
            AppCall::Abort(handle) => self.find(handle).and_then(|socket| {
                host.abort(now, socket).map_err(|e| errno(&e))?;
                self.forget(socket);
                Ok(Some(Value::Done))
            }),
            AppCall::Set(handle, name, value) => self
                .find(handle)
                .and_then(|socket| set(host, socket, &name, value))
                .map(|()| Some(Value::Done)),
            AppCall::Status(handle) => self
                .find(handle)
                .and_then(|socket| host.status(socket).ok_or(Errno::NotConnected))
                .map(|status| Some(Value::Status(super::status(&status)))),
        };
        match result {
            Ok(Some(value)) => self.reply(id, Ok(value)),
            Err(error) => self.reply(id, Err(error)),
            Ok(None) => {
                let waiting: Vec<SocketId> = self.sockets.keys().copied().collect();
                for socket in waiting {
                    self.progress(host, now, socket);
                }
            }
        }
    }

    /// The stack has something to tell about one of the sockets.
    pub(super) fn on_event(&mut self, host: &mut Host, now: Instant, id: SocketId, event: Event) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        let handle = socket.handle;
        match event {
            Event::Connected => {
                if let Some(call) = socket.connecting.take() {
                    self.reply(call, Ok(Value::Socket(handle)));
                }
            }
            Event::Readable => self.events.push_back(AppEvent::Readable(handle)),
            Event::Eof => self.events.push_back(AppEvent::Eof(handle)),
            Event::Urgent => self.events.push_back(AppEvent::Oob(handle)),
            Event::Error(kind) => {
                let error = errno_of(kind);
                self.fail_all(id, error);
                self.events.push_back(AppEvent::Error(handle, error));
            }
            Event::Closed => self.fail_all(id, Errno::NotConnected),
            Event::Acceptable | Event::Writable | Event::Soft(_) => {}
        }
        self.progress(host, now, id);
    }

    fn listen(
        &mut self,
        host: &mut Host,
        local: SocketAddr,
        backlog: u32,
    ) -> Result<Option<Value>, Errno> {
        if let Some((listener, port)) = self.given
            && port == local.port()
        {
            return Ok(self
                .sockets
                .get(&listener)
                .map(|socket| Value::Socket(socket.handle)));
        }
        let address = Some(local.ip()).filter(|ip| !ip.is_unspecified());
        let options = ListenOptions {
            backlog: backlog as usize,
            ..ListenOptions::default()
        };
        let listener = host
            .listen(address, local.port(), options)
            .map_err(|error| errno(&error))?;
        Ok(Some(Value::Socket(self.own(listener).handle)))
    }

    /// Answers what can be answered now.
    fn progress(&mut self, host: &mut Host, now: Instant, id: SocketId) {
        self.accept(host, id);
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        let mut replies = Vec::new();
        while let Some((call, data, taken)) = socket.sending.front_mut() {
            match host.send(now, id, &data[*taken..]) {
                Ok(count) => *taken += count,
                Err(error) => {
                    replies.push((*call, Err(errno(&error))));
                    socket.sending.pop_front();
                    continue;
                }
            }
            if *taken < data.len() {
                break;
            }
            replies.push((*call, Ok(Value::Count(*taken))));
            socket.sending.pop_front();
        }
        while let Some((call, max)) = socket.receiving.front() {
            let result = match host.receive(now, id, *max) {
                Ok(Received::Nothing) => break,
                Ok(Received::Data(data)) => Ok(Value::Bytes(data)),
                Ok(Received::Eof) => Ok(Value::Bytes(Vec::new())),
                Err(error) => Err(errno(&error)),
            };
            replies.push((*call, result));
            socket.receiving.pop_front();
        }
        for (call, result) in replies {
            self.reply(call, result);
        }
    }

    /// Takes connections: all of the given listener, of others as many as were asked for.
    fn accept(&mut self, host: &mut Host, listener: SocketId) {
        let given = self.given.is_some_and(|(id, _)| id == listener);
        while let Some(socket) = self.sockets.get_mut(&listener) {
            if socket.accepting.is_empty() && !given {
                return;
            }
            let Some(connection) = host.accept(listener) else {
                return;
            };
            let (call, listener_handle) = (socket.accepting.pop_front(), socket.handle);
            let handle = self.own(connection).handle;
            if let Some(status) = host.status(connection) {
                self.events.push_back(AppEvent::Accepted {
                    listener: listener_handle,
                    socket: handle,
                    connection: FourTuple {
                        local: status.tuple.local,
                        remote: status.tuple.remote,
                    },
                });
            }
            if let Some(call) = call {
                self.reply(call, Ok(Value::Socket(handle)));
            }
        }
    }

    /// Calls that wait will not be answered otherwise.
    fn fail_all(&mut self, id: SocketId, error: Errno) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        let calls: Vec<CallId> = socket
            .connecting
            .take()
            .into_iter()
            .chain(socket.accepting.drain(..))
            .chain(socket.sending.drain(..).map(|(call, ..)| call))
            .chain(socket.receiving.drain(..).map(|(call, _)| call))
            .collect();
        for call in calls {
            self.reply(call, Err(error));
        }
    }

    fn own(&mut self, id: SocketId) -> &mut Socket {
        self.next_handle += 1;
        let handle = SocketHandle(self.next_handle);
        self.handles.insert(handle, id);
        self.sockets.entry(id).or_insert(Socket {
            handle,
            connecting: None,
            accepting: VecDeque::new(),
            sending: VecDeque::new(),
            receiving: VecDeque::new(),
        })
    }

    fn forget(&mut self, id: SocketId) {
        self.fail_all(id, Errno::NotConnected);
        if let Some(socket) = self.sockets.remove(&id) {
            self.handles.remove(&socket.handle);
        }
    }

    fn find(&self, handle: SocketHandle) -> Result<SocketId, Errno> {
        self.handles
            .get(&handle)
            .copied()
            .ok_or(Errno::NotConnected)
    }

    /// Queues a call on a socket.
    fn with(
        &mut self,
        handle: SocketHandle,
        queue: impl FnOnce(&mut Socket, SocketId),
    ) -> Result<Option<Value>, Errno> {
        let id = self.find(handle)?;
        let socket = self.sockets.get_mut(&id).ok_or(Errno::NotConnected)?;
        queue(socket, id);
        Ok(None)
    }

    fn reply(&mut self, id: CallId, result: Result<Value, Errno>) {
        self.events.push_back(AppEvent::Reply { id, result });
    }
}

/// Socket options by their names in suites.
fn set(host: &mut Host, id: SocketId, name: &str, value: i64) -> Result<(), Errno> {
    let mut options: SocketOptions = host.options(id).ok_or(Errno::NotConnected)?;
    let seconds = || u64::try_from(value).map(Duration::from_secs);
    match name {
        "nodelay" => options.nagle = value == 0,
        "keepalive" => options.keep_alive = (value != 0).then(KeepAlive::default),
        "keepalive-idle" => {
            let keep_alive = options.keep_alive.get_or_insert_default();
            keep_alive.idle = seconds().map_err(|_| Errno::Invalid)?;
        }
        "keepalive-interval" => {
            let keep_alive = options.keep_alive.get_or_insert_default();
            keep_alive.interval = seconds().map_err(|_| Errno::Invalid)?;
        }
        "keepalive-probes" => {
            let keep_alive = options.keep_alive.get_or_insert_default();
            keep_alive.probes = u32::try_from(value).map_err(|_| Errno::Invalid)?;
        }
        "user-timeout" => {
            let timeout = seconds().map_err(|_| Errno::Invalid)?;
            options.user_timeout = (value != 0).then_some(timeout);
        }
        "ttl" => options.ttl = u8::try_from(value).map_err(|_| Errno::Invalid)?,
        "dscp" => options.dscp = u8::try_from(value).map_err(|_| Errno::Invalid)?,
        _ => return Err(Errno::Unsupported),
    }
    host.set_options(id, options).map_err(|error| errno(&error))
}

/// A refused call in the words of sockets.
const fn errno(error: &CallError) -> Errno {
    match error {
        CallError::NoSuchConnection => Errno::NotConnected,
        CallError::AlreadyExists => Errno::AddressInUse,
        CallError::Closing => Errno::BrokenPipe,
        CallError::InsufficientResources => Errno::NoBuffers,
        CallError::RemoteUnspecified | CallError::InvalidRemote | CallError::InvalidLocal => {
            Errno::Invalid
        }
        CallError::Ended(kind) => errno_of(*kind),
    }
}

/// A connection's end in the words of sockets.
const fn errno_of(kind: ErrorKind) -> Errno {
    match kind {
        ErrorKind::Reset => Errno::ConnectionReset,
        ErrorKind::Refused => Errno::ConnectionRefused,
        ErrorKind::TimedOut => Errno::TimedOut,
        ErrorKind::Unreachable => Errno::HostUnreachable,
        ErrorKind::Aborted => Errno::ConnectionAborted,
    }
}
