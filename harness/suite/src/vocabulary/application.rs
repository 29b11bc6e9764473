//! The words of `app` steps: what a target's application can be asked to do, and how it answers.
//!
//! A name is the same in suites, on the wire of the agent, and in the reasons of `unsupported`.

use super::Entry;
use std::fmt;
use std::str::FromStr;

/// `app VERB`.
pub const VERBS: &[Entry] = &[
    (
        "listen",
        "`listen [port N] [backlog N] [with NAME VALUE, …]`: passive OPEN; at another port, N or `fresh`, to which the connection goes",
    ),
    (
        "connect",
        "`connect [to WHERE] [port N] [data N] [with NAME VALUE, …]`: active OPEN, to an address and port of ours; from port N; with N octets on the SYN",
    ),
    ("accept", "wait until the connection is accepted"),
    (
        "send",
        "`send N [urgent] [more]`: N octets, the last urgent, more to follow at once",
    ),
    (
        "recv",
        "`recv N [queued] [== pattern]`: wait for N octets, as they were sent, or only ask for them; `recv urgent`: the octet out of band",
    ),
    ("close", "RFC 9293 CLOSE: no more to send"),
    ("shutdown-read", "no more to receive"),
    ("release", "the socket is closed both ways"),
    ("abort", "RFC 9293 ABORT"),
    ("set", "`set NAME VALUE`: a socket option"),
    (
        "status",
        "`status [is STATE]`: ask for what `app.unread` and its like say; the state that must be told",
    ),
    (
        "expect",
        "`expect NAME [within T]`: an event of the application; behind another verb, how the call is answered",
    ),
];

/// `app … expect NAME`: what the target's application is told.
pub const OUTCOMES: &[Entry] = &[
    ("eof", "the peer has closed"),
    ("accepted", "a connection was accepted"),
    ("connected", "a connection was opened"),
    ("readable", "there is data"),
    ("urgent", "there is urgent data"),
    ("refused", "ECONNREFUSED"),
    (
        "soft-error",
        "an error that ends nothing: an ICMP message, or no answer for long",
    ),
    ("reset", "ECONNRESET"),
    ("aborted", "ECONNABORTED"),
    ("timeout", "ETIMEDOUT"),
    ("host-unreachable", "EHOSTUNREACH"),
    ("network-unreachable", "ENETUNREACH"),
    ("protocol-unavailable", "ENOPROTOOPT"),
    ("message-size", "EMSGSIZE"),
    ("not-connected", "ENOTCONN, EBADF: there is no connection"),
    ("is-connected", "EISCONN"),
    ("broken-pipe", "EPIPE: the sending side is closed"),
    ("in-use", "EADDRINUSE"),
    ("not-available", "EADDRNOTAVAIL"),
    ("denied", "EACCES"),
    ("invalid", "EINVAL"),
    ("no-buffers", "ENOBUFS"),
    ("error", "any error"),
    ("any", "success or any error"),
];

/// `app connect to WHERE`: to no address and port that is leased to the case.
pub const DESTINATIONS: &[Entry] = &[
    ("same", "the sockets of the connection, once more"),
    (
        "self",
        "the target's own address, to the port that it comes from",
    ),
    ("unspecified", "the unspecified address"),
    ("multicast", "all hosts, in IPv6 all nodes"),
    (
        "broadcast",
        "255.255.255.255; in IPv6 all nodes of the link",
    ),
];

/// An option of a socket. On the seam durations are milliseconds, switches 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Setting {
    /// Nagle's algorithm off (RFC 9293 MUST-17).
    NoDelay,
    /// Partial segments are held back.
    Cork,
    /// Keep-alives (RFC 9293 §3.8.4).
    KeepAlive,
    /// Silence before the first keep-alive.
    KeepAliveIdle,
    /// Time between keep-alives.
    KeepAliveInterval,
    /// How many keep-alives may go unanswered.
    KeepAliveCount,
    /// How long `release` may wait for unsent data, in the background or not; -1: no such thing.
    Linger,
    /// How long data may stay unacknowledged (RFC 9293 MUST-21).
    UserTimeout,
    /// Octets.
    ReceiveBuffer,
    /// Octets.
    SendBuffer,
    /// Urgent data stands in the stream (RFC 6093 §6).
    OobInline,
    /// The MSS that is announced, and the most that is sent, before the connection is opened.
    Mss,
    /// Explicit congestion notification is asked for, or not even granted (RFC 3168 §6.1.1).
    Ecn,
    /// Fast Open (RFC 7413): at a listener the length of the queue, at a connector 0 or 1.
    FastOpen,
    /// 0: Reno (RFC 5681), 1: CUBIC (RFC 9438).
    Congestion,
    /// TTL or hop limit (RFC 9293 MUST-49).
    Ttl,
    /// The DiffServ code point (RFC 9293 MUST-48).
    Dscp,
    /// Soft errors are told (RFC 9293 MUST-47).
    SoftErrors,
}

/// `app set NAME VALUE`, in the order of [`Setting::ALL`].
pub const SETTINGS: &[Entry] = &[
    ("nodelay", "1: Nagle's algorithm off"),
    ("cork", "1: hold partial segments"),
    ("keepalive", "1: keep-alives on"),
    ("keepalive_idle", "time before the first keep-alive"),
    ("keepalive_interval", "time between keep-alives"),
    (
        "keepalive_count",
        "how many before the connection is given up",
    ),
    ("linger", "how long `release` may wait for data; -1: off"),
    ("user_timeout", "how long data may stay unacknowledged"),
    ("receive_buffer", "octets, before the connection is opened"),
    ("send_buffer", "octets, before the connection is opened"),
    ("oob_inline", "1: urgent data stands in the stream"),
    ("mss", "the MSS of the connection, before it is opened"),
    (
        "ecn",
        "1: ask for explicit congestion notification, 0: not even grant it; before the connection is opened",
    ),
    (
        "fastopen",
        "a listener: the length of its queue; before `connect`: 1",
    ),
    ("congestion", "0: Reno, 1: CUBIC"),
    ("ttl", "TTL or hop limit"),
    ("dscp", "the DiffServ code point"),
    ("soft_errors", "1: soft errors are told"),
];

impl Setting {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::NoDelay,
        Self::Cork,
        Self::KeepAlive,
        Self::KeepAliveIdle,
        Self::KeepAliveInterval,
        Self::KeepAliveCount,
        Self::Linger,
        Self::UserTimeout,
        Self::ReceiveBuffer,
        Self::SendBuffer,
        Self::OobInline,
        Self::Mss,
        Self::Ecn,
        Self::FastOpen,
        Self::Congestion,
        Self::Ttl,
        Self::Dscp,
        Self::SoftErrors,
    ];

    /// Its name in suites and on the agent's wire.
    pub fn name(self) -> &'static str {
        SETTINGS[self as usize].0
    }

    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.name() == name)
    }

    /// Whether its value is a time, written with a unit in suites.
    pub const fn is_duration(self) -> bool {
        matches!(
            self,
            Self::KeepAliveIdle | Self::KeepAliveInterval | Self::Linger | Self::UserTimeout
        )
    }
}

/// Something that an application interface can do or cannot: `app VERB`, or `app set NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// Passive OPEN.
    Listen,
    /// Active OPEN.
    Connect,
    /// The next connection of a listener.
    Accept,
    /// SEND.
    Send,
    /// SEND with the urgent flag.
    SendUrgent,
    /// SEND, with more to follow at once (`MSG_MORE`).
    SendMore,
    /// RECEIVE.
    Receive,
    /// The urgent octet, out of band.
    ReceiveUrgent,
    /// CLOSE: no more to send.
    Close,
    /// No more to receive.
    ShutdownRead,
    /// The socket is closed both ways.
    Release,
    /// ABORT.
    Abort,
    /// Reads a socket option back.
    Get,
    /// STATUS.
    Status,
    /// A socket option.
    Set(Setting),
}

impl Capability {
    /// Everything: what the own stack's interface comes close to.
    pub const ALL: [Self; 32] = {
        let mut all = [Self::Listen; 32];
        let verbs = [
            Self::Listen,
            Self::Connect,
            Self::Accept,
            Self::Send,
            Self::SendUrgent,
            Self::SendMore,
            Self::Receive,
            Self::ReceiveUrgent,
            Self::Close,
            Self::ShutdownRead,
            Self::Release,
            Self::Abort,
            Self::Get,
            Self::Status,
        ];
        let mut at = 0;
        while at < verbs.len() {
            all[at] = verbs[at];
            at += 1;
        }
        while at < all.len() {
            all[at] = Self::Set(Setting::ALL[at - verbs.len()]);
            at += 1;
        }
        all
    };
}

impl fmt::Display for Capability {
    /// As in a suite: `send urgent`, `set nodelay`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Listen => "listen",
            Self::Connect => "connect",
            Self::Accept => "accept",
            Self::Send => "send",
            Self::SendUrgent => "send urgent",
            Self::SendMore => "send more",
            Self::Receive => "recv",
            Self::ReceiveUrgent => "recv urgent",
            Self::Close => "close",
            Self::ShutdownRead => "shutdown-read",
            Self::Release => "release",
            Self::Abort => "abort",
            Self::Get => "get",
            Self::Status => "status",
            Self::Set(setting) => return write!(f, "set {}", setting.name()),
        })
    }
}

impl FromStr for Capability {
    type Err = UnknownCapability;

    fn from_str(name: &str) -> Result<Self, UnknownCapability> {
        Self::ALL
            .into_iter()
            .find(|capability| capability.to_string() == name)
            .ok_or_else(|| UnknownCapability(name.to_owned()))
    }
}

/// A capability that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no application call named {0:?}")]
pub struct UnknownCapability(pub String);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn settings_read_back_by_name() {
        assert_eq!(Setting::ALL.len(), SETTINGS.len());
        for setting in Setting::ALL {
            assert_eq!(Setting::from_name(setting.name()), Some(setting));
        }
        assert_eq!(Setting::KeepAliveCount.name(), "keepalive_count");
        assert_eq!(Setting::from_name("no_delay"), None);
    }

    #[test]
    fn capabilities_read_back_by_name_and_are_distinct() {
        let distinct: BTreeSet<Capability> = Capability::ALL.into();
        assert_eq!(distinct.len(), Capability::ALL.len());
        for capability in Capability::ALL {
            assert_eq!(capability.to_string().parse(), Ok(capability));
        }
        assert!("set nagle".parse::<Capability>().is_err());
    }
}
