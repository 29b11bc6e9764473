//! Beginning a step: what acts at once, what must wait.

use super::frame::{Frame, Role};
use super::scope::View;
use super::wait::Waiting;
use super::{Case, Samples};
use crate::eval::{EvalError, eval, truth};
use crate::value::Value;
use crate::{Action, Mode, Outcome};
use std::sync::Arc;
use std::time::Duration;
use tcpconf_suite::ast::{Builtin, Expr, ExprKind, Name, Sample, Step, StepKind, Timing};
use tcpconf_wire::Instant;

/// Rounds that `repeat` and `sample` may ask for.
const ROUNDS_MAX: u64 = 100_000;
/// Steps that a case may play: loops in loops end, too.
pub(super) const STEPS_MAX: u64 = 5_000_000;

impl Case {
    /// Goes on until something must be done or waited for.
    pub(super) fn advance(&mut self, now: Instant) -> Option<Action> {
        while self.outcome.is_none() {
            if let Some(waiting) = self.waiting.take() {
                if let Some(until) = self.wait(waiting, now) {
                    return Some(Action::WaitUntil(until));
                }
                if !self.outbox.is_empty() {
                    return None;
                }
                continue;
            }
            let Some(frame) = self.frames.last_mut() else {
                self.pass();
                return None;
            };
            let steps = Arc::clone(&frame.steps);
            let Some(step) = steps.get(frame.at) else {
                self.end_of_frame(now);
                continue;
            };
            frame.at += 1;
            self.steps_left = self.steps_left.saturating_sub(1);
            if self.steps_left == 0 {
                let reason = format!("the test asks for more than {STEPS_MAX} steps");
                self.conclude(Outcome::Error, Some(reason));
                return None;
            }
            if let Err(error) = self.begin(step, now) {
                self.broken(&error);
            }
            if !self.outbox.is_empty() {
                return None;
            }
        }
        None
    }

    /// All steps held.
    fn pass(&mut self) {
        use tcpconf_suite::ast::Grade;
        match self.grade {
            None | Some(Grade::Pass) => self.conclude(Outcome::Pass, None),
            Some(grade) => {
                let level = if grade == Grade::Warn {
                    crate::Level::Should
                } else {
                    crate::Level::May
                };
                self.level = self.level.max(level);
                self.failure = self.tolerated.take();
                self.conclude(Outcome::Fail, None);
            }
        }
    }

    fn begin(&mut self, step: &Step, now: Instant) -> Result<(), EvalError> {
        match &step.kind {
            StepKind::Inject(inject) => self.send(inject, now),
            StepKind::Expect(_)
            | StepKind::Nothing(_)
            | StepKind::Either(_)
            | StepKind::Unordered(_)
                if matches!(self.setup.mode, Mode::Observe { .. }) =>
            {
                self.observe_until_quiet(&step.kind, now);
                Ok(())
            }
            StepKind::Expect(expect) => self.expect(expect, now),
            StepKind::Nothing(nothing) => self.nothing(nothing),
            StepKind::Either(branches) => self.either(branches),
            StepKind::Unordered(steps) => self.unordered(steps),
            StepKind::Setup { state, steps, .. } => {
                self.push(steps, Role::Setup(state.clone()), None, None);
                Ok(())
            }
            StepKind::Inlined { file, steps, .. } => {
                self.push(steps, Role::Inlined, None, Some(file));
                Ok(())
            }
            StepKind::Conn { name, steps } => {
                self.push(steps, Role::Plain, Some(name), None);
                Ok(())
            }
            StepKind::Repeat {
                count,
                counter,
                steps,
            } => {
                let left = self.rounds(count)?;
                let counter = counter.as_ref().map(|c| c.value.clone());
                if left > 0 {
                    let role = Role::Repeat {
                        left,
                        round: -1,
                        counter,
                    };
                    self.push(steps, role, None, None);
                    self.next_round();
                }
                Ok(())
            }
            StepKind::Sample(sample) => self.begin_sample(sample),
            StepKind::Check(expr) => self.check(expr),
            StepKind::Wait(duration) => {
                let duration = self.duration(duration)?;
                let until = self.last_stamp.max(now) + duration;
                self.last_stamp = until;
                self.waiting = Some(Waiting::Sleep { until });
                Ok(())
            }
            StepKind::Ignore(kinds) => {
                if let Some(frame) = self.frames.last_mut() {
                    for kind in kinds {
                        if !frame.ignored.contains(&kind.value) {
                            frame.ignored.push(kind.value);
                        }
                    }
                }
                Ok(())
            }
            StepKind::AutoAck(on) => {
                self.autoack = *on;
                Ok(())
            }
            StepKind::Impair(words) => self.impair(words),
            StepKind::Builtin(builtin) => self.builtin(*builtin, now),
            StepKind::State { state, passive } => self.state(state, *passive, now),
            StepKind::App(app) => self.app(app, now),
            StepKind::Reach(reach) => Err(EvalError::wrong(
                reach.state.span,
                format!("reach {} was not lowered", reach.state.value),
            )),
            StepKind::Use { name, .. } => Err(EvalError::wrong(
                name.span,
                format!("use {} was not lowered", name.value),
            )),
        }
    }

    fn builtin(&mut self, builtin: Builtin, now: Instant) -> Result<(), EvalError> {
        match builtin {
            Builtin::Alive => self.alive(now),
            Builtin::Gone => self.gone(now),
            Builtin::Silence => self.silence(false, now),
            Builtin::GoneOrSilence => self.silence(true, now),
        }
        Ok(())
    }

    /// Enters a list of steps.
    pub(super) fn push(
        &mut self,
        steps: &[Step],
        role: Role,
        conn: Option<&Name>,
        file: Option<&Arc<tcpconf_suite::plan::SourceFile>>,
    ) {
        let mut frame = self.frame().inner(steps, role);
        if let Some(conn) = conn {
            frame.conn.clone_from(&conn.value);
        }
        if let Some(file) = file {
            frame.file = Arc::clone(file);
        }
        self.frames.push(frame);
    }

    pub(super) fn frame(&self) -> &Frame {
        self.frames
            .last()
            .expect("steps are begun only while a frame stands")
    }

    /// A list of steps is at its end: the next round, or the list that it stands in.
    fn end_of_frame(&mut self, now: Instant) {
        if let Err(error) = self.take_samples(now) {
            self.broken(&error);
        }
        if !self.next_round() {
            self.frames.pop();
        }
    }

    /// A round of `sample` is over: its values are kept.
    fn take_samples(&mut self, now: Instant) -> Result<(), EvalError> {
        let Role::Sample { bindings, .. } = &self.frame().role else {
            return Ok(());
        };
        let at = i128::from(self.last_stamp.min(now).as_nanos());
        for (name, expr) in Arc::clone(bindings).iter() {
            let value = eval(expr, &self.view())?;
            let samples = self.samples.entry(name.value.clone()).or_default();
            samples.items.push(value);
            samples.times.push(at);
        }
        Ok(())
    }

    /// Begins the next round of a loop, if one is left.
    fn next_round(&mut self) -> bool {
        let frame = self
            .frames
            .last_mut()
            .expect("a loop is a frame of its own");
        match &mut frame.role {
            Role::Repeat {
                left,
                round,
                counter,
            } if *left > 0 => {
                *left -= 1;
                *round += 1;
                if let Some(counter) = counter {
                    self.counters.insert(counter.clone(), *round);
                }
            }
            Role::Sample { left, before, .. } if *left > 0 => {
                *left -= 1;
                let of_a_round = self.session.names().filter(|n| !before.contains(*n));
                self.retired.extend(of_a_round.cloned());
                self.retired.insert(frame.conn.clone());
            }
            _ => return false,
        }
        let frame = self
            .frames
            .last_mut()
            .expect("a loop is a frame of its own");
        frame.at = 0;
        true
    }

    fn begin_sample(&mut self, sample: &Sample) -> Result<(), EvalError> {
        let left = self.rounds(&sample.count)?;
        for (name, _) in &sample.bindings {
            self.samples.insert(name.value.clone(), Samples::default());
        }
        let role = Role::Sample {
            left,
            bindings: sample.bindings.as_slice().into(),
            before: Arc::new(self.session.names().cloned().collect()),
        };
        self.push(&sample.steps, role, None, None);
        if !self.next_round() {
            self.frames.pop();
        }
        Ok(())
    }

    fn rounds(&self, count: &Expr) -> Result<u64, EvalError> {
        crate::compose::plain(count, 0..=ROUNDS_MAX, &self.view())
    }

    fn check(&mut self, expr: &Expr) -> Result<(), EvalError> {
        if truth(expr, &self.view())? {
            return Ok(());
        }
        let view = self.view();
        let text = self.source(expr.span);
        // `and` may stand before something that has no value.
        let show = |expr: &Expr| match eval(expr, &view) {
            Ok(value) => value.to_string(),
            Err(_) => "?".into(),
        };
        let actual = match &expr.kind {
            ExprKind::Binary(_, a, b) => format!("{} and {}", show(a), show(b)),
            ExprKind::Call(_, args) => args.first().map_or_else(|| "false".into(), show),
            _ => "false".into(),
        };
        self.fail(
            "the check does not hold",
            Some(text),
            Some(actual),
            Vec::new(),
        );
        Ok(())
    }

    /// The scope of the current step.
    pub(super) fn view(&self) -> View<'_> {
        self.view_on(&self.frame().conn)
    }

    pub(super) const fn view_on<'a>(&'a self, conn: &'a str) -> View<'a> {
        View { case: self, conn }
    }

    /// A duration; not below zero.
    pub(super) fn duration(&self, expr: &Expr) -> Result<Duration, EvalError> {
        match eval(expr, &self.view())? {
            Value::Time(n) => Ok(Duration::from_nanos(
                u64::try_from(n.max(0)).unwrap_or(u64::MAX),
            )),
            other => Err(EvalError::wrong(
                expr.span,
                format!("a time is wanted, this is {}", other.kind()),
            )),
        }
    }

    /// What timing clauses count from.
    pub(super) fn origin(&self, timing: &Timing) -> Result<Instant, EvalError> {
        match &timing.of {
            None => Ok(self.last_stamp),
            Some(label) => self.labels.get(&label.value).map(|l| l.at).ok_or_else(|| {
                EvalError::not_shown(label.span, format!("no segment is named {}", label.value))
            }),
        }
    }
}
