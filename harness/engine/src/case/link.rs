//! What the case does with the link between us and the target: `impair`, and a target file's `[link]`.
//!
//! Honest bookkeeping: a segment of ours that will arrive is what the next step builds on, one that is lost
//! never was; the wire's model has it when it leaves the link.  A segment of the target is judged by the invariants and stamped when it comes; steps
//! (and `autoack`) see it when the link lets it through.  So no delay of the link is charged to the
//! target: times count between what really reached it and what it really sent.

use super::{Case, Stage};
use crate::link::{Traits, corrupt};
use crate::model::Phase;
use crate::session::Arrived;
use crate::{Action, SendId};
use std::time::Duration;
use tcpconf_suite::ast::Name;
use tcpconf_suite::impair::{Impair, Way};
use tcpconf_wire::{Instant, Packet, fragment};

/// A packet of ours on its way to the link.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    /// The connection that it is written under.
    pub(super) index: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) cut: Option<Cut>,
    pub(super) note: Option<String>,
    /// The label whose time is its stamp.
    pub(super) label: Option<String>,
    /// A step sends it: what timing counts from.
    pub(super) asked: bool,
    /// It goes to the link so much later.
    pub(super) after: Duration,
    /// Of the last packet that it goes out as.
    pub(super) id: SendId,
}

/// How a packet goes out in fragments.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) offsets: Vec<usize>,
    pub(super) overlap: bool,
    pub(super) id: u32,
}

impl Case {
    /// `impair …`
    pub(super) fn impair(&mut self, words: &[Name]) -> Result<(), crate::eval::EvalError> {
        let span = self.frame().span();
        let command = Impair::read(words, span)
            .map_err(|mistake| crate::eval::EvalError::wrong(mistake.span, mistake.message))?;
        self.link.command(command);
        if !self.link.is_perfect() {
            self.session.part();
        }
        Ok(())
    }

    /// A packet of ours goes to the link.
    pub(super) fn emit(&mut self, mut outgoing: Outgoing, now: Instant) {
        outgoing.id = self.fresh_id();
        let own = self.note_on_sends.is_some();
        let mut fate = self.link.fate(Way::In, Traits::of(&outgoing.bytes), own);
        if let Some(choice) = fate.corrupt {
            corrupt(&mut outgoing.bytes, choice);
        }
        fate.delay += outgoing.after;
        outgoing.note = joined(outgoing.note, fate.note);
        let mut opened = None;
        let asked = outgoing
            .asked
            .then_some((outgoing.id, outgoing.label.clone()));
        let due = if fate.lost {
            let Outgoing {
                index, bytes, note, ..
            } = outgoing;
            self.session.note_lost(index, &bytes, now, note);
            now
        } else {
            let index = outgoing.index;
            let before = self.session.slot(index).script.phase;
            self.session.promise(index, &outgoing.bytes, now);
            let c = &self.session.slot(index).script;
            opened = (before == Phase::SynReceived && c.phase == Phase::Synchronized && !c.active)
                .then_some(index);
            let again = fate.twice.then(|| Outgoing {
                id: self.fresh_id(),
                asked: false,
                ..outgoing.clone()
            });
            let due = self.to_target.hold(now, fate.delay, fate.behind, outgoing);
            if let Some(again) = again {
                self.to_target.hold(now, fate.delay, fate.behind, again);
            }
            due
        };
        if let Some((id, label)) = asked {
            self.last_send = Some(id);
            self.last_stamp = due;
            if let Some(label) = label.and_then(|name| self.labels.get_mut(&name)) {
                label.at = due;
            }
        }
        self.run_link(now);
        if let Some(index) = opened {
            self.request(index, now);
        }
    }

    fn fresh_id(&mut self) -> SendId {
        let id = SendId(self.next_id);
        self.next_id += 1;
        id
    }

    /// A segment of the target has come: the link lets it through, or does not.
    pub(super) fn arrive(&mut self, index: usize, arrived: Arrived, packet: &Packet, now: Instant) {
        let own = self.awaits_answer_to_probe();
        let fate = self.link.fate(Way::Out, Traits::of(&packet.bytes), own);
        if let Some(note) = &fate.note {
            self.note(arrived.entry, note);
        }
        if fate.corrupt.is_some() {
            self.note(arrived.entry, "discarded for its checksum");
        }
        if fate.lost || fate.corrupt.is_some() {
            return;
        }
        let again = fate.twice.then(|| Arrived {
            entry: self.session.copy_entry(arrived.entry),
            ..arrived.clone()
        });
        for arrived in [Some(arrived), again].into_iter().flatten() {
            self.to_us
                .hold(now, fate.delay, fate.behind, (index, arrived));
        }
        self.run_link(now);
    }

    /// What is due comes out of the link.
    pub(super) fn run_link(&mut self, now: Instant) {
        while let Some(outgoing) = self.to_target.take(now) {
            self.leave(outgoing, now);
            self.to_target.passed(now);
        }
        while let Some((index, arrived)) = self.to_us.take(now) {
            self.session.deliver(index, arrived);
            self.to_us.passed(now);
            if self.autoack && self.stage == Stage::Running {
                self.acknowledge(index, now);
            }
        }
    }

    /// A packet of ours leaves the link.
    fn leave(&mut self, outgoing: Outgoing, now: Instant) {
        let Outgoing {
            index,
            bytes,
            cut,
            note,
            label,
            asked: _,
            after: _,
            id,
        } = outgoing;
        self.session.note_sent(index, &bytes, now, note);
        let mut pieces = match &cut {
            // The step has tried it: it can be cut so.
            Some(cut) => fragment(&bytes, &cut.offsets, cut.overlap, cut.id).unwrap_or_default(),
            None => vec![bytes],
        };
        let last = pieces.pop();
        for bytes in pieces {
            let id = self.fresh_id();
            self.pending.insert(id, (now, None));
            self.outbox.push_back(Action::Transmit { id, bytes });
        }
        if let Some(bytes) = last {
            self.pending.insert(id, (now, label));
            self.outbox.push_back(Action::Transmit { id, bytes });
        }
    }

    /// The time that waits for the target run by: what came in time and is held counts as come in time.
    pub(super) fn patience(&self, now: Instant) -> Instant {
        let came = self.to_us.items().map(|(_, arrived)| arrived.at);
        came.fold(now, Instant::min)
    }

    /// When all that we have sent so far is with the target.
    pub(super) fn all_sent(&self, now: Instant) -> Instant {
        self.to_target.last_due().map_or(now, |due| due.max(now))
    }

    /// When to look again, the link included.
    pub(super) fn wake(&self, at: Instant, now: Instant) -> Instant {
        let dues = [self.to_target.next_due(), self.to_us.next_due()];
        match dues.into_iter().flatten().min() {
            Some(due) if at <= now => due,
            Some(due) => at.min(due),
            None => at,
        }
    }

    /// The case is over: what the link holds is lost.
    pub(super) fn close_link(&mut self, now: Instant) {
        for outgoing in self.to_target.drain() {
            let Outgoing {
                index, bytes, note, ..
            } = outgoing;
            let note = joined(note, Some("never left the link".to_owned()));
            self.session.note_lost(index, &bytes, now, note);
        }
        for (_, arrived) in self.to_us.drain() {
            self.note(arrived.entry, "still on the link at the end");
        }
    }
}

impl Outgoing {
    /// A packet as a step or the harness sends it.
    pub(super) fn new(index: usize, bytes: Vec<u8>, note: Option<&str>) -> Self {
        Self {
            index,
            bytes,
            cut: None,
            note: note.map(str::to_owned),
            label: None,
            asked: false,
            after: Duration::ZERO,
            id: SendId(0),
        }
    }
}

fn joined(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}; {second}")),
        (first, second) => first.or(second),
    }
}
