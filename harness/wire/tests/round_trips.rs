//! What is printed or built comes back, for segments of every kind.

mod common;

use common::for_each;
use proptest::prelude::*;
use tcpconf_wire::testing::{self, oracle, strategy};
use tcpconf_wire::{Instant, Reassembler, Reassembly, fragment, parse};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn segments_come_back_from_text_and_bytes(segment in strategy::segment()) {
        oracle::segment(&segment);
    }

    #[test]
    fn sound_segments_are_parsed_as_they_were_written(segment in strategy::sound_segment()) {
        oracle::sound_segment(&segment);
    }

    #[test]
    fn icmp_messages_come_back_from_bytes(icmp in strategy::icmp()) {
        oracle::icmp(&icmp);
    }

    #[test]
    fn templates_come_back_from_text(template in strategy::template()) {
        oracle::template(&template);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[SFRP.UEWA-]{1,3}( (seq|ack|len|win|from|data|df|<|mss|>|[0-9:.]{1,4}|[|=!<>,*]|hex\\(0a\\)|\\PC)){0,8}") {
        oracle::text(&text);
    }

    #[test]
    fn any_bytes_are_read_without_loss(bytes in strategy::packet_bytes()) {
        oracle::packet(&bytes);
    }

    #[test]
    fn any_option_area_is_read_without_loss(bytes in proptest::collection::vec(0_u8..40, 0..44)) {
        oracle::options(&bytes);
    }

    #[test]
    fn fragments_in_any_order_are_the_datagram_again(
        segment in strategy::sound_segment(),
        cuts in proptest::collection::btree_set(1_usize..9, 0..4),
        reversed: bool,
    ) {
        let mut segment = segment;
        segment.payload.resize(100, 7);
        if let tcpconf_wire::IpHeader::V4(header) = &mut segment.ip {
            (header.df, header.id) = (false, 9);
        }
        let whole = segment.build();
        let offsets: Vec<usize> = cuts.into_iter().map(|cut| cut * 8).collect();
        let mut fragments = fragment(&whole, &offsets, false, 9).unwrap();
        prop_assert_eq!(fragments.len(), offsets.len() + 1);
        if offsets.is_empty() {
            prop_assert_eq!(parse(&fragments[0]).segment().map(|s| s.payload.len()), Some(100));
            return Ok(());
        }
        if reversed {
            fragments.reverse();
        }
        let mut reassembler = Reassembler::new();
        let last = fragments.pop().unwrap();
        for piece in &fragments {
            prop_assert_eq!(reassembler.handle_packet(Instant::ZERO, piece), Reassembly::Pending);
        }
        let whole_again = reassembler.handle_packet(Instant::ZERO, &last);
        prop_assert_eq!(whole_again, Reassembly::Complete(whole));
        prop_assert_eq!(reassembler.waiting(), 0);
    }
}

/// The same without proptest, which is too slow for millions.
#[test]
fn a_great_many_values_come_back() {
    for_each(4, testing::segment, oracle::segment);
    for_each(5, testing::sound_segment, oracle::sound_segment);
    for_each(6, testing::icmp, oracle::icmp);
    for_each(7, testing::template, oracle::template);
}
