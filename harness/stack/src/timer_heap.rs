//! Deadlines of many connections: at most one each, exact, and no allocation once it has grown.

use tcpconf_wire::Instant;

const ABSENT: u32 = u32::MAX;

/// A binary min-heap that knows where each key is.
#[derive(Debug, Default)]
pub(crate) struct TimerHeap {
    heap: Vec<(Instant, u32)>,
    /// Place in the heap of each key, or [`ABSENT`].
    places: Vec<u32>,
}

impl TimerHeap {
    #[inline]
    pub(crate) fn first(&self) -> Option<(Instant, u32)> {
        self.heap.first().copied()
    }

    /// Sets or removes the deadline of `key`.
    #[inline]
    pub(crate) fn set(&mut self, key: u32, deadline: Option<Instant>) {
        let index = key as usize;
        if index >= self.places.len() {
            self.places.resize(index + 1, ABSENT);
        }
        let place = self.places[index];
        match (place == ABSENT, deadline) {
            (true, None) => {}
            (true, Some(at)) => {
                self.heap.push((at, key));
                let place = self.heap.len() - 1;
                self.places[index] = place as u32;
                self.up(place);
            }
            (false, Some(at)) => {
                let place = place as usize;
                if self.heap[place].0 == at {
                    return;
                }
                self.heap[place].0 = at;
                let place = self.up(place);
                self.down(place);
            }
            (false, None) => {
                let place = place as usize;
                self.heap.swap_remove(place);
                self.places[index] = ABSENT;
                if let Some(&(_, moved)) = self.heap.get(place) {
                    self.places[moved as usize] = place as u32;
                    let place = self.up(place);
                    self.down(place);
                }
            }
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.places[self.heap[a].1 as usize] = a as u32;
        self.places[self.heap[b].1 as usize] = b as u32;
    }

    fn up(&mut self, mut at: usize) -> usize {
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.heap[parent] <= self.heap[at] {
                break;
            }
            self.swap(at, parent);
            at = parent;
        }
        at
    }

    fn down(&mut self, mut at: usize) {
        loop {
            let left = 2 * at + 1;
            if left >= self.heap.len() {
                return;
            }
            let right = left + 1;
            let child = if right < self.heap.len() && self.heap[right] < self.heap[left] {
                right
            } else {
                left
            };
            if self.heap[at] <= self.heap[child] {
                return;
            }
            self.swap(at, child);
            at = child;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_out_in_order_after_changes_and_removals() {
        let mut heap = TimerHeap::default();
        let at = Instant::from_millis;
        for key in 0..100u32 {
            heap.set(key, Some(at(u64::from(key * 37 % 101))));
        }
        for key in (0..100).step_by(3) {
            heap.set(key, None);
        }
        for key in (0..100).step_by(5) {
            heap.set(key, Some(at(500 - u64::from(key))));
        }
        let mut last = Instant::ZERO;
        let mut count = 0;
        while let Some((when, key)) = heap.first() {
            assert!(when >= last);
            last = when;
            count += 1;
            heap.set(key, None);
        }
        assert_eq!(count, 66 + 7);
    }
}
