//! Calls to the target's application, and what it answers: whose it is.
//!
//! Ids of calls are a case's own; the target is given others, unique in the run. Events that answer no
//! call go by the key of the lease.

use super::router::Slot;
use super::{CLEANING_UP, Loop};
use crate::seam::LostApplication;
use std::collections::{BTreeMap, BTreeSet};
use tcpconf_engine::{AppCall, AppEvent, CallId, Outcome};
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
        loop {
            let told = self.target.poll_app();
            heard.extend(self.look_for_lost_applications(now));
            let Some((key, event)) = told else {
                return heard;
            };
            // What comes for a case that has ended is nobody's.
            if let Some((slot, event)) = self.calls.route(key, event)
                && let Some(running) = self.running.get_mut(&slot)
            {
                running.play.conversation().handle_app(now, event);
                heard.insert(slot);
            }
        }
    }

    /// Tells who makes calls how late the harness's own application was with any: all share one machine. Before
    /// packets are handed out, since those that are late for it may be among them.
    pub(super) fn look_for_late_applications(&mut self) {
        let late = self.target.application_late();
        if late > self.common.options.late_after {
            for running in self.running.values_mut() {
                running.play.conversation().application_was_late(late);
            }
        }
    }

    /// Marks what goes on while a thread that plays the target's side waits for a processor: whatever such a thread is
    /// late with, the target is not to blame.
    pub(super) fn look_for_starved_threads(&mut self, now: Instant) {
        let Some(waited) = self.target.waited_for_processor() else {
            return;
        };
        self.threads_asked = Some(now);
        if waited > self.common.options.late_after {
            for running in self.running.values_mut() {
                running.spoiled = true;
            }
        }
    }

    /// Cases whose application has gone are inconclusive. When it was that of all, the run ends: nobody
    /// listens any more where it did, and a target that refuses would be taken for a fault. The cases that
    /// were interrupted.
    pub(super) fn look_for_lost_applications(&mut self, now: Instant) -> Vec<Slot> {
        let mut interrupted = Vec::new();
        while self.ending.is_none()
            && let Some(LostApplication { key, why }) = self.target.lost_application()
        {
            let Some(key) = key else {
                self.look_for_death();
                self.lost(why);
                break;
            };
            if let Some(slot) = self.calls.keys.get(&key)
                && let Some(running) = self.running.get_mut(slot)
                && !running.interrupted
            {
                running.interrupted = true;
                running.limit = now + CLEANING_UP;
                let conversation = running.play.conversation();
                conversation.interrupt(now, Outcome::Inconclusive, &why);
                interrupted.push(*slot);
            }
        }
        interrupted
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
