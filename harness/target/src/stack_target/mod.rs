//! Target `stack`: the project's own TCP, in process, one fresh host a case.
//!
//! Behind port 80 stands the plain service that the case asks for; with an application interface the
//! same listener hands its connections to the case.

mod application;
mod server;
#[cfg(test)]
mod tests;

use crate::seam::{InProcess, LeaseError};
use crate::service::Service;
use application::Application;
use server::Server;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcpconf_engine::{AppCall, AppEvent, CallId, Endpoint, FourTuple, Lease, Status};
use tcpconf_stack::{Config, Host, ListenOptions};
use tcpconf_suite::plan::Needs;
use tcpconf_wire::{Instant, Packet};

/// The host's addresses (RFC 5737, RFC 3849: documentation).
const ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];
/// Peers that a case may be.
const PEERS: u8 = 4;
/// The first peer's last octet.
const FIRST_PEER: u8 = 10;
/// The service's port.
const SERVICE_PORT: u16 = 80;
/// Nothing listens there.
const CLOSED_PORT: u16 = 81;
/// Where the application may connect to.
const LISTEN_PORTS: std::ops::Range<u16> = 5001..5009;
/// Ports that a case begins with; there are always more.
const PORTS: u16 = 4;
/// Ports begin within this range, by the seed.
const FIRST_PORTS: std::ops::Range<u16> = 32_768..49_152;

/// The own stack as a target.
#[derive(Clone, Debug)]
pub struct StackTarget {
    config: Config,
}

impl Default for StackTarget {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl StackTarget {
    /// A target whose hosts have this configuration, but for the addresses.
    pub fn new(config: Config) -> Self {
        Self {
            config: Config {
                addresses: ADDRESSES.to_vec(),
                ..config
            },
        }
    }
}

impl InProcess for StackTarget {
    fn name(&self) -> &str {
        "stack"
    }

    fn open(
        &self,
        seed: u64,
        needs: &Needs,
        ip: u8,
    ) -> Result<(Box<dyn Endpoint>, Lease), LeaseError> {
        let service: Service = needs
            .service
            .parse()
            .map_err(|unknown| LeaseError::Unsupported(format!("{unknown}")))?;
        let backlog = needs
            .backlog
            .map_or(ListenOptions::default().backlog, |n| n as usize);
        let endpoint = StackEndpoint::new(self.config.clone(), seed, service, backlog, needs.app)
            .map_err(|error| LeaseError::Unsupported(format!("the service: {error}")))?;
        Ok((Box::new(endpoint), lease(seed, ip)))
    }
}

/// Addresses and ports of a case: it has the whole host to itself.
fn lease(seed: u64, ip: u8) -> Lease {
    let peers = FIRST_PEER..FIRST_PEER + PEERS;
    let (target, addresses) = if ip == 6 {
        let peer = |n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)).into();
        (ADDRESSES[1], peers.map(peer).collect())
    } else {
        let peer = |n| Ipv4Addr::new(192, 0, 2, n).into();
        (ADDRESSES[0], peers.map(peer).collect())
    };
    let span = u64::from(FIRST_PORTS.end - FIRST_PORTS.start);
    let first = FIRST_PORTS.start + (seed % span) as u16;
    Lease {
        addresses,
        ports: (first..first + PORTS).collect(),
        any_port: true,
        target: SocketAddr::new(target, SERVICE_PORT),
        closed_port: CLOSED_PORT,
        listen_ports: LISTEN_PORTS.collect(),
    }
}

/// A host with what runs on it.
struct StackEndpoint {
    host: Host,
    server: Server,
    application: Application,
}

impl StackEndpoint {
    fn new(
        config: Config,
        seed: u64,
        service: Service,
        backlog: usize,
        driven: bool,
    ) -> Result<Self, tcpconf_stack::CallError> {
        let mut host = Host::new(config, seed);
        let mut application = Application::default();
        let mut server = Server::new(service);
        if service != Service::Closed {
            let options = ListenOptions {
                backlog,
                ..ListenOptions::default()
            };
            let listener = host.listen(None, SERVICE_PORT, options)?;
            if driven {
                application.take_listener(listener, SERVICE_PORT);
            } else {
                server.listens(listener);
            }
        }
        Ok(Self {
            host,
            server,
            application,
        })
    }

    /// Lets the programs on the host act on what has happened.
    fn run_programs(&mut self, now: Instant) {
        while let Some((socket, event)) = self.host.poll_event() {
            if self.application.owns(socket) {
                self.application
                    .on_event(&mut self.host, now, socket, event);
            } else {
                self.server.on_event(&mut self.host, now, socket, event);
            }
        }
    }
}

impl Endpoint for StackEndpoint {
    fn addresses(&self) -> &[IpAddr] {
        self.host.addresses()
    }

    fn handle_packet(&mut self, now: Instant, packet: &Packet) {
        self.host.handle_packet(now, &packet.bytes);
        self.run_programs(now);
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Packet> {
        if self.host.poll_timeout().is_some_and(|at| at <= now) {
            self.host.handle_timeout(now);
            self.run_programs(now);
        }
        self.host.poll_transmit(now)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.host.poll_timeout()
    }

    fn call(&mut self, now: Instant, id: CallId, call: AppCall) {
        self.application.call(&mut self.host, now, id, call);
        self.run_programs(now);
    }

    fn poll_app(&mut self, _now: Instant) -> Option<AppEvent> {
        self.application.next_event()
    }

    fn status(&self, connection: FourTuple) -> Option<Status> {
        let tuple = tcpconf_stack::FourTuple {
            local: connection.local,
            remote: connection.remote,
        };
        self.host.status_of(tuple).map(|s| status(&s))
    }
}

/// The stack's STATUS in the words of the seam.
fn status(status: &tcpconf_stack::Status) -> Status {
    Status {
        state: status.state.to_string(),
        unread: Some(status.unread as u64),
        memory: Some(status.memory as u64),
    }
}
