//! The timers of the sending side: retransmission (RFC 6298 §5), persist (RFC 9293 §3.8.6.1), and
//! the override of silly window avoidance (§3.8.6.2.1).

use super::{Fin, Frto, Outgoing, Phase, Sender, Timer};
use crate::congestion::CongestionControl;
use crate::recovery::LossDetection;
use core::time::Duration;
use tcpconf_wire::Instant;

/// How long a peer may delay the ACK of a single segment (RFC 8985 §7.2, TLP.max_ack_delay).
const MAX_ACK_DELAY: Duration = Duration::from_millis(200);

/// What an expired timer means beyond the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// No timer was due, or nobody else need know.
    Nothing,
    /// A retransmission: how many there were since the last progress.
    Retransmission(u32),
}

impl Sender {
    /// When [`Sender::on_timer`] must run.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.timer {
            Timer::Idle => None,
            Timer::Retransmit(at)
            | Timer::Persist(at)
            | Timer::Reorder(at)
            | Timer::Probe(at)
            | Timer::Override(at) => Some(at),
        }
    }

    /// When the user timeout passes, if nothing is acknowledged before; without a user also when the patience
    /// with a peer ends that keeps its window shut but answers each probe (RFC 6429 §3: no reason to keep
    /// a connection whose memory is needed).
    #[inline]
    pub(crate) fn gives_up_at(&self, user_timeout: Option<Duration>) -> Option<Instant> {
        let timeout = self.stalled_since.zip(user_timeout).map(|(at, t)| at + t);
        match (timeout, self.patience.map(|p| self.progress_at + p)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// RFC 9293 §3.10.8, retransmission timeout.
    pub(crate) fn on_timer(&mut self, now: Instant) -> Expired {
        match self.timer {
            Timer::Retransmit(at) if at <= now => {
                self.expirations += 1;
                let first = self.expirations == 1;
                self.congestion.on_timeout(now, self.board.flight(), first);
                self.rtt.back_off();
                if let Some(validation) = &mut self.validation {
                    validation.undefine();
                }
                // RFC 5682 §2.1 step 1: only the head at first, if this may turn out needless.
                let look = self.use_f_rto && first && !matches!(self.phase, Phase::Loss(_));
                if look {
                    self.frto = Frto::HeadSent;
                    self.board.mark_first_lost();
                } else {
                    self.frto = Frto::Off;
                    self.board.mark_first_lost();
                    self.mark_lost_by_timeout(now);
                }
                self.cwr_due = true;
                self.prr = None;
                self.tail_probe = None;
                self.phase = Phase::Loss(self.snd_nxt);
                self.recover = Some(self.snd_nxt);
                self.dup_acks = 0;
                self.head_due = true;
                self.timer = Timer::Retransmit(self.rtt.expiry(now));
                Expired::Retransmission(self.expirations)
            }
            Timer::Persist(at) if at <= now => {
                // SHLD-30: the interval grows exponentially.
                self.expirations += 1;
                self.rtt.back_off();
                self.probe_due = true;
                self.timer = Timer::Persist(self.rtt.expiry(now));
                Expired::Retransmission(self.expirations)
            }
            Timer::Reorder(at) if at <= now => {
                self.timer = Timer::Idle;
                self.detect_loss(now, self.board.flight(), false);
                self.arm(now);
                Expired::Nothing
            }
            Timer::Probe(at) if at <= now => {
                self.tail_probe_due = true;
                self.timer = Timer::Retransmit(self.rtt.expiry(now));
                Expired::Nothing
            }
            Timer::Override(at) if at <= now => {
                self.override_due = true;
                self.timer = Timer::Idle;
                Expired::Nothing
            }
            _ => Expired::Nothing,
        }
    }

    /// What counts as lost after a timeout: everything, or by time what was sent long enough ago (RFC 8985 §6.3).
    pub(super) fn mark_lost_by_timeout(&mut self, now: Instant) {
        if self.sack {
            let moment = self.moment(now);
            self.detector.on_timeout(moment, &mut self.board);
        } else {
            self.board.mark_all_lost();
        }
    }

    /// RFC 8985 §7.2 and §7.3: not in recovery, nothing SACKed, no probe outstanding, and a round trip measured since
    /// the last one.
    pub(super) fn may_probe_tail(&self) -> bool {
        self.sack
            && self.detector.probes_tail()
            && self.phase == Phase::Open
            && self.board.sacked() == 0
            && self.tail_probe.is_none()
            && !self.probed_since_sample
            && self.expirations == 0
    }

    /// RFC 8985 §7.2 `TLP_calc_PTO`.
    fn probe_timeout(&self) -> Duration {
        let timeout = match self.rtt.srtt() {
            None => Duration::from_secs(1),
            Some(srtt) if self.board.flight() <= self.mss => 2 * srtt + MAX_ACK_DELAY,
            Some(srtt) => 2 * srtt,
        };
        timeout.min(self.rtt.rto())
    }

    /// RFC 8985 §7.3: new data if there is any that may be sent, otherwise the last segment again.
    pub(super) fn send_tail_probe(&mut self, now: Instant, room: u32) -> Option<Outgoing> {
        let len = self.unsent().min(self.usable()).min(room);
        let segment = if len > 0 {
            self.fresh(len, false, now)
        } else {
            let last = self.board.len().checked_sub(1)?;
            let segment = self.board.get(last)?;
            if segment.len - u32::from(segment.fin) > room {
                return None;
            }
            self.again(last, now)
        };
        self.tail_probe = Some((self.snd_nxt, segment.retransmission));
        self.probed_since_sample = true;
        self.timer = Timer::Retransmit(self.rtt.expiry(now));
        Some(segment)
    }

    /// Starts the timer that the situation asks for, if it does not run.
    #[inline]
    pub(super) fn arm(&mut self, now: Instant) {
        let pending = self.unsent() > 0 || self.fin == Fin::Queued;
        self.timer = match self.timer {
            running @ Timer::Retransmit(_) if !self.board.is_empty() && self.snd_wnd > 0 => running,
            running @ (Timer::Reorder(_) | Timer::Probe(_))
                if !self.board.is_empty() && self.snd_wnd > 0 =>
            {
                running
            }
            running @ Timer::Persist(_)
                if self.snd_wnd == 0 && (pending || !self.board.is_empty()) =>
            {
                running
            }
            running @ Timer::Override(_)
                if self.board.is_empty() && pending && self.snd_wnd > 0 =>
            {
                running
            }
            _ if self.snd_wnd == 0 && (pending || !self.board.is_empty()) => {
                // SHLD-29: the first probe one RTO after the window closed.
                self.stalled_since.get_or_insert(now);
                Timer::Persist(self.rtt.expiry(now))
            }
            _ if !self.board.is_empty() && self.may_probe_tail() => {
                Timer::Probe(now + self.probe_timeout())
            }
            _ if !self.board.is_empty() => Timer::Retransmit(self.rtt.expiry(now)),
            _ => Timer::Idle,
        };
    }
}
