//! Listeners, and SEGMENT ARRIVES in CLOSED and LISTEN (RFC 9293 §3.10.7.1, §3.10.7.2).

use super::Host;
use super::fast_open::FastOpen;
use super::slots::Entry;
use super::table::Key;
use crate::config::ListenOptions;
use crate::connection::Arrived;
use crate::connection::reaction::Signals;
use crate::options::FastOpenCookie;
use crate::types::SocketId;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use tcpconf_wire::{Flags, Instant, SeqNumber};

/// How far beyond the last sequence number a new incarnation begins, when the ISN clock is not there
/// yet (RFC 9293 §3.6.1, MAY-2).
const INCARNATION_STEP: u32 = 65_536;

/// A passive OPEN: the state LISTEN.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) local: Option<IpAddr>,
    pub(super) port: u16,
    pub(super) options: ListenOptions,
    /// Its connections whose handshake is not done: in SYN-RECEIVED, or closed by their user there.
    pub(super) half_open: usize,
    /// Of those the ones that the user has already (RFC 7413).
    pub(super) early: usize,
    /// Its connections that wait for ACCEPT.
    pub(super) queue: VecDeque<SocketId>,
    pub(super) signals: Signals,
    pub(super) notified: bool,
}

impl Listener {
    fn is_full(&self) -> bool {
        self.half_open + self.queue.len() >= self.options.backlog
    }

    /// A connection has left SYN-RECEIVED.
    pub(super) fn embryo_left(&mut self, early: bool) {
        self.half_open = self.half_open.saturating_sub(1);
        self.early = self.early.saturating_sub(usize::from(early));
    }
}

impl Host {
    /// The listener for segments to `local`: one with that address before one with none.
    pub(super) fn listener_for(&self, local: SocketAddr) -> Option<u32> {
        let mut any = None;
        for &index in self.listeners.get(&local.port())? {
            if let Entry::Listener(listener) = self.slots.entry(index) {
                match listener.local {
                    Some(address) if address == local.ip() => return Some(index),
                    Some(_) => {}
                    None => any = any.or(Some(index)),
                }
            }
        }
        any
    }

    /// Whether a SYN to `local` would make a connection in SYN-RECEIVED.
    pub(super) fn has_room_at(&self, local: SocketAddr) -> bool {
        self.listener_for(local).is_some_and(
            |index| matches!(self.slots.entry(index), Entry::Listener(l) if !l.is_full()),
        )
    }

    /// §3.10.7.2, or §3.10.7.1 when nobody listens. `above`: the ISS must lie beyond it.
    pub(super) fn arrives_without_connection(
        &mut self,
        now: Instant,
        key: Key<'_>,
        segment: &Arrived<'_>,
        above: Option<SeqNumber>,
    ) {
        let Some(listener) = self.listener_for(key.tuple.local) else {
            self.arrives_in_closed(key.tuple, segment);
            return;
        };
        // First, check for a RST.
        if segment.has(Flags::RST) {
            return;
        }
        // Second, check for an ACK: <SEQ=SEG.ACK><CTL=RST>, as in CLOSED, unless it is a cookie.
        if segment.has(Flags::ACK) {
            if self.config.syn_cookies && self.take_cookie(now, key, segment, listener) {
                return;
            }
            self.arrives_in_closed(key.tuple, segment);
            return;
        }
        // Third, check for a SYN.  Fourth, anything else is dropped.
        if segment.has(Flags::SYN) {
            self.syn_in_listen(now, key, segment, listener, above);
        }
    }

    fn syn_in_listen(
        &mut self,
        now: Instant,
        key: Key<'_>,
        segment: &Arrived<'_>,
        index: u32,
        above: Option<SeqNumber>,
    ) {
        let id = self.slots.id(index);
        let Some(listener) = self.slots.listener_mut(id) else {
            return;
        };
        let unaccepted = listener.queue.len() >= listener.options.backlog;
        if listener.is_full() {
            if self.config.syn_cookies && !unaccepted {
                let options = listener.options.socket;
                self.send_cookie(now, key.tuple, segment, &options);
            }
            return;
        }
        let mut iss = self.secret.isn(now, key.tuple);
        if let Some(above) = above.filter(|&above| iss.le(above)) {
            iss = above + INCARNATION_STEP;
        }
        let fast_open = match self.slots.entry(index) {
            Entry::Listener(listener) => {
                self.fast_open(now, key.tuple.remote.ip(), listener, segment)
            }
            Entry::Free | Entry::Connection(_) => FastOpen::No,
        };
        let Some(embryo) = self.embryo(now, key, segment, index, iss) else {
            return;
        };
        match fast_open {
            FastOpen::No => {}
            FastOpen::Grant(cookie) => {
                if let Some(connection) = self.slots.connection_mut(embryo) {
                    connection.fast_open_cookie = FastOpenCookie::new(&cookie);
                }
            }
            FastOpen::Accept => self.accept_early(embryo, segment),
        }
    }

    /// A connection in SYN-RECEIVED, if there is a socket left.
    pub(super) fn embryo(
        &mut self,
        now: Instant,
        key: Key<'_>,
        syn: &Arrived<'_>,
        index: u32,
        iss: SeqNumber,
    ) -> Option<u32> {
        if self.slots.len() >= self.config.max_sockets {
            return None;
        }
        let id = self.slots.id(index);
        let listener = self.slots.listener_mut(id)?;
        // A cookie is taken while embryos fill the backlog, but not when nobody accepts.
        if listener.queue.len() >= listener.options.backlog {
            return None;
        }
        listener.half_open += 1;
        let spare = self.slots.take_spare();
        let mut connection = self.slots.place();
        let path = self.path(key.tuple.remote.ip());
        let Entry::Listener(listener) = self.slots.entry(index) else {
            return None;
        };
        let socket = (id, &listener.options.socket);
        connection.accept_syn((key.tuple, path, iss), socket, syn, now, self.env(), spare);
        let embryo = self.slots.insert(Entry::Connection(connection));
        self.connections.insert(key, embryo.index, &mut self.slots);
        self.connections.expect(embryo.index);
        self.touch(embryo.index);
        Some(embryo.index)
    }
}
