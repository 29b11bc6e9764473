//! The target `HOST:PORT`: raw injection over the network.
//!
//! With `--source ADDR` we speak from an address that no host has: ARP and neighbour solicitations for
//! it are answered by us, from a link-layer address that is made up, and no kernel stands in the way.
//! Else we speak from this machine's own address, and a rule that ends with the process keeps its
//! kernel from resetting our connections (Linux only).  A target on this machine itself is reached by
//! raw IP sockets; the kernel then owns the IP header.
//!
//! What a foreign host cannot be asked for: an application interface, a backlog, a service that
//! nobody named a port for.  What this does not undo: merging of received segments by the network card
//! (`doctor` tells), and filters in clouds and wireless networks that drop foreign link-layer addresses.

mod address;
mod application;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod application_tests;
#[cfg(target_os = "linux")]
mod attach;
mod closed_port;
mod identity;
mod open;
mod services;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
pub(crate) mod way;

pub use address::parse_host;
#[cfg(target_os = "linux")]
pub(crate) use identity::made_up_mac;
#[cfg(target_os = "linux")]
pub(crate) use way::is_this_machines;

use crate::net::clock::RunClock;
use crate::net::cursor::{IsnCursor, PortCursor};
use crate::service::Service;
use crate::{LeaseError, Link, LostApplication, RealTarget, TargetError};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tcpconf_engine::{AppCall, AppEvent, CallId, FourTuple, Lease, Status};
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Capability;

use application::Remote;
use way::{Carrier, Way};

/// Packets a second that a foreign host is sent. With a backlog of five, connections that complete faster
/// than the application accepts them overflow its accept queue, and Linux then drops SYNs, rightly:
/// against Python's http.server one case in six failed so at full speed, none of 883 at this rate.
const DEFAULT_RATE: u32 = 200;

/// Ports to which the target's application may connect.
const LISTEN_PORTS: usize = 2;

/// Which link-layer address an own source address gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MacChoice {
    /// A made-up, locally administered one: this machine's kernel takes no frame for its own.
    #[default]
    MadeUp,
    /// The interface's, where the network drops foreign ones. This machine must not forward packets.
    Interface,
}

/// How to reach a host.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Addresses to speak from, the usual one first; empty for this machine's own.
    pub sources: Vec<IpAddr>,
    /// The interface, instead of the routing table's choice.
    pub interface: Option<String>,
    /// The link-layer address of `sources`.
    pub mac: MacChoice,
    /// Our ports, instead of all (own source address) or of what the system does not use by itself.
    pub ports: Option<RangeInclusive<u16>>,
    /// Services behind further ports, by name.
    pub services: BTreeMap<String, u16>,
    /// What a web server among them is asked for where it stands in for a source.
    pub http_path: String,
    /// Half-open connections that the target is trusted with at once.
    pub max_half_open: u32,
    /// Where its agent is, if it has one: on this machine itself, its ports are not ours.
    pub agent: Option<SocketAddr>,
    /// Use a pnet channel although there is a better link.
    pub portable_link: bool,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            interface: None,
            mac: MacChoice::default(),
            ports: None,
            services: BTreeMap::new(),
            http_path: "/".to_owned(),
            max_half_open: 2,
            agent: None,
            portable_link: std::env::var("TCPCONF_LINK").as_deref() == Ok("pnet"),
        }
    }
}

/// A host across a network.
pub struct HostTarget {
    name: String,
    target: SocketAddr,
    services: BTreeMap<String, u16>,
    http_path: String,
    max_half_open: u32,
    link: Box<dyn Link + Send>,
    /// Whether the sources are nobody's.
    any_port: bool,
    on_loopback: bool,
    sources: Vec<IpAddr>,
    clock: RunClock,
    ports: PortCursor,
    isns: IsnCursor,
    closed_port: Option<u16>,
    last_key: u64,
    versions: [u8; 1],
    default_rate: Option<u32>,
    /// The agent on it.
    application: Option<Remote>,
    /// Held, not used: its end takes the rule away.
    #[cfg(target_os = "linux")]
    _rule: Option<crate::net::linux::rst_rule::RstRule>,
    /// The target itself, when we have started it.
    #[cfg(target_os = "linux")]
    process: Option<crate::exec::Process>,
    /// Where it lives; held, not used.
    #[cfg(target_os = "linux")]
    _room: Option<crate::transport::Room>,
}

impl HostTarget {
    /// Finds the way to the target, takes an address, and looks for a closed port.
    ///
    /// # Errors
    /// [`TargetError::Usage`] for targets and options that make no sense, [`TargetError::Privilege`]
    /// with the way out, [`TargetError::Unreachable`] when nobody answers for the target's address.
    pub fn open(
        name: &str,
        target: SocketAddr,
        options: &HostOptions,
    ) -> Result<Self, TargetError> {
        let clock = RunClock::start();
        let way = way::find(target, options)?;
        let opened = open::open(target, &way, options, clock)?;
        let epoch = clock.epoch_nanos();
        let mut host = Self {
            name: name.to_owned(),
            target,
            services: options.services.clone(),
            http_path: options.http_path.clone(),
            max_half_open: options.max_half_open,
            link: opened.link,
            any_port: opened.any_port,
            on_loopback: way.carrier == Carrier::Loopback,
            sources: opened.sources,
            clock,
            ports: PortCursor::new(opened.ports, epoch),
            isns: IsnCursor::new(epoch),
            closed_port: None,
            last_key: 0,
            versions: [if target.is_ipv4() { 4 } else { 6 }],
            default_rate: Some(DEFAULT_RATE),
            application: None,
            #[cfg(target_os = "linux")]
            _rule: opened.rule,
            #[cfg(target_os = "linux")]
            process: None,
            #[cfg(target_os = "linux")]
            _room: None,
        };
        host.look_around()?;
        Ok(host)
    }

    /// Looks for a closed port, and for the service behind the usual one when nobody named any.
    fn look_around(&mut self) -> Result<(), TargetError> {
        let found = closed_port::find(
            self.link.as_mut(),
            self.target.ip(),
            self.target.port(),
            self.sources[0],
            &mut self.ports,
            self.isns.take(),
        );
        self.closed_port = found.map_err(|source| TargetError::System {
            what: format!("looking for a closed port of {}", self.target.ip()),
            source,
        })?;
        if !self.services.is_empty() {
            return Ok(());
        }
        let from = (self.sources[0], self.ports.take()).into();
        let isn = self.isns.take();
        let found = services::find(self.link.as_mut(), from, self.target, isn);
        let found = found.map_err(|source| TargetError::System {
            what: format!("asking {} for its service", self.target),
            source,
        })?;
        if let Some(service) = found {
            let port = self.target.port();
            self.services.insert(service.name().to_owned(), port);
        }
        Ok(())
    }

    /// The port of the web server that stands in for a source that nobody named.
    fn web_server_for(&self, needs: &Needs) -> Option<u16> {
        let source = Service::Source.name();
        let wanted = needs.service == source && !self.services.contains_key(source);
        let port = self.services.get(Service::Http.name());
        port.filter(|_| wanted).copied()
    }

    /// What makes a web server a source (RFC 1945 §5: it closes behind its answer).
    fn http_request(&self) -> Arc<[u8]> {
        let (path, host) = (&self.http_path, self.target.ip());
        let host = match host {
            IpAddr::V4(host) => host.to_string(),
            IpAddr::V6(host) => format!("[{host}]"),
        };
        format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n")
            .into_bytes()
            .into()
    }

    /// The port for a service.
    fn port_for(&mut self, needs: &Needs, key: u64) -> Result<u16, LeaseError> {
        let unsupported = |reason: String| Err(LeaseError::Unsupported(reason));
        if let Some(application) = &mut self.application {
            let known = self.services.contains_key(&needs.service);
            if let Some(port) = application.port_for(needs, known, key)? {
                return Ok(port);
            }
        } else if needs.app {
            return unsupported(format!("{} has no application interface", self.name));
        }
        if needs.backlog.is_some() {
            return unsupported("the backlog of a foreign listener cannot be set".into());
        }
        if needs.service == Service::Closed.name() {
            return match self.closed_port {
                Some(port) => Ok(port),
                None => unsupported(format!(
                    "no port of {} answers a SYN by RST: a firewall drops them",
                    self.target.ip()
                )),
            };
        }
        if needs.service.is_empty() || needs.service == Service::Listen.name() {
            return Ok(self.target.port());
        }
        let named = self.services.get(&needs.service).copied();
        match named.or_else(|| self.web_server_for(needs)) {
            Some(port) => Ok(port),
            None => unsupported(format!(
                "nobody said where {} has the service '{1}': --service {1}=PORT",
                self.target.ip(),
                needs.service
            )),
        }
    }

    /// The port for the service, and those where the case's application may listen besides.
    fn ports_at_target(&mut self, needs: &Needs, key: u64) -> Result<(u16, Vec<u16>), LeaseError> {
        let port = self.port_for(needs, key)?;
        let application = self.application.as_mut().filter(|_| needs.app);
        let spare = application.map_or_else(|| Ok(Vec::new()), |app| app.spare_ports(key))?;
        Ok((port, spare))
    }
}

impl RealTarget for HostTarget {
    fn name(&self) -> &str {
        &self.name
    }

    fn link(&mut self) -> &mut dyn Link {
        self.link.as_mut()
    }

    fn lease(&mut self, needs: &Needs, ip: u8, ports: usize) -> Result<Lease, LeaseError> {
        if !self.versions.contains(&ip) {
            return Err(LeaseError::Unsupported(format!(
                "{} has no IPv{ip} address here",
                self.name
            )));
        }
        self.last_key += 1;
        let key = self.last_key;
        let (port, spare) = self.ports_at_target(needs, key).inspect_err(|_| {
            if let Some(application) = &mut self.application {
                application.release(key);
            }
        })?;
        let mut target = self.target;
        target.set_port(port);
        let stands_in = self.web_server_for(needs) == Some(target.port());
        let request = stands_in.then(|| self.http_request());
        Ok(Lease {
            key,
            addresses: self.sources.clone(),
            ports: self.ports.take_many(ports).into(),
            any_port: self.any_port,
            target,
            // Tests that depend on it ask for the service `closed`, and get it only when it is known.
            closed_port: self.closed_port.unwrap_or(closed_port::CANDIDATES[0]),
            spare_ports: spare.into(),
            listen_ports: self.ports.take_many(LISTEN_PORTS).into(),
            request,
        })
    }

    fn more_ports(&mut self, count: usize) -> Vec<u16> {
        self.ports.take_many(count)
    }

    fn release(&mut self, lease: Lease) {
        // Ports are not used again before the cursor has come round.
        if let Some(application) = &mut self.application {
            application.release(lease.key);
        }
    }

    fn next_isn(&mut self) -> u32 {
        self.isns.take()
    }

    fn max_half_open(&self) -> Option<u32> {
        Some(self.max_half_open)
    }

    fn default_rate(&self) -> Option<u32> {
        self.default_rate
    }

    fn caveat(&self) -> Option<String> {
        self.on_loopback.then(|| {
            format!(
                "{} is on this machine, and its loopback interface merges segments and leaves checksums \
                 out: failures of lengths may not be the target's (`kernel` has an interface of its own)",
                self.name
            )
        })
    }

    #[cfg(target_os = "linux")]
    fn ended(&mut self) -> Option<String> {
        self.end_of_target()
    }

    fn exclusive_runs_alone(&self) -> bool {
        true
    }

    fn ip_versions(&self) -> &[u8] {
        &self.versions
    }

    fn epoch_nanos(&self) -> u64 {
        self.clock.epoch_nanos()
    }

    fn addresses(&self) -> Vec<IpAddr> {
        vec![self.target.ip()]
    }

    fn services(&self) -> Vec<(String, u16)> {
        let known = self.services.iter();
        known.map(|(name, port)| (name.clone(), *port)).collect()
    }

    fn application(&self) -> Option<&[Capability]> {
        self.application.as_ref().map(Remote::capabilities)
    }

    fn why_not(&self, capability: Capability) -> Option<&'static str> {
        self.application.as_ref()?.why_not(capability)
    }

    fn call(&mut self, lease: &Lease, id: CallId, call: AppCall) {
        if let Some(application) = &mut self.application {
            application.call(lease.key, id, call);
        }
    }

    fn poll_app(&mut self) -> Option<(u64, AppEvent)> {
        self.application.as_mut()?.poll()
    }

    fn lost_application(&mut self) -> Option<LostApplication> {
        self.application.as_mut()?.lost()
    }

    fn app_fds(&self) -> Vec<std::os::fd::BorrowedFd<'_>> {
        self.application.iter().filter_map(Remote::fd).collect()
    }

    fn status(&mut self, _lease: &Lease, connection: FourTuple) -> Option<Status> {
        self.application.as_mut()?.status(connection)
    }
}
