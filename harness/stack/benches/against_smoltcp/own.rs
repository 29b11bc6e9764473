//! The own stack as a subject.

use crate::Subject;
use crate::peer::{PORT, STACK};
use tcpconf_stack::{Config, Host, ListenOptions, SocketId};
use tcpconf_wire::Instant;

pub(crate) struct Own {
    host: Host,
    listener: SocketId,
    connection: SocketId,
}

impl Subject for Own {
    fn new() -> Self {
        let mut host = Host::new(Config::with_addresses([STACK.into()]), 1);
        let listener = host.listen(None, PORT, ListenOptions::default());
        let listener = listener.expect("the port is free");
        Self {
            host,
            listener,
            connection: listener,
        }
    }

    fn input(&mut self, now: Instant, packet: &[u8]) {
        self.host.handle_packet(now, packet);
    }

    fn output(&mut self, now: Instant, packet: &mut Vec<u8>) -> bool {
        self.host.poll_transmit_into(now, packet)
    }

    fn accept(&mut self) {
        let connection = self.host.accept(self.listener);
        self.connection = connection.expect("the handshake is done");
    }

    fn read(&mut self, now: Instant, buffer: &mut [u8]) -> usize {
        let got = self.host.receive_into(now, self.connection, buffer);
        self.events();
        got.expect("it is open").expect("the peer has not closed")
    }

    fn write(&mut self, now: Instant, text: &[u8]) -> usize {
        let sent = self.host.send(now, self.connection, text);
        sent.expect("it is open")
    }

    fn close(&mut self, now: Instant) {
        self.events();
        self.host.release(now, self.connection);
    }

    fn ended(&mut self, _: Instant) {
        assert_eq!(self.host.sockets(), 1, "only the listener is left");
    }
}

impl Own {
    /// An application of this stack takes its events.
    fn events(&mut self) {
        while self.host.poll_event().is_some() {}
    }
}
