//! What can be wrong with the bytes of a packet.

use thiserror::Error;

/// Something that a sound sender never writes. The list is closed: parsing names nothing else.
///
/// Lengths and positions are in bytes unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Malformation {
    /// The version field is neither 4 nor 6, or there is no byte at all.
    #[error("no IP packet: {}", optional(*.0, "version", "no bytes"))]
    Version(Option<u8>),
    /// Fewer bytes than a fixed IP header has.
    #[error("IP header cut short: {got} of {expected} bytes")]
    IpShort {
        /// 20 or 40.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// The IPv4 header length is below five words or beyond the packet (RFC 791 §3.1).
    #[error("IPv4 header length {words} words in a packet of {length} bytes")]
    IpHeaderLength {
        /// The field, in 32-bit words.
        words: u8,
        /// The packet.
        length: usize,
    },
    /// The IP length field is below the header or beyond what came.
    #[error("IP length field {stated}, {got} bytes came")]
    IpLength {
        /// The field: total length (IPv4), payload length (IPv6).
        stated: u16,
        /// What it should count at most.
        got: usize,
    },
    /// The IPv4 header checksum is wrong (RFC 1122 §3.2.1.2).
    #[error("IPv4 header checksum {got:#06x}, expected {expected:#06x}")]
    IpChecksum {
        /// The right one.
        expected: u16,
        /// The field.
        got: u16,
    },
    /// The reserved flag of IPv4 is set (RFC 791 §3.1).
    #[error("reserved IPv4 flag set")]
    IpReservedFlag,
    /// An IPv6 extension header does not end within the packet, or its reserved octet is not zero
    /// (RFC 8200 §4).
    #[error("IPv6 extension header {0} malformed")]
    Extension(u8),
    /// Fewer bytes than a TCP header has (RFC 9293 §3.1).
    #[error("TCP header cut short: {got} of 20 bytes")]
    TcpShort {
        /// What came.
        got: usize,
    },
    /// The data offset is below five words or beyond the segment (RFC 9293 §3.1).
    #[error("data offset {words} words in a segment of {length} bytes")]
    DataOffset {
        /// The field, in 32-bit words.
        words: u8,
        /// The segment, header included.
        length: usize,
    },
    /// Reserved bits are set (RFC 9293 §3.1: must be zero in generated segments).
    #[error("reserved bits {0:03b}")]
    Reserved(u8),
    /// The TCP checksum is wrong (RFC 9293 §3.1, MUST-2 and MUST-3).
    #[error("TCP checksum {got:#06x}, expected {expected:#06x}")]
    TcpChecksum {
        /// The right one.
        expected: u16,
        /// The field.
        got: u16,
    },
    /// The length octet of an option is missing, below two or beyond the header (RFC 9293 §3.1, MUST-7).
    #[error("option kind {kind} at {at}: {}", option_length(*length, *left))]
    OptionLength {
        /// Where in the option area.
        at: usize,
        /// The kind octet.
        kind: u8,
        /// The length octet, if there is one.
        length: Option<u8>,
        /// Bytes from the kind octet to the end of the area.
        left: usize,
    },
    /// An option of a known kind has a length that its RFC does not allow.
    #[error("option kind {kind} with length {length}")]
    OptionForm {
        /// The kind octet.
        kind: u8,
        /// The length octet.
        length: usize,
    },
    /// What follows End-of-List is not zero (RFC 9293 §3.1, MUST-69).
    #[error("padding behind the end of the options is not zero")]
    OptionPadding,
    /// Fewer bytes than an ICMP header has.
    #[error("ICMP message cut short: {got} of 8 bytes")]
    IcmpShort {
        /// What came.
        got: usize,
    },
    /// The ICMP checksum is wrong (RFC 792, RFC 4443 §2.3).
    #[error("ICMP checksum {got:#06x}, expected {expected:#06x}")]
    IcmpChecksum {
        /// The right one.
        expected: u16,
        /// The field.
        got: u16,
    },
}

impl Malformation {
    /// Whether it is a checksum: offload makes those meaningless on some links.
    pub const fn is_checksum(&self) -> bool {
        matches!(
            self,
            Self::IpChecksum { .. } | Self::TcpChecksum { .. } | Self::IcmpChecksum { .. }
        )
    }
}

fn optional(value: Option<u8>, what: &str, none: &str) -> String {
    value.map_or_else(|| none.to_owned(), |value| format!("{what} {value}"))
}

fn option_length(length: Option<u8>, left: usize) -> String {
    let octet = optional(length, "length octet", "no length octet");
    match length {
        Some(_) => format!("{octet}, {left} bytes left"),
        None => octet,
    }
}
