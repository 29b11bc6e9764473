//! `tcpconf agent`: controllers on a TCP port, one at a time.

use super::application::Application;
use super::policy::{Peers, Policy, PortRange};
use super::serve::{Door, End, serve_with};
use super::status::StatusSource;
use crate::text::Message;
use ipnetwork::IpNetwork;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Controllers that may wait to be told that there is one already.
const BACKLOG: i32 = 16;
/// A controller whose host has vanished without a word is noticed after about this time.
const VANISHED_AFTER: Duration = Duration::from_secs(30);

/// Who may control it, and what for.
#[derive(Clone, Debug, Default)]
pub struct AgentOptions {
    /// Networks of controllers; empty: this host itself.
    pub allow: Vec<IpNetwork>,
    /// Ports for the application; all when there is none.
    pub ports: Option<PortRange>,
    /// Networks that the application may connect to, besides the controller's address.
    pub connect: Vec<IpNetwork>,
}

/// An agent with a port.
pub struct Agent {
    listener: TcpListener,
    allow: Peers,
    options: AgentOptions,
}

/// Knows connections that have no socket; asked for each controller anew.
pub type MakeStatusSource<'a> = &'a mut dyn FnMut() -> Option<Box<dyn StatusSource>>;

impl Agent {
    /// Opens the port.
    ///
    /// # Errors
    /// What the system said.
    pub fn listen(address: SocketAddr, options: AgentOptions) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let allow = if options.allow.is_empty() {
            Peers::In(vec![
                IpNetwork::new(Ipv4Addr::LOCALHOST.into(), 8).map_err(io::Error::other)?,
                IpNetwork::from(IpAddr::from(Ipv6Addr::LOCALHOST)),
            ])
        } else {
            Peers::In(options.allow.clone())
        };
        Ok(Self {
            listener: socket.into(),
            allow,
            options,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system said.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves one controller after the other until `stop` becomes readable. `say` gets a line for people
    /// about each that comes or goes.
    ///
    /// # Errors
    /// What the system said to the listener, `poll` or an epoll.
    pub fn run(
        &self,
        stop: BorrowedFd<'_>,
        source: MakeStatusSource<'_>,
        say: &mut dyn FnMut(&str),
    ) -> io::Result<()> {
        loop {
            let mut fds = [
                PollFd::new(stop, PollFlags::POLLIN),
                PollFd::new(self.listener.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            if fds[0].any().unwrap_or_default() {
                return Ok(());
            }
            let Some((stream, peer)) = self.admit(say)? else {
                continue;
            };
            say(&format!("controller {peer} has come"));
            let end = self.attend(&stream, peer, stop, source, say)?;
            if end == End::Stopped {
                return Ok(());
            }
            say(&format!(
                "controller {peer} has gone; every socket is closed"
            ));
        }
    }

    fn attend(
        &self,
        stream: &TcpStream,
        peer: SocketAddr,
        stop: BorrowedFd<'_>,
        source: MakeStatusSource<'_>,
        say: &mut dyn FnMut(&str),
    ) -> io::Result<End> {
        let mut connect = self.options.connect.clone();
        connect.push(IpNetwork::from(peer.ip().to_canonical()));
        let mut application = Application::new(Policy {
            ports: self.options.ports.clone(),
            connect: Peers::In(connect),
        })?;
        if let Some(source) = source() {
            application = application.with_status_source(source);
        }
        let mut others = Others {
            agent: self,
            say,
            deaf: false,
        };
        serve_with(
            stream,
            stream,
            &mut application,
            Some(stop),
            Some(&mut others),
        )
    }

    /// The next controller that is allowed; others are closed at once.
    fn admit(&self, say: &mut dyn FnMut(&str)) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        let (stream, peer) = match self.listener.accept() {
            Ok(found) => found,
            Err(error) if is_passing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !self.allow.include(peer.ip()) {
            say(&format!("{peer} is not allowed"));
            return Ok(None);
        }
        if let Err(error) = prepare(&stream) {
            say(&format!("controller {peer}: {error}"));
            return Ok(None);
        }
        Ok(Some((stream, peer)))
    }
}

/// Errors of `accept` that concern one connection only: all but those of the listener and of this process.
fn is_passing(error: &io::Error) -> bool {
    !matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::EBADF | libc::EINVAL
        )
    )
}

/// Replies go out at once, and a silent end is noticed.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let times = TcpKeepalive::new()
        .with_time(VANISHED_AFTER / 3)
        .with_interval(VANISHED_AFTER / 6)
        .with_retries(4);
    socket.set_tcp_keepalive(&times)?;
    socket.set_tcp_user_timeout(Some(VANISHED_AFTER))
}

/// Whoever comes while a controller is served.
struct Others<'a> {
    agent: &'a Agent,
    say: &'a mut dyn FnMut(&str),
    /// Nobody can be let in, no descriptor being left: looking again and again would only spin.
    deaf: bool,
}

impl Door for Others<'_> {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        (!self.deaf).then(|| self.agent.listener.as_fd())
    }

    fn refuse(&mut self) {
        match self.agent.admit(self.say) {
            Ok(Some((mut stream, peer))) => {
                (self.say)(&format!(
                    "controller {peer} was sent away: there is one already"
                ));
                let bye = Message::Bye("another controller is served".into());
                // Whether he hears it is his affair.
                drop(stream.write_all(bye.encode().as_bytes()));
            }
            Ok(None) => {}
            Err(_) => self.deaf = true,
        }
    }
}
