//! The retransmission timeout of RFC 6298, with the smoothing of RFC 7323 appendix G.

use core::time::Duration;
use tcpconf_wire::Instant;

/// Clock granularity G (RFC 6298 §2).
const GRANULARITY: Duration = Duration::from_millis(1);
/// RTO after a lost SYN (RFC 6298 §5.7).
const RTO_AFTER_LOST_SYN: Duration = Duration::from_secs(3);

/// SRTT, RTTVAR and RTO, in nanoseconds: whole numbers divide and compare faster than a [`Duration`], and round
/// trips are far below the 584 years that fit.
#[derive(Clone, Debug, Default)]
pub(crate) struct RttEstimator {
    /// `None` before the first sample.
    srtt: Option<u64>,
    rttvar: u64,
    /// Without back-off.
    rto: u64,
    /// With it, at most `max`.
    backed_off: u64,
    min: u64,
    max: u64,
    backoff: u32,
}

impl RttEstimator {
    #[inline]
    pub(crate) fn new(initial: Duration, min: Duration, max: Duration) -> Self {
        let (initial, max) = (nanos(initial), nanos(max));
        Self {
            srtt: None,
            rttvar: 0,
            rto: initial,
            backed_off: initial.min(max),
            min: nanos(min),
            max,
            backoff: 0,
        }
    }

    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.srtt.map(Duration::from_nanos)
    }

    /// The timeout with its back-off, at most the configured maximum.
    pub(crate) fn rto(&self) -> Duration {
        Duration::from_nanos(self.backed_off)
    }

    /// One RTO from `now` on.
    #[inline]
    pub(crate) fn expiry(&self, now: Instant) -> Instant {
        Instant::from_nanos(now.as_nanos().saturating_add(self.backed_off))
    }

    fn set_backoff(&mut self, backoff: u32) {
        self.backoff = backoff;
        self.backed_off = self.rto.saturating_mul(1 << backoff).min(self.max);
    }

    /// RFC 6298 §5.5: doubled.
    pub(crate) fn back_off(&mut self) {
        self.set_backoff((self.backoff + 1).min(16));
    }

    pub(crate) fn reset_backoff(&mut self) {
        self.set_backoff(0);
    }

    /// RFC 6298 §5.7: the timer expired while the SYN was not acknowledged.
    pub(crate) fn syn_was_lost(&mut self) {
        self.rto = self.rto.max(nanos(RTO_AFTER_LOST_SYN));
        self.set_backoff(0);
    }

    pub(crate) fn srtt_nanos(&self) -> Option<u64> {
        self.srtt
    }

    /// A sample: what was sent at `sent` is acknowledged now.
    #[inline]
    pub(crate) fn sample_since(&mut self, sent: Instant, now: Instant, samples_per_rtt: u32) {
        self.take(
            now.as_nanos().saturating_sub(sent.as_nanos()),
            samples_per_rtt,
        );
    }

    pub(crate) fn sample(&mut self, rtt: Duration, samples_per_rtt: u32) {
        self.take(nanos(rtt), samples_per_rtt);
    }

    /// RFC 6298 §2.2 and §2.3. With `samples_per_rtt` samples expected in a round trip each one
    /// weighs accordingly less (RFC 7323 appendix G).
    #[inline]
    fn take(&mut self, rtt: u64, samples_per_rtt: u32) {
        let srtt = match self.srtt {
            None => {
                self.rttvar = rtt / 2;
                rtt
            }
            Some(srtt) => {
                let error = srtt.abs_diff(rtt);
                if samples_per_rtt <= 1 {
                    // Constants are divided by several times faster.
                    self.rttvar = closer(self.rttvar, error, 4);
                    closer(srtt, rtt, 8)
                } else {
                    let n = i64::from(samples_per_rtt.min(1 << 16));
                    self.rttvar = closer(self.rttvar, error, 4 * n);
                    closer(srtt, rtt, 8 * n)
                }
            }
        };
        self.srtt = Some(srtt);
        let rto = srtt.saturating_add(nanos(GRANULARITY).max(self.rttvar.saturating_mul(4)));
        self.rto = rto.clamp(self.min, self.max);
        self.set_backoff(0);
    }
}

/// `from`, moved towards `to` by one part in `parts` of the way.
#[inline]
fn closer(from: u64, to: u64, parts: i64) -> u64 {
    from.saturating_add_signed((to as i64 - from as i64) / parts)
}

fn nanos(duration: Duration) -> u64 {
    i64::try_from(duration.as_nanos()).map_or(i64::MAX as u64 / 2, |nanos| nanos as u64)
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
