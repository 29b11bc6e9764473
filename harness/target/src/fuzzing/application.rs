//! The application on a host: takes and gives octets that name their sequence number.

use super::settings::MAX_IN_FLIGHT;
use super::subject::Subject;
use super::{fill, first_wrong};
use tcpconf_stack::{Event, SocketId, StateName, Status};
use tcpconf_wire::Instant;

/// Octets that a source offers a connection in all.
const SOURCE_TOTAL: u32 = 24 * 1024;
/// The same in segments: more than may be in flight, so that every limit is met. Beyond that, small segments would only
/// cost time.
const SOURCE_SEGMENTS: u32 = MAX_IN_FLIGHT + MAX_IN_FLIGHT / 4;
/// Octets of one SEND of a source.
const STEP: usize = 4096;

/// How the application treats its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Reads all, closes after the peer.
    Sink,
    /// Sends without waiting, reads all, closes after the peer.
    Source,
    /// Sends as much as it reads, closes after the peer.
    Echo,
    /// Never reads.
    NoRead,
    /// Reads all, never closes.
    Hold,
    /// Closes at once.
    Closer,
}

impl Manner {
    pub(super) const ALL: [Self; 6] = [
        Self::Sink,
        Self::Source,
        Self::Echo,
        Self::NoRead,
        Self::Hold,
        Self::Closer,
    ];
}

/// What the application knows of a connection.
#[derive(Clone, Debug, Default)]
struct Client {
    /// Octets read.
    read: u32,
    /// Octets that SEND took.
    sent: u32,
    /// Octets that are to be sent.
    owed: u32,
    closed: bool,
    eof: bool,
}

impl Client {
    /// SEND of `count` octets on a connection with this status.
    fn send(
        &mut self,
        host: &mut Subject,
        now: Instant,
        status: &Status,
        (id, count, urgent): (SocketId, usize, bool),
        buffer: &mut Vec<u8>,
    ) -> usize {
        if status.state == StateName::Closed {
            return 0;
        }
        // What there is no room for is not taken: that it is offered is enough.
        let count = count.min(status.writable + 1);
        buffer.resize(buffer.len().max(count), 0);
        let data = &mut buffer[..count];
        fill(status.iss + 1 + self.sent, data);
        let taken = if urgent {
            host.send_urgent(now, id, data)
        } else {
            host.send(now, id, data)
        };
        let taken = taken.unwrap_or(0);
        assert!(taken <= count, "SEND took {taken} of {count} octets");
        self.sent += taken as u32;
        taken
    }

    /// Sends what is owed as far as it goes.
    fn flush(
        &mut self,
        host: &mut Subject,
        now: Instant,
        id: SocketId,
        mut status: Status,
        buffer: &mut Vec<u8>,
    ) {
        while self.owed > 0 {
            let count = (self.owed as usize).min(STEP);
            let taken = self.send(host, now, &status, (id, count, false), buffer);
            self.owed -= taken as u32;
            status.writable = status.writable.saturating_sub(taken);
            if taken < count {
                return;
            }
        }
    }
}

fn place(clients: &[(SocketId, Client)], id: SocketId) -> Result<usize, usize> {
    clients.binary_search_by_key(&id, |(known, _)| *known)
}

fn known(clients: &mut [(SocketId, Client)], id: SocketId) -> Option<&mut Client> {
    let place = place(clients, id).ok()?;
    clients.get_mut(place).map(|(_, client)| client)
}

/// The application.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) manner: Manner,
    pub(super) listener: Option<SocketId>,
    /// In the order of their ids: they are few.
    clients: Vec<(SocketId, Client)>,
    buffer: Vec<u8>,
}

impl Application {
    /// `buffer` is memory for it.
    pub(super) const fn new(manner: Manner, buffer: Vec<u8>) -> Self {
        Self {
            manner,
            listener: None,
            clients: Vec::new(),
            buffer,
        }
    }

    /// It is no more; its memory is left.
    pub(super) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Its connections.
    pub(super) fn clients(&self) -> Vec<SocketId> {
        self.clients.iter().map(|(id, _)| *id).collect()
    }

    /// The connection that an input means by a number.
    pub(super) fn client(&self, n: u8) -> Option<SocketId> {
        let count = self.clients.len();
        let n = usize::from(n).checked_rem(count)?;
        self.clients.get(n).map(|(id, _)| *id)
    }

    /// It has opened a connection itself.
    pub(super) fn opened(&mut self, id: SocketId) {
        if let Err(place) = place(&self.clients, id) {
            self.clients.insert(place, (id, Client::default()));
        }
    }

    /// Whether it was there.
    fn forget(&mut self, id: SocketId) -> bool {
        place(&self.clients, id).is_ok_and(|place| {
            self.clients.remove(place);
            true
        })
    }

    /// All events of the host. Whether there were any.
    pub(super) fn handle_events(&mut self, host: &mut Subject, now: Instant) -> bool {
        let mut any = false;
        while let Some((id, event)) = host.poll_event() {
            any = true;
            if Some(id) == self.listener {
                while let Some(client) = host.accept(id) {
                    self.opened(client);
                    self.act(host, now, client);
                }
                continue;
            }
            match event {
                Event::Closed => {
                    // What was received in order can still be read.
                    if self.manner != Manner::NoRead {
                        self.read(host, now, id, usize::MAX);
                    }
                    self.forget(id);
                    host.release(now, id);
                }
                _ => self.act(host, now, id),
            }
        }
        any
    }

    fn act(&mut self, host: &mut Subject, now: Instant, id: SocketId) {
        match self.manner {
            Manner::NoRead => return,
            Manner::Closer => self.close(host, now, id),
            Manner::Sink | Manner::Source | Manner::Echo | Manner::Hold => {}
        }
        let read = self.read(host, now, id, usize::MAX);
        let Some(client) = known(&mut self.clients, id) else {
            return;
        };
        if self.manner == Manner::Echo {
            client.owed += read;
        }
        let offers = self.manner == Manner::Source && client.sent < SOURCE_TOTAL;
        if (offers || client.owed > 0)
            && let Some(status) = host.status(id)
        {
            if self.manner == Manner::Source {
                let total = SOURCE_TOTAL.min(status.mss.saturating_mul(SOURCE_SEGMENTS));
                client.owed = total.saturating_sub(client.sent);
            }
            client.flush(host, now, id, status, &mut self.buffer);
        }
        if client.eof && !matches!(self.manner, Manner::Hold) {
            self.forget(id);
            host.release(now, id);
        }
    }

    /// Reads up to `max` octets and checks that they are those of their place. How many there were.
    pub(super) fn read(
        &mut self,
        host: &mut Subject,
        now: Instant,
        id: SocketId,
        max: usize,
    ) -> u32 {
        let Some(client) = known(&mut self.clients, id) else {
            return 0;
        };
        self.buffer.resize(self.buffer.len().max(STEP), 0);
        let mut count = 0;
        while count < max {
            let step = STEP.min(max - count);
            match host.receive_into(now, id, &mut self.buffer[..step]) {
                Ok(Some(got @ 1..)) => {
                    let irs = host.status(id).map(|status| status.irs);
                    let at = irs.expect("what can be read has a status") + 1 + client.read;
                    let wrong = first_wrong(at, &self.buffer[..got]);
                    assert!(
                        wrong.is_none(),
                        "octet {} of the stream is wrong",
                        client.read as usize + wrong.unwrap_or(0)
                    );
                    client.read += got as u32;
                    count += got;
                }
                Ok(None) => {
                    client.eof = true;
                    break;
                }
                Ok(Some(_)) | Err(_) => break,
            }
        }
        count as u32
    }

    /// SEND of `count` octets; how many were taken.
    pub(super) fn send(
        &mut self,
        host: &mut Subject,
        now: Instant,
        id: SocketId,
        count: usize,
        urgent: bool,
    ) -> usize {
        let Some(client) = known(&mut self.clients, id) else {
            return 0;
        };
        let Some(status) = host.status(id) else {
            return 0;
        };
        client.send(host, now, &status, (id, count, urgent), &mut self.buffer)
    }

    pub(super) fn close(&mut self, host: &mut Subject, now: Instant, id: SocketId) {
        if let Some(client) = known(&mut self.clients, id)
            && !client.closed
        {
            client.closed = host.close(now, id).is_ok();
            if host.status(id).is_none() {
                self.forget(id);
            }
        }
    }

    pub(super) fn release(&mut self, host: &mut Subject, now: Instant, id: SocketId) {
        if self.forget(id) {
            host.release(now, id);
        }
    }

    pub(super) fn abort(&mut self, host: &mut Subject, now: Instant, id: SocketId) {
        if self.forget(id) && host.abort(now, id).is_err() {
            host.release(now, id);
        }
    }
}
