use super::*;
use proptest::prelude::*;

fn by_time() -> Scoreboard {
    let mut board = Scoreboard::default();
    board.begin(true);
    board
}

fn seq(n: u32) -> SeqNumber {
    SeqNumber(n.wrapping_add(u32::MAX - 250))
}

fn five() -> Scoreboard {
    let mut board = Scoreboard::default();
    for i in 0..5u32 {
        board.push(seq(i * 100), 100, false, Instant::from_secs(u64::from(i)));
    }
    board
}

#[test]
fn karn_a_retransmitted_segment_gives_no_sample() {
    let mut board = five();
    board.retransmitted(1, Instant::from_secs(9), false);
    let acked = board.acknowledge(seq(100), |_| {});
    assert_eq!(acked.sample, Some(Instant::from_secs(0)));
    assert_eq!(board.acknowledge(seq(200), |_| {}).sample, None);
    assert_eq!(board.flight(), 300);
}

#[test]
fn rfc6675_4_three_runs_or_two_segments_of_octets_above_mean_lost() {
    let mut board = five();
    board.sack(seq(100), seq(200), |_| {});
    board.sack(seq(300), seq(400), |_| {});
    assert!(!board.mark_lost_by_sack(100));
    board.sack(seq(400), seq(500), |_| {});
    assert!(board.mark_lost_by_sack(100));
    assert_eq!(board.first_lost(), Some(0));
    assert_eq!(board.pipe(), 100);
}

#[test]
fn a_partly_acknowledged_segment_keeps_its_rest() {
    let mut board = five();
    board.mark_all_lost();
    board.acknowledge(seq(150), |_| {});
    assert_eq!(board.first().map(|s| (s.seq, s.len)), Some((seq(150), 50)));
    assert_eq!((board.flight(), board.pipe()), (350, 0));
}

#[test]
fn splitting_and_growing_keep_the_sums() {
    let mut board = five();
    board.mark_all_lost();
    board.split(0, 1);
    board.retransmitted(0, Instant::from_secs(9), false);
    assert_eq!((board.len(), board.pipe()), (6, 1));
    board.grow_last(10, true);
    assert_eq!((board.flight(), board.pipe()), (510, 1));
}

#[test]
fn rfc6675_4_rule_3_takes_holes_below_the_highest_sacked_once() {
    let mut board = five();
    board.sack(seq(300), seq(400), |_| {});
    assert!(!board.mark_lost_by_sack(100));
    for index in 0..3 {
        assert_eq!(board.first_hole(), Some(index));
        board.retransmitted(index, Instant::from_secs(9), true);
    }
    assert_eq!(board.first_hole(), None);
    // Both copies of three, and the last.
    assert_eq!(board.pipe(), 700);
    board.push(seq(500), 100, false, Instant::from_secs(9));
    board.sack(seq(500), seq(600), |_| {});
    board.push(seq(600), 100, false, Instant::from_secs(9));
    board.sack(seq(600), seq(700), |_| {});
    // IsLost holds for them now: one copy each is left.
    assert!(!board.mark_lost_by_sack(100));
    assert_eq!((board.pipe(), board.first_hole()), (400, Some(4)));
    board.acknowledge(seq(150), |_| {});
    assert_eq!(board.pipe(), 250);
}

#[test]
fn rfc6675_4_rule_4_takes_the_last_that_was_not_sacked() {
    let mut board = five();
    assert_eq!(board.last_open(), Some(4));
    board.sack(seq(300), seq(500), |_| {});
    assert_eq!(board.last_open(), Some(2));
    board.sack(seq(0), seq(300), |_| {});
    assert_eq!(board.last_open(), None);
}

/// What the scoreboard was before it kept sets: every question is a walk.
struct Walk<'a>(&'a Scoreboard);

impl Walk<'_> {
    fn sum(&self, which: impl Fn(&Sent) -> bool) -> u32 {
        let segments = self.0.segments.iter();
        segments.filter(|s| which(s)).map(|s| s.len).sum()
    }

    fn check(&self) {
        let board = self.0;
        assert_eq!(board.flight, self.sum(|_| true));
        assert_eq!(board.sacked, self.sum(|s| s.sacked));
        assert_eq!(board.lost, self.sum(|s| s.lost));
        assert_eq!(board.twice, self.sum(|s| s.twice));
        assert_eq!(
            board.first_lost(),
            board.segments.iter().position(|s| s.lost)
        );
        let last = board.segments.iter().rposition(|s| !s.sacked);
        assert_eq!(board.last_open(), last);
        assert!(board.segments.iter().all(|s| !(s.sacked && s.lost)));
        let mut runs = 0;
        let mut before = false;
        for segment in &board.segments {
            runs += usize::from(segment.sacked && !before);
            before = segment.sacked;
        }
        let ranges = board.losses.as_ref().map(|l| l.sacked_ranges.len());
        assert_eq!(ranges.unwrap_or(0), runs);
    }

    /// RFC 6675 §4: the segments for which `IsLost` holds.
    fn is_lost(&self, index: usize, mss: u32) -> bool {
        let (mut octets, mut runs, mut before) = (0, 0, false);
        for segment in self.0.segments.range(index + 1..) {
            runs += u32::from(segment.sacked && !before);
            before = segment.sacked;
            octets += if segment.sacked { segment.len } else { 0 };
        }
        runs >= 3 || octets > 2 * mss
    }

    fn oldest(&self) -> Option<Instant> {
        let open = self.0.segments.iter().filter(|s| !s.sacked && !s.lost);
        open.map(|s| s.sent_at).min()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push(u32),
    Ack(u32),
    Sack(u32, u32),
    Detect,
    Again(usize, bool),
    Split(usize, u32),
    Timeout,
    Needless,
    FirstLost,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..200u32).prop_map(Step::Push),
        2 => (0..400u32).prop_map(Step::Ack),
        6 => (0..4000u32, 1..600u32).prop_map(|(a, len)| Step::Sack(a, len)),
        3 => Just(Step::Detect),
        3 => (0..30usize, any::<bool>()).prop_map(|(i, other)| Step::Again(i, other)),
        1 => (0..30usize, 0..100u32).prop_map(|(i, len)| Step::Split(i, len)),
        1 => Just(Step::Timeout),
        1 => Just(Step::Needless),
        1 => Just(Step::FirstLost),
    ];
    proptest::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn sums_and_sets_agree_with_a_walk_over_all(steps in steps()) {
        let mut board = by_time();
        let (mut una, mut nxt) = (seq(0), seq(0));
        for (time, step) in (0u64..).zip(steps) {
            let now = Instant::from_millis(time);
            match step {
                Step::Push(len) => {
                    board.push(nxt, len, false, now);
                    nxt += len;
                }
                Step::Ack(len) => {
                    una += len.min(nxt - una);
                    board.acknowledge(una, |_| {});
                }
                Step::Sack(start, len) => {
                    let flight = nxt - una;
                    if start < flight {
                        let end = (start + len).min(flight);
                        board.sack(una + start, una + end, |_| {});
                    }
                }
                Step::Detect => {
                    board.mark_lost_by_sack(100);
                    let walk = Walk(&board);
                    for (index, s) in board.segments.iter().enumerate() {
                        if walk.is_lost(index, 100) && !s.sacked {
                            assert!(s.lost || s.retransmissions > 0, "{index}");
                        }
                    }
                }
                Step::Again(index, other) => board.retransmitted(index, now, other),
                Step::Split(index, len) => board.split(index, len),
                Step::Timeout => board.mark_all_lost(),
                Step::Needless => board.forget_losses(),
                Step::FirstLost => board.mark_first_lost(),
            }
            Walk(&board).check();
            let wanted = Walk(&board).oldest();
            let oldest = board.oldest().and_then(|i| board.get(i)).map(|s| s.sent_at);
            assert_eq!(oldest, wanted);
        }
    }
}

/// `count` segments of 100 octets, of which every second was SACKed one by one from the top down,
/// as a peer does that wants it to cost the most; returns the visits of the worst of these ACKs.
fn worst_visits(count: u32) -> u64 {
    let mut board = by_time();
    for i in 0..count {
        board.push(seq(i * 100), 100, false, Instant::from_millis(u64::from(i)));
    }
    let mut worst = 0;
    for i in (1..count).rev().step_by(2) {
        let before = board.visits;
        board.sack(seq(i * 100), seq(i * 100 + 100), |_| {});
        // The whole of what was SACKed before, once more.
        board.sack(seq(i * 100), seq(count * 100), |_| {});
        board.mark_lost_by_sack(100);
        board.first_hole();
        if let Some(lost) = board.first_lost().filter(|_| i + 5 < count) {
            board.retransmitted(lost, Instant::from_secs(100), false);
        }
        // The first detection looks at everything below, once.
        if i + 5 < count {
            worst = worst.max(board.visits - before);
        }
    }
    worst
}

#[test]
fn what_an_ack_costs_does_not_grow_with_what_is_in_flight() {
    let (few, many) = (worst_visits(64), worst_visits(4096));
    assert!(many <= few + 4, "{few} visits, then {many}");
}
