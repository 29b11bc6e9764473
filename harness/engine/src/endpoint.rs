//! What is tested: a host with an IP interface and an application.

use std::fmt;
use std::net::SocketAddr;
use tcpconf_suite::vocabulary::{Capability, Setting};
use tcpconf_wire::{Instant, Packet};

/// A TCP endpoint under test: IP packets in, IP packets out, application calls answered by events.
///
/// Calls never block: accept, receive and a full send answer later; how a connect went is an event.
pub trait Endpoint {
    /// Its addresses.
    fn addresses(&self) -> &[std::net::IpAddr];
    /// A packet arrives.
    fn handle_packet(&mut self, now: Instant, packet: &Packet);
    /// The next packet that it sends, if any.
    fn poll_transmit(&mut self, now: Instant) -> Option<Packet>;
    /// When it wants to be polled again; `None` when only a packet or a call can wake it.
    fn poll_timeout(&self) -> Option<Instant>;
    /// What its application does.
    fn call(&mut self, now: Instant, id: CallId, call: AppCall);
    /// The next event of its application.
    fn poll_app(&mut self, now: Instant) -> Option<AppEvent>;
    /// What it says of a connection, where it can tell.
    fn status(&self, connection: FourTuple) -> Option<Status>;
    /// All connections that it has, listeners not counted; `None` where it cannot tell.
    fn connections(&self) -> Option<Vec<Status>> {
        None
    }
}

/// The two sockets of a connection, as the target sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FourTuple {
    /// The target's.
    pub local: SocketAddr,
    /// Its peer's: the injector's.
    pub remote: SocketAddr,
}

/// Names a call, so that its reply can be told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// A socket of the target's application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketHandle(pub u64);

/// What the target's application can be asked to do (RFC 9293 §3.9.1 with what sockets add).
///
/// Every call is answered by one [`AppEvent::Reply`], at once unless said otherwise here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppCall {
    /// Passive OPEN. Answered by the listener's [`Value::Socket`].
    Listen {
        /// Where; port 0: any.
        local: SocketAddr,
        /// How many connections may wait.
        backlog: u32,
        /// Settings, applied before it listens; what it accepts inherits them.
        with: Vec<(Setting, i64)>,
    },
    /// Active OPEN. Answered by [`Value::Socket`] as soon as the SYN is on its way; then comes
    /// [`AppEvent::Connected`] or [`AppEvent::Error`].
    Connect {
        /// Whereto.
        remote: SocketAddr,
        /// From where; port 0 and the unspecified address: chosen by the target.
        local: Option<SocketAddr>,
        /// Settings, applied before the SYN goes out.
        with: Vec<(Setting, i64)>,
        /// Sent with the SYN where Fast Open can, else as soon as the connection is open.
        data: Vec<u8>,
    },
    /// The next connection of a listener: answered by [`Value::Socket`] when there is one, after the
    /// [`AppEvent::Accepted`] that says which.
    Accept(SocketHandle),
    /// SEND. Answered by [`Value::Count`] when all was taken, or the error.
    Send {
        /// By which socket.
        socket: SocketHandle,
        /// What.
        data: Vec<u8>,
        /// The last octet is the last urgent one (`MSG_OOB`).
        urgent: bool,
        /// More will follow at once (`MSG_MORE`).
        more: bool,
    },
    /// RECEIVE at most this many octets: answered by [`Value::Bytes`] when there are some, empty at the
    /// end of the stream.
    Receive(SocketHandle, usize),
    /// The urgent octet, where it is not in the stream: [`Value::Bytes`], empty when there is none.
    ReceiveUrgent(SocketHandle),
    /// RFC 9293 CLOSE, `shutdown(SHUT_WR)`: no more to send. On a listener: it listens no more.
    Close(SocketHandle),
    /// `shutdown(SHUT_RD)`: no more to receive.
    ShutdownRead(SocketHandle),
    /// `close()`: the socket is gone, the connection an orphan if it lives on.
    Release(SocketHandle),
    /// RFC 9293 ABORT: a RST where the state asks for one. The socket is gone.
    Abort(SocketHandle),
    /// Sets a socket option.
    Set(SocketHandle, Setting, i64),
    /// Reads a socket option: [`Value::Number`].
    Get(SocketHandle, Setting),
    /// STATUS: [`Value::Status`].
    Status(SocketHandle),
    /// Every socket of this case is closed without a trace: connections aborted, listeners closed.
    ResetAll,
}

impl AppCall {
    /// What an interface must be able to do for this call.
    pub fn needs(&self) -> Vec<Capability> {
        let first = match self {
            Self::Listen { .. } => Capability::Listen,
            Self::Connect { .. } => Capability::Connect,
            Self::Accept(_) => Capability::Accept,
            Self::Send { .. } => Capability::Send,
            Self::Receive(..) => Capability::Receive,
            Self::ReceiveUrgent(_) => Capability::ReceiveUrgent,
            Self::Close(_) => Capability::Close,
            Self::ShutdownRead(_) => Capability::ShutdownRead,
            Self::Release(_) => Capability::Release,
            Self::Abort(_) => Capability::Abort,
            Self::Set(_, setting, _) => Capability::Set(*setting),
            Self::Get(..) => Capability::Get,
            Self::Status(_) => Capability::Status,
            Self::ResetAll => return Vec::new(),
        };
        let mut needs = vec![first];
        match self {
            Self::Listen { with, .. } | Self::Connect { with, .. } => {
                needs.extend(with.iter().map(|(setting, _)| Capability::Set(*setting)));
            }
            Self::Send { urgent, more, .. } => {
                needs.extend(urgent.then_some(Capability::SendUrgent));
                needs.extend(more.then_some(Capability::SendMore));
            }
            _ => {}
        }
        needs
    }
}

/// What a call answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Done.
    Done,
    /// A new socket.
    Socket(SocketHandle),
    /// Octets taken.
    Count(usize),
    /// Octets received; empty at end of file.
    Bytes(Vec<u8>),
    /// A socket option; durations in milliseconds.
    Number(i64),
    /// STATUS.
    Status(Status),
}

/// An error by its name in the sockets interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errno {
    /// ECONNREFUSED
    ConnectionRefused,
    /// ECONNRESET
    ConnectionReset,
    /// ECONNABORTED
    ConnectionAborted,
    /// ETIMEDOUT
    TimedOut,
    /// EHOSTUNREACH
    HostUnreachable,
    /// ENETUNREACH
    NetworkUnreachable,
    /// ENOPROTOOPT: what sockets say of an ICMP protocol unreachable.
    ProtocolUnavailable,
    /// EMSGSIZE
    MessageSize,
    /// ENOTCONN
    NotConnected,
    /// EISCONN
    IsConnected,
    /// EPIPE
    BrokenPipe,
    /// EADDRINUSE
    AddressInUse,
    /// EADDRNOTAVAIL
    AddressNotAvailable,
    /// EACCES
    Access,
    /// EBADF: no such socket.
    BadSocket,
    /// EINVAL
    Invalid,
    /// ENOBUFS
    NoBuffers,
    /// EIO: something that has no name here.
    Other,
    /// EOPNOTSUPP: the target cannot make this call.
    Unsupported,
}

impl Errno {
    /// All of them with their names.
    pub const NAMES: [(Self, &'static str); 19] = [
        (Self::ConnectionRefused, "ECONNREFUSED"),
        (Self::ConnectionReset, "ECONNRESET"),
        (Self::ConnectionAborted, "ECONNABORTED"),
        (Self::TimedOut, "ETIMEDOUT"),
        (Self::HostUnreachable, "EHOSTUNREACH"),
        (Self::NetworkUnreachable, "ENETUNREACH"),
        (Self::ProtocolUnavailable, "ENOPROTOOPT"),
        (Self::MessageSize, "EMSGSIZE"),
        (Self::NotConnected, "ENOTCONN"),
        (Self::IsConnected, "EISCONN"),
        (Self::BrokenPipe, "EPIPE"),
        (Self::AddressInUse, "EADDRINUSE"),
        (Self::AddressNotAvailable, "EADDRNOTAVAIL"),
        (Self::Access, "EACCES"),
        (Self::BadSocket, "EBADF"),
        (Self::Invalid, "EINVAL"),
        (Self::NoBuffers, "ENOBUFS"),
        (Self::Other, "EIO"),
        (Self::Unsupported, "EOPNOTSUPP"),
    ];

    /// Its name in `errno.h`.
    pub fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(errno, _)| *errno == self);
        found.map_or("EIO", |(_, name)| name)
    }

    /// By its name; an unknown one is [`Errno::Other`] to whoever asks for that.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(_, known)| *known == name);
        found.map(|(errno, _)| *errno)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What the target's application noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppEvent {
    /// The answer to a call.
    Reply {
        /// Which.
        id: CallId,
        /// What.
        result: Result<Value, Errno>,
    },
    /// A connection was taken off a listener's queue: comes before the reply to its [`AppCall::Accept`].
    Accepted {
        /// The listener.
        listener: SocketHandle,
        /// The connection.
        socket: SocketHandle,
        /// Its sockets.
        connection: FourTuple,
    },
    /// An active OPEN is through.
    Connected(SocketHandle),
    /// There is something to receive.
    Readable(SocketHandle),
    /// The peer closed.
    Eof(SocketHandle),
    /// The connection failed. The socket can still be asked for its status.
    Error(SocketHandle, Errno),
    /// Urgent data.
    Oob(SocketHandle),
    /// Something went wrong, and the connection goes on (RFC 9293 §3.9.1.8, MUST-47).
    SoftError(SocketHandle, Errno),
}

/// What a target says of a connection; `None` is what it cannot tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// As RFC 9293 spells it: `ESTABLISHED`.
    pub state: String,
    /// Octets received and not yet read.
    pub unread: Option<u64>,
    /// Octets taken from the application and not acknowledged by the peer.
    pub unacked: Option<u64>,
    /// Why it failed, if it did.
    pub error: Option<Errno>,
    /// Octets of memory held.
    pub memory: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_names_read_back() {
        for (errno, name) in Errno::NAMES {
            assert_eq!((errno.name(), Errno::from_name(name)), (name, Some(errno)));
        }
        assert_eq!(Errno::from_name("ENOENT"), None);
    }

    #[test]
    fn a_call_names_all_that_it_asks_for() {
        let send = AppCall::Send {
            socket: SocketHandle(1),
            data: vec![1],
            urgent: true,
            more: false,
        };
        let names: Vec<String> = send.needs().iter().map(ToString::to_string).collect();
        assert_eq!(names, ["send", "send urgent"]);
    }
}
