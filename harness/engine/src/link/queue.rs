//! What the link holds: packets with the time at which they come out, or how many go before them.

use std::time::Duration;
use tcpconf_wire::Instant;

/// Packets of one direction that may be held; more come out at once.
const HELD_MAX: usize = 4_096;

#[derive(Clone, Debug)]
struct Held<T> {
    due: Instant,
    /// So many are still to go before it; 0: only the time counts.
    behind: u32,
    item: T,
}

/// Packets of one direction, in the order in which they came.
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    held: Vec<Held<T>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { held: Vec::new() }
    }
}

impl<T> Queue<T> {
    /// Holds a packet.  When it comes out at the latest.
    pub(crate) fn hold(&mut self, now: Instant, delay: Duration, behind: u32, item: T) -> Instant {
        let full = self.held.len() >= HELD_MAX;
        let wait = match behind {
            _ if full => Duration::ZERO,
            0 => delay,
            _ => delay + super::REORDER_WAIT,
        };
        let due = now + wait;
        self.held.push(Held { due, behind, item });
        due
    }

    /// The next packet that is due: of those, the one that was due first.
    pub(crate) fn take(&mut self, now: Instant) -> Option<T> {
        let due = self
            .held
            .iter()
            .enumerate()
            .filter(|(_, held)| held.due <= now);
        let (at, _) = due.min_by_key(|(at, held)| (held.due, *at))?;
        Some(self.held.remove(at).item)
    }

    /// One has come out: those that waited for it come nearer.
    pub(crate) fn passed(&mut self, now: Instant) {
        for held in &mut self.held {
            if held.behind > 0 {
                held.behind -= 1;
                if held.behind == 0 {
                    held.due = held.due.min(now);
                }
            }
        }
    }

    /// When the next one comes out at the latest.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.due).min()
    }

    /// When the last one has come out at the latest.
    pub(crate) fn last_due(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.due).max()
    }

    /// All that is held, in the order in which it came.
    pub(crate) fn items(&self) -> impl Iterator<Item = &T> {
        self.held.iter().map(|held| &held.item)
    }

    /// Everything, held no more.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        self.held.drain(..).map(|held| held.item).collect()
    }
}
