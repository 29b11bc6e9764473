//! What can go wrong: for a call, and for a connection.

use thiserror::Error;

/// Why a connection ended out of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum ErrorKind {
    /// The peer sent a RST ("connection reset").
    #[error("connection reset")]
    Reset,
    /// A RST, or a port unreachable, answered the connection request ("connection refused").
    #[error("connection refused")]
    Refused,
    /// The user timeout or R2 passed ("connection aborted due to user timeout").
    #[error("connection timed out")]
    TimedOut,
    /// An ICMP error ended the connection request.
    #[error("destination unreachable")]
    Unreachable,
    /// The user aborted.
    #[error("connection aborted")]
    Aborted,
}

/// A problem that does not end a connection (RFC 9293 §3.9.1.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Error)]
pub enum SoftError {
    /// R1 was reached: repeated retransmission without an answer (SHLD-9).
    #[error("the peer does not answer")]
    Unresponsive,
    /// An ICMP error about this connection (SHLD-25).
    #[error("ICMP error type {kind} code {code}")]
    Icmp {
        /// The ICMP type.
        kind: u8,
        /// The ICMP code.
        code: u8,
    },
}

/// Why a user call was refused (the error texts of RFC 9293 §3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// "error: connection does not exist".
    #[error("connection does not exist")]
    NoSuchConnection,
    /// "error: connection already exists": the four-tuple or the listening port is taken.
    #[error("connection already exists")]
    AlreadyExists,
    /// "error: connection closing".
    #[error("connection closing")]
    Closing,
    /// "error: insufficient resources": a limit of [`Config`](crate::Config) is reached.
    #[error("insufficient resources")]
    InsufficientResources,
    /// "error: remote socket unspecified".
    #[error("remote socket unspecified")]
    RemoteUnspecified,
    /// The remote address is a broadcast or multicast address (MUST-46), or of a family without a
    /// local address.
    #[error("invalid remote address")]
    InvalidRemote,
    /// The local address is none of this host's.
    #[error("local address is not one of this host")]
    InvalidLocal,
    /// The connection has ended; holds the reason.
    #[error(transparent)]
    Ended(#[from] ErrorKind),
}
