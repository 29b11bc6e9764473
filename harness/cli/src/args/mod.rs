//! The command line: each flag is declared once, in a struct that commands share.

mod agent;
mod output;
mod pace;
mod selection;
mod target;
mod values;

pub(crate) use agent::AgentArgs;
pub(crate) use output::{ColorArgs, OutputArgs};
pub(crate) use pace::PaceArgs;
pub(crate) use selection::SelectionArgs;
pub(crate) use target::{IpArg, ProfileArgs, TargetArgs};
pub(crate) use values::{Rate, Service, Shard};

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use std::path::PathBuf;

/// The stable part of the interface, at the end of the help.
const AFTER_HELP: &str = "\
Exit codes, the first that applies:
  130  interrupted
    2  usage or suite error
    3  target unreachable or harness error
    1  a failure or an unexpected pass
    5  only inconclusive left
    4  nothing selected
    0  as expected

Settings: flag > environment TCPCONF_* > tcpconf.toml in the current folder > default";

/// Conformance and fuzz harness for TCP: does this TCP do what the RFCs say?
#[derive(Debug, Parser)]
#[command(name = "tcpconf", version, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

/// The command line as clap knows it; help names environment variables without their values.
pub(crate) fn command() -> clap::Command {
    let quiet = |arg: clap::Arg| arg.hide_env_values(true);
    Cli::command()
        .mut_args(quiet)
        .mut_subcommands(|sub| sub.mut_args(quiet))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play suites against a target
    Run(Box<RunArgs>),
    /// List tests, their level, instances and needs
    List(ListArgs),
    /// Report every error in every file; play nothing
    Check(CheckArgs),
    /// Rewrite suites in their canonical form
    Fmt(FmtArgs),
    /// What the RFC asks, which tests check it, what a test does
    Explain(ExplainArgs),
    /// Which requirement has which tests: covered, partly, untested, not visible from outside
    Coverage(CoverageArgs),
    /// Lay the JSON Lines of runs beside one another
    Report(ReportArgs),
    /// Record how a target reacts to every stimulus, as text
    Snapshot(Box<SnapshotArgs>),
    /// Lay two snapshots side by side, and say which differences the RFC allows
    Diff(DiffArgs),
    /// Describe a target in targets.toml, from a few probes
    Init(Box<InitArgs>),
    /// Can this machine inject? Privileges, RST suppression, offload, route
    Doctor(DoctorArgs),
    /// The application side of a target, run on the target's host (docs/agent.md)
    Agent(AgentArgs),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Print instances as a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Files, folders, or names of shipped suites
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    /// Files and folders
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Change nothing; exit code 1 when a file is not canonical
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// A requirement's id, a test's or an instance's
    #[arg(value_name = "TEST|REQUIREMENT")]
    pub(crate) id: String,
    /// Where tests are looked for
    #[arg(value_name = "PATH", default_value = "suites")]
    pub(crate) paths: Vec<String>,
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CoverageArgs {
    /// Files, folders, or names of shipped suites
    #[arg(value_name = "PATH", default_value = "suites")]
    pub(crate) paths: Vec<String>,
    /// Count only tests that the usual profile of this target does not deny
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Option<String>,
    /// Count only tests that this profile does not deny
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// List the requirements of this RFC with their tests
    #[arg(long, value_name = "N")]
    pub(crate) rfc: Option<u32>,
    /// All of it as JSON; - is stdout, instead of the table
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// All of it as static HTML
    #[arg(long, value_name = "FOLDER")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// What `run --jsonl` wrote, a file for each run; each becomes a column
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Static HTML: a matrix of tests and targets and a page for each test
    #[arg(long, value_name = "FOLDER", required = true)]
    pub(crate) html: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    #[command(flatten)]
    pub(crate) profile: ProfileArgs,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
    /// Where to; in a folder that exists, a file for each folder of suites [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// How often each case is played; what differs is no behaviour
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) plays: u32,
    /// How long it must be quiet before the next stimulus
    #[arg(long, value_name = "T", default_value = "1500ms", value_parser = values::duration)]
    pub(crate) quiet: std::time::Duration,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// A snapshot, or a folder of them
    #[arg(value_name = "A")]
    pub(crate) left: PathBuf,
    /// Another one
    #[arg(value_name = "B")]
    pub(crate) right: PathBuf,
    /// Where the tests are looked for that say what is asked
    #[arg(value_name = "PATH", default_value = "suites")]
    pub(crate) paths: Vec<String>,
    /// Static HTML too
    #[arg(long, value_name = "FOLDER")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// What the target will be called
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where it is written, behind what is there; - is stdout
    #[arg(long, value_name = "FILE", default_value = crate::profile::FILE)]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}
