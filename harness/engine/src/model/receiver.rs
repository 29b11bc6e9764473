//! The reference receiver: what a right target holds after a segment of ours (RFC 9293 §3.10.7).

use super::{Connection, Phase, Syn};
use crate::reading::{Offer, Reading};
use tcpconf_wire::view::{OptionView, TcpView};
use tcpconf_wire::{Flags, Instant, SeqNumber};

/// SYNs of ours that are remembered besides the one that opened the connection.
const SYNS_KEPT: usize = 32;
/// TSvals of ours that are remembered: beyond, echoes are not judged.
const STAMPS_KEPT: usize = 1 << 16;

impl Connection {
    /// Applies a segment that was injected. `sound` says whether a receiver gets to see it at all:
    /// checksums right, no fragment.
    pub(crate) fn injected(&mut self, now: Instant, segment: &TcpView<'_>, sound: bool) {
        if sound {
            match self.phase {
                Phase::None | Phase::Reset => self.segment_without_connection(segment),
                Phase::SynSent => self.segment_in_syn_sent(segment),
                Phase::SynReceived | Phase::Synchronized => {
                    if !self.segment_arrives(segment) {
                        self.last_unacceptable = Some(now);
                    }
                }
            }
            self.sent_by_us
                .insert(segment.seq, segment.seq + segment.seq_len());
            if segment.flags & (Flags::SYN | Flags::ACK) == Flags::ACK {
                let edge = segment.ack + self.scaled_window(segment.window);
                self.our_right_edge = Some(self.our_right_edge.map_or(edge, |old| old.max(edge)));
            }
        }
        if segment.flags.contains(Flags::SYN) {
            self.syn_ack = None; // It may be answered afresh, by a SYN cookie for instance.
        }
        self.remember_timestamps(segment);
        self.may_draw(segment);
    }

    fn remember_timestamps(&mut self, segment: &TcpView<'_>) {
        if let Some(sent) = &mut self.sent_timestamps {
            for stamp in segment.options().filter_map(timestamp) {
                if sent.last() != Some(&stamp) {
                    sent.push(stamp);
                }
            }
            if sent.len() > STAMPS_KEPT {
                self.sent_timestamps = None;
            }
        }
    }

    /// §3.10.7.2: a SYN without ACK and RST opens a connection; all else leaves none.
    fn segment_without_connection(&mut self, segment: &TcpView<'_>) {
        if segment.flags & (Flags::SYN | Flags::ACK | Flags::RST) != Flags::SYN {
            return;
        }
        if self.phase == Phase::Reset || self.syn_sent {
            self.reincarnate(segment.seq);
        }
        self.phase = Phase::SynReceived;
        self.syn_sent = true;
        self.irs = segment.seq;
        self.rcv_nxt = segment.seq + 1;
        self.our_offer = offer_of(segment);
        self.ts_recent = ts_val(segment);
        self.snd_wnd = u32::from(segment.window);
        self.max_snd_wnd = self.snd_wnd;
        // Text and FIN on the SYN: taken or left for retransmission, the SYN-ACK will tell (§3.4).
    }

    /// §3.10.7.3.
    fn segment_in_syn_sent(&mut self, segment: &TcpView<'_>) {
        let flags = segment.flags;
        let Some(iss) = self.iss else { return };
        let acks = flags.contains(Flags::ACK);
        let acceptable = iss.lt(segment.ack) && segment.ack.le(self.snd_nxt);
        if acks && !acceptable {
            return; // First check: a RST is the answer, unless this is one.
        }
        if flags.contains(Flags::RST) {
            // Second check.
            if acks {
                self.phase = Phase::Reset;
            }
            return;
        }
        if !flags.contains(Flags::SYN) {
            return;
        }
        // The window of the target's SYN counts from where our text begins.
        let window = self.right_edge.map(|edge| edge - (self.irs + 1));
        self.right_edge = window.map(|window| segment.seq + 1 + window);
        self.syn_sent = true;
        self.irs = segment.seq;
        self.rcv_nxt = segment.seq + 1;
        self.our_offer = offer_of(segment);
        self.ts_recent = ts_val(segment);
        // The window field of a SYN is never scaled (RFC 7323 §2.2).
        self.snd_wnd = u32::from(segment.window);
        self.max_snd_wnd = self.snd_wnd;
        (self.snd_wl1, self.snd_wl2) = (segment.seq, segment.ack);
        self.our_right_edge = Some(iss + 1 + self.snd_wnd);
        let mut text = *segment;
        text.seq = segment.seq + 1;
        if acks {
            self.snd_una = segment.ack;
            self.phase = Phase::Synchronized;
            // "If there are other controls or text in the segment, then continue."
            self.process_text(&text);
        } else {
            self.phase = Phase::SynReceived;
            // Queued, or left to be sent again: the target will tell.
            let end = text.seq + text.payload.len() as u32;
            self.optional.insert(text.seq, end);
        }
    }

    /// §3.10.7.4. False when the segment is one that draws an acknowledgement for being unacceptable.
    fn segment_arrives(&mut self, segment: &TcpView<'_>) -> bool {
        let flags = segment.flags;
        let rst = flags.contains(Flags::RST);
        if flags & (Flags::SYN | Flags::RST) == Flags::SYN {
            self.remember_syn(segment);
        }
        if self.timestamps_on() && !rst {
            match (ts_val(segment), self.ts_recent) {
                // RFC 7323 §5.3: PAWS, from which RST is exempt.
                (Some(val), Some(recent)) if SeqNumber(val).lt(SeqNumber(recent)) => return false,
                (None, _) => {
                    // RFC 7323 §3.2: it should be dropped.
                    let end = segment.seq + segment.payload.len() as u32;
                    self.optional.insert(segment.seq, end);
                    return false;
                }
                _ => {}
            }
        }
        let acceptable = self.acceptable(segment.seq, segment.seq_len());
        if rst {
            // Second check, RFC 5961 §3.2: exactly RCV.NXT resets, whatever the window; elsewhere in the
            // window it draws a challenge ACK, outside it is dropped.
            if segment.seq == self.rcv_nxt {
                self.phase = Phase::Reset;
                return true;
            }
            return !acceptable;
        }
        if !acceptable {
            // A SYN-ACK that crosses ours says by its ACK that our peer has the target's SYN (§3.5,
            // figure 8), though its own SYN is old.
            let crossing = segment.seq == self.irs
                && self.active
                && self.phase == Phase::SynReceived
                && flags.contains(Flags::SYN | Flags::ACK);
            if crossing && self.process_ack(segment) {
                return true;
            }
            // First check: with the window closed, a valid ACK still counts.
            if self.rcv_wnd() == 0
                && segment.seq == self.rcv_nxt
                && flags & (Flags::SYN | Flags::ACK) == Flags::ACK
            {
                self.process_ack(segment);
            }
            return false;
        }
        if flags.contains(Flags::SYN) {
            return false; // Fourth check: LISTEN again or challenge ACK, the wire will tell.
        }
        if !flags.contains(Flags::ACK) {
            return true; // Fifth check: dropped without an answer.
        }
        if !self.process_ack(segment) {
            return false;
        }
        let last_ack = self.shown().map_or(self.last_ack_sent, |s| s.last_ack_sent);
        if let Some(val) = ts_val(segment)
            && self.timestamps_on()
            && last_ack.is_none_or(|last| segment.seq.le(last))
        {
            self.ts_recent = Some(val); // RFC 7323 §4.3
        }
        self.process_text(segment);
        true
    }

    /// Whether a SYN is the one that opened the connection, sent again with the same offer.
    pub(crate) fn is_first_syn(&self, segment: &TcpView<'_>) -> bool {
        segment.seq == self.irs && offer_of(segment) == self.our_offer
    }

    /// Another SYN than the one that opened the connection.
    fn remember_syn(&mut self, segment: &TcpView<'_>) {
        let syn = Syn {
            isn: segment.seq,
            end: segment.seq + 1 + segment.payload.len() as u32,
            offer: offer_of(segment),
            window: segment.window,
        };
        if syn.isn == self.irs {
            return;
        }
        self.other_syns.retain(|other| other.isn != syn.isn);
        if self.other_syns.len() == SYNS_KEPT {
            self.other_syns.remove(0);
        }
        self.other_syns.push(syn);
    }

    /// First check, the four rows of §3.10.7.4.
    fn acceptable(&self, seq: SeqNumber, len: u32) -> bool {
        let edge = self.edge();
        let window = edge - self.rcv_nxt;
        let inside = |s: SeqNumber| self.rcv_nxt.le(s) && s.lt(edge);
        match (len, window) {
            (0, 0) => seq == self.rcv_nxt,
            (0, _) => inside(seq),
            (_, 0) => false,
            _ => inside(seq) || inside(seq + (len - 1)),
        }
    }

    /// The right edge of the window that the target has offered, consumed by a step or not.
    fn edge(&self) -> SeqNumber {
        let edge = self.rcv_nxt + self.rcv_wnd();
        match self.shown().and_then(|shown| shown.right_edge) {
            Some(shown) => edge.max(shown),
            None => edge,
        }
    }

    /// Fifth check. False when the segment must be dropped.
    fn process_ack(&mut self, segment: &TcpView<'_>) -> bool {
        if self.iss.is_none() {
            return false;
        }
        let ack = segment.ack;
        let snd_nxt = self
            .shown()
            .map_or(self.snd_nxt, |shown| self.snd_nxt.max(shown.snd_nxt));
        if self.phase == Phase::SynReceived {
            if !(self.snd_una.lt(ack) && ack.le(snd_nxt)) {
                return false;
            }
            self.phase = Phase::Synchronized;
            self.take_window(segment);
            self.snd_una = ack;
            return true;
        }
        // RFC 5961 §5.2: beyond SND.NXT or too old.
        if snd_nxt.lt(ack) || ack.lt(self.snd_una - self.max_snd_wnd) {
            return false;
        }
        let newer =
            self.snd_wl1.lt(segment.seq) || (self.snd_wl1 == segment.seq && self.snd_wl2.le(ack));
        if self.snd_una.le(ack) && newer {
            self.take_window(segment);
        }
        self.snd_una = self.snd_una.max(ack);
        true
    }

    fn take_window(&mut self, segment: &TcpView<'_>) {
        self.snd_wnd = self.scaled_window(segment.window);
        self.max_snd_wnd = self.max_snd_wnd.max(self.snd_wnd);
        self.snd_wl1 = segment.seq;
        self.snd_wl2 = segment.ack;
    }

    fn scaled_window(&self, field: u16) -> u32 {
        u32::from(field) << self.scales().1
    }

    /// Seventh and eighth check: text, then FIN.
    fn process_text(&mut self, segment: &TcpView<'_>) {
        if self.fin_received {
            return;
        }
        let edge = self.edge();
        let end = segment.seq + segment.payload.len() as u32;
        self.queue
            .insert(segment.seq.max(self.rcv_nxt), end.min(edge));
        self.rcv_nxt = self.queue.advance(self.rcv_nxt);
        // Of several the first counts, unless text has overrun it.
        self.fin_at = self.fin_at.filter(|at| self.rcv_nxt.le(*at));
        // A FIN counts only when its own place is inside the window.
        if segment.flags.contains(Flags::FIN) && self.rcv_nxt.le(end) && end.lt(edge) {
            self.fin_at = Some(self.fin_at.map_or(end, |at| at.min(end)));
        }
        if self.fin_at == Some(self.rcv_nxt) {
            self.rcv_nxt += 1;
            self.fin_received = true;
            self.queue.clear();
        }
    }
}

/// TSval of the timestamps option, if it has the right length.
/// Of options that stand twice the last counts, as in [`Reading`].
fn ts_val(segment: &TcpView<'_>) -> Option<u32> {
    segment.options().filter_map(timestamp).last()
}

fn timestamp(option: OptionView<'_>) -> Option<u32> {
    match option {
        OptionView::Kind(8, &[a, b, c, d, _, _, _, _]) => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    }
}

fn offer_of(segment: &TcpView<'_>) -> Offer {
    Reading::in_packet(segment).offer
}
