//! The receiving side while the peer may still send: RCV.* of RFC 9293 §3.3.1, the receive buffer
//! and the reassembly queue; and what is left of it once the peer's FIN was taken.

use crate::assembler::Assembler;
use crate::options::SackBlocks;
use crate::ring::Ring;
use crate::window::Window;
use tcpconf_wire::SeqNumber;

/// Holes that one segment ahead of RCV.NXT may fill.
const MAX_HOLES: usize = 8;

/// What became of the text and the FIN of a segment (§3.10.7.4, seventh and eighth).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Nothing new was in it.
    Nothing,
    /// RCV.NXT advanced.
    InOrder {
        /// Octets that became readable.
        octets: u32,
        /// A gap was there, or still is: acknowledge at once (RFC 5681 §4.2).
        gap: bool,
    },
    /// Kept for later, or refused for lack of room: acknowledge at once.
    OutOfOrder,
}

/// The open receiving side.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    pub(crate) irs: SeqNumber,
    pub(crate) rcv_nxt: SeqNumber,
    /// RCV.UP, once the peer has set it: the octet behind the urgent data (RFC 6093).
    pub(crate) rcv_up: Option<SeqNumber>,
    pub(crate) window: Window,
    buffer: Ring,
    /// Since text came out of order for the first time.
    assembler: Option<Box<Assembler>>,
    max_ranges: u32,
    /// Where a FIN stands that came out of order.
    fin: Option<SeqNumber>,
    /// The range of the last segment that came out of order, or was a duplicate of one.
    duplicate: Option<(SeqNumber, SeqNumber)>,
}

impl Receiver {
    pub(crate) fn new(irs: SeqNumber, capacity: u32, max_ranges: usize) -> Self {
        let mut receiver = Self::default();
        receiver.begin(irs, capacity, max_ranges);
        receiver
    }

    /// Becomes the receiver of a connection, whatever it was before, in its place.
    pub(crate) fn begin(&mut self, irs: SeqNumber, capacity: u32, max_ranges: usize) {
        let rcv_nxt = irs + 1;
        self.irs = irs;
        self.rcv_nxt = rcv_nxt;
        self.rcv_up = None;
        self.window = Window::new(capacity, rcv_nxt);
        self.buffer = Ring::new(Window::buffer_limit(capacity));
        self.assembler = None;
        self.max_ranges = u32::try_from(max_ranges).unwrap_or(u32::MAX);
        self.fin = None;
        self.duplicate = None;
    }

    #[inline]
    pub(crate) fn wnd(&self) -> u32 {
        self.window.size(self.rcv_nxt)
    }

    #[inline]
    pub(crate) fn unread(&self) -> usize {
        self.buffer.len()
    }

    pub(crate) fn allocated(&self) -> usize {
        let assembler = self.assembler.as_ref();
        self.buffer.allocated() + assembler.map_or(0, |a| size_of::<Assembler>() + a.allocated())
    }

    /// Ranges of the reassembly queue that were looked at one by one so far.
    pub(crate) fn visits(&self) -> u64 {
        self.assembler.as_ref().map_or(0, |a| a.visits())
    }

    /// Whether something lies beyond RCV.NXT.
    fn has_gap(&self) -> bool {
        self.assembler.as_ref().is_some_and(|a| !a.is_empty())
    }

    /// Takes text that lies within the window; of octets that are there already the first copy
    /// stays, so that what the user reads does not depend on later copies.
    #[inline]
    pub(crate) fn take_text(&mut self, seq: SeqNumber, text: &[u8]) -> Taken {
        let end = seq + text.len() as u32;
        let written = self.buffer.len();
        let rcv_nxt = self.rcv_nxt;
        let gap = self.has_gap();
        let offset = |at: SeqNumber| (at - seq) as usize;
        if seq.gt(rcv_nxt) {
            let most = self.max_ranges as usize;
            let assembler = self
                .assembler
                .get_or_insert_with(|| Box::new(Assembler::new(most)));
            self.duplicate = assembler.overlap(seq, end);
            let mut holes = [(seq, seq); MAX_HOLES];
            let mut count = 0;
            assembler.holes(seq, end, |start, stop| {
                if let Some(place) = holes.get_mut(count) {
                    *place = (start, stop);
                }
                count += 1;
                count <= MAX_HOLES
            });
            // A segment over more holes than fit here is taken when it is sent again.
            if count <= holes.len() && assembler.insert(seq, end) {
                for &(start, stop) in &holes[..count] {
                    let ahead = (start - rcv_nxt) as usize;
                    self.buffer
                        .write_ahead(ahead, &text[offset(start)..offset(stop)]);
                }
            }
            return Taken::OutOfOrder;
        }
        debug_assert!(seq == rcv_nxt, "text is trimmed before it is taken");
        if let Some(assembler) = self.assembler.as_mut().filter(|_| gap) {
            let buffer = &mut self.buffer;
            assembler.holes(seq, end, |start, stop| {
                let ahead = (start - rcv_nxt) as usize;
                buffer.write_ahead(ahead, &text[offset(start)..offset(stop)]);
                true
            });
            self.rcv_nxt = assembler.advance(end);
        } else {
            self.buffer.write_ahead(0, text);
            self.rcv_nxt = end;
        }
        let octets = self.rcv_nxt - rcv_nxt;
        self.buffer.extend(octets as usize);
        debug_assert_eq!(self.buffer.len(), written + octets as usize);
        if octets == 0 {
            Taken::Nothing
        } else {
            Taken::InOrder { octets, gap }
        }
    }

    /// Notes a FIN at `at`; true when it is the next octet of the sequence space, or when one that
    /// was noted before now is.
    ///
    /// Of several that contradict each other the first in the sequence space counts, as if their segments had been held
    /// and processed in their turn (§3.10.7.4); one that text has overrun counts no more.
    #[inline]
    pub(crate) fn take_fin(&mut self, at: Option<SeqNumber>) -> bool {
        let ahead = |at: &SeqNumber| self.rcv_nxt.le(*at);
        self.fin = match (self.fin.filter(ahead), at.filter(ahead)) {
            (Some(held), Some(at)) => Some(held.min(at)),
            (held, at) => held.or(at),
        };
        self.fin == Some(self.rcv_nxt)
    }

    /// Eighth: RCV.NXT advances over the FIN, and nothing more can come.
    #[inline]
    pub(crate) fn finish(mut self: Box<Self>) -> Finished {
        self.rcv_nxt += 1;
        self.assembler = None;
        Finished { receiver: self }
    }

    /// Moves octets to the user; whether the peer should hear of the window at once.
    #[inline]
    pub(crate) fn read(&mut self, into: &mut [u8], mss: u32) -> (usize, bool) {
        let before = self.unread();
        let count = self.buffer.read(into);
        let due = |unread| self.window.update_is_due(self.rcv_nxt, unread, mss);
        (count, due(self.unread()) && !due(before))
    }

    /// MUST-33: whether octets before the urgent pointer are unread or still to come.
    pub(crate) fn urgent(&self) -> bool {
        let first_unread = self.rcv_nxt - self.buffer.len() as u32;
        self.rcv_up.is_some_and(|up| up.gt(first_unread))
    }

    /// Sixth: RCV.UP <- max(RCV.UP, SEG.UP); whether that is news for the user.
    pub(crate) fn take_urgent(&mut self, up: SeqNumber) -> bool {
        let news = match self.rcv_up {
            Some(before) => up.gt(before) && up.gt(self.rcv_nxt - self.buffer.len() as u32),
            None => up.gt(self.rcv_nxt - self.buffer.len() as u32),
        };
        if news {
            self.rcv_up = Some(up);
        }
        news
    }

    /// Notes that a segment below RCV.NXT came again (RFC 2883 §4).
    pub(crate) fn note_duplicate(&mut self, start: SeqNumber, end: SeqNumber) {
        self.duplicate = Some((start, end.min(self.rcv_nxt)));
    }

    /// The duplicate was reported: once is enough (RFC 2883 §4).
    #[inline]
    pub(crate) fn duplicate_reported(&mut self) {
        self.duplicate = None;
    }

    /// The blocks for an ACK, D-SACK first (RFC 2018 §4, RFC 2883 §4).
    #[inline]
    pub(crate) fn sack_blocks(&self) -> SackBlocks {
        let mut blocks = SackBlocks::default();
        if !self.has_gap() && self.duplicate.is_none() {
            return blocks;
        }
        if let Some((start, end)) = self.duplicate {
            blocks.push(start, end);
        }
        let mut recent = [(SeqNumber(0), SeqNumber(0)); crate::options::MAX_SACK_BLOCKS];
        let assembler = self.assembler.as_ref();
        let count = assembler.map_or(0, |a| a.recent(&mut recent));
        for &(start, end) in &recent[..count] {
            blocks.push(start, end);
        }
        blocks
    }
}

/// The receiving side after the peer's FIN: nothing can come, something may be unread.
#[derive(Debug)]
pub(crate) struct Finished {
    receiver: Box<Receiver>,
}

impl Finished {
    pub(crate) fn irs(&self) -> SeqNumber {
        self.receiver.irs
    }

    pub(crate) fn rcv_nxt(&self) -> SeqNumber {
        self.receiver.rcv_nxt
    }

    pub(crate) fn wnd(&self) -> u32 {
        self.receiver.wnd()
    }

    /// The value for the window field of a segment that leaves now.
    pub(crate) fn announce(&mut self, mss: u32) -> u16 {
        let (nxt, unread) = (self.receiver.rcv_nxt, self.receiver.unread());
        self.receiver.window.announce(nxt, unread, mss)
    }

    pub(crate) fn buffer(&self) -> &Ring {
        &self.receiver.buffer
    }

    pub(crate) fn buffer_mut(&mut self) -> &mut Ring {
        &mut self.receiver.buffer
    }

    /// What is unread, and the memory that it leaves.
    pub(crate) fn into_parts(mut self) -> (Ring, Box<Receiver>) {
        (core::mem::take(&mut self.receiver.buffer), self.receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver() -> Receiver {
        Receiver::new(SeqNumber(u32::MAX - 5), 1000, 4)
    }

    fn text(r: &mut Receiver) -> Vec<u8> {
        let mut out = vec![0; 100];
        let (count, _) = r.read(&mut out, 500);
        out.truncate(count);
        out
    }

    #[test]
    fn shld_31_out_of_order_text_is_kept_and_the_first_copy_counts() {
        let mut r = receiver();
        let at = r.rcv_nxt;
        assert_eq!(r.take_text(at + 3, b"def"), Taken::OutOfOrder);
        assert_eq!(r.take_text(at + 1, b"bcXYZfgh"), Taken::OutOfOrder);
        assert_eq!(
            r.take_text(at, b"a"),
            Taken::InOrder {
                octets: 9,
                gap: true
            }
        );
        assert_eq!(text(&mut r), b"abcdeffgh");
    }

    #[test]
    fn a_fin_that_came_early_counts_when_the_gap_is_filled() {
        let mut r = receiver();
        let at = r.rcv_nxt;
        assert!(!r.take_fin(Some(at + 3)));
        r.take_text(at, b"abc");
        assert!(r.take_fin(None));
    }

    #[test]
    fn a_fin_before_the_one_that_is_held_counts() {
        let mut r = receiver();
        let at = r.rcv_nxt;
        assert!(!r.take_fin(Some(at + 3)));
        assert!(r.take_fin(Some(at)));
    }

    #[test]
    fn a_fin_that_text_has_overrun_hides_no_other() {
        let mut r = receiver();
        let at = r.rcv_nxt;
        assert!(!r.take_fin(Some(at + 3)));
        r.take_text(at, b"abcde");
        assert!(!r.take_fin(None));
        assert!(r.take_fin(Some(at + 5)));
    }

    #[test]
    fn a_fin_that_comes_overrun_hides_none_that_is_held() {
        let mut r = receiver();
        let at = r.rcv_nxt;
        assert!(!r.take_fin(Some(at + 5)));
        r.take_text(at, b"abc");
        assert!(!r.take_fin(Some(at + 2)));
        r.take_text(at + 3, b"de");
        assert!(r.take_fin(None));
    }

    #[test]
    fn rfc2883_4_a_duplicate_is_reported_once_and_first() {
        let mut r = receiver();
        let at = r.rcv_nxt;
        r.take_text(at + 3, b"def");
        r.take_text(at + 3, b"de");
        assert_eq!(
            r.sack_blocks().as_slice(),
            [(at + 3, at + 5), (at + 3, at + 6)]
        );
        r.duplicate_reported();
        assert_eq!(r.sack_blocks().as_slice(), [(at + 3, at + 6)]);
    }

    #[test]
    fn must_33_urgent_lasts_until_the_octets_are_read() {
        let mut r = receiver();
        let at = r.rcv_nxt;
        assert!(r.take_urgent(at + 2));
        assert!(!r.take_urgent(at + 2));
        r.take_text(at, b"ab");
        assert!(r.urgent());
        text(&mut r);
        assert!(!r.urgent());
    }
}
