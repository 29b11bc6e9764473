//! Committed snapshots: how targets react, as text, so that a change of behaviour is seen in review.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p tcpconf-tests --test snapshots` writes those of the in-process
//! targets anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use rstest::rstest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tcpconf_report::snapshot::Snapshot;
use tcpconf_tests::{Ended, root, tcpconf};
use tempfile::TempDir;

/// Writes the files anew instead of comparing them.
const UPDATE: &str = "UPDATE_SNAPSHOTS";

/// The folder of a target's snapshots, a file for each folder of suites.
fn committed(target: &str) -> PathBuf {
    root().join(format!("suites/snapshots/{target}"))
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(file).unwrap())
        })
        .collect()
}

fn read(target: &str) -> Snapshot {
    let mut whole = Snapshot::default();
    for text in files(&committed(target)).values() {
        whole.take(Snapshot::parse(text).unwrap()).unwrap();
    }
    whole
}

#[rstest]
#[case("stack")]
#[case("smoltcp")]
fn behaviour_is_the_committed_one(#[case] target: &str) {
    let folder = TempDir::new().unwrap();
    let to = folder.path().display().to_string();
    let ended = Ended::of(tcpconf([
        "snapshot", "suites", "--target", target, "-o", &to,
    ]));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let now = files(folder.path());
    let path = committed(target);
    if std::env::var_os(UPDATE).is_some() {
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        for (name, text) in now {
            std::fs::write(path.join(name), text).unwrap();
        }
        return;
    }
    let before = files(&path);
    assert_eq!(
        now.keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>(),
        "folders of suites: {UPDATE}=1 writes the snapshots anew"
    );
    for (name, now) in &now {
        let before = &before[name];
        let differs = now.lines().zip(before.lines()).find(|(a, b)| a != b);
        assert!(
            now == before,
            "{target} reacts otherwise than {}, first at {differs:#?}: {UPDATE}=1 writes it anew",
            path.join(name).display()
        );
    }
}

/// In virtual time nothing may depend on the seed; the kernel's was taken on a machine that did other things beside it
/// (docs/reports.md says how).
#[rstest]
#[case("stack", 50)]
#[case("smoltcp", 50)]
#[case("linux", 25)]
fn three_plays_agree(#[case] target: &str, #[case] one_in: usize) {
    let snapshot = read(target);
    let played = snapshot
        .cases
        .values()
        .filter(|case| case.verdict == "pass");
    assert!(played.count() > 500);
    assert!(
        snapshot.unstable() * one_in < snapshot.cases.len(),
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
    let file = committed("stack").join("close.txt").display().to_string();
    let part = Ended::of(tcpconf(["diff", &file, &file]));
    assert_eq!(part.code, Some(0), "{}", part.all());
    let empty = TempDir::new().unwrap();
    let nothing = Ended::of(tcpconf([
        "diff",
        &empty.path().display().to_string(),
        &stack,
    ]));
    assert_eq!(nothing.code, Some(2), "{}", nothing.all());
    assert!(nothing.stderr.contains("no snapshot"), "{}", nothing.all());
    let wrong = Ended::of(tcpconf(["diff", "Cargo.toml", &stack]));
    assert_eq!(wrong.code, Some(2), "{}", wrong.all());
}
