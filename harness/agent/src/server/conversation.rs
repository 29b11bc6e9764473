//! The plain services on the sockets of an operating system.

use crate::service::{HTTP_REQUEST_END, HTTP_RESPONSE, Service, source_octet};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

/// Octets read or written at a time.
const STEP: usize = 16 * 1024;
/// Octets of an echo that may wait before no more is read: the peer's window does the rest.
const MAX_WAITING: usize = 64 * 1024;
/// Longer requests are not looked into.
const MAX_REQUEST: usize = 8 * 1024;

/// What a conversation waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interest {
    /// Something to read.
    pub(super) read: bool,
    /// Room to write.
    pub(super) write: bool,
}

/// One accepted connection and the service that it gets. The stream is non-blocking.
#[derive(Debug)]
pub(super) struct Conversation {
    service: Service,
    stream: TcpStream,
    waiting: Vec<u8>,
    request: Vec<u8>,
    position: u64,
    peer_closed: bool,
    closed: bool,
}

impl Conversation {
    pub(super) fn new(service: Service, stream: TcpStream) -> Self {
        Self {
            service,
            stream,
            waiting: Vec::new(),
            request: Vec::new(),
            position: 0,
            peer_closed: false,
            closed: false,
        }
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads, writes and closes as far as it goes without blocking; `None` when it is over.
    pub(super) fn step(&mut self) -> Option<Interest> {
        if self.service == Service::NoRead {
            return Some(Interest::default());
        }
        if self.service == Service::Closer {
            self.close();
        }
        self.read().ok()?;
        self.write().ok()?;
        let may_close = self.peer_closed && self.waiting.is_empty();
        if may_close && self.service != Service::Hold {
            return None;
        }
        Some(Interest {
            read: !self.peer_closed && self.waiting.len() < MAX_WAITING,
            write: self.wants_to_write(),
        })
    }

    /// Reads one portion: a level-triggered poll brings us back for more.
    fn read(&mut self) -> std::io::Result<()> {
        if self.peer_closed || self.waiting.len() >= MAX_WAITING {
            return Ok(());
        }
        let mut portion = [0; STEP];
        match self.stream.read(&mut portion) {
            Ok(0) => self.peer_closed = true,
            Ok(count) => self.take(&portion[..count]),
            Err(error) if is_later(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn take(&mut self, data: &[u8]) {
        match self.service {
            Service::Echo => self.waiting.extend_from_slice(data),
            Service::Http if !self.closed && self.request.len() < MAX_REQUEST => {
                self.request.extend_from_slice(data);
                let complete = self
                    .request
                    .windows(HTTP_REQUEST_END.len())
                    .any(|window| window == HTTP_REQUEST_END);
                if complete && self.position == 0 {
                    self.position = 1;
                    self.waiting.extend_from_slice(HTTP_RESPONSE);
                }
            }
            _ => {}
        }
    }

    fn write(&mut self) -> std::io::Result<()> {
        if self.service == Service::Source && !self.peer_closed && self.waiting.is_empty() {
            let end = self.position + STEP as u64;
            self.waiting.extend((self.position..end).map(source_octet));
            self.position = end;
        }
        if self.service == Service::Source && self.peer_closed {
            self.waiting.clear();
        }
        while !self.waiting.is_empty() {
            match self.stream.write(&self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        let answered = self.service == Service::Http && self.position > 0;
        if answered && self.waiting.is_empty() {
            self.close();
        }
        Ok(())
    }

    /// CLOSE in the sense of RFC 9293 §3.10.4: no more to send, what comes is still read.
    fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            // A connection that was reset meanwhile shows at the next read.
            drop(self.stream.shutdown(Shutdown::Write));
        }
    }

    fn wants_to_write(&self) -> bool {
        !self.waiting.is_empty() || self.service == Service::Source && !self.peer_closed
    }
}

fn is_later(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
