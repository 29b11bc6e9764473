//! How often a case is played: again when the harness was to blame, again when it failed and `--retries`.

use tcpconf_engine::{CaseReport, Mark, Outcome};

/// Plays of a case that are lost because of the harness.
const MAX_EXCUSED: u32 = 5;

/// The tries of one case.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attempts {
    /// Tries so far.
    pub(crate) count: u32,
    excused: u32,
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
    /// how often it was played. `excuse`: why the harness, not the target, is to blame for
    /// a failure.
    pub(crate) fn again(
        &mut self,
        report: &mut CaseReport,
        excuse: Option<&str>,
        expected: bool,
        retries: u32,
    ) -> bool {
        report.attempts = self.count;
        match report.verdict.outcome {
            Outcome::Fail | Outcome::Inconclusive if let Some(excuse) = excuse => {
                self.excused += 1;
                if self.excused < MAX_EXCUSED {
                    return true;
                }
                report.verdict.outcome = Outcome::Inconclusive;
                report.reason = Some(format!("{excuse} in {} plays", self.excused));
                false
            }
            Outcome::Fail if !expected && self.failed < retries => {
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
