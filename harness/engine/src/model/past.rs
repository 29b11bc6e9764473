//! Incarnations that went before on the same four-tuple (RFC 9293 §3.4.3, §3.6.1).
//!
//! Their segments may be on the way when the next one begins. They say nothing about it.

use super::{Connection, Ranges};
use crate::reading::Reading;
use tcpconf_wire::{Flags, SeqNumber};

/// Incarnations that are remembered.
const PAST_KEPT: usize = 16;

/// What is left of an incarnation.
#[derive(Clone, Debug)]
pub(super) struct Past {
    /// What we sent.
    sent: Ranges,
    /// The target's text, SYN and FIN: from ISS to behind the highest.
    from_target: Option<(SeqNumber, SeqNumber)>,
}

impl Connection {
    /// This connection follows on another of the same four-tuple.
    pub(crate) fn succeeds(&mut self, before: &Self) {
        self.past.clone_from(&before.past);
        if before.syn_sent {
            self.past.push(Past {
                sent: before.sent_by_us.clone(),
                from_target: before.iss.map(|iss| (iss, before.snd_nxt)),
            });
        }
        let surplus = self.past.len().saturating_sub(PAST_KEPT);
        self.past.drain(..surplus);
    }

    /// Whether a segment of the target answers an incarnation before this one: it acknowledges what
    /// was sent then, and nothing that was sent now.
    pub(crate) fn is_of_the_past(&self, segment: &Reading<'_>) -> bool {
        self.past_of(segment).is_some()
    }

    fn past_of(&self, segment: &Reading<'_>) -> Option<&Past> {
        let octet = segment.ack - 1;
        if !segment.flags.contains(Flags::ACK) || self.sent_by_us.covers(octet, segment.ack) {
            return None;
        }
        self.past
            .iter()
            .rev()
            .find(|past| past.sent.covers(octet, segment.ack))
    }

    /// Whether it repeats what the target sent in an incarnation before this one.
    pub(super) fn repeats_the_past(&self, segment: &Reading<'_>) -> bool {
        self.past_of(segment)
            .and_then(|past| past.from_target)
            .is_some_and(|(iss, end)| {
                iss.le(segment.seq) && (segment.seq + segment.seq_len()).le(end)
            })
    }
}
