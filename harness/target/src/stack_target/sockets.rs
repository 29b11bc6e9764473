//! The own stack's user interface as programs in this crate use it.

use crate::programs::{Event, Received, Sockets};
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_engine::{Errno, FourTuple, Status};
use tcpconf_stack::{
    CallError, ErrorKind, Host, KeepAlive, ListenOptions, SocketId, SocketOptions,
};
use tcpconf_wire::Instant;

impl Sockets for Host {
    type Id = SocketId;

    fn listen(&mut self, local: SocketAddr, backlog: Option<u32>) -> Result<SocketId, Errno> {
        let address = Some(local.ip()).filter(|ip| !ip.is_unspecified());
        let mut options = ListenOptions::default();
        if let Some(backlog) = backlog {
            options.backlog = backlog as usize;
        }
        Host::listen(self, address, local.port(), options).map_err(|error| errno(&error))
    }

    fn connect(&mut self, now: Instant, remote: SocketAddr) -> Result<SocketId, Errno> {
        Host::connect(self, now, None, remote, None).map_err(|error| errno(&error))
    }

    fn accept(&mut self, listener: SocketId) -> Option<SocketId> {
        Host::accept(self, listener)
    }

    fn send(&mut self, now: Instant, id: SocketId, data: &[u8]) -> Result<usize, Errno> {
        Host::send(self, now, id, data).map_err(|error| errno(&error))
    }

    fn receive(&mut self, now: Instant, id: SocketId, max: usize) -> Result<Received, Errno> {
        match Host::receive(self, now, id, max) {
            Ok(tcpconf_stack::Received::Nothing) => Ok(Received::Nothing),
            Ok(tcpconf_stack::Received::Data(data)) => Ok(Received::Data(data)),
            Ok(tcpconf_stack::Received::Eof) => Ok(Received::Eof),
            Err(error) => Err(errno(&error)),
        }
    }

    fn close(&mut self, now: Instant, id: SocketId) -> Result<(), Errno> {
        Host::close(self, now, id).map_err(|error| errno(&error))
    }

    fn release(&mut self, now: Instant, id: SocketId) {
        Host::release(self, now, id);
    }

    fn abort(&mut self, now: Instant, id: SocketId) -> Result<(), Errno> {
        Host::abort(self, now, id).map_err(|error| errno(&error))
    }

    fn set(&mut self, id: SocketId, name: &str, value: i64) -> Result<(), Errno> {
        let mut options = self.options(id).ok_or(Errno::NotConnected)?;
        change(&mut options, name, value)?;
        self.set_options(id, options).map_err(|error| errno(&error))
    }

    fn status(&self, id: SocketId) -> Option<Status> {
        Host::status(self, id).map(|status| super::status(&status))
    }

    fn connection(&self, id: SocketId) -> Option<FourTuple> {
        Host::status(self, id).map(|status| FourTuple {
            local: status.tuple.local,
            remote: status.tuple.remote,
        })
    }

    fn next_event(&mut self) -> Option<(SocketId, Event)> {
        use tcpconf_stack::Event as Told;
        loop {
            let (id, told) = self.poll_event()?;
            let event = match told {
                Told::Acceptable => Event::Acceptable,
                Told::Connected => Event::Connected,
                Told::Readable => Event::Readable,
                Told::Writable => Event::Writable,
                Told::Urgent => Event::Urgent,
                Told::Eof => Event::Eof,
                Told::Error(kind) => Event::Error(errno_of(kind)),
                Told::Closed => Event::Closed,
                // Soft errors are only logged (RFC 9293 §3.9.2.2).
                Told::Soft(_) => continue,
            };
            return Some((id, event));
        }
    }
}

/// Socket options by their names in suites.
fn change(options: &mut SocketOptions, name: &str, value: i64) -> Result<(), Errno> {
    let seconds = || u64::try_from(value).map(Duration::from_secs);
    match name {
        "nodelay" => options.nagle = value == 0,
        "keepalive" => options.keep_alive = (value != 0).then(KeepAlive::default),
        "keepalive-idle" => {
            let keep_alive = options.keep_alive.get_or_insert_default();
            keep_alive.idle = seconds().map_err(|_| Errno::Invalid)?;
        }
        "keepalive-interval" => {
            let keep_alive = options.keep_alive.get_or_insert_default();
            keep_alive.interval = seconds().map_err(|_| Errno::Invalid)?;
        }
        "keepalive-probes" => {
            let keep_alive = options.keep_alive.get_or_insert_default();
            keep_alive.probes = u32::try_from(value).map_err(|_| Errno::Invalid)?;
        }
        "user-timeout" => {
            let timeout = seconds().map_err(|_| Errno::Invalid)?;
            options.user_timeout = (value != 0).then_some(timeout);
        }
        "ttl" => options.ttl = u8::try_from(value).map_err(|_| Errno::Invalid)?,
        "dscp" => options.dscp = u8::try_from(value).map_err(|_| Errno::Invalid)?,
        _ => return Err(Errno::Unsupported),
    }
    Ok(())
}

/// A refused call in the words of sockets.
const fn errno(error: &CallError) -> Errno {
    match error {
        CallError::NoSuchConnection => Errno::NotConnected,
        CallError::AlreadyExists => Errno::AddressInUse,
        CallError::Closing => Errno::BrokenPipe,
        CallError::InsufficientResources => Errno::NoBuffers,
        CallError::RemoteUnspecified | CallError::InvalidRemote | CallError::InvalidLocal => {
            Errno::Invalid
        }
        CallError::Ended(kind) => errno_of(*kind),
    }
}

/// A connection's end in the words of sockets.
const fn errno_of(kind: ErrorKind) -> Errno {
    match kind {
        ErrorKind::Reset => Errno::ConnectionReset,
        ErrorKind::Refused => Errno::ConnectionRefused,
        ErrorKind::TimedOut => Errno::TimedOut,
        ErrorKind::Unreachable => Errno::HostUnreachable,
        ErrorKind::Aborted => Errno::ConnectionAborted,
    }
}
