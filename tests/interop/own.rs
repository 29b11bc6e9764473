//! The application on the own stack: streams that both sides fill and check.

use crate::figures::{check, fill, opener_closes_first};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use tcpconf_stack::{Event, Host, ListenOptions, SocketId};
use tcpconf_wire::Instant;

const PIECE: usize = 64 * 1024;

/// Who ends a connection first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closes {
    /// This side, as soon as everything is sent.
    AtOnce,
    /// The other side: this one closes when it has read the end.
    Afterwards,
}

/// What happens on each connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    /// Octets each way.
    pub(crate) octets: u64,
    /// Connections in all.
    pub(crate) connections: u32,
    /// Of them open at once, by active opens.
    pub(crate) at_once: u32,
}

/// One end of a stream.
#[derive(Debug)]
struct Stream {
    closes: Closes,
    sent: u64,
    received: u64,
    closed: bool,
}

/// The own side of a conversation.
#[derive(Debug)]
pub(crate) struct Application {
    script: Script,
    remote: Option<SocketAddr>,
    listener: Option<SocketId>,
    streams: HashMap<SocketId, Stream>,
    begun: u32,
    /// Connections that the other side can take in all by now.
    invited: u32,
    done: u32,
    buffer: Vec<u8>,
}

impl Application {
    /// Opens connections to `remote`.
    pub(crate) fn active(script: Script, remote: SocketAddr) -> Self {
        Self::new(script, Some(remote), None)
    }

    /// Waits for them on `port` of `local`.
    pub(crate) fn passive(script: Script, host: &mut Host, local: IpAddr, port: u16) -> Self {
        let options = ListenOptions {
            backlog: 1024,
            ..ListenOptions::default()
        };
        let listener = host.listen(Some(local), port, options);
        Self::new(script, None, Some(listener.expect("the port is free")))
    }

    fn new(script: Script, remote: Option<SocketAddr>, listener: Option<SocketId>) -> Self {
        Self {
            script,
            remote,
            listener,
            streams: HashMap::new(),
            begun: 0,
            invited: u32::MAX,
            done: 0,
            buffer: vec![0; PIECE],
        }
    }

    /// Whether all connections have been opened, used and closed by both sides.
    pub(crate) fn is_done(&self) -> bool {
        self.done == self.script.connections
    }

    /// The other side has places for so many connections, ended ones included.
    pub(crate) fn invite(&mut self, connections: u32) {
        self.invited = connections;
    }

    /// How far it got, for messages.
    pub(crate) fn progress(&self) -> String {
        let open: Vec<_> = self.streams.iter().take(3).collect();
        format!("{} begun, {} done, {open:?}", self.begun, self.done)
    }

    /// Does what can be done now.
    pub(crate) fn step(&mut self, host: &mut Host, now: Instant) {
        while let Some((id, event)) = host.poll_event() {
            match event {
                Event::Acceptable => self.accept(host, now),
                Event::Error(error) => panic!("a connection failed: {error:?}"),
                Event::Soft(soft) => panic!("a soft error: {soft:?}"),
                Event::Connected | Event::Readable | Event::Writable | Event::Eof => {
                    self.advance(host, now, id);
                }
                Event::Urgent | Event::Closed => {}
            }
        }
        let Some(remote) = self.remote else { return };
        let last = self.script.connections.min(self.invited);
        while self.begun < last && self.begun - self.done < self.script.at_once {
            let id = host.connect(now, None, remote, None).expect("a free port");
            self.begin(host, id, true);
        }
    }

    fn accept(&mut self, host: &mut Host, now: Instant) {
        let listener = self.listener.expect("only listeners accept");
        while let Some(id) = host.accept(listener) {
            self.begin(host, id, false);
            self.advance(host, now, id);
        }
    }

    /// A single connection is closed by both at once.
    fn begin(&mut self, host: &Host, id: SocketId, opener: bool) {
        let tuple = host.status(id).expect("it was just opened").tuple;
        let end = if opener { tuple.local } else { tuple.remote };
        let single = self.script.connections == 1;
        let closes = if single || opener_closes_first(end.port()) == opener {
            Closes::AtOnce
        } else {
            Closes::Afterwards
        };
        self.begun += 1;
        let stream = Stream {
            closes,
            sent: 0,
            received: 0,
            closed: false,
        };
        self.streams.insert(id, stream);
    }

    fn advance(&mut self, host: &mut Host, now: Instant, id: SocketId) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        let total = self.script.octets;
        while stream.sent < total {
            let count = usize::try_from(total - stream.sent)
                .unwrap_or(PIECE)
                .min(PIECE);
            let piece = &mut self.buffer[..count];
            fill(piece, stream.sent);
            let taken = host.send(now, id, piece).expect("it is open");
            stream.sent += taken as u64;
            if taken < count {
                break;
            }
        }
        let ended = loop {
            match host.receive_into(now, id, &mut self.buffer) {
                Ok(Some(0)) => break false,
                Ok(Some(count)) => {
                    check(&self.buffer[..count], stream.received);
                    stream.received += count as u64;
                }
                Ok(None) => break true,
                Err(error) => panic!("receive: {error}"),
            }
        };
        let all_sent = stream.sent == total;
        if all_sent && !stream.closed && (ended || stream.closes == Closes::AtOnce) {
            host.close(now, id).expect("it is open");
            stream.closed = true;
        }
        if ended && stream.closed {
            assert_eq!(stream.received, total, "octets before the end");
            self.streams.remove(&id);
            self.done += 1;
            host.release(now, id);
        }
    }
}
