//! A client and a server under test, wired together.

use crate::seam::InProcess;
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, CallId, Endpoint, Errno, FourTuple, SocketHandle, Value};
use tcpconf_stack::{Config, Host, Received, SocketId};
use tcpconf_suite::plan::Needs;
use tcpconf_wire::Instant;

/// The own stack as a client of a stack under test, in virtual time without delay.
pub(crate) struct Pair {
    pub(crate) client: Host,
    pub(crate) socket: SocketId,
    pub(crate) server: Box<dyn Endpoint>,
    pub(crate) now: Instant,
    pub(crate) target: SocketAddr,
    pub(crate) app: Vec<AppEvent>,
    /// Packets of the server, as they are on the wire.
    pub(crate) sent: Vec<Vec<u8>>,
}

impl Pair {
    pub(crate) fn open(server: &dyn InProcess, service: &str, ip: u8) -> Self {
        Self::with(server, &needs(service), ip, 5)
    }

    pub(crate) fn with(server: &dyn InProcess, needs: &Needs, ip: u8, seed: u64) -> Self {
        let (mut server, lease) = server.open(seed, needs, ip).unwrap();
        let mut client = Host::new(Config::with_addresses([lease.addresses[0]]), 1);
        let now = Instant::from_secs(1);
        if needs.driven {
            let listen = AppCall::Listen {
                local: lease.target,
                backlog: 5,
                with: Vec::new(),
            };
            server.call(now, CallId(1_000), listen);
            server.call(now, CallId(1_001), AppCall::Accept(SocketHandle(1)));
        }
        let socket = client.connect(now, None, lease.target, None).unwrap();
        let mut pair = Self {
            client,
            socket,
            server,
            now,
            target: lease.target,
            app: Vec::new(),
            sent: Vec::new(),
        };
        pair.settle();
        pair
    }

    pub(crate) fn settle(&mut self) {
        self.run(Duration::from_secs(2));
    }

    /// Lets packets and timers run for that long.
    pub(crate) fn run(&mut self, length: Duration) {
        let end = self.now + length;
        for _ in 0..100_000 {
            let mut busy = false;
            while let Some(packet) = self.server.poll_transmit(self.now) {
                self.client.handle_packet(self.now, &packet.bytes);
                self.sent.push(packet.bytes);
                busy = true;
            }
            self.client.handle_timeout(self.now);
            while let Some(packet) = self.client.poll_transmit(self.now) {
                self.server.handle_packet(self.now, &packet);
                busy = true;
            }
            while let Some(event) = self.server.poll_app(self.now) {
                self.app.push(event);
            }
            if busy {
                continue;
            }
            let next = [self.client.poll_timeout(), self.server.poll_timeout()];
            match next.into_iter().flatten().min() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("no rest");
    }

    pub(crate) fn send(&mut self, data: &[u8]) {
        let taken = self.client.send(self.now, self.socket, data).unwrap();
        assert_eq!(taken, data.len());
        self.settle();
    }

    pub(crate) fn close(&mut self) {
        self.client.close(self.now, self.socket).unwrap();
        self.settle();
    }

    pub(crate) fn receive(&mut self) -> Received {
        let got = self.client.receive(self.now, self.socket, 1 << 20).unwrap();
        self.settle();
        got
    }

    /// The client's state.
    pub(crate) fn state(&self) -> String {
        let status = self.client.status(self.socket);
        status.map_or("CLOSED".to_owned(), |s| s.state.to_string())
    }

    /// The client's connection as the server sees it.
    pub(crate) fn tuple(&self) -> FourTuple {
        let client = self.client.status(self.socket).unwrap().tuple;
        FourTuple {
            local: client.remote,
            remote: client.local,
        }
    }

    pub(crate) fn call(&mut self, id: u64, call: AppCall) -> Option<Result<Value, Errno>> {
        self.server.call(self.now, CallId(id), call);
        self.settle();
        self.reply(id)
    }

    pub(crate) fn reply(&self, wanted: u64) -> Option<Result<Value, Errno>> {
        self.app.iter().find_map(|event| match event {
            AppEvent::Reply { id, result } if id.0 == wanted => Some(result.clone()),
            _ => None,
        })
    }
}

pub(crate) fn send(socket: SocketHandle, data: Vec<u8>) -> AppCall {
    AppCall::Send {
        socket,
        data,
        urgent: false,
        more: false,
    }
}

pub(crate) fn listen(local: SocketAddr, backlog: u32) -> AppCall {
    AppCall::Listen {
        local,
        backlog,
        with: Vec::new(),
    }
}

pub(crate) fn connect(remote: SocketAddr) -> AppCall {
    AppCall::Connect {
        remote,
        local: None,
        with: Vec::new(),
        data: Vec::new(),
    }
}

pub(crate) fn needs(service: &str) -> Needs {
    Needs {
        service: service.to_owned(),
        ..Needs::default()
    }
}

pub(crate) fn driving() -> Needs {
    Needs {
        app: true,
        driven: true,
        ..needs("listen")
    }
}

/// A case that drives the application: the connection that the client has made is handed over.
pub(crate) fn driven(server: &dyn InProcess) -> (Pair, SocketHandle) {
    let pair = Pair::with(server, &driving(), 4, 5);
    let socket = pair.app.iter().find_map(|event| match event {
        AppEvent::Accepted { socket, .. } => Some(*socket),
        _ => None,
    });
    (pair, socket.expect("a connection was handed over"))
}
