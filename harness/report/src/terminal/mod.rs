//! What a person sees: live lines, failure blocks, a summary.
//!
//! Not an interface: scripts read JSON Lines and the exit code.  Styles are written as ANSI sequences;
//! the writer strips them where they are not wanted (`anstream`).  Text from suites and packets never
//! brings control characters of its own.

mod block;
mod line;
mod style;
mod summary;

pub use block::{Detail, failure_block, invariant_block};

use crate::{Again, Report, printable, reason};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use summary::Tally;
use tcpconf_engine::{CaseReport, InvariantReport, RunEvent, RunInfo, Shown};
use tcpconf_suite::Requirements;

/// Events come in order; what breaks it is a defect of the run loop.
const NOT_STARTED: &str = "the run has not started";

/// What a [`Terminal`] shows.
#[derive(Clone, Debug, Default)]
pub struct TerminalOptions {
    /// Also passes, expected failures and what was not judged, as they come.
    pub verbose: bool,
    /// A progress bar on stderr; only for a terminal.
    pub progress: bool,
    /// How to play a case again.
    pub again: Again,
    /// Where captures go, if they are written.
    pub captures: Option<PathBuf>,
    /// Captures of passes too.
    pub all_captures: bool,
    /// Where requirements' summaries come from.
    pub requirements: Arc<Requirements>,
}

/// Writes the run for a person to read.
#[derive(Debug)]
pub struct Terminal<W> {
    out: W,
    options: TerminalOptions,
    bar: Option<ProgressBar>,
    run: Option<RunInfo>,
    tally: Tally,
    /// Nobody reads any more: the run goes on in silence, for its other reports and its exit code.
    closed: bool,
}

impl<W: Write> Terminal<W> {
    /// Writes to `out`, which takes ANSI sequences.
    pub fn new(out: W, options: TerminalOptions) -> Self {
        Self {
            out,
            options,
            bar: None,
            run: None,
            tally: Tally::default(),
            closed: false,
        }
    }

    fn emit(&mut self, text: &str) -> io::Result<()> {
        if self.closed || text.is_empty() {
            return Ok(());
        }
        let out = &mut self.out;
        let mut write = || out.write_all(text.as_bytes()).and_then(|()| out.flush());
        let result = match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            result => result,
        }
    }

    fn started(&mut self, run: &RunInfo) -> io::Result<()> {
        if self.options.progress {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(Some(run.cases as u64), target);
            let template = "{elapsed_precise} [{bar:30}] {pos}/{len} {msg}";
            bar.set_style(ProgressStyle::with_template(template).map_err(io::Error::other)?);
            self.bar = Some(bar);
        }
        self.run = Some(run.clone());
        let text = line::run(run);
        self.emit(&text)
    }

    fn case(&mut self, case: &CaseReport) -> io::Result<()> {
        self.tally.case(case);
        if let Some(bar) = &self.bar {
            bar.inc(1);
            bar.set_message(self.tally.in_a_word());
        }
        let Some(run) = &self.run else {
            return Err(io::Error::other(NOT_STARTED));
        };
        let shown = Shown::of(&case.verdict, &case.marks);
        let detail = match shown {
            Shown::Error | Shown::Inconclusive if reason::never_played(case) => None,
            Shown::Fail | Shown::Warn | Shown::Error => Some(Detail::Full),
            Shown::Info | Shown::Inconclusive | Shown::Xpass if self.options.verbose => {
                Some(Detail::Full)
            }
            Shown::Info | Shown::Inconclusive | Shown::Xpass => Some(Detail::Short),
            Shown::Pass | Shown::Xfail | Shown::Unsupported | Shown::Skip => None,
        };
        let text = match detail {
            Some(detail) => failure_block(case, run, &self.options, detail) + "\n",
            None if self.options.verbose => line::case(case, self.tally.finished(), run.cases),
            None => String::new(),
        };
        self.emit(&text)
    }

    fn invariant(&mut self, invariant: &InvariantReport) -> io::Result<()> {
        self.tally.invariant(invariant);
        let Some(run) = &self.run else {
            return Err(io::Error::other(NOT_STARTED));
        };
        let text = match Shown::of(&invariant.verdict, &invariant.marks) {
            Shown::Pass | Shown::Xfail | Shown::Unsupported | Shown::Skip => {
                if self.options.verbose {
                    line::invariant(invariant)
                } else {
                    String::new()
                }
            }
            _ => invariant_block(invariant, run, &self.options) + "\n",
        };
        self.emit(&text)
    }
}

impl<W: Write> Report for Terminal<W> {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        match event {
            RunEvent::Started(run) => self.started(run),
            RunEvent::CaseStarted { id, attempt } => {
                if self.options.verbose && *attempt > 1 {
                    let text = format!("        again: attempt {attempt} of {}\n", printable(id));
                    self.emit(&text)?;
                }
                Ok(())
            }
            RunEvent::CaseFinished(case) => self.case(case),
            RunEvent::InvariantFinished(invariant) => self.invariant(invariant),
            RunEvent::Note(note) => self.emit(&line::note(note)),
            RunEvent::Finished(summary) => {
                if let Some(bar) = self.bar.take() {
                    bar.finish_and_clear();
                }
                let text = self.tally.render(summary);
                self.emit(&text)
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
