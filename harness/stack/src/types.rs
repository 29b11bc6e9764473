//! The names that users of the stack see: sockets, states, events, status.

use crate::error::{ErrorKind, SoftError};
use core::fmt;
use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tcpconf_wire::SeqNumber;

/// A listener or a connection of one [`Host`](crate::Host); never reused for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// The two sockets that name a connection (RFC 9293 §3.3.1), seen from this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FourTuple {
    /// Address and port of this host.
    pub local: SocketAddr,
    /// Address and port of the peer.
    pub remote: SocketAddr,
}

impl Default for FourTuple {
    /// That of no connection: unspecified addresses, ports 0.
    fn default() -> Self {
        let nobody = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self {
            local: nobody,
            remote: nobody,
        }
    }
}

/// In few pieces, which keyed hashes take several times faster than the parts. Zones of IPv6 are left
/// to the comparison.
impl Hash for FourTuple {
    #[inline(always)]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let ports = u32::from(self.local.port()) << 16 | u32::from(self.remote.port());
        match (self.local.ip(), self.remote.ip()) {
            (IpAddr::V4(local), IpAddr::V4(remote)) => {
                state.write_u64(u64::from(local.to_bits()) << 32 | u64::from(remote.to_bits()));
            }
            (local, remote) => {
                for address in [local, remote] {
                    let bits = match address {
                        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
                        IpAddr::V6(address) => address.to_bits(),
                    };
                    state.write_u64(bits as u64);
                    state.write_u64((bits >> 64) as u64);
                }
            }
        }
        state.write_u32(ports);
    }
}

/// The states of RFC 9293 §3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    /// No connection; a handle in this state only waits for its user to let go of it.
    Closed,
    /// Waiting for a connection request.
    Listen,
    /// Waiting for a matching connection request after having sent one.
    SynSent,
    /// Waiting for the acknowledgement of the own SYN.
    SynReceived,
    /// Open: data flows both ways.
    Established,
    /// The own FIN is queued or sent, not acknowledged.
    FinWait1,
    /// The own FIN is acknowledged; the peer has not closed.
    FinWait2,
    /// The peer has closed; the user has not.
    CloseWait,
    /// Both have closed; the own FIN is not acknowledged.
    Closing,
    /// The peer had closed first; the own FIN is not acknowledged.
    LastAck,
    /// Waiting for old segments to die out.
    TimeWait,
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        })
    }
}

/// What the user of a socket is told (RFC 9293 §3.9.1.8 and §3.10.7).
///
/// Events are reminders, not a log: of each kind at most one is queued a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event {
    /// A listener has a connection to [`accept`](crate::Host::accept).
    Acceptable,
    /// An active open has reached ESTABLISHED (or CLOSE-WAIT).
    Connected,
    /// There is data to receive.
    Readable,
    /// There is room in the send buffer again.
    Writable,
    /// The peer has announced urgent data, or more of it (MUST-32).
    Urgent,
    /// The peer has closed: after what is unread, the stream ends.
    Eof,
    /// Something that does not end the connection (MUST-47, SHLD-9, SHLD-25).
    Soft(SoftError),
    /// The connection has ended, not in order.
    Error(ErrorKind),
    /// The connection has reached CLOSED: the last event of a socket.
    Closed,
}

/// What RECEIVE returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// Octets of the stream, at least one.
    Data(Vec<u8>),
    /// Nothing yet; a [`Event::Readable`] or [`Event::Eof`] will follow.
    Nothing,
    /// The peer has closed and everything was received.
    Eof,
}

/// What STATUS returns (RFC 9293 §3.10.6). Variables that the state does not have are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: StateName,
    /// The two sockets; of a listener with no address or peer the unspecified address.
    pub tuple: FourTuple,
    /// Octets received in order and not taken by the user.
    pub unread: usize,
    /// Octets taken from the user and not acknowledged by the peer.
    pub unacked: usize,
    /// Octets that SEND would take now.
    pub writable: usize,
    /// Why the connection ended, if it did and not in order.
    pub error: Option<ErrorKind>,
    /// Whether octets before the urgent pointer are unread (MUST-33).
    pub urgent: bool,
    /// Connections in the accept queue of a listener.
    pub acceptable: usize,
    /// Connections of a listener whose handshake is not done.
    pub half_open: usize,
    /// ISS.
    pub iss: SeqNumber,
    /// SND.UNA.
    pub snd_una: SeqNumber,
    /// SND.NXT.
    pub snd_nxt: SeqNumber,
    /// SND.WND in octets, scaled.
    pub snd_wnd: u32,
    /// IRS.
    pub irs: SeqNumber,
    /// RCV.NXT.
    pub rcv_nxt: SeqNumber,
    /// RCV.WND in octets, scaled, as last announced.
    pub rcv_wnd: u32,
    /// The largest segment that may be sent, options not subtracted, in octets.
    pub mss: u32,
    /// The congestion window in octets.
    pub cwnd: u32,
    /// The slow start threshold in octets.
    pub ssthresh: u32,
    /// The retransmission timeout, back-off included.
    pub rto: Duration,
    /// The smoothed round-trip time; `None` before the first sample.
    pub srtt: Option<Duration>,
    /// The user timeout in force, adopted ones included; `None` never gives up.
    pub user_timeout: Option<Duration>,
    /// What the peer's user timeout option has said last (RFC 5482 §3.1).
    pub peer_user_timeout: Option<Duration>,
    /// Segments retransmitted so far.
    pub retransmissions: u64,
    /// Octets held for this connection: buffers and lists.
    pub memory: usize,
    /// How many entries of its queues it has looked at one by one so far: segments of the retransmission queue, which
    /// is the SACK scoreboard, and ranges of the reassembly queue. No segment of a peer may make it grow with the
    /// length of a queue. What a side has counted goes with it.
    pub work: u64,
}
