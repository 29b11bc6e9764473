//! A failure on one screen, readable without colour.

use super::line::STATUS_WIDTH;
use super::{TerminalOptions, style};
use crate::place::Place;
use crate::text::{plural, seconds};
use crate::{pcapng, printable, reason};
use std::fmt::Write as _;
use tcpconf_engine::{
    CaseReport, Difference, Failure, InvariantReport, Level, Location, RunInfo, Shown, TraceEntry,
};
use tcpconf_suite::Requirements;

/// Packets shown, the last of a case.
const LAST_PACKETS: usize = 8;
/// The engine's note on packets behind the verdict; the capture has them.
const CLEANING_UP: &str = "cleaning up";
/// Violations of an invariant shown.
const FIRST_FINDINGS: usize = 3;
/// Left of a block's lines, of its second level, and of a table's keys.
const INDENT: &str = "      ";
const DEEPER: &str = "        ";

/// How much of a failure is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What was asked and what came.
    Short,
    /// The packets, the capture and the command line too.
    Full,
}

/// The block of a case that did not pass, ending in a newline; styled.
pub fn failure_block(
    case: &CaseReport,
    run: &RunInfo,
    options: &TerminalOptions,
    detail: Detail,
) -> String {
    let mut out = String::new();
    head(&mut out, case);
    let cited = case
        .failure
        .as_ref()
        .and_then(|failure| failure.spec.as_ref());
    if let Some(id) = cited.or(case.spec.first()) {
        requirement(&mut out, &options.requirements, id);
    }
    if let Some(why) = reason_line(case) {
        line(&mut out, INDENT, &why);
    }
    match &case.failure {
        Some(failure) => failed(&mut out, case, failure),
        None => line(&mut out, INDENT, &Place::of(&case.location).short()),
    }
    if detail == Detail::Full {
        wire(&mut out, case);
        if let Some(folder) = &options.captures
            && pcapng::wanted(case, options.all_captures)
        {
            let path = folder.join(pcapng::file_name(&case.id));
            pair(&mut out, "pcap", &path.display().to_string());
        }
        let again = options.again.line(run, &case.id, case.seed);
        pair(&mut out, "again", &again);
    }
    out
}

/// The block of an invariant that did not hold, ending in a newline; styled.
pub fn invariant_block(
    invariant: &InvariantReport,
    run: &RunInfo,
    options: &TerminalOptions,
) -> String {
    let mut out = String::new();
    let shown = Shown::of(&invariant.verdict, &invariant.marks);
    title(&mut out, shown, &invariant.id, invariant.verdict.level);
    out.push('\n');
    for id in &invariant.spec {
        requirement(&mut out, &options.requirements, id);
    }
    line(&mut out, INDENT, &invariant.title);
    if let Some(why) = &invariant.reason {
        pair(&mut out, "reason", why);
    }
    let judged = usize::try_from(invariant.judged).unwrap_or(usize::MAX);
    let count = invariant.findings.len();
    let many = format!(
        "{} in {}",
        plural(count, "violation"),
        plural(judged, "segment")
    );
    line(&mut out, INDENT, &many);
    for finding in invariant.findings.iter().take(FIRST_FINDINGS) {
        line(
            &mut out,
            DEEPER,
            &format!("{} at {:.3}s", finding.case, finding.at.as_secs_f64()),
        );
        line(
            &mut out,
            DEEPER,
            &format!("  {}: {}", finding.message, finding.segment),
        );
    }
    if count > FIRST_FINDINGS {
        line(
            &mut out,
            DEEPER,
            &format!("and {} more", count - FIRST_FINDINGS),
        );
    }
    if let Some(first) = invariant.findings.first() {
        let again = options.again.line(run, &first.case, run.seed);
        pair(&mut out, "again", &again);
    }
    out
}

fn head(out: &mut String, case: &CaseReport) {
    title(
        out,
        Shown::of(&case.verdict, &case.marks),
        &case.id,
        case.verdict.level,
    );
    write!(out, "   {}", seconds(case.duration)).expect("a String takes everything");
    if case.attempts > 1 {
        write!(out, "   {}", plural(case.attempts as usize, "attempt"))
            .expect("a String takes everything");
    }
    out.push('\n');
}

fn title(out: &mut String, shown: Shown, id: &str, level: Level) {
    let (style, bold) = (style::of(shown), style::BOLD);
    let level = format!("{level:?}").to_uppercase();
    let id = printable(id);
    write!(
        out,
        "{style}{shown:>STATUS_WIDTH$}{style:#}  {bold}{id}{bold:#}   {level}"
    )
    .expect("a String takes everything");
}

/// `RFC 9293 §3.10.7.4: what it asks`; the bare id when the catalogue does not know it.
fn requirement(out: &mut String, requirements: &Requirements, id: &str) {
    match requirements.find(id) {
        Some(known) => {
            let text = format!("RFC {} §{}: {}", known.rfc, known.section, known.summary);
            line(out, INDENT, text.trim_end_matches('.'));
        }
        None => line(out, INDENT, id),
    }
}

/// What the profile or the run says besides the failure's own message.
fn reason_line(case: &CaseReport) -> Option<String> {
    match (&case.failure, &case.reason) {
        (None, _) => reason::explained(case),
        (Some(failure), Some(reason)) if *reason != failure.message => Some(reason.clone()),
        _ => None,
    }
}

fn failed(out: &mut String, case: &CaseReport, failure: &Failure) {
    let innermost = failure.location.last().unwrap_or(&case.location);
    let outer = failure.location.len().saturating_sub(1);
    for place in failure.location.iter().take(outer).map(Place::of) {
        line(
            out,
            INDENT,
            &format!("{}: {}", place.short(), place.text.trim()),
        );
    }
    snippet(out, innermost, &failure.message);
    if let Some(expected) = &failure.expected {
        pair(out, "expected", expected);
    }
    if let Some(actual) = &failure.actual {
        pair(out, "actual", actual);
    }
    differences(out, &failure.differences);
}

/// File and line, the line itself, and the message under a caret.
fn snippet(out: &mut String, location: &Location, message: &str) {
    let place = Place::of(location);
    line(out, INDENT, &place.short());
    let (dim, error) = (style::DIM, style::ERROR);
    let caret = place.caret;
    let message = printable(message);
    writeln!(out, "{dim}{:>11} |{dim:#} {}", place.line, place.text)
        .and_then(|()| {
            writeln!(
                out,
                "{dim}{:>11} |{dim:#} {:caret$}{error}^{error:#} {message}",
                "", ""
            )
        })
        .expect("a String takes everything");
}

/// All fields that differ, expected beside actual.
fn differences(out: &mut String, differences: &[Difference]) {
    if differences.is_empty() {
        return;
    }
    let mut rows = vec![[
        "field".to_owned(),
        "expected".to_owned(),
        "actual".to_owned(),
    ]];
    rows.extend(differences.iter().map(|difference| {
        [&difference.field, &difference.expected, &difference.actual].map(|text| printable(text))
    }));
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let (first, second) = (width(0), width(1));
    for [field, expected, actual] in &rows {
        line(
            out,
            DEEPER,
            &format!("{field:first$}  {expected:second$}  {actual}"),
        );
    }
}

/// The last packets before the verdict, stamps relative to the case's first one.
fn wire(out: &mut String, case: &CaseReport) {
    let judged = |entry: &&TraceEntry| entry.note.as_deref() != Some(CLEANING_UP);
    let entries: Vec<&TraceEntry> = case.trace.iter().filter(judged).collect();
    let Some(first) = entries.first() else {
        pair(out, "wire", "(no packet)");
        return;
    };
    let skipped = entries.len().saturating_sub(LAST_PACKETS);
    let count = if skipped > 0 {
        format!("last {LAST_PACKETS} of {}", entries.len())
    } else {
        plural(entries.len(), "packet")
    };
    pair(out, "wire", &format!("({count}; `<` into the target)"));
    for entry in &entries[skipped..] {
        let at = entry.at.since(first.at).as_secs_f64();
        let note = entry
            .note
            .as_ref()
            .map_or(String::new(), |note| format!("   # {note}"));
        line(out, DEEPER, &format!("+{at:.3} {}{note}", entry.line()));
    }
}

/// `expected  …`, `pcap   …`: short keys stand in a narrower column than long ones, as in CLI.md.
fn pair(out: &mut String, key: &str, value: &str) {
    let width = match key {
        "expected" | "actual" => 10,
        "pcap" | "again" => 7,
        _ => 6,
    };
    line(out, INDENT, &format!("{key:width$}{value}"));
}

fn line(out: &mut String, indent: &str, text: &str) {
    out.push_str(indent);
    out.push_str(printable(text).trim_end());
    out.push('\n');
}
