//! What Linux needs for injecting.

use super::{Check, Health};
use crate::host::{HostOptions, parse_host, way};
use crate::net::clock::RunClock;
use crate::net::linux::ethtool;
use crate::net::linux::namespace::{self, Capabilities};
use crate::net::linux::packet_socket::{Framing, PacketSocket};
use crate::net::linux::rst_rule::RstRule;
use crate::{KernelTarget, RealTarget as _, TargetError};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

const CAP_NET_RAW: &str = "CAP_NET_RAW";
const USER_NAMESPACES: &str = "user namespaces";
const PACKET_SOCKETS: &str = "packet sockets";
const RST_SUPPRESSION: &str = "RST suppression";
const KERNEL_TARGET: &str = "kernel target";
const RUN_AS_ROOT: &str = "run it by sudo, or `setcap cap_net_raw,cap_net_admin+ep` on the binary";
/// Offloads of our interface that change what a capture shows; what we send needs none.
const MERGING: [&str; 1] = ["generic-receive-offload"];

/// All of them; what `target` cannot do without is a failure when it is missing.
pub(super) fn checks(target: Option<&str>, options: &HostOptions) -> Vec<Check> {
    let capabilities = Capabilities::current();
    let mut checks = vec![
        raw(capabilities),
        admin(capabilities),
        user_namespaces(),
        packet_sockets(),
        owner_tables(capabilities),
        private_networks(capabilities),
        tun(),
        ipv6(),
    ];
    let needed: &[&str] = match target {
        None | Some("stack") => &[],
        Some("kernel") if namespace::needs_user_namespace() => &[USER_NAMESPACES],
        Some("kernel") => &[KERNEL_TARGET],
        Some(_) if options.sources.is_empty() => &[CAP_NET_RAW, PACKET_SOCKETS, RST_SUPPRESSION],
        Some(_) => &[CAP_NET_RAW, PACKET_SOCKETS],
    };
    for check in &mut checks {
        if check.health == Health::Warn && needed.contains(&check.name) {
            check.health = Health::Fail;
        }
    }
    if let Some(target) = target.filter(|name| !matches!(*name, "stack" | "kernel")) {
        checks.extend(way_to(target, options));
    }
    checks
}

fn raw(capabilities: Capabilities) -> Check {
    if capabilities.net_raw() {
        Check::ok(
            CAP_NET_RAW,
            "held: targets across the network can be reached",
        )
    } else {
        let found = "missing: targets across the network cannot be reached";
        Check::bad(CAP_NET_RAW, Health::Warn, found, RUN_AS_ROOT)
    }
}

fn admin(capabilities: Capabilities) -> Check {
    const NAME: &str = "CAP_NET_ADMIN";
    if capabilities.net_admin() {
        let found = "held: this machine's own address can be used as a source";
        Check::ok(NAME, found)
    } else {
        let found = "missing: only an address that no host has can be used as a source, and the receive \
                     buffer stays small";
        let way_out = format!("{RUN_AS_ROOT}, or use --source ADDR");
        Check::bad(NAME, Health::Warn, found, way_out)
    }
}

fn user_namespaces() -> Check {
    let value = |path: &str| {
        fs::read_to_string(path)
            .ok()
            .and_then(|text| text.trim().parse::<u64>().ok())
    };
    let blocked = [
        (
            "/proc/sys/user/max_user_namespaces",
            0,
            "sysctl user.max_user_namespaces=10000",
        ),
        (
            "/proc/sys/kernel/unprivileged_userns_clone",
            0,
            "sysctl kernel.unprivileged_userns_clone=1",
        ),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            1,
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ]
    .into_iter()
    .find(|(path, forbids, _)| value(path) == Some(*forbids));
    match blocked {
        _ if !std::path::Path::new("/proc/self/ns/user").exists() => Check::bad(
            USER_NAMESPACES,
            Health::Warn,
            "this kernel has none: the kernel target needs root",
            "run it by sudo",
        ),
        Some((path, _, way_out)) => Check::bad(
            USER_NAMESPACES,
            Health::Warn,
            format!("forbidden by {path}: the kernel target needs root"),
            way_out,
        ),
        None => Check::ok(
            USER_NAMESPACES,
            "allowed: the kernel target works without root",
        ),
    }
}

fn packet_sockets() -> Check {
    match PacketSocket::open(Framing::Ethernet, RunClock::start()) {
        Ok(_) => Check::ok(PACKET_SOCKETS, "AF_PACKET with kernel stamps works"),
        Err(error) => Check::bad(
            PACKET_SOCKETS,
            Health::Warn,
            format!("AF_PACKET: {error}: targets across the network cannot be reached"),
            RUN_AS_ROOT,
        ),
    }
}

/// Tried in a private network where one can be made, so that this machine's rules are not touched.
fn owner_tables(capabilities: Capabilities) -> Check {
    let private = !namespace::needs_user_namespace();
    let attempt = std::thread::spawn(move || {
        if private {
            namespace::enter_new()?;
        }
        // TEST-NET-1 (RFC 5737): nobody's segments.
        let nobody = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
        RstRule::set(nobody, &(1..=1)).map(drop)
    });
    let result = attempt
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the attempt failed")));
    match result {
        Ok(()) => Check::ok(RST_SUPPRESSION, "nftables tables with an owner work"),
        Err(error) => {
            let way_out = if capabilities.net_admin() {
                "use --source ADDR with an address that no host has, or a kernel from 5.12 on with \
                 nf_tables"
                    .to_owned()
            } else {
                format!("{RUN_AS_ROOT}, or use --source ADDR with an address that no host has")
            };
            let found = format!(
                "nftables tables with an owner: {error}: this machine's kernel would reset connections \
                 from its own address"
            );
            Check::bad(RST_SUPPRESSION, Health::Warn, found, way_out)
        }
    }
}

fn private_networks(capabilities: Capabilities) -> Check {
    if namespace::needs_user_namespace() {
        let found = if capabilities.sys_admin() {
            "needs a user namespace"
        } else {
            "not root: it will use a user namespace"
        };
        return Check::ok(KERNEL_TARGET, found);
    }
    match KernelTarget::open() {
        Ok(target) => {
            let versions: Vec<String> = target
                .ip_versions()
                .iter()
                .map(|ip| format!("IPv{ip}"))
                .collect();
            Check::ok(
                KERNEL_TARGET,
                format!("works over {}", versions.join(" and ")),
            )
        }
        Err(error) => Check::bad(
            KERNEL_TARGET,
            Health::Warn,
            error.to_string(),
            "use the target `stack`, or a host across the network",
        ),
    }
}

fn tun() -> Check {
    const NAME: &str = "TUN";
    match fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
    {
        Ok(_) => Check::ok(NAME, "/dev/net/tun can be opened"),
        Err(error) => Check::bad(
            NAME,
            Health::Warn,
            format!("/dev/net/tun: {error}: targets behind TUN and TAP devices cannot be reached"),
            "load the module tun, or run it by sudo",
        ),
    }
}

fn ipv6() -> Check {
    const NAME: &str = "IPv6";
    let addresses = fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default();
    if addresses.trim().is_empty() {
        let found = "this machine has no IPv6 address: targets over IPv6 cannot be reached";
        Check::bad(NAME, Health::Warn, found, "use --ip 4")
    } else {
        Check::ok(NAME, "there are addresses")
    }
}

fn way_to(target: &str, options: &HostOptions) -> Vec<Check> {
    const NAME: &str = "route";
    let found = parse_host(target, None)
        .and_then(|address| way::find(address, options).map(|way| (address, way)));
    let (address, way) = match found {
        Ok(found) => found,
        Err(error) => {
            let way_out = match error {
                TargetError::Usage(_) => "give HOST:PORT or [V6]:PORT of one host",
                _ => "add a route (`ip route add`), or choose the interface by --interface",
            };
            return vec![Check::bad(NAME, Health::Fail, error.to_string(), way_out)];
        }
    };
    let name = &way.interface.name;
    let source = options.sources.first().copied().or(way.host_source);
    let from = source.map_or(String::from("no address"), |source| source.to_string());
    let route = match way.carrier {
        way::Carrier::Loopback => format!("{} is this machine", address.ip()),
        _ if way.next_hop == address.ip() => format!("on the link of {name}, from {from}"),
        _ => format!(
            "through {name} and the router {}, from {from}",
            way.next_hop
        ),
    };
    vec![Check::ok(NAME, route), offload(name, way.carrier)]
}

fn offload(interface: &str, carrier: way::Carrier) -> Check {
    const NAME: &str = "offload";
    if carrier == way::Carrier::Loopback {
        return Check::bad(
            NAME,
            Health::Warn,
            "on this machine itself checksums are left out and segments are merged: neither can be judged",
            "use the target `kernel`, which has an interface of its own",
        );
    }
    let on: Vec<&str> = ethtool::OFFLOADS
        .into_iter()
        .filter(|offload| MERGING.contains(&offload.name))
        .filter(|offload| ethtool::is_on(interface, *offload).unwrap_or(false))
        .map(|offload| offload.name)
        .collect();
    if on.is_empty() {
        return Check::ok(
            NAME,
            format!("off on {interface}: frames are seen as they were sent"),
        );
    }
    Check::bad(
        NAME,
        Health::Warn,
        format!(
            "{interface} has {} on: segments may be merged before they are seen",
            on.join(", ")
        ),
        format!("ethtool -K {interface} gro off lro off"),
    )
}
