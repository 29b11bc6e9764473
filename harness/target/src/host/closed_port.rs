//! Finds a port of a foreign host behind which nothing listens: one that answers a SYN by RST.

use crate::Link;
use crate::net::cursor::PortCursor;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tcpconf_wire::{Flags, Packet, Segment, SeqNumber};

/// Services that hardly any host still has (tcpmux, echo, discard, systat, chargen …), then high
/// ports that nobody assigns by hand.
pub(super) const CANDIDATES: [u16; 8] = [1, 9, 7, 11, 19, 17, 47_999, 64_999];
/// How long the answers may take.
const WITHIN: Duration = Duration::from_millis(400);
const LOOK: Duration = Duration::from_millis(1);
/// A lost question is asked once more.
const TRIES: usize = 2;

/// The first port of `target` that is found closed, other than `open`; `None` when a firewall
/// swallows all questions.
pub(super) fn find(
    link: &mut dyn Link,
    target: IpAddr,
    open: u16,
    source: IpAddr,
    ports: &mut PortCursor,
    isn: u32,
) -> io::Result<Option<u16>> {
    for _ in 0..TRIES {
        let asked: Vec<Segment> = CANDIDATES
            .into_iter()
            .filter(|port| *port != open)
            .map(|port| syn((source, ports.take()).into(), (target, port).into(), isn))
            .collect();
        let packets: Vec<Vec<u8>> = asked.iter().map(Segment::build).collect();
        link.send(&packets, &mut Vec::new())?;
        if let Some(port) = listen(link, &asked)? {
            return Ok(Some(port));
        }
    }
    Ok(None)
}

fn listen(link: &mut dyn Link, asked: &[Segment]) -> io::Result<Option<u16>> {
    let until = link.now() + WITHIN;
    let mut closed = None;
    let mut answered = 0;
    let mut packets: Vec<Packet> = Vec::new();
    while answered < asked.len() && link.now() < until {
        link.receive(&mut packets)?;
        for packet in packets.drain(..) {
            let Some(answer) = Segment::parse(&packet.bytes) else {
                continue;
            };
            let Some(question) = asked
                .iter()
                .find(|syn| syn.dst() == answer.src() && syn.src() == answer.dst())
            else {
                continue;
            };
            answered += 1;
            if answer.flags.contains(Flags::RST) {
                closed = closed.or(Some(question.dst_port));
            } else {
                // Something listens there: leave no half-open connection behind.
                let mut reset = question.clone();
                reset.flags = Flags::RST;
                reset.seq = answer.ack;
                link.send(&[reset.build()], &mut Vec::new())?;
            }
        }
        if closed.is_some() && answered * 2 >= asked.len() {
            break;
        }
        std::thread::sleep(LOOK);
    }
    Ok(closed)
}

fn syn(from: SocketAddr, to: SocketAddr, isn: u32) -> Segment {
    let mut segment = Segment::new(from, to);
    segment.flags = Flags::SYN;
    segment.seq = SeqNumber(isn);
    segment.window = 65_535;
    segment
}
