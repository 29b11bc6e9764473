//! When a segment is acknowledged that nothing else acknowledges along the way.

use core::time::Duration;
use tcpconf_wire::Instant;

/// When an ACK leaves that nothing else carries (RFC 9293 §3.8.6.3).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AckSchedule {
    pub(crate) now: bool,
    pub(crate) delayed: Option<Instant>,
    segments: u32,
    /// ACKs that are due behind this one: each segment out of order draws its own (RFC 2018 §4).
    more: u8,
}

impl AckSchedule {
    /// Text came out of order.
    pub(super) fn out_of_order(&mut self) {
        self.more = self.more.saturating_add(u8::from(self.now));
        self.now = true;
    }

    /// RCV.NXT moves: what is still due for segments out of order would repeat the new number, as if one were lost.
    pub(super) fn in_order(&mut self) {
        self.more = 0;
    }

    /// Text came in order: every second segment is acknowledged at once (SHLD-19).
    pub(super) fn text(&mut self, now: Instant, delay: Duration) {
        self.segments += 1;
        if self.segments >= 2 || delay.is_zero() {
            self.now = true;
        } else {
            self.delayed.get_or_insert(now + delay);
        }
    }

    /// An ACK left.
    pub(super) fn sent(&mut self) {
        *self = Self {
            now: self.more > 0,
            more: self.more.saturating_sub(1),
            ..Self::default()
        };
    }
}
