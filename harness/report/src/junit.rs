//! JUnit XML for CI systems: a test suite a folder, a test case an instance.
//!
//! docs/reports.md has the mapping of verdicts.  Text from packets and suites is escaped, since XML
//! cannot hold all of it.

use crate::place::Place;
use crate::text::{plural, xml_safe};
use crate::{Report, reason};
use quick_junit::{
    NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestRerun, TestSuite,
};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;
use tcpconf_engine::{CaseReport, InvariantReport, Mark, RunEvent, RunInfo, Shown, Summary};

/// Collects cases and writes the document at the end.
#[derive(Debug)]
pub struct Junit<W> {
    out: W,
    strict: bool,
    run: Option<RunInfo>,
    suites: BTreeMap<String, Vec<TestCase>>,
    notes: Vec<String>,
    summary: Summary,
}

impl<W: Write> Junit<W> {
    /// Writes to `out`; with `strict`, failures at SHOULD and MAY count.
    pub fn new(out: W, strict: bool) -> Self {
        Self {
            out,
            strict,
            run: None,
            suites: BTreeMap::new(),
            notes: Vec::new(),
            summary: Summary::default(),
        }
    }

    fn status(&self, shown: Shown, message: &str, details: &str) -> TestCaseStatus {
        let failed = |kind| {
            let mut status = TestCaseStatus::non_success(kind);
            status
                .set_message(xml_safe(message))
                .set_type(shown.to_string());
            if !details.is_empty() {
                status.set_description(xml_safe(details));
            }
            status
        };
        let skipped = |word: &str| {
            let mut status = TestCaseStatus::skipped();
            status.set_message(xml_safe(&join(word, message)));
            status
        };
        match shown {
            Shown::Pass => TestCaseStatus::success(),
            Shown::Fail | Shown::Xpass => failed(NonSuccessKind::Failure),
            Shown::Warn | Shown::Info if self.strict => failed(NonSuccessKind::Failure),
            Shown::Warn | Shown::Info => TestCaseStatus::success(),
            Shown::Error => failed(NonSuccessKind::Error),
            Shown::Xfail => skipped("expected failure"),
            Shown::Unsupported => skipped("unsupported"),
            Shown::Inconclusive => skipped("inconclusive"),
            Shown::Skip => skipped("not run"),
        }
    }

    fn case(&mut self, case: &CaseReport) {
        let shown = Shown::of(&case.verdict, &case.marks);
        let message = reason::explained(case).unwrap_or_default();
        let details = details(case);
        let mut status = self.status(shown, &message, &details);
        if case.marks.contains(&Mark::Flaky) {
            let mut rerun = TestRerun::new(NonSuccessKind::Failure);
            rerun.set_message(format!("passed at attempt {}", case.attempts));
            status.add_rerun(rerun);
        }
        let (folder, name) = split(&case.id);
        let mut point = TestCase::new(xml_safe(name), status);
        point
            .set_classname(xml_safe(&case.test))
            .set_time(case.duration);
        let level = format!("{:?}", case.verdict.level).to_uppercase();
        point.add_property(("verdict", shown.to_string().as_str()));
        point.add_property(("level", level.as_str()));
        point.add_property(("requirements", case.spec.join(" ").as_str()));
        point.add_property(("seed", case.seed.to_string().as_str()));
        if matches!(shown, Shown::Warn | Shown::Info | Shown::Xfail) {
            point.set_system_out(xml_safe(&format!(
                "{shown}: {}\n{details}",
                join(&level, &message)
            )));
        }
        self.suites
            .entry(folder.to_owned())
            .or_default()
            .push(point);
    }

    fn invariant(&mut self, invariant: &InvariantReport) {
        let shown = Shown::of(&invariant.verdict, &invariant.marks);
        let details: Vec<String> = invariant
            .findings
            .iter()
            .map(|finding| {
                format!(
                    "{}: {}\n  {}",
                    finding.case, finding.message, finding.segment
                )
            })
            .collect();
        let message = match (&invariant.reason, invariant.findings.first()) {
            (Some(reason), _) => reason.clone(),
            (None, Some(finding)) => finding.message.clone(),
            (None, None) => String::new(),
        };
        let details = details.join("\n");
        let (folder, name) = split(&invariant.id);
        let mut point = TestCase::new(xml_safe(name), self.status(shown, &message, &details));
        point
            .set_classname(xml_safe(folder))
            .set_time(Duration::ZERO);
        point.add_property(("verdict", shown.to_string().as_str()));
        point.add_property(("requirements", invariant.spec.join(" ").as_str()));
        let judged = usize::try_from(invariant.judged).unwrap_or(usize::MAX);
        let judged = plural(judged, "segment");
        let text = format!("{}\n{judged} judged\n{details}", invariant.title);
        point.set_system_out(xml_safe(text.trim_end()));
        self.suites
            .entry(folder.to_owned())
            .or_default()
            .push(point);
    }

    fn document(&mut self) -> Document {
        let target = self.run.as_ref().map_or("", |run| run.target.as_str());
        let mut document = Document::new(xml_safe(format!("tcpconf {target}").trim_end()));
        document.set_time(self.summary.elapsed);
        for (folder, points) in std::mem::take(&mut self.suites) {
            let mut suite = TestSuite::new(xml_safe(&folder));
            suite.set_time(points.iter().filter_map(|point| point.time).sum());
            suite.add_test_cases(points);
            document.add_test_suite(suite);
        }
        let mut words = std::mem::take(&mut self.notes);
        if self.summary.interrupted {
            words.push("interrupted".into());
        }
        words.extend(self.summary.broken.clone());
        if !words.is_empty() {
            let mut suite = TestSuite::new("run");
            suite.set_system_err(xml_safe(&words.join("\n")));
            if let Some(broken) = &self.summary.broken {
                let status = self.status(Shown::Error, broken, "");
                suite.add_test_case(TestCase::new("target", status));
            }
            document.add_test_suite(suite);
        }
        document
    }
}

impl<W: Write> Report for Junit<W> {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        match event {
            RunEvent::Started(run) => self.run = Some(run.clone()),
            RunEvent::CaseStarted { .. } => {}
            RunEvent::CaseFinished(case) => self.case(case),
            RunEvent::InvariantFinished(invariant) => self.invariant(invariant),
            RunEvent::Note(note) => self.notes.push(note.clone()),
            RunEvent::Finished(summary) => self.summary = summary.clone(),
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let document = self.document();
        // In memory first: quick-junit would hide why the file cannot be written.
        let text = document.to_string().map_err(io::Error::other)?;
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

/// What the failure block shows, as plain lines.
fn details(case: &CaseReport) -> String {
    let Some(failure) = &case.failure else {
        return String::new();
    };
    let at = failure.location.last().unwrap_or(&case.location);
    let mut lines = vec![Place::of(at).short()];
    lines.extend(
        failure
            .expected
            .iter()
            .map(|text| format!("expected  {text}")),
    );
    lines.extend(
        failure
            .actual
            .iter()
            .map(|text| format!("actual    {text}")),
    );
    for difference in &failure.differences {
        lines.push(format!(
            "{}: expected {}, got {}",
            difference.field, difference.expected, difference.actual
        ));
    }
    lines.join("\n")
}

fn join(word: &str, message: &str) -> String {
    if message.is_empty() {
        word.to_owned()
    } else {
        format!("{word}: {message}")
    }
}

/// Folder and the rest of an id; parameters may hold slashes.
fn split(id: &str) -> (&str, &str) {
    let head = id.split('[').next().unwrap_or(id);
    match head.rfind('/') {
        Some(at) => (&id[..at], &id[at + 1..]),
        None => ("", id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn written(events: &[RunEvent], strict: bool) -> String {
        let mut out = Vec::new();
        let mut junit = Junit::new(&mut out, strict);
        for event in events {
            junit.event(event).unwrap();
        }
        junit.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_status_has_its_element() {
        insta::assert_snapshot!(written(&sample::run_of_every_kind(), false));
    }

    #[test]
    fn strict_makes_warnings_failures() {
        let events = sample::run_of_every_kind();
        let count = |text: &str| text.matches("<failure ").count();
        assert_eq!(
            count(&written(&events, true)),
            count(&written(&events, false)) + 3
        );
    }

    #[test]
    fn payload_that_xml_cannot_hold_is_escaped() {
        let mut case = sample::failed();
        case.failure.as_mut().unwrap().message = "got \u{fffe}\0\x1b".into();
        let text = written(&[RunEvent::CaseFinished(Box::new(case))], false);
        assert!(text.contains("got \\u{fffe}\\u{0}\\u{1b}"), "{text}");
    }

    #[test]
    fn parameters_with_slashes_stay_in_the_name() {
        assert_eq!(split("a/b[c=d/e]"), ("a", "b[c=d/e]"));
    }
}
