//! A deliberately wrong expectation in each kind of step, and the block that tells of it.
//!
//! Each file of `suites/` holds tests that must not pass on the built-in stack; each block is a snapshot.
//! A block is right when it names the step, says what was asked for and what came, and leaves out
//! nothing that differs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use rstest::rstest;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tcpconf_tests::{Ended, Verdicts, blocks, root, tcpconf};

/// Instances that are right, so that an id with parameters has something to be told from.
const RIGHT: [&str; 2] = [
    "suites/in-an-instance[off=right]",
    "suites/in-a-row[flags=.,answer=R]",
];

fn relative(path: &Path) -> &str {
    path.strip_prefix(root()).unwrap().to_str().unwrap()
}

#[rstest]
fn every_wrong_expectation_is_told_of_where_it_stands(
    #[files("golden/suites/*.tcpt")] path: PathBuf,
) {
    let ended = Ended::of(tcpconf(["run", relative(&path), "-v"]));
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    assert_eq!(ended.stderr, "");
    let file = path.file_stem().unwrap().to_str().unwrap();
    let shown = blocks(&ended.stdout);
    for (id, block) in &shown {
        let slug = id.strip_prefix("suites/").unwrap();
        let name = slug.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        insta::assert_snapshot!(format!("{file}__{name}"), block);
    }

    let listed = Ended::of(tcpconf(["run", relative(&path), "--jsonl", "-"]));
    let verdicts = Verdicts::parse(&listed.stdout);
    let told: BTreeSet<&str> = shown.iter().map(|(id, _)| id.as_str()).collect();
    for (id, word) in &verdicts.shown {
        let right = RIGHT.contains(&id.as_str());
        assert_eq!(word == "pass", right, "{id} is shown as {word}");
        assert_eq!(told.contains(id.as_str()), !right, "{id}");
    }
}

/// What a machine reads says the same as the block.
#[test]
fn fields_that_differ_are_in_the_records_too() {
    let ended = Ended::of(tcpconf([
        "run",
        "tests/golden/suites/segment.tcpt",
        "-E",
        "id(suites/several)",
        "--jsonl",
        "-",
    ]));
    let verdicts = Verdicts::parse(&ended.stdout);
    let failure = &verdicts.case("suites/several")["failure"];
    let fields: Vec<&str> = failure["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|difference| difference["field"].as_str().unwrap())
        .collect();
    assert_eq!(fields[..5], ["flags", "seq", "ack", "len", "win"]);
    let place = failure["location"].as_array().unwrap().last().unwrap();
    assert_eq!(place["file"], "tests/golden/suites/segment.tcpt");
    assert_eq!(place["column"], 3);
}
