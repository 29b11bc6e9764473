//! Cases against scripted peers in virtual time.

mod application;
mod incarnations;
mod invariants;
mod limits;
mod link;
mod odd;
mod request;
mod steps;
mod waiting;

use super::Case;
use crate::{
    Action, AppCall, AppEvent, CallId, CaseReport, CaseSetup, Errno, Lease, Mode, Outcome, Profile,
    SocketHandle, Value,
};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tcpconf_suite::{Requirements, SourceFile, load};
use tcpconf_wire::view::PROTOCOL_TCP;
use tcpconf_wire::{Content, Flags, Instant, Packet, Segment, SeqNumber, TcpOption, parse};

/// The peer's initial sequence number in these tests.
pub(super) const ISS: u32 = 9_000_000;

/// What a scripted peer answers: how long after, and what.
pub(super) type Answer = Vec<(Duration, Segment)>;

pub(super) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A test file around some steps.
pub(super) fn suite(body: &str) -> String {
    format!("tcpt 1\nsuite \"t\"\n\ntest t {{\n  title \"t\"\n  spec RFC9293-MUST-2\n{body}\n}}\n")
}

/// Plays the one instance of `body` against `peer`.
pub(super) fn play(body: &str, peer: impl FnMut(&Segment) -> Answer) -> CaseReport {
    play_with(body, Profile::generic(), Mode::Judge, peer)
}

pub(super) fn play_with(
    body: &str,
    profile: Profile,
    mode: Mode,
    peer: impl FnMut(&Segment) -> Answer,
) -> CaseReport {
    drive(setup(body, profile, mode), peer)
}

/// What a case with the one instance of `body` begins with.
pub(super) fn setup(body: &str, profile: Profile, mode: Mode) -> CaseSetup {
    setup_of(&suite(body), profile, mode)
}

/// The same for a whole file.
pub(super) fn setup_of(text: &str, profile: Profile, mode: Mode) -> CaseSetup {
    let requirements =
        Requirements::from_toml(include_str!("../../../../../suites/requirements.toml")).unwrap();
    let file = SourceFile {
        path: "suites/t/t.tcpt".into(),
        text: text.to_owned(),
    };
    let (plan, diagnostics) = load(vec![file], Vec::new(), &requirements);
    assert!(
        !diagnostics.iter().any(tcpconf_suite::Diagnostic::is_error),
        "{diagnostics:#?}"
    );
    assert_eq!(plan.instances.len(), 1);
    CaseSetup {
        instance: plan.instances[0].clone(),
        lease: Lease {
            key: 0,
            addresses: vec![[10, 0, 0, 1].into(), [10, 0, 0, 3].into()],
            ports: VecDeque::from([40_000]),
            any_port: true,
            target: ([10, 0, 0, 2], 80).into(),
            closed_port: 81,
            spare_ports: VecDeque::from([7_001, 7_002]),
            listen_ports: VecDeque::from([5_001, 5_002]),
            request: None,
        },
        profile: Arc::new(profile),
        mode,
        seed: 1,
        isn: 1_000,
        late_after: ms(50),
    }
}

/// Drives a case against `peer` in virtual time; it gets as many ports as it wants.
pub(super) fn drive(setup: CaseSetup, peer: impl FnMut(&Segment) -> Answer) -> CaseReport {
    let lease = &setup.lease;
    let ours = lease.addresses.first().zip(lease.ports.front());
    let connection = crate::FourTuple {
        local: lease.target,
        remote: ours.map_or(lease.target, |(ip, port)| (*ip, *port).into()),
    };
    drive_with(setup, peer, |id, call| accepts(id, call, connection))
}

/// An application interface that listens and accepts, and can do nothing else.
fn accepts(id: CallId, call: &AppCall, connection: crate::FourTuple) -> Vec<AppEvent> {
    let socket = SocketHandle(7);
    let result = match call {
        AppCall::Listen { .. } => Ok(Value::Socket(SocketHandle(1))),
        AppCall::Accept(listener) if id == CallId(1) => {
            let accepted = AppEvent::Accepted {
                listener: *listener,
                socket,
                connection,
            };
            let result = Ok(Value::Socket(socket));
            return vec![accepted, AppEvent::Reply { id, result }];
        }
        AppCall::Accept(_) => return Vec::new(),
        _ => Err(Errno::Unsupported),
    };
    vec![AppEvent::Reply { id, result }]
}

/// The same with an application of its own.
pub(super) fn drive_with(
    setup: CaseSetup,
    mut peer: impl FnMut(&Segment) -> Answer,
    mut application: impl FnMut(CallId, &AppCall) -> Vec<AppEvent>,
) -> CaseReport {
    let mut case = Case::new(setup);
    let mut now = Instant::from_secs(1);
    let mut arrivals: Vec<(Instant, Segment)> = Vec::new();
    let mut next_port = 40_001;
    for _ in 0..2_000_000 {
        match case.poll(now) {
            Action::Transmit { id, bytes } => {
                case.handle_sent(id, now);
                if let Content::Tcp(segment) = parse(&bytes).content {
                    for (delay, answer) in peer(&segment) {
                        arrivals.push((now + delay, answer));
                    }
                    arrivals.sort_by_key(|(at, _)| *at);
                }
            }
            Action::NeedPorts(count) => {
                case.add_ports((0..count as u16).map(|i| next_port + i));
                next_port = if next_port > 60_000 {
                    40_001
                } else {
                    next_port + count as u16
                };
            }
            Action::WaitUntil(at) => match arrivals.first() {
                Some((first, _)) if *first <= at => {
                    let (first, segment) = arrivals.remove(0);
                    now = first;
                    let mut packet = Packet::new(segment.build(), first);
                    packet.at = first;
                    case.handle_packet(now, &packet);
                }
                _ => now = at,
            },
            Action::Status(_) => {
                // A profile named `status X` stands for a target that says it is in X.
                let state = case.setup.profile.name.strip_prefix("status ");
                let status = state.map(|state| crate::Status {
                    state: state.into(),
                    ..crate::Status::default()
                });
                case.handle_status(now, status);
            }
            Action::Done(_) => return case.into_report(),
            Action::Call { id, call } => {
                for event in application(id, &call) {
                    case.handle_app(now, event);
                }
            }
        }
    }
    panic!("the case does not end");
}

/// A segment back to where `to` came from.
pub(super) fn reply(to: &Segment, flags: Flags, seq: u32, ack: u32) -> Segment {
    let mut segment = Segment::new(to.dst(), to.src());
    segment.flags = flags;
    segment.seq = SeqNumber(seq);
    segment.ack = SeqNumber(ack);
    segment.window = 10_000;
    segment
}

/// The SYN-ACK of a plain listener.
pub(super) fn syn_ack(to: &Segment) -> Segment {
    let mut segment = reply(to, Flags::SYN | Flags::ACK, ISS, to.seq.0.wrapping_add(1));
    segment.options = vec![TcpOption::Mss(1_460)];
    segment
}

/// A listener that acknowledges text and answers probes; no options but MSS.
pub(super) fn sound(to: &Segment) -> Answer {
    let end = to.seq + to.seq_len();
    if to.flags.contains(Flags::RST) {
        return Vec::new();
    }
    if to.flags.contains(Flags::SYN) {
        return vec![(ms(1), syn_ack(to))];
    }
    if to.seq_len() > 0 {
        return vec![(ms(1), reply(to, Flags::ACK, ISS + 1, end.0))];
    }
    if to.seq.distance_from(SeqNumber(1_001)) < 0 {
        return vec![(ms(1), reply(to, Flags::ACK, ISS + 1, to.seq.0 + 1))];
    }
    Vec::new()
}

pub(super) fn assert_passes(report: &CaseReport) {
    assert_eq!(
        report.verdict.outcome,
        Outcome::Pass,
        "{:?} {:#?}\n{}",
        report.reason,
        report.failure,
        trace(report)
    );
}

/// The message of a failed case.
pub(super) fn message(report: &CaseReport) -> String {
    assert_eq!(report.verdict.outcome, Outcome::Fail, "{}", trace(report));
    report.failure.clone().unwrap().message
}

pub(super) fn trace(report: &CaseReport) -> String {
    report
        .trace
        .iter()
        .map(|e| format!("{} {:?} {} {:?}\n", e.at, e.direction, e.text, e.note))
        .collect()
}

#[test]
fn the_packets_of_a_case_are_tcp() {
    let report = play("  < S\n  > S.  ack IRS+1\n  < .\n  alive", sound);
    assert_passes(&report);
    for entry in &report.trace {
        assert_eq!(entry.bytes[9], PROTOCOL_TCP);
    }
}
