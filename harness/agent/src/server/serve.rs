//! One controller and the application that it drives.

use super::application::Application;
use crate::text::{Lines, MAX_LINE, Malformed, Message, Refusal, Request, TooLong};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use tcpconf_engine::Errno;

/// Octets read at a time.
const PORTION: usize = 16 * 1_024;
/// Octets for the controller that may wait. Beyond that nothing is read from it and no socket is looked
/// at until it has taken some: a controller that does not read slows itself down, nobody else.
const MAX_PENDING: usize = 256 * 1_024;
/// Requests that are done before sockets and the others get their turn.
const REQUESTS: usize = 64;

/// Why serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The controller is gone.
    Gone,
    /// The `stop` descriptor became readable.
    Stopped,
}

/// Somebody else at the door while a controller is served.
pub(super) trait Door {
    /// Readable when there is one; `None` when he cannot be let in.
    fn fd(&self) -> Option<BorrowedFd<'_>>;
    /// Sends him away.
    fn refuse(&mut self);
}

/// Serves the controller at the other end of a stream until it goes away, then closes every socket.
///
/// `input` and `output` may be the same stream; they should be non-blocking, and are never read or
/// written when they are not ready.
///
/// # Errors
/// What the system said to `poll` or the epoll; a broken stream is [`End::Gone`].
pub fn serve(
    input: impl Read + AsFd,
    output: impl Write + AsFd,
    application: &mut Application,
    stop: Option<BorrowedFd<'_>>,
) -> io::Result<End> {
    serve_with(input, output, application, stop, None)
}

pub(super) fn serve_with(
    input: impl Read + AsFd,
    output: impl Write + AsFd,
    application: &mut Application,
    stop: Option<BorrowedFd<'_>>,
    door: Option<&mut dyn Door>,
) -> io::Result<End> {
    let mut conversation = Conversation {
        input,
        output,
        lines: Lines::new(MAX_LINE),
        more_lines: false,
        pending: VecDeque::new(),
    };
    let end = conversation.run(application, stop, door);
    application.clear();
    end
}

struct Conversation<I, O> {
    input: I,
    output: O,
    lines: Lines,
    /// Whether lines may be left that were read already.
    more_lines: bool,
    pending: VecDeque<u8>,
}

impl<I: Read + AsFd, O: Write + AsFd> Conversation<I, O> {
    fn run(
        &mut self,
        application: &mut Application,
        stop: Option<BorrowedFd<'_>>,
        mut door: Option<&mut dyn Door>,
    ) -> io::Result<End> {
        loop {
            if self.has_room() {
                application.turn()?;
                self.obey(application);
            }
            while let Some(message) = application.next_message() {
                self.pending.extend(message.encode().as_bytes());
            }
            if self.write().is_err() {
                return Ok(End::Gone);
            }
            let found = self.wait(application, stop, door.as_deref())?;
            if found.stop {
                return Ok(End::Stopped);
            }
            if found.door
                && let Some(door) = &mut door
            {
                door.refuse();
            }
            if found.output_broken || found.input && self.read().is_err() {
                return Ok(End::Gone);
            }
        }
    }

    fn has_room(&self) -> bool {
        self.pending.len() < MAX_PENDING
    }

    /// Does what the lines ask that have come.
    fn obey(&mut self, application: &mut Application) {
        for _ in 0..REQUESTS {
            let Some(line) = self.lines.next_line() else {
                self.more_lines = false;
                return;
            };
            match line
                .map_err(Malformed::from)
                .and_then(|line| Request::decode(&line))
            {
                Ok((id, request)) => application.request(id, request),
                Err(Malformed { id, errno, text }) => {
                    let reply = Message::Reply {
                        id: id.unwrap_or(0),
                        result: Err(Refusal { errno, text }),
                    };
                    application.tell(reply);
                }
            }
        }
        self.more_lines = true;
    }

    /// Writes as much as the stream takes.
    fn write(&mut self) -> io::Result<()> {
        while !self.pending.is_empty() {
            let (first, _) = self.pending.as_slices();
            match self.output.write(first) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.pending.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads one portion; an error when there will be no more.
    fn read(&mut self) -> io::Result<()> {
        let mut portion = [0; PORTION];
        match self.input.read(&mut portion) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.lines.push(&portion[..count]);
                self.more_lines = true;
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Sleeps until something can be done.
    fn wait(
        &self,
        application: &Application,
        stop: Option<BorrowedFd<'_>>,
        door: Option<&dyn Door>,
    ) -> io::Result<Found> {
        let room = self.has_room();
        // Lines of the last portion come first, so that no more than a line and a portion is held.
        let reads = room && !self.more_lines;
        let asked = |wanted: bool, flags| if wanted { flags } else { PollFlags::empty() };
        let writes = !self.pending.is_empty();
        let mut fds = vec![
            PollFd::new(self.output.as_fd(), asked(writes, PollFlags::POLLOUT)),
            PollFd::new(self.input.as_fd(), asked(reads, PollFlags::POLLIN)),
            PollFd::new(application.fd(), asked(room, PollFlags::POLLIN)),
        ];
        let stop_at = stop.map(|stop| {
            fds.push(PollFd::new(stop, PollFlags::POLLIN));
            fds.len() - 1
        });
        let door_at = door.and_then(Door::fd).map(|door| {
            fds.push(PollFd::new(door, PollFlags::POLLIN));
            fds.len() - 1
        });
        let timeout = if room && self.more_lines {
            PollTimeout::ZERO
        } else {
            PollTimeout::NONE
        };
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let seen = |at: usize| fds[at].revents().unwrap_or(PollFlags::empty());
        let ready = |at: Option<usize>| at.is_some_and(|at| !seen(at).is_empty());
        let broken = PollFlags::POLLERR | PollFlags::POLLNVAL;
        Ok(Found {
            // A hang-up may have requests before it, which count no more: nobody hears the answers.
            output_broken: seen(0).intersects(broken | PollFlags::POLLHUP),
            input: !seen(1).is_empty(),
            stop: ready(stop_at),
            door: ready(door_at),
        })
    }
}

/// What a sleep ended with.
struct Found {
    output_broken: bool,
    input: bool,
    stop: bool,
    door: bool,
}

impl From<TooLong> for Malformed {
    fn from(too_long: TooLong) -> Self {
        Self {
            id: None,
            errno: Errno::MessageSize,
            text: too_long.to_string(),
        }
    }
}
