//! An IP packet comes in: what IP and the checksum refuse, whose connection it is, and CLOSED.

use super::Host;
use super::stateless::Stateless;
use crate::connection::reaction::{Fate, Reaction, Reply};
use crate::connection::{Arrived, Env};
use crate::emit::IpFields;
use crate::options::{Options, Timestamps};
use crate::types::FourTuple;
use std::net::IpAddr;
use tcpconf_wire::view::{IpView, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, TcpView};
use tcpconf_wire::{Flags, Instant, SeqNumber};

impl Host {
    /// Takes an IP packet from the link. Whatever is in it, this does not panic.
    pub fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        self.handle_timeout(now);
        // Each version has its own code: where an address is known to be a word, nearly nothing has to be copied.
        if packet.first().is_some_and(|b| b >> 4 == 4) {
            if let Ok(ip) = IpView::parse_v4(packet) {
                self.handle_view(now, &ip, packet);
            }
        } else {
            self.handle_other_version(now, packet);
        }
    }

    #[inline(never)]
    fn handle_other_version(&mut self, now: Instant, packet: &[u8]) {
        if let Ok(ip) = IpView::parse(packet) {
            self.handle_view(now, &ip, packet);
        }
    }

    #[inline(always)]
    fn handle_view(&mut self, now: Instant, ip: &IpView<'_>, packet: &[u8]) {
        if ip.fragment.is_some() || !ip.header_checksum_ok() {
            return;
        }
        match (ip.protocol, ip.dst) {
            (PROTOCOL_TCP, _) => {
                // MUST-3
                if ip.tcp_checksum_ok()
                    && let Ok(tcp) = ip.tcp()
                {
                    self.handle_segment(now, ip, &tcp);
                }
            }
            (PROTOCOL_ICMP, IpAddr::V4(_)) | (PROTOCOL_ICMPV6, IpAddr::V6(_))
                if self.is_own(ip.dst) =>
            {
                self.handle_icmp(now, packet);
            }
            _ => {}
        }
    }

    /// Own unicast addresses only: SYNs to broadcast and multicast end here (MUST-57).
    fn is_own(&self, address: IpAddr) -> bool {
        self.config.addresses.contains(&address)
    }

    /// RFC 1122 §3.2.1.3 and RFC 9293 §3.9.2.3 (MUST-63): broadcast, multicast, unspecified,
    /// "this network", loopback from outside, and this host itself (LAND) send nothing.
    fn source_is_valid(&self, src: IpAddr, dst: IpAddr) -> bool {
        is_unicast(src) && src.is_loopback() == dst.is_loopback() && !self.is_own(src)
    }

    #[inline(always)]
    fn handle_segment(&mut self, now: Instant, ip: &IpView<'_>, tcp: &TcpView<'_>) {
        let recent = self.connections.recent(
            (&ip.src, tcp.src_port),
            (&ip.dst, tcp.dst_port),
            &self.slots,
        );
        let mut read;
        let options = if tcp.options.is_empty() {
            const { &Options::NONE }
        } else {
            read = Options::NONE;
            read.read(tcp);
            &read
        };
        let mut segment = Arrived {
            seq: tcp.seq,
            ack: tcp.ack,
            flags: tcp.flags,
            window: tcp.window,
            urgent: tcp.urgent,
            text: tcp.payload,
            options,
            ce: ip.ecn == 3,
        };
        let tuple = || FourTuple {
            local: (ip.dst, tcp.dst_port).into(),
            remote: (ip.src, tcp.src_port).into(),
        };
        match recent {
            Some(index) => self.arrives_at(index, now, &mut segment),
            None => self.arrives_from_another(now, &tuple(), &mut segment),
        }
    }

    /// A segment that is not of the connection of the last one.
    #[inline(never)]
    fn arrives_from_another(&mut self, now: Instant, tuple: &FourTuple, segment: &mut Arrived<'_>) {
        let (src, dst) = (tuple.remote.ip(), tuple.local.ip());
        if !(self.is_own(dst) && self.source_is_valid(src, dst)) {
            return;
        }
        let key = self.connections.key(tuple);
        match self.connections.get(key, &self.slots) {
            Some(index) => {
                self.connections.expect(index);
                self.arrives_at(index, now, segment);
            }
            None => self.arrives_without_connection(now, key, segment, None),
        }
    }

    /// A segment of the connection at `index`.
    #[inline(always)]
    fn arrives_at(&mut self, index: u32, now: Instant, segment: &mut Arrived<'_>) {
        if let Fate::Reopen { above } = self.deliver(index, now, segment) {
            self.reopen(index, now, segment, above);
            return;
        }
        self.touch(index);
    }

    /// TIME-WAIT ends, and the segment goes to the listener.
    #[cold]
    fn reopen(&mut self, index: u32, now: Instant, segment: &Arrived<'_>, above: SeqNumber) {
        if let Some(connection) = self.slots.connection(index) {
            let tuple = connection.tuple;
            self.finish(index, None);
            let key = self.connections.key(&tuple);
            self.arrives_without_connection(now, key, segment, Some(above));
        }
    }

    /// Hands a segment to its connection and carries out what that returns; what became of the connection.
    #[inline]
    pub(super) fn deliver(&mut self, index: u32, now: Instant, segment: &mut Arrived<'_>) -> Fate {
        let env = Env {
            config: &self.config,
            secret: &self.secret,
        };
        let Some(connection) = self.slots.connection_mut(index) else {
            return Fate::Stay;
        };
        let asked = connection.fast_open_state();
        let mut reaction = Reaction::DROP;
        connection.segment_arrives(now, segment, env, &mut reaction);
        if let Fate::Reopen { .. } = reaction.fate {
            let local = connection.tuple.local;
            if !self.has_room_at(local) {
                // Nobody listens, or nobody could: a SYN does not end TIME-WAIT.
                reaction = Reaction::reply(Reply::ChallengeAck);
            }
        } else if let (Some((option, repeated)), Fate::Enter(_)) = (asked, reaction.fate) {
            let remote = connection.tuple.remote.ip();
            self.learn_cookie(now, remote, option, repeated, segment);
        }
        self.apply(index, now, &reaction, segment.options);
        reaction.fate
    }

    /// RFC 9293 §3.10.7.1: CLOSED.
    pub(super) fn arrives_in_closed(&mut self, tuple: &FourTuple, segment: &Arrived<'_>) {
        if segment.has(Flags::RST) {
            return;
        }
        let ip = IpFields {
            ttl: self.config.socket.ttl,
            dscp: self.config.socket.dscp & 0x3f,
            ecn: 0,
        };
        let (seq, ack) = if segment.has(Flags::ACK) {
            // <SEQ=SEG.ACK><CTL=RST>
            (segment.ack, None)
        } else {
            // <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>
            (SeqNumber(0), Some(segment.seq + segment.len()))
        };
        // RFC 7323 §5.2: a RST that a segment with timestamps has caused returns its TSval.
        let timestamps = segment
            .options
            .timestamps
            .filter(|_| self.config.timestamps);
        self.push_stateless(Stateless {
            timestamps: timestamps.map(Timestamps::of_reset_for),
            ..Stateless::reset(*tuple, seq, ack, ip)
        });
    }
}

/// Whether a host can have this address (RFC 1122 §3.2.1.3).
pub(super) fn is_unicast(address: IpAddr) -> bool {
    match address {
        // 0.0.0.0/8 "this network", 224.0.0.0/4 multicast, 240.0.0.0/4 reserved and broadcast
        IpAddr::V4(a) => a.octets()[0] != 0 && a.octets()[0] < 224,
        IpAddr::V6(a) => !a.is_unspecified() && !a.is_multicast(),
    }
}
