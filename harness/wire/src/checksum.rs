//! The Internet checksum (RFC 1071) and the pseudo-header of TCP (RFC 9293 §3.1) and ICMPv6.

use std::net::IpAddr;

/// Words of 32 bits that are added side by side.
const LANES: usize = 8;

/// A running one's complement sum over 16-bit big-endian words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// An empty sum.
    pub const fn new() -> Self {
        Self(0)
    }

    /// Adds `bytes` as big-endian words; an odd last byte is padded with a zero (RFC 9293 §3.1).
    /// Only the last piece added may have an odd length.
    #[must_use]
    pub fn add_bytes(mut self, bytes: &[u8]) -> Self {
        // RFC 1071 §2 (B): the sum does not depend on the byte order in which it is taken, and (C): wider
        // words may be added in parallel and folded afterwards.
        let (blocks, rest) = bytes.as_chunks::<{ 4 * LANES }>();
        if !blocks.is_empty() {
            let mut lanes = [0; LANES];
            for block in blocks {
                for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<4>().0) {
                    *lane += u64::from(u32::from_ne_bytes(*word));
                }
            }
            self.0 += u64::from(u16::from_be(Self(lanes.iter().sum()).fold()));
        }
        let (words, rest) = rest.as_chunks::<4>();
        for word in words {
            self.0 += u64::from(u32::from_be_bytes(*word));
        }
        let (halves, odd) = rest.as_chunks::<2>();
        for half in halves {
            self.0 += u64::from(u16::from_be_bytes(*half));
        }
        if let [last] = odd {
            self.0 += u64::from(*last) << 8;
        }
        self
    }

    /// Adds one 16-bit word.
    #[must_use]
    pub const fn add_word(self, word: u16) -> Self {
        Self(self.0 + word as u64)
    }

    /// The pseudo-header of `protocol` between two addresses: RFC 9293 §3.1 for IPv4, RFC 8200 §8.1
    /// for IPv6. Mixed families have no pseudo-header: both addresses are added as they are.
    #[must_use]
    pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, length: usize) -> Self {
        let mut sum = Self::new();
        for address in [src, dst] {
            sum = match address {
                IpAddr::V4(a) => sum.add_bytes(&a.octets()),
                IpAddr::V6(a) => sum.add_bytes(&a.octets()),
            };
        }
        sum.0 += u64::from(protocol) + length as u64;
        sum
    }

    /// The folded one's complement sum, not inverted: 0xFFFF over data whose checksum is right.
    pub const fn fold(self) -> u16 {
        let mut sum = self.0;
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    /// The value for the checksum field.
    pub const fn finish(self) -> u16 {
        !self.fold()
    }
}

/// The checksum of `bytes` alone, as in an IPv4 header or ICMPv4 message.
pub fn of(bytes: &[u8]) -> u16 {
    Sum::new().add_bytes(bytes).finish()
}
