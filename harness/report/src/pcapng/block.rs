//! The three blocks of pcapng that are needed: section header, interface description, enhanced packet.

use std::io::{self, Write};

/// LINKTYPE_RAW: packets begin with the IP header.
const LINKTYPE_RAW: u16 = 101;
/// `if_tsresol`: stamps in units of 10^-9 s.
const NANOSECONDS: u8 = 9;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Option codes.
mod code {
    pub(super) const END: u16 = 0;
    pub(super) const COMMENT: u16 = 1;
    pub(super) const USER_APPLICATION: u16 = 4;
    pub(super) const INTERFACE_NAME: u16 = 2;
    pub(super) const TIME_RESOLUTION: u16 = 9;
    pub(super) const PACKET_FLAGS: u16 = 2;
}

/// A packet with its stamp and comments.
pub(super) struct Enhanced<'a> {
    /// Nanoseconds since the Unix epoch.
    pub(super) nanos: u64,
    /// Sent by us; else received.
    pub(super) into_target: bool,
    /// From the IP header on.
    pub(super) bytes: &'a [u8],
    /// Each becomes an option of its own.
    pub(super) comments: &'a [String],
}

/// Writes blocks, little-endian.
pub(super) struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }

    pub(super) fn section(&mut self, application: &str, comment: &str) -> io::Result<()> {
        let mut body = Vec::new();
        body.extend(BYTE_ORDER_MAGIC.to_le_bytes());
        body.extend(1u16.to_le_bytes());
        body.extend(0u16.to_le_bytes());
        body.extend(u64::MAX.to_le_bytes()); // section length: not stated
        option(&mut body, code::COMMENT, comment.as_bytes());
        option(&mut body, code::USER_APPLICATION, application.as_bytes());
        option(&mut body, code::END, &[]);
        self.block(SECTION_HEADER, &body)
    }

    pub(super) fn interface(&mut self, name: &str) -> io::Result<()> {
        let mut body = Vec::new();
        body.extend(LINKTYPE_RAW.to_le_bytes());
        body.extend(0u16.to_le_bytes());
        body.extend(0u32.to_le_bytes()); // no limit on a packet's length
        option(&mut body, code::INTERFACE_NAME, name.as_bytes());
        option(&mut body, code::TIME_RESOLUTION, &[NANOSECONDS]);
        option(&mut body, code::END, &[]);
        self.block(INTERFACE_DESCRIPTION, &body)
    }

    pub(super) fn packet(&mut self, packet: &Enhanced<'_>) -> io::Result<()> {
        let length = u32::try_from(packet.bytes.len()).map_err(io::Error::other)?;
        let mut body = Vec::with_capacity(packet.bytes.len() + 64);
        body.extend(0u32.to_le_bytes()); // the only interface
        body.extend(((packet.nanos >> 32) as u32).to_le_bytes());
        body.extend((packet.nanos as u32).to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(length.to_le_bytes());
        body.extend(packet.bytes);
        pad(&mut body);
        for comment in packet.comments {
            option(&mut body, code::COMMENT, comment.as_bytes());
        }
        // epb_flags bits 0-1: 1 inbound, 2 outbound, as the capturing machine sees it.
        let direction: u32 = if packet.into_target { 2 } else { 1 };
        option(&mut body, code::PACKET_FLAGS, &direction.to_le_bytes());
        option(&mut body, code::END, &[]);
        self.block(ENHANCED_PACKET, &body)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> io::Result<()> {
        let total = u32::try_from(body.len() + 12).map_err(io::Error::other)?;
        self.out.write_all(&kind.to_le_bytes())?;
        self.out.write_all(&total.to_le_bytes())?;
        self.out.write_all(body)?;
        self.out.write_all(&total.to_le_bytes())
    }
}

/// Appends an option, cut to the 65535 bytes that its length can state.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(length.to_le_bytes());
    body.extend(&value[..usize::from(length)]);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}
