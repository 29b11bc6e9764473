//! TCP options as values.

mod bytes;
mod text;

pub use bytes::kind;

/// One TCP option. Anything that is not exactly one of the known forms is [`TcpOption::Raw`], so that
/// a parsed list always builds the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TcpOption {
    /// Kind 0 written out; what follows it is listed behind it as [`TcpOption::Raw`].
    Eol,
    /// Kind 1.
    Nop,
    /// Kind 2, length 4 (RFC 9293 §3.7.1).
    Mss(u16),
    /// Kind 3, length 3 (RFC 7323 §2.2).
    WindowScale(u8),
    /// Kind 4, length 2 (RFC 2018 §2).
    SackPermitted,
    /// Kind 5, length 8n+2, n from 1 to 4 (RFC 2018 §3): left and right edges, absolute.
    Sack(Vec<(u32, u32)>),
    /// Kind 8, length 10 (RFC 7323 §3.2).
    Timestamps {
        /// TSval.
        val: u32,
        /// TSecr.
        ecr: u32,
    },
    /// Kind 19, length 18 (RFC 2385): the digest.
    Md5([u8; 16]),
    /// Kind 28, length 4 (RFC 5482 §3).
    UserTimeout {
        /// The granularity bit: minutes when set, seconds otherwise.
        minutes: bool,
        /// The fifteen bits of the timeout.
        value: u16,
    },
    /// Kind 34 (RFC 7413 §4.1.1): the cookie, empty for a request.
    FastOpen(Vec<u8>),
    /// Kind 253 or 254 with a length of at least 4 (RFC 6994): experiment identifier and data.
    Experimental {
        /// 253 or 254.
        kind: u8,
        /// The sixteen-bit experiment identifier.
        exid: u16,
        /// What follows it.
        data: Vec<u8>,
    },
    /// Any other kind with a length that fits (2 to what is left).
    Unknown {
        /// The kind octet.
        kind: u8,
        /// What follows the length octet.
        data: Vec<u8>,
    },
    /// Bytes as they stand: malformed options and whatever follows End-of-List.
    Raw(Vec<u8>),
}
