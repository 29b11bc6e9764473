//! SYN cookies (RFC 4987 §3.6): when the backlog is full, the state of an embryo is put into the
//! sequence number of its SYN-ACK, and comes back with the ACK.
//!
//! A cookie holds 5 bits of a clock of 64 s, 3 bits of an MSS table and 24 bits of a keyed hash over
//! the four-tuple, the peer's ISN and the other eight bits.  Options other than the MSS are lost.

use super::Host;
use super::stateless::Stateless;
use super::table::Key;
use crate::SocketOptions;
use crate::connection::Arrived;
use crate::connection::reaction::Fate;
use crate::emit::IpFields;
use crate::isn::Secret;
use crate::options::Options;
use crate::types::FourTuple;
use core::time::Duration;
use tcpconf_wire::{Flags, Instant, SeqNumber};

/// One tick of the cookie clock.
const TICK: Duration = Duration::from_secs(64);
/// MSS values that a cookie can say; the largest that does not exceed the peer's is taken.
const MSS_TABLE: [u16; 8] = [88, 216, 536, 1024, 1220, 1440, 1460, 4312];

fn cookie(
    secret: &Secret,
    tuple: &FourTuple,
    peer_isn: SeqNumber,
    tick: u32,
    mss: usize,
) -> SeqNumber {
    let head = (tick & 0x1f) << 3 | (mss as u32 & 7);
    let hash = secret.cookie_hash(tuple, peer_isn, tick, head) & 0x00ff_ffff;
    SeqNumber(head << 24 | hash)
}

fn tick(now: Instant) -> u32 {
    (now.as_nanos() / TICK.as_nanos() as u64) as u32
}

impl Host {
    /// Answers a SYN for which there is no room, unless no cookie can say how small the peer's MSS is
    /// (MUST-16).
    pub(super) fn send_cookie(
        &mut self,
        now: Instant,
        tuple: &FourTuple,
        syn: &Arrived<'_>,
        user: &SocketOptions,
    ) {
        let default = if tuple.local.is_ipv4() { 536 } else { 1220 };
        let peer = syn.options.mss.filter(|&mss| mss > 0).unwrap_or(default);
        let Some(mss) = MSS_TABLE.iter().rposition(|&mss| mss <= peer) else {
            return;
        };
        let reply = Stateless {
            tuple: *tuple,
            seq: cookie(&self.secret, tuple, syn.seq, tick(now), mss),
            ack: Some(syn.seq + 1),
            flags: Flags::SYN,
            window: user.receive_buffer(&self.config).min(u32::from(u16::MAX)) as u16,
            mss: Some(user.receive_mss(&self.config, tuple.local.ip())),
            timestamps: None,
            ip: IpFields {
                ttl: self.config.socket.ttl,
                dscp: self.config.socket.dscp & 0x3f,
                ecn: 0,
            },
        };
        self.cookies_sent_at = Some(now);
        self.push_stateless(reply);
    }

    /// An ACK in LISTEN: whether it brings a cookie back, which then makes a connection.
    pub(super) fn take_cookie(
        &mut self,
        now: Instant,
        key: Key<'_>,
        segment: &Arrived<'_>,
        listener: u32,
    ) -> bool {
        let recent = self
            .cookies_sent_at
            .is_some_and(|at| now.since(at) < 2 * TICK);
        if !recent || segment.flags.intersects(Flags::SYN | Flags::RST) {
            return false;
        }
        let (isn, value) = (segment.seq - 1, segment.ack - 1);
        let mss = (value.0 >> 24 & 7) as usize;
        let now_tick = tick(now);
        let good = [now_tick, now_tick.wrapping_sub(1)]
            .into_iter()
            .any(|tick| cookie(&self.secret, key.tuple, isn, tick, mss) == value);
        if !good {
            return false;
        }
        let syn = Arrived {
            seq: isn,
            flags: Flags::SYN,
            text: &[],
            options: &Options {
                mss: Some(MSS_TABLE[mss]),
                ..Options::default()
            },
            ..*segment
        };
        if let Some(index) = self.embryo(now, key, &syn, listener, value) {
            if let Some(connection) = self.slots.connection_mut(index)
                && let Some(timer) = connection.state.syn_timer_mut()
            {
                timer.transmitted(now, &self.config);
            }
            let fate = self.deliver(index, now, &mut { *segment });
            debug_assert!(!matches!(fate, Fate::Reopen { .. }));
            self.touch(index);
        }
        true
    }
}
