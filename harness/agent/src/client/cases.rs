//! One agent, many cases at once: whose socket is whose, and what must go when a case ends.

use super::{Client, ClientError};
use crate::text::Request;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, FourTuple, SocketHandle, Status, Value};

/// Calls of our own are numbered from here, far from those of cases.
const OWN: u64 = 1 << 62;

/// A [`Client`] shared by cases, each with a key of its own.
pub struct Cases {
    client: Client,
    sockets: BTreeMap<SocketHandle, u64>,
    calls: BTreeMap<CallId, Call>,
    events: VecDeque<(u64, AppEvent)>,
    next: u64,
}

/// A call that was not answered yet.
struct Call {
    /// Its case; `None` when that has ended.
    key: Option<u64>,
    /// The socket that is gone when it succeeds.
    ends: Option<SocketHandle>,
    /// Whether the socket of its reply is known already, by [`AppEvent::Accepted`].
    accepts: bool,
}

impl Cases {
    /// Without a case yet.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            sockets: BTreeMap::new(),
            calls: BTreeMap::new(),
            events: VecDeque::new(),
            next: OWN,
        }
    }

    /// The conversation beneath.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Makes a call for a case; the reply comes by [`Cases::poll`]. Does not block.
    /// [`AppCall::ResetAll`] ends the case: its sockets go, and nobody hears of it any more.
    pub fn call(&mut self, key: u64, id: CallId, call: AppCall) {
        let ends = match call {
            AppCall::ResetAll => return self.reset(key),
            AppCall::Release(socket) | AppCall::Abort(socket) => Some(socket),
            _ => None,
        };
        let waits = Call {
            key: Some(key),
            ends,
            accepts: matches!(call, AppCall::Accept(_)),
        };
        self.calls.insert(id, waits);
        self.client.call(id, call);
    }

    /// Sends what could not be sent yet, as far as the stream takes it ([`Client::wants_to_write`]).
    pub fn flush(&mut self) {
        // That the agent is gone shows in every call.
        self.client.turn().unwrap_or_default();
    }

    /// Sends what could not be sent yet, waiting for the stream to take it, for at most about this long at a
    /// time: an agent that does not read at all is left alone.
    pub fn flush_within(&mut self, patience: Duration) {
        let each = PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX);
        while self.client.wants_to_write() && !self.client.is_lost() {
            let mut fds = [PollFd::new(self.client.fd(), PollFlags::POLLOUT)];
            if !matches!(poll(&mut fds, each), Ok(1..)) {
                return;
            }
            self.flush();
        }
    }

    /// The next event, and whose it is. Looks at the stream first; does not block.
    pub fn poll(&mut self) -> Option<(u64, AppEvent)> {
        if self.events.is_empty() {
            // That the agent is gone shows in every call.
            self.client.turn().unwrap_or_default();
            while let Some(event) = self.client.next_event() {
                self.sort(event);
            }
        }
        self.events.pop_front()
    }

    /// What the agent says of a connection, its own or not; `None` when it cannot tell.
    ///
    /// # Errors
    /// [`ClientError`], not for a refusal.
    pub fn status(
        &mut self,
        connection: FourTuple,
        patience: Duration,
    ) -> Result<Option<Status>, ClientError> {
        if !self.client.hello().connection {
            return Ok(None);
        }
        match self.client.ask(&Request::Connection(connection), patience) {
            Ok(Value::Status(status)) => Ok(Some(status)),
            Ok(_) | Err(ClientError::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks something that belongs to no case: a plain service, say.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn ask(&mut self, request: &Request, patience: Duration) -> Result<Value, ClientError> {
        self.client.ask(request, patience)
    }

    /// How many sockets cases hold.
    pub fn held(&self) -> usize {
        self.sockets.len()
    }

    fn reset(&mut self, key: u64) {
        for call in self.calls.values_mut() {
            call.key.take_if(|owner| *owner == key);
        }
        self.events.retain(|(owner, _)| *owner != key);
        let all = self.sockets.iter();
        let gone: Vec<_> = all
            .filter(|(_, owner)| **owner == key)
            .map(|(s, _)| *s)
            .collect();
        // In the order of their making: listeners before what they accepted.
        for socket in gone {
            self.abort(socket);
        }
    }

    fn abort(&mut self, socket: SocketHandle) {
        self.sockets.remove(&socket);
        let id = CallId(self.next);
        self.next += 1;
        let waits = Call {
            key: None,
            ends: None,
            accepts: false,
        };
        self.calls.insert(id, waits);
        self.client.call(id, AppCall::Abort(socket));
    }

    /// Finds out whose an event is. What belongs to nobody any more is cleaned up.
    fn sort(&mut self, event: AppEvent) {
        let key = match &event {
            AppEvent::Reply { id, result } => {
                let Some(call) = self.calls.remove(id) else {
                    return;
                };
                self.answered(&call, result);
                call.key
            }
            AppEvent::Accepted {
                listener, socket, ..
            } => {
                let key = self.sockets.get(listener).copied();
                match key {
                    Some(key) => {
                        self.sockets.insert(*socket, key);
                    }
                    None => self.abort(*socket),
                }
                key
            }
            AppEvent::Connected(socket)
            | AppEvent::Readable(socket)
            | AppEvent::Eof(socket)
            | AppEvent::Error(socket, _)
            | AppEvent::Oob(socket)
            | AppEvent::SoftError(socket, _) => self.sockets.get(socket).copied(),
        };
        self.events.extend(key.map(|key| (key, event)));
    }

    fn answered(&mut self, call: &Call, result: &Result<Value, Errno>) {
        match (result, call.key) {
            (Ok(Value::Socket(_)), _) if call.accepts => {}
            (Ok(Value::Socket(socket)), Some(key)) => {
                self.sockets.insert(*socket, key);
            }
            (Ok(Value::Socket(socket)), None) => self.abort(*socket),
            (Ok(_), _) => {
                if let Some(socket) = call.ends {
                    self.sockets.remove(&socket);
                }
            }
            (Err(_), _) => {}
        }
    }
}
