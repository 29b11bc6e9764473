//! Checksum and segmentation offload of an interface (`SIOCETHTOOL`), without the ethtool program.
#![expect(
    unsafe_code,
    reason = "the ioctl takes a structure with a pointer in it"
)]

use super::os_error;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::io;
use std::os::fd::AsRawFd;

const SIOCETHTOOL: libc::c_ulong = 0x8946;
const NAME: usize = 16;

/// An offload, with the `ETHTOOL_G…` and `ETHTOOL_S…` commands that read and write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offload {
    /// As `ethtool -k` spells it.
    pub(crate) name: &'static str,
    read: u32,
    write: u32,
}

/// All that change what a capture shows: in this order they can be switched off one by one.
pub(crate) const OFFLOADS: [Offload; 6] = [
    Offload {
        name: "tcp-segmentation-offload",
        read: 0x1e,
        write: 0x1f,
    },
    Offload {
        name: "generic-segmentation-offload",
        read: 0x23,
        write: 0x24,
    },
    Offload {
        name: "generic-receive-offload",
        read: 0x2b,
        write: 0x2c,
    },
    Offload {
        name: "scatter-gather",
        read: 0x18,
        write: 0x19,
    },
    Offload {
        name: "tx-checksumming",
        read: 0x16,
        write: 0x17,
    },
    Offload {
        name: "rx-checksumming",
        read: 0x14,
        write: 0x15,
    },
];

#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

#[repr(C)]
struct Request {
    name: [u8; NAME],
    data: *mut EthtoolValue,
    // The kernel's `struct ifreq` has a union of 24 octets here.
    rest: [u8; 16],
}

/// Whether an offload of an interface in the calling thread's namespace is on.
pub(crate) fn is_on(interface: &str, offload: Offload) -> io::Result<bool> {
    ethtool(interface, offload.read, 0).map(|value| value != 0)
}

/// Switches all offloads of an interface in the calling thread's namespace off. Those that it does
/// not have are passed over.
pub(crate) fn switch_all_off(interface: &str) -> io::Result<()> {
    for offload in OFFLOADS {
        match ethtool(interface, offload.write, 0) {
            Err(e) if e.raw_os_error() != Some(libc::EOPNOTSUPP) => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

fn ethtool(interface: &str, command: u32, data: u32) -> io::Result<u32> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .map_err(os_error)?;
    let mut value = EthtoolValue { command, data };
    let mut request = Request {
        name: [0; NAME],
        data: &raw mut value,
        rest: [0; 16],
    };
    let name = interface.as_bytes();
    let length = name.len().min(NAME - 1);
    request.name[..length].copy_from_slice(&name[..length]);
    // SAFETY: `request` has the layout and size of `struct ifreq`, its pointer is to an
    // `ethtool_value` that lives until the call returns, and the kernel writes only into that.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(value.data)
}
