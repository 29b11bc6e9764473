//! New connections: opened passively and actively, accepted, and numbered by the device.

use super::express::configure;
use super::{Client, Open, Purpose, Role};
use crate::autosar::primitive::{ANY_PORT, Request};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcpconf_engine::{AppEvent, CallId, Errno, FourTuple, SocketHandle, Value};
use tcpconf_suite::vocabulary::Setting;

/// Connections that a listener accepts when the case does not say how many.
const MAX_CONNECTIONS: u32 = 0xfffe;

impl Client {
    pub(super) fn listen(
        &mut self,
        id: CallId,
        local: SocketAddr,
        backlog: u32,
        with: &[(Setting, i64)],
    ) -> Result<(), Errno> {
        let max = backlog.clamp(1, MAX_CONNECTIONS);
        let last = Request::ListenAndAccept {
            listener: 0,
            max_connections: u16::try_from(max).expect("clamped"),
        };
        self.open(id, Role::Listener, Some(local), local, with, last)
    }

    pub(super) fn connect(
        &mut self,
        id: CallId,
        remote: SocketAddr,
        local: Option<SocketAddr>,
        with: &[(Setting, i64)],
        data: Vec<u8>,
    ) -> Result<(), Errno> {
        if !data.is_empty() {
            return Err(Errno::Unsupported);
        }
        let last = Request::Connect {
            socket: 0,
            port: remote.port(),
            address: remote.ip(),
        };
        self.open(id, Role::Connection, local, remote, with, last)
    }

    pub(super) fn open(
        &mut self,
        id: CallId,
        role: Role,
        local: Option<SocketAddr>,
        like: SocketAddr,
        with: &[(Setting, i64)],
        last: Request,
    ) -> Result<(), Errno> {
        let any = match like {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        let port = local.map_or(0, |local| local.port());
        let mut steps = vec![Request::CreateAndBind {
            bind: local.is_some(),
            port: if port == 0 { ANY_PORT } else { port },
            address: local.map_or(any, |local| local.ip()),
        }];
        for (setting, value) in with {
            steps.push(configure(0, *setting, *value)?);
        }
        steps.push(last);
        self.queue(
            Purpose::Open(id, role, local.unwrap_or(SocketAddr::new(any, 0))),
            steps,
        );
        Ok(())
    }

    pub(super) fn accept(&mut self, id: CallId, handle: SocketHandle) -> Result<(), Errno> {
        let (number, open) = self.find(handle)?;
        if open.role != Role::Listener {
            return Err(Errno::Invalid);
        }
        open.accepting.push_back(id);
        self.hand_over(number);
        Ok(())
    }

    /// Gives connections to those who asked.
    pub(super) fn hand_over(&mut self, listener: u16) {
        let Some(open) = self.sockets.get_mut(&listener) else {
            return;
        };
        while !open.accepting.is_empty()
            && let Some((number, remote)) = open.accepted.pop_front()
        {
            let socket = SocketHandle(number.into());
            self.events.push_back(AppEvent::Accepted {
                listener: SocketHandle(listener.into()),
                socket,
                connection: FourTuple {
                    local: open.local,
                    remote,
                },
            });
            if let Some(id) = open.accepting.pop_front() {
                let result = Ok(Value::Socket(socket));
                self.events.push_back(AppEvent::Reply { id, result });
            }
        }
    }

    pub(super) fn opened(&mut self, id: CallId, role: Role, local: SocketAddr, request: &Request) {
        let number = match request {
            Request::ListenAndAccept { listener, .. } => *listener,
            Request::Connect { socket, .. } => *socket,
            _ => return self.reply(id, Err(Errno::Other)),
        };
        self.keep(number, role, local);
        let socket = SocketHandle(number.into());
        self.reply(id, Ok(Value::Socket(socket)));
        if role == Role::Connection {
            self.begin_reading(number);
        }
    }

    pub(super) fn keep(&mut self, number: u16, role: Role, local: SocketAddr) {
        self.sockets.insert(
            number,
            Open {
                role,
                accepted: VecDeque::new(),
                accepting: VecDeque::new(),
                local,
                received: VecDeque::new(),
                receiving: VecDeque::new(),
                reading: false,
                ended: false,
                lost: false,
            },
        );
    }

    /// A listener has a connection.
    pub(super) fn accepted(&mut self, listener: u16, socket: u16, remote: SocketAddr) {
        let Some(open) = self.sockets.get_mut(&listener) else {
            // It came while the listener was being closed.
            let abort = true;
            return self.queue(Purpose::Tidy, [Request::CloseSocket { socket, abort }]);
        };
        open.accepted.push_back((socket, remote));
        let local = open.local;
        self.keep(socket, Role::Connection, local);
        self.hand_over(listener);
        self.begin_reading(socket);
    }
}

/// The socket of a request that was made before it had a number.
pub(super) fn number_step(step: &mut Request, number: u16) {
    match step {
        Request::ConfigureSocket { socket, .. } | Request::Connect { socket, .. } => {
            *socket = number;
        }
        Request::ListenAndAccept { listener, .. } => *listener = number,
        _ => {}
    }
}
