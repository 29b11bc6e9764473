//! Packets in and out of the machine: sockets, namespaces, neighbours, routes, the RST rule.
//!
//! The target crate's only place with unsafe code. What is not Linux's own (the run's clock, the
//! cursors, ARP and neighbour discovery, who a frame is for) is portable and stands directly here;
//! [`portable`] is a link over a pnet channel for everything that is not Linux.
//! What this does not model: VLAN tags, link layers other than Ethernet and bare IP.

pub(crate) mod clock;
pub(crate) mod cursor;
#[cfg(target_os = "linux")]
pub(crate) mod linux;
pub(crate) mod neighbour;
pub(crate) mod owned;
#[cfg(unix)]
pub(crate) mod portable;
pub(crate) mod resolve;
pub(crate) mod station;
