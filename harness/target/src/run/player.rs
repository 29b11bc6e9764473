//! What the run loop plays: a case, or a probe of its own.
//!
//! The loop knows conversations only through these traits, so that it can be tested with scripted ones.

use std::time::Duration;
use tcpconf_engine::{
    Action, AppEvent, Case, CaseReport, CaseSetup, Excuse, Outcome, SendId, Status,
};
use tcpconf_wire::{Instant, Packet};

/// One conversation with a target, sans I/O.
pub(crate) trait Conversation {
    /// A packet arrived; `packet.at` is its receive stamp.
    fn handle_packet(&mut self, now: Instant, packet: &Packet);
    /// A packet was sent at `at`.
    fn handle_sent(&mut self, id: SendId, at: Instant);
    /// The target's application noticed something.
    fn handle_app(&mut self, now: Instant, event: AppEvent);
    /// An application of the harness's own began with a call so late; nothing to who makes none.
    fn application_was_late(&mut self, by: Duration) {
        let _ = by;
    }
    /// What the target says of a connection, as asked for by [`Action::Status`].
    fn handle_status(&mut self, now: Instant, status: Option<Status>);
    /// More ports, as asked for by [`Action::NeedPorts`].
    fn add_ports(&mut self, ports: Vec<u16>);
    /// What to do next.
    fn poll(&mut self, now: Instant) -> Action;
    /// Ends the conversation early, with this outcome.
    fn interrupt(&mut self, now: Instant, outcome: Outcome, reason: &str);
    /// Half-open connections that it holds on the target at this moment.
    fn half_open(&self) -> u32;
}

/// A conversation that ends in a report.
pub(crate) trait Player: Conversation {
    /// Why its verdict says nothing about the target.
    fn excuse(&self) -> Option<Excuse>;
    /// Whether it failed, excused or not.
    fn has_failed(&self) -> bool;
    /// The report; only after [`Action::Done`].
    fn into_report(self: Box<Self>) -> CaseReport;
}

/// Makes the player of a case.
pub(crate) type Factory = dyn Fn(CaseSetup) -> Box<dyn Player> + Sync;

/// The player that is used outside tests.
pub(crate) fn case(setup: CaseSetup) -> Box<dyn Player> {
    Box::new(Case::new(setup))
}

impl Conversation for Case {
    fn handle_packet(&mut self, now: Instant, packet: &Packet) {
        Self::handle_packet(self, now, packet);
    }

    fn handle_sent(&mut self, id: SendId, at: Instant) {
        Self::handle_sent(self, id, at);
    }

    fn handle_app(&mut self, now: Instant, event: AppEvent) {
        Self::handle_app(self, now, event);
    }

    fn application_was_late(&mut self, by: Duration) {
        Self::application_was_late(self, by);
    }

    fn handle_status(&mut self, now: Instant, status: Option<Status>) {
        Self::handle_status(self, now, status);
    }

    fn add_ports(&mut self, ports: Vec<u16>) {
        Self::add_ports(self, ports);
    }

    fn poll(&mut self, now: Instant) -> Action {
        Self::poll(self, now)
    }

    fn interrupt(&mut self, now: Instant, outcome: Outcome, reason: &str) {
        Self::interrupt(self, now, outcome, reason);
    }

    fn half_open(&self) -> u32 {
        Self::half_open(self)
    }
}

impl Player for Case {
    fn excuse(&self) -> Option<Excuse> {
        Self::excuse(self)
    }

    fn has_failed(&self) -> bool {
        Self::has_failed(self)
    }

    fn into_report(self: Box<Self>) -> CaseReport {
        Self::into_report(*self)
    }
}
