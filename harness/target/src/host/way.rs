//! The way to a host: interface, router, source address.

use super::HostOptions;
use crate::TargetError;
use pnet::datalink::{self, NetworkInterface};
use std::net::{IpAddr, SocketAddr};

/// What carries packets to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// Ethernet frames.
    Ethernet,
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "only a routing table tells")
    )]
    /// IP packets without a link layer (a tunnel, a point-to-point line).
    Bare,
    /// Nothing: the target is this machine.
    Loopback,
}

/// The way to a host.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// Our interface.
    pub(crate) interface: NetworkInterface,
    /// Its link layer.
    pub(crate) carrier: Carrier,
    /// Who has to be asked for: the router, or the target itself.
    pub(crate) next_hop: IpAddr,
    /// The address that this machine itself would use.
    pub(crate) host_source: Option<IpAddr>,
}

/// Finds it.
pub(crate) fn find(target: SocketAddr, options: &HostOptions) -> Result<Way, TargetError> {
    let chosen = options
        .interface
        .as_deref()
        .map(interface_named)
        .transpose()?;
    #[cfg(target_os = "linux")]
    return linux(target, chosen.as_ref());
    #[cfg(not(target_os = "linux"))]
    return by_subnet(target, chosen);
}

/// Whether this machine has the address.
pub(crate) fn is_this_machines(address: IpAddr) -> bool {
    datalink::interfaces()
        .iter()
        .any(|interface| interface.ips.iter().any(|network| network.ip() == address))
}

fn interface_named(name: &str) -> Result<NetworkInterface, TargetError> {
    let all = datalink::interfaces();
    let names: Vec<&str> = all.iter().map(|i| i.name.as_str()).collect();
    let unknown = format!("no interface '{name}': there are {}", names.join(", "));
    all.into_iter()
        .find(|interface| interface.name == name)
        .ok_or(TargetError::Usage(unknown))
}

/// As the kernel would route it.
#[cfg(target_os = "linux")]
fn linux(target: SocketAddr, chosen: Option<&NetworkInterface>) -> Result<Way, TargetError> {
    use crate::net::linux::rtnetlink::{RouteKind, Routing};
    /// `linux/if_arp.h`
    const ETHERNET: u16 = 1;

    let system = |source| TargetError::System {
        what: format!("looking up the route to {}", target.ip()),
        source,
    };
    let mut routing = Routing::open().map_err(system)?;
    let scope = match target {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => Some(v6.scope_id()),
        _ => None,
    };
    let through = chosen.map(|interface| interface.index).or(scope);
    let no_route = |why: &str| {
        TargetError::Unreachable(format!(
            "there is no route to {}{}: {why}",
            target.ip(),
            chosen.map_or(String::new(), |i| format!(" through {}", i.name))
        ))
    };
    let route =
        routing
            .route(target.ip(), None, through)
            .map_err(|error| match error.raw_os_error() {
                Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES | libc::ENODEV) => {
                    no_route(&error.to_string())
                }
                _ => system(error),
            })?;
    match route.kind {
        RouteKind::Many => {
            return Err(TargetError::Usage(format!(
                "{} is a broadcast or multicast address of this machine's network, not a host",
                target.ip()
            )));
        }
        RouteKind::Refused => return Err(no_route("the routing table forbids it")),
        RouteKind::Unicast | RouteKind::Local => {}
    }
    let interface = datalink::interfaces()
        .into_iter()
        .find(|interface| interface.index == route.interface)
        .ok_or_else(|| no_route("its interface is gone"))?;
    let link = routing.link_at(route.interface).map_err(system)?;
    if !link.up {
        return Err(no_route(&format!("{} is down", link.name)));
    }
    let carrier = if route.kind == RouteKind::Local {
        Carrier::Loopback
    } else if link.hardware == ETHERNET {
        Carrier::Ethernet
    } else {
        Carrier::Bare
    };
    Ok(Way {
        interface,
        carrier,
        next_hop: route.gateway.unwrap_or(target.ip()),
        host_source: route.source,
    })
}

/// The interface whose network holds the target: without the kernel's routing table there is no way
/// through a router.
#[cfg(not(target_os = "linux"))]
fn by_subnet(target: SocketAddr, chosen: Option<NetworkInterface>) -> Result<Way, TargetError> {
    let candidates = chosen.map_or_else(datalink::interfaces, |interface| vec![interface]);
    let found = candidates.into_iter().find_map(|interface| {
        let network = interface
            .ips
            .iter()
            .find(|network| network.contains(target.ip()))?;
        let source = network.ip();
        Some((interface, source))
    });
    let (interface, source) = found.ok_or_else(|| {
        TargetError::Unreachable(format!(
            "{} is on no network of this machine; on this system only hosts on the same link can be \
             reached",
            target.ip()
        ))
    })?;
    Ok(Way {
        interface,
        carrier: Carrier::Ethernet,
        next_hop: target.ip(),
        host_source: Some(source),
    })
}
