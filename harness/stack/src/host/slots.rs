//! Where sockets live: a slab whose places have generations, so that an old handle never means a
//! new socket.

use super::listen::Listener;
use super::table::NOBODY;
use crate::connection::state::State;
use crate::connection::{Connection, Spare};
use crate::types::SocketId;

#[derive(Debug)]
pub(super) enum Entry {
    Free,
    Listener(Box<Listener>),
    Connection(Box<Connection>),
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    /// The next in a chain of the table of connections.
    link: u32,
    entry: Entry,
}

/// Connections that have ended and whose memory waits for the next ones: at most so many.
const SPARE: usize = 32;

#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
    #[expect(clippy::vec_box, reason = "what is reused is the box")]
    spare: Vec<Box<Connection>>,
    /// Their halves, likewise.
    halves: Vec<Spare>,
}

impl Slots {
    /// Sockets that exist.
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, entry: Entry) -> SocketId {
        if let Some(index) = self.free.pop() {
            self.slots[index as usize].entry = entry;
            return self.id(index);
        }
        self.slots.push(Slot {
            generation: 0,
            link: NOBODY,
            entry,
        });
        self.id((self.slots.len() - 1) as u32)
    }

    /// A box for a connection, which may have held another one: what is in it means nothing.
    pub(super) fn place(&mut self) -> Box<Connection> {
        self.spare.pop().unwrap_or_default()
    }

    /// A connection in such a box.
    pub(super) fn boxed(&mut self, connection: Connection) -> Entry {
        let mut place = self.place();
        *place = connection;
        Entry::Connection(place)
    }

    pub(super) fn keep(&mut self, halves: Spare) {
        if !halves.is_empty() && self.halves.len() < SPARE {
            self.halves.push(halves);
        }
    }

    /// What the last connection has left, if anything.
    #[inline]
    pub(super) fn take_spare(&mut self) -> Spare {
        self.halves.pop().unwrap_or_default()
    }

    pub(super) fn free(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !matches!(slot.entry, Entry::Free) {
            if let Entry::Connection(mut ended) = core::mem::replace(&mut slot.entry, Entry::Free)
                && self.spare.len() < SPARE
            {
                ended.state = State::default();
                self.spare.push(ended);
            }
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(index);
        }
    }

    pub(super) fn id(&self, index: u32) -> SocketId {
        SocketId {
            index,
            generation: self.slots[index as usize].generation,
        }
    }

    /// The place of `id`, if it still is that socket.
    pub(super) fn find(&self, id: SocketId) -> Option<&Entry> {
        let slot = self.slots.get(id.index as usize)?;
        (slot.generation == id.generation).then_some(&slot.entry)
    }

    pub(super) fn entry(&self, index: u32) -> &Entry {
        &self.slots[index as usize].entry
    }

    pub(super) fn entry_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.slots[index as usize].entry
    }

    pub(super) fn connection_mut(&mut self, index: u32) -> Option<&mut Connection> {
        match &mut self.slots[index as usize].entry {
            Entry::Connection(connection) => Some(connection),
            Entry::Free | Entry::Listener(_) => None,
        }
    }

    pub(super) fn connection(&self, index: u32) -> Option<&Connection> {
        match &self.slots[index as usize].entry {
            Entry::Connection(connection) => Some(connection),
            Entry::Free | Entry::Listener(_) => None,
        }
    }

    /// What follows this place in a chain of the table of connections.
    pub(super) fn link(&self, index: u32) -> u32 {
        self.slots[index as usize].link
    }

    pub(super) fn link_mut(&mut self, index: u32) -> &mut u32 {
        &mut self.slots[index as usize].link
    }

    pub(super) fn listener_mut(&mut self, id: SocketId) -> Option<&mut Listener> {
        let slot = self.slots.get_mut(id.index as usize)?;
        match &mut slot.entry {
            Entry::Listener(listener) if slot.generation == id.generation => Some(listener),
            _ => None,
        }
    }

    /// The connections and their places.
    pub(super) fn connections(&self) -> impl Iterator<Item = (u32, &Connection)> {
        (0u32..).zip(&self.slots).filter_map(|(index, slot)| {
            if let Entry::Connection(connection) = &slot.entry {
                Some((index, &**connection))
            } else {
                None
            }
        })
    }
}
