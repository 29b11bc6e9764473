//! Plays a plan against an endpoint: connection model, matching, invariants, verdicts, events.
//!
//! Pure: no I/O, no clock, no threads. A driver owns sockets and time; it feeds a [`Case`] with what
//! happened and does what [`Case::poll`] asks.

mod action;
mod endpoint;
mod event;
mod profile;
mod verdict;

pub use action::{Action, CaseSetup, Lease, Mode, SendId};
pub use endpoint::{
    AppCall, AppEvent, CallId, Endpoint, Errno, FourTuple, SocketHandle, Status, Value,
};
pub use event::{
    CaseReport, Difference, Direction, Failure, Finding, InvariantReport, Location, RunEvent,
    RunInfo, Summary, TraceEntry,
};
pub use profile::{Claim, Expectation, Profile, ProfileError, Timing};
pub use verdict::{Level, Mark, Outcome, Shown, Verdict};
