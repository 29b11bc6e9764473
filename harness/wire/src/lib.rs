//! TCP/IP packets as data: everything that fits on the wire can be said, built, parsed and printed.
//!
//! This crate is pure. It does no I/O, reads no clock and holds no state; every other part of
//! tcpconf speaks its types.  What it does not model: link layers, and transport protocols other
//! than TCP and ICMP.
//!
//! - [`Segment`], [`Icmp`], [`Datagram`]: owned values, wrong things on purpose included.
//! - [`view`]: borrowed, allocation-free header views for the fast path of a stack.
//! - [`notation`]: the one textual notation, with its lexer, parser and printer.

pub mod checksum;
mod flags;
pub mod notation;
mod option;
mod packet;
mod segment;
mod seq;
mod time;
pub mod view;

pub use flags::Flags;
pub use option::TcpOption;
pub use packet::{ChecksumState, LinkKind, Packet};
pub use segment::{Auto, Checksum, IpHeader, Ipv4Header, Ipv6Header, Segment};
pub use seq::SeqNumber;
pub use time::Instant;
