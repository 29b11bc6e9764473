//! ICMP errors about own segments (RFC 9293 §3.9.2.2), believed only when they quote a sequence
//! number that is in flight (RFC 5927 §4.1). Hard errors end a connection only before it is
//! synchronized (RFC 5927 §5.2); everything else is a soft error.

use super::Host;
use crate::connection::state::State;
use crate::error::{ErrorKind, SoftError};
use crate::types::FourTuple;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcpconf_wire::checksum::{self, Sum};
use tcpconf_wire::view::{IpView, PROTOCOL_ICMPV6, PROTOCOL_TCP};
use tcpconf_wire::{Instant, SeqNumber};

/// What an ICMP error means for TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// The peer refuses: its port, or its protocol, is unreachable.
    Hard(ErrorKind),
    Soft,
    /// The datagram did not fit; how much would, or zero.
    TooBig(u32),
    /// Source Quench (MUST-55), queries, unknown types.
    Ignore,
}

/// Classifies by type and code.
fn meaning(v6: bool, header: &[u8; 8]) -> Meaning {
    let &[kind, code, _, _, a, b, c, d] = header;
    match (v6, kind, code) {
        (false, 3, 4) => Meaning::TooBig(u32::from(u16::from_be_bytes([c, d]))),
        (true, 2, _) => Meaning::TooBig(u32::from_be_bytes([a, b, c, d])),
        // Protocol and port unreachable, v6 port unreachable.
        (false, 3, 2 | 3) | (true, 1, 4) => Meaning::Hard(ErrorKind::Refused),
        // Administratively prohibited.
        (false, 3, 9 | 10 | 13) | (true, 1, 1) => Meaning::Hard(ErrorKind::Unreachable),
        // MUST-56: net and host unreachable, source route failed, time exceeded, parameter problem.
        (false, 3 | 11 | 12, _) | (true, 1 | 3 | 4, _) => Meaning::Soft,
        _ => Meaning::Ignore,
    }
}

/// The segment that an error quotes: its tuple seen from here, its sequence number, and the length
/// of its datagram.
fn quoted(bytes: &[u8]) -> Option<(FourTuple, SeqNumber, u16)> {
    let (src, dst, tcp): (IpAddr, IpAddr, &[u8]) = match bytes.first()? >> 4 {
        4 => {
            let length = usize::from(bytes[0] & 0xf) * 4;
            let header = bytes.get(..length.max(20))?;
            if header[9] != PROTOCOL_TCP {
                return None;
            }
            let address = |at: usize| {
                let octets: [u8; 4] = header[at..at + 4].try_into().ok()?;
                Some(IpAddr::V4(Ipv4Addr::from(octets)))
            };
            (address(12)?, address(16)?, bytes.get(length..)?)
        }
        6 => {
            let header = bytes.get(..40)?;
            if header[6] != PROTOCOL_TCP {
                return None;
            }
            let address = |at: usize| {
                let octets: [u8; 16] = header[at..at + 16].try_into().ok()?;
                Some(IpAddr::V6(Ipv6Addr::from(octets)))
            };
            (address(8)?, address(24)?, bytes.get(40..)?)
        }
        _ => return None,
    };
    let &[s0, s1, d0, d1, q0, q1, q2, q3] = tcp.first_chunk::<8>()?;
    let tuple = FourTuple {
        local: SocketAddr::new(src, u16::from_be_bytes([s0, s1])),
        remote: SocketAddr::new(dst, u16::from_be_bytes([d0, d1])),
    };
    let field = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let length = if src.is_ipv4() {
        field(2)
    } else {
        field(4).saturating_add(40)
    };
    Some((
        tuple,
        SeqNumber(u32::from_be_bytes([q0, q1, q2, q3])),
        length,
    ))
}

impl Host {
    #[cold]
    pub(super) fn handle_icmp(&mut self, now: Instant, packet: &[u8]) {
        // Read once more: who hands out a view has to keep all of it in memory, for each packet.
        let Ok(ip) = IpView::parse(packet) else {
            return;
        };
        let v6 = ip.dst.is_ipv6();
        let message = ip.payload;
        let good = if v6 {
            Sum::pseudo_header(ip.src, ip.dst, PROTOCOL_ICMPV6, message.len())
                .add_bytes(message)
                .finish()
                == 0
        } else {
            checksum::of(message) == 0
        };
        let Some((header, quote)) = message.split_first_chunk::<8>() else {
            return;
        };
        if !good {
            return;
        }
        let (kind, code) = (header[0], header[1]);
        let meaning = meaning(v6, header);
        let Some((tuple, seq, length)) = quoted(quote) else {
            return;
        };
        let Some(index) = self.connection_between(&tuple) else {
            return;
        };
        let Some(connection) = self.slots.connection_mut(index) else {
            return;
        };
        let send = connection.state.send_vars();
        let in_flight = send.una.le(seq) && seq.lt(send.nxt);
        if !in_flight || meaning == Meaning::Ignore {
            return;
        }
        let embryonic = matches!(connection.state, State::SynSent(_) | State::SynReceived(_));
        match meaning {
            Meaning::Hard(error) if embryonic => self.finish(index, Some(error)),
            Meaning::TooBig(mtu) => self.too_big(index, now, mtu, length),
            _ => {
                connection.soft_error = Some(SoftError::Icmp { kind, code });
                self.touch(index);
            }
        }
        self.now = self.now.max(now);
    }
}
