//! What the end-to-end tests share: the built binary and what came out of it, networks with real
//! servers in them, and eyes on the wire.
//!
//! Everything here is for tests, so it panics with a sentence instead of answering with an error.

mod program;
mod redact;
mod reports;

#[cfg(target_os = "linux")]
mod network;

pub use program::{Ended, root, tcpconf, tcpconf_path};
pub use redact::{blocks, redacted};
pub use reports::{Captured, JunitCase, Verdicts, captures, junit_cases};

#[cfg(target_os = "linux")]
pub use network::{
    BlackHole, Privilege, Server, Sniffer, WireSegment, as_ordinary_user, foreign_resets, has,
    spawn_in, spend_real_time,
};
