//! A pattern against a segment: every field that differs, and the pattern with its values filled in.

use crate::Difference;
use crate::compose::{flags, sequence};
use crate::eval::{EvalError, Scope, eval};
use crate::model::Connection;
use crate::value::Value;
use tcpconf_suite::ast::{
    Expr, ExprKind, Field, FieldName, FieldValue, FlagsSpec, OptionsSpec, Relation, Template,
};
use tcpconf_wire::{Auto, Flags, IpHeader, Segment, SeqNumber, TcpOption};

mod options;
mod same;

pub(crate) use options::show_option;
pub(crate) use same::same_as;

/// What a pattern made of a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Match {
    /// Empty when it fits.
    pub(crate) differences: Vec<Difference>,
}

impl Match {
    pub(crate) fn fits(&self) -> bool {
        self.differences.is_empty()
    }

    fn differs(&mut self, field: &str, expected: impl Into<String>, actual: impl Into<String>) {
        self.differences.push(Difference {
            field: field.into(),
            expected: expected.into(),
            actual: actual.into(),
        });
    }
}

/// Flags that always count; the others only when they are written.
const ALWAYS: Flags =
    Flags::from_bits(Flags::SYN.bits() | Flags::FIN.bits() | Flags::RST.bits() | Flags::ACK.bits());

/// Compares.
///
/// # Errors
/// When an expression of the pattern has no value.
pub(crate) fn matches(
    template: &Template<Expr>,
    segment: &Segment,
    connection: &Connection,
    scope: &dyn Scope,
) -> Result<Match, EvalError> {
    let mut result = Match::default();
    match_flags(&template.flags, segment.flags, scope, &mut result)?;
    for field in &template.fields {
        match_field(field, segment, connection, scope, &mut result)?;
    }
    if let Some(spec) = &template.options {
        options::match_options(option_items(spec)?, segment, connection, scope, &mut result)?;
    }
    Ok(result)
}

fn option_items(
    spec: &OptionsSpec<Expr>,
) -> Result<&[tcpconf_suite::ast::OptionItem<Expr>], EvalError> {
    match spec {
        OptionsSpec::Items(items) => Ok(items),
        OptionsSpec::Value(Expr {
            kind: ExprKind::Options(items),
            ..
        }) => Ok(items),
        OptionsSpec::Value(expr) => Err(EvalError::wrong(expr.span, "options are wanted")),
    }
}

pub(crate) fn match_flags(
    spec: &FlagsSpec<Expr>,
    actual: Flags,
    scope: &dyn Scope,
    result: &mut Match,
) -> Result<(), EvalError> {
    let wanted = flags(spec, scope)?;
    if actual & ALWAYS != wanted & ALWAYS || !actual.contains(wanted) {
        result.differs("flags", wanted.to_string(), actual.to_string());
    }
    Ok(())
}

/// Compares one field.
pub(crate) fn match_field(
    field: &Field<Expr>,
    segment: &Segment,
    connection: &Connection,
    scope: &dyn Scope,
    result: &mut Match,
) -> Result<(), EvalError> {
    let Some(actual) = read(field.name, segment, connection) else {
        return match_other(field, segment, result);
    };
    let base = base(field.name, connection);
    let mut shown = Vec::new();
    for value in &field.values {
        let FieldValue::Number(expr) = value else {
            return match_other(field, segment, result);
        };
        let holds = match base {
            Base::Sequence(base) => {
                let wanted = sequence(expr, base, scope)?;
                shown.push(relative(wanted, base));
                let distance = SeqNumber(actual as u32).distance_from(wanted);
                relation(field.relation, distance.into(), 0)
            }
            Base::Plain => {
                // A bound such as `len >= SND.WND-100` may lie below zero.
                let wanted = match eval(expr, scope)? {
                    Value::Number(n) => n,
                    other => {
                        let message = format!("a number is wanted, this is {}", other.kind());
                        return Err(EvalError::wrong(expr.span, message));
                    }
                };
                shown.push(wanted.to_string());
                relation(field.relation, actual.into(), wanted)
            }
        };
        if holds {
            return Ok(());
        }
    }
    let actual = match base {
        Base::Sequence(base) => relative(SeqNumber(actual as u32), base),
        Base::Plain => actual.to_string(),
    };
    result.differs(
        &field.name.to_string(),
        format!("{}{}", sign(field.relation), shown.join(" or ")),
        actual,
    );
    Ok(())
}

/// How the numbers of a field are counted.
enum Base {
    Sequence(Option<SeqNumber>),
    Plain,
}

fn base(name: FieldName, connection: &Connection) -> Base {
    match name {
        FieldName::Seq => Base::Sequence(connection.iss),
        FieldName::Ack => Base::Sequence(connection.syn_sent.then_some(connection.irs)),
        _ => Base::Plain,
    }
}

fn relative(value: SeqNumber, base: Option<SeqNumber>) -> String {
    match base {
        Some(base) => format!("{} (abs {value})", value.distance_from(base)),
        None => format!("abs {value}"),
    }
}

const fn relation(relation: Relation, actual: i128, wanted: i128) -> bool {
    match relation {
        Relation::Eq => actual == wanted,
        Relation::Ne => actual != wanted,
        Relation::Lt => actual < wanted,
        Relation::Le => actual <= wanted,
        Relation::Gt => actual > wanted,
        Relation::Ge => actual >= wanted,
    }
}

const fn sign(relation: Relation) -> &'static str {
    match relation {
        Relation::Eq => "",
        Relation::Ne => "!= ",
        Relation::Lt => "< ",
        Relation::Le => "<= ",
        Relation::Gt => "> ",
        Relation::Ge => ">= ",
    }
}

/// The value of a numeric field of a segment; `None` for fields that are no numbers.
fn read(name: FieldName, segment: &Segment, connection: &Connection) -> Option<u64> {
    let shift = if segment.flags.contains(Flags::SYN) {
        0
    } else {
        connection.scales().0
    };
    Some(match name {
        FieldName::Seq | FieldName::Isn => u64::from(segment.seq.0),
        FieldName::Ack => u64::from(segment.ack.0),
        FieldName::Len => segment.payload.len() as u64,
        FieldName::Win => u64::from(segment.window),
        FieldName::Wnd => u64::from(segment.window) << shift,
        FieldName::Urg => u64::from(segment.urgent),
        FieldName::TsVal => u64::from(segment.timestamps()?.0),
        FieldName::TsEcr => u64::from(segment.timestamps()?.1),
        FieldName::Offset => match segment.data_offset {
            Auto::Is(n) => u64::from(n),
            Auto::Auto => 5 + TcpOption::build_all(&segment.options).len().div_ceil(4) as u64,
        },
        FieldName::Reserved => u64::from(segment.reserved),
        FieldName::SrcPort => u64::from(segment.src_port),
        FieldName::DstPort => u64::from(segment.dst_port),
        FieldName::Ttl => u64::from(match &segment.ip {
            IpHeader::V4(h) => h.ttl,
            IpHeader::V6(h) => h.hop_limit,
        }),
        FieldName::Dscp => u64::from(match &segment.ip {
            IpHeader::V4(h) => h.dscp,
            IpHeader::V6(h) => h.dscp,
        }),
        FieldName::Ecn => u64::from(match &segment.ip {
            IpHeader::V4(h) => h.ecn,
            IpHeader::V6(h) => h.ecn,
        }),
        FieldName::FlowLabel => match &segment.ip {
            IpHeader::V4(_) => return None,
            IpHeader::V6(h) => u64::from(h.flow_label),
        },
        FieldName::IpId | FieldName::Df | FieldName::Mf | FieldName::Evil => match &segment.ip {
            IpHeader::V6(_) => return None,
            IpHeader::V4(h) => match name {
                FieldName::IpId => u64::from(h.id),
                FieldName::Df => u64::from(h.df),
                FieldName::Mf => u64::from(h.mf),
                _ => u64::from(h.evil),
            },
        },
        _ => return None,
    })
}

/// Fields that are no numbers: text, checksums, addresses.
fn match_other(
    field: &Field<Expr>,
    segment: &Segment,
    result: &mut Match,
) -> Result<(), EvalError> {
    let word = &field.name.to_string();
    match (field.name, field.values.as_slice()) {
        (FieldName::Data, [FieldValue::Bytes(wanted)]) => {
            if *wanted != segment.payload {
                result.differs(word, show_bytes(wanted), show_bytes(&segment.payload));
            }
        }
        (FieldName::Checksum, [FieldValue::Good]) => {
            if segment.checksum != tcpconf_wire::Checksum::Good {
                result.differs(word, "good", format!("{:?}", segment.checksum));
            }
        }
        (FieldName::Src, [FieldValue::Address(wanted)]) => {
            if segment.ip.src() != *wanted {
                result.differs(word, wanted.to_string(), segment.ip.src().to_string());
            }
        }
        (FieldName::Dst, [FieldValue::Address(wanted)]) => {
            if segment.ip.dst() != *wanted {
                result.differs(word, wanted.to_string(), segment.ip.dst().to_string());
            }
        }
        (FieldName::TsVal | FieldName::TsEcr, _) => {
            result.differs(word, "a timestamps option", "none");
        }
        (FieldName::IpId | FieldName::Df | FieldName::Mf | FieldName::Evil, _) => {
            result.differs(word, "a field of IPv4", "an IPv6 packet");
        }
        (FieldName::FlowLabel, _) => {
            result.differs(word, "a field of IPv6", "an IPv4 packet");
        }
        _ => {
            return Err(EvalError::wrong(
                field.span,
                format!("'{word}' cannot be matched in this form"),
            ));
        }
    }
    Ok(())
}

fn show_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(|c| !c.is_control()) => format!("\"{text}\""),
        _ => {
            bytes
                .iter()
                .fold(String::from("hex("), |s, b| s + &format!("{b:02x}"))
                + ")"
        }
    }
}
