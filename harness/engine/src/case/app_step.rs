//! `app` steps: the call, and what must come of it.

use super::application::{Purpose, Told};
use super::wait::Waiting;
use super::{Case, GRACE};
use crate::endpoint::Value as Answer;
use crate::eval::{EvalError, eval};
use crate::payload;
use crate::value::{Value, seconds};
use crate::{AppCall, Errno, Outcome, SocketHandle};
use std::time::Duration;
use tcpconf_suite::ast::{AppStep, AppVerb, ListenPort, SettingValue};
use tcpconf_suite::vocabulary::Setting;
use tcpconf_wire::Instant;

/// How long a call that does not wait for the peer may go unanswered: the way to an agent and back.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long a SEND without `expect` waits for its answer: errors of the call itself come at once.
const SEND_ANSWER: Duration = Duration::from_millis(5);
/// Octets that one SEND or RECEIVE may have.
const OCTETS_MAX: u64 = 64 << 20;

/// An `app` step that goes on.
#[derive(Clone, Debug)]
pub(super) struct AppWait {
    step: Box<AppStep>,
    conn: String,
    stage: Stage,
    /// When its patience with this stage is over.
    until: Instant,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Until the connection's socket is known; then the call is made.
    Socket,
    /// Until the call is answered.
    Answer(Option<SocketHandle>),
    /// Until so many octets more have come.
    Octets(SocketHandle, usize),
    /// Until the application is told.
    Event(SocketHandle),
}

impl Case {
    pub(super) fn app(&mut self, step: &AppStep, now: Instant) -> Result<(), EvalError> {
        let conn = self.conn_of(step.conn.as_ref());
        self.last_stamp = self.last_stamp.max(now);
        let mut wait = AppWait {
            step: Box::new(step.clone()),
            stage: Stage::Socket,
            until: self.last_stamp + self.socket_patience(step)?,
            conn,
        };
        match &step.verb {
            AppVerb::Listen {
                port,
                backlog,
                with,
            } => {
                let mut local = self.setup.lease.target;
                if let Some(port) = port {
                    let Some(port) = self.port_of_listener(port)? else {
                        self.unsupported(
                            "the target's application has no further port to listen at",
                        );
                        return Ok(());
                    };
                    local.set_port(port);
                    self.app.place(&wait.conn, local);
                }
                let backlog = match backlog {
                    Some(backlog) => crate::compose::plain(backlog, 0..=65_535, &self.view())?,
                    None => 128,
                };
                let call = AppCall::Listen {
                    local,
                    backlog: backlog as u32,
                    with: self.settings(with)?,
                };
                self.call(call, Purpose::Step);
                wait.stage = Stage::Answer(None);
            }
            AppVerb::Connect {
                to,
                port,
                data,
                with,
            } => {
                let port = match port {
                    Some(port) => Some(crate::compose::plain(port, 0..=65_535, &self.view())?),
                    None => None,
                };
                let data = match data {
                    Some(n) => crate::compose::plain(n, 0..=OCTETS_MAX, &self.view())?,
                    None => 0,
                };
                let with = self.settings(with)?;
                let port = port.map(|p| p as u16);
                if let Some(to) = to {
                    let (remote, local) = self.elsewhere(to, &wait.conn, port)?;
                    let call = AppCall::Connect {
                        remote,
                        local,
                        with,
                        data: payload::octets(0, data as usize),
                    };
                    self.call(call, Purpose::Step);
                } else if !self.connect(&wait.conn, port, data as usize, with) {
                    return Ok(());
                }
                wait.stage = Stage::Answer(None);
            }
            _ => {}
        }
        self.waiting = Some(Waiting::App(wait));
        Ok(())
    }

    /// How long the step may wait until the application has the connection: also what does not wait for an answer has to
    /// wait for that.
    fn socket_patience(&self, step: &AppStep) -> Result<Duration, EvalError> {
        let patience = self.app_patience(step)?;
        let answer = Duration::from_millis(self.setup.profile.timing.answer_ms);
        Ok(match &step.within {
            Some(_) => patience,
            None => patience.max(answer),
        })
    }

    /// How long the step may wait.
    fn app_patience(&self, step: &AppStep) -> Result<Duration, EvalError> {
        match (&step.within, &step.verb, &step.expect) {
            (Some(within), ..) => self.duration(within),
            (None, AppVerb::Send { .. }, None) => Ok(SEND_ANSWER),
            (None, AppVerb::Event | AppVerb::Recv { .. } | AppVerb::Accept, _)
            | (None, _, Some(_)) => Ok(Duration::from_millis(self.setup.profile.timing.answer_ms)),
            (None, ..) => Ok(PATIENCE),
        }
    }

    fn settings(&self, with: &[SettingValue]) -> Result<Vec<(Setting, i64)>, EvalError> {
        with.iter().map(|setting| self.setting(setting)).collect()
    }

    fn setting(&self, setting: &SettingValue) -> Result<(Setting, i64), EvalError> {
        let SettingValue { name, value } = setting;
        let known = Setting::from_name(&name.value).ok_or_else(|| {
            EvalError::wrong(name.span, format!("unknown setting '{}'", name.value))
        })?;
        let number = match eval(value, &self.view())? {
            Value::Number(n) => n,
            Value::Time(nanos) => nanos / 1_000_000,
            other => {
                let message = format!("a number or a time is wanted, not {}", other.kind());
                return Err(EvalError::wrong(value.span, message));
            }
        };
        let number = i64::try_from(number)
            .map_err(|_| EvalError::wrong(value.span, "the number is too large"))?;
        Ok((known, number))
    }

    pub(super) fn wait_app(&mut self, mut wait: AppWait, now: Instant) -> Option<Instant> {
        match wait.stage {
            Stage::Socket => match self.socket_of(&wait.conn) {
                Some(socket) => {
                    if let Err(error) = self.call_on(&mut wait, socket) {
                        self.broken(&error);
                        return None;
                    }
                    if let (AppVerb::Send { .. }, None) = (&wait.step.verb, &wait.step.expect) {
                        wait.until = self.last_stamp.max(now) + SEND_ANSWER;
                    }
                    self.wait_app_on(wait, now)
                }
                None if now < wait.until + GRACE => self.wait_app_on(wait, now),
                None => {
                    self.fail_app(
                        &wait,
                        "the target's application was not given the connection",
                        "nothing",
                    );
                    None
                }
            },
            Stage::Answer(socket) => self.wait_answer_of_call(wait, socket, now),
            Stage::Octets(socket, left) => self.wait_octets(wait, socket, left, now),
            Stage::Event(socket) => self.wait_event(wait, socket, now),
        }
    }

    /// Goes on waiting; `None` when something must be done first.
    fn wait_app_on(&mut self, wait: AppWait, now: Instant) -> Option<Instant> {
        let until = (wait.until + GRACE).max(now);
        self.waiting = Some(Waiting::App(wait));
        // Calls go out first; they are in the outbox.
        self.outbox.is_empty().then_some(until)
    }

    /// The socket is known: the call goes out.
    fn call_on(&mut self, wait: &mut AppWait, socket: SocketHandle) -> Result<(), EvalError> {
        wait.stage = Stage::Answer(Some(socket));
        let mut purpose = Purpose::Step;
        let call = match &wait.step.verb {
            AppVerb::Send {
                count,
                urgent,
                more,
            } => {
                let count = crate::compose::plain(count, 0..=OCTETS_MAX, &self.view())?;
                let sent = self.app.sent.entry(socket).or_default();
                let data = payload::octets(*sent, count as usize);
                *sent = sent.wrapping_add(count as u32);
                if wait.step.expect.is_none() {
                    purpose = Purpose::Send(socket);
                    wait.stage = Stage::Event(socket);
                }
                AppCall::Send {
                    socket,
                    data,
                    urgent: *urgent,
                    more: *more,
                }
            }
            AppVerb::Recv { count, queued, .. } => {
                let count = crate::compose::plain(count, 0..=OCTETS_MAX, &self.view())? as usize;
                if *queued {
                    // Made, and the step is over: a later one waits for what it answers.
                    self.app.queued.insert(socket, None);
                    self.call(AppCall::Receive(socket, count), Purpose::Queued(socket));
                    self.app.answer = Some(Ok(Answer::Done));
                    return Ok(());
                }
                wait.stage = Stage::Octets(socket, count);
                if self.app.queued.contains_key(&socket) {
                    return Ok(());
                }
                AppCall::Receive(socket, count)
            }
            AppVerb::ReceiveUrgent => AppCall::ReceiveUrgent(socket),
            AppVerb::Close => {
                self.forget_listener(socket);
                AppCall::Close(socket)
            }
            AppVerb::ShutdownRead => AppCall::ShutdownRead(socket),
            AppVerb::Release => {
                self.forget_listener(socket);
                AppCall::Release(socket)
            }
            AppVerb::Abort => {
                self.forget_listener(socket);
                AppCall::Abort(socket)
            }
            AppVerb::Set(setting) => {
                let (setting, value) = self.setting(setting)?;
                AppCall::Set(socket, setting, value)
            }
            AppVerb::Status { .. } => AppCall::Status(socket),
            AppVerb::Listen { .. } | AppVerb::Connect { .. } => return Ok(()),
            AppVerb::Accept => {
                // That the socket is known is all.
                self.app.answer = Some(Ok(Answer::Done));
                return Ok(());
            }
            AppVerb::Event => {
                wait.stage = Stage::Event(socket);
                return Ok(());
            }
        };
        self.call(call, purpose);
        Ok(())
    }

    fn wait_answer_of_call(
        &mut self,
        mut wait: AppWait,
        socket: Option<SocketHandle>,
        now: Instant,
    ) -> Option<Instant> {
        let Some(answer) = self.app.answer.take() else {
            if now < wait.until + GRACE {
                return self.wait_app_on(wait, now);
            }
            let reason = "the target's application did not answer a call";
            self.conclude(Outcome::Inconclusive, Some(reason.into()));
            return None;
        };
        let expected = wait.step.expect.as_ref().map(|name| name.value.clone());
        match (answer, expected, &wait.step.verb) {
            (Err(Errno::Unsupported), ..) => {
                let missing = wait.step.verb.capabilities();
                let missing: Vec<String> = missing.iter().map(ToString::to_string).collect();
                let missing = missing.join(" with ");
                let reason = format!("the target's application interface has no app {missing}");
                self.unsupported(&reason);
            }
            // Not TCP's word: who runs the application limits what it may open.
            (Err(Errno::Access), None, AppVerb::Listen { .. } | AppVerb::Connect { .. }) => {
                let missing = wait.step.verb.capabilities();
                let missing = missing.first().map(ToString::to_string);
                let reason = format!(
                    "the target's application is not allowed this app {} (EACCES): --ports or --connect of its agent",
                    missing.unwrap_or_default()
                );
                self.unsupported(&reason);
            }
            // What an earlier case left there says nothing about this one: the next port will do.
            (Err(Errno::AddressInUse), None, AppVerb::Listen { port, .. })
                if *port == Some(ListenPort::Fresh) =>
            {
                if let Some(frame) = self.frames.last_mut() {
                    frame.at -= 1;
                }
            }
            (Err(errno), Some(name), _) => {
                if name != ANY && !is(errno, &name) {
                    self.fail_app(
                        &wait,
                        &format!("the call was answered by {errno}"),
                        errno.name(),
                    );
                }
            }
            (Err(errno), None, _) => {
                self.fail_app(
                    &wait,
                    &format!("the call was answered by {errno}"),
                    errno.name(),
                );
            }
            (Ok(Answer::Socket(listener)), None, AppVerb::Listen { port, .. }) => {
                self.listens(port.as_ref().map(|_| wait.conn.as_str()), listener);
            }
            (Ok(_), Some(name), _) if name == ANY => {}
            (Ok(Answer::Socket(socket)), expected, AppVerb::Connect { to, .. }) => {
                if to.is_none()
                    && let Some(index) = self.session.named(&wait.conn)
                {
                    self.bind_socket(index, socket);
                }
                if expected.is_some() {
                    wait.stage = Stage::Event(socket);
                    return self.wait_event(wait, socket, now);
                }
            }
            (Ok(_), Some(_), AppVerb::Send { .. }) => {
                // Taken; what is expected may be told later.
                if let Some(socket) = socket {
                    wait.stage = Stage::Event(socket);
                    return self.wait_event(wait, socket, now);
                }
            }
            (Ok(Answer::Status(status)), None, AppVerb::Status { state: Some(state) })
                if status.state != state.value =>
            {
                let message = format!("the application is told {}", status.state);
                self.fail_app(&wait, &message, &status.state);
            }
            (Ok(Answer::Status(status)), None, _) => {
                if let Some(index) = self.session.named(&wait.conn) {
                    self.app.status.insert(index, status);
                }
            }
            (Ok(_), None, _) => {}
            (Ok(_), Some(_), AppVerb::Accept) => {}
            (Ok(_), Some(_), _) => {
                self.fail_app(&wait, "the call succeeded", "done");
            }
        }
        None
    }

    fn wait_octets(
        &mut self,
        mut wait: AppWait,
        socket: SocketHandle,
        left: usize,
        now: Instant,
    ) -> Option<Instant> {
        let expected = wait.step.expect.as_ref().map(|name| name.value.clone());
        let queued = self.app.queued.get_mut(&socket).and_then(Option::take);
        if queued.is_some() {
            self.app.queued.remove(&socket);
        }
        let Some(answer) = queued.or_else(|| self.app.answer.take()) else {
            if now < wait.until + GRACE {
                return self.wait_app_on(wait, now);
            }
            let message = format!("the application misses {left} octets");
            self.fail_app(&wait, &message, "nothing");
            return None;
        };
        match (answer, expected) {
            (Ok(Answer::Bytes(bytes)), expected) if bytes.is_empty() && left > 0 => {
                if expected.as_deref() != Some("eof") {
                    self.fail_app(&wait, "the stream ended", "eof");
                }
            }
            (Ok(Answer::Bytes(bytes)), None) => {
                let received = self.app.received.entry(socket).or_default();
                let at = *received;
                *received = at.wrapping_add(bytes.len() as u32);
                let pattern = matches!(wait.step.verb, AppVerb::Recv { pattern: true, .. });
                if pattern && let Some((wrong, octet)) = payload::first_wrong(at, &bytes) {
                    let message = format!(
                        "octet {} of the stream is {:#04x} instead of {octet:#04x}",
                        at.wrapping_add(wrong as u32),
                        bytes[wrong]
                    );
                    self.fail_app(&wait, &message, "other octets");
                    return None;
                }
                let left = left.saturating_sub(bytes.len());
                if left > 0 {
                    wait.stage = Stage::Octets(socket, left);
                    self.call(AppCall::Receive(socket, left), Purpose::Step);
                    return self.wait_app_on(wait, now);
                }
            }
            (Ok(Answer::Bytes(bytes)), Some(_)) => {
                let came = format!("{} octets", bytes.len());
                self.fail_app(&wait, &format!("{came} came"), &came);
            }
            (Err(errno), Some(name)) if is(errno, &name) => {}
            (Err(errno), _) => {
                self.fail_app(
                    &wait,
                    &format!("the call was answered by {errno}"),
                    errno.name(),
                );
            }
            (Ok(_), _) => {
                let reason = "the target's application answered RECEIVE by something else";
                self.conclude(Outcome::Error, Some(reason.into()));
            }
        }
        None
    }

    fn wait_event(&mut self, wait: AppWait, socket: SocketHandle, now: Instant) -> Option<Instant> {
        let Some(name) = wait.step.expect.as_ref().map(|name| name.value.clone()) else {
            // A SEND: only an error that comes at once says something about it.
            return match self.app.take(socket, None) {
                Some(Told::Error(errno)) => {
                    let message = format!("the call was answered by {errno}");
                    self.fail_app(&wait, &message, errno.name());
                    None
                }
                _ if now < wait.until => {
                    let until = wait.until;
                    self.waiting = Some(Waiting::App(wait));
                    self.outbox.is_empty().then_some(until)
                }
                _ => None,
            };
        };
        if name == "accepted" {
            return None; // The socket is known.
        }
        match self.app.take(socket, event(&name)) {
            Some(Told::Error(errno)) if is(errno, &name) => None,
            Some(Told::Error(errno)) => {
                let message = format!("the application was told {errno}");
                self.fail_app(&wait, &message, errno.name());
                None
            }
            Some(_) => None,
            None if now < wait.until + GRACE => self.wait_app_on(wait, now),
            None => {
                let waited = seconds(wait.until.since(self.last_stamp).as_nanos() as i128);
                let message = format!("the application was told nothing of it within {waited}");
                self.fail_app(&wait, &message, "nothing");
                None
            }
        }
    }

    fn fail_app(&mut self, wait: &AppWait, message: &str, actual: &str) {
        let expected = match (&wait.step.expect, &wait.step.verb) {
            (Some(name), _) => name.value.clone(),
            (None, AppVerb::Recv { .. }) => "the octets that were sent".to_owned(),
            (None, AppVerb::Status { state: Some(state) }) => state.value.clone(),
            (None, _) => "the call succeeds".to_owned(),
        };
        self.fail(message, Some(expected), Some(actual.to_owned()), Vec::new());
    }
}

/// `expect any`: however the call is answered.
const ANY: &str = "any";

/// The event of that name; errors have none of their own.
fn event(name: &str) -> Option<Told> {
    match name {
        "eof" => Some(Told::Eof),
        "connected" => Some(Told::Connected),
        "readable" => Some(Told::Readable),
        "urgent" => Some(Told::Oob),
        "soft-error" => Some(Told::SoftError),
        _ => None,
    }
}

/// Whether the error has that name in suites (`OUTCOMES`).
fn is(errno: Errno, name: &str) -> bool {
    let names: &[&str] = match errno {
        Errno::ConnectionRefused => &["refused"],
        Errno::ConnectionReset => &["reset"],
        Errno::ConnectionAborted => &["aborted"],
        Errno::TimedOut => &["timeout"],
        Errno::HostUnreachable => &["host-unreachable"],
        Errno::NetworkUnreachable => &["network-unreachable"],
        Errno::ProtocolUnavailable => &["protocol-unavailable"],
        Errno::MessageSize => &["message-size"],
        Errno::NotConnected | Errno::BadSocket => &["not-connected"],
        Errno::IsConnected => &["is-connected"],
        Errno::BrokenPipe => &["broken-pipe"],
        Errno::AddressInUse => &["in-use"],
        Errno::AddressNotAvailable => &["not-available"],
        Errno::Access => &["denied"],
        Errno::Invalid => &["invalid"],
        Errno::NoBuffers => &["no-buffers"],
        Errno::Other | Errno::Unsupported => &[],
    };
    name == "error" || names.contains(&name)
}
