//! The exit code of a run (CLI.md): a function of its summary.

use tcpconf_engine::{Shown, Summary};

/// As expected.
pub const EXIT_EXPECTED: u8 = 0;
/// A failure or an unexpected pass.
pub const EXIT_FAILED: u8 = 1;
/// The target could not be reached, or the harness failed.
pub const EXIT_BROKEN: u8 = 3;
/// Nothing was selected.
pub const EXIT_NOTHING_SELECTED: u8 = 4;
/// No failure, but not everything that was asked has an answer.
pub const EXIT_INCONCLUSIVE: u8 = 5;
/// Ctrl-C.
pub const EXIT_INTERRUPTED: u8 = 130;

/// The exit code, precedence 130 > 3 > 1 > 5 > 4 > 0. (2, usage and suite errors, ends a run before
/// it has a summary.)
///
/// 5 stands for "only inconclusive left": besides what is as expected there are only inconclusive
/// cases, or there is no verdict about the target at all (all unsupported or skipped).
/// With `strict`, WARN and INFO count as failures.
pub fn exit_code(summary: &Summary, strict: bool) -> u8 {
    let count = |shown: Shown| summary.counts.get(&shown).copied().unwrap_or(0);
    let any = |words: &[Shown]| words.iter().any(|word| count(*word) > 0);
    if summary.interrupted {
        return EXIT_INTERRUPTED;
    }
    if summary.broken.is_some() || any(&[Shown::Error]) {
        return EXIT_BROKEN;
    }
    let failed = any(&[Shown::Fail, Shown::Xpass])
        || summary.killed_by.is_some()
        || (strict && any(&[Shown::Warn, Shown::Info]));
    if failed {
        return EXIT_FAILED;
    }
    if summary.counts.values().all(|n| *n == 0) {
        return EXIT_NOTHING_SELECTED;
    }
    let said_something = any(&[Shown::Pass, Shown::Warn, Shown::Info, Shown::Xfail]);
    if any(&[Shown::Inconclusive]) || !said_something {
        return EXIT_INCONCLUSIVE;
    }
    EXIT_EXPECTED
}

#[cfg(test)]
mod tests {
    use super::*;
    use Shown::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing(&[], 4)]
    #[case::all_pass(&[Pass], 0)]
    #[case::warn_is_no_failure(&[Pass, Warn, Info], 0)]
    #[case::only_information(&[Info], 0)]
    #[case::expected_failure(&[Xfail], 0)]
    #[case::failure(&[Pass, Fail], 1)]
    #[case::unexpected_pass(&[Pass, Xpass], 1)]
    #[case::failure_before_inconclusive(&[Fail, Inconclusive], 1)]
    #[case::inconclusive_left(&[Pass, Inconclusive], 5)]
    #[case::only_inconclusive(&[Inconclusive], 5)]
    #[case::all_unsupported(&[Unsupported], 5)]
    #[case::unsupported_and_skipped(&[Unsupported, Skip], 5)]
    #[case::some_unsupported(&[Pass, Unsupported, Skip], 0)]
    #[case::error_before_failure(&[Fail, Error], 3)]
    fn counts_decide(#[case] shown: &[Shown], #[case] expected: u8) {
        assert_eq!(exit_code(&summary(shown), false), expected);
    }

    #[rstest]
    #[case(&[Pass, Warn], 1)]
    #[case(&[Pass, Info], 1)]
    #[case(&[Pass, Xfail], 0)]
    #[case(&[Pass, Inconclusive], 5)]
    fn strict_makes_warnings_red(#[case] shown: &[Shown], #[case] expected: u8) {
        assert_eq!(exit_code(&summary(shown), true), expected);
    }

    #[test]
    fn precedence_is_interrupted_broken_killed() {
        let mut all = summary(&[Fail, Inconclusive]);
        all.killed_by = Some("t/a".into());
        assert_eq!(exit_code(&all, false), 1);
        all.broken = Some("no answer".into());
        assert_eq!(exit_code(&all, false), 3);
        all.interrupted = true;
        assert_eq!(exit_code(&all, false), 130);
    }

    #[test]
    fn a_killed_target_is_a_failure() {
        let mut killed = summary(&[Pass]);
        killed.killed_by = Some("t/a".into());
        assert_eq!(exit_code(&killed, false), 1);
    }

    fn summary(shown: &[Shown]) -> Summary {
        let mut summary = Summary::default();
        for word in shown {
            *summary.counts.entry(*word).or_default() += 1;
        }
        summary
    }
}
