//! One connection: the transmission control block of RFC 9293 §3.3.1.
//!
//! - `state`: the states and what each holds;
//! - `arrives`: SEGMENT ARRIVES; `reaction`: what it returns;
//! - `transmit`: the next packet; `timeouts`: §3.10.8; `user`: what the user calls do here.

mod acks;
pub(crate) mod arrives;
mod checks;
pub(crate) mod reaction;
mod spare;
pub(crate) mod state;
mod timeouts;
mod transmit;
pub(crate) mod user;

use crate::config::{Config, Ecn, SocketOptions, UserTimeoutOption, fixed_headers};
use crate::error::{ErrorKind, SoftError};
use crate::isn::Secret;
use crate::options::{FastOpenCookie, FastOpenOption, Options, Timestamps};
use crate::rate::RateLimit;
use crate::receiver::Receiver;
use crate::ring::Ring;
use crate::sender::Sender;
use crate::types::{FourTuple, SocketId, Status};
use acks::AckSchedule;
use core::time::Duration;
use reaction::Signals;
pub(crate) use spare::Spare;
use state::{Handshake, State, SynReceived, SynSent, SynTimer};
use tcpconf_wire::{Flags, Instant, SeqNumber};

/// What a connection needs of its host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Env<'a> {
    pub(crate) config: &'a Config,
    pub(crate) secret: &'a Secret,
}

/// A path MTU (RFC 1191, RFC 8201).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) mtu: u16,
    /// Until when it is believed; `None` for that of the own link.
    pub(crate) until: Option<Instant>,
}

/// A segment that has arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) seq: SeqNumber,
    pub(crate) ack: SeqNumber,
    pub(crate) flags: Flags,
    pub(crate) window: u16,
    pub(crate) urgent: u16,
    pub(crate) text: &'a [u8],
    pub(crate) options: &'a Options,
    /// The IP header carries CE (RFC 3168 §5).
    pub(crate) ce: bool,
}

impl Arrived<'_> {
    /// What follows the SYN: text, FIN, and the urgent pointer, which counted from the SYN.
    pub(crate) fn without_syn(&self) -> Self {
        Self {
            seq: self.seq + 1,
            flags: self.flags & !Flags::SYN,
            urgent: self.urgent.saturating_sub(1),
            ..*self
        }
    }

    pub(crate) fn has(&self, flag: Flags) -> bool {
        self.flags.contains(flag)
    }

    /// SEG.LEN.
    pub(crate) fn len(&self) -> u32 {
        self.text.len() as u32 + u32::from(self.has(Flags::SYN)) + u32::from(self.has(Flags::FIN))
    }
}

/// How the connection came to be (MUST-11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An active OPEN.
    #[default]
    Active,
    /// This listener.
    Passive(SocketId),
}

/// A peer with a smaller MSS gets no options beside its text: all of them take 40 octets, and what is left must be
/// worth a segment (MUST-16: the options count). The limit is that of Linux for all segments.
const LEAST_MSS_WITH_OPTIONS: u16 = 48;

/// RFC 7323 §4 and §5, once both sides have sent the option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimestampState {
    /// TS.Recent.
    pub(crate) recent: u32,
    /// When TS.Recent was set: it is invalid after 24 days (§5.5).
    pub(crate) recent_at: Instant,
    /// Last.ACK.sent.
    pub(crate) last_ack_sent: SeqNumber,
}

/// What the SYNs have settled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Negotiated {
    /// The MSS for sending: the peer's, bounded by the path (RFC 9293 §3.7.1, MUST-16).
    pub(crate) mss: u32,
    /// Shift of windows that arrive.
    pub(crate) snd_shift: u8,
    /// Whether both scale (RFC 7323 §2.2).
    pub(crate) scaled: bool,
    pub(crate) sack: bool,
    pub(crate) ecn: bool,
    /// The peer's MSS, or what the user allows if that is less.
    peer_mss: u16,
    pub(crate) timestamps: Option<TimestampState>,
}

impl Negotiated {
    /// From the options of the peer's SYN, as far as this host offers the same.
    fn from_syn(
        options: &Options,
        irs: SeqNumber,
        (config, user): (&Config, &SocketOptions),
        tuple: &FourTuple,
        path_mtu: u16,
        now: Instant,
    ) -> Self {
        let local = tuple.local.ip();
        // MUST-15; an MSS of zero says nothing.
        let default = if local.is_ipv4() { 536 } else { 1220 };
        let peer = options.mss.filter(|&mss| mss > 0).unwrap_or(default);
        let peer = user.mss.map_or(peer, |most| peer.min(most));
        let path = path_mtu.saturating_sub(fixed_headers(local)).max(1);
        let scale = options.window_scale.filter(|_| config.window_scale);
        let stamps = options.timestamps.filter(|_| config.timestamps);
        Self {
            mss: u32::from(peer.min(path)),
            peer_mss: peer,
            ecn: false,
            // RFC 7323 §2.3: a shift above 14 is taken as 14.
            snd_shift: scale.unwrap_or(0).min(14),
            scaled: scale.is_some(),
            sack: options.sack_permitted && config.sack,
            timestamps: stamps.map(|stamps| TimestampState {
                recent: stamps.value,
                recent_at: now,
                // Nothing is acknowledged yet: no text can reach back so far.
                last_ack_sent: irs,
            }),
        }
    }
}

impl Negotiated {
    /// For a SYN-ACK, which may leave out what the SYN offered; who sent the SYN is bound by the answer.
    fn without_options_that_leave_no_room(mut self) -> Self {
        if self.peer_mss < LEAST_MSS_WITH_OPTIONS {
            self.timestamps = None;
            self.sack = false;
        }
        self
    }

    pub(super) fn has_room_for_options(&self) -> bool {
        self.mss >= u32::from(LEAST_MSS_WITH_OPTIONS)
    }

    /// RFC 7323 §2.2: from the SYNs on each window is scaled, that of an ACK in SYN-RECEIVED too, if both
    /// SYNs said so; the windows of the SYNs themselves never are.
    pub(super) fn scale(&self, receiver: &mut Receiver, shift: u8) {
        if self.scaled {
            receiver.window.set_shift(shift);
        }
    }
}

/// A connection.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    pub(crate) tuple: FourTuple,
    /// That of the tuple in the host's table of connections.
    pub(crate) hash: u32,
    pub(crate) origin: Origin,
    pub(crate) state: State,
    pub(crate) options: SocketOptions,
    pub(crate) negotiated: Negotiated,
    pub(crate) ack: AckSchedule,
    challenge: RateLimit,
    /// The path MTU, and until when it is believed if it is not that of the link.
    path_mtu: u16,
    path_mtu_until: Option<Instant>,
    /// Adopted from the peer (RFC 5482 §3.1), and what it said.
    adopted_timeout: Option<Duration>,
    peer_user_timeout: Option<Duration>,
    /// The own is to be sent with the next segment.
    user_timeout_due: bool,
    /// For the first SYN-ACK (RFC 7413 §4.2.1).
    pub(crate) fast_open_cookie: Option<FastOpenCookie>,
    /// ECN-Echo is set until the peer says CWR (RFC 3168 §6.1.3).
    echo_congestion: bool,
    timestamp_offset: u32,
    /// When the last segment came (keep-alive).
    last_heard: Instant,
    keep_alive_probes: u32,
    keep_alive_due: bool,
    /// Whether a user holds the handle, or will get it by ACCEPT.
    pub(crate) owned: bool,
    pub(crate) error: Option<ErrorKind>,
    pub(crate) soft_error: Option<SoftError>,
    pub(crate) error_told: bool,
    pub(crate) signals: Signals,
    /// In the host's queue of connections that may have something to send.
    pub(crate) queued: bool,
    /// In the host's queue of sockets that have events.
    pub(crate) notified: bool,
}

impl Connection {
    /// §3.10.1, active OPEN in CLOSED: SYN-SENT, with a SYN due.
    pub(crate) fn open(
        (tuple, path): (&FourTuple, Path),
        iss: SeqNumber,
        options: SocketOptions,
        now: Instant,
        env: Env<'_>,
    ) -> Self {
        let state = State::SynSent(Box::new(SynSent {
            iss,
            queued: Ring::new(options.send_buffer(env.config)),
            urgent: false,
            fast_open: None,
            early: 0,
            early_sent: 0,
            syn: SynTimer::new(now),
        }));
        let mut connection = Self {
            negotiated: Self::nothing_negotiated((tuple, path), &options, now, env),
            ..Self::default()
        };
        connection.begin((tuple, path), Origin::Active, &options, now, env);
        connection.state = state;
        connection.owned = true;
        connection
    }

    fn nothing_negotiated(
        (tuple, path): (&FourTuple, Path),
        user: &SocketOptions,
        now: Instant,
        env: Env<'_>,
    ) -> Negotiated {
        let (nothing, irs) = (Options::default(), SeqNumber(0));
        Negotiated::from_syn(&nothing, irs, (env.config, user), tuple, path.mtu, now)
    }

    /// §3.10.7.2, third: a SYN in LISTEN. Its text waits until ESTABLISHED, acknowledged only then; a
    /// FIN on it is left for retransmission (eighth: "do not process the FIN"). Becomes that connection, whatever it
    /// was before, in its place.
    pub(crate) fn accept_syn(
        &mut self,
        (tuple, path, iss): (&FourTuple, Path, SeqNumber),
        (listener, options): (SocketId, &SocketOptions),
        syn: &Arrived<'_>,
        now: Instant,
        env: Env<'_>,
        spare: Spare,
    ) {
        self.negotiated = Negotiated::from_syn(
            syn.options,
            syn.seq,
            (env.config, options),
            tuple,
            path.mtu,
            now,
        )
        .without_options_that_leave_no_room();
        // RFC 3168 §6.1.1: an ECN-setup SYN has ECE and CWR.
        self.negotiated.ecn =
            options.ecn(env.config) != Ecn::Off && syn.has(Flags::ECE | Flags::CWR);
        self.begin((tuple, path), Origin::Passive(listener), options, now, env);
        let buffer = options.receive_buffer(env.config);
        let ranges = env.config.max_reassembly_ranges;
        let (mut sender, mut receiver) = spare.into_parts();
        receiver.begin(syn.seq, buffer, ranges);
        sender.begin(iss, env.config, options, &self.negotiated, now);
        self.negotiated
            .scale(&mut receiver, options.receive_shift(env.config));
        sender.window_of_syn(syn.seq, syn.ack, syn.window);
        self.state = State::SynReceived(SynReceived {
            sender,
            receiver,
            handshake: Handshake {
                syn: SynTimer::new(now),
                early: syn.text.into(),
            },
        });
    }

    /// What all connections begin with, besides a state and what was negotiated.
    fn begin(
        &mut self,
        (tuple, path): (&FourTuple, Path),
        origin: Origin,
        options: &SocketOptions,
        now: Instant,
        env: Env<'_>,
    ) {
        let stamped = origin == Origin::Active || self.negotiated.timestamps.is_some();
        self.timestamp_offset = if stamped {
            env.secret.timestamp_offset(tuple)
        } else {
            0
        };
        self.tuple = *tuple;
        self.hash = 0;
        self.origin = origin;
        self.options = *options;
        self.ack = AckSchedule::default();
        self.challenge = RateLimit::new(env.config.challenge_acks_per_second);
        self.path_mtu = path.mtu;
        self.path_mtu_until = path.until;
        self.fast_open_cookie = None;
        self.adopted_timeout = None;
        self.peer_user_timeout = None;
        self.user_timeout_due = true;
        self.echo_congestion = false;
        self.last_heard = now;
        self.keep_alive_probes = 0;
        self.keep_alive_due = false;
        self.owned = false;
        self.error = None;
        self.soft_error = None;
        self.error_told = false;
        self.signals = Signals::NONE;
        self.queued = false;
        self.notified = false;
    }

    /// The millisecond clock of TSval, with the offset of this connection (RFC 7323 §5.4, §7).
    fn timestamp(&self, now: Instant) -> u32 {
        (now.as_millis() as u32).wrapping_add(self.timestamp_offset)
    }

    /// The timestamps of a segment sent now, if negotiated.
    pub(crate) fn stamp(&self, now: Instant) -> Option<Timestamps> {
        self.negotiated.timestamps.map(|state| Timestamps {
            value: self.timestamp(now),
            echo: state.recent,
        })
    }

    /// RFC 7413 §4.2: the SYN asks for a cookie, or brings one and up to `early` octets of `data`.
    /// Returns how much was queued.
    pub(crate) fn open_fast(&mut self, option: FastOpenOption, early: u32, data: &[u8]) -> usize {
        let State::SynSent(state) = &mut self.state else {
            return 0;
        };
        let queued = state.queued.push(data);
        state.fast_open = Some(option);
        state.early = early.min(queued as u32);
        queued
    }

    /// Whether the SYN carried a Fast Open option, and whether it had to be sent again.
    pub(crate) fn fast_open_state(&self) -> Option<(FastOpenOption, bool)> {
        match &self.state {
            State::SynSent(state) => state.fast_open.map(|o| (o, state.syn.expirations > 0)),
            _ => None,
        }
    }

    /// RFC 7413 §4.2.2: the text of a SYN with a valid cookie is acknowledged with it.
    pub(crate) fn take_early_text(&mut self) {
        if let State::SynReceived(state) = &mut self.state {
            let early = core::mem::take(&mut state.handshake.early);
            let room = early.len().min(state.receiver.wnd() as usize);
            if room > 0 {
                state
                    .receiver
                    .take_text(state.receiver.rcv_nxt, &early[..room]);
            }
        }
    }

    /// The user timeout in force.
    pub(crate) fn user_timeout(&self) -> Option<Duration> {
        self.adopted_timeout.or(self.options.user_timeout)
    }

    /// The user has chosen anew: a timeout of the peer is forgotten, and the own is told (RFC 5482
    /// §3).
    pub(crate) fn set_options(&mut self, options: SocketOptions) {
        if options.user_timeout != self.options.user_timeout {
            self.adopted_timeout = None;
            self.user_timeout_due = true;
        }
        self.options = options;
    }

    /// RFC 5482 §3.1: min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)).
    #[inline(always)]
    fn take_user_timeout(&mut self, segment: &Arrived<'_>, env: Env<'_>) {
        if let Some(remote) = segment.options.user_timeout {
            self.adopt_user_timeout(remote, env);
        }
    }

    #[cold]
    fn adopt_user_timeout(&mut self, remote: Duration, env: Env<'_>) {
        if self.options.user_timeout_option == UserTimeoutOption::Off {
            return;
        }
        self.peer_user_timeout = Some(remote);
        if self.options.user_timeout_option == UserTimeoutOption::Changeable
            && let Some(own) = self.options.user_timeout
        {
            let (low, high) = env.config.user_timeout_limits;
            let rto = self
                .state
                .sender()
                .map_or(Duration::ZERO, |s| s.rtt().rto());
            self.adopted_timeout = Some(own.max(remote).max(low).min(high).max(rto));
        }
    }

    /// The path carries packets of `path.mtu` octets.
    pub(crate) fn set_path(&mut self, path: Path) {
        self.path_mtu = path.mtu;
        self.path_mtu_until = path.until;
        let most = path
            .mtu
            .saturating_sub(fixed_headers(self.tuple.local.ip()))
            .max(1);
        self.negotiated.mss = u32::from(self.negotiated.peer_mss.min(most));
        let mss = self.negotiated.mss;
        if let Some(sender) = self.state.sender_mut() {
            sender.set_mss(mss);
        }
    }

    pub(crate) fn path_mtu(&self) -> u16 {
        self.path_mtu
    }

    /// Whether a challenge ACK may be sent now (RFC 5961 §7); counts it.
    pub(crate) fn allow_challenge(&mut self, now: Instant) -> bool {
        self.challenge.allow(now)
    }

    /// Octets received in order and not taken by the user.
    pub(crate) fn unread(&self) -> usize {
        match &self.state {
            State::Closed(closed) => closed.unread.len(),
            state => match (state.receiver(), state.finished()) {
                (Some(receiver), _) => receiver.unread(),
                (None, Some(finished)) => finished.buffer().len(),
                (None, None) => 0,
            },
        }
    }

    /// §3.10.6.
    pub(crate) fn status(&self) -> Status {
        let send = self.state.send_vars();
        let receive = self.state.receive_vars();
        let sender = self.state.sender();
        let receiver = self.state.receiver();
        let queued = match &self.state {
            State::SynSent(s) => Some((s.queued.len(), s.queued.room())),
            _ => sender.map(|s| (s.queued(), if s.is_closed() { 0 } else { s.room() })),
        };
        Status {
            state: self.state.name(),
            tuple: self.tuple,
            unread: self.unread(),
            unacked: queued.map_or(0, |(len, _)| len),
            writable: queued.map_or(0, |(_, room)| room),
            error: self.error,
            urgent: receiver.is_some_and(Receiver::urgent),
            acceptable: 0,
            half_open: 0,
            iss: send.iss,
            snd_una: send.una,
            snd_nxt: send.nxt,
            snd_wnd: send.wnd,
            irs: receive.irs,
            rcv_nxt: receive.nxt,
            rcv_wnd: receive.wnd,
            mss: self.negotiated.mss,
            cwnd: sender.map_or(0, Sender::cwnd),
            ssthresh: sender.map_or(0, Sender::ssthresh),
            rto: sender.map_or(Duration::ZERO, |s| s.rtt().rto()),
            srtt: sender.and_then(|s| s.rtt().srtt()),
            user_timeout: self.user_timeout(),
            peer_user_timeout: self.peer_user_timeout,
            retransmissions: sender.map_or(0, Sender::retransmissions),
            memory: self.allocated(),
            work: sender.map_or(0, Sender::visits) + receiver.map_or(0, Receiver::visits),
        }
    }

    /// Octets held by buffers and lists.
    pub(crate) fn allocated(&self) -> usize {
        let rings = match &self.state {
            State::SynSent(s) => size_of::<SynSent>() + s.queued.allocated(),
            State::Closed(c) => c.unread.allocated(),
            state => state
                .finished()
                .map_or(0, |f| size_of::<Receiver>() + f.buffer().allocated()),
        };
        size_of::<Self>()
            + rings
            + self
                .state
                .sender()
                .map_or(0, |sender| size_of::<Sender>() + sender.allocated())
            + self
                .state
                .receiver()
                .map_or(0, |receiver| size_of::<Receiver>() + receiver.allocated())
    }

    /// Deletes what the connection holds; the user may read on after an orderly end. Its memory is left.
    pub(crate) fn end(&mut self, error: Option<ErrorKind>) -> Spare {
        let mut spare = Spare::default();
        let unread = match core::mem::take(&mut self.state) {
            State::CloseWait(state::CloseWait { sender, finished })
            | State::Closing(state::Closing { sender, finished })
            | State::LastAck(state::LastAck { sender, finished }) => {
                let (unread, receiver) = finished.into_parts();
                spare = Spare::of(sender, receiver);
                unread
            }
            State::TimeWait(state::TimeWait { finished, .. }) => finished.into_parts().0,
            State::SynReceived(SynReceived {
                sender, receiver, ..
            })
            | State::Established(state::Established { sender, receiver })
            | State::FinWait1(state::FinWait1 {
                sender, receiver, ..
            }) => {
                spare = Spare::of(sender, receiver);
                Ring::default()
            }
            State::Closed(closed) => closed.unread,
            State::SynSent(_) | State::FinWait2(_) => Ring::default(),
        };
        let unread = match error {
            None => unread,
            Some(_) => Ring::default(),
        };
        self.state = State::Closed(state::Closed { unread });
        self.error = self.error.or(error);
        self.ack = AckSchedule::default();
        self.keep_alive_due = false;
        spare
    }
}
