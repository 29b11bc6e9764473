//! The connection model: both sides of a connection, followed from the segments on the wire.
//!
//! The variables are the *target's* (RFC 9293 §3.3.1).  Its receive side is a reference receiver: what
//! a right receiver must hold, given what was injected acceptably ([`receiver`]).  Its send side is
//! what was seen ([`sender`]).  Not modelled: the target's congestion control and timers.

mod draw;
mod past;
mod ranges;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;
mod text;

use crate::reading::Offer;
use draw::Draw;
pub(crate) use ranges::Ranges;
pub(crate) use sender::Seen;

use past::Past;
use std::collections::VecDeque;
use std::net::SocketAddr;
use tcpconf_wire::{Instant, SeqNumber, TcpOption};
use text::Text;

/// The window that a receiver is believed to offer before it said so.
const WINDOW_BEFORE_SYN_ACK: u32 = 65_535;

/// Where the reference receiver stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No connection: LISTEN or CLOSED.
    #[default]
    None,
    /// The target has sent a SYN of its own, and none of ours was accepted.
    SynSent,
    /// A SYN was accepted.
    SynReceived,
    /// ESTABLISHED or later.
    Synchronized,
    /// It is no more: reset by either side.
    Reset,
}

/// A SYN of ours.
#[derive(Clone, Copy, Debug)]
struct Syn {
    isn: SeqNumber,
    /// Behind its text.
    end: SeqNumber,
    offer: Offer,
    window: u16,
}

/// A SYN-ACK of the target.
#[derive(Clone, Debug)]
pub(crate) struct SynAck {
    pub(crate) seq: SeqNumber,
    pub(crate) ack: SeqNumber,
    pub(crate) options: Vec<TcpOption>,
}

/// What the wire has shown of the target, whether a step has taken it or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    iss: SeqNumber,
    snd_nxt: SeqNumber,
    right_edge: Option<SeqNumber>,
    last_ack_sent: Option<SeqNumber>,
}

/// One connection, as the wire shows it.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Our socket.
    pub(crate) ours: SocketAddr,
    /// The target's socket.
    pub(crate) target: SocketAddr,
    pub(crate) phase: Phase,
    /// The target has opened it.
    pub(crate) active: bool,

    // The target's receive side (reference receiver).
    /// Our initial sequence number: the target's IRS.
    pub(crate) irs: SeqNumber,
    /// Whether a SYN of ours was sent, so that `irs` means something.
    pub(crate) syn_sent: bool,
    /// Other SYNs on this four-tuple: the target may have taken up one of them.
    other_syns: Vec<Syn>,
    /// The incarnations before this one on the four-tuple: their segments may still be on the way.
    past: Vec<Past>,
    pub(crate) rcv_nxt: SeqNumber,
    /// The rightmost edge that the target ever offered.
    pub(crate) right_edge: Option<SeqNumber>,
    queue: Ranges,
    /// Text that a receiver may take or leave (RFC 7323 §3.2, a SHOULD): the target will tell.
    optional: Ranges,
    fin_at: Option<SeqNumber>,
    /// Our FIN was received in order.
    pub(crate) fin_received: bool,
    pub(crate) ts_recent: Option<u32>,
    /// The last ACK number that the target sent.
    pub(crate) last_ack_sent: Option<SeqNumber>,
    /// The highest ACK number that the target sent.
    pub(crate) acked: Option<SeqNumber>,
    /// Every range that we ever sent: what the target may acknowledge or report by SACK.
    pub(crate) sent_by_us: Ranges,
    /// What segments that no step has taken yet have shown: the target acts by it.
    pub(crate) shown: Option<Shown>,

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
    text: Text,
    /// It is not kept: whoever watches knows what each octet must be.
    pub(crate) text_is_known: bool,
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
    /// What was injected last, by the RST that it may draw.
    draws: VecDeque<Draw>,
    /// Something else than RSTs was injected.
    other_than_rst: bool,
    /// TSvals that we sent, none twice in a row; `None` when there were too many to remember.
    pub(crate) sent_timestamps: Option<Vec<u32>>,
    /// The SYN-ACK that came first, while no further SYN of ours was sent.
    pub(crate) syn_ack: Option<SynAck>,
    /// The acknowledgement of a segment that came although the connection should be no more.
    pub(crate) revenant: Option<SeqNumber>,
    /// The last segment moved the right window edge left without acknowledging more.
    pub(crate) edge_suspect: bool,
}

impl Connection {
    /// A connection that does not exist yet.
    pub(crate) fn new(ours: SocketAddr, target: SocketAddr, isn: SeqNumber) -> Self {
        Self {
            ours,
            target,
            phase: Phase::None,
            active: false,
            irs: isn,
            syn_sent: false,
            other_syns: Vec::new(),
            past: Vec::new(),
            rcv_nxt: isn + 1,
            right_edge: None,
            queue: Ranges::default(),
            optional: Ranges::default(),
            fin_at: None,
            fin_received: false,
            ts_recent: None,
            last_ack_sent: None,
            acked: None,
            sent_by_us: Ranges::default(),
            shown: None,
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
            text: Text::default(),
            text_is_known: false,
            target_fin: None,
            our_offer: Offer::default(),
            target_offer: None,
            our_window: u16::MAX,
            ts_base: 0,
            ts_from_target: None,
            last_unacceptable: None,
            draws: VecDeque::new(),
            other_than_rst: false,
            sent_timestamps: Some(Vec::new()),
            syn_ack: None,
            revenant: None,
            edge_suspect: false,
        }
    }

    /// The same four-tuple, a new incarnation: nothing is known of the target's side any more.
    pub(crate) fn reincarnate(&mut self, isn: SeqNumber) {
        let mut fresh = Self::new(self.ours, self.target, isn);
        fresh.our_window = self.our_window;
        fresh.ts_base = self.ts_base;
        fresh.text_is_known = self.text_is_known;
        fresh.last_unacceptable = self.last_unacceptable;
        fresh.revenant = self.revenant;
        fresh.succeeds(self);
        *self = fresh;
    }

    /// Whether it is the one between these sockets.
    pub(crate) fn is_between(&self, ours: &SocketAddr, target: &SocketAddr) -> bool {
        // Mostly the ports alone tell.
        self.ours.port() == ours.port() && self.ours == *ours && self.target == *target
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
        matches!(self.phase, Phase::SynReceived) && !self.active
    }

    /// What the steps' model of this connection must know of the wire's.
    pub(crate) fn shows(&self) -> Option<Shown> {
        self.iss.map(|iss| Shown {
            iss,
            snd_nxt: self.snd_nxt,
            right_edge: self.right_edge,
            last_ack_sent: self.last_ack_sent,
        })
    }

    fn shown(&self) -> Option<Shown> {
        self.shown.filter(|shown| Some(shown.iss) == self.iss)
    }

    /// What the SYN offered that this acknowledgement answers.
    pub(crate) fn offer_answered(&self, ack: SeqNumber) -> Offer {
        self.other_syns
            .iter()
            .find(|syn| ack != self.irs + 1 && syn.isn.lt(ack) && ack.le(syn.end))
            .map_or(self.our_offer, |syn| syn.offer)
    }

    /// Where a RST may have to stand to end whatever the target holds on this four-tuple: its own word on
    /// RCV.NXT first, the model's when that differs, then what SYNs of ours may have led to.
    pub(crate) fn places_to_reset(&self) -> Vec<SeqNumber> {
        let mut places: Vec<SeqNumber> = self.revenant.into_iter().collect();
        if !self.syn_sent || self.phase == Phase::Reset {
            return places;
        }
        places.extend(self.acked);
        places.extend([self.rcv_nxt, self.sent_by_us.end_of(self.irs)]);
        places.extend(
            self.other_syns
                .iter()
                .flat_map(|syn| [syn.isn + 1, syn.end]),
        );
        places
    }

    /// TSval of a segment sent at `now`: a millisecond clock.
    pub(crate) const fn ts_clock(&self, now: Instant) -> u32 {
        self.ts_base.wrapping_add(now.as_millis() as u32)
    }
}
