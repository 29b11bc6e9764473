//! Endpoints and how to reach them: in process, this machine's kernel, a host across a network.
//!
//! The only crate that does I/O, reads clocks and knows a concrete stack.

mod run;
mod seam;
mod service;
mod stack_target;

pub use run::{
    EXIT_BROKEN, EXIT_EXPECTED, EXIT_FAILED, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED,
    EXIT_NOTHING_SELECTED, IpChoice, RunOptions, StopFlag, Target, exit_code, run,
};
pub use seam::{InProcess, LeaseError, Link, RealTarget, TargetError};
pub use service::{HTTP_REQUEST_END, HTTP_RESPONSE, Service, UnknownService, source_octet};
pub use stack_target::StackTarget;
