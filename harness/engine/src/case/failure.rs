//! Why a case did not pass, with its place, what was wanted and what came.

use super::Case;
use super::frame::Role;
use super::wait::{Window, show_since};
use crate::Outcome;
use crate::eval::{Cause, EvalError, eval};
use crate::event::{Difference, Failure, Location};
use crate::model::Connection;
use crate::session::Arrived;
use crate::value::{Value, seconds};
use std::sync::Arc;
use tcpconf_suite::ast::{
    Branch, Expect, Expr, FieldName, FieldValue, OptionsSpec, Pattern, Span, Step,
};

impl Case {
    /// A step does not hold.
    pub(super) fn fail(
        &mut self,
        message: &str,
        expected: Option<String>,
        actual: Option<String>,
        differences: Vec<Difference>,
    ) {
        if matches!(self.setup.mode, crate::Mode::Observe { .. }) {
            return; // The trace says what came; nothing is judged.
        }
        let (outcome, reason) = match self.setup_state() {
            Some(state) => (
                Outcome::Inconclusive,
                Some(format!("{state} could not be reached: {message}")),
            ),
            None => (Outcome::Fail, None),
        };
        let step_spec = self
            .step()
            .and_then(|step| step.spec.first())
            .map(|name| name.value.clone());
        self.failure = Some(Failure {
            message: message.to_owned(),
            spec: step_spec.or_else(|| self.setup.instance.spec.first().cloned()),
            location: self.location(),
            expected,
            actual,
            differences,
        });
        self.conclude(outcome, reason);
    }

    /// A branch was taken that is tolerated but not wanted: the failure of the case, if it passes otherwise.
    pub(super) fn tolerated(&mut self, branch: &Branch, expected: String, actual: String) {
        let mut location = self.location();
        if let (Some(last), Some(head)) = (location.last_mut(), branch.steps.first()) {
            last.span = head.span;
        }
        self.tolerated = Some(Failure {
            message: "this alternative is tolerated, but not what is wanted".into(),
            spec: self.setup.instance.spec.first().cloned(),
            location,
            expected: Some(expected),
            actual: Some(actual),
            differences: Vec::new(),
        });
    }

    /// A step cannot be played: an expression has no value.
    pub(super) fn broken(&mut self, error: &EvalError) {
        if matches!(self.setup.mode, crate::Mode::Observe { .. }) {
            return; // Observation goes on with the next step.
        }
        let message = error.message.clone();
        let outcome = match error.cause {
            Cause::Suite => Outcome::Error,
            // The way there was another one than the suite thinks, or the profile does not say.
            Cause::NotShown => Outcome::Inconclusive,
            Cause::Omitted => return self.fail(&message, None, None, Vec::new()),
        };
        self.failure = Some(Failure {
            message: message.clone(),
            spec: self.setup.instance.spec.first().cloned(),
            location: self.location(),
            expected: None,
            actual: None,
            differences: Vec::new(),
        });
        self.conclude(outcome, Some(message));
    }

    pub(super) fn unsupported(&mut self, reason: &str) {
        self.conclude(Outcome::Unsupported, Some(reason.to_owned()));
    }

    /// The state that `reach` is on its way to, if the cursor is inside one.
    fn setup_state(&self) -> Option<&str> {
        self.frames
            .iter()
            .rev()
            .find_map(|frame| match &frame.role {
                Role::Setup(state) => Some(state.as_str()),
                _ => None,
            })
    }

    fn step(&self) -> Option<&Step> {
        let frame = self.frames.last()?;
        frame.steps.get(frame.at.checked_sub(1)?)
    }

    /// The place of the current step, outermost `use` first.
    fn location(&self) -> Vec<Location> {
        let mut places = Vec::new();
        for (at, frame) in self.frames.iter().enumerate() {
            let last = at + 1 == self.frames.len();
            let leads_elsewhere = self
                .frames
                .get(at + 1)
                .is_some_and(|next| matches!(next.role, Role::Inlined | Role::Setup(_)));
            let place = Location {
                file: Arc::clone(&frame.file),
                span: frame.span(),
            };
            // The steps that `reach` stands for have its place.
            if (last || leads_elsewhere) && places.last() != Some(&place) {
                places.push(place);
            }
        }
        places
    }

    /// The text of a place in the current file.
    pub(super) fn source(&self, span: Span) -> String {
        self.frame()
            .file
            .text
            .get(span.start..span.end)
            .unwrap_or_default()
            .to_owned()
    }

    pub(super) fn mismatch(
        &mut self,
        expect: &Expect,
        window: &Window,
        conn: &str,
        arrived: &Arrived,
        differences: Vec<Difference>,
    ) {
        let expected = self.show_expected(expect, window, conn);
        let actual = self.session.trace[arrived.entry].text.clone();
        let message = match differences.as_slice() {
            [one] if one.field == "time" => {
                format!("it came after {}, {}", one.actual, one.expected)
            }
            [one] => format!(
                "{} is {} instead of {}",
                one.field, one.actual, one.expected
            ),
            many => format!(
                "{} differ",
                many.iter()
                    .map(|d| d.field.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        self.fail(&message, Some(expected), Some(actual), differences);
    }

    pub(super) fn nothing_came(&mut self, expect: &Expect, window: &Window, conn: &str) {
        let expected = self.show_expected(expect, window, conn);
        let message = format!(
            "nothing came within {}",
            seconds(window.within().as_nanos() as i128)
        );
        self.fail(&message, Some(expected), Some("nothing".into()), Vec::new());
    }

    /// The pattern with its values filled in.
    pub(super) fn show_expected(&self, expect: &Expect, window: &Window, conn: &str) -> String {
        let view = self.view_on(conn);
        let index = self.session.named(conn);
        let model = index.map(|index| &self.session.slot(index).script);
        let show = |expr: &Expr| match eval(expr, &view) {
            Ok(value) => value.to_string(),
            Err(_) => "?".into(),
        };
        let mut text = match &expect.pattern {
            Pattern::Segment(template) => {
                let mut text = match crate::compose::flags(&template.flags, &view) {
                    Ok(flags) => flags.to_string(),
                    Err(_) => "?".into(),
                };
                for field in &template.fields {
                    let values: Vec<String> = field
                        .values
                        .iter()
                        .map(|value| match value {
                            FieldValue::Number(expr) => {
                                show_number(field.name, eval(expr, &view).ok(), model)
                            }
                            other => shown_value(other, &show),
                        })
                        .collect();
                    let relation = match field.relation {
                        tcpconf_suite::ast::Relation::Eq => String::new(),
                        other => format!(" {other}"),
                    };
                    text += &format!("   {}{relation} {}", field.name, values.join(" | "));
                }
                if let Some(options) = &template.options {
                    text += "   ";
                    text += &show_options(options, &show);
                }
                text
            }
            Pattern::SameAs { flags, label, .. } => {
                let flags = match crate::compose::flags(flags, &view) {
                    Ok(flags) => flags.to_string(),
                    Err(_) => "?".into(),
                };
                format!("{flags}   same as {}", label.value)
            }
        };
        if let Some(after) = &expect.timing.after {
            text += &format!("   after {}", show(after));
        }
        text += &format!(
            "   within {}",
            show_since(window.latest_at(), window.origin_at())
        );
        if let Some(label) = &expect.timing.of {
            text += &format!(" of {}", label.value);
        }
        text
    }
}

fn shown_value(value: &FieldValue<Expr>, show: &dyn Fn(&Expr) -> String) -> String {
    let shown: FieldValue<String> = match value {
        FieldValue::Number(expr) => FieldValue::Number(show(expr)),
        FieldValue::Good => FieldValue::Good,
        FieldValue::Bad => FieldValue::Bad,
        FieldValue::Fresh => FieldValue::Fresh,
        FieldValue::Same => FieldValue::Same,
        FieldValue::Address(a) => FieldValue::Address(*a),
        FieldValue::Bytes(b) => FieldValue::Bytes(b.clone()),
        FieldValue::Typed(kind, body) => FieldValue::Typed(*kind, body.clone()),
    };
    shown.to_string()
}

fn show_options(options: &OptionsSpec<Expr>, show: &dyn Fn(&Expr) -> String) -> String {
    let options = match options {
        OptionsSpec::Value(Expr {
            kind: tcpconf_suite::ast::ExprKind::Options(items),
            ..
        }) => OptionsSpec::Items(items.clone()),
        other => other.clone(),
    };
    match options.try_map(|expr| Ok::<_, std::convert::Infallible>(show(expr))) {
        Ok(shown) => shown.to_string(),
        Err(never) => match never {},
    }
}

/// Sequence numbers relative to their sender's ISN, as in the trace.
fn show_number(name: FieldName, value: Option<Value>, model: Option<&Connection>) -> String {
    let base = match (name, model) {
        (FieldName::Seq, Some(c)) => c.iss,
        (FieldName::Ack, Some(c)) => c.syn_sent.then_some(c.irs),
        _ => None,
    };
    match (value, base) {
        (Some(Value::Seq(s)), Some(base)) => (s - base).to_string(),
        (Some(Value::Seq(s)), None) => format!("abs {s}"),
        (Some(value), _) => value.to_string(),
        (None, _) => "?".into(),
    }
}
