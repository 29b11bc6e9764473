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
    recent: Option<(FourTuple, u32)>,
}

#[inline(always)]
fn is_at(index: u32, tuple: &FourTuple, slots: &Slots) -> bool {
    slots.connection(index).is_some_and(|c| c.tuple == *tuple)
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
    #[inline]
    pub(super) fn recent(
        &self,
        (src, src_port): (IpAddr, u16),
        (dst, dst_port): (IpAddr, u16),
    ) -> Option<u32> {
        let (tuple, index) = self.recent.as_ref()?;
        let same = tuple.remote.port() == src_port
            && tuple.local.port() == dst_port
            && tuple.remote.ip() == src
            && tuple.local.ip() == dst;
        same.then_some(*index)
    }

    /// A segment of this connection has come, from an address that can be right: others will follow it.
    #[inline]
    pub(super) fn expect(&mut self, tuple: FourTuple, index: u32) {
        self.recent = Some((tuple, index));
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
        if self.recent.is_some_and(|(_, recent)| recent == index) {
            self.recent = None;
        }
        let hash = hash(&self.hasher, tuple);
        if let Ok(entry) = self.places.find_entry(hash, |&there| there == index) {
            entry.remove();
        }
    }
}
