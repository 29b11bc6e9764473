//! From a way to a link: neighbours, sockets, the rule that keeps our own kernel still.

use super::identity::{Identity, identity};
use super::{Carrier, HostOptions, Way};
use crate::net::clock::RunClock;
use crate::net::owned::Owned;
use crate::net::portable::PortableLink;
use crate::net::resolve::{PROBES, TRIES, Wire, resolve};
use crate::net::station::{Hop, Path};
use crate::{Link, TargetError};
use pnet::util::MacAddr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

#[cfg(target_os = "linux")]
use crate::net::linux::{
    filter::{Wanted, program},
    link::PacketLink,
    packet_socket::Framing,
    raw_ip::RawIp,
    rst_rule::RstRule,
};

/// What opening a way gives.
pub(super) struct Opened {
    pub(super) link: Box<dyn Link + Send>,
    pub(super) sources: Vec<IpAddr>,
    pub(super) any_port: bool,
    pub(super) ports: RangeInclusive<u16>,
    #[cfg(target_os = "linux")]
    pub(super) rule: Option<RstRule>,
}

pub(super) fn open(
    target: SocketAddr,
    way: &Way,
    options: &HostOptions,
    clock: RunClock,
) -> Result<Opened, TargetError> {
    let identity = identity(target, way, options)?;
    if way.carrier == Carrier::Ethernet && options.portable_link {
        return open_portable(target, way, identity, clock);
    }
    #[cfg(target_os = "linux")]
    return open_linux(target, way, identity, clock);
    #[cfg(not(target_os = "linux"))]
    return open_portable(target, way, identity, clock);
}

/// The path through a link layer, once the next hop has answered.
fn path(
    wire: &mut dyn Wire,
    target: SocketAddr,
    way: &Way,
    identity: &Identity,
) -> Result<Path, TargetError> {
    let interface = way.interface.index;
    let hop = match (way.carrier, identity.mac) {
        (Carrier::Ethernet, Some(ours)) => {
            if identity.own {
                refuse_taken(wire, way, identity, ours)?;
            }
            let asker = (asking_address(way, identity), ours);
            let found = resolve(wire, interface, asker, way.next_hop, &TRIES)
                .map_err(|source| system("asking for the next hop", source))?;
            let next = found.ok_or_else(|| nobody(target, way))?;
            Hop::Ethernet { ours, next }
        }
        (Carrier::Ethernet, None) => {
            return Err(TargetError::Unreachable(format!(
                "{} has no link-layer address",
                way.interface.name
            )));
        }
        _ => Hop::Bare,
    };
    Ok(Path {
        target: target.ip(),
        interface,
        hop,
        owned: Owned::addresses(identity.sources.iter().copied()),
        answers: identity.own,
        ports: (!identity.own).then(|| identity.ports.clone()),
    })
}

/// A router that has only a link-local address answers any of ours.
fn asking_address(way: &Way, identity: &Identity) -> IpAddr {
    if way.next_hop.is_ipv4() == identity.sources[0].is_ipv4() {
        identity.sources[0]
    } else {
        // An IPv6 router for an IPv4 target: ask from the interface's own address of that version.
        way.interface
            .ips
            .iter()
            .map(|network| network.ip())
            .find(|address| address.is_ipv4() == way.next_hop.is_ipv4())
            .unwrap_or(identity.sources[0])
    }
}

/// RFC 5227 §2.1: an address that somebody has already is not ours to take.
fn refuse_taken(
    wire: &mut dyn Wire,
    way: &Way,
    identity: &Identity,
    ours: MacAddr,
) -> Result<(), TargetError> {
    for source in &identity.sources {
        let unspecified = match source {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        let index = way.interface.index;
        let holder = resolve(wire, index, (unspecified, ours), *source, &PROBES)
            .map_err(|e| system("asking whether the source address is free", e))?;
        if let Some(mac) = holder.filter(|mac| *mac != ours) {
            return Err(TargetError::Usage(format!(
                "--source {source} belongs to {mac} on {}: take an address that no host has",
                way.interface.name
            )));
        }
    }
    Ok(())
}

fn nobody(target: SocketAddr, way: &Way) -> TargetError {
    let seconds = TRIES.iter().sum::<std::time::Duration>().as_secs();
    let asked = if target.is_ipv4() {
        "ARP"
    } else {
        "neighbour discovery"
    };
    let name = &way.interface.name;
    let tries = TRIES.len();
    TargetError::Unreachable(if way.next_hop == target.ip() {
        format!(
            "nothing answers at {} on {name}: {asked} was asked {tries} times in {seconds} s",
            target.ip()
        )
    } else {
        format!(
            "the router {} on the way to {} through {name} does not answer: {asked} was asked {tries} \
             times in {seconds} s",
            way.next_hop,
            target.ip()
        )
    })
}

fn open_portable(
    target: SocketAddr,
    way: &Way,
    identity: Identity,
    clock: RunClock,
) -> Result<Opened, TargetError> {
    if way.carrier != Carrier::Ethernet {
        return Err(TargetError::Usage(format!(
            "the portable link needs an Ethernet interface, and {} is none",
            way.interface.name
        )));
    }
    if !identity.own && !cfg!(target_os = "linux") {
        return Err(TargetError::Usage(
            "on this system the kernel cannot be kept from resetting our connections: give an address \
             that no host has by --source ADDR"
                .into(),
        ));
    }
    let mut link = PortableLink::open(&way.interface, clock)
        .map_err(|e| privileged("opening a packet channel", e))?;
    let path = path(&mut link, target, way, &identity)?;
    link.station().add(path);
    #[cfg(target_os = "linux")]
    let rule = rule(target, &identity)?;
    Ok(Opened {
        link: Box::new(link),
        sources: identity.sources,
        any_port: identity.own,
        ports: identity.ports,
        #[cfg(target_os = "linux")]
        rule,
    })
}

#[cfg(target_os = "linux")]
fn open_linux(
    target: SocketAddr,
    way: &Way,
    identity: Identity,
    clock: RunClock,
) -> Result<Opened, TargetError> {
    let framing = match way.carrier {
        Carrier::Ethernet => Framing::Ethernet,
        Carrier::Bare | Carrier::Loopback => Framing::Bare,
    };
    let opening = |e| privileged("opening a packet socket", e);
    let mut link = PacketLink::open(framing, clock).map_err(opening)?;
    let wanted = Wanted {
        target: target.ip(),
        ports: (!identity.own).then(|| identity.ports.clone()),
    };
    // Before anything is heard, so that nothing slips past it.
    let rule = rule(target, &identity)?;
    let listening = link
        .socket()
        .filter(&program(&wanted))
        .and_then(|()| link.socket().listen(Some(way.interface.index)));
    listening.map_err(|e| system("listening to the interface", e))?;
    if identity.own {
        link.socket()
            .hear_all(way.interface.index)
            .map_err(|e| system("listening to frames for a made-up address", e))?;
    }
    let path = path(&mut link, target, way, &identity)?;
    link.station().add(path);
    if way.carrier == Carrier::Loopback {
        link.send_by(RawIp::open(target).map_err(|e| privileged("opening a raw socket", e))?);
    }
    Ok(Opened {
        link: Box::new(link),
        sources: identity.sources,
        any_port: identity.own,
        ports: identity.ports,
        rule,
    })
}

/// Only our own kernel's address needs it.
#[cfg(target_os = "linux")]
fn rule(target: SocketAddr, identity: &Identity) -> Result<Option<RstRule>, TargetError> {
    if identity.own {
        return Ok(None);
    }
    let rule = RstRule::set(target.ip(), &identity.ports).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => privileged(
            "keeping this machine's kernel from resetting our connections (an nftables rule)",
            error,
        ),
        _ => TargetError::Privilege(format!(
            "this machine's kernel would reset our connections, and cannot be kept from it ({error}): it \
             needs nftables with owned tables (Linux 5.12); give an address that no host has by \
             --source ADDR instead"
        )),
    })?;
    Ok(Some(rule))
}

fn privileged(what: &str, error: io::Error) -> TargetError {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return system(what, error);
    }
    TargetError::Privilege(format!(
        "{what}: {error}; a target across the network needs CAP_NET_RAW, and CAP_NET_ADMIN without \
         --source: run it by sudo, or `setcap cap_net_raw,cap_net_admin+ep` on the binary, or use the \
         target `stack`, which needs no privilege, or `kernel`, which can do with a user namespace"
    ))
}

fn system(what: &str, source: io::Error) -> TargetError {
    TargetError::System {
        what: what.to_owned(),
        source,
    }
}
