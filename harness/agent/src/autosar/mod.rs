//! The AUTOSAR Testability Protocol (PRS_TPSP, document 778): the application side of an ECU that has an
//! upper tester already.
//!
//! - [`message`]: the 16-octet header, octets to values and back;
//! - [`primitive`]: the service primitives of the groups GENERAL and TCP and their parameters;
//! - [`client`]: tcpconf's end: application calls as service primitives;
//! - [`tester`]: the same over UDP or TCP, for cases that run at once;
//! - [`upper_tester`]: the other end on the sockets of an operating system, `tcpconf agent --autosar`.
//!
//! Devices differ in what the specification leaves to configuration, and in its releases: [`Dialect`].
//! Other groups (UDP, ICMP, IP, DHCP, ARP, NDP, ETH, PHY) are not modelled: no suite asks for them.

pub mod client;
pub mod message;
pub mod primitive;
#[cfg(target_os = "linux")]
pub mod tester;
#[cfg(test)]
mod tests;
#[cfg(target_os = "linux")]
pub mod upper_tester;

use client::Reading;
use message::{Kind, Message};
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// The service id that a device has unless it is configured otherwise (PRS_TPSP §6.1).
pub const SERVICE: u16 = 0x0105;

/// What carries the messages. The specification leaves that, and the port, to the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A message a datagram.
    #[default]
    Udp,
    /// Messages one behind the other.
    Tcp,
}

/// How a device numbers the primitives of group TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Numbering {
    /// From 0, as in release 1.2.0 of the acceptance tests: the default.
    #[default]
    FromZero,
    /// From 3, behind those of GENERAL, as older devices do.
    FromThree,
}

impl Numbering {
    const fn offset(self) -> u8 {
        match self {
            Self::FromZero => 0,
            Self::FromThree => 3,
        }
    }
}

/// What differs between devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The service id.
    pub service: u16,
    /// The protocol version in every header.
    pub protocol_version: u8,
    /// The interface version in every header.
    pub interface_version: u8,
    /// The message type of a response: 0x80, or 0x08 in old devices.
    pub response: u8,
    /// How the primitives of group TCP are numbered.
    pub numbering: Numbering,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            service: SERVICE,
            protocol_version: 1,
            interface_version: 1,
            response: 0x80,
            numbering: Numbering::FromZero,
        }
    }
}

impl Dialect {
    /// What a message is to this device; `None` when it is not of this service, of another version or of
    /// an unknown type.
    pub fn kind(&self, message: &Message) -> Option<Kind> {
        let ours = message.service == self.service
            && message.protocol_version == self.protocol_version
            && message.interface_version == self.interface_version;
        match (message.message_type, message.event) {
            (message::REQUEST, false) if ours => Some(Kind::Request),
            (message::EVENT, true) if ours => Some(Kind::Event),
            (other, false) if ours && other == self.response => Some(Kind::Response),
            _ => None,
        }
    }

    /// A message of this dialect.
    pub fn message(&self, kind: Kind, group: u8, primitive: u8, data: Vec<u8>) -> Message {
        Message {
            service: self.service,
            event: kind == Kind::Event,
            group,
            primitive,
            request: 0,
            protocol_version: self.protocol_version,
            interface_version: self.interface_version,
            message_type: match kind {
                Kind::Request => message::REQUEST,
                Kind::Response => self.response,
                Kind::Event => message::EVENT,
            },
            result: 0,
            data,
        }
    }
}

/// An upper tester as users name it: `udp:ADDR:PORT` or `tcp:ADDR:PORT`, and what differs from the default
/// behind commas: `service=0x0105`, `version=1`, `interface=1`, `response=0x80`, `numbering=0` (or 3),
/// `reading=early` (or `on-demand`). Without `ADDR:` any address of this host is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// What carries the messages.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
    /// Its dialect.
    pub dialect: Dialect,
    /// When it is asked for what it receives.
    pub reading: Reading,
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(',');
        let place = words.next().unwrap_or_default();
        let (transport, address) = place
            .split_once(':')
            .ok_or_else(|| format!("'{place}' is neither udp:ADDR:PORT nor tcp:ADDR:PORT"))?;
        let transport = match transport {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            other => return Err(format!("'{other}' is neither udp nor tcp")),
        };
        let address = match address.parse::<u16>() {
            Ok(port) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
            Err(_) => address
                .parse()
                .map_err(|_| format!("'{address}' is neither ADDR:PORT nor PORT"))?,
        };
        let mut device = Self {
            transport,
            address,
            dialect: Dialect::default(),
            reading: Reading::default(),
        };
        for word in words {
            device.set(word)?;
        }
        Ok(device)
    }
}

impl Device {
    fn set(&mut self, word: &str) -> Result<(), String> {
        let wrong = || format!("'{word}' is no setting of an upper tester");
        let (name, value) = word.split_once('=').ok_or_else(wrong)?;
        let number = || match value.strip_prefix("0x") {
            Some(hex) => u16::from_str_radix(hex, 16).map_err(|_| wrong()),
            None => value.parse().map_err(|_| wrong()),
        };
        let octet = || u8::try_from(number()?).map_err(|_| wrong());
        match (name, value) {
            ("service", _) => self.dialect.service = number()?,
            ("version", _) => self.dialect.protocol_version = octet()?,
            ("interface", _) => self.dialect.interface_version = octet()?,
            ("response", _) => self.dialect.response = octet()?,
            ("numbering", "0") => self.dialect.numbering = Numbering::FromZero,
            ("numbering", "3") => self.dialect.numbering = Numbering::FromThree,
            ("reading", "early") => self.reading = Reading::Early,
            ("reading", "on-demand") => self.reading = Reading::OnDemand,
            _ => return Err(wrong()),
        }
        Ok(())
    }
}
