//! The own stack's user interface as programs in this crate use it.

use crate::programs::{Event, Received, Sockets};
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_engine::{Errno, FourTuple, Status};
use tcpconf_stack::{
    CallError, Config, CongestionAlgorithm, Ecn, ErrorKind, Host, KeepAlive, ListenOptions,
    SocketId, SocketOptions, SoftError, StateName,
};
use tcpconf_suite::vocabulary::{Capability, Setting};
use tcpconf_wire::Instant;

/// The largest window (RFC 7323 §2.3).
const LARGEST_BUFFER: u32 = 1 << 30;

impl Sockets for Host {
    type Id = SocketId;

    fn listen(
        &mut self,
        local: SocketAddr,
        backlog: Option<u32>,
        with: &[(Setting, i64)],
    ) -> Result<SocketId, Errno> {
        let address = Some(local.ip()).filter(|ip| !ip.is_unspecified());
        let mut options = ListenOptions {
            socket: self.config().socket,
            ..ListenOptions::default()
        };
        if let Some(backlog) = backlog {
            options.backlog = backlog as usize;
        }
        for (setting, value) in with {
            if *setting == Setting::FastOpen {
                let length = usize::try_from(*value).map_err(|_| Errno::Invalid)?;
                options.fast_open = (length > 0).then_some(length);
            } else {
                change(&mut options.socket, *setting, *value)?;
            }
        }
        Host::listen(self, address, local.port(), options).map_err(|error| errno(&error))
    }

    fn connect(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        local: Option<SocketAddr>,
        with: &[(Setting, i64)],
        data: &[u8],
    ) -> Result<(SocketId, usize), Errno> {
        let mut options = self.config().socket;
        let mut fast_open = false;
        for (setting, value) in with {
            match setting {
                Setting::FastOpen => fast_open = *value != 0,
                _ => change(&mut options, *setting, *value)?,
            }
        }
        let local = local.map(|local| (local.ip(), local.port()));
        if fast_open {
            let opened = self.connect_with_data(now, local, remote, Some(options), data);
            return opened.map_err(|error| errno(&error));
        }
        let socket = Host::connect(self, now, local, remote, Some(options));
        Ok((socket.map_err(|error| errno(&error))?, 0))
    }

    fn accept(&mut self, listener: SocketId) -> Option<SocketId> {
        Host::accept(self, listener)
    }

    fn send(
        &mut self,
        now: Instant,
        id: SocketId,
        data: &[u8],
        urgent: bool,
    ) -> Result<usize, Errno> {
        let taken = match urgent {
            true => self.send_urgent(now, id, data),
            false => Host::send(self, now, id, data),
        };
        taken.map_err(|error| errno(&error))
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

    fn set(&mut self, id: SocketId, setting: Setting, value: i64) -> Result<(), Errno> {
        let mut options = self.options(id).ok_or(Errno::NotConnected)?;
        let listens = Host::status(self, id).is_none_or(|s| s.state == StateName::Listen);
        if is_of_the_opening(setting) && !listens {
            return Err(Errno::IsConnected);
        }
        change(&mut options, setting, value)?;
        self.set_options(id, options).map_err(|error| errno(&error))
    }

    fn get(&self, id: SocketId, setting: Setting) -> Result<i64, Errno> {
        let options = self.options(id).ok_or(Errno::NotConnected)?;
        read(&options, setting, self.config())
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
            Told::Soft(SoftError::Unresponsive) => Event::SoftError(Errno::TimedOut),
            // Its type and code are those of the address family; sockets have no better word for most.
            Told::Soft(SoftError::Icmp { .. }) => Event::SoftError(Errno::HostUnreachable),
        };
        Some((id, event))
    }
}

/// What [`change`] and the calls of this interface can do.
pub(super) const CAPABILITIES: &[Capability] = &[
    Capability::Listen,
    Capability::Connect,
    Capability::Accept,
    Capability::Send,
    Capability::SendUrgent,
    Capability::Receive,
    Capability::Close,
    Capability::ShutdownRead,
    Capability::Release,
    Capability::Abort,
    Capability::Get,
    Capability::Status,
    Capability::Set(Setting::NoDelay),
    Capability::Set(Setting::KeepAlive),
    Capability::Set(Setting::KeepAliveIdle),
    Capability::Set(Setting::KeepAliveInterval),
    Capability::Set(Setting::KeepAliveCount),
    Capability::Set(Setting::Linger),
    Capability::Set(Setting::UserTimeout),
    Capability::Set(Setting::ReceiveBuffer),
    Capability::Set(Setting::SendBuffer),
    Capability::Set(Setting::OobInline),
    Capability::Set(Setting::Mss),
    Capability::Set(Setting::Ecn),
    Capability::Set(Setting::FastOpen),
    Capability::Set(Setting::Congestion),
    Capability::Set(Setting::Ttl),
    Capability::Set(Setting::Dscp),
    Capability::Set(Setting::SoftErrors),
];

/// Whether the setting is taken when the connection is opened, and never again.
const fn is_of_the_opening(setting: Setting) -> bool {
    use Setting::{Ecn, Mss, ReceiveBuffer, SendBuffer};
    matches!(setting, ReceiveBuffer | SendBuffer | Mss | Ecn)
}

/// A buffer's size: what no window can announce is none (RFC 7323 §2.3).
fn size(value: i64) -> Result<Option<u32>, Errno> {
    match u32::try_from(value) {
        Ok(octets @ 1..=LARGEST_BUFFER) => Ok(Some(octets)),
        _ => Err(Errno::Invalid),
    }
}

/// Changes one of the options.
fn change(options: &mut SocketOptions, setting: Setting, value: i64) -> Result<(), Errno> {
    let duration = || u64::try_from(value).map(Duration::from_millis);
    let invalid = |_| Errno::Invalid;
    let keep_alive = |options: &mut SocketOptions| *options.keep_alive.get_or_insert_default();
    match setting {
        Setting::NoDelay => options.nagle = value == 0,
        Setting::KeepAlive if value == 0 => options.keep_alive = None,
        Setting::KeepAlive => options.keep_alive = Some(keep_alive(options)),
        Setting::KeepAliveIdle => {
            options.keep_alive = Some(KeepAlive {
                idle: duration().map_err(invalid)?,
                ..keep_alive(options)
            });
        }
        Setting::KeepAliveInterval => {
            options.keep_alive = Some(KeepAlive {
                interval: duration().map_err(invalid)?,
                ..keep_alive(options)
            });
        }
        Setting::KeepAliveCount => {
            options.keep_alive = Some(KeepAlive {
                probes: u32::try_from(value).map_err(invalid)?,
                ..keep_alive(options)
            });
        }
        Setting::UserTimeout => {
            let timeout = duration().map_err(invalid)?;
            options.user_timeout = (value != 0).then_some(timeout);
        }
        Setting::Congestion => {
            options.congestion = match value {
                0 => CongestionAlgorithm::Reno,
                1 => CongestionAlgorithm::Cubic,
                _ => return Err(Errno::Invalid),
            }
        }
        Setting::SoftErrors => options.report_soft_errors = value != 0,
        Setting::Ttl => options.ttl = u8::try_from(value).map_err(invalid)?,
        Setting::Dscp => match u8::try_from(value) {
            Ok(code_point @ 0..64) => options.dscp = code_point,
            _ => return Err(Errno::Invalid),
        },
        Setting::ReceiveBuffer => options.receive_buffer = size(value)?,
        Setting::SendBuffer => options.send_buffer = size(value)?,
        Setting::Mss => match u16::try_from(value) {
            Ok(0) | Err(_) => return Err(Errno::Invalid),
            Ok(mss) => options.mss = Some(mss),
        },
        Setting::Ecn => options.ecn = Some(if value == 0 { Ecn::Off } else { Ecn::Request }),
        // Urgent data always stands in the stream.
        Setting::OobInline if value == 1 => {}
        Setting::OobInline | Setting::Cork | Setting::Linger | Setting::FastOpen => {
            return Err(Errno::Unsupported);
        }
    }
    Ok(())
}

/// The value of one of the options.
fn read(options: &SocketOptions, setting: Setting, config: &Config) -> Result<i64, Errno> {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    let keep_alive = options.keep_alive.unwrap_or_default();
    Ok(match setting {
        Setting::NoDelay => i64::from(!options.nagle),
        Setting::KeepAlive => i64::from(options.keep_alive.is_some()),
        Setting::KeepAliveIdle => millis(keep_alive.idle),
        Setting::KeepAliveInterval => millis(keep_alive.interval),
        Setting::KeepAliveCount => i64::from(keep_alive.probes),
        Setting::UserTimeout => options.user_timeout.map_or(0, millis),
        Setting::Congestion => i64::from(options.congestion == CongestionAlgorithm::Cubic),
        Setting::SoftErrors => i64::from(options.report_soft_errors),
        Setting::Ttl => i64::from(options.ttl),
        Setting::Dscp => i64::from(options.dscp),
        Setting::ReceiveBuffer => options
            .receive_buffer
            .unwrap_or(config.receive_buffer)
            .into(),
        Setting::SendBuffer => options.send_buffer.unwrap_or(config.send_buffer).into(),
        Setting::Mss => options.mss.unwrap_or(config.mtu).into(),
        Setting::Ecn => i64::from(options.ecn.unwrap_or(config.ecn) == Ecn::Request),
        Setting::OobInline => 1,
        _ => return Err(Errno::Unsupported),
    })
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
pub(super) const fn errno_of(kind: ErrorKind) -> Errno {
    match kind {
        ErrorKind::Reset => Errno::ConnectionReset,
        ErrorKind::Refused => Errno::ConnectionRefused,
        ErrorKind::TimedOut => Errno::TimedOut,
        ErrorKind::Unreachable => Errno::HostUnreachable,
        ErrorKind::Aborted => Errno::ConnectionAborted,
    }
}
