//! A stack that somebody else wrote, in the same process: smoltcp, over IPv4 and IPv6.

use crate::verdict::Played;
use tcpconf_tests::{Ended, tcpconf};

/// The handshake suite against smoltcp, and its records but for the time that the run took.
fn played(arguments: &[&str]) -> (Played, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    let mut command = tcpconf([
        "run",
        "suites/handshake",
        "--target",
        "smoltcp",
        "--ip",
        "both",
    ]);
    command.args(arguments).arg("--jsonl").arg(&jsonl);
    let name = format!("smoltcp {}", arguments.join(" "));
    let played = Played::of(&name, jsonl.clone(), command, Ended::of);
    played.is_complete();
    let records = std::fs::read_to_string(&jsonl).unwrap();
    let records = records
        .lines()
        .filter(|line| !line.contains("\"event\":\"finished\""))
        .map(str::to_owned)
        .collect();
    (played, records)
}

#[test]
fn smoltcp_does_what_its_profile_says_and_the_same_each_time() {
    let (alone, first) = played(&["-j", "1"]);
    alone.ends_with(0);
    assert_eq!(alone.ended.stderr, "");
    let over_v6 = alone
        .verdicts
        .shown
        .keys()
        .filter(|id| id.ends_with("ip=6]"));
    assert!(over_v6.count() > 800, "IPv6 is played too");
    for jobs in ["2", "13"] {
        let (_, again) = played(&["-j", jobs]);
        assert!(first == again, "-j {jobs} gives other records than -j 1");
    }
}

#[test]
fn other_seeds_give_other_numbers_and_the_same_verdict() {
    for seed in ["1", "77"] {
        let (seeded, _) = played(&["--seed", seed]);
        seeded.ends_with(0);
    }
}

#[test]
fn without_its_profile_only_what_is_expected_differs() {
    let (described, _) = played(&[]);
    let (bare, _) = played(&["--profile", "generic"]);
    bare.ends_with(1);
    described.is_what_happened_in(&bare);
}
