//! Which tests.

use super::Shard;
use super::values::switch;
use clap::{Args, ValueEnum};
use tcpconf_suite::Level;

#[derive(Clone, Debug, Args)]
pub(crate) struct SelectionArgs {
    /// Files, folders, or names of shipped suites
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<String>,
    /// Only what matches: id(GLOB), test(GLOB), spec(GLOB), also(GLOB), folder(GLOB), level(must),
    /// a bare word (part of an id), and, or, not, parentheses
    #[arg(short = 'E', long = "filter", value_name = "EXPR")]
    pub(crate) filter: Vec<String>,
    /// Nothing that matches
    #[arg(long, value_name = "EXPR", env = "TCPCONF_EXCLUDE")]
    pub(crate) exclude: Vec<String>,
    /// Only requirements that bind at least as strongly as this
    #[arg(long, value_name = "LEVEL", env = "TCPCONF_LEVEL")]
    pub(crate) level: Option<LevelArg>,
    /// All instances of tests that go by rules, not only a representative part
    #[arg(long, env = "TCPCONF_EXHAUSTIVE", value_parser = switch())]
    pub(crate) exhaustive: bool,
    /// Only the I-th of N parts of what is selected
    #[arg(long, value_name = "I/N", env = "TCPCONF_SHARD")]
    pub(crate) shard: Option<Shard>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LevelArg {
    Must,
    Should,
    May,
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Must => Self::Must,
            LevelArg::Should => Self::Should,
            LevelArg::May => Self::May,
        }
    }
}
