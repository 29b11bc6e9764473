//! tcpconf's end of the line to an agent.
//!
//! [`Client`] speaks to one agent: calls go out, events come in, nothing blocks but what is given its
//! patience. [`Cases`] shares it among cases that run at once, and cleans up behind each.

mod cases;
mod parts;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

pub use cases::Cases;

use crate::text::{
    Answer, Hello, Lines, MAX_LINE, MIN_LINE, Malformed, Message, PROTOCOL, Refusal,
};
use crate::text::{Request, TooLong};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use parts::Parts;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, Value};
use tcpconf_suite::vocabulary::Capability;
use thiserror::Error;

/// Octets read at a time.
const PORTION: usize = 16 * 1_024;
/// Octets that one look at the stream takes: an agent that floods must not keep us from everything else.
const MAX_LOOK: usize = 64 * PORTION;
/// Messages that may wait to be taken. An agent that tells more than that without being asked is broken.
const MAX_INBOX: usize = 65_536;

/// What went wrong between us and the agent, of whom the texts say it.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The stream broke.
    #[error("cannot be reached: {0}")]
    Io(#[from] io::Error),
    /// It ended the conversation.
    #[error("hung up{}", after_colon(.0))]
    Gone(String),
    /// It did not answer.
    #[error("does not answer within {0:?}")]
    Silent(Duration),
    /// It says what nobody understands.
    #[error("says what docs/agent.md does not know: {0}")]
    Protocol(String),
    /// It speaks another version.
    #[error("speaks version {found} of the protocol, and this is version {PROTOCOL}")]
    Version {
        /// Its version.
        found: u32,
    },
    /// It said no.
    #[error("refuses: {0}")]
    Refused(#[from] Refusal),
}

/// A way to an agent: a TCP connection, a socket pair, a serial line.
pub trait Stream: Read + Write + AsFd + Send {}

impl<S: Read + Write + AsFd + Send> Stream for S {}

/// A conversation with one agent.
pub struct Client {
    stream: Box<dyn Stream>,
    lines: Lines,
    outgoing: VecDeque<u8>,
    hello: Hello,
    next: u64,
    calls: BTreeMap<u64, Parts>,
    /// Requests of [`Client::ask`], by number, and their answers.
    asked: BTreeMap<u64, Option<Result<Answer, Refusal>>>,
    events: VecDeque<AppEvent>,
    bye: Option<String>,
    broken: bool,
}

impl Client {
    /// Connects to `tcpconf agent`.
    ///
    /// # Errors
    /// [`ClientError`]; `patience` is for the connection, and again for its first answer.
    pub fn connect(address: SocketAddr, patience: Duration) -> Result<Self, ClientError> {
        let stream = TcpStream::connect_timeout(&address, patience)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Self::new(stream, patience)
    }

    /// Begins a conversation over a stream, which must be non-blocking, and asks what the agent can do.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(stream: impl Stream + 'static, patience: Duration) -> Result<Self, ClientError> {
        let mut client = Self {
            stream: Box::new(stream),
            lines: Lines::new(MAX_LINE),
            outgoing: VecDeque::new(),
            hello: Hello::new(""),
            next: 1,
            calls: BTreeMap::new(),
            asked: BTreeMap::new(),
            events: VecDeque::new(),
            bye: None,
            broken: false,
        };
        match client.answer(&Request::Hello, patience)? {
            Answer::Hello(hello) if hello.protocol == PROTOCOL => client.hello = hello,
            Answer::Hello(hello) => {
                return Err(ClientError::Version {
                    found: hello.protocol,
                });
            }
            Answer::Value(value) => {
                return Err(ClientError::Protocol(format!(
                    "{value:?} in answer to hello"
                )));
            }
        }
        // What another controller may have left.
        client.ask(&Request::Call(AppCall::ResetAll), patience)?;
        Ok(client)
    }

    /// What the agent is.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// What it can do.
    pub fn capabilities(&self) -> &[Capability] {
        &self.hello.capabilities
    }

    /// Readable when [`Client::turn`] has something to read.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Whether something could not be sent yet: call [`Client::turn`] when the stream takes more.
    pub fn wants_to_write(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Makes a call; its reply is an event with the same id. Does not block. When the agent is gone, the
    /// reply is ECONNABORTED.
    pub fn call(&mut self, id: CallId, call: AppCall) {
        let limit = self.hello.line.max(MIN_LINE);
        let more = self.hello.capabilities.contains(&Capability::SendMore);
        let calls = parts::split(call, limit, more);
        let parts = Parts::new(id, calls.len());
        let first = self.next;
        for call in calls {
            self.send(&Request::Call(call));
        }
        // All parts are known by the number of the first, so that the last answer makes the reply.
        self.calls.insert(first, parts);
        if self.is_lost() {
            self.give_up();
        } else if self.write().is_err() {
            self.broken = true;
        }
    }

    /// Asks and waits for the answer. What else comes meanwhile is kept.
    ///
    /// # Errors
    /// [`ClientError`]: [`ClientError::Refused`] when the agent said no.
    pub fn ask(&mut self, request: &Request, patience: Duration) -> Result<Value, ClientError> {
        match self.answer(request, patience)? {
            Answer::Value(value) => Ok(value),
            Answer::Hello(_) => Err(ClientError::Protocol(
                "hello, which nobody asked for".into(),
            )),
        }
    }

    /// Sends and receives what can be now. Does not block.
    ///
    /// # Errors
    /// [`ClientError`]; calls that wait are answered by ECONNABORTED all the same.
    pub fn turn(&mut self) -> Result<(), ClientError> {
        let result = match self.bye.clone() {
            Some(why) => Err(ClientError::Gone(why)),
            None if self.broken => Err(ClientError::Gone(String::new())),
            None => self.write().and_then(|()| self.read()),
        };
        if let Err(error) = &result {
            // Later it is still this that went wrong.
            self.bye.get_or_insert_with(|| match error {
                ClientError::Gone(why) => why.clone(),
                other => other.to_string(),
            });
            self.broken = true;
            self.give_up();
        }
        result
    }

    /// The next event.
    pub fn next_event(&mut self) -> Option<AppEvent> {
        self.events.pop_front()
    }

    /// Whether the agent is gone.
    pub fn is_lost(&self) -> bool {
        self.broken || self.bye.is_some()
    }

    /// How the agent went, in words if there are any; `None` while it is there.
    pub fn end(&self) -> Option<&str> {
        let why = self.bye.as_deref();
        why.or_else(|| self.broken.then_some(""))
    }

    fn answer(&mut self, request: &Request, patience: Duration) -> Result<Answer, ClientError> {
        let id = self.send(request);
        self.asked.insert(id, None);
        let answer = self.wait_for(id, patience);
        self.asked.remove(&id);
        answer
    }

    fn wait_for(&mut self, id: u64, patience: Duration) -> Result<Answer, ClientError> {
        let until = Instant::now() + patience;
        loop {
            let turned = self.turn();
            // It may have answered before it went.
            if let Some(answer) = self.asked.get_mut(&id).and_then(Option::take) {
                return Ok(answer?);
            }
            turned?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ClientError::Silent(patience));
            }
            let mut flags = PollFlags::POLLIN;
            flags.set(PollFlags::POLLOUT, self.wants_to_write());
            let mut fds = [PollFd::new(self.stream.as_fd(), flags)];
            // Rounded up, or the last millisecond would be spent in a busy loop.
            let left = u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX);
            match poll(&mut fds, PollTimeout::from(left)) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }

    fn send(&mut self, request: &Request) -> u64 {
        let id = self.next;
        self.next += 1;
        self.outgoing.extend(request.encode(id).as_bytes());
        id
    }

    fn write(&mut self) -> Result<(), ClientError> {
        while !self.outgoing.is_empty() {
            let (first, _) = self.outgoing.as_slices();
            match self.stream.write(first) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What it said before it went is still to be read.
                Err(error) if hangs_up(&error) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), ClientError> {
        let mut portion = [0; PORTION];
        let mut looked = 0;
        while looked < MAX_LOOK {
            match self.stream.read(&mut portion) {
                Ok(0) => return Err(ClientError::Gone(String::new())),
                Ok(count) => {
                    looked += count;
                    self.lines.push(&portion[..count]);
                    self.take_lines()?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if hangs_up(&error) => return Err(ClientError::Gone(String::new())),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn take_lines(&mut self) -> Result<(), ClientError> {
        while let Some(line) = self.lines.next_line() {
            match Message::decode(&line.map_err(too_long)?) {
                Ok(message) => self.take(message)?,
                Err(Malformed { text, .. }) => return Err(ClientError::Protocol(text)),
            }
        }
        Ok(())
    }

    fn take(&mut self, message: Message) -> Result<(), ClientError> {
        match message {
            Message::Bye(why) => {
                self.bye = Some(why.clone());
                return Err(ClientError::Gone(why));
            }
            Message::Reply { id: 0, result } => {
                let said = result.err().map(|refusal| refusal.to_string());
                let said = said.unwrap_or_else(|| "an answer to no request".into());
                return Err(ClientError::Protocol(said));
            }
            Message::Reply { id, result } => self.take_reply(id, result),
            Message::Event(event) => self.events.push_back(event),
        }
        if self.events.len() > MAX_INBOX {
            return Err(ClientError::Protocol(format!(
                "more than {MAX_INBOX} events that nobody asked for"
            )));
        }
        Ok(())
    }

    fn take_reply(&mut self, id: u64, result: Result<Answer, Refusal>) {
        if let Some(answer) = self.asked.get_mut(&id) {
            *answer = Some(result);
            return;
        }
        // The parts of a call are numbered on from its first.
        let Some((first, parts)) = self.calls.range_mut(..=id).next_back() else {
            return;
        };
        let first = *first;
        let result = match result {
            Ok(Answer::Value(value)) => Ok(value),
            Ok(Answer::Hello(_)) => Err(Errno::Other),
            Err(refusal) => Err(refusal.errno),
        };
        if let Some(event) = parts.answered(id - first, result) {
            self.calls.remove(&first);
            self.events.push_back(event);
        }
    }

    /// Whoever waits for an answer gets one.
    fn give_up(&mut self) {
        for parts in std::mem::take(&mut self.calls).into_values() {
            self.events.push_back(AppEvent::Reply {
                id: parts.call(),
                result: Err(Errno::ConnectionAborted),
            });
        }
    }
}

fn hangs_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

fn too_long(error: TooLong) -> ClientError {
    ClientError::Protocol(error.to_string())
}

fn after_colon(why: &str) -> String {
    if why.is_empty() {
        String::new()
    } else {
        format!(": {why}")
    }
}
