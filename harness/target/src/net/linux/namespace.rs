//! Network namespaces that have no name: they end with the last thread, socket or descriptor in
//! them, killed processes included, so that nothing is left behind.

use super::os_error;
use crate::TargetError;
use nix::sched::{CloneFlags, unshare};
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;

/// Bits of `/proc/self/status` (`man 7 capabilities`).
const CAP_NET_ADMIN: u32 = 12;
const CAP_NET_RAW: u32 = 13;
const CAP_SYS_ADMIN: u32 = 21;

/// Moves the calling thread into a new network namespace; a descriptor that names it.
pub(crate) fn enter_new() -> io::Result<OwnedFd> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(os_error)?;
    File::open("/proc/thread-self/ns/net").map(OwnedFd::from)
}

/// Sets a value under `/proc/sys/net` for the calling thread's namespace.
pub(crate) fn set_sysctl(name: &str, value: &str) -> io::Result<()> {
    fs::write(format!("/proc/sys/net/{name}"), value)
}

/// What this process may do, as the kernel counts it for the namespaces that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities {
    effective: u64,
}

impl Capabilities {
    /// Of the calling thread.
    pub(crate) fn current() -> Self {
        let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
        let effective = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))
            .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
            .unwrap_or(0);
        Self { effective }
    }

    /// Packet sockets.
    pub(crate) fn net_raw(self) -> bool {
        self.has(CAP_NET_RAW)
    }

    /// Links, addresses, nftables.
    pub(crate) fn net_admin(self) -> bool {
        self.has(CAP_NET_ADMIN)
    }

    /// New network namespaces.
    pub(crate) fn sys_admin(self) -> bool {
        self.has(CAP_SYS_ADMIN)
    }

    fn has(self, bit: u32) -> bool {
        self.effective >> bit & 1 == 1
    }
}

/// Whether the kernel target needs [`enter_user_namespace`] first: this process may not make
/// network namespaces by itself.
pub fn needs_user_namespace() -> bool {
    let capabilities = Capabilities::current();
    !(capabilities.sys_admin() && capabilities.net_admin() && capabilities.net_raw())
}

/// Moves this process into a user namespace of its own, in which it may make private networks.
///
/// To be called before any thread exists, and only for the kernel target: the process then no longer
/// sees the machine's network. User and group ids stay what they are, and so do the owners of files.
///
/// # Errors
/// [`TargetError::Privilege`] when this machine forbids user namespaces, with the way out;
/// [`TargetError::System`] when the process already has threads.
pub fn enter_user_namespace() -> Result<(), TargetError> {
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    match unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET) {
        Ok(()) => {}
        Err(errno @ nix::Error::EINVAL) => {
            return Err(TargetError::System {
                what: "entering a user namespace (the process has threads already)".into(),
                source: os_error(errno),
            });
        }
        Err(errno) => return Err(forbidden(&os_error(errno))),
    }
    // `man 7 user_namespaces`: without privilege the group map can be written only when setgroups is off.
    let written = fs::write("/proc/self/setgroups", "deny")
        .and_then(|()| fs::write("/proc/self/uid_map", format!("{user} {user} 1")))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("{group} {group} 1")));
    written.map_err(|e| forbidden(&e))?;
    let capabilities = Capabilities::current();
    if capabilities.net_admin() && capabilities.net_raw() {
        Ok(())
    } else {
        Err(forbidden(&io::Error::from_raw_os_error(libc::EPERM)))
    }
}

fn forbidden(error: &io::Error) -> TargetError {
    TargetError::Privilege(format!(
        "the kernel target needs root or a user namespace, and this machine forbids user namespaces \
         ({error}); run it by sudo, or allow them (sysctl user.max_user_namespaces above 0, \
         kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0), \
         or use the target `stack`, which needs no privilege"
    ))
}
