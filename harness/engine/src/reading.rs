//! A segment of the target, as the model and the invariants read it: taken from a [`Segment`], or where it stands in
//! its packet.
//!
//! A fuzzer's target sends so many that a copy of each would cost more than all that is asked of it. The options are gone
//! through once; of duplicates the last one counts.

use tcpconf_wire::view::{OptionView, OptionViews, TcpView};
use tcpconf_wire::{Flags, Segment, SeqNumber, TcpOption, kind};

/// What a SYN offered, or a SYN-ACK answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) sack_permitted: bool,
    pub(crate) timestamps: bool,
}

/// The options as a list, or as they came.
#[derive(Clone, Copy, Debug)]
enum Options<'a> {
    List(&'a [TcpOption]),
    Area(&'a [u8]),
}

/// The segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) seq: SeqNumber,
    pub(crate) ack: SeqNumber,
    pub(crate) flags: Flags,
    /// The three reserved bits.
    pub(crate) reserved: u8,
    pub(crate) window: u16,
    pub(crate) payload: &'a [u8],
    /// What its options offer, were it a SYN.
    pub(crate) offer: Offer,
    /// TSval and TSecr.
    pub(crate) timestamps: Option<(u32, u32)>,
    /// Whether it has a SACK option.
    pub(crate) sacks: bool,
    /// Octets of its options, padding included.
    pub(crate) options_len: usize,
    options: Options<'a>,
}

impl<'a> Reading<'a> {
    /// Of a segment that was read before, however malformed.
    pub(crate) fn of(segment: &'a Segment) -> Self {
        let options = &segment.options;
        let len: usize = options.iter().map(TcpOption::encoded_len).sum();
        let mut reading = Self {
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            reserved: segment.reserved,
            window: segment.window,
            payload: &segment.payload,
            offer: Offer::default(),
            timestamps: None,
            sacks: false,
            options_len: len.next_multiple_of(4),
            options: Options::List(options),
        };
        for option in options {
            match option {
                TcpOption::Mss(mss) => reading.offer.mss = Some(*mss),
                TcpOption::WindowScale(shift) => reading.offer.window_scale = Some(*shift),
                TcpOption::SackPermitted => reading.offer.sack_permitted = true,
                TcpOption::Timestamps { val, ecr } => reading.stamped((*val, *ecr)),
                TcpOption::Sack(_) => reading.sacks = true,
                _ => {}
            }
        }
        reading
    }

    /// Of a segment in its packet.
    pub(crate) fn in_packet(segment: &TcpView<'a>) -> Self {
        let mut reading = Self {
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            reserved: segment.reserved,
            window: segment.window,
            payload: segment.payload,
            offer: Offer::default(),
            timestamps: None,
            sacks: false,
            options_len: segment.options.len(),
            options: Options::Area(segment.options),
        };
        for option in segment.options() {
            match option {
                OptionView::Kind(kind::MSS, &[a, b]) => {
                    reading.offer.mss = Some(u16::from_be_bytes([a, b]));
                }
                OptionView::Kind(kind::WINDOW_SCALE, &[shift]) => {
                    reading.offer.window_scale = Some(shift);
                }
                OptionView::Kind(kind::SACK_PERMITTED, &[]) => reading.offer.sack_permitted = true,
                OptionView::Kind(kind::TIMESTAMPS, &[a, b, c, d, e, f, g, h]) => {
                    let val = u32::from_be_bytes([a, b, c, d]);
                    reading.stamped((val, u32::from_be_bytes([e, f, g, h])));
                }
                OptionView::Kind(kind::SACK, blocks) => {
                    reading.sacks |= !blocks_of(blocks).is_empty()
                }
                _ => {}
            }
        }
        reading
    }

    const fn stamped(&mut self, stamps: (u32, u32)) {
        self.timestamps = Some(stamps);
        self.offer.timestamps = true;
    }

    /// SEG.LEN: octets of sequence space, SYN and FIN counted (RFC 9293 §3.4).
    pub(crate) const fn seq_len(&self) -> u32 {
        self.payload.len() as u32
            + self.flags.contains(Flags::SYN) as u32
            + self.flags.contains(Flags::FIN) as u32
    }

    /// The options, one by one.
    pub(crate) fn options(&self) -> Vec<TcpOption> {
        match self.options {
            Options::List(options) => options.to_vec(),
            Options::Area(area) => TcpOption::parse_all(area, &mut Vec::new()),
        }
    }

    /// The first block of a SACK option of which this holds.
    pub(crate) fn find_block(
        &self,
        mut which: impl FnMut(SeqNumber, SeqNumber) -> bool,
    ) -> Option<(SeqNumber, SeqNumber)> {
        let mut wanted = |(left, right): (u32, u32)| {
            let (left, right) = (SeqNumber(left), SeqNumber(right));
            which(left, right).then_some((left, right))
        };
        match self.options {
            Options::List(options) => options.iter().find_map(|option| match option {
                TcpOption::Sack(blocks) => blocks.iter().copied().find_map(&mut wanted),
                _ => None,
            }),
            Options::Area(area) => OptionViews::new(area).find_map(|option| match option {
                OptionView::Kind(kind::SACK, data) => {
                    blocks_of(data).iter().map(block).find_map(&mut wanted)
                }
                _ => None,
            }),
        }
    }
}

/// The blocks of a SACK option; none when its length is wrong.
fn blocks_of(data: &[u8]) -> &[[u8; 8]] {
    match data.as_chunks() {
        (blocks, []) => blocks,
        _ => &[],
    }
}

const fn block(&[a, b, c, d, e, f, g, h]: &[u8; 8]) -> (u32, u32) {
    (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tcpconf_wire::view::IpView;

    fn segment(options: Vec<TcpOption>) -> Segment {
        let address = |n| ([10, 0, 0, n], 80).into();
        let mut segment = Segment::new(address(1), address(2));
        segment.flags = Flags::SYN | Flags::ACK;
        (segment.seq, segment.ack) = (SeqNumber(1), SeqNumber(2));
        (segment.window, segment.payload) = (3, vec![7; 5]);
        segment.options = options;
        segment
    }

    fn option() -> impl Strategy<Value = TcpOption> {
        prop_oneof![
            Just(TcpOption::Nop),
            Just(TcpOption::Eol),
            Just(TcpOption::SackPermitted),
            any::<u16>().prop_map(TcpOption::Mss),
            any::<u8>().prop_map(TcpOption::WindowScale),
            any::<(u32, u32)>().prop_map(|(val, ecr)| TcpOption::Timestamps { val, ecr }),
            prop::collection::vec(any::<(u32, u32)>(), 0..3).prop_map(TcpOption::Sack),
            prop::collection::vec(any::<u8>(), 0..7).prop_map(TcpOption::Raw),
        ]
    }

    proptest! {
        /// The two ways to a reading lead to the same one.
        #[test]
        fn a_segment_is_read_in_its_packet_as_it_is_by_itself(
            options in prop::collection::vec(option(), 0..5),
        ) {
            prop_assume!(TcpOption::build_all(&options).len() <= 40);
            let bytes = segment(options).build();
            let owned = Segment::parse(&bytes).unwrap();
            let ip = IpView::parse(&bytes).unwrap();
            let (one, other) = (Reading::of(&owned), Reading::in_packet(&ip.tcp().unwrap()));
            let blocks = |reading: &Reading<'_>| {
                let mut blocks = Vec::new();
                reading.find_block(|left, right| {
                    blocks.push((left, right));
                    false
                });
                blocks
            };
            let all = |r: &Reading<'_>| format!(
                "{:?} {:?} {:?} {:?} {} {} {:?} {}",
                (r.seq, r.ack, r.flags, r.reserved, r.window), r.payload, r.offer, r.timestamps, r.sacks,
                r.options_len, blocks(r), r.seq_len(),
            );
            prop_assert_eq!(all(&one), all(&other));
            prop_assert_eq!(one.options(), other.options());
        }
    }
}
