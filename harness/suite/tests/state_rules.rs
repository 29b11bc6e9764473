//! docs/state-rules.md is true: it is the table that suites/states goes by, with the cells that each row decides.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use tcpconf_suite::ast::{Binding, Choice, Outcome, Rule, Rules, Suite, Test};
use tcpconf_suite::{Requirements, SourceFile, load, load_exhaustive, parse};

const MATRIX: &str = "suites/states/matrix.tcpt";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn matrix() -> SourceFile {
    SourceFile {
        path: MATRIX.to_owned(),
        text: std::fs::read_to_string(repository().join(MATRIX)).unwrap(),
    }
}

/// The short names of a cell by parameter.
type Cell<'a> = BTreeMap<&'a str, &'a str>;

/// Every cell of a test.
fn cells(test: &Test) -> Vec<Cell<'_>> {
    let mut all = vec![Cell::new()];
    for axis in &test.matrix {
        let values = axis.values.iter();
        all = times(
            all,
            values.map(|v| vec![label(&axis.name.value, v)]).collect(),
        );
    }
    if let Some(table) = &test.table {
        let rows = table.rows.iter().map(|row| {
            let names = table.columns.iter().map(|c| c.value.as_str());
            names.zip(row).map(|(name, v)| label(name, v)).collect()
        });
        all = times(all, rows.collect());
    }
    all
}

/// Each cell with each row.
fn times<'a>(all: Vec<Cell<'a>>, rows: Vec<Vec<(&'a str, &'a str)>>) -> Vec<Cell<'a>> {
    let mut product = Vec::new();
    for cell in &all {
        for row in &rows {
            let mut cell = cell.clone();
            cell.extend(row.iter().copied());
            product.push(cell);
        }
    }
    product
}

fn label<'a>(name: &'a str, value: &'a Binding) -> (&'a str, &'a str) {
    (name, &value.label)
}

fn deciding(rules: &Rules, cell: &Cell<'_>) -> usize {
    let takes = |rule: &Rule| {
        let columns = rules.matched.iter().zip(&rule.choices);
        let mut columns = columns.into_iter();
        columns.all(|(column, choice)| choice.takes(cell[column.value.as_str()]))
    };
    rules.rows.iter().position(takes).unwrap()
}

fn page(suite: &Suite, file: &SourceFile) -> String {
    let rules = &suite.rules[0];
    let mut decided = vec![0; rules.rows.len()];
    let tests = suite.tests.iter().filter(|test| test.rules.is_some());
    for cell in tests.clone().flat_map(cells) {
        decided[deciding(rules, &cell)] += 1;
    }
    let requirements =
        Requirements::from_toml(include_str!("../../../suites/requirements.toml")).unwrap();
    let played = load(vec![file.clone()], Vec::new(), &requirements).0;
    let whole = load_exhaustive(vec![file.clone()], Vec::new(), &requirements).0;

    let mut page = String::from(
        "# Segment arrives: the rules of suites/states\n\n\
         What RFC 9293 §3.10.7 asks for every segment in every state, RFC 5961 in force: the table that\n\
         suites/states/matrix.tcpt goes by, first match, `*` for any value. Written by\n\
         `UPDATE_GOLDEN=1 cargo test -p tcpconf-suite --test state_rules`; docs/format.md says how `rules` are read.\n\n",
    );
    writeln!(
        page,
        "{} cells, {} rows; {} instances by `--exhaustive`, {} of them by default (of each row and state the first, the\n\
         middle and the last); the other cells are the same as one of them.\n",
        decided.iter().sum::<usize>(),
        rules.rows.len(),
        whole.instances.len(),
        played.instances.len(),
    )
    .unwrap();
    page.push_str("## Cells\n\n| Test | Parameter | Values |\n|---|---|---|\n");
    for test in tests {
        rows_of_test(&mut page, test);
    }
    page.push_str("\n## Rules\n\n| # |");
    for column in rules.matched.iter().chain(&rules.bound) {
        write!(page, " {} |", column.value).unwrap();
    }
    let columns = rules.matched.len() + rules.bound.len();
    writeln!(page, " cells |\n|--:|{}--:|", "---|".repeat(columns)).unwrap();
    for (i, rule) in rules.rows.iter().enumerate() {
        write!(page, "| {} |", i + 1).unwrap();
        for choice in &rule.choices {
            write!(page, " {} |", shown(choice)).unwrap();
        }
        outcome(&mut page, &rule.outcome, rules.bound.len());
        writeln!(page, " {} |", decided[i]).unwrap();
    }
    page.push_str(
        "\nAfter the reaction the target must be in the state `after`.\n\n\
         ## Segments and reactions\n\n",
    );
    for fixture in &suite.fixtures {
        let text = &file.text[fixture.span.start..fixture.span.end];
        writeln!(page, "```\n{text}\n```\n").unwrap();
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn rows_of_test(page: &mut String, test: &Test) {
    let slug = &test.slug.value;
    for axis in &test.matrix {
        let values: Vec<String> = axis.values.iter().map(in_full).collect();
        let name = &axis.name.value;
        writeln!(page, "| {slug} | {name} | {} |", values.join(", ")).unwrap();
    }
    if let Some(table) = &test.table {
        let row = |row: &Vec<Binding>| -> String {
            let labels: Vec<&str> = row.iter().map(|v| v.label.as_str()).collect();
            labels.join(" ")
        };
        let columns: Vec<&str> = table.columns.iter().map(|c| c.value.as_str()).collect();
        let rows: Vec<String> = table.rows.iter().map(row).collect();
        let (columns, rows) = (columns.join(" "), rows.join(", "));
        writeln!(page, "| {slug} | {columns} | {rows} |").unwrap();
    }
}

/// The short name, and the value where that is another.
fn in_full(value: &Binding) -> String {
    match value.label == value.text {
        true => value.label.clone(),
        false => format!("{} (`{}`)", value.label, value.text),
    }
}

fn shown(choice: &Choice) -> String {
    if choice.labels.is_empty() {
        return "\\*".to_owned();
    }
    let names: Vec<&str> = choice.labels.iter().map(|l| l.value.as_str()).collect();
    let not = if choice.negated { "not " } else { "" };
    format!("{not}{}", names.join(", "))
}

fn outcome(page: &mut String, outcome: &Outcome, columns: usize) {
    match outcome {
        Outcome::Bind(values) => {
            for value in values {
                let text = match value.label == value.text {
                    true => value.text.clone(),
                    // A colon in a sentence: what stands before it was taken for a short name.
                    false => format!("{}: {}", value.label, value.text),
                };
                write!(page, " {text} |").unwrap();
            }
        }
        Outcome::SameAs(same) => {
            let cell: Vec<String> = same
                .cell
                .iter()
                .map(|(name, label)| format!("{}={}", name.value, label.value))
                .collect();
            let empty = " |".repeat(columns - 2);
            write!(
                page,
                " same as {} |{empty} {} |",
                cell.join(" "),
                same.reason.value
            )
            .unwrap();
        }
    }
}

#[test]
fn page_shows_the_table_that_the_suite_goes_by() {
    let file = matrix();
    let (suite, diagnostics) = parse(&file);
    assert_eq!(diagnostics, []);
    let fresh = page(&suite.unwrap(), &file);
    let path = repository().join("docs/state-rules.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == fresh,
        "docs/state-rules.md is old: UPDATE_GOLDEN=1 writes it anew"
    );
}

#[test]
fn every_state_and_every_kind_of_segment_has_cells() {
    let file = matrix();
    let suite = parse(&file).0.unwrap();
    let all: Vec<Cell<'_>> = suite.tests.iter().flat_map(cells).collect();
    let kinds = |name: &str| {
        let values: std::collections::BTreeSet<&str> = all.iter().map(|cell| cell[name]).collect();
        values.len()
    };
    assert_eq!((kinds("state"), kinds("segment")), (11, 12));
}
