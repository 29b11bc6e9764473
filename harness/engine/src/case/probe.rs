//! Proof of life: `alive`, `gone`, `silence`, `gone-or-silence`, `state`.
//!
//! A connection is probed by an empty segment one octet left of its window, as a keep-alive does: a
//! live one must acknowledge it and stays as it was (RFC 9293 §3.10.7.4, first check), one that is no
//! more draws a RST (§3.10.7.1).  Without a connection the port is probed by a SYN from a fresh socket.
//! What the wire cannot tell apart: all synchronized states answer alike.  `state` therefore asks the
//! target first, where it has a status call; the report says which of the two it rests on.  Otherwise the
//! FINs that were seen must be those of the state, and SYN-SENT shows by another SYN.

use super::application::Purpose;
use super::wait::Waiting;
use super::{Case, GRACE};
use crate::endpoint::Value;
use crate::event::Evidence;
use crate::model::{Connection, Phase};
use crate::session::Arrived;
use crate::{Action, FourTuple, Status};
use std::time::Duration;
use tcpconf_suite::ast::{
    BinaryOp, Expr, ExprKind, Field, FieldName, FieldValue, FlagsSpec, Inject, Name, OptionItem,
    OptionsSpec, Relation, Slot, Span, Stimulus, Template, Timing,
};
use tcpconf_wire::{Flags, Instant};

/// How long nothing must come for `silence`.
const SILENCE: Duration = Duration::from_millis(500);
/// What is on its way to the target must arrive before the target is asked for its state.
const SETTLING: Duration = Duration::from_millis(20);
/// The connection of port probes: no suite can name it.
const PORT_PROBE: &str = "(port)";

/// What must be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// The target itself says that it is in this state; where it cannot tell, the class that the wire shows.
    State(String),
    Alive,
    Gone,
    AliveOrGone,
    /// The port accepts connections.
    Listening,
    /// The port refuses connections.
    Refusing,
    /// The target sends its SYN again.
    Opening,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Nothing may come until then.
    Quiet(Instant),
    /// The target is asked then.
    Settling(Instant),
    /// The target was asked.
    Asked,
    /// The connection's socket was asked.
    SocketAsked,
    /// Unacceptable segments keep their distance.
    Spacing(Instant),
    /// The probe is out.
    Answer(Instant),
}

/// A probe on its way.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    goal: Goal,
    stage: Stage,
    conn: String,
    /// Nothing is sent to find out.
    passive: bool,
}

impl Case {
    pub(super) fn alive(&mut self, now: Instant) {
        let goal = self.living();
        self.probe(goal, now);
    }

    /// What proves life: the connection, if one was opened here; the port otherwise.
    fn living(&self) -> Goal {
        let conn = &self.frame().conn;
        let opened = self
            .session
            .named(conn)
            .is_some_and(|index| self.session.slot(index).script.syn_sent)
            && !self.retired.contains(conn);
        if self.setup.instance.needs.service == "closed" {
            Goal::Refusing
        } else if opened {
            Goal::Alive
        } else {
            Goal::Listening
        }
    }

    pub(super) fn gone(&mut self, now: Instant) {
        self.probe(Goal::Gone, now);
    }

    pub(super) fn silence(&mut self, or_gone: bool, now: Instant) {
        let goal = if or_gone {
            Goal::AliveOrGone
        } else {
            self.living()
        };
        let until = self.last_stamp.max(now) + SILENCE;
        self.waiting = Some(Waiting::Probe(Probe {
            goal,
            stage: Stage::Quiet(until),
            conn: self.frame().conn.clone(),
            passive: false,
        }));
    }

    pub(super) fn state(
        &mut self,
        state: &Name,
        passive: bool,
        now: Instant,
    ) -> Result<(), crate::eval::EvalError> {
        self.waiting = Some(Waiting::Probe(Probe {
            goal: Goal::State(state.value.clone()),
            stage: Stage::Settling(self.all_sent(self.last_stamp.max(now)) + SETTLING),
            conn: self.frame().conn.clone(),
            passive,
        }));
        Ok(())
    }

    /// Asks the target for the state of the connection.
    fn ask(&mut self, mut probe: Probe, now: Instant) -> Option<Instant> {
        let Some(index) = self.session.named(&probe.conn) else {
            self.wire_class(&probe, now);
            return None;
        };
        let c = &self.session.slot(index).wire;
        let (local, remote) = (c.target, c.ours);
        self.status = None;
        self.outbox
            .push_back(Action::Status(FourTuple { local, remote }));
        probe.stage = Stage::Asked;
        self.waiting = Some(Waiting::Probe(probe));
        None
    }

    fn asked(&mut self, mut probe: Probe, now: Instant) -> Option<Instant> {
        let Some(answer) = self.status.take() else {
            self.waiting = Some(Waiting::Probe(probe));
            return Some(now + SETTLING);
        };
        match answer {
            Some(status) => self.told(&probe, status, now),
            None if self.setup.instance.needs.app && self.session.named(&probe.conn).is_some() => {
                match self.socket_of(&probe.conn) {
                    Some(socket) => {
                        self.call(crate::AppCall::Status(socket), Purpose::Step);
                        probe.stage = Stage::SocketAsked;
                        self.waiting = Some(Waiting::Probe(probe));
                    }
                    None => self.wire_class(&probe, now),
                }
            }
            None => self.wire_class(&probe, now),
        }
        None
    }

    fn socket_asked(&mut self, probe: Probe, now: Instant) -> Option<Instant> {
        match self.app.answer.take() {
            None => {
                self.waiting = Some(Waiting::Probe(probe));
                return Some(now + super::app_step::PATIENCE);
            }
            Some(Ok(Value::Status(status))) => self.told(&probe, status, now),
            // The socket is gone, or cannot tell.
            Some(_) => self.wire_class(&probe, now),
        }
        None
    }

    /// The target says which state it is in.
    fn told(&mut self, probe: &Probe, status: Status, now: Instant) {
        let Goal::State(wanted) = &probe.goal else {
            return;
        };
        if status.state == *wanted {
            self.states.push((wanted.clone(), Evidence::Status));
            return;
        }
        // Of a four-tuple whose port has a listener both are true.
        if wanted == "LISTEN" && status.state == "CLOSED" {
            self.wire_class(probe, now);
            return;
        }
        let message = format!("the target is in {}", status.state);
        self.fail(
            &message,
            Some(wanted.clone()),
            Some(status.state),
            Vec::new(),
        );
    }

    /// The target cannot tell: what the wire shows of the state.
    fn wire_class(&mut self, probe: &Probe, now: Instant) {
        let Goal::State(state) = &probe.goal else {
            return;
        };
        if probe.passive {
            self.unsupported("the target has no status call, and a passive check sends nothing");
            return;
        }
        if let Some(index) = self.session.named(&probe.conn)
            && let Some(why) = contradiction(&self.session.slot(index).wire, state)
        {
            self.fail(why, Some(state.clone()), None, Vec::new());
            return;
        }
        let goal = match state.as_str() {
            "CLOSED" => Goal::Gone,
            "LISTEN" => Goal::Listening,
            "SYN-SENT" => Goal::Opening,
            _ => Goal::Alive,
        };
        self.states.push((state.clone(), Evidence::Wire));
        if goal == Goal::Opening {
            let until = now + Duration::from_millis(self.setup.profile.timing.rto_max_ms);
            self.drain(&probe.conn);
            self.waiting = Some(Waiting::Probe(Probe {
                goal,
                stage: Stage::Answer(until),
                conn: probe.conn.clone(),
                passive: false,
            }));
            return;
        }
        self.probe(goal, now);
    }

    fn probe(&mut self, goal: Goal, now: Instant) {
        let conn = match goal {
            Goal::Listening | Goal::Refusing => PORT_PROBE.to_owned(),
            _ => self.frame().conn.clone(),
        };
        let spacing = Duration::from_millis(self.setup.profile.timing.probe_spacing_ms);
        let at = self
            .session
            .named(&conn)
            .and_then(|index| self.session.slot(index).wire.last_unacceptable)
            .map_or(now, |last| last + spacing);
        // What a stimulus draws must not be taken for the answer to the probe.
        let at = match self.last_send {
            Some(_) => at.max(self.last_stamp + SETTLING),
            None => at,
        };
        self.waiting = Some(Waiting::Probe(Probe {
            goal,
            stage: Stage::Spacing(at),
            conn,
            passive: false,
        }));
    }

    fn drain(&mut self, conn: &str) {
        while let Some((index, arrived)) = self.next_arrival(conn) {
            self.session.slot_mut(index).consume(&arrived.segment);
        }
    }

    pub(super) fn wait_probe(&mut self, probe: Probe, now: Instant) -> Option<Instant> {
        match probe.stage {
            Stage::Quiet(until) => self.wait_silence(probe, until, now),
            Stage::Settling(at) if now < at => {
                self.waiting = Some(Waiting::Probe(probe));
                Some(at)
            }
            Stage::Settling(_) => self.ask(probe, now),
            Stage::Asked => self.asked(probe, now),
            Stage::SocketAsked => self.socket_asked(probe, now),
            Stage::Spacing(at) => {
                if now < at {
                    self.waiting = Some(Waiting::Probe(probe));
                    return Some(at);
                }
                // What came before the probe says nothing about it.
                self.drain(&probe.conn);
                self.send_probe(probe, now)
            }
            Stage::Answer(until) => {
                let patience = self.patience(now);
                self.wait_answer(probe, until, patience)
            }
        }
    }

    fn wait_silence(&mut self, probe: Probe, until: Instant, now: Instant) -> Option<Instant> {
        while let Some((index, arrived)) = self.next_arrival(&probe.conn) {
            if arrived.at > until {
                self.session.slot_mut(index).inbox.push_front(arrived);
                break;
            }
            let seen = self.session.slot(index).classify(&arrived.segment);
            self.session.slot_mut(index).consume(&arrived.segment);
            let reset = arrived.segment.flags.contains(Flags::RST);
            if seen.retransmission || (reset && probe.goal == Goal::AliveOrGone) {
                continue;
            }
            self.note(arrived.entry, "nothing was to come");
            let actual = self.session.trace[arrived.entry].text.clone();
            let message = format!("{actual} came where nothing was to come");
            self.fail(&message, Some("nothing".into()), Some(actual), Vec::new());
            return None;
        }
        if self.patience(now) < until + GRACE {
            self.waiting = Some(Waiting::Probe(probe));
            return Some(until + GRACE);
        }
        self.last_stamp = until;
        self.probe(probe.goal, now);
        None
    }

    fn send_probe(&mut self, mut probe: Probe, now: Instant) -> Option<Instant> {
        let template = match probe.goal {
            Goal::Listening | Goal::Refusing => syn(),
            _ => self.keepalive(&probe.conn),
        };
        let inject = Inject {
            conn: Some(Name {
                value: probe.conn.clone(),
                span: Span::default(),
            }),
            stimulus: Stimulus::Segment(template),
            fragment: None,
            timing: Timing::default(),
            label: None,
        };
        if probe.conn == PORT_PROBE {
            self.retired.insert(PORT_PROBE.into());
            let place = self.app.place_of(&self.frame().conn);
            let port = place.unwrap_or(self.setup.lease.target);
            self.app.place(PORT_PROBE, port);
        }
        let before = self.frame().at;
        self.note_on_sends = Some("probe");
        let sent = self.send(&inject, now);
        self.note_on_sends = None;
        if let Err(error) = sent {
            self.broken(&error);
            return None;
        }
        if self.frame().at != before {
            // No port was free: `send` wants the step to begin again; the probe does so by itself.
            if let Some(frame) = self.frames.last_mut() {
                frame.at = before;
            }
        } else {
            let answer = Duration::from_millis(self.setup.profile.timing.answer_ms);
            probe.stage = Stage::Answer(self.last_stamp.max(now) + answer);
        }
        self.waiting = Some(Waiting::Probe(probe));
        None
    }

    fn wait_answer(&mut self, probe: Probe, until: Instant, now: Instant) -> Option<Instant> {
        while let Some((index, arrived)) = self.next_arrival(&probe.conn) {
            let answer = self.answer(&probe.goal, index, &arrived);
            self.session.slot_mut(index).consume(&arrived.segment);
            self.last_stamp = arrived.at;
            match answer {
                Answer::Good => {
                    self.note(arrived.entry, "proof of life");
                    return None;
                }
                Answer::Bad(message) => {
                    self.note(arrived.entry, "mismatch");
                    let actual = self.session.trace[arrived.entry].text.clone();
                    self.fail(
                        message,
                        Some(wanted(&probe.goal).into()),
                        Some(actual),
                        Vec::new(),
                    );
                    return None;
                }
                Answer::None => {}
            }
        }
        if now < until + GRACE {
            self.waiting = Some(Waiting::Probe(probe));
            return Some(until + GRACE);
        }
        let message = match probe.goal {
            Goal::Listening | Goal::Refusing => "the port did not answer a new SYN",
            Goal::Opening => "the target did not send its SYN again",
            Goal::Gone => "the probe of a connection that should be gone drew no RST",
            _ => "the connection did not answer a probe left of its window",
        };
        self.fail(
            message,
            Some(wanted(&probe.goal).into()),
            Some("nothing".into()),
            Vec::new(),
        );
        None
    }

    /// Whether what comes now answers a question of the harness.
    pub(super) const fn awaits_answer_to_probe(&self) -> bool {
        let Some(Waiting::Probe(probe)) = &self.waiting else {
            return false;
        };
        matches!(probe.stage, Stage::Answer(_))
    }

    fn answer(&self, goal: &Goal, index: usize, arrived: &Arrived) -> Answer {
        let segment = &arrived.segment;
        let reset = segment.flags.contains(Flags::RST);
        // Text or a FIN that is sent again acknowledges all that came as well, whoever asked for it.
        let again = self.session.slot(index).classify(segment).retransmission
            && !segment.flags.contains(Flags::SYN);
        match goal {
            Goal::Listening if segment.flags.contains(Flags::SYN | Flags::ACK) => Answer::Good,
            Goal::Listening if reset => Answer::Bad("the port refused a new connection"),
            Goal::Refusing if reset => Answer::Good,
            Goal::Refusing => Answer::Bad("the port accepts connections"),
            Goal::Opening if reset => Answer::Bad("the target has given its SYN up"),
            Goal::Opening if segment.flags & (Flags::SYN | Flags::ACK) == Flags::SYN => {
                Answer::Good
            }
            Goal::Alive if reset => Answer::Bad("the connection was gone at the probe"),
            Goal::Gone | Goal::AliveOrGone if reset => Answer::Good,
            Goal::Alive | Goal::AliveOrGone | Goal::Gone
                if segment.flags.contains(Flags::ACK)
                    && !again
                    && segment.ack == self.session.slot(index).script.rcv_nxt =>
            {
                if *goal == Goal::Gone {
                    Answer::Bad("the connection still answers")
                } else {
                    Answer::Good
                }
            }
            _ => Answer::None,
        }
    }
}

enum Answer {
    Good,
    Bad(&'static str),
    /// Says nothing either way: a retransmission, a segment that crossed the probe.
    None,
}

const fn wanted(goal: &Goal) -> &'static str {
    match goal {
        Goal::Alive => ". ack RCV.NXT",
        Goal::Gone | Goal::Refusing => "R",
        Goal::AliveOrGone => ". ack RCV.NXT  or  R",
        Goal::Listening => "S.",
        Goal::Opening => "S",
        Goal::State(_) => "the state",
    }
}

fn expr(kind: ExprKind) -> Expr {
    Expr {
        kind,
        span: Span::default(),
    }
}

impl Case {
    /// `. seq RCV.NXT-1 ack SND.UNA`: it acknowledges nothing new.
    fn keepalive(&self, conn: &str) -> Template<Expr> {
        let symbol = |name: &str| expr(ExprKind::Symbol(name.into()));
        let field = |name, value| Field {
            name,
            relation: Relation::Eq,
            values: vec![FieldValue::Number(value)],
            span: Span::default(),
        };
        let seq = expr(ExprKind::Binary(
            BinaryOp::Sub,
            Box::new(symbol("RCV.NXT")),
            Box::new(expr(ExprKind::Number(1))),
        ));
        let mut fields = vec![field(FieldName::Seq, seq)];
        let index = self.session.named(conn);
        let phase = index.map(|index| self.session.slot(index).script.phase);
        // In SYN-RECEIVED an old ACK would be none at all; of a connection that is gone nothing is known.
        if phase == Some(Phase::Synchronized) {
            fields.push(field(FieldName::Ack, symbol("SND.UNA")));
        }
        Template {
            flags: FlagsSpec::Literal(Flags::ACK),
            fields,
            options: None,
            span: Span::default(),
        }
    }
}

/// What was seen of the connection that cannot be in that state.
fn contradiction(c: &Connection, state: &str) -> Option<&'static str> {
    let closed = c.target_fin.is_some();
    let acked = c.target_fin.is_some_and(|fin| fin.lt(c.snd_una));
    match state {
        "SYN-RECEIVED" | "ESTABLISHED" | "CLOSE-WAIT" if closed => {
            Some("the target has sent a FIN")
        }
        "FIN-WAIT-2" | "TIME-WAIT" if !acked => Some("the target's FIN is not acknowledged"),
        "FIN-WAIT-1" | "CLOSING" | "LAST-ACK" if acked => Some("the target's FIN is acknowledged"),
        "ESTABLISHED" | "FIN-WAIT-1" | "FIN-WAIT-2" | "SYN-RECEIVED" if c.fin_received => {
            Some("the target has our FIN")
        }
        "CLOSE-WAIT" | "CLOSING" | "LAST-ACK" | "TIME-WAIT" if !c.fin_received => {
            Some("the target does not have our FIN")
        }
        _ => None,
    }
}

/// `S <mss 1460>`
fn syn() -> Template<Expr> {
    Template {
        flags: FlagsSpec::Literal(Flags::SYN),
        fields: Vec::new(),
        options: Some(OptionsSpec::Items(vec![OptionItem::Mss(Slot::Is(expr(
            ExprKind::Number(1_460),
        )))])),
        span: Span::default(),
    }
}
