//! Fuzz targets that need a stack: each takes any bytes and panics on a finding.
//!
//! fuzz/ holds their shells for libFuzzer; the test `fuzzing` of this crate runs the same functions on stable Rust
//! over the seeds and over what was ever found. Time is virtual, everything is repeatable bit for bit.
//!
//! - [`stack_ops`]: operations on one host, relative to what it sent last; `peer`, `application`, `settings`.
//! - [`two_stacks`]: two hosts over a link that the input drives, and that is fair at the end.
//! - [`suite_parse`]: the suite language.

mod application;
mod input;
mod peer;
mod peer_options;
mod settings;
mod stack_ops;
mod suite_parse;
mod two_stacks;

pub use stack_ops::{stack_ops, stack_ops_told};
pub use suite_parse::suite_parse;
pub use two_stacks::two_stacks;

/// A fuzz target by name.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets of this crate, by the names of their folders in fuzz/seeds and fuzz/regressions.
pub const FUZZ_TARGETS: [FuzzTarget; 3] = [
    ("stack_ops", stack_ops),
    ("two_stacks", two_stacks),
    ("suite_parse", suite_parse),
];

/// The octet of any stream at a sequence number: whatever is lost, doubled or shifted shows, and no side has to
/// know which incarnation of a connection it looks at.
const fn octet(seq: tcpconf_wire::SeqNumber) -> u8 {
    (seq.0.wrapping_mul(0x9e37_79b1) >> 24) as u8
}

/// `len` octets of a stream from `seq` on.
fn stream(seq: tcpconf_wire::SeqNumber, len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| octet(seq + i)).collect()
}
