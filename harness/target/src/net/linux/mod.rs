//! What only Linux has: namespaces, netlink, packet sockets, owned nftables tables.

pub(crate) mod ethtool;
pub(crate) mod filter;
pub(crate) mod link;
pub(crate) mod namespace;
pub(crate) mod netlink;
pub(crate) mod packet_socket;
pub(crate) mod processor;
pub(crate) mod raw_ip;
pub(crate) mod rst_rule;
pub(crate) mod rtnetlink;
pub(crate) mod sock_diag;
pub(crate) mod stall;

/// The kernel's error behind a nix error.
pub(crate) fn os_error(errno: nix::Error) -> std::io::Error {
    std::io::Error::from_raw_os_error(errno as i32)
}
