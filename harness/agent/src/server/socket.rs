//! One socket of the application, and the calls that wait for it.

use socket2::Socket;
use std::collections::VecDeque;
use std::io;
use tcpconf_engine::{Errno, FourTuple};

/// A socket. It is non-blocking.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) socket: Socket,
    pub(super) role: Role,
    pub(super) accepting: VecDeque<u64>,
    pub(super) sending: VecDeque<Sending>,
    pub(super) receiving: VecDeque<(u64, usize)>,
    /// Why it failed. The kernel tells once, we as often as we are asked.
    pub(super) error: Option<Errno>,
    /// What was told and has not changed since.
    pub(super) told: Told,
    /// Ends of a connection, known once there is one: later the kernel may have forgotten them.
    pub(super) connection: Option<FourTuple>,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Listener,
    /// Its SYN is on the way.
    Connecting,
    Open,
    /// We have stopped reading: the end of the stream is ours, not the peer's.
    Deaf,
}

/// A SEND that is not yet taken.
#[derive(Debug)]
pub(super) struct Sending {
    /// `None` for what goes out with a SYN: the reply is the connection.
    pub(super) id: Option<u64>,
    pub(super) data: Vec<u8>,
    pub(super) taken: usize,
    pub(super) urgent: bool,
    pub(super) more: bool,
}

/// Events that were told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Told {
    pub(super) readable: bool,
    pub(super) eof: bool,
    pub(super) oob: bool,
}

impl Entry {
    pub(super) fn new(socket: Socket, role: Role) -> Self {
        Self {
            socket,
            role,
            accepting: VecDeque::new(),
            sending: VecDeque::new(),
            receiving: VecDeque::new(),
            error: None,
            told: Told::default(),
            connection: None,
        }
    }

    /// Calls that wait.
    pub(super) fn calls(&self) -> usize {
        self.accepting.len() + self.sending.len() + self.receiving.len()
    }

    /// Octets of calls that wait.
    pub(super) fn waiting(&self) -> usize {
        self.sending
            .iter()
            .map(|sending| sending.data.len() - sending.taken)
            .sum()
    }

    /// Takes all calls that wait, in the order in which they are answered.
    pub(super) fn take_calls(&mut self) -> Vec<u64> {
        let accepting = self.accepting.drain(..);
        let sending = self.sending.drain(..).filter_map(|sending| sending.id);
        let receiving = self.receiving.drain(..).map(|(id, _)| id);
        accepting.chain(sending).chain(receiving).collect()
    }

    /// Remembers the ends while the kernel knows them.
    pub(super) fn note_ends(&mut self) {
        if let (Some(local), Some(remote)) =
            (local_address(&self.socket), remote_address(&self.socket))
        {
            self.connection = Some(FourTuple { local, remote });
        }
    }

    /// Gives the socket back so that nothing of it stays: RST where the state asks for one.
    pub(super) fn abort(self) {
        // A socket that cannot be set is closed all the same.
        self.socket
            .set_linger(Some(std::time::Duration::ZERO))
            .unwrap_or_default();
    }

    /// `close()`. A positive linger time would block the whole agent until the data is acknowledged; on
    /// the wire it makes no difference, since Linux leaves an orphan either way.
    pub(super) fn release(self) {
        if self
            .socket
            .linger()
            .is_ok_and(|linger| linger.is_some_and(|time| !time.is_zero()))
        {
            self.socket.set_linger(None).unwrap_or_default();
        }
    }
}

pub(super) fn local_address(socket: &Socket) -> Option<std::net::SocketAddr> {
    socket.local_addr().ok()?.as_socket()
}

fn remote_address(socket: &Socket) -> Option<std::net::SocketAddr> {
    socket.peer_addr().ok()?.as_socket()
}

/// The system's number of an error, by its name on the seam.
pub(super) fn errno(error: &io::Error) -> Errno {
    match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => Errno::ConnectionRefused,
        Some(libc::ECONNRESET) => Errno::ConnectionReset,
        Some(libc::ECONNABORTED) => Errno::ConnectionAborted,
        Some(libc::ETIMEDOUT) => Errno::TimedOut,
        Some(libc::EHOSTUNREACH) => Errno::HostUnreachable,
        Some(libc::ENETUNREACH) => Errno::NetworkUnreachable,
        Some(libc::ENOPROTOOPT) => Errno::ProtocolUnavailable,
        Some(libc::EMSGSIZE) => Errno::MessageSize,
        Some(libc::ENOTCONN) => Errno::NotConnected,
        Some(libc::EISCONN) => Errno::IsConnected,
        Some(libc::EPIPE) => Errno::BrokenPipe,
        Some(libc::EADDRINUSE) => Errno::AddressInUse,
        Some(libc::EADDRNOTAVAIL) => Errno::AddressNotAvailable,
        Some(libc::EACCES | libc::EPERM) => Errno::Access,
        Some(libc::EBADF) => Errno::BadSocket,
        Some(libc::EINVAL) => Errno::Invalid,
        Some(libc::ENOBUFS | libc::ENOMEM | libc::EMFILE | libc::ENFILE) => Errno::NoBuffers,
        Some(libc::EOPNOTSUPP) => Errno::Unsupported,
        _ if error.kind() == io::ErrorKind::Unsupported => Errno::Unsupported,
        _ => Errno::Other,
    }
}

pub(super) fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
