//! What an input leaves to the next one of its thread: memory, and nothing of what was in it. To allocate it anew for each
//! of some ten thousand inputs a second costs more than what is done with it.

use super::{KEPT, World};
use core::cell::Cell;
use tcpconf_engine::Watch;

thread_local! {
    static MEMORY: Cell<Option<Memory>> = const { Cell::new(None) };
}

pub(super) struct Memory {
    pub(super) watch: Watch,
    /// Of packets of the peers.
    pub(super) packets: Vec<Vec<u8>>,
    /// Of the host's last packet: empty, since it is looked at before there is one.
    pub(super) last_out: Vec<u8>,
    /// Of its next.
    pub(super) buffer: Vec<u8>,
    pub(super) application: Vec<u8>,
}

impl Memory {
    /// For an input on a link of this MTU.
    pub(super) fn take(mtu: u32) -> Self {
        let Some(mut memory) = MEMORY.take() else {
            return Self {
                // Each octet is compared with that of its place.
                watch: Watch::new(mtu).with_known_text(),
                packets: Vec::new(),
                last_out: Vec::new(),
                buffer: Vec::new(),
                application: Vec::new(),
            };
        };
        memory.watch.begin_again(mtu);
        memory.last_out.clear();
        memory
    }
}

impl World<'_> {
    /// The input has ended without a finding.
    pub(super) fn leave(self) {
        let mut packets = self.spare;
        packets.extend(self.kept);
        packets.truncate(KEPT + 1);
        MEMORY.set(Some(Memory {
            watch: self.watch,
            packets,
            last_out: self.last_out.bytes,
            buffer: self.buffer,
            application: self.application.into_buffer(),
        }));
    }
}
