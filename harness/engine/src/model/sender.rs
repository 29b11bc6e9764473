//! The target's send side: what its segments say.

use super::{Connection, Phase, Syn, SynAck};
use crate::reading::Reading;
use tcpconf_wire::{Flags, SeqNumber};

/// Text of the target that is kept for comparison with retransmissions, octets a connection.
const TEXT_KEPT: usize = 1 << 20;

/// What a segment of the target was, seen against all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// SEG.LEN > 0 and all of its range was sent before.
    pub(crate) retransmission: bool,
    /// SEG.LEN = 0 and no SYN, FIN, RST, neither keep-alive nor probe: a pure acknowledgement.
    pub(crate) pure_ack: bool,
    /// Its acknowledgement, window and options repeat the last ones but the window grew.
    pub(crate) window_update: bool,
    /// At SND.NXT − 1 with at most one octet: a keep-alive.
    pub(crate) keepalive: bool,
    /// One octet, or none left of SND.UNA, while our window is zero: a zero-window probe.
    pub(crate) probe: bool,
    /// It carries text.
    pub(crate) data: bool,
}

impl Connection {
    /// Classifies a segment before it is applied.
    pub(crate) fn classify(&self, segment: &Reading<'_>) -> Seen {
        let len = segment.seq_len();
        let flags = segment.flags;
        let right = segment.seq + len;
        let known = self.iss.is_some();
        let old = len > 0
            && (known && self.was_sent(segment.seq, right) || self.repeats_the_past(segment));
        let plain = !flags.intersects(Flags::SYN | Flags::FIN | Flags::RST);
        let keepalive =
            known && plain && segment.seq == self.snd_nxt - 1 && segment.payload.len() <= 1;
        let closed = known && plain && self.snd_wnd == 0;
        let probe =
            closed && (segment.payload.len() == 1 || len == 0 && segment.seq == self.snd_una - 1);
        Seen {
            retransmission: old && !flags.contains(Flags::RST),
            pure_ack: len == 0 && plain && flags.contains(Flags::ACK) && !keepalive && !probe,
            window_update: len == 0
                && plain
                && self.last_ack_sent == Some(segment.ack)
                && self
                    .right_edge
                    .is_some_and(|edge| edge.lt(self.edge_of(segment))),
            keepalive,
            probe,
            data: !segment.payload.is_empty(),
        }
    }

    /// How far the segment moves the right window edge to the left. An old segment that comes late is no
    /// shrinking: only one that acknowledges all that was acknowledged before counts; and rounding by the
    /// scale may cost less than one unit (RFC 7323 §2.4).
    pub(crate) fn loses_window(&self, segment: &Reading<'_>) -> Option<u32> {
        let edge = self.edge_of(segment);
        let unit = 1u32 << self.scales().0;
        let old = self.right_edge?;
        let newest = self.acked.is_none_or(|acked| acked.le(segment.ack));
        (newest && edge.lt(old) && old - edge >= unit).then(|| old - edge)
    }

    /// Whether all of the range was sent before.
    fn was_sent(&self, left: SeqNumber, right: SeqNumber) -> bool {
        self.iss.is_some_and(|iss| iss.le(left))
            && (right.le(self.our_rcv_nxt)
                || self.from_target.covers(left.max(self.our_rcv_nxt), right))
    }

    fn edge_of(&self, segment: &Reading<'_>) -> SeqNumber {
        let shift = if segment.flags.contains(Flags::SYN) {
            0
        } else {
            self.scales().0
        };
        segment.ack + (u32::from(segment.window) << shift)
    }

    /// Applies a segment of the target.
    pub(crate) fn observed(&mut self, segment: &Reading<'_>) {
        let flags = segment.flags;
        let past = self.is_of_the_past(segment);
        if flags & (Flags::RST | Flags::ACK) == Flags::ACK && (past || self.phase == Phase::Reset) {
            self.revenant = Some(segment.ack);
        }
        if past {
            return;
        }
        if flags.contains(Flags::RST) {
            self.observed_rst(segment);
            return;
        }
        if flags.contains(Flags::SYN) {
            self.observed_syn(segment);
            if flags.contains(Flags::ACK) {
                self.syn_ack.get_or_insert_with(|| SynAck {
                    seq: segment.seq,
                    ack: segment.ack,
                    options: segment.options(),
                });
            }
        }
        self.edge_suspect = self.loses_window(segment).is_some();
        if flags.contains(Flags::ACK) {
            self.observed_ack(segment);
        }
        if self.iss.is_none() {
            return;
        }
        let right = segment.seq + segment.seq_len();
        self.snd_nxt = self.snd_nxt.max(right);
        self.from_target.insert(segment.seq, right);
        self.our_rcv_nxt = self.from_target.advance(self.our_rcv_nxt);
        if flags.contains(Flags::FIN) {
            self.target_fin = Some(right - 1);
        }
        self.keep_text(segment);
        if let Some((val, _)) = segment.timestamps {
            self.ts_from_target = Some(val);
        }
    }

    /// A RST ends the connection when we, as a right peer, would accept it (RFC 9293 §3.5.3).
    fn observed_rst(&mut self, segment: &Reading<'_>) {
        let acceptable = match self.iss {
            None => {
                // In answer to our SYN: it must acknowledge something of ours.
                segment.flags.contains(Flags::ACK) && segment.ack.ge(self.irs + 1)
            }
            Some(_) => segment.seq == self.our_rcv_nxt || segment.seq == self.snd_nxt,
        };
        if acceptable && self.phase != Phase::None {
            self.phase = Phase::Reset;
        }
    }

    fn observed_syn(&mut self, segment: &Reading<'_>) {
        let new = self.iss != Some(segment.seq);
        if segment.flags.contains(Flags::ACK) {
            self.follow_isn(segment.ack);
        }
        if !new {
            return;
        }
        if self.phase == Phase::None && !segment.flags.contains(Flags::ACK) {
            self.phase = Phase::SynSent;
            self.active = true;
        }
        self.iss = Some(segment.seq);
        self.snd_una = segment.seq;
        self.snd_nxt = segment.seq;
        self.our_rcv_nxt = segment.seq;
        self.from_target.clear();
        self.text.clear();
        self.target_fin = None;
        self.target_offer = Some(segment.offer);
        // The window of its SYN is counted from where our text will begin.
        self.right_edge =
            (self.phase == Phase::SynSent).then(|| self.irs + 1 + u32::from(segment.window));
        self.acked = None;
        // The window of our SYN is the first that the target may use.
        let edge = segment.seq + 1 + self.snd_wnd;
        self.our_right_edge = Some(self.our_right_edge.map_or(edge, |old| old.max(edge)));
    }

    /// The target acknowledges text on our SYN, or another of our SYNs than the model believed.
    fn follow_isn(&mut self, ack: SeqNumber) {
        if ack == self.irs + 1 {
            return;
        }
        if (self.irs + 1).lt(ack) && self.sent_by_us.covers(self.irs, ack) {
            self.rcv_nxt = self.rcv_nxt.max(ack);
            return;
        }
        let other = self
            .other_syns
            .iter()
            .position(|syn| syn.isn.lt(ack) && ack.le(syn.end));
        let Some(at) = other else { return };
        let syn = self.other_syns.remove(at);
        self.other_syns.push(Syn {
            isn: self.irs,
            end: self.irs + 1,
            offer: self.our_offer,
            window: self.snd_wnd as u16,
        });
        self.irs = syn.isn;
        self.rcv_nxt = ack;
        self.our_offer = syn.offer;
        self.snd_wnd = u32::from(syn.window);
        self.max_snd_wnd = self.snd_wnd;
        self.our_right_edge = None;
        self.queue.clear();
        self.optional.clear();
        self.fin_at = None;
        self.fin_received = false;
        self.phase = Phase::SynReceived;
    }

    fn observed_ack(&mut self, segment: &Reading<'_>) {
        self.last_ack_sent = Some(segment.ack);
        if self.acked.is_none_or(|old| old.lt(segment.ack)) {
            self.acked = Some(segment.ack);
        }
        let edge = self.edge_of(segment);
        if self.right_edge.is_none_or(|old| old.lt(edge)) {
            self.right_edge = Some(edge);
        }
        self.take_optional(segment.ack);
    }

    /// The target took text that it could have left: the model follows.
    fn take_optional(&mut self, ack: SeqNumber) {
        if !self.rcv_nxt.lt(ack) || self.optional.is_empty() {
            return;
        }
        let mut all = self.queue.clone();
        all.merge(&self.optional);
        if all.covers(self.rcv_nxt, ack) {
            self.queue.insert(self.rcv_nxt, ack);
            self.rcv_nxt = self.queue.advance(self.rcv_nxt);
        }
    }

    fn keep_text(&mut self, segment: &Reading<'_>) {
        if !self.text_is_known
            && let Some(start) = self.place_of_text(segment)
            && start + segment.payload.len() <= TEXT_KEPT
        {
            self.text.keep(start, segment.payload);
        }
    }

    /// The first octet of the segment's text that differs from what was sent before at its place:
    /// `(sequence number, before, now)`.
    pub(crate) fn changed_text(&self, segment: &Reading<'_>) -> Option<(SeqNumber, u8, u8)> {
        let start = self.place_of_text(segment)?;
        let (at, before) = self.text.differs(start, segment.payload)?;
        let seq = segment.seq + u32::from(segment.flags.contains(Flags::SYN)) + at as u32;
        Some((seq, before, segment.payload[at]))
    }

    /// Where the segment's text begins, in octets behind ISS + 1.
    fn place_of_text(&self, segment: &Reading<'_>) -> Option<usize> {
        let first = segment.seq + u32::from(segment.flags.contains(Flags::SYN));
        usize::try_from(first - (self.iss? + 1)).ok()
    }
}
