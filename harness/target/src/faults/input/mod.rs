//! Faults in how a segment that arrives is judged, in the order of RFC 9293 §3.10.7.4.

pub(super) mod acknowledgement;
pub(super) mod checksum;
pub(super) mod flags;
pub(super) mod malformed;
pub(super) mod open;
pub(super) mod options;
pub(super) mod reset;
pub(super) mod sequence;
pub(super) mod text;
