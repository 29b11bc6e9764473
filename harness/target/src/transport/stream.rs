//! The framing of QEMU's stream netdev and of passt: a length of four octets, big-endian, before each
//! Ethernet frame, both ways.

use super::frame_link::Port;
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

const PREFIX: usize = 4;
/// QEMU's own limit (`NET_BUFSIZE`): 4 KiB over 64 KiB of payload.
const LONGEST: usize = 4_096 + 65_536;
/// What may wait for a peer that does not read; beyond, frames are lost.
const OUTBOX: usize = 1 << 20;
const READ: usize = 1 << 16;

/// A connected socket.
pub(super) struct StreamPort {
    socket: UnixStream,
    inbox: Vec<u8>,
    /// What of `inbox` has been taken.
    taken: usize,
    outbox: VecDeque<u8>,
    lost: u64,
}

impl StreamPort {
    pub(super) fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket,
            inbox: Vec::new(),
            taken: 0,
            outbox: VecDeque::new(),
            lost: 0,
        })
    }

    /// Writes what the socket takes.
    fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            let (first, _) = self.outbox.as_slices();
            match self.socket.write(first) {
                Ok(count) => drop(self.outbox.drain(..count)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// The whole frame at the head of the inbox.
    fn head(&self) -> io::Result<Option<&[u8]>> {
        let rest = &self.inbox[self.taken..];
        let Some((prefix, rest)) = rest.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > LONGEST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "the socket carries a frame of {length} octets: is it the format of QEMU's stream \
                     netdev?"
                ),
            ));
        }
        Ok(rest.get(..length))
    }

    fn read_more(&mut self) -> io::Result<bool> {
        self.inbox.drain(..self.taken);
        self.taken = 0;
        let before = self.inbox.len();
        self.inbox.resize(before + READ, 0);
        let got = loop {
            match self.socket.read(&mut self.inbox[before..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.inbox.truncate(before + *got.as_ref().unwrap_or(&0));
        match got {
            Ok(0) => Err(closed()),
            // It left with frames of ours unread.
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => Err(closed()),
            Ok(_) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(e) => Err(e),
        }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the target closed its socket")
}

impl Port for StreamPort {
    fn send(&mut self, header: &[u8], payload: &[u8]) -> io::Result<()> {
        let length = header.len() + payload.len();
        if self.outbox.len() + PREFIX + length > OUTBOX {
            self.lost += 1;
            return self.flush();
        }
        let prefix = u32::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.outbox.extend(prefix.to_be_bytes());
        self.outbox.extend(header);
        self.outbox.extend(payload);
        self.flush()
    }

    fn receive(&mut self, frame: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            if let Some(found) = self.head()? {
                frame.clear();
                frame.extend_from_slice(found);
                self.taken += PREFIX + frame.len();
                return Ok(true);
            }
            if !self.read_more()? {
                // A broken pipe shows when reading, too.
                drop(self.flush());
                return Ok(false);
            }
        }
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn lost(&self) -> u64 {
        self.lost
    }
}
