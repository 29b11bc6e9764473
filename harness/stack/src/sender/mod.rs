//! The sending side: SND.* of RFC 9293 §3.3.1, the send buffer, the retransmission queue, and the
//! decision what to send next.
//!
//! - `ack`: what an acknowledgement changes, fast retransmit and recovery (RFC 5681, 6582, 6675);
//! - `again`: what is sent again;
//! - `limited`: the window when the application does not fill it (RFC 5681 §4.1, RFC 7661);
//! - `timer`: retransmission, persist and override timers (RFC 6298, RFC 9293 §3.8.6).
//!
//! A state of the connection in which nothing can be sent does not hold one of these.

mod ack;
mod again;
mod limited;
mod timer;

use crate::config::{Config, SocketOptions, UnusedWindow};
use crate::congestion::{Congestion, CongestionControl, Validation};
use crate::connection::Negotiated;
use crate::recovery::{Detector, Prr};
use crate::ring::Ring;
use crate::rtt::RttEstimator;
use crate::scoreboard::Scoreboard;
use core::time::Duration;
use tcpconf_wire::{Instant, SeqNumber};

pub(crate) use ack::AckIn;
pub(crate) use timer::Expired;

/// Where the own FIN is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fin {
    /// The user has not closed.
    #[default]
    Open,
    /// It follows what is queued.
    Queued,
    /// It was sent: SND.NXT lies behind it.
    Sent,
}

/// What loss recovery is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// Fast recovery until everything sent before is acknowledged (RFC 6582 "recover").
    Recovery(SeqNumber),
    /// After a timeout, likewise.
    Loss(SeqNumber),
    /// After an ECN echo, likewise: at most one reaction a window (RFC 3168 §6.1.2).
    Reduced(SeqNumber),
}

/// How the SYN or SYN-ACK fared that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SynTrip {
    /// Its round trip; `None` when it was sent more than once.
    pub(crate) sample: Option<Duration>,
    /// Transmissions.
    pub(crate) sent: u32,
}

/// Where F-RTO is after a timeout (RFC 5682 §2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Frto {
    /// It does not look, or has decided that the timeout was needed.
    #[default]
    Off,
    /// Step 1 is done: the head was sent again.
    HeadSent,
    /// Step 2b: so many octets of new data may still be sent.
    NewData { credit: u32 },
}

/// Which timer runs: never more than one (RFC 6298 §5, RFC 9293 §3.8.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Timer {
    #[default]
    Idle,
    Retransmit(Instant),
    /// Zero window (§3.8.6.1).
    Persist(Instant),
    /// Time decides which segments are lost (RFC 8985 §6.2 step 5).
    Reorder(Instant),
    /// Tail loss probe (RFC 8985 §7.2).
    Probe(Instant),
    /// Silly window avoidance gives up waiting (§3.8.6.2.1).
    Override(Instant),
}

/// A segment to be sent: a piece of the send buffer, and perhaps the FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    pub(crate) seq: SeqNumber,
    /// Where its text begins in the buffer, in octets from SND.UNA.
    pub(crate) offset: usize,
    pub(crate) len: usize,
    pub(crate) fin: bool,
    pub(crate) push: bool,
    pub(crate) retransmission: bool,
    /// ECT(0) and CWR (RFC 3168 §6.1.2).
    pub(crate) ect: bool,
    pub(crate) cwr: bool,
    /// Octets from its first to the urgent pointer, when that lies ahead.
    pub(crate) urgent: Option<u16>,
}

/// The sending side of a connection.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    pub(crate) iss: SeqNumber,
    pub(crate) snd_una: SeqNumber,
    pub(crate) snd_nxt: SeqNumber,
    pub(crate) snd_wnd: u32,
    snd_wl1: SeqNumber,
    snd_wl2: SeqNumber,
    pub(crate) max_snd_wnd: u32,
    snd_up: Option<SeqNumber>,
    buffer: Ring,
    fin: Fin,
    board: Scoreboard,
    rtt: RttEstimator,
    congestion: Congestion,
    /// Of [`UnusedWindow::Validate`].
    validation: Option<Box<Validation>>,
    phase: Phase,
    /// RFC 6582 "recover" behind the end of recovery, until an acknowledgement goes beyond it.
    recover: Option<SeqNumber>,
    dup_acks: u32,
    detector: Detector,
    use_prr: bool,
    /// During fast recovery with SACK.
    prr: Option<Prr>,
    /// Below cwnd, since what was too big for the path is sent again (RFC 1191 §6.4).
    restart: Option<u32>,
    /// The rescue retransmission of this fast recovery is done (RFC 6675 §4, RescueRxt).
    rescued: bool,
    use_f_rto: bool,
    frto: Frto,
    /// TLP.end_seq, while a tail loss probe is unanswered; whether it was a retransmission.
    tail_probe: Option<(SeqNumber, bool)>,
    tail_probe_due: bool,
    /// No round trip was measured since the last probe was sent.
    probed_since_sample: bool,
    timer: Timer,
    /// Timeouts since the last progress.
    expirations: u32,
    /// Since when nothing was acknowledged although something is due.
    stalled_since: Option<Instant>,
    /// When SND.UNA advanced last, or nobody was left to wait for it.
    progress_at: Instant,
    /// How long that may be past, once nobody waits.
    patience: Option<Duration>,
    last_sent: Instant,
    probe_due: bool,
    override_due: bool,
    /// The head may be sent again whatever the congestion window says.
    head_due: bool,
    /// The largest segment, TCP options not subtracted.
    mss: u32,
    sack: bool,
    ecn: bool,
    /// The window was reduced: the next new data says so.
    cwr_due: bool,
    max_segments: u32,
    sws_override: Duration,
    retransmissions: u64,
}

impl Sender {
    /// The sender of a connection whose SYN is `iss`.
    pub(crate) fn new(
        iss: SeqNumber,
        queued: Ring,
        config: &Config,
        options: &SocketOptions,
        negotiated: &Negotiated,
        now: Instant,
    ) -> Self {
        let mut sender = Self::default();
        sender.begin(iss, config, options, negotiated, now);
        sender.buffer = queued;
        sender
    }

    /// Becomes the sender of a connection, whatever it was before, in its place and with its memory: it is large.
    pub(crate) fn begin(
        &mut self,
        iss: SeqNumber,
        config: &Config,
        options: &SocketOptions,
        negotiated: &Negotiated,
        now: Instant,
    ) {
        let Negotiated { mss, sack, ecn, .. } = *negotiated;
        self.iss = iss;
        self.snd_una = iss + 1;
        self.snd_nxt = iss + 1;
        self.snd_wnd = 0;
        self.snd_wl1 = SeqNumber(0);
        self.snd_wl2 = SeqNumber(0);
        self.max_snd_wnd = 0;
        self.snd_up = None;
        self.buffer = Ring::new(options.send_buffer(config));
        self.fin = Fin::Open;
        self.detector = Detector::new(config.loss_recovery);
        self.board.begin(self.detector.needs_order());
        self.rtt = RttEstimator::new(config.rto_initial, config.rto_min, config.rto_max);
        self.congestion = Congestion::new(options.congestion, mss, false);
        self.validation = (config.unused_window == UnusedWindow::Validate)
            .then(|| Box::new(Validation::new(now)));
        self.phase = Phase::Open;
        self.recover = None;
        self.dup_acks = 0;
        self.use_prr = config.prr;
        self.prr = None;
        self.restart = None;
        self.rescued = false;
        self.use_f_rto = config.f_rto;
        self.frto = Frto::Off;
        self.tail_probe = None;
        self.tail_probe_due = false;
        self.probed_since_sample = false;
        self.timer = Timer::Idle;
        self.expirations = 0;
        self.stalled_since = None;
        self.progress_at = now;
        self.patience = None;
        self.last_sent = now;
        self.probe_due = false;
        self.override_due = false;
        self.head_due = false;
        self.mss = mss;
        self.sack = sack;
        self.ecn = ecn;
        self.cwr_due = false;
        self.max_segments = u32::try_from(config.max_segments_in_flight).unwrap_or(u32::MAX);
        self.sws_override = config.sws_override;
        self.retransmissions = 0;
    }

    /// The window of the peer's SYN, which is not scaled: SND.WND, SND.WL1, SND.WL2 (§3.10.7.3). It holds
    /// for a FIN that does not wait for the handshake (§3.10.4).
    pub(crate) fn window_of_syn(&mut self, seq: SeqNumber, ack: SeqNumber, window: u16) {
        self.snd_wnd = u32::from(window);
        self.max_snd_wnd = self.snd_wnd;
        self.snd_wl1 = seq;
        self.snd_wl2 = ack;
    }

    /// The SYN was acknowledged by a segment with `seq`, `ack` and a window of `wnd` octets.
    pub(crate) fn establish(
        &mut self,
        seq: SeqNumber,
        ack: SeqNumber,
        wnd: u32,
        trip: SynTrip,
        algorithm: crate::CongestionAlgorithm,
    ) {
        match trip.sample {
            Some(rtt) => self.rtt.sample(rtt, 1),
            None => {
                self.rtt.syn_was_lost();
                // RFC 6928 §2: more than one was lost.
                if trip.sent > 2 {
                    self.congestion = Congestion::new(algorithm, self.mss, true);
                }
                // A FIN that went out behind a SYN-ACK that did not arrive was of no use.
                self.board.mark_all_lost();
                self.head_due = !self.board.is_empty();
            }
        }
        // RFC 6298 §5.3: until now the timer of the SYN has run for what followed it too.
        self.timer = Timer::Idle;
        self.snd_wnd = wnd;
        self.max_snd_wnd = wnd;
        self.snd_wl1 = seq;
        self.snd_wl2 = ack;
    }

    /// ECN is not, or no longer, agreed on.
    pub(crate) fn forgo_ecn(&mut self) {
        self.ecn = false;
    }

    /// Of the octets queued, `sent` went out on the SYN, and `acked` of them arrived (RFC 7413
    /// §4.2.2); the others are sent again with the first segment.
    pub(crate) fn resume(&mut self, sent: u32, acked: u32, now: Instant) {
        if sent == 0 {
            return;
        }
        self.board.push(self.snd_nxt, sent, false, now);
        self.snd_nxt += sent;
        self.snd_una += acked;
        self.board.acknowledge(self.snd_una, |_| {});
        self.buffer.consume(acked as usize);
        self.board.mark_all_lost();
        self.head_due = !self.board.is_empty();
    }

    /// Appends data of the user; returns how much was taken.
    #[inline]
    pub(crate) fn push(&mut self, data: &[u8]) -> usize {
        self.buffer.push(data)
    }

    /// SEND with the urgent flag: SND.UP is behind what is queued now (RFC 9293 §3.10.2, MUST-62).
    pub(crate) fn mark_urgent(&mut self) {
        self.snd_up = Some(self.snd_una + self.buffer.len() as u32);
    }

    /// CLOSE: the FIN follows what is queued.
    pub(crate) fn close(&mut self) {
        if self.fin == Fin::Open {
            self.fin = Fin::Queued;
        }
    }

    /// The user has let go: what is left is delivered, but not for ever.
    pub(crate) fn orphan(&mut self, now: Instant, patience: Duration) {
        self.progress_at = now;
        self.patience = Some(patience);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.fin != Fin::Open
    }

    pub(crate) fn fin_sent(&self) -> bool {
        self.fin == Fin::Sent
    }

    /// Whether this acceptable SEG.ACK covers all that was sent, and the FIN was.
    #[inline]
    pub(crate) fn fin_is_acknowledged_by(&self, ack: SeqNumber) -> bool {
        self.fin == Fin::Sent && ack == self.snd_nxt
    }

    pub(crate) fn room(&self) -> usize {
        self.buffer.room()
    }

    pub(crate) fn queued(&self) -> usize {
        self.buffer.len()
    }

    pub(crate) fn rtt(&self) -> &RttEstimator {
        &self.rtt
    }

    pub(crate) fn cwnd(&self) -> u32 {
        self.congestion.cwnd()
    }

    pub(crate) fn ssthresh(&self) -> u32 {
        self.congestion.ssthresh()
    }

    pub(crate) fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    pub(crate) fn allocated(&self) -> usize {
        self.buffer.allocated() + self.board.allocated()
    }

    /// Segments in flight that were looked at one by one so far.
    pub(crate) fn visits(&self) -> u64 {
        self.board.visits()
    }

    /// Whether nothing is in flight (MUST-26).
    pub(crate) fn is_idle(&self) -> bool {
        self.board.is_empty()
    }

    /// The path carries no more than this (RFC 1191 §3, RFC 8201 §4). What is in flight and larger
    /// is sent again, cut up; that is no sign of congestion, but begins with a single segment (RFC 1191 §6.4).
    pub(crate) fn set_mss(&mut self, mss: u32) {
        if mss < self.mss && self.board.mark_larger_lost(mss) {
            self.head_due = true;
            self.restart = Some(mss);
        }
        self.mss = mss;
        self.congestion.set_mss(mss);
    }

    /// Whether the first segment in flight is as large as segments get, options considered.
    pub(crate) fn head_is_full_sized(&self) -> bool {
        let most = self.mss.saturating_sub(40);
        self.board.first().is_some_and(|s| s.len > most)
    }

    /// The text of an outgoing segment.
    #[inline]
    pub(crate) fn text(&self, segment: &Outgoing) -> (&[u8], &[u8]) {
        self.buffer.slices(segment.offset, segment.len)
    }

    /// Octets queued beyond SND.NXT.
    #[inline]
    fn unsent(&self) -> u32 {
        if self.fin == Fin::Sent {
            return 0;
        }
        (self.buffer.len() as u32).saturating_sub(self.snd_nxt - self.snd_una)
    }

    /// U, the usable window (§3.8.6.2.1).
    #[inline]
    fn usable(&self) -> u32 {
        let edge = self.snd_una + self.snd_wnd;
        if edge.gt(self.snd_nxt) {
            edge - self.snd_nxt
        } else {
            0
        }
    }

    /// Octets in the network; without SACK each duplicate acknowledgement says that a segment left
    /// it (RFC 5681 §3.2 step 4).
    #[inline]
    fn pipe(&self) -> u32 {
        let left = if self.sack {
            0
        } else {
            self.dup_acks * self.mss
        };
        self.board.pipe().saturating_sub(left)
    }

    /// Octets that congestion control lets out now.
    #[inline]
    fn allowance(&self) -> u32 {
        match &self.prr {
            Some(prr) => prr.allowance(),
            None => {
                let window = self.congestion.cwnd();
                let window = self.restart.map_or(window, |restart| restart.min(window));
                window.saturating_sub(self.pipe())
            }
        }
    }

    /// Whether [`Sender::next`] would find nothing to send.
    #[inline]
    pub(crate) fn rests(&self) -> bool {
        let probes = self.probe_due || self.tail_probe_due;
        let recovering = matches!(self.phase, Phase::Recovery(_));
        let news = self.unsent() > 0 || self.fin == Fin::Queued;
        !(probes || recovering || news || self.board.lost() > 0)
    }

    /// The next segment to send now, if any. `room` is what text it may have at most, that is the
    /// MSS less the options that it will carry (MUST-16).
    #[inline]
    pub(crate) fn next(&mut self, now: Instant, room: u32, nagle: bool) -> Option<Outgoing> {
        self.window_ages(now);
        let recovering = matches!(self.phase, Phase::Recovery(_)) || self.board.lost() > 0;
        let segment = if core::mem::take(&mut self.probe_due) {
            self.probe(now)
        } else if !recovering && !self.tail_probe_due {
            self.send_new(now, room, nagle)
        } else {
            // What the probe would repeat may just have been acknowledged: then it is as if it was not due.
            let tail_probe = core::mem::take(&mut self.tail_probe_due)
                .then(|| self.send_tail_probe(now, room))
                .flatten();
            tail_probe
                .or_else(|| self.retransmit(now, room))
                .or_else(|| self.send_new(now, room, nagle))
                .or_else(|| self.keep_the_ack_clock(now, room))
        };
        if let Some(segment) = &segment {
            let space = segment.len as u32 + u32::from(segment.fin);
            if let Some(prr) = &mut self.prr {
                prr.sent(space);
            }
            self.last_sent = now;
            self.stalled_since.get_or_insert(now);
        }
        self.arm(now);
        segment
    }

    #[inline]
    fn send_new(&mut self, now: Instant, room: u32, nagle: bool) -> Option<Outgoing> {
        if self.board.len() >= self.max_segments as usize {
            return None;
        }
        let (unsent, usable) = (self.unsent(), self.usable());
        let len = unsent.min(usable).min(room);
        let all = len == unsent;
        let fin = self.fin == Fin::Queued && all && usable > len;
        if len == 0 && !fin {
            return None;
        }
        let idle = self.board.is_empty();
        if let Frto::NewData { credit } = &mut self.frto {
            if *credit < len {
                return None;
            }
            *credit -= len;
        } else if !idle && len > self.allowance().min(self.burst_left()) {
            return None;
        }
        // §3.8.6.2.1 (MUST-38), with Nagle's rule of §3.7.4 in the second branch; all data counts
        // as pushed, and CLOSE implies a push.
        let urgent = self.snd_up.is_some_and(|up| up.gt(self.snd_nxt));
        let send = len >= room
            || (all && (idle || !nagle || self.fin == Fin::Queued || urgent))
            || (idle && len >= self.max_snd_wnd / 2)
            || self.override_due;
        if !send {
            if idle && self.timer == Timer::Idle {
                self.timer = Timer::Override(now + self.sws_override);
            }
            return None;
        }
        self.override_due = false;
        let segment = self.fresh(len, fin, now);
        if self.may_probe_tail() {
            // RFC 8985 §7.2: new data starts the timer again.
            self.timer = Timer::Idle;
        }
        Some(segment)
    }

    #[inline]
    fn fresh(&mut self, len: u32, fin: bool, now: Instant) -> Outgoing {
        let seq = self.snd_nxt;
        let push = len > 0 && len == self.unsent();
        let space = len + u32::from(fin);
        self.board.push(seq, space, fin, now);
        self.snd_nxt += space;
        if fin {
            self.fin = Fin::Sent;
        }
        self.validation_sees(len, false);
        Outgoing {
            seq,
            offset: (seq - self.snd_una) as usize,
            len: len as usize,
            fin,
            push,
            retransmission: false,
            ect: self.ecn && len > 0 && self.snd_wnd > 0,
            cwr: self.ecn && len > 0 && self.snd_wnd > 0 && core::mem::take(&mut self.cwr_due),
            urgent: self.urgent_offset(seq),
        }
    }

    fn urgent_offset(&self, seq: SeqNumber) -> Option<u16> {
        let up = self.snd_up.filter(|up| up.gt(seq))?;
        // RFC 7323 appendix A: further away than the field can say is as far as it can.
        Some((up - seq).min(u32::from(u16::MAX)) as u16)
    }
}
