//! Which case starts next: the longest first, exclusive ones alone, half-open ones few at a time.
//!
//! Longest first keeps the run about as short as its longest case. A case that the harness spoiled twice waits until
//! the crowd is gone: what made the harness late lasts.

use crate::run::attempts::Attempts;
use crate::run::entry::Entry;
use std::collections::VecDeque;

/// Cases at once among those that were spoiled amid the crowd.
const JOBS_SPOILED: usize = 8;

/// A case that has not begun, or must be played again.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// Which entry.
    pub(crate) index: usize,
    /// Its tries so far.
    pub(crate) attempts: Attempts,
}

/// What bounds the cases that run at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    /// Cases at once.
    pub(crate) jobs: usize,
    /// Half-open connections at once, where the target shares a listener.
    pub(crate) max_half_open: Option<u32>,
    /// Whether exclusive cases must run alone.
    pub(crate) exclusive_alone: bool,
}

/// What runs at this moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// Cases.
    pub(crate) cases: usize,
    /// Half-open connections that they hold or may hold.
    pub(crate) half_open: u32,
    /// Whether one of them runs alone.
    pub(crate) exclusive: bool,
}

/// Cases that wait for their turn.
#[derive(Debug)]
pub(crate) struct Queue {
    gate: Gate,
    together: VecDeque<Pending>,
    alone: VecDeque<Pending>,
    /// Spoiled by the harness, again: they wait for all of `together`.
    spoiled: VecDeque<Pending>,
}

impl Queue {
    /// All entries that are not set aside, the longest first, else in the order of the plan.
    pub(crate) fn new(entries: &[Entry], indices: Vec<usize>, gate: Gate) -> Self {
        let mut indices = indices;
        indices.sort_by_key(|i| std::cmp::Reverse(entries[*i].instance.needs.duration));
        let (alone, together) = indices
            .into_iter()
            .map(|index| Pending {
                index,
                attempts: Attempts::default(),
            })
            .partition(|p| gate.exclusive_alone && entries[p.index].instance.needs.exclusive);
        Self {
            gate,
            together,
            alone,
            spoiled: VecDeque::new(),
        }
    }

    /// The next case that may start beside what runs; [`Queue::put_back`] if it cannot.
    pub(crate) fn next(&mut self, entries: &[Entry], load: Load) -> Option<Pending> {
        if load.cases >= self.gate.jobs || load.exclusive {
            return None;
        }
        let waiting = if !self.together.is_empty() {
            &mut self.together
        } else if self.spoiled.is_empty() {
            return if load.cases == 0 {
                self.alone.pop_front()
            } else {
                None
            };
        } else if load.cases < JOBS_SPOILED {
            &mut self.spoiled
        } else {
            return None;
        };
        let at = waiting
            .iter()
            .position(|p| self.gate.admits(half_open(&entries[p.index]), load))?;
        waiting.remove(at)
    }

    /// It could not start, or must be played again: it is the next of its kind.
    pub(crate) fn put_back(&mut self, entries: &[Entry], pending: Pending) {
        if self.runs_alone(entries, &pending) {
            self.alone.push_front(pending);
        } else if pending.attempts.spoiled_again() {
            self.spoiled.push_front(pending);
        } else {
            self.together.push_front(pending);
        }
    }

    /// The harness spoiled it: the first time it is the next of its kind, since a long case that starts at the end
    /// makes the run as much longer; then it is the last.
    pub(crate) fn spoiled(&mut self, entries: &[Entry], pending: Pending) {
        if pending.attempts.spoiled_again() && !self.runs_alone(entries, &pending) {
            self.spoiled.push_back(pending);
        } else {
            self.put_back(entries, pending);
        }
    }

    fn runs_alone(&self, entries: &[Entry], pending: &Pending) -> bool {
        self.gate.exclusive_alone && entries[pending.index].instance.needs.exclusive
    }

    /// Whether none waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.together.is_empty() && self.alone.is_empty() && self.spoiled.is_empty()
    }

    /// All that wait: the run ends early.
    pub(crate) fn drain(&mut self) -> Vec<Pending> {
        let mut all: Vec<Pending> = self
            .together
            .drain(..)
            .chain(self.alone.drain(..))
            .chain(self.spoiled.drain(..))
            .collect();
        all.sort_by_key(|p| p.index);
        all
    }
}

impl Gate {
    /// A case that needs more than the target is trusted with still runs, without others.
    fn admits(&self, half_open: u32, load: Load) -> bool {
        self.max_half_open
            .is_none_or(|max| load.half_open == 0 || load.half_open + half_open <= max)
    }
}

/// Half-open connections that a case makes at least once: each begins with one.
pub(crate) fn half_open(entry: &Entry) -> u32 {
    entry.instance.needs.half_open.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::entry::entries;
    use crate::run::testing::instance;
    use std::time::Duration;

    fn make(id: &str, secs: u64, half_open: u32, exclusive: bool) -> tcpconf_suite::plan::Instance {
        let mut instance = instance(id);
        instance.needs.duration = Duration::from_secs(secs);
        instance.needs.half_open = half_open;
        instance.needs.exclusive = exclusive;
        instance
    }

    fn queue(plan: &[tcpconf_suite::plan::Instance], gate: Gate) -> (Vec<Entry>, Queue) {
        let entries = entries(plan, None, &[4], None, &|_| None);
        let indices = (0..entries.len()).collect();
        let queue = Queue::new(&entries, indices, gate);
        (entries, queue)
    }

    const OPEN: Gate = Gate {
        jobs: 10,
        max_half_open: None,
        exclusive_alone: false,
    };

    #[test]
    fn the_longest_starts_first_and_equals_keep_their_order() {
        let plan = [
            make("a", 1, 0, false),
            make("b", 5, 0, true),
            make("c", 1, 0, false),
        ];
        let (entries, mut queue) = queue(&plan, OPEN);
        let order: Vec<usize> =
            std::iter::from_fn(|| queue.next(&entries, Load::default()).map(|p| p.index)).collect();
        assert_eq!(order, [1, 0, 2]);
    }

    #[test]
    fn exclusive_cases_wait_for_all_others_where_the_target_is_shared() {
        let gate = Gate {
            exclusive_alone: true,
            ..OPEN
        };
        let (entries, mut queue) = queue(&[make("a", 9, 0, true), make("b", 1, 0, false)], gate);
        let first = queue.next(&entries, Load::default()).unwrap();
        assert_eq!(first.index, 1);
        let running = Load {
            cases: 1,
            ..Load::default()
        };
        assert!(queue.next(&entries, running).is_none());
        assert_eq!(queue.next(&entries, Load::default()).unwrap().index, 0);
    }

    #[test]
    fn nothing_starts_beside_an_exclusive_case() {
        let (entries, mut queue) = queue(&[make("a", 1, 0, false)], OPEN);
        let load = Load {
            cases: 1,
            half_open: 0,
            exclusive: true,
        };
        assert!(queue.next(&entries, load).is_none());
    }

    #[test]
    fn the_half_open_gate_lets_smaller_cases_pass_and_large_ones_run_alone() {
        let gate = Gate {
            max_half_open: Some(2),
            ..OPEN
        };
        let (entries, mut queue) = queue(
            &[make("big", 9, 5, false), make("small", 1, 1, false)],
            gate,
        );
        let one = Load {
            cases: 1,
            half_open: 1,
            exclusive: false,
        };
        assert_eq!(queue.next(&entries, one).unwrap().index, 1);
        assert!(queue.next(&entries, one).is_none());
        assert_eq!(queue.next(&entries, Load::default()).unwrap().index, 0);
    }

    #[test]
    fn what_was_spoiled_twice_waits_for_the_crowd_to_go_and_then_has_few_beside_it() {
        let plan: Vec<_> = ["a", "b", "c"]
            .map(|id| make(id, 1, 0, false))
            .into_iter()
            .collect();
        let (entries, mut queue) = queue(&plan, OPEN);
        let mut first = queue.next(&entries, Load::default()).unwrap();
        first.attempts.spoil();
        queue.spoiled(&entries, first.clone());
        // The first time it is the next.
        let mut again = queue.next(&entries, Load::default()).unwrap();
        assert_eq!(again.index, first.index);
        again.attempts.spoil();
        queue.spoiled(&entries, again);
        let crowd = |cases| Load {
            cases,
            ..Load::default()
        };
        assert_eq!(queue.next(&entries, crowd(0)).unwrap().index, 1);
        assert_eq!(queue.next(&entries, crowd(1)).unwrap().index, 2);
        assert!(queue.next(&entries, crowd(JOBS_SPOILED)).is_none());
        assert!(!queue.is_empty());
        let last = queue.next(&entries, crowd(JOBS_SPOILED - 1)).unwrap();
        assert_eq!(last.index, 0);
        // It could not start: it stays among its like.
        queue.put_back(&entries, last);
        assert!(queue.next(&entries, crowd(JOBS_SPOILED)).is_none());
        assert_eq!(queue.drain().len(), 1);
        assert!(queue.is_empty());
    }

    #[test]
    fn jobs_bound_what_runs() {
        let (entries, mut queue) = queue(&[make("a", 1, 0, false)], Gate { jobs: 1, ..OPEN });
        let load = Load {
            cases: 1,
            ..Load::default()
        };
        assert!(queue.next(&entries, load).is_none());
    }
}
