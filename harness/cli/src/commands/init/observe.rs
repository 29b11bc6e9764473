//! What the packets of the probes say of the target.

use std::time::Duration;
use tcpconf_engine::{CaseReport, Direction, TraceEntry};
use tcpconf_wire::{Flags, Instant, Segment, TcpOption};

/// Between two segments of the probe `challenge`.
const CHALLENGE_STEP: Duration = Duration::from_millis(100);
/// What we send until the connection is open: SYN and ACK.
const OPENING: usize = 2;
/// Segments of that probe.
pub(super) const CHALLENGES: usize = 25;

/// All of it; `None` and empty where a probe saw nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Observed {
    /// The SYN-ACK to a SYN that offered everything.
    pub(super) offer: Option<Segment>,
    /// How long after the first SYN-ACK it was sent again.
    pub(super) again: Vec<Duration>,
    /// How long a segment of one octet waited for its acknowledgement.
    pub(super) acknowledgement: Option<Duration>,
    /// Whether the application answered by text, which takes the acknowledgement along.
    pub(super) speaks: bool,
    /// How many unacceptable segments were answered.
    pub(super) challenges: usize,
    /// The longest time between two answers.
    pub(super) challenge_gap: Option<Duration>,
    /// Whether a RST inside the window, not exact, drew an acknowledgement.
    pub(super) reset_challenged: Option<bool>,
}

impl Observed {
    /// Takes in what one probe saw.
    pub(super) fn take(&mut self, report: &CaseReport) {
        let probe = report.test.rsplit('/').next().unwrap_or_default();
        let all: Vec<(Direction, Instant, Segment)> =
            report.trace.iter().filter_map(parsed).collect();
        let is_syn_ack = |s: &Segment| s.flags.contains(Flags::SYN | Flags::ACK);
        let from_target = |all: &[(Direction, Instant, Segment)]| -> Vec<(Instant, Segment)> {
            let theirs = all.iter().filter(|(way, _, _)| *way == Direction::Out);
            theirs.map(|(_, at, s)| (*at, s.clone())).collect()
        };
        let syn_acks: Vec<(Instant, Segment)> = from_target(&all)
            .into_iter()
            .filter(|(_, s)| is_syn_ack(s))
            .collect();
        let Some((first, segment)) = syn_acks.first().cloned() else {
            return;
        };
        // What came after the first segment of ours with this property: cleaning up comes later.
        let after =
            |wanted: &dyn Fn(&Segment) -> bool| -> Option<(Instant, Vec<(Instant, Segment)>)> {
                let first = all
                    .iter()
                    .position(|(way, _, s)| *way == Direction::In && wanted(s))?;
                Some((all[first].1, from_target(&all[first..])))
            };
        match probe {
            "offer" => self.offer = Some(segment),
            "again" => {
                self.again = syn_acks[1..]
                    .iter()
                    .map(|(at, _)| at.since(first))
                    .collect();
            }
            "acknowledgement" => {
                let sent = after(&|s| !s.payload.is_empty());
                if let Some((sent, answers)) = sent
                    && let Some((at, answer)) = answers.first()
                {
                    self.acknowledgement = Some(at.since(sent));
                    self.speaks = !answer.payload.is_empty();
                }
            }
            "challenge" => self.take_challenges(&all),
            "reset" => {
                let drawn = after(&|s| s.flags == Flags::RST);
                self.reset_challenged = drawn.map(|(_, answers)| {
                    answers
                        .iter()
                        .any(|(_, s)| s.flags == Flags::ACK && s.payload.is_empty())
                });
            }
            _ => {}
        }
    }

    fn take_challenges(&mut self, all: &[(Direction, Instant, Segment)]) {
        let mut ours = all
            .iter()
            .enumerate()
            .filter(|(_, (way, _, _))| *way == Direction::In);
        let Some((begin, _)) = ours.nth(OPENING) else {
            return;
        };
        let answers: Vec<Instant> = all[begin..]
            .iter()
            .filter(|(way, _, s)| {
                *way == Direction::Out && s.flags == Flags::ACK && s.payload.is_empty()
            })
            .map(|(_, at, _)| *at)
            .take(CHALLENGES)
            .collect();
        self.challenges = answers.len();
        self.challenge_gap = answers.windows(2).map(|two| two[1].since(two[0])).max();
    }

    /// Whether the SYN-ACK has such an option.
    pub(super) fn offers(&self, wanted: impl Fn(&TcpOption) -> bool) -> Option<bool> {
        Some(self.offer.as_ref()?.options.iter().any(wanted))
    }

    /// Unacceptable segments closer than this may go unanswered, milliseconds; `None` when too little was
    /// seen.
    pub(super) fn probe_spacing_ms(&self) -> Option<u64> {
        let gap = self.challenge_gap?;
        let step = CHALLENGE_STEP.as_millis() as u64;
        // One step on top: the limit lies somewhere between two of our segments.
        let steps = (gap.as_millis() as u64 + step / 2) / step;
        Some(if steps <= 1 { step } else { (steps + 1) * step })
    }
}

fn parsed(entry: &TraceEntry) -> Option<(Direction, Instant, Segment)> {
    Some((entry.direction, entry.at, Segment::parse(&entry.bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::each_is_answered(100, 100)]
    #[case::each_is_answered_a_little_late(130, 100)]
    #[case::linux(504, 600)]
    #[case::one_a_second(1_003, 1_100)]
    fn spacing_lies_above_the_longest_silence(#[case] gap_ms: u64, #[case] spacing_ms: u64) {
        let observed = Observed {
            challenge_gap: Some(Duration::from_millis(gap_ms)),
            ..Observed::default()
        };
        assert_eq!(observed.probe_spacing_ms(), Some(spacing_ms));
    }

    #[test]
    fn without_answers_nothing_is_said_of_their_spacing() {
        assert_eq!(Observed::default().probe_spacing_ms(), None);
    }
}
