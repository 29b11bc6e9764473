//! Plays a plan against an endpoint: connection model, matching, invariants, verdicts, events.
//!
//! Pure: no I/O, no clock, no threads. A driver owns sockets and time; it feeds a [`Case`] with what
//! happened and does what [`Case::poll`] asks.

mod action;
mod case;
mod compose;
mod endpoint;
mod eval;
mod event;
mod invariant;
mod link;
mod matching;
mod model;
pub mod payload;
mod profile;
mod reading;
mod session;
mod value;
mod verdict;
mod watch;

pub use action::{Action, CaseSetup, Lease, Mode, SendId};
pub use case::Case;
pub use endpoint::{
    AppCall, AppEvent, CallId, Endpoint, Errno, FourTuple, SocketHandle, Status, Value,
};
pub use event::{
    CaseReport, Difference, Direction, Evidence, Failure, Finding, InvariantReport, Location,
    RunEvent, RunInfo, Summary, TraceEntry,
};
pub use invariant::{Invariant, invariants};
pub use profile::{Claim, Expectation, Expected, LinkSettings, Profile, ProfileError, Timing};
pub use session::Session;
pub use verdict::{Excuse, Level, Mark, Outcome, Shown, Verdict};
pub use watch::Watch;
