//! Service primitives of the groups GENERAL and TCP with their parameters (PRS_TPSP §6.7–6.10).

use super::message::{Kind, Malformed, Message};
use super::{Dialect, Numbering};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tcpconf_engine::Errno;

/// Group of primitives that belong to no protocol.
pub const GENERAL: u8 = 0x00;
/// Group of TCP.
pub const TCP: u8 = 0x02;
/// Any local port, in CREATE_AND_BIND.
pub const ANY_PORT: u16 = 0xffff;
/// Without end, in RECEIVE_AND_FORWARD.
pub const FOR_EVER: u16 = 0xffff;

/// Result ids (PRS_TPSP §6.8).
pub mod result {
    /// Done.
    pub const OK: u8 = 0x00;
    /// General error.
    pub const NOT_OK: u8 = 0x01;
    /// Service primitive not found.
    pub const NOT_FOUND: u8 = 0xff;
    /// The upper tester or the primitive is still busy.
    pub const PENDING: u8 = 0xfe;
    /// Insufficient buffer size.
    pub const NO_BUFFER: u8 = 0xfd;
    /// Invalid input or parameter.
    pub const INVALID: u8 = 0xfc;
    /// Invalid socket id.
    pub const NO_SOCKET: u8 = 0xef;
    /// Unable to create a socket.
    pub const NOT_CREATED: u8 = 0xee;
    /// Unable to bind: the port is taken.
    pub const NOT_BOUND: u8 = 0xed;
    /// Invalid network interface.
    pub const NO_INTERFACE: u8 = 0xec;
}

/// What a result id says; `None` for success.
pub fn errno_of(result: u8) -> Option<Errno> {
    match result {
        result::OK => None,
        result::NOT_FOUND => Some(Errno::Unsupported),
        result::NO_BUFFER | result::NOT_CREATED => Some(Errno::NoBuffers),
        result::INVALID => Some(Errno::Invalid),
        result::NO_SOCKET => Some(Errno::BadSocket),
        result::NOT_BOUND => Some(Errno::AddressInUse),
        result::NO_INTERFACE => Some(Errno::AddressNotAvailable),
        _ => Some(Errno::Other),
    }
}

/// The result id that says it best.
pub fn result_of(errno: Errno) -> u8 {
    match errno {
        Errno::Unsupported => result::NOT_FOUND,
        Errno::NoBuffers => result::NO_BUFFER,
        Errno::Invalid => result::INVALID,
        Errno::BadSocket => result::NO_SOCKET,
        Errno::AddressInUse | Errno::Access => result::NOT_BOUND,
        Errno::AddressNotAvailable => result::NO_INTERFACE,
        _ => result::NOT_OK,
    }
}

/// A selector of CONFIGURE_SOCKET (PRS_TPSP §6.10.10).
pub mod parameter {
    /// TTL or hop limit: one octet.
    pub const TTL: u16 = 0;
    /// Traffic class, DSCP and ECN: one octet.
    pub const PRIORITY: u16 = 1;
    /// MSS, 500 to 1460: two octets.
    pub const MSS: u16 = 5;
    /// Nagle's algorithm on: one octet.
    pub const NAGLE: u16 = 6;
}

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
        /// See [`parameter`].
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

/// Primitives of group TCP, counted from 0.
const CLOSE_SOCKET: u8 = 0;
const CREATE_AND_BIND: u8 = 1;
const SEND_DATA: u8 = 2;
const RECEIVE_AND_FORWARD: u8 = 3;
const LISTEN_AND_ACCEPT: u8 = 4;
const CONNECT: u8 = 5;
const CONFIGURE_SOCKET: u8 = 6;
const SHUTDOWN: u8 = 7;
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

const fn offset(group: u8, numbering: Numbering) -> u8 {
    if group == TCP { numbering.offset() } else { 0 }
}

/// `vint8`: a length of 16 bits, and octets. More are cut off.
fn put_octets(data: &mut Vec<u8>, octets: &[u8]) {
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    data.extend(length.to_be_bytes());
    data.extend(&octets[..usize::from(length)]);
}

/// `ipxaddr`
fn put_address(data: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(ip) => put_octets(data, &ip.octets()),
        IpAddr::V6(ip) => put_octets(data, &ip.octets()),
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Octets of a text that its length can count together with the mark and the zero.
const MAX_TEXT: usize = u16::MAX as usize - 4;

/// `text`: a byte order mark, UTF-8, and a zero; nothing at all for no text.
fn put_text(data: &mut Vec<u8>, text: &str) {
    let bytes = match text {
        "" => Vec::new(),
        text => [BYTE_ORDER_MARK, text.as_bytes(), b"\0"].concat(),
    };
    put_octets(data, &bytes);
}

/// Parameters, read one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn flag(&mut self) -> Option<bool> {
        self.octet().map(|octet| octet != 0)
    }

    fn half(&mut self) -> Option<u16> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*first))
    }

    fn octets(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.half()?);
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }

    fn address(&mut self) -> Option<IpAddr> {
        match *self.octets()? {
            [] => Some(Ipv4Addr::UNSPECIFIED.into()),
            [a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).into()),
            ref octets => {
                let octets: [u8; 16] = octets.try_into().ok()?;
                Some(Ipv6Addr::from(octets).into())
            }
        }
    }

    /// The mark and the zero may be missing.
    fn text(&mut self) -> Option<String> {
        let octets = self.octets()?;
        let octets = octets.strip_prefix(BYTE_ORDER_MARK).unwrap_or(octets);
        let octets = octets.strip_suffix(b"\0").unwrap_or(octets);
        let text = String::from_utf8(octets.to_vec()).ok();
        text.filter(|text| text.len() <= MAX_TEXT)
    }

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
