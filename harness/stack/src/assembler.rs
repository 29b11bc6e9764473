//! The reassembly queue (SHLD-31): which octets beyond RCV.NXT are there, and in which order they
//! came, for the SACK blocks of RFC 2018 §4.
//!
//! The octets themselves lie in the receive buffer.  The number of ranges is bounded: what would
//! need another one is refused, and the peer sends it again.

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
    limit: usize,
    stamp: u64,
}

impl Assembler {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            ranges: Vec::new(),
            limit,
            stamp: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub(crate) fn allocated(&self) -> usize {
        self.ranges.capacity() * size_of::<Range>()
    }

    /// Calls `f` for each part of `start..end` that is not there yet.
    pub(crate) fn holes(
        &self,
        start: SeqNumber,
        end: SeqNumber,
        mut f: impl FnMut(SeqNumber, SeqNumber),
    ) {
        let mut at = start;
        for range in &self.ranges {
            if range.end.le(at) {
                continue;
            }
            if range.start.ge(end) {
                break;
            }
            if at.lt(range.start) {
                f(at, range.start);
            }
            at = range.end;
        }
        if at.lt(end) {
            f(at, end);
        }
    }

    /// The first part of `start..end` that is there already (for D-SACK, RFC 2883 §4).
    pub(crate) fn overlap(
        &self,
        start: SeqNumber,
        end: SeqNumber,
    ) -> Option<(SeqNumber, SeqNumber)> {
        self.ranges
            .iter()
            .find(|r| r.start.lt(end) && start.lt(r.end))
            .map(|r| (r.start.max(start), r.end.min(end)))
    }

    /// Adds `start..end`; false when that would need one range too many.
    pub(crate) fn insert(&mut self, start: SeqNumber, end: SeqNumber) -> bool {
        let first = self.ranges.partition_point(|r| r.end.lt(start));
        let behind = first + self.ranges[first..].partition_point(|r| r.start.le(end));
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
            return true;
        }
        merged.start = start.min(self.ranges[first].start);
        merged.end = end.max(self.ranges[behind - 1].end);
        self.ranges[first] = merged;
        self.ranges.drain(first + 1..behind);
        true
    }

    /// Takes away everything up to `next` and what then is adjacent; returns the new RCV.NXT.
    pub(crate) fn advance(&mut self, next: SeqNumber) -> SeqNumber {
        let mut next = next;
        let mut gone = 0;
        for range in &self.ranges {
            if range.start.gt(next) {
                break;
            }
            next = next.max(range.end);
            gone += 1;
        }
        self.ranges.drain(..gone);
        next
    }

    /// The most recently touched ranges, newest first (RFC 2018 §4); returns how many were filled.
    pub(crate) fn recent(&self, blocks: &mut [(SeqNumber, SeqNumber)]) -> usize {
        let mut before = u64::MAX;
        for (count, block) in blocks.iter_mut().enumerate() {
            let newest = self
                .ranges
                .iter()
                .filter(|r| r.stamp < before)
                .max_by_key(|r| r.stamp);
            let Some(range) = newest else {
                return count;
            };
            *block = (range.start, range.end);
            before = range.stamp;
        }
        blocks.len()
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
        a.holes(seq(5), seq(45), |s, e| holes.push((s, e)));
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
}
