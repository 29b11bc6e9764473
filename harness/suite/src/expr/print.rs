//! Expressions as text.

use crate::ast::{BinaryOp, Expr, ExprKind, OptionsSpec};
use std::fmt;
use std::time::Duration;

/// Binds tighter than every operator between two values.
const UNARY: u8 = 6;

/// The expression as `.tcpt`; literals as `source` spells them, where it is given.
pub(crate) fn text_of(expr: &Expr, source: Option<&str>) -> String {
    Shown { expr, source }.to_string()
}

struct Shown<'a> {
    expr: &'a Expr,
    source: Option<&'a str>,
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown {
            expr: self,
            source: None,
        }
        .fmt(f)
    }
}

impl Shown<'_> {
    fn inner<'b>(&self, expr: &'b Expr) -> Shown<'b>
    where
        Self: 'b,
    {
        Shown {
            expr,
            source: self.source,
        }
    }

    /// An operand; in brackets when it binds weaker, which only trees that code built do.
    fn operand(&self, expr: &Expr, least: u8) -> String {
        let text = self.inner(expr).to_string();
        match expr.kind {
            ExprKind::Binary(op, ..) if op.precedence() < least => format!("({text})"),
            _ => text,
        }
    }

    /// The literal as the source spells it; `df` stands for a number that is not written.
    fn literal(&self) -> Option<&str> {
        let text = self.source?.get(self.expr.span.start..self.expr.span.end)?;
        text.starts_with(|c: char| c.is_ascii_digit())
            .then_some(text)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_literal = matches!(
            self.expr.kind,
            ExprKind::Number(_) | ExprKind::Decimal { .. } | ExprKind::Duration(_)
        );
        if let (true, Some(text)) = (is_literal, self.literal()) {
            return f.write_str(text);
        }
        match &self.expr.kind {
            ExprKind::Number(n) => write!(f, "{n}"),
            ExprKind::Decimal { digits, places } => {
                let width = *places as usize + 1;
                let text = format!("{digits:0width$}");
                let (whole, fraction) = text.split_at(text.len() - *places as usize);
                write!(f, "{whole}.{fraction}")
            }
            ExprKind::Duration(d) => f.write_str(&duration(*d)),
            ExprKind::Symbol(name) => f.write_str(name),
            ExprKind::Parameter(name) => write!(f, "${{{name}}}"),
            ExprKind::Absolute(x) => write!(f, "abs {}", self.operand(x, UNARY)),
            ExprKind::Negate(x) => write!(f, "-{}", self.operand(x, UNARY)),
            ExprKind::Not(x) => write!(f, "not {}", self.operand(x, BinaryOp::Eq.precedence())),
            ExprKind::Binary(op, a, b) => {
                let a = self.operand(a, op.precedence());
                let b = self.operand(b, op.precedence() + 1);
                if op.precedence() <= BinaryOp::Ge.precedence() {
                    write!(f, "{a} {} {b}", op.symbol())
                } else {
                    write!(f, "{a}{}{b}", op.symbol())
                }
            }
            ExprKind::Call(name, arguments) => {
                write!(f, "{}(", name.value)?;
                for (i, argument) in arguments.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", self.inner(argument))?;
                }
                f.write_str(")")
            }
            ExprKind::Index(x, i) => write!(f, "{}[{}]", self.inner(x), self.inner(i)),
            ExprKind::Member(x, name) => write!(f, "{}.{}", self.inner(x), name.value),
            ExprKind::Group(x) => write!(f, "({})", self.inner(x)),
            ExprKind::Flags(flags) => write!(f, "{flags}"),
            ExprKind::Options(items) => write!(f, "{}", OptionsSpec::Items(items.clone())),
        }
    }
}

/// `500ms`, `3.5s`, `1.5us`: the largest unit of s, ms, us that it reaches.
pub(crate) fn duration(d: Duration) -> String {
    let nanos = d.as_nanos();
    let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
    let (unit, size) = units
        .into_iter()
        .find(|(_, size)| nanos >= *size)
        .unwrap_or(if nanos == 0 {
            ("s", 1_000_000_000)
        } else {
            ("us", 1_000)
        });
    let text = format!(
        "{}.{:09}",
        nanos / size,
        nanos % size * (1_000_000_000 / size)
    );
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}
