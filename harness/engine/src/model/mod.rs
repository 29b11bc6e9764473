//! The connection model: both sides of a connection, followed from the segments on the wire.
//!
//! The variables are the *target's* (RFC 9293 §3.3.1).  Its receive side is a reference receiver: what
//! a right receiver must hold, given what was injected acceptably ([`receiver`]).  Its send side is
//! what was seen ([`sender`]).  Not modelled: the target's congestion control and timers.

mod ranges;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub(crate) use ranges::Ranges;
pub(crate) use sender::Seen;

use std::net::SocketAddr;
use tcpconf_wire::{Instant, SeqNumber, TcpOption};

/// The window that a receiver is believed to offer before it said so.
const WINDOW_BEFORE_SYN_ACK: u32 = 65_535;

/// Where the reference receiver stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No connection: LISTEN or CLOSED.
    #[default]
    None,
    /// A SYN was accepted.
    SynReceived,
    /// ESTABLISHED or later.
    Synchronized,
    /// It is no more: reset by either side.
    Reset,
}

/// What a SYN offered, or a SYN-ACK answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) sack_permitted: bool,
    pub(crate) timestamps: bool,
}

impl Offer {
    /// What the options of a SYN say; the last of duplicates counts.
    pub(crate) fn of(options: &[TcpOption]) -> Self {
        let mut offer = Self::default();
        for option in options {
            match option {
                TcpOption::Mss(mss) => offer.mss = Some(*mss),
                TcpOption::WindowScale(shift) => offer.window_scale = Some(*shift),
                TcpOption::SackPermitted => offer.sack_permitted = true,
                TcpOption::Timestamps { .. } => offer.timestamps = true,
                TcpOption::Eol => break,
                _ => {}
            }
        }
        offer
    }
}

/// One connection, as the wire shows it.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Our socket.
    pub(crate) ours: SocketAddr,
    /// The target's socket.
    pub(crate) target: SocketAddr,
    pub(crate) phase: Phase,

    // The target's receive side (reference receiver).
    /// Our initial sequence number: the target's IRS.
    pub(crate) irs: SeqNumber,
    /// Whether a SYN of ours was sent, so that `irs` means something.
    pub(crate) syn_sent: bool,
    /// Other ISNs that SYNs on this four-tuple carried: the target may have taken up one of them.
    pub(crate) other_isns: Vec<SeqNumber>,
    pub(crate) rcv_nxt: SeqNumber,
    /// The rightmost edge that the target ever offered.
    pub(crate) right_edge: Option<SeqNumber>,
    queue: Ranges,
    fin_at: Option<SeqNumber>,
    /// Our FIN was received in order.
    pub(crate) fin_received: bool,
    pub(crate) ts_recent: Option<u32>,
    /// The last ACK number that the target sent.
    pub(crate) last_ack_sent: Option<SeqNumber>,
    /// The highest ACK number that the target sent.
    pub(crate) acked: Option<SeqNumber>,
    /// The highest right end of anything that we sent on this connection.
    pub(crate) our_max: SeqNumber,
    /// All that the target may report by SACK: every range that we ever sent.
    pub(crate) sent_by_us: Ranges,

    // The target's send side.
    /// The target's ISS; known from its SYN or SYN-ACK.
    pub(crate) iss: Option<SeqNumber>,
    pub(crate) snd_una: SeqNumber,
    /// Right end of the highest that the target sent.
    pub(crate) snd_nxt: SeqNumber,
    pub(crate) snd_wnd: u32,
    snd_wl1: SeqNumber,
    snd_wl2: SeqNumber,
    pub(crate) max_snd_wnd: u32,
    /// The rightmost edge that we ever offered.
    pub(crate) our_right_edge: Option<SeqNumber>,
    /// What arrived from the target in order: our own RCV.NXT, for acknowledgements.
    pub(crate) our_rcv_nxt: SeqNumber,
    from_target: Ranges,
    /// The text that the target sent, from ISS + 1; bounded.
    pub(crate) text: Vec<Option<u8>>,
    /// The target's FIN: its sequence number.
    pub(crate) target_fin: Option<SeqNumber>,

    // Negotiation.
    pub(crate) our_offer: Offer,
    pub(crate) target_offer: Option<Offer>,

    // What sticks to the connection on our side.
    /// The window field that we send unless a step says otherwise.
    pub(crate) our_window: u16,
    /// Added to the clock of the case (ms) for our TSval.
    pub(crate) ts_base: u32,
    /// The last TSval of the target.
    pub(crate) ts_from_target: Option<u32>,
    /// When the last segment that a receiver must refuse was sent: probes keep their distance.
    pub(crate) last_unacceptable: Option<Instant>,
    /// Whether the segment injected last was a RST (the next segment must not be one).
    pub(crate) last_injected_rst: bool,
    /// Segments injected and not yet reacted to that were no RST.
    pub(crate) injected_since_rst: u32,
}

impl Connection {
    /// A connection that does not exist yet.
    pub(crate) fn new(ours: SocketAddr, target: SocketAddr, isn: SeqNumber) -> Self {
        Self {
            ours,
            target,
            phase: Phase::None,
            irs: isn,
            syn_sent: false,
            other_isns: Vec::new(),
            rcv_nxt: isn + 1,
            right_edge: None,
            queue: Ranges::default(),
            fin_at: None,
            fin_received: false,
            ts_recent: None,
            last_ack_sent: None,
            acked: None,
            our_max: isn,
            sent_by_us: Ranges::default(),
            iss: None,
            snd_una: SeqNumber(0),
            snd_nxt: SeqNumber(0),
            snd_wnd: 0,
            snd_wl1: SeqNumber(0),
            snd_wl2: SeqNumber(0),
            max_snd_wnd: 0,
            our_right_edge: None,
            our_rcv_nxt: SeqNumber(0),
            from_target: Ranges::default(),
            text: Vec::new(),
            target_fin: None,
            our_offer: Offer::default(),
            target_offer: None,
            our_window: u16::MAX,
            ts_base: 0,
            ts_from_target: None,
            last_unacceptable: None,
            last_injected_rst: false,
            injected_since_rst: 0,
        }
    }

    /// The same four-tuple, a new incarnation: nothing is known of the target's side any more.
    pub(crate) fn reincarnate(&mut self, isn: SeqNumber) {
        let mut fresh = Self::new(self.ours, self.target, isn);
        fresh.our_window = self.our_window;
        fresh.ts_base = self.ts_base;
        fresh.last_unacceptable = self.last_unacceptable;
        *self = fresh;
    }

    /// RCV.WND in bytes: what is left of the rightmost edge that the target offered.
    pub(crate) fn rcv_wnd(&self) -> u32 {
        match self.right_edge {
            Some(edge) if self.rcv_nxt.lt(edge) => edge - self.rcv_nxt,
            Some(_) => 0,
            None => WINDOW_BEFORE_SYN_ACK,
        }
    }

    /// Both sides offered window scaling: (shift of the target's windows, shift of ours).
    pub(crate) fn scales(&self) -> (u8, u8) {
        match (self.target_offer, self.our_offer.window_scale) {
            (
                Some(Offer {
                    window_scale: Some(theirs),
                    ..
                }),
                // RFC 7323 §2.3: a shift above 14 is used as 14.
                Some(ours),
            ) => (theirs.min(14), ours.min(14)),
            _ => (0, 0),
        }
    }

    /// Both sides offered timestamps.
    pub(crate) fn timestamps_on(&self) -> bool {
        self.our_offer.timestamps && self.target_offer.is_some_and(|o| o.timestamps)
    }

    /// SACK-permitted as the target may use it: we offered it.
    pub(crate) const fn sack_permitted(&self) -> bool {
        self.our_offer.sack_permitted
    }

    /// The largest text that the target may send in a segment without options: our MSS option, or
    /// the default of RFC 9293 §3.7.1 (536 for IPv4, 1220 for IPv6).
    pub(crate) fn smss(&self) -> u32 {
        let default = if self.ours.is_ipv4() { 536 } else { 1220 };
        self.our_offer.mss.map_or(default, u32::from)
    }

    /// Whether a half-open connection stands on the target as far as the wire tells.
    pub(crate) const fn half_open(&self) -> bool {
        matches!(self.phase, Phase::SynReceived)
    }

    /// TSval of a segment sent at `now`: a millisecond clock.
    pub(crate) const fn ts_clock(&self, now: Instant) -> u32 {
        self.ts_base.wrapping_add(now.as_millis() as u32)
    }
}
