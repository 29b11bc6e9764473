//! Durations of the harness itself, and the rate limit.

use std::time::Duration;
use tcpconf_wire::Instant;

/// Sub-buckets of each power of two: a resolution of about 6 %.
const SUB: u64 = 16;

/// A histogram of durations with bounded memory.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; 61 * SUB as usize],
            total: 0,
        }
    }
}

impl Histogram {
    /// One more.
    pub(crate) fn add(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let index = (bucket(nanos) as usize).min(self.counts.len() - 1);
        self.counts[index] += 1;
        self.total += 1;
    }

    /// The duration that this share of all does not exceed (the upper end of its bucket).
    pub(crate) fn percentile(&self, percent: u64) -> Option<Duration> {
        if self.total == 0 {
            return None;
        }
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let index = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_nanos(upper(index as u64)))
    }

    /// How many.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }
}

const fn bucket(nanos: u64) -> u64 {
    if nanos < SUB {
        return nanos;
    }
    let exponent = nanos.ilog2() as u64 - 4;
    (exponent + 1) * SUB + (nanos >> exponent) - SUB
}

const fn upper(bucket: u64) -> u64 {
    if bucket < SUB {
        return bucket;
    }
    let exponent = bucket / SUB - 1;
    ((bucket % SUB + SUB + 1) << exponent) - 1
}

/// Packets that may go out: a token bucket that holds at most a hundredth of a second's worth.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    interval: Duration,
    burst: Duration,
    /// When the next packet may go, were there no burst.
    ready: Instant,
}

impl Bucket {
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self {
            interval,
            burst: Duration::from_millis(10).saturating_sub(interval),
            ready: now,
        }
    }

    /// When the next packet may go.
    pub(crate) fn next(&self) -> Instant {
        self.ready.saturating_sub(self.burst)
    }

    /// A packet goes.
    pub(crate) fn take(&mut self, now: Instant) {
        self.ready = self.ready.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_sixteenth() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(50), None);
        for micros in 1..=1000 {
            histogram.add(Duration::from_micros(micros));
        }
        for (percent, micros) in [(1, 10.0), (50, 500.0), (99, 990.0), (100, 1000.0)] {
            let got = histogram.percentile(percent).unwrap().as_secs_f64() * 1e6;
            assert!((micros..micros * 1.07).contains(&got), "p{percent}: {got}");
        }
        assert_eq!(histogram.total(), 1000);
    }

    #[test]
    fn buckets_do_not_overlap() {
        for nanos in (0..100_000).chain([u64::MAX / 2]) {
            let index = bucket(nanos);
            assert!(nanos <= upper(index), "{nanos}");
            assert!(index == 0 || nanos > upper(index - 1), "{nanos}");
        }
        Histogram::default().add(Duration::MAX);
    }

    #[test]
    fn a_second_lets_the_rate_through_and_no_more() {
        let mut bucket = Bucket::new(1_000, Instant::ZERO);
        let (mut now, mut sent) = (Instant::ZERO, 0);
        while now < Instant::from_secs(1) {
            if bucket.next() <= now {
                bucket.take(now);
                sent += 1;
            }
            now += Duration::from_micros(50);
        }
        assert!((1_000..=1_011).contains(&sent), "{sent}");
    }
}
