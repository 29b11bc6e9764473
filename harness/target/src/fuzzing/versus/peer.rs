//! What the peer of a script knows and says: numbers relative to what both stacks have shown become segments, and
//! what two sound stacks may take differently is not said.

use super::super::stream;
use super::compare::CLOSED;
use super::script::{AckBase, SeqBase, Shape};
use super::side::Seen;
use super::situation::{AckPlace, Past, SeqPlace};
use super::{BUFFER, FAR, MAX_ROUNDS, NO_ISS, SETTLE, WIDE, World};
use std::net::SocketAddr;
use tcpconf_wire::{Flags, Segment, SeqNumber, TcpOption};

/// What smoltcp's queue for text out of order holds (`ASSEMBLER_MAX_SEGMENT_COUNT`).
const PIECES: u32 = 4;

/// What the peer knows of the connection that was opened last.
pub(super) struct Peer {
    pub(super) ours: SocketAddr,
    pub(super) target: SocketAddr,
    pub(super) isn: SeqNumber,
    pub(super) next: SeqNumber,
    pub(super) last: SeqNumber,
    /// Relative to the ISS: what it said last, and the highest of what was sent.
    pub(super) last_ack: u32,
    pub(super) una: u32,
    /// Octets that the application was given to send, and its FIN.
    pub(super) given: u32,
    pub(super) closed: bool,
    /// Its own FIN's place, and the right end of what it has said in the window.
    pub(super) fin: Option<SeqNumber>,
    pub(super) furthest: SeqNumber,
    /// Segments of text that lay ahead of what was expected.
    pub(super) pieces: u32,
    /// It has said a window that text may not fit into; which window is believed depends on the segment's numbers.
    pub(super) narrow: bool,
    pub(super) past: Vec<Past>,
}

impl Peer {
    fn new(ours: SocketAddr, target: SocketAddr, isn: SeqNumber) -> Self {
        Self {
            ours,
            target,
            isn,
            next: isn,
            last: isn,
            last_ack: 0,
            una: 0,
            given: 0,
            closed: false,
            fin: None,
            furthest: isn,
            pieces: 0,
            narrow: false,
            past: Vec::new(),
        }
    }

    /// The next connection's peer: of the earlier ones it keeps what their hosts may still suffer from.
    pub(super) fn after(
        earlier: Option<&Self>,
        ours: SocketAddr,
        target: SocketAddr,
        isn: SeqNumber,
    ) -> Self {
        let shut = [Past::WindowClosed, Past::WindowClosedBefore];
        let mut peer = Self::new(ours, target, isn);
        if earlier.is_some_and(|peer| peer.past.iter().any(|past| shut.contains(past))) {
            peer.has(Past::WindowClosedBefore);
        }
        peer
    }

    /// What may show in what follows.
    pub(super) fn past(&self) -> Vec<Past> {
        let mut past = self.past.clone();
        if self.narrow || self.una < self.given() {
            past.push(Past::NoRoom);
        }
        past
    }

    /// All that the target has to send, relative to its ISS.
    pub(super) fn given(&self) -> u32 {
        1 + self.given + u32::from(self.closed)
    }

    pub(super) fn has(&mut self, past: Past) {
        self.past.retain(|p| *p != past);
        self.past.push(past);
    }
}

impl World<'_> {
    /// The views of both sides on the connection that was opened last.
    fn seen(&self) -> Option<[&Seen; 2]> {
        let [own, other] = &self.sides;
        Some([own.last()?, other.last()?])
    }

    /// A SYN to where there is no connection, or from where one is waited for, says which sequence numbers the
    /// connection has.
    fn begin(&mut self, shape: &Shape, seq: SeqNumber) {
        let states = [self.sides[0].state(), self.sides[1].state()];
        let all = |wanted: &str| states.iter().all(|state| state == wanted);
        let Some(peer) = self.peer.as_mut() else {
            return;
        };
        if !shape.flags.contains(Flags::SYN) {
            return;
        }
        if all(CLOSED) {
            *peer = Peer::after(Some(peer), peer.ours, peer.target, seq);
            for side in &mut self.sides {
                side.open_again(seq);
            }
        } else if all("SYN-SENT") {
            for side in &mut self.sides {
                side.expect(seq);
            }
        } else {
            return;
        }
        (peer.isn, peer.next, peer.furthest) = (seq, seq, seq);
    }

    /// Says a segment to both; `None` when sound stacks may take it differently.
    pub(super) fn say(&mut self, shape: &Shape) -> Option<()> {
        let [own, other] = self.seen()?;
        let peer = self.peer.as_ref()?;
        let mut acked = own.acked.unwrap_or(0).min(other.acked.unwrap_or(0));
        if self.pending {
            // Text has come that is not yet acknowledged.
            acked = acked.max(1 + self.sides[0].delivered());
        }
        let rcv_nxt = peer.isn + acked;
        let edges = [own.edge.unwrap_or(acked), other.edge.unwrap_or(acked)];
        let edge = edges[0].min(edges[1]);
        let base = match shape.seq.0 {
            SeqBase::Next => peer.next,
            SeqBase::Last => peer.last,
            SeqBase::Acked => rcv_nxt,
            SeqBase::Edge => peer.isn + edge,
            SeqBase::Far => rcv_nxt + FAR,
        };
        let seq = SeqNumber(base.0.wrapping_add_signed(i32::from(shape.seq.1)));
        self.begin(shape, seq);
        let [own, other] = self.seen()?;
        let peer = self.peer.as_ref()?;
        let given = peer.given();
        let base = match shape.ack.0 {
            AckBase::All => own.sent.min(other.sent),
            AckBase::Last => peer.last_ack,
            AckBase::Initial => 0,
            AckBase::Given => given,
            AckBase::Far => FAR,
        };
        let ack = base.wrapping_add_signed(i32::from(shape.ack.1));
        let mut segment = Segment::new(peer.ours, peer.target);
        segment.flags = shape.flags;
        segment.seq = seq;
        segment.window = shape.window;
        let syn = shape.flags.contains(Flags::SYN);
        segment.payload = stream(seq + u32::from(syn), usize::from(shape.text));
        if syn {
            segment.options.extend(self.script.mss.map(TcpOption::Mss));
            if self.script.sack {
                segment.options.push(TcpOption::SackPermitted);
            }
        }
        // Beyond what one has sent and not beyond what the other has: both are right.
        let has_ack = shape.flags.contains(Flags::ACK);
        let place = |sent: u32| (ack.wrapping_sub(sent) as i32) > 0;
        if has_ack && place(own.sent) != place(other.sent) {
            return None;
        }
        // The window may have been opened as far as the application has read, and this not yet told; whether the
        // place of a FIN counts is left open.
        let widest = 2 + own.read.max(other.read) + BUFFER;
        let relative = |at: SeqNumber| at.distance_from(peer.isn);
        let (first, end) = (relative(seq), relative(seq + segment.seq_len()));
        let synchronized = own.acked.is_some();
        if synchronized
            && edge < widest
            && first < widest as i32
            && (end > edge as i32 || first >= edge as i32)
        {
            return None;
        }
        let seq_place = SeqPlace::of(synchronized.then_some((acked, edge)), first, end);
        // Text behind a FIN that is still to come, or a second FIN: nothing says what that means.
        let sound = [SeqPlace::Next, SeqPlace::Ahead, SeqPlace::Overlap].contains(&seq_place);
        let last = seq + segment.seq_len();
        let fin = shape.flags.contains(Flags::FIN);
        let known = peer.fin.filter(|at| at.gt(rcv_nxt));
        if sound
            && (known.is_some_and(|at| last.gt(at) || fin != (last == at))
                || (fin && known.is_none() && peer.furthest.ge(last)))
        {
            return None;
        }
        let ack_place = AckPlace::of(has_ack, ack, own, peer.una, given);
        let segments = [own, other].map(|seen| {
            let mut segment = segment.clone();
            if has_ack {
                segment.ack = seen.iss.unwrap_or(NO_ISS) + ack;
            }
            segment
        });
        let text = shape.text > 0;
        self.situation
            .segment(shape.flags, seq_place, ack_place, text);
        let peer = self.peer.as_mut()?;
        if sound {
            peer.furthest = peer.furthest.max(last);
            if fin {
                peer.fin = Some(last);
            }
        }
        if shape.flags.contains(Flags::SYN) && text {
            peer.has(Past::TextOnSyn);
        }
        if fin && seq_place == SeqPlace::Ahead {
            peer.has(Past::FinAhead);
        }
        if text && seq_place == SeqPlace::Ahead {
            peer.pieces += 1;
            if peer.pieces >= PIECES {
                peer.has(Past::ManyPieces);
            }
        }
        if ack_place == AckPlace::Old {
            peer.has(Past::OldAck);
        }
        let outside = matches!(seq_place, SeqPlace::Old | SeqPlace::Beyond);
        if outside && !shape.flags.contains(Flags::RST) {
            peer.has(Past::OutsideWindow);
        }
        if shape.window == 0 {
            peer.has(Past::WindowClosed);
        }
        peer.last = seq;
        if has_ack {
            peer.last_ack = ack;
            if ack_place == AckPlace::New {
                peer.una = ack;
            }
        }
        peer.narrow |= shape.window < WIDE;
        self.situation.past = peer.past();
        if seq == peer.next && !shape.flags.contains(Flags::RST) {
            peer.next = seq + segment.seq_len();
        }
        self.note(&format!("{:?} {shape:?}: {}", self.now, segments[0]));
        for (side, segment) in self.sides.iter_mut().zip(&segments) {
            side.deliver(self.now, segment);
        }
        Some(())
    }

    /// Acknowledges what each sends, with a wide window. False when they are not through with it.
    pub(super) fn cooperate(&mut self) -> Option<bool> {
        let peer = self.peer.as_ref()?;
        // From where it is: an older number would not open the window (RFC 9293 §3.10.7.4, SND.WL1). What lies at the
        // window's edge or beyond was not taken.
        let (ours, target, furthest) = (peer.ours, peer.target, peer.furthest);
        let mut acked = [None; 2];
        for _ in 0..MAX_ROUNDS {
            let mut busy = false;
            for (side, acked) in self.sides.iter_mut().zip(&mut acked) {
                let seen = side.last()?;
                let (Some(iss), Some(rcv_nxt)) = (seen.iss, seen.acked) else {
                    continue;
                };
                if *acked == Some(seen.sent) {
                    continue;
                }
                *acked = Some(seen.sent);
                busy = true;
                let mut segment = Segment::new(ours, target);
                segment.flags = Flags::ACK;
                let next = seen.irs + rcv_nxt;
                let last = seen.edge.map_or(furthest, |edge| seen.irs + edge - 1);
                segment.seq = furthest.min(last).max(next);
                segment.ack = iss + seen.sent;
                segment.window = u16::MAX;
                side.deliver(self.now, &segment);
            }
            if !busy {
                let sent = self.sides[0].last()?.sent;
                let peer = self.peer.as_mut()?;
                (peer.una, peer.last_ack) = (peer.una.max(sent), sent);
                return Some(true);
            }
            self.settle(SETTLE);
        }
        // Tiny segments, and a congestion window that grows by one of them a round.
        Some(false)
    }
}
