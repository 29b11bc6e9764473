//! RFC 9293 §3.10.8 and the other deadlines of a connection.

use super::reaction::{Fate, Reaction, Reply, Signals};
use super::state::State;
use super::{Connection, Env, Origin, Path};
use crate::config::{KeepAlive, fixed_headers};
use crate::error::{ErrorKind, SoftError};
use crate::sender::{Expired, Sender};
use tcpconf_wire::Instant;

#[inline]
fn earlier(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Connection {
    /// The next instant at which [`Connection::on_timeout`] has something to do.
    #[inline]
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let state = match &self.state {
            State::Closed(_) => return None,
            State::SynSent(s) => s.syn.expires,
            State::SynReceived(s) => s.handshake.syn.expires,
            State::FinWait1(s) => s.handshake.as_ref().and_then(|h| h.syn.expires),
            State::FinWait2(s) => s.expires,
            State::TimeWait(s) => Some(s.expires),
            _ => None,
        };
        let mut first = earlier(state, self.ack.delayed);
        if let Some(sender) = self.synchronized_sender() {
            first = earlier(first, sender.deadline());
            first = earlier(first, sender.gives_up_at(self.user_timeout()));
        }
        if self.options.keep_alive.is_some() {
            first = earlier(first, self.keep_alive_at().map(|(at, _)| at));
        }
        earlier(first, self.path_mtu_until)
    }

    /// The sender whose timers run: there is one retransmission timer, and while our SYN is not acknowledged
    /// it is that of the SYN (RFC 6298 §5.4: the earliest segment).
    fn synchronized_sender(&self) -> Option<&Sender> {
        self.state.sender().filter(|_| !self.state.half_open())
    }

    /// Runs what is due.
    pub(crate) fn on_timeout(&mut self, now: Instant, env: Env<'_>) -> Reaction {
        if let Some(reaction) = self.syn_timeout(now, env) {
            return reaction;
        }
        match &self.state {
            // "If the time-wait timeout expires on a connection, delete the TCB".
            State::TimeWait(s) if s.expires <= now => {
                return Reaction::fate(Fate::Closed(None));
            }
            State::FinWait2(s) if s.expires.is_some_and(|at| at <= now) => {
                return Reaction::fate(Fate::Closed(None));
            }
            _ => {}
        }
        let user_timeout = self.user_timeout();
        if self
            .synchronized_sender()
            .and_then(|s| s.gives_up_at(user_timeout))
            .is_some_and(|at| at <= now)
        {
            return self.give_up();
        }
        if self.path_mtu_until.is_some_and(|at| at <= now) {
            // RFC 1191 §6.3: the estimate has aged, larger segments are tried again.
            self.set_path(Path {
                mtu: env.config.mtu,
                until: None,
            });
        }
        if self.ack.delayed.is_some_and(|at| at <= now) {
            self.ack.now = true;
            self.ack.delayed = None;
        }
        if let Some((at, keep_alive)) = self.keep_alive_at()
            && at <= now
        {
            // MUST-29: never after a single probe.
            if self.keep_alive_probes >= keep_alive.probes.max(2) {
                return self.give_up();
            }
            self.keep_alive_probes += 1;
            self.keep_alive_due = true;
        }
        self.retransmission_timeout(now, env)
    }

    /// "For any state if the user timeout expires, flush all queues, signal the user 'error:
    /// connection aborted due to user timeout'": the peer is told by a RST (§3.9.1.1 "abort").
    fn give_up(&self) -> Reaction {
        Reaction {
            reply: Reply::Reset {
                seq: self.state.send_vars().nxt,
            },
            fate: Fate::Closed(Some(ErrorKind::TimedOut)),
            signals: Signals::NONE,
        }
    }

    fn retransmission_timeout(&mut self, now: Instant, env: Env<'_>) -> Reaction {
        if self.state.half_open() {
            return Reaction::DROP;
        }
        let Some(sender) = self.state.sender_mut() else {
            return Reaction::DROP;
        };
        let Expired::Retransmission(count) = sender.on_timer(now) else {
            return Reaction::DROP;
        };
        if count == env.config.r1 {
            // SHLD-9: the user hears of it between R1 and R2.
            self.soft_error = Some(SoftError::Unresponsive);
        }
        if env
            .config
            .black_hole_after
            .is_some_and(|limit| count >= limit)
        {
            self.black_hole(now, env);
        }
        Reaction::DROP
    }

    /// RFC 4821 §7.7: full-sized segments vanish without an ICMP error; smaller ones are tried.
    fn black_hole(&mut self, now: Instant, env: Env<'_>) {
        let headers = fixed_headers(self.tuple.local.ip());
        // The smallest path MTU there is: RFC 791 §3.2 with room for data, RFC 8200 §5.
        let floor = if self.tuple.local.is_ipv4() {
            296
        } else {
            1280
        };
        let mtu = (self.negotiated.mss as u16 / 2).saturating_add(headers);
        let full_sized = self
            .synchronized_sender()
            .is_some_and(Sender::head_is_full_sized);
        if full_sized && self.path_mtu() > floor {
            self.set_path(Path {
                mtu: mtu.max(floor),
                until: Some(now + env.config.path_mtu_lifetime),
            });
        }
    }

    /// MUST-22 and MUST-23: the SYN is sent again, until R2.
    fn syn_timeout(&mut self, now: Instant, env: Env<'_>) -> Option<Reaction> {
        let passive = matches!(self.origin, Origin::Passive(_));
        let syn = self.state.syn_timer_mut()?;
        if syn.expires.is_none_or(|at| at > now) {
            return None;
        }
        let over = if passive {
            syn.expirations >= env.config.synack_retries
        } else {
            // "If a timeout is specified, the current user timeout for this connection is changed" (§3.9.1.1).
            let given = self.options.user_timeout.unwrap_or(env.config.r2_syn);
            now.since(syn.first_sent) >= env.config.r2_syn.min(given)
        };
        if over {
            return Some(Reaction::fate(if passive && !self.owned {
                Fate::ReturnToListen
            } else {
                Fate::Closed(Some(ErrorKind::TimedOut))
            }));
        }
        syn.back_off();
        if syn.expirations == env.config.r1 && !passive {
            self.soft_error = Some(SoftError::Unresponsive);
        }
        Some(Reaction::DROP)
    }

    /// §3.8.4: when the next probe is due. MUST-26: only while nothing is outstanding.
    fn keep_alive_at(&self) -> Option<(Instant, KeepAlive)> {
        let keep_alive = self.options.keep_alive?;
        let idle = match &self.state {
            State::Established(s) => s.sender.is_idle(),
            State::CloseWait(s) => s.sender.is_idle(),
            State::FinWait2(_) => true,
            _ => false,
        };
        // RFC 5482 §4.2: not before an adopted user timeout.
        let silence = keep_alive
            .idle
            .max(self.adopted_timeout.unwrap_or_default());
        let at = self.last_heard + silence + keep_alive.interval * self.keep_alive_probes;
        idle.then_some((at, keep_alive))
    }
}
