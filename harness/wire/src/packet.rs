//! An IP packet on its way, with what the link knew about it.

use crate::Instant;

/// Whether the checksums of a captured packet mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ChecksumState {
    /// The bytes are those of the wire: checksums can be judged.
    #[default]
    Judged,
    /// Checksum offload: the sender left the checksum to hardware that is not there
    /// (`TP_STATUS_CSUMNOTREADY`), so a wrong one says nothing.
    NotReady,
}

/// How the link layer addressed the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// To one host.
    #[default]
    Unicast,
    /// To all hosts of the link.
    Broadcast,
    /// To a group.
    Multicast,
}

/// One IP packet (no link header), with its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// The bytes from the first of the IP header.
    pub bytes: Vec<u8>,
    /// When it was received or sent.
    pub at: Instant,
    /// Whether its checksums mean anything.
    pub checksum: ChecksumState,
    /// How the link layer addressed it.
    pub link: LinkKind,
}

impl Packet {
    /// A unicast packet with judged checksums.
    pub fn new(bytes: Vec<u8>, at: Instant) -> Self {
        Self {
            bytes,
            at,
            ..Self::default()
        }
    }
}
