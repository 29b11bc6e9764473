//! What a device says: responses to requests, and events.

use super::fields::{Fields, put_address, put_octets};
use super::request::Request;
use super::{LISTEN_AND_ACCEPT, RECEIVE_AND_FORWARD, TCP, result};
use crate::autosar::Dialect;
use crate::autosar::message::{Kind, Malformed, Message};
use std::net::IpAddr;

/// What a successful response carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing.
    Done,
    /// GET_VERSION: major, minor, patch.
    Version([u16; 3]),
    /// CREATE_AND_BIND: the new socket.
    Socket(u16),
    /// RECEIVE_AND_FORWARD: octets that were received before and thrown away.
    Dropped(u16),
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// LISTEN_AND_ACCEPT: a connection.
    Accepted {
        /// The listener.
        listener: u16,
        /// The new socket.
        socket: u16,
        /// The peer's port.
        port: u16,
        /// The peer's address.
        address: IpAddr,
    },
    /// RECEIVE_AND_FORWARD: what came. The protocol does not say on which socket.
    Forwarded {
        /// Octets received.
        full: u16,
        /// The first of them.
        data: Vec<u8>,
    },
}

impl Response {
    /// As the message that answers `request`.
    pub fn message(&self, dialect: &Dialect, request: &Message) -> Message {
        let mut data = Vec::new();
        match self {
            Self::Done => {}
            Self::Version(numbers) => data.extend(numbers.iter().flat_map(|n| n.to_be_bytes())),
            Self::Socket(number) | Self::Dropped(number) => data.extend(number.to_be_bytes()),
        }
        answer(dialect, request, result::OK, data)
    }

    /// What the response to `request` carries.
    ///
    /// # Errors
    /// [`Malformed::Parameters`].
    pub fn of(message: &Message, request: &Request) -> Result<Self, Malformed> {
        let mut f = Fields(&message.data);
        let read = match request {
            Request::GetVersion => f.version().map(Self::Version),
            Request::CreateAndBind { .. } => f.half().map(Self::Socket),
            Request::ReceiveAndForward { .. } => f.half().map(Self::Dropped),
            _ => Some(Self::Done),
        };
        read.ok_or(Malformed::Parameters(request.name()))
    }
}

/// The answer to a request that failed.
pub fn refusal(dialect: &Dialect, request: &Message, result: u8) -> Message {
    answer(dialect, request, result, Vec::new())
}

fn answer(dialect: &Dialect, request: &Message, result: u8, data: Vec<u8>) -> Message {
    let message = dialect.message(Kind::Response, request.group, request.primitive, data);
    Message {
        request: request.request,
        result,
        ..message
    }
}

impl Event {
    /// As a message. `request` stands in the field that means nothing to others: the socket, for ours.
    pub fn message(&self, dialect: &Dialect, request: u16) -> Message {
        let mut data = Vec::new();
        let number = match self {
            Self::Accepted {
                listener,
                socket,
                port,
                address,
            } => {
                for number in [listener, socket, port] {
                    data.extend(number.to_be_bytes());
                }
                put_address(&mut data, *address);
                LISTEN_AND_ACCEPT
            }
            Self::Forwarded { full, data: text } => {
                data.extend(full.to_be_bytes());
                put_octets(&mut data, text);
                RECEIVE_AND_FORWARD
            }
        };
        let primitive = number + dialect.numbering.offset();
        Message {
            request: request.into(),
            ..dialect.message(Kind::Event, TCP, primitive, data)
        }
    }

    /// The event of a message.
    ///
    /// # Errors
    /// [`Malformed::Parameters`].
    pub fn of(message: &Message, dialect: &Dialect) -> Result<Self, Malformed> {
        let number = message.primitive.checked_sub(dialect.numbering.offset());
        let mut f = Fields(&message.data);
        let (name, event) = match (message.group, number) {
            (TCP, Some(LISTEN_AND_ACCEPT)) => ("LISTEN_AND_ACCEPT", f.accepted()),
            (TCP, Some(RECEIVE_AND_FORWARD)) => ("RECEIVE_AND_FORWARD", f.forwarded()),
            _ => ("an event", None),
        };
        event.ok_or(Malformed::Parameters(name))
    }
}

impl Fields<'_> {
    fn version(&mut self) -> Option<[u16; 3]> {
        Some([self.half()?, self.half()?, self.half()?])
    }

    fn accepted(&mut self) -> Option<Event> {
        Some(Event::Accepted {
            listener: self.half()?,
            socket: self.half()?,
            port: self.half()?,
            address: self.address()?,
        })
    }

    fn forwarded(&mut self) -> Option<Event> {
        Some(Event::Forwarded {
            full: self.half()?,
            data: self.octets()?.to_vec(),
        })
    }
}
