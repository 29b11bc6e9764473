//! ARP (RFC 826) and neighbour discovery (RFC 4861 §7.2): who has our addresses, and who has the
//! next hop's.
//!
//! Pure: frames' payloads in, frames' payloads out. It models neither router discovery nor
//! redirects nor duplicate address detection of its own.

use crate::net::owned::Owned;
use pnet::packet::arp::{ArpHardwareTypes, ArpOperations, ArpPacket, MutableArpPacket};
use pnet::packet::ethernet::{EtherType, EtherTypes};
use pnet::packet::icmpv6::ndp::{
    MutableNeighborAdvertPacket, MutableNeighborSolicitPacket, NdpOption, NdpOptionTypes,
    NeighborAdvertFlags, NeighborAdvertPacket, NeighborSolicitPacket,
};
use pnet::packet::icmpv6::{Icmpv6Packet, Icmpv6Types, checksum};
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::ipv6::{Ipv6Packet, MutableIpv6Packet};
use pnet::util::MacAddr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ARP_LENGTH: usize = 28;
const IPV6_HEADER: usize = 40;
/// Type, code, checksum, reserved or flags, target address, one link-layer address option.
const ND_LENGTH: usize = 24 + 8;
/// RFC 4861 §7.1: anything else was forwarded and is not to be believed.
const ND_HOP_LIMIT: u8 = 255;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// What to put into a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Whom the frame is for.
    pub(crate) to: MacAddr,
    /// Its ethertype.
    pub(crate) ethertype: u16,
    /// Its payload.
    pub(crate) payload: Vec<u8>,
}

/// The answer to a question for one of our addresses, if the payload is one.
pub(crate) fn answer(
    ethertype: u16,
    payload: &[u8],
    owned: &Owned,
    ours: MacAddr,
) -> Option<Notice> {
    match EtherType(ethertype) {
        EtherTypes::Arp => answer_arp(payload, owned, ours),
        EtherTypes::Ipv6 => answer_solicitation(payload, owned, ours),
        _ => None,
    }
}

/// The question who has `wanted`.
pub(crate) fn question(wanted: IpAddr, source: IpAddr, ours: MacAddr) -> Option<Notice> {
    match (wanted, source) {
        (IpAddr::V4(wanted), IpAddr::V4(source)) => Some(Notice {
            to: MacAddr::broadcast(),
            ethertype: EtherTypes::Arp.0,
            payload: arp(
                ArpOperations::Request,
                (ours, source),
                (MacAddr::zero(), wanted),
            ),
        }),
        (IpAddr::V6(wanted), IpAddr::V6(source)) => Some(solicitation(wanted, source, ours)),
        _ => None,
    }
}

/// The link-layer address of `wanted`, if the payload tells it.
pub(crate) fn told(ethertype: u16, payload: &[u8], wanted: IpAddr) -> Option<MacAddr> {
    match (EtherType(ethertype), wanted) {
        (EtherTypes::Arp, IpAddr::V4(wanted)) => {
            let arp = ArpPacket::new(payload)?;
            (arp.get_sender_proto_addr() == wanted).then(|| arp.get_sender_hw_addr())
        }
        (EtherTypes::Ipv6, IpAddr::V6(wanted)) => {
            let (_, icmp) = discovery(payload)?;
            let advert = NeighborAdvertPacket::new(icmp)?;
            let right = advert.get_icmpv6_type() == Icmpv6Types::NeighborAdvert
                && advert.get_target_addr() == wanted;
            right
                .then(|| link_address(&advert.get_options(), NdpOptionTypes::TargetLLAddr))
                .flatten()
        }
        _ => None,
    }
}

fn answer_arp(payload: &[u8], owned: &Owned, ours: MacAddr) -> Option<Notice> {
    let request = ArpPacket::new(payload)?;
    let asked = request.get_target_proto_addr();
    let is_question = request.get_operation() == ArpOperations::Request
        && request.get_protocol_type() == EtherTypes::Ipv4;
    if !is_question || !owned.contains(IpAddr::V4(asked)) {
        return None;
    }
    let asker = (
        request.get_sender_hw_addr(),
        request.get_sender_proto_addr(),
    );
    Some(Notice {
        to: asker.0,
        ethertype: EtherTypes::Arp.0,
        payload: arp(ArpOperations::Reply, (ours, asked), asker),
    })
}

fn arp(
    operation: pnet::packet::arp::ArpOperation,
    sender: (MacAddr, Ipv4Addr),
    target: (MacAddr, Ipv4Addr),
) -> Vec<u8> {
    let mut payload = vec![0; ARP_LENGTH];
    let mut packet = MutableArpPacket::new(&mut payload).expect("the buffer holds an ARP packet");
    packet.set_hardware_type(ArpHardwareTypes::Ethernet);
    packet.set_protocol_type(EtherTypes::Ipv4);
    packet.set_hw_addr_len(6);
    packet.set_proto_addr_len(4);
    packet.set_operation(operation);
    packet.set_sender_hw_addr(sender.0);
    packet.set_sender_proto_addr(sender.1);
    packet.set_target_hw_addr(target.0);
    packet.set_target_proto_addr(target.1);
    payload
}

fn answer_solicitation(payload: &[u8], owned: &Owned, ours: MacAddr) -> Option<Notice> {
    let (header, icmp) = discovery(payload)?;
    let question = NeighborSolicitPacket::new(icmp)?;
    let asked = question.get_target_addr();
    if question.get_icmpv6_type() != Icmpv6Types::NeighborSolicit
        || !owned.contains(IpAddr::V6(asked))
    {
        return None;
    }
    let asker = header.get_source();
    // RFC 4861 §7.2.4: a question from the unspecified address (duplicate detection) is answered to all.
    let (to, to_mac) = if asker.is_unspecified() {
        (ALL_NODES, multicast_mac(ALL_NODES))
    } else {
        let mac = link_address(&question.get_options(), NdpOptionTypes::SourceLLAddr)?;
        (asker, mac)
    };
    let mut body = [0; ND_LENGTH];
    let mut advert =
        MutableNeighborAdvertPacket::new(&mut body).expect("the buffer holds an advertisement");
    advert.set_icmpv6_type(Icmpv6Types::NeighborAdvert);
    advert.set_flags(if asker.is_unspecified() {
        NeighborAdvertFlags::Override
    } else {
        NeighborAdvertFlags::Solicited | NeighborAdvertFlags::Override
    });
    advert.set_target_addr(asked);
    advert.set_options(&[link_option(NdpOptionTypes::TargetLLAddr, ours)]);
    Some(Notice {
        to: to_mac,
        ethertype: EtherTypes::Ipv6.0,
        payload: discovery_packet(asked, to, &body),
    })
}

fn solicitation(wanted: Ipv6Addr, source: Ipv6Addr, ours: MacAddr) -> Notice {
    let [.., a, b, c] = wanted.octets();
    // RFC 4291 §2.7.1: the solicited-node address.
    let mut group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0).octets();
    group[13..].copy_from_slice(&[a, b, c]);
    let group = Ipv6Addr::from(group);
    // RFC 4861 §4.3: without a source address the question must not carry a link-layer address.
    let mut body = vec![
        0;
        if source.is_unspecified() {
            ND_LENGTH - 8
        } else {
            ND_LENGTH
        }
    ];
    let mut question =
        MutableNeighborSolicitPacket::new(&mut body).expect("the buffer holds a solicitation");
    question.set_icmpv6_type(Icmpv6Types::NeighborSolicit);
    question.set_target_addr(wanted);
    if !source.is_unspecified() {
        question.set_options(&[link_option(NdpOptionTypes::SourceLLAddr, ours)]);
    }
    Notice {
        to: multicast_mac(group),
        ethertype: EtherTypes::Ipv6.0,
        payload: discovery_packet(source, group, &body),
    }
}

/// The ICMPv6 message of a believable neighbour discovery packet.
fn discovery(payload: &[u8]) -> Option<(Ipv6Packet<'_>, &[u8])> {
    let header = Ipv6Packet::new(payload)?;
    let believable = header.get_next_header() == IpNextHeaderProtocols::Icmpv6
        && header.get_hop_limit() == ND_HOP_LIMIT;
    let length = usize::from(header.get_payload_length());
    let icmp = payload.get(IPV6_HEADER..IPV6_HEADER + length)?;
    believable.then_some((header, icmp))
}

fn discovery_packet(source: Ipv6Addr, destination: Ipv6Addr, body: &[u8]) -> Vec<u8> {
    let mut payload = vec![0; IPV6_HEADER + body.len()];
    let mut header = MutableIpv6Packet::new(&mut payload).expect("the buffer holds an IPv6 header");
    header.set_version(6);
    header.set_payload_length(u16::try_from(body.len()).expect("a message of 32 octets"));
    header.set_next_header(IpNextHeaderProtocols::Icmpv6);
    header.set_hop_limit(ND_HOP_LIMIT);
    header.set_source(source);
    header.set_destination(destination);
    header.set_payload(body);
    let icmp = Icmpv6Packet::new(body).expect("the buffer holds an ICMPv6 header");
    let sum = checksum(&icmp, &source, &destination);
    payload[IPV6_HEADER + 2..IPV6_HEADER + 4].copy_from_slice(&sum.to_be_bytes());
    payload
}

fn link_option(kind: pnet::packet::icmpv6::ndp::NdpOptionType, mac: MacAddr) -> NdpOption {
    NdpOption {
        option_type: kind,
        length: 1,
        data: mac.octets().to_vec(),
    }
}

fn link_address(
    options: &[NdpOption],
    kind: pnet::packet::icmpv6::ndp::NdpOptionType,
) -> Option<MacAddr> {
    let option = options.iter().find(|o| o.option_type == kind)?;
    let octets: [u8; 6] = option.data.get(..6)?.try_into().ok()?;
    Some(MacAddr::from(octets))
}

/// RFC 2464 §7.
fn multicast_mac(group: Ipv6Addr) -> MacAddr {
    let [.., a, b, c, d] = group.octets();
    MacAddr::new(0x33, 0x33, a, b, c, d)
}

/// Whether an IPv6 payload is neighbour or router discovery or group membership: the link's own
/// talk, which no case is meant to see.
pub(crate) fn is_link_talk(icmpv6_type: u8) -> bool {
    // RFC 4861 §4 (133–137), RFC 2710 §3 (130–132), RFC 3810 §5.2 (143).
    matches!(icmpv6_type, 130..=137 | 143)
}

#[cfg(test)]
#[path = "neighbour/tests.rs"]
mod tests;
