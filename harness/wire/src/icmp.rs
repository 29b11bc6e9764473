//! ICMP messages as values: ICMPv4 (RFC 792) and ICMPv6 (RFC 4443).
//!
//! What a TCP has to do with them is in RFC 1122 §4.2.3.9, RFC 5927, RFC 1191 and RFC 8201.  Neighbour
//! discovery and other messages without an error are plain types with a body here.

mod names;
#[cfg(test)]
mod tests;

pub use names::{IcmpName, icmp_by_name, icmp_names};

use crate::checksum::Sum;
use crate::segment::{checksum_without, same_checksum};
use crate::view::PROTOCOL_TCP;
use crate::{Auto, Checksum, Datagram, IpHeader, Malformation, SeqNumber};
use core::fmt;
use std::net::IpAddr;

/// Bytes of an ICMP header.
const HEADER: usize = 8;
/// Where the checksum stands.
const CHECKSUM_AT: usize = 2;

/// An ICMP message in its IP packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Icmp {
    /// The IP header: its version is the message's. [`Auto::Auto`] as its protocol is ICMP.
    pub ip: IpHeader,
    /// The type octet.
    pub kind: u8,
    /// The code octet.
    pub code: u8,
    /// The checksum.
    pub checksum: Checksum,
    /// The second word: an MTU, a pointer, a gateway, identifier and sequence, or unused.
    pub rest: u32,
    /// What follows: the quoted packet of an error, as many bytes as the sender cared to quote.
    pub body: Vec<u8>,
}

/// What kind of message it is, whatever the version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IcmpClass {
    /// Ping.
    EchoRequest,
    /// Its answer.
    EchoReply,
    /// Destination unreachable, but for "fragmentation needed".
    Unreachable,
    /// ICMPv4 3/4 "fragmentation needed", ICMPv6 "packet too big".
    PacketTooBig,
    /// Source quench.
    SourceQuench,
    /// Redirect.
    Redirect,
    /// Time exceeded.
    TimeExceeded,
    /// Parameter problem.
    ParameterProblem,
    /// Anything else.
    Other,
}

/// What an error says about the packet that it quotes, as far as the quote goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quote<'a> {
    /// The quoted packet's source.
    pub src: IpAddr,
    /// Its destination.
    pub dst: IpAddr,
    /// Its protocol, behind extension headers.
    pub protocol: u8,
    /// Source and destination port, when the quote of a TCP segment goes so far.
    pub ports: Option<(u16, u16)>,
    /// SEG.SEQ, when the quote of a TCP segment goes so far.
    pub seq: Option<SeqNumber>,
    /// What is quoted behind the IP header.
    pub payload: &'a [u8],
}

impl Icmp {
    /// A message of a type and code between two addresses.
    ///
    /// # Panics
    /// When the address families differ.
    pub fn new(src: IpAddr, dst: IpAddr, kind: u8, code: u8, body: Vec<u8>) -> Self {
        Self {
            ip: IpHeader::new(src, dst),
            kind,
            code,
            checksum: Checksum::Good,
            rest: 0,
            body,
        }
    }

    /// A message by its name; `None` when there is none of that name in this version of IP.
    ///
    /// # Panics
    /// When the address families differ.
    pub fn named(src: IpAddr, dst: IpAddr, name: &str, body: Vec<u8>) -> Option<Self> {
        let (kind, code) = icmp_by_name(name)?.of(src.is_ipv6())?;
        Some(Self::new(src, dst, kind, code, body))
    }

    /// The name of its type and code; `None` when it has none.
    pub fn name(&self) -> Option<&'static str> {
        let here = Some((self.kind, self.code));
        let row = icmp_names().iter().find(|row| row.of(self.is_v6()) == here);
        row.map(|row| row.name)
    }

    /// What kind of message it is.
    pub const fn class(&self) -> IcmpClass {
        match (self.is_v6(), self.kind, self.code) {
            (false, 8, _) | (true, 128, _) => IcmpClass::EchoRequest,
            (false, 0, _) | (true, 129, _) => IcmpClass::EchoReply,
            (false, 3, 4) | (true, 2, _) => IcmpClass::PacketTooBig,
            (false, 3, _) | (true, 1, _) => IcmpClass::Unreachable,
            (false, 4, _) => IcmpClass::SourceQuench,
            (false, 5, _) | (true, 137, _) => IcmpClass::Redirect,
            (false, 11, _) | (true, 3, _) => IcmpClass::TimeExceeded,
            (false, 12, _) | (true, 4, _) => IcmpClass::ParameterProblem,
            _ => IcmpClass::Other,
        }
    }

    /// The next hop's MTU in bytes, of messages that carry one (RFC 1191 §4, RFC 4443 §3.2). An old
    /// router's zero is a zero here.
    pub const fn mtu(&self) -> Option<u32> {
        match (self.class(), self.is_v6()) {
            (IcmpClass::PacketTooBig, true) => Some(self.rest),
            (IcmpClass::PacketTooBig, false) => Some(self.rest & 0xffff),
            _ => None,
        }
    }

    /// The same with an MTU: the low sixteen bits of the second word in ICMPv4, all of it in ICMPv6.
    #[must_use]
    pub const fn with_mtu(mut self, mtu: u32) -> Self {
        self.rest = if self.is_v6() {
            mtu
        } else {
            self.rest & 0xffff_0000 | mtu & 0xffff
        };
        self
    }

    /// The packet that an error quotes; `None` when it is no error or the quote has no whole IP header.
    pub fn quote(&self) -> Option<Quote<'_>> {
        match self.class() {
            IcmpClass::EchoRequest | IcmpClass::EchoReply | IcmpClass::Other => None,
            // ICMPv6 redirects carry the packet in an option (RFC 4861 §4.5).
            IcmpClass::Redirect if self.is_v6() => None,
            _ => Quote::read(&self.body),
        }
    }

    /// The IP packet.
    pub fn build(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + self.body.len());
        out.extend([self.kind, self.code, 0, 0]);
        out.extend(self.rest.to_be_bytes());
        out.extend_from_slice(&self.body);
        let checksum = self.checksum.value(|| expected_checksum(&self.ip, &out));
        out[CHECKSUM_AT..CHECKSUM_AT + 2].copy_from_slice(&checksum.to_be_bytes());
        self.ip.build(self.ip.icmp_protocol(), &out)
    }

    /// Reads a message whose IP header was read with TCP as the automatic protocol.
    pub(crate) fn read(
        mut ip: IpHeader,
        bytes: &[u8],
        malformed: &mut Vec<Malformation>,
    ) -> Result<Self, Datagram> {
        let Some((header, body)) = bytes.split_first_chunk::<HEADER>() else {
            malformed.push(Malformation::IcmpShort { got: bytes.len() });
            return Err(Datagram {
                ip,
                payload: bytes.to_vec(),
            });
        };
        match &mut ip {
            IpHeader::V4(header) => header.protocol = Auto::Auto,
            IpHeader::V6(header) => header.protocol = Auto::Auto,
        }
        let expected = expected_checksum(&ip, bytes);
        let got = u16::from_be_bytes([header[2], header[3]]);
        if !same_checksum(expected, got) {
            malformed.push(Malformation::IcmpChecksum { expected, got });
        }
        Ok(Self {
            ip,
            kind: header[0],
            code: header[1],
            checksum: Checksum::read(expected, got),
            rest: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
            body: body.to_vec(),
        })
    }

    const fn is_v6(&self) -> bool {
        matches!(self.ip, IpHeader::V6(_))
    }
}

impl<'a> Quote<'a> {
    /// Reads the beginning of a packet, cut off anywhere and with whatever length and checksum it had
    /// (routers change both).
    pub fn read(packet: &'a [u8]) -> Option<Self> {
        let mut ignored = Vec::new();
        let split = crate::segment::split(packet, &mut ignored)?;
        let protocol = split.ip.protocol_or(PROTOCOL_TCP);
        let middle = split.ip.fragment().is_some_and(|(offset, _)| offset != 0);
        let tcp = (protocol == PROTOCOL_TCP && !middle).then_some(split.payload);
        let word = |at: usize| {
            let bytes = tcp?.get(at..at + 2)?;
            Some(u16::from_be_bytes([bytes[0], bytes[1]]))
        };
        let seq = word(4).zip(word(6));
        Some(Self {
            src: split.ip.src(),
            dst: split.ip.dst(),
            protocol,
            ports: word(0).zip(word(2)),
            seq: seq.map(|(high, low)| SeqNumber(u32::from(high) << 16 | u32::from(low))),
            payload: split.payload,
        })
    }
}

/// `icmp frag-needed mtu 600 quote 10.0.0.2:80 > 10.0.0.1:5000 seq 7`
impl fmt::Display for Icmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "icmp {name}")?,
            None => write!(f, "icmp type {} code {}", self.kind, self.code)?,
        }
        if let Some(mtu) = self.mtu() {
            write!(f, " mtu {mtu}")?;
        }
        let Some(quote) = self.quote() else {
            return write!(f, " len {}", self.body.len());
        };
        match quote.ports {
            None => write!(f, " quote {} > {}", quote.src, quote.dst)?,
            Some((src, dst)) => {
                let src = std::net::SocketAddr::new(quote.src, src);
                let dst = std::net::SocketAddr::new(quote.dst, dst);
                write!(f, " quote {src} > {dst}")?;
            }
        }
        match quote.seq {
            Some(seq) => write!(f, " seq {seq}"),
            None => Ok(()),
        }
    }
}

fn expected_checksum(ip: &IpHeader, message: &[u8]) -> u16 {
    let sum = match ip {
        IpHeader::V4(_) => Sum::new(),
        IpHeader::V6(_) => ip.pseudo_header(ip.icmp_protocol(), message.len()),
    };
    checksum_without(sum, message, CHECKSUM_AT)
}
