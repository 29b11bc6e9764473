//! Coverage for a terminal.

use super::{Counts, Coverage, RequirementCoverage, Status, percent};
use crate::printable;
use std::fmt::Write as _;

const HEAD: [&str; 8] = [
    "RFC",
    "ids",
    "covered",
    "partly",
    "untested",
    "not visible",
    "covered of visible",
    "of wire and agent",
];

pub(super) fn table(coverage: &Coverage) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    for rfc in &coverage.rfcs {
        rows.push(row(&rfc.rfc.to_string(), &rfc.counts));
    }
    rows.push(row("all", &coverage.all));
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:>width$}"))
            .collect();
        line(&mut out, &cells.join("  "));
    }
    out.push('\n');
    for yardstick in &coverage.yardsticks {
        let open = yardstick.total - yardstick.reached - yardstick.excused;
        let counts = format!("{}/{}", yardstick.reached, yardstick.total);
        let excused = match yardstick.excused {
            0 => String::new(),
            n => format!(", {n} not with a reason"),
        };
        let text = format!(
            "{:21}  {counts:>7}{excused}, {open} open: {}",
            yardstick.name, yardstick.what
        );
        line(&mut out, &text);
    }
    out.push('\n');
    line(&mut out, &tests(coverage));
    out
}

fn tests(coverage: &Coverage) -> String {
    let mut text = format!(
        "{} tests in {} instances; a fault kills {} of the tests",
        coverage.tests, coverage.instances, coverage.killed
    );
    if let Some(profile) = &coverage.profile {
        let left_out = coverage.left_out;
        let _ = write!(
            text,
            "; {left_out} left out: {profile} does not claim what they need"
        );
    }
    text
}

fn row(name: &str, counts: &Counts) -> [String; 8] {
    [
        name.to_owned(),
        counts.total.to_string(),
        counts.covered.to_string(),
        counts.partly.to_string(),
        counts.untested.to_string(),
        counts.not_visible.to_string(),
        percent(counts.covered, counts.visible()),
        percent(counts.prompt_covered, counts.prompt),
    ]
}

pub(super) fn listing(coverage: &Coverage, rfc: u32) -> Option<String> {
    let of_rfc = coverage.requirements.iter().filter(|r| r.rfc == rfc);
    let out: String = of_rfc.map(requirement).collect();
    (!out.is_empty()).then_some(out)
}

/// Id, level, status and why; then what is asked, and the tests.
pub(super) fn requirement(requirement: &RequirementCoverage) -> String {
    let mut out = String::new();
    let status = match (requirement.status, &requirement.why) {
        (status, Some(why)) => format!("{}: {}", status.name(), why.trim_end_matches('.')),
        (status, None) => status.name().to_owned(),
    };
    line(
        &mut out,
        &format!("{}  {}  {status}", requirement.id, requirement.level),
    );
    if requirement.status != Status::Covered {
        line(&mut out, &format!("    {}", requirement.summary));
    }
    for invariant in &requirement.invariants {
        line(&mut out, &format!("    invariant/{invariant}"));
    }
    for test in &requirement.tests {
        let mark = match (test.first, test.killed) {
            (true, true) => "",
            (false, true) => "  (further id)",
            (true, false) => "  (no fault kills it)",
            (false, false) => "  (further id; no fault kills it)",
        };
        line(&mut out, &format!("    {}{mark}", test.test));
    }
    out
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{}", printable(text).trim_end()).expect("a String takes everything");
}
