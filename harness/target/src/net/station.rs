//! Who a frame is for, and which way a packet goes: the part of a link that needs no socket.

use crate::net::neighbour::{self, Notice};
use crate::net::owned::Owned;
use pnet::util::MacAddr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
pub(crate) const ETHERNET_HEADER: usize = 14;
/// IEEE 802.3: shorter frames are padded up to this (without the frame check sequence).
const ETHERNET_MINIMUM: usize = 60;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const ICMPV6: u8 = 58;
const V6_FRAGMENT: u8 = 44;
/// Hop-by-hop options, routing, destination options: TCP may stand behind them.
const V6_EXTENSIONS: [u8; 3] = [0, 43, 60];

/// What stands before the IP packet on the way to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hop {
    /// An Ethernet header.
    Ethernet {
        /// The address that we use.
        ours: MacAddr,
        /// The target's, or its router's.
        next: MacAddr,
    },
    /// Nothing.
    Bare,
}

/// The way to one address of a target.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// The address.
    pub(crate) target: IpAddr,
    /// The index of our interface.
    pub(crate) interface: u32,
    /// The link layer.
    pub(crate) hop: Hop,
    /// What is ours on this way.
    pub(crate) owned: Owned,
    /// Whether nobody else answers neighbours' questions for what is ours.
    pub(crate) answers: bool,
    /// Only TCP to these ports is ours, when the machine has other traffic with the target.
    pub(crate) ports: Option<RangeInclusive<u16>>,
}

/// A frame, taken apart by whoever read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// The interface that it came in by.
    pub(crate) interface: u32,
    /// Whom it was for; `None` where there is no link layer.
    pub(crate) destination: Option<MacAddr>,
    /// What is in it.
    pub(crate) ethertype: u16,
    /// The rest.
    pub(crate) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A frame with its Ethernet header; `None` when it is too short for one. Padding is cut off.
    pub(crate) fn ethernet(interface: u32, bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..ETHERNET_HEADER)?;
        let ethertype = u16::from_be_bytes([header[12], header[13]]);
        let mut payload = &bytes[ETHERNET_HEADER..];
        if bytes.len() <= ETHERNET_MINIMUM {
            payload = &payload[..ip_length(payload).min(payload.len())];
        }
        Some(Self {
            interface,
            destination: Some(MacAddr::new(
                header[0], header[1], header[2], header[3], header[4], header[5],
            )),
            ethertype,
            payload,
        })
    }
}

/// What a frame means for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// An IP packet for a case.
    Packet,
    /// A neighbour's question, with our answer.
    Question(Notice),
    /// Not ours.
    Nothing,
}

/// All the ways that a link knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Station {
    paths: Vec<Path>,
}

impl Station {
    pub(crate) fn add(&mut self, path: Path) {
        self.paths.push(path);
    }

    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "for private networks")
    )]
    /// Forgets the ways through an interface.
    pub(crate) fn remove_interface(&mut self, interface: u32) {
        self.paths.retain(|path| path.interface != interface);
    }

    /// The way that a packet of ours takes: by its destination; by its family, else the first, when
    /// the destination is none of the targets (wrong on purpose).
    pub(crate) fn path_for(&self, packet: &[u8]) -> Option<&Path> {
        let destination = addresses(packet).map(|(_, destination)| destination);
        let version = packet.first().map_or(0, |octet| octet >> 4);
        self.paths
            .iter()
            .find(|path| Some(path.target) == destination)
            .or_else(|| {
                self.paths
                    .iter()
                    .find(|path| path.target.is_ipv6() == (version == 6))
            })
            .or(self.paths.first())
    }

    /// The link-layer address that we use on an interface.
    pub(crate) fn mac_on(&self, interface: u32) -> Option<MacAddr> {
        self.paths.iter().find_map(|path| match path.hop {
            Hop::Ethernet { ours, .. } if path.interface == interface => Some(ours),
            _ => None,
        })
    }

    /// What to do about a frame.
    pub(crate) fn hear(&self, frame: &Frame<'_>) -> Heard {
        self.paths
            .iter()
            .filter(|path| path.interface == frame.interface)
            .map(|path| path.hear(frame))
            .find(|heard| *heard != Heard::Nothing)
            .unwrap_or(Heard::Nothing)
    }
}

impl Path {
    fn hear(&self, frame: &Frame<'_>) -> Heard {
        if let Hop::Ethernet { ours, .. } = self.hop {
            let for_us = frame
                .destination
                .is_none_or(|mac| mac == ours || mac.is_multicast() || mac.is_broadcast());
            if !for_us {
                return Heard::Nothing;
            }
            if self.answers
                && let Some(notice) =
                    neighbour::answer(frame.ethertype, frame.payload, &self.owned, ours)
            {
                return Heard::Question(notice);
            }
        }
        if self.is_for_a_case(frame.payload) {
            Heard::Packet
        } else {
            Heard::Nothing
        }
    }

    /// TCP from the target, or ICMP from anyone on the way, to an address of ours.
    fn is_for_a_case(&self, packet: &[u8]) -> bool {
        let Some((source, destination)) = addresses(packet) else {
            return false;
        };
        if !self.owned.contains(destination) {
            return false;
        }
        let (protocol, body, first) = match payload(packet) {
            Some(found) => found,
            None => return false,
        };
        match protocol {
            TCP => {
                source == self.target
                    && (!first
                        || self.ports.as_ref().is_none_or(|ports| {
                            body.get(2..4).is_none_or(|port| {
                                ports.contains(&u16::from_be_bytes([port[0], port[1]]))
                            })
                        }))
            }
            ICMP => source.is_ipv4(),
            ICMPV6 => {
                source.is_ipv6()
                    && !body
                        .first()
                        .is_some_and(|kind| neighbour::is_link_talk(*kind))
            }
            V6_FRAGMENT => source.is_ipv6() && source == self.target,
            other => source.is_ipv6() && source == self.target && V6_EXTENSIONS.contains(&other),
        }
    }
}

/// Source and destination of an IP packet.
pub(crate) fn addresses(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    match packet.first()? >> 4 {
        4 => {
            let octets: &[u8; 8] = packet.get(12..20)?.try_into().ok()?;
            let [a, b, c, d, e, f, g, h] = *octets;
            Some((
                Ipv4Addr::new(a, b, c, d).into(),
                Ipv4Addr::new(e, f, g, h).into(),
            ))
        }
        6 => {
            let source: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
            let destination: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
            Some((
                Ipv6Addr::from(source).into(),
                Ipv6Addr::from(destination).into(),
            ))
        }
        _ => None,
    }
}

/// Protocol, body, and whether the body begins with the protocol's header (not a later fragment).
fn payload(packet: &[u8]) -> Option<(u8, &[u8], bool)> {
    if packet.first()? >> 4 == 4 {
        let header = usize::from(packet[0] & 0xf) * 4;
        let offset = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x1fff;
        Some((*packet.get(9)?, packet.get(header..)?, offset == 0))
    } else {
        Some((*packet.get(6)?, packet.get(40..)?, true))
    }
}

/// How long the packet says it is; all of it when it says nothing.
fn ip_length(packet: &[u8]) -> usize {
    match packet.first().map(|octet| octet >> 4) {
        Some(4) if packet.len() >= 20 => usize::from(u16::from_be_bytes([packet[2], packet[3]])),
        Some(6) if packet.len() >= 40 => {
            40 + usize::from(u16::from_be_bytes([packet[4], packet[5]]))
        }
        _ => packet.len(),
    }
}

/// The ethertype for a packet of ours; `path` decides when its version nibble is wrong on purpose.
pub(crate) fn ethertype(packet: &[u8], path: &Path) -> u16 {
    match packet.first().map(|octet| octet >> 4) {
        Some(4) => ETHERTYPE_IPV4,
        Some(6) => ETHERTYPE_IPV6,
        _ if path.target.is_ipv6() => ETHERTYPE_IPV6,
        _ => ETHERTYPE_IPV4,
    }
}

/// An Ethernet header.
pub(crate) fn ethernet_header(to: MacAddr, from: MacAddr, ethertype: u16) -> [u8; ETHERNET_HEADER] {
    let mut header = [0; ETHERNET_HEADER];
    header[..6].copy_from_slice(&to.octets());
    header[6..12].copy_from_slice(&from.octets());
    header[12..].copy_from_slice(&ethertype.to_be_bytes());
    header
}

#[cfg(test)]
#[path = "station/tests.rs"]
mod tests;
