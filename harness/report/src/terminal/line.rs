//! One line an event: right-aligned status, duration, counter, id.

use super::style;
use crate::text::{plural, seconds};
use crate::{printable, reason};
use tcpconf_engine::{CaseReport, InvariantReport, Mark, RunInfo, Shown};

/// Statuses end in this column, here and in failure blocks.
pub(super) const STATUS_WIDTH: usize = 8;

/// The first line of a run.
pub(super) fn run(run: &RunInfo) -> String {
    let style = style::BOLD;
    format!(
        "{style}tcpconf{style:#} {}: {} of {} against {} (profile {}), seed {}\n",
        run.version,
        plural(run.cases, "case"),
        plural(run.tests, "test"),
        printable(&run.target),
        printable(&run.profile),
        run.seed
    )
}

/// A case without a block.
pub(super) fn case(case: &CaseReport, finished: usize, cases: usize) -> String {
    let shown = Shown::of(&case.verdict, &case.marks);
    let width = cases.to_string().len();
    let mut text = format!(
        "{} [{:>8}] ({finished:>width$}/{cases}) {}",
        status(shown),
        seconds(case.duration),
        printable(&case.id)
    );
    if case.marks.contains(&Mark::Flaky) {
        text.push_str(&format!("  (flaky: passed at attempt {})", case.attempts));
    }
    if let Some(why) = reason::explained(case) {
        text.push_str(": ");
        text.push_str(&printable(&why));
    }
    text.push('\n');
    text
}

/// An invariant without a block.
pub(super) fn invariant(invariant: &InvariantReport) -> String {
    let shown = Shown::of(&invariant.verdict, &invariant.marks);
    let judged = usize::try_from(invariant.judged).unwrap_or(usize::MAX);
    format!(
        "{} {}: {} judged\n",
        status(shown),
        printable(&invariant.id),
        plural(judged, "segment")
    )
}

/// A sentence that the user should know.
pub(super) fn note(note: &str) -> String {
    let (dim, width) = (style::DIM, STATUS_WIDTH);
    format!("{dim}{:>width$}{dim:#} {}\n", "NOTE", printable(note))
}

/// The word, aligned and coloured.
pub(super) fn status(shown: Shown) -> String {
    let style = style::of(shown);
    format!("{style}{shown:>STATUS_WIDTH$}{style:#}")
}
