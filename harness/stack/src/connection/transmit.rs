//! The next packet of a connection, if one is due: the SYN, a segment of the sender, a keep-alive
//! probe, or an ACK of its own.

use super::state::{CloseWait, FinWait1, LastAck, State, SynTimer};
use super::{Connection, Env};
use crate::config::{Config, Ecn, UserTimeoutOption};
use crate::emit::{IpFields, SegmentOut};
use crate::options::{FastOpenOption, OptionArea};
use crate::sender::{Outgoing, Sender};
use core::mem;
use tcpconf_wire::{Flags, Instant, SeqNumber};

impl Connection {
    /// Writes the next packet into `out`; false when nothing is due.
    #[inline]
    pub(crate) fn poll(&mut self, now: Instant, env: Env<'_>, out: &mut Vec<u8>) -> bool {
        match &self.state {
            State::Closed(_) => return false,
            // In FIN-WAIT-1 after CLOSE in SYN-RECEIVED: the FIN follows the SYN-ACK.
            State::SynSent(_)
            | State::SynReceived(_)
            | State::FinWait1(FinWait1 {
                handshake: Some(_), ..
            }) => {
                if self.poll_syn(now, env, out) {
                    return true;
                }
                if matches!(self.state, State::SynSent(_)) {
                    return false;
                }
            }
            _ => {}
        }
        if self.has_no_segment() {
            return false;
        }
        let options = self.options_of_segment(now);
        let room = self
            .negotiated
            .mss
            .saturating_sub(options.len() as u32)
            .max(1);
        let nagle = self.options.nagle;
        if let Some(sender) = self.state.sender_mut()
            && let Some(outgoing) = sender.next(now, room, nagle)
        {
            self.write_text(&outgoing, &options, now, out);
            self.fin_may_have_left();
            return true;
        }
        let nxt = self.state.send_vars().nxt;
        if mem::take(&mut self.keep_alive_due) {
            // SHLD-12: no text; RFC 9293 §3.8.4: SEG.SEQ = SND.NXT-1.
            self.write_ack(nxt - 1, &options, now, out);
            return true;
        }
        if self.ack.now {
            self.write_ack(nxt, &options, now, out);
            return true;
        }
        false
    }

    /// Whether [`Connection::poll`] would find nothing due.
    #[inline]
    pub(crate) fn rests(&self) -> bool {
        self.has_no_segment() && self.state.syn_timer().is_none_or(|syn| !syn.due)
    }

    #[inline]
    fn has_no_segment(&self) -> bool {
        !(self.ack.now || self.keep_alive_due) && self.state.sender().is_none_or(Sender::rests)
    }

    fn poll_syn(&mut self, now: Instant, env: Env<'_>, out: &mut Vec<u8>) -> bool {
        let due = self.state.syn_timer().is_some_and(|syn| syn.due);
        if !due {
            return false;
        }
        if let Some(syn) = self.state.syn_timer_mut() {
            syn.transmitted(now, env.config);
        }
        let mut options = OptionArea::new();
        options.mss(self.options.receive_mss(env.config, self.tuple.local.ip()));
        let receive = self.state.receive_vars();
        let (ack, window) = if let Some(receiver) = self.state.receiver() {
            self.syn_ack_options(&mut options, env.config, now);
            let window = receiver.window.announce_unscaled(receive.nxt);
            (Some(receive.nxt), window)
        } else {
            self.syn_options(&mut options, env.config, now);
            let buffer = self.options.receive_buffer(env.config);
            let window = buffer.min(u32::from(u16::MAX));
            (None, window as u16)
        };
        if ack.is_some() {
            self.ack_left(receive.nxt);
            // RFC 7413 §4.2.1: a repeated SYN-ACK comes without.
            if let Some(cookie) = self.fast_open_cookie.take() {
                options.fast_open(FastOpenOption::Cookie(cookie));
            }
        }
        let first = self.state.syn_timer().is_some_and(SynTimer::asks_for_ecn);
        let ecn = match (&self.state, self.options.ecn(env.config)) {
            (State::SynSent(_), Ecn::Request) if first => Flags::ECE | Flags::CWR,
            _ if ack.is_some() && self.negotiated.ecn => Flags::ECE,
            _ => Flags::NONE,
        };
        // RFC 7413 §4.2.2: a SYN that is sent again carries neither text nor the option.
        let mut early = 0;
        if let State::SynSent(state) = &mut self.state
            && let (Some(option), true) = (state.fast_open, first)
        {
            options.fast_open(option);
            early = state.early as usize;
            state.early_sent = state.early;
        }
        let text = match &self.state {
            State::SynSent(state) => state.queued.slices(0, early),
            _ => (&[][..], &[][..]),
        };
        SegmentOut {
            tuple: &self.tuple,
            ip: self.ip_fields(),
            seq: self.state.send_vars().iss,
            ack,
            flags: Flags::SYN | ecn,
            window,
            urgent: 0,
            options: &options,
            text,
        }
        .write(out);
        true
    }

    /// What this host offers.
    fn syn_options(&self, options: &mut OptionArea, config: &Config, now: Instant) {
        if config.sack {
            options.sack_permitted(config.timestamps);
        }
        if config.timestamps {
            // RFC 7323 §3.2: without ACK the echo is zero.
            let stamps = crate::options::Timestamps {
                value: self.timestamp(now),
                echo: 0,
            };
            options.timestamps(stamps, !config.sack);
        }
        if config.window_scale {
            options.window_scale(self.options.receive_shift(config));
        }
    }

    /// Only what the peer has offered is answered (RFC 7323 §2.2, §3.2; RFC 2018 §2).
    fn syn_ack_options(&self, options: &mut OptionArea, config: &Config, now: Instant) {
        let stamps = self.stamp(now);
        if self.negotiated.sack {
            options.sack_permitted(stamps.is_some());
        }
        if let Some(stamps) = stamps {
            options.timestamps(stamps, !self.negotiated.sack);
        }
        if self.negotiated.scaled {
            options.window_scale(self.options.receive_shift(config));
        }
    }

    #[inline]
    fn options_of_segment(&self, now: Instant) -> OptionArea {
        let mut options = OptionArea::new();
        if let Some(stamps) = self.stamp(now) {
            options.timestamps(stamps, true);
        }
        if self.user_timeout_due
            && self.negotiated.has_room_for_options()
            && self.options.user_timeout_option != UserTimeoutOption::Off
            && let Some(own) = self.options.user_timeout
        {
            options.user_timeout(own);
        }
        if self.negotiated.sack
            && self.negotiated.has_room_for_options()
            && let Some(receiver) = self.state.receiver()
        {
            options.sack(receiver.sack_blocks().as_slice());
        }
        options
    }

    #[inline]
    fn write_text(
        &mut self,
        outgoing: &Outgoing,
        options: &OptionArea,
        now: Instant,
        out: &mut Vec<u8>,
    ) {
        let (ack, window) = self.announce();
        let flag = |set: bool, flag: Flags| if set { flag } else { Flags::NONE };
        let flags = self.echo()
            | flag(outgoing.fin, Flags::FIN)
            | flag(outgoing.push, Flags::PSH)
            | flag(outgoing.cwr, Flags::CWR)
            | flag(outgoing.urgent.is_some(), Flags::URG);
        let text = self
            .state
            .sender()
            .map_or((&[][..], &[][..]), |sender| sender.text(outgoing));
        // ECT(0) on new data only (RFC 3168 §6.1.2, §6.1.5, §6.1.6).
        let ip = IpFields {
            ecn: if outgoing.ect { 2 } else { 0 },
            ..self.ip_fields()
        };
        SegmentOut {
            tuple: &self.tuple,
            ip,
            seq: outgoing.seq,
            ack: Some(ack),
            flags,
            window,
            urgent: outgoing.urgent.unwrap_or(0),
            options,
            text,
        }
        .write(out);
        self.last_heard = self.last_heard.max(now);
    }

    fn write_ack(
        &mut self,
        seq: SeqNumber,
        options: &OptionArea,
        _now: Instant,
        out: &mut Vec<u8>,
    ) {
        let (ack, window) = self.announce();
        SegmentOut {
            tuple: &self.tuple,
            ip: self.ip_fields(),
            seq,
            ack: Some(ack),
            flags: self.echo(),
            window,
            urgent: 0,
            options,
            text: (&[], &[]),
        }
        .write(out);
    }

    /// RFC 3168 §6.1.3: every ACK says so until CWR comes.
    fn echo(&self) -> Flags {
        if self.echo_congestion {
            Flags::ECE
        } else {
            Flags::NONE
        }
    }

    /// RCV.NXT and the window field of a segment that leaves now.
    #[inline]
    fn announce(&mut self) -> (SeqNumber, u16) {
        let mss = self.negotiated.mss;
        let (nxt, window) = if let Some(receiver) = self.state.receiver_mut() {
            let (nxt, unread) = (receiver.rcv_nxt, receiver.unread());
            receiver.duplicate_reported();
            (nxt, receiver.window.announce(nxt, unread, mss))
        } else if let Some(finished) = self.state.finished_mut() {
            (finished.rcv_nxt(), finished.announce(mss))
        } else {
            (SeqNumber(0), 0)
        };
        self.ack_left(nxt);
        (nxt, window)
    }

    fn ack_left(&mut self, ack: SeqNumber) {
        self.ack.sent();
        self.user_timeout_due &= self.state.syn_timer().is_some();
        if let Some(state) = &mut self.negotiated.timestamps {
            state.last_ack_sent = ack;
        }
    }

    /// §3.10.4, CLOSE-WAIT: LAST-ACK is entered when the FIN is sent.
    fn fin_may_have_left(&mut self) {
        // Looked at first: a state is large, and nearly no segment carries a FIN.
        if !matches!(&self.state, State::CloseWait(state) if state.sender.fin_sent()) {
            return;
        }
        self.state = match mem::take(&mut self.state) {
            State::CloseWait(CloseWait { sender, finished }) => {
                State::LastAck(LastAck { sender, finished })
            }
            other => other,
        };
    }

    pub(crate) fn ip_fields(&self) -> IpFields {
        IpFields {
            ttl: self.options.ttl,
            dscp: self.options.dscp & 0x3f,
            ecn: 0,
        }
    }
}
