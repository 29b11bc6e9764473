//! An interface with smoltcp's sockets on it, and listeners with a backlog made of them.
//!
//! smoltcp's sockets are single connections: one that listens becomes the connection. A listener here
//! keeps one socket in LISTEN as long as fewer connections than its backlog wait, half-open ones
//! included. Without one smoltcp resets a SYN, as its documentation says, and this is left so.

use super::device::Queues;
use super::look::Seen;
use super::set::Ordered;
use super::sockets::apply;
use crate::programs::Event;
use crate::virtual_host::ADDRESSES;
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle};
use smoltcp::socket::tcp::State;
use smoltcp::wire::{HardwareAddress, IpCidr, IpListenEndpoint};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use tcpconf_engine::{Errno, FourTuple, Status};
use tcpconf_suite::vocabulary::Setting;
use tcpconf_wire::Instant;

/// Prefix lengths of the host's network: its peers are neighbours.
const PREFIX_V4: u8 = 24;
const PREFIX_V6: u8 = 64;
/// Rounds of sending before others have their turn: a round is a packet of each socket.
const MAX_ROUNDS: u32 = 256;
/// Ports for active opens begin here (RFC 6335 §6).
const FIRST_EPHEMERAL: u16 = 49_152;

/// A listener or a connection, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(u64);

/// Sockets that wait for connections.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) local: IpListenEndpoint,
    pub(super) backlog: usize,
    /// Established and not yet accepted.
    pub(super) waiting: VecDeque<Id>,
    /// Options of what it accepts.
    pub(super) with: Vec<(Setting, i64)>,
}

/// One of smoltcp's sockets.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) handle: SocketHandle,
    /// The listener that it came from.
    pub(super) origin: Option<Id>,
    /// Whether a program has it.
    pub(super) owned: bool,
    /// Whether no program will use it any more.
    pub(super) released: bool,
    pub(super) seen: Seen,
}

/// The host.
pub(super) struct Host {
    pub(super) interface: Interface,
    device: Queues,
    pub(super) sockets: Ordered,
    pub(super) listeners: BTreeMap<Id, Listener>,
    pub(super) connections: BTreeMap<Id, Connection>,
    pub(super) events: VecDeque<(Id, Event)>,
    next_id: u64,
    next_port: u16,
    wake_up: Option<Instant>,
}

impl Host {
    pub(super) fn new(seed: u64) -> Self {
        let mut device = Queues::default();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut device, micros(Instant::ZERO));
        interface.update_ip_addrs(|addresses| {
            for address in ADDRESSES {
                let prefix = match address {
                    IpAddr::V4(_) => PREFIX_V4,
                    IpAddr::V6(_) => PREFIX_V6,
                };
                addresses
                    .push(IpCidr::new(address.into(), prefix))
                    .expect("smoltcp has room for two addresses by default");
            }
        });
        Self {
            interface,
            device,
            sockets: Ordered::new(),
            listeners: BTreeMap::new(),
            connections: BTreeMap::new(),
            events: VecDeque::new(),
            next_id: 0,
            next_port: FIRST_EPHEMERAL,
            wake_up: None,
        }
    }

    /// A packet arrives.
    pub(super) fn ingress(&mut self, now: Instant, packet: &[u8]) {
        self.device.incoming.push_back(packet.to_vec());
        let set = &mut self.sockets.set;
        self.interface
            .poll_ingress_single(micros(now), &mut self.device, set);
        self.look(Errno::ConnectionReset);
        self.plan_wake_up(now);
    }

    /// Timers fire, and what there is to send goes out.
    pub(super) fn egress(&mut self, now: Instant) {
        for _ in 0..MAX_ROUNDS {
            let set = &mut self.sockets.set;
            let sent = self
                .interface
                .poll_egress(micros(now), &mut self.device, set);
            if sent == PollResult::None {
                break;
            }
        }
        self.look(Errno::TimedOut);
        self.plan_wake_up(now);
    }

    /// The next packet that it sends.
    pub(super) fn next_packet(&mut self) -> Option<Vec<u8>> {
        self.device.outgoing.pop_front()
    }

    /// When [`Host::egress`] has something to do.
    pub(super) const fn wake_up(&self) -> Option<Instant> {
        self.wake_up
    }

    pub(super) fn plan_wake_up(&mut self, now: Instant) {
        let at = self.interface.poll_at(micros(now), &self.sockets.set);
        self.wake_up = at.map(|at| {
            let nanos = u64::try_from(at.total_micros()).unwrap_or(0) * 1_000;
            Instant::from_nanos(nanos).max(now)
        });
    }

    /// A connection by its sockets.
    pub(super) fn status_of(&self, wanted: FourTuple) -> Option<Status> {
        self.connections
            .keys()
            .find(|&&id| self.tuple(id) == Some(wanted))
            .and_then(|&id| self.connection_status(id))
    }

    /// All that are connections: neither in LISTEN nor in CLOSED.
    pub(super) fn all_connections(&self) -> Vec<Status> {
        let is_one = |state: &State| !matches!(state, State::Listen | State::Closed);
        let sockets = self.connections.iter();
        sockets
            .filter(|(_, c)| is_one(&self.sockets.get(c.handle).state()))
            .filter_map(|(id, _)| self.connection_status(*id))
            .collect()
    }

    pub(super) fn connection_status(&self, id: Id) -> Option<Status> {
        let socket = self.sockets.get(self.connections.get(&id)?.handle);
        Some(Status {
            state: socket.state().to_string(),
            unread: Some(socket.recv_queue() as u64),
            unacked: Some(socket.send_queue() as u64),
            ..Status::default()
        })
    }

    pub(super) fn tuple(&self, id: Id) -> Option<FourTuple> {
        let socket = self.sockets.get(self.connections.get(&id)?.handle);
        let (local, remote) = (socket.local_endpoint()?, socket.remote_endpoint()?);
        Some(FourTuple {
            local: (local.addr, local.port).into(),
            remote: (remote.addr, remote.port).into(),
        })
    }

    pub(super) fn new_id(&mut self) -> Id {
        self.next_id += 1;
        Id(self.next_id)
    }

    /// A port that no connection of this host had before, until they wrap around.
    pub(super) fn ephemeral_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(FIRST_EPHEMERAL);
        port
    }

    pub(super) fn adopt(&mut self, handle: SocketHandle, origin: Option<Id>) -> Id {
        let id = self.new_id();
        let connection = Connection {
            handle,
            origin,
            owned: origin.is_none(),
            released: false,
            seen: Seen::of(self.sockets.get(handle)),
        };
        self.connections.insert(id, connection);
        id
    }

    /// Gives each listener one socket in LISTEN while its backlog has room.
    pub(super) fn refill(&mut self) {
        let listeners: Vec<Id> = self.listeners.keys().copied().collect();
        for listener in listeners {
            self.refill_one(listener);
        }
    }

    fn refill_one(&mut self, id: Id) {
        let Some(listener) = self.listeners.get(&id) else {
            return;
        };
        let (local, backlog, with) = (listener.local, listener.backlog, listener.with.clone());
        let of_listener = || {
            self.connections
                .iter()
                .filter(|(_, c)| c.origin == Some(id))
        };
        let busy = of_listener().filter(|(_, c)| c.seen.state != State::Listen);
        let last = busy.clone().map(|(_, c)| c.handle).max();
        let taken = busy.filter(|(_, c)| !c.owned && !c.released).count();
        // A half-open connection that was reset has gone back to LISTEN by itself. It stays there if it
        // stands behind all connections; otherwise, or if there is room for one only, others make way.
        let (mut keep, mut give_up) = (None, Vec::new());
        for (&socket, connection) in of_listener().filter(|(_, c)| c.seen.state == State::Listen) {
            let behind = last.is_none_or(|last| connection.handle > last);
            if behind && keep.is_none() && taken < backlog {
                keep = Some(socket);
            } else {
                give_up.push(socket);
            }
        }
        for socket in give_up {
            self.forget(socket);
        }
        if keep.is_none() && taken < backlog {
            let handle = self.sockets.add_last(last, &with);
            let socket = self.sockets.get_mut(handle);
            for (setting, value) in with {
                apply(socket, setting, value).expect("an option that was tried when it was given");
            }
            socket
                .listen(local)
                .expect("a new socket on a port that is not 0");
            self.adopt(handle, Some(id));
        }
    }

    /// Removes a socket that is in CLOSED or LISTEN.
    pub(super) fn forget(&mut self, id: Id) {
        if let Some(connection) = self.connections.remove(&id) {
            let last = self.connections.values().map(|c| c.handle).max();
            self.sockets.remove(connection.handle, last);
        }
    }
}

/// Time as smoltcp counts it.
pub(super) fn micros(now: Instant) -> smoltcp::time::Instant {
    let micros = i64::try_from(now.as_nanos() / 1_000).unwrap_or(i64::MAX);
    smoltcp::time::Instant::from_micros(micros)
}
