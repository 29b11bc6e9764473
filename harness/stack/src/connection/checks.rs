//! The checks of RFC 9293 §3.10.7.4, in the order in which they are made. Each either ends the
//! processing of the segment with a [`Reaction`], or lets it go on.

use super::reaction::{Fate, Reaction, Reply, Signals};
use super::state::{
    CloseWait, Closing, Established, FinWait1, FinWait2, SendDone, State, TimeWait,
};
use super::{Arrived, Connection, Env, Origin};
use crate::error::ErrorKind;
use crate::receiver::Taken;
use crate::sender::AckIn;
use crate::types::StateName;
use core::mem;
use core::ops::ControlFlow::{self, Break, Continue};
use core::time::Duration;
use tcpconf_wire::{Flags, Instant, SeqNumber};

/// After so long TS.Recent says nothing (RFC 7323 §5.5).
const TS_RECENT_LIFETIME: Duration = Duration::from_secs(24 * 24 * 3600);

type Check<T = ()> = ControlFlow<Reaction, T>;

impl Connection {
    /// TIME-WAIT: a SYN may begin a new incarnation (RFC 6191 §2; RFC 9293 §3.6.1 MAY-2, SHLD-4).
    pub(super) fn time_wait_reuse(&self, segment: &Arrived<'_>, env: Env<'_>) -> Check {
        let State::TimeWait(state) = &self.state else {
            return Continue(());
        };
        let opens = segment.has(Flags::SYN) && !segment.flags.intersects(Flags::ACK | Flags::RST);
        if !opens || !env.config.time_wait_reuse {
            return Continue(());
        }
        let beyond = segment.seq.gt(state.finished.rcv_nxt());
        let newer = match (self.negotiated.timestamps, segment.options.timestamps) {
            (Some(old), Some(new)) if new.value != old.recent => {
                SeqNumber(new.value).gt(SeqNumber(old.recent))
            }
            // The timestamps of the new incarnation keep old segments out of it.
            (None, Some(_)) if env.config.timestamps => true,
            _ => beyond,
        };
        if newer {
            let above = state.done.snd_nxt;
            return Break(Reaction::fate(Fate::Reopen { above }));
        }
        Continue(())
    }

    /// While our SYN is not acknowledged: the peer's SYN once more is answered by the SYN-ACK once more; in a
    /// simultaneous open the SYN-ACK of the peer counts as the ACK that it carries (§3.5, figure 7).
    #[inline(always)]
    pub(super) fn syn_of_the_handshake(&mut self, segment: &mut Arrived<'_>) -> Check {
        if segment.has(Flags::SYN) {
            self.syn_once_more(segment)
        } else {
            Continue(())
        }
    }

    #[cold]
    fn syn_once_more(&mut self, segment: &mut Arrived<'_>) -> Check {
        let again = self.state.half_open()
            && !segment.flags.intersects(Flags::RST | Flags::FIN)
            && segment.seq == self.state.receive_vars().irs;
        if !again {
            return Continue(());
        }
        if !segment.has(Flags::ACK) {
            // RFC 3168 §6.1.1: one SYN that is no ECN-setup SYN is enough.
            if !segment.has(Flags::ECE | Flags::CWR) {
                self.negotiated.ecn = false;
            }
            return Break(Reaction::reply(Reply::SynAck));
        }
        if self.origin == Origin::Active && segment.ack == self.state.send_vars().iss + 1 {
            *segment = segment.without_syn();
        }
        Continue(())
    }

    /// RFC 7323 §3.2 and §5.3 R1 (PAWS), before the sequence number is looked at.
    pub(super) fn timestamps_present_and_recent(
        &self,
        now: Instant,
        segment: &Arrived<'_>,
    ) -> Check {
        let Some(state) = self.negotiated.timestamps else {
            return Continue(());
        };
        if segment.has(Flags::RST) {
            return Continue(());
        }
        let Some(stamps) = segment.options.timestamps else {
            if segment.has(Flags::SYN) {
                // A peer that has begun anew gets its challenge (RFC 5961 §4).
                return Continue(());
            }
            // "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop it."
            return Break(Reaction::DROP);
        };
        let valid = now.since(state.recent_at) < TS_RECENT_LIFETIME;
        if valid && SeqNumber(stamps.value).lt(SeqNumber(state.recent)) {
            return Break(Reaction::reply(Self::ack_for(segment)));
        }
        Continue(())
    }

    /// First, check the sequence number (§3.10.7.4, the four rows of §3.4), and trim the segment to
    /// the window. True when the window is closed and the text was refused, but ACK, RST and URG
    /// still count (MUST-66).
    #[inline(always)]
    pub(super) fn first_sequence_number(&mut self, segment: &mut Arrived<'_>) -> Check<bool> {
        let receive = self.state.receive_vars();
        // What nearly every segment is: next, with room behind it, so that nothing is to be trimmed.
        if segment.seq == receive.nxt
            && segment.text.len() < receive.wnd as usize
            && !segment.flags.intersects(Flags::SYN | Flags::RST)
        {
            return Continue(false);
        }
        // The text of a RST means nothing (SHLD-2).
        let len = if segment.has(Flags::RST) {
            0
        } else {
            segment.len()
        };
        let in_window = |seq: SeqNumber| seq - receive.nxt < receive.wnd;
        let acceptable = match (len, receive.wnd) {
            (0, 0) => segment.seq == receive.nxt,
            (0, _) => in_window(segment.seq),
            (_, 0) => false,
            (_, _) => in_window(segment.seq) || in_window(segment.seq + (len - 1)),
        };
        if acceptable {
            self.trim(segment);
            return Continue(false);
        }
        if segment.has(Flags::RST) {
            return Break(Reaction::DROP);
        }
        if receive.wnd == 0 && segment.seq == receive.nxt && !segment.has(Flags::SYN) {
            segment.text = &[];
            segment.flags = segment.flags & !(Flags::FIN | Flags::PSH);
            return Continue(true);
        }
        if let Some(receiver) = self.state.receiver_mut()
            && !segment.text.is_empty()
            && segment.seq.lt(receive.nxt)
            && receive.nxt - segment.seq < 1 << 30
        {
            receiver.note_duplicate(segment.seq, segment.seq + segment.text.len() as u32);
        }
        if let State::TimeWait(_) = self.state
            && segment.has(Flags::FIN)
            && segment.seq + (segment.len() - 1) == receive.nxt - 1
        {
            // Fifth and eighth in TIME-WAIT: the peer's FIN again; the timer starts again.
            return Break(Reaction {
                reply: Reply::Ack,
                fate: Fate::Enter(StateName::TimeWait),
                signals: Signals::NONE,
            });
        }
        Break(Reaction::reply(Self::ack_for(segment)))
    }

    /// An unacceptable segment with text wants to know what is missing; without text it may be part
    /// of a loop of ACKs, and counts against the limit.
    fn ack_for(segment: &Arrived<'_>) -> Reply {
        if segment.text.is_empty() {
            Reply::ChallengeAck
        } else {
            Reply::Ack
        }
    }

    /// "tailored to fit the window": cuts what lies left of RCV.NXT and right of the window, the FIN
    /// included.
    #[inline]
    pub(super) fn trim(&mut self, segment: &mut Arrived<'_>) {
        let receive = self.state.receive_vars();
        if segment.has(Flags::SYN) || segment.text.is_empty() {
            let beyond = segment.seq.ge(receive.nxt + receive.wnd);
            if beyond && segment.has(Flags::FIN) && receive.wnd > 0 {
                segment.flags = segment.flags & !Flags::FIN;
            }
            return;
        }
        if segment.seq.lt(receive.nxt) {
            let old = (receive.nxt - segment.seq).min(segment.text.len() as u32);
            if let Some(receiver) = self.state.receiver_mut() {
                receiver.note_duplicate(segment.seq, segment.seq + old);
            }
            segment.seq += old;
            // The urgent pointer counts from the sequence number.
            segment.urgent = segment.urgent.saturating_sub(old.min(0xffff) as u16);
            segment.text = &segment.text[old as usize..];
        }
        let room = ((receive.nxt + receive.wnd) - segment.seq) as usize;
        if segment.text.len() > room {
            segment.text = &segment.text[..room];
            segment.flags = segment.flags & !Flags::FIN;
        } else if segment.text.len() == room {
            segment.flags = segment.flags & !Flags::FIN;
        }
    }

    /// RFC 7323 §4.3 and §5.3 R3: TS.Recent follows segments that reach back to Last.ACK.sent. `seq` is
    /// SEG.SEQ as it came, before the segment was trimmed to the window.
    pub(super) fn timestamp_is_taken(
        &mut self,
        now: Instant,
        seq: SeqNumber,
        segment: &Arrived<'_>,
    ) {
        if let Some(state) = &mut self.negotiated.timestamps
            && let Some(stamps) = segment.options.timestamps
            && !segment.has(Flags::RST)
        {
            let expired = now.since(state.recent_at) >= TS_RECENT_LIFETIME;
            let newer = SeqNumber(stamps.value).ge(SeqNumber(state.recent)) || expired;
            if newer && seq.le(state.last_ack_sent) {
                state.recent = stamps.value;
                state.recent_at = now;
            }
        }
    }

    /// Second, check the RST bit, with the three cases of RFC 5961 §3.2.
    pub(super) fn second_rst(&mut self, segment: &Arrived<'_>, env: Env<'_>) -> Check {
        if !segment.has(Flags::RST) {
            return Continue(());
        }
        if env.config.rfc5961 && segment.seq != self.state.receive_vars().nxt {
            return Break(Reaction::reply(Reply::ChallengeAck));
        }
        let fate = match (&self.state, self.origin) {
            // A connection that its user has already (RFC 7413) ends like any other.
            (State::SynReceived(_), Origin::Passive(_)) if self.owned => {
                Fate::Closed(Some(ErrorKind::Reset))
            }
            (State::SynReceived(_), Origin::Passive(_)) => Fate::ReturnToListen,
            (State::SynReceived(_), Origin::Active) => Fate::Closed(Some(ErrorKind::Refused)),
            (
                State::Established(_)
                | State::FinWait1(_)
                | State::FinWait2(_)
                | State::CloseWait(_),
                _,
            ) => Fate::Closed(Some(ErrorKind::Reset)),
            // CLOSING, LAST-ACK, TIME-WAIT: "enter the CLOSED state", no error.
            _ => Fate::Closed(None),
        };
        Break(Reaction::fate(fate))
    }

    /// Fourth, check the SYN bit (RFC 5961 §4).
    pub(super) fn fourth_syn(&mut self, segment: &Arrived<'_>, env: Env<'_>) -> Check {
        if !segment.has(Flags::SYN) {
            return Continue(());
        }
        if let (State::SynReceived(_), Origin::Passive(_), false) =
            (&self.state, self.origin, self.owned)
        {
            return Break(Reaction::fate(Fate::ReturnToListen));
        }
        if env.config.rfc5961 {
            return Break(Reaction::reply(Reply::ChallengeAck));
        }
        // RFC 793: a SYN in the window is an error, and resets.
        Break(Reaction {
            reply: Reply::Reset {
                seq: self.state.send_vars().nxt,
            },
            fate: Fate::Closed(Some(ErrorKind::Reset)),
            signals: Signals::NONE,
        })
    }

    /// Fifth, check the ACK field.
    #[inline(always)]
    pub(super) fn fifth_ack(
        &mut self,
        now: Instant,
        segment: &Arrived<'_>,
        env: Env<'_>,
        reaction: &mut Reaction,
    ) -> Check {
        if !segment.has(Flags::ACK) {
            return Break(Reaction::DROP);
        }
        let send = self.state.send_vars();
        let half_open = self.state.half_open();
        if half_open {
            // SND.UNA < SEG.ACK =< SND.NXT
            if !(send.una.lt(segment.ack) && segment.ack.le(send.nxt)) {
                return Break(Reaction::reply(match self.state {
                    State::SynReceived(_) => Reply::Reset { seq: segment.ack },
                    // §3.5.2, group 3: FIN-WAIT-1 is a synchronized state, which stays.
                    _ => Self::ack_for(segment),
                }));
            }
            self.establish(now, segment);
            reaction.fate = Fate::Enter(self.state.name());
            reaction.signals |= Signals::CONNECTED;
            if let State::Established(_) = self.state {
                reaction.signals |= Signals::WRITABLE;
            }
            if self.unread() > 0 {
                reaction.signals |= Signals::READABLE;
            }
        } else if segment.ack.gt(send.nxt) {
            // "acks something not yet sent": ACK, and drop the segment.
            return Break(Reaction::reply(Self::ack_for(segment)));
        } else if env.config.rfc5961 && segment.ack.lt(send.una - send.max_wnd) {
            // RFC 5961 §5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT
            return Break(Reaction::reply(Self::ack_for(segment)));
        }
        if let State::LastAck(state) = &self.state
            && state.sender.fin_is_acknowledged_by(segment.ack)
        {
            // "delete the TCB, enter the CLOSED state, and return": what the sender would learn dies with it.
            reaction.fate = Fate::Closed(None);
            return Continue(());
        }
        let wnd = self.scaled_window(segment);
        let echoed_rtt = self.echoed_rtt(now, segment);
        let Some(sender) = self.state.sender_mut() else {
            // FIN-WAIT-2 and TIME-WAIT: everything is acknowledged already.
            return Continue(());
        };
        let result = sender.on_ack(
            now,
            &AckIn {
                seq: segment.seq,
                ack: segment.ack,
                wnd,
                sack: &segment.options.sack,
                empty: segment.len() == 0 && !half_open,
                ece: segment.has(Flags::ECE) && !segment.has(Flags::SYN),
                echoed_rtt,
            },
        );
        if result.writable {
            reaction.signals |= Signals::WRITABLE;
        }
        if result.fin_acked {
            return self.our_fin_is_acknowledged(now, env, reaction);
        }
        Continue(())
    }

    /// RFC 7323 §4.1: only the echo of an ACK is looked at, and only when it lies in the past.
    fn echoed_rtt(&self, now: Instant, segment: &Arrived<'_>) -> Option<Duration> {
        self.negotiated.timestamps?;
        let echo = segment.options.timestamps?.echo;
        let elapsed = self.timestamp(now).wrapping_sub(echo);
        (elapsed < 1 << 31).then(|| Duration::from_millis(u64::from(elapsed)))
    }

    #[cold]
    fn our_fin_is_acknowledged(
        &mut self,
        now: Instant,
        env: Env<'_>,
        reaction: &mut Reaction,
    ) -> Check {
        match mem::take(&mut self.state) {
            State::FinWait1(FinWait1 {
                sender,
                receiver,
                handshake: _,
            }) => {
                self.state = State::FinWait2(FinWait2 {
                    done: SendDone::of(&sender),
                    receiver,
                    expires: (!self.owned).then(|| now + env.config.fin_wait_2_timeout),
                });
                reaction.fate = Fate::Enter(StateName::FinWait2);
                Continue(())
            }
            State::Closing(Closing { sender, finished }) => {
                self.state = State::TimeWait(TimeWait {
                    done: SendDone::of(&sender),
                    finished,
                    expires: now + 2 * env.config.msl,
                });
                reaction.fate = Fate::Enter(StateName::TimeWait);
                Break(*reaction)
            }
            other => {
                self.state = other;
                Continue(())
            }
        }
    }

    /// Sixth, check the URG bit: only while the peer may send.
    #[inline(always)]
    pub(super) fn sixth_urg(&mut self, segment: &Arrived<'_>, reaction: &mut Reaction) {
        if !segment.has(Flags::URG) {
            return;
        }
        if let Some(receiver) = self.state.receiver_mut()
            && receiver.take_urgent(segment.seq + u32::from(segment.urgent))
        {
            reaction.signals |= Signals::URGENT;
        }
    }

    /// Seventh, process the segment text: ESTABLISHED, FIN-WAIT-1 and FIN-WAIT-2 only.
    #[inline(always)]
    pub(super) fn seventh_text(
        &mut self,
        now: Instant,
        segment: &Arrived<'_>,
        env: Env<'_>,
        reaction: &mut Reaction,
    ) {
        if segment.text.is_empty() {
            return;
        }
        if !self.owned && matches!(self.state, State::FinWait1(_) | State::FinWait2(_)) {
            // SHLD-3: nobody will ever read this.
            let seq = self.state.send_vars().nxt;
            reaction.reply = Reply::Reset { seq };
            reaction.fate = Fate::Closed(None);
            return;
        }
        let Some(receiver) = self.state.receiver_mut() else {
            return;
        };
        match receiver.take_text(segment.seq, segment.text) {
            Taken::InOrder { gap, .. } => {
                reaction.signals |= Signals::READABLE;
                self.ack.in_order();
                if gap {
                    self.ack.now = true;
                } else {
                    self.ack.text(now, env.config.delayed_ack);
                }
            }
            Taken::OutOfOrder => self.ack.out_of_order(),
            Taken::Nothing => self.ack.now = true,
        }
    }

    /// Eighth, check the FIN bit.
    #[inline(always)]
    pub(super) fn eighth_fin(
        &mut self,
        now: Instant,
        segment: &Arrived<'_>,
        env: Env<'_>,
        reaction: &mut Reaction,
    ) {
        if matches!(reaction.fate, Fate::Closed(_)) {
            return;
        }
        let Some(receiver) = self.state.receiver_mut() else {
            return;
        };
        let at = segment.seq + segment.text.len() as u32;
        let at = segment.has(Flags::FIN).then_some(at);
        let out_of_order = at.is_some_and(|at| at.gt(receiver.rcv_nxt));
        if !receiver.take_fin(at) {
            self.ack.now |= out_of_order;
            return;
        }
        reaction.reply = Reply::Ack;
        reaction.signals |= Signals::EOF;
        let expires = now + 2 * env.config.msl;
        self.state = match mem::take(&mut self.state) {
            State::FinWait1(FinWait1 {
                sender,
                receiver,
                handshake: _,
            }) => State::Closing(Closing {
                sender,
                finished: receiver.finish(),
            }),
            State::FinWait2(FinWait2 { done, receiver, .. }) => State::TimeWait(TimeWait {
                done,
                finished: receiver.finish(),
                expires,
            }),
            State::Established(Established { sender, receiver }) => State::CloseWait(CloseWait {
                sender,
                finished: receiver.finish(),
            }),
            // No other state has a receiver that a FIN reaches.
            other => other,
        };
        reaction.fate = Fate::Enter(self.state.name());
    }
}
