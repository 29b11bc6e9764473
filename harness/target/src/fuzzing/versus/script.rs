//! A script of the peer, and its octets: a header of four, then eight an operation, so that every input is a script,
//! and every script an input.

use tcpconf_wire::Flags;

/// Octets before the first operation.
const HEADER: usize = 4;
/// Octets of an operation.
const RECORD: usize = 8;
/// Operations of one input; what is behind them is not read.
const MAX_OPERATIONS: usize = 120;

/// What is said to both stacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) v6: bool,
    /// The MSS that the peer offers.
    pub(super) mss: Option<u16>,
    pub(super) sack: bool,
    /// Seed of both stacks.
    pub(super) seed: u8,
    pub(super) operations: Vec<Operation>,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A segment of the peer on the connection that was opened last.
    Segment(Shape),
    /// A SYN of the peer from a port that it has not used, with so many octets of text.
    Syn {
        /// Whether a service stands behind the port.
        open: bool,
    },
    /// The application opens a connection to a port of the peer that it has not used.
    Connect,
    /// The application sends so many octets.
    Send(u16),
    /// The application receives at most so many octets.
    Receive(u16),
    /// No more to send.
    Close,
    /// The socket is aborted.
    Abort,
    /// The socket is released.
    Release,
    /// Nothing for so many seconds.
    Wait(u8),
    /// The peer acknowledges all that comes, with a wide window, until it is quiet.
    Cooperate,
}

/// A segment of the peer, its numbers relative to what both stacks have shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) flags: Flags,
    pub(super) seq: (SeqBase, i8),
    pub(super) ack: (AckBase, i8),
    /// Octets of text.
    pub(super) text: u16,
    pub(super) window: u16,
    /// The next operation comes at the same instant: what the two have answered is not compared before.
    pub(super) at_once: bool,
}

/// What a sequence number lies beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeqBase {
    /// What a peer that behaves sends next.
    Next,
    /// What the peer sent last.
    Last,
    /// What both have acknowledged.
    Acked,
    /// The right edge of the window.
    Edge,
    /// The other end of the sequence space.
    Far,
}

/// What an acknowledgement number lies beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AckBase {
    /// All that both have sent.
    All,
    /// What was acknowledged last.
    Last,
    /// The ISS.
    Initial,
    /// All that was given to be sent, FIN included.
    Given,
    /// The other end of the sequence space.
    Far,
}

const MSS: [Option<u16>; 8] = [
    Some(1460),
    None,
    Some(536),
    Some(100),
    Some(9000),
    Some(u16::MAX),
    Some(1),
    Some(0),
];
const SEQ_BASES: [SeqBase; 8] = [
    SeqBase::Next,
    SeqBase::Next,
    SeqBase::Last,
    SeqBase::Acked,
    SeqBase::Edge,
    SeqBase::Far,
    SeqBase::Next,
    SeqBase::Acked,
];
const ACK_BASES: [AckBase; 8] = [
    AckBase::All,
    AckBase::All,
    AckBase::Last,
    AckBase::Initial,
    AckBase::Given,
    AckBase::Far,
    AckBase::All,
    AckBase::Last,
];
const FLAGS: [Flags; 16] = [
    Flags::ACK,
    union(Flags::ACK, Flags::FIN),
    Flags::SYN,
    union(Flags::SYN, Flags::ACK),
    Flags::RST,
    union(Flags::RST, Flags::ACK),
    Flags::FIN,
    Flags::NONE,
    union(Flags::ACK, Flags::PSH),
    union(Flags::SYN, Flags::FIN),
    union(union(Flags::SYN, Flags::FIN), Flags::ACK),
    union(Flags::SYN, Flags::RST),
    union(Flags::FIN, Flags::RST),
    union(union(Flags::RST, Flags::PSH), Flags::ACK),
    union(union(Flags::FIN, Flags::PSH), Flags::ACK),
    union(union(Flags::ACK, Flags::ECE), Flags::CWR),
];
const TEXT: [u16; 8] = [0, 0, 1, 2, 10, 100, 1000, 2000];
const WINDOW: [u16; 8] = [8192, u16::MAX, 0, 1, 100, 1000, 8192, 8192];
const COUNTS: [u16; 8] = [1, 10, 100, 536, 1000, 2000, 3000, 8000];
const SECONDS: [u8; 8] = [1, 2, 3, 5, 9, 15, 30, 65];

/// Both sets of flags.
pub(super) const fn union(a: Flags, b: Flags) -> Flags {
    Flags::from_bits(a.bits() | b.bits())
}

impl Shape {
    /// What a peer that behaves would send, without text.
    pub(super) const fn new(flags: Flags) -> Self {
        Self {
            flags,
            seq: (SeqBase::Next, 0),
            ack: (AckBase::All, 0),
            text: 0,
            window: WINDOW[0],
            at_once: false,
        }
    }
}

impl Script {
    /// Any octets are a script.
    pub(super) fn read(data: &[u8]) -> Self {
        let (header, rest) = data.split_at_checked(HEADER).unwrap_or((&[], &[]));
        let at = |n: usize| header.get(n).copied().unwrap_or(0);
        Self {
            v6: at(0) & 1 != 0,
            mss: MSS[usize::from(at(1) & 7)],
            sack: at(2) & 1 != 0,
            seed: at(3),
            operations: rest
                .chunks(RECORD)
                .take(MAX_OPERATIONS)
                .map(|chunk| {
                    let mut record = [0; RECORD];
                    record[..chunk.len()].copy_from_slice(chunk);
                    Operation::read(record)
                })
                .collect(),
        }
    }

    /// An input that is read as this script.
    #[cfg(test)]
    pub(super) fn write(&self) -> Vec<u8> {
        let mut data = vec![
            u8::from(self.v6),
            index(&MSS, &self.mss),
            u8::from(self.sack),
            self.seed,
        ];
        data.extend(self.operations.iter().flat_map(|o| o.write()));
        data
    }
}

impl Operation {
    fn read([kind, flags, seq_base, seq, ack_base, ack, sizes, more]: [u8; RECORD]) -> Self {
        let count = COUNTS[usize::from(sizes & 7)];
        match kind % 20 {
            10 | 11 => Self::Syn {
                open: flags & 7 != 7,
            },
            12 => Self::Connect,
            13 => Self::Send(count),
            14 => Self::Receive(count),
            15 => Self::Close,
            16 => Self::Abort,
            17 => Self::Release,
            18 => Self::Wait(SECONDS[usize::from(sizes & 7)]),
            19 => Self::Cooperate,
            _ => Self::Segment(Shape {
                flags: FLAGS[usize::from(flags & 15)],
                seq: (SEQ_BASES[usize::from(seq_base & 7)], seq.cast_signed()),
                ack: (ACK_BASES[usize::from(ack_base & 7)], ack.cast_signed()),
                text: TEXT[usize::from(sizes & 7)],
                window: WINDOW[usize::from(sizes >> 3 & 7)],
                at_once: more & 3 == 3,
            }),
        }
    }

    #[cfg(test)]
    fn write(self) -> [u8; RECORD] {
        let plain = |kind| [kind, 0, 0, 0, 0, 0, 0, 0];
        let sized = |kind, sizes| [kind, 0, 0, 0, 0, 0, sizes, 0];
        match self {
            Self::Syn { open } => [10, if open { 0 } else { 7 }, 0, 0, 0, 0, 0, 0],
            Self::Connect => plain(12),
            Self::Send(count) => sized(13, index(&COUNTS, &count)),
            Self::Receive(count) => sized(14, index(&COUNTS, &count)),
            Self::Close => plain(15),
            Self::Abort => plain(16),
            Self::Release => plain(17),
            Self::Wait(seconds) => sized(18, index(&SECONDS, &seconds)),
            Self::Cooperate => plain(19),
            Self::Segment(shape) => [
                0,
                index(&FLAGS, &shape.flags),
                index(&SEQ_BASES, &shape.seq.0),
                shape.seq.1.cast_unsigned(),
                index(&ACK_BASES, &shape.ack.0),
                shape.ack.1.cast_unsigned(),
                index(&TEXT, &shape.text) | index(&WINDOW, &shape.window) << 3,
                if shape.at_once { 3 } else { 0 },
            ],
        }
    }
}

#[cfg(test)]
fn index<T: PartialEq + std::fmt::Debug>(choices: &[T], wanted: &T) -> u8 {
    let found = choices.iter().position(|choice| choice == wanted);
    found.unwrap_or_else(|| panic!("{wanted:?} is not among {choices:?}")) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_read_is_written_and_read_again(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let script = Script::read(&data);
            prop_assert_eq!(Script::read(&script.write()), script);
        }
    }
}
