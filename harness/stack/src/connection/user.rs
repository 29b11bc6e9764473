//! What the user calls of RFC 9293 §3.10.2 to §3.10.5 do to a connection, state by state.

use super::reaction::Reply;
use super::state::{Established, FinWait1, State, SynReceived};
use super::{Connection, Env};
use crate::error::CallError;
use crate::types::StateName;
use core::mem;
use tcpconf_wire::Instant;

/// What RECEIVE found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many octets, perhaps none.
    Octets(usize),
    /// The stream has ended.
    Eof,
}

impl Connection {
    /// §3.10.2.
    #[inline]
    pub(crate) fn send(&mut self, data: &[u8], urgent: bool) -> Result<usize, CallError> {
        if let Some(error) = self.error {
            return Err(error.into());
        }
        let sender = match &mut self.state {
            // "Queue the data for transmission after entering ESTABLISHED state."
            State::SynSent(state) => {
                state.urgent |= urgent;
                return Ok(state.queued.push(data));
            }
            State::SynReceived(state) => &mut state.sender,
            State::Established(state) => &mut state.sender,
            State::CloseWait(state) => &mut state.sender,
            State::FinWait1(_)
            | State::FinWait2(_)
            | State::Closing(_)
            | State::LastAck(_)
            | State::TimeWait(_) => return Err(CallError::Closing),
            State::Closed(_) => return Err(CallError::NoSuchConnection),
        };
        if sender.is_closed() {
            return Err(CallError::Closing);
        }
        let taken = sender.push(data);
        if urgent && taken > 0 {
            sender.mark_urgent();
        }
        Ok(taken)
    }

    /// §3.10.3.
    #[inline]
    pub(crate) fn receive(&mut self, into: &mut [u8]) -> Result<Read, CallError> {
        if let Some(error) = self.error {
            return Err(error.into());
        }
        let mss = self.negotiated.mss;
        match &mut self.state {
            // "Queue for processing after entering ESTABLISHED state."
            State::SynSent(_) => Ok(Read::Octets(0)),
            State::SynReceived(_)
            | State::Established(_)
            | State::FinWait1(_)
            | State::FinWait2(_) => {
                let receiver = self.state.receiver_mut();
                let receiver = receiver.expect("these states have a receiver");
                let (count, update) = receiver.read(into, mss);
                // §3.8.6.2.2: the window has opened by a useful step; the peer may wait for it.
                self.ack.now |= update;
                Ok(Read::Octets(count))
            }
            // "Since the remote side has already sent FIN, RECEIVEs must be satisfied by data
            // already on hand", and then "connection closing".
            State::CloseWait(_) | State::Closing(_) | State::LastAck(_) | State::TimeWait(_) => {
                let finished = self.state.finished_mut();
                let buffer = finished
                    .expect("these states have unread data")
                    .buffer_mut();
                if buffer.is_empty() {
                    return Ok(Read::Eof);
                }
                Ok(Read::Octets(buffer.read(into)))
            }
            State::Closed(state) => {
                if state.unread.is_empty() {
                    return Ok(Read::Eof);
                }
                Ok(Read::Octets(state.unread.read(into)))
            }
        }
    }

    /// §3.10.4; true when the connection is to be deleted at once.
    pub(crate) fn close(&mut self) -> Result<bool, CallError> {
        if let Some(error) = self.error {
            return Err(error.into());
        }
        match &mut self.state {
            // "Delete the TCB and return 'error: closing' responses to any queued SENDs".
            State::SynSent(_) => return Ok(true),
            // "If no SENDs have been issued and there is no pending data to send, then form a FIN segment
            // and send it, and enter FIN-WAIT-1 state".
            State::SynReceived(state) if state.sender.queued() == 0 => {
                if let State::SynReceived(SynReceived {
                    mut sender,
                    receiver,
                    handshake,
                }) = mem::take(&mut self.state)
                {
                    sender.close();
                    self.state = State::FinWait1(FinWait1 {
                        sender,
                        receiver,
                        handshake: Some(Box::new(handshake)),
                    });
                }
            }
            // "otherwise, queue for processing after entering ESTABLISHED state", which then is FIN-WAIT-1 at once.
            State::SynReceived(state) if !state.sender.is_closed() => state.sender.close(),
            // "In any case, enter FIN-WAIT-1 state."
            State::Established(_) => {
                if let State::Established(Established {
                    mut sender,
                    receiver,
                }) = mem::take(&mut self.state)
                {
                    sender.close();
                    self.state = State::FinWait1(FinWait1 {
                        sender,
                        receiver,
                        handshake: None,
                    });
                }
            }
            // "Queue this request until all preceding SENDs have been segmentized; then send a FIN
            // segment, enter LAST-ACK state": see `transmit`.
            State::CloseWait(state) if !state.sender.is_closed() => state.sender.close(),
            State::SynReceived(_)
            | State::CloseWait(_)
            | State::FinWait1(_)
            | State::FinWait2(_)
            | State::Closing(_)
            | State::LastAck(_)
            | State::TimeWait(_) => return Err(CallError::Closing),
            State::Closed(_) => return Err(CallError::NoSuchConnection),
        }
        Ok(false)
    }

    /// §3.10.5: the RST to send, if any. The caller deletes the connection.
    pub(crate) fn abort(&self) -> Result<Reply, CallError> {
        Ok(match self.state.name() {
            StateName::SynReceived
            | StateName::Established
            | StateName::FinWait1
            | StateName::FinWait2
            | StateName::CloseWait => Reply::Reset {
                seq: self.state.send_vars().nxt,
            },
            StateName::Closed if self.error.is_none() => return Err(CallError::NoSuchConnection),
            // SYN-SENT: no RST; CLOSING, LAST-ACK, TIME-WAIT: "respond with ok and delete the TCB".
            _ => Reply::None,
        })
    }

    /// The user lets go. True when the connection is to be aborted: data was received that nobody
    /// will read (RFC 2525 §2.17, SHLD-3).
    pub(crate) fn release(&mut self, now: Instant, env: Env<'_>) -> bool {
        self.owned = false;
        let unread = self.unread();
        if unread > 0 && !matches!(self.state, State::Closed(_)) {
            return true;
        }
        let sender = match &mut self.state {
            State::SynReceived(state) => Some(&mut *state.sender),
            state => state.sender_mut(),
        };
        if let Some(sender) = sender {
            sender.orphan(now, env.config.orphan_timeout);
        }
        if let State::FinWait2(state) = &mut self.state {
            state.expires = Some(now + env.config.fin_wait_2_timeout);
        }
        false
    }
}
