//! The host: its sockets, the table of connections, timers, and what waits for transmission.
//!
//! - `input`: an IP packet comes in; `listen`: CLOSED and LISTEN; `icmp`: ICMP errors;
//! - `calls`: the user calls; `slots`: where sockets live.

mod calls;
mod cookies;
mod fast_open;
mod icmp;
mod input;
mod listen;
mod path;
mod slots;
mod stateless;
mod table;

use crate::config::Config;
use crate::connection::reaction::{Fate, Reaction, Reply, Signals};
use crate::connection::state::State;
use crate::connection::{Connection, Env, Origin, Path};
use crate::error::ErrorKind;
use crate::isn::Secret;
use crate::options::{Options, Timestamps};
use crate::timer_heap::TimerHeap;
use crate::types::{Event, FourTuple, SocketId};
use slots::{Entry, Slots};
use stateless::Stateless;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use table::Table;
use tcpconf_wire::{Instant, Packet, SeqNumber};

/// An IP host with TCP: IP packets, user calls and the time in; packets, events and deadlines out.
///
/// ```
/// use tcpconf_stack::{Config, Host, ListenOptions};
/// use tcpconf_wire::Instant;
///
/// let config = |a: [u8; 4]| Config::with_addresses([a.into()]);
/// let (mut a, mut b) = (Host::new(config([10, 0, 0, 1]), 1), Host::new(config([10, 0, 0, 2]), 2));
/// let now = Instant::ZERO;
/// let listener = b.listen(None, 80, ListenOptions::default())?;
/// let client = a.connect(now, None, ([10, 0, 0, 2], 80).into(), None)?;
/// loop {
///     if let Some(packet) = a.poll_transmit(now) {
///         b.handle_packet(now, &packet.bytes);
///     } else if let Some(packet) = b.poll_transmit(now) {
///         a.handle_packet(now, &packet.bytes);
///     } else {
///         break;
///     }
/// }
/// assert!(b.accept(listener).is_some());
/// assert_eq!(a.status(client).map(|s| s.state.to_string()).as_deref(), Some("ESTABLISHED"));
/// # Ok::<(), tcpconf_stack::CallError>(())
/// ```
#[derive(Debug)]
pub struct Host {
    config: Config,
    secret: Secret,
    slots: Slots,
    connections: Table,
    listeners: BTreeMap<u16, Vec<u32>>,
    timers: TimerHeap,
    paths: BTreeMap<IpAddr, Path>,
    /// Servers that were asked for a Fast Open cookie.
    servers: BTreeMap<IpAddr, fast_open::Known>,
    /// Connections that may have something to send.
    ready: VecDeque<u32>,
    replies: VecDeque<Stateless>,
    /// When a SYN cookie was sent last.
    cookies_sent_at: Option<Instant>,
    /// Sockets that have events.
    notified: VecDeque<u32>,
    now: Instant,
    next_port: u32,
}

impl Host {
    /// A host; `seed` keys its initial sequence numbers, timestamps and ports.
    pub fn new(config: Config, seed: u64) -> Self {
        let secret = Secret::from_seed(seed);
        Self {
            connections: Table::new(&secret),
            config,
            secret,
            slots: Slots::default(),
            listeners: BTreeMap::new(),
            timers: TimerHeap::default(),
            paths: BTreeMap::new(),
            servers: BTreeMap::new(),
            ready: VecDeque::new(),
            replies: VecDeque::new(),
            cookies_sent_at: None,
            notified: VecDeque::new(),
            now: Instant::ZERO,
            next_port: 0,
        }
    }

    /// The addresses of this host.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.config.addresses
    }

    /// Its configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The next packet to send now, if any.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Packet> {
        let mut bytes = Vec::new();
        self.poll_transmit_into(now, &mut bytes)
            .then(|| Packet::new(bytes, now))
    }

    /// The same into a buffer of the caller, whose contents are replaced; false when there is
    /// nothing to send. Allocates nothing once the buffer has grown to the MTU.
    pub fn poll_transmit_into(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        loop {
            self.handle_timeout(now);
            if let Some(reply) = self.replies.pop_front() {
                reply.write(out);
                return true;
            }
            if self.poll_ready(now, out) {
                return true;
            }
            // Deadlines are set when the queue drains: one may be due at once.
            if self.timers.first().is_none_or(|(at, _)| at > now) {
                return false;
            }
        }
    }

    /// The next packet of the connections that may have one. Those that have none leave the queue, and
    /// their deadlines are set.
    #[inline]
    fn poll_ready(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        let env = Env {
            config: &self.config,
            secret: &self.secret,
        };
        while let Some(&index) = self.ready.front() {
            let mut sent = false;
            if let Some(connection) = self.slots.connection_mut(index) {
                sent = connection.poll(now, env, out);
                if sent && !connection.rests() {
                    return true;
                }
                connection.queued = false;
                self.timers.set(index, connection.deadline());
            }
            self.ready.pop_front();
            if sent {
                return true;
            }
        }
        false
    }

    /// The next instant at which [`Host::poll_transmit`] or [`Host::handle_timeout`] has something
    /// to do, perhaps in the past; `None` when only a packet or a call can change anything.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.replies.is_empty() || !self.ready.is_empty() {
            return Some(self.now);
        }
        self.timers.first().map(|(at, _)| at)
    }

    /// Runs the timers that are due.
    #[inline]
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.timers.first().is_some_and(|(at, _)| at <= now) {
            self.run_timers(now);
        }
    }

    #[cold]
    fn run_timers(&mut self, now: Instant) {
        while let Some((at, index)) = self.timers.first()
            && at <= now
        {
            let env = Env {
                config: &self.config,
                secret: &self.secret,
            };
            let Some(connection) = self.slots.connection_mut(index) else {
                self.timers.set(index, None);
                continue;
            };
            let reaction = connection.on_timeout(now, env);
            let deadline = connection.deadline();
            self.timers.set(index, deadline);
            self.apply(index, now, &reaction, const { &Options::NONE });
            self.touch(index);
        }
    }

    /// The next event for a user.
    #[inline]
    pub fn poll_event(&mut self) -> Option<(SocketId, Event)> {
        if self.notified.is_empty() {
            return None;
        }
        self.next_notified()
    }

    #[inline]
    fn next_notified(&mut self) -> Option<(SocketId, Event)> {
        while let Some(&index) = self.notified.front() {
            let (event, more) = self.next_event(index);
            if !more {
                self.notified.pop_front();
            }
            if let Some(event) = event {
                return Some((self.slots.id(index), event));
            }
        }
        None
    }

    /// The next event of a socket, and whether it has more.
    #[inline]
    fn next_event(&mut self, index: u32) -> (Option<Event>, bool) {
        match self.slots.entry_mut(index) {
            Entry::Free => (None, false),
            Entry::Listener(listener) => {
                let event = listener.signals.pop();
                listener.notified = !listener.signals.is_empty();
                (event, listener.notified)
            }
            Entry::Connection(connection) => {
                let event = connection.next_event();
                connection.notified = connection.has_event();
                (event, connection.notified)
            }
        }
    }

    /// Carries out what the state machine has returned. `cause` has the options of the segment that a RST answers.
    #[inline]
    fn apply(&mut self, index: u32, now: Instant, reaction: &Reaction, cause: &Options) {
        let Some(connection) = self.slots.connection_mut(index) else {
            return;
        };
        match reaction.reply {
            Reply::None => {}
            Reply::Ack => connection.ack.now = true,
            reply => self.answer(index, now, reply, cause),
        }
        if !reaction.signals.is_empty() {
            if reaction.signals.contains(Signals::CONNECTED) {
                self.connected(index);
            }
            self.notify(index, reaction.signals);
        }
        match reaction.fate {
            Fate::Stay | Fate::Reopen { .. } => {}
            Fate::Enter(crate::StateName::TimeWait) => self.restart_time_wait(index, now),
            Fate::Enter(_) => {}
            Fate::ReturnToListen => self.finish(index, None),
            Fate::Closed(error) => self.finish(index, error),
        }
    }

    /// The answers that are not in due course.
    #[cold]
    fn answer(&mut self, index: u32, now: Instant, reply: Reply, cause: &Options) {
        let Some(connection) = self.slots.connection_mut(index) else {
            return;
        };
        match reply {
            Reply::None | Reply::Ack => {}
            Reply::ChallengeAck => {
                if connection.allow_challenge(now) {
                    connection.ack.now = true;
                }
            }
            Reply::SynAck => {
                if connection.allow_challenge(now)
                    && let Some(syn) = connection.state.syn_timer_mut()
                {
                    syn.due = true;
                }
            }
            Reply::Reset { seq } => {
                let cause = cause.timestamps.filter(|_| self.config.timestamps);
                let reset = connection.reset(seq, cause, now);
                self.push_stateless(reset);
            }
        }
    }

    fn restart_time_wait(&mut self, index: u32, now: Instant) {
        let expires = now + 2 * self.config.msl;
        if let Some(connection) = self.slots.connection_mut(index)
            && let State::TimeWait(state) = &mut connection.state
        {
            state.expires = expires;
        }
    }

    /// A passive connection has left SYN-RECEIVED: it waits for ACCEPT.
    fn connected(&mut self, index: u32) {
        let id = self.slots.id(index);
        let Some(connection) = self.slots.connection_mut(index) else {
            return;
        };
        let Origin::Passive(listener) = connection.origin else {
            return;
        };
        let early = core::mem::replace(&mut connection.owned, true);
        if let Some(listener) = self.slots.listener_mut(listener) {
            listener.embryo_left(early);
            if early {
                return;
            }
            listener.queue.push_back(id);
        }
        self.notify(listener.index, Signals::ACCEPTABLE);
    }

    /// Tells the user of a socket.
    #[inline]
    fn notify(&mut self, index: u32, signals: Signals) {
        let notified = match self.slots.entry_mut(index) {
            Entry::Free => return,
            Entry::Listener(listener) => {
                listener.signals |= signals;
                if listener.signals.is_empty() {
                    return;
                }
                &mut listener.notified
            }
            Entry::Connection(connection) => {
                if !connection.owned {
                    return;
                }
                let mut signals = signals;
                if connection.origin != Origin::Active && signals.contains(Signals::CONNECTED) {
                    // ACCEPT tells both.
                    signals.remove(Signals::CONNECTED | Signals::WRITABLE);
                }
                connection.signals |= signals;
                if !connection.has_event() {
                    return;
                }
                &mut connection.notified
            }
        };
        if !core::mem::replace(notified, true) {
            self.notified.push_back(index);
        }
    }

    /// Deletes the TCB. The socket stays, CLOSED, as long as a user holds it.
    fn finish(&mut self, index: u32, error: Option<ErrorKind>) {
        let Some(connection) = self.slots.connection_mut(index) else {
            return;
        };
        let was_embryo = connection.state.half_open();
        let (origin, owned) = (connection.origin, connection.owned);
        let spare = connection.end(error);
        self.connections.remove(index, &mut self.slots);
        self.timers.set(index, None);
        if let (true, Origin::Passive(listener)) = (was_embryo, origin)
            && let Some(listener) = self.slots.listener_mut(listener)
        {
            listener.embryo_left(owned);
        }
        self.slots.keep(spare);
        if owned {
            self.notify(index, Signals::CLOSED);
        } else {
            self.slots.free(index);
        }
    }

    /// The connection may have something to send, or another deadline: that is set when the queue is
    /// empty again, and until then the host asks to be polled at once.
    #[inline]
    fn touch(&mut self, index: u32) {
        if let Some(connection) = self.slots.connection_mut(index) {
            if !core::mem::replace(&mut connection.queued, true) {
                self.ready.push_back(index);
            }
            if !connection.notified && connection.has_event() {
                self.notify(index, Signals::NONE);
            }
        }
    }

    /// The connection that a four-tuple names.
    fn connection_between(&self, tuple: &FourTuple) -> Option<u32> {
        self.connections
            .get(self.connections.key(tuple), &self.slots)
    }

    fn push_stateless(&mut self, reply: Stateless) {
        if self.replies.len() < self.config.max_replies {
            self.replies.push_back(reply);
        }
    }
}

impl Connection {
    fn has_event(&self) -> bool {
        !self.signals.is_empty()
            || (self.soft_error.is_some() && self.options.report_soft_errors)
            || (self.error.is_some() && !self.error_told)
    }

    /// Everything else first, the end last.
    fn next_event(&mut self) -> Option<Event> {
        if self.signals != Signals::CLOSED
            && let Some(event) = self.signals.pop()
        {
            return Some(event);
        }
        if let Some(soft) = self.soft_error.take()
            && self.options.report_soft_errors
        {
            return Some(Event::Soft(soft));
        }
        if let Some(error) = self.error
            && !self.error_told
        {
            self.error_told = true;
            return Some(Event::Error(error));
        }
        self.signals.pop()
    }

    /// A RST of this connection: `<SEQ=seq><CTL=RST>`. With timestamps negotiated, or still offered,
    /// it carries them: as an answer TSval is zero and TSecr the TSval that it answers (RFC 7323
    /// §3.2, §5.2).
    fn reset(&self, seq: SeqNumber, cause: Option<Timestamps>, now: Instant) -> Stateless {
        let offered = matches!(self.state, State::SynSent(_));
        let agreed = self.negotiated.timestamps.is_some();
        let answer = cause.filter(|_| offered || agreed);
        Stateless {
            timestamps: answer
                .map(Timestamps::of_reset_for)
                .or_else(|| self.stamp(now)),
            ..Stateless::reset(self.tuple, seq, None, self.ip_fields())
        }
    }
}
