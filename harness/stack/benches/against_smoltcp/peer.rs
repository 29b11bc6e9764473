//! The peer: as little TCP as both stacks can be measured with.
//!
//! It believes everything, acknowledges every second segment, and costs little: text is made of zeros,
//! which checksums do not see.

use tcpconf_wire::checksum::Sum;

/// Octets of text of a full segment.
pub(crate) const TEXT: usize = 1460;
/// The address of the stack.
pub(crate) const STACK: [u8; 4] = [10, 0, 0, 1];
/// The port that it listens on.
pub(crate) const PORT: u16 = 80;
const PEER: [u8; 4] = [10, 0, 0, 2];
const HEADERS: usize = 40;

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;
/// MSS 1460, SACK permitted, NOP, window scale 0, NOP, NOP.
const OPTIONS: [u8; 12] = [2, 4, 0x05, 0xb4, 4, 2, 1, 3, 3, 0, 1, 1];

/// One connection at a time, from the next port each.
pub(crate) struct Peer {
    port: u16,
    seq: u32,
    ack: u32,
    heard: usize,
    unanswered: bool,
    packet: Vec<u8>,
}

impl Peer {
    pub(crate) fn new() -> Self {
        Self {
            port: 1023,
            seq: 0,
            ack: 0,
            heard: 0,
            unanswered: false,
            packet: vec![0; HEADERS + TEXT],
        }
    }

    /// A new connection.
    pub(crate) fn syn(&mut self) -> &[u8] {
        self.port = self.port.checked_add(1).unwrap_or(1024);
        self.seq = self.seq.wrapping_add(1 << 20);
        self.ack = 0;
        self.build(SYN, &OPTIONS, 0)
    }

    pub(crate) fn ack(&mut self) -> &[u8] {
        self.build(ACK, &[], 0)
    }

    pub(crate) fn fin(&mut self) -> &[u8] {
        self.build(FIN | ACK, &[], 0)
    }

    /// A full segment.
    pub(crate) fn text(&mut self) -> &[u8] {
        self.build(ACK, &[], TEXT)
    }

    /// A pushed one.
    pub(crate) fn request(&mut self, length: usize) -> &[u8] {
        self.build(ACK | PSH, &[], length)
    }

    /// Octets of text heard in all.
    pub(crate) fn heard(&self) -> usize {
        self.heard
    }

    /// Takes a segment of the stack; true when it should be acknowledged now.
    pub(crate) fn hear(&mut self, packet: &[u8]) -> bool {
        let tcp = &packet[20..];
        let header = usize::from(tcp[12] >> 4) * 4;
        let seq = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
        let text = tcp.len() - header;
        assert!(self.ack == 0 || seq == self.ack, "in order");
        let length = text as u32 + u32::from(tcp[13] & SYN != 0) + u32::from(tcp[13] & FIN != 0);
        self.ack = seq.wrapping_add(length);
        self.heard += text;
        let second = text > 0 && self.unanswered;
        self.unanswered = text > 0 && !second;
        second
    }

    fn build(&mut self, flags: u8, options: &[u8], text: usize) -> &[u8] {
        let header = 20 + options.len();
        let length = 20 + header + text;
        let ports = u32::from(self.port) << 16 | u32::from(PORT);
        let offset = (header as u32 / 4) << 28;
        let ip = [
            0x4500 << 16 | length as u32,
            0x4000,
            64 << 24 | 6 << 16,
            u32::from_be_bytes(PEER),
            u32::from_be_bytes(STACK),
        ];
        let tcp = [
            ports,
            self.seq,
            self.ack,
            offset | u32::from(flags) << 16 | u32::from(u16::MAX),
            0,
        ];
        let sum_of = |sum: Sum, words: [u32; 5]| words.into_iter().fold(sum, Sum::add_long);
        let ip_sum = sum_of(Sum::new(), ip).finish();
        let pseudo = Sum::pseudo_header(PEER.into(), STACK.into(), 6, header + text);
        let tcp_sum = sum_of(pseudo, tcp).add_bytes(options).finish();
        // Words, as a network card would leave them: a stack may read what it likes at once.
        let (words, _) = self.packet.as_chunks_mut::<4>();
        for (place, word) in words.iter_mut().zip(ip.into_iter().chain(tcp)) {
            *place = word.to_be_bytes();
        }
        words[2][2..].copy_from_slice(&ip_sum.to_be_bytes());
        words[9][..2].copy_from_slice(&tcp_sum.to_be_bytes());
        self.packet[HEADERS..HEADERS + OPTIONS.len()].fill(0);
        self.packet[HEADERS..HEADERS + options.len()].copy_from_slice(options);
        let length_of_seq = text as u32 + u32::from(flags & (SYN | FIN) != 0);
        self.seq = self.seq.wrapping_add(length_of_seq);
        &self.packet[..length]
    }
}
