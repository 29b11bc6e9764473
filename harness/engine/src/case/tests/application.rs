//! `app` steps against a scripted application.

use super::{ISS, assert_passes, drive_with, message, ms, reply, setup, sound};
use crate::{
    Action, AppCall, AppEvent, CallId, Case, CaseReport, Errno, Evidence, FourTuple, Mode, Outcome,
    Profile, SocketHandle, Status, Value, payload,
};
use rstest::rstest;
use std::net::SocketAddr;
use tcpconf_wire::{Flags, Instant, Segment, SeqNumber};

const LISTENER: SocketHandle = SocketHandle(1);
const SOCKET: SocketHandle = SocketHandle(7);

/// Plays against an application that accepts the connection as it is asked to, and answers other calls
/// as `answer` says.
fn play(
    body: &str,
    peer: impl FnMut(&Segment) -> super::Answer,
    mut answer: impl FnMut(&AppCall) -> Vec<Result<Value, Errno>>,
) -> CaseReport {
    let setup = setup(body, Profile::generic(), Mode::Judge);
    let connection = FourTuple {
        local: setup.lease.target,
        remote: (setup.lease.addresses[0], setup.lease.ports[0]).into(),
    };
    let mut accepted = false;
    drive_with(setup, peer, move |id, call| {
        let reply = |result| AppEvent::Reply { id, result };
        match call {
            AppCall::Listen { .. } => vec![reply(Ok(Value::Socket(LISTENER)))],
            AppCall::Accept(_) if accepted => Vec::new(),
            AppCall::Accept(listener) => {
                accepted = true;
                let event = AppEvent::Accepted {
                    listener: *listener,
                    socket: SOCKET,
                    connection,
                };
                vec![event, reply(Ok(Value::Socket(SOCKET)))]
            }
            call => answer(call).into_iter().map(reply).collect(),
        }
    })
}

const OPEN: &str = "  < S\n  > S.\n  < .\n";

/// Plays against an application that gives each listener a socket of its own and says `in-use` of `taken`.
fn listens(body: &str, taken: u16) -> (CaseReport, Vec<SocketAddr>, Vec<AppCall>) {
    let (mut at, mut others) = (Vec::new(), Vec::new());
    let setup = setup(body, Profile::generic(), Mode::Judge);
    let report = drive_with(setup, sound, |id, call| {
        let result = match call {
            AppCall::Listen { local, .. } if local.port() == taken => Err(Errno::AddressInUse),
            AppCall::Listen { local, .. } => {
                at.push(*local);
                Ok(Value::Socket(SocketHandle(at.len() as u64)))
            }
            AppCall::Accept(_) => return Vec::new(),
            call => {
                others.push(call.clone());
                Ok(Value::Done)
            }
        };
        vec![AppEvent::Reply { id, result }]
    });
    (report, at, others)
}

#[test]
fn a_connection_goes_to_its_own_listener() {
    let body = "  b app listen port fresh\n  c app listen port 2000\n  b < S\n  b > S.\n  c < S\n  c > S.\n  < S\n  > S.";
    let (report, at, _) = listens(body, 0);
    assert_passes(&report);
    let ports: Vec<u16> = at.iter().map(SocketAddr::port).collect();
    assert_eq!(ports, [80, 7_001, 2_000]);
    let to: Vec<u16> = report
        .trace
        .iter()
        .filter(|entry| entry.text.starts_with("S "))
        .map(|entry| u16::from_be_bytes([entry.bytes[22], entry.bytes[23]]))
        .collect();
    assert_eq!(to, [7_001, 2_000, 80]);
}

#[test]
fn without_a_connection_calls_are_its_listeners() {
    let body = "  b app listen port fresh\n  b app close\n  app close\n  b < S\n  b > S.";
    let (report, _, calls) = listens(body, 0);
    assert_passes(&report);
    let (first, second) = (SocketHandle(1), SocketHandle(2));
    assert_eq!(calls[..2], [AppCall::Close(second), AppCall::Close(first)]);
}

#[test]
fn a_port_that_is_taken_is_passed_over_until_there_is_none() {
    let body = "  b app listen port fresh\n  b < S\n  b > S.";
    let (report, at, _) = listens(body, 7_001);
    assert_passes(&report);
    assert_eq!(at[1].port(), 7_002);

    let step = "  b app listen port fresh\n";
    let body = format!("{step}{step}{step}  b < S\n  b > S.");
    let (report, ..) = listens(&body, 7_001);
    assert_eq!(report.verdict.outcome, Outcome::Unsupported);
    let reason = "the target's application has no further port to listen at";
    assert_eq!(report.reason.as_deref(), Some(reason));
}

#[test]
fn calls_go_to_the_connections_socket_in_order() {
    let mut calls = Vec::new();
    let body = format!("{OPEN}  app set nodelay 1\n  app send 3\n  app close\n  app release");
    let report = play(&body, sound, |call| {
        calls.push(call.clone());
        vec![Ok(Value::Done)]
    });
    assert_passes(&report);
    let send = AppCall::Send {
        socket: SOCKET,
        data: payload::octets(0, 3),
        urgent: false,
        more: false,
    };
    assert_eq!(calls.len(), 4, "{calls:?}");
    assert_eq!(calls[1], send);
    assert_eq!(
        calls[2..],
        [AppCall::Close(SOCKET), AppCall::Release(SOCKET)]
    );
}

#[rstest]
#[case(
    "app close",
    Err(Errno::NotConnected),
    Some("the call was answered by ENOTCONN")
)]
#[case("app close  expect not-connected", Err(Errno::NotConnected), None)]
#[case(
    "app close  expect reset",
    Err(Errno::NotConnected),
    Some("the call was answered by ENOTCONN")
)]
#[case("app close  expect reset", Ok(Value::Done), Some("the call succeeded"))]
#[case("app send 5  expect broken-pipe", Err(Errno::BrokenPipe), None)]
#[case(
    "app send 5",
    Err(Errno::BrokenPipe),
    Some("the call was answered by EPIPE")
)]
#[case("app recv 5  expect eof", Ok(Value::Bytes(Vec::new())), None)]
#[case("app recv 5", Ok(Value::Bytes(Vec::new())), Some("the stream ended"))]
#[case("app recv 5  expect eof", Ok(Value::Bytes(vec![b'A'])), Some("1 octets came"))]
#[case("app close  expect any", Err(Errno::NotConnected), None)]
#[case("app close  expect any", Ok(Value::Done), None)]
#[case("app status is LISTEN", Ok(Value::Status(told("LISTEN"))), None)]
#[case(
    "app status is LISTEN",
    Ok(Value::Status(told("CLOSED"))),
    Some("the application is told CLOSED")
)]
fn an_error_fails_the_step_unless_it_is_expected(
    #[case] step: &str,
    #[case] answer: Result<Value, Errno>,
    #[case] failure: Option<&str>,
) {
    let body = format!("{OPEN}  {step}");
    let report = play(&body, sound, |_| vec![answer.clone()]);
    match failure {
        None => assert_passes(&report),
        Some(expected) => assert_eq!(message(&report), expected),
    }
}

fn told(state: &str) -> Status {
    Status {
        state: state.to_owned(),
        ..Status::default()
    }
}

#[test]
fn a_queued_receive_is_made_once_and_waited_for_by_the_next() {
    let mut calls = Vec::new();
    let body = format!("{OPEN}  app recv 5 queued\n  app recv 5 == pattern");
    let report = play(&body, sound, |call| {
        calls.push(call.clone());
        vec![Ok(Value::Bytes(payload::octets(0, 5)))]
    });
    assert_passes(&report);
    assert_eq!(calls, [AppCall::Receive(SOCKET, 5)]);
}

#[rstest]
#[case("same", |t: FourTuple| (t.remote, Some(t.local)))]
#[case("self", |t: FourTuple| (t.local, Some(t.local)))]
#[case("unspecified", |t: FourTuple| (([0, 0, 0, 0], t.local.port()).into(), None))]
#[case("multicast", |t: FourTuple| (([224, 0, 0, 1], t.local.port()).into(), None))]
#[case("broadcast", |t: FourTuple| (([255; 4], t.local.port()).into(), None))]
fn connect_to_goes_elsewhere_and_opens_nothing(
    #[case] to: &str,
    #[case] sockets: fn(FourTuple) -> (SocketAddr, Option<SocketAddr>),
) {
    let body = format!("{OPEN}  app connect to {to}  expect in-use\n  app close");
    let case = setup(&body, Profile::generic(), Mode::Judge);
    let (remote, local) = sockets(FourTuple {
        local: case.lease.target,
        remote: (case.lease.addresses[0], case.lease.ports[0]).into(),
    });
    let mut calls = Vec::new();
    let report = play(&body, sound, |call| {
        calls.push(call.clone());
        vec![match call {
            AppCall::Connect { .. } => Err(Errno::AddressInUse),
            _ => Ok(Value::Done),
        }]
    });
    assert_passes(&report);
    let connect = AppCall::Connect {
        remote,
        local,
        with: Vec::new(),
        data: Vec::new(),
    };
    assert_eq!(calls, [connect, AppCall::Close(SOCKET)]);
}

#[test]
fn octets_are_gathered_and_compared_with_what_was_sent() {
    let pieces = |wrong: bool| {
        let mut at = 0;
        move |call: &AppCall| match call {
            AppCall::Receive(_, most) => {
                let count = 4.min(*most);
                let mut bytes = payload::octets(at, count);
                at += count as u32;
                if wrong && at > 4 {
                    bytes[1] ^= 1;
                }
                vec![Ok(Value::Bytes(bytes))]
            }
            other => panic!("{other:?}"),
        }
    };
    let body = format!("{OPEN}  < P.  len 10\n  app recv 10 == pattern");
    assert_passes(&play(&body, sound, pieces(false)));
    let failed = message(&play(&body, sound, pieces(true)));
    assert!(failed.starts_with("octet 5 of the stream is"), "{failed}");
}

#[test]
fn a_call_that_is_not_answered_is_inconclusive_and_missing_octets_fail() {
    let report = play(&format!("{OPEN}  app close"), sound, |_| Vec::new());
    assert_eq!(report.verdict.outcome, Outcome::Inconclusive);
    let report = play(&format!("{OPEN}  app recv 3"), sound, |_| Vec::new());
    assert_eq!(message(&report), "the application misses 3 octets");
}

#[test]
fn status_can_be_checked() {
    let status = |_: &AppCall| {
        vec![Ok(Value::Status(Status {
            state: "ESTABLISHED".into(),
            unread: Some(12),
            ..Status::default()
        }))]
    };
    let body = |check: &str| format!("{OPEN}  app status\n  check {check}");
    assert_passes(&play(&body("app.unread == 12"), sound, status));
    assert_eq!(
        message(&play(&body("app.unread == 13"), sound, status)),
        "the check does not hold"
    );
    let unknown = play(&body("app.unacked == 1"), sound, status);
    assert_eq!(unknown.verdict.outcome, Outcome::Inconclusive);
}

#[test]
fn text_of_app_send_must_be_what_was_given() {
    let texts = |shift: u32| {
        move |to: &Segment| {
            let mut answer = sound(to);
            if to.flags == Flags::ACK && to.ack == SeqNumber(ISS + 1) {
                let mut text = reply(to, Flags::ACK | Flags::PSH, ISS + 1, to.seq.0);
                text.payload = payload::octets(shift, 6);
                answer.push((ms(20), text));
            }
            answer
        }
    };
    let body = format!("{OPEN}  app send 6\n  > P.  len 6");
    let done = |_: &AppCall| vec![Ok(Value::Count(6))];
    assert_passes(&play(&body, texts(0), done));
    let failed = message(&play(&body, texts(1), done));
    assert!(failed.contains("of the stream"), "{failed}");
}

/// Plays an active open: the peer sends its SYN to where it is told to connect to, from port 50,000.
fn play_active(body: &str, answer: impl FnMut(&Segment) -> super::Answer) -> CaseReport {
    play_active_with(body, &[1], answer)
}

/// The same with a SYN at each of these milliseconds.
fn play_active_with(
    body: &str,
    syns: &[u64],
    mut answer: impl FnMut(&Segment) -> super::Answer,
) -> CaseReport {
    let setup = setup(body, Profile::generic(), Mode::Judge);
    let ours = SocketAddr::new(setup.lease.addresses[0], setup.lease.listen_ports[0]);
    let target = SocketAddr::new(setup.lease.target.ip(), 50_000);
    let mut syn = Segment::new(target, ours);
    (syn.flags, syn.seq, syn.window) = (Flags::SYN, SeqNumber(ISS), 10_000);
    // The first packet of ours is only the occasion: the SYN is on its way before it.
    drive_with(
        setup,
        move |segment| {
            if segment.dst() == target {
                return answer(segment);
            }
            syns.iter().map(|at| (ms(*at), syn.clone())).collect()
        },
        |id, call| {
            let result = match call {
                AppCall::Listen { .. } => Ok(Value::Socket(LISTENER)),
                AppCall::Accept(_) => return Vec::new(),
                AppCall::Connect { remote, .. } => {
                    assert_eq!(*remote, ours);
                    Ok(Value::Socket(SOCKET))
                }
                _ => Err(Errno::BadSocket),
            };
            vec![AppEvent::Reply { id, result }]
        },
    )
}

#[test]
fn the_targets_first_syn_binds_the_connection_and_its_variables_are_the_targets() {
    let body = "  app connect\n  other < S\n  > S  as syn\n  check syn.port == 50000\n  < S.  <mss 1000>\n  > .  seq SND.NXT  ack IRS+1\n  check SND.UNA == ISS+1 and SMSS == 1000";
    let report = play_active(body, |segment| {
        if segment.flags.contains(Flags::RST) {
            return Vec::new();
        }
        assert_eq!(segment.ack, SeqNumber(ISS + 1));
        let ack = segment.seq.0.wrapping_add(1);
        vec![(ms(1), reply(segment, Flags::ACK, ISS + 1, ack))]
    });
    assert_passes(&report);
}

#[test]
fn crossing_syns_are_modelled() {
    let body = "  app connect\n  other < S\n  > S\n  < S\n  > S.  seq ISS  ack IRS+1\n  < .  ack ISS+1\n  check SND.UNA == ISS+1";
    let report = play_active(body, |segment| {
        if segment.flags != Flags::SYN {
            return Vec::new();
        }
        let ack = segment.seq.0.wrapping_add(1);
        vec![(ms(1), reply(segment, Flags::SYN | Flags::ACK, ISS, ack))]
    });
    assert_passes(&report);
}

#[test]
fn an_unanswered_listen_names_what_is_missing() {
    let setup = setup(
        &format!("{OPEN}  app close"),
        Profile::generic(),
        Mode::Judge,
    );
    let report = drive_with(setup, sound, |id: CallId, _| {
        let result = Err(Errno::Unsupported);
        vec![AppEvent::Reply { id, result }]
    });
    assert_eq!(report.verdict.outcome, Outcome::Unsupported);
    let reason = report.reason.unwrap();
    assert_eq!(
        reason,
        "the target's application interface has no app listen"
    );
}

#[test]
fn the_connections_socket_is_asked_for_the_state_where_the_target_cannot_tell() {
    let status = |state: &'static str| {
        move |call: &AppCall| match call {
            AppCall::Status(socket) => {
                assert_eq!(*socket, SOCKET);
                vec![Ok(Value::Status(Status {
                    state: state.into(),
                    ..Status::default()
                }))]
            }
            _ => vec![Ok(Value::Done)],
        }
    };
    let body = format!("{OPEN}  app set nodelay 1\n  state ESTABLISHED passive");
    let report = play(&body, sound, status("ESTABLISHED"));
    assert_passes(&report);
    assert_eq!(report.states, [("ESTABLISHED".into(), Evidence::Status)]);
    let other = message(&play(&body, sound, status("CLOSE-WAIT")));
    assert_eq!(other, "the target is in CLOSE-WAIT");
}

/// Closes when it is spoken to with text, and sends the FIN again.
fn closes(to: &Segment) -> super::Answer {
    let mut answer = sound(to);
    if !to.payload.is_empty() {
        let end = to.seq + to.seq_len();
        let fin = reply(to, Flags::FIN | Flags::ACK, ISS + 1, end.0);
        answer = vec![(ms(1), fin.clone()), (ms(500), fin)];
    } else if to.seq == SeqNumber(1_010) {
        assert_eq!(to.ack, SeqNumber(ISS + 1), "a probe acknowledges no FIN");
        answer = vec![(ms(1), reply(to, Flags::ACK, ISS + 2, 1_011))];
    }
    answer
}

#[rstest]
#[case("ESTABLISHED", Some("the target has sent a FIN"))]
#[case("FIN-WAIT-2", Some("the target's FIN is not acknowledged"))]
#[case("CLOSING", Some("the target does not have our FIN"))]
#[case("FIN-WAIT-1", None)]
fn fins_that_were_seen_must_be_those_of_the_state(
    #[case] state: &str,
    #[case] failure: Option<&str>,
) {
    let body = format!("{OPEN}  < P.  len 10\n  > F.\n  state {state}");
    let report = super::play(&body, closes);
    match failure {
        None => assert_passes(&report),
        Some(expected) => assert_eq!(message(&report), expected),
    }
}

#[test]
fn a_fin_that_comes_again_is_no_proof_of_life() {
    let deaf = |to: &Segment| match to.payload.is_empty() && to.flags == Flags::ACK {
        true => Vec::new(),
        false => closes(to),
    };
    let body = format!("{OPEN}  < P.  len 10\n  > F.\n  alive");
    let failed = message(&super::play(&body, deaf));
    assert!(
        failed.starts_with("the connection did not answer"),
        "{failed}"
    );
}

#[rstest]
#[case(&[1, 1_000], None)]
#[case(&[1], Some("the target did not send its SYN again"))]
fn syn_sent_shows_by_another_syn(#[case] syns: &[u64], #[case] failure: Option<&str>) {
    let body = "  app connect\n  other < S\n  > S\n  state SYN-SENT";
    let report = play_active_with(body, syns, |_| Vec::new());
    match failure {
        None => assert_passes(&report),
        Some(expected) => assert_eq!(message(&report), expected),
    }
}

#[test]
fn a_listener_that_a_step_closes_stays_closed() {
    let mut calls = Vec::new();
    let report = play("  app close", sound, |call| {
        calls.push(call.clone());
        vec![Ok(Value::Done)]
    });
    assert_passes(&report);
    assert_eq!(calls, [AppCall::Close(LISTENER)]);
}

#[test]
fn what_an_agent_does_not_allow_is_unsupported() {
    let report = play("  app connect port 80", sound, |_| vec![Err(Errno::Access)]);
    assert_eq!(report.verdict.outcome, Outcome::Unsupported);
    let reason = report.reason.unwrap();
    assert!(
        reason.starts_with("the target's application is not allowed"),
        "{reason}"
    );
}

#[rstest]
#[case::in_time("  app connect\n  > S", 50, Outcome::Fail)]
#[case::late("  app connect\n  > S", 51, Outcome::Inconclusive)]
#[case::of_no_account("  < S\n  > S.", 51, Outcome::Fail)]
fn an_application_of_ours_that_was_late_makes_no_failure_of_who_calls_it(
    #[case] body: &str,
    #[case] late: u64,
    #[case] outcome: Outcome,
) {
    let mut case = Case::new(setup(body, Profile::generic(), Mode::Judge));
    let mut now = Instant::ZERO;
    let verdict = loop {
        match case.poll(now) {
            Action::Call {
                call: AppCall::Accept(_),
                ..
            } => {}
            Action::Call { id, .. } => {
                let result = Ok(Value::Socket(SOCKET));
                case.handle_app(now, AppEvent::Reply { id, result });
            }
            Action::Transmit { id, .. } => case.handle_sent(id, now),
            Action::WaitUntil(at) => {
                case.application_was_late(ms(late));
                now = at;
            }
            Action::Done(verdict) => break verdict,
            other => panic!("{other:?} was not to come"),
        }
    };
    assert_eq!(verdict.outcome, outcome);
}

/// What does not wait for an answer waits for the connection all the same: how soon it is accepted is not TCP's affair.
#[rstest]
#[case::at_once(0, None)]
#[case::late(900, None)]
#[case::never(2_000, Some("was not given the connection"))]
fn a_send_waits_for_its_connection(#[case] accepted: u64, #[case] failure: Option<&str>) {
    let body = format!("{OPEN}  app     send 10");
    let setup = setup(&body, Profile::generic(), Mode::Judge);
    let connection = FourTuple {
        local: setup.lease.target,
        remote: (setup.lease.addresses[0], setup.lease.ports[0]).into(),
    };
    let mut case = Case::new(setup);
    let mut now = Instant::ZERO;
    let (mut accept, mut accepts, mut sent) = (None, 0, Vec::new());
    loop {
        match case.poll(now) {
            Action::Call { id, call } => match call {
                AppCall::Listen { .. } => {
                    let result = Ok(Value::Socket(LISTENER));
                    case.handle_app(now, AppEvent::Reply { id, result });
                }
                AppCall::Accept(_) if accepts == 0 => {
                    accepts += 1;
                    accept = Some((now + ms(accepted), id));
                }
                AppCall::Send { data, .. } => sent.push((now, data.len())),
                _ => {}
            },
            Action::Transmit { id, bytes } => {
                case.handle_sent(id, now);
                if let tcpconf_wire::Content::Tcp(segment) = tcpconf_wire::parse(&bytes).content
                    && segment.flags == Flags::SYN
                {
                    let answer = super::syn_ack(&segment).build();
                    case.handle_packet(now, &tcpconf_wire::Packet::new(answer, now));
                }
            }
            Action::WaitUntil(at) => match accept.take_if(|(when, _)| *when <= at) {
                Some((when, id)) => {
                    now = when;
                    let event = AppEvent::Accepted {
                        listener: LISTENER,
                        socket: SOCKET,
                        connection,
                    };
                    case.handle_app(now, event);
                    let result = Ok(Value::Socket(SOCKET));
                    case.handle_app(now, AppEvent::Reply { id, result });
                }
                None => now = at,
            },
            Action::Done(_) => break,
            other => panic!("{other:?} was not to come"),
        }
    }
    let report = case.into_report();
    let Some(failure) = failure else {
        assert_passes(&report);
        return assert_eq!(sent, [(Instant::ZERO + ms(accepted), 10)]);
    };
    assert!(message(&report).contains(failure), "{report:?}");
    assert!(sent.is_empty());
}
