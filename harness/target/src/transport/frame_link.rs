//! A link over anything that carries Ethernet frames one by one.

use crate::Link;
use crate::net::clock::RunClock;
use crate::net::linux::os_error;
use crate::net::neighbour::Notice;
use crate::net::resolve::Wire;
use crate::net::station::{self, Frame, Heard, Hop, Station};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pnet::util::MacAddr;
use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use tcpconf_wire::{ChecksumState, Instant, LinkKind, Packet};

/// The only interface there is.
pub(crate) const INTERFACE: u32 = 1;
/// Frames taken at a time, so that a flood does not keep the run from its timers.
const TAKE: usize = 4_096;

/// Carries frames. Never blocks: what finds no room is lost, as on a wire.
pub(crate) trait Port {
    /// Sends a frame that stands in two parts.
    fn send(&mut self, header: &[u8], payload: &[u8]) -> io::Result<()>;
    /// The next frame that is there, into `frame`; `false` when there is none.
    ///
    /// # Errors
    /// `UnexpectedEof` when the other side is gone, `InvalidData` when what came is no frame.
    fn receive(&mut self, frame: &mut Vec<u8>) -> io::Result<bool>;
    /// Becomes readable with the next frame.
    fn as_fd(&self) -> BorrowedFd<'_>;
    /// Frames of ours that found no room.
    fn lost(&self) -> u64;
}

/// Packets to and from one target over a [`Port`].
pub(crate) struct FrameLink<P> {
    port: RefCell<P>,
    /// Owned by us for polling: the port's own is behind a cell.
    fd: std::os::fd::OwnedFd,
    station: Station,
    clock: RunClock,
    frame: Vec<u8>,
    gone: Option<String>,
}

impl<P: Port> FrameLink<P> {
    pub(crate) fn new(port: P, clock: RunClock) -> io::Result<Self> {
        let fd = port.as_fd().try_clone_to_owned()?;
        Ok(Self {
            port: RefCell::new(port),
            fd,
            station: Station::default(),
            clock,
            frame: Vec::new(),
            gone: None,
        })
    }

    /// The next frame; the end of the other side is remembered.
    fn next(&mut self) -> bool {
        if self.gone.is_some() {
            return false;
        }
        match self.port.get_mut().receive(&mut self.frame) {
            Ok(got) => got,
            Err(error) => {
                self.gone = Some(error.to_string());
                false
            }
        }
    }

    fn transmit(&self, header: &[u8], payload: &[u8]) -> io::Result<()> {
        match self.port.borrow_mut().send(header, payload) {
            // That it is gone is seen by the next look at what has arrived.
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::BrokenPipe
                        | io::ErrorKind::ConnectionReset
                        | io::ErrorKind::NotConnected
                ) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

impl<P: Port> super::open::Carrier for FrameLink<P> {
    fn station(&mut self) -> &mut Station {
        &mut self.station
    }
}

impl<P: Port> Wire for FrameLink<P> {
    fn say(&self, _interface: u32, ours: MacAddr, notice: &Notice) -> io::Result<()> {
        let header = station::ethernet_header(notice.to, ours, notice.ethertype);
        self.transmit(&header, &notice.payload)
    }

    fn overhear(&mut self, take: &mut dyn FnMut(&Frame<'_>)) -> io::Result<()> {
        while self.next() {
            if let Some(frame) = Frame::ethernet(INTERFACE, &self.frame) {
                take(&frame);
            }
        }
        match &self.gone {
            Some(reason) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason.clone())),
            None => Ok(()),
        }
    }

    fn wait(&mut self, until: Instant) -> io::Result<()> {
        let left = until.since(self.now()).as_millis() + 1;
        let left = PollTimeout::from(u16::try_from(left).unwrap_or(u16::MAX));
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, left) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(errno) => Err(os_error(errno)),
        }
    }

    fn time(&self) -> Instant {
        self.clock.now()
    }
}

impl<P: Port> Link for FrameLink<P> {
    fn send(&mut self, packets: &[Vec<u8>], stamps: &mut Vec<Instant>) -> io::Result<()> {
        for packet in packets {
            let path = self
                .station
                .path_for(packet)
                .ok_or(io::ErrorKind::NetworkUnreachable)?;
            let Hop::Ethernet { ours, next } = path.hop else {
                return Err(io::ErrorKind::NetworkUnreachable.into());
            };
            let header = station::ethernet_header(next, ours, station::ethertype(packet, path));
            stamps.push(self.clock.now());
            self.transmit(&header, packet)?;
        }
        Ok(())
    }

    fn receive(&mut self, packets: &mut Vec<Packet>) -> io::Result<()> {
        for _ in 0..TAKE {
            if !self.next() {
                break;
            }
            let Some(frame) = Frame::ethernet(INTERFACE, &self.frame) else {
                continue;
            };
            match self.station.hear(&frame) {
                Heard::Packet => packets.push(Packet {
                    bytes: frame.payload.to_vec(),
                    at: self.clock.now(),
                    checksum: ChecksumState::Judged,
                    link: link_kind(frame.destination),
                }),
                Heard::Question(notice) => {
                    if let Some(ours) = self.station.mac_on(INTERFACE) {
                        self.say(INTERFACE, ours, &notice)?;
                    }
                }
                Heard::Nothing => {}
            }
        }
        Ok(())
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn dropped(&self) -> u64 {
        self.port.borrow().lost()
    }

    fn ended(&self) -> Option<String> {
        self.gone.clone()
    }
}

fn link_kind(destination: Option<MacAddr>) -> LinkKind {
    match destination {
        Some(mac) if mac.is_broadcast() => LinkKind::Broadcast,
        Some(mac) if mac.is_multicast() => LinkKind::Multicast,
        _ => LinkKind::Unicast,
    }
}
