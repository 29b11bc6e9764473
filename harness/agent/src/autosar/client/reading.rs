//! What a connection receives, from the events that carry it to those who receive.
//!
//! An upper tester by the book throws away what arrives before RECEIVE_AND_FORWARD and reads without a
//! pause afterwards: [`Reading::Early`] asks for everything as soon as there is a connection, and the
//! device's window never closes. Ours keeps what arrives, so that [`Reading::OnDemand`] reads exactly
//! when the application is told to. Octets that were thrown away make the next RECEIVE fail (ENOBUFS).

use super::{Client, Open, Purpose, Role};
use crate::autosar::primitive::{FOR_EVER, Request};
use tcpconf_engine::{AppEvent, CallId, Errno, SocketHandle, Value};

/// When the device is asked for what it receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// As soon as there is a connection.
    #[default]
    Early,
    /// When the application receives.
    OnDemand,
}

impl Client {
    pub(super) fn receive(
        &mut self,
        id: CallId,
        handle: SocketHandle,
        max: usize,
    ) -> Result<(), Errno> {
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

    pub(super) fn read(&mut self, socket: u16, length: usize) {
        let max_length = u16::try_from(length).unwrap_or(FOR_EVER);
        let request = Request::ReceiveAndForward {
            socket,
            max_forward: FOR_EVER,
            max_length,
        };
        self.queue(Purpose::Read(socket), [request]);
    }

    /// Answers those who receive, as far as there is something.
    pub(super) fn give(&mut self, socket: u16) {
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

    pub(super) fn begin_reading(&mut self, socket: u16) {
        if self.reading == Reading::Early {
            if let Some(open) = self.sockets.get_mut(&socket) {
                open.reading = true;
            }
            self.read(socket, FOR_EVER.into());
        }
    }

    /// Whose data an event carries: the protocol does not say. Ours writes it where SOME/IP has its
    /// request id; otherwise there must be one connection only.
    pub(super) fn reader(&self, request: u32) -> Option<u16> {
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

    /// Something came, or the end of the stream.
    pub(super) fn forwarded(&mut self, full: u16, data: Vec<u8>, request: u32) {
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
