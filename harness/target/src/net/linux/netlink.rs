//! Netlink messages and a synchronous socket (RFC 3549; `man 7 netlink`).
//!
//! Only what this crate asks of the kernel: requests with an acknowledgement, one answer, or a list.

use super::os_error;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

const HEADER: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLA_F_NESTED: u16 = 1 << 15;
/// The kernel answers before `send` returns; an answer that takes this long never comes.
const ANSWER_WITHIN_S: i64 = 5;

pub(crate) const NLM_F_REQUEST: u16 = 1;
pub(crate) const NLM_F_ACK: u16 = 4;
pub(crate) const NLM_F_DUMP: u16 = 0x300;
pub(crate) const NLM_F_EXCL: u16 = 0x200;
pub(crate) const NLM_F_CREATE: u16 = 0x400;
pub(crate) const NLM_F_APPEND: u16 = 0x800;

/// A message under construction.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub(crate) fn new(kind: u16, flags: u16) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        Self { bytes }
    }

    /// The fixed part behind the header.
    pub(crate) fn fixed(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self.pad();
        self
    }

    pub(crate) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(value.len() + 4).expect("attributes here are short");
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
        self
    }

    /// A name with its terminating zero.
    pub(crate) fn text(self, kind: u16, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        bytes.push(0);
        self.attribute(kind, &bytes)
    }

    pub(crate) fn nested(mut self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        let mut filled = fill(self);
        let length = u16::try_from(filled.bytes.len() - start).expect("attributes here are short");
        filled.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        filled.bytes[start + 2..start + 4].copy_from_slice(&(kind | NLA_F_NESTED).to_ne_bytes());
        filled
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.bytes.len()).expect("messages here are short");
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }
}

/// The attributes of a message's tail.
pub(crate) fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let Some((length, kind)) = half(bytes, 0).zip(half(bytes, 2)) {
        let length = usize::from(length);
        let Some(value) = bytes.get(4..length) else {
            break;
        };
        found.push((kind & !NLA_F_NESTED, value));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    found
}

/// A 32-bit value in the machine's order.
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A 16-bit value in the machine's order.
pub(crate) fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// A socket to one of the kernel's netlink families, in the namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Netlink {
    fd: OwnedFd,
    sequence: u32,
}

impl Netlink {
    pub(crate) fn open(protocol: SockProtocol) -> io::Result<Self> {
        let fd = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        )
        .map_err(os_error)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0)).map_err(os_error)?;
        setsockopt(
            &fd,
            sockopt::ReceiveTimeout,
            &TimeVal::seconds(ANSWER_WITHIN_S),
        )
        .map_err(os_error)?;
        Ok(Self { fd, sequence: 0 })
    }

    /// A request that is only acknowledged.
    pub(crate) fn request(&mut self, message: Message) -> io::Result<()> {
        self.batch(vec![message])
    }

    /// Requests sent as one; the first error that the kernel names.
    pub(crate) fn batch(&mut self, messages: Vec<Message>) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut wanted = 0;
        for message in messages {
            if half(&message.bytes, 6).is_some_and(|flags| flags & NLM_F_ACK != 0) {
                wanted += 1;
            }
            self.sequence += 1;
            bytes.extend(message.finish(self.sequence));
        }
        self.send(&bytes)?;
        while wanted > 0 {
            for (kind, body) in messages_of(&self.receive()?) {
                if kind == NLMSG_ERROR {
                    result(&body)?;
                    wanted -= 1;
                }
            }
        }
        Ok(())
    }

    /// A request with one answer; its body.
    pub(crate) fn ask(&mut self, message: Message) -> io::Result<Vec<u8>> {
        self.sequence += 1;
        self.send(&message.finish(self.sequence))?;
        for (kind, body) in messages_of(&self.receive()?) {
            if kind == NLMSG_ERROR {
                result(&body)?;
            } else if kind != NLMSG_DONE {
                return Ok(body);
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// A request ([`NLM_F_DUMP`]) that is answered by a list; the bodies.
    pub(crate) fn list(&mut self, message: Message) -> io::Result<Vec<Vec<u8>>> {
        self.sequence += 1;
        self.send(&message.finish(self.sequence))?;
        let mut found = Vec::new();
        loop {
            for (kind, body) in messages_of(&self.receive()?) {
                match kind {
                    NLMSG_DONE => return Ok(found),
                    NLMSG_ERROR => result(&body)?,
                    _ => found.push(body),
                }
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        send(self.fd.as_raw_fd(), bytes, MsgFlags::empty())
            .map(drop)
            .map_err(os_error)
    }

    fn receive(&self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 65_536];
        let length = loop {
            match recv(self.fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Err(nix::Error::EINTR) => {}
                other => break other.map_err(os_error)?,
            }
        };
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// Kind and body of each message in a datagram.
fn messages_of(mut bytes: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((length, kind)) = word(bytes, 0).zip(half(bytes, 4)) {
        let length = length as usize;
        let Some(body) = bytes.get(HEADER..length) else {
            break;
        };
        found.push((kind, body.to_vec()));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    found
}

fn result(body: &[u8]) -> io::Result<()> {
    match word(body, 0).map(|code| code as i32) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back_as_they_were_written() {
        let message = Message::new(16, 0)
            .text(3, "t0")
            .nested(18, |m| m.attribute(1, &[1, 2, 3, 4, 5]))
            .finish(9);
        assert_eq!(word(&message, 0), Some(message.len() as u32));
        let outer = attributes(&message[HEADER..]);
        assert_eq!(outer[0], (3, &b"t0\0"[..]));
        assert_eq!(outer[1].0, 18);
        assert_eq!(attributes(outer[1].1), [(1, &[1, 2, 3, 4, 5][..])]);
    }

    #[test]
    fn attributes_that_lie_about_their_length_end_the_list() {
        assert!(attributes(&[255, 0, 1, 0, 7]).is_empty());
        assert!(attributes(&[3, 0, 1, 0]).is_empty());
    }
}
