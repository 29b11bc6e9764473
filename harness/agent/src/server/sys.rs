//! Socket queries that neither nix nor socket2 wraps: the only unsafe code of this crate.

#![expect(
    unsafe_code,
    reason = "getsockopt and ioctl have no safe interface for these"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// An integer option of a socket.
pub(super) fn set(fd: impl AsFd, level: i32, name: i32, value: i32) -> io::Result<()> {
    let size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as it is borrowed, and the pointer and the size are
    // those of a local variable, which the kernel only reads.
    let result = unsafe {
        libc::setsockopt(
            fd.as_fd().as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            size,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Likewise, read.
pub(super) fn get(fd: impl AsFd, level: i32, name: i32) -> io::Result<i32> {
    let mut octets = [0; 4];
    read(fd, level, name, &mut octets)?;
    Ok(i32::from_ne_bytes(octets))
}

/// The first octets of a socket's `struct tcp_info`; the very first is its state.
pub(super) fn tcp_info(fd: impl AsFd) -> io::Result<[u8; 8]> {
    let mut octets = [0; 8];
    read(fd, libc::IPPROTO_TCP, libc::TCP_INFO, &mut octets)?;
    Ok(octets)
}

/// What the socket holds (`SO_MEMINFO`), in the order of `include/uapi/linux/sock_diag.h`.
pub(super) fn memory(fd: impl AsFd) -> io::Result<[u32; 9]> {
    const SO_MEMINFO: i32 = 55;
    let mut octets = [0; 36];
    read(fd, libc::SOL_SOCKET, SO_MEMINFO, &mut octets)?;
    let mut values = [0; 9];
    for (value, octets) in values.iter_mut().zip(octets.chunks_exact(4)) {
        *value = u32::from_ne_bytes([octets[0], octets[1], octets[2], octets[3]]);
    }
    Ok(values)
}

fn read(fd: impl AsFd, level: i32, name: i32, into: &mut [u8]) -> io::Result<()> {
    let mut size = into.len() as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as it is borrowed; the kernel writes at most `size`
    // octets, which is the length of the slice, and plain octets have no invalid values.
    let result = unsafe {
        libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            level,
            name,
            into.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Octets received and not read (`SIOCINQ`).
pub(super) fn unread(fd: impl AsFd) -> io::Result<u64> {
    query(fd, libc::FIONREAD)
}

/// Octets sent and not acknowledged (`SIOCOUTQ`).
pub(super) fn unacknowledged(fd: impl AsFd) -> io::Result<u64> {
    query(fd, libc::TIOCOUTQ)
}

fn query(fd: impl AsFd, request: libc::Ioctl) -> io::Result<u64> {
    let mut count: i32 = 0;
    // SAFETY: the descriptor is open for as long as it is borrowed, and both requests write one int to
    // where the pointer points.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request, &raw mut count) };
    if result == 0 {
        Ok(u64::try_from(count).unwrap_or_default())
    } else {
        Err(io::Error::last_os_error())
    }
}
