//! What is tested: a host with an IP interface and an application.

use std::net::SocketAddr;
use tcpconf_wire::{Instant, Packet};

/// A TCP endpoint under test: IP packets in, IP packets out, application calls answered by events.
///
/// Calls never block: connect, accept, receive and a full send answer later.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppCall {
    /// Passive OPEN.
    Listen {
        /// Where.
        local: SocketAddr,
        /// How many connections may wait.
        backlog: u32,
    },
    /// Active OPEN.
    Connect {
        /// Whereto.
        remote: SocketAddr,
    },
    /// The next connection of a listener.
    Accept(SocketHandle),
    /// SEND.
    Send(SocketHandle, Vec<u8>),
    /// RECEIVE at most this many octets.
    Receive(SocketHandle, usize),
    /// CLOSE: no more to send.
    Close(SocketHandle),
    /// Closed both ways: an orphan.
    Release(SocketHandle),
    /// ABORT.
    Abort(SocketHandle),
    /// A socket option by name.
    Set(SocketHandle, String, i64),
    /// STATUS.
    Status(SocketHandle),
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
    /// ENOTCONN
    NotConnected,
    /// EPIPE
    BrokenPipe,
    /// EADDRINUSE
    AddressInUse,
    /// EINVAL
    Invalid,
    /// ENOBUFS
    NoBuffers,
    /// EOPNOTSUPP: the target cannot make this call.
    Unsupported,
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
    /// A listener has a new connection.
    Accepted {
        /// The listener.
        listener: SocketHandle,
        /// The connection.
        socket: SocketHandle,
        /// Its sockets.
        connection: FourTuple,
    },
    /// There is something to receive.
    Readable(SocketHandle),
    /// The peer closed.
    Eof(SocketHandle),
    /// The connection failed.
    Error(SocketHandle, Errno),
    /// Urgent data.
    Oob(SocketHandle),
}

/// What a target says of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// As RFC 9293 spells it: `ESTABLISHED`.
    pub state: String,
    /// Octets received and not yet read.
    pub unread: Option<u64>,
    /// Octets of memory held.
    pub memory: Option<u64>,
}
