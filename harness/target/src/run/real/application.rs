//! Calls to the target's application, and what it answers: whose it is.
//!
//! Ids of calls are a case's own; the target is given others, unique in the run. Events that answer no
//! call go by the key of the lease.

use super::Loop;
use super::router::Slot;
use std::collections::{BTreeMap, BTreeSet};
use tcpconf_engine::{AppCall, AppEvent, CallId};
use tcpconf_wire::Instant;

/// Calls that wait for their replies.
#[derive(Debug, Default)]
pub(super) struct Calls {
    last: u64,
    waiting: BTreeMap<CallId, (Slot, CallId)>,
    /// Cases by the keys of their leases.
    keys: BTreeMap<u64, Slot>,
}

impl Calls {
    /// The run's name for a case's call.
    fn send(&mut self, slot: Slot, id: CallId) -> CallId {
        let named = self.name();
        self.waiting.insert(named, (slot, id));
        named
    }

    fn name(&mut self) -> CallId {
        self.last += 1;
        CallId(self.last)
    }

    /// The case that an event is for, and the event as it knows it.
    fn route(&mut self, key: u64, event: AppEvent) -> Option<(Slot, AppEvent)> {
        match event {
            AppEvent::Reply { id, result } => {
                let (slot, id) = self.waiting.remove(&id)?;
                Some((slot, AppEvent::Reply { id, result }))
            }
            event => Some((*self.keys.get(&key)?, event)),
        }
    }

    fn forget(&mut self, slot: Slot, key: u64) {
        self.waiting.retain(|_, (owner, _)| *owner != slot);
        self.keys.remove(&key);
    }
}

impl Loop<'_, '_> {
    /// Makes a call of a case.
    pub(super) fn call(&mut self, slot: Slot, id: CallId, call: AppCall) {
        let Some(running) = self.running.get(&slot) else {
            return;
        };
        self.calls.keys.insert(running.lease.key, slot);
        let id = self.calls.send(slot, id);
        self.target.call(&running.lease, id, call);
    }

    /// Hands events of applications to their cases; those that heard something.
    pub(super) fn hear_applications(&mut self, now: Instant) -> BTreeSet<Slot> {
        let mut heard = BTreeSet::new();
        while let Some((key, event)) = self.target.poll_app() {
            // What comes for a case that has ended is nobody's.
            if let Some((slot, event)) = self.calls.route(key, event)
                && let Some(running) = self.running.get_mut(&slot)
            {
                running.play.conversation().handle_app(now, event);
                heard.insert(slot);
            }
        }
        heard
    }

    /// The case has ended: its sockets are closed.
    pub(super) fn hang_up(&mut self, slot: Slot, lease: &tcpconf_engine::Lease, app: bool) {
        self.calls.forget(slot, lease.key);
        if app {
            let id = self.calls.name();
            self.target.call(lease, id, AppCall::ResetAll);
        }
    }
}
