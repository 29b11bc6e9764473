//! A sender whose application is the limit: the window after a pause (RFC 5681 §4.1), or its validation
//! (RFC 7661).

use super::{Phase, Sender};
use crate::congestion::CongestionControl;
use tcpconf_wire::Instant;

impl Sender {
    /// Before something is sent: the window may have aged.
    #[inline]
    pub(super) fn window_ages(&mut self, now: Instant) {
        if self.validation.is_some() {
            // pipeACK rests during recovery (§4.2).
            if self.phase == Phase::Open {
                self.validate(now);
            }
        } else if self.board.is_empty() && now > self.rtt.expiry(self.last_sent) {
            self.congestion.on_idle();
        }
    }

    /// RFC 7661 §4.4.3: at the end of the non-validated phase ssthresh remembers three quarters of the
    /// window, and half of it is left, but no less than the initial one.
    fn validate(&mut self, now: Instant) {
        let srtt = self.rtt.srtt();
        while let Some(validation) = &mut self.validation
            && validation.has_expired(now, self.congestion.cwnd(), srtt)
        {
            let cwnd = self.congestion.cwnd();
            let ssthresh = self.congestion.ssthresh().max(cwnd / 4 * 3);
            let least = self.congestion.initial_window();
            let reduced = (cwnd / 2).max(least).min(cwnd);
            self.congestion.set_window(reduced, ssthresh);
            if reduced == cwnd {
                // Nothing more to give up, however many periods have passed.
                break;
            }
        }
    }

    /// Whether an acknowledgement lets the window grow, when `flight` octets were in flight before it.
    #[inline]
    pub(super) fn window_may_grow(&mut self, now: Instant, octets: u32, flight: u32) -> bool {
        let cwnd = self.congestion.cwnd();
        let edges = (self.snd_una, self.snd_nxt);
        if let Some(validation) = &mut self.validation {
            validation.on_ack(now, octets, edges, self.rtt.srtt());
            self.validate(now);
        }
        match &self.validation {
            // §4.4: cwnd-limited, or validated.
            Some(validation) => !validation.is_non_validated() || flight + self.mss > cwnd,
            None => {
                let slow_start = cwnd < self.congestion.ssthresh();
                flight + self.mss >= cwnd || (slow_start && 2 * flight >= cwnd)
            }
        }
    }

    /// Congestion: the window is reduced, by what was used of it if that was little.
    pub(super) fn reduce_window(&mut self, now: Instant, flight: u32) {
        self.congestion.on_loss(now, flight);
        let window = self.validation.as_mut().and_then(|v| v.on_loss(flight));
        self.set_safe_window(window);
    }

    /// Fast recovery, or what stands for it, is over.
    pub(super) fn window_recovered(&mut self, flight: u32) {
        self.congestion.on_recovered(flight);
        let window = self.validation.as_mut().and_then(|v| v.on_recovered());
        self.set_safe_window(window);
    }

    /// RFC 7661 §4.4.1; ssthresh is that of RFC 5681 §3.2 step 6.
    fn set_safe_window(&mut self, window: Option<u32>) {
        if let Some(window) = window {
            let window = window.max(self.mss);
            self.congestion.set_window(window, window.max(2 * self.mss));
        }
    }

    /// A segment of `len` leaves; `again` for the first time again.
    #[inline]
    pub(super) fn validation_sees(&mut self, len: u32, again: bool) {
        let recovering = matches!(self.phase, Phase::Recovery(_));
        if let Some(validation) = &mut self.validation {
            validation.note_burst(Some(len));
            if again && recovering {
                validation.resent(len);
            }
        }
    }

    /// RFC 7661 §4.4.2: instead of pacing, no burst is larger than the initial window.
    #[inline]
    pub(super) fn burst_left(&self) -> u32 {
        self.validation.as_ref().map_or(u32::MAX, |validation| {
            validation.burst_left(self.congestion.initial_window())
        })
    }
}
