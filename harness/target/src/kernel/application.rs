//! The application in a target's namespace, driven over a socket pair by the agent's text protocol.
//!
//! A thread and not a process of its own: it is born in the namespace, needs no binary to be found (a
//! library has none), and ends with this process however that ends.  What it runs is what `tcpconf agent`
//! runs, and our end is the one that speaks to remote agents.

use crate::net::linux::processor::Turns;
use crate::net::linux::sock_diag::{Found, SocketTable};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
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
    lateness: Arc<Lateness>,
    turns: Turns,
}

/// The thread's end, started but not yet spoken to.
#[derive(Debug)]
pub(super) struct Started {
    ours: UnixStream,
    lateness: Arc<Lateness>,
    turns: Receiver<Turns>,
}

/// How long calls lie before the thread reads them: on a crowded machine it gets its turn late, which says
/// nothing about the target.
#[derive(Debug, Default)]
struct Lateness(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    /// When the oldest call was made that the thread has not read.
    unread: Option<Instant>,
    /// The longest that one lay since this was asked last.
    worst: Duration,
}

impl Lateness {
    /// A call is about to be written.
    fn made(&self) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        calls.unread.get_or_insert_with(Instant::now);
    }

    /// The thread has read what there was.
    fn read(&self) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = calls.unread.take() {
            calls.worst = calls.worst.max(made.elapsed());
        }
    }

    /// The longest since this was asked last, calls that still lie included.
    fn take(&self) -> Duration {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lies = calls.unread.map_or(Duration::ZERO, |made| made.elapsed());
        std::mem::take(&mut calls.worst).max(lies)
    }
}

/// The thread's end of the line, which tells when it is read.
struct Heard<'a> {
    line: &'a UnixStream,
    lateness: &'a Lateness,
}

impl Read for Heard<'_> {
    fn read(&mut self, portion: &mut [u8]) -> io::Result<usize> {
        // Behind the reading: a call that is made while this goes on is read with it, and would be taken for one
        // that lies there for ever.
        let count = self.line.read(portion)?;
        self.lateness.read();
        Ok(count)
    }
}

impl AsFd for Heard<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.line.as_fd()
    }
}

impl Started {
    /// Starts the application in the namespace of the calling thread.
    pub(super) fn here() -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        let table = SocketTable::open()?;
        let lateness = Arc::<Lateness>::default();
        let clock = Arc::clone(&lateness);
        let (tell, turns) = channel();
        let mut sockets =
            Sockets::new(Policy::unlimited())?.with_status_source(Box::new(KernelStatus { table }));
        std::thread::Builder::new()
            .name("tcpconf-app".into())
            .spawn(move || {
                drop(tell.send(Turns::of_this_thread()));
                let input = Heard {
                    line: &theirs,
                    lateness: &clock,
                };
                // A thread that fails hangs up, which shows in every call.
                drop(serve(input, &theirs, &mut sockets, None));
            })?;
        Ok(Self {
            ours,
            lateness,
            turns,
        })
    }
}

impl Application {
    /// Begins the conversation.
    pub(super) fn meet(started: Started) -> io::Result<Self> {
        let client = Client::new(started.ours, PATIENCE)
            .map_err(|error| io::Error::other(format!("the application {error}")))?;
        let turns = started.turns.recv();
        Ok(Self {
            cases: Cases::new(client),
            lateness: started.lateness,
            turns: turns.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?,
        })
    }

    pub(super) fn capabilities(&self) -> &[Capability] {
        self.cases.client().capabilities()
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.cases.client().fd()
    }

    pub(super) fn call(&mut self, key: u64, id: CallId, call: AppCall) {
        self.lateness.made();
        self.cases.call(key, id, call);
        self.cases.flush_within(ROOM_WITHIN);
    }

    pub(super) fn poll(&mut self) -> Option<(u64, AppEvent)> {
        self.cases.poll()
    }

    /// How its thread gets its turns.
    pub(super) fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    /// How late the thread was with a call since this was asked last; one that it has not read yet counts.
    pub(super) fn late(&self) -> Duration {
        self.lateness.take()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_late_until_it_is_read_and_once_after_that() {
        let lateness = Lateness::default();
        assert_eq!(lateness.take(), Duration::ZERO);
        lateness.made();
        let lies = lateness.take();
        assert!(lies > Duration::ZERO);
        lateness.made();
        lateness.read();
        assert!(lateness.take() > lies);
        assert_eq!(lateness.take(), Duration::ZERO);
    }
}
