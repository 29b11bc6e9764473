//! The reassembly queue (SHLD-31): which octets beyond RCV.NXT are there, and in which order they
//! came, for the SACK blocks of RFC 2018 §4.
//!
//! The octets themselves lie in the receive buffer.  The number of ranges is bounded: what would
//! need another one is refused, and the peer sends it again.  No segment costs more because there are
//! more ranges: those that it touches are found by halving, and each is looked at once when it is made
//! and once when it becomes part of another.

use std::collections::BTreeMap;
use tcpconf_wire::SeqNumber;

/// Octets from `start` up to `end`, touched last at `stamp`.
#[derive(Clone, Copy, Debug)]
struct Range {
    start: SeqNumber,
    end: SeqNumber,
    stamp: u64,
}

/// Disjoint, not adjacent, ascending ranges.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    ranges: Vec<Range>,
    /// Where the ranges start, by their stamps.
    by_stamp: BTreeMap<u64, SeqNumber>,
    limit: usize,
    stamp: u64,
    /// Ranges that were looked at one by one so far.
    visits: u64,
}

impl Assembler {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// How many ranges were looked at one by one so far: what segments cost.
    pub(crate) fn visits(&self) -> u64 {
        self.visits
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(crate) fn allocated(&self) -> usize {
        self.ranges.capacity() * size_of::<Range>()
            + self.by_stamp.len() * size_of::<(u64, SeqNumber)>()
    }

    /// Calls `f` for each part of `start..end` that is not there yet, as long as it wants more.
    pub(crate) fn holes(
        &mut self,
        start: SeqNumber,
        end: SeqNumber,
        mut f: impl FnMut(SeqNumber, SeqNumber) -> bool,
    ) {
        let mut at = start;
        let first = self.ranges.partition_point(|r| r.end.le(start));
        for range in &self.ranges[first..] {
            self.visits += 1;
            if range.start.ge(end) {
                break;
            }
            if at.lt(range.start) && !f(at, range.start) {
                return;
            }
            at = range.end;
        }
        if at.lt(end) {
            f(at, end);
        }
    }

    /// The first part of `start..end` that is there already (for D-SACK, RFC 2883 §4).
    pub(crate) fn overlap(
        &mut self,
        start: SeqNumber,
        end: SeqNumber,
    ) -> Option<(SeqNumber, SeqNumber)> {
        self.visits += 1;
        let first = self.ranges.partition_point(|r| r.end.le(start));
        let range = self.ranges.get(first).filter(|r| r.start.lt(end))?;
        Some((range.start.max(start), range.end.min(end)))
    }

    /// Adds `start..end`; false when that would need one range too many.
    pub(crate) fn insert(&mut self, start: SeqNumber, end: SeqNumber) -> bool {
        let first = self.ranges.partition_point(|r| r.end.lt(start));
        let behind = first + self.ranges[first..].partition_point(|r| r.start.le(end));
        self.visits += 1 + (behind - first) as u64;
        self.stamp += 1;
        let mut merged = Range {
            start,
            end,
            stamp: self.stamp,
        };
        if first == behind {
            if self.ranges.len() >= self.limit {
                return false;
            }
            self.ranges.insert(first, merged);
            self.by_stamp.insert(merged.stamp, merged.start);
            return true;
        }
        for range in &self.ranges[first..behind] {
            self.by_stamp.remove(&range.stamp);
        }
        merged.start = start.min(self.ranges[first].start);
        merged.end = end.max(self.ranges[behind - 1].end);
        self.ranges[first] = merged;
        self.by_stamp.insert(merged.stamp, merged.start);
        self.ranges.drain(first + 1..behind);
        true
    }

    /// Takes away everything up to `next` and what then is adjacent; returns the new RCV.NXT.
    pub(crate) fn advance(&mut self, next: SeqNumber) -> SeqNumber {
        let mut next = next;
        let mut gone = 0;
        for range in &self.ranges {
            self.visits += 1;
            if range.start.gt(next) {
                break;
            }
            next = next.max(range.end);
            self.by_stamp.remove(&range.stamp);
            gone += 1;
        }
        self.ranges.drain(..gone);
        next
    }

    /// The most recently touched ranges, newest first (RFC 2018 §4); returns how many were filled.
    pub(crate) fn recent(&self, blocks: &mut [(SeqNumber, SeqNumber)]) -> usize {
        let newest = self.by_stamp.values().rev();
        let mut count = 0;
        for (block, &start) in blocks.iter_mut().zip(newest) {
            let index = self.ranges.partition_point(|r| r.start.lt(start));
            let range = self.ranges[index];
            *block = (range.start, range.end);
            count += 1;
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(n: u32) -> SeqNumber {
        SeqNumber(n.wrapping_add(u32::MAX - 10))
    }

    fn recent(a: &Assembler) -> Vec<(SeqNumber, SeqNumber)> {
        let mut blocks = [(seq(0), seq(0)); 4];
        let n = a.recent(&mut blocks);
        blocks[..n].to_vec()
    }

    #[test]
    fn newest_range_comes_first_and_neighbours_merge() {
        let mut a = Assembler::new(8);
        assert!(a.insert(seq(10), seq(20)));
        assert!(a.insert(seq(30), seq(40)));
        assert!(a.insert(seq(50), seq(60)));
        assert!(a.insert(seq(20), seq(25)));
        assert_eq!(
            recent(&a),
            [(seq(10), seq(25)), (seq(50), seq(60)), (seq(30), seq(40))]
        );
        assert!(a.insert(seq(24), seq(50)));
        assert_eq!(recent(&a), [(seq(10), seq(60))]);
    }

    #[test]
    fn the_number_of_ranges_is_bounded() {
        let mut a = Assembler::new(2);
        assert!(a.insert(seq(10), seq(11)));
        assert!(a.insert(seq(20), seq(21)));
        assert!(!a.insert(seq(30), seq(31)));
        assert!(a.insert(seq(11), seq(12)));
    }

    #[test]
    fn holes_are_what_is_missing() {
        let mut a = Assembler::new(8);
        a.insert(seq(10), seq(20));
        a.insert(seq(30), seq(40));
        let mut holes = Vec::new();
        a.holes(seq(5), seq(45), |s, e| {
            holes.push((s, e));
            true
        });
        assert_eq!(
            holes,
            [(seq(5), seq(10)), (seq(20), seq(30)), (seq(40), seq(45))]
        );
        assert_eq!(a.overlap(seq(5), seq(12)), Some((seq(10), seq(12))));
    }

    #[test]
    fn advancing_swallows_what_is_adjacent() {
        let mut a = Assembler::new(8);
        a.insert(seq(10), seq(20));
        a.insert(seq(30), seq(40));
        assert_eq!(a.advance(seq(10)), seq(20));
        assert_eq!(a.advance(seq(25)), seq(25));
        assert_eq!(recent(&a), [(seq(30), seq(40))]);
    }

    /// What the costliest segment costs when every other octet of `count` is there.
    fn worst_visits(count: u32) -> u64 {
        let mut a = Assembler::new(count as usize);
        let mut worst = 0;
        for n in 0..count {
            let before = a.visits();
            let (start, end) = (seq(2 * n + 1), seq(2 * n + 2));
            assert_eq!(a.overlap(start, end), None);
            a.holes(start, end, |_, _| true);
            assert!(a.insert(start, end));
            worst = worst.max(a.visits() - before);
        }
        let before = a.visits();
        let mut holes = 0;
        a.holes(seq(1), seq(2 * count), |_, _| {
            holes += 1;
            holes < 8
        });
        worst.max(a.visits() - before)
    }

    #[test]
    fn a_segment_costs_no_more_with_more_ranges() {
        assert_eq!(worst_visits(16), worst_visits(4096));
    }
}
