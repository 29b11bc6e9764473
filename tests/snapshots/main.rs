//! Committed snapshots: how targets react, as text, so that a change of behaviour is seen in review.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p tcpconf-tests --test snapshots` writes those of the in-process
//! targets anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use rstest::rstest;
use std::path::PathBuf;
use tcpconf_report::snapshot::Snapshot;
use tcpconf_tests::{Ended, root, tcpconf};
use tempfile::TempDir;

/// Writes the files anew instead of comparing them.
const UPDATE: &str = "UPDATE_SNAPSHOTS";
/// What the committed snapshots hold: those suites whose text stays readable in a review.
const SUITES: [&str; 1] = ["suites/handshake"];

fn committed(target: &str) -> PathBuf {
    root().join(format!("suites/snapshots/{target}.txt"))
}

fn taken(target: &str, suites: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("snapshot.txt").display().to_string();
    let head = ["snapshot", "--target", target, "-o", &file];
    let ended = Ended::of(tcpconf(head.into_iter().chain(suites.iter().copied())));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    std::fs::read_to_string(folder.path().join("snapshot.txt")).unwrap()
}

#[rstest]
#[case("stack")]
#[case("smoltcp")]
fn behaviour_is_the_committed_one(#[case] target: &str) {
    let now = taken(target, &SUITES);
    let path = committed(target);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, now).unwrap();
        return;
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = now.lines().zip(before.lines()).find(|(a, b)| a != b);
    assert!(
        now == before,
        "{target} reacts otherwise than {}, first at {differs:#?}: {UPDATE}=1 writes it anew",
        path.display()
    );
}

/// In virtual time nothing may depend on the seed.
#[rstest]
#[case("stack")]
#[case("smoltcp")]
fn three_plays_agree(#[case] target: &str) {
    let text = std::fs::read_to_string(committed(target)).unwrap();
    let snapshot = Snapshot::parse(&text).unwrap();
    let played = snapshot
        .cases
        .values()
        .filter(|case| case.verdict == "pass");
    assert!(played.count() > 500);
    assert!(
        snapshot.unstable() * 50 < snapshot.cases.len(),
        "{} of {} cases differ from play to play",
        snapshot.unstable(),
        snapshot.cases.len()
    );
}

#[test]
fn differences_are_told_with_what_the_rfc_allows() {
    let at = |target: &str| committed(target).display().to_string();
    let (stack, smoltcp) = (at("stack"), at("smoltcp"));
    let same = Ended::of(tcpconf(["diff", &stack, &stack]));
    assert_eq!(same.code, Some(0), "{}", same.all());
    let ended = Ended::of(tcpconf(["diff", &stack, &smoltcp]));
    assert_eq!(ended.code, Some(1));
    for text in [
        "allowed: both pass",
        "not allowed: one passes, the other does not",
        "smoltcp does not do what is asked (fail must)",
        "RFC 9293 §",
    ] {
        assert!(ended.stdout.contains(text), "{text}");
    }
    let wrong = Ended::of(tcpconf(["diff", "Cargo.toml", &stack]));
    assert_eq!(wrong.code, Some(2), "{}", wrong.all());
}
