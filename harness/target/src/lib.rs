//! Endpoints and how to reach them: in process, this machine's kernel, a host across a network.
//!
//! The only crate that does I/O, reads clocks and knows a concrete stack.

#[cfg(unix)]
mod doctor;
#[cfg(target_os = "linux")]
mod exec;
pub mod faults;
#[cfg(feature = "arbitrary")]
pub mod fuzzing;
#[cfg(unix)]
mod host;
#[cfg(test)]
mod in_process_tests;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(unix)]
mod net;
mod programs;
mod run;
mod seam;
mod smoltcp_target;
mod stack_target;
#[cfg(target_os = "linux")]
pub mod testing;
#[cfg(target_os = "linux")]
mod transport;
mod virtual_host;

#[cfg(unix)]
pub use doctor::{Check, Health, doctor};
#[cfg(unix)]
pub use host::{HostOptions, HostTarget, MacChoice, parse_host};
#[cfg(target_os = "linux")]
pub use kernel::{KernelStatus, KernelTarget};
#[cfg(target_os = "linux")]
pub use net::linux::namespace::{enter_user_namespace, needs_user_namespace};
pub use run::{
    EXIT_BROKEN, EXIT_EXPECTED, EXIT_FAILED, EXIT_INCONCLUSIVE, EXIT_INTERRUPTED,
    EXIT_NOTHING_SELECTED, IpChoice, RunOptions, StopFlag, Target, exit_code, run,
};
pub use seam::{InProcess, LeaseError, Link, LostApplication, RealTarget, TargetError};
pub use service::{HTTP_REQUEST_END, HTTP_RESPONSE, Service, UnknownService, source_octet};
pub use smoltcp_target::SmoltcpTarget;
pub use stack_target::StackTarget;
use tcpconf_agent::service;
#[cfg(target_os = "linux")]
pub use transport::{Attachment, Transport, UnknownTransport};
pub use virtual_host::lease as virtual_lease;
