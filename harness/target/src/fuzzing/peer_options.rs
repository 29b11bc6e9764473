//! The options of a peer's segments: those that it negotiated, and any others, malformed ones included.

use super::input::Input;
use tcpconf_wire::{SeqNumber, TcpOption};

/// Octets of options in the longest header (RFC 9293 §3.1).
const MAX_OPTIONS: usize = 40;

/// What a peer offers on its SYN.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) mss: Option<u16>,
    pub(super) sack: bool,
    pub(super) timestamps: bool,
    pub(super) window_scale: Option<u8>,
    /// It asks for Fast Open, or presents what it got.
    pub(super) fast_open: bool,
}

/// What relative options refer to.
pub(super) struct Around<'a> {
    /// The right end of what came from the host in order.
    pub(super) una: SeqNumber,
    /// The sequence number of the host's last segment.
    pub(super) last: SeqNumber,
    pub(super) clock: u32,
    pub(super) echo: u32,
    pub(super) cookie: &'a [u8],
}

pub(super) fn of_syn(offer: &Offer, clock: u32, cookie: &[u8]) -> Vec<TcpOption> {
    let mut options = Vec::new();
    options.extend(offer.mss.map(TcpOption::Mss));
    if offer.sack {
        options.push(TcpOption::SackPermitted);
    }
    if offer.timestamps {
        options.push(TcpOption::Timestamps { val: clock, ecr: 0 });
    }
    options.extend(offer.window_scale.map(TcpOption::WindowScale));
    if offer.fast_open {
        options.push(TcpOption::FastOpen(cookie.to_vec()));
    }
    options
}

/// Up to seven options that the input says.
pub(super) fn any(input: &mut Input<'_>, around: &Around<'_>) -> Vec<TcpOption> {
    let count = input.byte() % 8;
    let mut options: Vec<TcpOption> = (0..count).map(|_| one(input, around)).collect();
    // What does not fit would be text, and not that of its place.
    while TcpOption::build_all(&options).len() > MAX_OPTIONS {
        options.pop();
    }
    options
}

fn one(input: &mut Input<'_>, around: &Around<'_>) -> TcpOption {
    match input.byte() % 16 {
        0 => TcpOption::Timestamps {
            val: around.clock,
            ecr: around.echo,
        },
        1 => TcpOption::Timestamps {
            val: stamp(input, around.clock),
            ecr: stamp(input, around.echo),
        },
        2..=4 => {
            let blocks = 1 + input.byte() % 4;
            TcpOption::Sack((0..blocks).map(|_| block(input, around)).collect())
        }
        5 => TcpOption::Mss(input.choose(&[0, 1, 48, 536, 1460, u16::MAX, 63])),
        6 => TcpOption::WindowScale(input.choose(&[0, 1, 7, 14, 15, 255])),
        7 => TcpOption::SackPermitted,
        8 => TcpOption::Nop,
        9 => TcpOption::Eol,
        10 => TcpOption::UserTimeout {
            minutes: input.byte() & 1 != 0,
            value: input.word() & 0x7fff,
        },
        11 => TcpOption::FastOpen(around.cookie.to_vec()),
        12 => TcpOption::FastOpen(vec![input.byte(); usize::from(input.byte() % 18)]),
        // The lengths that made stacks loop or run over: 0, 1, too long, one octet only.
        13 => TcpOption::Raw(vec![input.byte(), input.choose(&[0, 1, 255, 2, 3, 11])]),
        14 => TcpOption::Raw(vec![input.byte()]),
        _ => TcpOption::Raw((0..input.byte() % 9).map(|_| input.byte()).collect()),
    }
}

fn stamp(input: &mut Input<'_>, around: u32) -> u32 {
    match input.byte() % 4 {
        0 => around.wrapping_add_signed(input.small()),
        1 => around
            .wrapping_add(1 << 31)
            .wrapping_add_signed(input.small()),
        2 => input.long(),
        _ => 0,
    }
}

/// A block of what the host has sent, or beside it.
fn block(input: &mut Input<'_>, around: &Around<'_>) -> (u32, u32) {
    let base = match input.byte() % 4 {
        0 | 1 => around.una,
        2 => around.last,
        _ => around.una + (1 << 31),
    };
    let left = base
        .0
        .wrapping_add_signed(i32::from(input.word().cast_signed()) / 16);
    let len = match input.byte() {
        0 => 1 << 31,
        1 => input.long(),
        n => u32::from(n) * 8,
    };
    (left, left.wrapping_add(len))
}
