//! Endpoints and how to reach them: in process, this machine's kernel, a host across a network.
//!
//! The only crate that does I/O, reads clocks and knows a concrete stack.

mod seam;

pub use seam::{InProcess, LeaseError, Link, RealTarget, TargetError};
