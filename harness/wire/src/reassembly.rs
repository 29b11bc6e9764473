//! Putting fragments together again (RFC 791 §3.2, RFC 8200 §4.5), within bounds.

#[cfg(test)]
mod tests;

use crate::segment::{EXTENSION_FRAGMENT, IpHeader, split};
use crate::view::PROTOCOL_TCP;
use crate::{Auto, Checksum, Datagram, Instant};
use core::time::Duration;
use std::net::IpAddr;

/// Datagrams that may wait at once; the oldest makes room.
pub const MAX_DATAGRAMS: usize = 64;
/// Fragments that a datagram may have.
pub const MAX_FRAGMENTS: usize = 256;
/// How long a datagram waits (RFC 8200 §4.5; RFC 1122 §3.3.2 says 60 to 120 s).
pub const LIFETIME: Duration = Duration::from_secs(60);

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reassembly {
    /// No fragment: use the packet as it is.
    Whole,
    /// Others are missing.
    Pending,
    /// The last one: the datagram as a packet without fragmentation.
    Complete(Vec<u8>),
    /// The datagram is given up, all of it (RFC 5722 §3 for overlaps).
    Refused(Refusal),
}

/// Why a datagram is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A fragment overlaps another; exact repetitions do not count.
    Overlap,
    /// It is longer than 65,535 bytes, or two fragments claim to be the last.
    Length,
    /// It has more than [`MAX_FRAGMENTS`].
    TooMany,
    /// A fragment that is not the last has a length that is no multiple of eight, or no length.
    NotAligned,
}

/// Puts fragments together. Bounded in datagrams, fragments and time.
#[derive(Clone, Debug, Default)]
pub struct Reassembler {
    waiting: Vec<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    key: Key,
    since: Instant,
    /// The header of the first fragment, else of whichever came.
    ip: IpHeader,
    pieces: Vec<(usize, Vec<u8>)>,
    total: Option<usize>,
}

/// What fragments of one datagram have in common.
type Key = (IpAddr, IpAddr, u32, u8);

impl Reassembler {
    /// An empty one.
    pub const fn new() -> Self {
        Self {
            waiting: Vec::new(),
        }
    }

    /// Datagrams that wait for fragments.
    pub const fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a packet. What waits longer than [`LIFETIME`] is forgotten.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) -> Reassembly {
        self.waiting.retain(|w| now.since(w.since) < LIFETIME);
        let Some(split) = split(packet, &mut Vec::new()) else {
            return Reassembly::Whole;
        };
        let Some((offset, more)) = split.ip.fragment() else {
            return Reassembly::Whole;
        };
        let key = key(&split.ip);
        let index = self.waiting.iter().position(|w| w.key == key);
        let index = index.unwrap_or_else(|| {
            if self.waiting.len() == MAX_DATAGRAMS {
                self.waiting.remove(0);
            }
            self.waiting.push(Waiting {
                key,
                since: now,
                ip: split.ip.clone(),
                pieces: Vec::new(),
                total: None,
            });
            self.waiting.len() - 1
        });
        let waiting = &mut self.waiting[index];
        if offset == 0 {
            waiting.ip = split.ip;
        }
        if let Err(refusal) = waiting.add(offset.into(), more, split.payload) {
            self.waiting.remove(index);
            return Reassembly::Refused(refusal);
        }
        if !waiting.is_complete() {
            return Reassembly::Pending;
        }
        Reassembly::Complete(self.waiting.remove(index).build())
    }
}

impl Waiting {
    fn add(&mut self, offset: usize, more: bool, bytes: &[u8]) -> Result<(), Refusal> {
        let end = offset + bytes.len();
        if more && (bytes.is_empty() || !bytes.len().is_multiple_of(8)) {
            return Err(Refusal::NotAligned);
        }
        if end > usize::from(u16::MAX) {
            return Err(Refusal::Length);
        }
        if !more && self.total.replace(end).is_some_and(|total| total != end) {
            return Err(Refusal::Length);
        }
        if self
            .pieces
            .iter()
            .any(|(at, old)| *at == offset && old == bytes)
        {
            return Ok(());
        }
        let apart = |(at, old): &(usize, Vec<u8>)| at + old.len() <= offset || end <= *at;
        if !self.pieces.iter().all(apart) {
            return Err(Refusal::Overlap);
        }
        if self.pieces.len() == MAX_FRAGMENTS {
            return Err(Refusal::TooMany);
        }
        self.pieces.push((offset, bytes.to_vec()));
        if self
            .total
            .is_some_and(|total| self.pieces.iter().any(|(at, p)| at + p.len() > total))
        {
            return Err(Refusal::Length);
        }
        Ok(())
    }

    fn is_complete(&self) -> bool {
        let there: usize = self.pieces.iter().map(|(_, piece)| piece.len()).sum();
        // Nothing overlaps, so that the lengths add up when nothing is missing.
        self.total == Some(there)
    }

    fn build(mut self) -> Vec<u8> {
        self.pieces.sort_by_key(|(at, _)| *at);
        let ip = match self.ip {
            IpHeader::V4(mut header) => {
                header.mf = false;
                header.fragment_offset = 0;
                header.total_length = Auto::Auto;
                header.checksum = Checksum::Good;
                IpHeader::V4(header)
            }
            IpHeader::V6(mut header) => {
                header
                    .extensions
                    .retain(|(kind, _)| *kind != EXTENSION_FRAGMENT);
                header.payload_length = Auto::Auto;
                IpHeader::V6(header)
            }
        };
        let payload = self
            .pieces
            .into_iter()
            .flat_map(|(_, piece)| piece)
            .collect();
        Datagram { ip, payload }.build()
    }
}

fn key(ip: &IpHeader) -> Key {
    let id = match ip {
        IpHeader::V4(header) => header.id.into(),
        IpHeader::V6(header) => header
            .extensions
            .iter()
            .find(|(kind, _)| *kind == EXTENSION_FRAGMENT)
            .and_then(|(_, body)| body.get(2..6)?.try_into().ok())
            .map_or(0, u32::from_be_bytes),
    };
    // RFC 8200 §4.5: the next header of IPv6 fragments may differ, only that of the first counts.
    let protocol = match ip {
        IpHeader::V4(_) => ip.protocol_or(PROTOCOL_TCP),
        IpHeader::V6(_) => EXTENSION_FRAGMENT,
    };
    (ip.src(), ip.dst(), id, protocol)
}
