//! The own stack talks to others: to this machine's kernel through a TUN device in a namespace of its
//! own, and to smoltcp in this process in virtual time.
//!
//! Shown here for IPv4 and IPv6: 100 MiB both ways at once arrive as they were sent, 10,000 connections
//! opened by either side open and close, and nobody has to say anything twice: no retransmission on the
//! wire, no D-SACK, and the kernel's own counters at zero. What is not: links that lose
//! (harness/stack/tests/two_stacks.rs has them).

mod figures;
#[cfg(target_os = "linux")]
mod kernel;
mod own;
mod smoltcp_peer;
#[cfg(target_os = "linux")]
mod tun;
mod wire;
