//! Which connection a four-tuple names: demultiplexing.
//!
//! A hash table of chains: the heads are here, the links with the places in the slab, tuple and hash with the
//! connection. So a connection is found, entered and taken out in a few steps, and costs one head. The hash is keyed
//! by the secret of the host, so that no peer can choose addresses and ports that fall into one chain. In front of it
//! stands the connection of the last segment, which mostly is that of the next one too; its addresses were looked at
//! then.

use super::slots::Slots;
use crate::isn::Secret;
use crate::types::FourTuple;
use ahash::RandomState;
use std::net::{IpAddr, SocketAddr};

/// Chains of a table that is empty.
const FIRST_CHAINS: usize = 16;

/// The end of a chain.
pub(super) const NOBODY: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Table {
    /// The first of each chain. As many as a power of two, and at least as many as connections.
    heads: Vec<u32>,
    count: usize,
    hasher: RandomState,
    /// That of the last segment whose addresses could be right, and still there.
    recent: Option<u32>,
}

/// A four-tuple and its hash, which is wanted when it is looked for, and again when it is entered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key<'a> {
    pub(super) tuple: &'a FourTuple,
    hash: u32,
}

/// Whether `socket` is this address and port. Compared as the words that were just written when the packet was
/// parsed: the comparison that is derived reads other pieces, for which a processor waits until they have left its store
/// buffer.
#[inline(always)]
fn is_of(socket: &SocketAddr, (address, port): (&IpAddr, u16)) -> bool {
    let same = match (socket, address) {
        (SocketAddr::V4(socket), IpAddr::V4(address)) => socket.ip().to_bits() == address.to_bits(),
        (SocketAddr::V6(socket), IpAddr::V6(address)) => socket.ip() == address,
        _ => false,
    };
    same && socket.port() == port
}

impl Table {
    pub(super) fn new(secret: &Secret) -> Self {
        let [a, b, c, d] = secret.table_keys();
        Self {
            heads: vec![NOBODY; FIRST_CHAINS],
            count: 0,
            hasher: RandomState::with_seeds(a, b, c, d),
            recent: None,
        }
    }

    /// Two words tell IPv4 connections apart.
    pub(super) fn key<'a>(&self, tuple: &'a FourTuple) -> Key<'a> {
        let hash = match (&tuple.local, &tuple.remote) {
            (SocketAddr::V4(local), SocketAddr::V4(remote)) => {
                let addresses =
                    u64::from(local.ip().to_bits()) << 32 | u64::from(remote.ip().to_bits());
                let ports = u32::from(local.port()) << 16 | u32::from(remote.port());
                self.hasher.hash_one((addresses, ports))
            }
            _ => self.hasher.hash_one(tuple),
        };
        Key {
            tuple,
            hash: hash as u32,
        }
    }

    #[inline]
    fn chain(&self, hash: u32) -> usize {
        hash as usize & (self.heads.len() - 1)
    }

    pub(super) fn get(&self, key: Key<'_>, slots: &Slots) -> Option<u32> {
        let mut at = self.heads[self.chain(key.hash)];
        while at != NOBODY {
            if slots.connection(at).is_some_and(|c| c.tuple == *key.tuple) {
                return Some(at);
            }
            at = slots.link(at);
        }
        None
    }

    /// The connection of the last segment, if this one, from `src` to `dst`, is of the same.
    #[inline(always)]
    pub(super) fn recent(
        &self,
        src: (&IpAddr, u16),
        dst: (&IpAddr, u16),
        slots: &Slots,
    ) -> Option<u32> {
        let index = self.recent?;
        let tuple = &slots.connection(index)?.tuple;
        (is_of(&tuple.remote, src) && is_of(&tuple.local, dst)).then_some(index)
    }

    /// A segment of this connection has come, from an address that can be right: others will follow it.
    #[inline]
    pub(super) fn expect(&mut self, index: u32) {
        self.recent = Some(index);
    }

    /// The connection at `index` has this tuple, which no other one has.
    pub(super) fn insert(&mut self, key: Key<'_>, index: u32, slots: &mut Slots) {
        let Some(connection) = slots.connection_mut(index) else {
            return;
        };
        connection.hash = key.hash;
        if self.count == self.heads.len() {
            self.grow(slots);
        }
        self.count += 1;
        self.put(index, key.hash, slots);
    }

    fn put(&mut self, index: u32, hash: u32, slots: &mut Slots) {
        let chain = self.chain(hash);
        *slots.link_mut(index) = core::mem::replace(&mut self.heads[chain], index);
    }

    /// Twice as many chains.
    #[cold]
    fn grow(&mut self, slots: &mut Slots) {
        let chains = vec![NOBODY; 2 * self.heads.len()];
        for mut at in core::mem::replace(&mut self.heads, chains) {
            while at != NOBODY {
                let next = slots.link(at);
                if let Some(connection) = slots.connection(at) {
                    self.put(at, connection.hash, slots);
                }
                at = next;
            }
        }
    }

    /// The connection at `index` is found no more; it may have been taken out before.
    pub(super) fn remove(&mut self, index: u32, slots: &mut Slots) {
        if self.recent == Some(index) {
            self.recent = None;
        }
        let Some(connection) = slots.connection(index) else {
            return;
        };
        let chain = self.chain(connection.hash);
        let next = slots.link(index);
        let mut at = self.heads[chain];
        if at == index {
            self.heads[chain] = next;
        } else {
            while at != NOBODY && slots.link(at) != index {
                at = slots.link(at);
            }
            if at == NOBODY {
                return;
            }
            *slots.link_mut(at) = next;
        }
        self.count -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::slots::Entry;
    use super::*;
    use crate::connection::Connection;

    fn tuple(port: u16) -> FourTuple {
        FourTuple {
            local: ([10, 0, 0, 1], 80).into(),
            remote: ([10, 0, 0, 2], port).into(),
        }
    }

    #[test]
    fn each_connection_is_found_until_it_is_taken_out_however_many_there_are() {
        let mut table = Table::new(&Secret::from_seed(1));
        let mut slots = Slots::default();
        let indices: Vec<u32> = (0..500)
            .map(|port| {
                let mut connection = Box::new(Connection::default());
                connection.tuple = tuple(port);
                let index = slots.insert(Entry::Connection(connection)).index;
                table.insert(table.key(&tuple(port)), index, &mut slots);
                index
            })
            .collect();
        let gone = |port: u16| port.is_multiple_of(3);
        for port in (0..500u16).filter(|&port| gone(port)) {
            let index = indices[usize::from(port)];
            table.remove(index, &mut slots);
            table.remove(index, &mut slots);
        }
        for port in 0..500 {
            let expected = (!gone(port)).then_some(indices[usize::from(port)]);
            assert_eq!(
                table.get(table.key(&tuple(port)), &slots),
                expected,
                "{port}"
            );
        }
        assert_eq!(table.get(table.key(&tuple(500)), &slots), None);
    }
}
