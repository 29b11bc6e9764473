use super::*;
use proptest::prelude::*;
use rstest::rstest;
use tcpconf_suite::ast::{Name, Span, Spanned};
use tcpconf_wire::{Instant, Segment};

fn command(text: &str) -> Impair {
    let words: Vec<Name> = text
        .split_whitespace()
        .map(|word| Spanned {
            value: word.to_owned(),
            span: Span::default(),
        })
        .collect();
    Impair::read(&words, Span::default()).unwrap()
}

fn link(seed: u64, rules: &[&str]) -> Link {
    let mut link = Link::new(seed, &LinkSettings::default());
    for rule in rules {
        link.command(command(rule));
    }
    link
}

fn packet(flags: Flags, text: usize) -> Vec<u8> {
    let mut segment = Segment::new(([10, 0, 0, 1], 4_000).into(), ([10, 0, 0, 2], 80).into());
    segment.flags = flags;
    segment.payload = vec![7; text];
    segment.build()
}

fn traits(flags: Flags, text: usize) -> Traits {
    Traits::of(&packet(flags, text))
}

/// Which of 12 data segments out of the target are lost.
fn lost(rules: &[&str]) -> Vec<usize> {
    let mut link = link(1, rules);
    let data = traits(Flags::ACK, 10);
    (1..=12)
        .filter(|_| link.fate(Way::Out, data, false).lost)
        .collect()
}

#[rstest]
#[case(&["drop 2nd data"], &[2])]
#[case(&["out drop first 3 segment"], &[1, 2, 3])]
#[case(&["drop every 5th data"], &[5, 10])]
#[case(&["drop 1st data", "drop 4th segment"], &[1, 4])]
#[case(&["in drop every data"], &[])]
#[case(&["drop every syn"], &[])]
#[case(&["drop 100%", "off"], &[])]
#[case(&["drop 100%", "in off", "out drop 0%"], &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])]
#[case(&["drop 100%", "out off"], &[])]
fn rules_pick_what_they_name(#[case] rules: &[&str], #[case] wanted: &[usize]) {
    assert_eq!(lost(rules), wanted);
}

#[test]
fn directions_are_counted_apart() {
    let mut link = link(1, &["drop 2nd segment"]);
    let any = traits(Flags::ACK, 0);
    let fates: Vec<bool> = [Way::In, Way::Out, Way::In, Way::Out]
        .map(|way| link.fate(way, any, false).lost)
        .to_vec();
    assert_eq!(fates, [false, false, true, true]);
}

#[rstest]
#[case(Kind::Data, Flags::ACK, 1, true)]
#[case(Kind::Data, Flags::ACK, 0, false)]
#[case(Kind::Ack, Flags::ACK, 0, true)]
#[case(Kind::Ack, Flags::ACK, 1, false)]
#[case(Kind::Ack, Flags::ACK | Flags::FIN, 0, false)]
#[case(Kind::Syn, Flags::SYN | Flags::ACK, 0, true)]
#[case(Kind::Fin, Flags::FIN | Flags::ACK, 5, true)]
#[case(Kind::Rst, Flags::RST, 0, true)]
#[case(Kind::Segment, Flags::RST, 0, true)]
fn kinds_are_told_apart(
    #[case] kind: Kind,
    #[case] flags: Flags,
    #[case] text: usize,
    #[case] wanted: bool,
) {
    assert_eq!(traits(flags, text).are(kind), wanted);
}

#[test]
fn what_is_no_tcp_segment_counts_as_a_segment_only() {
    let traits = Traits::of(&[0x45, 0, 0, 20]);
    for (kind, _) in Kind::NAMES {
        assert_eq!(traits.are(kind), kind == Kind::Segment);
    }
}

#[test]
fn the_harness_own_questions_are_held_up_by_the_targets_link_and_by_nothing_else() {
    let settings = LinkSettings {
        delay_ms: 40,
        loss: CERTAIN,
        ..LinkSettings::default()
    };
    let mut link = Link::new(1, &settings);
    link.command(command("drop every segment"));
    link.command(command("delay 3s"));
    let fate = link.fate(Way::In, traits(Flags::ACK, 0), true);
    assert_eq!((fate.lost, fate.delay), (false, Duration::from_millis(40)));
    assert_eq!(link.lost_by_target, 0);
}

#[test]
fn off_leaves_the_targets_link_as_it_is() {
    let settings = LinkSettings {
        loss: CERTAIN,
        ..LinkSettings::default()
    };
    let mut link = Link::new(1, &settings);
    link.command(command("off"));
    let fate = link.fate(Way::Out, traits(Flags::ACK, 0), false);
    assert!(fate.lost);
    assert_eq!(
        fate.note.as_deref(),
        Some("dropped by the target's link (drop 100%)")
    );
    assert_eq!(link.lost_by_target, 1);
}

#[test]
fn a_share_is_about_that_share() {
    let mut link = link(99, &["drop 5%"]);
    let any = traits(Flags::ACK, 0);
    let lost = (0..10_000)
        .filter(|_| link.fate(Way::In, any, false).lost)
        .count();
    assert!((400..600).contains(&lost), "{lost} of 10000");
}

#[test]
fn rules_that_a_loop_adds_are_bounded() {
    let mut link = link(1, &[]);
    for _ in 0..3 * RULES_MAX {
        link.command(command("delay 1ms"));
    }
    assert_eq!(link.rules.len(), RULES_MAX);
}

fn drain(queue: &mut Queue<u32>, now: Instant) -> Vec<u32> {
    let mut out = Vec::new();
    while let Some(item) = queue.take(now) {
        out.push(item);
        queue.passed(now);
    }
    out
}

#[test]
fn a_packet_waits_for_those_that_overtake_it_or_for_its_time() {
    let zero = Instant::from_secs(1);
    let mut queue = Queue::default();
    queue.hold(zero, Duration::ZERO, 2, 1);
    assert!(drain(&mut queue, zero).is_empty());
    queue.hold(zero, Duration::ZERO, 0, 2);
    assert_eq!(drain(&mut queue, zero), [2]);
    queue.hold(zero, Duration::ZERO, 0, 3);
    assert_eq!(drain(&mut queue, zero), [3, 1]);
    queue.hold(zero, Duration::ZERO, 1, 4);
    assert_eq!(queue.next_due(), Some(zero + REORDER_WAIT));
    assert_eq!(drain(&mut queue, zero + REORDER_WAIT), [4]);
}

#[test]
fn equal_delays_keep_the_order_and_unequal_ones_do_not() {
    let zero = Instant::from_secs(1);
    let ms = Duration::from_millis;
    let mut queue = Queue::default();
    queue.hold(zero, ms(30), 0, 1);
    queue.hold(zero, ms(30), 0, 2);
    queue.hold(zero, ms(10), 0, 3);
    assert_eq!(queue.next_due(), Some(zero + ms(10)));
    assert_eq!(drain(&mut queue, zero + ms(60)), [3, 1, 2]);
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_fates(
        seed in any::<u64>(),
        packets in proptest::collection::vec((any::<bool>(), 0usize..3), 0..60),
    ) {
        let rules = ["drop 20%", "in delay 1ms..90ms 50% data", "reorder by 3 30%", "duplicate 10%", "out corrupt 10%"];
        let play = || {
            let mut link = link(seed, &rules);
            let fates: Vec<Fate> = packets
                .iter()
                .map(|(out, text)| {
                    let way = if *out { Way::Out } else { Way::In };
                    link.fate(way, traits(Flags::ACK, *text), false)
                })
                .collect();
            fates
        };
        prop_assert_eq!(play(), play());
    }

    #[test]
    fn a_corrupted_packet_is_still_the_connections_and_has_a_wrong_checksum(
        choice in any::<u64>(),
        text in 0usize..200,
        v6 in any::<bool>(),
    ) {
        let mut segment = if v6 {
            Segment::new("[fd79::1]:4000".parse().unwrap(), "[fd79::2]:80".parse().unwrap())
        } else {
            Segment::new(([10, 0, 0, 1], 4_000).into(), ([10, 0, 0, 2], 80).into())
        };
        segment.payload = vec![7; text];
        let sound = segment.build();
        let mut bytes = sound.clone();
        corrupt(&mut bytes, choice);
        let differing: u32 = sound.iter().zip(&bytes).map(|(a, b)| (a ^ b).count_ones()).sum();
        prop_assert_eq!(differing, 1);
        let ip = IpView::parse(&bytes).unwrap();
        prop_assert!(ip.header_checksum_ok() && !ip.tcp_checksum_ok());
        prop_assert_eq!(&ip.payload[..4], &IpView::parse(&sound).unwrap().payload[..4]);
    }

    #[test]
    fn no_packet_is_too_short_to_be_corrupted(mut bytes in proptest::collection::vec(any::<u8>(), 0..50), choice in any::<u64>()) {
        let before = bytes.clone();
        corrupt(&mut bytes, choice);
        prop_assert_eq!(before == bytes, bytes.is_empty());
    }
}
