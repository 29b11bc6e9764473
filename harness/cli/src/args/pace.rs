//! How a run goes.

use super::Rate;
use super::values::{duration, switch};
use clap::Args;
use std::time::Duration;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Run")]
pub(crate) struct PaceArgs {
    /// Failures at SHOULD and MAY fail the run too
    #[arg(long, env = "TCPCONF_STRICT", value_parser = switch())]
    pub(crate) strict: bool,
    /// Cases at once [default: chosen by the target]
    #[arg(short = 'j', long, value_name = "N", env = "TCPCONF_JOBS", allow_negative_numbers = true, value_parser = at_least_one)]
    pub(crate) jobs: Option<usize>,
    /// For everything that is chosen at random [default: a new one each run, printed; 0 for stack]
    #[arg(
        long,
        value_name = "N",
        env = "TCPCONF_SEED",
        allow_negative_numbers = true
    )]
    pub(crate) seed: Option<u64>,
    /// End the run after the first failure
    #[arg(long, env = "TCPCONF_FAIL_FAST", value_parser = switch())]
    pub(crate) fail_fast: bool,
    /// Play a failed case again so often; a pass then is flaky
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        env = "TCPCONF_RETRIES",
        allow_negative_numbers = true
    )]
    pub(crate) retries: u32,
    /// Also tests that take over 70 s on a real target
    #[arg(long, env = "TCPCONF_SLOW", value_parser = switch())]
    pub(crate) slow: bool,
    /// Packets a second at most: 500/s
    #[arg(long, value_name = "N/s", env = "TCPCONF_RATE")]
    pub(crate) rate: Option<Rate>,
    /// Longest time for a case: 90s, 2min [default: follows from the case]
    #[arg(long, value_name = "T", env = "TCPCONF_TIMEOUT", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Longest time for the run: 30min
    #[arg(long, value_name = "T", env = "TCPCONF_DEADLINE", value_parser = duration)]
    pub(crate) deadline: Option<Duration>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least one case must be played at a time".to_owned()),
        Ok(jobs) => Ok(jobs),
        Err(_) => Err("not a number of cases".to_owned()),
    }
}
