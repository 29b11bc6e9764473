//! Segments as bytes.

use super::ip::{checksum_without, same_checksum};
use super::{Auto, Checksum, IpHeader, Segment};
use crate::view::PROTOCOL_TCP;
use crate::{Flags, Malformation, SeqNumber, TcpOption};

/// Bytes of a TCP header without options.
const HEADER: usize = 20;
/// Bytes of an IPv6 header and of a TCP header with options: few segments have more.
const LONGEST_HEADERS: usize = 100;
/// Where the checksum stands.
const CHECKSUM_AT: usize = 16;

impl Segment {
    /// The IP packet.
    ///
    /// A good checksum is right over what is sent, that is, after truncation.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.build_into(&mut out);
        out
    }

    /// The same in place of what `out` holds.
    pub fn build_into(&self, out: &mut Vec<u8>) {
        out.clear();
        out.reserve(LONGEST_HEADERS + self.payload.len());
        self.ip
            .build_before(PROTOCOL_TCP, out, |out| self.append_tcp(out));
    }

    /// Header and text, without IP.
    pub fn build_tcp(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(LONGEST_HEADERS + self.payload.len());
        self.append_tcp(&mut out);
        out
    }

    fn append_tcp(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; HEADER]);
        for option in &self.options {
            option.build_into(out);
        }
        let header = (out.len() - start).next_multiple_of(4);
        out.resize(start + header, 0);
        let words = self.data_offset.or((header / 4).min(15) as u8);
        let second =
            u16::from(words & 0xf) << 12 | u16::from(self.reserved & 7) << 9 | self.flags.bits();
        let fixed = &mut out[start..start + HEADER];
        fixed[..2].copy_from_slice(&self.src_port.to_be_bytes());
        fixed[2..4].copy_from_slice(&self.dst_port.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.seq.0.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ack.0.to_be_bytes());
        fixed[12..14].copy_from_slice(&second.to_be_bytes());
        fixed[14..16].copy_from_slice(&self.window.to_be_bytes());
        fixed[18..20].copy_from_slice(&self.urgent.to_be_bytes());
        out.extend_from_slice(&self.payload);
        if let Some(length) = self.truncate {
            out.truncate(start + usize::from(length));
        }
        let tcp = &mut out[start..];
        let checksum = self
            .checksum
            .value(|| expected_checksum(&self.ip, tcp))
            .to_be_bytes();
        for (byte, value) in tcp.iter_mut().skip(CHECKSUM_AT).zip(checksum) {
            *byte = value;
        }
    }

    /// Reads the TCP part of a packet. Bytes that are missing read as zero and are cut off again by
    /// [`Segment::truncate`].
    pub(crate) fn read(ip: IpHeader, tcp: &[u8], malformed: &mut Vec<Malformation>) -> Self {
        let mut fixed = [0; HEADER];
        let there = tcp.len().min(HEADER);
        fixed[..there].copy_from_slice(&tcp[..there]);
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| {
            SeqNumber(u32::from_be_bytes([
                fixed[at],
                fixed[at + 1],
                fixed[at + 2],
                fixed[at + 3],
            ]))
        };
        let short = tcp.len() < HEADER;
        if short {
            malformed.push(Malformation::TcpShort { got: tcp.len() });
        }
        let words = fixed[12] >> 4;
        let header = usize::from(words) * 4;
        let offset_ok = header >= HEADER && header <= tcp.len();
        if !short && !offset_ok {
            malformed.push(Malformation::DataOffset {
                words,
                length: tcp.len(),
            });
        }
        let reserved = fixed[12] >> 1 & 7;
        if reserved != 0 {
            malformed.push(Malformation::Reserved(reserved));
        }
        let expected = expected_checksum(&ip, tcp);
        let got = word(CHECKSUM_AT);
        if !short && !same_checksum(expected, got) {
            malformed.push(Malformation::TcpChecksum { expected, got });
        }
        let (area, payload) = match offset_ok {
            true => (&tcp[HEADER..header], &tcp[header..]),
            false => (&[][..], &tcp[there..]),
        };
        // Cut before the offset's byte, the sound value is as good as any.
        let data_offset = match words {
            5 if short => Auto::Auto,
            _ if offset_ok || tcp.len() <= 12 => Auto::Auto,
            _ => Auto::Is(words),
        };
        let checksum = match tcp.len() {
            0..=CHECKSUM_AT => Checksum::Good,
            _ => Checksum::read(expected, got),
        };
        Self {
            ip,
            src_port: word(0),
            dst_port: word(2),
            seq: long(4),
            ack: long(8),
            data_offset,
            reserved,
            flags: Flags::from_bits(word(12)),
            window: word(14),
            checksum,
            urgent: word(18),
            options: TcpOption::parse_all(area, malformed),
            payload: payload.to_vec(),
            truncate: short.then_some(tcp.len() as u16),
        }
    }
}

fn expected_checksum(ip: &IpHeader, tcp: &[u8]) -> u16 {
    checksum_without(ip.pseudo_header(PROTOCOL_TCP, tcp.len()), tcp, CHECKSUM_AT)
}
