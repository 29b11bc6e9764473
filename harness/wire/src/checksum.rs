//! The Internet checksum (RFC 1071) and the pseudo-header of TCP (RFC 9293 §3.1) and ICMPv6.

use std::net::{IpAddr, Ipv4Addr};

/// Below this many bytes a loop that is made for long runs costs more than it saves.
const MANY: usize = 256;

/// The sum of whole words, taken in the byte order of this machine.
fn sum_of_words(words: &[[u8; 8]]) -> u64 {
    // Sums modulo 2^64, and those of the upper halves: their difference is the sum of the lower halves. That
    // is less work than to take each word apart, and compilers make vectors of it.
    let (mut whole, mut upper) = (0u64, 0u64);
    for word in words {
        let word = u64::from_ne_bytes(*word);
        whole = whole.wrapping_add(word);
        upper = upper.wrapping_add(word >> 32);
    }
    whole.wrapping_sub(upper << 32).wrapping_add(upper)
}

/// A running one's complement sum over 16-bit big-endian words.
///
/// It is kept in the byte order of this machine and turned when it is folded: RFC 1071 §2 (B), the order does
/// not matter, and (C), wider words may be added and folded afterwards.
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
    #[inline]
    pub fn add_bytes(self, bytes: &[u8]) -> Self {
        self.add_packet(bytes)
    }

    /// The same as part of its caller, for what every packet that comes in goes through.
    #[inline(always)]
    pub(crate) fn add_packet(self, bytes: &[u8]) -> Self {
        // A header without options: no loop.
        match bytes.split_first_chunk::<20>() {
            Some((header, [])) => self.add_header(header),
            Some((header, rest)) => self.add_header(header).add_run(rest),
            None => self.add_run(bytes),
        }
    }

    #[inline(always)]
    fn add_header(mut self, header: &[u8; 20]) -> Self {
        let (words, _) = header.as_chunks::<4>();
        for word in words {
            self.add(u64::from(u32::from_ne_bytes(*word)));
        }
        self
    }

    /// No packet has so many words that this could overflow: where overflow is looked for, the test would keep the
    /// loops from becoming vectors.
    #[inline(always)]
    const fn add(&mut self, word: u64) {
        self.0 = self.0.wrapping_add(word);
    }

    #[inline]
    fn add_run(mut self, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return self;
        }
        let rest = if bytes.len() >= MANY {
            let (words, rest) = bytes.as_chunks::<8>();
            self.add(sum_of_words(words));
            rest
        } else {
            bytes
        };
        let (words, rest) = rest.as_chunks::<4>();
        for word in words {
            self.add(u64::from(u32::from_ne_bytes(*word)));
        }
        let (halves, odd) = rest.as_chunks::<2>();
        for half in halves {
            self.add(u64::from(u16::from_ne_bytes(*half)));
        }
        if let [last] = odd {
            self.add(u64::from(u16::from_ne_bytes([*last, 0])));
        }
        self
    }

    /// Adds one 16-bit word.
    #[must_use]
    pub const fn add_word(self, word: u16) -> Self {
        Self(self.0 + word.to_be() as u64)
    }

    /// Adds two 16-bit words at once: one of 32 bits.
    #[must_use]
    pub const fn add_long(self, word: u32) -> Self {
        Self(self.0 + word.to_be() as u64)
    }

    /// The pseudo-header of `protocol` between two addresses: RFC 9293 §3.1 for IPv4, RFC 8200 §8.1
    /// for IPv6. Mixed families have no pseudo-header: both addresses are added as they are.
    #[must_use]
    #[inline]
    pub fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, length: usize) -> Self {
        let mut sum = Self::new().add_long(u32::from(protocol) + length as u32);
        for address in [src, dst] {
            sum = match address {
                IpAddr::V4(a) => sum.add_long(a.to_bits()),
                IpAddr::V6(a) => sum.add_run(&a.octets()),
            };
        }
        sum
    }

    /// The same between two addresses that are known to be of IPv4: three words, as part of its caller.
    #[inline(always)]
    pub(crate) const fn pseudo_header_v4(
        src: Ipv4Addr,
        dst: Ipv4Addr,
        protocol: u8,
        length: usize,
    ) -> Self {
        Self::new()
            .add_long(protocol as u32 + length as u32)
            .add_long(src.to_bits())
            .add_long(dst.to_bits())
    }

    /// The folded one's complement sum, not inverted: 0xFFFF over data whose checksum is right.
    #[inline]
    pub const fn fold(self) -> u16 {
        // With its carry added, a sum of two numbers that are all ones does not overflow again.
        let (sum, carry) = (self.0 as u32).overflowing_add((self.0 >> 32) as u32);
        let sum = sum + carry as u32;
        let (sum, carry) = (sum as u16).overflowing_add((sum >> 16) as u16);
        u16::from_be(sum + carry as u16)
    }

    /// The value for the checksum field.
    #[inline]
    pub const fn finish(self) -> u16 {
        !self.fold()
    }
}

/// The checksum of `bytes` alone, as in an IPv4 header or ICMPv4 message.
#[inline]
pub fn of(bytes: &[u8]) -> u16 {
    Sum::new().add_bytes(bytes).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071 §1, word by word.
    fn by_the_book(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for word in bytes.chunks(2) {
            sum += u32::from(word[0]) << 8 | word.get(1).copied().map_or(0, u32::from);
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    #[test]
    fn rfc1071_every_length_sums_as_if_word_by_word() {
        let bytes: Vec<u8> = (0..3000u32).map(|i| (i * i % 251) as u8 | 0x80).collect();
        for length in 0..bytes.len() {
            let sum = Sum::new().add_bytes(&bytes[..length]);
            assert_eq!(sum.fold(), by_the_book(&bytes[..length]), "{length}");
        }
    }

    #[test]
    fn the_largest_packet_of_ones_does_not_overflow() {
        let bytes = vec![0xff; 65_536];
        assert_eq!(Sum::new().add_bytes(&bytes).fold(), 0xffff);
    }
}
