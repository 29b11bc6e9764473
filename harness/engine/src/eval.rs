//! Evaluation of expressions against a scope: the model, labels, samples, the profile.

use crate::value::Value;
use std::collections::HashSet;
use tcpconf_suite::ast::{BinaryOp, Expr, ExprKind, Span};
use tcpconf_wire::SeqNumber;
use thiserror::Error;

/// What symbols mean.
pub(crate) trait Scope {
    /// The value of a symbol, dots and all.
    fn symbol(&self, name: &str) -> Result<Value, Lack>;
    /// When the segment with this label was sent or received, nanoseconds since the start of the run.
    fn time(&self, label: &str) -> Result<i128, Lack>;
}

/// Why a symbol has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lack {
    /// The target has not shown it (yet): its doing, not the suite's.
    NotShown(String),
    /// The target should have shown it where it did not: a segment without the option.
    Omitted(String),
    /// The suite asks for something that there is not.
    Wrong(String),
}

/// Whose doing it is that there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The suite's.
    Suite,
    /// Nobody has shown it.
    NotShown,
    /// The target left it out.
    Omitted,
}

/// An expression that has no value; the checker finds most of the wrong ones beforehand.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub(crate) struct EvalError {
    pub(crate) span: Span,
    pub(crate) message: String,
    /// Whose doing it is.
    pub(crate) cause: Cause,
}

impl EvalError {
    /// An error of the suite.
    pub(crate) fn wrong(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            cause: Cause::Suite,
        }
    }

    /// Something that the target has not shown.
    pub(crate) fn not_shown(span: Span, message: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            cause: Cause::NotShown,
        }
    }

    fn lack(span: Span, lack: Lack) -> Self {
        match lack {
            Lack::NotShown(message) => Self::not_shown(span, message),
            Lack::Omitted(message) => Self {
                cause: Cause::Omitted,
                ..Self::wrong(span, message)
            },
            Lack::Wrong(message) => Self::wrong(span, message),
        }
    }
}

type Result<T, E = EvalError> = std::result::Result<T, E>;

/// The value of `expr`.
pub(crate) fn eval(expr: &Expr, scope: &dyn Scope) -> Result<Value> {
    let fail = |message: String| EvalError::wrong(expr.span, message);
    match &expr.kind {
        ExprKind::Number(n) => Ok(Value::Number(*n)),
        ExprKind::Decimal { digits, places } => {
            Ok(Value::Ratio(*digits as f64 / 10f64.powi(*places as i32)))
        }
        ExprKind::Duration(d) => Ok(Value::duration(*d)),
        ExprKind::Symbol(name) => scope
            .symbol(name)
            .map_err(|lack| EvalError::lack(expr.span, lack)),
        ExprKind::Absolute(inner) => match eval(inner, scope)? {
            Value::Number(n) => Ok(Value::Seq(SeqNumber(n as u32))),
            Value::Seq(s) => Ok(Value::Seq(s)),
            other => Err(fail(format!("abs wants a number, not {}", other.kind()))),
        },
        ExprKind::Negate(inner) => match eval(inner, scope)? {
            Value::Number(n) => whole(n.checked_neg()).map_err(fail),
            Value::Ratio(r) => Ok(Value::Ratio(-r)),
            Value::Time(n) => time(n.checked_neg()).map_err(fail),
            other => Err(fail(format!("'-' before {}", other.kind()))),
        },
        ExprKind::Not(inner) => Ok(Value::Bool(!truth(inner, scope)?)),
        ExprKind::Binary(BinaryOp::And, a, b) => {
            Ok(Value::Bool(truth(a, scope)? && truth(b, scope)?))
        }
        ExprKind::Binary(BinaryOp::Or, a, b) => {
            Ok(Value::Bool(truth(a, scope)? || truth(b, scope)?))
        }
        ExprKind::Binary(op, a, b) => binary(*op, eval(a, scope)?, eval(b, scope)?).map_err(fail),
        ExprKind::Call(name, args) => call(&name.value, args, scope, expr.span),
        ExprKind::Index(list, index) => match (eval(list, scope)?, eval(index, scope)?) {
            (Value::Array { items, .. }, Value::Number(i)) => usize::try_from(i)
                .ok()
                .and_then(|i| items.get(i).cloned())
                .ok_or_else(|| fail(format!("no entry {i}: there are {}", items.len()))),
            (list, index) => Err(fail(format!("{} of {}", index.kind(), list.kind()))),
        },
        ExprKind::Group(inner) => eval(inner, scope),
        ExprKind::Flags(flags) => Ok(Value::Flags(*flags)),
        ExprKind::Member(_, name) => Err(fail(format!("no member {}", name.value))),
        ExprKind::Parameter(name) => Err(fail(format!("parameter {name} was not bound"))),
        ExprKind::Options(_) => Err(fail("options have no value".into())),
    }
}

/// The value of `expr` as truth.
pub(crate) fn truth(expr: &Expr, scope: &dyn Scope) -> Result<bool> {
    match eval(expr, scope)? {
        Value::Bool(b) => Ok(b),
        other => Err(EvalError::wrong(
            expr.span,
            format!("a truth value is wanted, this is {}", other.kind()),
        )),
    }
}

fn binary(op: BinaryOp, a: Value, b: Value) -> Result<Value, String> {
    use BinaryOp::{Add, And, Div, Eq, Ge, Gt, Le, Lt, Mul, Ne, Or, Rem, Sub};
    match op {
        Add | Sub => add(op == Sub, a, b),
        Mul | Div | Rem => scale(op, a, b),
        Eq => Ok(Value::Bool(same(&a, &b))),
        Ne => Ok(Value::Bool(!same(&a, &b))),
        Lt | Le | Gt | Ge => {
            let order = match (&a, &b) {
                (Value::Seq(x), Value::Seq(y)) => x.distance_from(*y).cmp(&0),
                _ => match (a.as_f64(), b.as_f64()) {
                    (Some(x), Some(y)) => x.total_cmp(&y),
                    _ => return Err(format!("cannot compare {} with {}", a.kind(), b.kind())),
                },
            };
            Ok(Value::Bool(match op {
                Lt => order.is_lt(),
                Le => order.is_le(),
                Gt => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        And | Or => Err("truth values are wanted".into()),
    }
}

/// A bare number beside a sequence number is that number, modulo 2^32.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Seq(s), Value::Number(n)) | (Value::Number(n), Value::Seq(s)) => s.0 == (*n as u32),
        (Value::Ratio(_), _) | (_, Value::Ratio(_)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

/// A number that was computed, if it fits.
fn whole(n: Option<i128>) -> Result<Value, String> {
    n.map(Value::Number).ok_or_else(too_large)
}

/// A time that was computed, if it fits.
fn time(n: Option<i128>) -> Result<Value, String> {
    n.map(Value::Time).ok_or_else(too_large)
}

fn too_large() -> String {
    "the result is too large".into()
}

fn add(minus: bool, a: Value, b: Value) -> Result<Value, String> {
    let sign = if minus { -1.0 } else { 1.0 };
    let sum = |x: i128, y: i128| {
        if minus {
            x.checked_sub(y)
        } else {
            x.checked_add(y)
        }
    };
    match (a, b) {
        (Value::Seq(s), Value::Number(n)) if minus => Ok(Value::Seq(s - (n as u32))),
        (Value::Seq(s), Value::Number(n)) => Ok(Value::Seq(s + (n as u32))),
        (Value::Number(n), Value::Seq(s)) if !minus => Ok(Value::Seq(s + (n as u32))),
        (Value::Seq(x), Value::Seq(y)) if minus => Ok(Value::Number((x - y).into())),
        (Value::Number(x), Value::Number(y)) => whole(sum(x, y)),
        (Value::Time(x), Value::Time(y)) => time(sum(x, y)),
        (Value::Ratio(x), Value::Ratio(y)) => Ok(Value::Ratio(x + sign * y)),
        (Value::Ratio(x), Value::Number(y)) => Ok(Value::Ratio(x + sign * y as f64)),
        (Value::Number(x), Value::Ratio(y)) => Ok(Value::Ratio(x as f64 + sign * y)),
        (a, b) => Err(format!(
            "cannot {} {} and {}",
            if minus { "subtract" } else { "add" },
            a.kind(),
            b.kind()
        )),
    }
}

fn scale(op: BinaryOp, a: Value, b: Value) -> Result<Value, String> {
    let zero = matches!(b, Value::Number(0) | Value::Time(0));
    match (op, a, b) {
        (BinaryOp::Div | BinaryOp::Rem, _, _) if zero => Err("division by zero".into()),
        (BinaryOp::Mul, Value::Number(x), Value::Number(y)) => whole(x.checked_mul(y)),
        (BinaryOp::Div, Value::Number(x), Value::Number(y)) => whole(x.checked_div(y)),
        (BinaryOp::Rem, Value::Number(x), Value::Number(y)) => whole(x.checked_rem(y)),
        (BinaryOp::Mul, Value::Time(x), Value::Number(y))
        | (BinaryOp::Mul, Value::Number(y), Value::Time(x)) => time(x.checked_mul(y)),
        (BinaryOp::Div, Value::Time(x), Value::Number(y)) => time(x.checked_div(y)),
        (BinaryOp::Div, Value::Time(x), Value::Time(y)) => Ok(Value::Ratio(x as f64 / y as f64)),
        (BinaryOp::Mul, Value::Time(x), Value::Ratio(r))
        | (BinaryOp::Mul, Value::Ratio(r), Value::Time(x)) => {
            Ok(Value::Time((x as f64 * r) as i128))
        }
        (BinaryOp::Mul, a, b) => match (a.as_f64(), b.as_f64()) {
            (Some(x), Some(y)) => Ok(Value::Ratio(x * y)),
            _ => Err(format!("cannot multiply {} and {}", a.kind(), b.kind())),
        },
        (_, a, b) => match (a.as_f64(), b.as_f64()) {
            (Some(x), Some(y)) if y != 0.0 => Ok(Value::Ratio(x / y)),
            _ => Err(format!("cannot divide {} by {}", a.kind(), b.kind())),
        },
    }
}

fn call(name: &str, args: &[Expr], scope: &dyn Scope, span: Span) -> Result<Value> {
    let fail = |message: String| EvalError::wrong(span, message);
    if name == "time" {
        return match args {
            [
                Expr {
                    kind: ExprKind::Symbol(label),
                    ..
                },
            ] => scope
                .time(label)
                .map(Value::Time)
                .map_err(|lack| EvalError::lack(span, lack)),
            _ => Err(fail("time wants a label".into())),
        };
    }
    let values = args
        .iter()
        .map(|a| eval(a, scope))
        .collect::<Result<Vec<_>>>()?;
    if let "min" | "max" = name
        && values.len() > 1
    {
        return extreme(name == "max", &values).map_err(fail);
    }
    let [value] = values.as_slice() else {
        return Err(fail(format!(
            "{name} wants one argument, not {}",
            values.len()
        )));
    };
    if name == "abs" {
        return match value {
            Value::Number(n) => whole(n.checked_abs()).map_err(fail),
            Value::Time(n) => time(n.checked_abs()).map_err(fail),
            Value::Ratio(r) => Ok(Value::Ratio(r.abs())),
            other => Err(fail(format!("abs of {}", other.kind()))),
        };
    }
    let Value::Array { items, times } = value else {
        return Err(fail(format!("{name} wants an array, not {}", value.kind())));
    };
    list(name, items, times).map_err(fail)
}

/// Functions of arrays.
fn list(name: &str, items: &[Value], times: &[i128]) -> Result<Value, String> {
    match name {
        "count" | "len" => Ok(Value::Number(items.len() as i128)),
        "distinct" => Ok(Value::Bool(distinct(items))),
        "diff" => items
            .windows(2)
            .map(|pair| add(true, pair[1].clone(), pair[0].clone()))
            .collect::<Result<_, _>>()
            .map(|items| Value::Array {
                items,
                times: Vec::new(),
            }),
        "sum" => items
            .iter()
            .cloned()
            .try_fold(Value::Number(0), |a, b| match (&a, &b) {
                (Value::Number(0), Value::Time(_)) => Ok(b),
                _ => add(false, a, b),
            }),
        "min" | "max" => extreme(name == "max", items),
        "all" | "any" => items
            .iter()
            .map(|v| match v {
                Value::Bool(b) => Ok(*b),
                other => Err(format!("{name} wants truth values, not {}", other.kind())),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(|b| {
                Value::Bool(if name == "all" {
                    b.iter().all(|b| *b)
                } else {
                    b.iter().any(|b| *b)
                })
            }),
        "sorted" => Ok(Value::Bool(items.windows(2).all(|pair| {
            matches!(
                binary(BinaryOp::Le, pair[0].clone(), pair[1].clone()),
                Ok(Value::Bool(true))
            )
        }))),
        "rate" => rate(items, times),
        _ => Err(format!("no function {name}")),
    }
}

/// No value stands twice. Arrays are of one kind and long, as a rule.
fn distinct(items: &[Value]) -> bool {
    let one_kind = items.windows(2).all(|w| w[0].kind() == w[1].kind());
    let keys: Option<HashSet<i128>> = items
        .iter()
        .map(|v| match v {
            Value::Seq(s) => Some(i128::from(s.0)),
            Value::Number(n) | Value::Time(n) => Some(*n),
            _ => None,
        })
        .collect();
    match keys {
        Some(keys) if one_kind => keys.len() == items.len(),
        _ => items
            .iter()
            .enumerate()
            .all(|(i, a)| !items[..i].iter().any(|b| same(a, b))),
    }
}

/// Sequence numbers a second: the sum of the forward steps over the time from first to last sample.
fn rate(items: &[Value], times: &[i128]) -> Result<Value, String> {
    let (Some(first), Some(last)) = (times.first(), times.last()) else {
        return Err("rate wants samples".into());
    };
    if last <= first {
        return Err("rate wants samples at different times".into());
    }
    let mut forward = 0f64;
    for pair in items.windows(2) {
        match (&pair[0], &pair[1]) {
            (Value::Seq(a), Value::Seq(b)) => forward += f64::from(*b - *a),
            _ => return Err("rate wants sequence numbers".into()),
        }
    }
    Ok(Value::Ratio(forward / ((last - first) as f64 / 1e9)))
}

fn extreme(greatest: bool, items: &[Value]) -> Result<Value, String> {
    let op = if greatest { BinaryOp::Gt } else { BinaryOp::Lt };
    let mut best: Option<&Value> = None;
    for item in items {
        if match best {
            None => true,
            Some(old) => binary(op, item.clone(), old.clone())? == Value::Bool(true),
        } {
            best = Some(item);
        }
    }
    best.cloned().ok_or_else(|| "an empty array".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(n: u32) -> Value {
        Value::Seq(SeqNumber(n))
    }

    #[test]
    fn sequence_arithmetic_is_modulo_2_32() {
        assert_eq!(add(false, seq(u32::MAX), Value::Number(2)), Ok(seq(1)));
        assert_eq!(add(true, seq(1), Value::Number(2)), Ok(seq(u32::MAX)));
        assert_eq!(add(true, seq(1), seq(u32::MAX)), Ok(Value::Number(2)));
        assert_eq!(
            binary(BinaryOp::Lt, seq(u32::MAX), seq(1)),
            Ok(Value::Bool(true))
        );
    }

    #[test]
    fn a_factor_scales_a_time() {
        assert_eq!(
            scale(BinaryOp::Mul, Value::Ratio(1.5), Value::Time(10)),
            Ok(Value::Time(15))
        );
        assert!(scale(BinaryOp::Div, Value::Time(1), Value::Time(0)).is_err());
    }

    #[test]
    fn equal_steps_are_not_distinct() {
        let items = [seq(10), seq(20), seq(30)];
        let steps = list("diff", &items, &[]).unwrap();
        let Value::Array { items, .. } = steps else {
            panic!("diff gives an array")
        };
        assert_eq!(list("distinct", &items, &[]), Ok(Value::Bool(false)));
    }

    #[test]
    fn rate_counts_forward_steps_across_the_wrap() {
        let items = [seq(u32::MAX - 249_999), seq(0), seq(250_000)];
        assert_eq!(
            rate(&items, &[0, 1_000_000_000, 2_000_000_000]),
            Ok(Value::Ratio(250_000.0))
        );
    }
}
