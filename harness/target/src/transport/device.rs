//! A TAP or TUN device that outlives the descriptor that made it, so that another process can take
//! it (`Documentation/networking/tuntap.rst`).
#![expect(
    unsafe_code,
    reason = "the ioctls of /dev/net/tun take a structure with a union in it"
)]

use super::Transport;
use crate::net::linux::os_error;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd as _;

/// Makes the transport's device in the calling thread's namespace, which it ends with.
pub(super) fn make(transport: &Transport, mtu: u16) -> io::Result<()> {
    let (name, kind) = match transport {
        Transport::Tap(name) => (name, libc::IFF_TAP),
        Transport::Tun(name) => (name, libc::IFF_TUN),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let tun = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    let mut request = named(name);
    request.ifr_ifru.ifru_flags = (kind | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the descriptor is open, and `request` is a whole `struct ifreq` that lives until the
    // call returns.
    let result = unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
    check(result)?;
    // SAFETY: the argument is a number, not a pointer.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), libc::TUNSETPERSIST as _, 1) })?;
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .map_err(os_error)?;
    let mut request = named(name);
    request.ifr_ifru.ifru_mtu = mtu.into();
    // SAFETY: as above.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFMTU as _, &raw mut request) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn named(name: &str) -> libc::ifreq {
    // SAFETY: a structure of integers and of pointers that may be null.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(room)) {
        *to = from as libc::c_char;
    }
    request
}
