//! What is derived from the host's secret: initial sequence numbers (RFC 6528), timestamp offsets
//! (RFC 7323 §7), ephemeral ports (RFC 6056 §3.3.3) and the hash of the connection table.

use crate::types::FourTuple;
use core::hash::{Hash, Hasher};
use siphasher::sip::SipHasher24;
use std::net::{IpAddr, SocketAddr};
use tcpconf_wire::{Instant, SeqNumber};

/// Nanoseconds in one tick of the ISN clock: 4 µs (RFC 9293 §3.4.1).
const ISN_TICK_NANOS: u64 = 4_000;

/// The secret, from the seed of the host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secret {
    k0: u64,
    k1: u64,
}

impl Secret {
    pub(crate) fn from_seed(seed: u64) -> Self {
        let derive = |label: u64| {
            let mut hasher = SipHasher24::new_with_keys(seed, label);
            hasher.write_u64(!seed);
            hasher.finish()
        };
        Self {
            k0: derive(1),
            k1: derive(2),
        }
    }

    /// Inlined, so that it is known where each piece falls in the words that the hash takes.
    #[inline(always)]
    fn hash(&self, purpose: u8, value: &impl Hash) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.k0, self.k1);
        hasher.write_u8(purpose);
        value.hash(&mut hasher);
        hasher.finish()
    }

    /// ISN = M + F(localip, localport, remoteip, remoteport, secretkey) (RFC 6528 §3, MUST-8,
    /// MUST-9, SHLD-1).
    pub(crate) fn isn(&self, now: Instant, tuple: &FourTuple) -> SeqNumber {
        let clock = (now.as_nanos() / ISN_TICK_NANOS) as u32;
        SeqNumber(clock.wrapping_add(self.hash(0, tuple) as u32))
    }

    /// What is added to the millisecond clock of TSval. The same for all incarnations of a
    /// four-tuple, so that timestamps grow from one to the next (RFC 6191).
    pub(crate) fn timestamp_offset(&self, tuple: &FourTuple) -> u32 {
        self.hash(1, tuple) as u32
    }

    /// The Fast Open cookie of a client address in an epoch (RFC 7413 §4.1.2: a MAC that expires).
    pub(crate) fn fast_open_cookie(&self, client: IpAddr, epoch: u64) -> [u8; 8] {
        self.hash(4, &(client, epoch)).to_be_bytes()
    }

    /// The hash in a SYN cookie.
    pub(crate) fn cookie_hash(
        &self,
        tuple: &FourTuple,
        peer_isn: SeqNumber,
        tick: u32,
        head: u32,
    ) -> u32 {
        self.hash(3, &(tuple, peer_isn, tick, head)) as u32
    }

    /// Where the search for an ephemeral port towards `remote` begins.
    pub(crate) fn port_offset(&self, remote: SocketAddr) -> u32 {
        self.hash(2, &remote) as u32
    }

    /// Keys of the hash of the connection table, each by itself.
    pub(crate) fn table_keys(&self) -> [u64; 4] {
        [5, 6, 7, 8].map(|purpose| self.hash(purpose, &()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tuple(port: u16) -> FourTuple {
        FourTuple {
            local: ([10, 0, 0, 1], 80).into(),
            remote: ([10, 0, 0, 2], port).into(),
        }
    }

    #[test]
    fn rfc6528_the_isn_grows_by_250_000_a_second() {
        let secret = Secret::from_seed(1);
        let a = secret.isn(Instant::from_secs(1), &tuple(5));
        let b = secret.isn(Instant::from_secs(3), &tuple(5));
        assert_eq!(b - a, 500_000);
    }

    #[test]
    fn rfc6528_isns_of_other_tuples_and_other_seeds_are_unrelated() {
        let now = Instant::from_secs(1);
        let isn = |seed, port| Secret::from_seed(seed).isn(now, &tuple(port));
        let steps: Vec<u32> = (0..8).map(|p| isn(1, p + 1) - isn(1, p)).collect();
        assert!(steps.windows(2).all(|w| w[0] != w[1]));
        assert_ne!(isn(1, 1), isn(2, 1));
    }
}
