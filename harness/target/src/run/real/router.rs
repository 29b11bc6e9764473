//! Which case a packet belongs to: by the lease's addresses and ports, ICMP by the quoted tuple.

use std::collections::HashMap;
use std::net::IpAddr;
use tcpconf_engine::Lease;
use tcpconf_wire::Packet;
use tcpconf_wire::view::{IpView, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP};

/// Octets of an ICMP error before the packet that it quotes (RFC 792, RFC 4443 §2.1).
const ICMP_HEADER: usize = 8;

/// Names a running case.
pub(crate) type Slot = u64;

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// To this case.
    Case(Slot),
    /// It belonged to a case that has ended: a straggler.
    Straggler,
    /// Nobody knows it.
    Unclaimed,
}

/// The sockets that cases hold.
#[derive(Debug, Default)]
pub(crate) struct Router {
    claims: HashMap<(IpAddr, u16), Option<Slot>>,
}

impl Router {
    /// The lease's sockets belong to this case.
    pub(crate) fn claim(&mut self, slot: Slot, lease: &Lease) {
        let ports: Vec<u16> = lease
            .ports
            .iter()
            .chain(&lease.listen_ports)
            .copied()
            .collect();
        self.claim_ports(slot, &lease.addresses, &ports);
    }

    /// More ports for the case.
    pub(crate) fn claim_ports(&mut self, slot: Slot, addresses: &[IpAddr], ports: &[u16]) {
        for address in addresses {
            for port in ports {
                self.claims.insert((*address, *port), Some(slot));
            }
        }
    }

    /// The case sends from this packet's source: answers to it are the case's, unless another case holds
    /// that socket.
    pub(crate) fn claim_source(&mut self, slot: Slot, bytes: &[u8]) {
        if let Some(socket) = source_of(bytes) {
            self.claims.entry(socket).or_default().get_or_insert(slot);
        }
    }

    /// The case has ended; what still comes for it is a straggler.
    pub(crate) fn release(&mut self, slot: Slot) {
        for owner in self.claims.values_mut() {
            if *owner == Some(slot) {
                *owner = None;
            }
        }
    }

    /// Where the packet goes.
    pub(crate) fn route(&self, packet: &Packet) -> Route {
        match socket_of(&packet.bytes).map(|socket| self.claims.get(&socket)) {
            Some(Some(Some(slot))) => Route::Case(*slot),
            Some(Some(None)) => Route::Straggler,
            Some(None) | None => Route::Unclaimed,
        }
    }
}

/// Our socket in the packet: its destination, or the source of what an ICMP error quotes.
fn socket_of(bytes: &[u8]) -> Option<(IpAddr, u16)> {
    let ip = IpView::parse(bytes).ok()?;
    match ip.protocol {
        // The ports stand before anything that can be malformed.
        PROTOCOL_TCP => Some((ip.dst, be16(ip.payload, 2)?)),
        PROTOCOL_ICMP | PROTOCOL_ICMPV6 => quoted_source(ip.payload.get(ICMP_HEADER..)?),
        _ => None,
    }
}

/// Our socket in a packet that we send.
fn source_of(bytes: &[u8]) -> Option<(IpAddr, u16)> {
    let ip = IpView::parse(bytes).ok()?;
    let is_first = ip.fragment.is_none_or(|(offset, _)| offset == 0);
    (ip.protocol == PROTOCOL_TCP && is_first).then_some((ip.src, be16(ip.payload, 0)?))
}

/// The source socket of a quoted packet, which may be cut behind the ports.
fn quoted_source(quote: &[u8]) -> Option<(IpAddr, u16)> {
    match quote.first()? >> 4 {
        4 => {
            let header = usize::from(quote[0] & 0xf) * 4;
            let source: [u8; 4] = quote.get(12..16)?.try_into().ok()?;
            let is_tcp = *quote.get(9)? == PROTOCOL_TCP;
            is_tcp.then_some((IpAddr::from(source), be16(quote, header)?))
        }
        6 => {
            let source: [u8; 16] = quote.get(8..24)?.try_into().ok()?;
            let is_tcp = *quote.get(6)? == PROTOCOL_TCP;
            is_tcp.then_some((IpAddr::from(source), be16(quote, 40)?))
        }
        _ => None,
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at + 2)?;
    Some(u16::from_be_bytes([two[0], two[1]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::sanity::segment;
    use rstest::rstest;
    use std::net::SocketAddr;
    use tcpconf_wire::{Flags, Instant, SeqNumber};

    fn lease(address: &str, port: u16) -> Lease {
        let address: IpAddr = address.parse().unwrap();
        Lease {
            key: 0,
            addresses: vec![address],
            ports: [port].into(),
            any_port: false,
            target: SocketAddr::new(address, 80),
            closed_port: 81,
            spare_ports: [].into(),
            listen_ports: [].into(),
            request: None,
        }
    }

    fn plain(src: &str, dst: &str) -> Vec<u8> {
        let (src, dst) = (src.parse().unwrap(), dst.parse().unwrap());
        segment(src, dst, SeqNumber(1), SeqNumber(2), Flags::ACK)
    }

    fn route(router: &Router, bytes: Vec<u8>) -> Route {
        router.route(&Packet::new(bytes, Instant::ZERO))
    }

    #[rstest]
    #[case("10.0.0.2:80", "10.0.0.9:4000", Route::Case(7))]
    #[case("10.0.0.2:80", "10.0.0.9:4001", Route::Unclaimed)]
    #[case("10.0.0.2:80", "10.0.0.8:4000", Route::Unclaimed)]
    fn segments_go_by_their_destination(
        #[case] src: &str,
        #[case] dst: &str,
        #[case] expected: Route,
    ) {
        let mut router = Router::default();
        router.claim(7, &lease("10.0.0.9", 4000));
        assert_eq!(route(&router, plain(src, dst)), expected);
    }

    #[test]
    fn a_lying_data_offset_does_not_hide_the_port() {
        let mut router = Router::default();
        router.claim(7, &lease("10.0.0.9", 4000));
        let mut bytes = plain("10.0.0.2:80", "10.0.0.9:4000");
        bytes[32] = 0xf0;
        assert_eq!(route(&router, bytes), Route::Case(7));
    }

    #[rstest]
    #[case("10.0.0.9", "10.0.0.9:4000", "10.0.0.2:80")]
    #[case("fd00::9", "[fd00::9]:4000", "[fd00::2]:80")]
    fn icmp_goes_by_the_quoted_tuple(#[case] ours: &str, #[case] src: &str, #[case] dst: &str) {
        let mut router = Router::default();
        router.claim(3, &lease(ours, 4000));
        let quote = plain(src, dst);
        let header = if ours.contains(':') { 40 } else { 20 };
        let mut bytes = plain(dst, src)[..header].to_vec();
        bytes.extend([3, 1, 0, 0, 0, 0, 0, 0]);
        bytes.extend(&quote[..header + 8]);
        let length = bytes.len();
        if header == 40 {
            bytes[4..6].copy_from_slice(&((length - 40) as u16).to_be_bytes());
            bytes[6] = PROTOCOL_ICMPV6;
        } else {
            bytes[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            bytes[9] = PROTOCOL_ICMP;
        }
        assert_eq!(route(&router, bytes), Route::Case(3));
    }

    #[test]
    fn answers_to_a_socket_outside_the_lease_come_to_its_sender() {
        let mut router = Router::default();
        router.claim(7, &lease("10.0.0.9", 4000));
        router.claim_source(8, &plain("10.0.0.9:0", "10.0.0.2:80"));
        router.claim_source(8, &plain("10.0.0.9:4000", "10.0.0.2:80"));
        let answer = |dst| route(&router, plain("10.0.0.2:80", dst));
        assert_eq!(answer("10.0.0.9:0"), Route::Case(8));
        assert_eq!(answer("10.0.0.9:4000"), Route::Case(7));
    }

    #[test]
    fn stragglers_of_an_ended_case_are_known() {
        let mut router = Router::default();
        router.claim(7, &lease("10.0.0.9", 4000));
        router.release(7);
        let straggler = plain("10.0.0.2:80", "10.0.0.9:4000");
        assert_eq!(route(&router, straggler), Route::Straggler);
    }
}
