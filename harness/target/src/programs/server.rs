//! The plain services of [`Service`].

use super::{Event, Received, Sockets};
use crate::service::{HTTP_REQUEST_END, HTTP_RESPONSE, Service, source_octet};
use std::collections::BTreeMap;
use tcpconf_wire::Instant;

/// Octets handled at a time.
const STEP: usize = 16 * 1024;
/// Octets of an echo that may wait before no more is read: the peer's window does the rest.
const MAX_WAITING: usize = 64 * 1024;
/// A longer request is cut: only its end is looked for.
const MAX_REQUEST: usize = 8 * 1024;

/// A server with its connections.
pub(super) struct Server<S: Sockets> {
    service: Service,
    listener: Option<S::Id>,
    clients: BTreeMap<S::Id, Client>,
}

/// One connection.
#[derive(Debug, Default)]
struct Client {
    /// To be sent.
    waiting: Vec<u8>,
    /// What came of a request.
    request: Vec<u8>,
    /// Octets sent by the source.
    position: u64,
    peer_closed: bool,
    closed: bool,
}

impl<S: Sockets> Server<S> {
    pub(super) const fn new(service: Service) -> Self {
        Self {
            service,
            listener: None,
            clients: BTreeMap::new(),
        }
    }

    /// Its listener.
    pub(super) const fn listens(&mut self, listener: S::Id) {
        self.listener = Some(listener);
    }

    /// Something has happened to its listener or to a connection.
    pub(super) fn on_event(&mut self, host: &mut S, now: Instant, id: S::Id, event: Event) {
        if Some(id) == self.listener {
            while let Some(client) = host.accept(id) {
                self.clients.insert(client, Client::default());
                self.act(host, now, client);
            }
            return;
        }
        match event {
            Event::Error(_) | Event::Closed => {
                if self.clients.remove(&id).is_some() {
                    host.release(now, id);
                }
            }
            Event::Acceptable
            | Event::Connected
            | Event::Readable
            | Event::Writable
            | Event::Urgent
            | Event::SoftError(_)
            | Event::Eof => self.act(host, now, id),
        }
    }

    /// Reads, sends and closes as far as it goes at this moment.
    fn act(&mut self, host: &mut S, now: Instant, id: S::Id) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if self.service == Service::NoRead {
            return;
        }
        if self.service == Service::Closer && !client.closed {
            client.closed = host.close(now, id).is_ok();
        }
        loop {
            client.read(self.service, host, now, id);
            let sent = client.send(self.service, host, now, id);
            // An echo reads on when its answers have made room.
            if !(sent && self.service == Service::Echo && !client.peer_closed) {
                break;
            }
        }
        if client.is_finished(self.service) {
            self.clients.remove(&id);
            host.release(now, id);
        }
    }
}

impl Client {
    fn read<S: Sockets>(&mut self, service: Service, host: &mut S, now: Instant, id: S::Id) {
        while !self.peer_closed && self.waiting.len() < MAX_WAITING {
            match host.receive(now, id, STEP) {
                Ok(Received::Data(data)) => self.take(service, &data),
                Ok(Received::Eof) => self.peer_closed = true,
                // An error has an event of its own.
                Ok(Received::Nothing) | Err(_) => return,
            }
        }
    }

    fn take(&mut self, service: Service, data: &[u8]) {
        match service {
            Service::Echo => self.waiting.extend(data),
            Service::Http => {
                let known = self.request.len().saturating_sub(HTTP_REQUEST_END.len());
                self.request.extend(data);
                let ends = self.request[known..]
                    .windows(HTTP_REQUEST_END.len())
                    .any(|window| window == HTTP_REQUEST_END);
                if ends && self.position == 0 {
                    self.position = 1;
                    self.waiting.extend(HTTP_RESPONSE);
                }
                let excess = self.request.len().saturating_sub(MAX_REQUEST);
                self.request.drain(..excess);
            }
            Service::Listen
            | Service::Sink
            | Service::Source
            | Service::NoRead
            | Service::Hold
            | Service::Closer
            | Service::Closed => {}
        }
    }

    /// Whether anything was sent.
    fn send<S: Sockets>(
        &mut self,
        service: Service,
        host: &mut S,
        now: Instant,
        id: S::Id,
    ) -> bool {
        let mut any = false;
        loop {
            if service == Service::Source && self.waiting.is_empty() && !self.peer_closed {
                let next = self.position..self.position + STEP as u64;
                self.waiting.extend(next.clone().map(source_octet));
                self.position = next.end;
            }
            if self.waiting.is_empty() || self.closed {
                return any;
            }
            match host.send(now, id, &self.waiting, false) {
                Ok(0) | Err(_) => return any,
                Ok(taken) => {
                    any = true;
                    self.waiting.drain(..taken);
                }
            }
        }
    }

    /// Whether the server lets go of the connection.
    fn is_finished(&self, service: Service) -> bool {
        match service {
            Service::Listen | Service::Sink | Service::Source | Service::Closer => self.peer_closed,
            Service::Echo => self.peer_closed && self.waiting.is_empty(),
            Service::Http => self.waiting.is_empty() && (self.peer_closed || self.position > 0),
            Service::NoRead | Service::Hold | Service::Closed => false,
        }
    }
}
