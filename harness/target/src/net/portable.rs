//! A link over a pnet channel, for systems that are not Linux (or `TCPCONF_LINK=pnet`).
//!
//! Its receive stamps are taken in user space by a thread of its own, it cannot tell checksum
//! offload from a wrong checksum, and it does not see what the system drops: timing is coarser and
//! nothing more. Ethernet only.

use crate::Link;
use crate::net::clock::RunClock;
use crate::net::neighbour::Notice;
use crate::net::resolve::Wire;
use crate::net::station::{self, ETHERNET_HEADER, Frame, Heard, Hop, Station};
use pnet::datalink::{self, Channel, Config, DataLinkReceiver, DataLinkSender, NetworkInterface};
use pnet::util::MacAddr;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use tcpconf_wire::{ChecksumState, Instant, LinkKind, Packet};

/// Longer frames are cut by pnet without a word.
const READ_BUFFER: usize = 65_536 + ETHERNET_HEADER;
/// How often the reading thread looks whether it is still wanted.
const LOOK_UP: Duration = Duration::from_millis(100);

type Arrived = (Vec<u8>, Instant);

/// Packets to and from one target over a pnet channel.
pub(crate) struct PortableLink {
    interface: u32,
    sender: RefCell<Box<dyn DataLinkSender>>,
    frames: Receiver<Arrived>,
    early: VecDeque<Arrived>,
    bell: UnixStream,
    ending: Arc<AtomicBool>,
    station: Station,
    clock: RunClock,
}

impl PortableLink {
    pub(crate) fn open(interface: &NetworkInterface, clock: RunClock) -> io::Result<Self> {
        let config = Config {
            read_buffer_size: READ_BUFFER,
            read_timeout: Some(LOOK_UP),
            ..Config::default()
        };
        let Channel::Ethernet(sender, receiver) = datalink::channel(interface, config)? else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let (arrived, frames) = channel();
        let (ring, bell) = UnixStream::pair()?;
        ring.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        let ending = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ending);
        std::thread::Builder::new()
            .name("tcpconf-read".into())
            .spawn(move || read(receiver, clock, &arrived, ring, &ended))?;
        Ok(Self {
            interface: interface.index,
            sender: RefCell::new(sender),
            frames,
            early: VecDeque::new(),
            bell,
            ending,
            station: Station::default(),
            clock,
        })
    }

    pub(crate) fn station(&mut self) -> &mut Station {
        &mut self.station
    }

    fn transmit(&self, header: [u8; ETHERNET_HEADER], payload: &[u8]) -> io::Result<()> {
        let frame = [&header, payload].concat();
        self.sender
            .borrow_mut()
            .send_to(&frame, None)
            .unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))
    }

    fn next(&mut self) -> Option<Arrived> {
        self.early
            .pop_front()
            .or_else(|| self.frames.try_recv().ok())
    }

    /// Before the queue is emptied, so that a frame that comes meanwhile rings again.
    fn silence(&mut self) {
        let mut rings = [0; 64];
        while self
            .bell
            .read(&mut rings)
            .is_ok_and(|count| count == rings.len())
        {}
    }
}

impl Drop for PortableLink {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
    }
}

fn read(
    mut receiver: Box<dyn DataLinkReceiver>,
    clock: RunClock,
    arrived: &Sender<Arrived>,
    mut ring: UnixStream,
    ending: &AtomicBool,
) {
    while !ending.load(Ordering::Relaxed) {
        match receiver.next() {
            Ok(frame) => {
                let stamped = (frame.to_vec(), clock.now());
                if arrived.send(stamped).is_err() {
                    return;
                }
                match ring.write(&[1]) {
                    // A full pipe rings already.
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                    _ => {}
                }
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::TimedOut
                        | io::ErrorKind::WouldBlock
                        | io::ErrorKind::Interrupted
                ) => {}
            Err(_) => return,
        }
    }
}

impl Wire for PortableLink {
    fn say(&self, _interface: u32, ours: MacAddr, notice: &Notice) -> io::Result<()> {
        self.transmit(
            station::ethernet_header(notice.to, ours, notice.ethertype),
            &notice.payload,
        )
    }

    fn overhear(&mut self, take: &mut dyn FnMut(&Frame<'_>)) -> io::Result<()> {
        while let Some((bytes, _)) = self.next() {
            if let Some(frame) = Frame::ethernet(self.interface, &bytes) {
                take(&frame);
            }
        }
        Ok(())
    }

    fn wait(&mut self, until: Instant) -> io::Result<()> {
        if self.early.is_empty() {
            match self.frames.recv_timeout(until.since(self.clock.now())) {
                Ok(frame) => self.early.push_back(frame),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(io::ErrorKind::NotConnected.into());
                }
            }
        }
        Ok(())
    }

    fn time(&self) -> Instant {
        self.clock.now()
    }
}

impl Link for PortableLink {
    fn send(&mut self, packets: &[Vec<u8>], stamps: &mut Vec<Instant>) -> io::Result<()> {
        for packet in packets {
            let path = self
                .station
                .path_for(packet)
                .ok_or(io::ErrorKind::NetworkUnreachable)?;
            let Hop::Ethernet { ours, next } = path.hop else {
                return Err(io::ErrorKind::Unsupported.into());
            };
            let header = station::ethernet_header(next, ours, station::ethertype(packet, path));
            let at = self.clock.now();
            self.transmit(header, packet)?;
            stamps.push(at);
        }
        Ok(())
    }

    fn receive(&mut self, packets: &mut Vec<Packet>) -> io::Result<()> {
        self.silence();
        while let Some((bytes, at)) = self.next() {
            let Some(frame) = Frame::ethernet(self.interface, &bytes) else {
                continue;
            };
            match self.station.hear(&frame) {
                Heard::Packet => packets.push(Packet {
                    bytes: frame.payload.to_vec(),
                    at,
                    checksum: ChecksumState::Judged,
                    link: kind(frame.destination),
                }),
                Heard::Question(notice) => {
                    if let Some(ours) = self.station.mac_on(self.interface) {
                        self.say(self.interface, ours, &notice)?;
                    }
                }
                Heard::Nothing => {}
            }
        }
        Ok(())
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn dropped(&self) -> u64 {
        0
    }
}

fn kind(destination: Option<MacAddr>) -> LinkKind {
    match destination {
        Some(mac) if mac.is_broadcast() => LinkKind::Broadcast,
        Some(mac) if mac.is_multicast() => LinkKind::Multicast,
        _ => LinkKind::Unicast,
    }
}
