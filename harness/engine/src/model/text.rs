//! The text of a stream as far as it was seen, for comparison with what is sent again.

/// Octets by their place; what was not seen yet are gaps.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    octets: Vec<u8>,
    /// Places below the end that were not seen, from, to behind.
    gaps: Vec<(usize, usize)>,
}

impl Text {
    /// These octets stand at `start`. What was seen before at a place stays.
    pub(super) fn keep(&mut self, start: usize, octets: &[u8]) {
        let end = start + octets.len();
        let known = self.octets.len();
        if start < known && !self.gaps.is_empty() {
            self.fill(start, octets);
        }
        if end <= known {
            return;
        }
        if known < start {
            self.octets.resize(start, 0);
            self.gaps.push((known, start));
        }
        let new = self.octets.len() - start;
        self.octets.extend_from_slice(&octets[new..]);
    }

    /// The first of these octets that differs from what was seen at its place: its index here, and the other.
    pub(super) fn differs(&self, start: usize, octets: &[u8]) -> Option<(usize, u8)> {
        let before = self.octets.get(start..)?;
        let common = before.len().min(octets.len());
        if before[..common] == octets[..common] {
            return None;
        }
        let in_gap = |at: usize| self.gaps.iter().any(|gap| gap.0 <= at && at < gap.1);
        (0..common)
            .find(|i| before[*i] != octets[*i] && !in_gap(start + i))
            .map(|i| (i, before[i]))
    }

    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.gaps.clear();
    }

    fn fill(&mut self, start: usize, octets: &[u8]) {
        let end = start + octets.len();
        let mut left = Vec::new();
        for (from, to) in core::mem::take(&mut self.gaps) {
            let (first, last) = (from.max(start), to.min(end));
            if first >= last {
                left.push((from, to));
                continue;
            }
            self.octets[first..last].copy_from_slice(&octets[first - start..last - start]);
            left.extend(
                [(from, first), (last, to)]
                    .into_iter()
                    .filter(|g| g.0 < g.1),
            );
        }
        self.gaps = left;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_compared_with_the_first_at_their_place() {
        let mut text = Text::default();
        text.keep(0, b"abc");
        text.keep(1, b"xyz");
        assert_eq!(text.differs(0, b"abcz"), None);
        assert_eq!(text.differs(1, b"xy"), Some((0, b'b')));
        assert_eq!(text.differs(3, b"q and more"), Some((0, b'z')));
    }

    #[test]
    fn a_gap_says_nothing_until_it_is_filled() {
        let mut text = Text::default();
        text.keep(2, b"cdef");
        assert_eq!(text.differs(0, b"xxcd"), None);
        text.keep(1, b"b");
        assert_eq!(text.differs(0, b"xxcd"), Some((1, b'b')));
        assert_eq!(text.differs(0, b"xbcde"), None);
        text.keep(0, b"abcdefg");
        assert_eq!(text.differs(0, b"abcdefh"), Some((6, b'g')));
    }
}
