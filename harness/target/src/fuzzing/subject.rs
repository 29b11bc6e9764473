//! The host under test, as the oracles of [`stack_ops`](super::stack_ops()) and [`two_stacks`](super::two_stacks())
//! see it.
//!
//! What an oracle asks or hands over goes through a [`Behaviour`]. In the fuzz targets that is [`Sound`], which has no
//! size and only hands on. In the tests of the oracles it may be any, so that each oracle can be seen to fire on what
//! it is for. The rest of the host is reached through `Deref`.

use core::ops::{Deref, DerefMut};
use tcpconf_stack::{CallError, Config, FourTuple, Host, SocketId, SocketOptions, Status};
use tcpconf_wire::Instant;

/// What stands between a host and whoever watches it. Everything is handed on that is not replaced.
pub(super) trait Behaviour {
    fn handle_packet(&mut self, host: &mut Host, now: Instant, bytes: &[u8]) {
        host.handle_packet(now, bytes);
    }

    fn handle_timeout(&mut self, host: &mut Host, now: Instant) {
        host.handle_timeout(now);
    }

    fn poll_timeout(&self, host: &Host) -> Option<Instant> {
        host.poll_timeout()
    }

    fn poll_transmit_into(&mut self, host: &mut Host, now: Instant, out: &mut Vec<u8>) -> bool {
        host.poll_transmit_into(now, out)
    }

    fn receive_into(
        &mut self,
        host: &mut Host,
        now: Instant,
        id: SocketId,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, CallError> {
        host.receive_into(now, id, buffer)
    }

    fn send(
        &mut self,
        host: &mut Host,
        now: Instant,
        id: SocketId,
        data: &[u8],
    ) -> Result<usize, CallError> {
        host.send(now, id, data)
    }

    fn set_options(
        &mut self,
        host: &mut Host,
        id: SocketId,
        options: SocketOptions,
    ) -> Result<(), CallError> {
        host.set_options(id, options)
    }

    fn release(&mut self, host: &mut Host, now: Instant, id: SocketId) {
        host.release(now, id);
    }

    fn sockets(&self, host: &Host) -> usize {
        host.sockets()
    }

    fn status_of(&self, host: &Host, tuple: FourTuple) -> Option<Status> {
        host.status_of(tuple)
    }
}

/// Hands everything on.
#[derive(Debug)]
pub(super) struct Sound;

impl Behaviour for Sound {}

#[cfg(not(test))]
type Way = Sound;
#[cfg(not(test))]
const fn sound() -> Way {
    Sound
}

#[cfg(test)]
pub(super) type Way = Box<dyn Behaviour>;
#[cfg(test)]
fn sound() -> Way {
    Box::new(Sound)
}

/// A host behind its [`Behaviour`].
pub(super) struct Subject {
    host: Host,
    way: Way,
}

impl Subject {
    pub(super) fn new(config: Config, seed: u64) -> Self {
        Self {
            host: Host::new(config, seed),
            way: sound(),
        }
    }

    /// From now on it behaves like this.
    #[cfg(test)]
    pub(super) fn behave(&mut self, way: Way) {
        self.way = way;
    }

    pub(super) fn handle_packet(&mut self, now: Instant, bytes: &[u8]) {
        self.way.handle_packet(&mut self.host, now, bytes);
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.way.handle_timeout(&mut self.host, now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.way.poll_timeout(&self.host)
    }

    pub(super) fn poll_transmit_into(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        self.way.poll_transmit_into(&mut self.host, now, out)
    }

    pub(super) fn receive_into(
        &mut self,
        now: Instant,
        id: SocketId,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, CallError> {
        self.way.receive_into(&mut self.host, now, id, buffer)
    }

    pub(super) fn send(
        &mut self,
        now: Instant,
        id: SocketId,
        data: &[u8],
    ) -> Result<usize, CallError> {
        self.way.send(&mut self.host, now, id, data)
    }

    pub(super) fn set_options(
        &mut self,
        id: SocketId,
        options: SocketOptions,
    ) -> Result<(), CallError> {
        self.way.set_options(&mut self.host, id, options)
    }

    pub(super) fn release(&mut self, now: Instant, id: SocketId) {
        self.way.release(&mut self.host, now, id);
    }

    pub(super) fn sockets(&self) -> usize {
        self.way.sockets(&self.host)
    }

    pub(super) fn status_of(&self, tuple: FourTuple) -> Option<Status> {
        self.way.status_of(&self.host, tuple)
    }
}

impl Deref for Subject {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl DerefMut for Subject {
    fn deref_mut(&mut self) -> &mut Host {
        &mut self.host
    }
}
