//! The reference receiver against RFC 9293 §3.10.7.4, and the target's send side.

use super::*;
use crate::reading::Reading;
use proptest::prelude::*;
use rstest::rstest;
use tcpconf_wire::view::IpView;
use tcpconf_wire::{Flags, Segment};

const OUR_ISN: SeqNumber = SeqNumber(0xffff_fff0);
const ISS: SeqNumber = SeqNumber(500);
const WINDOW: u16 = 1_000;
const RST_ACK: Flags = Flags::from_bits(Flags::RST.bits() | Flags::ACK.bits());

fn ours() -> SocketAddr {
    ([10, 0, 0, 1], 4_000).into()
}

fn target() -> SocketAddr {
    ([10, 0, 0, 2], 80).into()
}

fn inject(c: &mut Connection, segment: &Segment) {
    let bytes = segment.build();
    let ip = IpView::parse(&bytes).unwrap();
    let sound = ip.tcp_checksum_ok();
    c.injected(Instant::ZERO, &ip.tcp().unwrap(), sound);
}

fn from_us(flags: Flags, seq: SeqNumber, ack: SeqNumber, len: usize) -> Segment {
    let mut segment = Segment::new(ours(), target());
    segment.flags = flags;
    segment.seq = seq;
    segment.ack = ack;
    segment.window = 5_000;
    segment.payload = vec![b'x'; len];
    segment
}

fn from_target(flags: Flags, seq: SeqNumber, ack: SeqNumber, len: usize) -> Segment {
    let mut segment = from_us(flags, seq, ack, len);
    (segment.ip, segment.src_port, segment.dst_port) = {
        let back = Segment::new(target(), ours());
        (back.ip, back.src_port, back.dst_port)
    };
    segment.window = WINDOW;
    segment
}

/// SYN, SYN-ACK with a window of 1000.
fn syn_received() -> Connection {
    let mut c = Connection::new(ours(), target(), OUR_ISN);
    inject(&mut c, &from_us(Flags::SYN, OUR_ISN, SeqNumber(0), 0));
    c.observed(&Reading::of(&from_target(
        Flags::SYN | Flags::ACK,
        ISS,
        OUR_ISN + 1,
        0,
    )));
    c
}

fn established() -> Connection {
    let mut c = syn_received();
    inject(&mut c, &from_us(Flags::ACK, OUR_ISN + 1, ISS + 1, 0));
    assert_eq!(c.phase, Phase::Synchronized);
    c
}

/// Offset of RCV.NXT from IRS after one segment of text at an offset from RCV.NXT.
#[rstest]
#[case::in_order(0, 10, 11)]
#[case::old_duplicate(-10, 10, 1)]
#[case::trimmed_left(-5, 10, 6)]
#[case::out_of_order(1, 10, 1)]
#[case::fills_the_window(0, 1_000, 1_001)]
#[case::trimmed_right(0, 1_200, 1_001)]
#[case::beyond(1_000, 10, 1)]
#[case::half_the_space_away(i32::MIN, 10, 1)]
fn text_counts_as_far_as_it_lies_in_the_window(
    #[case] at: i32,
    #[case] len: usize,
    #[case] rcv_nxt: u32,
) {
    let mut c = established();
    let seq = c.rcv_nxt + at.cast_unsigned();
    inject(&mut c, &from_us(Flags::ACK, seq, ISS + 1, len));
    assert_eq!(c.rcv_nxt - c.irs, rcv_nxt);
    assert_eq!(c.rcv_wnd(), 1_001 - rcv_nxt);
}

#[test]
fn a_hole_that_is_filled_advances_over_what_was_kept() {
    let mut c = established();
    let first = c.rcv_nxt;
    for at in [30, 10, 20, 0] {
        inject(&mut c, &from_us(Flags::ACK, first + at, ISS + 1, 10));
    }
    assert_eq!(c.rcv_nxt, first + 40);
}

#[rstest]
#[case::bad_checksum(|s: &mut Segment| s.checksum = tcpconf_wire::Checksum::Bad)]
#[case::no_ack_flag(|s: &mut Segment| s.flags = Flags::PSH)]
#[case::ack_beyond_snd_nxt(|s: &mut Segment| s.ack += 1)]
#[case::ack_far_below(|s: &mut Segment| s.ack = ISS - 6_000)]
#[case::syn_in_window(|s: &mut Segment| s.flags |= Flags::SYN)]
fn what_a_receiver_must_drop_does_not_count(#[case] change: fn(&mut Segment)) {
    let mut c = established();
    let before = c.rcv_nxt;
    let mut segment = from_us(Flags::ACK, c.rcv_nxt, ISS + 1, 10);
    change(&mut segment);
    inject(&mut c, &segment);
    assert_eq!(c.rcv_nxt, before);
    assert_eq!(c.phase, Phase::Synchronized);
}

#[test]
fn a_fin_counts_once_and_text_behind_it_never() {
    let mut c = established();
    let first = c.rcv_nxt;
    inject(
        &mut c,
        &from_us(Flags::ACK | Flags::FIN, first + 5, ISS + 1, 0),
    );
    assert!(!c.fin_received, "it lies behind a hole");
    inject(&mut c, &from_us(Flags::ACK, first, ISS + 1, 5));
    assert!(c.fin_received);
    assert_eq!(c.rcv_nxt, first + 6);
    inject(&mut c, &from_us(Flags::ACK, first + 6, ISS + 1, 5));
    inject(
        &mut c,
        &from_us(Flags::ACK | Flags::FIN, first + 5, ISS + 1, 0),
    );
    assert_eq!(c.rcv_nxt, first + 6);
}

#[rstest]
#[case::exact(0, Phase::Reset)]
#[case::in_window(1, Phase::Synchronized)]
#[case::last(999, Phase::Synchronized)]
#[case::outside(1_000, Phase::Synchronized)]
#[case::left(-1, Phase::Synchronized)]
fn a_rst_counts_at_rcv_nxt_alone(#[case] at: i32, #[case] phase: Phase) {
    let mut c = established();
    let seq = c.rcv_nxt + at.cast_unsigned();
    inject(&mut c, &from_us(Flags::RST, seq, SeqNumber(0), 0));
    assert_eq!(c.phase, phase);
}

#[test]
fn a_wrong_ack_leaves_syn_received() {
    for ack in [ISS, ISS + 2, ISS - 1] {
        let mut c = syn_received();
        inject(&mut c, &from_us(Flags::ACK, OUR_ISN + 1, ack, 0));
        assert_eq!(c.phase, Phase::SynReceived);
        assert!(c.half_open());
    }
}

#[test]
fn a_syn_ack_for_another_of_our_syns_moves_the_model() {
    let mut c = syn_received();
    inject(&mut c, &from_us(Flags::SYN, SeqNumber(77), SeqNumber(0), 0));
    assert_eq!(c.irs, OUR_ISN);
    c.observed(&Reading::of(&from_target(
        Flags::SYN | Flags::ACK,
        ISS + 9,
        SeqNumber(78),
        0,
    )));
    assert_eq!((c.irs, c.rcv_nxt), (SeqNumber(77), SeqNumber(78)));
    assert_eq!(c.iss, Some(ISS + 9));
}

#[test]
fn text_on_the_syn_counts_only_when_the_syn_ack_takes_it() {
    for (taken, rcv_nxt) in [(0, 1), (10, 11)] {
        let mut c = Connection::new(ours(), target(), OUR_ISN);
        inject(&mut c, &from_us(Flags::SYN, OUR_ISN, SeqNumber(0), 10));
        c.observed(&Reading::of(&from_target(
            Flags::SYN | Flags::ACK,
            ISS,
            OUR_ISN + 1 + taken,
            0,
        )));
        assert_eq!(c.rcv_nxt - c.irs, rcv_nxt);
    }
}

#[test]
fn paws_keeps_old_timestamps_out() {
    let stamped = |flags, seq, ack, len, val| {
        let mut s = from_us(flags, seq, ack, len);
        s.options = vec![TcpOption::Timestamps { val, ecr: 0 }];
        s
    };
    let mut c = Connection::new(ours(), target(), OUR_ISN);
    inject(&mut c, &stamped(Flags::SYN, OUR_ISN, SeqNumber(0), 0, 100));
    let mut syn_ack = from_target(Flags::SYN | Flags::ACK, ISS, OUR_ISN + 1, 0);
    syn_ack.options = vec![TcpOption::Timestamps { val: 1, ecr: 100 }];
    c.observed(&Reading::of(&syn_ack));
    inject(&mut c, &stamped(Flags::ACK, OUR_ISN + 1, ISS + 1, 0, 101));
    assert!(c.timestamps_on());
    inject(&mut c, &stamped(Flags::ACK, OUR_ISN + 1, ISS + 1, 10, 99));
    assert_eq!(c.rcv_nxt, OUR_ISN + 1);
    inject(&mut c, &stamped(Flags::ACK, OUR_ISN + 1, ISS + 1, 10, 101));
    assert_eq!(c.rcv_nxt, OUR_ISN + 11);
}

#[test]
fn windows_scale_only_when_both_sides_offered() {
    for (theirs, window) in [(Some(3), 8_000), (None, 1_000)] {
        let mut c = Connection::new(ours(), target(), OUR_ISN);
        let mut syn = from_us(Flags::SYN, OUR_ISN, SeqNumber(0), 0);
        syn.options = vec![TcpOption::WindowScale(7)];
        inject(&mut c, &syn);
        let mut syn_ack = from_target(Flags::SYN | Flags::ACK, ISS, OUR_ISN + 1, 0);
        syn_ack.options = theirs.map(TcpOption::WindowScale).into_iter().collect();
        c.observed(&Reading::of(&syn_ack));
        assert_eq!(
            c.rcv_wnd(),
            1_000,
            "the window of a SYN-ACK is never scaled"
        );
        inject(&mut c, &from_us(Flags::ACK, OUR_ISN + 1, ISS + 1, 0));
        c.observed(&Reading::of(&from_target(
            Flags::ACK,
            ISS + 1,
            OUR_ISN + 1,
            0,
        )));
        assert_eq!(c.rcv_wnd(), window);
    }
}

#[test]
fn a_segment_is_classified_against_all_before_it() {
    let mut c = established();
    let text = from_target(Flags::ACK, ISS + 1, c.rcv_nxt, 10);
    assert!(!c.classify(&Reading::of(&text)).retransmission);
    c.observed(&Reading::of(&text));
    assert!(c.classify(&Reading::of(&text)).retransmission);
    assert_eq!(c.our_rcv_nxt, ISS + 11);
    let pure = from_target(Flags::ACK, ISS + 11, c.rcv_nxt, 0);
    assert!(
        c.classify(&Reading::of(&pure)).pure_ack && !c.classify(&Reading::of(&pure)).retransmission
    );
    let keepalive = from_target(Flags::ACK, ISS + 10, c.rcv_nxt, 0);
    assert!(c.classify(&Reading::of(&keepalive)).keepalive);
    let mut wider = pure;
    wider.window = WINDOW + 1;
    assert!(c.classify(&Reading::of(&wider)).window_update);
}

proptest! {
    /// However a stream is cut, shuffled and repeated, a right receiver ends where it ends.
    #[test]
    fn any_order_of_all_pieces_arrives(order in Just((0..20u32).collect::<Vec<_>>()).prop_shuffle(),
                                       again in 0..20u32) {
        let mut c = established();
        let first = c.rcv_nxt;
        for piece in order.iter().chain([&again]) {
            inject(&mut c, &from_us(Flags::ACK, first + piece * 50, ISS + 1, 50));
        }
        prop_assert_eq!(c.rcv_nxt, first + 1_000);
        prop_assert_eq!(c.rcv_wnd(), 0);
    }
}

#[rstest]
#[case::empty(0)]
#[case::with_text(10)]
fn a_rst_at_rcv_nxt_counts_with_a_closed_window(#[case] len: usize) {
    let mut c = established();
    let at = c.rcv_nxt;
    inject(&mut c, &from_us(Flags::ACK, at, ISS + 1, 1_000));
    assert_eq!(c.rcv_wnd(), 0);
    let at = c.rcv_nxt;
    inject(&mut c, &from_us(Flags::RST, at, SeqNumber(0), len));
    assert_eq!(c.phase, Phase::Reset);
}

#[test]
fn an_ack_counts_with_a_closed_window_its_text_does_not() {
    let mut c = established();
    c.observed(&Reading::of(&from_target(
        Flags::ACK,
        ISS + 1,
        c.rcv_nxt,
        10,
    )));
    let at = c.rcv_nxt;
    inject(&mut c, &from_us(Flags::ACK, at, ISS + 1, 1_000));
    let before = c.rcv_nxt;
    inject(&mut c, &from_us(Flags::ACK, before, ISS + 11, 5));
    assert_eq!((c.rcv_nxt, c.snd_una), (before, ISS + 11));
}

/// A connection that has timestamps on, after the third acknowledgement.
fn with_timestamps() -> Connection {
    let mut c = Connection::new(ours(), target(), OUR_ISN);
    let mut syn = from_us(Flags::SYN, OUR_ISN, SeqNumber(0), 0);
    syn.options = vec![TcpOption::Timestamps { val: 100, ecr: 0 }];
    inject(&mut c, &syn);
    let mut syn_ack = from_target(Flags::SYN | Flags::ACK, ISS, OUR_ISN + 1, 0);
    syn_ack.options = vec![TcpOption::Timestamps { val: 1, ecr: 100 }];
    c.observed(&Reading::of(&syn_ack));
    let mut ack = from_us(Flags::ACK, OUR_ISN + 1, ISS + 1, 0);
    ack.options = vec![TcpOption::Timestamps { val: 101, ecr: 1 }];
    inject(&mut c, &ack);
    c
}

#[test]
fn text_without_timestamps_counts_only_when_the_target_takes_it() {
    let mut c = with_timestamps();
    let first = c.rcv_nxt;
    inject(&mut c, &from_us(Flags::ACK, first, ISS + 1, 10));
    assert_eq!(c.rcv_nxt, first);
    c.observed(&Reading::of(&from_target(
        Flags::ACK,
        ISS + 1,
        first + 10,
        0,
    )));
    assert_eq!(c.rcv_nxt, first + 10);
}

/// A stack reads one option after the other, and what comes later replaces what was there.
#[test]
fn of_timestamps_that_stand_twice_the_last_counts() {
    let mut c = with_timestamps();
    let next = c.rcv_nxt;
    let mut twice = from_us(Flags::ACK, next, ISS + 1, 0);
    twice.options = [102, 110]
        .map(|val| TcpOption::Timestamps { val, ecr: 1 })
        .into();
    inject(&mut c, &twice);
    let mut older = from_us(Flags::ACK, next, ISS + 1, 10);
    older.options = vec![TcpOption::Timestamps { val: 105, ecr: 1 }];
    inject(&mut c, &older);
    assert_eq!(c.rcv_nxt, next, "PAWS keeps it out");
}

#[test]
fn a_rst_needs_no_timestamps() {
    let mut c = with_timestamps();
    let at = c.rcv_nxt;
    inject(&mut c, &from_us(Flags::RST, at, SeqNumber(0), 0));
    assert_eq!(c.phase, Phase::Reset);
}

#[test]
fn what_fills_a_gap_is_no_retransmission() {
    let mut c = established();
    c.observed(&Reading::of(&from_target(
        Flags::ACK,
        ISS + 1,
        c.rcv_nxt,
        10,
    )));
    c.observed(&Reading::of(&from_target(
        Flags::ACK,
        ISS + 21,
        c.rcv_nxt,
        10,
    )));
    let gap = from_target(Flags::ACK, ISS + 11, c.rcv_nxt, 10);
    assert!(!c.classify(&Reading::of(&gap)).retransmission);
    let partly = from_target(Flags::ACK, ISS + 6, c.rcv_nxt, 10);
    assert!(!c.classify(&Reading::of(&partly)).retransmission);
    c.observed(&Reading::of(&gap));
    assert!(
        c.classify(&Reading::of(&gap)).retransmission
            && c.classify(&Reading::of(&partly)).retransmission
    );
}

#[test]
fn a_probe_left_of_snd_una_is_one_only_while_our_window_is_closed() {
    for (window, probe) in [(0, true), (5_000, false)] {
        let mut c = established();
        let mut ack = from_us(Flags::ACK, c.rcv_nxt, ISS + 1, 0);
        ack.window = window;
        inject(&mut c, &ack);
        let seen = c.classify(&Reading::of(&from_target(Flags::ACK, ISS, c.rcv_nxt, 0)));
        assert_eq!(seen.probe, probe);
        assert!(!seen.pure_ack && seen.keepalive);
    }
}

#[test]
fn a_syn_ack_for_another_syn_brings_its_offer() {
    let mut c = syn_received();
    let mut syn = from_us(Flags::SYN, SeqNumber(77), SeqNumber(0), 0);
    syn.options = vec![TcpOption::WindowScale(7), TcpOption::Mss(900)];
    inject(&mut c, &syn);
    assert_eq!(c.smss(), 536);
    assert_eq!(c.offer_answered(SeqNumber(78)).window_scale, Some(7));
    let mut syn_ack = from_target(Flags::SYN | Flags::ACK, ISS + 9, SeqNumber(78), 0);
    syn_ack.options = vec![TcpOption::WindowScale(2)];
    c.observed(&Reading::of(&syn_ack));
    assert_eq!((c.smss(), c.scales()), (900, (2, 7)));
}

#[test]
fn segments_of_an_incarnation_before_say_nothing_of_this_one() {
    let mut c = established();
    let old_nxt = c.rcv_nxt;
    let at = c.rcv_nxt;
    inject(&mut c, &from_us(Flags::RST, at, SeqNumber(0), 0));
    inject(
        &mut c,
        &from_us(Flags::SYN, SeqNumber(99_000), SeqNumber(0), 0),
    );
    let late = from_target(Flags::SYN | Flags::ACK, ISS, old_nxt, 0);
    assert!(
        c.is_of_the_past(&Reading::of(&late)) && c.classify(&Reading::of(&late)).retransmission
    );
    c.observed(&Reading::of(&late));
    assert_eq!((c.iss, c.acked), (None, None));
    let fresh = from_target(Flags::SYN | Flags::ACK, ISS, SeqNumber(99_001), 0);
    assert!(
        !c.is_of_the_past(&Reading::of(&fresh)) && !c.classify(&Reading::of(&fresh)).retransmission
    );
    assert!(
        c.places_to_reset().contains(&old_nxt),
        "it may stand all the same"
    );
}

/// What was sent, and whether the RST that comes can only answer a RST.
#[rstest]
#[case::alone(&[(Flags::RST, 5, 0)], (Flags::RST, 1, 0), true)]
#[case::crossing(&[(Flags::ACK, 5, 9), (Flags::RST, 5, 0)], (Flags::RST, 9, 0), false)]
#[case::answered(&[(Flags::ACK, 5, 9), (Flags::RST, 5, 0)], (RST_ACK, 0, 5), true)]
#[case::the_same_numbers(&[(Flags::ACK, 5, 9), (RST_ACK, 5, 9)], (Flags::RST, 9, 0), false)]
#[case::an_abort(&[(Flags::ACK, 5, 9), (Flags::RST, 5, 0)], (RST_ACK, 9, 5), false)]
fn a_rst_answers_a_rst_when_its_numbers_say_so(
    #[case] sent: &[(Flags, u32, u32)],
    #[case] (flags, seq, ack): (Flags, u32, u32),
    #[case] answers: bool,
) {
    let mut c = Connection::new(ours(), target(), OUR_ISN);
    for (flags, seq, ack) in sent {
        inject(
            &mut c,
            &from_us(*flags, SeqNumber(*seq), SeqNumber(*ack), 0),
        );
    }
    let rst = from_target(flags, SeqNumber(seq), SeqNumber(ack), 0);
    assert_eq!(c.answers_a_rst(&Reading::of(&rst)), answers);
}
