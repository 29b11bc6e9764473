//! The application in a target's namespace, driven over a socket pair by the agent's text protocol.
//!
//! A thread and not a process of its own: it is born in the namespace, needs no binary to be found (a
//! library has none), and ends with this process however that ends.  What it runs is what `tcpconf agent`
//! runs, and our end is the one that speaks to remote agents.

use crate::net::linux::sock_diag::{Found, SocketTable};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tcpconf_agent::client::{Cases, Client};
use tcpconf_agent::server::{Application as Sockets, Policy, StatusSource, serve};
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, FourTuple, Status};
use tcpconf_suite::vocabulary::Capability;

/// The thread answers at once; one that takes this long is broken.
const PATIENCE: Duration = Duration::from_secs(5);
/// A long call may have to wait until the thread has read its first part: not for long.
const ROOM_WITHIN: Duration = Duration::from_millis(100);

/// Our end of the line to the application.
pub(super) struct Application {
    cases: Cases,
}

/// The thread's end, started but not yet spoken to.
#[derive(Debug)]
pub(super) struct Started(UnixStream);

impl Started {
    /// Starts the application in the namespace of the calling thread.
    pub(super) fn here() -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let table = SocketTable::open()?;
        let mut sockets =
            Sockets::new(Policy::unlimited())?.with_status_source(Box::new(KernelStatus { table }));
        std::thread::Builder::new()
            .name("tcpconf-app".into())
            .spawn(move || {
                // A thread that fails hangs up, which shows in every call.
                drop(serve(&theirs, &theirs, &mut sockets, None));
            })?;
        Ok(Self(ours))
    }
}

impl Application {
    /// Begins the conversation.
    pub(super) fn meet(started: Started) -> io::Result<Self> {
        let client = Client::new(started.0, PATIENCE).map_err(io::Error::other)?;
        let cases = Cases::new(client);
        Ok(Self { cases })
    }

    pub(super) fn capabilities(&self) -> &[Capability] {
        self.cases.client().capabilities()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.cases.client().fd()
    }

    pub(super) fn call(&mut self, key: u64, id: CallId, call: AppCall) {
        self.cases.call(key, id, call);
        self.cases.flush_within(ROOM_WITHIN);
    }

    pub(super) fn poll(&mut self) -> Option<(u64, AppEvent)> {
        self.cases.poll()
    }
}

/// Connections of the namespace that have no socket any more, or none yet.
#[derive(Debug)]
pub struct KernelStatus {
    table: SocketTable,
}

impl KernelStatus {
    /// Of the namespace of the calling thread.
    ///
    /// # Errors
    /// What the system said.
    pub fn open() -> io::Result<Self> {
        SocketTable::open().map(|table| Self { table })
    }
}

impl StatusSource for KernelStatus {
    fn status(&mut self, connection: FourTuple) -> Result<Option<Status>, Errno> {
        match self.table.find(connection) {
            Ok(Found::Connection(socket)) => Ok(Some(socket.status())),
            Ok(Found::Nothing | Found::Listener) => Ok(None),
            Err(_) => Err(Errno::Other),
        }
    }
}
