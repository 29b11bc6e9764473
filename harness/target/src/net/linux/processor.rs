//! Whether a thread of ours gets a processor when it could run, as the scheduler says it (`proc(5)`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// What the scheduler knows of one thread. Of a kernel that keeps no such figures it is nothing.
#[derive(Debug)]
pub(crate) struct Turns {
    /// `schedstat`: time on a processor, time of waiting for one (ns), time slices.
    schedstat: Option<File>,
    /// `stat`: the state behind the name in brackets.
    stat: Option<File>,
    known: Figures,
    /// It could run then, and has not run since.
    could_run: Option<Instant>,
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
            could_run: None,
        };
        turns.waited();
        turns
    }

    /// How long it waited for processors since this was asked last; or how long it does so now, as far as that was seen:
    /// from the first time on that this is asked while it waits.
    pub(crate) fn waited(&mut self) -> Duration {
        let before = self.known;
        self.known = self.figures().unwrap_or(before);
        let waits = self.state() == Some('R');
        if !waits {
            self.could_run = None;
        } else if self.known != before || self.could_run.is_none() {
            self.could_run = Some(Instant::now());
        }
        let waits = self
            .could_run
            .map_or(Duration::ZERO, |since| since.elapsed());
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

    fn state(&self) -> Option<char> {
        let text = text_of(self.stat.as_ref()?)?;
        let (_, behind) = text.rsplit_once(')')?;
        behind.trim_start().chars().next()
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
        assert_eq!(own.state(), Some('R'));
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
        while of_sleeper.state() != Some('S') {
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
