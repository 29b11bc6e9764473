//! Fuzz targets that need a stack: each takes any bytes and panics on a finding.
//!
//! fuzz/ holds their shells for libFuzzer; the test `fuzzing` of this crate runs the same functions on stable Rust
//! over the seeds and over what was ever found. Time is virtual, everything is repeatable bit for bit.
//!
//! - [`stack_ops`]: operations on one host, relative to what it sent last; `peer`, `application`, `settings`.
//! - [`two_stacks`]: two hosts over a link that the input drives, and that is fair at the end.
//! - [`suite_parse`]: the suite language.
//! - [`stack_vs_smoltcp`]: one script against the own stack and smoltcp; `versus`.
//!
//! `subject` is the seam at which the tests of the oracles put a fault between a host and its oracles; `faulty` has
//! the faults.

mod application;
#[cfg(test)]
mod faulty;
mod input;
mod notation;
mod pattern;
mod peer;
mod peer_options;
mod seeds;
mod settings;
mod stack_ops;
mod subject;
mod suite_parse;
mod two_stacks;
mod versus;

use pattern::{fill, first_wrong, stream};

pub use notation::stack_ops_suite;
pub use seeds::{Heard, stack_ops_seed, two_stacks_seed};
pub use stack_ops::{stack_ops, stack_ops_counted, stack_ops_heard, stack_ops_told};
pub use suite_parse::suite_parse;
pub use two_stacks::{two_stacks, two_stacks_told};
pub use versus::{stack_vs_smoltcp, stack_vs_smoltcp_told};

/// A fuzz target by name.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets of this crate, by the names of their folders in fuzz/seeds and fuzz/regressions.
pub const FUZZ_TARGETS: [FuzzTarget; 4] = [
    ("stack_ops", stack_ops),
    ("two_stacks", two_stacks),
    ("suite_parse", suite_parse),
    ("stack_vs_smoltcp", stack_vs_smoltcp),
];

/// A target that tells what happens, by its name: bytes, and what takes each line.
pub type TellingTarget = (&'static str, fn(&[u8], fn(&str)));

/// The targets that can tell.
pub const TELLING_TARGETS: [TellingTarget; 3] = [
    ("stack_ops", stack_ops_told),
    ("two_stacks", two_stacks_told),
    ("stack_vs_smoltcp", stack_vs_smoltcp_told),
];

/// A packet, for whoever looks into a finding.
fn show(bytes: &[u8]) -> String {
    match tcpconf_wire::parse(bytes).content {
        tcpconf_wire::Content::Tcp(segment) => {
            let style = tcpconf_wire::PrintStyle {
                payload: tcpconf_wire::PayloadStyle::LengthOnly,
                addresses: true,
                ..Default::default()
            };
            segment.display(style).to_string()
        }
        tcpconf_wire::Content::Icmp(icmp) => icmp.to_string(),
        other => format!("{other:?}"),
    }
}
