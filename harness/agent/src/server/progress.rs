//! What a socket does without being asked again: calls that waited are answered, changes are told.

use super::socket::{Entry, Role, Sending, errno, is_later};
use super::sys;
use crate::text::Message;
use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{MsgFlags, recv, send as send_octets};
use socket2::{SockAddr, Socket};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd as _;
use tcpconf_engine::{AppEvent, Errno, SocketHandle, Value};

type Out = VecDeque<Message>;

/// The epoll says that something has changed.
pub(super) fn ready(entry: &mut Entry, handle: SocketHandle, flags: EpollFlags, out: &mut Out) {
    if entry.role == Role::Listener {
        return;
    }
    let broken = EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP;
    if flags.intersects(broken) && fail(entry, handle, out) {
        return;
    }
    if entry.role == Role::Connecting {
        if !flags.contains(EpollFlags::EPOLLOUT) {
            return;
        }
        entry.role = Role::Open;
        entry.note_ends();
        out.push_back(Message::Event(AppEvent::Connected(handle)));
    }
    urgent(entry, handle, flags, out);
    if flags.contains(EpollFlags::EPOLLIN) && !entry.told.readable && has_unread(entry) {
        entry.told.readable = true;
        out.push_back(Message::Event(AppEvent::Readable(handle)));
    }
    receive(entry, out);
    if flags.contains(EpollFlags::EPOLLRDHUP) && !entry.told.eof && entry.role == Role::Open {
        entry.told.eof = true;
        out.push_back(Message::Event(AppEvent::Eof(handle)));
    }
    if flags.contains(EpollFlags::EPOLLOUT) {
        send(entry, out);
    }
}

/// Whether the kernel still has the connection.
fn is_open(socket: &Socket) -> bool {
    const TCP_CLOSE: u8 = 7;
    sys::tcp_info(socket).is_ok_and(|info| info[0] != TCP_CLOSE)
}

/// Whether the connection has failed; it is told once.
fn fail(entry: &mut Entry, handle: SocketHandle, out: &mut Out) -> bool {
    let Ok(Some(error)) = entry.socket.take_error() else {
        return false;
    };
    let name = errno(&error);
    if entry.role == Role::Open && is_open(&entry.socket) {
        // Only with IP_RECVERR: else the kernel keeps to itself what ends nothing.
        out.push_back(Message::Event(AppEvent::SoftError(handle, name)));
        return false;
    }
    entry.error = Some(name);
    if entry.role == Role::Connecting {
        // What is asked next is answered by the kernel, and there is no stream that could end.
        entry.role = Role::Open;
        entry.told.eof = true;
    }
    out.push_back(Message::Event(AppEvent::Error(handle, name)));
    for id in entry.take_calls() {
        out.push_back(Message::reply(id, Err(name)));
    }
    true
}

/// The connection is no more although nothing failed: its opening was called off.
pub(super) fn gone(entry: &mut Entry, handle: SocketHandle, out: &mut Out) {
    entry.role = Role::Open;
    entry.error = Some(Errno::ConnectionAborted);
    out.push_back(Message::Event(AppEvent::Error(
        handle,
        Errno::ConnectionAborted,
    )));
    for id in entry.take_calls() {
        out.push_back(Message::reply(id, Err(Errno::ConnectionAborted)));
    }
}

fn urgent(entry: &mut Entry, handle: SocketHandle, flags: EpollFlags, out: &mut Out) {
    let now = flags.contains(EpollFlags::EPOLLPRI);
    if now && !entry.told.oob {
        out.push_back(Message::Event(AppEvent::Oob(handle)));
    }
    entry.told.oob = now;
}

fn has_unread(entry: &Entry) -> bool {
    let mut octet = [0];
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    recv(entry.socket.as_raw_fd(), &mut octet, flags).is_ok_and(|count| count > 0)
}

/// Answers calls of RECEIVE as far as there is something.
pub(super) fn receive(entry: &mut Entry, out: &mut Out) {
    if entry.role == Role::Connecting {
        return;
    }
    while let Some((id, max)) = entry.receiving.front().copied() {
        let mut octets = vec![0; max];
        let received = recv(
            entry.socket.as_raw_fd(),
            &mut octets,
            MsgFlags::MSG_DONTWAIT,
        );
        let result = match received.map_err(io::Error::from) {
            Err(error) if is_later(&error) => break,
            Ok(0) if max > 0 && entry.error.is_some() => Err(entry.error.unwrap_or(Errno::Other)),
            Ok(count) => {
                octets.truncate(count);
                entry.told.readable = false;
                Ok(Value::Bytes(octets))
            }
            Err(error) => Err(note(entry, &error)),
        };
        entry.receiving.pop_front();
        out.push_back(Message::reply(id, result));
    }
}

/// The kernel forgets an error that it told; we keep it.
fn note(entry: &mut Entry, error: &io::Error) -> Errno {
    let name = errno(error);
    *entry.error.get_or_insert(name)
}

/// The urgent octet, if there is one that is not in the stream.
pub(super) fn receive_urgent(entry: &mut Entry) -> Result<Value, Errno> {
    let mut octet = [0];
    let flags = MsgFlags::MSG_OOB | MsgFlags::MSG_DONTWAIT;
    let received = recv(entry.socket.as_raw_fd(), &mut octet, flags);
    match received.map_err(io::Error::from) {
        Ok(count) => {
            entry.told.oob = false;
            Ok(Value::Bytes(octet[..count].to_vec()))
        }
        // Linux: EINVAL when there is none or it was read, EAGAIN when it is announced and not here.
        Err(error) if is_later(&error) || error.raw_os_error() == Some(libc::EINVAL) => {
            Ok(Value::Bytes(Vec::new()))
        }
        Err(error) => Err(errno(&error)),
    }
}

/// Sends as much as the kernel takes; answers calls whose octets are all taken.
pub(super) fn send(entry: &mut Entry, out: &mut Out) {
    if entry.role == Role::Connecting {
        return;
    }
    while let Some(mut sending) = entry.sending.pop_front() {
        let result = match (entry.error, offer(&entry.socket, &mut sending)) {
            (Some(error), Err(_)) => Err(error),
            (None, Err(error)) => Err(errno(&error)),
            (_, Ok(true)) => Ok(Value::Count(sending.taken)),
            (_, Ok(false)) => {
                entry.sending.push_front(sending);
                return;
            }
        };
        out.extend(sending.id.map(|id| Message::reply(id, result)));
    }
}

/// Whether all was taken.
fn offer(socket: &Socket, sending: &mut Sending) -> io::Result<bool> {
    let mut flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    flags.set(MsgFlags::MSG_OOB, sending.urgent);
    if sending.more {
        flags |= MsgFlags::from_bits_retain(libc::MSG_MORE);
    }
    loop {
        let rest = &sending.data[sending.taken..];
        match send_octets(socket.as_raw_fd(), rest, flags).map_err(io::Error::from) {
            Ok(count) => sending.taken += count,
            Err(error) if is_later(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
        if sending.taken == sending.data.len() {
            return Ok(true);
        }
    }
}

/// Sends the SYN, with data in it where Fast Open is asked for and the kernel has a cookie; how much of the
/// data was taken.
pub(super) fn open(
    socket: &Socket,
    remote: &SockAddr,
    data: &[u8],
    fast: bool,
) -> io::Result<usize> {
    if fast && !data.is_empty() {
        let flags = libc::MSG_FASTOPEN | libc::MSG_NOSIGNAL;
        match socket.send_to_with_flags(data, remote, flags) {
            Err(error) if is_under_way(&error) => return Ok(0),
            // Switched off on this host: an ordinary SYN.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
            other => return other,
        }
    }
    match socket.connect(remote) {
        Err(error) if !is_under_way(&error) => Err(error),
        _ => Ok(0),
    }
}

fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS) || is_later(error)
}
