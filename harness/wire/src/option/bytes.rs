//! Options as bytes.

use super::TcpOption;
use crate::{Malformation, view::OptionView, view::OptionViews};

/// Option kinds, from IANA's registry of TCP option kind numbers.
pub mod kind {
    /// End of option list.
    pub const EOL: u8 = 0;
    /// No operation.
    pub const NOP: u8 = 1;
    /// Maximum segment size.
    pub const MSS: u8 = 2;
    /// Window scale.
    pub const WINDOW_SCALE: u8 = 3;
    /// SACK permitted.
    pub const SACK_PERMITTED: u8 = 4;
    /// Selective acknowledgement.
    pub const SACK: u8 = 5;
    /// Timestamps.
    pub const TIMESTAMPS: u8 = 8;
    /// MD5 signature.
    pub const MD5: u8 = 19;
    /// User timeout.
    pub const USER_TIMEOUT: u8 = 28;
    /// Fast Open cookie.
    pub const FAST_OPEN: u8 = 34;
    /// Experiments, RFC 3692 style, with an identifier by RFC 6994.
    pub const EXPERIMENTS: [u8; 2] = [253, 254];
}

impl TcpOption {
    /// The kind octet; `None` for [`TcpOption::Raw`].
    pub const fn kind(&self) -> Option<u8> {
        Some(match self {
            Self::Eol => kind::EOL,
            Self::Nop => kind::NOP,
            Self::Mss(_) => kind::MSS,
            Self::WindowScale(_) => kind::WINDOW_SCALE,
            Self::SackPermitted => kind::SACK_PERMITTED,
            Self::Sack(_) => kind::SACK,
            Self::Timestamps { .. } => kind::TIMESTAMPS,
            Self::Md5(_) => kind::MD5,
            Self::UserTimeout { .. } => kind::USER_TIMEOUT,
            Self::FastOpen(_) => kind::FAST_OPEN,
            Self::Experimental { kind, .. } | Self::Unknown { kind, .. } => *kind,
            Self::Raw(_) => return None,
        })
    }

    /// Appends the option's bytes. A length octet above 255 wraps.
    pub fn build_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        match self {
            Self::Eol => return out.push(kind::EOL),
            Self::Nop => return out.push(kind::NOP),
            Self::Raw(bytes) => return out.extend_from_slice(bytes),
            _ => {}
        }
        out.extend_from_slice(&[self.kind().expect("all but Raw have a kind"), 0]);
        match self {
            Self::Eol | Self::Nop | Self::Raw(_) | Self::SackPermitted => {}
            Self::Mss(mss) => out.extend_from_slice(&mss.to_be_bytes()),
            Self::WindowScale(shift) => out.push(*shift),
            Self::Sack(blocks) => {
                for (left, right) in blocks {
                    out.extend_from_slice(&left.to_be_bytes());
                    out.extend_from_slice(&right.to_be_bytes());
                }
            }
            Self::Timestamps { val, ecr } => {
                out.extend_from_slice(&val.to_be_bytes());
                out.extend_from_slice(&ecr.to_be_bytes());
            }
            Self::Md5(digest) => out.extend(digest),
            Self::UserTimeout { minutes, value } => {
                let word = u16::from(*minutes) << 15 | value & 0x7fff;
                out.extend(word.to_be_bytes());
            }
            Self::FastOpen(cookie) => out.extend(cookie),
            Self::Experimental { exid, data, .. } => {
                out.extend(exid.to_be_bytes());
                out.extend(data);
            }
            Self::Unknown { data, .. } => out.extend(data),
        }
        out[start + 1] = (out.len() - start) as u8;
    }

    /// Octets that [`TcpOption::build_into`] appends.
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::Eol | Self::Nop => 1,
            Self::Raw(bytes) => bytes.len(),
            Self::SackPermitted => 2,
            Self::WindowScale(_) => 3,
            Self::Mss(_) | Self::UserTimeout { .. } => 4,
            Self::Sack(blocks) => 2 + 8 * blocks.len(),
            Self::Timestamps { .. } => 10,
            Self::Md5(_) => 18,
            Self::FastOpen(cookie) => 2 + cookie.len(),
            Self::Experimental { data, .. } => 4 + data.len(),
            Self::Unknown { data, .. } => 2 + data.len(),
        }
    }

    /// The bytes of a list, without padding.
    pub fn build_all(options: &[Self]) -> Vec<u8> {
        let mut out = Vec::new();
        for option in options {
            option.build_into(&mut out);
        }
        out
    }

    /// Reads an option area. `build_all` of the result, padded with zeros to the next word, is `area`
    /// when that is whole words long. Up to three zeros at the end are padding and not listed.
    pub fn parse_all(area: &[u8], malformed: &mut Vec<Malformation>) -> Vec<Self> {
        let mut options = Vec::new();
        let mut rest = area;
        let mut views = OptionViews::new(area);
        for view in &mut views {
            let at = area.len() - rest.len();
            match view {
                OptionView::Nop => {
                    options.push(Self::Nop);
                    rest = &rest[1..];
                }
                OptionView::Kind(kind, data) => {
                    let option = Self::of_kind(kind, data);
                    if !view.is_well_formed() {
                        malformed.push(Malformation::OptionForm {
                            kind,
                            length: data.len() + 2,
                        });
                    }
                    options.push(option);
                    rest = &rest[data.len() + 2..];
                }
                OptionView::Malformed(bytes) => {
                    malformed.push(Malformation::OptionLength {
                        at,
                        kind: bytes[0],
                        length: bytes.get(1).copied(),
                        left: bytes.len(),
                    });
                    options.push(Self::Raw(bytes.to_vec()));
                    rest = &[];
                }
            }
        }
        if rest.iter().any(|byte| *byte != 0) {
            malformed.push(Malformation::OptionPadding);
        } else if rest.len() <= 3 {
            return options;
        }
        options.push(Self::Eol);
        if rest.len() > 1 {
            options.push(Self::Raw(rest[1..].to_vec()));
        }
        options
    }

    fn of_kind(number: u8, data: &[u8]) -> Self {
        let long =
            |at: usize| u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]]);
        match (number, data) {
            (kind::MSS, [high, low]) => Self::Mss(u16::from_be_bytes([*high, *low])),
            (kind::WINDOW_SCALE, [shift]) => Self::WindowScale(*shift),
            (kind::SACK_PERMITTED, []) => Self::SackPermitted,
            (kind::SACK, _) if matches!(data.len(), 8 | 16 | 24 | 32) => Self::Sack(
                (0..data.len())
                    .step_by(8)
                    .map(|at| (long(at), long(at + 4)))
                    .collect(),
            ),
            (kind::TIMESTAMPS, _) if data.len() == 8 => Self::Timestamps {
                val: long(0),
                ecr: long(4),
            },
            (kind::USER_TIMEOUT, [high, low]) => Self::UserTimeout {
                minutes: high & 0x80 != 0,
                value: u16::from_be_bytes([high & 0x7f, *low]),
            },
            (kind::FAST_OPEN, cookie) => Self::FastOpen(cookie.to_vec()),
            (253 | 254, [high, low, data @ ..]) => Self::Experimental {
                kind: number,
                exid: u16::from_be_bytes([*high, *low]),
                data: data.to_vec(),
            },
            (kind::MD5, _) => match data.try_into() {
                Ok(digest) => Self::Md5(digest),
                Err(_) => Self::unknown(number, data),
            },
            _ => Self::unknown(number, data),
        }
    }

    fn unknown(kind: u8, data: &[u8]) -> Self {
        Self::Unknown {
            kind,
            data: data.to_vec(),
        }
    }
}
