//! Segments that belong to no connection: RSTs, and SYN-ACKs whose sequence number is a cookie.

use crate::emit::{IpFields, SegmentOut};
use crate::options::{OptionArea, Timestamps};
use crate::types::FourTuple;
use tcpconf_wire::{Flags, SeqNumber};

#[derive(Clone, Copy, Debug)]
pub(super) struct Stateless {
    pub(super) tuple: FourTuple,
    pub(super) seq: SeqNumber,
    pub(super) ack: Option<SeqNumber>,
    pub(super) flags: Flags,
    pub(super) window: u16,
    pub(super) mss: Option<u16>,
    pub(super) timestamps: Option<Timestamps>,
    pub(super) ip: IpFields,
}

impl Stateless {
    pub(super) fn reset(
        tuple: FourTuple,
        seq: SeqNumber,
        ack: Option<SeqNumber>,
        ip: IpFields,
    ) -> Self {
        Self {
            tuple,
            seq,
            ack,
            flags: Flags::RST,
            window: 0,
            mss: None,
            timestamps: None,
            ip,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut options = OptionArea::new();
        if let Some(mss) = self.mss {
            options.mss(mss);
        }
        if let Some(timestamps) = self.timestamps {
            options.timestamps(timestamps, true);
        }
        SegmentOut {
            tuple: &self.tuple,
            ip: self.ip,
            seq: self.seq,
            ack: self.ack,
            flags: self.flags,
            window: self.window,
            urgent: 0,
            options: &options,
            text: (&[], &[]),
        }
        .write(out);
    }
}
