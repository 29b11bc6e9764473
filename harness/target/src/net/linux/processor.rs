//! Whether a thread of ours gets a processor when it could run, as the scheduler says it (`proc(5)`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// What the scheduler knows of one thread. A kernel that keeps no such figures says zero and no.
#[derive(Debug)]
pub(crate) struct Turns {
    /// `schedstat`: time on a processor, time of waiting for one (ns), time slices.
    schedstat: Option<File>,
    /// `stat`: the state behind the name in brackets.
    stat: Option<File>,
    /// Waited for when it was asked last.
    known: Duration,
}

impl Turns {
    /// Of the calling thread; others may ask.
    pub(crate) fn of_this_thread() -> Self {
        let open = |name: &str| File::open(format!("/proc/thread-self/{name}")).ok();
        let mut turns = Self {
            schedstat: open("schedstat"),
            stat: open("stat"),
            known: Duration::ZERO,
        };
        turns.waited();
        turns
    }

    /// How long it waited for processors since this was asked last. A wait that goes on is not in it.
    pub(crate) fn waited(&mut self) -> Duration {
        let text = self.schedstat.as_ref().and_then(text_of);
        let waited = text.and_then(|text| text.split_whitespace().nth(1)?.parse().ok());
        let waited = waited.map_or(self.known, Duration::from_nanos);
        let since = waited.saturating_sub(self.known);
        self.known = waited;
        since
    }

    /// Whether it could run at this moment: it waits for a processor, or has just got one.
    pub(crate) fn could_run(&self) -> bool {
        let text = self.stat.as_ref().and_then(text_of);
        text.is_some_and(|text| {
            text.rsplit_once(')')
                .is_some_and(|(_, behind)| behind.trim_start().starts_with('R'))
        })
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
    fn a_thread_that_sleeps_waits_for_no_processor_and_one_that_runs_could_run() {
        let own = Turns::of_this_thread();
        assert!(own.could_run());
        assert!(own.schedstat.is_some() && own.stat.is_some());
        let (told, hear) = channel();
        let (end, until) = channel::<()>();
        let sleeper = std::thread::spawn(move || {
            told.send(Turns::of_this_thread()).unwrap();
            let _ = until.recv();
        });
        let mut of_sleeper = hear.recv().unwrap();
        while of_sleeper.could_run() {
            std::thread::yield_now();
        }
        of_sleeper.waited();
        assert_eq!(of_sleeper.waited(), Duration::ZERO);
        drop(end);
        sleeper.join().unwrap();
        // It is gone: nothing is known any more.
        assert!(!of_sleeper.could_run());
        assert_eq!(of_sleeper.waited(), Duration::ZERO);
    }

    /// More threads that run than there are processors: each waits for its turn.
    #[test]
    fn waits_for_a_processor_are_counted_once() {
        let threads = 4 * std::thread::available_parallelism().map_or(1, usize::from);
        let waited: Vec<Duration> = std::thread::scope(|scope| {
            let work = || {
                let mut turns = Turns::of_this_thread();
                let begin = std::time::Instant::now();
                let mut waited = Duration::ZERO;
                while begin.elapsed() < Duration::from_millis(200) {
                    waited += turns.waited();
                }
                // Each wait counts once: together they fit in the time that passed.
                assert!(waited <= begin.elapsed());
                waited
            };
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            all.into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert!(waited.iter().any(|waited| *waited > Duration::ZERO));
    }
}
