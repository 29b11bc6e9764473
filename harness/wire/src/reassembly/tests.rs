//! Fragments: what is cut, what is put together, what is refused.

use super::*;
use crate::{FragmentError, Segment, fragment, fragment_pieces, parse};
use rstest::rstest;

/// 40 bytes of TCP in IPv4 or IPv6.
fn packet(six: bool) -> Vec<u8> {
    let addresses = if six {
        "from [fe80::1]:1 to [fe80::2]:2 ext 0 hex(010400000000) ext 60 hex(010400000000)"
    } else {
        "from 10.0.0.1:1 to 10.0.0.2:2 df 0 ipid 7"
    };
    let text = format!("P. data \"abcdefghijklmnopqrst\" {addresses}");
    text.parse::<Segment>().unwrap().build()
}

#[test]
fn an_overlapping_cut_repeats_the_next_eight_bytes() {
    let whole = packet(false);
    let cut = fragment(&whole, &[8, 24], true, 7).unwrap();
    let payloads: Vec<&[u8]> = cut.iter().map(|f| &f[20..]).collect();
    assert_eq!(payloads, [&whole[20..36], &whole[28..52], &whole[44..60]]);
    let offsets: Vec<[u8; 2]> = cut.iter().map(|f| [f[6], f[7]]).collect();
    // More fragments is bit 0x2000; offsets in units of eight.
    assert_eq!(offsets, [[0x20, 0], [0x20, 1], [0, 3]]);
    assert!(cut.iter().all(|f| parse(f).malformed.is_empty()));
}

#[test]
fn a_cut_packet_may_be_fragmented() {
    let whole = "P. data \"abcdefghijkl\" from 10.0.0.1:1 to 10.0.0.2:2 df";
    let whole = whole.parse::<Segment>().unwrap().build();
    assert_eq!(whole[6], 0x40);
    let cut = fragment(&whole, &[16], false, 7).unwrap();
    assert_eq!([cut[0][6], cut[1][6]], [0x20, 0]);
}

#[test]
fn an_ipv6_cut_leaves_hop_by_hop_options_in_front() {
    let whole = packet(true);
    let cut = fragment(&whole, &[16], false, 0x0102_0304).unwrap();
    assert_eq!(cut[0][6], 0, "hop-by-hop first");
    assert_eq!(cut[0][40], 44, "then the fragment header");
    assert_eq!(
        cut[0][48..56],
        [60, 0, 0, 1, 1, 2, 3, 4],
        "of destination options"
    );
    assert_eq!(cut[1][48..56], [60, 0, 0, 16, 1, 2, 3, 4]);
    let mut reassembler = Reassembler::new();
    assert_eq!(
        reassembler.handle_packet(Instant::ZERO, &cut[1]),
        Reassembly::Pending
    );
    assert_eq!(
        reassembler.handle_packet(Instant::ZERO, &cut[0]),
        Reassembly::Complete(whole)
    );
}

#[rstest]
#[case(&[7], FragmentError::NotAligned(7))]
#[case(&[40], FragmentError::OutOfRange { start: 40, end: 40, length: 40 })]
#[case(&[16, 8], FragmentError::OutOfRange { start: 16, end: 8, length: 40 })]
fn offsets_that_do_not_fit_are_refused(#[case] offsets: &[usize], #[case] error: FragmentError) {
    assert_eq!(fragment(&packet(false), offsets, false, 1), Err(error));
}

#[test]
fn fragments_and_rubbish_cannot_be_cut() {
    let piece = fragment(&packet(false), &[8], false, 1).unwrap().remove(0);
    assert_eq!(
        fragment(&piece, &[], false, 1),
        Err(FragmentError::NotWhole)
    );
    assert_eq!(
        fragment(&[0; 40], &[], false, 1),
        Err(FragmentError::NotWhole)
    );
}

#[test]
fn whole_packets_pass() {
    let mut reassembler = Reassembler::new();
    assert_eq!(
        reassembler.handle_packet(Instant::ZERO, &packet(false)),
        Reassembly::Whole
    );
    assert_eq!(
        reassembler.handle_packet(Instant::ZERO, &[]),
        Reassembly::Whole
    );
    assert_eq!(reassembler.waiting(), 0);
}

fn feed(pieces: &[core::ops::Range<usize>]) -> Reassembly {
    let cut = fragment_pieces(&packet(false), pieces, 7).unwrap();
    let mut reassembler = Reassembler::new();
    let mut last = Reassembly::Whole;
    for piece in &cut {
        last = reassembler.handle_packet(Instant::ZERO, piece);
    }
    assert_eq!(
        reassembler.waiting(),
        usize::from(last == Reassembly::Pending)
    );
    last
}

#[test]
fn repetitions_are_taken_and_overlaps_refused() {
    let whole = Reassembly::Complete(packet(false));
    assert_eq!(feed(&[0..16, 0..16, 16..40]), whole);
    assert_eq!(feed(&[16..40, 0..16]), whole);
    assert_eq!(feed(&[0..16, 24..40]), Reassembly::Pending);
    assert_eq!(feed(&[0..16, 8..40]), Reassembly::Refused(Refusal::Overlap));
    assert_eq!(feed(&[8..24, 0..32]), Reassembly::Refused(Refusal::Overlap));
    assert_eq!(
        feed(core::slice::from_ref(&(0..12))),
        Reassembly::Refused(Refusal::NotAligned)
    );
}

#[test]
fn two_ends_are_refused() {
    let mut cut = fragment_pieces(&packet(false), &[0..16, 16..40], 7).unwrap();
    cut[0][6] = 0;
    let mut second = fragment(&packet(false), &[16], false, 7).unwrap().remove(0);
    second[6] = 0; // the same piece as its own end, offset 0
    second[7] = 1; // … and offset 8
    let mut reassembler = Reassembler::new();
    assert_eq!(
        reassembler.handle_packet(Instant::ZERO, &cut[1]),
        Reassembly::Pending
    );
    assert_eq!(
        reassembler.handle_packet(Instant::ZERO, &second),
        Reassembly::Refused(Refusal::Length)
    );
}

#[test]
fn memory_and_time_are_bounded() {
    let first = |id| fragment(&packet(false), &[8], false, id).unwrap().remove(0);
    let mut reassembler = Reassembler::new();
    for id in 0..MAX_DATAGRAMS as u32 + 5 {
        reassembler.handle_packet(Instant::ZERO, &first(id));
    }
    assert_eq!(reassembler.waiting(), MAX_DATAGRAMS);
    let rest = |id| fragment(&packet(false), &[8], false, id).unwrap().remove(1);
    let oldest = reassembler.handle_packet(Instant::ZERO, &rest(0));
    assert_eq!(oldest, Reassembly::Pending, "the oldest made room");
    let newest = reassembler.handle_packet(Instant::ZERO, &rest(MAX_DATAGRAMS as u32 + 4));
    assert!(matches!(newest, Reassembly::Complete(_)));
    let late = Instant::ZERO + LIFETIME;
    assert_eq!(
        reassembler.handle_packet(late, &rest(20)),
        Reassembly::Pending
    );
    assert_eq!(reassembler.waiting(), 1, "all others are forgotten");
}
