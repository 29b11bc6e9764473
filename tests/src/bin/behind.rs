//! The built-in stack as a program of its own, behind a device or a socket: what `--transport` is tested with.
//!
//!     behind tun|interface|connect|listen|packets [SERVICE]
//!
//! What tcpconf tells by environment variables (docs/targets.md) says which device or socket. Its address is 192.0.2.1,
//! port 80, whatever it is told: the stack is the one of `--target stack`, in real time. It knows one peer, the last that
//! sent a frame, and answers ARP for whatever it is asked.

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, socket,
};
use pnet::datalink::{self, Channel, DataLinkReceiver, DataLinkSender};
use smoltcp::phy::{Device as _, Medium, RxToken as _, TunTapInterface, TxToken as _, wait};
use smoltcp::time::{Duration as SmolDuration, Instant as SmolInstant};
use std::error::Error;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;
use tcpconf_engine::Endpoint;
use tcpconf_suite::plan::Needs;
use tcpconf_target::{InProcess as _, StackTarget};
use tcpconf_wire::{Instant, Packet};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const ETHERNET: usize = 14;
const IPV4: [u8; 2] = [8, 0];
const ARP: [u8; 2] = [8, 6];
/// No frame is longer.
const MAX_FRAME: usize = 65_536;
/// Timers are not exact to less.
const SHORTEST: Duration = Duration::from_micros(50);
/// How long a look at an interface lasts.
const LOOK: Duration = Duration::from_millis(1);
const IDLE: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let service = arguments.get(2).map_or("listen", String::as_str);
    let kind = arguments.get(1).ok_or("behind what?")?;
    let needs = Needs {
        service: service.to_owned(),
        ..Needs::default()
    };
    let (stack, _) = StackTarget::default().open(1, &needs, 4)?;
    let port = Port::open(kind)?;
    let ethernet = kind != "tun";
    Behind {
        stack,
        port,
        ethernet,
        peer: [0xff; 6],
        began: std::time::Instant::now(),
    }
    .run()
}

/// Whatever carries frames or packets.
enum Port {
    Device(Box<TunTapInterface>),
    /// An interface that somebody else made, and what it brought while we waited.
    Interface {
        out: Box<dyn DataLinkSender>,
        incoming: Box<dyn DataLinkReceiver>,
        next: Option<Vec<u8>>,
    },
    /// And what has come of a frame behind its length.
    Stream(UnixStream, Vec<u8>),
    Packets(File),
}

impl Port {
    fn open(kind: &str) -> Result<Self, Box<dyn Error>> {
        let interface = || std::env::var("TCPCONF_IF");
        let path = || std::env::var("TCPCONF_SOCKET");
        Ok(match kind {
            "tun" => Self::Device(Box::new(TunTapInterface::new(&interface()?, Medium::Ip)?)),
            "interface" => {
                let name = interface()?;
                let mut all = datalink::interfaces().into_iter();
                let found = all.find(|it| it.name == name).ok_or("no such interface")?;
                let config = datalink::Config {
                    read_timeout: Some(LOOK),
                    ..Default::default()
                };
                let Channel::Ethernet(out, incoming) = datalink::channel(&found, config)? else {
                    return Err("no Ethernet".into());
                };
                Self::Interface {
                    out,
                    incoming,
                    next: None,
                }
            }
            "connect" => Self::Stream(UnixStream::connect(path()?)?, Vec::new()),
            "listen" => Self::Stream(UnixListener::bind(path()?)?.accept()?.0, Vec::new()),
            "packets" => {
                let (family, flags) = (AddressFamily::Unix, SockFlag::SOCK_CLOEXEC);
                let socket = socket(family, SockType::SeqPacket, flags, None)?;
                connect(socket.as_raw_fd(), &UnixAddr::new(path()?.as_str())?)?;
                Self::Packets(socket.into())
            }
            other => return Err(format!("no transport {other}").into()),
        })
    }

    /// Until something has come, or for about that long.
    fn wait(&mut self, pause: Duration) -> io::Result<()> {
        let fd = match self {
            Self::Device(device) => device.as_raw_fd(),
            Self::Stream(stream, _) => stream.as_raw_fd(),
            Self::Packets(file) => file.as_raw_fd(),
            Self::Interface { incoming, next, .. } => {
                *next = match incoming.next() {
                    Ok(frame) => Some(frame.to_vec()),
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => None,
                    Err(error) => return Err(error),
                };
                return Ok(());
            }
        };
        wait(fd, Some(SmolDuration::from(pause)))
    }

    /// The next frame, if one is there.
    fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Device(device) => {
                let received = device.receive(SmolInstant::ZERO);
                Ok(received.map(|(token, _)| token.consume(<[u8]>::to_vec)))
            }
            Self::Stream(stream, waiting) => {
                if let Some(some) = whatever_is_there(stream)? {
                    waiting.extend(some);
                }
                let Some((length, rest)) = waiting.split_first_chunk() else {
                    return Ok(None);
                };
                let length = u32::from_be_bytes(*length) as usize;
                let Some(frame) = rest.get(..length).map(<[u8]>::to_vec) else {
                    return Ok(None);
                };
                waiting.drain(..length + 4);
                Ok(Some(frame))
            }
            Self::Packets(file) => whatever_is_there(file),
            Self::Interface { next, .. } => Ok(next.take()),
        }
    }

    fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        match self {
            Self::Device(device) => {
                let token = device.transmit(SmolInstant::ZERO);
                let token = token.ok_or(io::ErrorKind::WouldBlock)?;
                token.consume(frame.len(), |buffer| buffer.copy_from_slice(frame));
                Ok(())
            }
            Self::Stream(stream, _) => {
                let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
                stream.write_all(&[&length.to_be_bytes(), frame].concat())
            }
            Self::Packets(file) => file.write_all(frame),
            Self::Interface { out, .. } => out
                .send_to(frame, None)
                .unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into())),
        }
    }
}

/// What the socket has now; an error when the other end is gone.
fn whatever_is_there(socket: &impl AsRawFd) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; MAX_FRAME];
    match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(count) => {
            buffer.truncate(count);
            Ok(Some(buffer))
        }
        Err(nix::Error::EAGAIN) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

struct Behind {
    stack: Box<dyn Endpoint>,
    port: Port,
    ethernet: bool,
    /// The link-layer address of whoever spoke last.
    peer: [u8; 6],
    began: std::time::Instant,
}

impl Behind {
    /// Until the other end is gone or it is killed.
    fn run(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            let now = Instant::ZERO + self.began.elapsed();
            while let Some(frame) = self.port.receive()? {
                self.take(now, &frame)?;
            }
            while let Some(packet) = self.stack.poll_transmit(now) {
                self.port.send(&self.framed(&packet.bytes))?;
            }
            let now = Instant::ZERO + self.began.elapsed();
            let until = self.stack.poll_timeout();
            let pause = until.map_or(IDLE, |at| at.since(now)).clamp(SHORTEST, IDLE);
            self.port.wait(pause)?;
        }
    }

    fn take(&mut self, now: Instant, frame: &[u8]) -> io::Result<()> {
        if !self.ethernet {
            self.stack
                .handle_packet(now, &Packet::new(frame.to_vec(), now));
            return Ok(());
        }
        let Some((header, packet)) = frame.split_at_checked(ETHERNET) else {
            return Ok(());
        };
        match [header[12], header[13]] {
            IPV4 => {
                self.peer.copy_from_slice(&header[6..12]);
                let packet = Packet::new(packet.to_vec(), now);
                self.stack.handle_packet(now, &packet);
            }
            // Who asks for an address is told ours (RFC 826): there is nobody else.
            ARP if packet.len() >= 28 && packet[7] == 1 => {
                let mut answer = [&header[6..12], &MAC, &header[12..], packet].concat();
                answer[21] = 2;
                answer[22..28].copy_from_slice(&MAC);
                answer[28..32].copy_from_slice(&packet[24..28]);
                answer[32..42].copy_from_slice(&packet[8..18]);
                self.port.send(&answer)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn framed(&self, packet: &[u8]) -> Vec<u8> {
        if self.ethernet {
            [&self.peer[..], &MAC, &IPV4, packet].concat()
        } else {
            packet.to_vec()
        }
    }
}
