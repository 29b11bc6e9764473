//! The states of a connection (RFC 9293 §3.3.2), each with only what it has: what cannot send has
//! no [`Sender`], what cannot receive has no [`Receiver`].
//!
//! Both halves are boxed, and so is SYN-SENT, so that a change of state moves little and the states without a sender
//! are small.
//!
//! LISTEN is a type of its own (`host::listen::Listener`), and CLOSED has no connection at all; the
//! variant `Closed` is what is left for a user who has not let go yet.

use crate::config::Config;
use crate::options::FastOpenOption;
use crate::receiver::{Finished, Receiver};
use crate::ring::Ring;
use crate::sender::Sender;
use crate::types::StateName;
use core::time::Duration;
use tcpconf_wire::{Instant, SeqNumber};

/// The timer of a SYN or SYN-ACK, and whether it is to be sent now.
#[derive(Clone, Debug)]
pub(crate) struct SynTimer {
    pub(crate) due: bool,
    /// Transmissions, those that a duplicate SYN asked for included.
    pub(crate) sent: u32,
    /// Timeouts so far.
    pub(crate) expirations: u32,
    pub(crate) first_sent: Instant,
    pub(crate) expires: Option<Instant>,
}

impl SynTimer {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            due: true,
            sent: 0,
            expirations: 0,
            first_sent: now,
            expires: None,
        }
    }

    /// The SYN goes out now.
    pub(crate) fn transmitted(&mut self, now: Instant, config: &Config) {
        self.due = false;
        if self.sent == 0 {
            self.first_sent = now;
        }
        self.sent += 1;
        if self.expires.is_none_or(|at| at <= now) {
            // RFC 6298 §5.5: doubled with each timeout.
            let factor = 1u32.checked_shl(self.expirations).unwrap_or(u32::MAX);
            let rto = config.rto_initial.saturating_mul(factor);
            self.expires = Some(
                now + if factor > 1 {
                    rto.min(config.rto_max)
                } else {
                    rto
                },
            );
        }
    }

    /// Whether the SYN asks for ECN: only the first does (RFC 3168 §6.1.1.1).
    pub(crate) fn asks_for_ecn(&self) -> bool {
        self.expirations == 0
    }

    /// RFC 6298 §5.4 to §5.6: once more, with twice the timeout.
    pub(crate) fn back_off(&mut self) {
        self.due = true;
        self.expirations += 1;
        self.expires = None;
    }

    /// The round-trip time of the handshake, unless the SYN went out more than once (Karn).
    pub(crate) fn sample(&self, now: Instant) -> Option<Duration> {
        (self.sent <= 1).then(|| now.since(self.first_sent))
    }
}

/// SND.* when everything, the FIN included, is acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendDone {
    pub(crate) iss: SeqNumber,
    pub(crate) snd_nxt: SeqNumber,
    pub(crate) snd_wnd: u32,
    pub(crate) max_snd_wnd: u32,
}

impl SendDone {
    pub(crate) fn of(sender: &Sender) -> Self {
        Self {
            iss: sender.iss,
            snd_nxt: sender.snd_nxt,
            snd_wnd: sender.snd_wnd,
            max_snd_wnd: sender.max_snd_wnd,
        }
    }
}

#[derive(Debug)]
pub(crate) struct SynSent {
    pub(crate) iss: SeqNumber,
    /// What the user has sent already (§3.10.2).
    pub(crate) queued: Ring,
    pub(crate) urgent: bool,
    /// What the first SYN carries (RFC 7413 §4.2), how many octets of `queued` it may, and how many
    /// it did.
    pub(crate) fast_open: Option<FastOpenOption>,
    pub(crate) early: u32,
    pub(crate) early_sent: u32,
    pub(crate) syn: SynTimer,
}

/// The peer's SYN has come, and our SYN-ACK is not acknowledged.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) syn: SynTimer,
    /// Text of the peer's SYN, for later (§3.10.7.2, §3.10.7.3); at most a segment.
    pub(crate) early: Box<[u8]>,
}

#[derive(Debug)]
pub(crate) struct SynReceived {
    /// SND.UNA is ISS as long as the handshake lasts; the sender begins behind the SYN.
    pub(crate) sender: Box<Sender>,
    pub(crate) receiver: Box<Receiver>,
    pub(crate) handshake: Handshake,
}

#[derive(Debug)]
pub(crate) struct Established {
    pub(crate) sender: Box<Sender>,
    pub(crate) receiver: Box<Receiver>,
}

#[derive(Debug)]
pub(crate) struct FinWait1 {
    pub(crate) sender: Box<Sender>,
    pub(crate) receiver: Box<Receiver>,
    /// After CLOSE in SYN-RECEIVED (§3.10.4), until our SYN is acknowledged.
    pub(crate) handshake: Option<Box<Handshake>>,
}

#[derive(Debug)]
pub(crate) struct FinWait2 {
    pub(crate) done: SendDone,
    pub(crate) receiver: Box<Receiver>,
    /// When a connection without a user is given up.
    pub(crate) expires: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct CloseWait {
    pub(crate) sender: Box<Sender>,
    pub(crate) finished: Finished,
}

#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) sender: Box<Sender>,
    pub(crate) finished: Finished,
}

#[derive(Debug)]
pub(crate) struct LastAck {
    pub(crate) sender: Box<Sender>,
    pub(crate) finished: Finished,
}

#[derive(Debug)]
pub(crate) struct TimeWait {
    pub(crate) done: SendDone,
    pub(crate) finished: Finished,
    pub(crate) expires: Instant,
}

/// Nothing but what the user may still read.
#[derive(Debug, Default)]
pub(crate) struct Closed {
    pub(crate) unread: Ring,
}

/// With a tag of its own: one that hides in a field of a variant has to be computed at each look, and then the halves
/// lie elsewhere in each state.
#[derive(Debug)]
#[repr(u8)]
pub(crate) enum State {
    SynSent(Box<SynSent>),
    SynReceived(SynReceived),
    Established(Established),
    FinWait1(FinWait1),
    FinWait2(FinWait2),
    CloseWait(CloseWait),
    Closing(Closing),
    LastAck(LastAck),
    TimeWait(TimeWait),
    Closed(Closed),
}

impl Default for State {
    fn default() -> Self {
        Self::Closed(Closed::default())
    }
}

/// SND.UNA, SND.NXT and what else judges an acknowledgement.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SendVars {
    pub(crate) iss: SeqNumber,
    pub(crate) una: SeqNumber,
    pub(crate) nxt: SeqNumber,
    pub(crate) wnd: u32,
    pub(crate) max_wnd: u32,
}

/// RCV.NXT and RCV.WND.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReceiveVars {
    pub(crate) irs: SeqNumber,
    pub(crate) nxt: SeqNumber,
    pub(crate) wnd: u32,
}

impl State {
    pub(crate) fn name(&self) -> StateName {
        match self {
            Self::SynSent(_) => StateName::SynSent,
            Self::SynReceived(_) => StateName::SynReceived,
            Self::Established(_) => StateName::Established,
            Self::FinWait1(_) => StateName::FinWait1,
            Self::FinWait2(_) => StateName::FinWait2,
            Self::CloseWait(_) => StateName::CloseWait,
            Self::Closing(_) => StateName::Closing,
            Self::LastAck(_) => StateName::LastAck,
            Self::TimeWait(_) => StateName::TimeWait,
            Self::Closed(_) => StateName::Closed,
        }
    }

    pub(crate) fn sender(&self) -> Option<&Sender> {
        match self {
            Self::SynReceived(SynReceived { sender, .. })
            | Self::Established(Established { sender, .. })
            | Self::FinWait1(FinWait1 { sender, .. })
            | Self::CloseWait(CloseWait { sender, .. })
            | Self::Closing(Closing { sender, .. })
            | Self::LastAck(LastAck { sender, .. }) => Some(sender),
            Self::SynSent(_) | Self::FinWait2(_) | Self::TimeWait(_) | Self::Closed(_) => None,
        }
    }

    /// The sender of a synchronized state.
    pub(crate) fn sender_mut(&mut self) -> Option<&mut Sender> {
        match self {
            Self::Established(Established { sender, .. })
            | Self::FinWait1(FinWait1 { sender, .. })
            | Self::CloseWait(CloseWait { sender, .. })
            | Self::Closing(Closing { sender, .. })
            | Self::LastAck(LastAck { sender, .. }) => Some(sender),
            Self::SynReceived(_)
            | Self::SynSent(_)
            | Self::FinWait2(_)
            | Self::TimeWait(_)
            | Self::Closed(_) => None,
        }
    }

    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        match self {
            Self::SynReceived(SynReceived { receiver, .. })
            | Self::Established(Established { receiver, .. })
            | Self::FinWait1(FinWait1 { receiver, .. })
            | Self::FinWait2(FinWait2 { receiver, .. }) => Some(receiver),
            _ => None,
        }
    }

    pub(crate) fn receiver_mut(&mut self) -> Option<&mut Receiver> {
        match self {
            Self::SynReceived(SynReceived { receiver, .. })
            | Self::Established(Established { receiver, .. })
            | Self::FinWait1(FinWait1 { receiver, .. })
            | Self::FinWait2(FinWait2 { receiver, .. }) => Some(receiver),
            _ => None,
        }
    }

    pub(crate) fn finished(&self) -> Option<&Finished> {
        match self {
            Self::CloseWait(CloseWait { finished, .. })
            | Self::Closing(Closing { finished, .. })
            | Self::LastAck(LastAck { finished, .. })
            | Self::TimeWait(TimeWait { finished, .. }) => Some(finished),
            _ => None,
        }
    }

    pub(crate) fn finished_mut(&mut self) -> Option<&mut Finished> {
        match self {
            Self::CloseWait(CloseWait { finished, .. })
            | Self::Closing(Closing { finished, .. })
            | Self::LastAck(LastAck { finished, .. })
            | Self::TimeWait(TimeWait { finished, .. }) => Some(finished),
            _ => None,
        }
    }

    pub(crate) fn syn_timer_mut(&mut self) -> Option<&mut SynTimer> {
        match self {
            Self::SynSent(state) => Some(&mut state.syn),
            Self::SynReceived(SynReceived { handshake, .. }) => Some(&mut handshake.syn),
            Self::FinWait1(FinWait1 { handshake, .. }) => handshake.as_mut().map(|h| &mut h.syn),
            _ => None,
        }
    }

    pub(crate) fn syn_timer(&self) -> Option<&SynTimer> {
        match self {
            Self::SynSent(state) => Some(&state.syn),
            Self::SynReceived(SynReceived { handshake, .. }) => Some(&handshake.syn),
            Self::FinWait1(FinWait1 { handshake, .. }) => handshake.as_ref().map(|h| &h.syn),
            _ => None,
        }
    }

    /// Whether the peer's SYN has come and ours is not acknowledged: SYN-RECEIVED, or FIN-WAIT-1 after a
    /// CLOSE there.
    pub(crate) fn half_open(&self) -> bool {
        match self {
            Self::SynReceived(_) => true,
            Self::FinWait1(state) => state.handshake.is_some(),
            _ => false,
        }
    }

    #[inline]
    pub(crate) fn send_vars(&self) -> SendVars {
        match self {
            Self::SynSent(s) => SendVars {
                iss: s.iss,
                una: s.iss,
                nxt: s.iss + 1 + s.early_sent,
                wnd: 0,
                max_wnd: 0,
            },
            Self::FinWait2(FinWait2 { done, .. }) | Self::TimeWait(TimeWait { done, .. }) => {
                SendVars {
                    iss: done.iss,
                    una: done.snd_nxt,
                    nxt: done.snd_nxt,
                    wnd: done.snd_wnd,
                    max_wnd: done.max_snd_wnd,
                }
            }
            _ => match self.sender() {
                Some(sender) => SendVars {
                    iss: sender.iss,
                    una: if self.half_open() {
                        sender.iss
                    } else {
                        sender.snd_una
                    },
                    nxt: sender.snd_nxt,
                    wnd: sender.snd_wnd,
                    max_wnd: sender.max_snd_wnd,
                },
                None => SendVars::default(),
            },
        }
    }

    pub(crate) fn receive_vars(&self) -> ReceiveVars {
        if let Some(receiver) = self.receiver() {
            ReceiveVars {
                irs: receiver.irs,
                nxt: receiver.rcv_nxt,
                wnd: receiver.wnd(),
            }
        } else if let Some(finished) = self.finished() {
            ReceiveVars {
                irs: finished.irs(),
                nxt: finished.rcv_nxt(),
                wnd: finished.wnd(),
            }
        } else {
            ReceiveVars::default()
        }
    }
}
