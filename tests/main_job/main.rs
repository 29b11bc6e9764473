//! The main job: `tcpconf run suites/handshake` on the built-in stack, on smoltcp, on this machine's
//! kernel, and against real servers across a (private) network.
//!
//! Runs are shared between assertions: what several tests look at is played once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod black_hole;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod kernel;
mod smoltcp;
mod stack;
mod verdict;
