//! Borrowed header views: no allocation, no copy, for the fast path of a stack.
//!
//! A view refuses what a receiver must refuse to read (lengths that lie); everything else it shows
//! as it is.  Whether a checksum is right is a question of its own, so that callers can count it.

mod sound;

use crate::checksum::Sum;
use crate::{Flags, SeqNumber};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use thiserror::Error;

/// Protocol number of ICMPv4.
pub const PROTOCOL_ICMP: u8 = 1;
/// Protocol number of TCP.
pub const PROTOCOL_TCP: u8 = 6;
/// Protocol number of ICMPv6.
pub const PROTOCOL_ICMPV6: u8 = 58;

/// Why a packet cannot be viewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ViewError {
    /// Fewer bytes than the header needs.
    #[error("{header} header cut short: {got} of {expected} bytes")]
    Short {
        /// Which header.
        header: &'static str,
        /// Bytes it needs.
        expected: usize,
        /// Bytes there are.
        got: usize,
    },
    /// Neither 4 nor 6 in the version field.
    #[error("IP version {0}")]
    Version(u8),
    /// The IPv4 header length is below 20 bytes or beyond the packet.
    #[error("IPv4 header length {0}")]
    HeaderLength(usize),
    /// The IP length field is below the header or beyond the bytes that came.
    #[error("IP length {stated}, {got} bytes came")]
    Length {
        /// What the header says.
        stated: usize,
        /// What came.
        got: usize,
    },
    /// The TCP data offset is below 5 words or beyond the segment.
    #[error("data offset {offset} in a segment of {length} bytes")]
    DataOffset {
        /// The field, in 32-bit words.
        offset: u8,
        /// The segment, in bytes.
        length: usize,
    },
    /// Extension headers that do not end, or an IPv6 header that must not be followed further.
    #[error("IPv6 extension header {0} cannot be skipped")]
    Extension(u8),
}

/// An IP packet whose lengths are right.
#[derive(Clone, Copy, Debug)]
pub struct IpView<'a> {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// The upper protocol, behind all extension headers.
    pub protocol: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// The two ECN bits (RFC 3168 §5).
    pub ecn: u8,
    /// The six DSCP bits.
    pub dscp: u8,
    /// Offset in bytes and the more-fragments flag; `None` for a whole datagram (an atomic fragment
    /// counts as whole, RFC 6946).
    pub fragment: Option<(u16, bool)>,
    /// IPv4 options or IPv6 extension headers, as they came.
    pub options: &'a [u8],
    /// What follows all IP headers, cut to the stated length.
    pub payload: &'a [u8],
    /// The bytes of all IP headers.
    pub header: &'a [u8],
}

impl<'a> IpView<'a> {
    /// Reads the IP headers of `bytes`. Link padding behind the stated length is dropped.
    ///
    /// # Errors
    /// [`ViewError`] when the lengths contradict each other.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ViewError> {
        match bytes.first().map(|b| b >> 4) {
            Some(4) => Self::parse_v4(bytes),
            Some(6) => Self::parse_v6(bytes),
            Some(version) => Err(ViewError::Version(version)),
            None => Err(short("IP", 20, 0)),
        }
    }

    /// The same for bytes whose version is known to be 4: addresses are then known to be such, too.
    ///
    /// # Errors
    /// [`ViewError`] when the lengths contradict each other.
    #[inline(always)]
    pub fn parse_v4(bytes: &'a [u8]) -> Result<Self, ViewError> {
        let Some(fixed) = bytes.first_chunk::<20>() else {
            return Err(short("IPv4", 20, bytes.len()));
        };
        let header_length = usize::from(fixed[0] & 0xf) * 4;
        if header_length < 20 || header_length > bytes.len() {
            return Err(ViewError::HeaderLength(header_length));
        }
        let stated = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if stated < header_length || stated > bytes.len() {
            return Err(ViewError::Length {
                stated,
                got: bytes.len(),
            });
        }
        let frag = u16::from_be_bytes([fixed[6], fixed[7]]);
        let (offset, more) = ((frag & 0x1fff) * 8, frag & 0x2000 != 0);
        Ok(Self {
            src: Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]).into(),
            dst: Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]).into(),
            protocol: fixed[9],
            ttl: fixed[8],
            ecn: fixed[1] & 3,
            dscp: fixed[1] >> 2,
            fragment: (offset != 0 || more).then_some((offset, more)),
            options: &bytes[20..header_length],
            payload: &bytes[header_length..stated],
            header: &bytes[..header_length],
        })
    }

    fn parse_v6(bytes: &'a [u8]) -> Result<Self, ViewError> {
        let Some(fixed) = bytes.first_chunk::<40>() else {
            return Err(short("IPv6", 40, bytes.len()));
        };
        let stated = 40 + usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
        if stated > bytes.len() {
            return Err(ViewError::Length {
                stated,
                got: bytes.len(),
            });
        }
        let address = |at: usize| {
            let mut octets = [0; 16];
            octets.copy_from_slice(&fixed[at..at + 16]);
            IpAddr::V6(Ipv6Addr::from(octets))
        };
        let class = (fixed[0] << 4) | (fixed[1] >> 4);
        let mut view = Self {
            src: address(8),
            dst: address(24),
            protocol: fixed[6],
            ttl: fixed[7],
            ecn: class & 3,
            dscp: class >> 2,
            fragment: None,
            options: &bytes[40..40],
            payload: &bytes[40..stated],
            header: &bytes[..40],
        };
        let mut at = 40;
        // RFC 8200 §4: hop-by-hop 0, routing 43, fragment 44, destination options 60.
        while matches!(view.protocol, 0 | 43 | 44 | 60) {
            let extension = view.protocol;
            let rest = &bytes[at..stated];
            let Some(start) = rest.first_chunk::<8>() else {
                return Err(ViewError::Extension(extension));
            };
            let length = if extension == 44 {
                let field = u16::from_be_bytes([start[2], start[3]]);
                let (offset, more) = (field & 0xfff8, field & 1 != 0);
                view.fragment = (offset != 0 || more).then_some((offset, more));
                8
            } else {
                8 + usize::from(start[1]) * 8
            };
            if length > rest.len() {
                return Err(ViewError::Extension(extension));
            }
            view.protocol = start[0];
            at += length;
            if view.fragment.is_some() {
                break; // what follows belongs to the whole datagram
            }
        }
        view.options = &bytes[40..at];
        view.payload = &bytes[at..stated];
        view.header = &bytes[..at];
        Ok(view)
    }

    /// Whether the IPv4 header checksum is right; IPv6 has none and is always right.
    #[inline(always)]
    pub fn header_checksum_ok(&self) -> bool {
        matches!(self.src, IpAddr::V6(_)) || Sum::new().add_packet(self.header).fold() == 0xffff
    }

    /// The payload as a TCP segment.
    ///
    /// # Errors
    /// [`ViewError`] when it is too short or its data offset lies.
    #[inline]
    pub fn tcp(&self) -> Result<TcpView<'a>, ViewError> {
        TcpView::parse(self.payload)
    }

    /// Whether the checksum of the payload is right for TCP.
    #[inline(always)]
    pub fn tcp_checksum_ok(&self) -> bool {
        let length = self.payload.len();
        let pseudo_header = match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                Sum::pseudo_header_v4(src, dst, PROTOCOL_TCP, length)
            }
            (src, dst) => Sum::pseudo_header(src, dst, PROTOCOL_TCP, length),
        };
        pseudo_header.add_packet(self.payload).fold() == 0xffff
    }
}

/// A TCP segment whose data offset is right.
#[derive(Clone, Copy, Debug)]
pub struct TcpView<'a> {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK: meaningless without the ACK flag.
    pub ack: SeqNumber,
    /// The flags.
    pub flags: Flags,
    /// The three reserved bits.
    pub reserved: u8,
    /// The window field, not scaled.
    pub window: u16,
    /// The checksum field.
    pub checksum: u16,
    /// The urgent pointer field: meaningless without URG.
    pub urgent: u16,
    /// The options area, padding included.
    pub options: &'a [u8],
    /// The text.
    pub payload: &'a [u8],
}

impl<'a> TcpView<'a> {
    /// Reads the TCP header of `segment`.
    ///
    /// # Errors
    /// [`ViewError::Short`] below 20 bytes, [`ViewError::DataOffset`] when the offset lies.
    #[inline(always)]
    pub fn parse(segment: &'a [u8]) -> Result<Self, ViewError> {
        let Some(fixed) = segment.first_chunk::<20>() else {
            return Err(short("TCP", 20, segment.len()));
        };
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| {
            u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]])
        };
        let offset = fixed[12] >> 4;
        let header = usize::from(offset) * 4;
        if header < 20 || header > segment.len() {
            return Err(ViewError::DataOffset {
                offset,
                length: segment.len(),
            });
        }
        Ok(Self {
            src_port: word(0),
            dst_port: word(2),
            seq: SeqNumber(long(4)),
            ack: SeqNumber(long(8)),
            flags: Flags::from_bits(word(12)),
            reserved: (fixed[12] >> 1) & 7,
            window: word(14),
            checksum: word(16),
            urgent: word(18),
            options: &segment[20..header],
            payload: &segment[header..],
        })
    }

    /// SEG.LEN: octets of sequence space, SYN and FIN counted (RFC 9293 §3.4).
    pub const fn seq_len(&self) -> u32 {
        self.payload.len() as u32
            + self.flags.contains(Flags::SYN) as u32
            + self.flags.contains(Flags::FIN) as u32
    }

    /// The options one by one; stops at End-of-List, and at the first malformed length.
    pub const fn options(&self) -> OptionViews<'a> {
        OptionViews { rest: self.options }
    }
}

/// One option as it came: its kind and the bytes behind the length octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionView<'a> {
    /// Kind 1.
    Nop,
    /// Any option with a length octet.
    Kind(u8, &'a [u8]),
    /// The length octet is missing, below two, or beyond the header (RFC 9293 §3.1, MUST-7); holds
    /// all that follows. Always the last.
    Malformed(&'a [u8]),
}

/// Iterator over the options of a segment. Always advances or ends: a length of zero ends it.
#[derive(Clone, Debug)]
pub struct OptionViews<'a> {
    rest: &'a [u8],
}

impl<'a> OptionViews<'a> {
    /// The options in `area`.
    pub const fn new(area: &'a [u8]) -> Self {
        Self { rest: area }
    }

    /// What was not gone through yet: at the end nothing, or End-of-List and what follows it.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for OptionViews<'a> {
    type Item = OptionView<'a>;

    #[inline]
    fn next(&mut self) -> Option<OptionView<'a>> {
        match *self.rest {
            [] | [0, ..] => None,
            [1, ref rest @ ..] => {
                self.rest = rest;
                Some(OptionView::Nop)
            }
            [kind, length, ..] if length >= 2 && usize::from(length) <= self.rest.len() => {
                let (option, rest) = self.rest.split_at(usize::from(length));
                self.rest = rest;
                Some(OptionView::Kind(kind, &option[2..]))
            }
            _ => Some(OptionView::Malformed(core::mem::take(&mut self.rest))),
        }
    }
}

const fn short(header: &'static str, expected: usize, got: usize) -> ViewError {
    ViewError::Short {
        header,
        expected,
        got,
    }
}
