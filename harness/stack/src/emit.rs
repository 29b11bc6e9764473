//! Puts a segment on the wire: IP and TCP headers written into a reused buffer, no allocation.

use crate::options::OptionArea;
use crate::types::FourTuple;
use std::net::{IpAddr, Ipv4Addr};
use tcpconf_wire::checksum::{self, Sum};
use tcpconf_wire::view::PROTOCOL_TCP;
use tcpconf_wire::{Flags, SeqNumber};

/// Don't Fragment (RFC 791 §3.1): every datagram is atomic, so its ID means nothing (RFC 6864).
const DONT_FRAGMENT: u32 = 0x4000;

#[inline(always)]
fn bytes_of(words: [u32; 5]) -> [u8; 20] {
    let mut bytes = [0; 20];
    let (places, _) = bytes.as_chunks_mut::<4>();
    for (place, word) in places.iter_mut().zip(words) {
        *place = word.to_be_bytes();
    }
    bytes
}

/// What IP is told about a segment (RFC 9293 §3.9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IpFields {
    pub(crate) ttl: u8,
    pub(crate) dscp: u8,
    pub(crate) ecn: u8,
}

/// A segment ready to be written. The text comes as the two pieces of a ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentOut<'a> {
    pub(crate) tuple: &'a FourTuple,
    pub(crate) ip: IpFields,
    pub(crate) seq: SeqNumber,
    pub(crate) ack: Option<SeqNumber>,
    pub(crate) flags: Flags,
    pub(crate) window: u16,
    pub(crate) urgent: u16,
    pub(crate) options: &'a OptionArea,
    pub(crate) text: (&'a [u8], &'a [u8]),
}

impl SegmentOut<'_> {
    /// Replaces the contents of `out` with the packet.
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let options = self.options.as_slice();
        let (first, second) = self.text;
        let length = 20 + options.len() + first.len() + second.len();
        let (src, dst) = (self.tuple.local.ip(), self.tuple.remote.ip());
        let segment = if let (IpAddr::V4(src), IpAddr::V4(dst)) = (src, dst) {
            // All of it is written over.
            out.resize(20 + length, 0);
            let (head, segment) = out.split_at_mut(20);
            head.copy_from_slice(&self.ipv4_header(src, dst, length));
            segment
        } else {
            out.resize(40 + length, 0);
            let (head, segment) = out.split_at_mut(40);
            head.copy_from_slice(&self.ipv6_header(src, dst, length));
            segment
        };
        let (header, rest) = segment.split_at_mut(20);
        let mut fields = bytes_of(self.tcp_header(options.len()));
        let mut sum = Sum::pseudo_header(src, dst, PROTOCOL_TCP, length).add_bytes(&fields);
        if !rest.is_empty() {
            let (area, text) = rest.split_at_mut(options.len());
            area.copy_from_slice(options);
            let (front, back) = text.split_at_mut(first.len());
            front.copy_from_slice(first);
            // From where it comes, not from where it was just written. Options are whole words.
            sum = sum.add_bytes(options);
            if second.is_empty() {
                sum = sum.add_bytes(first);
            } else {
                back.copy_from_slice(second);
                sum = sum.add_bytes(text);
            }
        }
        fields[16..18].copy_from_slice(&sum.finish().to_be_bytes());
        header.copy_from_slice(&fields);
    }

    /// The words of the header, without the checksum, which covers what follows as well.
    #[inline]
    fn tcp_header(&self, options: usize) -> [u32; 5] {
        let (ack, flag) = match self.ack {
            Some(ack) => (ack, Flags::ACK),
            None => (SeqNumber(0), Flags::NONE),
        };
        let offset = ((20 + options) / 4) as u32;
        let flags = u32::from((self.flags | flag).bits());
        [
            u32::from(self.tuple.local.port()) << 16 | u32::from(self.tuple.remote.port()),
            self.seq.0,
            ack.0,
            offset << 28 | flags << 16 | u32::from(self.window),
            u32::from(self.urgent),
        ]
    }

    #[inline]
    fn ipv4_header(&self, src: Ipv4Addr, dst: Ipv4Addr, length: usize) -> [u8; 20] {
        let class = u32::from(self.ip.dscp << 2 | self.ip.ecn);
        let mut header = bytes_of([
            0x45 << 24 | class << 16 | (20 + length) as u32 & 0xffff,
            DONT_FRAGMENT,
            u32::from(self.ip.ttl) << 24 | u32::from(PROTOCOL_TCP) << 16,
            src.to_bits(),
            dst.to_bits(),
        ]);
        let sum = checksum::of(&header);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        header
    }

    fn ipv6_header(&self, src: IpAddr, dst: IpAddr, length: usize) -> [u8; 40] {
        let class = self.ip.dscp << 2 | self.ip.ecn;
        let mut header = [0; 40];
        header[..2].copy_from_slice(&[0x60 | class >> 4, class << 4]);
        header[4..6].copy_from_slice(&(length as u16).to_be_bytes());
        header[6..8].copy_from_slice(&[PROTOCOL_TCP, self.ip.ttl]);
        for (place, address) in [(8, src), (24, dst)] {
            let address = match address {
                IpAddr::V6(address) => address,
                IpAddr::V4(address) => address.to_ipv6_mapped(),
            };
            header[place..place + 16].copy_from_slice(&address.octets());
        }
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tcpconf_wire::view::IpView;

    fn packet(local: &str, remote: &str) -> Vec<u8> {
        let mut options = OptionArea::new();
        options.mss(1460);
        let mut out = vec![0xaa; 7];
        SegmentOut {
            tuple: &FourTuple {
                local: local.parse().unwrap(),
                remote: remote.parse().unwrap(),
            },
            ip: IpFields {
                ttl: 64,
                dscp: 0x2e,
                ecn: 2,
            },
            seq: SeqNumber(1),
            ack: Some(SeqNumber(2)),
            flags: Flags::PSH,
            window: 3,
            urgent: 0,
            options: &options,
            text: (b"abc", b"de"),
        }
        .write(&mut out);
        out
    }

    #[test]
    fn must_2_checksums_are_right_in_both_families() {
        for (local, remote) in [
            ("10.0.0.1:80", "10.0.0.2:5000"),
            ("[fd00::1]:80", "[fd00::2]:5000"),
        ] {
            let bytes = packet(local, remote);
            let ip = IpView::parse(&bytes).unwrap();
            assert!(ip.header_checksum_ok() && ip.tcp_checksum_ok());
            assert_eq!((ip.dscp, ip.ecn, ip.ttl), (0x2e, 2, 64));
            let tcp = ip.tcp().unwrap();
            assert_eq!(tcp.payload, b"abcde");
            assert_eq!(tcp.flags, Flags::ACK | Flags::PSH);
            assert_eq!(tcp.reserved, 0);
        }
    }
}
