//! The project's own TCP: RFC 9293 as a sans-IO, deterministic user-space stack.
//!
//! A [`Host`] is an IP host with TCP.  It takes IP packets and user calls together with the time,
//! and gives packets, events and its next deadline back.  It does no I/O, reads no clock and draws
//! no randomness: the same calls with the same seed give the same packets, bit for bit.
//!
//! What it does not model: IP fragments (dropped, every segment is sent with DF), source routes,
//! routing, neighbours, security compartments, and a connection of a host with itself.
//!
//! Where to look:
//! - `connection::state`: the states of RFC 9293 §3.3.2 as an enum of structs;
//! - `connection::arrives`: SEGMENT ARRIVES, §3.10.7.3 and §3.10.7.4, check by check;
//! - `host::listen`: §3.10.7.1 and §3.10.7.2 (CLOSED and LISTEN);
//! - `host::calls`: the user calls, §3.10.1 to §3.10.6;
//! - `connection::timeouts`: §3.10.8;
//! - `sender`, `receiver`: SND.* and RCV.* with their buffers; `congestion`, `recovery`, `rtt`:
//!   RFC 5681, 6582, 6675, 6298.

mod assembler;
mod config;
mod congestion;
mod connection;
mod emit;
mod error;
mod host;
mod isn;
mod options;
mod rate;
mod receiver;
mod recovery;
mod ring;
mod rtt;
mod scoreboard;
mod sender;
mod timer_heap;
mod types;
mod window;

pub use config::{
    Config, CongestionAlgorithm, Ecn, KeepAlive, ListenOptions, LossRecovery, SocketOptions,
    UnusedWindow, UserTimeoutOption,
};
pub use error::{CallError, ErrorKind, SoftError};
pub use host::Host;
pub use types::{Event, FourTuple, Received, SocketId, StateName, Status};
