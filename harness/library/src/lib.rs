//! The suites for whoever has a TCP stack of her own: she implements [`Endpoint`] for it, hands [`run_in_process`] a
//! closure that makes one a case, and asserts the [`Outcome`] in her own `cargo test`. Time is virtual: a back-off of
//! a minute costs microseconds, and every run does the same.
//!
//! ```no_run
//! # use tcpconf_library::{Case, Endpoint, Profile, Suites, run_in_process};
//! # fn my_stack(case: &Case<'_>) -> Result<Box<dyn Endpoint>, String> { Err(String::new()) }
//! let suites = Suites::shipped().unwrap().only("handshake/");
//! let outcome = run_in_process("my stack", &suites, Profile::generic(), my_stack);
//! assert!(outcome.ok(), "{outcome}");
//! ```
//!
//! docs/library.md tells the whole of it, with an example. What runs over a network or in another process is not for
//! this crate: that is the binary's `--target`.

mod in_process;
mod suites;

pub use in_process::{Case, Outcome, run_in_process};
pub use suites::{Suites, SuitesError};
pub use tcpconf_engine::{
    AppCall, AppEvent, CallId, Endpoint, Errno, FourTuple, Lease, Profile, SocketHandle, Status,
    Summary, Value,
};
pub use tcpconf_suite::plan::Needs;
pub use tcpconf_suite::vocabulary::Capability;
pub use tcpconf_wire::{Instant, Packet};
