//! Makes the link, starts the target, and waits until it has a link-layer address.

use super::device;
use super::frame_link::{FrameLink, INTERFACE, Port};
use super::sequence::SequencePort;
use super::stream::StreamPort;
use super::{Attachment, Transport};
use crate::exec::Process;
use crate::host::made_up_mac;
use crate::net::clock::RunClock;
use crate::net::linux::filter::{Wanted, everything, program};
use crate::net::linux::link::PacketLink;
use crate::net::linux::packet_socket::Framing;
use crate::net::linux::rtnetlink::Routing;
use crate::net::linux::{namespace, os_error};
use crate::net::owned::Owned;
use crate::net::resolve::{Wire, resolve};
use crate::net::station::{Hop, Path, Station};
use crate::{Link, TargetError};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept4, bind, listen, socket,
};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path as FilePath, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// `linux/if_arp.h`
const ETHERNET: u16 = 1;
/// Between two tries.
const STEP: Duration = Duration::from_millis(20);
/// How long one question for the link-layer address waits.
const QUESTION: [Duration; 1] = [Duration::from_millis(250)];

/// A link on which the way to the target is known.
pub(crate) trait Carrier: Wire + Link {
    fn station(&mut self) -> &mut Station;
}

impl Carrier for PacketLink {
    fn station(&mut self) -> &mut Station {
        Self::station(self)
    }
}

/// What opening gives. The process ends before its namespace does.
pub(crate) struct Opened {
    pub(crate) link: Box<dyn Link + Send>,
    pub(crate) process: Option<Process>,
    pub(crate) room: Option<Room>,
}

/// A thread in a network namespace: what was started there lives as long as it does.
#[derive(Debug)]
pub(crate) struct Room {
    _stay: Sender<()>,
}

struct Made {
    carrier: Box<dyn CarrierSend>,
    interface: u32,
    ethernet: bool,
    process: Option<Process>,
    room: Option<Room>,
}

/// A carrier that may go to another thread.
trait CarrierSend: Carrier + Send {
    fn into_link(self: Box<Self>) -> Box<dyn Link + Send>;
}

impl<C: Carrier + Send + 'static> CarrierSend for C {
    fn into_link(self: Box<Self>) -> Box<dyn Link + Send> {
        self
    }
}

/// Until when the target must answer, and what it says if it does not.
struct Patience<'a> {
    attachment: &'a Attachment,
    until: Instant,
}

impl<'a> Patience<'a> {
    fn new(attachment: &'a Attachment) -> Self {
        Self {
            attachment,
            until: Instant::now() + attachment.ready_within,
        }
    }

    /// An error when the process has ended or the time is over.
    fn check(&self, process: &mut Option<Process>, awaited: &str) -> Result<(), TargetError> {
        if let Some(sentence) = process.as_mut().and_then(Process::ended) {
            return Err(TargetError::Unreachable(sentence));
        }
        if Instant::now() < self.until {
            return Ok(());
        }
        let words = process.as_ref().map(Process::last_words);
        Err(TargetError::Unreachable(format!(
            "{awaited} within {} s{}",
            self.attachment.ready_within.as_secs_f64(),
            words.unwrap_or_default()
        )))
    }
}

/// Opens the way to the target.
///
/// # Errors
/// What is missing: a privilege, an interface, a socket; or that nothing answers, with the target's
/// last words.
pub(crate) fn open(attachment: &Attachment, clock: RunClock) -> Result<Opened, TargetError> {
    if let Some(wrong) = attachment
        .sources
        .iter()
        .find(|source| source.is_ipv4() != attachment.address.is_ipv4())
    {
        return Err(TargetError::Usage(format!(
            "our address {wrong} and the target's {} are of different IP versions",
            attachment.address.ip()
        )));
    }
    let patience = Patience::new(attachment);
    let made = match &attachment.transport {
        Transport::Tap(_) | Transport::Tun(_) => private(attachment, clock)?,
        Transport::Packet(name) => existing(name, attachment, clock)?,
        Transport::Unix(path) => {
            let mut process = start(attachment)?;
            let socket = connect(path, &patience, &mut process)?;
            over(StreamPort::new(socket), process, clock)?
        }
        Transport::UnixListen(path) => {
            let listener = free(path).and_then(|()| UnixListener::bind(path));
            let listener =
                listener.map_err(|e| system(format!("listening at {}", path.display()), e))?;
            let _gone = RemoveFile(path.clone());
            let mut process = start(attachment)?;
            let accept = || listener.accept().map(|(socket, _)| socket);
            let polled = listener.set_nonblocking(true);
            polled.map_err(|e| system("listening".into(), e))?;
            let socket = accepted(accept, path, &patience, &mut process)?;
            over(StreamPort::new(socket), process, clock)?
        }
        Transport::UnixSequence(path) => {
            let listener = free(path).and_then(|()| listen_for_packets(path));
            let listener =
                listener.map_err(|e| system(format!("listening at {}", path.display()), e))?;
            let _gone = RemoveFile(path.clone());
            let mut process = start(attachment)?;
            let accept = || accept_packets(&listener);
            let socket = accepted(accept, path, &patience, &mut process)?;
            over(Ok(SequencePort::new(socket)), process, clock)?
        }
    };
    add_path(made, attachment, &patience)
}

fn system(what: String, source: io::Error) -> TargetError {
    TargetError::System { what, source }
}

fn start(attachment: &Attachment) -> Result<Option<Process>, TargetError> {
    if attachment.exec.is_empty() {
        return Ok(None);
    }
    Process::start(&attachment.exec, &attachment.environment()).map(Some)
}

fn over<P: Port + Send + 'static>(
    port: io::Result<P>,
    process: Option<Process>,
    clock: RunClock,
) -> Result<Made, TargetError> {
    let link = port.and_then(|port| FrameLink::new(port, clock));
    Ok(Made {
        carrier: Box::new(link.map_err(|e| system("preparing the socket".into(), e))?),
        interface: INTERFACE,
        ethernet: true,
        process,
        room: None,
    })
}

/// A device in a namespace of its own, and the process in it.
fn private(attachment: &Attachment, clock: RunClock) -> Result<Made, TargetError> {
    if attachment.exec.is_empty() {
        return Err(TargetError::Usage(format!(
            "{0} makes a device and hands it to a process that tcpconf starts: give one by --target \
             exec:PROGRAM; for an interface that exists there is packet:IF",
            attachment.transport
        )));
    }
    let (stay, until) = channel();
    let (done, made) = channel();
    let attachment = attachment.clone();
    let inside = move || {
        if done.send(in_a_room(&attachment, clock)).is_ok() {
            // Ends when the other end is dropped.
            let _over = until.recv();
        }
    };
    let spawned = std::thread::Builder::new()
        .name("tcpconf-room".into())
        .spawn(inside);
    spawned.map_err(|e| system("making a thread for the target".into(), e))?;
    let gone = |_| {
        system(
            "making the target's network".into(),
            io::ErrorKind::BrokenPipe.into(),
        )
    };
    let mut made = made.recv().map_err(gone)??;
    made.room = Some(Room { _stay: stay });
    Ok(made)
}

fn in_a_room(attachment: &Attachment, clock: RunClock) -> Result<Made, TargetError> {
    let transport = &attachment.transport;
    let explain = |e: io::Error| {
        if e.kind() != io::ErrorKind::PermissionDenied {
            return system(format!("making {transport}"), e);
        }
        TargetError::Privilege(format!(
            "making {transport}: {e}; it needs root or a user namespace, and /dev/net/tun; a transport \
             unix:PATH needs no privilege"
        ))
    };
    let (link, interface) = device_in_a_new_namespace(attachment, clock).map_err(explain)?;
    Ok(Made {
        carrier: Box::new(link),
        interface,
        ethernet: matches!(transport, Transport::Tap(_)),
        process: start(attachment)?,
        room: None,
    })
}

fn device_in_a_new_namespace(
    attachment: &Attachment,
    clock: RunClock,
) -> io::Result<(PacketLink, u32)> {
    let (Transport::Tap(name) | Transport::Tun(name)) = &attachment.transport else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    namespace::enter_new()?;
    // Our end must be mute: no address but ours ever speaks there.
    match namespace::set_sysctl("ipv6/conf/default/disable_ipv6", "1") {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    device::make(&attachment.transport, attachment.mtu)?;
    let mut routing = Routing::open()?;
    let index = routing.link_named(name)?.index;
    routing.set_up(index)?;
    let framing = match attachment.transport {
        Transport::Tap(_) => Framing::Ethernet,
        _ => Framing::Bare,
    };
    let link = PacketLink::open(framing, clock)?;
    link.socket().listen(Some(index))?;
    link.socket().filter(&everything())?;
    Ok((link, index))
}

/// An interface of this machine.
fn existing(name: &str, attachment: &Attachment, clock: RunClock) -> Result<Made, TargetError> {
    let ours = attachment.our_addresses();
    if let Some(taken) = ours.iter().find(|a| crate::host::is_this_machines(**a)) {
        return Err(TargetError::Usage(format!(
            "{taken} is this machine's own address, and its kernel would answer: give one that no host \
             has by --source ADDR, or use --target HOST:PORT alone"
        )));
    }
    let explain = |e: io::Error| match e.kind() {
        io::ErrorKind::PermissionDenied => TargetError::Privilege(format!(
            "packet:{name}: {e}; it needs CAP_NET_RAW: run it by sudo"
        )),
        io::ErrorKind::NotFound => TargetError::Usage(format!("no interface '{name}'")),
        _ => match e.raw_os_error() {
            Some(libc::ENODEV) => TargetError::Usage(format!("no interface '{name}'")),
            _ => system(format!("packet:{name}"), e),
        },
    };
    let found = Routing::open().and_then(|mut routing| routing.link_named(name));
    let found = found.map_err(explain)?;
    let ethernet = found.hardware == ETHERNET;
    let framing = if ethernet {
        Framing::Ethernet
    } else {
        Framing::Bare
    };
    let open = || {
        let link = PacketLink::open(framing, clock)?;
        let wanted = Wanted {
            target: attachment.address.ip(),
            ports: None,
        };
        link.socket().filter(&program(&wanted))?;
        link.socket().listen(Some(found.index))?;
        if ethernet {
            link.socket().hear_all(found.index)?;
        }
        Ok(link)
    };
    Ok(Made {
        carrier: Box::new(open().map_err(explain)?),
        interface: found.index,
        ethernet,
        process: start(attachment)?,
        room: None,
    })
}

/// Removes the socket's file when the target has connected, or never will.
struct RemoveFile(PathBuf);

impl Drop for RemoveFile {
    fn drop(&mut self) {
        // It may have been removed by somebody else.
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// Takes a socket's file away behind which nobody listens any more; other files, which refuse a connection
/// too, stay.
fn free(path: &FilePath) -> io::Result<()> {
    match UnixStream::connect(path) {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {
            if !std::fs::metadata(path)?.file_type().is_socket() {
                return Err(io::Error::other("a file that is no socket is there"));
            }
            std::fs::remove_file(path)
        }
        Err(_) => Ok(()),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

fn connect(
    path: &FilePath,
    patience: &Patience<'_>,
    process: &mut Option<Process>,
) -> Result<UnixStream, TargetError> {
    loop {
        let error = match UnixStream::connect(path) {
            Ok(socket) => return Ok(socket),
            Err(error) => error,
        };
        if error.kind() == io::ErrorKind::PermissionDenied {
            return Err(TargetError::Privilege(format!(
                "{}: {error}",
                path.display()
            )));
        }
        patience.check(
            process,
            &format!("nothing listens at {} ({error})", path.display()),
        )?;
        std::thread::sleep(STEP);
    }
}

fn accepted<S>(
    mut accept: impl FnMut() -> io::Result<S>,
    path: &FilePath,
    patience: &Patience<'_>,
    process: &mut Option<Process>,
) -> Result<S, TargetError> {
    loop {
        match accept() {
            Ok(socket) => return Ok(socket),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(system(format!("accepting at {}", path.display()), e)),
        }
        patience.check(process, &format!("nobody connected to {}", path.display()))?;
        std::thread::sleep(STEP);
    }
}

fn listen_for_packets(path: &FilePath) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).map_err(os_error)?;
    let address = UnixAddr::new(path).map_err(os_error)?;
    bind(socket.as_raw_fd(), &address).map_err(os_error)?;
    listen(&socket, Backlog::new(1).map_err(os_error)?).map_err(os_error)?;
    Ok(socket)
}

#[expect(unsafe_code, reason = "accept4 hands out a bare descriptor")]
fn accept_packets(listener: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = accept4(listener.as_raw_fd(), flags).map_err(os_error)?;
    // SAFETY: the descriptor was opened by this call and is nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds the way to the target, once it has said where it is.
fn add_path(
    made: Made,
    attachment: &Attachment,
    patience: &Patience<'_>,
) -> Result<Opened, TargetError> {
    let Made {
        mut carrier,
        interface,
        ethernet,
        mut process,
        room,
    } = made;
    let target = attachment.address.ip();
    let ours = attachment.our_addresses();
    let hop = if ethernet {
        let mac = made_up_mac(ours[0]);
        let awaited = format!(
            "{target} behind {} did not answer {}",
            attachment.transport,
            question(target)
        );
        loop {
            match resolve(&mut *carrier, interface, (ours[0], mac), target, &QUESTION) {
                Ok(Some(next)) => break Hop::Ethernet { ours: mac, next },
                Ok(None) => patience.check(&mut process, &awaited)?,
                Err(error) => {
                    let ended = process.as_mut().and_then(Process::ended_soon);
                    return Err(match ended {
                        Some(sentence) => TargetError::Unreachable(sentence),
                        None => system(format!("{}", attachment.transport), error),
                    });
                }
            }
        }
    } else {
        Hop::Bare
    };
    carrier.station().add(Path {
        target,
        interface,
        hop,
        owned: Owned::addresses(ours),
        answers: true,
        ports: None,
    });
    Ok(Opened {
        link: carrier.into_link(),
        process,
        room,
    })
}

fn question(target: IpAddr) -> &'static str {
    if target.is_ipv4() {
        "ARP"
    } else {
        "neighbour discovery"
    }
}
