//! Which connection a four-tuple names: demultiplexing.
//!
//! A hash table of places in the slab; the tuples stay with the connections. The hash is keyed by the secret
//! of the host, so that no peer can choose addresses and ports that fall into one bucket. In front of it stands
//! the connection of the last segment, which mostly is that of the next one too; its addresses were looked at then.

use super::slots::Slots;
use crate::isn::Secret;
use crate::types::FourTuple;
use ahash::RandomState;
use hashbrown::HashTable;
use std::net::{IpAddr, SocketAddr};

#[derive(Debug)]
pub(super) struct Table {
    places: HashTable<u32>,
    hasher: RandomState,
    /// That of the last segment whose addresses could be right, and still there.
    recent: Option<u32>,
}

#[inline(always)]
fn is_at(index: u32, tuple: &FourTuple, slots: &Slots) -> bool {
    slots.connection(index).is_some_and(|c| c.tuple == *tuple)
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

/// Two words tell IPv4 connections apart.
#[inline]
fn hash(hasher: &RandomState, tuple: &FourTuple) -> u64 {
    match (tuple.local, tuple.remote) {
        (SocketAddr::V4(local), SocketAddr::V4(remote)) => {
            let addresses =
                u64::from(local.ip().to_bits()) << 32 | u64::from(remote.ip().to_bits());
            let ports = u32::from(local.port()) << 16 | u32::from(remote.port());
            hasher.hash_one((addresses, ports))
        }
        _ => hasher.hash_one(tuple),
    }
}

impl Table {
    pub(super) fn new(secret: &Secret) -> Self {
        let [a, b, c, d] = secret.table_keys();
        Self {
            places: HashTable::new(),
            hasher: RandomState::with_seeds(a, b, c, d),
            recent: None,
        }
    }

    pub(super) fn get(&self, tuple: &FourTuple, slots: &Slots) -> Option<u32> {
        let hash = hash(&self.hasher, tuple);
        let same = |&index: &u32| is_at(index, tuple, slots);
        self.places.find(hash, same).copied()
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

    /// The connection at `index` has a tuple that no other one has.
    pub(super) fn insert(&mut self, tuple: &FourTuple, index: u32, slots: &Slots) {
        let hasher = &self.hasher;
        let rehash = |&index: &u32| {
            slots
                .connection(index)
                .map_or(0, |c| hash(hasher, &c.tuple))
        };
        self.places
            .insert_unique(hash(hasher, tuple), index, rehash);
    }

    pub(super) fn remove(&mut self, tuple: &FourTuple, index: u32) {
        if self.recent == Some(index) {
            self.recent = None;
        }
        let hash = hash(&self.hasher, tuple);
        if let Ok(entry) = self.places.find_entry(hash, |&there| there == index) {
            entry.remove();
        }
    }
}
