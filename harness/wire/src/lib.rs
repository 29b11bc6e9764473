//! TCP/IP packets as data: everything that fits on the wire can be said, built, parsed and printed.
//!
//! This crate is pure. It does no I/O, reads no clock and holds no state; every other part of
//! tcpconf speaks its types.  What it does not model: link layers, and transport protocols other
//! than TCP and ICMP.
//!
//! - [`Segment`], [`Icmp`], [`Datagram`]: owned values, wrong things on purpose included.
//! - [`parse`]: any bytes as one of them, with all that is malformed about it.
//! - [`fragment()`], [`Reassembler`]: IP fragments.
//! - [`view`]: borrowed, allocation-free header views for the fast path of a stack.
//! - [`notation`]: the one textual notation, with its lexer, parser and printer.

pub mod checksum;
mod flags;
mod fragment;
mod icmp;
mod malformation;
pub mod notation;
mod option;
mod packet;
mod parse;
mod reassembly;
mod segment;
mod seq;
#[cfg(feature = "arbitrary")]
pub mod testing;
mod time;
pub mod view;

pub use flags::Flags;
pub use fragment::{FragmentError, fragment, fragment_pieces};
pub use icmp::{Icmp, IcmpClass, IcmpName, Quote, icmp_by_name, icmp_names};
pub use malformation::Malformation;
pub use option::{TcpOption, kind};
pub use packet::{ChecksumState, LinkKind, Packet};
pub use parse::{Content, Datagram, Parsed, parse};
pub use reassembly::{LIFETIME, MAX_DATAGRAMS, MAX_FRAGMENTS, Reassembler, Reassembly, Refusal};
pub use segment::{ApplyError, PayloadStyle, PrintStyle, SegmentFromStrError, StyledSegment};
pub use segment::{Auto, Checksum, IpHeader, Ipv4Header, Ipv6Header, Segment};
pub use seq::SeqNumber;
pub use time::Instant;
