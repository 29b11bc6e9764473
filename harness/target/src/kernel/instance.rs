//! One private namespace with a kernel's TCP in it, at the other end of a veth pair.

use super::application::{Application, Started};
use super::worker::Worker;
use crate::net::linux::processor::Turns;
use crate::net::linux::{ethtool, namespace, rtnetlink::Routing, sock_diag::SocketTable};
use crate::net::owned::Owned;
use crate::net::station::{Hop, Path};
use pnet::util::MacAddr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const TARGET_INTERFACE: &str = "eth0";
const V4_PREFIX: u8 = 24;
const V6_PREFIX: u8 = 64;
/// Our addresses in an instance's prefix: 1 is the target, the last is the broadcast address.
const FIRST_HOST: u8 = 2;
const LAST_HOST: u8 = 254;
/// Indices of our ends of the links: higher than any in a target's namespace.
const FIRST_INDEX: u32 = 1_000;
/// Making a link takes milliseconds; a kernel that takes this long is broken.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// Values of the target's namespace that its default would spoil. What is not there is passed over.
const SYSCTLS: [(&str, &str); 12] = [
    // The machine's default may be bbr; RFC 5681 is what the suites are about.
    ("ipv4/tcp_congestion_control", "reno"),
    // What one case did to a path must not show in the next.
    ("ipv4/tcp_no_metrics_save", "1"),
    // What active opens get must not be a port that a case is given to listen on.
    ("ipv4/ip_local_port_range", "64000 65535"),
    // Fast Open for whoever asks for it by a socket option, both ways.
    ("ipv4/tcp_fastopen", "3"),
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/all/dad_transmits", "0"),
    ("ipv6/conf/default/dad_transmits", "0"),
    ("ipv6/conf/all/router_solicitations", "0"),
    ("ipv6/conf/default/router_solicitations", "0"),
    ("ipv6/conf/all/accept_ra", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
];

/// A running instance.
pub(super) struct Instance {
    slot: u8,
    interface: u32,
    worker: Worker,
    next_host: u8,
    has_ipv6: bool,
    sockets: SocketTable,
    application: Application,
}

/// What the two sides tell each other while the link is made.
struct Configuring {
    go: Sender<()>,
    ready: Receiver<io::Result<bool>>,
    namespace: OwnedFd,
    sockets: SocketTable,
    application: Started,
}

impl Instance {
    /// Makes the namespace and the veth pair. `routing` is of the namespace of our end, `serial`
    /// names the link.
    pub(super) fn create(routing: &mut Routing, slot: u8, serial: u32) -> io::Result<Self> {
        let (worker, configuring) = Worker::start(move || prepare(slot))?;
        let name = format!("t{serial}");
        let interface = FIRST_INDEX + serial;
        routing.create_veth(
            interface,
            (&name, mac(slot, 1)),
            (TARGET_INTERFACE, mac(slot, 2)),
            configuring.namespace.as_fd(),
        )?;
        configuring
            .go
            .send(())
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        let has_ipv6 = configuring
            .ready
            .recv_timeout(READY_WITHIN)
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        // Until then the kernel drops what we send.
        routing.wait_until_running(&name)?;
        Ok(Self {
            slot,
            interface,
            worker,
            next_host: FIRST_HOST,
            has_ipv6,
            sockets: configuring.sockets,
            application: Application::meet(configuring.application)?,
        })
    }

    pub(super) fn interface(&self) -> u32 {
        self.interface
    }

    pub(super) fn worker(&self) -> &Worker {
        &self.worker
    }

    /// The namespace's socket table.
    pub(super) fn sockets(&mut self) -> &mut SocketTable {
        &mut self.sockets
    }

    /// The application in it.
    pub(super) fn application(&self) -> &Application {
        &self.application
    }

    /// The same, to be driven.
    pub(super) fn application_mut(&mut self) -> &mut Application {
        &mut self.application
    }

    /// How the threads of its services and of its application get their turns.
    pub(super) fn turns(&mut self) -> [&mut Turns; 2] {
        [self.worker.turns(), self.application.turns()]
    }

    pub(super) fn has_ipv6(&self) -> bool {
        self.has_ipv6
    }

    /// The target's address.
    pub(super) fn target(&self, ip: u8) -> IpAddr {
        address(self.slot, 1, ip)
    }

    /// The ways to it.
    pub(super) fn paths(&self) -> impl Iterator<Item = Path> + use<'_> {
        let versions: &[u8] = if self.has_ipv6 { &[4, 6] } else { &[4] };
        versions.iter().map(|ip| {
            let target = self.target(*ip);
            let prefix = if *ip == 6 { V6_PREFIX } else { V4_PREFIX };
            Path {
                target,
                interface: self.interface,
                hop: Hop::Ethernet {
                    ours: mac(self.slot, 3),
                    next: mac(self.slot, 2),
                },
                owned: Owned::prefix_without(address(self.slot, 0, *ip), prefix, target),
                answers: true,
                ports: None,
            }
        })
    }

    /// The next addresses of ours, round and round.
    pub(super) fn own_addresses(&mut self, count: usize, ip: u8) -> Vec<IpAddr> {
        (0..count)
            .map(|_| {
                let host = self.next_host;
                self.next_host = if host == LAST_HOST {
                    FIRST_HOST
                } else {
                    host + 1
                };
                address(self.slot, host, ip)
            })
            .collect()
    }
}

/// Runs in the worker's thread: enters a new namespace and leaves a helper there that configures the
/// link as soon as there is one.
fn prepare(slot: u8) -> io::Result<Configuring> {
    let namespace = namespace::enter_new()?;
    let sockets = SocketTable::open()?;
    let (go, begin) = channel();
    let (done, ready) = channel();
    // A thread begins in the namespace of the one that made it.
    std::thread::Builder::new()
        .name("tcpconf-netns".into())
        .spawn(move || {
            if begin.recv().is_ok() {
                drop(done.send(configure(slot)));
            }
        })?;
    Ok(Configuring {
        go,
        ready,
        namespace,
        sockets,
        application: Started::here()?,
    })
}

/// Brings the target's end up; whether it has IPv6.
fn configure(slot: u8) -> io::Result<bool> {
    for (name, value) in SYSCTLS {
        match namespace::set_sysctl(name, value) {
            // Not in this kernel, or not for this namespace: the default stays.
            Err(error) if is_absent(&error) => {}
            other => other?,
        }
    }
    let mut routing = Routing::open()?;
    let lo = routing.link_named("lo")?.index;
    routing.set_up(lo)?;
    let link = routing.link_named(TARGET_INTERFACE)?.index;
    ethtool::switch_all_off(TARGET_INTERFACE)?;
    routing.set_up(link)?;
    routing.wait_until_running(TARGET_INTERFACE)?;
    routing.add_address(link, address(slot, 1, 4), V4_PREFIX)?;
    let neighbours =
        |ip| (FIRST_HOST..=LAST_HOST).map(move |host| (address(slot, host, ip), mac(slot, 3)));
    // While it asks for a neighbour the kernel keeps a few hundred packets and drops the rest: a burst
    // from a fresh address would lose answers. What we answer by ARP and discovery are its other questions.
    routing.add_neighbours(link, neighbours(4))?;
    let has_ipv6 = std::path::Path::new("/proc/thread-self/net/if_inet6").exists();
    if has_ipv6 {
        routing.add_address(link, address(slot, 1, 6), V6_PREFIX)?;
        routing.add_neighbours(link, neighbours(6))?;
    }
    Ok(has_ipv6)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::InvalidInput
    )
}

/// Host `host` of an instance's prefix: 10.77.SLOT.0/24, fd77:0:0:SLOT::/64.
fn address(slot: u8, host: u8, ip: u8) -> IpAddr {
    if ip == 6 {
        let host = u16::from(host);
        Ipv6Addr::new(0xfd77, 0, 0, u16::from(slot), 0, 0, 0, host).into()
    } else {
        Ipv4Addr::new(10, 77, slot, host).into()
    }
}

/// Locally administered; `end` 1 our interface, 2 the target's, 3 the one that we use: since no
/// interface has it, our own kernel takes no frame of the target for its own.
fn mac(slot: u8, end: u8) -> MacAddr {
    MacAddr::new(2, b't', b'c', b'p', slot, end)
}
