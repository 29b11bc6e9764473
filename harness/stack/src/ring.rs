//! A byte queue that grows on demand up to a limit and can be written ahead of its end.
//!
//! Both buffers of a connection are one of these.  It costs nothing until the first octet comes.

/// Smallest allocation, in octets.
const FIRST_ALLOCATION: usize = 2048;

/// The queue: `len` octets from `head` on, in a block whose size is a power of two.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    block: Box<[u8]>,
    head: u32,
    len: u32,
    limit: u32,
}

impl Ring {
    /// `limit` is in octets; what no window could fill (4 GiB) is cut off.
    #[inline]
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            block: Box::default(),
            head: 0,
            len: 0,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn room(&self) -> usize {
        self.limit.saturating_sub(self.len) as usize
    }

    /// Octets allocated.
    pub(crate) fn allocated(&self) -> usize {
        self.block.len()
    }

    /// Appends what fits and returns how much that was.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        self.write_ahead(0, &bytes[..taken]);
        self.len += taken as u32;
        taken
    }

    /// Writes `bytes` at `ahead` octets behind the end, without making them part of the queue.
    /// What lies beyond the limit is not written.
    #[inline]
    pub(crate) fn write_ahead(&mut self, ahead: usize, bytes: &[u8]) {
        let start = self.len() + ahead;
        let bytes = &bytes[..bytes.len().min((self.limit as usize).saturating_sub(start))];
        if bytes.is_empty() {
            return;
        }
        self.reserve(start + bytes.len());
        let at = self.place(start);
        let first = bytes.len().min(self.block.len() - at);
        self.block[at..at + first].copy_from_slice(&bytes[..first]);
        if first < bytes.len() {
            self.block[..bytes.len() - first].copy_from_slice(&bytes[first..]);
        }
    }

    /// Makes `count` octets that were written ahead part of the queue.
    #[inline]
    pub(crate) fn extend(&mut self, count: usize) {
        debug_assert!(self.len() + count <= self.block.len());
        self.len += count as u32;
    }

    /// `len` octets from `offset` on, in two pieces; less when the queue ends before.
    #[inline]
    pub(crate) fn slices(&self, offset: usize, len: usize) -> (&[u8], &[u8]) {
        let len = len.min(self.len().saturating_sub(offset));
        if len == 0 {
            return (&[], &[]);
        }
        let at = self.place(offset);
        let first = len.min(self.block.len() - at);
        (&self.block[at..at + first], &self.block[..len - first])
    }

    /// Drops up to `count` octets from the front.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.len());
        self.len -= count as u32;
        self.head = if self.block.is_empty() {
            0
        } else {
            self.place(count) as u32
        };
    }

    /// Moves octets from the front into `into` and returns how many.
    #[inline]
    pub(crate) fn read(&mut self, into: &mut [u8]) -> usize {
        let (a, b) = self.slices(0, into.len());
        let count = a.len() + b.len();
        into[..a.len()].copy_from_slice(a);
        if !b.is_empty() {
            into[a.len()..count].copy_from_slice(b);
        }
        self.consume(count);
        count
    }

    #[inline]
    fn place(&self, offset: usize) -> usize {
        (self.head as usize + offset) & (self.block.len() - 1)
    }

    fn reserve(&mut self, needed: usize) {
        if needed <= self.block.len() {
            return;
        }
        let size = needed.next_power_of_two().max(FIRST_ALLOCATION);
        let mut block = vec![0; size].into_boxed_slice();
        let (front, back) = self.block.split_at(self.head as usize);
        block[..back.len()].copy_from_slice(back);
        block[back.len()..self.block.len()].copy_from_slice(front);
        self.block = block;
        self.head = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_no_more_than_its_limit() {
        let mut ring = Ring::new(5);
        assert_eq!(ring.push(b"abc"), 3);
        assert_eq!(ring.push(b"defg"), 2);
        let mut out = [0; 8];
        assert_eq!(ring.read(&mut out), 5);
        assert_eq!(&out[..5], b"abcde");
    }

    #[test]
    fn what_was_written_ahead_survives_wrapping_and_growing() {
        let mut ring = Ring::new(10_000);
        let pattern: Vec<u8> = (0..9000u32).map(|i| (i % 251) as u8).collect();
        ring.push(&pattern[..2000]);
        ring.consume(1900);
        ring.write_ahead(500, &pattern[2500..9000]);
        ring.write_ahead(0, &pattern[2000..2500]);
        ring.extend(7000);
        let (a, b) = ring.slices(0, 7100);
        assert_eq!([a, b].concat(), &pattern[1900..9000]);
    }
}
