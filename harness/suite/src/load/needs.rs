//! What an instance needs of a target, from its steps.
//!
//! Times are those of a target that keeps to the RFCs' values; they are estimates that decide only
//! what is slow.

use crate::ast::*;
use crate::plan::Needs;
use crate::vocabulary::{Capability, PROFILE, service_of_path};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longer tests run only with `--slow`.
const SLOW: Duration = Duration::from_secs(70);
/// A SYN-ACK that waits longer than this takes a slot of the listener's backlog.
const HALF_OPEN_AFTER_S: f64 = 0.5;

pub(super) fn needs(
    attributes: &Attributes,
    service: Option<String>,
    given: Vec<Name>,
    steps: &[Step],
) -> Needs {
    let mut walk = Walk::default();
    walk.steps(steps);
    let duration = Duration::try_from_secs_f64(walk.now.max(0.0)).unwrap_or(Duration::MAX);
    let backlog = attributes.backlog.as_ref().map(|n| n.value);
    let app = walk.app;
    let service = service.or(walk.service);
    // A service that is asked for stands beside the application's own connections.
    let driven = app && service.as_deref().is_none_or(|name| name == "listen");
    // Where no application is needed, a service that never closes does as well for CLOSE-WAIT.
    let usual = if walk.holds && !driven {
        "hold"
    } else {
        "listen"
    };
    let mut calls = walk.calls;
    if driven && !walk.listens {
        calls.extend([Capability::Listen, Capability::Accept]);
    }
    Needs {
        service: service.unwrap_or_else(|| usual.to_owned()),
        app,
        driven,
        listens: walk.listens,
        events: walk.events,
        calls,
        features: given.into_iter().map(|name| name.value).collect(),
        exclusive: attributes.exclusive || backlog.is_some(),
        slow: attributes.slow || duration > SLOW,
        ip: attributes.ip.as_ref().map(|v| v.value),
        half_open: walk.half_open,
        backlog,
        duration,
        timeout: attributes.timeout.as_ref().map(|t| t.value),
    }
}

/// How long `silence` listens.
const SILENCE_S: f64 = 0.5;

/// How far a handshake that we began has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    /// Our SYN is out.
    SynSent,
    /// The SYN-ACK came.
    Answered,
}

/// A play of the steps in the mind.
#[derive(Clone, Default)]
struct Walk {
    /// Seconds since the start, at the longest.
    now: f64,
    labels: BTreeMap<String, f64>,
    openings: BTreeMap<String, Opening>,
    /// Handshakes that rounds of `sample` and `repeat` left open.
    left_open: u32,
    half_open: u32,
    conn: String,
    app: bool,
    calls: BTreeSet<Capability>,
    listens: bool,
    events: bool,
    /// CLOSE-WAIT is reached: nobody may close.
    holds: bool,
    service: Option<String>,
}

impl Walk {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(&step.kind);
        }
    }

    fn step(&mut self, kind: &StepKind) {
        match kind {
            StepKind::Inject(inject) => self.inject(inject),
            StepKind::Expect(expect) => self.expect(expect),
            StepKind::Nothing(nothing) => self.pass(seconds(&nothing.duration)),
            StepKind::Wait(duration) => self.pass(seconds(duration)),
            StepKind::Either(branches) => self.either(branches),
            StepKind::Unordered(steps) | StepKind::Inlined { steps, .. } => self.steps(steps),
            StepKind::Setup { state, path, steps } => {
                let service = service_of_path(state, path).map(str::to_owned);
                self.service = self.service.take().or(service);
                self.holds |= state == "CLOSE-WAIT" && path == "passive";
                self.steps(steps);
            }
            StepKind::App(app) => self.application(app),
            StepKind::Sample(sample) => self.rounds(&sample.count, &sample.steps, true),
            StepKind::Repeat { count, steps, .. } => self.rounds(count, steps, opens_fresh(steps)),
            StepKind::Conn { name, steps } => {
                let outer = std::mem::replace(&mut self.conn, name.value.clone());
                self.steps(steps);
                self.conn = outer;
            }
            StepKind::Builtin(Builtin::Gone) => {
                self.openings.remove(&self.conn);
            }
            StepKind::Builtin(Builtin::Silence | Builtin::GoneOrSilence) => self.now += SILENCE_S,
            StepKind::Builtin(Builtin::Alive)
            | StepKind::State { .. }
            | StepKind::Check(_)
            | StepKind::Ignore(_)
            | StepKind::AutoAck(_)
            | StepKind::Impair(_)
            | StepKind::Reach(_)
            | StepKind::Use { .. } => {}
        }
    }

    fn application(&mut self, app: &AppStep) {
        self.app = true;
        self.calls.extend(app.verb.capabilities());
        self.listens |= matches!(app.verb, AppVerb::Listen { port: None, .. });
        if matches!(app.verb, AppVerb::Listen { port: Some(_), .. }) {
            // What comes to a listener of the steps is taken off its queue.
            self.calls.insert(Capability::Accept);
        }
        self.events |= app.expect.is_some();
        if let (Some(within), true) = (&app.within, app.expect.is_some()) {
            self.pass(seconds(within));
        }
    }

    fn conn_of(&self, conn: Option<&Name>) -> String {
        conn.map_or_else(|| self.conn.clone(), |name| name.value.clone())
    }

    /// Time passes; what is half open meanwhile counts.
    fn pass(&mut self, duration_s: f64) {
        self.now += duration_s;
        if duration_s > HALF_OPEN_AFTER_S {
            self.count_half_open();
        }
    }

    fn count_half_open(&mut self) {
        let answered = self
            .openings
            .values()
            .filter(|o| **o == Opening::Answered)
            .count();
        let answered = u32::try_from(answered).unwrap_or(u32::MAX);
        self.half_open = self.half_open.max(answered.saturating_add(self.left_open));
    }

    fn base(&self, timing: &Timing) -> f64 {
        let label = timing
            .of
            .as_ref()
            .and_then(|name| self.labels.get(&name.value));
        label.copied().unwrap_or(self.now)
    }

    fn inject(&mut self, inject: &Inject) {
        if let Some(after) = &inject.timing.after {
            let until = self.base(&inject.timing) + seconds(after);
            self.pass((until - self.now).max(0.0));
        }
        if let Some(label) = &inject.label {
            self.labels.insert(label.value.clone(), self.now);
        }
        let Stimulus::Segment(Template {
            flags: FlagsSpec::Literal(flags),
            ..
        }) = &inject.stimulus
        else {
            return;
        };
        use tcpconf_wire::Flags;
        let conn = self.conn_of(inject.conn.as_ref());
        if flags.contains(Flags::SYN) && !flags.intersects(Flags::ACK | Flags::RST) {
            self.openings.entry(conn).or_insert(Opening::SynSent);
        } else if flags.intersects(Flags::RST | Flags::ACK) {
            self.openings.remove(&conn);
        }
    }

    fn expect(&mut self, expect: &Expect) {
        let mut late = matches!(expect.pattern, Pattern::SameAs { .. });
        let Timing {
            within,
            after,
            of: _,
        } = &expect.timing;
        let flags = match &expect.pattern {
            Pattern::Segment(Template { flags, .. }) | Pattern::SameAs { flags, .. } => flags,
        };
        let conn = self.conn_of(expect.conn.as_ref());
        use tcpconf_wire::Flags;
        let is_syn_ack =
            matches!(flags, FlagsSpec::Literal(f) if f.contains(Flags::SYN | Flags::ACK));
        if let (true, Some(opening)) = (is_syn_ack, self.openings.get(&conn).copied()) {
            self.openings.insert(conn.clone(), Opening::Answered);
            if opening == Opening::Answered {
                late = true;
                self.count_half_open();
            }
        }
        // A sound target answers at once; only what must come late takes its time.
        let wait = if late || after.is_some() {
            within.as_ref().or(after.as_ref())
        } else {
            None
        };
        let until = self.base(&expect.timing) + wait.map_or(0.0, seconds);
        self.pass((until - self.now).max(0.0));
        if matches!(flags, FlagsSpec::Literal(f) if f.contains(Flags::RST)) {
            self.openings.remove(&conn);
        }
        if let Some(label) = &expect.label {
            self.labels.insert(label.value.clone(), self.now);
        }
    }

    fn either(&mut self, branches: &[Branch]) {
        let before = self.clone();
        let mut ends: Vec<Self> = branches
            .iter()
            .map(|branch| {
                let mut walk = before.clone();
                walk.steps(&branch.steps);
                walk
            })
            .collect();
        let longest = ends.iter().map(|w| w.now).fold(self.now, f64::max);
        let half_open = ends
            .iter()
            .map(|w| w.half_open)
            .max()
            .unwrap_or(self.half_open);
        let app = ends.iter().any(|w| w.app);
        let listens = ends.iter().any(|w| w.listens);
        let events = ends.iter().any(|w| w.events);
        let calls = ends.iter().flat_map(|w| w.calls.clone()).collect();
        if !ends.is_empty() {
            *self = ends.swap_remove(0);
        }
        self.now = longest;
        self.half_open = half_open;
        (self.app, self.listens, self.events) = (app, listens, events);
        self.calls = calls;
    }

    /// `own`: each round has connections of its own.
    fn rounds(&mut self, count: &Expr, steps: &[Step], own: bool) {
        let count = number(count).unwrap_or(1.0).max(0.0);
        let outer = self.openings.clone();
        if own {
            self.openings.clear();
        }
        let start = self.now;
        self.steps(steps);
        self.now = start + (self.now - start) * count;
        if !own {
            return;
        }
        let open = u32::try_from(self.openings.len()).unwrap_or(u32::MAX);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates; not negative"
        )]
        let rounds = count as u32;
        self.left_open = self.left_open.saturating_add(open.saturating_mul(rounds));
        self.half_open = self.half_open.max(self.left_open);
        self.openings = outer;
    }
}

/// Whether a SYN in the steps comes from a fresh port or address.
fn opens_fresh(steps: &[Step]) -> bool {
    steps.iter().any(|step| match &step.kind {
        StepKind::Inject(Inject {
            stimulus: Stimulus::Segment(template),
            ..
        }) => template
            .fields
            .iter()
            .any(|field| field.values.iter().any(|v| matches!(v, FieldValue::Fresh))),
        StepKind::Inlined { steps, .. } | StepKind::Conn { steps, .. } => opens_fresh(steps),
        _ => false,
    })
}

fn seconds(expr: &Expr) -> f64 {
    match estimate(expr) {
        Some(Estimate::Seconds(s)) => s,
        _ => 0.0,
    }
}

fn number(expr: &Expr) -> Option<f64> {
    match estimate(expr) {
        Some(Estimate::Number(n)) => Some(n),
        _ => None,
    }
}

#[derive(Clone, Copy)]
enum Estimate {
    Number(f64),
    Seconds(f64),
}

/// The value of an expression of constants and profile values; `None` for all else.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn estimate(expr: &Expr) -> Option<Estimate> {
    use Estimate::{Number, Seconds};
    Some(match &expr.kind {
        ExprKind::Number(n) => Number(*n as f64),
        ExprKind::Decimal { digits, places } => {
            Number(*digits as f64 / 10_f64.powi(i32::try_from(*places).ok()?))
        }
        ExprKind::Duration(d) => Seconds(d.as_secs_f64()),
        ExprKind::Symbol(name) => {
            let name = name.strip_prefix("profile.")?;
            let field = PROFILE.iter().find(|field| field.name == name)?;
            match field.kind {
                crate::vocabulary::ProfileKind::Duration => Seconds(field.rfc_value),
                crate::vocabulary::ProfileKind::Number => Number(field.rfc_value),
            }
        }
        ExprKind::Group(x) => estimate(x)?,
        ExprKind::Negate(x) => match estimate(x)? {
            Number(n) => Number(-n),
            Seconds(s) => Seconds(-s),
        },
        ExprKind::Binary(op, a, b) => match (op, estimate(a)?, estimate(b)?) {
            (BinaryOp::Add, Number(a), Number(b)) => Number(a + b),
            (BinaryOp::Sub, Number(a), Number(b)) => Number(a - b),
            (BinaryOp::Mul, Number(a), Number(b)) => Number(a * b),
            (BinaryOp::Div, Number(a), Number(b)) => Number(a / b),
            (BinaryOp::Add, Seconds(a), Seconds(b)) => Seconds(a + b),
            (BinaryOp::Sub, Seconds(a), Seconds(b)) => Seconds(a - b),
            (BinaryOp::Div, Seconds(a), Seconds(b)) => Number(a / b),
            (BinaryOp::Mul, Seconds(a), Number(b)) | (BinaryOp::Mul, Number(b), Seconds(a)) => {
                Seconds(a * b)
            }
            (BinaryOp::Div, Seconds(a), Number(b)) => Seconds(a / b),
            _ => return None,
        },
        _ => return None,
    })
}
