//! Who we are on the way to a host: addresses, ports, link-layer address.

use super::closed_port::CANDIDATES;
use super::{Carrier, HostOptions, MacChoice, Way, way};
use crate::TargetError;
use pnet::util::MacAddr;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// Not below: ports that a stack may treat specially.
const LOWEST_PORT: u16 = 1_024;
/// What Linux takes by itself when nothing else is set.
const USUAL_EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// Who we are on the way.
pub(super) struct Identity {
    pub(super) sources: Vec<IpAddr>,
    /// The sources are no host's.
    pub(super) own: bool,
    pub(super) ports: RangeInclusive<u16>,
    pub(super) mac: Option<MacAddr>,
}

/// Chooses it, and refuses what makes no sense.
pub(super) fn identity(
    target: SocketAddr,
    way: &Way,
    options: &HostOptions,
) -> Result<Identity, TargetError> {
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
    let loopback = way.carrier == Carrier::Loopback;
    let ports = options.ports.clone().unwrap_or_else(|| {
        if foreign {
            LOWEST_PORT..=u16::MAX
        } else if loopback && options.agent.is_some() {
            // The others are for what the agent opens: segments to our ports never reach the target.
            ports_above(&ephemeral_ports())
        } else {
            unused_ports(&ephemeral_ports())
        }
    });
    let ports = if loopback {
        // Both ends have the same address: only the port tells our segments from the target's.
        let services = options.services.values().copied();
        let agent = options.agent.map(|agent| agent.port());
        let theirs = services
            .chain(CANDIDATES)
            .chain([target.port()])
            .chain(agent);
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
pub(crate) fn made_up_mac(source: IpAddr) -> MacAddr {
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

/// Those above what the system hands out; the upper half of all where there are none.
fn ports_above(ephemeral: &RangeInclusive<u16>) -> RangeInclusive<u16> {
    match ephemeral.end().checked_add(1) {
        Some(first) => first..=u16::MAX,
        None => 0x8000..=u16::MAX,
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

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(32_768..=60_999, 61_000..=65_535)]
    #[case(1_024..=65_535, 32_768..=65_535)]
    fn an_agent_on_this_machine_has_the_lower_ports(
        #[case] ephemeral: RangeInclusive<u16>,
        #[case] ours: RangeInclusive<u16>,
    ) {
        assert_eq!(ports_above(&ephemeral), ours);
    }

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
