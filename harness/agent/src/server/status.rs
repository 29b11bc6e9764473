//! What the kernel says of a socket.

use super::sys;
use socket2::Socket;
use tcpconf_engine::{Errno, FourTuple, Status};

/// Whoever knows connections without having their sockets: half-open ones, orphans, TIME-WAIT.
pub trait StatusSource: Send {
    /// The connection's status; `None` when the host has no such connection.
    ///
    /// # Errors
    /// The name of what the system said.
    fn status(&mut self, connection: FourTuple) -> Result<Option<Status>, Errno>;
}

/// `include/net/tcp_states.h`, from 1, in the spelling of RFC 9293 §3.3.2.
const STATES: [&str; 12] = [
    "ESTABLISHED",
    "SYN-SENT",
    "SYN-RECEIVED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "TIME-WAIT",
    CLOSED,
    "CLOSE-WAIT",
    "LAST-ACK",
    "LISTEN",
    "CLOSING",
    "SYN-RECEIVED",
];

/// No connection.
pub(super) const CLOSED: &str = "CLOSED";

/// Linux's number of a state, as RFC 9293 spells it.
pub fn state_name(number: u8) -> &'static str {
    let found = usize::from(number).checked_sub(1);
    found.and_then(|index| STATES.get(index)).unwrap_or(&CLOSED)
}

/// Of a socket that we have.
pub(super) fn of(socket: &Socket, error: Option<Errno>) -> Status {
    let state = sys::tcp_info(socket).map_or(CLOSED, |info| state_name(info[0]));
    // A listener has no queues of octets: its counts are of connections.
    let queues = state != "LISTEN";
    let counted = |count: std::io::Result<u64>| count.ok().filter(|_| queues);
    Status {
        state: state.to_owned(),
        unread: counted(sys::unread(socket)),
        unacked: counted(sys::unacknowledged(socket)),
        error,
        // What is in the receive queue, and what in the write queue (SK_MEMINFO_WMEM_QUEUED).
        memory: sys::memory(socket)
            .ok()
            .map(|values| u64::from(values[0]) + u64::from(values[5])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_numbered_as_in_the_kernel() {
        assert_eq!(state_name(1), "ESTABLISHED");
        assert_eq!(state_name(6), "TIME-WAIT");
        assert_eq!(state_name(7), "CLOSED");
        assert_eq!(state_name(11), "CLOSING");
        assert_eq!(state_name(0), "CLOSED");
        assert_eq!(state_name(200), "CLOSED");
    }
}
