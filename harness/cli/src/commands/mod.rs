//! One file a command.

mod check;
mod doctor;
mod explain;
mod fmt;
mod list;
mod open;
mod run;
mod shell;

use crate::args::Command;
use crate::failure::Failure;
use std::io::{self, Write};

/// Does what was asked; the exit code.
pub(crate) fn run(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::List(args) => list::list(&args),
        Command::Check(args) => check::check(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Fmt(args) => fmt::fmt(&args),
        Command::Doctor(args) => doctor::doctor(&args),
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
