//! The sanity handshake: does the target answer a connection request at all?
//!
//! SYN, SYN-ACK, ACK, and an exact RST so that nothing is left behind. The SYN is sent again once, after
//! the initial RTO of RFC 6298 §2.1. It judges nothing but whether an answer came, and tells apart what did.

use super::player::Conversation;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tcpconf_engine::{Action, AppEvent, Lease, Level, Outcome, SendId, Status, Verdict};
use tcpconf_wire::checksum::{self, Sum};
use tcpconf_wire::view::{IpView, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP};
use tcpconf_wire::{Flags, Instant, Packet, SeqNumber};

/// When the SYN is sent again, and after the last of these nothing more is awaited.
const PATIENCE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// What a connection request found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// A SYN-ACK.
    Open,
    /// A RST.
    Closed,
    /// Nothing at all.
    Silent,
    /// An ICMP error: type and code.
    Icmp(u8, u8),
    /// The request could not be sent.
    NotSent(String),
}

impl Probe {
    /// What is wrong, and the way out.
    pub(crate) fn sentence(&self, target: SocketAddr) -> String {
        match self {
            Self::Open => format!("{target} answers"),
            Self::Closed => format!(
                "{target} is closed: it answered the connection request by RST; start a service \
                 there, or name another port"
            ),
            Self::Silent => format!(
                "{target} does not answer: {} connection requests in {} s drew nothing; is the host \
                 up, and is there a filter in between?",
                PATIENCE.len(),
                PATIENCE[PATIENCE.len() - 1].as_secs()
            ),
            Self::Icmp(kind, code) => format!(
                "{target} cannot be reached: ICMP type {kind} code {code} answered the connection \
                 request; check the route and the filters on the way"
            ),
            Self::NotSent(error) => {
                format!("a connection request to {target} could not be sent: {error}")
            }
        }
    }
}

/// One sanity handshake.
#[derive(Debug)]
pub(crate) struct Handshake {
    local: SocketAddr,
    remote: SocketAddr,
    isn: SeqNumber,
    began: Option<Instant>,
    sent: usize,
    /// What goes out next: the answer to a SYN-ACK.
    answers: Vec<(SeqNumber, SeqNumber, Flags)>,
    found: Option<Probe>,
    next_id: u64,
}

impl Handshake {
    /// From the lease's first address and port.
    pub(crate) fn new(lease: &Lease, isn: u32) -> Self {
        let port = lease.ports.front().copied().unwrap_or(super::FIRST_PORT);
        let address = lease.addresses.first().copied();
        Self {
            local: SocketAddr::new(address.unwrap_or(unspecified(lease.target.ip())), port),
            remote: lease.target,
            isn: SeqNumber(isn),
            began: None,
            sent: 0,
            answers: Vec::new(),
            found: None,
            next_id: 0,
        }
    }

    /// What it found; nothing came as long as nothing has come.
    pub(crate) fn found(&self) -> Probe {
        self.found.clone().unwrap_or(Probe::Silent)
    }

    /// The request could not be sent.
    pub(crate) fn not_sent(&mut self, error: String) {
        self.found = Some(Probe::NotSent(error));
    }

    fn transmit(&mut self, seq: SeqNumber, ack: SeqNumber, flags: Flags) -> Action {
        self.next_id += 1;
        Action::Transmit {
            id: SendId(self.next_id),
            bytes: segment(self.local, self.remote, seq, ack, flags),
        }
    }

    fn done(&self) -> Action {
        let outcome = match self.found {
            Some(Probe::Open) => Outcome::Pass,
            _ => Outcome::Fail,
        };
        Action::Done(Verdict {
            outcome,
            level: Level::Must,
        })
    }
}

impl Conversation for Handshake {
    fn handle_packet(&mut self, _now: Instant, packet: &Packet) {
        let Ok(ip) = IpView::parse(&packet.bytes) else {
            return;
        };
        if self.found.is_some() {
            return;
        }
        match ip.protocol {
            PROTOCOL_TCP => {
                let Ok(tcp) = ip.tcp() else { return };
                let ours = tcp.dst_port == self.local.port() && tcp.src_port == self.remote.port();
                if !ours || tcp.ack != self.isn + 1 || !tcp.flags.contains(Flags::ACK) {
                    return;
                }
                if tcp.flags.contains(Flags::RST) {
                    self.found = Some(Probe::Closed);
                } else if tcp.flags.contains(Flags::SYN) {
                    self.found = Some(Probe::Open);
                    // Taken from the end.
                    let (seq, ack) = (self.isn + 1, tcp.seq + 1);
                    self.answers =
                        vec![(seq, ack, Flags::RST | Flags::ACK), (seq, ack, Flags::ACK)];
                }
            }
            PROTOCOL_ICMP | PROTOCOL_ICMPV6 => {
                if let [kind, code, ..] = *ip.payload {
                    self.found = Some(Probe::Icmp(kind, code));
                }
            }
            _ => {}
        }
    }

    fn handle_sent(&mut self, _id: SendId, at: Instant) {
        self.began.get_or_insert(at);
    }

    fn handle_app(&mut self, _now: Instant, _event: AppEvent) {}

    fn handle_status(&mut self, _now: Instant, _status: Option<Status>) {}

    fn add_ports(&mut self, _ports: Vec<u16>) {}

    fn poll(&mut self, now: Instant) -> Action {
        if let Some((seq, ack, flags)) = self.answers.pop() {
            return self.transmit(seq, ack, flags);
        }
        if self.found.is_some() {
            return self.done();
        }
        let Some(began) = self.began else {
            self.sent = 1;
            self.began = Some(now);
            return self.transmit(self.isn, SeqNumber(0), Flags::SYN);
        };
        let due = began + PATIENCE[self.sent - 1];
        if now < due {
            return Action::WaitUntil(due);
        }
        if self.sent == PATIENCE.len() {
            self.found = Some(Probe::Silent);
            return self.done();
        }
        self.sent += 1;
        self.transmit(self.isn, SeqNumber(0), Flags::SYN)
    }

    fn interrupt(&mut self, _now: Instant, _outcome: Outcome, _reason: &str) {
        self.found.get_or_insert(Probe::Silent);
    }

    fn half_open(&self) -> u32 {
        u32::from(self.sent > 0 && self.found.is_none())
    }
}

const fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    }
}

/// A plain segment without options and text, in its IP packet.
pub(crate) fn segment(
    src: SocketAddr,
    dst: SocketAddr,
    seq: SeqNumber,
    ack: SeqNumber,
    flags: Flags,
) -> Vec<u8> {
    let mut tcp = [0_u8; 20];
    tcp[0..2].copy_from_slice(&src.port().to_be_bytes());
    tcp[2..4].copy_from_slice(&dst.port().to_be_bytes());
    tcp[4..8].copy_from_slice(&seq.0.to_be_bytes());
    tcp[8..12].copy_from_slice(&ack.0.to_be_bytes());
    tcp[12..14].copy_from_slice(&(0x5000 | flags.bits()).to_be_bytes());
    tcp[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
    let sum = Sum::pseudo_header(src.ip(), dst.ip(), PROTOCOL_TCP, tcp.len()).add_bytes(&tcp);
    tcp[16..18].copy_from_slice(&sum.finish().to_be_bytes());
    let mut packet = match (src.ip(), dst.ip()) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            let mut ip = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, PROTOCOL_TCP, 0, 0];
            ip.extend(src.octets());
            ip.extend(dst.octets());
            let sum = checksum::of(&ip);
            ip[10..12].copy_from_slice(&sum.to_be_bytes());
            ip
        }
        (IpAddr::V6(src), IpAddr::V6(dst)) => {
            let mut ip = vec![0x60, 0, 0, 0, 0, 20, PROTOCOL_TCP, 64];
            ip.extend(src.octets());
            ip.extend(dst.octets());
            ip
        }
        // A lease of mixed families; nothing sensible can be sent.
        _ => Vec::new(),
    };
    packet.extend(tcp);
    packet
}

#[cfg(test)]
mod tests;
