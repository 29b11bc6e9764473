//! A host behind a transport of its own: the same target, reached otherwise, perhaps started by us.

use super::{HostOptions, HostTarget};
use crate::exec::Process;
use crate::net::clock::RunClock;
use crate::net::cursor::{IsnCursor, PortCursor};
use crate::transport::{Attachment, Opened, open};
use crate::{Link, TargetError};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tcpconf_wire::{Flags, Packet, Segment, SeqNumber};

/// Our ports: an address of our own has all but those that a stack may treat specially.
const PORTS: std::ops::RangeInclusive<u16> = 1_024..=u16::MAX;
/// How long a connection request waits for its answer while the target starts.
const EACH: Duration = Duration::from_millis(250);
const LOOK: Duration = Duration::from_millis(1);

/// What a connection request found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Open,
    Closed,
}

impl HostTarget {
    /// Opens the transport, starts the target if it is to be started, and waits until it accepts a
    /// connection at its address.
    ///
    /// # Errors
    /// [`TargetError::Usage`] for what makes no sense together, [`TargetError::Privilege`] with the way
    /// out, [`TargetError::Unreachable`] naming what was awaited, with the target's last words.
    pub fn attach(
        name: &str,
        attachment: &Attachment,
        options: &HostOptions,
    ) -> Result<Self, TargetError> {
        let clock = RunClock::start();
        let began = Instant::now();
        let Opened {
            link,
            process,
            room,
        } = open(attachment, clock)?;
        let epoch = clock.epoch_nanos();
        let target = attachment.address;
        let mut host = Self {
            name: name.to_owned(),
            target,
            services: options.services.clone(),
            http_path: options.http_path.clone(),
            max_half_open: options.max_half_open,
            link,
            any_port: true,
            on_loopback: false,
            sources: attachment.our_addresses(),
            clock,
            ports: PortCursor::new(PORTS, epoch),
            isns: IsnCursor::new(epoch),
            closed_port: None,
            last_key: 0,
            versions: [if target.is_ipv4() { 4 } else { 6 }],
            _rule: None,
            default_rate: None,
            application: None,
            process,
            _room: room,
        };
        host.greet(attachment, began)?;
        host.look_around()?;
        Ok(host)
    }

    /// Asks for a connection until one is to be had.
    fn greet(&mut self, attachment: &Attachment, began: Instant) -> Result<(), TargetError> {
        let mut last = None;
        loop {
            let asked = ask(
                &mut *self.link,
                (self.sources[0], self.ports.take()).into(),
                self.target,
                self.isns.take(),
            );
            last = match asked {
                Ok(Some(Answer::Open)) => return Ok(()),
                Ok(answer) => answer.or(last),
                Err(source) => {
                    let what = format!("asking {} for a connection", self.target);
                    return Err(TargetError::System { what, source });
                }
            };
            if let Some(sentence) = crate::RealTarget::ended(self) {
                return Err(TargetError::Unreachable(sentence));
            }
            if began.elapsed() >= attachment.ready_within {
                let what = match last {
                    Some(Answer::Closed) => {
                        "answered connection requests by RST: nothing listens there"
                    }
                    _ => "did not answer connection requests",
                };
                let seconds = attachment.ready_within.as_secs_f64();
                let words = self.process.as_ref().map(Process::last_words);
                return Err(TargetError::Unreachable(format!(
                    "{} behind {} {what} within {seconds} s{}",
                    self.target,
                    attachment.transport,
                    words.unwrap_or_default()
                )));
            }
        }
    }

    /// What ended the target, if it has: its process, or its end of the link.
    pub(super) fn end_of_target(&mut self) -> Option<String> {
        let process = self.process.as_mut();
        match self.link.ended() {
            Some(reason) => process.and_then(Process::ended_soon).or(Some(reason)),
            None => process.and_then(Process::ended),
        }
    }
}

/// One connection request; a connection that was opened is reset.
fn ask(
    link: &mut dyn Link,
    from: SocketAddr,
    to: SocketAddr,
    isn: u32,
) -> io::Result<Option<Answer>> {
    let mut segment = Segment::new(from, to);
    segment.flags = Flags::SYN;
    segment.seq = SeqNumber(isn);
    segment.window = 65_535;
    link.send(&[segment.build()], &mut Vec::new())?;
    let until = link.now() + EACH;
    let mut packets: Vec<Packet> = Vec::new();
    while link.now() < until && link.ended().is_none() {
        link.receive(&mut packets)?;
        for packet in packets.drain(..) {
            let Some(answer) = Segment::parse(&packet.bytes) else {
                continue;
            };
            if answer.src() != to || answer.dst() != from || answer.ack != segment.seq + 1 {
                continue;
            }
            if answer.flags.contains(Flags::RST) {
                std::thread::sleep(EACH.saturating_sub(link.now().since(until)));
                return Ok(Some(Answer::Closed));
            }
            segment.flags = Flags::RST;
            segment.seq = answer.ack;
            link.send(&[segment.build()], &mut Vec::new())?;
            return Ok(Some(Answer::Open));
        }
        std::thread::sleep(LOOK);
    }
    Ok(None)
}
