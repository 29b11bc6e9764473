//! Plain services: what stands behind a port when nobody drives the target's application.
//!
//! The names are those of `service NAME` in suites and `[services]` in profiles. Each target plays them
//! in its own way; what they do is fixed here.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A plain service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// Anything that listens: promises nothing but to accept. Ours read all and close after the peer.
    Listen,
    /// Reads all, sends nothing, closes after the peer (discard, RFC 863).
    Sink,
    /// Sends back what it reads, closes after the peer (RFC 862).
    Echo,
    /// Sends without end, reads and discards, closes after the peer (chargen, RFC 864).
    Source,
    /// Accepts and never reads: the window closes. Never closes the connection.
    NoRead,
    /// Reads all, sends nothing, and never closes: CLOSE-WAIT stays.
    Hold,
    /// Closes at once, and reads until the peer has closed too.
    Closer,
    /// Answers a request that ends in an empty line by a short HTTP/1.1 response, and closes.
    Http,
    /// Nothing listens.
    Closed,
}

/// A service that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no service named {0:?}")]
pub struct UnknownService(pub String);

impl Service {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Listen,
        Self::Sink,
        Self::Echo,
        Self::Source,
        Self::NoRead,
        Self::Hold,
        Self::Closer,
        Self::Http,
        Self::Closed,
    ];

    /// Its name in suites and profiles.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::Sink => "sink",
            Self::Echo => "echo",
            Self::Source => "source",
            Self::NoRead => "noread",
            Self::Hold => "hold",
            Self::Closer => "closer",
            Self::Http => "http",
            Self::Closed => "closed",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Service {
    type Err = UnknownService;

    /// The empty name is `listen`: what a test gets that names none.
    fn from_str(name: &str) -> Result<Self, UnknownService> {
        if name.is_empty() {
            return Ok(Self::Listen);
        }
        Self::ALL
            .into_iter()
            .find(|service| service.name() == name)
            .ok_or_else(|| UnknownService(name.to_owned()))
    }
}

/// What [`Service::Http`] answers.
pub const HTTP_RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

/// The end of a request that has no body (RFC 9112 §2.1).
pub const HTTP_REQUEST_END: &[u8] = b"\r\n\r\n";

/// The octet at a position of what [`Service::Source`] sends: printable, and a period that no power of
/// two divides, so that a shifted copy shows.
pub const fn source_octet(position: u64) -> u8 {
    b' ' + (position % 95) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for service in Service::ALL {
            assert_eq!(service.to_string().parse(), Ok(service));
        }
        assert_eq!("".parse(), Ok(Service::Listen));
        assert!("ehco".parse::<Service>().is_err());
    }
}
