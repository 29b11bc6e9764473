//! smoltcp's user interface as programs in this crate use it.

use super::host::{Host, Id, Listener};
use crate::programs::{Event, Received, Sockets};
use smoltcp::socket::tcp::{ConnectError, RecvError, Socket, State};
use smoltcp::time::Duration;
use smoltcp::wire::IpListenEndpoint;
use std::collections::VecDeque;
use std::net::SocketAddr;
use tcpconf_engine::{Errno, FourTuple, Status};
use tcpconf_suite::vocabulary::{Capability, Setting};
use tcpconf_wire::Instant;

/// Connections that may wait unless the program says otherwise, as with the built-in stack.
const USUAL_BACKLOG: u32 = 128;
/// Keep-alives are this far apart unless the program says otherwise (RFC 9293 MUST-28: 2 h).
const USUAL_KEEP_ALIVE: Duration = Duration::from_secs(7_200);

/// smoltcp's own (`DEFAULT_HOP_LIMIT`).
const USUAL_HOP_LIMIT: u8 = 64;

impl Host {
    /// The socket of a connection.
    fn socket(&mut self, id: Id) -> Result<&mut Socket<'static>, Errno> {
        let connection = self.connections.get(&id).ok_or(Errno::NotConnected)?;
        Ok(self.sockets.get_mut(connection.handle))
    }

    /// The program's own doing is no event to it.
    fn done(&mut self, now: Instant, id: Id) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.seen = super::look::Seen::of(self.sockets.get(connection.handle));
        }
        self.plan_wake_up(now);
    }

    fn stop_listening(&mut self, id: Id) {
        self.listeners.remove(&id);
        let left: Vec<Id> = self
            .connections
            .iter()
            .filter(|(_, c)| c.origin == Some(id) && !c.owned)
            .map(|(&id, _)| id)
            .collect();
        for id in left {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.released = true;
                self.sockets.get_mut(connection.handle).abort();
            }
        }
    }
}

/// What [`apply`] and the calls of this interface can do.
pub(super) const CAPABILITIES: &[Capability] = &[
    Capability::Listen,
    Capability::Connect,
    Capability::Accept,
    Capability::Send,
    Capability::Receive,
    Capability::Close,
    Capability::ShutdownRead,
    Capability::Release,
    Capability::Abort,
    Capability::Get,
    Capability::Status,
    Capability::Set(Setting::NoDelay),
    Capability::Set(Setting::KeepAlive),
    Capability::Set(Setting::KeepAliveIdle),
    Capability::Set(Setting::Linger),
    Capability::Set(Setting::UserTimeout),
    Capability::Set(Setting::ReceiveBuffer),
    Capability::Set(Setting::SendBuffer),
    Capability::Set(Setting::Ttl),
];

/// Sets an option of a socket. Buffers are those that it was made with.
pub(super) fn apply(
    socket: &mut Socket<'static>,
    setting: Setting,
    value: i64,
) -> Result<(), Errno> {
    let duration = || {
        u64::try_from(value)
            .map(|millis| Some(Duration::from_millis(millis)).filter(|_| millis > 0))
            .map_err(|_| Errno::Invalid)
    };
    match setting {
        Setting::NoDelay => socket.set_nagle_enabled(value == 0),
        Setting::KeepAlive => socket.set_keep_alive((value != 0).then_some(USUAL_KEEP_ALIVE)),
        // One interval serves both: smoltcp does not tell idle connections from unanswered probes.
        Setting::KeepAliveIdle => socket.set_keep_alive(duration()?),
        Setting::UserTimeout => socket.set_timeout(duration()?),
        Setting::Ttl => match u8::try_from(value) {
            Ok(0) | Err(_) => return Err(Errno::Invalid),
            Ok(limit) => socket.set_hop_limit(Some(limit)),
        },
        Setting::ReceiveBuffer | Setting::SendBuffer if socket.state() != State::Closed => {
            return Err(Errno::IsConnected);
        }
        Setting::ReceiveBuffer | Setting::SendBuffer => {
            let is_size = super::set::SIZES.contains(&value);
            return if is_size { Ok(()) } else { Err(Errno::Invalid) };
        }
        _ => return Err(Errno::Unsupported),
    }
    Ok(())
}

impl Sockets for Host {
    type Id = Id;

    fn listen(
        &mut self,
        local: SocketAddr,
        backlog: Option<u32>,
        with: &[(Setting, i64)],
    ) -> Result<Id, Errno> {
        if local.port() == 0 {
            return Err(Errno::Invalid);
        }
        let address = Some(local.ip()).filter(|ip| !ip.is_unspecified());
        let local = IpListenEndpoint {
            addr: address.map(Into::into),
            port: local.port(),
        };
        if self.listeners.values().any(|l| l.local == local) {
            return Err(Errno::AddressInUse);
        }
        // Refused here, not when the first connection comes.
        let mut trial = super::set::new_socket();
        for (setting, value) in with {
            apply(&mut trial, *setting, *value)?;
        }
        let id = self.new_id();
        let listener = Listener {
            local,
            backlog: backlog.unwrap_or(USUAL_BACKLOG).max(1) as usize,
            waiting: VecDeque::new(),
            with: with.to_vec(),
        };
        self.listeners.insert(id, listener);
        self.refill();
        Ok(id)
    }

    fn connect(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        local: Option<SocketAddr>,
        with: &[(Setting, i64)],
        _data: &[u8],
    ) -> Result<(Id, usize), Errno> {
        let port = match local.map(|local| local.port()) {
            None | Some(0) => self.ephemeral_port(),
            Some(port) => port,
        };
        let address = local.map(|l| l.ip()).filter(|ip| !ip.is_unspecified());
        let local = IpListenEndpoint {
            addr: address.map(Into::into),
            port,
        };
        let handle = self.sockets.add(with);
        let id = self.adopt(handle, None);
        let context = self.interface.context();
        let socket = self.sockets.get_mut(handle);
        let opened = with
            .iter()
            .try_for_each(|(setting, value)| apply(socket, *setting, *value))
            .and_then(|()| {
                let connected = socket.connect(context, remote, local);
                connected.map_err(|error| match error {
                    ConnectError::Unaddressable => Errno::NetworkUnreachable,
                    ConnectError::InvalidState => Errno::Invalid,
                })
            });
        if let Err(error) = opened {
            self.forget(id);
            return Err(error);
        }
        self.done(now, id);
        Ok((id, 0))
    }

    fn accept(&mut self, listener: Id) -> Option<Id> {
        let id = self.listeners.get_mut(&listener)?.waiting.pop_front()?;
        self.connections.get_mut(&id)?.owned = true;
        self.refill();
        Some(id)
    }

    fn send(&mut self, now: Instant, id: Id, data: &[u8], urgent: bool) -> Result<usize, Errno> {
        if urgent {
            return Err(Errno::Unsupported);
        }
        let socket = self.socket(id)?;
        let taken = match socket.state() {
            // Queued by the caller until the connection is there.
            State::SynSent | State::SynReceived => 0,
            _ => socket.send_slice(data).map_err(|_| Errno::BrokenPipe)?,
        };
        self.done(now, id);
        Ok(taken)
    }

    fn receive(&mut self, now: Instant, id: Id, max: usize) -> Result<Received, Errno> {
        let socket = self.socket(id)?;
        let mut data = vec![0; max.min(socket.recv_queue())];
        let received = match (socket.state(), socket.recv_slice(&mut data)) {
            (_, Ok(0)) | (State::SynSent | State::SynReceived, _) => Received::Nothing,
            (_, Ok(_)) => Received::Data(data),
            (_, Err(RecvError::Finished)) => Received::Eof,
            (_, Err(RecvError::InvalidState)) => return Err(Errno::NotConnected),
        };
        self.done(now, id);
        Ok(received)
    }

    fn close(&mut self, now: Instant, id: Id) -> Result<(), Errno> {
        if self.listeners.contains_key(&id) {
            self.stop_listening(id);
            self.plan_wake_up(now);
            return Ok(());
        }
        let socket = self.socket(id)?;
        match socket.state() {
            State::Closed => return Err(Errno::NotConnected),
            // Closed already (RFC 9293 §3.10.4: "connection closing").
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait => return Err(Errno::BrokenPipe),
            State::SynSent => {
                socket.close();
                self.events.push_back((id, Event::Closed));
            }
            State::Listen | State::SynReceived | State::Established | State::CloseWait => {
                socket.close();
            }
        }
        self.done(now, id);
        Ok(())
    }

    fn release(&mut self, now: Instant, id: Id) {
        if self.listeners.contains_key(&id) {
            self.stop_listening(id);
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.released = true;
            let socket = self.sockets.get_mut(connection.handle);
            if socket.recv_queue() > 0 {
                // RFC 2525 §2.17, SHLD-3
                socket.abort();
            } else {
                socket.close();
            }
        }
        self.done(now, id);
    }

    fn abort(&mut self, now: Instant, id: Id) -> Result<(), Errno> {
        if self.listeners.contains_key(&id) {
            self.stop_listening(id);
            self.plan_wake_up(now);
            return Ok(());
        }
        self.socket(id)?.abort();
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.released = true;
        }
        self.done(now, id);
        Ok(())
    }

    fn set(&mut self, id: Id, setting: Setting, value: i64) -> Result<(), Errno> {
        if let Some(listener) = self.listeners.get_mut(&id) {
            apply(&mut super::set::new_socket(), setting, value)?;
            listener.with.push((setting, value));
            return Ok(());
        }
        apply(self.socket(id)?, setting, value)
    }

    fn get(&self, id: Id, setting: Setting) -> Result<i64, Errno> {
        let connection = self.connections.get(&id).ok_or(Errno::NotConnected)?;
        let socket = self.sockets.get(connection.handle);
        let millis = |d: Option<Duration>| d.map_or(0, |d| d.total_millis() as i64);
        Ok(match setting {
            Setting::NoDelay => i64::from(!socket.nagle_enabled()),
            Setting::KeepAlive => i64::from(socket.keep_alive().is_some()),
            Setting::KeepAliveIdle => millis(socket.keep_alive()),
            Setting::UserTimeout => millis(socket.timeout()),
            Setting::Ttl => i64::from(socket.hop_limit().unwrap_or(USUAL_HOP_LIMIT)),
            Setting::ReceiveBuffer => socket.recv_capacity() as i64,
            Setting::SendBuffer => socket.send_capacity() as i64,
            _ => return Err(Errno::Unsupported),
        })
    }

    fn status(&self, id: Id) -> Option<Status> {
        if self.listeners.contains_key(&id) {
            return Some(Status {
                state: State::Listen.to_string(),
                ..Status::default()
            });
        }
        self.connection_status(id)
    }

    fn connection(&self, id: Id) -> Option<FourTuple> {
        self.tuple(id)
    }

    fn next_event(&mut self) -> Option<(Id, Event)> {
        self.events.pop_front()
    }
}
