//! Any bytes as a packet.

use crate::segment::split;
use crate::view::PROTOCOL_TCP;
use crate::{Icmp, IpHeader, Malformation, Segment};

/// What a packet holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A whole TCP segment, however malformed.
    Tcp(Segment),
    /// A whole ICMP message of the packet's own version.
    Icmp(Icmp),
    /// A piece of a datagram, see [`crate::Reassembler`].
    Fragment(Datagram),
    /// Another protocol, or an ICMP message too short to be one.
    Other(Datagram),
    /// Bytes without an IP header.
    NotIp(Vec<u8>),
}

/// An IP packet whose content is left as it is. [`crate::Auto::Auto`] as its protocol is TCP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Datagram {
    /// The IP header.
    pub ip: IpHeader,
    /// What follows it.
    pub payload: Vec<u8>,
}

impl Datagram {
    /// The IP packet.
    pub fn build(&self) -> Vec<u8> {
        self.ip.build(PROTOCOL_TCP, &self.payload)
    }
}

/// A packet as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// What it holds.
    pub content: Content,
    /// All that is malformed about it, in the order of the bytes.
    pub malformed: Vec<Malformation>,
    /// What came behind the IP header's stated length: padding of the link, or a length that lies.
    pub trailing: Vec<u8>,
}

impl Parsed {
    /// The bytes that were read, every one of them.
    pub fn build(&self) -> Vec<u8> {
        let mut bytes = match &self.content {
            Content::Tcp(segment) => segment.build(),
            Content::Icmp(icmp) => icmp.build(),
            Content::Fragment(datagram) | Content::Other(datagram) => datagram.build(),
            Content::NotIp(bytes) => bytes.clone(),
        };
        bytes.extend_from_slice(&self.trailing);
        bytes
    }

    /// The segment, if it is one.
    pub const fn segment(&self) -> Option<&Segment> {
        match &self.content {
            Content::Tcp(segment) => Some(segment),
            _ => None,
        }
    }
}

/// Reads any bytes that claim to be an IP packet. Never fails: `parse(bytes).build() == bytes`.
pub fn parse(bytes: &[u8]) -> Parsed {
    let mut malformed = Vec::new();
    let Some(split) = split(bytes, &mut malformed) else {
        return Parsed {
            content: Content::NotIp(bytes.to_vec()),
            malformed,
            trailing: Vec::new(),
        };
    };
    let protocol = split.ip.protocol_or(PROTOCOL_TCP);
    let content = if split.ip.fragment().is_some() {
        Content::Fragment(Datagram {
            ip: split.ip,
            payload: split.payload.to_vec(),
        })
    } else if protocol == PROTOCOL_TCP {
        Content::Tcp(Segment::read(split.ip, split.payload, &mut malformed))
    } else if protocol == split.ip.icmp_protocol() {
        match Icmp::read(split.ip, split.payload, &mut malformed) {
            Ok(icmp) => Content::Icmp(icmp),
            Err(datagram) => Content::Other(datagram),
        }
    } else {
        Content::Other(Datagram {
            ip: split.ip,
            payload: split.payload.to_vec(),
        })
    };
    Parsed {
        content,
        malformed,
        trailing: split.trailing.to_vec(),
    }
}

impl Segment {
    /// Reads a TCP segment in its IP packet, malformed or not; `None` for anything else.
    /// See [`parse`] for what is malformed about it.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match parse(bytes).content {
            Content::Tcp(segment) => Some(segment),
            _ => None,
        }
    }
}
