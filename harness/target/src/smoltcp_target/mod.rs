//! Target `smoltcp`: the TCP of the smoltcp crate, version 0.14, in process, one fresh host a case.
//!
//! smoltcp is used as its documentation says, with its defaults: what it lacks (a backlog, events) is
//! emulated above its sockets, and no packet is touched on its way. Reno is switched on, as RFC 9293
//! MUST-19 demands; timestamps stay off, as in any socket that was given no clock for them.

mod device;
mod host;
mod look;
mod set;
mod sockets;
#[cfg(test)]
mod tests;

use crate::programs::Programs;
use crate::seam::{InProcess, LeaseError};
use crate::service::Service;
use crate::virtual_host::{ADDRESSES, SERVICE, lease};
use host::Host;
use std::net::IpAddr;
use tcpconf_engine::{AppCall, AppEvent, CallId, Endpoint, FourTuple, Lease, Status};
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Capability;
use tcpconf_wire::{Instant, Packet};

/// smoltcp as a target.
#[derive(Clone, Copy, Debug, Default)]
pub struct SmoltcpTarget;

impl InProcess for SmoltcpTarget {
    fn name(&self) -> &str {
        "smoltcp"
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
        let mut host = Host::new(seed);
        let programs = Programs::start(&mut host, service, SERVICE, needs.backlog, needs.driven)
            .map_err(|error| LeaseError::Unsupported(format!("the service: {error:?}")))?;
        Ok((
            Box::new(SmoltcpEndpoint { host, programs }),
            lease(seed, ip),
        ))
    }
}

/// A host with what runs on it.
struct SmoltcpEndpoint {
    host: Host,
    programs: Programs<Host>,
}

impl Endpoint for SmoltcpEndpoint {
    fn addresses(&self) -> &[IpAddr] {
        &ADDRESSES
    }

    fn handle_packet(&mut self, now: Instant, packet: &Packet) {
        self.host.ingress(now, &packet.bytes);
        self.programs.run(&mut self.host, now);
        self.host.egress(now);
        self.programs.run(&mut self.host, now);
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Packet> {
        let packet = self.host.next_packet().or_else(|| {
            self.host.egress(now);
            self.programs.run(&mut self.host, now);
            self.host.next_packet()
        })?;
        Some(Packet::new(packet, now))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.host.wake_up()
    }

    fn call(&mut self, now: Instant, id: CallId, call: AppCall) {
        self.programs.call(&mut self.host, now, id, call);
        self.host.egress(now);
        self.programs.run(&mut self.host, now);
    }

    fn poll_app(&mut self, _now: Instant) -> Option<AppEvent> {
        self.programs.next_event()
    }

    fn status(&self, connection: FourTuple) -> Option<Status> {
        self.host.status_of(connection)
    }

    fn connections(&self) -> Option<Vec<Status>> {
        Some(self.host.all_connections())
    }
}
