//! Packets out of random bytes, and what must hold for each: for property tests and fuzz targets.
//!
//! There is one generator, driven by [`Unstructured`] bytes; proptest strategies (feature `testing`),
//! fuzz targets and the mass comparison with other parsers differ only in where the bytes come from.

pub mod oracle;
pub mod targets;
mod template;

pub use template::template;

use crate::{Auto, Checksum, Flags, Icmp, IpHeader, Segment, SeqNumber, TcpOption, icmp_names};
use arbitrary::{Result, Unstructured};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Any segment whose values fit their fields, lies included.
///
/// # Errors
/// When the bytes are used up where some are needed.
pub fn segment(u: &mut Unstructured<'_>) -> Result<Segment> {
    let mut segment = plain_segment(u)?;
    segment.options = options(u, 8)?;
    if u.ratio(1, 4)? {
        segment.data_offset = Auto::Is(u.int_in_range(0..=15)?);
    }
    if u.ratio(1, 4)? {
        segment.reserved = u.int_in_range(0..=7)?;
    }
    segment.checksum = checksum(u)?;
    if u.ratio(1, 8)? {
        segment.truncate = Some(u.int_in_range(0..=100)?);
    }
    lies_of_ip(u, &mut segment.ip)?;
    Ok(segment)
}

/// A segment that a sound sender might write: nothing about it is malformed, and it is no fragment.
///
/// # Errors
/// When the bytes are used up where some are needed.
pub fn sound_segment(u: &mut Unstructured<'_>) -> Result<Segment> {
    let mut segment = plain_segment(u)?;
    for option in options(u, 8)? {
        let sound = match &option {
            TcpOption::Raw(_) | TcpOption::Eol => false,
            TcpOption::FastOpen(cookie) => cookie.is_empty() || cookie.len() == 8,
            TcpOption::Sack(blocks) => !blocks.is_empty(),
            TcpOption::Unknown { kind, .. } => (35..=252).contains(kind),
            _ => true,
        };
        segment.options.push(option);
        if !sound || TcpOption::build_all(&segment.options).len() > 40 {
            segment.options.pop();
        }
    }
    if let IpHeader::V6(header) = &mut segment.ip
        && u.ratio(1, 8)?
    {
        // Hop-by-hop options: PadN over the rest of eight bytes (RFC 8200 §4.2).
        header.extensions.push((0, vec![1, 4, 0, 0, 0, 0]));
    }
    Ok(segment)
}

/// Any ICMP message, errors quoting a segment (cut anywhere) more often than not.
///
/// # Errors
/// When the bytes are used up where some are needed.
pub fn icmp(u: &mut Unstructured<'_>) -> Result<Icmp> {
    let (src, dst) = addresses(u)?;
    let name = u.choose(icmp_names())?;
    let (kind, code) = match name.of(src.is_ipv6()) {
        Some(known) if u.ratio(7, 8)? => known,
        _ => u.arbitrary()?,
    };
    let body = if u.ratio(3, 4)? {
        let mut quote = segment(u)?.build();
        quote.truncate(u.int_in_range(0..=80)?);
        quote
    } else {
        bytes(u, 40)?
    };
    let mut icmp = Icmp::new(src, dst, kind, code, body);
    icmp.rest = u.arbitrary()?;
    icmp.checksum = checksum(u)?;
    lies_of_ip(u, &mut icmp.ip)?;
    Ok(icmp)
}

/// One option, malformed ones included.
///
/// # Errors
/// When the bytes are used up where some are needed.
pub fn option(u: &mut Unstructured<'_>) -> Result<TcpOption> {
    Ok(match u.int_in_range(0..=12)? {
        0 => TcpOption::Eol,
        1 => TcpOption::Nop,
        2 => TcpOption::Mss(u.arbitrary()?),
        3 => TcpOption::WindowScale(u.arbitrary()?),
        4 => TcpOption::SackPermitted,
        5 => {
            let blocks = u.int_in_range(0..=4)?;
            TcpOption::Sack((0..blocks).map(|_| u.arbitrary()).collect::<Result<_>>()?)
        }
        6 => TcpOption::Timestamps {
            val: u.arbitrary()?,
            ecr: u.arbitrary()?,
        },
        7 => TcpOption::Md5(u.arbitrary()?),
        8 => TcpOption::UserTimeout {
            minutes: u.arbitrary()?,
            value: u.int_in_range(0..=0x7fff)?,
        },
        9 => TcpOption::FastOpen(bytes(u, 18)?),
        10 => TcpOption::Experimental {
            kind: if u.arbitrary()? { 253 } else { 254 },
            exid: u.arbitrary()?,
            data: bytes(u, 12)?,
        },
        11 => TcpOption::Unknown {
            kind: u.arbitrary()?,
            data: bytes(u, 12)?,
        },
        _ => TcpOption::Raw(bytes(u, 12)?),
    })
}

fn plain_segment(u: &mut Unstructured<'_>) -> Result<Segment> {
    let (src, dst) = addresses(u)?;
    let mut segment = Segment::new((src, u.arbitrary()?).into(), (dst, u.arbitrary()?).into());
    segment.seq = SeqNumber(u.arbitrary()?);
    segment.ack = SeqNumber(u.arbitrary()?);
    segment.flags = Flags::from_bits(u.arbitrary()?);
    segment.window = u.arbitrary()?;
    segment.urgent = u.arbitrary()?;
    segment.payload = bytes(u, 40)?;
    match &mut segment.ip {
        IpHeader::V4(header) => {
            header.dscp = u.int_in_range(0..=63)?;
            header.ecn = u.int_in_range(0..=3)?;
            header.id = u.arbitrary()?;
            header.df = u.arbitrary()?;
            header.ttl = u.arbitrary()?;
        }
        IpHeader::V6(header) => {
            header.dscp = u.int_in_range(0..=63)?;
            header.ecn = u.int_in_range(0..=3)?;
            header.flow_label = u.int_in_range(0..=0xf_ffff)?;
            header.hop_limit = u.arbitrary()?;
        }
    }
    Ok(segment)
}

fn lies_of_ip(u: &mut Unstructured<'_>, ip: &mut IpHeader) -> Result<()> {
    if !u.ratio(1, 4)? {
        return Ok(());
    }
    match ip {
        IpHeader::V4(header) => {
            header.evil = u.ratio(1, 4)?;
            header.mf = u.ratio(1, 4)?;
            if u.ratio(1, 4)? {
                header.fragment_offset = u.int_in_range(0..=0x1fff)?;
            }
            if u.ratio(1, 4)? {
                header.options = bytes(u, 44)?;
            }
            if u.ratio(1, 4)? {
                header.header_length = Auto::Is(u.int_in_range(0..=15)?);
            }
            header.checksum = checksum(u)?;
            header.protocol = auto(u)?;
            header.total_length = length(u)?;
        }
        IpHeader::V6(header) => {
            for _ in 0..u.int_in_range(0..=3)? {
                let kind = *u.choose(&[0, 43, 44, 60, 51, 135])?;
                header.extensions.push((kind, bytes(u, 24)?));
            }
            header.protocol = auto(u)?;
            header.payload_length = length(u)?;
        }
    }
    Ok(())
}

fn auto(u: &mut Unstructured<'_>) -> Result<Auto<u8>> {
    Ok(if u.ratio(1, 4)? {
        Auto::Is(u.arbitrary()?)
    } else {
        Auto::Auto
    })
}

fn length(u: &mut Unstructured<'_>) -> Result<Auto<u16>> {
    Ok(match u.int_in_range(0..=7)? {
        0 => Auto::Is(u.arbitrary()?),
        1 => Auto::Is(u.int_in_range(0..=100)?),
        _ => Auto::Auto,
    })
}

fn checksum(u: &mut Unstructured<'_>) -> Result<Checksum> {
    Ok(match u.int_in_range(0..=7)? {
        0 => Checksum::Is(u.arbitrary()?),
        1 => Checksum::Bad,
        _ => Checksum::Good,
    })
}

fn options(u: &mut Unstructured<'_>, most: usize) -> Result<Vec<TcpOption>> {
    let count = u.int_in_range(0..=most)?;
    (0..count).map(|_| option(u)).collect()
}

fn bytes(u: &mut Unstructured<'_>, most: usize) -> Result<Vec<u8>> {
    let length = u.int_in_range(0..=most)?.min(u.len());
    u.bytes(length).map(<[u8]>::to_vec)
}

fn addresses(u: &mut Unstructured<'_>) -> Result<(IpAddr, IpAddr)> {
    Ok(if u.arbitrary()? {
        let (src, dst): ([u8; 4], [u8; 4]) = u.arbitrary()?;
        (Ipv4Addr::from(src).into(), Ipv4Addr::from(dst).into())
    } else {
        let (src, dst): ([u8; 16], [u8; 16]) = u.arbitrary()?;
        (Ipv6Addr::from(src).into(), Ipv6Addr::from(dst).into())
    })
}

/// The generators as proptest strategies.
#[cfg(feature = "testing")]
pub mod strategy {
    use crate::notation::Template;
    use crate::{Icmp, Segment, TcpOption};
    use arbitrary::{Result, Unstructured};
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any};

    /// [`super::segment`].
    pub fn segment() -> impl Strategy<Value = Segment> {
        generated(super::segment)
    }

    /// [`super::sound_segment`].
    pub fn sound_segment() -> impl Strategy<Value = Segment> {
        generated(super::sound_segment)
    }

    /// [`super::icmp`].
    pub fn icmp() -> impl Strategy<Value = Icmp> {
        generated(super::icmp)
    }

    /// [`super::template`].
    pub fn template() -> impl Strategy<Value = Template<u64>> {
        generated(super::template)
    }

    /// [`super::option`].
    pub fn option() -> impl Strategy<Value = TcpOption> {
        generated(super::option)
    }

    /// Any bytes, half of them with the look of an IP packet.
    pub fn packet_bytes() -> impl Strategy<Value = Vec<u8>> {
        let mangled = (
            segment(),
            vec((any::<usize>(), any::<u8>()), 0..6),
            any::<usize>(),
        );
        let mangled = mangled.prop_map(|(segment, changes, cut)| {
            let mut bytes = segment.build();
            for (at, value) in changes {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            bytes.truncate(cut % (2 * bytes.len()));
            bytes
        });
        proptest::prop_oneof![mangled, vec(any::<u8>(), 0..120)]
    }

    fn generated<T: core::fmt::Debug>(
        generator: fn(&mut Unstructured<'_>) -> Result<T>,
    ) -> impl Strategy<Value = T> {
        vec(any::<u8>(), 0..300).prop_filter_map("bytes used up", move |bytes| {
            generator(&mut Unstructured::new(&bytes)).ok()
        })
    }
}
