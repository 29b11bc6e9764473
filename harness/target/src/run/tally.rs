//! What a run adds to the reports of its cases: marks by the profile, invariants, counts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tcpconf_engine::{
    CaseReport, Expected, Finding, Invariant, InvariantReport, Mark, Outcome, Profile, RunEvent,
    Shown, Summary, Verdict,
};

/// Findings kept of each invariant.
const MAX_FINDINGS: usize = 100;

/// Collects the reports of a run and passes its events on.
pub(crate) struct Tally<'r> {
    profile: &'r Profile,
    strict: bool,
    invariants: &'static [Invariant],
    sink: &'r mut dyn FnMut(RunEvent),
    seen: BTreeMap<&'static str, Seen>,
    summary: Summary,
    passed: BTreeSet<String>,
    judged: BTreeSet<String>,
    red: bool,
}

/// What was seen of one invariant.
#[derive(Default)]
struct Seen {
    judged: u64,
    findings: Vec<Finding>,
}

impl<'r> Tally<'r> {
    pub(crate) fn new(
        profile: &'r Profile,
        strict: bool,
        invariants: &'static [Invariant],
        sink: &'r mut dyn FnMut(RunEvent),
    ) -> Self {
        Self {
            profile,
            strict,
            invariants,
            sink,
            seen: BTreeMap::new(),
            summary: Summary::default(),
            passed: BTreeSet::new(),
            judged: BTreeSet::new(),
            red: false,
        }
    }

    /// A try begins.
    pub(crate) fn case_started(&mut self, id: &str, attempt: u32) {
        (self.sink)(RunEvent::CaseStarted {
            id: id.to_owned(),
            attempt,
        });
    }

    /// A sentence for the user.
    pub(crate) fn note(&mut self, sentence: String) {
        (self.sink)(RunEvent::Note(sentence));
    }

    /// What the invariants saw in a try; also in tries that are not the last.
    pub(crate) fn absorb(&mut self, report: &CaseReport) {
        for (name, judged) in &report.judged {
            self.seen.entry(name).or_default().judged += judged;
        }
        for finding in &report.findings {
            let seen = self.seen.entry(finding.invariant).or_default();
            if seen.findings.len() < MAX_FINDINGS {
                seen.findings.push(finding.clone());
            }
        }
    }

    /// A case has its final verdict: the profile's expectation is applied, and the report passed on.
    pub(crate) fn case_finished(&mut self, mut report: CaseReport) {
        let (mark, reason) = expected(self.profile, &report.id, &report.verdict);
        if let Some(mark) = mark {
            report.marks.push(mark);
            report.reason = reason;
        }
        self.count(&report.verdict, &report.marks);
        if matches!(report.verdict.outcome, Outcome::Pass | Outcome::Fail) {
            self.judged.extend(report.spec.iter().cloned());
        }
        if report.verdict.outcome == Outcome::Pass {
            self.passed.extend(report.spec.iter().cloned());
        }
        (self.sink)(RunEvent::CaseFinished(Box::new(report)));
    }

    fn count(&mut self, verdict: &Verdict, marks: &[Mark]) {
        let shown = Shown::of(verdict, marks);
        *self.summary.counts.entry(shown).or_default() += 1;
        self.summary.flaky += usize::from(marks.contains(&Mark::Flaky));
        self.red |= match shown {
            Shown::Fail | Shown::Xpass | Shown::Error => true,
            Shown::Warn | Shown::Info => self.strict,
            Shown::Pass | Shown::Xfail | Shown::Unsupported | Shown::Inconclusive | Shown::Skip => {
                false
            }
        };
    }

    /// Whether anything has made the run red so far (`--fail-fast`).
    pub(crate) const fn is_red(&self) -> bool {
        self.red
    }

    /// Ctrl-C.
    pub(crate) fn interrupted(&mut self) {
        self.summary.interrupted = true;
    }

    /// The target could not be reached, or the harness failed.
    pub(crate) fn broken(&mut self, sentence: String) {
        self.summary.broken.get_or_insert(sentence);
    }

    /// This case killed the target.
    pub(crate) fn killed_by(&mut self, id: &str) {
        self.summary.killed_by.get_or_insert_with(|| id.to_owned());
    }

    /// The invariants' reports, and the end.
    pub(crate) fn finish(mut self, elapsed: Duration) -> Summary {
        let any_case = self.summary.counts.values().any(|n| *n > 0);
        let invariants = if any_case { self.invariants } else { &[] };
        for invariant in invariants {
            let report = self.invariant(invariant);
            self.count(&report.verdict, &report.marks);
            (self.sink)(RunEvent::InvariantFinished(report));
        }
        self.summary.elapsed = elapsed;
        self.summary.requirements = (self.passed.len(), self.judged.len());
        (self.sink)(RunEvent::Finished(self.summary.clone()));
        self.summary
    }

    fn invariant(&mut self, invariant: &Invariant) -> InvariantReport {
        let Seen { judged, findings } = self.seen.remove(invariant.name).unwrap_or_default();
        let id = format!("invariant/{}", invariant.name);
        let outcome = match (findings.is_empty(), judged) {
            (false, _) => Outcome::Fail,
            (true, 0) => Outcome::Unsupported,
            (true, _) => Outcome::Pass,
        };
        let verdict = Verdict {
            outcome,
            level: invariant.level,
        };
        let (mark, mut reason) = expected(self.profile, &id, &verdict);
        if outcome == Outcome::Unsupported {
            reason = Some("no segment came that it could judge".to_owned());
        }
        InvariantReport {
            id,
            title: invariant.title.to_owned(),
            spec: invariant.spec.iter().map(|id| (*id).to_owned()).collect(),
            verdict,
            marks: mark.into_iter().collect(),
            reason,
            judged,
            findings,
        }
    }
}

/// The mark that the profile gives to a verdict, with its reason.
fn expected(profile: &Profile, id: &str, verdict: &Verdict) -> (Option<Mark>, Option<String>) {
    let Some(expectation) = profile.expectation(id) else {
        return (None, None);
    };
    let mark = match verdict.outcome {
        Outcome::Fail => Mark::Xfail,
        Outcome::Pass if expectation.outcome == Expected::Fail => Mark::Xpass,
        Outcome::Pass
        | Outcome::Unsupported
        | Outcome::Inconclusive
        | Outcome::Error
        | Outcome::Skip => {
            return (None, None);
        }
    };
    (Some(mark), Some(expectation.reason.clone()))
}

#[cfg(test)]
mod tests;
