//! The target `kernel`: this machine's TCP in private network namespaces.
//!
//! Two kinds of namespaces that have no name: one for us, in which no interface has an address, so
//! that its kernel can never answer for us; and one for each instance of the target, which owns
//! 10.77.N.1 and fd77:0:0:N::1 and plays the wanted service behind a port of its own for each case.
//! All the rest of these prefixes is ours, answered by our own ARP and neighbour discovery.  Cases
//! that must be alone get an instance to themselves.  In each there is an application too, which a case
//! drives by calls.  Threads, sockets and descriptors are all that
//! keeps the namespaces, so that nothing is left when the process ends, however it ends.

mod application;
#[cfg(test)]
mod application_tests;
mod instance;
#[cfg(test)]
mod status_tests;
#[cfg(test)]
mod tests;
mod worker;

pub use application::KernelStatus;

use crate::net::clock::RunClock;
use crate::net::cursor::{IsnCursor, PortCursor};
use crate::net::linux::link::PacketLink;
use crate::net::linux::namespace;
use crate::net::linux::packet_socket::Framing;
use crate::net::linux::rtnetlink::Routing;
use crate::net::linux::sock_diag::Found;
use crate::net::linux::stall::Stalls;
use crate::service::Service;
use crate::{LeaseError, Link, RealTarget, TargetError};
use instance::Instance;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, CallId, FourTuple, Lease, Status};
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Capability;

/// Our ports: all but those that a stack may treat specially.
const OUR_PORTS: std::ops::RangeInclusive<u16> = 1_024..=65_535;
/// Service ports of the target, one a lease. Those from 1024 up to them are left to cases that name one (`port N`).
const SERVICE_PORTS: std::ops::RangeInclusive<u16> = 4_000..=63_999;
/// Behind which nothing ever listens.
const CLOSED_PORT: u16 = 9;
/// Ports tried for a listener.
const LISTEN_TRIES: usize = 16;
/// Addresses of ours that a case gets.
const ADDRESSES: usize = 4;
/// Ports of the target besides the service's, where its application may listen.
const SPARE_PORTS: usize = 4;
/// Ports to which the target's application may connect.
const LISTEN_PORTS: usize = 16;
/// What most programs ask of `listen`.
const DEFAULT_BACKLOG: u32 = 128;
/// Instances at once: the shared one and those of cases that must be alone.
const MAX_INSTANCES: u8 = 32;
const SHARED: u8 = 0;
/// For the threads in the namespaces to close what the last cases had.
const CLOSED_WITHIN: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// This machine's kernel in private namespaces.
pub struct KernelTarget {
    link: PacketLink,
    routing: Routing,
    clock: RunClock,
    ports: PortCursor,
    service_ports: PortCursor,
    isns: IsnCursor,
    instances: BTreeMap<u8, Instance>,
    leases: BTreeMap<SocketAddr, u8>,
    versions: &'static [u8],
    serial: u32,
    last_key: u64,
    stalls: Stalls,
    /// Processors on which the target was at work when that was asked last.
    runs_on: BTreeSet<usize>,
}

impl KernelTarget {
    /// Makes the namespaces. Without root, [`crate::enter_user_namespace`] must have been called.
    ///
    /// # Errors
    /// [`TargetError::Privilege`] when this process may not make namespaces, with the way out;
    /// [`TargetError::System`] for what else the kernel refuses.
    pub fn open() -> Result<Self, TargetError> {
        let clock = RunClock::start();
        let (link, routing) =
            our_namespace(clock).map_err(|e| explain("making a private network", e))?;
        let epoch = clock.epoch_nanos();
        let mut target = Self {
            link,
            routing,
            clock,
            ports: PortCursor::new(OUR_PORTS, epoch),
            service_ports: PortCursor::new(SERVICE_PORTS, epoch),
            isns: IsnCursor::new(epoch),
            instances: BTreeMap::new(),
            leases: BTreeMap::new(),
            versions: &[4],
            serial: 0,
            last_key: 0,
            stalls: Stalls::watch(clock),
            runs_on: BTreeSet::new(),
        };
        target
            .add_instance(SHARED)
            .map_err(|e| explain("making the target's network", e))?;
        if target.instances.values().all(Instance::has_ipv6) {
            target.versions = &[4, 6];
        }
        Ok(target)
    }

    fn add_instance(&mut self, slot: u8) -> io::Result<()> {
        self.serial += 1;
        let instance = Instance::create(&mut self.routing, slot, self.serial)?;
        for path in instance.paths() {
            self.link.station().add(path);
        }
        self.instances.insert(slot, instance);
        Ok(())
    }

    /// All TCP sockets that the target has, its listeners included: to see whether something is left.
    ///
    /// # Errors
    /// What the system said.
    pub fn socket_table(&mut self) -> io::Result<Vec<(FourTuple, Status)>> {
        let mut found = Vec::new();
        for instance in self.instances.values_mut() {
            for ip in self.versions {
                let sockets = instance.sockets().all(*ip)?;
                found.extend(sockets.iter().map(|s| (s.connection(), s.status())));
            }
        }
        Ok(found)
    }

    /// Its sockets but those in TIME-WAIT, once the threads that close them have had their time.
    fn left(&mut self) -> io::Result<Vec<String>> {
        let until = std::time::Instant::now() + CLOSED_WITHIN;
        loop {
            let mut left = self.socket_table()?;
            left.retain(|(_, status)| status.state != "TIME-WAIT");
            if left.is_empty() || std::time::Instant::now() >= until {
                let line = |(at, status): (FourTuple, Status)| {
                    format!("{} {} {}", status.state, at.local, at.remote)
                };
                return Ok(left.into_iter().map(line).collect());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn slot_for(&mut self, needs: &Needs) -> Result<u8, LeaseError> {
        if !needs.exclusive {
            return Ok(SHARED);
        }
        let free = (SHARED + 1..MAX_INSTANCES).find(|slot| !self.instances.contains_key(slot));
        let slot = free.ok_or(LeaseError::Busy)?;
        self.add_instance(slot)
            .map_err(|e| explain("making a network for a case that must be alone", e))?;
        Ok(slot)
    }
}

impl RealTarget for KernelTarget {
    fn name(&self) -> &str {
        "kernel"
    }

    fn link(&mut self) -> &mut dyn Link {
        &mut self.link
    }

    fn lease(&mut self, needs: &Needs, ip: u8, ports: usize) -> Result<Lease, LeaseError> {
        if !self.versions.contains(&ip) {
            return Err(LeaseError::Unsupported(format!(
                "this kernel has no IPv{ip}"
            )));
        }
        let service: Service = needs
            .service
            .parse()
            .map_err(|e| LeaseError::Unsupported(format!("the kernel target has {e}")))?;
        let slot = self.slot_for(needs)?;
        let instance = self
            .instances
            .get_mut(&slot)
            .expect("made just now, or shared");
        let backlog = needs.backlog.unwrap_or(DEFAULT_BACKLOG);
        // A port may be taken by what a former case left: the next one is as good.
        let mut port = self.service_ports.take();
        if service != Service::Closed && !needs.driven {
            let opened = (0..LISTEN_TRIES).find_map(|_| {
                match instance.worker().open(port, ip, service, backlog) {
                    Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                        port = self.service_ports.take();
                        None
                    }
                    other => Some(other),
                }
            });
            opened
                .unwrap_or_else(|| Err(io::ErrorKind::AddrInUse.into()))
                .map_err(|e| explain("opening a listener for a case", e))?;
        }
        let target = SocketAddr::new(instance.target(ip), port);
        self.leases.insert(target, slot);
        self.last_key += 1;
        let spare = if needs.app { SPARE_PORTS } else { 0 };
        Ok(Lease {
            key: self.last_key,
            addresses: instance.own_addresses(ADDRESSES, ip),
            ports: self.ports.take_many(ports).into(),
            target,
            closed_port: CLOSED_PORT,
            any_port: true,
            spare_ports: self.service_ports.take_many(spare).into(),
            listen_ports: self.ports.take_many(LISTEN_PORTS).into(),
            request: None,
        })
    }

    fn more_ports(&mut self, count: usize) -> Vec<u16> {
        self.ports.take_many(count)
    }

    fn release(&mut self, lease: Lease) {
        let Some(slot) = self.leases.remove(&lease.target) else {
            return;
        };
        if slot != SHARED {
            if let Some(instance) = self.instances.remove(&slot) {
                self.link.station().remove_interface(instance.interface());
            }
        } else if let Some(instance) = self.instances.get(&slot) {
            let ip = if lease.target.is_ipv4() { 4 } else { 6 };
            // A worker that has ended has closed everything.
            drop(instance.worker().close(lease.target.port(), ip));
        }
    }

    fn next_isn(&mut self) -> u32 {
        self.isns.take()
    }

    fn max_half_open(&self) -> Option<u32> {
        None
    }

    fn exclusive_runs_alone(&self) -> bool {
        false
    }

    fn ip_versions(&self) -> &[u8] {
        self.versions
    }

    fn epoch_nanos(&self) -> u64 {
        self.clock.epoch_nanos()
    }

    fn addresses(&self) -> Vec<IpAddr> {
        self.instances
            .values()
            .flat_map(|instance| self.versions.iter().map(|ip| instance.target(*ip)))
            .collect()
    }

    fn application(&self) -> Option<&[Capability]> {
        let shared = self.instances.get(&SHARED)?;
        Some(shared.application().capabilities())
    }

    fn call(&mut self, lease: &Lease, id: CallId, call: AppCall) {
        let slot = self.leases.get(&lease.target);
        if let Some(instance) = slot.and_then(|slot| self.instances.get_mut(slot)) {
            instance.application_mut().call(lease.key, id, call);
        }
    }

    fn poll_app(&mut self) -> Option<(u64, AppEvent)> {
        let mut instances = self.instances.values_mut();
        instances.find_map(|instance| instance.application_mut().poll())
    }

    fn application_late(&mut self) -> Duration {
        let instances = self.instances.values();
        instances
            .map(|instance| instance.application().late())
            .max()
            .unwrap_or_default()
    }

    fn waited_for_processor(&mut self) -> Option<Duration> {
        let mut waited = Duration::ZERO;
        let mut runs_on = BTreeSet::from_iter(nix::sched::sched_getcpu());
        for turns in self.instances.values_mut().flat_map(Instance::turns) {
            waited = waited.max(turns.waited());
            runs_on.extend(turns.processor());
        }
        // The kernel's timers run where they were set: by a packet of ours, or by a call of these threads.
        let ran_on = std::mem::replace(&mut self.runs_on, runs_on);
        let stood = self.stalls.late(&(&ran_on | &self.runs_on));
        Some(waited.max(stood))
    }

    fn left_behind(&mut self) -> Vec<String> {
        let left = self.left();
        left.unwrap_or_else(|error| vec![format!("the socket table cannot be read: {error}")])
    }

    fn app_fds(&self) -> Vec<BorrowedFd<'_>> {
        let instances = self.instances.values();
        instances
            .map(|instance| instance.application().fd())
            .collect()
    }

    fn status(&mut self, lease: &Lease, connection: FourTuple) -> Option<Status> {
        let slot = self.leases.get(&lease.target)?;
        match self.instances.get_mut(slot)?.sockets().find(connection) {
            Ok(Found::Connection(socket)) => Some(socket.status()),
            Ok(Found::Nothing) => Some(Status {
                state: "CLOSED".into(),
                ..Status::default()
            }),
            // LISTEN and CLOSED are both true of such a four-tuple: a probe tells more.
            Ok(Found::Listener) | Err(_) => None,
        }
    }
}

/// A namespace for us, entered by a thread that ends at once: the sockets keep it.
fn our_namespace(clock: RunClock) -> io::Result<(PacketLink, Routing)> {
    let enter = move || {
        namespace::enter_new()?;
        // Our end must be mute: no address but ours ever speaks there.
        match namespace::set_sysctl("ipv6/conf/default/disable_ipv6", "1") {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let link = PacketLink::open(Framing::Ethernet, clock)?;
        link.socket().listen(None)?;
        link.socket()
            .filter(&crate::net::linux::filter::everything())?;
        Ok((link, Routing::open()?))
    };
    std::thread::Builder::new()
        .name("tcpconf-netns".into())
        .spawn(enter)?
        .join()
        .map_err(|_| io::Error::other("the thread that makes the network failed"))?
}

fn explain(what: &str, error: io::Error) -> TargetError {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return TargetError::Privilege(format!(
            "{what}: {error}; the kernel target needs root or a user namespace: run it by sudo, or use \
             the target `stack`, which needs no privilege"
        ));
    }
    TargetError::System {
        what: what.to_owned(),
        source: error,
    }
}
