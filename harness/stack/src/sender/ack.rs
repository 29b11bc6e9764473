//! What an acknowledgement changes: RFC 9293 §3.10.7.4 fifth, fast retransmit and recovery of
//! RFC 5681 §3.2, RFC 6582 and RFC 6675.

use super::{Fin, Frto, Phase, Sender, Timer};
use crate::congestion::{Acked, CongestionControl};
use crate::options::SackBlocks;
use crate::recovery::{LossDetection, Moment, Prr};
use core::time::Duration;
use tcpconf_wire::{Instant, SeqNumber};

/// Duplicate acknowledgements that mean loss (RFC 5681 §3.2).
const DUP_ACK_THRESHOLD: u32 = 3;

/// The parts of a segment that concern the sender. `ack` is within the acceptable range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckIn<'a> {
    pub(crate) seq: SeqNumber,
    pub(crate) ack: SeqNumber,
    /// SEG.WND in octets.
    pub(crate) wnd: u32,
    pub(crate) sack: &'a SackBlocks,
    /// The segment has no text and no FIN: it may count as a duplicate acknowledgement.
    pub(crate) empty: bool,
    /// ECE: the peer has seen a congestion mark.
    pub(crate) ece: bool,
    /// Round-trip time by the timestamp that was echoed.
    pub(crate) echoed_rtt: Option<Duration>,
}

/// What the user and the state machine have to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AckResult {
    /// SND.UNA advanced.
    pub(crate) advanced: bool,
    /// The own FIN is acknowledged.
    pub(crate) fin_acked: bool,
    /// There is room in a send buffer that was full.
    pub(crate) writable: bool,
}

impl Sender {
    /// Handles an acknowledgement and the window that came with it.
    #[inline]
    pub(crate) fn on_ack(&mut self, now: Instant, segment: &AckIn<'_>) -> AckResult {
        let news =
            segment.ack != self.snd_una || segment.ece || !segment.sack.as_slice().is_empty();
        if news || !self.board.is_empty() {
            return self.acknowledged(now, segment);
        }
        // Nothing is in flight, and nothing is said but the window: text of the peer mostly.
        self.take_window(now, segment, self.snd_wnd);
        self.arm(now);
        AckResult::default()
    }

    fn acknowledged(&mut self, now: Instant, segment: &AckIn<'_>) -> AckResult {
        let flight = self.board.flight();
        let was_full = self.buffer.room() == 0;
        let window_before = self.snd_wnd;
        let una = self.snd_una;
        let mut delivered = self.take_sack(now, segment);
        let sacked = delivered;
        let advanced = segment.ack.gt(self.snd_una);
        if advanced {
            delivered += self.take_cumulative(now, segment, flight);
        }
        self.take_window(now, segment, window_before);
        if !advanced && !self.board.is_empty() {
            let duplicate = segment.ack == self.snd_una
                && segment.empty
                && segment.wnd == window_before
                && self.snd_wnd > 0;
            if (self.sack && sacked > 0) || (!self.sack && duplicate) {
                self.dup_acks += 1;
                self.timeout_was_needed(now);
            }
        }
        self.tail_probe_answered(now, segment, flight, una);
        let lost = self.detect_loss(now, flight, advanced);
        if let Some(prr) = &mut self.prr {
            let (pipe, ssthresh) = (self.board.pipe(), self.congestion.ssthresh());
            let progress = self.snd_una.gt(una) && !lost;
            prr.on_ack(delivered, pipe, ssthresh, self.mss, progress);
        }
        if segment.ece && self.ecn {
            self.on_congestion_echo(now, flight);
        }
        self.arm(now);
        AckResult {
            advanced,
            fin_acked: self.fin == Fin::Sent && self.snd_una == self.snd_nxt,
            writable: was_full && self.buffer.room() > 0,
        }
    }

    /// RFC 2018 §5. Blocks that do not lie within what is in flight are ignored, but for a D-SACK.
    fn take_sack(&mut self, now: Instant, segment: &AckIn<'_>) -> u32 {
        if !self.sack {
            return 0;
        }
        let base = self.snd_una.max(segment.ack);
        let limit = self.snd_nxt - base;
        let mut news = 0;
        for &(start, end) in segment.sack.as_slice() {
            let (from, to) = (start - base, end - base);
            if from < to && to <= limit {
                let detector = &mut self.detector;
                news += self
                    .board
                    .sack(start, end, |sent| detector.on_delivered(now, sent));
            }
        }
        if is_duplicate_report(segment) {
            let moment = self.moment(now);
            self.detector.on_duplicate_report(moment);
            if self.tail_probe.is_some_and(|(end, _)| segment.ack.ge(end)) {
                // RFC 8985 §7.4.2: both copies arrived, nothing was lost.
                self.tail_probe = None;
            }
        }
        news
    }

    pub(super) fn moment(&self, now: Instant) -> Moment {
        Moment {
            now,
            mss: self.mss,
            srtt: self.rtt.srtt(),
            snd_una: self.snd_una,
            snd_nxt: self.snd_nxt,
            recovering: matches!(self.phase, Phase::Recovery(_) | Phase::Loss(_)),
        }
    }

    /// RFC 8985 §7.4.2: what lies beyond the probe was acknowledged, and nothing said that both copies of the
    /// probe's segment arrived: one was lost, and congestion control is told. A D-SACK says so, and so does a duplicate
    /// acknowledgement without SACK information.
    fn tail_probe_answered(
        &mut self,
        now: Instant,
        segment: &AckIn<'_>,
        flight: u32,
        before: SeqNumber,
    ) {
        let Some((end, retransmission)) = self.tail_probe else {
            return;
        };
        if segment.ack.lt(end) {
            return;
        }
        let duplicate =
            segment.ack == before && segment.empty && segment.sack.as_slice().is_empty();
        let beyond = segment.ack.gt(end);
        if retransmission && !beyond && !duplicate {
            return;
        }
        self.tail_probe = None;
        if retransmission && beyond && self.phase == Phase::Open {
            self.reduce_window(now, flight);
            self.window_recovered(self.congestion.ssthresh());
            self.cwr_due = true;
        }
    }

    /// RFC 5682 §2.1: an acknowledgement that does not advance says that segments were lost.
    fn timeout_was_needed(&mut self, now: Instant) {
        if self.frto != Frto::Off {
            self.frto = Frto::Off;
            self.mark_lost_by_timeout(now);
            self.head_due = true;
        }
    }

    /// RFC 5682 §2.1 steps 2 and 3, for an acknowledgement that advances.
    fn check_timeout(&mut self, now: Instant, recover: SeqNumber, segment: &AckIn<'_>) {
        let window = match self.is_current(segment) {
            true => segment.wnd,
            false => self.snd_wnd,
        };
        let has_room = window > self.snd_nxt - self.snd_una;
        match self.frto {
            Frto::Off => {}
            Frto::HeadSent if self.snd_una.ge(recover) => self.frto = Frto::Off,
            // Step 2b: new data instead of what seems lost, if there is any and the window lets it out.
            Frto::HeadSent if self.unsent() > 0 && has_room => {
                self.frto = Frto::NewData {
                    credit: 2 * self.mss,
                };
            }
            Frto::HeadSent => self.timeout_was_needed(now),
            // Step 3b: needless, all of it arrives.
            Frto::NewData { .. } => {
                self.frto = Frto::Off;
                self.board.forget_losses();
                self.congestion.undo_timeout();
                self.phase = Phase::Open;
            }
        }
    }

    /// Returns the octets that are news.
    #[inline]
    fn take_cumulative(&mut self, now: Instant, segment: &AckIn<'_>, flight: u32) -> u32 {
        let octets = segment.ack - self.snd_una;
        if let Some(validation) = &mut self.validation {
            validation.note_burst(None);
        }
        let detector = &mut self.detector;
        let result = self
            .board
            .acknowledge(segment.ack, |sent| detector.on_delivered(now, sent));
        self.buffer.consume(octets as usize);
        self.snd_una = segment.ack;
        self.recover.take_if(|recover| segment.ack.gt(*recover));
        self.progress_at = now;
        if let Some(window) = &mut self.restart {
            // Slow start: RFC 5681 equation (2).
            *window = window.saturating_add(octets.min(self.mss));
            self.restart
                .take_if(|window| *window >= self.congestion.cwnd());
        }
        if self.snd_up.is_some_and(|up| up.le(self.snd_una)) {
            self.snd_up = None;
        }
        let pair = 2 * self.mss.max(1);
        let per_rtt = if flight <= pair {
            1
        } else {
            flight.div_ceil(pair)
        };
        match (result.sample, segment.echoed_rtt) {
            (Some(sent), _) => {
                self.rtt.sample_since(sent, now, per_rtt);
                self.probed_since_sample = false;
            }
            (None, Some(rtt)) => {
                self.rtt.sample(rtt, per_rtt);
                self.probed_since_sample = false;
            }
            (None, None) => {}
        }
        self.expirations = 0;
        self.stalled_since = if self.board.is_empty() {
            None
        } else {
            Some(now)
        };
        // RFC 6298 §5.2 and §5.3: restarted, or off when nothing is in flight.
        self.timer = Timer::Idle;
        self.dup_acks = match self.phase {
            Phase::Recovery(recover) if segment.ack.lt(recover) => {
                let gone = octets.div_ceil(self.mss.max(1));
                self.dup_acks.saturating_sub(gone)
            }
            _ => 0,
        };
        self.advance_phase(now, segment, octets, flight);
        result.newly_delivered
    }

    fn advance_phase(&mut self, now: Instant, segment: &AckIn<'_>, octets: u32, flight: u32) {
        match self.phase {
            Phase::Recovery(recover) if segment.ack.lt(recover) => {
                // RFC 6582 §3.2 step 3 (2), a partial acknowledgement: the next hole. With SACK the
                // scoreboard knows better.
                if !self.sack {
                    self.board.mark_first_lost();
                    self.head_due = true;
                }
            }
            Phase::Recovery(_) => {
                self.phase = Phase::Open;
                self.detector.on_recovered(now);
                // With PRR the flight has come down to ssthresh by itself.
                let flight = match self.prr.take() {
                    Some(_) => self.congestion.ssthresh(),
                    None => self.board.flight(),
                };
                self.window_recovered(flight);
            }
            Phase::Loss(recover) => {
                self.check_timeout(now, recover, segment);
                if segment.ack.ge(recover) {
                    self.phase = Phase::Open;
                }
                if self.frto == Frto::Off {
                    self.grow(now, octets, true);
                }
            }
            Phase::Reduced(recover) => {
                // RFC 3168 §6.1.2: once a window. The echo lasts until the peer has CWR, which stands on text
                // behind `recover`.
                if segment.ack.gt(recover) {
                    self.phase = Phase::Open;
                }
            }
            Phase::Open => {
                // RFC 3168 §6.1.2: no growth by an ACK with ECE.
                if segment.ece && self.ecn {
                    return;
                }
                let grows = self.window_may_grow(now, octets, flight);
                self.grow(now, octets, grows);
            }
        }
    }

    fn grow(&mut self, now: Instant, octets: u32, window_limited: bool) {
        self.congestion.on_ack(Acked {
            now,
            octets,
            window_limited,
            srtt_nanos: self.rtt.srtt_nanos(),
        });
    }

    /// Whether its window counts: it is not older than the segment that set SND.WND last.
    #[inline]
    fn is_current(&self, segment: &AckIn<'_>) -> bool {
        segment.ack.ge(self.snd_una)
            && (self.snd_wl1.lt(segment.seq)
                || (self.snd_wl1 == segment.seq && self.snd_wl2.le(segment.ack)))
    }

    /// SND.WND <- SEG.WND if the segment is not older than the last that set it.
    #[inline]
    fn take_window(&mut self, now: Instant, segment: &AckIn<'_>, before: u32) {
        if !self.is_current(segment) {
            return;
        }
        self.snd_wnd = segment.wnd;
        self.snd_wl1 = segment.seq;
        self.snd_wl2 = segment.ack;
        self.max_snd_wnd = self.max_snd_wnd.max(segment.wnd);
        if matches!(self.timer, Timer::Persist(_)) {
            // MUST-37: the peer answers, so the connection stays.
            self.stalled_since = Some(now);
            self.expirations = 0;
            if before == 0 && self.snd_wnd > 0 {
                // What was probed with was refused: send it again at once, no congestion.
                self.board.mark_all_lost();
                self.head_due = true;
                self.timer = Timer::Idle;
                self.rtt.reset_backoff();
            }
        }
    }

    /// Marks what is lost, and begins fast recovery; true when there is news.
    #[inline]
    pub(super) fn detect_loss(&mut self, now: Instant, flight: u32, advanced: bool) -> bool {
        let mut news = false;
        if self.sack && !self.board.is_empty() {
            let moment = self.moment(now);
            let found = self.detector.detect(moment, &mut self.board);
            news = found.lost;
            if let Some(at) = found.again {
                self.timer = Timer::Reorder(at);
            }
        }
        let recovering = matches!(self.phase, Phase::Recovery(_) | Phase::Loss(_));
        if recovering || self.board.is_empty() {
            return news;
        }
        // RACK replaces the counting (RFC 8985 §9.2).
        let counts = !(self.sack && self.detector.probes_tail());
        // RFC 6582 §3.2 step 2: duplicates of what recovery or a timeout left behind tell nothing.
        let fresh = self.sack || self.recover.is_none();
        let enough = counts && fresh && !advanced && self.dup_acks >= DUP_ACK_THRESHOLD;
        if news || enough {
            self.phase = Phase::Recovery(self.snd_nxt);
            self.recover = Some(self.snd_nxt);
            self.rescued = false;
            self.reduce_window(now, flight);
            self.cwr_due = true;
            self.prr = (self.sack && self.use_prr).then(|| Prr::new(flight));
            if enough {
                self.board.mark_first_lost();
            }
            self.head_due = true;
        }
        news
    }

    /// RFC 3168 §6.1.2: as if a segment was lost, once a window.
    fn on_congestion_echo(&mut self, now: Instant, flight: u32) {
        if self.phase == Phase::Open {
            self.phase = Phase::Reduced(self.snd_nxt);
            self.reduce_window(now, flight);
            if let Some(validation) = &mut self.validation {
                // Nothing was lost, so that there is nothing to be recovered.
                validation.undefine();
            }
            self.cwr_due = true;
        }
    }
}

/// RFC 2883 §5: the first block lies below the acknowledgement, or within the second block.
fn is_duplicate_report(segment: &AckIn<'_>) -> bool {
    match *segment.sack.as_slice() {
        [(_, end), ..] if end.le(segment.ack) => true,
        [(start, end), (outer_start, outer_end), ..] => start.ge(outer_start) && end.le(outer_end),
        _ => false,
    }
}
