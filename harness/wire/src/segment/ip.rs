//! IP headers as bytes.

use super::{Auto, Checksum, IpHeader, Ipv4Header, Ipv6Header};
use crate::Malformation;
use crate::checksum::{self, Sum};
use crate::view::{PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP};

/// IPv6 extension headers that are followed (RFC 8200 §4): hop-by-hop options, routing, fragment,
/// destination options.
const EXTENSIONS: [u8; 4] = [0, 43, EXTENSION_FRAGMENT, 60];
/// The fragment header (RFC 8200 §4.5): eight bytes, no length octet.
pub(crate) const EXTENSION_FRAGMENT: u8 = 44;

impl IpHeader {
    /// The packet: this header before `payload`. `protocol` is what [`Auto::Auto`] stands for.
    ///
    /// Values too wide for their field are cut to its low bits, lengths to sixteen.
    pub fn build(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(40 + payload.len());
        self.build_before(protocol, &mut out, |out| out.extend_from_slice(payload));
        out
    }

    /// The same into `out`, which is empty; `payload` appends what follows the header.
    pub(crate) fn build_before(
        &self,
        protocol: u8,
        out: &mut Vec<u8>,
        payload: impl FnOnce(&mut Vec<u8>),
    ) {
        match self {
            Self::V4(header) => header.build_before(protocol, out, payload),
            Self::V6(header) => header.build_before(protocol, out, payload),
        }
    }

    /// The protocol field: the last next-header value of IPv6. `auto` is what [`Auto::Auto`] stands for.
    pub const fn protocol_or(&self, auto: u8) -> u8 {
        match self {
            Self::V4(Ipv4Header { protocol, .. }) | Self::V6(Ipv6Header { protocol, .. }) => {
                match protocol {
                    Auto::Auto => auto,
                    Auto::Is(protocol) => *protocol,
                }
            }
        }
    }

    /// The number of ICMP in this version of IP.
    pub const fn icmp_protocol(&self) -> u8 {
        match self {
            Self::V4(_) => PROTOCOL_ICMP,
            Self::V6(_) => PROTOCOL_ICMPV6,
        }
    }

    /// Offset in bytes and the more-fragments flag; `None` for a whole datagram.
    pub fn fragment(&self) -> Option<(u16, bool)> {
        let (offset, more) = match self {
            Self::V4(header) => (header.fragment_offset << 3, header.mf),
            Self::V6(header) => header.extensions.iter().find_map(|(kind, body)| {
                let field = u16::from_be_bytes([*body.first()?, *body.get(1)?]);
                let here = *kind == EXTENSION_FRAGMENT && field & 0xfff9 != 0;
                here.then_some((field & 0xfff8, field & 1 != 0))
            })?,
        };
        (offset != 0 || more).then_some((offset, more))
    }

    /// The pseudo-header of `protocol` over `length` bytes.
    pub fn pseudo_header(&self, protocol: u8, length: usize) -> Sum {
        Sum::pseudo_header(self.src(), self.dst(), protocol, length)
    }
}

impl Ipv4Header {
    fn build_before(&self, protocol: u8, out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(&[0; 20]);
        out.extend_from_slice(&self.options);
        if self.header_length == Auto::Auto {
            out.resize(out.len().next_multiple_of(4), 0);
        }
        let header = out.len();
        let words = self.header_length.or((header / 4).min(15) as u8);
        payload(out);
        let total = self.total_length.or(out.len() as u16);
        let fragment = u16::from(self.evil) << 15
            | u16::from(self.df) << 14
            | u16::from(self.mf) << 13
            | self.fragment_offset & 0x1fff;
        out[0] = 0x40 | words & 0xf;
        out[1] = self.dscp << 2 | self.ecn & 3;
        out[2..4].copy_from_slice(&total.to_be_bytes());
        out[4..6].copy_from_slice(&self.id.to_be_bytes());
        out[6..8].copy_from_slice(&fragment.to_be_bytes());
        out[8] = self.ttl;
        out[9] = self.protocol.or(protocol);
        out[12..16].copy_from_slice(&self.src.octets());
        out[16..20].copy_from_slice(&self.dst.octets());
        let checksum = self.checksum.value(|| checksum::of(&out[..header]));
        out[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

impl Ipv6Header {
    fn build_before(&self, protocol: u8, out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(&[0; 40]);
        let protocol = self.protocol.or(protocol);
        let mut next_at = 6;
        for (kind, body) in &self.extensions {
            out[next_at] = *kind;
            next_at = out.len();
            let length = (2 + body.len()).next_multiple_of(8).max(8);
            let units = match *kind {
                EXTENSION_FRAGMENT => 0,
                _ => (length / 8 - 1) as u8,
            };
            out.extend_from_slice(&[0, units]);
            out.extend_from_slice(body);
            out.resize(next_at + length, 0);
        }
        out[next_at] = protocol;
        payload(out);
        let stated = self.payload_length.or((out.len() - 40) as u16);
        let class = self.dscp << 2 | self.ecn & 3;
        let first = 6 << 28 | u32::from(class) << 20 | self.flow_label & 0xf_ffff;
        out[..4].copy_from_slice(&first.to_be_bytes());
        out[4..6].copy_from_slice(&stated.to_be_bytes());
        out[7] = self.hop_limit;
        out[8..24].copy_from_slice(&self.src.octets());
        out[24..40].copy_from_slice(&self.dst.octets());
    }
}

/// An IP header as it was read, with what follows it.
pub(crate) struct Split<'a> {
    /// The header; [`Auto::Auto`] as its protocol stands for TCP.
    pub(crate) ip: IpHeader,
    /// What it carries.
    pub(crate) payload: &'a [u8],
    /// What came behind the stated length.
    pub(crate) trailing: &'a [u8],
}

/// Reads the IP header of `bytes`, or `None` where there is none. Lengths that lie are kept as they
/// are; the header then counts as 20 or 40 bytes, and the packet as all that came.
pub(crate) fn split<'a>(bytes: &'a [u8], malformed: &mut Vec<Malformation>) -> Option<Split<'a>> {
    let version = bytes.first().map(|first| first >> 4);
    let expected = match version {
        Some(4) => 20,
        Some(6) => 40,
        _ => {
            malformed.push(Malformation::Version(version));
            return None;
        }
    };
    if bytes.len() < expected {
        malformed.push(Malformation::IpShort {
            expected,
            got: bytes.len(),
        });
        return None;
    }
    if expected == 20 {
        split_v4(bytes, malformed)
    } else {
        split_v6(bytes, malformed)
    }
}

fn split_v4<'a>(bytes: &'a [u8], malformed: &mut Vec<Malformation>) -> Option<Split<'a>> {
    let fixed = bytes.first_chunk::<20>()?;
    let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let stated = word(2);
    let length_ok = (20..=bytes.len()).contains(&usize::from(stated));
    if !length_ok {
        malformed.push(Malformation::IpLength {
            stated,
            got: bytes.len(),
        });
    }
    let end = if length_ok {
        usize::from(stated)
    } else {
        bytes.len()
    };
    let words = fixed[0] & 0xf;
    let header_ok = words >= 5 && usize::from(words) * 4 <= end;
    if !header_ok {
        malformed.push(Malformation::IpHeaderLength { words, length: end });
    }
    let header = if header_ok {
        usize::from(words) * 4
    } else {
        20
    };
    let expected = checksum_without(Sum::new(), &bytes[..header], 10);
    let got = word(10);
    if !same_checksum(expected, got) {
        malformed.push(Malformation::IpChecksum { expected, got });
    }
    if fixed[6] & 0x80 != 0 {
        malformed.push(Malformation::IpReservedFlag);
    }
    let address = |at: usize| [fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]].into();
    Some(Split {
        ip: IpHeader::V4(Ipv4Header {
            src: address(12),
            dst: address(16),
            dscp: fixed[1] >> 2,
            ecn: fixed[1] & 3,
            id: word(4),
            evil: fixed[6] & 0x80 != 0,
            df: fixed[6] & 0x40 != 0,
            mf: fixed[6] & 0x20 != 0,
            fragment_offset: word(6) & 0x1fff,
            ttl: fixed[8],
            protocol: Auto::unless(fixed[9], PROTOCOL_TCP),
            options: bytes[20..header].to_vec(),
            header_length: Auto::lie(header_ok, words),
            total_length: Auto::lie(length_ok, stated),
            checksum: Checksum::read(expected, got),
        }),
        payload: &bytes[header..end],
        trailing: &bytes[end..],
    })
}

fn split_v6<'a>(bytes: &'a [u8], malformed: &mut Vec<Malformation>) -> Option<Split<'a>> {
    let fixed = bytes.first_chunk::<40>()?;
    let stated = u16::from_be_bytes([fixed[4], fixed[5]]);
    let length_ok = 40 + usize::from(stated) <= bytes.len();
    if !length_ok {
        malformed.push(Malformation::IpLength {
            stated,
            got: bytes.len() - 40,
        });
    }
    let end = if length_ok {
        40 + usize::from(stated)
    } else {
        bytes.len()
    };
    let first = u32::from_be_bytes([fixed[0], fixed[1], fixed[2], fixed[3]]);
    let mut extensions = Vec::new();
    let mut next = fixed[6];
    let mut payload = &bytes[40..end];
    while EXTENSIONS.contains(&next) {
        let Some((body, behind)) = extension(next, payload) else {
            malformed.push(Malformation::Extension(next));
            break;
        };
        let kind = core::mem::replace(&mut next, payload[0]);
        payload = behind;
        extensions.push((kind, body.to_vec()));
        let fragment = u16::from_be_bytes([body[0], body[1]]);
        if kind == EXTENSION_FRAGMENT && fragment & 0xfff9 != 0 {
            break; // what follows belongs to the whole datagram
        }
    }
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&fixed[at..at + 16]);
        octets.into()
    };
    Some(Split {
        ip: IpHeader::V6(Ipv6Header {
            src: address(8),
            dst: address(24),
            dscp: (first >> 22) as u8 & 0x3f,
            ecn: (first >> 20) as u8 & 3,
            flow_label: first & 0xf_ffff,
            hop_limit: fixed[7],
            extensions,
            protocol: Auto::unless(next, PROTOCOL_TCP),
            payload_length: Auto::lie(length_ok, stated),
        }),
        payload,
        trailing: &bytes[end..],
    })
}

/// Body and what follows the extension header at the front of `bytes`.
fn extension(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = match (kind, bytes) {
        // A fragment header has a reserved octet there, which must be zero (RFC 8200 §4.5).
        (EXTENSION_FRAGMENT, [_, 0, ..]) => 8,
        (EXTENSION_FRAGMENT, _) => return None,
        (_, [_, units, ..]) => 8 + usize::from(*units) * 8,
        _ => return None,
    };
    let (header, behind) = bytes.split_at_checked(length)?;
    Some((&header[2..], behind))
}

/// The checksum that belongs at byte `at` of `bytes`, whatever stands there.
pub(crate) fn checksum_without(sum: Sum, bytes: &[u8], at: usize) -> u16 {
    // Both pieces before the last have an even length, as `Sum` asks for.
    let (before, behind) = bytes.split_at(at.min(bytes.len()));
    let behind = behind.get(2..).unwrap_or_default();
    sum.add_bytes(before).add_bytes(behind).finish()
}

/// Whether a receiver takes `got` for `expected`: zero has two forms in one's complement (RFC 1071).
pub(crate) const fn same_checksum(expected: u16, got: u16) -> bool {
    expected == got || (expected == 0 && got == 0xffff) || (expected == 0xffff && got == 0)
}

impl Checksum {
    /// The value for the field; `right` computes the right one.
    pub(crate) fn value(self, right: impl FnOnce() -> u16) -> u16 {
        match self {
            Self::Is(value) => value,
            Self::Good => right(),
            // Flipped, both forms of zero would be right again.
            Self::Bad => match right() {
                0 | 0xffff => 0x5555,
                right => !right,
            },
        }
    }

    /// What yields `got` where `expected` is right.
    pub(crate) const fn read(expected: u16, got: u16) -> Self {
        if expected == got {
            Self::Good
        } else {
            Self::Is(got)
        }
    }
}

impl<T: Copy + PartialEq> Auto<T> {
    /// The value, or `auto`.
    pub fn or(self, auto: T) -> T {
        match self {
            Self::Auto => auto,
            Self::Is(value) => value,
        }
    }

    /// [`Auto::Auto`] when `value` is what stands for it.
    pub(crate) fn unless(value: T, auto: T) -> Self {
        if value == auto {
            Self::Auto
        } else {
            Self::Is(value)
        }
    }

    fn lie(truth: bool, value: T) -> Self {
        if truth { Self::Auto } else { Self::Is(value) }
    }
}
