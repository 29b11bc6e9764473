//! Slow start and congestion avoidance of RFC 5681, with the recovery exit of RFC 6582.

use super::{Acked, CongestionControl, initial_window};
use tcpconf_wire::Instant;

/// RFC 5681.
#[derive(Debug, Default)]
pub(crate) struct Reno {
    mss: u32,
    cwnd: u32,
    ssthresh: u32,
    initial: u32,
    /// Octets acknowledged since the last increase in congestion avoidance.
    counted: u32,
    /// Window and threshold before the last timeout.
    before_timeout: (u32, u32),
}

impl Reno {
    #[inline]
    pub(crate) fn new(mss: u32, syn_lost: bool) -> Self {
        let initial = initial_window(mss, syn_lost);
        Self {
            mss,
            cwnd: initial,
            ssthresh: u32::MAX,
            initial,
            counted: 0,
            before_timeout: (initial, u32::MAX),
        }
    }

    /// RFC 5681 equation (4).
    fn half(&self, flight: u32) -> u32 {
        (flight / 2).max(2 * self.mss)
    }
}

impl CongestionControl for Reno {
    fn cwnd(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    fn set_mss(&mut self, mss: u32) {
        self.mss = mss;
        self.cwnd = self.cwnd.max(mss);
    }

    fn on_ack(&mut self, acked: Acked) {
        if !acked.window_limited {
            return;
        }
        if self.cwnd < self.ssthresh {
            // RFC 5681 equation (2)
            self.cwnd = self.cwnd.saturating_add(acked.octets.min(self.mss));
            return;
        }
        // RFC 5681 §3.1, the recommended way: one SMSS when a window was acknowledged.
        self.counted = self.counted.saturating_add(acked.octets);
        if self.counted >= self.cwnd {
            self.counted -= self.cwnd;
            self.cwnd = self.cwnd.saturating_add(self.mss);
        }
    }

    fn on_loss(&mut self, _now: Instant, flight: u32) {
        self.ssthresh = self.half(flight);
        self.cwnd = self.ssthresh;
        self.counted = 0;
    }

    fn on_recovered(&mut self, flight: u32) {
        // RFC 6582 §3.2 step 3 (1): no burst after recovery.
        self.cwnd = self.ssthresh.min(flight.max(self.mss) + self.mss);
    }

    fn on_timeout(&mut self, _now: Instant, flight: u32, first: bool) {
        if first {
            self.before_timeout = (self.cwnd, self.ssthresh);
            self.ssthresh = self.half(flight);
        }
        self.cwnd = self.mss;
        self.counted = 0;
    }

    fn undo_timeout(&mut self) {
        (self.cwnd, self.ssthresh) = self.before_timeout;
    }

    fn on_idle(&mut self) {
        self.cwnd = self.cwnd.min(self.initial);
    }

    fn initial_window(&self) -> u32 {
        self.initial
    }

    fn set_window(&mut self, cwnd: u32, ssthresh: u32) {
        (self.cwnd, self.ssthresh) = (cwnd, ssthresh);
        self.counted = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;

    fn ack(octets: u32) -> Acked {
        Acked {
            now: Instant::ZERO,
            octets,
            window_limited: true,
            srtt_nanos: None,
        }
    }

    #[test]
    fn rfc5681_3_1_slow_start_grows_by_a_segment_an_ack() {
        let mut reno = Reno::new(MSS, false);
        assert_eq!(reno.cwnd(), 10 * MSS);
        reno.on_ack(ack(2 * MSS));
        assert_eq!(reno.cwnd(), 11 * MSS);
    }

    #[test]
    fn rfc5681_3_1_congestion_avoidance_grows_by_a_segment_a_window() {
        let mut reno = Reno::new(MSS, false);
        reno.on_loss(Instant::ZERO, 20 * MSS);
        assert_eq!(reno.cwnd(), 10 * MSS);
        for _ in 0..9 {
            reno.on_ack(ack(MSS));
        }
        assert_eq!(reno.cwnd(), 10 * MSS);
        reno.on_ack(ack(MSS));
        assert_eq!(reno.cwnd(), 11 * MSS);
    }

    #[test]
    fn rfc5681_3_1_timeout_leaves_one_segment() {
        let mut reno = Reno::new(MSS, false);
        reno.on_timeout(Instant::ZERO, 3 * MSS, true);
        assert_eq!((reno.cwnd(), reno.ssthresh()), (MSS, 2 * MSS));
    }

    #[test]
    fn rfc7661_4_3_an_unused_window_does_not_grow() {
        let mut reno = Reno::new(MSS, false);
        reno.on_ack(Acked {
            window_limited: false,
            ..ack(MSS)
        });
        assert_eq!(reno.cwnd(), 10 * MSS);
    }
}
