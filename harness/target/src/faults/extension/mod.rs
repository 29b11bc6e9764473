//! Faults in the extensions of an open connection, whichever way they show: RFC 7323, 2018, 5961, 3168, 6298, 5681, 7413, 6191, 8985.

pub(super) mod ecn;
pub(super) mod fast_open;
pub(super) mod rack;
pub(super) mod report;
pub(super) mod sender;
pub(super) mod stamps;
pub(super) mod time_wait;
pub(super) mod timer;
pub(super) mod window;
