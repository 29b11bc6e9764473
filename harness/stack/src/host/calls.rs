//! The user calls of RFC 9293 §3.9.1 and §3.10.1 to §3.10.6.

use super::Host;
use super::input::is_unicast;
use super::listen::Listener;
use super::slots::Entry;
use crate::config::{ListenOptions, SocketOptions};
use crate::connection::reaction::{Reply, Signals};
use crate::connection::state::State;
use crate::connection::user::Read;
use crate::connection::{Connection, Env, Origin};
use crate::error::{CallError, ErrorKind};
use crate::types::{FourTuple, Received, SocketId, StateName, Status};
use core::time::Duration;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tcpconf_wire::{Instant, SeqNumber};

/// The largest piece that [`Host::receive`] allocates before it knows how much is there.
const RECEIVE_STEP: usize = 64 * 1024;

impl Host {
    /// Passive OPEN (§3.10.1): LISTEN on `port`, on one address or on all.
    ///
    /// # Errors
    /// [`CallError::AlreadyExists`] when the same is listened on, [`CallError::InvalidLocal`],
    /// [`CallError::InsufficientResources`].
    pub fn listen(
        &mut self,
        local: Option<IpAddr>,
        port: u16,
        options: ListenOptions,
    ) -> Result<SocketId, CallError> {
        if local.is_some_and(|a| !self.config.addresses.contains(&a)) {
            return Err(CallError::InvalidLocal);
        }
        let same = self.listeners.get(&port).is_some_and(|there| {
            there.iter().any(
                |&index| matches!(self.slots.entry(index), Entry::Listener(l) if l.local == local),
            )
        });
        if same {
            return Err(CallError::AlreadyExists);
        }
        self.check_room()?;
        let id = self.slots.insert(Entry::Listener(Box::new(Listener {
            local,
            port,
            options,
            half_open: 0,
            early: 0,
            queue: VecDeque::new(),
            signals: Signals::NONE,
            notified: false,
        })));
        self.listeners.entry(port).or_default().push(id.index);
        Ok(id)
    }

    /// Active OPEN (§3.10.1): SYN-SENT. An unspecified local address or port 0 is chosen here
    /// (MUST-43, MUST-44; ports by RFC 6056 §3.3.3).
    ///
    /// # Errors
    /// [`CallError::RemoteUnspecified`], [`CallError::InvalidRemote`], [`CallError::InvalidLocal`],
    /// [`CallError::AlreadyExists`], [`CallError::InsufficientResources`].
    pub fn connect(
        &mut self,
        now: Instant,
        local: Option<(IpAddr, u16)>,
        remote: SocketAddr,
        options: Option<SocketOptions>,
    ) -> Result<SocketId, CallError> {
        let tuple = self.choose_tuple(local, remote)?;
        self.check_room()?;
        let connection = self.active(now, &tuple, options);
        let entry = self.slots.boxed(connection);
        let id = self.slots.insert(entry);
        let key = self.connections.key(&tuple);
        self.connections.insert(key, id.index, &mut self.slots);
        self.touch(id.index);
        Ok(id)
    }

    /// Active OPEN on a listener (§3.10.1, LISTEN): the socket turns from passive to active, from
    /// its port and address.
    ///
    /// # Errors
    /// As [`Host::connect`]; [`CallError::AlreadyExists`] when `id` is a connection.
    pub fn connect_listener(
        &mut self,
        now: Instant,
        id: SocketId,
        remote: SocketAddr,
    ) -> Result<(), CallError> {
        let (local, options) = match self.slots.find(id) {
            Some(Entry::Listener(l)) => {
                let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
                ((l.local.unwrap_or(any), l.port), l.options.socket)
            }
            Some(Entry::Connection(_)) => return Err(CallError::AlreadyExists),
            Some(Entry::Free) | None => return Err(CallError::NoSuchConnection),
        };
        let tuple = self.choose_tuple(Some(local), remote)?;
        self.stop_listening(id);
        let connection = self.active(now, &tuple, Some(options));
        let entry = self.slots.boxed(connection);
        *self.slots.entry_mut(id.index) = entry;
        let key = self.connections.key(&tuple);
        self.connections.insert(key, id.index, &mut self.slots);
        self.touch(id.index);
        Ok(())
    }

    fn active(
        &self,
        now: Instant,
        tuple: &FourTuple,
        options: Option<SocketOptions>,
    ) -> Connection {
        let iss = self.secret.isn(now, tuple);
        let way = (tuple, self.path(tuple.remote.ip()));
        let options = options.unwrap_or(self.config.socket);
        Connection::open(way, iss, options, now, self.env())
    }

    fn check_room(&self) -> Result<(), CallError> {
        if self.slots.len() >= self.config.max_sockets {
            return Err(CallError::InsufficientResources);
        }
        Ok(())
    }

    fn choose_tuple(
        &mut self,
        local: Option<(IpAddr, u16)>,
        remote: SocketAddr,
    ) -> Result<FourTuple, CallError> {
        if remote.ip().is_unspecified() || remote.port() == 0 {
            return Err(CallError::RemoteUnspecified);
        }
        // MUST-46
        if !is_unicast(remote.ip()) || self.config.addresses.contains(&remote.ip()) {
            return Err(CallError::InvalidRemote);
        }
        let (address, port) = local.unwrap_or((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
        let address = if address.is_unspecified() {
            let family = |a: &&IpAddr| a.is_ipv4() == remote.is_ipv4();
            *self
                .config
                .addresses
                .iter()
                .find(family)
                .ok_or(CallError::InvalidRemote)?
        } else {
            address
        };
        if !self.config.addresses.contains(&address) || address.is_ipv4() != remote.is_ipv4() {
            return Err(CallError::InvalidLocal);
        }
        let tuple = |port| FourTuple {
            local: SocketAddr::new(address, port),
            remote,
        };
        if port != 0 {
            if self.connection_between(&tuple(port)).is_some() {
                return Err(CallError::AlreadyExists);
            }
            return Ok(tuple(port));
        }
        let (first, last) = self.config.ephemeral_ports;
        let count = u32::from(last.saturating_sub(first)) + 1;
        let offset = self.secret.port_offset(remote);
        for _ in 0..count {
            let step = offset.wrapping_add(self.next_port) % count;
            self.next_port = self.next_port.wrapping_add(1);
            let port = (u32::from(first) + step) as u16;
            if self.connection_between(&tuple(port)).is_none() {
                return Ok(tuple(port));
            }
        }
        Err(CallError::InsufficientResources)
    }

    /// The next connection of the accept queue; one that has ended since is handed out too, and says
    /// so when it is used.
    pub fn accept(&mut self, listener: SocketId) -> Option<SocketId> {
        self.slots.listener_mut(listener)?.queue.pop_front()
    }

    /// SEND (§3.10.2): queues what fits and returns how much that was; with 0 wait for
    /// [`Event::Writable`](crate::Event::Writable).
    ///
    /// # Errors
    /// [`CallError::Closing`] after CLOSE, [`CallError::Ended`], [`CallError::NoSuchConnection`],
    /// [`CallError::RemoteUnspecified`] on a listener.
    pub fn send(&mut self, now: Instant, id: SocketId, data: &[u8]) -> Result<usize, CallError> {
        self.send_with(now, id, data, false)
    }

    /// SEND with the urgent flag (§3.8.5): the last octet taken is the last urgent one.
    ///
    /// # Errors
    /// As [`Host::send`].
    pub fn send_urgent(
        &mut self,
        now: Instant,
        id: SocketId,
        data: &[u8],
    ) -> Result<usize, CallError> {
        self.send_with(now, id, data, true)
    }

    #[inline]
    fn send_with(
        &mut self,
        now: Instant,
        id: SocketId,
        data: &[u8],
        urgent: bool,
    ) -> Result<usize, CallError> {
        self.now = self.now.max(now);
        let taken = self
            .connection(id, CallError::RemoteUnspecified)?
            .send(data, urgent)?;
        self.touch(id.index);
        Ok(taken)
    }

    /// RECEIVE (§3.10.3): up to `max` octets.
    ///
    /// # Errors
    /// [`CallError::Ended`] after a reset or timeout, [`CallError::NoSuchConnection`].
    pub fn receive(
        &mut self,
        now: Instant,
        id: SocketId,
        max: usize,
    ) -> Result<Received, CallError> {
        let unread = self.status(id).map_or(0, |s| s.unread);
        let mut buffer = vec![0; max.min(unread.max(1)).min(RECEIVE_STEP.max(unread))];
        Ok(match self.receive_into(now, id, &mut buffer)? {
            Some(0) => Received::Nothing,
            Some(count) => {
                buffer.truncate(count);
                Received::Data(buffer)
            }
            None => Received::Eof,
        })
    }

    /// The same into a buffer of the caller: how many octets, or `None` at the end of the stream.
    ///
    /// # Errors
    /// As [`Host::receive`].
    pub fn receive_into(
        &mut self,
        now: Instant,
        id: SocketId,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, CallError> {
        self.now = self.now.max(now);
        if let Some(Entry::Listener(_)) = self.slots.find(id) {
            return Ok(Some(0));
        }
        let connection = self.connection(id, CallError::NoSuchConnection)?;
        let read = connection.receive(buffer)?;
        // A FIN that was taken while data before it was unread is told as the end only now.
        let result = match read {
            Read::Octets(count) => Some(count),
            Read::Eof => None,
        };
        if connection.ack.now {
            self.touch(id.index);
        }
        Ok(result)
    }

    /// CLOSE (§3.10.4): nothing more will be sent; receiving goes on. A listener, or a connection in
    /// SYN-SENT, is gone at once, with its handle.
    ///
    /// # Errors
    /// [`CallError::Closing`] when it was closed before, [`CallError::Ended`],
    /// [`CallError::NoSuchConnection`].
    pub fn close(&mut self, now: Instant, id: SocketId) -> Result<(), CallError> {
        self.now = self.now.max(now);
        if let Some(Entry::Listener(_)) = self.slots.find(id) {
            self.stop_listening(id);
            self.slots.free(id.index);
            return Ok(());
        }
        if self.connection(id, CallError::NoSuchConnection)?.close()? {
            self.delete(id.index);
        } else {
            self.touch(id.index);
        }
        Ok(())
    }

    /// The user lets go of the handle: CLOSE if that was not called, and nobody will read any more.
    /// Unread data, or data that comes later, is answered by a RST (RFC 2525 §2.17, SHLD-3).
    pub fn release(&mut self, now: Instant, id: SocketId) {
        self.leave_listener(id);
        let env = Env {
            config: &self.config,
            secret: &self.secret,
        };
        let abort = match self.slots.find(id) {
            Some(Entry::Connection(_)) => self
                .slots
                .connection_mut(id.index)
                .is_some_and(|connection| connection.release(now, env)),
            Some(Entry::Listener(_)) => false,
            Some(Entry::Free) | None => return,
        };
        if abort {
            self.abort(now, id)
                .expect("it exists and is not CLOSED, so that ABORT is possible");
            return;
        }
        // It may be closed already: then only the deadline has changed.
        if self.close(now, id).is_err() {
            self.touch(id.index);
        }
        if let Some(Entry::Connection(connection)) = self.slots.find(id)
            && matches!(connection.state, State::Closed(_))
        {
            self.slots.free(id.index);
        }
    }

    /// The user lets go of a connection that was handed over before its handshake was done: it must not be handed
    /// over again, and does not count against the listener's limit any more.
    fn leave_listener(&mut self, id: SocketId) {
        if let Some(Entry::Connection(_)) = self.slots.find(id)
            && let Some(connection) = self.slots.connection_mut(id.index)
            && connection.owned
            && connection.state.half_open()
            && let Origin::Passive(listener) = connection.origin
        {
            connection.origin = Origin::Active;
            if let Some(listener) = self.slots.listener_mut(listener) {
                listener.embryo_left(true);
            }
        }
    }

    /// ABORT (§3.10.5): a RST where the state asks for one; the handle is gone.
    ///
    /// # Errors
    /// [`CallError::NoSuchConnection`].
    pub fn abort(&mut self, now: Instant, id: SocketId) -> Result<(), CallError> {
        self.now = self.now.max(now);
        if let Some(Entry::Listener(_)) = self.slots.find(id) {
            return self.close(now, id);
        }
        self.leave_listener(id);
        let connection = self.connection(id, CallError::NoSuchConnection)?;
        if let Reply::Reset { seq } = connection.abort()? {
            let reset = connection.reset(seq, None, now);
            self.push_stateless(reset);
        }
        self.delete(id.index);
        Ok(())
    }

    fn delete(&mut self, index: u32) {
        if let Some(connection) = self.slots.connection_mut(index) {
            connection.owned = false;
        }
        self.finish(index, Some(ErrorKind::Aborted));
    }

    /// LISTEN ends: connections that nobody accepted are aborted.
    fn stop_listening(&mut self, id: SocketId) {
        let Some(listener) = self.slots.listener_mut(id) else {
            return;
        };
        let port = listener.port;
        let waiting = core::mem::take(&mut listener.queue);
        let now = self.now;
        if let Some(there) = self.listeners.get_mut(&port) {
            there.retain(|&index| index != id.index);
            if there.is_empty() {
                self.listeners.remove(&port);
            }
        }
        let embryos: Vec<SocketId> = self
            .slots
            .connections()
            .filter(|(_, c)| {
                // One that was handed over early, by Fast Open, is its user's.
                c.origin == Origin::Passive(id) && !c.owned && c.state.half_open()
            })
            .map(|(index, _)| self.slots.id(index))
            .collect();
        for connection in embryos.into_iter().chain(waiting) {
            if self.abort(now, connection).is_err() {
                self.slots.free(connection.index);
            }
        }
    }

    /// STATUS (§3.10.6).
    pub fn status(&self, id: SocketId) -> Option<Status> {
        match self.slots.find(id)? {
            Entry::Free => None,
            Entry::Connection(connection) => Some(connection.status()),
            Entry::Listener(listener) => Some(listener.status()),
        }
    }

    /// STATUS of the connection between two sockets; `None` when there is none (CLOSED).
    pub fn status_of(&self, tuple: FourTuple) -> Option<Status> {
        let index = self.connection_between(&tuple)?;
        self.slots.connection(index).map(Connection::status)
    }

    /// The options of a connection, or those that a listener hands on.
    pub fn options(&self, id: SocketId) -> Option<SocketOptions> {
        match self.slots.find(id)? {
            Entry::Free => None,
            Entry::Connection(connection) => Some(connection.options),
            Entry::Listener(listener) => Some(listener.options.socket),
        }
    }

    /// Changes them (MUST-17, MUST-21, MUST-24, MUST-48, SHLD-21).
    ///
    /// # Errors
    /// [`CallError::NoSuchConnection`].
    pub fn set_options(&mut self, id: SocketId, options: SocketOptions) -> Result<(), CallError> {
        match self.slots.find(id) {
            Some(Entry::Connection(_)) => {
                self.connection(id, CallError::NoSuchConnection)?
                    .set_options(options);
                self.touch(id.index);
                Ok(())
            }
            Some(Entry::Listener(_)) => {
                if let Some(listener) = self.slots.listener_mut(id) {
                    listener.options.socket = options;
                }
                Ok(())
            }
            Some(Entry::Free) | None => Err(CallError::NoSuchConnection),
        }
    }

    /// STATUS of all connections, also of those that no user has; handles in CLOSED are none.
    pub fn connections(&self) -> impl Iterator<Item = Status> {
        let statuses = self.slots.connections().map(|(_, c)| c.status());
        statuses.filter(|status| status.state != StateName::Closed)
    }

    /// Sockets that exist: listeners, connections in all states, and handles in CLOSED.
    pub fn sockets(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    fn connection(
        &mut self,
        id: SocketId,
        on_listener: CallError,
    ) -> Result<&mut Connection, CallError> {
        match self.slots.find(id) {
            Some(Entry::Connection(_)) => {}
            Some(Entry::Listener(_)) => return Err(on_listener),
            Some(Entry::Free) | None => return Err(CallError::NoSuchConnection),
        }
        self.slots
            .connection_mut(id.index)
            .ok_or(CallError::NoSuchConnection)
    }
}

impl Listener {
    fn status(&self) -> Status {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Status {
            state: StateName::Listen,
            tuple: FourTuple {
                local: SocketAddr::new(self.local.unwrap_or(any), self.port),
                remote: SocketAddr::new(any, 0),
            },
            unread: 0,
            unacked: 0,
            writable: 0,
            error: None,
            urgent: false,
            acceptable: self.queue.len(),
            half_open: self.half_open,
            iss: SeqNumber(0),
            snd_una: SeqNumber(0),
            snd_nxt: SeqNumber(0),
            snd_wnd: 0,
            irs: SeqNumber(0),
            rcv_nxt: SeqNumber(0),
            rcv_wnd: 0,
            mss: 0,
            cwnd: 0,
            ssthresh: 0,
            rto: Duration::ZERO,
            srtt: None,
            user_timeout: self.options.socket.user_timeout,
            peer_user_timeout: None,
            retransmissions: 0,
            memory: size_of::<Self>(),
            work: 0,
        }
    }
}
