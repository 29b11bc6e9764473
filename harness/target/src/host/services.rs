//! What stands behind a port, found by talking to it: a bounded conversation of well-formed segments.
//!
//! Tells echo, http, source and closer apart. A sink cannot be told from a server that waits for more,
//! and stays what it is for certain: something that listens.

use crate::Link;
use crate::service::Service;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_wire::{Flags, Instant, Packet, Segment, SeqNumber, TcpOption};

/// How long the SYN-ACK may take, after the handshake that has shown that one comes.
const CONNECT: Duration = Duration::from_millis(500);
/// Who speaks or closes first does so within this.
const FIRST: Duration = Duration::from_millis(300);
/// How long the answer to the request may take.
const ANSWER: Duration = Duration::from_millis(700);
const LOOK: Duration = Duration::from_millis(1);
/// More than any greeting: whoever sends this much unasked is a source.
const MUCH: usize = 4_096;
const MSS: u16 = 1_460;
const WINDOW: u16 = 32_768;
/// An echo sends it back, a web server answers it.
const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// One side of one connection, in order, without retransmission: what is lost stays unknown.
struct Caller<'l> {
    link: &'l mut dyn Link,
    next: Segment,
    heard: Vec<u8>,
    closed: bool,
    gone: bool,
}

/// The plain service at `to`, if it can be told; the connection is reset afterwards.
pub(super) fn find(
    link: &mut dyn Link,
    from: SocketAddr,
    to: SocketAddr,
    isn: u32,
) -> io::Result<Option<Service>> {
    let mut next = Segment::new(from, to);
    next.window = WINDOW;
    next.seq = SeqNumber(isn);
    let mut caller = Caller {
        link,
        next,
        heard: Vec::new(),
        closed: false,
        gone: false,
    };
    if !caller.connect()? {
        return Ok(None);
    }
    let found = caller.converse()?;
    if !caller.gone {
        caller.send(Flags::RST | Flags::ACK, &[])?;
    }
    Ok(found)
}

impl Caller<'_> {
    fn converse(&mut self) -> io::Result<Option<Service>> {
        self.listen(FIRST, |c| c.closed || c.heard.len() >= MUCH)?;
        if self.heard.len() >= MUCH {
            return Ok(Some(Service::Source));
        }
        if self.closed {
            return Ok(self.heard.is_empty().then_some(Service::Closer));
        }
        let greeted = self.heard.len();
        self.send(Flags::PSH | Flags::ACK, REQUEST)?;
        self.listen(ANSWER, |c| c.heard.len() >= greeted + REQUEST.len())?;
        let answer = &self.heard[greeted..];
        Ok(if answer.starts_with(b"HTTP/") {
            Some(Service::Http)
        } else if greeted == 0 && answer == REQUEST {
            Some(Service::Echo)
        } else {
            None
        })
    }

    fn connect(&mut self) -> io::Result<bool> {
        self.next.options = vec![TcpOption::Mss(MSS)];
        self.send(Flags::SYN, &[])?;
        self.next.options.clear();
        let until = self.link.now() + CONNECT;
        while self.link.now() < until {
            for answer in self.arrived()? {
                let wanted = answer.flags.contains(Flags::SYN | Flags::ACK);
                if wanted && answer.ack == self.next.seq {
                    self.next.ack = answer.seq + 1;
                    self.send(Flags::ACK, &[])?;
                    return Ok(true);
                }
            }
            std::thread::sleep(LOOK);
        }
        Ok(false)
    }

    /// Takes what comes in order, and acknowledges it, until the time is over or enough was said.
    fn listen(&mut self, time: Duration, enough: impl Fn(&Self) -> bool) -> io::Result<()> {
        let until: Instant = self.link.now() + time;
        while self.link.now() < until && !self.gone && !enough(self) {
            for segment in self.arrived()? {
                if segment.flags.contains(Flags::RST) {
                    self.gone = true;
                    self.closed = true;
                    return Ok(());
                }
                if segment.seq != self.next.ack || self.closed {
                    continue;
                }
                let fin = segment.flags.contains(Flags::FIN);
                self.heard.extend_from_slice(&segment.payload);
                let taken = segment.payload.len() as u32 + u32::from(fin);
                self.next.ack = segment.seq + taken;
                self.closed |= fin;
                if taken > 0 {
                    self.send(Flags::ACK, &[])?;
                }
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Segments of this connection that are there.
    fn arrived(&mut self) -> io::Result<Vec<Segment>> {
        let mut packets: Vec<Packet> = Vec::new();
        self.link.receive(&mut packets)?;
        let parsed = packets.iter().filter_map(|p| Segment::parse(&p.bytes));
        let (ours, theirs) = (self.next.src(), self.next.dst());
        Ok(parsed
            .filter(|s| s.src() == theirs && s.dst() == ours)
            .collect())
    }

    fn send(&mut self, flags: Flags, payload: &[u8]) -> io::Result<()> {
        self.next.flags = flags;
        self.next.payload = payload.to_vec();
        self.link.send(&[self.next.build()], &mut Vec::new())?;
        let length = payload.len() as u32 + u32::from(flags.contains(Flags::SYN));
        self.next.seq += length;
        Ok(())
    }
}
