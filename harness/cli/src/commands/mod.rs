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
use std::fs;
use std::io::{self, Write};
use std::path::Path;

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

/// `1 test`, `2 tests`
fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Whether a file can be written here: asked before much is measured for it. Nothing is left behind.
///
/// What is there and no plain file (a pipe, a device) is not touched: opening it could be seen.
fn is_writable(file: &Path) -> Result<(), Failure> {
    let broken = |error| Failure::broken(format!("{}: {error}", file.display()));
    let is_new = match fs::metadata(file) {
        Ok(known) if !known.is_file() && !known.is_dir() => return Ok(()),
        Ok(_) => false,
        Err(_) => true,
    };
    let mut options = fs::OpenOptions::new();
    options
        .append(true)
        .create(true)
        .open(file)
        .map_err(broken)?;
    if is_new {
        fs::remove_file(file).map_err(broken)?;
    }
    Ok(())
}

/// What was measured is lost neither by a full disk: it goes to stdout, and the error says so.
fn print_instead(text: &str, failure: Failure) -> Failure {
    match print(text) {
        Ok(()) => failure.help("what was to be written there is on stdout"),
        Err(_) => failure,
    }
}

/// Whether diagnostics on stderr may have colours.
fn colour_on_stderr() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}
