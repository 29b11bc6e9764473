//! Parameters of primitives: numbers, lengths with octets, addresses, text (PRS_TPSP §6.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `vint8`: a length of 16 bits, and octets. More are cut off.
pub(super) fn put_octets(data: &mut Vec<u8>, octets: &[u8]) {
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX);
    data.extend(length.to_be_bytes());
    data.extend(&octets[..usize::from(length)]);
}

/// `ipxaddr`
pub(super) fn put_address(data: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(ip) => put_octets(data, &ip.octets()),
        IpAddr::V6(ip) => put_octets(data, &ip.octets()),
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Octets of a text that its length can count together with the mark and the zero.
const MAX_TEXT: usize = u16::MAX as usize - 4;

/// `text`: a byte order mark, UTF-8, and a zero; nothing at all for no text.
pub(super) fn put_text(data: &mut Vec<u8>, text: &str) {
    let bytes = match text {
        "" => Vec::new(),
        text => [BYTE_ORDER_MARK, text.as_bytes(), b"\0"].concat(),
    };
    put_octets(data, &bytes);
}

/// Parameters, read one after the other.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn octet(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.octet().map(|octet| octet != 0)
    }

    pub(super) fn half(&mut self) -> Option<u16> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*first))
    }

    pub(super) fn octets(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.half()?);
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn address(&mut self) -> Option<IpAddr> {
        match *self.octets()? {
            [] => Some(Ipv4Addr::UNSPECIFIED.into()),
            [a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).into()),
            ref octets => {
                let octets: [u8; 16] = octets.try_into().ok()?;
                Some(Ipv6Addr::from(octets).into())
            }
        }
    }

    /// The mark and the zero may be missing.
    pub(super) fn text(&mut self) -> Option<String> {
        let octets = self.octets()?;
        let octets = octets.strip_prefix(BYTE_ORDER_MARK).unwrap_or(octets);
        let octets = octets.strip_suffix(b"\0").unwrap_or(octets);
        let text = String::from_utf8(octets.to_vec()).ok();
        text.filter(|text| text.len() <= MAX_TEXT)
    }
}
