//! A session played from a plan: the cursor, the clock of its steps, the verdict.
//!
//! Pure: the driver owns sockets and time.  [`Case::poll`] says what to do next; `handle_…` says what
//! happened.

mod app_open;
mod app_step;
mod application;
mod cleanup;
mod either;
mod failure;
mod frame;
mod link;
mod odd;
mod probe;
mod scope;
mod send;
mod step;
#[cfg(test)]
mod tests;
mod unordered;
mod wait;

use crate::event::{CaseReport, Evidence, Failure, Location};
use crate::link::{Link, Queue};
use crate::session::Arrived;
use crate::session::Session;
use crate::value::Value;
use crate::verdict::Level;
use crate::{Action, CaseSetup, Claim, Excuse, Outcome, SendId, Status, Verdict};
use application::Application;
use frame::Frame;
use link::Outgoing;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tcpconf_suite::ast::Grade;
use tcpconf_wire::{Instant, Packet, Segment};
use wait::Waiting;

/// A packet may be stamped in time and handed over a little later: deadlines wait this long for it.
const GRACE: Duration = Duration::from_millis(15);

/// A segment that has a name.
#[derive(Clone, Debug)]
struct Label {
    at: Instant,
    segment: Segment,
    slot: usize,
}

/// What was sampled, round by round.
#[derive(Clone, Debug, Default)]
struct Samples {
    items: Vec<Value>,
    times: Vec<i128>,
}

/// Where the case stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    /// The verdict stands; connections are being reset.
    Cleaning,
    Done,
}

/// A test being played.
#[derive(Debug)]
pub struct Case {
    setup: CaseSetup,
    session: Session,
    stage: Stage,
    frames: Vec<Frame>,
    waiting: Option<Waiting>,
    outbox: VecDeque<Action>,
    /// Sends whose stamp has not come back: when they were asked for, and the label that they bind.
    pending: BTreeMap<SendId, (Instant, Option<String>)>,
    last_send: Option<SendId>,
    next_id: u64,
    /// Steps that may still be begun.
    steps_left: u64,
    /// Ports were asked for and none has come yet.
    ports_asked: bool,
    labels: BTreeMap<String, Label>,
    samples: BTreeMap<String, Samples>,
    counters: BTreeMap<String, i128>,
    /// Connections whose next `<` opens a new one: a round of `sample` has begun.
    retired: BTreeSet<String>,
    autoack: bool,
    link: Link,
    /// Packets of ours that the link holds.
    to_target: Queue<Outgoing>,
    /// Segments of the target that the link holds, with their connections.
    to_us: Queue<(usize, Arrived)>,
    /// What is written beside sends in the trace: probes are the harness's own.
    note_on_sends: Option<&'static str>,
    /// What the target said of a connection, when it was asked.
    status: Option<Option<Status>>,
    app: Application,
    states: Vec<(String, Evidence)>,
    /// The stamp of the previous step's segment.
    last_stamp: Instant,
    started: Option<Instant>,
    ended: Instant,
    late_by: Duration,
    /// The worst grade of the `either` branches taken.
    grade: Option<Grade>,
    outcome: Option<Outcome>,
    /// It failed, whatever became of that.
    failed: bool,
    level: Level,
    reason: Option<String>,
    failure: Option<Failure>,
    /// Why the worst branch taken is not what is wanted: the failure, if nothing else fails.
    tolerated: Option<Failure>,
}

impl Case {
    /// A case that is about to begin.
    pub fn new(setup: CaseSetup) -> Self {
        let instance = &setup.instance;
        let session = Session::new(
            instance.id.clone(),
            setup.lease.target,
            setup.isn,
            // Away from zero, so that TSecr 0 is told from a first stamp.
            (setup.seed as u32) | 0x1000,
        );
        let mut case = Self {
            session,
            stage: Stage::Running,
            frames: Vec::new(),
            waiting: None,
            outbox: VecDeque::new(),
            pending: BTreeMap::new(),
            last_send: None,
            next_id: 0,
            steps_left: step::STEPS_MAX,
            ports_asked: false,
            labels: BTreeMap::new(),
            samples: BTreeMap::new(),
            counters: BTreeMap::new(),
            retired: BTreeSet::new(),
            autoack: false,
            link: Link::new(setup.seed, &setup.profile.link),
            to_target: Queue::default(),
            to_us: Queue::default(),
            note_on_sends: None,
            status: None,
            app: Application::default(),
            states: Vec::new(),
            last_stamp: Instant::ZERO,
            started: None,
            ended: Instant::ZERO,
            late_by: Duration::ZERO,
            grade: None,
            outcome: None,
            failed: false,
            level: instance.level,
            reason: None,
            failure: None,
            tolerated: None,
            setup,
        };
        if !case.link.is_perfect() {
            case.session.part();
        }
        case.prepare();
        case
    }

    /// Unsupported features end the case before its first packet; unknown ones make a failure information.
    fn prepare(&mut self) {
        let features = self.setup.instance.needs.features.clone();
        for feature in &features {
            match self.setup.profile.claim(feature) {
                Claim::Yes => {}
                Claim::No => {
                    let name = &self.setup.profile.name;
                    let reason = format!("{name} does not claim {feature}");
                    return self.conclude(Outcome::Unsupported, Some(reason));
                }
                Claim::Unknown => self.level = Level::May,
            }
        }
        match self.setup.instance.lower() {
            Ok(steps) => {
                let file = Arc::clone(&self.setup.instance.file);
                self.frames.push(Frame::root(steps, file));
            }
            Err(diagnostics) => {
                let reason = diagnostics
                    .iter()
                    .map(|d| d.message.clone())
                    .collect::<Vec<_>>()
                    .join("; ");
                self.conclude(Outcome::Error, Some(reason));
            }
        }
    }

    /// The verdict stands; what follows is cleaning up.
    fn conclude(&mut self, outcome: Outcome, reason: Option<String>) {
        if self.outcome.is_some() {
            return;
        }
        self.failed = outcome == Outcome::Fail;
        let late = self.was_late();
        if outcome == Outcome::Fail && late {
            self.outcome = Some(Outcome::Inconclusive);
            self.reason = Some(format!(
                "the harness was late by {} ms",
                self.late_by.as_millis()
            ));
        } else if outcome == Outcome::Fail && self.link.lost_by_target > 0 {
            self.outcome = Some(Outcome::Inconclusive);
            let lost = self.link.lost_by_target;
            self.reason = Some(format!("the target's link lost {lost} of the packets"));
        } else if outcome == Outcome::Fail
            && let Some(octets) = self.session.answer_ended()
        {
            self.outcome = Some(Outcome::Inconclusive);
            self.reason = Some(format!(
                "the web server's answer was over after {octets} octets: http_path names a longer one"
            ));
        } else {
            self.outcome = Some(outcome);
            self.reason = reason;
        }
        self.waiting = None;
        self.stage = Stage::Cleaning;
    }

    /// A packet of the target came; `packet.at` is its receive stamp.
    pub fn handle_packet(&mut self, now: Instant, packet: &Packet) {
        if self.stage != Stage::Running {
            return;
        }
        let Some((index, arrived)) = self.session.observe(packet) else {
            return;
        };
        self.late_by = self.late_by.max(now.since(packet.at));
        self.arrive(index, arrived, packet, now);
    }

    /// A packet left, at this stamp.
    pub fn handle_sent(&mut self, id: SendId, at: Instant) {
        let Some((asked, label)) = self.pending.remove(&id) else {
            return;
        };
        self.late_by = self.late_by.max(at.since(asked));
        if self.last_send == Some(id) {
            self.last_stamp = self.last_stamp.max(at);
        }
        if let Some(label) = label.and_then(|name| self.labels.get_mut(&name)) {
            label.at = at;
        }
    }

    /// The answer to [`Action::Status`]; `None` when the target cannot tell.
    pub fn handle_status(&mut self, _now: Instant, status: Option<Status>) {
        self.status = Some(status);
    }

    /// More ports for the lease.
    pub fn add_ports(&mut self, ports: impl IntoIterator<Item = u16>) {
        self.setup.lease.ports.extend(ports);
    }

    /// What to do next. Always answers.
    pub fn poll(&mut self, now: Instant) -> Action {
        if self.started.is_none() {
            self.started = Some(now);
            self.last_stamp = now;
        }
        if self.stage == Stage::Running {
            self.run_link(now);
        }
        match self.act(now) {
            Action::WaitUntil(at) => Action::WaitUntil(self.wake(at, now)),
            action => action,
        }
    }

    fn act(&mut self, now: Instant) -> Action {
        loop {
            if let Some(action) = self.outbox.pop_front() {
                return action;
            }
            match self.stage {
                Stage::Running => {
                    if let Some(until) = self.prepare_application(now) {
                        if self.outbox.is_empty() {
                            return Action::WaitUntil(until);
                        }
                        continue;
                    }
                    if let Some(action) = self.advance(now) {
                        return action;
                    }
                }
                Stage::Cleaning => {
                    self.ended = now;
                    self.clean_up(now);
                    self.stage = Stage::Done;
                }
                Stage::Done => return Action::Done(self.verdict()),
            }
        }
    }

    /// Stops judging and goes on to cleaning up: Ctrl-C, a case timeout, a dead target.
    pub fn interrupt(&mut self, _now: Instant, outcome: Outcome, reason: &str) {
        self.conclude(outcome, Some(reason.to_owned()));
    }

    /// Whether a send was later than allowed.
    pub fn was_late(&self) -> bool {
        self.late_by > self.setup.late_after
    }

    /// Whether it failed, though the harness may be to blame.
    pub fn has_failed(&self) -> bool {
        self.failed
    }

    /// Why the case's verdict says nothing about the target.
    pub fn excuse(&self) -> Option<Excuse> {
        if self.was_late() {
            Some(Excuse::Late)
        } else if self.link.lost_by_target > 0 {
            Some(Excuse::Lost)
        } else {
            None
        }
    }

    /// Connections of ours that are half-open on the target at this moment.
    pub fn half_open(&self) -> u32 {
        self.session.half_open()
    }

    fn verdict(&self) -> Verdict {
        Verdict {
            outcome: self.outcome.unwrap_or(Outcome::Error),
            level: self.level,
        }
    }

    /// All that is known of the case, after [`Action::Done`].
    pub fn into_report(self) -> CaseReport {
        let verdict = self.verdict();
        let judged = self.session.judged();
        let instance = self.setup.instance;
        CaseReport {
            id: instance.id,
            test: instance.test,
            title: instance.title,
            spec: instance.spec,
            verdict,
            marks: Vec::new(),
            reason: self.reason,
            duration: self.ended.since(self.started.unwrap_or(self.ended)),
            started: self.started.unwrap_or(self.ended),
            attempts: 1,
            failure: self.failure,
            trace: self.session.trace,
            states: self.states,
            findings: self.session.findings,
            judged,
            seed: self.setup.seed,
            location: Location {
                file: instance.file,
                span: instance.span,
            },
        }
    }
}
