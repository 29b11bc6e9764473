//! Ways to a stack that somebody else built: packets over a device or a socket (docs/targets.md).
//!
//! A device (`tap:IF`, `tun:IF`) is made in a network namespace of its own and handed to the process
//! that is started there; `packet:IF` uses an interface that exists; `unix:PATH` and
//! `unix-listen:PATH` carry Ethernet frames in the format of QEMU's stream netdev (and passt),
//! `unixseq:PATH` in that of User-Mode Linux's `bess` transport.
//! What this does not model: several devices to one target, or vhost-user.

mod device;
mod frame_link;
mod open;
mod sequence;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use open::{Opened, Room, open};

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// Where a target is when nobody says otherwise: `10.79.0.2`.
const USUAL_V4: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 2);
/// `fd79::2`.
const USUAL_V6: Ipv6Addr = Ipv6Addr::new(0xfd79, 0, 0, 0, 0, 0, 0, 2);
/// Echo (RFC 862).
const USUAL_PORT: u16 = 7;

/// How packets reach a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A TAP device of this name, made for the target: Ethernet frames.
    Tap(String),
    /// A TUN device of this name, made for the target: IP packets.
    Tun(String),
    /// An interface that exists.
    Packet(String),
    /// A Unix stream socket that the target listens at: a length of four octets before each frame.
    Unix(PathBuf),
    /// The same, but we listen and the target connects.
    UnixListen(PathBuf),
    /// A Unix socket of packets, one frame each; we listen.
    UnixSequence(PathBuf),
}

/// A transport that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "no transport '{0}': there are tap:IF, tun:IF, packet:IF, unix:PATH, unix-listen:PATH, unixseq:PATH; \
     a name IF has 1 to 15 characters and no '/'"
)]
pub struct UnknownTransport(pub String);

impl FromStr for Transport {
    type Err = UnknownTransport;

    fn from_str(text: &str) -> Result<Self, UnknownTransport> {
        let unknown = || UnknownTransport(text.to_owned());
        let (kind, rest) = text.split_once(':').ok_or_else(unknown)?;
        // `IFNAMSIZ`, with the zero at its end.
        let is_interface = (1..16).contains(&rest.len()) && !rest.contains('/');
        match kind {
            "tap" if is_interface => Ok(Self::Tap(rest.into())),
            "tun" if is_interface => Ok(Self::Tun(rest.into())),
            "packet" if is_interface => Ok(Self::Packet(rest.into())),
            "unix" if !rest.is_empty() => Ok(Self::Unix(rest.into())),
            "unix-listen" if !rest.is_empty() => Ok(Self::UnixListen(rest.into())),
            "unixseq" if !rest.is_empty() => Ok(Self::UnixSequence(rest.into())),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tap(name) => write!(f, "tap:{name}"),
            Self::Tun(name) => write!(f, "tun:{name}"),
            Self::Packet(name) => write!(f, "packet:{name}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::UnixListen(path) => write!(f, "unix-listen:{}", path.display()),
            Self::UnixSequence(path) => write!(f, "unixseq:{}", path.display()),
        }
    }
}

impl Transport {
    /// Whether a namespace of its own is made for it.
    pub fn makes_a_device(&self) -> bool {
        matches!(self, Self::Tap(_) | Self::Tun(_))
    }
}

/// A stack that is reached by a [`Transport`], and perhaps started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The program and its arguments; empty when it runs already.
    pub exec: Vec<String>,
    /// The way to it.
    pub transport: Transport,
    /// Where it is, and the port of its usual service.
    pub address: SocketAddr,
    /// Our addresses there; empty: one of the target's network is taken.
    pub sources: Vec<IpAddr>,
    /// Octets of IP in a frame, for devices that we make.
    pub mtu: u16,
    /// How long it may take until it answers.
    pub ready_within: Duration,
}

impl Attachment {
    /// Where a target is when nobody says otherwise.
    pub fn usual_address(ip: u8) -> SocketAddr {
        if ip == 6 {
            SocketAddr::new(USUAL_V6.into(), USUAL_PORT)
        } else {
            SocketAddr::new(USUAL_V4.into(), USUAL_PORT)
        }
    }

    /// Our addresses: what was asked for, else host 1 of the target's /24 or /64 (host 77 if that is
    /// the target itself).
    pub(crate) fn our_addresses(&self) -> Vec<IpAddr> {
        if !self.sources.is_empty() {
            return self.sources.clone();
        }
        let host = |last: u8| -> IpAddr {
            match self.address.ip() {
                IpAddr::V4(v4) => {
                    let [a, b, c, _] = v4.octets();
                    Ipv4Addr::new(a, b, c, last).into()
                }
                IpAddr::V6(v6) => {
                    let mut octets = v6.octets();
                    octets[8..].fill(0);
                    octets[15] = last;
                    Ipv6Addr::from(octets).into()
                }
            }
        };
        let first = host(1);
        vec![if first == self.address.ip() {
            host(77)
        } else {
            first
        }]
    }

    /// What the started process is told, by environment.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let ip = self.address.ip();
        let mut told = vec![
            ("TCPCONF_ADDRESS", ip.to_string()),
            ("TCPCONF_PORT", self.address.port().to_string()),
            (
                "TCPCONF_PREFIX",
                if ip.is_ipv4() { "24" } else { "64" }.to_owned(),
            ),
            ("TCPCONF_PEER", self.our_addresses()[0].to_string()),
            ("TCPCONF_MTU", self.mtu.to_string()),
        ];
        match &self.transport {
            Transport::Tap(name) => {
                told.push(("TCPCONF_IF", name.clone()));
                // lwIP's name for it.
                told.push(("PRECONFIGURED_TAPIF", name.clone()));
            }
            Transport::Tun(name) | Transport::Packet(name) => {
                told.push(("TCPCONF_IF", name.clone()));
            }
            Transport::Unix(path) | Transport::UnixListen(path) | Transport::UnixSequence(path) => {
                told.push(("TCPCONF_SOCKET", path.display().to_string()));
            }
        }
        told
    }
}
