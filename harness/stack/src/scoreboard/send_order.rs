//! Segments in the order in which they were sent last, for RACK (RFC 8985 §6.2 step 5: a list by time
//! spares the walk over everything in flight).

use std::collections::VecDeque;
use tcpconf_wire::Instant;

/// Entries may be outdated: whoever takes one looks whether it still holds.
#[derive(Debug, Default)]
pub(super) struct SendOrder {
    /// When, and the key behind the last octet; in the order of sending.
    entries: VecDeque<(Instant, u64)>,
}

impl SendOrder {
    /// A segment that ends at `end` leaves now.
    pub(super) fn push(&mut self, now: Instant, end: u64) {
        self.entries.push_back((now, end));
    }

    pub(super) fn first(&self) -> Option<(Instant, u64)> {
        self.entries.front().copied()
    }

    pub(super) fn pop(&mut self) {
        self.entries.pop_front();
    }

    pub(super) fn allocated(&self) -> usize {
        self.entries.capacity() * size_of::<(Instant, u64)>()
    }

    /// Whether outdated entries outnumber what `segments` in flight can have.
    pub(super) fn is_stale(&self, segments: usize) -> bool {
        self.entries.len() > 2 * segments + 64
    }

    /// Begins anew with these, in any order.
    pub(super) fn rebuild(&mut self, entries: impl Iterator<Item = (Instant, u64)>) {
        self.entries.clear();
        self.entries.extend(entries);
        self.entries.make_contiguous().sort_unstable();
    }
}
