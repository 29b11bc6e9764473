//! The receive window that is announced (RFC 9293 §3.8.6): never moved left but for the rounding of
//! a scaled window, and opened in useful steps only.

use tcpconf_wire::SeqNumber;

/// The right edge as the peer knows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    capacity: u32,
    shift: u8,
    edge: SeqNumber,
}

/// Octets beyond the capacity that rounding may give away.
const ROUNDING_SLACK: u32 = 4096;

impl Window {
    /// The window of a SYN: not scaled (RFC 7323 §2.2).
    #[inline]
    pub(crate) fn new(capacity: u32, rcv_nxt: SeqNumber) -> Self {
        Self {
            capacity,
            shift: 0,
            edge: rcv_nxt + capacity.min(u32::from(u16::MAX)),
        }
    }

    /// What the receive buffer must hold in all.
    pub(crate) fn buffer_limit(capacity: u32) -> usize {
        capacity as usize + ROUNDING_SLACK as usize + (1 << 14)
    }

    pub(crate) fn set_shift(&mut self, shift: u8) {
        self.shift = shift;
    }

    /// RCV.WND.
    #[inline]
    pub(crate) fn size(&self, rcv_nxt: SeqNumber) -> u32 {
        if self.edge.gt(rcv_nxt) {
            self.edge - rcv_nxt
        } else {
            0
        }
    }

    /// The value for the window field, scaled; moves the edge when that is worth while.
    #[inline]
    pub(crate) fn announce(&mut self, rcv_nxt: SeqNumber, unread: usize, mss: u32) -> u16 {
        let unit = 1u32 << self.shift;
        let most = u32::from(u16::MAX) << self.shift;
        let current = self.size(rcv_nxt);
        let free = self.free(unread);
        let target = if free >= current.saturating_add(self.useful_step(mss)) {
            free.min(most) & !(unit - 1)
        } else {
            let up = current.saturating_add(unit - 1) & !(unit - 1);
            let room = free.saturating_add(ROUNDING_SLACK);
            if up <= room.min(most) {
                up
            } else {
                current & !(unit - 1)
            }
        };
        // SHLD-14: the edge moves left by less than a unit, and only when no slack is left.
        self.edge = rcv_nxt + target;
        (target >> self.shift).min(u32::from(u16::MAX)) as u16
    }

    /// The window field of a SYN: not scaled.
    pub(crate) fn announce_unscaled(&self, rcv_nxt: SeqNumber) -> u16 {
        self.size(rcv_nxt).min(u32::from(u16::MAX)) as u16
    }

    /// Whether the user has taken so much that the peer should hear of it at once.
    #[inline]
    pub(crate) fn update_is_due(&self, rcv_nxt: SeqNumber, unread: usize, mss: u32) -> bool {
        let current = self.size(rcv_nxt);
        let step = self.useful_step(mss);
        let worth = if current == 0 {
            step
        } else {
            step.max((2 * mss).min(self.capacity / 2))
        };
        self.free(unread) >= current.saturating_add(worth)
    }

    #[inline]
    fn free(&self, unread: usize) -> u32 {
        let unread = u32::try_from(unread).unwrap_or(u32::MAX);
        self.capacity.saturating_sub(unread)
    }

    /// RFC 9293 §3.8.6.2.2 (MUST-39): min(Fr * RCV.BUFF, Eff.snd.MSS), and at least a scale unit.
    #[inline]
    fn useful_step(&self, mss: u32) -> u32 {
        mss.min(self.capacity / 2).max(1 << self.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;

    #[test]
    fn rfc9293_3_8_6_2_2_small_steps_are_not_announced() {
        let at = SeqNumber(100);
        let mut w = Window::new(10_000, at);
        let at = at + 10_000;
        assert_eq!(w.announce(at, 10_000, MSS), 0);
        assert_eq!(w.announce(at, 9_001, MSS), 0);
        assert!(!w.update_is_due(at, 9_001, MSS));
        assert!(w.update_is_due(at, 9_000, MSS));
        assert_eq!(w.announce(at, 9_000, MSS), 1000);
    }

    #[test]
    fn shld_14_the_right_edge_never_moves_left() {
        let mut at = SeqNumber(u32::MAX - 5000);
        let mut w = Window::new(100_000, at);
        w.set_shift(3);
        let mut unread = 0;
        let mut edge = at;
        for step in 0..200u32 {
            let count = (step * 7 % 500).min(w.size(at));
            at += count;
            unread += count as usize;
            let field = w.announce(at, unread, MSS);
            let new = at + (u32::from(field) << 3);
            assert!(edge.le(new), "step {step}");
            edge = new;
        }
    }
}
