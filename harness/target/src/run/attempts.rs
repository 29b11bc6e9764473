//! How often a case is played: again when the harness was late, again when it failed and `--retries`.

use tcpconf_engine::{CaseReport, Mark, Outcome};

/// Plays of a case that are lost because the harness was late.
const MAX_LATE: u32 = 3;

/// The tries of one case.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Attempts {
    /// Tries so far.
    pub(crate) count: u32,
    late: u32,
    failed: u32,
}

impl Attempts {
    /// Another try begins; its number, from 1.
    pub(crate) fn begin(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// Whether the case must be played again after this report; if not, the report is final and says
    /// how often it was played. `late`: the harness, not the target, is to blame for a failure.
    pub(crate) fn again(
        &mut self,
        report: &mut CaseReport,
        late: bool,
        expected: bool,
        retries: u32,
    ) -> bool {
        report.attempts = self.count;
        match report.verdict.outcome {
            Outcome::Fail | Outcome::Inconclusive if late => {
                self.late += 1;
                if self.late < MAX_LATE {
                    return true;
                }
                report.verdict.outcome = Outcome::Inconclusive;
                report.reason = Some(format!("the harness was late in {} plays", self.late));
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
