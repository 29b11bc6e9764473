//! How often a case is played: again when the harness was to blame, again when it failed and `--retries`.

use tcpconf_engine::{CaseReport, Excuse, Expected, Mark, Outcome};

/// Plays of a case that are lost because of the harness.
const MAX_EXCUSED: u32 = 5;

/// A play whose verdict says nothing about the target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Excused {
    /// Why not.
    pub(crate) why: Excuse,
    /// It failed; else it passed, or did not come to its steps.
    pub(crate) failed: bool,
}

/// The tries of one case.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attempts {
    /// Tries so far.
    pub(crate) count: u32,
    excused: u32,
    /// Those of them in which we were late and it failed.
    late_failures: u32,
    failed: u32,
}

impl Attempts {
    /// Another try begins; its number, from 1.
    pub(crate) fn begin(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// Whether the harness was to blame more than once.
    pub(crate) fn spoiled_again(&self) -> bool {
        self.excused > 1
    }

    /// As [`Attempts::again`] when the harness was to blame.
    #[cfg(test)]
    pub(crate) fn spoil(&mut self) {
        self.excused += 1;
    }

    /// Whether the case must be played again after this report; if not, the report is final and says
    /// how often it was played.
    ///
    /// What the profile expects to fail, and has failed in five plays in which we were late, does not accuse the target
    /// of anything new: it failed. A pass of what is expected to fail may be by chance when we were late, and is
    /// played again. Where the link loses packets everything is by chance, and neither holds.
    pub(crate) fn again(
        &mut self,
        report: &mut CaseReport,
        excuse: Option<Excused>,
        expected: Option<Expected>,
        retries: u32,
    ) -> bool {
        report.attempts = self.count;
        let late = matches!(
            excuse,
            Some(Excused {
                why: Excuse::Late,
                ..
            })
        );
        let accuses = match report.verdict.outcome {
            Outcome::Fail | Outcome::Inconclusive => true,
            Outcome::Pass => late && expected == Some(Expected::Fail),
            Outcome::Unsupported | Outcome::Error | Outcome::Skip => false,
        };
        if accuses && let Some(excuse) = excuse {
            self.excused += 1;
            self.late_failures += u32::from(late && excuse.failed);
            if self.excused < MAX_EXCUSED {
                return true;
            }
            if expected.is_some() && self.late_failures == self.excused {
                report.verdict.outcome = Outcome::Fail;
            } else {
                report.verdict.outcome = Outcome::Inconclusive;
                report.reason = Some(format!("{} in {} plays", excuse.why, self.excused));
            }
            return false;
        }
        match report.verdict.outcome {
            Outcome::Fail if expected.is_none() && self.failed < retries => {
                self.failed += 1;
                true
            }
            Outcome::Pass if self.failed > 0 => {
                report.marks.push(Mark::Flaky);
                report.reason = Some(format!("earlier plays that failed: {}", self.failed));
                false
            }
            _ => false,
        }
    }
}
