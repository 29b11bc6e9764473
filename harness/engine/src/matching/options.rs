//! Options of a pattern: listed ones must be there, others must not, unless `...` allows them.
//! Padding (NOP, EOL) counts only when it is written; order never counts.

use super::Match;
use crate::compose::{plain, sequence};
use crate::eval::{EvalError, Scope};
use crate::model::Connection;
use tcpconf_suite::ast::{Expr, OptionItem, Slot};
use tcpconf_wire::notation::OptionName;
use tcpconf_wire::{Segment, TcpOption};

pub(super) fn match_options(
    items: &[OptionItem<Expr>],
    segment: &Segment,
    connection: &Connection,
    scope: &dyn Scope,
    result: &mut Match,
) -> Result<(), EvalError> {
    let padding_counts = items
        .iter()
        .any(|i| matches!(i, OptionItem::Nop | OptionItem::Eol));
    let rest = items.iter().any(|i| matches!(i, OptionItem::Rest));
    let mut left: Vec<&TcpOption> = segment
        .options
        .iter()
        .filter(|o| padding_counts || !matches!(o, TcpOption::Nop | TcpOption::Eol))
        .filter(|o| !matches!(o, TcpOption::Raw(bytes) if bytes.iter().all(|b| *b == 0)))
        .collect();
    for item in items {
        match item {
            OptionItem::Rest => {}
            OptionItem::Absent(name) => {
                if let Some(there) = segment.options.iter().find(|o| name_of(o) == Some(*name)) {
                    result.differs(&format!("<{}>", name), "absent", show_option(there));
                }
            }
            _ => {
                let same_kind = left.iter().position(|o| same_kind(item, o));
                match same_kind {
                    None => result.differs(&format!("<{}>", item_word(item)), "present", "absent"),
                    Some(at) => {
                        let option = left.remove(at);
                        if let Some(wanted) = compare(item, option, connection, scope)? {
                            let actual = value_of(&OptionItem::<u64>::from(option));
                            result.differs(&format!("<{}>", item_word(item)), wanted, actual);
                        }
                    }
                }
            }
        }
    }
    if !rest {
        for option in left {
            result.differs(
                &format!("<{}>", first_word(&show_option(option))),
                "absent",
                "present",
            );
        }
    }
    Ok(())
}

/// What was wanted, when the values differ.
fn compare(
    item: &OptionItem<Expr>,
    option: &TcpOption,
    connection: &Connection,
    scope: &dyn Scope,
) -> Result<Option<String>, EvalError> {
    let slot = |slot: &Slot<Expr>, actual: u64| match slot {
        Slot::Any => Ok(None),
        Slot::Is(expr) => {
            let wanted = plain(expr, 0..=u64::from(u32::MAX), scope)?;
            Ok((wanted != actual).then(|| wanted.to_string()))
        }
    };
    Ok(match (item, option) {
        (OptionItem::Mss(s), TcpOption::Mss(mss)) => slot(s, u64::from(*mss))?,
        (OptionItem::WindowScale(s), TcpOption::WindowScale(shift)) => slot(s, u64::from(*shift))?,
        (OptionItem::Timestamps { val, ecr }, TcpOption::Timestamps { val: v, ecr: e }) => {
            match (slot(val, u64::from(*v))?, slot(ecr, u64::from(*e))?) {
                (None, None) => None,
                (val, ecr) => Some(format!(
                    "val {} ecr {}",
                    val.unwrap_or_else(|| "*".into()),
                    ecr.unwrap_or_else(|| "*".into())
                )),
            }
        }
        (OptionItem::Sack { blocks, any }, TcpOption::Sack(actual)) => {
            if *any {
                return Ok(None);
            }
            let base = connection.syn_sent.then_some(connection.irs);
            let wanted = blocks
                .iter()
                .map(|(l, r)| Ok((sequence(l, base, scope)?.0, sequence(r, base, scope)?.0)))
                .collect::<Result<Vec<_>, EvalError>>()?;
            (wanted != *actual)
                .then(|| value_of(&OptionItem::<u64>::from(&TcpOption::Sack(wanted))))
        }
        (
            OptionItem::UserTimeout { minutes, value },
            TcpOption::UserTimeout {
                minutes: m,
                value: v,
            },
        ) => {
            if minutes == m {
                slot(value, u64::from(*v))?
            } else {
                Some(value_of(item))
            }
        }
        (OptionItem::Md5(Slot::Is(wanted)), TcpOption::Md5(actual)) => {
            (wanted != actual).then(|| value_of(item))
        }
        (OptionItem::FastOpen(Slot::Is(wanted)), TcpOption::FastOpen(actual)) => {
            (wanted != actual).then(|| value_of(item))
        }
        (OptionItem::Unknown { data, .. }, TcpOption::Unknown { data: d, .. }) => {
            (data != d).then(|| value_of(item))
        }
        (
            OptionItem::Experimental { exid, data, .. },
            TcpOption::Experimental {
                exid: e, data: d, ..
            },
        ) => (exid != e || data != d).then(|| value_of(item)),
        (OptionItem::Raw(wanted), TcpOption::Raw(actual)) => {
            (wanted != actual).then(|| value_of(item))
        }
        _ => None,
    })
}

fn same_kind(item: &OptionItem<Expr>, option: &TcpOption) -> bool {
    match (item, option) {
        (OptionItem::Eol, TcpOption::Eol)
        | (OptionItem::Nop, TcpOption::Nop)
        | (OptionItem::Mss(_), TcpOption::Mss(_))
        | (OptionItem::WindowScale(_), TcpOption::WindowScale(_))
        | (OptionItem::SackPermitted, TcpOption::SackPermitted)
        | (OptionItem::Sack { .. }, TcpOption::Sack(_))
        | (OptionItem::Timestamps { .. }, TcpOption::Timestamps { .. })
        | (OptionItem::Md5(_), TcpOption::Md5(_))
        | (OptionItem::UserTimeout { .. }, TcpOption::UserTimeout { .. })
        | (OptionItem::FastOpen(_), TcpOption::FastOpen(_))
        | (OptionItem::Raw(_), TcpOption::Raw(_)) => true,
        (OptionItem::Unknown { kind, .. }, TcpOption::Unknown { kind: k, .. })
        | (OptionItem::Experimental { kind, .. }, TcpOption::Experimental { kind: k, .. }) => {
            kind == k
        }
        _ => false,
    }
}

pub(crate) fn name_of(option: &TcpOption) -> Option<OptionName> {
    Some(match option {
        TcpOption::Eol => OptionName::Eol,
        TcpOption::Nop => OptionName::Nop,
        TcpOption::Mss(_) => OptionName::Mss,
        TcpOption::WindowScale(_) => OptionName::WindowScale,
        TcpOption::SackPermitted => OptionName::SackPermitted,
        TcpOption::Sack(_) => OptionName::Sack,
        TcpOption::Timestamps { .. } => OptionName::Timestamps,
        TcpOption::Md5(_) => OptionName::Md5,
        TcpOption::UserTimeout { .. } => OptionName::UserTimeout,
        TcpOption::FastOpen(_) => OptionName::FastOpen,
        TcpOption::Experimental { kind, .. } | TcpOption::Unknown { kind, .. } => {
            OptionName::Kind(*kind)
        }
        TcpOption::Raw(_) => return None,
    })
}

fn item_word(item: &OptionItem<Expr>) -> String {
    first_word(&item.to_string()).to_owned()
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

/// What stands behind the option's name.
fn value_of(item: &impl std::fmt::Display) -> String {
    let text = item.to_string();
    text.split_once(' ')
        .map_or_else(String::new, |(_, value)| value.to_owned())
}

/// An option in the notation.
pub(crate) fn show_option(option: &TcpOption) -> String {
    OptionItem::<u64>::from(option).to_string()
}
