//! The application interface: calls of a case, answered when their effect is there.

use super::{Event, Received, Sockets};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, SocketHandle, Value};
use tcpconf_wire::Instant;

/// Sockets of the case's application, and calls that wait.
pub(super) struct Application<S: Sockets> {
    sockets: BTreeMap<S::Id, Socket>,
    handles: BTreeMap<SocketHandle, S::Id>,
    /// The listener that stood there when the case began: its connections are handed over at once.
    given: Option<(S::Id, u16)>,
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

impl<S: Sockets> Default for Application<S> {
    fn default() -> Self {
        Self {
            sockets: BTreeMap::new(),
            handles: BTreeMap::new(),
            given: None,
            next_handle: 0,
            events: VecDeque::new(),
        }
    }
}

impl<S: Sockets> Application<S> {
    /// The listener behind the service's port belongs to the case.
    pub(super) fn take_listener(&mut self, listener: S::Id, port: u16) {
        self.own(listener);
        self.given = Some((listener, port));
    }

    /// Whether the socket is the case's.
    pub(super) fn owns(&self, id: S::Id) -> bool {
        self.sockets.contains_key(&id)
    }

    /// What it has to tell.
    pub(super) fn next_event(&mut self) -> Option<AppEvent> {
        self.events.pop_front()
    }

    /// Makes a call; its reply is an event.
    pub(super) fn call(&mut self, host: &mut S, now: Instant, id: CallId, call: AppCall) {
        let result = match call {
            AppCall::Listen { local, backlog } => self.listen(host, local, backlog),
            AppCall::Connect { remote } => match host.connect(now, remote) {
                Ok(socket) => {
                    self.own(socket).connecting = Some(id);
                    return;
                }
                Err(error) => Err(error),
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
                .and_then(|socket| host.close(now, socket))
                .map(|()| Some(Value::Done)),
            AppCall::Release(handle) => self.find(handle).map(|socket| {
                host.release(now, socket);
                self.forget(socket);
                Some(Value::Done)
            }),
            AppCall::Abort(handle) => self.find(handle).and_then(|socket| {
                host.abort(now, socket)?;
                self.forget(socket);
                Ok(Some(Value::Done))
            }),
            AppCall::Set(handle, name, value) => self
                .find(handle)
                .and_then(|socket| host.set(socket, &name, value))
                .map(|()| Some(Value::Done)),
            AppCall::Status(handle) => self
                .find(handle)
                .and_then(|socket| host.status(socket).ok_or(Errno::NotConnected))
                .map(|status| Some(Value::Status(status))),
        };
        match result {
            Ok(Some(value)) => self.reply(id, Ok(value)),
            Err(error) => self.reply(id, Err(error)),
            Ok(None) => {
                let waiting: Vec<S::Id> = self.sockets.keys().copied().collect();
                for socket in waiting {
                    self.progress(host, now, socket);
                }
            }
        }
    }

    /// The stack has something to tell about one of the sockets.
    pub(super) fn on_event(&mut self, host: &mut S, now: Instant, id: S::Id, event: Event) {
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
            Event::Error(error) => {
                self.fail_all(id, error);
                self.events.push_back(AppEvent::Error(handle, error));
            }
            Event::Closed => self.fail_all(id, Errno::NotConnected),
            Event::Acceptable | Event::Writable => {}
        }
        self.progress(host, now, id);
    }

    fn listen(
        &mut self,
        host: &mut S,
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
        let listener = host.listen(local, Some(backlog))?;
        Ok(Some(Value::Socket(self.own(listener).handle)))
    }

    /// Answers what can be answered now.
    fn progress(&mut self, host: &mut S, now: Instant, id: S::Id) {
        self.accept(host, id);
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        let mut replies = Vec::new();
        while let Some((call, data, taken)) = socket.sending.front_mut() {
            match host.send(now, id, &data[*taken..]) {
                Ok(count) => *taken += count,
                Err(error) => {
                    replies.push((*call, Err(error)));
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
                Err(error) => Err(error),
            };
            replies.push((*call, result));
            socket.receiving.pop_front();
        }
        for (call, result) in replies {
            self.reply(call, result);
        }
    }

    /// Takes connections: all of the given listener, of others as many as were asked for.
    fn accept(&mut self, host: &mut S, listener: S::Id) {
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
            if let Some(connection) = host.connection(connection) {
                self.events.push_back(AppEvent::Accepted {
                    listener: listener_handle,
                    socket: handle,
                    connection,
                });
            }
            if let Some(call) = call {
                self.reply(call, Ok(Value::Socket(handle)));
            }
        }
    }

    /// Calls that wait will not be answered otherwise.
    fn fail_all(&mut self, id: S::Id, error: Errno) {
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

    fn own(&mut self, id: S::Id) -> &mut Socket {
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

    fn forget(&mut self, id: S::Id) {
        self.fail_all(id, Errno::NotConnected);
        if let Some(socket) = self.sockets.remove(&id) {
            self.handles.remove(&socket.handle);
        }
    }

    fn find(&self, handle: SocketHandle) -> Result<S::Id, Errno> {
        self.handles
            .get(&handle)
            .copied()
            .ok_or(Errno::NotConnected)
    }

    /// Queues a call on a socket.
    fn with(
        &mut self,
        handle: SocketHandle,
        queue: impl FnOnce(&mut Socket, S::Id),
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
