//! smoltcp's sockets in an order that it must not notice.
//!
//! smoltcp hands a segment to the first socket of its set that accepts it, and a listening socket
//! accepts every SYN for its port, those of open connections included. A connection must therefore stand
//! before the sockets that listen on its port. The set puts a new socket into its first hole, so holes
//! below a connection are plugged before a listener is added.

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use tcpconf_suite::vocabulary::Setting;

/// Octets of a socket's buffers, each way: with this size smoltcp offers a window scale of 0.
const BUFFER: usize = 65_535;

/// What a buffer may have: no window announces more (RFC 7323 §2.3).
pub(super) const SIZES: std::ops::RangeInclusive<i64> = 1..=1 << 30;

/// A set with plugs in it.
#[derive(Debug)]
pub(super) struct Ordered {
    pub(super) set: SocketSet<'static>,
    plugs: Vec<SocketHandle>,
}

impl Ordered {
    pub(super) fn new() -> Self {
        Self {
            set: SocketSet::new(Vec::new()),
            plugs: Vec::new(),
        }
    }

    /// Adds a socket with buffers of the size that is said, wherever there is room.
    pub(super) fn add(&mut self, with: &[(Setting, i64)]) -> SocketHandle {
        let room = |wanted| {
            let said = with.iter().rev().find(|(setting, _)| *setting == wanted);
            // What is no size is refused when the settings are applied.
            said.map(|(_, octets)| *octets)
                .filter(|octets| SIZES.contains(octets))
                .map_or(BUFFER, |octets| octets as usize)
        };
        let buffer = |setting| SocketBuffer::new(vec![0; room(setting)]);
        self.set.add(Socket::new(
            buffer(Setting::ReceiveBuffer),
            buffer(Setting::SendBuffer),
        ))
    }

    /// Adds a socket behind all that are in use.
    pub(super) fn add_last(
        &mut self,
        last: Option<SocketHandle>,
        with: &[(Setting, i64)],
    ) -> SocketHandle {
        loop {
            let plug = self.set.add(new_socket());
            if last.is_none_or(|last| plug > last) {
                self.set.remove(plug);
                return self.add(with);
            }
            self.plugs.push(plug);
        }
    }

    /// Removes a socket, and the plugs that nothing in use stands behind.
    pub(super) fn remove(&mut self, handle: SocketHandle, last: Option<SocketHandle>) {
        self.set.remove(handle);
        let set = &mut self.set;
        self.plugs.retain(|&plug| {
            let needed = last.is_some_and(|last| plug < last);
            if !needed {
                set.remove(plug);
            }
            needed
        });
    }

    pub(super) fn get(&self, handle: SocketHandle) -> &Socket<'static> {
        self.set.get(handle)
    }

    pub(super) fn get_mut(&mut self, handle: SocketHandle) -> &mut Socket<'static> {
        self.set.get_mut(handle)
    }
}

/// A socket without buffers: a plug, or one to try settings on.
pub(super) fn new_socket() -> Socket<'static> {
    let buffer = || SocketBuffer::new(Vec::new());
    Socket::new(buffer(), buffer())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_socket_stands_behind_the_others_whatever_was_removed() {
        let mut sockets = Ordered::new();
        let handles: Vec<SocketHandle> = (0..4).map(|_| sockets.add(&[])).collect();
        sockets.remove(handles[0], Some(handles[3]));
        sockets.remove(handles[2], Some(handles[3]));
        let last = sockets.add_last(Some(handles[3]), &[]);
        assert!(last > handles[3]);
        assert_eq!(sockets.set.iter().count(), 5, "two plugs");
        sockets.remove(handles[3], Some(last));
        sockets.remove(last, Some(handles[1]));
        assert_eq!(
            sockets.set.iter().count(),
            2,
            "a plug is below what is left"
        );
        sockets.remove(handles[1], None);
        assert_eq!(sockets.set.iter().count(), 0);
    }
}
