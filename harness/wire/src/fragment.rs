//! Cutting IP packets into fragments, overlapping ones on purpose included (RFC 791 §3.2, RFC 8200 §4.5).

use crate::segment::{EXTENSION_FRAGMENT, IpHeader, split};
use crate::view::PROTOCOL_TCP;
use crate::{Auto, Datagram};
use core::ops::Range;
use thiserror::Error;

/// Why a packet cannot be cut that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FragmentError {
    /// No IP header, or it is a fragment already.
    #[error("not a whole IP packet")]
    NotWhole,
    /// Offsets are in units of eight bytes.
    #[error("fragment offset {0} is no multiple of 8")]
    NotAligned(usize),
    /// Nothing would be in the fragment, or it would reach beyond the payload or the offset field.
    #[error("fragment {start}..{end} of a payload of {length} bytes")]
    OutOfRange {
        /// Its first byte.
        start: usize,
        /// Behind its last byte.
        end: usize,
        /// What there is.
        length: usize,
    },
}

/// Cuts the IP payload of `packet` at `offsets` (bytes, ascending, multiples of eight). With `overlap`
/// each fragment but the last also carries the first eight bytes of the next. `id` identifies the
/// datagram; IPv4 has its low sixteen bits.
///
/// # Errors
/// [`FragmentError`] when an offset does not fit.
pub fn fragment(
    packet: &[u8],
    offsets: &[usize],
    overlap: bool,
    id: u32,
) -> Result<Vec<Vec<u8>>, FragmentError> {
    let length = fragmentable(packet)?.payload.len();
    let starts = core::iter::once(0).chain(offsets.iter().copied());
    let ends = offsets.iter().copied().chain([length]);
    let pieces: Vec<Range<usize>> = starts
        .zip(ends)
        .map(|(start, end)| {
            let more = if overlap && end < length { 8 } else { 0 };
            start..(end + more).min(length)
        })
        .collect();
    fragment_pieces(packet, &pieces, id)
}

/// The given pieces of the IP payload of `packet` as fragments, in this order: gaps, overlaps and
/// repetitions are the caller's. The piece that holds the last byte has no more-fragments flag.
///
/// DF is cleared. IPv6 puts the fragment header behind hop-by-hop options and routing.
///
/// # Errors
/// [`FragmentError`] when a piece is empty, out of range or not aligned.
pub fn fragment_pieces(
    packet: &[u8],
    pieces: &[Range<usize>],
    id: u32,
) -> Result<Vec<Vec<u8>>, FragmentError> {
    let whole = fragmentable(packet)?;
    let length = whole.payload.len();
    let cut = |piece: &Range<usize>| {
        let Range { start, end } = *piece;
        let Some(bytes) = whole.payload.get(start..end).filter(|b| !b.is_empty()) else {
            return Err(FragmentError::OutOfRange { start, end, length });
        };
        if start % 8 != 0 {
            return Err(FragmentError::NotAligned(start));
        }
        let units = u16::try_from(start / 8)
            .ok()
            .filter(|units| *units < 0x2000);
        let Some(units) = units else {
            return Err(FragmentError::OutOfRange { start, end, length });
        };
        Ok(Datagram {
            ip: with_fragment(whole.ip.clone(), units, end < length, id),
            payload: bytes.to_vec(),
        }
        .build())
    };
    pieces.iter().map(cut).collect()
}

/// The packet with everything that may be cut as payload.
fn fragmentable(packet: &[u8]) -> Result<Datagram, FragmentError> {
    let split = split(packet, &mut Vec::new()).ok_or(FragmentError::NotWhole)?;
    if split.ip.fragment().is_some() {
        return Err(FragmentError::NotWhole);
    }
    let mut ip = split.ip;
    let mut payload = split.payload.to_vec();
    match &mut ip {
        IpHeader::V4(header) => header.total_length = Auto::Auto,
        IpHeader::V6(header) => {
            header.payload_length = Auto::Auto;
            // Hop-by-hop options (0) and routing (43) stay before the fragment header.
            let fixed = header
                .extensions
                .iter()
                .rposition(|(kind, _)| matches!(kind, 0 | 43))
                .map_or(0, |last| last + 1);
            let moved = header.extensions.split_off(fixed);
            if let Some((first, _)) = moved.first() {
                // Built alone, the extension headers stand behind forty bytes of IPv6 header.
                let mut alone = header.clone();
                let first = *first;
                alone.extensions = moved;
                payload = IpHeader::V6(alone)
                    .build(PROTOCOL_TCP, &payload)
                    .split_off(40);
                header.protocol = Auto::Is(first);
            }
        }
    }
    Ok(Datagram { ip, payload })
}

fn with_fragment(ip: IpHeader, units: u16, more: bool, id: u32) -> IpHeader {
    match ip {
        IpHeader::V4(mut header) => {
            header.id = id as u16;
            header.df = false;
            header.mf = more;
            header.fragment_offset = units;
            IpHeader::V4(header)
        }
        IpHeader::V6(mut header) => {
            let field = (units << 3 | u16::from(more)).to_be_bytes();
            let body = [&field[..], &id.to_be_bytes()].concat();
            header.extensions.push((EXTENSION_FRAGMENT, body));
            IpHeader::V6(header)
        }
    }
}
