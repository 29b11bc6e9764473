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
}

/// How the wall clock stands to the run's. Receive stamps are of the wall clock (`CLOCK_REALTIME`), which may be slewed
/// or set while a run lasts.
///
/// Two clocks cannot be read at once, and whoever reads them may lose the processor in between. So a look at them
/// tells no more than bounds, and what is taken for true changes only as far as they ask for.
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "kernel stamps are Linux's")
)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct StampClock {
    run: RunClock,
    /// The run's time at the last look.
    now: Instant,
    /// The wall clock at the run's zero, in nanoseconds since 1970.
    zero: i128,
}

#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "kernel stamps are Linux's")
)]
impl StampClock {
    /// For stamps of the wall clock, to be told in the times of this one.
    pub(crate) fn beside(run: RunClock) -> Self {
        Self {
            run,
            now: Instant::ZERO,
            zero: run.epoch.as_nanos() as i128,
        }
    }

    /// Looks at both clocks: now stamps of the last few milliseconds can be read. The run's time.
    pub(crate) fn look(&mut self) -> Instant {
        let before = self.run.now();
        let wall = since_epoch(SystemTime::now());
        self.seen(before, wall, self.run.now());
        self.now
    }

    /// The wall clock was read between these times.
    fn seen(&mut self, before: Instant, wall: Duration, after: Instant) {
        let wall = wall.as_nanos() as i128;
        let earliest = wall - i128::from(after.as_nanos());
        let latest = wall - i128::from(before.as_nanos());
        self.zero = self.zero.clamp(earliest, latest);
        self.now = after;
    }

    /// The run's time of a stamp. One of the future (the wall clock was set back) counts as the last look.
    pub(crate) fn instant(&self, stamp: Duration) -> Instant {
        let since_zero = stamp.as_nanos() as i128 - self.zero;
        let nanos = since_zero.clamp(0, i128::from(self.now.as_nanos()));
        Instant::from_nanos(nanos as u64)
    }
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const EPOCH: Duration = Duration::from_secs(1_000);

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    /// The wall clock said `wall` ms behind the run's zero, read between these run times (ms).
    fn seen(clock: &mut StampClock, before: u64, wall: u64, after: u64) {
        clock.seen(ms(before), EPOCH + Duration::from_millis(wall), ms(after));
    }

    fn stamp_clock() -> StampClock {
        StampClock {
            run: RunClock::start(),
            now: Instant::ZERO,
            zero: EPOCH.as_nanos() as i128,
        }
    }

    #[rstest]
    #[case::both_at_once((500, 500, 500), 400, 400)]
    #[case::interrupted_before_the_wall_clock((500, 590, 600), 400, 400)]
    #[case::interrupted_behind_it((500, 510, 600), 400, 400)]
    #[case::slewed((500, 501, 500), 400, 399)]
    #[case::set_forward((500, 5_500, 500), 5_400, 400)]
    #[case::set_back((1_500, 500, 1_500), 400, 1_400)]
    #[case::of_the_future((500, 500, 500), 501, 500)]
    #[case::before_the_run((10, 0, 10), 0, 10)]
    #[case::long_before_the_run((10, 20, 10), 5, 0)]
    fn a_stamp_keeps_its_age(
        #[case] (before, wall, after): (u64, u64, u64),
        #[case] stamp: u64,
        #[case] at: u64,
    ) {
        let mut clock = stamp_clock();
        seen(&mut clock, before, wall, after);
        assert_eq!(clock.instant(EPOCH + Duration::from_millis(stamp)), ms(at));
    }

    /// What a vague look left open, a sharp one decides; what a sharp one decided, a vague one leaves alone.
    #[test]
    fn the_sharpest_look_counts() {
        let mut clock = stamp_clock();
        for (look, zero) in [
            ((0, 107, 100), 7),
            ((100, 140, 110), 30),
            ((110, 160, 140), 30),
        ] {
            let (before, wall, after) = look;
            seen(&mut clock, before, wall, after);
            assert_eq!(
                clock.zero,
                (EPOCH + Duration::from_millis(zero)).as_nanos() as i128
            );
        }
    }

    #[test]
    fn a_stamp_of_now_is_of_now() {
        let run = RunClock::start();
        let mut clock = StampClock::beside(run);
        clock.look();
        let before = run.now();
        let stamp = since_epoch(SystemTime::now());
        let after = clock.look();
        let at = clock.instant(stamp);
        // As sharp as the looks were: a machine under load interrupts any.
        let sharp = Duration::from_secs(1);
        assert!(
            at + sharp >= before && at <= after,
            "{before:?} {at:?} {after:?}"
        );
    }
}
