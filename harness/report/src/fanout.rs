//! All reports of a run behind one door.

use crate::Report;
use std::io;
use tcpconf_engine::RunEvent;
use thiserror::Error;

/// A report that could not be written.
#[derive(Debug, Error)]
#[error("{report}: {source}")]
pub struct ReportError {
    /// Which, as the user asked for it: `--junit out.xml`.
    pub report: String,
    /// What the system said.
    pub source: io::Error,
}

/// Hands every event to all reports.
///
/// A report that fails is named at once through the first one, gets no more events, and is listed by
/// [`Reports::finish`]; the others go on, so that nothing measured is lost.
#[derive(Default)]
pub struct Reports {
    reports: Vec<(String, Box<dyn Report>)>,
    errors: Vec<ReportError>,
}

impl Reports {
    /// No reports yet; the first one added is told of the failures of the others.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a report under the name by which the user knows it.
    pub fn add(&mut self, name: impl Into<String>, report: impl Report + 'static) {
        self.reports.push((name.into(), Box::new(report)));
    }

    /// Adds a report, or the reason why there is none.
    pub fn add_or_fail<R: Report + 'static>(&mut self, name: &str, report: io::Result<R>) {
        match report {
            Ok(report) => self.add(name, report),
            Err(source) => self.fail(name.to_owned(), source),
        }
    }

    /// The next event of the run.
    pub fn event(&mut self, event: &RunEvent) {
        self.each(|report| report.event(event));
    }

    /// No more events. The reports that could not be written, in the order in which they failed.
    pub fn finish(mut self) -> Vec<ReportError> {
        // The first report may have to tell of the others' failures: it ends last.
        let rest = self.reports.split_off(self.reports.len().min(1));
        let first = std::mem::replace(&mut self.reports, rest);
        let mut failed = Vec::new();
        for (name, report) in &mut self.reports {
            if let Err(source) = report.finish() {
                failed.push((std::mem::take(name), source));
            }
        }
        self.reports = first;
        for (name, source) in failed {
            self.fail(name, source);
        }
        self.each(|report| report.finish());
        self.errors
    }

    fn each(&mut self, mut act: impl FnMut(&mut dyn Report) -> io::Result<()>) {
        let mut failed = Vec::new();
        self.reports
            .retain_mut(|(name, report)| match act(report.as_mut()) {
                Ok(()) => true,
                Err(source) => {
                    failed.push((std::mem::take(name), source));
                    false
                }
            });
        for (name, source) in failed {
            self.fail(name, source);
        }
    }

    fn fail(&mut self, report: String, source: io::Error) {
        let error = ReportError { report, source };
        let note = RunEvent::Note(format!("{error}; this report is not complete"));
        if let Some((_, first)) = self.reports.first_mut()
            && let Err(source) = first.event(&note)
        {
            let (report, _) = self.reports.remove(0);
            self.errors.push(ReportError { report, source });
        }
        self.errors.push(error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    impl Report for Log {
        fn event(&mut self, event: &RunEvent) -> io::Result<()> {
            if let RunEvent::Note(note) = event {
                self.0.lock().unwrap().push(note.clone());
            }
            Ok(())
        }
        fn finish(&mut self) -> io::Result<()> {
            self.0.lock().unwrap().push("finished".into());
            Ok(())
        }
    }

    struct Full {
        at_finish: bool,
    }

    impl Report for Full {
        fn event(&mut self, _: &RunEvent) -> io::Result<()> {
            if self.at_finish {
                Ok(())
            } else {
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        fn finish(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    #[test]
    fn failing_report_is_named_once_and_the_others_go_on() {
        let (first, last) = (Log::default(), Log::default());
        let mut reports = Reports::new();
        reports.add("terminal", first.clone());
        reports.add("--tap x", Full { at_finish: false });
        reports.add("--jsonl y", Full { at_finish: true });
        reports.add("last", last.clone());
        reports.event(&RunEvent::Note("one".into()));
        reports.event(&RunEvent::Note("two".into()));
        let errors = reports.finish();
        assert_eq!(
            errors.iter().map(|e| e.report.as_str()).collect::<Vec<_>>(),
            ["--tap x", "--jsonl y"]
        );
        assert_eq!(
            *first.0.lock().unwrap(),
            [
                "one",
                "--tap x: no storage space; this report is not complete",
                "two",
                "--jsonl y: no storage space; this report is not complete",
                "finished"
            ]
        );
        assert_eq!(*last.0.lock().unwrap(), ["one", "two", "finished"]);
    }

    #[test]
    fn report_that_cannot_be_opened_is_an_error_of_the_end() {
        let mut reports = Reports::new();
        reports.add_or_fail::<Log>("--jsonl /", Err(io::ErrorKind::IsADirectory.into()));
        assert_eq!(reports.finish()[0].to_string(), "--jsonl /: is a directory");
    }
}
