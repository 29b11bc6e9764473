//! Raw IP sockets: for targets on this machine itself, whose packets no link carries.
//!
//! The kernel owns the IP header here (`man 7 raw`): it fills in the total length, the checksum and,
//! when it is zero, the identification; what is too short to be a packet it refuses.

use super::os_error;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, sendto,
    socket,
};
use std::io;
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};

/// Sends whole IP packets to one address by the kernel's routing.
#[derive(Debug)]
pub(crate) struct RawIp {
    fd: OwnedFd,
    target: SocketAddr,
}

impl RawIp {
    /// A socket for packets to `target`, whose port does not matter.
    pub(crate) fn open(target: SocketAddr) -> io::Result<Self> {
        let family = if target.is_ipv4() {
            AddressFamily::Inet
        } else {
            AddressFamily::Inet6
        };
        let fd = socket(
            family,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::Raw,
        )
        .map_err(os_error)?;
        Ok(Self { fd, target })
    }

    pub(crate) fn send(&self, packet: &[u8]) -> io::Result<()> {
        let flags = MsgFlags::empty();
        let fd = self.fd.as_raw_fd();
        match self.target {
            SocketAddr::V4(a) => {
                let to = SockaddrIn::from(SocketAddrV4::new(*a.ip(), 0));
                sendto(fd, packet, &to, flags)
            }
            SocketAddr::V6(a) => {
                let to = SockaddrIn6::from(SocketAddrV6::new(*a.ip(), 0, 0, a.scope_id()));
                sendto(fd, packet, &to, flags)
            }
        }
        .map(drop)
        .map_err(os_error)
    }
}
