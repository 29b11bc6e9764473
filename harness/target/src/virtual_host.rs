//! Where an in-process target and a case meet: addresses and ports that are the same for every stack.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcpconf_engine::Lease;

/// The host's addresses (RFC 5737, RFC 3849: documentation).
pub(crate) const ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];
/// Where the service listens: on all addresses.
pub(crate) const SERVICE: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SERVICE_PORT);
/// Peers that a case may be.
const PEERS: u8 = 4;
/// The first peer's last octet.
const FIRST_PEER: u8 = 10;
/// The service's port.
const SERVICE_PORT: u16 = 80;
/// Nothing listens there.
const CLOSED_PORT: u16 = 81;
/// Where the application may listen besides.
const SPARE_PORTS: std::ops::Range<u16> = 8001..8005;
/// Where the application may connect to.
const LISTEN_PORTS: std::ops::Range<u16> = 5001..5009;
/// Ports that a case begins with; there are always more.
const PORTS: u16 = 4;
/// Ports begin within this range, by the seed.
const FIRST_PORTS: std::ops::Range<u16> = 32_768..49_152;

/// Addresses and ports of a case in process: it has the whole host to itself.
pub fn lease(seed: u64, ip: u8) -> Lease {
    let peers = FIRST_PEER..FIRST_PEER + PEERS;
    let (target, addresses) = if ip == 6 {
        let peer = |n| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(n)).into();
        (ADDRESSES[1], peers.map(peer).collect())
    } else {
        let peer = |n| Ipv4Addr::new(192, 0, 2, n).into();
        (ADDRESSES[0], peers.map(peer).collect())
    };
    let span = u64::from(FIRST_PORTS.end - FIRST_PORTS.start);
    let first = FIRST_PORTS.start + (seed % span) as u16;
    Lease {
        key: 0,
        addresses,
        ports: (first..first + PORTS).collect(),
        any_port: true,
        target: SocketAddr::new(target, SERVICE_PORT),
        closed_port: CLOSED_PORT,
        spare_ports: SPARE_PORTS.collect(),
        listen_ports: LISTEN_PORTS.collect(),
        request: None,
    }
}
