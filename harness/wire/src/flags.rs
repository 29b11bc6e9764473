//! The nine flag bits of the TCP header (RFC 9293 §3.1, RFC 9768 for AE).

use core::fmt;
use core::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A set of TCP flags: the low nine bits.
///
/// Prints in packetdrill's letters `S F R P . U E W A` (`.` ACK, `E` ECE, `W` CWR, `A` AE, formerly
/// NS), and as `-` when empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u16);

impl Flags {
    /// No flag set.
    pub const NONE: Self = Self(0);
    /// No more data from the sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// Reset the connection.
    pub const RST: Self = Self(0x004);
    /// Push function.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgement field is significant.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer field is significant.
    pub const URG: Self = Self(0x020);
    /// ECN echo (RFC 3168 §6.1).
    pub const ECE: Self = Self(0x040);
    /// Congestion window reduced (RFC 3168 §6.1).
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN (RFC 9768 §2.2); formerly NS.
    pub const AE: Self = Self(0x100);
    /// All nine.
    pub const ALL: Self = Self(0x1ff);

    /// The letters in the order in which they print.
    pub const LETTERS: [(char, Self); 9] = [
        ('S', Self::SYN),
        ('F', Self::FIN),
        ('R', Self::RST),
        ('P', Self::PSH),
        ('.', Self::ACK),
        ('U', Self::URG),
        ('E', Self::ECE),
        ('W', Self::CWR),
        ('A', Self::AE),
    ];

    /// The set in the low nine bits of `bits`; higher bits are dropped.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The nine bits, FIN lowest.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether every flag of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is set.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no flag is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Reads the notation: letters in any order, each at most once, or `-` alone.
    ///
    /// # Errors
    /// The first character that is no flag letter or stands twice.
    pub fn parse(text: &str) -> Result<Self, char> {
        if text == "-" {
            return Ok(Self::NONE);
        }
        let mut flags = Self::NONE;
        for c in text.chars() {
            match Self::LETTERS.iter().find(|(letter, _)| *letter == c) {
                Some((_, flag)) if !flags.contains(*flag) => flags |= *flag,
                _ => return Err(c),
            }
        }
        Ok(flags)
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl BitAnd for Flags {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for Flags {
    type Output = Self;
    fn not(self) -> Self {
        Self::from_bits(!self.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.pad("-");
        }
        let text: String = Self::LETTERS
            .iter()
            .filter(|(_, flag)| self.contains(*flag))
            .map(|(letter, _)| *letter)
            .collect();
        f.pad(&text)
    }
}
