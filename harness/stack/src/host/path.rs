//! Path MTU discovery (RFC 1191, RFC 8201): what routers have said, for each destination.

use super::Host;
use crate::connection::{Env, Path};
use std::net::IpAddr;
use tcpconf_wire::Instant;

/// Plateaus of RFC 1191 §7.1, for routers that do not say the MTU of the next hop.
const PLATEAUS: [u16; 10] = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68];
/// The smallest path MTU that is believed: RFC 791 §3.2 allows for 68 octets, but no link is so narrow, and a
/// forged error would turn each segment in flight into dozens (Linux: `min_pmtu`). RFC 8200 §5.
const MIN_V4: u16 = 552;
const MIN_V6: u16 = 1280;

impl Host {
    /// What a connection needs of its host.
    pub(super) fn env(&self) -> Env<'_> {
        Env {
            config: &self.config,
            secret: &self.secret,
        }
    }

    /// What is known of the way to `remote`.
    pub(super) fn path(&self, remote: IpAddr) -> Path {
        let link = Path {
            mtu: self.config.mtu,
            until: None,
        };
        if self.paths.is_empty() {
            return link;
        }
        match self.paths.get(&remote) {
            Some(path) if path.until.is_some_and(|until| until > self.now) => *path,
            _ => link,
        }
    }

    /// "Datagram Too Big" about a segment of the connection at `index`, whose sequence number was
    /// found to be in flight. `reported` is the MTU of the next hop, or zero; `quoted` the length of
    /// the datagram that was too big.
    pub(super) fn too_big(&mut self, index: u32, now: Instant, reported: u32, quoted: u16) {
        let Some(connection) = self.slots.connection_mut(index) else {
            return;
        };
        let remote = connection.tuple.remote.ip();
        let reported = u16::try_from(reported).unwrap_or(u16::MAX);
        let mtu = match (remote, reported) {
            (IpAddr::V4(_), 0) => {
                // RFC 1191 §5: the next plateau below.
                let below = |&&plateau: &&u16| plateau < quoted;
                let plateau = PLATEAUS.iter().find(below).copied();
                plateau.unwrap_or(MIN_V4).max(MIN_V4)
            }
            (IpAddr::V4(_), mtu) => mtu.max(MIN_V4),
            // RFC 8201 §4: discarded.
            (IpAddr::V6(_), mtu) if mtu < MIN_V6 => return,
            (IpAddr::V6(_), mtu) => mtu,
        };
        // "must not increase"; and what fits already was reported late.
        if mtu >= connection.path_mtu() || quoted <= mtu {
            return;
        }
        let path = Path {
            mtu,
            until: Some(now + self.config.path_mtu_lifetime),
        };
        connection.set_path(path);
        self.remember(remote, path);
        self.touch(index);
    }

    fn remember(&mut self, remote: IpAddr, path: Path) {
        if self.paths.len() >= self.config.max_paths && !self.paths.contains_key(&remote) {
            let now = self.now;
            self.paths
                .retain(|_, path| path.until.is_some_and(|until| until > now));
            if self.paths.len() >= self.config.max_paths {
                return;
            }
        }
        self.paths.insert(remote, path);
    }
}
