//! The newline text protocol between tcpconf and an agent: octets to values and back, no I/O.
//!
//! docs/agent.md is the specification. A line is printable ASCII and ends in LF; words are separated by
//! blanks. Requests begin with a number, and so does the reply to each; events begin with `*`.
//! [`Request`] and [`Message`] are what lines mean; [`Lines`] cuts a stream into lines.

mod data;
mod lines;
mod message;
mod request;
#[cfg(test)]
mod tests;
mod words;

pub use lines::{Lines, TooLong};
pub use message::{Answer, Hello, Message, Refusal};
pub use request::Request;
pub use words::Malformed;

/// The version of the protocol.
pub const PROTOCOL: u32 = 1;
/// Octets of a line without its end that tcpconf takes.
pub const MAX_LINE: usize = 65_536;
/// What every agent must take.
pub const MIN_LINE: usize = 256;
/// Octets that `pattern:OFFSET:LENGTH` may stand for: a short line must not ask for a lot of memory.
pub const MAX_PATTERN: usize = 1 << 20;
