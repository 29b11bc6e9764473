//! The target's application: its sockets, its calls and what it is told.
//!
//! A case whose needs say `driven` listens on the service's port before its first step, unless steps do
//! that themselves, and always has an ACCEPT outstanding. Which socket a connection has follows from the
//! four-tuple that comes with it; an active OPEN has its own from the beginning.

use super::{Case, Stage};
use crate::{Action, AppCall, AppEvent, CallId, Errno, FourTuple, Outcome, SocketHandle, Status};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_wire::Instant;

/// Connections that may wait unless `backlog` says otherwise.
const USUAL_BACKLOG: u32 = 128;
/// Events that nobody expects are kept, so many.
const EVENTS_KEPT: usize = 1_024;

/// Why a call was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The listener behind the service's port.
    Listen,
    /// The next connection of a listener.
    Accept(SocketHandle),
    /// A step waits for the answer.
    Step,
    /// SEND: an error becomes an event.
    Send(SocketHandle),
    /// RECEIVE, for a later step.
    Queued(SocketHandle),
}

/// What an application was told of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Connected,
    Readable,
    Eof,
    Oob,
    SoftError,
    Error(Errno),
}

/// A listener besides that of the service's port.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: SocketAddr,
    /// `None` when it could not be opened, and when a step has closed it.
    listener: Option<SocketHandle>,
}

/// The application of a case.
#[derive(Clone, Debug, Default)]
pub(super) struct Application {
    last: u64,
    calls: BTreeMap<CallId, Purpose>,
    /// The answer that the current step waits for.
    pub(super) answer: Option<Result<crate::endpoint::Value, Errno>>,
    /// RECEIVEs that a later step waits for, with their answers.
    pub(super) queued: BTreeMap<SocketHandle, Option<Result<crate::endpoint::Value, Errno>>>,
    listening: bool,
    /// There was a listener; a step may have closed it since.
    listened: bool,
    listener: Option<SocketHandle>,
    /// Connections that go to a listener of their own.
    places: BTreeMap<String, Place>,
    /// Connections that were accepted, the newest last.
    accepted: Vec<(FourTuple, SocketHandle)>,
    /// Sockets of connections.
    sockets: BTreeMap<usize, SocketHandle>,
    told: VecDeque<(SocketHandle, Told)>,
    /// Octets sent and received by socket.
    pub(super) sent: BTreeMap<SocketHandle, u32>,
    pub(super) received: BTreeMap<SocketHandle, u32>,
    /// The last answer to `app status`, by connection.
    pub(super) status: BTreeMap<usize, Status>,
}

impl Application {
    /// The connection of this name goes there from now on.
    pub(super) fn place(&mut self, conn: &str, at: SocketAddr) {
        let listener = None;
        self.places.insert(conn.to_owned(), Place { at, listener });
    }

    /// Where the connection of this name goes, if not to the service's port.
    pub(super) fn place_of(&self, conn: &str) -> Option<SocketAddr> {
        self.places.get(conn).map(|place| place.at)
    }

    fn is_listener(&self, socket: SocketHandle) -> bool {
        let others = self.places.values().map(|place| place.listener);
        std::iter::once(self.listener)
            .chain(others)
            .any(|listener| listener == Some(socket))
    }
    /// Forgets and returns the first event that fits, or the first error.
    pub(super) fn take(&mut self, socket: SocketHandle, wanted: Option<Told>) -> Option<Told> {
        let fits = |told: Told| Some(told) == wanted || matches!(told, Told::Error(_));
        let at = self
            .told
            .iter()
            .position(|(of, told)| *of == socket && fits(*told))?;
        self.told.remove(at).map(|(_, told)| told)
    }

    fn tell(&mut self, socket: SocketHandle, told: Told) {
        if self.told.len() == EVENTS_KEPT {
            self.told.pop_front();
        }
        self.told.push_back((socket, told));
    }
}

impl Case {
    /// Before the first step: the service's port is listened on. `None` when that is so.
    pub(super) fn prepare_application(&mut self, now: Instant) -> Option<Instant> {
        let needs = &self.setup.instance.needs;
        if !needs.driven || needs.listens || self.app.listened {
            return None;
        }
        if !self.app.listening {
            self.app.listening = true;
            let call = AppCall::Listen {
                local: self.setup.lease.target,
                backlog: needs.backlog.unwrap_or(USUAL_BACKLOG),
                with: Vec::new(),
            };
            self.call(call, Purpose::Listen);
        }
        // The case's own time limit ends a wait for an answer that never comes.
        Some(now + super::app_step::PATIENCE)
    }

    /// Makes a call.
    pub(super) fn call(&mut self, call: AppCall, purpose: Purpose) {
        let id = CallId(self.app.last);
        self.app.last += 1;
        self.app.calls.insert(id, purpose);
        self.app.answer = None;
        self.outbox.push_back(Action::Call { id, call });
    }

    /// The target's application has something to say.
    pub fn handle_app(&mut self, _now: Instant, event: AppEvent) {
        match event {
            AppEvent::Reply { id, result } => {
                if let Some(purpose) = self.app.calls.remove(&id) {
                    self.replied(purpose, result);
                }
            }
            AppEvent::Accepted {
                socket, connection, ..
            } => self.app.accepted.push((connection, socket)),
            AppEvent::Connected(socket) => self.app.tell(socket, Told::Connected),
            AppEvent::Readable(socket) => self.app.tell(socket, Told::Readable),
            AppEvent::Eof(socket) => self.app.tell(socket, Told::Eof),
            AppEvent::Oob(socket) => self.app.tell(socket, Told::Oob),
            AppEvent::SoftError(socket, _) => self.app.tell(socket, Told::SoftError),
            AppEvent::Error(socket, errno) => self.app.tell(socket, Told::Error(errno)),
        }
    }

    /// The target's application is the harness's own, and began with a call of somebody so late: if this case
    /// makes calls, it was late too.
    pub fn application_was_late(&mut self, by: Duration) {
        if self.stage == Stage::Running && self.app.last > 0 {
            self.late_by = self.late_by.max(by);
        }
    }

    fn replied(&mut self, purpose: Purpose, result: Result<crate::endpoint::Value, Errno>) {
        use crate::endpoint::Value;
        match (purpose, result) {
            (Purpose::Listen, Ok(Value::Socket(listener))) => self.listens(None, listener),
            (Purpose::Listen, Ok(_)) => {}
            (Purpose::Listen, Err(Errno::Unsupported)) => {
                self.unsupported("the target's application interface has no app listen");
            }
            (Purpose::Listen, Err(errno)) => {
                let reason = format!("the target's application cannot listen: {errno}");
                self.conclude(Outcome::Error, Some(reason));
            }
            (Purpose::Accept(listener), Ok(_)) => self.accept_another(listener),
            // The listener is gone.
            (Purpose::Accept(_), Err(_)) => {}
            (Purpose::Send(socket), Err(errno)) => self.app.tell(socket, Told::Error(errno)),
            (Purpose::Send(_), Ok(_)) => {}
            (Purpose::Queued(socket), result) => {
                self.app.queued.insert(socket, Some(result));
            }
            (Purpose::Step, result) => self.app.answer = Some(result),
        }
    }

    /// There is a listener, of the service's port or of the connection of this name: what comes is accepted.
    pub(super) fn listens(&mut self, conn: Option<&str>, listener: SocketHandle) {
        match conn.and_then(|conn| self.app.places.get_mut(conn)) {
            Some(place) => place.listener = Some(listener),
            None => {
                self.app.listened = true;
                self.app.listener = Some(listener);
            }
        }
        self.accept_another(listener);
    }

    fn accept_another(&mut self, listener: SocketHandle) {
        if self.app.is_listener(listener) {
            self.call(AppCall::Accept(listener), Purpose::Accept(listener));
        }
    }

    /// A step's socket: of the connection, or the listener when there is no connection.
    pub(super) fn socket_of(&mut self, conn: &str) -> Option<SocketHandle> {
        let index = self.session.named(conn);
        let Some(index) = index.filter(|_| !self.retired.contains(conn)) else {
            let place = self.app.places.get(conn);
            return place.map_or(self.app.listener, |place| place.listener);
        };
        if let Some(socket) = self.app.sockets.get(&index) {
            return Some(*socket);
        }
        let c = &self.session.slot(index).wire;
        let (ours, target) = (c.ours, c.target);
        let found =
            self.app.accepted.iter().rposition(|(tuple, _)| {
                tuple.remote == ours && tuple.local.port() == target.port()
            })?;
        let (_, socket) = self.app.accepted.remove(found);
        self.app.sockets.insert(index, socket);
        Some(socket)
    }

    /// Whether all text of the connection comes from `app send`.
    pub(super) fn app_sends(&self, index: usize) -> bool {
        let socket = self.app.sockets.get(&index);
        socket.is_some_and(|socket| self.app.sent.contains_key(socket))
    }

    /// The connection's socket is this one.
    pub(super) fn bind_socket(&mut self, index: usize, socket: SocketHandle) {
        self.app.sockets.insert(index, socket);
    }

    /// The listener was closed by a step.
    pub(super) fn forget_listener(&mut self, socket: SocketHandle) {
        let others = self.app.places.values_mut();
        for listener in others
            .map(|place| &mut place.listener)
            .chain([&mut self.app.listener])
        {
            listener.take_if(|listener| *listener == socket);
        }
    }
}
