//! Options as text: [`TcpOption`] to [`OptionItem`] and back.

use super::TcpOption;
use crate::ApplyError;
use crate::notation::{OptionItem, Slot};
use crate::segment::limited;

impl From<&TcpOption> for OptionItem<u64> {
    fn from(option: &TcpOption) -> Self {
        let is = |number: u64| Slot::Is(number);
        match option {
            TcpOption::Eol => Self::Eol,
            TcpOption::Nop => Self::Nop,
            TcpOption::Mss(mss) => Self::Mss(is((*mss).into())),
            TcpOption::WindowScale(shift) => Self::WindowScale(is((*shift).into())),
            TcpOption::SackPermitted => Self::SackPermitted,
            TcpOption::Sack(blocks) => Self::Sack {
                blocks: blocks
                    .iter()
                    .map(|(left, right)| ((*left).into(), (*right).into()))
                    .collect(),
                any: false,
            },
            TcpOption::Timestamps { val, ecr } => Self::Timestamps {
                val: is((*val).into()),
                ecr: is((*ecr).into()),
            },
            TcpOption::Md5(digest) => Self::Md5(Slot::Is(*digest)),
            TcpOption::UserTimeout { minutes, value } => Self::UserTimeout {
                minutes: *minutes,
                value: is((*value).into()),
            },
            TcpOption::FastOpen(cookie) => Self::FastOpen(Slot::Is(cookie.clone())),
            TcpOption::Experimental { kind, exid, data } => Self::Experimental {
                kind: *kind,
                exid: *exid,
                data: data.clone(),
            },
            TcpOption::Unknown { kind, data } => Self::Unknown {
                kind: *kind,
                data: data.clone(),
            },
            TcpOption::Raw(bytes) => Self::Raw(bytes.clone()),
        }
    }
}

impl TryFrom<&OptionItem<u64>> for TcpOption {
    type Error = ApplyError;

    fn try_from(item: &OptionItem<u64>) -> Result<Self, ApplyError> {
        let pattern = || ApplyError::OptionPattern(item.to_string());
        let number = |what, slot: &Slot<u64>, bits| match slot {
            Slot::Any => Err(pattern()),
            Slot::Is(number) => limited(what, *number, bits),
        };
        Ok(match item {
            OptionItem::Eol => Self::Eol,
            OptionItem::Nop => Self::Nop,
            OptionItem::SackPermitted => Self::SackPermitted,
            OptionItem::Mss(mss) => Self::Mss(number("mss", mss, 16)? as u16),
            OptionItem::WindowScale(shift) => Self::WindowScale(number("wscale", shift, 8)? as u8),
            OptionItem::Sack { any: true, .. } => return Err(pattern()),
            OptionItem::Sack { blocks, any: false } => Self::Sack(
                blocks
                    .iter()
                    .map(|(left, right)| {
                        Ok((limited("sack", *left, 32)?, limited("sack", *right, 32)?))
                    })
                    .collect::<Result<_, ApplyError>>()?,
            ),
            OptionItem::Timestamps { val, ecr } => Self::Timestamps {
                val: number("TS val", val, 32)?,
                ecr: number("TS ecr", ecr, 32)?,
            },
            OptionItem::Md5(Slot::Is(digest)) => Self::Md5(*digest),
            OptionItem::UserTimeout { minutes, value } => Self::UserTimeout {
                minutes: *minutes,
                value: number("uto", value, 15)? as u16,
            },
            OptionItem::FastOpen(Slot::Is(cookie)) => Self::FastOpen(cookie.clone()),
            OptionItem::Experimental { kind, exid, data } => Self::Experimental {
                kind: *kind,
                exid: *exid,
                data: data.clone(),
            },
            OptionItem::Unknown { kind, data } => Self::Unknown {
                kind: *kind,
                data: data.clone(),
            },
            OptionItem::Raw(bytes) => Self::Raw(bytes.clone()),
            OptionItem::Md5(Slot::Any)
            | OptionItem::FastOpen(Slot::Any)
            | OptionItem::Absent(_)
            | OptionItem::Rest => return Err(pattern()),
        })
    }
}
