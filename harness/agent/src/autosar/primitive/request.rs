//! Requests: what a tester asks of a device, as messages and back.

use super::fields::{Fields, put_address, put_octets, put_text};
use super::{
    CLOSE_SOCKET, CONFIGURE_SOCKET, CONNECT, CREATE_AND_BIND, GENERAL, LISTEN_AND_ACCEPT,
    RECEIVE_AND_FORWARD, SEND_DATA, SHUTDOWN, TCP, offset, result,
};
use crate::autosar::Dialect;
use crate::autosar::message::{Kind, Message};
use std::net::IpAddr;

/// The direction that SHUTDOWN ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// No more reception.
    Receive,
    /// No more transmission.
    Send,
    /// Neither.
    Both,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// GET_VERSION
    GetVersion,
    /// START_TEST
    StartTest,
    /// END_TEST: everything of the test is closed.
    EndTest {
        /// Test case.
        case: u16,
        /// Test suite.
        suite: String,
    },
    /// CLOSE_SOCKET
    CloseSocket {
        /// Which.
        socket: u16,
        /// By RST.
        abort: bool,
    },
    /// CREATE_AND_BIND
    CreateAndBind {
        /// Whether it is bound.
        bind: bool,
        /// To which port, or [`ANY_PORT`].
        port: u16,
        /// To which address.
        address: IpAddr,
    },
    /// SEND_DATA
    SendData {
        /// By which socket.
        socket: u16,
        /// Octets to send: the data again and again, if they are shorter.
        total: u16,
        /// Flags, which differ between releases: 0 here.
        flags: u8,
        /// What.
        data: Vec<u8>,
    },
    /// RECEIVE_AND_FORWARD
    ReceiveAndForward {
        /// From which socket.
        socket: u16,
        /// Octets forwarded of each piece.
        max_forward: u16,
        /// Octets received in all, or [`FOR_EVER`].
        max_length: u16,
    },
    /// LISTEN_AND_ACCEPT
    ListenAndAccept {
        /// By which socket.
        listener: u16,
        /// Connections that are accepted.
        max_connections: u16,
    },
    /// CONNECT
    Connect {
        /// By which socket.
        socket: u16,
        /// To which port.
        port: u16,
        /// To which address.
        address: IpAddr,
    },
    /// CONFIGURE_SOCKET
    ConfigureSocket {
        /// Which.
        socket: u16,
        /// See [`parameter`](super::parameter).
        parameter: u16,
        /// Its value.
        value: Vec<u8>,
    },
    /// SHUTDOWN
    Shutdown {
        /// Which.
        socket: u16,
        /// What ends.
        direction: Direction,
    },
}

/// Primitives of group GENERAL.
const GET_VERSION: u8 = 1;
const START_TEST: u8 = 2;
const END_TEST: u8 = 3;

/// Names of group TCP's primitives, in their order.
const TCP_NAMES: [&str; 8] = [
    "CLOSE_SOCKET",
    "CREATE_AND_BIND",
    "SEND_DATA",
    "RECEIVE_AND_FORWARD",
    "LISTEN_AND_ACCEPT",
    "CONNECT",
    "CONFIGURE_SOCKET",
    "SHUTDOWN",
];

impl Request {
    /// Its group and primitive, the latter counted from 0 in group TCP.
    const fn number(&self) -> (u8, u8) {
        match self {
            Self::GetVersion => (GENERAL, GET_VERSION),
            Self::StartTest => (GENERAL, START_TEST),
            Self::EndTest { .. } => (GENERAL, END_TEST),
            Self::CloseSocket { .. } => (TCP, CLOSE_SOCKET),
            Self::CreateAndBind { .. } => (TCP, CREATE_AND_BIND),
            Self::SendData { .. } => (TCP, SEND_DATA),
            Self::ReceiveAndForward { .. } => (TCP, RECEIVE_AND_FORWARD),
            Self::ListenAndAccept { .. } => (TCP, LISTEN_AND_ACCEPT),
            Self::Connect { .. } => (TCP, CONNECT),
            Self::ConfigureSocket { .. } => (TCP, CONFIGURE_SOCKET),
            Self::Shutdown { .. } => (TCP, SHUTDOWN),
        }
    }

    /// Its name in the specification.
    pub fn name(&self) -> &'static str {
        match self.number() {
            (GENERAL, GET_VERSION) => "GET_VERSION",
            (GENERAL, START_TEST) => "START_TEST",
            (GENERAL, _) => "END_TEST",
            (_, number) => TCP_NAMES[usize::from(number)],
        }
    }

    /// As a message.
    pub fn message(&self, dialect: &Dialect) -> Message {
        let mut data = Vec::new();
        match self {
            Self::GetVersion | Self::StartTest => {}
            Self::EndTest { case, suite } => {
                data.extend(case.to_be_bytes());
                put_text(&mut data, suite);
            }
            Self::CloseSocket { socket, abort } => {
                data.extend(socket.to_be_bytes());
                data.push(u8::from(*abort));
            }
            Self::CreateAndBind {
                bind,
                port,
                address,
            } => {
                data.push(u8::from(*bind));
                data.extend(port.to_be_bytes());
                put_address(&mut data, *address);
            }
            Self::SendData {
                socket,
                total,
                flags,
                data: text,
            } => {
                data.extend(socket.to_be_bytes());
                data.extend(total.to_be_bytes());
                data.push(*flags);
                put_octets(&mut data, text);
            }
            Self::ReceiveAndForward {
                socket,
                max_forward,
                max_length,
            } => {
                for number in [socket, max_forward, max_length] {
                    data.extend(number.to_be_bytes());
                }
            }
            Self::ListenAndAccept {
                listener,
                max_connections,
            } => {
                data.extend(listener.to_be_bytes());
                data.extend(max_connections.to_be_bytes());
            }
            Self::Connect {
                socket,
                port,
                address,
            } => {
                data.extend(socket.to_be_bytes());
                data.extend(port.to_be_bytes());
                put_address(&mut data, *address);
            }
            Self::ConfigureSocket {
                socket,
                parameter,
                value,
            } => {
                data.extend(socket.to_be_bytes());
                data.extend(parameter.to_be_bytes());
                put_octets(&mut data, value);
            }
            Self::Shutdown { socket, direction } => {
                data.extend(socket.to_be_bytes());
                data.push(*direction as u8);
            }
        }
        let (group, primitive) = self.number();
        let primitive = primitive + offset(group, dialect.numbering);
        dialect.message(Kind::Request, group, primitive, data)
    }

    /// The request of a message; the result id to answer by when it is none.
    ///
    /// # Errors
    /// [`result::NOT_FOUND`] for a primitive that is unknown here, [`result::INVALID`] for parameters
    /// that it does not have.
    pub fn of(message: &Message, dialect: &Dialect) -> Result<Self, u8> {
        let number = message
            .primitive
            .checked_sub(offset(message.group, dialect.numbering));
        let number = number.ok_or(result::NOT_FOUND)?;
        let mut fields = Fields(&message.data);
        let request = Self::fields(message.group, number, &mut fields);
        let request = request.ok_or(result::NOT_FOUND)?;
        match request {
            Some(request) if fields.0.is_empty() => Ok(request),
            _ => Err(result::INVALID),
        }
    }

    /// The outer option says whether there is such a primitive, the inner whether its fields are there.
    fn fields(group: u8, number: u8, f: &mut Fields<'_>) -> Option<Option<Self>> {
        let read = match (group, number) {
            (GENERAL, GET_VERSION) => |_: &mut Fields<'_>| Some(Self::GetVersion),
            (GENERAL, START_TEST) => |_: &mut Fields<'_>| Some(Self::StartTest),
            (GENERAL, END_TEST) => Self::end_test,
            (TCP, CLOSE_SOCKET) => Self::close_socket,
            (TCP, CREATE_AND_BIND) => Self::create_and_bind,
            (TCP, SEND_DATA) => Self::send_data,
            (TCP, RECEIVE_AND_FORWARD) => Self::receive_and_forward,
            (TCP, LISTEN_AND_ACCEPT) => Self::listen_and_accept,
            (TCP, CONNECT) => Self::connect,
            (TCP, CONFIGURE_SOCKET) => Self::configure_socket,
            (TCP, SHUTDOWN) => Self::shutdown,
            _ => return None,
        };
        Some(read(f))
    }

    fn end_test(f: &mut Fields<'_>) -> Option<Self> {
        // Seen without any parameters.
        if f.0.is_empty() {
            let suite = String::new();
            return Some(Self::EndTest { case: 0, suite });
        }
        Some(Self::EndTest {
            case: f.half()?,
            suite: f.text()?,
        })
    }

    fn close_socket(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self::CloseSocket {
            socket: f.half()?,
            // Absent for a plain close.
            abort: if f.0.is_empty() { false } else { f.flag()? },
        })
    }

    fn create_and_bind(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self::CreateAndBind {
            bind: f.flag()?,
            port: f.half()?,
            address: f.address()?,
        })
    }

    fn send_data(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self::SendData {
            socket: f.half()?,
            total: f.half()?,
            flags: f.octet()?,
            data: f.octets()?.to_vec(),
        })
    }

    fn receive_and_forward(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self::ReceiveAndForward {
            socket: f.half()?,
            max_forward: f.half()?,
            max_length: f.half()?,
        })
    }

    fn listen_and_accept(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self::ListenAndAccept {
            listener: f.half()?,
            max_connections: f.half()?,
        })
    }

    fn connect(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self::Connect {
            socket: f.half()?,
            port: f.half()?,
            address: f.address()?,
        })
    }

    fn configure_socket(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self::ConfigureSocket {
            socket: f.half()?,
            parameter: f.half()?,
            value: f.octets()?.to_vec(),
        })
    }

    fn shutdown(f: &mut Fields<'_>) -> Option<Self> {
        Some(Self::Shutdown {
            socket: f.half()?,
            direction: match f.octet()? {
                0 => Direction::Receive,
                1 => Direction::Send,
                2 => Direction::Both,
                _ => return None,
            },
        })
    }
}
