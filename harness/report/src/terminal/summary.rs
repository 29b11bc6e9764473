//! The end of a run: folders, what was not judged and why, the failures once more, counts.

use super::line::{STATUS_WIDTH, status};
use super::style;
use crate::place::Place;
use crate::text::seconds;
use crate::{printable, reason};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tcpconf_engine::{CaseReport, InvariantReport, Mark, Shown, Summary};

/// Reasons listed for each kind of unjudged case.
const MOST_REASONS: usize = 8;

/// What is kept of a run for its end.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Passes and all, by folder in the order of their names; invariants are a folder.
    folders: BTreeMap<String, (usize, usize)>,
    /// Why cases were not judged, by status, with counts.
    reasons: BTreeMap<Shown, BTreeMap<String, usize>>,
    /// Lines to be shown again.
    again: Vec<String>,
    finished: usize,
    failed: usize,
}

impl Tally {
    pub(super) fn case(&mut self, case: &CaseReport) {
        self.finished += 1;
        let shown = Shown::of(&case.verdict, &case.marks);
        self.count(&case.test, shown);
        match shown {
            Shown::Unsupported | Shown::Inconclusive | Shown::Skip => {
                self.unjudged(shown, reason::sentence(case));
            }
            Shown::Error if reason::never_played(case) => {
                self.unjudged(shown, reason::sentence(case));
            }
            Shown::Fail | Shown::Warn | Shown::Error | Shown::Xpass => {
                let at = case
                    .failure
                    .as_ref()
                    .and_then(|failure| failure.location.last());
                let place = Place::of(at.unwrap_or(&case.location)).short();
                let message = match shown {
                    Shown::Xpass => "passed, but a failure is expected",
                    _ => reason::sentence(case).unwrap_or_default(),
                };
                self.repeat(shown, &case.id, &format!("{message} ({place})"));
            }
            Shown::Pass if case.marks.contains(&Mark::Flaky) => {
                let message = format!("flaky: passed at attempt {}", case.attempts);
                self.repeat(shown, &case.id, &message);
            }
            Shown::Pass | Shown::Info | Shown::Xfail => {}
        }
    }

    pub(super) fn invariant(&mut self, invariant: &InvariantReport) {
        let shown = Shown::of(&invariant.verdict, &invariant.marks);
        self.count(&invariant.id, shown);
        if shown == Shown::Unsupported {
            self.unjudged(shown, invariant.reason.as_deref());
        }
        if matches!(
            shown,
            Shown::Fail | Shown::Warn | Shown::Error | Shown::Xpass
        ) {
            let message = match invariant.findings.first() {
                Some(finding) => format!("{} (in {})", finding.message, finding.case),
                None => invariant.reason.clone().unwrap_or_default(),
            };
            self.repeat(shown, &invariant.id, &message);
        }
    }

    /// Cases that have ended.
    pub(super) fn finished(&self) -> usize {
        self.finished
    }

    /// For the progress bar.
    pub(super) fn in_a_word(&self) -> String {
        format!("{} failed", self.failed)
    }

    /// All that stands at the end.
    pub(super) fn render(&self, summary: &Summary) -> String {
        let mut out = String::new();
        self.render_folders(&mut out);
        self.render_reasons(&mut out);
        for line in &self.again {
            out.push_str(line);
        }
        if let Some(case) = &summary.killed_by {
            let text = format!("the target died in {case}; what follows it is inconclusive");
            sentence(&mut out, &text);
        }
        let told = |broken: &String| self.reasons.values().any(|why| why.contains_key(broken));
        if let Some(broken) = summary.broken.as_ref().filter(|broken| !told(broken)) {
            sentence(&mut out, broken);
        }
        if summary.interrupted {
            sentence(
                &mut out,
                "interrupted: cases that had not ended are not judged",
            );
        }
        if let Some(text) = nothing_judged(summary) {
            sentence(&mut out, &text);
        }
        out.push_str(&total(summary));
        out
    }

    fn render_folders(&self, out: &mut String) {
        let names = self.folders.keys().map(|name| printable(name));
        let width = names
            .map(|name| name.chars().count())
            .max()
            .unwrap_or_default();
        for (folder, (passed, all)) in &self.folders {
            let folder = printable(folder);
            writeln!(
                out,
                "{:STATUS_WIDTH$} {folder:width$}  {passed} of {all} passed",
                ""
            )
            .expect("a String takes everything");
        }
    }

    fn render_reasons(&self, out: &mut String) {
        for (shown, reasons) in &self.reasons {
            let mut sorted: Vec<(&String, &usize)> = reasons.iter().collect();
            sorted.sort_by_key(|(why, count)| (std::cmp::Reverse(**count), *why));
            for (why, count) in sorted.iter().take(MOST_REASONS) {
                let text = format!("{count} × {}", printable(why));
                writeln!(out, "{} {text}", status(*shown)).expect("a String takes everything");
            }
            if sorted.len() > MOST_REASONS {
                let more = sorted.len() - MOST_REASONS;
                writeln!(out, "{} and {more} more reasons", status(*shown))
                    .expect("a String takes everything");
            }
        }
    }

    fn count(&mut self, id: &str, shown: Shown) {
        let folder = id.rfind('/').map_or("", |at| &id[..at]);
        let (passed, all) = self.folders.entry(folder.to_owned()).or_default();
        *passed += usize::from(shown == Shown::Pass);
        *all += 1;
        self.failed += usize::from(matches!(shown, Shown::Fail | Shown::Error | Shown::Xpass));
    }

    fn unjudged(&mut self, shown: Shown, why: Option<&str>) {
        let why = why.unwrap_or("no reason given").to_owned();
        *self
            .reasons
            .entry(shown)
            .or_default()
            .entry(why)
            .or_default() += 1;
    }

    fn repeat(&mut self, shown: Shown, id: &str, message: &str) {
        let (id, message) = (printable(id), printable(message));
        self.again
            .push(format!("{}  {id}: {message}\n", status(shown)));
    }
}

/// Exit codes 4 and 5 have words.
fn nothing_judged(summary: &Summary) -> Option<String> {
    let count = |shown| summary.counts.get(&shown).copied().unwrap_or_default();
    let all: usize = summary.counts.values().sum();
    let unjudged = [Shown::Unsupported, Shown::Inconclusive, Shown::Skip];
    if all == 0 || unjudged.into_iter().map(count).sum::<usize>() < all {
        return None;
    }
    Some(if count(Shown::Unsupported) == all {
        "nothing was judged: the target supports none of what was selected".into()
    } else {
        "nothing was judged: no selected case came to a verdict".into()
    })
}

fn sentence(out: &mut String, text: &str) {
    let style = style::ERROR;
    writeln!(
        out,
        "{:STATUS_WIDTH$} {style}{}{style:#}",
        "",
        printable(text)
    )
    .expect("a String takes everything");
}

/// `50 pass, 1 fail; 30 of 32 requirements met; 0.82s`
fn total(summary: &Summary) -> String {
    let mut words: Vec<String> = summary
        .counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(shown, count)| {
            let style = style::of(*shown);
            format!("{style}{count} {}{style:#}", word(*shown))
        })
        .collect();
    if words.is_empty() {
        words.push("nothing was run".into());
    }
    if summary.flaky > 0 {
        words.push(format!("{} flaky", summary.flaky));
    }
    let (met, seen) = summary.requirements;
    let bold = style::BOLD;
    format!(
        "{bold}{:>STATUS_WIDTH$}{bold:#} {}; {met} of {seen} requirements met; {}\n",
        "TOTAL",
        words.join(", "),
        seconds(summary.elapsed)
    )
}

fn word(shown: Shown) -> &'static str {
    match shown {
        Shown::Pass => "passed",
        Shown::Fail => "failed",
        Shown::Warn => "warned",
        Shown::Info => "informed",
        Shown::Xfail => "failed as expected",
        Shown::Xpass => "passed unexpectedly",
        Shown::Unsupported => "unsupported",
        Shown::Inconclusive => "inconclusive",
        Shown::Error => "in error",
        Shown::Skip => "not run",
    }
}
