//! What is compared: reactions without what RFC 9293 leaves open (sizes of segments, how often, when).

use std::fmt;
use tcpconf_wire::view::TcpView;
use tcpconf_wire::{Flags, SeqNumber};

/// Whether something was acknowledged in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ack {
    /// By no segment.
    No,
    /// Only along with text, SYN or FIN, which may have gone out for another reason.
    Along,
    /// By a segment that had no other purpose.
    Alone,
}

/// A RST by what it is made of (RFC 9293 §3.5.2, §3.10.7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reset {
    /// `<SEQ=SEG.ACK><CTL=RST>`
    FromAck,
    /// `<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>`
    FromSeq,
    /// Of a connection that is aborted, or of neither form.
    Own,
}

impl Reset {
    /// By the acknowledgement number and the end of what is answered.
    pub(super) fn of(tcp: &TcpView<'_>, asked: Option<(Option<SeqNumber>, SeqNumber)>) -> Self {
        let has_ack = tcp.flags.contains(Flags::ACK);
        match asked {
            Some((Some(ack), _)) if tcp.seq == ack && !has_ack => Self::FromAck,
            Some((None, end)) if tcp.seq.0 == 0 && has_ack && tcp.ack == end => Self::FromSeq,
            _ => Self::Own,
        }
    }
}

/// What a side did after an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reaction {
    pub(super) ack: Ack,
    pub(super) reset: Option<Reset>,
    /// RCV.NXT as it was told, relative to the peer's ISN.
    pub(super) acked: Option<u32>,
    /// Octets for the application, read and unread; `None` without a connection.
    pub(super) delivered: Option<u64>,
    /// Octets of the application that are not acknowledged.
    pub(super) unacked: Option<u64>,
    pub(super) state: String,
    /// What the application was told.
    pub(super) words: Vec<String>,
}

/// The state of what is no connection.
pub(super) const CLOSED: &str = "CLOSED";
/// States in which a RST has one of the two forms of RFC 9293 §3.5.2; a connection's own is another.
pub(super) const UNSYNCHRONIZED: [&str; 4] = [CLOSED, "LISTEN", "SYN-SENT", "SYN-RECEIVED"];

/// In what two reactions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Facet {
    /// Whether a segment was answered by an ACK.
    Answer,
    /// Whether and how the peer was reset.
    Reset,
    /// RCV.NXT.
    Acked,
    /// How much the application got or can get.
    Delivered,
    /// How much of what the application sent counts as acknowledged.
    Unacked,
    State,
    /// What the application was told.
    Told,
    /// After a fair end: how much was sent.
    Sent,
    /// Whether it stops sending.
    Rest,
}

/// What is to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// As [`Depth::Answer`], and a RST has one of the two forms of RFC 9293 §3.5.2.
    Form,
    /// A segment was sent, and nothing before it waits for an answer.
    Answer,
    /// Timers or calls make ACKs, too.
    Effects,
}

/// The facets in which the own stack and smoltcp differ.
pub(super) fn differences(own: &Reaction, other: &Reaction, depth: Depth) -> Vec<Facet> {
    let answered = |a: Ack, b: Ack| a == Ack::No && b == Ack::Alone;
    let both = own.state != CLOSED && other.state != CLOSED;
    // What waits for the handshake waits inside or outside of a stack.
    let open = both && !UNSYNCHRONIZED.contains(&own.state.as_str());
    [
        (
            Facet::Answer,
            depth != Depth::Effects
                && (answered(own.ack, other.ack) || answered(other.ack, own.ack)),
        ),
        (
            Facet::Reset,
            own.reset.is_some() != other.reset.is_some()
                || (depth == Depth::Form && own.reset != other.reset),
        ),
        // What is still to be acknowledged when a connection ends is not.
        (Facet::Acked, both && own.acked != other.acked),
        (Facet::Delivered, both && own.delivered != other.delivered),
        (Facet::Unacked, open && own.unacked != other.unacked),
        (Facet::State, own.state != other.state),
        (Facet::Told, own.words != other.words),
    ]
    .into_iter()
    .filter_map(|(facet, differs)| differs.then_some(facet))
    .collect()
}

impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |n: Option<u64>| n.map_or("-".to_owned(), |n| n.to_string());
        write!(
            f,
            "{:<12} ack {:?}, reset {:?}, acked {}, delivered {}, unacked {}, told {:?}",
            self.state,
            self.ack,
            self.reset,
            number(self.acked.map(u64::from)),
            number(self.delivered),
            number(self.unacked),
            self.words
        )
    }
}
