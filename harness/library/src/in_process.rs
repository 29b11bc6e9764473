//! A run against endpoints that a closure makes.

use crate::suites::Suites;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use tcpconf_engine::{Endpoint, Lease, Profile, RunEvent, Summary};
use tcpconf_report::terminal::TerminalOptions;
use tcpconf_report::{Report, Terminal};
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Capability;
use tcpconf_target::{
    EXIT_EXPECTED, InProcess, LeaseError, RunOptions, StopFlag, Target, exit_code, virtual_lease,
};

/// What an endpoint is made for.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// For initial sequence numbers and whatever else is random in it: one seed, one behaviour.
    pub seed: u64,
    /// What stands behind [`Lease::target`]'s port, and how much may wait there.
    pub needs: &'a Needs,
    /// The host's address and port, and the peers that it will meet, who are its neighbours.
    pub lease: &'a Lease,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Counts, and what broke the run if anything did.
    pub summary: Summary,
    report: String,
}

impl Outcome {
    /// Whether all is as the profile expects: at least one case was judged, none failed at a MUST, and none passed that
    /// is expected to fail.
    pub fn ok(&self) -> bool {
        exit_code(&self.summary, false) == EXIT_EXPECTED
    }

    /// The report as the binary prints it: each failure with its place, the segments and the trace, and the counts.
    pub fn report(&self) -> &str {
        &self.report
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

/// Plays the suites, each case against an endpoint of its own that `open` makes.
///
/// What `open` refuses makes the case unsupported, for the reason that it gives. Cases that need an application
/// interface ([`Needs::app`]) come to it like others: it may refuse them, or make an endpoint whose
/// [`call`](Endpoint::call) answers. Cases run on several threads.
pub fn run_in_process<F>(name: &str, suites: &Suites, profile: Profile, open: F) -> Outcome
where
    F: Fn(&Case<'_>) -> Result<Box<dyn Endpoint>, String> + Send + Sync + 'static,
{
    let target = Target::InProcess(Arc::new(Opened {
        name: name.to_owned(),
        open,
    }));
    let options = RunOptions {
        target: name.to_owned(),
        ..RunOptions::default()
    };
    let text = Text::default();
    let mut terminal = Terminal::new(
        text.clone(),
        TerminalOptions {
            requirements: Arc::clone(suites.requirements()),
            ..TerminalOptions::default()
        },
    );
    let mut tell = |event: &RunEvent| {
        let told = terminal.event(event);
        told.expect("a string takes all that is written to it");
    };
    let summary = tcpconf_target::run(
        suites.instances(),
        target,
        Arc::new(profile),
        options,
        &mut |event| tell(&event),
        &StopFlag::new(),
    );
    let ended = terminal.finish();
    ended.expect("a string takes all that is written to it");
    Outcome {
        summary,
        report: text.read(),
    }
}

/// A closure as a target.
struct Opened<F> {
    name: String,
    open: F,
}

impl<F> InProcess for Opened<F>
where
    F: Fn(&Case<'_>) -> Result<Box<dyn Endpoint>, String> + Send + Sync,
{
    fn name(&self) -> &str {
        &self.name
    }

    fn application(&self) -> Option<&[Capability]> {
        Some(&Capability::ALL)
    }

    fn open(
        &self,
        seed: u64,
        needs: &Needs,
        ip: u8,
    ) -> Result<(Box<dyn Endpoint>, Lease), LeaseError> {
        let lease = virtual_lease(seed, ip);
        let case = Case {
            seed,
            needs,
            lease: &lease,
        };
        let endpoint = (self.open)(&case).map_err(LeaseError::Unsupported)?;
        Ok((endpoint, lease))
    }
}

/// What a report has written.
#[derive(Clone, Default)]
struct Text(Rc<RefCell<Vec<u8>>>);

impl Text {
    fn read(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl std::io::Write for Text {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().write(data)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
