//! A set of sequence ranges: what lies in the reassembly queue of the reference receiver.

use tcpconf_wire::SeqNumber;

/// Disjoint, non-touching ranges in the order of their distance from a base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(SeqNumber, SeqNumber)>);

impl Ranges {
    /// Adds `[left, right)`, merging what it touches.
    pub(crate) fn insert(&mut self, mut left: SeqNumber, mut right: SeqNumber) {
        if !left.lt(right) {
            return;
        }
        self.0.retain(|(l, r)| {
            let apart = r.lt(left) || right.lt(*l);
            if !apart {
                left = left.min(*l);
                right = right.max(*r);
            }
            apart
        });
        let at = self
            .0
            .iter()
            .position(|(l, _)| left.lt(*l))
            .unwrap_or(self.0.len());
        self.0.insert(at, (left, right));
    }

    /// If a range begins at or before `next`, takes it (and all before) and gives its right edge.
    pub(crate) fn advance(&mut self, next: SeqNumber) -> SeqNumber {
        let mut edge = next;
        self.0.retain(|(l, r)| {
            if l.le(edge) {
                edge = edge.max(*r);
                return false;
            }
            true
        });
        edge
    }

    /// Whether `[left, right)` lies wholly in one of the ranges.
    pub(crate) fn covers(&self, left: SeqNumber, right: SeqNumber) -> bool {
        self.0.iter().any(|(l, r)| l.le(left) && right.le(*r))
    }

    /// The right edge of the range that holds `octet`; `octet` itself when none does.
    pub(crate) fn end_of(&self, octet: SeqNumber) -> SeqNumber {
        let holds = |(l, r): &&(SeqNumber, SeqNumber)| l.le(octet) && octet.lt(*r);
        self.0.iter().find(holds).map_or(octet, |(_, r)| *r)
    }

    /// Adds all ranges of another set.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (left, right) in &other.0 {
            self.insert(*left, *right);
        }
    }

    /// Whether there is no range.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(n: u32) -> SeqNumber {
        SeqNumber(n)
    }

    #[test]
    fn touching_ranges_merge_across_the_wrap() {
        let mut ranges = Ranges::default();
        ranges.insert(seq(10), seq(20));
        ranges.insert(seq(0xffff_fff0), seq(0));
        ranges.insert(seq(0), seq(10));
        assert!(ranges.covers(seq(0xffff_fff0), seq(20)));
        assert_eq!(ranges.advance(seq(0xffff_fff0)), seq(20));
        assert_eq!(ranges, Ranges::default());
    }

    #[test]
    fn a_hole_stops_the_advance() {
        let mut ranges = Ranges::default();
        ranges.insert(seq(5), seq(8));
        assert_eq!(ranges.advance(seq(3)), seq(3));
        ranges.insert(seq(3), seq(4));
        assert_eq!(ranges.advance(seq(3)), seq(4));
        assert!(!ranges.covers(seq(4), seq(8)));
    }
}
