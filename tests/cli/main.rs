//! How the binary behaves as a process: what it says, what it writes, with which code it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[cfg(target_os = "linux")]
mod ending;
mod pace;
mod reports;
mod usage;

use std::path::Path;
use tcpconf_tests::{Ended, Verdicts, tcpconf};

/// A pass, a failure at MUST, one at SHOULD, a pass.
const MIXED: &str = "tests/cli/suites/mixed.tcpt";

fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Ended {
    Ended::of(tcpconf(["run"].into_iter().chain(arguments)))
}

/// A run whose records go to stdout.
fn records<'a>(arguments: impl IntoIterator<Item = &'a str>) -> (Ended, Verdicts) {
    let ended = run(arguments.into_iter().chain(["--jsonl", "-"]));
    let verdicts = Verdicts::parse(&ended.stdout);
    (ended, verdicts)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
