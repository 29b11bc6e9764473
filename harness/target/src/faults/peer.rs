//! What the peer of a connection has said: its window, its acknowledgements, timestamps, SACK blocks and ECN.

use super::scene::{is_ack, is_before, is_syn};
use tcpconf_wire::{Flags, IpHeader, Segment, SeqNumber};

/// The peer by what it sent. Windows are in octets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Peer {
    /// Its shift, as it offered it.
    pub(super) scale: u8,
    /// The highest acknowledgement: SND.UNA of the endpoint.
    pub(super) acked: SeqNumber,
    /// The window that came last.
    pub(super) window: u32,
    /// The right edge of that window.
    pub(super) edge: SeqNumber,
    /// Duplicate acknowledgements in a row (RFC 5681 §2).
    pub(super) duplicates: u32,
    /// Acknowledgements with a shut window in a row.
    pub(super) shut: u32,
    /// Whether it has acknowledged anything.
    pub(super) has_acked: bool,
    /// TSval of the last segment.
    pub(super) tsval: Option<u32>,
    /// The newest TSval.
    pub(super) newest: Option<u32>,
    /// The first SACK block of the last acknowledgement.
    pub(super) reported: Option<(SeqNumber, SeqNumber)>,
    /// The ECN bits of the last segment.
    pub(super) ecn: u8,
    /// It has sent CWR.
    pub(super) has_reduced: bool,
    /// It has echoed a mark.
    pub(super) has_echoed: bool,
}

impl Peer {
    pub(super) fn receive(&mut self, segment: &Segment) {
        if is_syn(segment) {
            *self = Self {
                scale: segment.window_scale().unwrap_or(0),
                ..Self::default()
            };
        }
        self.ecn = ecn(segment);
        if let Some((val, _)) = segment.timestamps() {
            self.tsval = Some(val);
            let newest = self.newest.unwrap_or(val);
            self.newest = Some(if is_older(newest, val) { val } else { newest });
        }
        if !is_ack(segment) {
            return;
        }
        self.has_reduced |= segment.flags.contains(Flags::CWR);
        self.has_echoed |= segment.flags.contains(Flags::ECE);
        self.reported = segment.sack_blocks().next();
        self.duplicates = match self.is_duplicate(segment) {
            true => self.duplicates + 1,
            false => 0,
        };
        self.shut = if segment.window == 0 {
            self.shut + 1
        } else {
            0
        };
        self.window = self.octets(segment);
        if !self.has_acked || !is_before(segment.ack, self.acked) {
            self.acked = segment.ack;
            self.edge = segment.ack + self.window;
        }
        self.has_acked = true;
    }

    /// Whether an acknowledgement repeats the last one: nothing new, no text, the same window.
    pub(super) fn is_duplicate(&self, segment: &Segment) -> bool {
        self.has_acked
            && is_ack(segment)
            && segment.ack == self.acked
            && segment.payload.is_empty()
            && !segment.flags.contains(Flags::FIN)
            && self.octets(segment) == self.window
    }

    /// The window of a segment that it sends.
    pub(super) fn octets(&self, segment: &Segment) -> u32 {
        u32::from(segment.window) << self.scale.min(14)
    }
}

/// Congestion experienced (RFC 3168 §5).
pub(super) const CE: u8 = 3;

/// The ECN bits of a packet.
pub(super) fn ecn(segment: &Segment) -> u8 {
    match &segment.ip {
        IpHeader::V4(ip) => ip.ecn,
        IpHeader::V6(ip) => ip.ecn,
    }
}

/// Changes the ECN bits of a packet.
pub(super) fn set_ecn(segment: &mut Segment, bits: u8) {
    match &mut segment.ip {
        IpHeader::V4(ip) => ip.ecn = bits,
        IpHeader::V6(ip) => ip.ecn = bits,
    }
}

/// Whether a timestamp is older than another, modulo 2^32 (RFC 7323 §5.2).
pub(super) fn is_older(val: u32, than: u32) -> bool {
    (1..1 << 31).contains(&than.wrapping_sub(val))
}
