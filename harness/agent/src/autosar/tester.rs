//! Cases that run at once against one upper tester.
//!
//! Each case has a socket of its own, so that the events of RECEIVE_AND_FORWARD, which do not say what
//! they belong to, cannot go to another case: an upper tester answers to where it was asked from.
//! Requests are not repeated, because a second CREATE_AND_BIND would make a second socket: a datagram
//! that is lost fails its call by ETIMEDOUT, noticed when [`Testers::poll`] is called next.

use super::client::{Client, Reading};
use super::message::{Message, Stream};
use super::{Dialect, Transport};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use socket2::{Domain, Socket, Type};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno};

/// Octets read at a time; no datagram is longer.
const PORTION: usize = 65_536;
/// Reads of one socket before the others get their turn.
const READS: usize = 64;

/// The upper tester of a device, for many cases.
pub struct Testers {
    epoll: Epoll,
    transport: Transport,
    address: SocketAddr,
    dialect: Dialect,
    reading: Reading,
    patience: Duration,
    cases: BTreeMap<u64, Case>,
    events: VecDeque<(u64, AppEvent)>,
    lost: VecDeque<(Option<u64>, String)>,
}

struct Case {
    client: Client,
    line: Line,
    /// When what is under way was asked.
    asked: Option<Instant>,
    /// The last call, and whether it was answered.
    ending: Option<(CallId, bool)>,
    /// It was told that nobody answers.
    lost: bool,
}

/// The way to the upper tester.
struct Line {
    socket: Socket,
    transport: Transport,
    incoming: Stream,
    outgoing: VecDeque<u8>,
}

impl Testers {
    /// Without a case yet; nothing is sent. `patience` is for each response.
    ///
    /// # Errors
    /// What the system said to an epoll.
    pub fn new(
        transport: Transport,
        address: SocketAddr,
        dialect: Dialect,
        reading: Reading,
        patience: Duration,
    ) -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            transport,
            address,
            dialect,
            reading,
            patience,
            cases: BTreeMap::new(),
            events: VecDeque::new(),
            lost: VecDeque::new(),
        })
    }

    /// Readable when [`Testers::poll`] may have something to tell.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }

    /// Makes a call for a case; the reply comes by [`Testers::poll`]. Does not block.
    /// [`AppCall::ResetAll`] ends the case: nobody hears of it any more.
    pub fn call(&mut self, key: u64, id: CallId, call: AppCall) {
        if !self.cases.contains_key(&key) {
            if call == AppCall::ResetAll {
                return;
            }
            match self.open() {
                Ok(case) => {
                    self.cases.insert(key, case);
                }
                Err(error) => {
                    self.lost.push_back((Some(key), error.to_string()));
                    let result = Err(Errno::HostUnreachable);
                    return self.events.push_back((key, AppEvent::Reply { id, result }));
                }
            }
        }
        let Some(case) = self.cases.get_mut(&key) else {
            return;
        };
        if call == AppCall::ResetAll {
            case.ending = Some((id, false));
            self.events.retain(|(owner, _)| *owner != key);
        }
        case.client.call(id, call);
        self.look(key);
    }

    /// The next event, and whose it is. Looks at the sockets first; does not block.
    pub fn poll(&mut self) -> Option<(u64, AppEvent)> {
        if self.events.is_empty() {
            let keys: Vec<u64> = self.cases.keys().copied().collect();
            for key in keys {
                self.look(key);
            }
        }
        self.events.pop_front()
    }

    /// A case whose upper tester did not answer or whose line broke, and how; `None` for all cases, when nobody
    /// is there any more. Each is told once; calls are answered by errors all the same.
    pub fn lost(&mut self) -> Option<(Option<u64>, String)> {
        self.lost.pop_front()
    }

    /// Cases that have not ended.
    pub fn held(&self) -> usize {
        self.cases.len()
    }

    fn open(&self) -> io::Result<Case> {
        let kind = match self.transport {
            Transport::Udp => Type::DGRAM,
            Transport::Tcp => Type::STREAM,
        };
        let socket = Socket::new(Domain::for_address(self.address), kind, None)?;
        socket.set_nonblocking(true)?;
        if self.transport == Transport::Tcp {
            socket.set_tcp_nodelay(true)?;
        }
        match socket.connect(&self.address.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        self.epoll
            .add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
        Ok(Case {
            client: Client::new(self.dialect, self.reading),
            line: Line {
                socket,
                transport: self.transport,
                incoming: Stream::default(),
                outgoing: VecDeque::new(),
            },
            asked: None,
            ending: None,
            lost: false,
        })
    }

    /// Moves octets of a case, and hands out its events.
    fn look(&mut self, key: u64) {
        let Some(case) = self.cases.get_mut(&key) else {
            return;
        };
        if let Err(error) = case.exchange() {
            case.lose(key, &error, &mut self.lost);
            // The line is down: whatever was asked has failed, and so will what is asked next.
            while case.client.waits() {
                case.client.give_up(Errno::ConnectionReset);
                while case.client.next_message().is_some() {}
            }
        } else if case.is_late(self.patience) {
            case.asked = None;
            let why = format!("no response within {:?}", self.patience);
            let late = io::Error::new(io::ErrorKind::TimedOut, why);
            case.lose(key, &late, &mut self.lost);
            case.client.give_up(Errno::TimedOut);
            // What comes next goes out at the next look, if the line is still up.
            drop(case.exchange());
        }
        while let Some(event) = case.client.next_event() {
            match &mut case.ending {
                None => self.events.push_back((key, event)),
                Some((last, done)) => {
                    *done |= matches!(event, AppEvent::Reply { id, .. } if id == *last);
                }
            }
        }
        let over = matches!(case.ending, Some((_, true))) && !case.client.waits();
        if over && let Some(case) = self.cases.remove(&key) {
            // Closing the descriptor takes it off as well.
            self.epoll.delete(&case.line.socket).unwrap_or_default();
        }
        self.wait_for_room(key);
    }

    /// Asks to be woken when what could not be sent can be.
    fn wait_for_room(&self, key: u64) {
        let Some(case) = self.cases.get(&key) else {
            return;
        };
        let mut flags = EpollFlags::EPOLLIN;
        flags.set(EpollFlags::EPOLLOUT, !case.line.outgoing.is_empty());
        // A descriptor that epoll does not take is looked at by every poll all the same.
        self.epoll
            .modify(&case.line.socket, &mut EpollEvent::new(flags, 0))
            .unwrap_or_default();
    }
}

impl Case {
    /// Sends what is to be said and takes what has come, until there is neither.
    fn exchange(&mut self) -> io::Result<()> {
        for _ in 0..READS {
            while let Some(message) = self.client.next_message() {
                self.asked = Some(Instant::now());
                self.line.say(&message)?;
            }
            self.line.flush()?;
            if !self.line.hear(&mut self.client)? {
                break;
            }
        }
        Ok(())
    }

    /// Tells once that nobody answers. A port that refuses has no upper tester for anybody.
    fn lose(&mut self, key: u64, error: &io::Error, lost: &mut VecDeque<(Option<u64>, String)>) {
        if !self.lost && self.ending.is_none() {
            self.lost = true;
            let refused = error.kind() == io::ErrorKind::ConnectionRefused;
            lost.push_back(((!refused).then_some(key), error.to_string()));
        }
    }

    fn is_late(&self, patience: Duration) -> bool {
        self.client.waits() && self.asked.is_some_and(|asked| asked.elapsed() >= patience)
    }
}

impl Line {
    fn say(&mut self, message: &[u8]) -> io::Result<()> {
        match self.transport {
            Transport::Udp => match self.socket.send(message) {
                Err(error) if !is_later(&error) => Err(error),
                _ => Ok(()),
            },
            Transport::Tcp => {
                self.outgoing.extend(message);
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            let (first, _) = self.outgoing.as_slices();
            match (&self.socket).write(first) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes one portion; whether there was one.
    fn hear(&mut self, client: &mut Client) -> io::Result<bool> {
        let mut buffer = vec![0; PORTION];
        let length = match (&self.socket).read(&mut buffer) {
            Ok(0) if self.transport == Transport::Tcp => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(length) => length,
            Err(error) if is_later(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        match self.transport {
            // What is no message is somebody else's.
            Transport::Udp => {
                if let Ok(message) = Message::parse(&buffer[..length]) {
                    client.handle(&message);
                }
            }
            Transport::Tcp => {
                self.incoming.push(&buffer[..length]);
                while let Some(message) = self.incoming.next_message().map_err(io::Error::other)? {
                    client.handle(&message);
                }
            }
        }
        Ok(true)
    }
}

/// Not now: also while a TCP connection is being opened.
fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::NotConnected
    )
}
