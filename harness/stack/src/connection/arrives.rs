//! SEGMENT ARRIVES for a connection: RFC 9293 §3.10.7.3 (SYN-SENT) and §3.10.7.4 (the other
//! states), whose checks stand one by one in `checks`.

use super::reaction::{Fate, Reaction, Reply, Signals};
use super::state::{Established, FinWait1, Handshake, State, SynReceived, SynSent, SynTimer};
use super::{Arrived, Connection, Env, Negotiated};
use crate::config::Ecn;
use crate::error::ErrorKind;
use crate::receiver::{Receiver, Taken};
use crate::sender::{Sender, SynTrip};
use crate::types::StateName;
use core::mem;
use core::ops::ControlFlow;
use tcpconf_wire::{Flags, Instant};

impl Connection {
    /// What a segment does, told in `reaction`, which is fresh. The connection has changed its variables and its
    /// state; what remains for the host is in the value. Unless the segment opens a new incarnation it may have been
    /// trimmed.
    #[inline]
    pub(crate) fn segment_arrives(
        &mut self,
        now: Instant,
        segment: &mut Arrived<'_>,
        env: Env<'_>,
        reaction: &mut Reaction,
    ) {
        match &self.state {
            State::Closed(_) => {}
            State::SynSent(_) => *reaction = self.arrives_in_syn_sent(now, segment, env),
            _ => {
                let result = self.arrives_otherwise(now, segment, env, reaction);
                if let ControlFlow::Break(instead) = result {
                    *reaction = instead;
                }
            }
        }
    }

    /// §3.10.7.3.
    #[cold]
    fn arrives_in_syn_sent(
        &mut self,
        now: Instant,
        segment: &Arrived<'_>,
        env: Env<'_>,
    ) -> Reaction {
        let send = self.state.send_vars();
        // First, check the ACK bit.
        let has_ack = segment.has(Flags::ACK);
        if has_ack && (segment.ack.le(send.iss) || segment.ack.gt(send.nxt)) {
            if segment.has(Flags::RST) {
                return Reaction::DROP;
            }
            return Reaction::reply(Reply::Reset { seq: segment.ack });
        }
        // Second, check the RST bit: it counts only with an acceptable ACK.
        if segment.has(Flags::RST) {
            if has_ack {
                return Reaction::fate(Fate::Closed(Some(ErrorKind::Refused)));
            }
            return Reaction::DROP;
        }
        // Third, security: there are no compartments.
        // Fourth, check the SYN bit.  Fifth, without SYN or RST, drop.
        if !segment.has(Flags::SYN) {
            return Reaction::DROP;
        }
        self.last_heard = now;
        let mtu = self.path_mtu;
        self.negotiated = Negotiated::from_syn(
            segment.options,
            segment.seq,
            (env.config, &self.options),
            &self.tuple,
            mtu,
            now,
        );
        self.negotiated.ecn = self.ecn_answer(segment, env);
        let State::SynSent(state) = mem::take(&mut self.state) else {
            unreachable!("the caller has looked at the state");
        };
        let SynSent {
            iss,
            queued,
            urgent,
            syn,
            early_sent,
            ..
        } = *state;
        let (options, negotiated) = (&self.options, &self.negotiated);
        let sender = Sender::new(iss, queued, env.config, options, negotiated, now);
        let mut sender = Box::new(sender);
        if urgent {
            sender.mark_urgent();
        }
        let acked = if has_ack { segment.ack - (iss + 1) } else { 0 };
        sender.resume(early_sent, acked, now);
        let buffer = options.receive_buffer(env.config);
        let ranges = env.config.max_reassembly_ranges;
        let mut receiver = Box::new(Receiver::new(segment.seq, buffer, ranges));
        self.negotiated
            .scale(&mut receiver, options.receive_shift(env.config));
        if !has_ack {
            // Simultaneous open (MUST-10): SYN-RECEIVED, with the same ISS.
            sender.window_of_syn(segment.seq, segment.ack, segment.window);
            self.state = State::SynReceived(SynReceived {
                sender,
                receiver,
                handshake: Handshake {
                    syn: SynTimer::new(now),
                    early: segment.text.into(),
                },
            });
            return Reaction::fate(Fate::Enter(StateName::SynReceived));
        }
        // "our SYN has been ACKed": ESTABLISHED, and an ACK.
        // The window of a SYN-ACK is not scaled (RFC 7323 §2.2).
        let window = u32::from(segment.window);
        let congestion = self.options.congestion;
        sender.establish(
            segment.seq,
            segment.ack,
            window,
            SynTrip {
                sample: syn.sample(now),
                sent: syn.sent,
            },
            congestion,
        );
        self.state = State::Established(Established { sender, receiver });
        self.ack.now = true;
        let mut reaction = Reaction {
            reply: Reply::Ack,
            fate: Fate::Enter(StateName::Established),
            signals: Signals::CONNECTED | Signals::WRITABLE,
        };
        // "If there are other controls or text in the segment, then continue processing at the
        // sixth step."
        if segment.len() > 1 {
            let mut rest = segment.without_syn();
            self.trim(&mut rest);
            self.urg_text_and_fin(now, &rest, env, &mut reaction);
        }
        reaction
    }

    /// RFC 3168 §6.1.1: an ECN-setup SYN-ACK has ECE and not CWR; a crossing SYN has both.
    fn ecn_answer(&self, segment: &Arrived<'_>, env: Env<'_>) -> bool {
        let asked = self.state.syn_timer().is_some_and(SynTimer::asks_for_ecn);
        let granted = segment.flags & (Flags::ECE | Flags::CWR);
        let wanted = if segment.has(Flags::ACK) {
            Flags::ECE
        } else {
            Flags::ECE | Flags::CWR
        };
        self.options.ecn(env.config) == Ecn::Request && asked && granted == wanted
    }

    /// §3.10.7.4: all other states, check after check.
    #[inline(always)]
    fn arrives_otherwise(
        &mut self,
        now: Instant,
        segment: &mut Arrived<'_>,
        env: Env<'_>,
        reaction: &mut Reaction,
    ) -> ControlFlow<Reaction> {
        self.time_wait_reuse(segment, env)?;
        self.syn_of_the_handshake(segment)?;
        self.timestamps_present_and_recent(now, segment)?;
        let seq = segment.seq;
        let refused = self.first_sequence_number(segment)?;
        self.timestamp_is_taken(now, seq, segment);
        self.last_heard = now;
        self.keep_alive_probes = 0;
        self.second_rst(segment, env)?;
        // Third, security: there are no compartments.
        self.fourth_syn(segment, env)?;
        self.fifth_ack(now, segment, env, reaction)?;
        if let Fate::Closed(_) = reaction.fate {
            // LAST-ACK: "and return".
            return ControlFlow::Continue(());
        }
        if let Fate::Enter(_) = reaction.fate {
            // With the text of the SYN RCV.NXT may have moved over that of this segment.
            self.trim(segment);
        }
        if refused {
            reaction.reply = Reply::Ack;
        } else {
            self.congestion_mark(segment);
            self.take_user_timeout(segment, env);
        }
        self.urg_text_and_fin(now, segment, env, reaction);
        ControlFlow::Continue(())
    }

    /// Sixth, seventh and eighth.
    #[inline(always)]
    fn urg_text_and_fin(
        &mut self,
        now: Instant,
        segment: &Arrived<'_>,
        env: Env<'_>,
        reaction: &mut Reaction,
    ) {
        self.sixth_urg(segment, reaction);
        self.seventh_text(now, segment, env, reaction);
        self.eighth_fin(now, segment, env, reaction);
    }

    /// RFC 3168 §6.1.3: CWR ends the echo, a mark on data in the window begins it (again).
    fn congestion_mark(&mut self, segment: &Arrived<'_>) {
        if !self.negotiated.ecn {
            return;
        }
        if segment.has(Flags::CWR) {
            self.echo_congestion = false;
        }
        if segment.ce && !segment.text.is_empty() {
            self.echo_congestion = true;
            self.ack.now = true;
        }
    }

    /// The SYN is acknowledged: SYN-RECEIVED to ESTABLISHED, or to FIN-WAIT-1 when CLOSE was queued; a
    /// FIN-WAIT-1 that CLOSE has entered from there stays.
    #[cold]
    pub(super) fn establish(&mut self, now: Instant, segment: &Arrived<'_>) {
        let (mut sender, mut receiver, handshake) = match mem::take(&mut self.state) {
            State::SynReceived(SynReceived {
                sender,
                receiver,
                handshake,
            }) => (sender, receiver, handshake),
            State::FinWait1(FinWait1 {
                sender,
                receiver,
                handshake: Some(handshake),
            }) => (sender, receiver, *handshake),
            _ => unreachable!("only what is half open is established by an ACK"),
        };
        let Handshake { syn, early } = handshake;
        // A SYN-ACK that is still due is overtaken; the peer waits for its acknowledgement.
        self.ack.now |= syn.due;
        let room = early.len().min(receiver.wnd() as usize);
        if room > 0 {
            let taken = receiver.take_text(receiver.rcv_nxt, &early[..room]);
            self.ack.now |= taken != Taken::Nothing;
        }
        if !self.negotiated.ecn {
            sender.forgo_ecn();
        }
        let window = self.scaled_window(segment);
        let congestion = self.options.congestion;
        sender.establish(
            segment.seq,
            segment.ack,
            window,
            SynTrip {
                sample: syn.sample(now),
                sent: syn.sent,
            },
            congestion,
        );
        self.state = if sender.is_closed() {
            State::FinWait1(FinWait1 {
                sender,
                receiver,
                handshake: None,
            })
        } else {
            State::Established(Established { sender, receiver })
        };
    }

    /// SEG.WND in octets (MUST-1, REC-1).
    pub(super) fn scaled_window(&self, segment: &Arrived<'_>) -> u32 {
        let shift = if segment.has(Flags::SYN) {
            0
        } else {
            self.negotiated.snd_shift
        };
        u32::from(segment.window) << shift
    }
}
