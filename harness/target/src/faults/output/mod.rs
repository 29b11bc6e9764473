//! Faults in what is sent.

pub(super) mod isn;
pub(super) mod open;
pub(super) mod options;
pub(super) mod reset;
pub(super) mod stream;
pub(super) mod syn_ack;
