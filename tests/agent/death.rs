//! An agent that goes in the middle of a run: what it had a part in is inconclusive, and every case has its report.

use crate::Agent;
use rstest::rstest;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tcpconf_target::testing::{Bed, INJECTOR};
use tcpconf_tests::{Ended, Privilege, Verdicts, has, spawn_in, spend_real_time, tcpconf};

/// Cases that have their verdict when the agent is killed.
const BEFORE: usize = 30;
const PATIENCE: Duration = Duration::from_secs(120);
/// Cases at a time. With datagrams the death of an upper tester shows at the next request; until then what its sockets
/// do when they are closed is judged in those that run.
const JOBS: usize = 8;

/// Waits until that many cases have ended, while others go on.
fn wait_for_cases(jsonl: &Path) {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(jsonl).unwrap_or_default();
        let finished = text
            .lines()
            .filter(|line| line.contains("\"case-finished\"") && line.contains("\"pass\""))
            .count();
        if finished >= BEFORE {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{finished} cases: {text}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[rstest]
#[case::text(
    &["--listen", "10.78.0.2:4000"],
    "tcpconf agent: listening on 10.78.0.2:4000\n",
    "10.78.0.2:4000",
    "the agent at 10.78.0.2:4000 is gone",
    0
)]
#[case::udp(
    &["--autosar", "udp:10.78.0.2:4000"],
    "tcpconf agent: upper tester on 10.78.0.2:4000\n",
    "autosar:udp:10.78.0.2:4000",
    "the upper tester at 10.78.0.2:4000 cannot be reached: ",
    JOBS
)]
#[case::tcp(
    &["--autosar", "tcp:10.78.0.2:4000"],
    "tcpconf agent: upper tester on 10.78.0.2:4000\n",
    "autosar:tcp:10.78.0.2:4000",
    "the upper tester at 10.78.0.2:4000 cannot be reached: ",
    0
)]
fn cases_of_an_agent_that_dies_are_inconclusive(
    #[case] options: &[&str],
    #[case] says: &str,
    #[case] name: &str,
    #[case] reason: &str,
    #[case] judged: usize,
) {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let options = [options, &["--allow", INJECTOR[0]]].concat();
    let mut agent = Agent::with(&bed.target, &options, says);
    // The target itself lives on.
    bed.target.run(|| {
        let listener = std::net::TcpListener::bind("10.78.0.2:7000").unwrap();
        std::thread::spawn(move || {
            let _open: Vec<_> = listener.incoming().collect();
        });
    });
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    let mut command = tcpconf([
        "run",
        "suites/states",
        "--profile",
        "linux",
        "-j",
        &JOBS.to_string(),
    ]);
    command.args(["--target", "10.78.0.2:7000", "--agent", name]);
    command.arg("--jsonl").arg(&jsonl);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = spawn_in(&bed.injector, command);
    wait_for_cases(&jsonl);
    agent.0.kill().unwrap();
    agent.0.wait().unwrap();
    let ended: Ended = child.wait_with_output().unwrap().into();
    let verdicts = Verdicts::read(&jsonl);
    assert_eq!(verdicts.shown.len() as u64, verdicts.promised());
    let failed = verdicts.with(&["fail", "error"]);
    assert!(failed.len() <= judged, "{}", ended.all());
    let code = if failed.is_empty() { 5 } else { 1 };
    assert_eq!(ended.code, Some(code), "{}", ended.all());
    assert!(verdicts.with(&["pass"]).len() >= BEFORE);
    let inconclusive = verdicts.with(&["inconclusive"]);
    assert!(!inconclusive.is_empty(), "{}", ended.all());
    let said = |id: &&&str| verdicts.case(id)["reason"].as_str().unwrap().to_owned();
    let other: Vec<_> = inconclusive
        .iter()
        .filter(|id| !said(id).starts_with(reason))
        .collect();
    assert!(other.len() + failed.len() <= judged, "{other:?}");
    assert_eq!(verdicts.finished()["killed_by"], serde_json::Value::Null);
}
