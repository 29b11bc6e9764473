//! The committed coverage is the computed one: nothing of it changes unseen.
//!
//! suites/kills.toml is read out of the pages that `tests/self_validation` computes, docs/coverage.md is
//! computed from it, from the suites and from suites/crossrefs.toml.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tcpconf_report::coverage::{Coverage, Kills, Sources};
use tcpconf_suite::{CrossRefs, Instance, Requirements, SourceFile, load};
use tcpconf_tests::{Ended, root, tcpconf};

/// Writes the files anew instead of comparing them.
const UPDATE: &str = "UPDATE_COVERAGE";

fn text(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files with this ending below a folder.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What the pages of the fault matrix say.
fn kills() -> Kills {
    let row = Regex::new(r"(?m)^\| `([a-z0-9-]+/[a-z0-9-]+)` \| \d+ \| (.*) \|$").unwrap();
    let survivors = Regex::new(r"Instances that no such fault kills: (.*)\.").unwrap();
    let id = Regex::new("`([^`]+)`").unwrap();
    let mut pages = vec![text("docs/fault-matrix.md")];
    pages.extend(
        files(&root().join("docs/fault-matrix"), "md")
            .iter()
            .map(text),
    );
    let all = pages.join("\n");
    let named = &survivors
        .captures(&all)
        .expect("the matrix names survivors")[1];
    let tests: BTreeMap<String, usize> = row
        .captures_iter(&all)
        .map(|row| {
            let faults = row[2].split(',').filter(|fault| !fault.trim().is_empty());
            (row[1].to_owned(), faults.count())
        })
        .collect();
    assert!(tests.len() > 100, "{} rows in the matrix", tests.len());
    let survivors: BTreeSet<String> = id.captures_iter(named).map(|id| id[1].to_owned()).collect();
    Kills::new(tests, survivors)
}

fn requirements() -> Requirements {
    let crossrefs = CrossRefs::from_toml(&text("suites/crossrefs.toml")).unwrap();
    Requirements::from_toml(&text("suites/requirements.toml"))
        .unwrap()
        .with_crossrefs(crossrefs)
}

fn plan(requirements: &Requirements) -> Vec<Instance> {
    let source = |path: &PathBuf| SourceFile {
        path: path.strip_prefix(root()).unwrap().display().to_string(),
        text: text(path),
    };
    let folder = root().join("suites");
    let fixtures = files(&folder.join("fixtures"), "tcpt");
    let suites = files(&folder, "tcpt");
    let suites = suites.iter().filter(|path| !fixtures.contains(path));
    let (plan, diagnostics) = load(
        suites.map(source).collect(),
        fixtures.iter().map(source).collect(),
        requirements,
    );
    let errors: String = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .map(|diagnostic| diagnostic.render(false))
        .collect();
    assert_eq!(
        errors, "",
        "a suite cites what there is not, or has another error"
    );
    plan.instances
}

fn coverage() -> Coverage {
    let requirements = requirements();
    Coverage::of(&Sources {
        requirements: &requirements,
        crossrefs: requirements.crossrefs().unwrap(),
        kills: &kills(),
        instances: &plan(&requirements),
        invariants: tcpconf_engine::invariants(),
        profile: None,
    })
}

/// Compares with the committed file, or writes it.
fn committed(path: &str, now: &str) {
    let file = root().join(path);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(file, now).unwrap();
        return;
    }
    let before = std::fs::read_to_string(file).unwrap_or_default();
    let differs = now.lines().zip(before.lines()).find(|(a, b)| a != b);
    assert!(
        now == before,
        "{path} is old, first at {differs:#?}: {UPDATE}=1 writes it anew"
    );
}

#[test]
fn committed_kills_are_those_of_the_fault_matrix() {
    committed("suites/kills.toml", &kills().to_toml());
}

#[test]
fn committed_coverage_is_the_computed_one() {
    committed("docs/coverage.md", &coverage().page());
}

/// A reason why there is no test must go when there is one.
#[test]
fn no_cross_reference_has_both_a_test_and_a_reason() {
    let coverage = coverage();
    let both: Vec<&str> = coverage.contradictions().map(|r| r.id.as_str()).collect();
    assert_eq!(both, [] as [&str; 0]);
}

#[test]
fn the_command_computes_the_same() {
    let ended = Ended::of(tcpconf(["coverage", "suites", "--json", "-"]));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let said: Coverage = serde_json::from_str(&ended.stdout).unwrap();
    let ours = coverage();
    let pairs = said.requirements.iter().zip(&ours.requirements);
    let differs = pairs.clone().find(|(theirs, ours)| theirs != ours);
    assert!(differs.is_none(), "{differs:#?}");
    assert_eq!(said.requirements.len(), ours.requirements.len());
    assert_eq!(said.crossrefs, ours.crossrefs);
    assert_eq!(said.yardsticks, ours.yardsticks);
}

#[test]
fn the_command_lists_an_rfc_and_names_the_nearest_of_an_unknown_one() {
    let ended = Ended::of(tcpconf(["coverage", "--rfc", "6528"]));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(ended.stdout.starts_with("RFC6528-"), "{}", ended.stdout);
    let ended = Ended::of(tcpconf(["coverage", "--rfc", "9239"]));
    assert_eq!(ended.code, Some(2));
    assert!(
        ended.stderr.contains("no requirement is of RFC 9239"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_profile_leaves_out_tests_of_features_that_it_denies() {
    let count = |arguments: &[&str]| -> usize {
        let all = ["coverage", "--json", "-"].iter().chain(arguments).copied();
        let ended = Ended::of(tcpconf(all));
        let coverage: Coverage = serde_json::from_str(&ended.stdout).unwrap();
        coverage.tests
    };
    assert!(count(&["--target", "smoltcp"]) < count(&[]));
}
