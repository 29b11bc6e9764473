//! Whether processors stand still: a virtual machine's may, for tens of milliseconds, and the kernel's timers with them.
#![expect(unsafe_code, reason = "sched_setscheduler has no safe interface")]

use super::os_error;
use crate::net::clock::RunClock;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tcpconf_wire::Instant;

/// How often a processor must show that it runs.
const BEAT: Duration = Duration::from_millis(5);
/// The lowest of those that come before all ordinary threads.
const PRIORITY: i32 = 1;
const CALLING_THREAD: Pid = Pid::from_raw(0);

/// A thread on each processor that runs before all ordinary ones, so that it is late only when its processor is.
#[derive(Debug, Default)]
pub(crate) struct Stalls(Vec<Watch>);

#[derive(Debug)]
struct Watch {
    processor: usize,
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
}

/// What a watch tells.
#[derive(Debug)]
struct Pulse {
    clock: RunClock,
    /// When the last beat was (ns).
    last: AtomicU64,
    /// The longest delay of a beat since this was asked last (ns).
    worst: AtomicU64,
    ended: AtomicBool,
}

impl Stalls {
    /// Watches the processors that this process may use; none where the system does not let us run before others.
    pub(crate) fn watch(clock: RunClock) -> Self {
        let usable = sched_getaffinity(CALLING_THREAD).unwrap_or_default();
        let processors = 0..CpuSet::count();
        let usable = processors.filter(|cpu| usable.is_set(*cpu).unwrap_or(false));
        Self(usable.filter_map(|cpu| Watch::of(cpu, clock)).collect())
    }

    /// How late one of these processors was at worst since this was asked last, or is now.
    pub(crate) fn late(&mut self, on: &BTreeSet<usize>) -> Duration {
        let late = self.0.iter().map(|watch| {
            let late = watch.pulse.late();
            let counts = on.contains(&watch.processor);
            if counts { late } else { Duration::ZERO }
        });
        late.max().unwrap_or_default()
    }
}

impl Watch {
    fn of(processor: usize, clock: RunClock) -> Option<Self> {
        let pulse = Arc::new(Pulse {
            clock,
            last: AtomicU64::new(clock.now().as_nanos()),
            worst: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let (tell, told) = std::sync::mpsc::channel();
        let thread = {
            let pulse = Arc::clone(&pulse);
            move || {
                let ready = only_on(processor).and_then(|()| before_others(PRIORITY));
                let watches = ready.is_ok();
                // Whoever made it waits for this.
                drop(tell.send(ready));
                if watches {
                    pulse.beat();
                }
            }
        };
        let thread = thread::Builder::new()
            .name("processor".into())
            .spawn(thread);
        let watch = Self {
            processor,
            pulse,
            thread: Some(thread.ok()?),
        };
        told.recv().ok()?.ok()?;
        Some(watch)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.pulse.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A watch that panicked has nothing to tell any more.
            drop(thread.join());
        }
    }
}

impl Pulse {
    fn beat(&self) {
        // Until here it was a thread like others.
        self.last
            .store(self.clock.now().as_nanos(), Ordering::Release);
        while !self.ended.load(Ordering::Acquire) {
            thread::park_timeout(BEAT);
            self.at(self.clock.now());
        }
    }

    /// A beat at this time.
    fn at(&self, now: Instant) {
        let planned = Instant::from_nanos(self.last.load(Ordering::Acquire)) + BEAT;
        let late = now.as_nanos().saturating_sub(planned.as_nanos());
        // In this order: who asks in between hears of it twice, and never not at all.
        self.worst.fetch_max(late, Ordering::AcqRel);
        self.last.store(now.as_nanos(), Ordering::Release);
    }

    fn late(&self) -> Duration {
        self.late_at(self.clock.now())
    }

    fn late_at(&self, now: Instant) -> Duration {
        let last = Instant::from_nanos(self.last.load(Ordering::Acquire));
        let worst = Duration::from_nanos(self.worst.swap(0, Ordering::AcqRel));
        worst.max(now.since(last + BEAT))
    }
}

/// Puts the calling thread on one processor.
fn only_on(processor: usize) -> io::Result<()> {
    let mut only = CpuSet::new();
    only.set(processor).map_err(os_error)?;
    sched_setaffinity(CALLING_THREAD, &only).map_err(os_error)
}

/// Lets the calling thread run before all ordinary ones (`sched(7)`): it takes microseconds of every beat.
fn before_others(priority: i32) -> io::Result<()> {
    let parameters = libc::sched_param {
        sched_priority: priority,
    };
    // SAFETY: the parameters are borrowed for the call.
    let result = unsafe {
        libc::sched_setscheduler(
            0,
            libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK,
            &raw const parameters,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn ms(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[rstest]
    #[case::in_time(&[5, 10, 15], 20, 0)]
    #[case::one_was_late(&[5, 40, 45], 45, 30)]
    #[case::the_worst_counts(&[25, 40, 45], 45, 20)]
    #[case::none_has_come_for_long(&[5], 50, 40)]
    fn a_beat_that_does_not_come_tells_of_a_stall(
        #[case] beats: &[u64],
        #[case] asked: u64,
        #[case] late: u64,
    ) {
        let pulse = Pulse {
            clock: RunClock::start(),
            last: AtomicU64::new(0),
            worst: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        };
        for beat in beats {
            pulse.at(ms(*beat));
        }
        assert_eq!(pulse.late_at(ms(asked)), Duration::from_millis(late));
        pulse.at(ms(asked));
        pulse.late_at(ms(asked));
        // What was told is told once.
        assert_eq!(pulse.late_at(ms(asked)), Duration::ZERO);
    }

    #[test]
    fn a_processor_that_is_taken_is_noticed() {
        let mut stalls = Stalls::watch(RunClock::start());
        if stalls.0.is_empty() {
            println!("SKIPPED: running before others (SCHED_FIFO) needs CAP_SYS_NICE");
            return;
        }
        // Not for long: it takes it from the other tests as well.
        let taken = Duration::from_millis(30);
        let processor = stalls.0[0].processor;
        let taker = thread::spawn(move || {
            only_on(processor).unwrap();
            before_others(PRIORITY + 1).unwrap();
            let begin = std::time::Instant::now();
            while begin.elapsed() < taken {
                std::hint::spin_loop();
            }
        });
        taker.join().unwrap();
        assert!(stalls.late(&[processor].into()) >= taken - 2 * BEAT);
        // Told once, and of those that were asked for.
        thread::sleep(2 * BEAT);
        stalls.late(&BTreeSet::new());
        assert!(stalls.late(&[processor].into()) < taken);
    }
}
