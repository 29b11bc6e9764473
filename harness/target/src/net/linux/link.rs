//! The link to a real target over a packet socket.

use super::filter;
use super::os_error;
use super::packet_socket::{Framing, Outgoing, PacketSocket, Received};
use super::raw_ip::RawIp;
use crate::Link;
use crate::net::clock::RunClock;
use crate::net::neighbour::Notice;
use crate::net::resolve::Wire;
use crate::net::station::{self, Frame, Heard, Hop, Station};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pnet::util::MacAddr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use tcpconf_wire::{Instant, Packet};

/// Frames taken at a time, so that a flood does not keep the run from its timers.
const TAKE: usize = 4_096;

/// Packets to and from targets, with the kernel's receive stamps.
pub(crate) struct PacketLink {
    socket: PacketSocket,
    framing: Framing,
    station: Station,
    /// Sends where no link carries packets: to this machine itself.
    raw: Option<RawIp>,
    questions: Vec<(u32, Notice)>,
}

impl PacketLink {
    /// A link in the calling thread's namespace that hears nothing yet.
    pub(crate) fn open(framing: Framing, clock: RunClock) -> io::Result<Self> {
        let socket = PacketSocket::open(framing, clock)?;
        socket.filter(&filter::nothing())?;
        Ok(Self {
            socket,
            framing,
            station: Station::default(),
            raw: None,
            questions: Vec::new(),
        })
    }

    pub(crate) fn socket(&self) -> &PacketSocket {
        &self.socket
    }

    pub(crate) fn station(&mut self) -> &mut Station {
        &mut self.station
    }

    /// Sends by the kernel's routing instead of by frames.
    pub(crate) fn send_by(&mut self, raw: RawIp) {
        self.raw = Some(raw);
    }

    fn answer_questions(&mut self) -> io::Result<()> {
        for (interface, notice) in std::mem::take(&mut self.questions) {
            if let Some(ours) = self.station.mac_on(interface) {
                self.say(interface, ours, &notice)?;
            }
        }
        Ok(())
    }
}

impl Wire for PacketLink {
    fn say(&self, interface: u32, ours: MacAddr, notice: &Notice) -> io::Result<()> {
        let header = station::ethernet_header(notice.to, ours, notice.ethertype);
        let frame = Outgoing {
            header: &header,
            payload: &notice.payload,
            interface,
            ethertype: notice.ethertype,
        };
        self.socket.send(&[frame], &mut Vec::new())
    }

    fn overhear(&mut self, take: &mut dyn FnMut(&Frame<'_>)) -> io::Result<()> {
        let all = |received: &Received<'_>| {
            if let Some(frame) = Frame::ethernet(received.interface, received.bytes) {
                take(&frame);
            }
        };
        self.socket.receive(all).map(drop)
    }

    fn wait(&mut self, until: Instant) -> io::Result<()> {
        let left = until.since(self.now()).as_millis() + 1;
        let left = PollTimeout::from(u16::try_from(left).unwrap_or(u16::MAX));
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, left) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(errno) => Err(os_error(errno)),
        }
    }

    fn time(&self) -> Instant {
        self.socket.clock().now()
    }
}

impl Link for PacketLink {
    fn send(&mut self, packets: &[Vec<u8>], stamps: &mut Vec<Instant>) -> io::Result<()> {
        if let Some(raw) = &self.raw {
            for packet in packets {
                let at = self.socket.clock().now();
                raw.send(packet)?;
                stamps.push(at);
            }
            return Ok(());
        }
        let mut ways = Vec::with_capacity(packets.len());
        for packet in packets {
            let path = self
                .station
                .path_for(packet)
                .ok_or(io::ErrorKind::NetworkUnreachable)?;
            let ethertype = station::ethertype(packet, path);
            let header = match path.hop {
                Hop::Ethernet { ours, next } => {
                    Some(station::ethernet_header(next, ours, ethertype))
                }
                Hop::Bare => None,
            };
            ways.push((path.interface, ethertype, header));
        }
        let frames: Vec<Outgoing<'_>> = packets
            .iter()
            .zip(&ways)
            .map(|(payload, (interface, ethertype, header))| Outgoing {
                header: header.as_ref().map_or(&[], |h| h.as_slice()),
                payload,
                interface: *interface,
                ethertype: *ethertype,
            })
            .collect();
        self.socket.send(&frames, stamps)
    }

    fn receive(&mut self, packets: &mut Vec<Packet>) -> io::Result<()> {
        let mut taken = 0;
        while taken < TAKE {
            let (station, questions, framing) = (&self.station, &mut self.questions, self.framing);
            let count = self.socket.receive(|received| {
                let frame = match framing {
                    Framing::Ethernet => Frame::ethernet(received.interface, received.bytes),
                    Framing::Bare => Some(Frame {
                        interface: received.interface,
                        destination: None,
                        ethertype: received.ethertype,
                        payload: received.bytes,
                    }),
                };
                let Some(frame) = frame else { return };
                match station.hear(&frame) {
                    Heard::Packet => packets.push(Packet {
                        bytes: frame.payload.to_vec(),
                        at: received.at,
                        checksum: received.checksum,
                        link: received.link,
                    }),
                    Heard::Question(notice) => questions.push((frame.interface, notice)),
                    Heard::Nothing => {}
                }
            })?;
            if !self.questions.is_empty() {
                self.answer_questions()?;
            }
            if count == 0 {
                break;
            }
            taken += count;
        }
        Ok(())
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn now(&self) -> Instant {
        self.socket.clock().now()
    }

    fn dropped(&self) -> u64 {
        self.socket.dropped()
    }
}
