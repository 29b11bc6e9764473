//! Which RST a segment of ours draws where there is no connection (RFC 9293 §3.10.7.1).
//!
//! A RST of the target answers a RST of ours only when its numbers say so, since answers to what went
//! before, and the target's own abort, may cross it on the way.

use super::Connection;
use crate::reading::Reading;
use tcpconf_wire::view::TcpView;
use tcpconf_wire::{Flags, SeqNumber};

/// Segments that are remembered.
const DRAWS_KEPT: usize = 64;

/// A segment of ours by the RST that it may draw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw {
    /// It was a RST itself, which draws none.
    reset: bool,
    /// Its acknowledgement, or without one what follows it.
    answer: Answer,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    /// `<SEQ=SEG.ACK><CTL=RST>`
    Seq(SeqNumber),
    /// `<SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>`
    Ack(SeqNumber),
}

impl Draw {
    fn is_answered_by(&self, rst: &Reading<'_>) -> bool {
        let with_ack = rst.flags.contains(Flags::ACK);
        match self.answer {
            Answer::Seq(seq) => !with_ack && rst.seq == seq,
            Answer::Ack(ack) => with_ack && rst.seq == SeqNumber(0) && rst.ack == ack,
        }
    }
}

impl Connection {
    /// A segment was injected.
    pub(super) fn may_draw(&mut self, segment: &TcpView<'_>) {
        let reset = segment.flags.contains(Flags::RST);
        self.other_than_rst |= !reset;
        self.draws.push_back(Draw {
            reset,
            answer: if segment.flags.contains(Flags::ACK) {
                Answer::Seq(segment.ack)
            } else {
                Answer::Ack(segment.seq + segment.seq_len())
            },
        });
        if self.draws.len() > DRAWS_KEPT {
            self.draws.pop_front();
        }
    }

    /// Whether a RST of the target can only be the answer to a RST of ours.
    pub(crate) fn answers_a_rst(&self, rst: &Reading<'_>) -> bool {
        if !self.other_than_rst {
            return !self.draws.is_empty();
        }
        let answers = |reset: bool| {
            self.draws
                .iter()
                .any(|draw| draw.reset == reset && draw.is_answered_by(rst))
        };
        answers(true) && !answers(false)
    }
}
