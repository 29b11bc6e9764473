//! Differences shown: traces side by side, for a terminal and as HTML.

use super::Behaviour;
use super::compare::{Comparison, Difference};
use crate::html::templates;
use crate::printable;
use minijinja::value::Serde;
use minijinja::{Error, context};
use serde::Serialize;
use similar::{Algorithm, DiffTag, capture_diff_slices};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Below this a column holds no packet.
const NARROWEST: usize = 30;
/// No packet is longer; `COLUMNS` may say anything.
const WIDEST: usize = 1000;

/// A line of both traces; lines that are the same stand in one row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Row<'a> {
    left: &'a str,
    right: &'a str,
    differs: bool,
}

fn rows(difference: &Difference) -> Vec<Row<'_>> {
    let (left, right) = (packets(&difference.left), packets(&difference.right));
    let mut rows = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, left, right) {
        let (old, new) = (op.old_range(), op.new_range());
        for step in 0..old.len().max(new.len()) {
            rows.push(Row {
                left: old.clone().nth(step).map_or("", |at| &left[at]),
                right: new.clone().nth(step).map_or("", |at| &right[at]),
                differs: op.tag() != DiffTag::Equal,
            });
        }
    }
    rows
}

fn packets(behaviour: &Option<Behaviour>) -> &[String] {
    behaviour
        .as_ref()
        .and_then(|behaviour| behaviour.packets.as_deref())
        .unwrap_or_default()
}

pub(super) fn text(comparison: &Comparison, width: usize) -> String {
    let column = (width.saturating_sub(7) / 2).clamp(NARROWEST, WIDEST);
    let mut out = String::new();
    for (test, differences) in &comparison.tests {
        line(&mut out, test);
        for difference in differences {
            line(&mut out, &format!("  {}", difference.id));
            line(&mut out, &format!("    {}", difference.why));
            if let Some(requirement) = &difference.requirement {
                line(&mut out, &format!("    {requirement}"));
            }
            let rows = rows(difference);
            if !rows.is_empty() {
                let [left, right] = &comparison.names;
                row(&mut out, left, ' ', right, column);
            }
            for r in rows {
                let mark = if r.differs { '|' } else { ' ' };
                row(&mut out, r.left, mark, r.right, column);
            }
        }
        out.push('\n');
    }
    line(&mut out, &summary(comparison));
    out
}

/// Both columns; what is too long goes on below.
fn row(out: &mut String, left: &str, mark: char, right: &str, column: usize) {
    let (left, right) = (wrapped(left, column), wrapped(right, column));
    for index in 0..left.len().max(right.len()) {
        let empty = String::new();
        let one = left.get(index).unwrap_or(&empty);
        let other = right.get(index).unwrap_or(&empty);
        line(out, &format!("    {one:column$} {mark} {other}"));
    }
}

fn wrapped(text: &str, column: usize) -> Vec<String> {
    let shown: Vec<char> = printable(text).chars().collect();
    shown
        .chunks(column)
        .map(|chunk| chunk.iter().collect())
        .collect()
}

fn summary(comparison: &Comparison) -> String {
    let mut text = format!("{} cases are the same", comparison.same);
    for (kind, count) in comparison.counts() {
        write!(text, "\n{count} {}", kind.title()).expect("a String takes everything");
    }
    text
}

#[derive(Clone, Debug, Serialize)]
struct View<'a> {
    id: &'a str,
    word: &'static str,
    title: &'static str,
    why: &'a str,
    requirement: &'a Option<String>,
    rows: Vec<Row<'a>>,
}

pub(super) fn html(comparison: &Comparison) -> Result<BTreeMap<String, String>, Error> {
    let tests: Vec<(&String, Vec<View<'_>>)> = comparison
        .tests
        .iter()
        .map(|(test, differences)| (test, differences.iter().map(view).collect()))
        .collect();
    let counts: Vec<(&str, &str, usize)> = comparison
        .counts()
        .into_iter()
        .map(|(kind, count)| (kind.word(), kind.title(), count))
        .collect();
    let page = templates().get_template("diff.html")?.render(context! {
        names => Serde(&comparison.names),
        same => comparison.same,
        counts => Serde(counts),
        tests => Serde(tests),
    })?;
    Ok(BTreeMap::from([("index.html".to_owned(), page)]))
}

fn view(difference: &Difference) -> View<'_> {
    View {
        id: &difference.id,
        word: difference.kind.word(),
        title: difference.kind.title(),
        why: &difference.why,
        requirement: &difference.requirement,
        rows: rows(difference),
    }
}

fn line(out: &mut String, text: &str) {
    let shown: Vec<String> = text.lines().map(printable).collect();
    writeln!(out, "{}", shown.join("\n").trim_end()).expect("a String takes everything");
}
