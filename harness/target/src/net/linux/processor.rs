//! Whether a thread of ours gets a processor when it could run, as the scheduler says it (`proc(5)`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// A wait that is seen for the first time began behind the last look, and not longer ago than this: who looks at all
/// looks that often.
const APART: Duration = Duration::from_millis(10);
/// Fields of `stat` behind the name in brackets.
const STATE: usize = 0;
const PROCESSOR: usize = 36;

/// What the scheduler knows of one thread. Of a kernel that keeps no such figures it is nothing.
#[derive(Debug)]
pub(crate) struct Turns {
    /// `schedstat`: time on a processor, time of waiting for one (ns), time slices.
    schedstat: Option<File>,
    /// `stat`: its state, and the processor that it ran on last.
    stat: Option<File>,
    known: Figures,
    /// When this was asked last.
    asked: Instant,
    /// It could run then at the earliest, and has not run since.
    could_run: Option<Instant>,
    processor: Option<usize>,
}

/// What `schedstat` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    ran: u64,
    waited: u64,
    slices: u64,
}

impl Turns {
    /// Of the calling thread; others may ask.
    pub(crate) fn of_this_thread() -> Self {
        let open = |name: &str| File::open(format!("/proc/thread-self/{name}")).ok();
        let mut turns = Self {
            schedstat: open("schedstat"),
            stat: open("stat"),
            known: Figures::default(),
            asked: Instant::now(),
            could_run: None,
            processor: None,
        };
        turns.waited();
        turns
    }

    /// How long it waited for processors since this was asked last; or how long it may be doing so now.
    pub(crate) fn waited(&mut self) -> Duration {
        let before = self.known;
        self.known = self.figures().unwrap_or(before);
        let (state, processor) = self.stat();
        self.processor = processor;
        let now = Instant::now();
        let asked = std::mem::replace(&mut self.asked, now);
        if state != Some('R') {
            self.could_run = None;
        } else if self.known != before || self.could_run.is_none() {
            let recent = now.checked_sub(APART);
            self.could_run = Some(recent.map_or(asked, |recent| recent.max(asked)));
        }
        let waits = self
            .could_run
            .map_or(Duration::ZERO, |since| now.duration_since(since));
        Duration::from_nanos(self.known.waited.saturating_sub(before.waited)).max(waits)
    }

    fn figures(&self) -> Option<Figures> {
        let text = text_of(self.schedstat.as_ref()?)?;
        let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
        let mut next = || numbers.next()?;
        Some(Figures {
            ran: next()?,
            waited: next()?,
            slices: next()?,
        })
    }

    /// The processor that it ran on when this was asked last.
    pub(crate) fn processor(&self) -> Option<usize> {
        self.processor
    }

    /// Its state and its processor.
    fn stat(&self) -> (Option<char>, Option<usize>) {
        let text = self.stat.as_ref().and_then(text_of).unwrap_or_default();
        let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
        let field = |index| behind.split_whitespace().nth(index);
        let state = field(STATE).and_then(|state| state.chars().next());
        (state, field(PROCESSOR).and_then(|text| text.parse().ok()))
    }
}

fn text_of(file: &File) -> Option<String> {
    let mut portion = [0; 512];
    let count = file.read_at(&mut portion, 0).ok()?;
    Some(String::from_utf8_lossy(&portion[..count]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_thread_that_sleeps_waits_for_no_processor() {
        let mut own = Turns::of_this_thread();
        assert_eq!(own.stat().0, Some('R'));
        assert!(own.figures().is_some());
        // A thread that has run since waits anew, if at all.
        let first = own.could_run.unwrap();
        while own.could_run == Some(first) {
            own.waited();
        }
        assert!(own.could_run.unwrap() > first);
        let (told, hear) = channel();
        let (end, until) = channel::<()>();
        let sleeper = std::thread::spawn(move || {
            told.send(Turns::of_this_thread()).unwrap();
            let _ = until.recv();
        });
        let mut of_sleeper = hear.recv().unwrap();
        while of_sleeper.stat().0 != Some('S') {
            std::thread::yield_now();
        }
        of_sleeper.waited();
        assert_eq!(of_sleeper.waited(), Duration::ZERO);
        drop(end);
        sleeper.join().unwrap();
        // It is gone: nothing is known any more.
        assert_eq!(of_sleeper.waited(), Duration::ZERO);
    }

    /// A wait that goes on counts from when it was seen first.
    #[test]
    fn a_wait_that_goes_on_counts_before_it_has_ended() {
        let mut own = Turns::of_this_thread();
        // What the scheduler said last is what it says now, so that nothing has run.
        let at = Instant::now();
        loop {
            own.could_run = Some(at);
            own.known = own.figures().unwrap();
            let known = own.known;
            let waited = own.waited();
            if own.known == known {
                assert!(waited <= at.elapsed() && waited > Duration::ZERO);
                break;
            }
        }
    }

    /// It began between two looks, and at most so long ago as two looks are apart.
    #[test]
    fn a_wait_that_is_seen_first_began_behind_the_last_look() {
        let mut own = Turns::of_this_thread();
        let looked = Instant::now();
        own.asked = looked;
        own.could_run = None;
        own.waited();
        let began = own.could_run.unwrap();
        assert!(looked <= began && began <= own.asked);
        own.asked = looked.checked_sub(Duration::from_secs(1)).unwrap();
        own.could_run = None;
        own.waited();
        assert_eq!(own.asked - own.could_run.unwrap(), APART);
    }

    /// Whoever stays on one processor was there.
    #[test]
    fn the_processor_of_a_thread_is_known() {
        use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
        use nix::unistd::Pid;
        let this = Pid::from_raw(0);
        let usable = sched_getaffinity(this).unwrap();
        for processor in (0..CpuSet::count()).filter(|cpu| usable.is_set(*cpu) == Ok(true)) {
            let mut only = CpuSet::new();
            only.set(processor).unwrap();
            sched_setaffinity(this, &only).unwrap();
            assert_eq!(Turns::of_this_thread().processor(), Some(processor));
        }
        sched_setaffinity(this, &usable).unwrap();
    }

    /// More threads that run than there are processors: each waits for its turn.
    #[test]
    fn waits_for_a_processor_are_counted() {
        let threads = 4 * std::thread::available_parallelism().map_or(1, usize::from);
        let waited: Vec<u64> = std::thread::scope(|scope| {
            let work = || {
                let turns = Turns::of_this_thread();
                let begin = Instant::now();
                let before = turns.known.waited;
                while begin.elapsed() < Duration::from_millis(200) {
                    std::hint::spin_loop();
                }
                let waited = turns.figures().unwrap().waited - before;
                assert!(Duration::from_nanos(waited) <= begin.elapsed());
                waited
            };
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            all.into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(waited.iter().any(|waited| *waited > 0));
    }
}
