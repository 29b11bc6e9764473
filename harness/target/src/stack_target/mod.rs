//! Target `stack`: the project's own TCP, in process, one fresh host a case.
//!
//! Behind port 80 stands the plain service that the case asks for; with an application interface the
//! same listener hands its connections to the case. A case that is given `rack` gets a host that
//! recovers by RACK-TLP ([`LossRecovery::Rack`]).

mod sockets;
#[cfg(test)]
mod tests;

use crate::programs::Programs;
use crate::seam::{InProcess, LeaseError};
use crate::service::Service;
use crate::virtual_host::{ADDRESSES, SERVICE, lease};
use std::net::IpAddr;
use tcpconf_engine::{AppCall, AppEvent, CallId, Endpoint, FourTuple, Lease, Status};
use tcpconf_stack::{Config, Host, LossRecovery};
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Capability;
use tcpconf_wire::{Instant, Packet};

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

    fn application(&self) -> Option<&[Capability]> {
        Some(sockets::CAPABILITIES)
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
        let mut config = self.config.clone();
        if needs.features.iter().any(|feature| feature == "rack") {
            config.loss_recovery = LossRecovery::Rack;
        }
        let mut host = Host::new(config, seed);
        let programs = Programs::start(&mut host, service, SERVICE, needs.backlog, needs.driven)
            .map_err(|error| LeaseError::Unsupported(format!("the service: {error:?}")))?;
        Ok((Box::new(StackEndpoint { host, programs }), lease(seed, ip)))
    }
}

/// A host with what runs on it.
struct StackEndpoint {
    host: Host,
    programs: Programs<Host>,
}

impl Endpoint for StackEndpoint {
    fn addresses(&self) -> &[IpAddr] {
        self.host.addresses()
    }

    fn handle_packet(&mut self, now: Instant, packet: &Packet) {
        self.host.handle_packet(now, &packet.bytes);
        self.programs.run(&mut self.host, now);
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Packet> {
        if self.host.poll_timeout().is_some_and(|at| at <= now) {
            self.host.handle_timeout(now);
            self.programs.run(&mut self.host, now);
        }
        self.host.poll_transmit(now)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.host.poll_timeout()
    }

    fn call(&mut self, now: Instant, id: CallId, call: AppCall) {
        self.programs.call(&mut self.host, now, id, call);
    }

    fn poll_app(&mut self, _now: Instant) -> Option<AppEvent> {
        self.programs.next_event()
    }

    fn status(&self, connection: FourTuple) -> Option<Status> {
        let tuple = tcpconf_stack::FourTuple {
            local: connection.local,
            remote: connection.remote,
        };
        self.host.status_of(tuple).map(|s| status(&s))
    }

    fn connections(&self) -> Option<Vec<Status>> {
        Some(self.host.connections().map(|s| status(&s)).collect())
    }
}

/// The stack's STATUS in the words of the seam.
fn status(status: &tcpconf_stack::Status) -> Status {
    Status {
        state: status.state.to_string(),
        unread: Some(status.unread as u64),
        unacked: Some(status.unacked as u64),
        error: status.error.map(sockets::errno_of),
        memory: Some(status.memory as u64),
    }
}
