//! What is sent again: what is lost, what may be, and the octet that probes a window that is shut.

use super::{Fin, Outgoing, Phase, Sender};
use crate::scoreboard::Sent;
use tcpconf_wire::Instant;

impl Sender {
    /// One octet into a zero window (MUST-36): the first that is not acknowledged, or a new one, or
    /// the FIN.
    pub(super) fn probe(&mut self, now: Instant) -> Option<Outgoing> {
        if !self.board.is_empty() {
            self.board.split(0, 1);
            return Some(self.again(0, now));
        }
        if self.unsent() > 0 {
            return Some(self.fresh(1, false, now));
        }
        (self.fin == Fin::Queued).then(|| self.fresh(0, true, now))
    }

    pub(super) fn retransmit(&mut self, now: Instant, room: u32) -> Option<Outgoing> {
        let index = self.board.first_lost()?;
        let segment = *self.board.get(index)?;
        // SHLD-16: within the window; the head always, unless probes have taken over.
        let (text, inside) = self.text_and_place(&segment);
        if self.snd_wnd == 0 || !inside {
            return None;
        }
        if !self.head_due && self.allowance() == 0 {
            return None;
        }
        self.head_due = false;
        if text > room {
            self.board.split(index, room);
        } else if index + 1 == self.board.len() && !segment.fin {
            // A probe's octet, or a small last segment, goes out again with what follows it.
            let more = self.unsent().min(room - text).min(self.usable());
            if more > 0 {
                self.board.grow_last(more, false);
                self.snd_nxt += more;
            }
        }
        Some(self.again(index, now))
    }

    /// RFC 6675 §4 `NextSeg` rules 3 and 4, when nothing is lost and nothing new can be sent: holes that
    /// may yet be filled by themselves, and then, once in a recovery, the last segment in flight, whose
    /// loss nobody would report. One that was sent again already is not rescued: its second copy
    /// keeps the clock as well as a third.
    pub(super) fn keep_the_ack_clock(&mut self, now: Instant, room: u32) -> Option<Outgoing> {
        let recovering = matches!(self.phase, Phase::Recovery(_));
        let new_data = (self.unsent() > 0 || self.fin == Fin::Queued) && self.usable() > 0;
        if !(recovering && self.sack && self.detector.fills_holes()) || new_data {
            return None;
        }
        let hole = self.board.first_hole();
        let (index, rescue) = match hole {
            Some(index) => (index, false),
            None if !self.rescued => (self.board.last_open()?, true),
            None => return None,
        };
        let segment = *self.board.get(index)?;
        let (text, inside) = self.text_and_place(&segment);
        if !inside || (rescue && segment.retransmissions > 0) {
            return None;
        }
        if self.allowance() < segment.len.min(room) {
            return None;
        }
        self.rescued |= rescue;
        if text <= room {
            return Some(self.again_beside(index, now, !rescue));
        }
        if rescue {
            // It must include the highest sequence number.
            self.board.split(index, text - room);
            return Some(self.again_beside(index + 1, now, false));
        }
        self.board.split(index, room);
        Some(self.again_beside(index, now, true))
    }

    /// Octets of text in a segment in flight, and whether it lies within the window (SHLD-16).
    fn text_and_place(&self, segment: &Sent) -> (u32, bool) {
        let text = segment.len - u32::from(segment.fin);
        (text, segment.seq - self.snd_una < self.snd_wnd)
    }

    pub(super) fn again(&mut self, index: usize, now: Instant) -> Outgoing {
        self.again_beside(index, now, false)
    }

    /// Sends a segment again; `other_copy` when both count as in the network.
    fn again_beside(&mut self, index: usize, now: Instant, other_copy: bool) -> Outgoing {
        self.board.retransmitted(index, now, other_copy);
        self.retransmissions += 1;
        let segment = self.board.get(index).copied();
        let segment = segment.expect("the index was looked up by the caller");
        self.validation_sees(segment.len, segment.retransmissions == 1);
        let len = segment.len - u32::from(segment.fin);
        let offset = (segment.seq - self.snd_una) as usize;
        Outgoing {
            seq: segment.seq,
            offset,
            len: len as usize,
            fin: segment.fin,
            push: len > 0 && offset + len as usize == self.buffer.len(),
            retransmission: true,
            ect: false,
            cwr: false,
            urgent: self.urgent_offset(segment.seq),
        }
    }
}
