//! The port of the upper tester: `tcpconf agent --autosar udp:PORT` or `tcp:PORT`.
//!
//! Each tester, told apart by address and port, has sockets of its own.  A TCP tester's are closed when it
//! hangs up.  UDP has no end: its tester's are closed by END_TEST, or when it has been silent for
//! five minutes, or when more testers come than there are places and it has been silent for longest.

use super::UpperTester;
use crate::autosar::message::{Message, Stream};
use crate::autosar::{Dialect, Transport};
use crate::server::{AgentOptions, Peers, Policy};
use ipnetwork::IpNetwork;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Testers at once.
const MAX_TESTERS: usize = 1_024;
/// After this time a UDP tester is taken for gone.
const SILENT: Duration = Duration::from_secs(300);
/// Octets that are read at a time; no datagram is longer.
const PORTION: usize = 65_536;
/// Octets for a TCP tester that may wait: more, and its sockets wait too.
const MAX_PENDING: usize = 1 << 20;

enum Port {
    Udp(UdpSocket),
    Tcp(TcpListener),
}

impl Port {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Udp(socket) => socket.as_fd(),
            Self::Tcp(listener) => listener.as_fd(),
        }
    }
}

/// The line to a TCP tester.
struct Line {
    stream: TcpStream,
    incoming: Stream,
    outgoing: VecDeque<u8>,
}

struct Tester {
    sockets: UpperTester,
    line: Option<Line>,
    heard: Instant,
}

/// An upper tester with a port.
pub struct Station {
    port: Port,
    dialect: Dialect,
    allow: Peers,
    options: AgentOptions,
    testers: BTreeMap<SocketAddr, Tester>,
}

impl Station {
    /// Opens the port.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(
        transport: Transport,
        address: SocketAddr,
        dialect: Dialect,
        options: AgentOptions,
    ) -> io::Result<Self> {
        let port = match transport {
            Transport::Udp => {
                let socket = UdpSocket::bind(address)?;
                socket.set_nonblocking(true)?;
                Port::Udp(socket)
            }
            Transport::Tcp => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Port::Tcp(listener)
            }
        };
        let allow = if options.allow.is_empty() {
            Peers::In(vec![
                IpNetwork::new(Ipv4Addr::LOCALHOST.into(), 8).map_err(io::Error::other)?,
                IpNetwork::from(std::net::IpAddr::from(Ipv6Addr::LOCALHOST)),
            ])
        } else {
            Peers::In(options.allow.clone())
        };
        Ok(Self {
            port,
            dialect,
            allow,
            options,
            testers: BTreeMap::new(),
        })
    }

    /// Where it is.
    ///
    /// # Errors
    /// What the system said.
    pub fn address(&self) -> io::Result<SocketAddr> {
        match &self.port {
            Port::Udp(socket) => socket.local_addr(),
            Port::Tcp(listener) => listener.local_addr(),
        }
    }

    /// Serves testers until `stop` becomes readable. `say` gets a line for people about each that comes or
    /// goes.
    ///
    /// # Errors
    /// What the system said to the port, `poll` or an epoll.
    pub fn run(mut self, stop: BorrowedFd<'_>, say: &mut dyn FnMut(&str)) -> io::Result<()> {
        loop {
            let ready = self.wait(stop)?;
            if ready.stopped {
                return Ok(());
            }
            if ready.port {
                match self.port {
                    Port::Udp(_) => self.datagrams(say)?,
                    Port::Tcp(_) => self.connections(say)?,
                }
            }
            for peer in ready.testers {
                self.attend(peer, say);
            }
            self.forget_silent(say);
        }
    }

    fn wait(&self, stop: BorrowedFd<'_>) -> io::Result<Ready> {
        let mut fds = vec![
            PollFd::new(stop, PollFlags::POLLIN),
            PollFd::new(self.port.fd(), PollFlags::POLLIN),
        ];
        let mut owners = Vec::new();
        for (peer, tester) in &self.testers {
            let pending = tester.line.as_ref().map_or(0, |line| line.outgoing.len());
            if pending < MAX_PENDING {
                fds.push(PollFd::new(tester.sockets.fd(), PollFlags::POLLIN));
                owners.push(*peer);
            }
            if let Some(line) = &tester.line {
                let mut flags = PollFlags::empty();
                flags.set(PollFlags::POLLIN, pending < MAX_PENDING);
                flags.set(PollFlags::POLLOUT, pending > 0);
                fds.push(PollFd::new(line.stream.as_fd(), flags));
                owners.push(*peer);
            }
        }
        let patience = PollTimeout::try_from(SILENT).map_err(io::Error::other)?;
        match poll(&mut fds, patience) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |fd: &PollFd<'_>| fd.any().unwrap_or_default();
        let mut testers: Vec<_> = owners
            .into_iter()
            .zip(&fds[2..])
            .filter(|(_, fd)| is_ready(fd))
            .map(|(peer, _)| peer)
            .collect();
        testers.dedup();
        Ok(Ready {
            stopped: is_ready(&fds[0]),
            port: is_ready(&fds[1]),
            testers,
        })
    }

    fn datagrams(&mut self, say: &mut dyn FnMut(&str)) -> io::Result<()> {
        let mut buffer = vec![0; PORTION];
        loop {
            let Port::Udp(socket) = &self.port else {
                return Ok(());
            };
            let (length, peer) = match socket.recv_from(&mut buffer) {
                Ok(found) => found,
                Err(error) if is_later(&error) => return Ok(()),
                // An answer of ours that nobody wanted.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error),
            };
            if !self.allow.include(peer.ip()) {
                continue;
            }
            let Ok(message) = Message::parse(&buffer[..length]) else {
                continue;
            };
            let tester = self.tester(peer, None, say)?;
            tester.heard = Instant::now();
            tester.sockets.handle(&message);
            self.attend(peer, say);
        }
    }

    fn connections(&mut self, say: &mut dyn FnMut(&str)) -> io::Result<()> {
        loop {
            let Port::Tcp(listener) = &self.port else {
                return Ok(());
            };
            let (stream, peer) = match listener.accept() {
                Ok(found) => found,
                Err(error) if is_later(&error) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            if !self.allow.include(peer.ip()) {
                say(&format!("{peer} is not allowed"));
                continue;
            }
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let line = Line {
                stream,
                incoming: Stream::default(),
                outgoing: VecDeque::new(),
            };
            self.tester(peer, Some(line), say)?;
        }
    }

    /// The tester of that address, a new one if there is none.
    fn tester(
        &mut self,
        peer: SocketAddr,
        line: Option<Line>,
        say: &mut dyn FnMut(&str),
    ) -> io::Result<&mut Tester> {
        if !self.testers.contains_key(&peer) {
            if self.testers.len() >= MAX_TESTERS {
                let silent = self.testers.iter().min_by_key(|(_, tester)| tester.heard);
                if let Some(silent) = silent.map(|(peer, _)| *peer) {
                    self.forget(silent, say);
                }
            }
            say(&format!("tester {peer} has come"));
        }
        let mut connect = self.options.connect.clone();
        connect.push(IpNetwork::from(peer.ip().to_canonical()));
        let policy = Policy {
            ports: self.options.ports.clone(),
            connect: Peers::In(connect),
        };
        match self.testers.entry(peer) {
            std::collections::btree_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::btree_map::Entry::Vacant(place) => Ok(place.insert(Tester {
                sockets: UpperTester::new(self.dialect, policy)?,
                line,
                heard: Instant::now(),
            })),
        }
    }

    /// Looks after a tester: what it says, what its sockets say, what it has to be told.
    fn attend(&mut self, peer: SocketAddr, say: &mut dyn FnMut(&str)) {
        let Some(tester) = self.testers.get_mut(&peer) else {
            return;
        };
        let attended = match &self.port {
            Port::Udp(socket) => tester.over_udp(socket, peer),
            Port::Tcp(_) => tester.over_tcp(),
        };
        if attended.is_err() {
            self.forget(peer, say);
        }
    }

    fn forget_silent(&mut self, say: &mut dyn FnMut(&str)) {
        let silent: Vec<_> = self
            .testers
            .iter()
            .filter(|(_, tester)| tester.line.is_none() && tester.heard.elapsed() >= SILENT)
            .map(|(peer, _)| *peer)
            .collect();
        for peer in silent {
            self.forget(peer, say);
        }
    }

    fn forget(&mut self, peer: SocketAddr, say: &mut dyn FnMut(&str)) {
        if let Some(mut tester) = self.testers.remove(&peer) {
            tester.sockets.clear();
            say(&format!("tester {peer} has gone; every socket is closed"));
        }
    }
}

struct Ready {
    stopped: bool,
    port: bool,
    testers: Vec<SocketAddr>,
}

impl Tester {
    fn over_udp(&mut self, socket: &UdpSocket, peer: SocketAddr) -> io::Result<()> {
        self.sockets.turn()?;
        while let Some(message) = self.sockets.next_message() {
            match socket.send_to(&message.build(), peer) {
                Ok(_) => {}
                // Lost, as a datagram may be.
                Err(error) if is_later(&error) => {}
                // Somebody's port unreachable, ours or another's.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn over_tcp(&mut self) -> io::Result<()> {
        let Some(line) = &mut self.line else {
            return Ok(());
        };
        if line.outgoing.len() < MAX_PENDING {
            let mut buffer = vec![0; PORTION];
            match line.stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => line.incoming.push(&buffer[..length]),
                Err(error) if is_later(&error) => {}
                Err(error) => return Err(error),
            }
            // What cannot be cut any further cannot be answered either: the line is of no use.
            while let Some(message) = line.incoming.next_message().map_err(io::Error::other)? {
                self.sockets.handle(&message);
            }
            self.sockets.turn()?;
        }
        while let Some(message) = self.sockets.next_message() {
            line.outgoing.extend(message.build());
        }
        while !line.outgoing.is_empty() {
            let (first, _) = line.outgoing.as_slices();
            match line.stream.write(first) {
                Ok(count) => drop(line.outgoing.drain(..count)),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
