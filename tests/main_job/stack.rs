//! The built-in stack, as a fresh clone plays it.

use crate::verdict::Played;
use tcpconf_tests::{Ended, tcpconf};

#[test]
fn all_suites_pass_on_the_built_in_stack() {
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    let mut command = tcpconf(["run", "suites", "--ip", "both", "--jsonl"]);
    command.arg(&jsonl);
    let played = Played::of("stack", jsonl, command, Ended::of);
    played.is_complete();
    played.ends_with(0);
    assert_eq!(played.ended.stderr, "");
    let not_passed: Vec<_> = played
        .verdicts
        .shown
        .iter()
        .filter(|(_, word)| *word != "pass")
        .collect();
    assert!(not_passed.is_empty(), "{not_passed:?}");
    assert!(
        played.verdicts.shown.keys().any(|id| id.ends_with("ip=6]")),
        "IPv6 is played too"
    );
    let findings = played
        .verdicts
        .of("invariant-finished")
        .filter(|invariant| invariant["outcome"] == "fail");
    assert_eq!(findings.count(), 0);
}
