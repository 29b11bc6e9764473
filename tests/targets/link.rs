//! A link that loses and delays: of suites (`impair`), and of a target file for a whole run.

use rstest::rstest;
use std::path::Path;
use tcpconf_tests::{Ended, Verdicts, tcpconf};

const LOSSY: &str = "suites/retransmission/lossy-link.tcpt";

/// `tcpconf run` of these, with a `targets.toml` of this text.
fn run(targets: &str, arguments: &[&str]) -> (Ended, Verdicts) {
    let folder = tempfile::tempdir().unwrap();
    let (file, jsonl) = (
        folder.path().join("targets.toml"),
        folder.path().join("o.jsonl"),
    );
    std::fs::write(&file, targets).unwrap();
    let mut command = tcpconf(["run", "--pcap-all", "--jsonl"]);
    command
        .arg(&jsonl)
        .args(arguments)
        .env("TCPCONF_TARGETS", &file);
    let ended = Ended::of(command);
    assert!(Path::new(&jsonl).exists(), "{}", ended.all());
    (ended, Verdicts::read(&jsonl))
}

/// The traces of all cases, as text.
fn traces(verdicts: &Verdicts) -> Vec<String> {
    let cases = verdicts.of("case-finished");
    cases
        .map(|case| format!("{} {}", case["id"], case["trace"]))
        .collect()
}

#[rstest]
fn the_same_seed_makes_the_same_link(#[values("stack", "smoltcp")] target: &str) {
    let play = |seed: &str| {
        let (ended, verdicts) = run("", &[LOSSY, "--target", target, "--seed", seed]);
        assert_eq!(ended.code, Some(0), "{}", ended.all());
        traces(&verdicts)
    };
    let first = play("7");
    assert_eq!(first, play("7"));
    assert_ne!(first, play("8"));
    for done in [
        "dropped",
        "doubled",
        "corrupted",
        "put behind the next 3",
        "ms late",
    ] {
        assert!(
            first
                .iter()
                .any(|trace| trace.contains(&format!("{done} by the link ("))),
            "{done}"
        );
    }
}

#[test]
fn a_longer_way_to_the_target_changes_no_verdict() {
    let far = "[far]\nprofile = \"stack\"\naddress = \"stack\"\n[far.link]\ndelay_ms = 40\n";
    let played = [
        "suites/handshake",
        "suites/reset",
        "suites/close",
        "suites/states",
    ];
    let (_, near) = run(far, &[&played[..], &["--target", "stack"]].concat());
    let (ended, far) = run(far, &[&played[..], &["--target", "far"]].concat());
    assert!(near.with(&["pass"]).len() > 1_000);
    assert_eq!(near.shown, far.shown, "{}", ended.all());
}

#[test]
fn a_lossy_way_to_the_target_fails_nothing() {
    let lossy =
        "[lossy]\nprofile = \"stack\"\naddress = \"stack\"\n[lossy.link]\nloss_percent = 2\n";
    let (ended, verdicts) = run(
        lossy,
        &["suites/handshake", "suites/close", "--target", "lossy"],
    );
    assert!(verdicts.with(&["pass"]).len() > 900, "{}", ended.all());
    assert!(
        verdicts.with(&["fail", "warn"]).is_empty(),
        "{}",
        ended.all()
    );
    let lost = "dropped by the target's link (drop 2%)";
    assert!(traces(&verdicts).iter().any(|trace| trace.contains(lost)));
    let again = verdicts
        .of("case-finished")
        .filter(|case| case["attempts"] != 1);
    assert!(again.count() > 0, "{}", ended.all());
}

#[cfg(target_os = "linux")]
#[test]
fn suites_have_a_bad_link_to_this_machines_kernel() {
    use tcpconf_tests::{Privilege, has, spend_real_time};
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let (ended, verdicts) = run("", &[LOSSY, "--target", "kernel"]);
    assert!(
        verdicts.with(&["fail", "warn"]).is_empty(),
        "{}",
        ended.all()
    );
    let passed = verdicts.with(&["pass"]).len() as u64;
    assert_eq!(passed, verdicts.promised(), "{}", ended.all());
}
