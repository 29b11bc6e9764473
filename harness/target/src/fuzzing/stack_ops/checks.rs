//! What must hold of a host at every moment, of each packet that it sends, and of its silence.

use super::{PEER_LISTENS, PEER_PORTS, World};
use crate::fuzzing::settings::{LONGEST_USER_TIMEOUT, MAX_IN_FLIGHT};
use crate::fuzzing::{first_wrong, show};
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_stack::{FourTuple, StateName};
use tcpconf_wire::Flags;
use tcpconf_wire::view::IpView;

/// Segments out at one instant: all that eight connections may have in flight, and answers.
const MAX_OUT: u32 = 8 * MAX_IN_FLIGHT + 64;
/// Segments that one connection may send in an hour in which it hears nothing: SYNs, retransmissions, zero-window
/// and keep-alive probes, all of which back off to a minute or come twice a minute.
const MAX_OUT_SILENT_HOUR: u32 = 200;
/// Wake-ups in such an hour, a connection: delayed ACKs and pacing timers come with something sent.
pub(super) const MAX_WAKE_UPS_SILENT_HOUR: u32 = 1000;
/// After this long without a word from the peer nothing may wait for it any more: the longest user timeout,
/// keep-alive, and 2 MSL behind them.
const SILENCE: Duration = Duration::from_secs(2 * LONGEST_USER_TIMEOUT.as_secs() + 300);
/// What a connection may hold beside its buffers: lists of segments in flight and of gaps.
const MAX_OVERHEAD: usize = 64 * 1024;
/// Entries of the retransmission queue that a segment in may cost beside those that it settles.
const MAX_WORK_IN: u64 = 16;
/// Visits that a segment out is worth: when it is SACKed, lost, split and acknowledged.
const MAX_WORK_OUT: u64 = 6;

/// The cost of a connection, in entries of queues looked at.
#[derive(Clone, Copy, Default)]
pub(super) struct Work {
    /// So far, by the stack's own count.
    done: u64,
    /// What it may yet do: each segment out adds to it, and each segment in a little.
    credit: u64,
}

impl Work {
    /// So much was done. What a segment in costs does not grow with the length of the queue.
    fn check(&mut self, done: u64, judged: bool) {
        let cost = done.saturating_sub(core::mem::replace(&mut self.done, done));
        if judged {
            let allowed = self.credit + MAX_WORK_IN;
            assert!(
                cost <= allowed,
                "a segment cost {cost} entries of the queue, {allowed} may be left"
            );
            self.credit = allowed - cost;
        }
    }
}

impl World<'_> {
    /// The peers say nothing for long: what is sent then is bounded.
    pub(super) fn silence(&mut self) {
        self.out = 0;
        let sockets = self.host.sockets() as u32;
        let until = self.now + SILENCE;
        let (mut out, mut wake_ups) = (0, 0);
        while let Some(at) = self.host.poll_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.host.handle_timeout(self.now);
            self.settle();
            wake_ups += 1;
            assert!(
                wake_ups <= (1 + sockets) * MAX_WAKE_UPS_SILENT_HOUR,
                "{wake_ups} wake-ups for {sockets} sockets in silence"
            );
            out += core::mem::take(&mut self.out);
            let bound = (1 + sockets) * MAX_OUT_SILENT_HOUR;
            assert!(
                out <= bound,
                "{out} segments for {sockets} sockets in silence"
            );
        }
        self.now = until;
    }

    /// After a long silence no connection waits for the peer any more, but for its text.
    pub(super) fn nobody_waits(&mut self) {
        for id in self.application.clients() {
            let Some(status) = self.host.status(id) else {
                continue;
            };
            let waits = match status.state {
                StateName::Established | StateName::CloseWait => status.unacked > 0,
                // The application may still read.
                StateName::FinWait2 => false,
                StateName::Closed => false,
                _ => true,
            };
            assert!(!waits, "still waiting after {SILENCE:?}: {status:?}");
        }
    }

    /// The host has sent what is now `last_out`.
    pub(super) fn sent(&mut self) {
        self.last_out.at = self.now;
        if self.tell.is_some() {
            self.say(&format!("> {}", show(&self.last_out.bytes)));
        }
        self.out += 1;
        self.out_in_all += 1;
        assert!(
            self.out <= MAX_OUT,
            "{} segments in one operation",
            self.out
        );
        if self.heard.is_some() {
            let bytes = self.last_out.bytes.clone();
            self.hear(true, &bytes);
        }
        let bytes = &self.last_out.bytes;
        assert!(
            bytes.len() <= self.largest,
            "{} octets on a link of {}",
            bytes.len(),
            self.largest
        );
        let ip = IpView::parse(bytes).expect("the host writes well-formed packets");
        let tcp = ip.tcp().expect("the host writes well-formed segments");
        let first = tcp.seq + u32::from(tcp.flags.contains(Flags::SYN));
        let wrong = first_wrong(first, tcp.payload);
        assert!(
            wrong.is_none(),
            "octet {wrong:?} of the text is wrong: {}",
            show(bytes)
        );
        let findings = self.watch.seen_in(&self.last_out, &ip);
        assert!(findings.is_empty(), "{findings:#?}");
        let from = SocketAddr::new(ip.src, tcp.src_port);
        let to = SocketAddr::new(ip.dst, tcp.dst_port);
        let base = if tcp.dst_port >= PEER_PORTS {
            PEER_PORTS
        } else {
            PEER_LISTENS
        };
        let index = usize::from(tcp.dst_port.wrapping_sub(base));
        if let Some(peer) = self.peers.get_mut(index) {
            peer.observe(from, to, &tcp);
            self.touched |= 1 << index;
            self.work[index].credit += MAX_WORK_OUT;
        }
    }

    /// What holds of the connections that had part in an operation. Where it is `judged`, what they have done does not
    /// grow with the length of a queue.
    pub(super) fn check_connections(&mut self, judged: bool) {
        let config = self.host.config();
        assert!(
            self.host.sockets() <= config.max_sockets + 1,
            "too many sockets"
        );
        if let Some(status) = self
            .application
            .listener
            .and_then(|id| self.host.status(id))
        {
            let waiting = status.half_open + status.acceptable;
            assert!(
                waiting <= 2 * self.listen.backlog.max(1),
                "backlog: {status:?}"
            );
        }
        for (n, (work, peer)) in self.work.iter_mut().zip(&self.peers).enumerate() {
            if self.touched >> n & 1 == 0 {
                continue;
            }
            let tuple = FourTuple {
                local: peer.target,
                remote: peer.ours,
            };
            let status = self.host.status_of(tuple);
            work.check(status.map_or(0, |status| status.work), judged);
            let Some(status) = status else {
                continue;
            };
            let (receive, send) = (config.receive_buffer as usize, config.send_buffer as usize);
            assert!(
                status.unread <= receive,
                "unread beyond {receive}: {status:?}"
            );
            assert!(status.unacked <= send, "unacked beyond {send}: {status:?}");
            let memory = receive + send + MAX_OVERHEAD;
            assert!(
                status.memory <= memory,
                "memory beyond {memory}: {status:?}"
            );
            let flight = status.snd_nxt.distance_from(status.snd_una);
            assert!(
                flight >= 0 && flight as usize <= send + 2,
                "flight beyond {send}: {status:?}"
            );
            assert!(
                status.state == StateName::Closed || status.mss > 0,
                "an MSS of zero: {status:?}"
            );
        }
    }
}
