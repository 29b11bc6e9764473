//! From a way to a link: addresses, ports, neighbours, the rule that keeps our own kernel still.

use super::closed_port::CANDIDATES;
use super::{Carrier, HostOptions, MacChoice, Way, way};
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

/// Not below: ports that a stack may treat specially.
const LOWEST_PORT: u16 = 1_024;
/// What Linux takes by itself when nothing else is set.
const USUAL_EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// What opening a way gives.
pub(super) struct Opened {
    pub(super) link: Box<dyn Link + Send>,
    pub(super) sources: Vec<IpAddr>,
    pub(super) any_port: bool,
    pub(super) ports: RangeInclusive<u16>,
    #[cfg(target_os = "linux")]
    pub(super) rule: Option<RstRule>,
}

/// Who we are on the way.
struct Identity {
    sources: Vec<IpAddr>,
    /// The sources are no host's.
    own: bool,
    ports: RangeInclusive<u16>,
    mac: Option<MacAddr>,
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

fn identity(target: SocketAddr, way: &Way, options: &HostOptions) -> Result<Identity, TargetError> {
    let usage = |text: String| Err(TargetError::Usage(text));
    if let Some(wrong) = options
        .sources
        .iter()
        .find(|source| source.is_ipv4() != target.is_ipv4())
    {
        return usage(format!(
            "--source {wrong} and the target {} are of different IP versions",
            target.ip()
        ));
    }
    if let Some(wrong) = options
        .sources
        .iter()
        .find(|source| source.is_unspecified() || source.is_multicast() || **source == target.ip())
    {
        let is_loopback_pair = way.carrier == Carrier::Loopback && *wrong == target.ip();
        if !is_loopback_pair {
            return usage(format!("--source {wrong} cannot be our address"));
        }
    }
    let foreign = options.sources.iter().any(|source| !is_local(*source));
    let sources = if options.sources.is_empty() {
        let source = way.host_source.ok_or_else(|| {
            TargetError::Unreachable(format!(
                "this machine has no address to reach {} from; give one by --source ADDR",
                target.ip()
            ))
        })?;
        vec![source]
    } else {
        options.sources.clone()
    };
    if foreign {
        if sources.iter().any(|source| is_local(*source)) {
            return usage("--source: either all or none are this machine's own addresses".into());
        }
        match way.carrier {
            Carrier::Ethernet => {}
            Carrier::Loopback => {
                return usage(format!(
                    "{} is this machine: --source must be an address of it, too",
                    target.ip()
                ));
            }
            Carrier::Bare => {
                return usage(format!(
                    "{} has no link layer: --source must be an address of this machine",
                    way.interface.name
                ));
            }
        }
    }
    let mac = match (foreign, options.mac) {
        (true, MacChoice::MadeUp) => Some(made_up_mac(sources[0])),
        _ => way.interface.mac,
    };
    let ports = options.ports.clone().unwrap_or_else(|| {
        if foreign {
            LOWEST_PORT..=u16::MAX
        } else {
            unused_ports(&ephemeral_ports())
        }
    });
    let ports = if way.carrier == Carrier::Loopback {
        // Both ends have the same address: only the port tells our segments from the target's.
        let services = options.services.values().copied();
        let theirs = services.chain(CANDIDATES).chain([target.port()]);
        largest_part_without(ports, theirs.collect())
    } else {
        ports
    };
    if ports.is_empty() {
        return usage(format!(
            "the range of ports {}-{} is empty",
            ports.start(),
            ports.end()
        ));
    }
    Ok(Identity {
        sources,
        own: foreign,
        ports,
        mac,
    })
}

fn is_local(address: IpAddr) -> bool {
    address.is_loopback() || way::is_this_machines(address)
}

/// Locally administered, and the same for the same address: neighbours' tables stay right.
fn made_up_mac(source: IpAddr) -> MacAddr {
    let [a, b, c] = match source {
        IpAddr::V4(v4) => {
            let [_, a, b, c] = v4.octets();
            [a, b, c]
        }
        IpAddr::V6(v6) => {
            let [.., a, b, c] = v6.octets();
            [a, b, c]
        }
    };
    MacAddr::new(2, b't', b'c', a, b, c)
}

/// What the system hands out by itself.
fn ephemeral_ports() -> RangeInclusive<u16> {
    let text =
        std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = text.split_whitespace().map(str::parse::<u16>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(first)), Some(Ok(last))) if first <= last => first..=last,
        _ => USUAL_EPHEMERAL,
    }
}

/// The larger part of the ports beside those; above [`LOWEST_PORT`] in any case.
fn unused_ports(ephemeral: &RangeInclusive<u16>) -> RangeInclusive<u16> {
    let below = LOWEST_PORT..=ephemeral.start().saturating_sub(1);
    let above = ephemeral.end().saturating_add(1)..=u16::MAX;
    if below.len() >= above.len() && !below.is_empty() {
        below
    } else if *ephemeral.end() < u16::MAX {
        above
    } else {
        // The system hands out everything: the rule makes a collision harmless but for its owner.
        LOWEST_PORT..=u16::MAX
    }
}

/// The largest part of a range of ports that holds none of `others`.
fn largest_part_without(range: RangeInclusive<u16>, mut others: Vec<u16>) -> RangeInclusive<u16> {
    others.retain(|port| range.contains(port));
    others.sort_unstable();
    let starts = std::iter::once(u32::from(*range.start()))
        .chain(others.iter().map(|port| u32::from(*port) + 1));
    let ends = others
        .iter()
        .map(|port| u32::from(*port))
        .chain(std::iter::once(u32::from(*range.end()) + 1));
    let (start, end) = starts
        .zip(ends)
        .max_by_key(|(start, end)| end - start)
        .expect("there is one more start than there are others");
    if start >= end {
        // Nothing is left: an empty range.
        return RangeInclusive::new(1, 0);
    }
    let port = |number| u16::try_from(number).expect("between two ports of a range");
    port(start)..=port(end - 1)
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(32_768..=60_999, 1_024..=32_767)]
    #[case(1_024..=40_000, 40_001..=65_535)]
    #[case(1_024..=65_535, 1_024..=65_535)]
    #[case(10_000..=65_535, 1_024..=9_999)]
    fn ports_are_taken_beside_those_of_the_system(
        #[case] ephemeral: RangeInclusive<u16>,
        #[case] ours: RangeInclusive<u16>,
    ) {
        assert_eq!(unused_ports(&ephemeral), ours);
    }

    #[rstest]
    #[case(1_024..=32_767, vec![80], 1_024..=32_767)]
    #[case(1_024..=32_767, vec![8_097, 80], 8_098..=32_767)]
    #[case(1_024..=32_767, vec![30_000, 2_000], 2_001..=29_999)]
    #[case(1_024..=65_535, vec![65_535, 1_024], 1_025..=65_534)]
    fn the_targets_ports_on_this_machine_are_left_out(
        #[case] range: RangeInclusive<u16>,
        #[case] others: Vec<u16>,
        #[case] part: RangeInclusive<u16>,
    ) {
        assert_eq!(largest_part_without(range, others), part);
    }

    #[test]
    fn of_one_port_that_is_the_targets_nothing_is_left() {
        assert!(largest_part_without(80..=80, vec![80]).is_empty());
    }

    #[test]
    fn made_up_addresses_are_local_unicast_ones() {
        let mac = made_up_mac("10.0.0.7".parse().unwrap());
        assert!(mac.is_local() && !mac.is_multicast());
    }
}
