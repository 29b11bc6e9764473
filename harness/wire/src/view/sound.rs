//! Whether anything is malformed about a segment, without reading it into a [`Segment`](crate::Segment).

use super::{IpView, OptionView, PROTOCOL_TCP, TcpView};
use crate::kind;

impl OptionView<'_> {
    /// Whether the length is one that the option's RFC allows; those of unknown kinds are.
    pub const fn is_well_formed(&self) -> bool {
        match self {
            Self::Nop => true,
            Self::Kind(number, data) => match (*number, data.len()) {
                (kind::MSS | kind::USER_TIMEOUT, length) => length == 2,
                (kind::WINDOW_SCALE, length) => length == 1,
                (kind::SACK_PERMITTED, length) => length == 0,
                (kind::SACK, length) => matches!(length, 8 | 16 | 24 | 32),
                (kind::TIMESTAMPS, length) => length == 8,
                (kind::MD5, length) => length == 16,
                // RFC 7413 §4.1.1: 6 to 18, even; 2 is a request.
                (kind::FAST_OPEN, length) => {
                    length == 0 || 4 <= length && length <= 16 && length % 2 == 0
                }
                // RFC 6994 §3: an identifier of two octets at least.
                (253 | 254, length) => length >= 2,
                _ => true,
            },
            Self::Malformed(_) => false,
        }
    }
}

impl<'a> IpView<'a> {
    /// The segment, if it can be seen that nothing is malformed about this packet: [`parse`](crate::parse) would
    /// complain of nothing. Of fragments and of packets with IP options or extension headers that is not seen.
    #[inline]
    pub fn sound_tcp(&self) -> Option<TcpView<'a>> {
        let plain =
            self.protocol == PROTOCOL_TCP && self.options.is_empty() && self.fragment.is_none();
        // The octet of the flags in IPv4; the reserved one of them is the first bit.
        let reserved = self.src.is_ipv4() && self.header[6] & 0x80 != 0;
        if !plain || reserved || !self.header_checksum_ok() || !self.tcp_checksum_ok() {
            return None;
        }
        let tcp = self.tcp().ok()?;
        let mut options = tcp.options();
        let sound = tcp.reserved == 0
            && options.all(|option| option.is_well_formed())
            && options.rest().iter().all(|octet| *octet == 0);
        sound.then_some(tcp)
    }
}
