//! smoltcp tells nobody what happens: events are what has changed since the sockets were last looked at.

use super::host::{Host, Id};
use crate::programs::Event;
use smoltcp::socket::tcp::{Socket, State};
use tcpconf_engine::Errno;

/// What a look at a socket shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) state: State,
    /// Octets received and not read.
    pub(super) unread: usize,
    /// Octets sent and not acknowledged, or not yet sent.
    pub(super) unsent: usize,
}

impl Seen {
    pub(super) fn of(socket: &Socket<'_>) -> Self {
        Self {
            state: socket.state(),
            unread: socket.recv_queue(),
            unsent: socket.send_queue(),
        }
    }

    /// Whether the handshake is over.
    const fn is_synchronized(self) -> bool {
        !matches!(
            self.state,
            State::Closed | State::Listen | State::SynSent | State::SynReceived
        )
    }

    const fn peer_closed(self) -> bool {
        matches!(
            self.state,
            State::CloseWait | State::Closing | State::LastAck | State::TimeWait
        )
    }
}

impl Host {
    /// Finds out what has changed. A connection that is gone has failed for the reason given.
    pub(super) fn look(&mut self, reason: Errno) {
        let ids: Vec<Id> = self.connections.keys().copied().collect();
        for id in ids {
            self.look_at(id, reason);
        }
        self.refill();
    }

    fn look_at(&mut self, id: Id, reason: Errno) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let socket = self.sockets.set.get_mut::<Socket<'_>>(connection.handle);
        if connection.released && socket.recv_queue() > 0 {
            // Nobody will read it: the peer must know (RFC 2525 §2.17, SHLD-3).
            socket.abort();
        }
        let before = connection.seen;
        let seen = Seen::of(socket);
        connection.seen = seen;
        let gone = seen.state == State::Closed && socket.remote_endpoint().is_none();
        if gone && (connection.released || !connection.owned && !before.is_synchronized()) {
            self.forget(id);
            return;
        }
        if before == seen {
            return;
        }
        let begins = seen.is_synchronized() && !before.is_synchronized();
        let origin = connection.origin.filter(|_| !connection.owned);
        let mut tell = |event| self.events.push_back((id, event));
        if begins && origin.is_none() {
            tell(Event::Connected);
        }
        if seen.unread > before.unread {
            tell(Event::Readable);
        }
        if seen.unsent < before.unsent {
            tell(Event::Writable);
        }
        if seen.peer_closed() && !before.peer_closed() {
            tell(Event::Eof);
        }
        if seen.state == State::Closed && before.state != State::Closed {
            tell(ending(before.state, reason));
        }
        if begins
            && let Some(origin) = origin
            && let Some(listener) = self.listeners.get_mut(&origin)
        {
            listener.waiting.push_back(id);
            // Before what else has happened to it, which is for whom accepts it.
            self.events.push_front((origin, Event::Acceptable));
        }
    }
}

/// What the end of a connection means to its user.
const fn ending(before: State, reason: Errno) -> Event {
    match (before, reason) {
        // The usual ends; a RST there looks the same.
        (State::Closing | State::LastAck | State::TimeWait, Errno::ConnectionReset) => {
            Event::Closed
        }
        (State::TimeWait, _) => Event::Closed,
        (State::SynSent | State::SynReceived, Errno::ConnectionReset) => {
            Event::Error(Errno::ConnectionRefused)
        }
        _ => Event::Error(reason),
    }
}
