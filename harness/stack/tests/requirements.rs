//! Holds the table of docs/stack.md against suites/requirements.toml, the sources and the tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Row {
    decision: String,
    place: String,
    test: String,
}

fn table() -> BTreeMap<String, Row> {
    let text = fs::read_to_string(repository().join("docs/stack.md")).expect("docs/stack.md");
    let mut rows = BTreeMap::new();
    for line in text
        .lines()
        .filter(|l| l.starts_with("| M") || l.starts_with("| S"))
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, label, decision, place, test, _] = cells[..] else {
            panic!("a row has four cells: {line}");
        };
        let row = Row {
            decision: decision.into(),
            place: place.into(),
            test: test.trim_matches('`').into(),
        };
        assert!(rows.insert(label.into(), row).is_none(), "{label} twice");
    }
    rows
}

/// All sources and tests of this crate in one text.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|e| e == "rs") {
            text += &fs::read_to_string(path).expect("a source");
        }
    }
    text
}

#[test]
fn each_label_of_rfc_9293_is_decided_once() {
    let text = fs::read_to_string(repository().join("suites/requirements.toml"));
    let requirements: toml::Table = text.expect("the requirements").parse().expect("toml");
    let mut labels: Vec<&str> = requirements["requirement"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|r| r["id"].as_str()?.strip_prefix("RFC9293-"))
        .filter(|id| ["MUST-", "SHLD-", "MAY-"].iter().any(|p| id.starts_with(p)))
        .collect();
    labels.sort_unstable();
    assert_eq!(labels.len(), 69 + 31 + 18);
    let table = table();
    assert_eq!(table.keys().collect::<Vec<_>>(), labels);
}

#[test]
fn what_is_done_names_a_file_and_a_test_and_what_is_not_a_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = sources(&folder.join("src")) + &sources(&folder.join("tests"));
    for (label, row) in table() {
        match row.decision.as_str() {
            "done" => {
                let file = row.place.split([' ', ',', ':', ';']).next().unwrap_or("");
                assert!(folder.join("src").join(file).is_file(), "{label}: {file}");
                let test = format!("fn {}(", row.test);
                assert!(all.contains(&test), "{label}: no test {}", row.test);
            }
            "not done" | "application" => {
                assert!(row.place.len() > 10, "{label}: no reason");
                assert!(row.test.is_empty(), "{label}: a test of what is not there");
            }
            other => panic!("{label}: unknown decision {other}"),
        }
    }
}
