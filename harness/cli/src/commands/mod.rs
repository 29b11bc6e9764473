//! One file a command.

mod agent;
mod check;
mod coverage;
mod diff;
mod doctor;
mod explain;
mod fmt;
mod init;
mod list;
mod open;
mod report;
mod run;
mod shell;
mod snapshot;

use crate::args::Command;
use crate::failure::Failure;
use std::io::{self, Write};

/// Does what was asked; the exit code.
pub(crate) fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::List(args) => list::list(&args),
        Command::Check(args) => check::check(&args),
        Command::Coverage(args) => coverage::coverage(&args),
        Command::Report(args) => report::report(&args),
        Command::Snapshot(args) => snapshot::snapshot(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Fmt(args) => fmt::fmt(&args),
        Command::Init(args) => init::init(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Agent(args) => agent::agent(&args),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man => shell::man(),
    }
}

/// Writes to stdout. A closed pipe is no error: whoever read has read enough.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::broken(format!("stdout: {error}")))
        }
        _ => Ok(()),
    }
}

/// Whether diagnostics on stderr may have colours.
fn colour_on_stderr() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}
