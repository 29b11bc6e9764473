//! Scripted cases and endpoints for the tests of the run loop.

use super::player::{Conversation, Factory, Player};
use super::sanity::segment;
use super::{RunOptions, StopFlag, Target, run_with};
use crate::seam::{InProcess, LeaseError};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tcpconf_engine::{
    Action, AppCall, AppEvent, CallId, CaseReport, CaseSetup, Endpoint, Excuse, FourTuple, Lease,
    Level, Location, Outcome, Profile, RunEvent, SendId, Shown, SocketHandle, Status, Summary,
    Value, Verdict,
};
use tcpconf_suite::ast::{Span, Spanned, Suite};
use tcpconf_suite::plan::{Instance, Needs, SourceFile};
use tcpconf_suite::vocabulary::Capability;
use tcpconf_wire::view::IpView;
use tcpconf_wire::{Flags, Instant, Packet, SeqNumber};

/// The address of fake targets.
pub(crate) const TARGET: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 80);
/// Our address.
pub(crate) const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));

/// An instance without steps; what it does, [`Script`] reads from its id.
pub(crate) fn instance(id: &str) -> Instance {
    let name = |text: &str| Spanned {
        value: text.to_owned(),
        span: Span::default(),
    };
    Instance {
        id: id.to_owned(),
        test: id.split('[').next().unwrap_or(id).to_owned(),
        title: format!("title of {id}"),
        spec: vec!["RFC9293-MUST-2".to_owned()],
        level: Level::Must,
        also: Vec::new(),
        needs: Needs {
            service: "listen".to_owned(),
            ..Needs::default()
        },
        file: Arc::new(SourceFile {
            path: "test.tcpt".to_owned(),
            text: String::new(),
        }),
        suite: Arc::new(Suite {
            title: name("test"),
            fixtures: Vec::new(),
            tests: Vec::new(),
            rules: Vec::new(),
        }),
        shared: Arc::new(Vec::new()),
        index: 0,
        bindings: Vec::new(),
        span: Span::default(),
    }
}

/// Instances by their ids.
pub(crate) fn plan(ids: &[&str]) -> Vec<Instance> {
    ids.iter().map(|id| instance(id)).collect()
}

/// A profile with one expectation.
pub(crate) fn expecting(test: &str, outcome: &str) -> Profile {
    let text = format!(
        "name = \"t\"\n[[expect]]\ntest = {test:?}\noutcome = {outcome:?}\nreason = \"on purpose\"\n"
    );
    Profile::from_toml(&text).unwrap()
}

/// A scripted case: sends a SYN and judges the first answer. Words in its id say what it does:
/// `fail` (fails though answered), `never` (waits for ever), `wait` (waits a second after the answer),
/// `unreached` (never comes to its steps),
/// `odd` (fails on its first try: seeds tell), `late` (says it was late), `lost` (says that a packet was lost), `hang` (ignores interrupts),
/// `panic`, `spin` (asks to be polled at once, always), `app` (asks the application for its status before
/// it sends anything, and passes when the reply and an event name its own lease).
pub(crate) struct Script {
    setup: CaseSetup,
    answer: Option<Flags>,
    asked: bool,
    deadline: Option<Instant>,
    end: Option<(Outcome, String)>,
    begun: Option<Instant>,
    now: Instant,
    /// The lease's key as the application's reply and its event said it.
    told: Vec<u64>,
    called: bool,
    /// The target's application was late.
    late: bool,
}

impl Script {
    fn says(&self, word: &str) -> bool {
        self.setup.instance.id.contains(word)
    }

    fn verdict(&self) -> (Outcome, String) {
        if let Some(end) = &self.end {
            return end.clone();
        }
        let first_try = self.setup.seed.is_multiple_of(2);
        match self.answer {
            None => (Outcome::Fail, "nothing came".to_owned()),
            Some(_) if self.says("app") && self.told != [self.setup.lease.key; 3] => {
                (Outcome::Fail, format!("told {:?}", self.told))
            }
            Some(_) if self.says("unreached") => (Outcome::Inconclusive, "not reached".to_owned()),
            Some(_) if self.says("fail") => (Outcome::Fail, "as told".to_owned()),
            Some(_) if self.says("odd") && first_try => (Outcome::Fail, "an even seed".to_owned()),
            Some(_) => (Outcome::Pass, String::new()),
        }
    }

    fn level(&self) -> Level {
        if self.says("should") {
            Level::Should
        } else {
            Level::Must
        }
    }
}

/// Makes scripted cases.
pub(crate) fn script(setup: CaseSetup) -> Box<dyn Player> {
    assert!(!setup.instance.id.contains("panic"), "told to panic");
    Box::new(Script {
        setup,
        answer: None,
        asked: false,
        deadline: None,
        end: None,
        begun: None,
        now: Instant::ZERO,
        told: Vec::new(),
        called: false,
        late: false,
    })
}

impl Conversation for Script {
    fn handle_packet(&mut self, now: Instant, packet: &Packet) {
        let ip = IpView::parse(&packet.bytes).unwrap();
        if self.answer.is_none() && self.says("wait") {
            self.deadline = Some(now + Duration::from_secs(1));
        }
        self.answer.get_or_insert(ip.tcp().unwrap().flags);
    }

    fn handle_sent(&mut self, _id: SendId, at: Instant) {
        self.begun.get_or_insert(at);
    }

    fn handle_app(&mut self, _now: Instant, event: AppEvent) {
        match event {
            AppEvent::Readable(SocketHandle(key)) => self.told.push(key),
            AppEvent::Reply {
                id: CallId(0),
                result: Ok(Value::Count(key)),
            } => self.told.push(key as u64),
            other => panic!("{other:?} was not to come"),
        }
    }

    fn application_was_late(&mut self, _by: Duration) {
        self.late = true;
    }

    fn handle_status(&mut self, _now: Instant, status: Option<Status>) {
        let status = status.map(|status| status.state).unwrap_or_default();
        let key = status
            .strip_prefix("of ")
            .and_then(|key| key.parse::<u64>().ok());
        self.told.extend(key);
    }

    fn add_ports(&mut self, _ports: Vec<u16>) {}

    fn poll(&mut self, now: Instant) -> Action {
        self.now = now;
        if self.says("app") {
            if !self.called {
                self.called = true;
                let socket = SocketHandle(0);
                return Action::Call {
                    id: CallId(0),
                    call: AppCall::Status(socket),
                };
            }
            if self.told.len() < 2 {
                return Action::WaitUntil(now + Duration::from_secs(60));
            }
            if self.told.len() == 2 {
                return Action::Status(FourTuple {
                    local: TARGET,
                    remote: TARGET,
                });
            }
        }
        if !self.asked {
            self.asked = true;
            self.deadline = Some(now + Duration::from_secs(1));
            let local = SocketAddr::new(self.setup.lease.addresses[0], self.setup.lease.ports[0]);
            return Action::Transmit {
                id: SendId(1),
                bytes: segment(
                    local,
                    self.setup.lease.target,
                    SeqNumber(self.setup.isn),
                    SeqNumber(0),
                    Flags::SYN,
                ),
            };
        }
        if self.says("spin") {
            return Action::WaitUntil(now);
        }
        let hangs = self.says("hang") || (self.says("never") && self.end.is_none());
        if hangs {
            return Action::WaitUntil(Instant::from_nanos(u64::MAX));
        }
        let waits = self.answer.is_none() || self.says("wait");
        match self.deadline {
            Some(deadline) if waits && now < deadline && self.end.is_none() => {
                Action::WaitUntil(deadline)
            }
            _ => Action::Done(Verdict {
                outcome: self.verdict().0,
                level: self.level(),
            }),
        }
    }

    fn interrupt(&mut self, _now: Instant, outcome: Outcome, reason: &str) {
        self.end = Some((outcome, reason.to_owned()));
    }

    fn half_open(&self) -> u32 {
        u32::from(self.asked && self.answer.is_none())
    }
}

impl Player for Script {
    fn excuse(&self) -> Option<Excuse> {
        let late = (self.late || self.says("late")).then_some(Excuse::Late);
        late.or(self.says("lost").then_some(Excuse::Lost))
    }

    fn has_failed(&self) -> bool {
        self.verdict().0 == Outcome::Fail
    }

    fn into_report(self: Box<Self>) -> CaseReport {
        let (outcome, reason) = self.verdict();
        let instance = &self.setup.instance;
        CaseReport {
            id: instance.id.clone(),
            test: instance.test.clone(),
            title: instance.title.clone(),
            spec: instance.spec.clone(),
            verdict: Verdict {
                outcome,
                level: self.level(),
            },
            marks: Vec::new(),
            reason: Some(reason),
            duration: self.now.since(self.begun.unwrap_or(self.now)),
            started: self.begun.unwrap_or(self.now),
            attempts: 0,
            failure: None,
            trace: Vec::new(),
            states: Vec::new(),
            findings: Vec::new(),
            judged: Vec::new(),
            seed: self.setup.seed,
            location: Location {
                file: instance.file.clone(),
                span: instance.span,
            },
        }
    }
}

/// What a fake endpoint does with a connection request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Answers by SYN-ACK.
    Answers,
    /// Answers by RST.
    Refuses,
    /// Answers nothing.
    BlackHole,
    /// Sends without end once it was spoken to.
    FloodsForEver,
    /// Its timer fires without end once it was spoken to.
    WakesForEver,
    /// Panics when it is spoken to.
    Panics,
}

/// A fake endpoint.
pub(crate) struct Fake {
    pub(crate) manner: Manner,
    out: VecDeque<Vec<u8>>,
    spoken_to: bool,
}

impl Fake {
    pub(crate) fn new(manner: Manner) -> Self {
        Self {
            manner,
            out: VecDeque::new(),
            spoken_to: false,
        }
    }

    /// Takes a packet; its answers.
    pub(crate) fn answers(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let ip = IpView::parse(bytes).unwrap();
        let tcp = ip.tcp().unwrap();
        assert!(ip.tcp_checksum_ok(), "the harness sent a wrong checksum");
        if !tcp.flags.contains(Flags::SYN) {
            return Vec::new();
        }
        let flags = match self.manner {
            Manner::Answers => Flags::SYN | Flags::ACK,
            Manner::Refuses => Flags::RST | Flags::ACK,
            _ => return Vec::new(),
        };
        let (us, peer) = (
            SocketAddr::new(ip.dst, tcp.dst_port),
            SocketAddr::new(ip.src, tcp.src_port),
        );
        vec![segment(us, peer, SeqNumber(7), tcp.seq + 1, flags)]
    }
}

impl Endpoint for Fake {
    fn addresses(&self) -> &[IpAddr] {
        &[]
    }

    fn handle_packet(&mut self, _now: Instant, packet: &Packet) {
        assert_ne!(self.manner, Manner::Panics, "spoken to");
        self.spoken_to = true;
        let answers = self.answers(&packet.bytes);
        self.out.extend(answers);
    }

    fn poll_transmit(&mut self, now: Instant) -> Option<Packet> {
        if self.spoken_to && self.manner == Manner::FloodsForEver {
            let nowhere = SocketAddr::new(OURS, 9);
            let bytes = segment(TARGET, nowhere, SeqNumber(1), SeqNumber(1), Flags::ACK);
            return Some(Packet::new(bytes, now));
        }
        self.out.pop_front().map(|bytes| Packet::new(bytes, now))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (self.spoken_to && self.manner == Manner::WakesForEver).then_some(Instant::ZERO)
    }

    fn call(&mut self, _now: Instant, _id: CallId, _call: AppCall) {}

    fn poll_app(&mut self, _now: Instant) -> Option<AppEvent> {
        None
    }

    fn status(&self, _connection: FourTuple) -> Option<Status> {
        None
    }
}

/// Calls with the keys of the leases that made them.
#[cfg(unix)]
pub(crate) type CallsMade = std::rc::Rc<std::cell::RefCell<Vec<(u64, AppCall)>>>;

/// A fake application interface: answers every call but [`AppCall::ResetAll`] by an event and a reply that
/// name the lease.
#[cfg(unix)]
pub(crate) struct FakeApplication {
    pub(crate) calls: CallsMade,
    events: VecDeque<(u64, AppEvent)>,
    pub(crate) readable: (
        std::os::unix::net::UnixDatagram,
        std::os::unix::net::UnixDatagram,
    ),
}

#[cfg(unix)]
impl FakeApplication {
    pub(crate) fn new() -> Self {
        let readable = std::os::unix::net::UnixDatagram::pair().unwrap();
        readable.0.set_nonblocking(true).unwrap();
        readable.1.set_nonblocking(true).unwrap();
        Self {
            calls: Default::default(),
            events: VecDeque::new(),
            readable,
        }
    }

    pub(crate) fn call(&mut self, lease: &Lease, id: CallId, call: AppCall) {
        if call != AppCall::ResetAll {
            let socket = SocketHandle(lease.key);
            let result = Ok(Value::Count(lease.key as usize));
            self.events
                .push_back((lease.key, AppEvent::Readable(socket)));
            self.events
                .push_back((lease.key, AppEvent::Reply { id, result }));
            // A full socket is readable all the same.
            let _ = self.readable.1.send(&[1]);
        }
        self.calls.borrow_mut().push((lease.key, call));
    }

    pub(crate) fn poll(&mut self) -> Option<(u64, AppEvent)> {
        while self.readable.0.recv(&mut [0; 8]).is_ok() {}
        self.events.pop_front()
    }
}

/// A lease on a fake target.
pub(crate) fn lease(port: u16) -> Lease {
    Lease {
        key: 0,
        addresses: vec![OURS],
        ports: [port].into(),
        any_port: true,
        target: TARGET,
        closed_port: 81,
        spare_ports: VecDeque::new(),
        listen_ports: VecDeque::new(),
        request: None,
    }
}

/// An in-process target whose endpoints are all of one manner.
pub(crate) struct FakeTarget(pub(crate) Manner);

impl InProcess for FakeTarget {
    fn name(&self) -> &str {
        "fake"
    }

    fn application(&self) -> Option<&[Capability]> {
        None
    }

    fn open(
        &self,
        _seed: u64,
        _needs: &Needs,
        _ip: u8,
    ) -> Result<(Box<dyn Endpoint>, Lease), LeaseError> {
        Ok((Box::new(Fake::new(self.0)), lease(40_000)))
    }
}

/// What became of a run with scripted cases.
pub(crate) struct Outcomes {
    /// All events, wall-clock times taken out.
    pub(crate) events: Vec<RunEvent>,
    pub(crate) summary: Summary,
}

impl Outcomes {
    /// `id: SHOWN reason`, in the order of the events.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.reports()
            .map(|r| {
                let shown = Shown::of(&r.verdict, &r.marks);
                let why = r.failure.as_ref().map(|f| &f.message).or(r.reason.as_ref());
                let line = format!("{}: {shown} {}", r.id, why.map_or("", String::as_str));
                line.trim_end().to_owned()
            })
            .collect()
    }

    pub(crate) fn reports(&self) -> impl Iterator<Item = &CaseReport> {
        self.events.iter().filter_map(|event| match event {
            RunEvent::CaseFinished(report) => Some(&**report),
            _ => None,
        })
    }

    pub(crate) fn report(&self, id: &str) -> &CaseReport {
        self.reports().find(|r| r.id == id).expect("a report of it")
    }

    /// Ids in the order in which cases began.
    pub(crate) fn starts(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|event| match event {
                RunEvent::CaseStarted { id, .. } => Some(id.as_str()),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn notes(&self) -> Vec<&str> {
        self.events
            .iter()
            .filter_map(|event| match event {
                RunEvent::Note(note) => Some(note.as_str()),
                _ => None,
            })
            .collect()
    }
}

/// Plays scripted cases.
pub(crate) fn play(
    plan: &[Instance],
    target: Target,
    profile: Profile,
    options: &RunOptions,
    stop: &StopFlag,
) -> Outcomes {
    play_with(plan, target, profile, options, stop, &script)
}

/// Plays a plan with this kind of player.
pub(crate) fn play_with(
    plan: &[Instance],
    target: Target,
    profile: Profile,
    options: &RunOptions,
    stop: &StopFlag,
    factory: &Factory,
) -> Outcomes {
    let mut events = Vec::new();
    let mut sink = |event: RunEvent| {
        events.push(match event {
            RunEvent::Finished(summary) => RunEvent::Finished(Summary {
                elapsed: Duration::ZERO,
                ..summary
            }),
            other => other,
        });
    };
    let summary = run_with(
        plan,
        target,
        &Arc::new(profile),
        options,
        &mut sink,
        stop,
        factory,
        tcpconf_engine::invariants(),
    );
    Outcomes { events, summary }
}
