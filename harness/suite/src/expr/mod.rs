//! Expressions: parser and printer.
//!
//! Identifiers use `_`, so that `-` is only minus.  In a field a value ends before comparisons and
//! `and`/`or`; in `check`, in brackets and as an argument all operators may stand.  `abs 5` is an
//! absolute sequence number, `abs(x)` a magnitude.

mod print;

pub(crate) use print::{duration, text_of};

use crate::ast::{BinaryOp, Expr, ExprKind, Name, Span, Spanned};
use crate::limits::{EXPRESSION_DEPTH, OPERATORS};
use std::time::Duration;
use tcpconf_wire::notation::{Cursor, NotationError, ValueParser};

/// Reads expressions off a cursor; what the notation asks for its values.
#[derive(Debug, Default)]
pub(crate) struct ExprParser {
    depth: usize,
    operators: usize,
}

type Parsed<T> = Result<T, NotationError>;

impl ValueParser for ExprParser {
    type Value = Expr;

    fn value(&mut self, c: &mut Cursor<'_>) -> Parsed<Expr> {
        self.binary(c, BinaryOp::Add.precedence())
    }

    fn parameter(&mut self, c: &mut Cursor<'_>) -> Option<Expr> {
        c.rest()
            .starts_with("${")
            .then(|| self.parameter_reference(c).ok())
            .flatten()
    }

    fn constant(&mut self, number: u64, span: Span) -> Expr {
        Expr {
            kind: ExprKind::Number(i128::from(number)),
            span,
        }
    }

    fn range_agrees(&self, start: &Expr, end: &Expr, len: &Expr) -> bool {
        let number = |e: &Expr| match e.kind {
            ExprKind::Number(n) => Some(n),
            _ => None,
        };
        match (number(start), number(end), number(len)) {
            (Some(start), Some(end), Some(len)) => (end - start).rem_euclid(1 << 32) == len,
            _ => true,
        }
    }
}

impl BinaryOp {
    /// All, as written.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Or, "or"),
        (Self::And, "and"),
        (Self::Eq, "=="),
        (Self::Ne, "!="),
        (Self::Le, "<="),
        (Self::Ge, ">="),
        (Self::Lt, "<"),
        (Self::Gt, ">"),
        (Self::Add, "+"),
        (Self::Sub, "-"),
        (Self::Mul, "*"),
        (Self::Div, "/"),
        (Self::Rem, "%"),
    ];

    /// As written.
    pub fn symbol(self) -> &'static str {
        Self::ALL
            .iter()
            .find_map(|(op, text)| (*op == self).then_some(*text))
            .expect("ALL holds every operator")
    }

    /// Higher binds tighter.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge => 3,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Rem => 5,
        }
    }
}

/// Units of durations, in nanoseconds.
pub(crate) const UNITS: &[(&str, u64)] = &[
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

impl ExprParser {
    /// A whole expression, comparisons included.
    ///
    /// # Errors
    /// Where it is not understood.
    pub(crate) fn expression(&mut self, c: &mut Cursor<'_>) -> Parsed<Expr> {
        self.binary(c, BinaryOp::Or.precedence())
    }

    fn binary(&mut self, c: &mut Cursor<'_>, least: u8) -> Parsed<Expr> {
        let mut left = self.unary(c)?;
        loop {
            let mut ahead = c.clone();
            ahead.skip_blanks();
            let Some(op) = operator(ahead.rest()).filter(|op| op.precedence() >= least) else {
                return Ok(left);
            };
            ahead.eat(op.symbol());
            *c = ahead;
            self.count_operator(c)?;
            let right = self.binary(c, op.precedence() + 1)?;
            let span = Span {
                start: left.span.start,
                end: right.span.end,
            };
            left = Expr {
                kind: ExprKind::Binary(op, Box::new(left), Box::new(right)),
                span,
            };
        }
    }

    fn count_operator(&mut self, c: &Cursor<'_>) -> Parsed<()> {
        self.operators += 1;
        if self.operators > OPERATORS {
            return Err(error(c.pos(), c.pos(), "expression has too many operators"));
        }
        Ok(())
    }

    fn unary(&mut self, c: &mut Cursor<'_>) -> Parsed<Expr> {
        c.skip_blanks();
        let start = c.pos();
        if self.depth >= EXPRESSION_DEPTH {
            return Err(error(start, start, "expression is nested too deeply"));
        }
        self.depth += 1;
        let parsed = self.unary_within_depth(c, start);
        self.depth -= 1;
        parsed
    }

    fn unary_within_depth(&mut self, c: &mut Cursor<'_>, start: usize) -> Parsed<Expr> {
        type Wrap = fn(Box<Expr>) -> ExprKind;
        let word = identifier(c.rest());
        let wrap: Option<(usize, Wrap)> = if c.rest().starts_with('-') {
            Some((1, ExprKind::Negate))
        } else if word == "not" {
            Some((3, ExprKind::Not))
        } else if word == "abs" && !c.rest()[word.len()..].starts_with('(') {
            Some((3, ExprKind::Absolute))
        } else {
            None
        };
        let Some((length, wrap)) = wrap else {
            return self.postfix(c);
        };
        advance(c, length);
        // `not a == b` denies the comparison; `-a*b` and `abs a+b` bind tighter.
        let inner = if word == "not" {
            self.binary(c, BinaryOp::Eq.precedence())?
        } else {
            self.unary(c)?
        };
        let span = Span {
            start,
            end: inner.span.end,
        };
        Ok(Expr {
            kind: wrap(Box::new(inner)),
            span,
        })
    }

    /// `d[i].seq`
    fn postfix(&mut self, c: &mut Cursor<'_>) -> Parsed<Expr> {
        let mut expr = self.primary(c)?;
        loop {
            let start = expr.span.start;
            if c.rest().starts_with('[') {
                c.next_char();
                self.count_operator(c)?;
                let index = self.expression(c)?;
                expect(c, ']')?;
                let span = Span {
                    start,
                    end: c.pos(),
                };
                expr = Expr {
                    kind: ExprKind::Index(Box::new(expr), Box::new(index)),
                    span,
                };
            } else if matches!(expr.kind, ExprKind::Index(..) | ExprKind::Member(..))
                && c.rest().starts_with('.')
                && !identifier(&c.rest()[1..]).is_empty()
            {
                c.next_char();
                self.count_operator(c)?;
                let name = name(c);
                let span = Span {
                    start,
                    end: c.pos(),
                };
                expr = Expr {
                    kind: ExprKind::Member(Box::new(expr), name),
                    span,
                };
            } else {
                return Ok(expr);
            }
        }
    }

    fn primary(&mut self, c: &mut Cursor<'_>) -> Parsed<Expr> {
        let start = c.pos();
        let rest = c.rest();
        let kind = match rest.chars().next() {
            Some('0'..='9') => number(c)?,
            Some('(') => {
                c.next_char();
                let inner = self.expression(c)?;
                expect(c, ')')?;
                ExprKind::Group(Box::new(inner))
            }
            Some('$') => return self.parameter_reference(c),
            Some('a'..='z' | 'A'..='Z' | '_') => {
                let word = dotted(rest);
                if !word.contains('.') && rest[word.len()..].starts_with('(') {
                    let name = name(c);
                    c.next_char();
                    ExprKind::Call(name, self.arguments(c)?)
                } else {
                    advance(c, word.len());
                    ExprKind::Symbol(word.to_owned())
                }
            }
            Some(other) => {
                let end = start + other.len_utf8();
                return Err(error(
                    start,
                    end,
                    format!("expected a value, found '{other}'"),
                ));
            }
            None => {
                return Err(error(
                    start,
                    start,
                    "expected a value, found the end of the line",
                ));
            }
        };
        Ok(Expr {
            kind,
            span: Span {
                start,
                end: c.pos(),
            },
        })
    }

    fn arguments(&mut self, c: &mut Cursor<'_>) -> Parsed<Vec<Expr>> {
        let mut arguments = Vec::new();
        c.skip_blanks();
        if c.rest().starts_with(')') {
            c.next_char();
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression(c)?);
            c.skip_blanks();
            if !c.rest().starts_with(',') {
                expect(c, ')')?;
                return Ok(arguments);
            }
            c.next_char();
        }
    }

    fn parameter_reference(&mut self, c: &mut Cursor<'_>) -> Parsed<Expr> {
        let start = c.pos();
        let rest = c.rest();
        let inner = rest.strip_prefix("${").unwrap_or_default();
        let name = identifier(inner);
        if name.is_empty() || !inner[name.len()..].starts_with('}') {
            return Err(error(
                start,
                start + 1,
                "expected a parameter such as ${off}",
            ));
        }
        let end = start + name.len() + "${}".len();
        advance(c, end - start);
        Ok(Expr {
            kind: ExprKind::Parameter(name.to_owned()),
            span: Span { start, end },
        })
    }
}

fn error(start: usize, end: usize, message: impl Into<String>) -> NotationError {
    NotationError {
        span: Span { start, end },
        message: message.into(),
        suggestion: None,
    }
}

/// Over the next `length` bytes, which end at a character's boundary.
fn advance(c: &mut Cursor<'_>, length: usize) {
    let taken = c.rest().get(..length).unwrap_or_default();
    c.eat(taken);
}

fn expect(c: &mut Cursor<'_>, wanted: char) -> Parsed<()> {
    c.skip_blanks();
    let at = c.pos();
    match c.rest().chars().next() {
        Some(found) if found == wanted => {
            c.next_char();
            Ok(())
        }
        Some(found) => Err(error(
            at,
            at + found.len_utf8(),
            format!("expected '{wanted}', found '{found}'"),
        )),
        None => Err(error(
            at,
            at,
            format!("expected '{wanted}', found the end of the line"),
        )),
    }
}

fn name(c: &mut Cursor<'_>) -> Name {
    let start = c.pos();
    let value = identifier(c.rest()).to_owned();
    advance(c, value.len());
    Spanned {
        span: Span {
            start,
            end: c.pos(),
        },
        value,
    }
}

/// The identifier that `text` begins with, without dots; empty when there is none.
pub(crate) fn identifier(text: &str) -> &str {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return "";
    }
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    &text[..end]
}

/// `SND.NXT`: identifiers joined by single dots.
fn dotted(text: &str) -> &str {
    let mut end = identifier(text).len();
    while let Some(after) = text[end..].strip_prefix('.') {
        let next = identifier(after).len();
        if next == 0 {
            break;
        }
        end += 1 + next;
    }
    &text[..end]
}

fn operator(text: &str) -> Option<BinaryOp> {
    BinaryOp::ALL.iter().find_map(|(op, symbol)| {
        let is_word = symbol.starts_with(|c: char| c.is_ascii_alphabetic());
        let found = if is_word {
            identifier(text) == *symbol
        } else {
            text.starts_with(symbol)
        };
        found.then_some(*op)
    })
}

/// `10`, `0x1f`, `1.8`, `500ms`, `1.5s`
fn number(c: &mut Cursor<'_>) -> Parsed<ExprKind> {
    let start = c.pos();
    let rest = c.rest();
    let end = number_length(rest);
    let word = &rest[..end];
    let bad = |message: String| error(start, start + end, message);
    advance(c, end);
    if let Some(hex) = word.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16)
            .map(|n| ExprKind::Number(i128::from(n)))
            .map_err(|_| {
                bad(format!(
                    "'{word}' is no hexadecimal number of at most 64 bits"
                ))
            });
    }
    let digits_end = word
        .find(|ch: char| !(ch.is_ascii_digit() || ch == '.'))
        .unwrap_or(word.len());
    let (digits, unit) = word.split_at(digits_end);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    /// Nanoseconds are the finest that a duration can say, and enough for a factor.
    const PLACES: usize = 9;
    let too_large = || bad(format!("'{word}' is too large or too fine"));
    if fraction.len() > PLACES {
        return Err(too_large());
    }
    let mantissa: u64 = format!("{whole}{fraction}")
        .parse()
        .map_err(|_| too_large())?;
    let places = u32::try_from(fraction.len()).expect("at most nine");
    if unit.is_empty() {
        return Ok(if fraction.is_empty() {
            ExprKind::Number(i128::from(mantissa))
        } else {
            ExprKind::Decimal {
                digits: i128::from(mantissa),
                places,
            }
        });
    }
    let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let units: Vec<&str> = UNITS.iter().map(|(name, _)| *name).collect();
        return Err(NotationError {
            suggestion: crate::diagnostic::nearest(unit, units.iter().copied()).map(str::to_owned),
            ..bad(format!(
                "unknown unit '{unit}', expected one of {}",
                units.join(" ")
            ))
        });
    };
    let total = u128::from(mantissa) * u128::from(*nanos) / 10_u128.pow(places);
    u64::try_from(total)
        .map(|n| ExprKind::Duration(Duration::from_nanos(n)))
        .map_err(|_| too_large())
}

/// How many bytes belong to the number that `text` begins with.
fn number_length(text: &str) -> usize {
    let digits = |s: &str| s.len() - s.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut end = digits(text);
    if let Some(fraction) = text[end..].strip_prefix('.') {
        let more = digits(fraction);
        if more > 0 {
            end += 1 + more;
        }
    }
    let tail = &text[end..];
    end + tail
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(tail.len())
}

#[cfg(test)]
mod tests;
