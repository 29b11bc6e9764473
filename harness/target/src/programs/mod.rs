//! What runs on a host in process: a plain service behind its port, or the case's application.
//!
//! Written once for every stack that has [`Sockets`]. Real targets have programs of their own: the
//! kernel target's are processes on the sockets of an operating system.

mod application;
mod server;

use crate::service::Service;
use application::Application;
use server::Server;
use std::net::SocketAddr;
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, FourTuple, Status};
use tcpconf_suite::vocabulary::Setting;
use tcpconf_wire::Instant;

/// The user's side of a stack (RFC 9293 §3.9.1), where no call blocks.
pub(crate) trait Sockets {
    /// Names a listener or a connection.
    type Id: Copy + Ord;

    /// Passive OPEN; the unspecified address listens on all, no backlog is the stack's own.
    fn listen(
        &mut self,
        local: SocketAddr,
        backlog: Option<u32>,
        with: &[(Setting, i64)],
    ) -> Result<Self::Id, Errno>;
    /// Active OPEN; what `local` leaves open is the stack's choice. The socket, and how much of `data`
    /// was taken to go with the SYN.
    fn connect(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        local: Option<SocketAddr>,
        with: &[(Setting, i64)],
        data: &[u8],
    ) -> Result<(Self::Id, usize), Errno>;
    /// The next connection of a listener.
    fn accept(&mut self, listener: Self::Id) -> Option<Self::Id>;
    /// SEND: how many octets were taken, none when there is no room.
    fn send(
        &mut self,
        now: Instant,
        id: Self::Id,
        data: &[u8],
        urgent: bool,
    ) -> Result<usize, Errno>;
    /// RECEIVE at most that many octets.
    fn receive(&mut self, now: Instant, id: Self::Id, max: usize) -> Result<Received, Errno>;
    /// CLOSE: no more to send.
    fn close(&mut self, now: Instant, id: Self::Id) -> Result<(), Errno>;
    /// Nobody will use the socket any more: CLOSE, and what comes is not read.
    fn release(&mut self, now: Instant, id: Self::Id);
    /// ABORT.
    fn abort(&mut self, now: Instant, id: Self::Id) -> Result<(), Errno>;
    /// A socket option.
    fn set(&mut self, id: Self::Id, setting: Setting, value: i64) -> Result<(), Errno>;
    /// The value of a socket option.
    fn get(&self, id: Self::Id, setting: Setting) -> Result<i64, Errno>;
    /// STATUS.
    fn status(&self, id: Self::Id) -> Option<Status>;
    /// The two sockets of a connection.
    fn connection(&self, id: Self::Id) -> Option<FourTuple>;
    /// What has happened that a program should know.
    fn next_event(&mut self) -> Option<(Self::Id, Event)>;
}

/// What [`Sockets::receive`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Nothing yet.
    Nothing,
    /// Octets, at least one.
    Data(Vec<u8>),
    /// The peer closed and all was read.
    Eof,
}

/// What a stack tells its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A listener has a connection to accept.
    Acceptable,
    /// An active OPEN is through.
    Connected,
    /// There is something to receive.
    Readable,
    /// There is room to send.
    Writable,
    /// There is urgent data.
    Urgent,
    /// The peer closed.
    Eof,
    /// Something went wrong, and the connection goes on.
    SoftError(Errno),
    /// The connection failed.
    Error(Errno),
    /// The connection is gone.
    Closed,
}

/// The programs on one host.
pub(crate) struct Programs<S: Sockets> {
    server: Server<S>,
    application: Application<S>,
}

impl<S: Sockets> Programs<S> {
    /// The service on a port of all addresses; with `driven` nothing stands there until the case listens.
    pub(crate) fn start(
        host: &mut S,
        service: Service,
        local: SocketAddr,
        backlog: Option<u32>,
        driven: bool,
    ) -> Result<Self, Errno> {
        let mut programs = Self {
            server: Server::new(service),
            application: Application::default(),
        };
        if service != Service::Closed && !driven {
            let listener = host.listen(local, backlog, &[])?;
            programs.server.listens(listener);
        }
        Ok(programs)
    }

    /// Lets them act on what has happened.
    pub(crate) fn run(&mut self, host: &mut S, now: Instant) {
        while let Some((socket, event)) = host.next_event() {
            if self.application.owns(socket) {
                self.application.on_event(host, now, socket, event);
            } else {
                self.server.on_event(host, now, socket, event);
            }
        }
    }

    /// Makes a call of the application; its reply is an event.
    pub(crate) fn call(&mut self, host: &mut S, now: Instant, id: CallId, call: AppCall) {
        self.application.call(host, now, id, call);
        self.run(host, now);
    }

    /// What the application has to tell.
    pub(crate) fn next_event(&mut self) -> Option<AppEvent> {
        self.application.next_event()
    }
}
