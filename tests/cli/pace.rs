//! What changes the way of a run and what must not change with it.

use crate::{MIXED, records};
use rstest::rstest;
use serde_json::Value;
use std::collections::BTreeMap;
use tcpconf_tests::{Verdicts, captures};

/// The cases without what is measured in real time.
fn cases(verdicts: &Verdicts) -> BTreeMap<String, Value> {
    verdicts
        .of("case-finished")
        .map(|case| (case["id"].to_string(), case.clone()))
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let with = |seed| records(["suites/handshake", "--pcap-all", "--seed", seed]).1;
    let (one, again, other) = (with("7"), with("7"), with("8"));
    assert!(one.shown.len() > 800);
    assert!(cases(&one) == cases(&again));
    let bytes = |verdicts: &Verdicts| verdicts.sent().collect::<Vec<_>>();
    assert!(bytes(&one) != bytes(&other));
    assert_eq!(one.shown, other.shown);
}

#[test]
fn one_case_alone_sends_what_it_sent_among_all() {
    let id = "handshake/many-handshakes-in-a-row";
    let all = records(["suites/handshake", "--pcap-all", "--seed", "7"]).1;
    let filter = format!("id({id})");
    let alone = records([
        "suites/handshake",
        "--pcap-all",
        "--seed",
        "7",
        "-E",
        &filter,
    ])
    .1;
    assert_eq!(alone.shown.len(), 1);
    assert_eq!(all.case(id), alone.case(id));
}

#[test]
fn the_number_of_jobs_changes_nothing_in_virtual_time() {
    let with = |jobs| records(["suites/handshake", "--pcap-all", "-j", jobs]).1;
    assert!(cases(&with("1")) == cases(&with("8")));
}

#[test]
fn shards_part_the_cases() {
    let whole = records(["suites/handshake"]).1;
    let parts = ["1/3", "2/3", "3/3"].map(|part| records(["suites/handshake", "--shard", part]).1);
    let sizes = parts.each_ref().map(|part| part.shown.len());
    assert_eq!(sizes.iter().sum::<usize>(), whole.shown.len(), "{sizes:?}");
    let mut together = BTreeMap::new();
    for part in parts {
        together.extend(part.shown);
    }
    assert_eq!(together, whole.shown);
}

#[test]
fn fail_fast_plays_nothing_after_the_first_failure() {
    let (ended, verdicts) = records([MIXED, "--fail-fast", "-j", "1"]);
    assert_eq!(ended.code, Some(1));
    let words: Vec<&str> = verdicts.shown.values().map(String::as_str).collect();
    assert_eq!(words, ["pass", "fail", "skip", "skip"]);
}

#[rstest]
#[case("0", 1)]
#[case("2", 3)]
fn retries_play_a_failed_case_again(#[case] retries: &str, #[case] attempts: u64) {
    let (ended, verdicts) = records([MIXED, "--retries", retries]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(verdicts.case("suites/b-fail")["attempts"], attempts);
    assert_eq!(verdicts.case("suites/a-pass")["attempts"], 1);
}

#[rstest]
#[case(&["-E", "c-warn"], 0)]
#[case(&["-E", "c-warn", "--strict"], 1)]
#[case(&["-E", "c-warn or b-fail"], 1)]
#[case(&["-E", "d-pass", "--strict"], 0)]
fn only_strict_makes_a_warning_red(#[case] arguments: &[&str], #[case] code: i32) {
    let (ended, _) = records([MIXED].iter().chain(arguments).copied());
    assert_eq!(ended.code, Some(code), "{}", ended.all());
}

/// The line is there to be pasted.
#[test]
fn the_again_line_plays_the_failure_again() {
    let ended = crate::run([MIXED, "--seed", "11"]);
    let line = ended
        .stdout
        .lines()
        .find_map(|line| line.trim().strip_prefix("again  tcpconf "))
        .expect("a failure says how to play it again");
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("pcap");
    let script = format!(
        "exec '{}' {line} --pcap '{}'",
        tcpconf_tests::tcpconf_path().display(),
        capture.display()
    );
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &script])
        .current_dir(tcpconf_tests::root());
    let again = tcpconf_tests::Ended::of(command);
    assert_eq!(again.code, Some(1), "{line}\n{}", again.all());
    let files: Vec<String> = captures(&capture).into_iter().map(|c| c.file).collect();
    assert_eq!(files, ["suites.b-fail.pcapng"]);
    let message = |stdout: &str| {
        tcpconf_tests::blocks(stdout)
            .into_iter()
            .find(|(id, _)| id == "suites/b-fail")
            .map(|(_, block)| block.lines().nth(4).unwrap().to_owned())
    };
    assert_eq!(message(&ended.stdout), message(&again.stdout));
}
