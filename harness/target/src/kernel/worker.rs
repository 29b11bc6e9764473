//! The thread that lives in a target namespace and plays its services: one epoll, no busy loop.

use crate::net::linux::os_error;
use crate::net::linux::processor::Turns;
use crate::service::Service;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
    sockopt,
};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use tcpconf_agent::server::Services;

const WAKE: u64 = 0;
const EVENTS: usize = 64;

/// What the namespace's service is asked to do.
pub(super) enum Command {
    /// Listen on a port.
    Open {
        port: u16,
        ip: u8,
        service: Service,
        backlog: u32,
        reply: Sender<io::Result<()>>,
    },
    /// Close the listener of a port and its connections.
    Close { port: u16, ip: u8 },
}

/// The worker's handle: its thread ends when this is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    commands: Option<Sender<Command>>,
    wake: Arc<EventFd>,
    thread: Option<std::thread::JoinHandle<()>>,
    turns: Turns,
}

impl Worker {
    /// Starts a worker in a thread that `enter` moves to where it shall work; what `enter` returned.
    pub(super) fn start<T: Send + 'static>(
        enter: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<(Self, T)> {
        let wake =
            Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC).map_err(os_error)?);
        let (commands, inbox) = channel();
        let (entered, answer) = channel();
        let waker = Arc::clone(&wake);
        let thread = std::thread::Builder::new()
            .name("tcpconf-service".into())
            .spawn(move || {
                let turns = Turns::of_this_thread();
                let prepared = enter().and_then(|value| Ok((value, Loop::new(waker, inbox)?)));
                match prepared {
                    Ok((value, mut work)) => {
                        if entered.send(Ok((value, turns))).is_ok() {
                            work.run();
                        }
                    }
                    Err(error) => drop(entered.send(Err(error))),
                }
            })?;
        // If it has failed, the thread has ended or is about to.
        let (value, turns) = answer.recv().map_err(|_| gone())??;
        let worker = Self {
            commands: Some(commands),
            wake,
            thread: Some(thread),
            turns,
        };
        Ok((worker, value))
    }

    /// Opens a listener.
    pub(super) fn open(&self, port: u16, ip: u8, service: Service, backlog: u32) -> io::Result<()> {
        let (reply, answer) = channel();
        self.tell(Command::Open {
            port,
            ip,
            service,
            backlog,
            reply,
        })?;
        answer.recv().map_err(|_| gone())?
    }

    /// Closes a listener and its connections.
    pub(super) fn close(&self, port: u16, ip: u8) -> io::Result<()> {
        self.tell(Command::Close { port, ip })
    }

    /// How its thread gets its turns.
    pub(super) fn turns(&mut self) -> &mut Turns {
        &mut self.turns
    }

    fn tell(&self, command: Command) -> io::Result<()> {
        let commands = self.commands.as_ref().ok_or_else(gone)?;
        commands.send(command).map_err(|_| gone())?;
        self.wake.write(1).map(drop).map_err(os_error)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.commands = None;
        // The thread sees the closed channel as soon as it wakes.
        if self.wake.write(1).is_ok()
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the service thread has ended")
}

struct Loop {
    epoll: Epoll,
    wake: Arc<EventFd>,
    inbox: Receiver<Command>,
    services: Services,
}

impl Loop {
    fn new(wake: Arc<EventFd>, inbox: Receiver<Command>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(os_error)?;
        epoll
            .add(wake.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, WAKE))
            .map_err(os_error)?;
        Ok(Self {
            epoll,
            wake,
            inbox,
            services: Services::default(),
        })
    }

    fn run(&mut self) {
        let mut events = [EpollEvent::empty(); EVENTS];
        loop {
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(nix::Error::EINTR) => continue,
                Err(_) => return,
            };
            for event in &events[..count] {
                match event.data() {
                    WAKE => {
                        if self.wake.read().is_err() || !self.obey() {
                            return;
                        }
                    }
                    token => self
                        .services
                        .ready(&self.epoll, token, event.events(), usize::MAX),
                }
            }
        }
    }

    /// Carries out what was asked for; `false` when nobody can ask any more.
    fn obey(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Command::Open {
                    port,
                    ip,
                    service,
                    backlog,
                    reply,
                }) => drop(reply.send(self.open(port, ip, service, backlog))),
                Ok(Command::Close { port, ip }) => self.services.close(wildcard(port, ip)),
                Err(std::sync::mpsc::TryRecvError::Empty) => return true,
                Err(std::sync::mpsc::TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn open(&mut self, port: u16, ip: u8, service: Service, backlog: u32) -> io::Result<()> {
        let local = wildcard(port, ip);
        let listener = listener(local, backlog)?;
        self.services.open(&self.epoll, service, local, listener)
    }
}

fn wildcard(port: u16, ip: u8) -> SocketAddr {
    let ip = match ip {
        6 => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        _ => IpAddr::from(Ipv4Addr::UNSPECIFIED),
    };
    SocketAddr::new(ip, port)
}

/// A listener with a backlog: std's has a fixed one.
fn listener(local: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let family = match local {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let fd = socket(
        family,
        SockType::Stream,
        SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC,
        None,
    )
    .map_err(os_error)?;
    if local.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true).map_err(os_error)?;
    }
    setsockopt(&fd, sockopt::ReuseAddr, &true).map_err(os_error)?;
    bind(fd.as_raw_fd(), &SockaddrStorage::from(local)).map_err(os_error)?;
    let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
    let backlog = Backlog::new(backlog).map_err(os_error)?;
    listen(&fd, backlog).map_err(os_error)?;
    Ok(TcpListener::from(fd))
}
