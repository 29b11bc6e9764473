//! The application interface: calls of a case, answered when their effect is there.
//!
//! Nothing is accepted unless an `Accept` asks for it. Octets that do not fit into a send buffer wait
//! here, and a CLOSE waits behind them. SO_LINGER and `shutdown(SHUT_RD)` are played here, on top of any
//! stack; what else a stack lacks it refuses by [`Errno::Unsupported`].

use super::{Event, Received, Sockets};
use std::collections::{BTreeMap, VecDeque};
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, SocketHandle, Value};
use tcpconf_suite::vocabulary::Setting;
use tcpconf_wire::Instant;

/// Sockets of the case's application, and calls that wait.
pub(super) struct Application<S: Sockets> {
    sockets: BTreeMap<S::Id, Socket>,
    handles: BTreeMap<SocketHandle, S::Id>,
    next_handle: u64,
    events: VecDeque<AppEvent>,
}

/// A socket with the calls that wait for it.
#[derive(Debug)]
struct Socket {
    handle: SocketHandle,
    accepting: VecDeque<CallId>,
    sending: VecDeque<Sending>,
    receiving: VecDeque<(CallId, usize)>,
    /// CLOSE is asked for and waits behind `sending`.
    closing: Option<CallId>,
    read_shut: bool,
    /// SO_LINGER in milliseconds.
    linger: Option<i64>,
}

/// A SEND on its way.
#[derive(Debug)]
struct Sending {
    /// Nobody waits for what was given to an active OPEN.
    call: Option<CallId>,
    data: Vec<u8>,
    taken: usize,
    urgent: bool,
}

impl<S: Sockets> Default for Application<S> {
    fn default() -> Self {
        Self {
            sockets: BTreeMap::new(),
            handles: BTreeMap::new(),
            next_handle: 0,
            events: VecDeque::new(),
        }
    }
}

type Answer = Result<Option<Value>, Errno>;

impl<S: Sockets> Application<S> {
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
        match self.answer(host, now, id, call) {
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

    /// What a call answers at once; nothing when it was queued.
    fn answer(&mut self, host: &mut S, now: Instant, id: CallId, call: AppCall) -> Answer {
        let done = Ok(Some(Value::Done));
        match call {
            AppCall::Listen {
                local,
                backlog,
                with,
            } => {
                let (with, linger) = without_linger(with);
                let listener = host.listen(local, Some(backlog), &with)?;
                Ok(Some(self.own(listener, linger)))
            }
            AppCall::Connect {
                remote,
                local,
                with,
                data,
            } => {
                let (with, linger) = without_linger(with);
                let (socket, taken) = host.connect(now, remote, local, &with, &data)?;
                let value = self.own(socket, linger);
                if let Some(owned) = self.sockets.get_mut(&socket)
                    && taken < data.len()
                {
                    owned.sending.push_back(Sending {
                        call: None,
                        data,
                        taken,
                        urgent: false,
                    });
                }
                Ok(Some(value))
            }
            AppCall::Accept(handle) => self.queue(handle, |socket| socket.accepting.push_back(id)),
            AppCall::Send { more: true, .. } => Err(Errno::Unsupported),
            AppCall::Send {
                socket,
                data,
                urgent,
                more: false,
            } => self.queue(socket, |socket| {
                socket.sending.push_back(Sending {
                    call: Some(id),
                    data,
                    taken: 0,
                    urgent,
                });
            }),
            AppCall::Receive(handle, max) => {
                self.queue(handle, |socket| socket.receiving.push_back((id, max)))
            }
            AppCall::ReceiveUrgent(_) => Err(Errno::Unsupported),
            AppCall::Close(handle) => self.queue(handle, |socket| socket.closing = Some(id)),
            AppCall::ShutdownRead(handle) => {
                self.socket(handle)?.read_shut = true;
                let socket = self.find(handle)?;
                self.progress(host, now, socket);
                done
            }
            AppCall::Release(handle) => {
                let socket = self.find(handle)?;
                if self.socket(handle)?.linger == Some(0) {
                    host.abort(now, socket)?;
                } else {
                    host.release(now, socket);
                }
                self.forget(socket);
                done
            }
            AppCall::Abort(handle) => {
                let socket = self.find(handle)?;
                host.abort(now, socket)?;
                self.forget(socket);
                done
            }
            AppCall::Set(handle, Setting::Linger, value) => {
                self.socket(handle)?.linger = Some(value).filter(|ms| *ms >= 0);
                done
            }
            AppCall::Set(handle, setting, value) => {
                host.set(self.find(handle)?, setting, value)?;
                done
            }
            AppCall::Get(handle, setting) => {
                let value = host.get(self.find(handle)?, setting)?;
                Ok(Some(Value::Number(value)))
            }
            AppCall::Status(handle) => {
                let status = host.status(self.find(handle)?);
                Ok(Some(Value::Status(status.ok_or(Errno::NotConnected)?)))
            }
            AppCall::ResetAll => {
                let sockets: Vec<S::Id> = self.sockets.keys().copied().collect();
                for socket in sockets {
                    // One that is closed already has nothing to abort.
                    if host.abort(now, socket).is_err() {
                        host.release(now, socket);
                    }
                    self.forget(socket);
                }
                done
            }
        }
    }

    /// The stack has something to tell about one of the sockets.
    pub(super) fn on_event(&mut self, host: &mut S, now: Instant, id: S::Id, event: Event) {
        let Some(socket) = self.sockets.get(&id) else {
            return;
        };
        let handle = socket.handle;
        match event {
            Event::Connected => self.events.push_back(AppEvent::Connected(handle)),
            Event::Readable => self.events.push_back(AppEvent::Readable(handle)),
            Event::Eof => self.events.push_back(AppEvent::Eof(handle)),
            Event::Urgent => self.events.push_back(AppEvent::Oob(handle)),
            Event::SoftError(error) => self.events.push_back(AppEvent::SoftError(handle, error)),
            Event::Error(error) => {
                self.fail_all(id, error);
                self.events.push_back(AppEvent::Error(handle, error));
            }
            Event::Closed => self.fail_all(id, Errno::NotConnected),
            Event::Acceptable | Event::Writable => {}
        }
        self.progress(host, now, id);
    }

    /// Answers what can be answered now.
    fn progress(&mut self, host: &mut S, now: Instant, id: S::Id) {
        self.accept(host, id);
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        let mut replies = Vec::new();
        while let Some(sending) = socket.sending.front_mut() {
            match host.send(now, id, &sending.data[sending.taken..], sending.urgent) {
                Ok(count) => sending.taken += count,
                Err(error) => {
                    replies.push((sending.call, Err(error)));
                    socket.sending.pop_front();
                    continue;
                }
            }
            if sending.taken < sending.data.len() {
                break;
            }
            replies.push((sending.call, Ok(Value::Count(sending.taken))));
            socket.sending.pop_front();
        }
        if socket.sending.is_empty()
            && let Some(call) = socket.closing.take()
        {
            replies.push((Some(call), host.close(now, id).map(|()| Value::Done)));
        }
        while let Some((call, max)) = socket.receiving.front() {
            let result = match host.receive(now, id, *max) {
                Ok(Received::Nothing) if socket.read_shut => Ok(Value::Bytes(Vec::new())),
                Ok(Received::Nothing) => break,
                Ok(Received::Data(data)) => Ok(Value::Bytes(data)),
                Ok(Received::Eof) => Ok(Value::Bytes(Vec::new())),
                Err(error) => Err(error),
            };
            replies.push((Some(*call), result));
            socket.receiving.pop_front();
        }
        for (call, result) in replies {
            if let Some(call) = call {
                self.reply(call, result);
            }
        }
    }

    /// Takes as many connections as were asked for.
    fn accept(&mut self, host: &mut S, listener: S::Id) {
        while let Some(socket) = self.sockets.get_mut(&listener)
            && !socket.accepting.is_empty()
            && let Some(accepted) = host.accept(listener)
        {
            let (call, listener) = (socket.accepting.pop_front(), socket.handle);
            let value = self.own(accepted, None);
            if let (Value::Socket(socket), Some(connection)) = (&value, host.connection(accepted)) {
                self.events.push_back(AppEvent::Accepted {
                    listener,
                    socket: *socket,
                    connection,
                });
            }
            if let Some(call) = call {
                self.reply(call, Ok(value));
            }
        }
    }

    /// Calls that wait will not be answered otherwise.
    fn fail_all(&mut self, id: S::Id, error: Errno) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        let calls: Vec<CallId> = socket
            .accepting
            .drain(..)
            .chain(socket.sending.drain(..).filter_map(|sending| sending.call))
            .chain(socket.receiving.drain(..).map(|(call, _)| call))
            .chain(socket.closing.take())
            .collect();
        for call in calls {
            self.reply(call, Err(error));
        }
    }

    fn own(&mut self, id: S::Id, linger: Option<i64>) -> Value {
        self.next_handle += 1;
        let handle = SocketHandle(self.next_handle);
        self.handles.insert(handle, id);
        self.sockets.insert(
            id,
            Socket {
                handle,
                accepting: VecDeque::new(),
                sending: VecDeque::new(),
                receiving: VecDeque::new(),
                closing: None,
                read_shut: false,
                linger,
            },
        );
        Value::Socket(handle)
    }

    fn forget(&mut self, id: S::Id) {
        self.fail_all(id, Errno::NotConnected);
        if let Some(socket) = self.sockets.remove(&id) {
            self.handles.remove(&socket.handle);
        }
    }

    fn find(&self, handle: SocketHandle) -> Result<S::Id, Errno> {
        self.handles.get(&handle).copied().ok_or(Errno::BadSocket)
    }

    fn socket(&mut self, handle: SocketHandle) -> Result<&mut Socket, Errno> {
        let id = self.find(handle)?;
        self.sockets.get_mut(&id).ok_or(Errno::BadSocket)
    }

    /// Queues a call on a socket.
    fn queue(&mut self, handle: SocketHandle, queue: impl FnOnce(&mut Socket)) -> Answer {
        queue(self.socket(handle)?);
        Ok(None)
    }

    fn reply(&mut self, id: CallId, result: Result<Value, Errno>) {
        self.events.push_back(AppEvent::Reply { id, result });
    }
}

/// SO_LINGER is not the stack's.
fn without_linger(mut with: Vec<(Setting, i64)>) -> (Vec<(Setting, i64)>, Option<i64>) {
    let linger = with.iter().rev().find(|(s, _)| *s == Setting::Linger);
    let linger = linger.map(|(_, ms)| *ms).filter(|ms| *ms >= 0);
    with.retain(|(setting, _)| *setting != Setting::Linger);
    (with, linger)
}
