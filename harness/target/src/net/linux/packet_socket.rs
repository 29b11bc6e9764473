//! A packet socket (`man 7 packet`) that reads and writes batches, with the kernel's stamps.
#![expect(
    unsafe_code,
    reason = "recvmmsg, sendmmsg and packet socket options have no safe interface"
)]

use super::os_error;
use crate::net::clock::{RunClock, StampClock};
use libc::{c_int, c_void, sock_filter, sockaddr_ll};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::cell::Cell;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;
use tcpconf_wire::{ChecksumState, Instant, LinkKind};

/// Frames of one system call.
const BATCH: usize = 32;
/// The longest frame: 64 KiB of IP behind an Ethernet header, rounded up.
const FRAME: usize = 65_536 + 64;
/// Room for a time stamp and `tpacket_auxdata`.
const CONTROL: usize = 128;
/// Against losses in a flood (57–74 % with the default of 208 KiB, at most 24 % with this).
const RECEIVE_BUFFER: c_int = 32 << 20;
const SEND_BUFFER: c_int = 4 << 20;
/// How long a full send queue may take to drain.
const SEND_WITHIN_MS: u16 = 200;

/// What a frame begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Its Ethernet header, read and written by us.
    Ethernet,
    /// The network layer; the kernel takes the link header off.
    Bare,
}

/// A frame that arrived.
#[derive(Debug)]
pub(crate) struct Received<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: Instant,
    pub(crate) interface: u32,
    pub(crate) ethertype: u16,
    pub(crate) link: LinkKind,
    pub(crate) checksum: ChecksumState,
}

/// A frame to send: a header (empty when bare) and what stands behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) header: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) interface: u32,
    pub(crate) ethertype: u16,
}

#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

/// The socket and the memory that it reads into.
pub(crate) struct PacketSocket {
    fd: OwnedFd,
    clock: RunClock,
    stamps: StampClock,
    frames: Box<[u8]>,
    controls: Box<[Control; BATCH]>,
    dropped: Cell<u64>,
}

impl PacketSocket {
    /// A socket in the calling thread's namespace that hears nothing yet: see [`Self::listen`].
    pub(crate) fn open(framing: Framing, clock: RunClock) -> io::Result<Self> {
        let kind = match framing {
            Framing::Ethernet => libc::SOCK_RAW,
            Framing::Bare => libc::SOCK_DGRAM,
        };
        // SAFETY: no pointers; protocol 0 hears no frame of any interface until it is bound.
        let fd = unsafe {
            libc::socket(
                libc::AF_PACKET,
                kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
                0,
            )
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is open and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let socket = Self {
            fd,
            clock,
            stamps: StampClock::beside(clock),
            frames: vec![0; BATCH * FRAME].into_boxed_slice(),
            controls: Box::new([Control([0; CONTROL]); BATCH]),
            dropped: Cell::new(0),
        };
        socket.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1)?;
        socket.set(libc::SOL_PACKET, libc::PACKET_AUXDATA, &1)?;
        socket.set(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1)?;
        // Forcing needs CAP_NET_ADMIN of the first user namespace; without it the system's limit holds.
        socket
            .set(libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &RECEIVE_BUFFER)
            .or_else(|_| socket.set(libc::SOL_SOCKET, libc::SO_RCVBUF, &RECEIVE_BUFFER))?;
        socket
            .set(libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &SEND_BUFFER)
            .or_else(|_| socket.set(libc::SOL_SOCKET, libc::SO_SNDBUF, &SEND_BUFFER))?;
        Ok(socket)
    }

    /// Lets only what the program accepts through.
    pub(crate) fn filter(&self, program: &[sock_filter]) -> io::Result<()> {
        let program = libc::sock_fprog {
            len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
            filter: program.as_ptr().cast_mut(),
        };
        self.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
    }

    /// Begins to hear an interface; all of the namespace with `None`.
    pub(crate) fn listen(&self, interface: Option<u32>) -> io::Result<()> {
        let address = link_address(interface.unwrap_or(0), libc::ETH_P_ALL as u16);
        // SAFETY: the address is a whole `sockaddr_ll` and its length is given.
        let result = unsafe {
            libc::bind(
                self.fd.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<sockaddr_ll>() as libc::socklen_t,
            )
        };
        check(result)
    }

    /// Hears frames for any address of the link, while the socket lives.
    pub(crate) fn hear_all(&self, interface: u32) -> io::Result<()> {
        let membership = libc::packet_mreq {
            mr_ifindex: interface as c_int,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)
    }

    /// Hands over the frames that are there; how many came. At most one batch: call again.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(&Received<'_>)) -> io::Result<usize> {
        let mut names = [link_address(0, 0); BATCH];
        // SAFETY: all-zero is a valid value of this plain C structure.
        let mut vectors: [libc::iovec; BATCH] = unsafe { mem::zeroed() };
        // SAFETY: all-zero is a valid value of this plain C structure.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        for i in 0..BATCH {
            vectors[i].iov_base = self.frames[i * FRAME..].as_mut_ptr().cast();
            vectors[i].iov_len = FRAME;
            let header = &mut headers[i].msg_hdr;
            header.msg_name = (&raw mut names[i]).cast();
            header.msg_namelen = size_of::<sockaddr_ll>() as libc::socklen_t;
            header.msg_iov = &raw mut vectors[i];
            header.msg_iovlen = 1;
            header.msg_control = (&raw mut self.controls[i]).cast();
            header.msg_controllen = CONTROL as _;
        }
        let count = loop {
            // SAFETY: every header points at a name, a vector with a frame's memory, and a control
            // buffer of its own, all of which live until the call returns.
            let count = unsafe {
                libc::recvmmsg(
                    self.fd.as_raw_fd(),
                    headers.as_mut_ptr(),
                    BATCH as _,
                    libc::MSG_DONTWAIT as _,
                    std::ptr::null_mut(),
                )
            };
            if count >= 0 {
                break count as usize;
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN) => return Ok(0),
                _ => return Err(error),
            }
        };
        let now = self.stamps.look();
        for i in 0..count {
            let length = (headers[i].msg_len as usize).min(FRAME);
            let (stamp, checksum) = ancillary(&headers[i].msg_hdr);
            take(&Received {
                bytes: &self.frames[i * FRAME..][..length],
                at: stamp.map_or(now, |stamp| self.stamps.instant(stamp)),
                interface: names[i].sll_ifindex as u32,
                ethertype: u16::from_be(names[i].sll_protocol),
                link: match names[i].sll_pkttype {
                    libc::PACKET_BROADCAST => LinkKind::Broadcast,
                    libc::PACKET_MULTICAST => LinkKind::Multicast,
                    _ => LinkKind::Unicast,
                },
                checksum,
            });
        }
        Ok(count)
    }

    /// Sends frames in order; each one's stamp, read before the call that sends it.
    ///
    /// # Errors
    /// What the system said of the first frame that it refused; those before it are sent and stamped.
    pub(crate) fn send(
        &self,
        frames: &[Outgoing<'_>],
        stamps: &mut Vec<Instant>,
    ) -> io::Result<()> {
        for batch in frames.chunks(BATCH) {
            let mut sent = 0;
            while sent < batch.len() {
                let at = self.clock.now();
                let count = self.send_batch(&batch[sent..])?;
                stamps.extend(std::iter::repeat_n(at, count));
                sent += count;
            }
        }
        Ok(())
    }

    fn send_batch(&self, batch: &[Outgoing<'_>]) -> io::Result<usize> {
        let mut names = [link_address(0, 0); BATCH];
        // SAFETY: all-zero is a valid value of this plain C structure.
        let mut vectors: [[libc::iovec; 2]; BATCH] = unsafe { mem::zeroed() };
        // SAFETY: all-zero is a valid value of this plain C structure.
        let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
        let count = batch.len().min(BATCH);
        for (i, frame) in batch.iter().take(BATCH).enumerate() {
            names[i] = link_address(frame.interface, frame.ethertype);
            vectors[i] = [frame.header, frame.payload].map(|part| libc::iovec {
                iov_base: part.as_ptr().cast_mut().cast(),
                iov_len: part.len(),
            });
            let header = &mut headers[i].msg_hdr;
            header.msg_name = (&raw mut names[i]).cast();
            header.msg_namelen = size_of::<sockaddr_ll>() as libc::socklen_t;
            header.msg_iov = vectors[i].as_mut_ptr();
            header.msg_iovlen = 2;
        }
        loop {
            // SAFETY: the first `count` headers point at a name and two vectors of their own, which
            // point at memory that `batch` borrows; the kernel only reads them.
            let sent =
                unsafe { libc::sendmmsg(self.fd.as_raw_fd(), headers.as_mut_ptr(), count as _, 0) };
            if sent >= 0 {
                return Ok(sent as usize);
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN | libc::ENOBUFS) if self.wait_for_room()? => {}
                _ => return Err(error),
            }
        }
    }

    fn wait_for_room(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(self.fd.as_fd(), PollFlags::POLLOUT)];
        poll(&mut fds, PollTimeout::from(SEND_WITHIN_MS))
            .map(|ready| ready > 0)
            .map_err(os_error)
    }

    /// Frames that the kernel had no room for, since the socket was opened.
    pub(crate) fn dropped(&self) -> u64 {
        let mut statistics = MaybeUninit::<libc::tpacket_stats>::zeroed();
        let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` octets into the structure.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                statistics.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        if result == 0 {
            // SAFETY: zeroed at first and all plain numbers.
            let statistics = unsafe { statistics.assume_init() };
            // Reading resets the kernel's counter.
            self.dropped
                .set(self.dropped.get() + u64::from(statistics.tp_drops));
        }
        self.dropped.get()
    }

    pub(crate) fn clock(&self) -> RunClock {
        self.clock
    }

    fn set<T>(&self, level: c_int, option: c_int, value: &T) -> io::Result<()> {
        // SAFETY: the kernel reads `size_of::<T>()` octets of a value that is borrowed for the call.
        let result = unsafe {
            libc::setsockopt(
                self.fd.as_raw_fd(),
                level,
                option,
                std::ptr::from_ref(value).cast::<c_void>(),
                size_of::<T>() as libc::socklen_t,
            )
        };
        check(result)
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn link_address(interface: u32, ethertype: u16) -> sockaddr_ll {
    // SAFETY: all-zero is a valid `sockaddr_ll`.
    let mut address: sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = ethertype.to_be();
    address.sll_ifindex = interface as c_int;
    address.sll_halen = 6;
    address
}

/// Receive stamp (wall clock) and what the sender left to checksum hardware.
fn ancillary(header: &libc::msghdr) -> (Option<Duration>, ChecksumState) {
    let mut stamp = None;
    let mut checksum = ChecksumState::Judged;
    // SAFETY: `recvmmsg` filled the header's control buffer and set its length; the macros walk
    // inside it, and the data of each message is copied out unaligned.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            let data = libc::CMSG_DATA(message);
            match ((*message).cmsg_level, (*message).cmsg_type) {
                (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                    let time = data.cast::<libc::timespec>().read_unaligned();
                    stamp = Some(Duration::new(time.tv_sec as u64, time.tv_nsec as u32));
                }
                (libc::SOL_PACKET, libc::PACKET_AUXDATA) => {
                    let aux = data.cast::<libc::tpacket_auxdata>().read_unaligned();
                    if aux.tp_status & libc::TP_STATUS_CSUMNOTREADY != 0 {
                        checksum = ChecksumState::NotReady;
                    }
                }
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    (stamp, checksum)
}
