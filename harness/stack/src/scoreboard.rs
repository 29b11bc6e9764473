//! The retransmission queue (RFC 9293 §3.4, §3.10.7.4): which segments are in flight, and what is
//! known of each: when it was sent, whether it was SACKed, whether it counts as lost.
//!
//! The octets lie in the send buffer.  Amounts are kept as sums, so that the pipe of RFC 6675 §4 is
//! known without a walk.

use std::collections::VecDeque;
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

/// Segments in flight, in sequence order and without gaps.
#[derive(Debug, Default)]
pub(crate) struct Scoreboard {
    segments: VecDeque<Sent>,
    flight: u32,
    sacked: u32,
    lost: u32,
}

impl Scoreboard {
    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.segments.len()
    }

    pub(crate) fn allocated(&self) -> usize {
        self.segments.capacity() * size_of::<Sent>()
    }

    /// FlightSize: sequence space not acknowledged cumulatively.
    pub(crate) fn flight(&self) -> u32 {
        self.flight
    }

    /// Octets in the network, as far as is known (RFC 6675 §4, "pipe").
    pub(crate) fn pipe(&self) -> u32 {
        self.flight - self.sacked - self.lost
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
        });
    }

    /// Removes everything up to `ack`; a segment acknowledged in part keeps the rest.
    /// `delivered` sees each segment that was not SACKed before.
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
            if segment.lost {
                self.lost -= gone;
            }
            if gone == segment.len {
                self.segments.pop_front();
            } else {
                segment.seq = ack;
                segment.len -= gone;
                break;
            }
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
        let first = self.segments.partition_point(|s| s.seq.lt(start));
        let mut news = 0;
        for segment in self.segments.range_mut(first..) {
            if segment.end().gt(end) {
                break;
            }
            if !segment.sacked {
                delivered(segment);
                segment.sacked = true;
                self.sacked += segment.len;
                news += segment.len;
                if segment.lost {
                    segment.lost = false;
                    self.lost -= segment.len;
                }
            }
        }
        news
    }

    /// RFC 6675 §4 `IsLost`: marks segments above which three segments, or more than two segments'
    /// worth of octets, were SACKed. Returns whether any is new.
    pub(crate) fn mark_lost_by_sack(&mut self, mss: u32) -> bool {
        let (mut octets, mut runs, mut in_run) = (0, 0, false);
        let mut news = false;
        if self.sacked == 0 {
            return false;
        }
        for segment in self.segments.iter_mut().rev() {
            if segment.sacked {
                octets += segment.len;
                runs += u32::from(!in_run);
                in_run = true;
                continue;
            }
            in_run = false;
            let lost = runs >= 3 || octets > 2 * mss;
            if lost && !segment.lost && segment.retransmissions == 0 {
                segment.lost = true;
                self.lost += segment.len;
                news = true;
            }
        }
        news
    }

    /// Marks those that are neither SACKed nor lost yet and for which `is_lost` says so.
    pub(crate) fn mark_lost_where(&mut self, mut is_lost: impl FnMut(&Sent) -> bool) {
        for segment in &mut self.segments {
            if !segment.sacked && !segment.lost && is_lost(segment) {
                segment.lost = true;
                self.lost += segment.len;
            }
        }
    }

    /// Marks the first segment that is neither SACKed nor lost yet (RFC 5681 §3.2, RFC 6582).
    pub(crate) fn mark_first_lost(&mut self) {
        if let Some(segment) = self.segments.iter_mut().find(|s| !s.sacked)
            && !segment.lost
        {
            segment.lost = true;
            self.lost += segment.len;
        }
    }

    /// Marks segments with more text than `mss`; true when there are any.
    pub(crate) fn mark_larger_lost(&mut self, mss: u32) -> bool {
        let before = self.lost;
        for segment in &mut self.segments {
            if !segment.sacked && !segment.lost && segment.len - u32::from(segment.fin) > mss {
                segment.lost = true;
                self.lost += segment.len;
            }
        }
        self.lost > before
    }

    /// After a timeout everything is sent again, SACKed or not (RFC 2018 §5.1).
    pub(crate) fn mark_all_lost(&mut self) {
        for segment in &mut self.segments {
            segment.sacked = false;
            segment.lost = true;
        }
        self.sacked = 0;
        self.lost = self.flight;
    }

    /// Nothing is to be sent again: the timeout was needless.
    pub(crate) fn forget_losses(&mut self) {
        for segment in &mut self.segments {
            segment.lost = false;
        }
        self.lost = 0;
    }

    /// The first segment to be sent again.
    pub(crate) fn first_lost(&self) -> Option<usize> {
        if self.lost == 0 {
            return None;
        }
        self.segments.iter().position(|s| s.lost)
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
    }

    /// Lets the last segment take `more` octets of new data when it is sent again.
    pub(crate) fn grow_last(&mut self, more: u32, fin: bool) {
        if let Some(segment) = self.segments.back_mut() {
            segment.len += more;
            segment.fin |= fin;
            self.flight += more;
            if segment.lost {
                self.lost += more;
            }
            if segment.sacked {
                self.sacked += more;
            }
        }
    }

    /// Notes that the segment at `index` was sent again.
    pub(crate) fn retransmitted(&mut self, index: usize, now: Instant) {
        if let Some(segment) = self.segments.get_mut(index) {
            if segment.lost {
                segment.lost = false;
                self.lost -= segment.len;
            }
            segment.sent_at = now;
            segment.retransmissions = segment.retransmissions.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(n: u32) -> SeqNumber {
        SeqNumber(n.wrapping_add(u32::MAX - 250))
    }

    fn five() -> Scoreboard {
        let mut board = Scoreboard::default();
        for i in 0..5u32 {
            board.push(seq(i * 100), 100, false, Instant::from_secs(u64::from(i)));
        }
        board
    }

    #[test]
    fn karn_a_retransmitted_segment_gives_no_sample() {
        let mut board = five();
        board.retransmitted(1, Instant::from_secs(9));
        let acked = board.acknowledge(seq(100), |_| {});
        assert_eq!(acked.sample, Some(Instant::from_secs(0)));
        assert_eq!(board.acknowledge(seq(200), |_| {}).sample, None);
        assert_eq!(board.flight(), 300);
    }

    #[test]
    fn rfc6675_4_three_runs_or_two_segments_of_octets_above_mean_lost() {
        let mut board = five();
        board.sack(seq(100), seq(200), |_| {});
        board.sack(seq(300), seq(400), |_| {});
        assert!(!board.mark_lost_by_sack(100));
        board.sack(seq(400), seq(500), |_| {});
        assert!(board.mark_lost_by_sack(100));
        assert_eq!(board.first_lost(), Some(0));
        assert_eq!(board.pipe(), 100);
    }

    #[test]
    fn a_partly_acknowledged_segment_keeps_its_rest() {
        let mut board = five();
        board.mark_all_lost();
        board.acknowledge(seq(150), |_| {});
        assert_eq!(board.first().map(|s| (s.seq, s.len)), Some((seq(150), 50)));
        assert_eq!((board.flight(), board.pipe()), (350, 0));
    }

    #[test]
    fn splitting_and_growing_keep_the_sums() {
        let mut board = five();
        board.mark_all_lost();
        board.split(0, 1);
        board.retransmitted(0, Instant::from_secs(9));
        assert_eq!((board.len(), board.pipe()), (6, 1));
        board.grow_last(10, true);
        assert_eq!((board.flight(), board.pipe()), (510, 1));
    }
}
