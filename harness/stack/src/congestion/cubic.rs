//! CUBIC (RFC 9438): the window grows by the time since the last loss, along a cubic around the window
//! at which it happened, and never slower than Reno would.
//!
//! Windows are kept in octets; the cubic is computed in segments and seconds, as the RFC has it.

use super::{Acked, CongestionControl, initial_window};
use core::time::Duration;
use tcpconf_wire::Instant;

/// C, in segments a second cubed (§5.1).
const C: f64 = 0.4;
/// Multiplicative decrease (§4.6).
const BETA: f64 = 0.7;
/// Additive increase in the Reno-friendly region (§4.3).
const ALPHA: f64 = 3.0 * (1.0 - BETA) / (1.0 + BETA);
/// Without a sample (§4.2 needs one RTT ahead).
const RTT_UNKNOWN: Duration = Duration::from_millis(100);

/// A congestion avoidance stage (§4.2).
#[derive(Clone, Copy, Debug)]
struct Epoch {
    start: Instant,
    /// Seconds until the window is `w_max` again.
    k: f64,
    /// The window that Reno would have, in segments.
    w_est: f64,
}

/// RFC 9438.
#[derive(Debug)]
pub(crate) struct Cubic {
    mss: u32,
    /// In octets, with the fraction that growth by less than an octet leaves.
    cwnd: f64,
    ssthresh: u32,
    initial: u32,
    /// In segments: the window before the last reduction, after fast convergence.
    w_max: f64,
    /// In segments: the window just before the last reduction.
    cwnd_prior: f64,
    epoch: Option<Epoch>,
    last_ack: Option<Instant>,
    /// cwnd, ssthresh, W_max and cwnd_prior before the last timeout (§4.9.1).
    before_timeout: (f64, u32, f64, f64),
}

impl Cubic {
    pub(crate) fn new(mss: u32, syn_lost: bool) -> Self {
        let initial = initial_window(mss, syn_lost);
        Self {
            mss,
            cwnd: f64::from(initial),
            ssthresh: u32::MAX,
            initial,
            w_max: 0.0,
            cwnd_prior: 0.0,
            epoch: None,
            last_ack: None,
            before_timeout: (f64::from(initial), u32::MAX, 0.0, 0.0),
        }
    }

    fn segments(&self) -> f64 {
        self.cwnd / f64::from(self.mss)
    }

    /// §4.6 and §4.7; at least two segments remain.
    fn reduce(&mut self, flight: u32) {
        let cwnd = self.segments();
        self.cwnd_prior = cwnd;
        self.w_max = if cwnd < self.w_max {
            cwnd * (1.0 + BETA) / 2.0
        } else {
            cwnd
        };
        self.ssthresh = ((f64::from(flight) * BETA) as u32).max(2 * self.mss);
        self.epoch = None;
    }

    fn begin_epoch(&mut self, now: Instant) -> Epoch {
        let cwnd = self.segments();
        if self.w_max < cwnd {
            self.w_max = cwnd;
        }
        // §4.2: K = cubic_root((W_max - cwnd_epoch) / C)
        let epoch = Epoch {
            start: now,
            k: ((self.w_max - cwnd) / C).cbrt(),
            w_est: cwnd,
        };
        self.epoch = Some(epoch);
        epoch
    }
}

impl CongestionControl for Cubic {
    fn cwnd(&self) -> u32 {
        self.cwnd as u32
    }

    fn ssthresh(&self) -> u32 {
        self.ssthresh
    }

    fn set_mss(&mut self, mss: u32) {
        let scale = f64::from(self.mss) / f64::from(mss);
        self.w_max *= scale;
        self.cwnd_prior *= scale;
        self.mss = mss;
        self.cwnd = self.cwnd.max(f64::from(mss));
    }

    fn on_ack(&mut self, acked: Acked) {
        let before = self.last_ack.replace(acked.now);
        if !acked.window_limited {
            // §4.2: time without enough data does not count.
            if let (Some(epoch), Some(before)) = (&mut self.epoch, before) {
                epoch.start += acked.now.since(before);
            }
            return;
        }
        if self.cwnd() < self.ssthresh {
            self.cwnd += f64::from(acked.octets.min(self.mss));
            return;
        }
        let mut epoch = match self.epoch {
            Some(epoch) => epoch,
            None => self.begin_epoch(acked.now),
        };
        let cwnd = self.segments();
        let segments = f64::from(acked.octets) / f64::from(self.mss);
        // §4.3: alpha is 1 once Reno would be where the last loss was.
        let alpha = if epoch.w_est >= self.cwnd_prior {
            1.0
        } else {
            ALPHA
        };
        epoch.w_est += alpha * segments / cwnd;
        self.epoch = Some(epoch);
        let cubic = |t: f64| C * (t - epoch.k).powi(3) + self.w_max;
        let t = acked.now.since(epoch.start).as_secs_f64();
        let rtt = acked
            .srtt_nanos
            .map_or(RTT_UNKNOWN, Duration::from_nanos)
            .as_secs_f64();
        let next = if cubic(t) < epoch.w_est {
            epoch.w_est.max(cwnd)
        } else {
            // §4.4 and §4.5, with the target bounded by §4.2.
            let target = cubic(t + rtt).clamp(cwnd, 1.5 * cwnd);
            cwnd + (target - cwnd) / cwnd * segments
        };
        self.cwnd = next * f64::from(self.mss);
    }

    fn on_loss(&mut self, _now: Instant, flight: u32) {
        self.reduce(flight);
        self.cwnd = f64::from(self.ssthresh);
    }

    fn on_recovered(&mut self, flight: u32) {
        let most = flight.max(self.mss) + self.mss;
        self.cwnd = f64::from(self.ssthresh.min(most));
    }

    fn on_timeout(&mut self, _now: Instant, flight: u32, first: bool) {
        if first {
            self.before_timeout = (self.cwnd, self.ssthresh, self.w_max, self.cwnd_prior);
            self.reduce(flight);
        }
        // §4.8
        self.cwnd = f64::from(self.mss);
        self.epoch = None;
    }

    fn undo_timeout(&mut self) {
        (self.cwnd, self.ssthresh, self.w_max, self.cwnd_prior) = self.before_timeout;
    }

    fn on_idle(&mut self) {
        self.cwnd = self.cwnd.min(f64::from(self.initial));
        self.epoch = None;
    }

    fn initial_window(&self) -> u32 {
        self.initial
    }

    fn set_window(&mut self, cwnd: u32, ssthresh: u32) {
        (self.cwnd, self.ssthresh) = (f64::from(cwnd), ssthresh);
        self.epoch = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;

    /// One window acknowledged, segment by segment, `rtt_ms` later.
    fn round(cubic: &mut Cubic, now: &mut Instant, rtt_ms: u64) {
        let rtt = Duration::from_millis(rtt_ms);
        *now += rtt;
        for _ in 0..cubic.cwnd() / MSS {
            cubic.on_ack(Acked {
                now: *now,
                octets: MSS,
                window_limited: true,
                srtt_nanos: Some(rtt.as_nanos() as u64),
            });
        }
    }

    #[test]
    fn rfc9438_4_6_loss_leaves_seven_tenths() {
        let mut cubic = Cubic::new(MSS, false);
        cubic.on_loss(Instant::ZERO, 100 * MSS);
        assert_eq!((cubic.cwnd(), cubic.ssthresh()), (70 * MSS, 70 * MSS));
    }

    #[test]
    fn rfc9438_4_4_the_window_returns_to_where_the_loss_was_in_k_seconds() {
        let mut cubic = Cubic::new(MSS, false);
        cubic.cwnd = f64::from(1000 * MSS);
        let mut now = Instant::from_secs(1);
        cubic.on_loss(now, 1000 * MSS);
        assert_eq!(cubic.cwnd(), 700 * MSS);
        // K = cbrt(300 / 0.4) = 9.09 s: flat there, and beyond it grows faster and faster.
        for _ in 0..90 {
            round(&mut cubic, &mut now, 100);
        }
        let at_k = cubic.segments();
        assert!((985.0..1002.0).contains(&at_k), "{at_k}");
        for _ in 0..60 {
            round(&mut cubic, &mut now, 100);
        }
        let later = cubic.segments();
        assert!((1050.0..1110.0).contains(&later), "{later}");
    }

    #[test]
    fn rfc9438_4_3_with_a_short_rtt_it_is_no_slower_than_reno() {
        let mut cubic = Cubic::new(MSS, false);
        cubic.cwnd = f64::from(20 * MSS);
        let mut now = Instant::from_secs(1);
        cubic.on_loss(now, 20 * MSS);
        for _ in 0..20 {
            round(&mut cubic, &mut now, 1);
        }
        // Reno with beta 0.7 and alpha 0.53: 14 + 20 * 0.53 = 24.6, faster above 20.
        let window = cubic.segments();
        assert!((22.0..32.0).contains(&window), "{window}");
    }

    #[test]
    fn rfc9438_4_7_fast_convergence_gives_room() {
        let mut cubic = Cubic::new(MSS, false);
        cubic.cwnd = f64::from(100 * MSS);
        cubic.on_loss(Instant::ZERO, 100 * MSS);
        cubic.on_loss(Instant::ZERO, 70 * MSS);
        assert!((cubic.w_max - 59.5).abs() < 0.01, "{}", cubic.w_max);
    }

    #[test]
    fn rfc9438_4_9_1_a_needless_timeout_is_undone() {
        let mut cubic = Cubic::new(MSS, false);
        cubic.cwnd = f64::from(100 * MSS);
        cubic.on_loss(Instant::ZERO, 100 * MSS);
        let before = (
            cubic.cwnd(),
            cubic.ssthresh(),
            cubic.w_max,
            cubic.cwnd_prior,
        );
        cubic.on_timeout(Instant::ZERO, 70 * MSS, true);
        assert_eq!(cubic.cwnd(), MSS);
        cubic.undo_timeout();
        let after = (
            cubic.cwnd(),
            cubic.ssthresh(),
            cubic.w_max,
            cubic.cwnd_prior,
        );
        assert_eq!(after, before);
    }

    #[test]
    fn rfc4821_4_another_segment_size_leaves_the_window_in_octets() {
        let mut cubic = Cubic::new(MSS, false);
        cubic.cwnd = f64::from(100 * MSS);
        cubic.on_loss(Instant::ZERO, 100 * MSS);
        let (cwnd, w_max) = (cubic.cwnd(), cubic.w_max);
        cubic.set_mss(MSS / 2);
        assert_eq!(cubic.cwnd(), cwnd);
        assert!((cubic.w_max - 2.0 * w_max).abs() < 0.01, "{}", cubic.w_max);
    }

    #[test]
    fn rfc9438_4_8_timeout_leaves_one_segment() {
        let mut cubic = Cubic::new(MSS, false);
        cubic.on_timeout(Instant::ZERO, 10 * MSS, true);
        assert_eq!((cubic.cwnd(), cubic.ssthresh()), (MSS, 7 * MSS));
    }
}
