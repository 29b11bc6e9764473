//! Disjoint ranges of the sequence space, by keys that do not wrap.

use std::collections::BTreeMap;

/// Ranges `start..end` that neither touch nor overlap.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Adds a range that overlaps none; neighbours become one.
    pub(super) fn insert(&mut self, start: u64, end: u64) {
        let end = self.0.remove(&end).unwrap_or(end);
        match self.0.range_mut(..=start).next_back() {
            Some((_, before)) if *before == start => *before = end,
            _ => {
                self.0.insert(start, end);
            }
        }
    }

    /// Forgets what lies below `floor`.
    pub(super) fn cut_below(&mut self, floor: u64) {
        while let Some(first) = self.0.first_entry()
            && *first.key() < floor
        {
            let end = first.remove();
            if end > floor {
                self.0.insert(floor, end);
            }
        }
    }

    /// The end of the range that holds `at`.
    pub(super) fn end_of(&self, at: u64) -> Option<u64> {
        let (_, &end) = self.0.range(..=at).next_back()?;
        (at < end).then_some(end)
    }

    /// From the highest down.
    pub(super) fn descending(&self) -> impl Iterator<Item = (u64, u64)> {
        self.0.iter().rev().map(|(&start, &end)| (start, end))
    }
}
