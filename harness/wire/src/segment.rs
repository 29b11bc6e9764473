//! The TCP segment as a value: every field, every lie.
//!
//! A [`Segment`] holds what the bytes hold.  Fields that a sound sender computes (lengths, offsets,
//! checksums) are [`Auto`] or [`Checksum::Good`] unless the value is to be wrong or odd on purpose.
//! `Segment::build` turns it into bytes, `Segment::parse` into the one value that builds those bytes again.

mod bytes;
mod ip;
mod template;
#[cfg(test)]
mod tests;
mod trace;

pub(crate) use ip::{EXTENSION_FRAGMENT, checksum_without, same_checksum, split};
pub(crate) use template::limited;
pub use template::{ApplyError, SegmentFromStrError};
pub use trace::{PayloadStyle, PrintStyle, StyledSegment};

use crate::{Flags, SeqNumber, TcpOption};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A header field that is computed unless it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Auto<T> {
    /// What a sound sender writes.
    #[default]
    Auto,
    /// Exactly this.
    Is(T),
}

/// A checksum field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// The right one.
    #[default]
    Good,
    /// Some wrong one: the right one with every bit flipped, or 0x5555 where that would be zero's other
    /// form and right again.
    /// Parsing never yields this, it yields [`Checksum::Is`].
    Bad,
    /// Exactly this.
    Is(u16),
}

/// An IPv4 header (RFC 791 §3.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ipv4Header {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// The six DSCP bits.
    pub dscp: u8,
    /// The two ECN bits.
    pub ecn: u8,
    /// Identification.
    pub id: u16,
    /// The reserved flag ("evil" bit).
    pub evil: bool,
    /// Do not fragment.
    pub df: bool,
    /// More fragments.
    pub mf: bool,
    /// Fragment offset in units of eight bytes.
    pub fragment_offset: u16,
    /// Time to live.
    pub ttl: u8,
    /// Protocol; 6 unless given.
    pub protocol: Auto<u8>,
    /// Options as they stand, padded to words by the builder with zeros unless `header_length` is given.
    pub options: Vec<u8>,
    /// Header length in 32-bit words.
    pub header_length: Auto<u8>,
    /// Total length in bytes.
    pub total_length: Auto<u16>,
    /// Header checksum.
    pub checksum: Checksum,
}

/// An IPv6 header (RFC 8200 §3) with its extension headers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ipv6Header {
    /// Source address.
    pub src: Ipv6Addr,
    /// Destination address.
    pub dst: Ipv6Addr,
    /// The six DSCP bits.
    pub dscp: u8,
    /// The two ECN bits.
    pub ecn: u8,
    /// The twenty bits of the flow label.
    pub flow_label: u32,
    /// Hop limit.
    pub hop_limit: u8,
    /// Extension headers in order: type and body, the body from the third byte (behind next header
    /// and length; for a fragment header, behind next header and reserved).
    pub extensions: Vec<(u8, Vec<u8>)>,
    /// The last next-header value; 6 unless given.
    pub protocol: Auto<u8>,
    /// Payload length in bytes.
    pub payload_length: Auto<u16>,
}

/// The IP header of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IpHeader {
    /// IPv4.
    V4(Ipv4Header),
    /// IPv6.
    V6(Ipv6Header),
}

impl IpHeader {
    /// A sound header between two addresses of one family: TTL 64, DF set on IPv4.
    ///
    /// # Panics
    /// When the families differ.
    pub fn new(src: IpAddr, dst: IpAddr) -> Self {
        match (src, dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => Self::V4(Ipv4Header {
                src,
                dst,
                dscp: 0,
                ecn: 0,
                id: 0,
                evil: false,
                df: true,
                mf: false,
                fragment_offset: 0,
                ttl: 64,
                protocol: Auto::Auto,
                options: Vec::new(),
                header_length: Auto::Auto,
                total_length: Auto::Auto,
                checksum: Checksum::Good,
            }),
            (IpAddr::V6(src), IpAddr::V6(dst)) => Self::V6(Ipv6Header {
                src,
                dst,
                dscp: 0,
                ecn: 0,
                flow_label: 0,
                hop_limit: 64,
                extensions: Vec::new(),
                protocol: Auto::Auto,
                payload_length: Auto::Auto,
            }),
            _ => panic!("addresses of two families: {src} and {dst}"),
        }
    }

    /// Source address.
    pub const fn src(&self) -> IpAddr {
        match self {
            Self::V4(h) => IpAddr::V4(h.src),
            Self::V6(h) => IpAddr::V6(h.src),
        }
    }

    /// Destination address.
    pub const fn dst(&self) -> IpAddr {
        match self {
            Self::V4(h) => IpAddr::V4(h.dst),
            Self::V6(h) => IpAddr::V6(h.dst),
        }
    }
}

/// A TCP segment in its IP packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// The IP header.
    pub ip: IpHeader,
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// SEG.SEQ, absolute.
    pub seq: SeqNumber,
    /// SEG.ACK, absolute; significant only with the ACK flag, kept always.
    pub ack: SeqNumber,
    /// Data offset in 32-bit words.
    pub data_offset: Auto<u8>,
    /// The three reserved bits.
    pub reserved: u8,
    /// The nine flags.
    pub flags: Flags,
    /// The window field, not scaled.
    pub window: u16,
    /// The checksum.
    pub checksum: Checksum,
    /// The urgent pointer field.
    pub urgent: u16,
    /// Options in order. What the builder adds as padding to the next word (zeros) is not listed.
    pub options: Vec<TcpOption>,
    /// The text. With a data offset that lies, everything behind the bytes that `options` builds.
    pub payload: Vec<u8>,
    /// Cut the TCP part (header and text) to this many bytes after it was built; the IP length and a
    /// good checksum follow.
    pub truncate: Option<u16>,
}

impl Segment {
    /// A segment without flags, options and text between two sockets.
    ///
    /// # Panics
    /// When the address families differ.
    pub fn new(src: std::net::SocketAddr, dst: std::net::SocketAddr) -> Self {
        Self {
            ip: IpHeader::new(src.ip(), dst.ip()),
            src_port: src.port(),
            dst_port: dst.port(),
            seq: SeqNumber(0),
            ack: SeqNumber(0),
            data_offset: Auto::Auto,
            reserved: 0,
            flags: Flags::NONE,
            window: 0,
            checksum: Checksum::Good,
            urgent: 0,
            options: Vec::new(),
            payload: Vec::new(),
            truncate: None,
        }
    }

    /// SEG.LEN: octets of sequence space, SYN and FIN counted (RFC 9293 §3.4).
    pub const fn seq_len(&self) -> u32 {
        self.payload.len() as u32
            + self.flags.contains(Flags::SYN) as u32
            + self.flags.contains(Flags::FIN) as u32
    }

    /// The socket that it comes from.
    pub const fn src(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::new(self.ip.src(), self.src_port)
    }

    /// The socket that it goes to.
    pub const fn dst(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::new(self.ip.dst(), self.dst_port)
    }

    /// The first maximum segment size option.
    pub fn mss(&self) -> Option<u16> {
        self.options.iter().find_map(|option| match option {
            TcpOption::Mss(mss) => Some(*mss),
            _ => None,
        })
    }

    /// The shift of the first window scale option.
    pub fn window_scale(&self) -> Option<u8> {
        self.options.iter().find_map(|option| match option {
            TcpOption::WindowScale(shift) => Some(*shift),
            _ => None,
        })
    }

    /// Whether there is a SACK-permitted option.
    pub fn sack_permitted(&self) -> bool {
        self.options.contains(&TcpOption::SackPermitted)
    }

    /// TSval and TSecr of the first timestamps option.
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        self.options.iter().find_map(|option| match option {
            TcpOption::Timestamps { val, ecr } => Some((*val, *ecr)),
            _ => None,
        })
    }

    /// Left and right edges of all SACK options, in order.
    pub fn sack_blocks(&self) -> impl Iterator<Item = (SeqNumber, SeqNumber)> {
        let blocks = self.options.iter().filter_map(|option| match option {
            TcpOption::Sack(blocks) => Some(blocks),
            _ => None,
        });
        blocks
            .flatten()
            .map(|(left, right)| (SeqNumber(*left), SeqNumber(*right)))
    }
}
