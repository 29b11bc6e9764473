//! Ports and initial sequence numbers that the last run has not used.
//!
//! Both move on with the wall clock, so that a run that begins while the target still holds the last
//! one's connections in TIME-WAIT meets other four-tuples; they come from here and not from the
//! run's seed for that reason.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;

/// How fast the first port moves on from run to run, in ports a second. A range of 20,000 ports
/// comes round after 200 s, longer than TIME-WAIT lasts on most stacks (60 s to 240 s).
const PORTS_PER_SECOND: u64 = 97;

/// RFC 6528 §3: the clock of initial sequence numbers ticks every 4 microseconds.
const NANOS_PER_ISN_TICK: u64 = 4_000;

/// Space between the ISNs of two leases: a case spaces its own connections by 2^20.
const ISN_STEP: u32 = (1 << 24) + 64_021;

/// Hands out the ports of a range, one after the other, round and round.
#[derive(Clone, Debug)]
pub(crate) struct PortCursor {
    range: RangeInclusive<u16>,
    offset: u32,
}

impl PortCursor {
    /// A cursor whose first port depends on the time.
    pub(crate) fn new(range: RangeInclusive<u16>, epoch_nanos: u64) -> Self {
        let length = Self::length(&range);
        let moved = (epoch_nanos / 1_000_000_000).wrapping_mul(PORTS_PER_SECOND);
        Self {
            offset: (moved % u64::from(length)) as u32,
            range,
        }
    }

    /// The next port.
    pub(crate) fn take(&mut self) -> u16 {
        let port = u32::from(*self.range.start()) + self.offset;
        self.offset = (self.offset + 1) % Self::length(&self.range);
        u16::try_from(port).expect("the offset stays inside a range of ports")
    }

    /// The next `count` ports.
    pub(crate) fn take_many(&mut self, count: usize) -> Vec<u16> {
        (0..count).map(|_| self.take()).collect()
    }

    fn length(range: &RangeInclusive<u16>) -> u32 {
        u32::from(range.end().saturating_sub(*range.start())) + 1
    }
}

/// Ports of a range that may be narrow: none is handed out twice before its holder gave it back.
#[derive(Clone, Debug)]
pub(crate) struct HeldPorts {
    cursor: PortCursor,
    held: BTreeMap<u16, u64>,
}

impl HeldPorts {
    pub(crate) fn new(cursor: PortCursor) -> Self {
        Self {
            cursor,
            held: BTreeMap::new(),
        }
    }

    /// The next `count` ports that nobody holds; none when there are fewer.
    pub(crate) fn take_many(&mut self, count: usize, holder: u64) -> Option<Vec<u16>> {
        if count > self.len() - self.held.len() {
            return None;
        }
        let mut ports = Vec::with_capacity(count);
        while ports.len() < count {
            let port = self.cursor.take();
            if let Entry::Vacant(free) = self.held.entry(port) {
                free.insert(holder);
                ports.push(port);
            }
        }
        Some(ports)
    }

    /// A port that is not to be handed out.
    pub(crate) fn hold(&mut self, port: u16, holder: u64) {
        if self.cursor.range.contains(&port) {
            self.held.insert(port, holder);
        }
    }

    /// What this holder has is free again.
    pub(crate) fn give_back(&mut self, holder: u64) {
        self.held.retain(|_, held_by| *held_by != holder);
    }

    /// Whether a holder besides these has a port.
    pub(crate) fn held_by_others(&self, than: &[u64]) -> bool {
        self.held.values().any(|holder| !than.contains(holder))
    }

    /// How many ports the range has.
    pub(crate) fn len(&self) -> usize {
        PortCursor::length(&self.cursor.range) as usize
    }
}

/// Hands out initial sequence numbers.
#[derive(Clone, Debug)]
pub(crate) struct IsnCursor(u32);

impl IsnCursor {
    /// A cursor whose first ISN depends on the time.
    pub(crate) fn new(epoch_nanos: u64) -> Self {
        Self((epoch_nanos / NANOS_PER_ISN_TICK) as u32)
    }

    /// The next ISN.
    pub(crate) fn take(&mut self) -> u32 {
        let isn = self.0;
        self.0 = isn.wrapping_add(ISN_STEP);
        isn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_port_comes_once_a_round_and_none_from_outside() {
        let mut cursor = PortCursor::new(65_000..=65_535, 1_700_000_000_123_456_789);
        let round: BTreeSet<u16> = cursor.take_many(536).into_iter().collect();
        assert_eq!(round.len(), 536);
        assert!(round.iter().all(|port| *port >= 65_000));
    }

    #[test]
    fn a_second_later_begins_elsewhere() {
        let first = PortCursor::new(1_024..=30_000, 5_000_000_000).take();
        let second = PortCursor::new(1_024..=30_000, 6_000_000_000).take();
        assert_eq!(second - first, 97);
    }

    #[test]
    fn a_held_port_is_not_handed_out_before_it_came_back() {
        let mut ports = HeldPorts::new(PortCursor::new(7_000..=7_005, 0));
        let first = ports.take_many(4, 1).expect("six are free");
        assert_eq!(ports.take_many(3, 2), None, "two are free");
        let second = ports.take_many(2, 2).expect("two are free");
        assert!(first.iter().all(|port| !second.contains(port)));
        assert!(ports.held_by_others(&[1]) && !ports.held_by_others(&[1, 2]));
        ports.give_back(1);
        let mut again = ports.take_many(4, 3).expect("four came back");
        again.sort_unstable();
        let mut first = first;
        first.sort_unstable();
        assert_eq!(again, first);
    }

    #[test]
    fn isns_of_many_leases_differ_by_more_than_a_case_uses() {
        let mut cursor = IsnCursor::new(0);
        let mut isns: Vec<u32> = (0..200).map(|_| cursor.take()).collect();
        isns.sort_unstable();
        assert!(isns.windows(2).all(|w| w[1] - w[0] > 1 << 22));
    }
}
