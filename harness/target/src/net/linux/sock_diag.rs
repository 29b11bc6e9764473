//! What the kernel knows of a namespace's TCP sockets (`man 7 sock_diag`): the state of a connection by
//! its four-tuple, half-open and TIME-WAIT ones included, which no socket option shows.
//!
//! The kernel's words are turned into those of RFC 9293 §3.3.2.  It counts SYN and FIN among the octets
//! of its queues; here they are taken off again.  Why a connection failed is not told.

use super::netlink::{Message, NLM_F_DUMP, NLM_F_REQUEST, Netlink, attributes, word};
use nix::sys::socket::SockProtocol;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcpconf_engine::{FourTuple, Status};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
/// Attribute with the memory that a socket holds, and the bit that asks for it.
const SKMEMINFO: u16 = 7;
const ASK_SKMEMINFO: u8 = 1 << (SKMEMINFO - 1);
/// Words of that attribute: octets received, octets to be sent.
const RMEM_ALLOC: usize = 0;
const WMEM_QUEUED: usize = 5;
/// "No cookie": any socket with these addresses.
const NO_COOKIE: [u8; 8] = [0xff; 8];
const ALL_STATES: u32 = u32::MAX;

/// States in the kernel's numbering (`net/tcp_states.h`), from 1.
const STATES: [&str; 12] = [
    "ESTABLISHED",
    "SYN-SENT",
    "SYN-RECEIVED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    "CLOSED",
    "CLOSE-WAIT",
    "LAST-ACK",
    "LISTEN",
    "CLOSING",
    // A half-open connection that is no socket yet.
    "SYN-RECEIVED",
];

/// A TCP socket of the namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// As RFC 9293 spells it.
    pub(crate) state: &'static str,
    /// The namespace's side.
    pub(crate) local: SocketAddr,
    /// The peer; unspecified for a listener.
    pub(crate) remote: SocketAddr,
    /// Octets received and not yet read; of a listener, connections not yet accepted.
    pub(crate) unread: u32,
    /// Octets taken from the application and not acknowledged.
    pub(crate) unacked: u32,
    /// Octets of memory held, where the kernel says so.
    pub(crate) memory: Option<u64>,
}

impl Socket {
    /// Its two ends.
    pub(crate) fn connection(&self) -> FourTuple {
        FourTuple {
            local: self.local,
            remote: self.remote,
        }
    }

    /// In the words of the seam.
    pub(crate) fn status(&self) -> Status {
        Status {
            state: self.state.to_owned(),
            unread: Some(self.unread.into()),
            unacked: Some(self.unacked.into()),
            error: None,
            memory: self.memory,
        }
    }
}

/// What stands behind a four-tuple.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The connection.
    Connection(Socket),
    /// No connection, but a listener that would take one.
    Listener,
    /// Nothing: CLOSED.
    Nothing,
}

/// The socket table of the namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct SocketTable {
    netlink: Netlink,
}

impl SocketTable {
    pub(crate) fn open() -> io::Result<Self> {
        let netlink = Netlink::open(SockProtocol::NetlinkSockDiag)?;
        Ok(Self { netlink })
    }

    /// The connection with these sockets.
    pub(crate) fn find(&mut self, connection: FourTuple) -> io::Result<Found> {
        let FourTuple { local, remote } = connection;
        let family = family(local.ip());
        let message = request(0, family, [local, remote]);
        match self.netlink.ask(message) {
            Ok(body) => match socket_of(&body) {
                // The kernel looks up as for a segment: a listener answers for what it would take.
                Some(socket) if socket.state == "LISTEN" => Ok(Found::Listener),
                Some(socket) => Ok(Found::Connection(socket)),
                None => Err(io::ErrorKind::InvalidData.into()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    }

    /// All TCP sockets of one IP version.
    pub(crate) fn all(&mut self, ip: u8) -> io::Result<Vec<Socket>> {
        let family = if ip == 6 { AF_INET6 } else { AF_INET };
        let unspecified = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        let message = request(NLM_F_DUMP, family, [unspecified; 2]);
        let bodies = self.netlink.list(message)?;
        Ok(bodies.iter().filter_map(|body| socket_of(body)).collect())
    }
}

fn family(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { AF_INET } else { AF_INET6 }
}

/// `struct inet_diag_req_v2`.
fn request(flags: u16, family: u8, sockets: [SocketAddr; 2]) -> Message {
    let mut fixed = vec![family, IPPROTO_TCP, ASK_SKMEMINFO, 0];
    fixed.extend(ALL_STATES.to_ne_bytes());
    for socket in sockets {
        fixed.extend(socket.port().to_be_bytes());
    }
    for socket in sockets {
        let mut address = match socket.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        address.resize(16, 0);
        fixed.extend(address);
    }
    // Any interface.
    fixed.extend(0u32.to_ne_bytes());
    fixed.extend(NO_COOKIE);
    Message::new(SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | flags).fixed(&fixed)
}

/// `struct inet_diag_msg` with its attributes.
fn socket_of(body: &[u8]) -> Option<Socket> {
    const FIXED: usize = 72;
    let [family, state, _timer, _retransmissions, ..] = *body else {
        return None;
    };
    let state = STATES.get(usize::from(state).checked_sub(1)?)?;
    let address = |port: usize, ip: usize| {
        let port = u16::from_be_bytes(body.get(port..port + 2)?.try_into().ok()?);
        let bytes: [u8; 16] = body.get(ip..ip + 16)?.try_into().ok()?;
        let [a, b, c, d, ..] = bytes;
        let ip = match family {
            AF_INET => IpAddr::from(Ipv4Addr::new(a, b, c, d)),
            AF_INET6 => IpAddr::from(Ipv6Addr::from(bytes)),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    };
    let memory = attributes(body.get(FIXED..)?)
        .into_iter()
        .find(|(kind, _)| *kind == SKMEMINFO)
        .and_then(|(_, value)| {
            let part = |at: usize| word(value, at * 4).map(u64::from);
            Some(part(RMEM_ALLOC)? + part(WMEM_QUEUED)?)
        });
    Some(Socket {
        state,
        local: address(4, 8)?,
        remote: address(6, 24)?,
        unread: word(body, 56)?.saturating_sub(peers_fin(state)),
        unacked: word(body, 60)?.saturating_sub(own_control(state)),
        memory,
    })
}

/// The FIN stands behind the last octet and is read after it: when it has been read, nothing is unread.
fn peers_fin(state: &str) -> u32 {
    u32::from(matches!(
        state,
        "CLOSE-WAIT" | "CLOSING" | "LAST-ACK" | "TIME-WAIT"
    ))
}

/// A SYN or FIN of ours that waits for its acknowledgement.
fn own_control(state: &str) -> u32 {
    u32::from(matches!(
        state,
        "SYN-SENT" | "SYN-RECEIVED" | "FIN-WAIT-1" | "CLOSING" | "LAST-ACK"
    ))
}

#[cfg(test)]
mod tests;
