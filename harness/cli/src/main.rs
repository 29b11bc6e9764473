//! The `tcpconf` binary: arguments in, exit code out.
//!
//! Everything that decides a verdict lives in other crates; here stand the command line, where suites
//! and profiles come from, which reports are written, and what is said when something is wrong.

mod args;
mod commands;
mod failure;
mod filter;
mod library;
mod profile;
mod selection;
mod settings;

use args::Cli;
use clap::FromArgMatches;
use failure::Failure;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(match start() {
        Ok(code) => code,
        Err(failure) => {
            // Nobody to tell: the exit code still says it.
            let _ = write!(anstream::stderr(), "{}", failure.render());
            failure.code
        }
    })
}

fn start() -> Result<u8, Failure> {
    let mut command = settings::apply(args::command(), Path::new(settings::FILE))?;
    let matches = command.get_matches_mut();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    anstream::ColorChoice::from(cli.color.color).write_global();
    commands::run(cli.command)
}
