//! The retransmission queue (RFC 9293 §3.4, §3.10.7.4): which segments are in flight, and what is
//! known of each: when it was sent, whether it was SACKed, whether it counts as lost.
//!
//! The octets lie in the send buffer.  Amounts are kept as sums, so that the pipe of RFC 6675 §4 is
//! known without a walk.  No acknowledgement costs more because more is in flight: what was SACKed is
//! a set of ranges, what was lost a set of places, and each segment is looked at once when it is
//! acknowledged, once when it is SACKed, and once when what lies above it says that it was lost.
//! Only a timeout and a smaller path MTU walk over everything.

mod ranges;
mod send_order;

use ranges::Ranges;
use send_order::SendOrder;
use std::collections::{BTreeSet, VecDeque};
use tcpconf_wire::{Instant, SeqNumber};

/// A segment in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) seq: SeqNumber,
    /// Sequence space it takes, FIN included.
    pub(crate) len: u32,
    pub(crate) fin: bool,
    /// When it was sent last.
    pub(crate) sent_at: Instant,
    pub(crate) retransmissions: u16,
    pub(crate) sacked: bool,
    /// To be sent again.
    pub(crate) lost: bool,
    /// Sent again although nothing says that it was lost: both copies count as in the network.
    twice: bool,
}

impl Sent {
    pub(crate) fn end(&self) -> SeqNumber {
        self.seq + self.len
    }
}

/// What an acknowledgement took out of the queue.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Acknowledged {
    /// When the newest segment that was sent only once had been sent (Karn: RFC 6298 §3).
    pub(crate) sample: Option<Instant>,
    /// Octets that had not been SACKed before.
    pub(crate) newly_delivered: u32,
}

/// What most connections never need.
#[derive(Debug, Default)]
struct Losses {
    sacked_ranges: Ranges,
    /// Keys of the segments that are lost.
    lost_keys: BTreeSet<u64>,
    /// Below this key each segment was found SACKed or lost once.
    examined: u64,
    /// Below this key no hole is left that was sent only once.
    filled: u64,
}

impl Losses {
    fn allocated(&self) -> usize {
        size_of::<Self>()
            + self.sacked_ranges.len() * size_of::<(u64, u64)>()
            + self.lost_keys.len() * size_of::<u64>()
    }
}

/// Segments in flight, in sequence order and without gaps.
///
/// A key is a place in the sequence space that does not wrap: octets acknowledged so far, and the
/// distance from there.
#[derive(Debug, Default)]
pub(crate) struct Scoreboard {
    segments: VecDeque<Sent>,
    /// The key of the first segment.
    base: u64,
    flight: u32,
    sacked: u32,
    lost: u32,
    /// Octets that count a second time.
    twice: u32,
    /// Since something was SACKed or lost for the first time.
    losses: Option<Box<Losses>>,
    /// For [`Scoreboard::oldest`].
    order: Option<Box<SendOrder>>,
    /// Segments that were looked at one by one so far.
    visits: u64,
}

impl Scoreboard {
    /// Becomes that of a connection that has sent nothing, in its place and with its memory; one that knows the order in
    /// which segments were sent `by_time`.
    pub(crate) fn begin(&mut self, by_time: bool) {
        self.segments.clear();
        self.base = 0;
        self.flight = 0;
        self.sacked = 0;
        self.lost = 0;
        self.twice = 0;
        self.losses = None;
        self.order = by_time.then(Box::default);
        self.visits = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn allocated(&self) -> usize {
        self.segments.capacity() * size_of::<Sent>()
            + self.losses.as_ref().map_or(0, |losses| losses.allocated())
            + self.order.as_ref().map_or(0, |order| order.allocated())
    }

    /// FlightSize: sequence space not acknowledged cumulatively.
    pub(crate) fn flight(&self) -> u32 {
        self.flight
    }

    /// Octets in the network, as far as is known (RFC 6675 §4, "pipe").
    pub(crate) fn pipe(&self) -> u32 {
        self.flight - self.sacked - self.lost + self.twice
    }

    /// Octets to be sent again.
    pub(crate) fn lost(&self) -> u32 {
        self.lost
    }

    pub(crate) fn sacked(&self) -> u32 {
        self.sacked
    }

    pub(crate) fn first(&self) -> Option<&Sent> {
        self.segments.front()
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Sent> {
        self.segments.get(index)
    }

    fn key(&self, seq: SeqNumber) -> u64 {
        let first = self.segments.front().map_or(seq, |s| s.seq);
        self.base + u64::from(seq - first)
    }

    /// The first segment that begins at `key` or above.
    fn index_at(&self, key: u64) -> usize {
        let Some(first) = self.segments.front() else {
            return 0;
        };
        let ahead = key.saturating_sub(self.base);
        self.segments
            .partition_point(|s| u64::from(s.seq - first.seq) < ahead)
    }

    /// The first segment at `index` or above that was not SACKed.
    fn not_sacked_from(&self, index: usize) -> usize {
        match self.segments.get(index) {
            Some(segment) if segment.sacked => {
                let losses = self.losses.as_ref();
                let end = losses.and_then(|l| l.sacked_ranges.end_of(self.key(segment.seq)));
                end.map_or(index + 1, |end| self.index_at(end).max(index + 1))
            }
            _ => index,
        }
    }

    fn losses(&mut self) -> &mut Losses {
        self.losses.get_or_insert_default()
    }

    fn visit(&mut self) {
        self.visits += 1;
    }

    /// How many segments were looked at one by one so far: what acknowledgements cost.
    pub(crate) fn visits(&self) -> u64 {
        self.visits
    }

    #[inline]
    pub(crate) fn push(&mut self, seq: SeqNumber, len: u32, fin: bool, now: Instant) {
        self.flight += len;
        self.segments.push_back(Sent {
            seq,
            len,
            fin,
            sent_at: now,
            retransmissions: 0,
            sacked: false,
            lost: false,
            twice: false,
        });
        self.note_sent(seq + len, now);
    }

    #[inline]
    fn note_sent(&mut self, end: SeqNumber, now: Instant) {
        if self.order.is_none() {
            return;
        }
        let end = self.key(end);
        let Some(order) = &mut self.order else {
            return;
        };
        order.push(now, end);
        if order.is_stale(self.segments.len()) {
            self.order_anew();
        }
    }

    fn order_anew(&mut self) {
        let (base, first) = (self.base, self.segments.front().map(|s| s.seq));
        let (Some(order), Some(first)) = (&mut self.order, first) else {
            return;
        };
        let open = self.segments.iter().filter(|s| !s.sacked && !s.lost);
        order.rebuild(open.map(|s| (s.sent_at, base + u64::from(s.end() - first))));
    }

    /// The one sent longest ago of those that are neither SACKed nor lost. Only of a scoreboard
    /// that [knows the order](Scoreboard::begin).
    pub(crate) fn oldest(&mut self) -> Option<usize> {
        loop {
            let (sent_at, end) = self.order.as_ref()?.first()?;
            // A segment keeps its end, however much of its beginning is acknowledged.
            if let Some(index) = self.index_at(end).checked_sub(1)
                && let Some(s) = self.segments.get(index)
                && (self.key(s.end()) == end && s.sent_at == sent_at)
                && !(s.sacked || s.lost)
            {
                return Some(index);
            }
            self.order.as_mut()?.pop();
        }
    }

    /// Removes everything up to `ack`; a segment acknowledged in part keeps the rest.
    /// `delivered` sees each segment that was not SACKed before.
    #[inline]
    pub(crate) fn acknowledge(
        &mut self,
        ack: SeqNumber,
        mut delivered: impl FnMut(&Sent),
    ) -> Acknowledged {
        let mut result = Acknowledged::default();
        while let Some(segment) = self.segments.front_mut() {
            if segment.seq.ge(ack) {
                break;
            }
            let gone = if segment.end().le(ack) {
                segment.len
            } else {
                ack - segment.seq
            };
            self.flight -= gone;
            if segment.sacked {
                self.sacked -= gone;
            } else {
                result.newly_delivered += gone;
                delivered(segment);
                if segment.retransmissions == 0 {
                    result.sample = Some(segment.sent_at);
                }
            }
            if segment.twice {
                self.twice -= gone;
            }
            let rest = segment.len - gone;
            if segment.lost {
                self.lost -= gone;
                if let Some(losses) = &mut self.losses {
                    losses.lost_keys.remove(&self.base);
                    if rest > 0 {
                        losses.lost_keys.insert(self.base + u64::from(gone));
                    }
                }
            }
            self.base += u64::from(gone);
            if rest > 0 {
                segment.seq = ack;
                segment.len = rest;
                break;
            }
            self.segments.pop_front();
        }
        if let Some(losses) = &mut self.losses {
            losses.sacked_ranges.cut_below(self.base);
        }
        result
    }

    /// Marks what lies in `start..end` as SACKed (RFC 2018 §5); returns the octets that are news, and
    /// shows `delivered` the segments.
    pub(crate) fn sack(
        &mut self,
        start: SeqNumber,
        end: SeqNumber,
        mut delivered: impl FnMut(&Sent),
    ) -> u32 {
        let mut index = self.segments.partition_point(|s| s.seq.lt(start));
        let mut news = 0;
        loop {
            self.visit();
            index = self.not_sacked_from(index);
            let Some(&before) = self.segments.get(index) else {
                break;
            };
            if before.end().gt(end) {
                break;
            }
            delivered(&before);
            self.settle(index);
            self.segments[index].sacked = true;
            self.sacked += before.len;
            news += before.len;
            let key = self.key(before.seq);
            let ranges = &mut self.losses().sacked_ranges;
            ranges.insert(key, key + u64::from(before.len));
            index += 1;
        }
        news
    }

    /// The segment is neither lost nor counted twice any more.
    fn settle(&mut self, index: usize) {
        let Some(&Sent { seq, len, .. }) = self.segments.get(index) else {
            return;
        };
        let key = self.key(seq);
        let segment = &mut self.segments[index];
        let twice = core::mem::take(&mut segment.twice);
        if core::mem::take(&mut segment.lost) {
            self.lost -= len;
            self.losses().lost_keys.remove(&key);
        }
        if twice {
            self.twice -= len;
        }
    }

    /// The segment is to be sent again.
    pub(crate) fn mark_lost(&mut self, index: usize) {
        self.settle(index);
        let Some(&Sent { seq, len, .. }) = self.segments.get(index) else {
            return;
        };
        self.segments[index].lost = true;
        self.lost += len;
        let key = self.key(seq);
        self.losses().lost_keys.insert(key);
    }

    /// RFC 6675 §4 `IsLost`: marks segments above which three segments, or more than two segments'
    /// worth of octets, were SACKed. Returns whether any is new.
    pub(crate) fn mark_lost_by_sack(&mut self, mss: u32) -> bool {
        let (mut octets, mut ranges) = (0, 0);
        let Some(losses) = &mut self.losses else {
            return false;
        };
        let enough = losses.sacked_ranges.descending().find(|(start, end)| {
            octets += end - start;
            ranges += 1;
            ranges >= 3 || octets > 2 * u64::from(mss)
        });
        let Some((limit, _)) = enough else {
            return false;
        };
        let from = losses.examined.max(self.base);
        if limit <= from {
            return false;
        }
        losses.examined = limit;
        let mut news = false;
        let mut index = self.index_at(from);
        loop {
            self.visit();
            index = self.not_sacked_from(index);
            let Some(&segment) = self.segments.get(index) else {
                break;
            };
            if self.key(segment.seq) >= limit {
                break;
            }
            if segment.retransmissions > 0 && !segment.lost {
                // Lost, and sent again: one copy is in the network (§4 `SetPipe`).
                self.settle(index);
            } else if !segment.lost {
                self.mark_lost(index);
                news = true;
            }
            index += 1;
        }
        news
    }

    /// RFC 6675 §4 `NextSeg` rule 3: the first segment below the highest that was SACKed which was
    /// sent once and is not known to be lost.
    pub(crate) fn first_hole(&mut self) -> Option<usize> {
        let losses = self.losses.as_ref()?;
        let (top, _) = losses.sacked_ranges.descending().next()?;
        let from = losses.filled.max(losses.examined).max(self.base);
        let mut index = self.index_at(from);
        loop {
            self.visit();
            index = self.not_sacked_from(index);
            let segment = self.segments.get(index)?;
            let (key, sent_once) = (
                self.key(segment.seq),
                !segment.lost && segment.retransmissions == 0,
            );
            self.losses().filled = key;
            if key >= top {
                return None;
            }
            if sent_once {
                return Some(index);
            }
            index += 1;
        }
    }

    /// The highest segment that was not SACKed.
    pub(crate) fn last_open(&self) -> Option<usize> {
        let last = self.segments.len().checked_sub(1)?;
        if !self.segments[last].sacked {
            return Some(last);
        }
        let losses = self.losses.as_ref()?;
        let (start, _) = losses.sacked_ranges.descending().next()?;
        self.index_at(start).checked_sub(1)
    }

    /// Marks the first segment that is not SACKed, unless it is lost already (RFC 5681 §3.2, RFC 6582).
    pub(crate) fn mark_first_lost(&mut self) {
        let index = self.not_sacked_from(0);
        if self.segments.get(index).is_some_and(|s| !s.lost) {
            self.mark_lost(index);
        }
    }

    /// Marks segments with more text than `mss`; true when there are any.
    pub(crate) fn mark_larger_lost(&mut self, mss: u32) -> bool {
        let before = self.lost;
        for index in 0..self.segments.len() {
            let segment = self.segments[index];
            let larger = segment.len - u32::from(segment.fin) > mss;
            if larger && !segment.sacked && !segment.lost {
                self.mark_lost(index);
            }
        }
        self.lost > before
    }

    /// After a timeout everything is sent again, SACKed or not (RFC 2018 §5.1).
    pub(crate) fn mark_all_lost(&mut self) {
        self.mark_lost_sent(|_| true);
    }

    /// After a timeout what was sent at such a time is sent again, SACKed or not (RFC 8985 §6.3).
    pub(crate) fn mark_lost_sent(&mut self, long_ago: impl Fn(Instant) -> bool) {
        let first = self.segments.front().map_or(SeqNumber(0), |s| s.seq);
        self.lost = 0;
        for segment in &mut self.segments {
            segment.sacked = false;
            segment.twice = false;
            segment.lost |= long_ago(segment.sent_at);
            if segment.lost {
                self.lost += segment.len;
            }
        }
        (self.sacked, self.twice) = (0, 0);
        let base = self.base;
        let keys = self.segments.iter().filter(|s| s.lost);
        let keys = keys.map(|s| base + u64::from(s.seq - first));
        let losses = self.losses.get_or_insert_default();
        losses.sacked_ranges.clear();
        losses.lost_keys.clear();
        losses.lost_keys.extend(keys);
        (losses.examined, losses.filled) = (base, base);
        self.order_anew();
    }

    /// Nothing is to be sent again: the timeout was needless.
    pub(crate) fn forget_losses(&mut self) {
        for segment in &mut self.segments {
            segment.lost = false;
        }
        self.lost = 0;
        let base = self.base;
        let losses = self.losses();
        losses.lost_keys.clear();
        (losses.examined, losses.filled) = (base, base);
        self.order_anew();
    }

    /// The first segment to be sent again.
    #[inline]
    pub(crate) fn first_lost(&self) -> Option<usize> {
        if self.lost == 0 {
            return None;
        }
        let losses = self.losses.as_ref()?;
        Some(self.index_at(*losses.lost_keys.first()?))
    }

    /// Cuts the segment at `index` so that it takes at most `len`.
    pub(crate) fn split(&mut self, index: usize, len: u32) {
        let Some(segment) = self.segments.get_mut(index) else {
            return;
        };
        if len == 0 || segment.len <= len {
            return;
        }
        let mut rest = *segment;
        rest.seq = segment.seq + len;
        rest.len = segment.len - len;
        segment.len = len;
        segment.fin = false;
        self.segments.insert(index + 1, rest);
        if rest.lost {
            let key = self.key(rest.seq);
            self.losses().lost_keys.insert(key);
        } else if !rest.sacked {
            self.order_anew();
        }
    }

    /// Lets the last segment, which is lost, take `more` octets of new data when it is sent again.
    pub(crate) fn grow_last(&mut self, more: u32, fin: bool) {
        if let Some(segment) = self.segments.back_mut() {
            debug_assert!(segment.lost, "only what is sent again can grow");
            segment.len += more;
            segment.fin |= fin;
            self.flight += more;
            self.lost += more;
        }
    }

    /// Notes that the segment at `index` was sent again. One that was not lost counts twice, if the
    /// other copy may be in the network as well.
    pub(crate) fn retransmitted(&mut self, index: usize, now: Instant, other_copy: bool) {
        self.settle(index);
        let Some(segment) = self.segments.get_mut(index) else {
            return;
        };
        segment.sent_at = now;
        segment.retransmissions = segment.retransmissions.saturating_add(1);
        if other_copy && !segment.sacked {
            segment.twice = true;
            self.twice += segment.len;
        }
        let end = segment.end();
        self.note_sent(end, now);
    }
}

#[cfg(test)]
mod tests;
