//! The retransmission timeout of RFC 6298, with the smoothing of RFC 7323 appendix G.

use core::time::Duration;

/// Clock granularity G (RFC 6298 §2).
const GRANULARITY: Duration = Duration::from_millis(1);
/// RTO after a lost SYN (RFC 6298 §5.7).
const RTO_AFTER_LOST_SYN: Duration = Duration::from_secs(3);

/// SRTT, RTTVAR and RTO.
#[derive(Clone, Debug)]
pub(crate) struct RttEstimator {
    srtt: Option<Duration>,
    rttvar: Duration,
    rto: Duration,
    backoff: u32,
    min: Duration,
    max: Duration,
}

impl RttEstimator {
    pub(crate) fn new(initial: Duration, min: Duration, max: Duration) -> Self {
        Self {
            srtt: None,
            rttvar: Duration::ZERO,
            rto: initial,
            backoff: 0,
            min,
            max,
        }
    }

    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.srtt
    }

    /// The timeout with its back-off, at most the configured maximum.
    pub(crate) fn rto(&self) -> Duration {
        let factor = 1u32.checked_shl(self.backoff).unwrap_or(u32::MAX);
        self.rto.saturating_mul(factor).min(self.max)
    }

    /// RFC 6298 §5.5: doubled.
    pub(crate) fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(16);
    }

    pub(crate) fn reset_backoff(&mut self) {
        self.backoff = 0;
    }

    /// RFC 6298 §5.7: the timer expired while the SYN was not acknowledged.
    pub(crate) fn syn_was_lost(&mut self) {
        self.backoff = 0;
        self.rto = self.rto.max(RTO_AFTER_LOST_SYN);
    }

    /// RFC 6298 §2.2 and §2.3. With `samples_per_rtt` samples expected in a round trip each one
    /// weighs accordingly less (RFC 7323 appendix G).
    pub(crate) fn sample(&mut self, rtt: Duration, samples_per_rtt: u32) {
        let n = samples_per_rtt.clamp(1, 1 << 16);
        match self.srtt {
            None => {
                self.srtt = Some(rtt);
                self.rttvar = rtt / 2;
            }
            Some(srtt) => {
                let error = nanos(srtt.abs_diff(rtt));
                let (n, rttvar, srtt) = (u64::from(n), nanos(self.rttvar), nanos(srtt));
                let rttvar = rttvar - rttvar / (4 * n) + error / (4 * n);
                self.rttvar = Duration::from_nanos(rttvar);
                let srtt = srtt - srtt / (8 * n) + nanos(rtt) / (8 * n);
                self.srtt = Some(Duration::from_nanos(srtt));
            }
        }
        let srtt = self.srtt.unwrap_or(rtt);
        self.rto = (srtt + GRANULARITY.max(self.rttvar * 4)).clamp(self.min, self.max);
        self.backoff = 0;
    }
}

/// Round trips are far below the 584 years that fit; whole numbers divide faster than a [`Duration`].
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimator() -> RttEstimator {
        RttEstimator::new(
            Duration::from_secs(1),
            Duration::from_millis(200),
            Duration::from_secs(60),
        )
    }

    #[test]
    fn rfc6298_2_2_first_sample_sets_three_times_itself() {
        let mut e = estimator();
        assert_eq!(e.rto(), Duration::from_secs(1));
        e.sample(Duration::from_millis(100), 1);
        assert_eq!(e.srtt(), Some(Duration::from_millis(100)));
        assert_eq!(e.rto(), Duration::from_millis(300));
    }

    #[test]
    fn rfc6298_2_3_further_samples_are_smoothed() {
        let mut e = estimator();
        e.sample(Duration::from_millis(100), 1);
        e.sample(Duration::from_millis(180), 1);
        assert_eq!(e.srtt(), Some(Duration::from_millis(110)));
        // RTTVAR = 3/4 * 50 + 1/4 * 80 = 57.5 ms
        assert_eq!(e.rto(), Duration::from_millis(110 + 230));
    }

    #[test]
    fn rfc6298_5_5_back_off_doubles_up_to_the_maximum() {
        let mut e = estimator();
        for expected in [2, 4, 8, 16, 32, 60, 60] {
            e.back_off();
            assert_eq!(e.rto(), Duration::from_secs(expected));
        }
        e.sample(Duration::from_millis(100), 1);
        assert_eq!(e.rto(), Duration::from_millis(300));
    }
}
