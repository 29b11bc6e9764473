//! etherparse and pnet read generated segments as we do: every field, every option that they know,
//! and every checksum.
//!
//! A few thousand segments by default; three million with `TCPCONF_DEEP=1`.  The segments come from a
//! fixed seed, and the failure message prints the one that was read differently.

mod common;

use common::for_each;
use etherparse::{NetSlice, SlicedPacket, TcpOptionElement, TcpSlice, TransportSlice};
use pnet::packet::Packet as _;
use pnet::packet::icmp::{self, IcmpPacket};
use pnet::packet::icmpv6::{self, Icmpv6Packet};
use pnet::packet::ipv4::{self, Ipv4Packet};
use pnet::packet::ipv6::Ipv6Packet;
use pnet::packet::tcp::{self, TcpOptionNumber, TcpPacket};
use std::net::IpAddr;
use tcpconf_wire::{
    Checksum, Content, Flags, Icmp, IpHeader, Malformation, Segment, TcpOption, parse, testing,
};

#[test]
fn etherparse_and_pnet_read_sound_segments_as_we_do() {
    for_each(1, testing::sound_segment, |segment| {
        let bytes = segment.build();
        etherparse_agrees(&bytes, segment, true);
        pnet_agrees(&bytes, segment, true);
    });
}

#[test]
fn etherparse_and_pnet_read_wrong_segments_as_we_do_where_the_lengths_are_right() {
    let mut compared = 0;
    let total = for_each(2, testing::segment, |segment| {
        let bytes = segment.build();
        let parsed = parse(&bytes);
        let Content::Tcp(read) = &parsed.content else {
            return;
        };
        if parsed.malformed.iter().any(is_structural) {
            return;
        }
        // etherparse stops at extension headers that it does not know.
        if matches!(&read.ip, IpHeader::V6(header) if !header.extensions.is_empty()) {
            return;
        }
        let good = !parsed
            .malformed
            .iter()
            .any(|m| matches!(m, Malformation::TcpChecksum { .. }));
        let bytes = &bytes[..bytes.len() - parsed.trailing.len()];
        etherparse_agrees(bytes, read, good);
        pnet_agrees(bytes, read, good);
        compared += 1;
    });
    assert!(
        compared > total / 3,
        "{compared} of {total} had right lengths"
    );
}

#[test]
fn pnet_computes_our_checksums_of_icmp_messages() {
    for_each(3, testing::icmp, |message: &Icmp| {
        let mut message = message.clone();
        message.checksum = Checksum::Good;
        message.ip = IpHeader::new(message.ip.src(), message.ip.dst());
        let bytes = message.build();
        let (field, computed) = match (message.ip.src(), message.ip.dst()) {
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let packet = Icmpv6Packet::new(&bytes[40..]).unwrap();
                assert_eq!(packet.get_icmpv6_type().0, message.kind);
                (packet.get_checksum(), icmpv6::checksum(&packet, &src, &dst))
            }
            _ => {
                let packet = IcmpPacket::new(&bytes[20..]).unwrap();
                assert_eq!(packet.get_icmp_code().0, message.code);
                (packet.get_checksum(), icmp::checksum(&packet))
            }
        };
        assert!(
            same(field, computed),
            "{message}: {field:#06x} {computed:#06x}"
        );
    });
}

const fn is_structural(m: &Malformation) -> bool {
    !matches!(
        m,
        Malformation::IpChecksum { .. }
            | Malformation::TcpChecksum { .. }
            | Malformation::IpReservedFlag
            | Malformation::Reserved(_)
            | Malformation::OptionLength { .. }
            | Malformation::OptionForm { .. }
            | Malformation::OptionPadding
    )
}

fn etherparse_agrees(bytes: &[u8], segment: &Segment, checksum_good: bool) {
    let packet = SlicedPacket::from_ip(bytes).unwrap_or_else(|e| panic!("{segment}: {e}"));
    let Some(TransportSlice::Tcp(tcp)) = &packet.transport else {
        panic!("{segment}: no TCP for etherparse");
    };
    let computed = match (packet.net.as_ref().expect("IP was read"), &segment.ip) {
        (NetSlice::Ipv4(net), IpHeader::V4(ours)) => {
            let theirs = net.header();
            assert_eq!(
                (theirs.source_addr(), theirs.destination_addr()),
                (ours.src, ours.dst)
            );
            assert_eq!(theirs.dcp().value(), ours.dscp);
            assert_eq!(theirs.ecn().value(), ours.ecn);
            assert_eq!(theirs.identification(), ours.id);
            assert_eq!(theirs.dont_fragment(), ours.df);
            assert_eq!(theirs.more_fragments(), ours.mf);
            assert_eq!(theirs.fragments_offset().value(), ours.fragment_offset);
            assert_eq!(theirs.ttl(), ours.ttl);
            let words = ours.options.len().div_ceil(4);
            assert_eq!(theirs.options().len(), words * 4);
            assert_eq!(theirs.options()[..ours.options.len()], ours.options);
            // Its owned header forgets the reserved flag.
            let right = theirs.to_header().calc_header_checksum();
            let field = theirs.header_checksum();
            assert!(
                ours.checksum != Checksum::Good || field == right || ours.evil,
                "{segment}"
            );
            tcp.calc_checksum_ipv4(theirs.source(), theirs.destination())
        }
        (NetSlice::Ipv6(net), IpHeader::V6(ours)) => {
            let theirs = net.header();
            assert_eq!(
                (theirs.source_addr(), theirs.destination_addr()),
                (ours.src, ours.dst)
            );
            assert_eq!(theirs.traffic_class(), ours.dscp << 2 | ours.ecn);
            assert_eq!(theirs.flow_label().value(), ours.flow_label);
            assert_eq!(theirs.hop_limit(), ours.hop_limit);
            tcp.calc_checksum_ipv6(theirs.source(), theirs.destination())
        }
        _ => panic!("{segment}: another version of IP for etherparse"),
    };
    let computed = computed.expect("short enough");
    assert_eq!(same(tcp.checksum(), computed), checksum_good, "{segment}");
    assert_eq!(
        (tcp.source_port(), tcp.destination_port()),
        (segment.src_port, segment.dst_port)
    );
    assert_eq!(tcp.sequence_number(), segment.seq.0);
    assert_eq!(tcp.acknowledgment_number(), segment.ack.0);
    assert_eq!(tcp.window_size(), segment.window);
    assert_eq!(tcp.urgent_pointer(), segment.urgent);
    assert_eq!(tcp.payload(), segment.payload);
    let theirs = [
        (tcp.fin(), Flags::FIN),
        (tcp.syn(), Flags::SYN),
        (tcp.rst(), Flags::RST),
        (tcp.psh(), Flags::PSH),
        (tcp.ack(), Flags::ACK),
        (tcp.urg(), Flags::URG),
        (tcp.ece(), Flags::ECE),
        (tcp.cwr(), Flags::CWR),
        (tcp.ns(), Flags::AE),
    ];
    for (set, flag) in theirs {
        assert_eq!(set, segment.flags.contains(flag), "{flag} of {segment}");
    }
    etherparse_options_agree(tcp, segment);
}

/// etherparse gives up at the first option that it does not know; so far the lists are the same.
fn etherparse_options_agree(tcp: &TcpSlice<'_>, segment: &Segment) {
    let mut theirs = tcp.options_iterator();
    for ours in &segment.options {
        let same = match (ours, theirs.next()) {
            (TcpOption::Nop, Some(Ok(TcpOptionElement::Noop))) => true,
            (TcpOption::Mss(a), Some(Ok(TcpOptionElement::MaximumSegmentSize(b)))) => *a == b,
            (TcpOption::WindowScale(a), Some(Ok(TcpOptionElement::WindowScale(b)))) => *a == b,
            (
                TcpOption::SackPermitted,
                Some(Ok(TcpOptionElement::SelectiveAcknowledgementPermitted)),
            ) => true,
            (
                TcpOption::Timestamps { val, ecr },
                Some(Ok(TcpOptionElement::Timestamp(b_val, b_ecr))),
            ) => (*val, *ecr) == (b_val, b_ecr),
            (
                TcpOption::Sack(blocks),
                Some(Ok(TcpOptionElement::SelectiveAcknowledgement(first, more))),
            ) => blocks
                .iter()
                .copied()
                .eq([Some(first)].into_iter().chain(more).flatten()),
            (TcpOption::Eol, None) => return,
            (
                TcpOption::Md5(_)
                | TcpOption::UserTimeout { .. }
                | TcpOption::FastOpen(_)
                | TcpOption::Experimental { .. }
                | TcpOption::Unknown { .. }
                | TcpOption::Raw(_),
                Some(Err(_)),
            ) => return,
            _ => false,
        };
        assert!(same, "{ours:?} of {segment}");
    }
    assert_eq!(theirs.next(), None, "{segment}");
}

fn pnet_agrees(bytes: &[u8], segment: &Segment, checksum_good: bool) {
    match &segment.ip {
        IpHeader::V4(ours) => {
            let net = Ipv4Packet::new(bytes).expect("20 bytes");
            assert_eq!(
                (net.get_source(), net.get_destination()),
                (ours.src, ours.dst)
            );
            assert_eq!((net.get_dscp(), net.get_ecn()), (ours.dscp, ours.ecn));
            assert_eq!(
                (net.get_identification(), net.get_ttl()),
                (ours.id, ours.ttl)
            );
            assert_eq!(usize::from(net.get_total_length()), bytes.len());
            let flags = u8::from(ours.evil) << 2 | u8::from(ours.df) << 1 | u8::from(ours.mf);
            assert_eq!(net.get_flags(), flags);
            assert_eq!(net.get_fragment_offset(), ours.fragment_offset);
            let right = ipv4::checksum(&net);
            assert!(
                ours.checksum != Checksum::Good || net.get_checksum() == right,
                "{segment}"
            );
            let tcp = TcpPacket::new(net.payload()).expect("20 bytes");
            let computed = tcp::ipv4_checksum(&tcp, &ours.src, &ours.dst);
            assert_eq!(
                same(tcp.get_checksum(), computed),
                checksum_good,
                "{segment}"
            );
            pnet_tcp_agrees(&tcp, segment);
        }
        IpHeader::V6(ours) => {
            let net = Ipv6Packet::new(bytes).expect("40 bytes");
            assert_eq!(
                (net.get_source(), net.get_destination()),
                (ours.src, ours.dst)
            );
            assert_eq!(net.get_traffic_class(), ours.dscp << 2 | ours.ecn);
            assert_eq!(net.get_flow_label(), ours.flow_label);
            assert_eq!(net.get_hop_limit(), ours.hop_limit);
            // pnet leaves extension headers to its caller: those of the generator are eight bytes each.
            let payload = &net.payload()[8 * ours.extensions.len()..];
            let tcp = TcpPacket::new(payload).expect("20 bytes");
            let computed = tcp::ipv6_checksum(&tcp, &ours.src, &ours.dst);
            assert_eq!(
                same(tcp.get_checksum(), computed),
                checksum_good,
                "{segment}"
            );
            pnet_tcp_agrees(&tcp, segment);
        }
    }
}

fn pnet_tcp_agrees(tcp: &TcpPacket<'_>, segment: &Segment) {
    assert_eq!(
        (tcp.get_source(), tcp.get_destination()),
        (segment.src_port, segment.dst_port)
    );
    assert_eq!(tcp.get_sequence(), segment.seq.0);
    assert_eq!(tcp.get_acknowledgement(), segment.ack.0);
    // pnet counts AE, formerly NS, as the lowest of four reserved bits.
    let reserved = segment.reserved << 1 | u8::from(segment.flags.contains(Flags::AE));
    assert_eq!(tcp.get_reserved(), reserved, "{segment}");
    assert_eq!(u16::from(tcp.get_flags()), segment.flags.bits() & 0xff);
    assert_eq!(tcp.get_window(), segment.window);
    assert_eq!(tcp.get_urgent_ptr(), segment.urgent);
    assert_eq!(tcp.payload(), segment.payload);
    // pnet reads on behind End-of-List and takes any length: compare what comes before such things.
    let ours = segment
        .options
        .iter()
        .take_while(|option| !matches!(option, TcpOption::Eol | TcpOption::Raw(_)));
    for (ours, theirs) in ours.zip(tcp.get_options_iter()) {
        let mut built = Vec::new();
        ours.build_into(&mut built);
        assert_eq!(
            ours.kind().map(TcpOptionNumber),
            Some(theirs.get_number()),
            "{segment}"
        );
        assert_eq!(
            theirs.payload(),
            built.get(2..).unwrap_or_default(),
            "{segment}"
        );
    }
}

/// Zero has two forms in one's complement.
const fn same(a: u16, b: u16) -> bool {
    a == b || (a == 0 && b == 0xffff) || (a == 0xffff && b == 0)
}
