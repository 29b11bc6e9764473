//! From a stimulus as written to the segment that is sent: what is left out is filled in
//! (LANGUAGE.md, semantics 3 and 4).

use crate::eval::{EvalError, Scope, eval};
use crate::model::Connection;
use crate::payload;
use crate::value::Value;
use tcpconf_suite::ast::{
    Expr, Field, FieldName, FieldValue, FlagsSpec, OptionItem, OptionsSpec, Slot, Span, Template,
};
use tcpconf_wire::notation::Template as Constant;
use tcpconf_wire::{Flags, Instant, Segment, SeqNumber, TcpOption};

/// The acknowledgement of a segment on a connection of which nothing is known: recognisable, and far
/// from every sequence number that is near zero.
pub(crate) const ACK_FROM_NOWHERE: SeqNumber = SeqNumber(0x5eed_0ac0);

/// The segment that `template` describes on `connection`, and what of it sticks to the connection.
pub(crate) struct Composed {
    pub(crate) segment: Segment,
    /// `win` was written: it sticks.
    pub(crate) window: Option<u16>,
    /// TSval was written: the clock goes on from it.
    pub(crate) ts_base: Option<u32>,
    /// Options of a SYN were written: they stick.
    pub(crate) syn_options: Option<Vec<TcpOption>>,
}

/// Builds the segment. `syn_options` are those that stick from an earlier SYN; `again` is a segment
/// sent before that is to be sent once more, with what the template says in its place.
pub(crate) fn compose(
    template: &Template<Expr>,
    connection: &Connection,
    syn_options: &[TcpOption],
    again: Option<&Segment>,
    now: Instant,
    scope: &dyn Scope,
) -> Result<Composed, EvalError> {
    let flags = flags(&template.flags, scope)?;
    let syn = flags.contains(Flags::SYN);
    let segment = again.map_or_else(|| defaults(flags, connection), Clone::clone);
    let mut composed = Composed {
        segment,
        window: None,
        ts_base: None,
        syn_options: None,
    };
    let mut literal = Vec::new();
    let (mut length, mut ts_ecr) = (None, None);
    for field in &template.fields {
        match field.name {
            FieldName::Seq => composed.segment.seq = seq(field, Some(connection.irs), scope)?,
            FieldName::Isn => composed.segment.seq = seq(field, None, scope)?,
            FieldName::Ack => {
                composed.segment.ack = seq(field, connection.iss, scope)?;
            }
            FieldName::Len => length = Some(number(field, 0..=65_535, scope)? as usize),
            FieldName::Win => {
                let window = number(field, 0..=65_535, scope)? as u16;
                composed.segment.window = window;
                composed.window = Some(window);
            }
            FieldName::Wnd => {
                let shift = if syn { 0 } else { connection.scales().1 };
                let window = number(field, 0..=(65_535 << shift), scope)? >> shift;
                composed.segment.window = window as u16;
                composed.window = Some(window as u16);
            }
            FieldName::TsVal => {
                let val = number(field, 0..=u32::MAX.into(), scope)? as u32;
                composed.ts_base = Some(val.wrapping_sub(now.as_millis() as u32));
            }
            FieldName::TsEcr => {
                ts_ecr = Some(number(field, 0..=u32::MAX.into(), scope)? as u32);
            }
            // Who sends is settled before: `fresh` and `same` choose the connection's socket.
            FieldName::Src | FieldName::SrcPort if !is_literal(field) => {}
            _ => literal.push(constant(field, scope)?),
        }
    }
    if again.is_none() || template.options.is_some() {
        composed.segment.options = options(
            template.options.as_ref(),
            &mut composed,
            connection,
            syn_options,
            (now, ts_ecr),
            scope,
        )?;
    }
    if let Some(length) = length {
        let first = composed.segment.seq + u32::from(syn);
        composed.segment.payload =
            payload::octets(first - (connection_isn(&composed, connection) + 1), length);
    }
    let fields = Constant {
        flags: FlagsSpec::Literal(flags),
        fields: literal,
        options: None,
        span: template.span,
    };
    composed.segment = Segment::from_template(&fields, composed.segment)
        .map_err(|e| EvalError::wrong(template.span, e.to_string()))?;
    Ok(composed)
}

/// What a right peer would send with these flags (semantics 4).
fn defaults(flags: Flags, connection: &Connection) -> Segment {
    let mut segment = Segment::new(connection.ours, connection.target);
    segment.flags = flags;
    segment.seq = if flags.contains(Flags::SYN) {
        connection.irs
    } else {
        connection.rcv_nxt
    };
    segment.ack = match (flags.contains(Flags::ACK), connection.iss) {
        (false, _) => SeqNumber(0),
        (true, Some(_)) => connection.our_rcv_nxt,
        (true, None) => ACK_FROM_NOWHERE,
    };
    segment.window = connection.our_window;
    segment
}

/// The ISN from which payload is counted: a SYN counts from its own.
fn connection_isn(composed: &Composed, connection: &Connection) -> SeqNumber {
    if composed.segment.flags.contains(Flags::SYN) {
        composed.segment.seq
    } else {
        connection.irs
    }
}

/// The flags as a value.
pub(crate) fn flags(spec: &FlagsSpec<Expr>, scope: &dyn Scope) -> Result<Flags, EvalError> {
    match spec {
        FlagsSpec::Literal(flags) => Ok(*flags),
        FlagsSpec::Value(expr) => match eval(expr, scope)? {
            Value::Flags(flags) => Ok(flags),
            other => Err(EvalError::wrong(
                expr.span,
                format!("flags are wanted, this is {}", other.kind()),
            )),
        },
    }
}

fn is_literal(field: &Field<Expr>) -> bool {
    !matches!(
        field.values.first(),
        Some(FieldValue::Fresh | FieldValue::Same)
    )
}

/// The one expression of a field of a stimulus.
fn expression(field: &Field<Expr>) -> Result<&Expr, EvalError> {
    match field.values.as_slice() {
        [FieldValue::Number(expr)] => Ok(expr),
        _ => Err(EvalError::wrong(field.span, "one number is wanted")),
    }
}

/// A field that is a plain number within `range`.
pub(crate) fn number(
    field: &Field<Expr>,
    range: std::ops::RangeInclusive<u64>,
    scope: &dyn Scope,
) -> Result<u64, EvalError> {
    plain(expression(field)?, range, scope)
}

/// An expression that is a plain number within `range`.
pub(crate) fn plain(
    expr: &Expr,
    range: std::ops::RangeInclusive<u64>,
    scope: &dyn Scope,
) -> Result<u64, EvalError> {
    match eval(expr, scope)? {
        Value::Number(n) if u64::try_from(n).is_ok_and(|n| range.contains(&n)) => Ok(n as u64),
        Value::Number(n) => Err(EvalError::wrong(
            expr.span,
            format!("{n} is not in {}..{}", range.start(), range.end()),
        )),
        other => Err(EvalError::wrong(
            expr.span,
            format!("a number is wanted, this is {}", other.kind()),
        )),
    }
}

/// A sequence number: absolute, or relative to `base` when it is a bare number.
pub(crate) fn sequence(
    expr: &Expr,
    base: Option<SeqNumber>,
    scope: &dyn Scope,
) -> Result<SeqNumber, EvalError> {
    match eval(expr, scope)? {
        Value::Seq(s) => Ok(s),
        Value::Number(n) => Ok(base.unwrap_or(SeqNumber(0)) + (n as u32)),
        other => Err(EvalError::wrong(
            expr.span,
            format!("a sequence number is wanted, this is {}", other.kind()),
        )),
    }
}

fn seq(
    field: &Field<Expr>,
    base: Option<SeqNumber>,
    scope: &dyn Scope,
) -> Result<SeqNumber, EvalError> {
    sequence(expression(field)?, base, scope)
}

/// A field whose value does not depend on the connection, with its expressions evaluated.
fn constant(field: &Field<Expr>, scope: &dyn Scope) -> Result<Field<u64>, EvalError> {
    field.try_map(|expr| plain(expr, 0..=u64::from(u32::MAX), scope))
}

fn options(
    spec: Option<&OptionsSpec<Expr>>,
    composed: &mut Composed,
    connection: &Connection,
    syn_options: &[TcpOption],
    (now, ts_ecr): (Instant, Option<u32>),
    scope: &dyn Scope,
) -> Result<Vec<TcpOption>, EvalError> {
    let syn = composed.segment.flags.contains(Flags::SYN);
    let base = composed.ts_base.unwrap_or(connection.ts_base);
    let clock = base.wrapping_add(now.as_millis() as u32);
    let ecr = ts_ecr.or(connection.ts_from_target).unwrap_or(0);
    let items = match spec {
        Some(OptionsSpec::Items(items)) => items,
        Some(OptionsSpec::Value(Expr {
            kind: tcpconf_suite::ast::ExprKind::Options(items),
            ..
        })) => items,
        Some(OptionsSpec::Value(expr)) => {
            return Err(EvalError::wrong(expr.span, "options are wanted"));
        }
        None if syn => {
            return Ok(syn_options
                .iter()
                .map(|o| match o {
                    TcpOption::Timestamps { ecr, .. } => TcpOption::Timestamps {
                        val: clock,
                        ecr: *ecr,
                    },
                    o => o.clone(),
                })
                .collect());
        }
        None if connection.timestamps_on() => {
            return Ok(vec![
                TcpOption::Nop,
                TcpOption::Nop,
                TcpOption::Timestamps { val: clock, ecr },
            ]);
        }
        None => return Ok(Vec::new()),
    };
    let mut options = Vec::new();
    for item in items {
        options.push(option(
            item,
            composed,
            connection,
            (clock, ecr, now),
            scope,
        )?);
    }
    if syn {
        composed.syn_options = Some(options.clone());
    }
    Ok(options)
}

fn option(
    item: &OptionItem<Expr>,
    composed: &mut Composed,
    connection: &Connection,
    (clock, last_ecr, now): (u32, u32, Instant),
    scope: &dyn Scope,
) -> Result<TcpOption, EvalError> {
    let slot = |slot: &Slot<Expr>, max: u64, default: u32| match slot {
        Slot::Any => Ok(default),
        Slot::Is(expr) => plain(expr, 0..=max, scope).map(|n| n as u32),
    };
    Ok(match item {
        OptionItem::Eol => TcpOption::Eol,
        OptionItem::Nop => TcpOption::Nop,
        OptionItem::Mss(mss) => TcpOption::Mss(slot(mss, 65_535, 1460)? as u16),
        OptionItem::WindowScale(shift) => TcpOption::WindowScale(slot(shift, 255, 0)? as u8),
        OptionItem::SackPermitted => TcpOption::SackPermitted,
        OptionItem::Sack { blocks, .. } => TcpOption::Sack(
            blocks
                .iter()
                .map(|(left, right)| {
                    Ok((
                        sequence(left, connection.iss, scope)?.0,
                        sequence(right, connection.iss, scope)?.0,
                    ))
                })
                .collect::<Result<_, EvalError>>()?,
        ),
        OptionItem::Timestamps { val, ecr } => {
            if let Slot::Is(_) = val {
                let val = slot(val, u32::MAX.into(), 0)?;
                composed.ts_base = Some(val.wrapping_sub(now.as_millis() as u32));
            }
            TcpOption::Timestamps {
                val: slot(val, u32::MAX.into(), clock)?,
                ecr: slot(ecr, u32::MAX.into(), last_ecr)?,
            }
        }
        OptionItem::Md5(Slot::Is(digest)) => TcpOption::Md5(*digest),
        OptionItem::Md5(Slot::Any) => TcpOption::Md5([0; 16]),
        OptionItem::UserTimeout { minutes, value } => TcpOption::UserTimeout {
            minutes: *minutes,
            value: slot(value, 0x7fff, 0)? as u16,
        },
        OptionItem::FastOpen(Slot::Is(cookie)) => TcpOption::FastOpen(cookie.clone()),
        OptionItem::FastOpen(Slot::Any) => TcpOption::FastOpen(Vec::new()),
        OptionItem::Experimental { kind, exid, data } => TcpOption::Experimental {
            kind: *kind,
            exid: *exid,
            data: data.clone(),
        },
        OptionItem::Unknown { kind, data } => TcpOption::Unknown {
            kind: *kind,
            data: data.clone(),
        },
        OptionItem::Raw(bytes) => TcpOption::Raw(bytes.clone()),
        OptionItem::Absent(_) | OptionItem::Rest => {
            return Err(EvalError::wrong(
                Span::default(),
                "'!' and '...' belong to patterns",
            ));
        }
    })
}
