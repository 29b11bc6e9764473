//! The reference receiver: what a right target holds after a segment of ours (RFC 9293 §3.10.7).

use super::{Connection, Offer, Phase};
use tcpconf_wire::view::{OptionView, TcpView};
use tcpconf_wire::{Flags, Instant, SeqNumber, TcpOption};

impl Connection {
    /// Applies a segment that was injected. `sound` says whether a receiver gets to see it at all:
    /// checksums right, lengths that do not lie.
    pub(crate) fn injected(&mut self, now: Instant, segment: &TcpView<'_>, sound: bool) {
        self.last_injected_rst = segment.flags.contains(Flags::RST);
        if self.last_injected_rst {
            self.injected_since_rst = 0;
        } else {
            self.injected_since_rst += 1;
        }
        if !sound {
            return;
        }
        let right = segment.seq + segment.seq_len();
        self.sent_by_us.insert(segment.seq, right);
        match self.phase {
            Phase::None | Phase::Reset => self.segment_without_connection(segment),
            Phase::SynReceived | Phase::Synchronized => {
                if !self.segment_arrives(segment) {
                    self.last_unacceptable = Some(now);
                }
            }
        }
        if self.our_max.lt(right) {
            self.our_max = right;
        }
        if !segment.flags.contains(Flags::SYN) {
            let edge = segment.ack + self.scaled_window(segment.window);
            if segment.flags.contains(Flags::ACK)
                && self.our_right_edge.is_none_or(|old| old.lt(edge))
            {
                self.our_right_edge = Some(edge);
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
        self.our_max = segment.seq + segment.seq_len();
        self.our_offer = offer_of(segment);
        self.ts_recent = ts_val(segment);
        self.snd_wnd = u32::from(segment.window);
        self.max_snd_wnd = self.snd_wnd;
        // Text and FIN on the SYN: taken or left for retransmission, the SYN-ACK will tell (§3.4).
    }

    /// §3.10.7.4. False when the segment is one that draws an acknowledgement for being unacceptable.
    fn segment_arrives(&mut self, segment: &TcpView<'_>) -> bool {
        let flags = segment.flags;
        let rst = flags.contains(Flags::RST);
        // RFC 7323 §5.3: PAWS, from which RST is exempt.
        if self.timestamps_on()
            && !rst
            && let (Some(val), Some(recent)) = (ts_val(segment), self.ts_recent)
            && SeqNumber(val).lt(SeqNumber(recent))
        {
            return false;
        }
        if !self.acceptable(segment.seq, segment.seq_len()) {
            if flags.contains(Flags::SYN) && segment.seq != self.irs {
                self.other_isns.push(segment.seq);
            }
            return rst;
        }
        if rst {
            // Second check, RFC 5961 §3.2: exactly RCV.NXT resets, elsewhere in the window it draws a challenge ACK.
            if segment.seq == self.rcv_nxt {
                self.phase = Phase::Reset;
            }
            return segment.seq == self.rcv_nxt;
        }
        if flags.contains(Flags::SYN) {
            // Fourth check: LISTEN again or challenge ACK, the wire will tell.
            self.other_isns.push(segment.seq);
            return false;
        }
        if !flags.contains(Flags::ACK) {
            return true; // Fifth check: dropped without an answer.
        }
        if self.iss.is_none() || !self.process_ack(segment) {
            return false;
        }
        if let Some(val) = ts_val(segment)
            && self.timestamps_on()
            && self.last_ack_sent.is_none_or(|last| segment.seq.le(last))
        {
            self.ts_recent = Some(val); // RFC 7323 §4.3
        }
        self.process_text(segment);
        true
    }

    /// First check, the four rows of §3.10.7.4.
    fn acceptable(&self, seq: SeqNumber, len: u32) -> bool {
        let window = self.rcv_wnd();
        let edge = self.rcv_nxt + window;
        let inside = |s: SeqNumber| self.rcv_nxt.le(s) && s.lt(edge);
        match (len, window) {
            (0, 0) => seq == self.rcv_nxt,
            (0, _) => inside(seq),
            (_, 0) => false,
            _ => inside(seq) || inside(seq + (len - 1)),
        }
    }

    /// Fifth check. False when the segment must be dropped.
    fn process_ack(&mut self, segment: &TcpView<'_>) -> bool {
        let ack = segment.ack;
        if self.phase == Phase::SynReceived {
            if !(self.snd_una.lt(ack) && ack.le(self.snd_nxt)) {
                return false;
            }
            self.phase = Phase::Synchronized;
            self.take_window(segment);
            self.snd_una = ack;
            return true;
        }
        // RFC 5961 §5.2: beyond SND.NXT or too old.
        if self.snd_nxt.lt(ack) || ack.lt(self.snd_una - self.max_snd_wnd) {
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
        let edge = self.rcv_nxt + self.rcv_wnd();
        let end = segment.seq + segment.payload.len() as u32;
        self.queue
            .insert(segment.seq.max(self.rcv_nxt), end.min(edge));
        self.rcv_nxt = self.queue.advance(self.rcv_nxt);
        // A FIN counts only when its own place is inside the window.
        if segment.flags.contains(Flags::FIN) && self.rcv_nxt.le(end) && end.lt(edge) {
            self.fin_at = Some(end);
        }
        if self.fin_at == Some(self.rcv_nxt) {
            self.rcv_nxt += 1;
            self.fin_received = true;
            self.queue.clear();
        }
    }
}

/// TSval of the timestamps option, if it has the right length.
fn ts_val(segment: &TcpView<'_>) -> Option<u32> {
    segment.options().find_map(|option| match option {
        OptionView::Kind(8, &[a, b, c, d, _, _, _, _]) => Some(u32::from_be_bytes([a, b, c, d])),
        _ => None,
    })
}

fn offer_of(segment: &TcpView<'_>) -> Offer {
    let mut options = Vec::new();
    for option in segment.options() {
        match option {
            OptionView::Kind(2, &[a, b]) => {
                options.push(TcpOption::Mss(u16::from_be_bytes([a, b])))
            }
            OptionView::Kind(3, &[shift]) => options.push(TcpOption::WindowScale(shift)),
            OptionView::Kind(4, &[]) => options.push(TcpOption::SackPermitted),
            OptionView::Kind(8, data) if data.len() == 8 => {
                options.push(TcpOption::Timestamps { val: 0, ecr: 0 });
            }
            _ => {}
        }
    }
    Offer::of(&options)
}
