//! The run's clock, and the one place where the kernel's receive stamps are brought onto it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tcpconf_wire::Instant;

/// Monotonic time since the run began (`CLOCK_MONOTONIC` on Linux).
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunClock {
    start: std::time::Instant,
    epoch: Duration,
}

impl RunClock {
    /// A clock that begins now.
    pub(crate) fn start() -> Self {
        Self {
            start: std::time::Instant::now(),
            epoch: since_epoch(SystemTime::now()),
        }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// Nanoseconds since 1970 at the run's zero.
    pub(crate) fn epoch_nanos(&self) -> u64 {
        u64::try_from(self.epoch.as_nanos()).unwrap_or(u64::MAX)
    }

    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "kernel stamps are Linux's")
    )]
    /// Both clocks at this moment; good for stamps of the last few milliseconds.
    pub(crate) fn reading(&self) -> Reading {
        Reading {
            now: self.now(),
            real: since_epoch(SystemTime::now()),
        }
    }
}

#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "kernel stamps are Linux's")
)]
/// The run's clock and the wall clock, read together.
///
/// Receive stamps are `CLOCK_REALTIME`, which may be slewed or set while a run lasts; the age of a
/// stamp at the moment of reading is what survives that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    now: Instant,
    real: Duration,
}

#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "kernel stamps are Linux's")
)]
impl Reading {
    /// The run's time of a wall-clock stamp. A stamp of the future (the wall clock was set back)
    /// counts as now.
    pub(crate) fn instant(&self, stamp: Duration) -> Instant {
        self.now.saturating_sub(self.real.saturating_sub(stamp))
    }

    /// The run's time when both clocks were read.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_keeps_its_age() {
        let reading = Reading {
            now: Instant::from_millis(500),
            real: Duration::from_secs(1_000),
        };
        assert_eq!(
            reading.instant(Duration::from_millis(999_900)),
            Instant::from_millis(400)
        );
    }

    #[test]
    fn a_stamp_of_the_future_is_now() {
        let reading = Reading {
            now: Instant::from_millis(500),
            real: Duration::from_secs(1_000),
        };
        assert_eq!(
            reading.instant(Duration::from_secs(1_001)),
            Instant::from_millis(500)
        );
    }
}
