//! A Unix socket of packets, one Ethernet frame each: User-Mode Linux's `vec0:transport=bess`.

use super::frame_link::Port;
use crate::net::linux::os_error;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

const LONGEST: usize = 65_536 + 64;

/// A connected socket of the type `SOCK_SEQPACKET`.
pub(super) struct SequencePort {
    socket: OwnedFd,
    buffer: Vec<u8>,
    lost: u64,
}

impl SequencePort {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            buffer: Vec::new(),
            lost: 0,
        }
    }
}

impl Port for SequencePort {
    fn send(&mut self, header: &[u8], payload: &[u8]) -> io::Result<()> {
        self.buffer.clear();
        self.buffer.extend_from_slice(header);
        self.buffer.extend_from_slice(payload);
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        match send(self.socket.as_raw_fd(), &self.buffer, flags) {
            Ok(_) => Ok(()),
            Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                self.lost += 1;
                Ok(())
            }
            Err(errno) => Err(os_error(errno)),
        }
    }

    fn receive(&mut self, frame: &mut Vec<u8>) -> io::Result<bool> {
        frame.resize(LONGEST, 0);
        match recv(self.socket.as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT) {
            Ok(0) | Err(Errno::ECONNRESET) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the target closed its socket",
            )),
            Ok(length) => {
                frame.truncate(length);
                Ok(true)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
            Err(errno) => Err(os_error(errno)),
        }
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn lost(&self) -> u64 {
        self.lost
    }
}
