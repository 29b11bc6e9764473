//! Fragments back to datagrams (RFC 791 §3.2, RFC 8200 §4.5), before packets are routed.
//!
//! Overlapping fragments are refused, as RFC 8200 §4.5 and RFC 5722 ask: the datagram is dropped and
//! counted. What it does not model: reassembly timers other than the bound on datagrams in progress.

use std::collections::BTreeMap;
use std::net::IpAddr;
use tcpconf_wire::Packet;
use tcpconf_wire::checksum;
use tcpconf_wire::view::IpView;

/// Datagrams in progress; beyond it the oldest is given up.
const MAX_DATAGRAMS: usize = 64;
/// Octets of a datagram.
const MAX_LENGTH: usize = 65_535;

/// What became of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Assembled {
    /// It was whole, or it completed this datagram.
    Whole(Packet),
    /// It waits for the others.
    Waiting,
    /// It overlaps, or makes the datagram too long: given up.
    Refused,
}

/// Source, destination, protocol, identification.
type Key = (IpAddr, IpAddr, u8, u32);

/// Datagrams in progress.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    datagrams: BTreeMap<Key, Datagram>,
    /// Which was begun first.
    order: std::collections::VecDeque<Key>,
    /// Fragments seen.
    pub(crate) fragments: u64,
}

#[derive(Debug, Default)]
struct Datagram {
    /// The headers of the first fragment, fragmentation taken out.
    header: Option<Vec<u8>>,
    pieces: BTreeMap<usize, Vec<u8>>,
    length: Option<usize>,
}

impl Reassembly {
    /// Takes a packet; a whole one passes.
    pub(crate) fn take(&mut self, packet: Packet) -> Assembled {
        let Ok(ip) = IpView::parse(&packet.bytes) else {
            return Assembled::Whole(packet);
        };
        let Some((offset, more)) = ip.fragment else {
            return Assembled::Whole(packet);
        };
        self.fragments += 1;
        let key = (
            ip.src,
            ip.dst,
            ip.protocol,
            identification(&packet.bytes, &ip),
        );
        if !self.datagrams.contains_key(&key) {
            self.make_room();
            self.order.push_back(key);
        }
        let datagram = self.datagrams.entry(key).or_default();
        let fits = datagram.add(usize::from(offset), more, &ip, &packet.bytes);
        let whole = datagram.whole();
        if fits && whole.is_none() {
            return Assembled::Waiting;
        }
        self.datagrams.remove(&key);
        self.order.retain(|k| *k != key);
        match whole {
            Some(bytes) if fits => Assembled::Whole(Packet { bytes, ..packet }),
            _ => Assembled::Refused,
        }
    }

    fn make_room(&mut self) {
        if self.order.len() >= MAX_DATAGRAMS
            && let Some(oldest) = self.order.pop_front()
        {
            self.datagrams.remove(&oldest);
        }
    }
}

impl Datagram {
    /// Whether the fragment fits to what is there.
    fn add(&mut self, offset: usize, more: bool, ip: &IpView<'_>, bytes: &[u8]) -> bool {
        let end = offset + ip.payload.len();
        let before = self.pieces.range(..=offset).next_back();
        let overlaps = before.is_some_and(|(at, piece)| at + piece.len() > offset)
            || self
                .pieces
                .range(offset..end.max(offset + 1))
                .next()
                .is_some();
        if overlaps || end > MAX_LENGTH || self.length.is_some_and(|length| end > length) {
            return false;
        }
        if !more {
            if self.length.is_some() {
                return false;
            }
            self.length = Some(end);
        }
        if offset == 0 {
            self.header = Some(whole_header(ip, bytes));
        }
        self.pieces.insert(offset, ip.payload.to_vec());
        true
    }

    /// The datagram, when all of it is there.
    fn whole(&self) -> Option<Vec<u8>> {
        let (length, header) = (self.length?, self.header.as_ref()?);
        let held: usize = self.pieces.values().map(Vec::len).sum();
        if held != length {
            return None;
        }
        let mut bytes = header.clone();
        for piece in self.pieces.values() {
            bytes.extend(piece);
        }
        let total = u16::try_from(bytes.len()).ok()?;
        if bytes[0] >> 4 == 4 {
            let header_length = header.len();
            bytes[2..4].copy_from_slice(&total.to_be_bytes());
            bytes[10..12].fill(0);
            let sum = checksum::of(&bytes[..header_length]);
            bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        } else {
            bytes[4..6].copy_from_slice(&(total - 40).to_be_bytes());
        }
        Some(bytes)
    }
}

/// The identification: of the IPv4 header, or of the fragment header.
fn identification(bytes: &[u8], ip: &IpView<'_>) -> u32 {
    if bytes[0] >> 4 == 4 {
        return u32::from(u16::from_be_bytes([bytes[4], bytes[5]]));
    }
    fragment_header(ip).map_or(0, |at| {
        u32::from_be_bytes([bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]])
    })
}

/// Where the IPv6 fragment header stands in the packet.
fn fragment_header(ip: &IpView<'_>) -> Option<usize> {
    let bytes = ip.header;
    let (mut kind, mut at) = (*bytes.get(6)?, 40);
    while at + 8 <= bytes.len() {
        if kind == 44 {
            return Some(at);
        }
        kind = bytes[at];
        at += 8 + usize::from(bytes[at + 1]) * 8;
    }
    None
}

/// The headers as the unfragmented datagram has them.
fn whole_header(ip: &IpView<'_>, bytes: &[u8]) -> Vec<u8> {
    let mut header = ip.header.to_vec();
    if bytes[0] >> 4 == 4 {
        // More-fragments and the offset; DF and the reserved bit stay.
        header[6] &= 0xc0;
        header[7] = 0;
    } else if let Some(at) = fragment_header(ip) {
        let next = header[at];
        header.drain(at..at + 8);
        // The header before it names what follows now.
        let (mut kind_at, mut position) = (6, 40);
        while position < at {
            kind_at = position;
            position += 8 + usize::from(header[position + 1]) * 8;
        }
        header[kind_at] = next;
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::sanity::segment;
    use tcpconf_wire::{Flags, Instant, SeqNumber};

    fn whole(v6: bool) -> Vec<u8> {
        let (src, dst) = if v6 {
            ("[fd00::2]:80", "[fd00::9]:4000")
        } else {
            ("10.0.0.2:80", "10.0.0.9:4000")
        };
        segment(
            src.parse().unwrap(),
            dst.parse().unwrap(),
            SeqNumber(1),
            SeqNumber(2),
            Flags::ACK,
        )
    }

    /// Octets `from..to` of the payload as a fragment.
    fn fragment(whole: &[u8], from: usize, to: usize) -> Packet {
        let v6 = whole[0] >> 4 == 6;
        let header = if v6 { 40 } else { 20 };
        let more = header + to < whole.len();
        let mut bytes = whole[..header].to_vec();
        if v6 {
            bytes[6] = 44;
            let field = (from as u16) | u16::from(more);
            bytes.extend([6, 0]);
            bytes.extend(field.to_be_bytes());
            bytes.extend([0, 0, 0, 9]);
            bytes[4..6].copy_from_slice(&((8 + to - from) as u16).to_be_bytes());
        } else {
            let field = (from as u16 / 8) | if more { 0x2000 } else { 0 };
            bytes[6..8].copy_from_slice(&field.to_be_bytes());
            bytes[2..4].copy_from_slice(&((20 + to - from) as u16).to_be_bytes());
        }
        bytes.extend(&whole[header + from..header + to]);
        Packet::new(bytes, Instant::from_millis(from as u64))
    }

    #[rstest::rstest]
    #[case(false)]
    #[case(true)]
    fn fragments_in_any_order_make_the_datagram(#[case] v6: bool) {
        let whole = whole(v6);
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.take(fragment(&whole, 8, 16)), Assembled::Waiting);
        assert_eq!(
            reassembly.take(fragment(&whole, 16, 20)),
            Assembled::Waiting
        );
        let Assembled::Whole(packet) = reassembly.take(fragment(&whole, 0, 8)) else {
            panic!("not complete");
        };
        let (got, sent) = (
            IpView::parse(&packet.bytes).unwrap(),
            IpView::parse(&whole).unwrap(),
        );
        assert_eq!(got.payload, sent.payload);
        assert_eq!((got.fragment, got.protocol), (None, 6));
        assert!(got.header_checksum_ok() && got.tcp_checksum_ok());
        assert_eq!(reassembly.fragments, 3);
    }

    #[test]
    fn overlapping_fragments_are_refused() {
        let whole = whole(false);
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.take(fragment(&whole, 0, 16)), Assembled::Waiting);
        assert_eq!(reassembly.take(fragment(&whole, 8, 20)), Assembled::Refused);
    }

    #[test]
    fn a_whole_packet_passes() {
        let packet = Packet::new(whole(false), Instant::ZERO);
        let taken = Reassembly::default().take(packet.clone());
        assert_eq!(taken, Assembled::Whole(packet));
    }

    #[test]
    fn datagrams_in_progress_are_bounded() {
        let whole = whole(false);
        let mut reassembly = Reassembly::default();
        for id in 0..1_000_u16 {
            let mut packet = fragment(&whole, 0, 8);
            packet.bytes[4..6].copy_from_slice(&id.to_be_bytes());
            assert_eq!(reassembly.take(packet), Assembled::Waiting);
        }
        assert_eq!(reassembly.datagrams.len(), MAX_DATAGRAMS);
    }
}
