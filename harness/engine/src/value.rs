//! Values of expressions: numbers, sequence numbers (modulo 2^32), times, truth, arrays.

use std::fmt;
use std::time::Duration;
use tcpconf_wire::{Flags, SeqNumber};

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A plain number; relative to an ISN where a sequence number is wanted.
    Number(i128),
    /// A factor such as 1.8.
    Ratio(f64),
    /// An absolute sequence number.
    Seq(SeqNumber),
    /// A span of time, or a point in time since the start of the run; nanoseconds.
    Time(i128),
    /// Truth.
    Bool(bool),
    /// Flags.
    Flags(Flags),
    /// A list, with the time of each entry where it was sampled.
    Array { items: Vec<Value>, times: Vec<i128> },
}

impl Value {
    pub(crate) fn duration(d: Duration) -> Self {
        Self::Time(d.as_nanos() as i128)
    }

    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Ratio(_) => "a factor",
            Self::Seq(_) => "a sequence number",
            Self::Time(_) => "a time",
            Self::Bool(_) => "a truth value",
            Self::Flags(_) => "flags",
            Self::Array { .. } => "an array",
        }
    }

    /// Numbers, factors and times on one scale, for arithmetic and comparison.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(n) | Self::Time(n) => Some(*n as f64),
            Self::Ratio(r) => Some(*r),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => n.fmt(f),
            Self::Ratio(r) => r.fmt(f),
            Self::Seq(s) => s.fmt(f),
            Self::Time(n) => {
                let (sign, n) = if *n < 0 { ("-", -n) } else { ("", *n) };
                write!(f, "{sign}{}", seconds(n))
            }
            Self::Bool(b) => b.fmt(f),
            Self::Flags(flags) => flags.fmt(f),
            Self::Array { items, .. } => {
                const SHOWN: usize = 8;
                f.write_str("[")?;
                for (i, item) in items.iter().take(SHOWN).enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
                }
                if items.len() > SHOWN {
                    write!(f, ", … {} in all", items.len())?;
                }
                f.write_str("]")
            }
        }
    }
}

/// `1.234s`; to the microsecond where that says more: `0.000312s`.
pub(crate) fn seconds(nanos: i128) -> String {
    let micros = nanos / 1_000;
    if micros % 1_000 == 0 {
        format!("{}.{:03}s", micros / 1_000_000, micros / 1_000 % 1_000)
    } else {
        format!("{}.{:06}s", micros / 1_000_000, micros % 1_000_000)
    }
}
