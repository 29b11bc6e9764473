//! The one sentence that says why a case did not simply pass.

use tcpconf_engine::{CaseReport, Shown};

/// The failure's message, else the reason, else nothing.
pub(crate) fn sentence(case: &CaseReport) -> Option<&str> {
    case.failure
        .as_ref()
        .map(|failure| failure.message.as_str())
        .or(case.reason.as_deref())
}

/// As [`sentence`], but where the profile expects a failure what it says comes first.
pub(crate) fn explained(case: &CaseReport) -> Option<String> {
    match (Shown::of(&case.verdict, &case.marks), &case.reason) {
        (Shown::Xpass, Some(reason)) => {
            Some(format!("passed, but a failure is expected: {reason}"))
        }
        (Shown::Xfail, Some(reason)) => Some(reason.clone()),
        _ => sentence(case).map(str::to_owned),
    }
}

/// Whether the run set the case aside before its first packet: its reason is the run's, told once.
pub(crate) fn never_played(case: &CaseReport) -> bool {
    case.failure.is_none() && case.trace.is_empty() && case.reason.is_some()
}
