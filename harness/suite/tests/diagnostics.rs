//! A golden pair, `NAME.tcpt` and `NAME.err`, for every diagnostic.
//!
//! `NAME` begins with the code that the file provokes.  `UPDATE_GOLDEN=1` writes the `.err` files;
//! read them before they are committed.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tcpconf_suite::{Code, CrossRefs, Diagnostic, Requirements, SourceFile, load};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

fn inputs() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "tcpt"))
        .collect();
    files.sort();
    files
}

fn diagnostics(path: &Path) -> Vec<Diagnostic> {
    let requirements =
        Requirements::from_toml(include_str!("../../../suites/requirements.toml")).unwrap();
    let crossrefs = CrossRefs::from_toml(include_str!("../../../suites/crossrefs.toml")).unwrap();
    let requirements = requirements.with_crossrefs(crossrefs);
    let name = path.file_name().unwrap().to_str().unwrap();
    let file = SourceFile {
        path: format!("suites/topic/{name}"),
        text: std::fs::read_to_string(path).unwrap(),
    };
    load(vec![file], Vec::new(), &requirements).1
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn every_input_gives_exactly_its_golden_text() {
    let mut wrong = Vec::new();
    for path in inputs() {
        let text: String = diagnostics(&path).iter().map(|d| d.render(false)).collect();
        let golden = path.with_extension("err");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if text != expected {
            wrong.push(format!(
                "== {}\n-- expected\n{expected}-- got\n{text}",
                stem(&path)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_code_has_a_pair_that_provokes_it() {
    let mut provoked: BTreeSet<Code> = BTreeSet::new();
    for path in inputs() {
        let name = stem(&path);
        let codes: BTreeSet<Code> = diagnostics(&path).iter().map(|d| d.code).collect();
        let named = codes.iter().find(|code| name.starts_with(code.name()));
        assert!(
            named.is_some(),
            "{name} does not provoke the code that it is named after"
        );
        provoked.extend(named);
    }
    let missing: Vec<&str> = Code::ALL
        .iter()
        .filter(|code| !provoked.contains(code))
        .map(|code| code.name())
        .collect();
    assert!(missing.is_empty(), "codes without a pair: {missing:?}");
}

#[test]
fn all_errors_of_a_file_are_reported_in_one_pass() {
    let found = diagnostics(&folder().join("syntax-many.tcpt"));
    let lines: Vec<usize> = found.iter().map(|d| d.line_column().0).collect();
    assert_eq!(lines, [6, 7, 8, 10, 12, 14, 18, 23]);
}

#[test]
fn a_diagnostic_points_at_line_and_column() {
    let found = diagnostics(&folder().join("unknown-symbol.tcpt"));
    assert_eq!(found[0].line_column(), (7, 15));
    assert!(
        found[0]
            .render(false)
            .contains("suites/topic/unknown-symbol.tcpt:7:15")
    );
}

#[test]
fn colour_is_only_where_it_is_asked_for() {
    let found = diagnostics(&folder().join("unknown-symbol.tcpt"));
    assert!(!found[0].render(false).contains('\u{1b}'));
    assert!(found[0].render(true).contains('\u{1b}'));
}
