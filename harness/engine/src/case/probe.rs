//! Proof of life: `alive`, `gone`, `silence`, `gone-or-silence`, `state`.
//!
//! A connection is probed by an empty segment one octet left of its window, as a keep-alive does: a
//! live one must acknowledge it and stays as it was (RFC 9293 §3.10.7.4, first check), one that is no
//! more draws a RST (§3.10.7.1).  Without a connection the port is probed by a SYN from a fresh socket.
//! What the wire cannot tell apart: all synchronized states answer alike.

use super::wait::Waiting;
use super::{Case, GRACE};
use crate::model::Phase;
use crate::session::Arrived;
use std::time::Duration;
use tcpconf_suite::ast::{
    BinaryOp, Expr, ExprKind, Field, FieldName, FieldValue, FlagsSpec, Inject, Name, OptionItem,
    OptionsSpec, Relation, Slot, Span, Stimulus, Template, Timing,
};
use tcpconf_wire::{Flags, Instant};

/// How long nothing must come for `silence`.
const SILENCE: Duration = Duration::from_millis(500);
/// The connection of port probes: no suite can name it.
const PORT_PROBE: &str = "(port)";

/// What must be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    Alive,
    Gone,
    AliveOrGone,
    /// The port accepts connections.
    Listening,
    /// The port refuses connections.
    Refusing,
}

#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Nothing may come until then.
    Quiet(Instant),
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
}

impl Case {
    pub(super) fn alive(&mut self, now: Instant) {
        let closed = self.setup.instance.needs.service == "closed";
        let goal = match self.connection_stands() {
            true => Goal::Alive,
            false if closed => Goal::Refusing,
            false => Goal::Listening,
        };
        self.probe(goal, now);
    }

    pub(super) fn gone(&mut self, now: Instant) {
        self.probe(Goal::Gone, now);
    }

    pub(super) fn silence(&mut self, or_gone: bool, now: Instant) {
        let goal = if or_gone {
            Goal::AliveOrGone
        } else if self.connection_stands() {
            Goal::Alive
        } else {
            Goal::Listening
        };
        let until = self.last_stamp.max(now) + SILENCE;
        self.waiting = Some(Waiting::Probe(Probe {
            goal,
            stage: Stage::Quiet(until),
            conn: self.frame().conn.clone(),
        }));
    }

    pub(super) fn state(
        &mut self,
        state: &Name,
        passive: bool,
        now: Instant,
    ) -> Result<(), crate::eval::EvalError> {
        if passive {
            self.unsupported("the target has no status call, and a passive check sends nothing");
            return Ok(());
        }
        match state.value.as_str() {
            "CLOSED" => self.probe(Goal::Gone, now),
            "LISTEN" => self.probe(Goal::Listening, now),
            "SYN-SENT" => self.unsupported("SYN-SENT needs an application interface"),
            _ => self.probe(Goal::Alive, now),
        }
        Ok(())
    }

    fn connection_stands(&self) -> bool {
        self.session.named(&self.frame().conn).is_some_and(|index| {
            matches!(
                self.session.slot(index).wire.phase,
                Phase::SynReceived | Phase::Synchronized
            )
        })
    }

    fn probe(&mut self, goal: Goal, now: Instant) {
        let conn = match goal {
            Goal::Listening | Goal::Refusing => PORT_PROBE.to_owned(),
            _ => self.frame().conn.clone(),
        };
        // What came before the probe says nothing about it.
        self.drain(&conn);
        let spacing = Duration::from_millis(self.setup.profile.timing.probe_spacing_ms);
        let at = self
            .session
            .named(&conn)
            .and_then(|index| self.session.slot(index).wire.last_unacceptable)
            .map_or(now, |last| last + spacing);
        self.waiting = Some(Waiting::Probe(Probe {
            goal,
            stage: Stage::Spacing(at),
            conn,
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
            Stage::Spacing(at) => {
                if now < at {
                    self.waiting = Some(Waiting::Probe(probe));
                    return Some(at);
                }
                self.send_probe(probe, now)
            }
            Stage::Answer(until) => self.wait_answer(probe, until, now),
        }
    }

    fn wait_silence(&mut self, probe: Probe, until: Instant, now: Instant) -> Option<Instant> {
        while let Some((index, arrived)) = self.next_arrival(&probe.conn) {
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
        if now < until + GRACE {
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
            _ => keepalive(),
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
        }
        let before = self.frame().at;
        if let Err(error) = self.send(&inject, now) {
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
            probe.stage = Stage::Answer(now + answer);
        }
        self.waiting = Some(Waiting::Probe(probe));
        None
    }

    fn wait_answer(&mut self, probe: Probe, until: Instant, now: Instant) -> Option<Instant> {
        while let Some((index, arrived)) = self.next_arrival(&probe.conn) {
            let answer = self.answer(probe.goal, index, &arrived);
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
                        Some(wanted(probe.goal).into()),
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
            Goal::Gone => "the probe of a connection that should be gone drew no RST",
            _ => "the connection did not answer a probe left of its window",
        };
        self.fail(
            message,
            Some(wanted(probe.goal).into()),
            Some("nothing".into()),
            Vec::new(),
        );
        None
    }

    fn answer(&self, goal: Goal, index: usize, arrived: &Arrived) -> Answer {
        let segment = &arrived.segment;
        let reset = segment.flags.contains(Flags::RST);
        match goal {
            Goal::Listening if segment.flags.contains(Flags::SYN | Flags::ACK) => Answer::Good,
            Goal::Listening if reset => Answer::Bad("the port refused a new connection"),
            Goal::Refusing if reset => Answer::Good,
            Goal::Refusing => Answer::Bad("the port accepts connections"),
            Goal::Alive if reset => Answer::Bad("the connection was gone at the probe"),
            Goal::Gone | Goal::AliveOrGone if reset => Answer::Good,
            Goal::Alive | Goal::AliveOrGone | Goal::Gone
                if segment.flags.contains(Flags::ACK)
                    && segment.ack == self.session.slot(index).script.rcv_nxt =>
            {
                if goal == Goal::Gone {
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

const fn wanted(goal: Goal) -> &'static str {
    match goal {
        Goal::Alive => ". ack RCV.NXT",
        Goal::Gone | Goal::Refusing => "R",
        Goal::AliveOrGone => ". ack RCV.NXT  or  R",
        Goal::Listening => "S.",
    }
}

fn expr(kind: ExprKind) -> Expr {
    Expr {
        kind,
        span: Span::default(),
    }
}

/// `. seq RCV.NXT-1`
fn keepalive() -> Template<Expr> {
    let seq = expr(ExprKind::Binary(
        BinaryOp::Sub,
        Box::new(expr(ExprKind::Symbol("RCV.NXT".into()))),
        Box::new(expr(ExprKind::Number(1))),
    ));
    Template {
        flags: FlagsSpec::Literal(Flags::ACK),
        fields: vec![Field {
            name: FieldName::Seq,
            relation: Relation::Eq,
            values: vec![FieldValue::Number(seq)],
            span: Span::default(),
        }],
        options: None,
        span: Span::default(),
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
