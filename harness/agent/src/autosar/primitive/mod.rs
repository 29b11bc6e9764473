//! Service primitives of the groups GENERAL and TCP with their parameters (PRS_TPSP §6.7–6.10).

mod answer;
mod fields;
mod request;
pub mod result;

pub use answer::{Event, Response, refusal};
pub use request::{Direction, Request};

use super::Numbering;

/// Group of primitives that belong to no protocol.
pub const GENERAL: u8 = 0x00;
/// Group of TCP.
pub const TCP: u8 = 0x02;
/// Any local port, in CREATE_AND_BIND.
pub const ANY_PORT: u16 = 0xffff;
/// Without end, in RECEIVE_AND_FORWARD.
pub const FOR_EVER: u16 = 0xffff;

/// A selector of CONFIGURE_SOCKET (PRS_TPSP §6.10.10).
pub mod parameter {
    /// TTL or hop limit: one octet.
    pub const TTL: u16 = 0;
    /// Traffic class, DSCP and ECN: one octet.
    pub const PRIORITY: u16 = 1;
    /// MSS, 500 to 1460: two octets.
    pub const MSS: u16 = 5;
    /// Nagle's algorithm on: one octet.
    pub const NAGLE: u16 = 6;
}

/// Primitives of group TCP, counted from 0.
const CLOSE_SOCKET: u8 = 0;
const CREATE_AND_BIND: u8 = 1;
const SEND_DATA: u8 = 2;
const RECEIVE_AND_FORWARD: u8 = 3;
const LISTEN_AND_ACCEPT: u8 = 4;
const CONNECT: u8 = 5;
const CONFIGURE_SOCKET: u8 = 6;
const SHUTDOWN: u8 = 7;

/// What is added to a primitive that is counted from 0.
const fn offset(group: u8, numbering: Numbering) -> u8 {
    if group == TCP { numbering.offset() } else { 0 }
}
