//! RACK (RFC 8985 §6): a segment is lost when one that was sent later has arrived, and a little more
//! time has passed than reordering can explain.

use super::{Detected, LossDetection, Moment};
use crate::scoreboard::{Scoreboard, Sent};
use core::time::Duration;
use tcpconf_wire::{Instant, SeqNumber};

/// The minimum RTT is forgotten after so long (§6.2 step 1: a windowed minimum).
const MIN_RTT_WINDOW: Duration = Duration::from_secs(300);
/// Recoveries after which an enlarged window falls back (§6.2 step 4).
const MULTIPLIER_RECOVERIES: u32 = 16;
/// SACKed segments that mean loss when no reordering was seen (§6.2 step 4).
const DUP_THRESHOLD: u32 = 3;

/// RACK.xmit_ts, RACK.end_seq, RACK.rtt and what belongs to them.
#[derive(Debug, Default)]
pub(crate) struct Rack {
    newest: Option<(Instant, SeqNumber)>,
    rtt: Duration,
    min_rtt: Option<(Duration, Instant)>,
    /// RACK.fack: the highest sequence number delivered.
    fack: Option<SeqNumber>,
    reordering_seen: bool,
    /// RACK.reo_wnd_mult less one.
    multiplier: u32,
    recoveries: u32,
    /// When the multiplier grew last.
    grown_at: Option<Instant>,
    /// Until this is acknowledged a further D-SACK belongs to the same round trip.
    dsack_round: Option<SeqNumber>,
}

/// §6.2 `RACK_sent_after`.
fn sent_after(a: (Instant, SeqNumber), b: (Instant, SeqNumber)) -> bool {
    a.0 > b.0 || (a.0 == b.0 && a.1.gt(b.1))
}

impl Rack {
    /// §6.2 step 4.
    fn reordering_window(&self, moment: Moment, board: &Scoreboard) -> Duration {
        if !self.reordering_seen
            && (moment.recovering || board.sacked() >= DUP_THRESHOLD * moment.mss)
        {
            return Duration::ZERO;
        }
        let min_rtt = self.min_rtt.map_or(Duration::ZERO, |(rtt, _)| rtt);
        let window = min_rtt * (self.multiplier + 1) / 4;
        window.min(moment.srtt.unwrap_or(window))
    }
}

impl LossDetection for Rack {
    fn on_delivered(&mut self, now: Instant, segment: &Sent) {
        let rtt = now.since(segment.sent_at);
        // Step 2: the acknowledgement of a retransmission that is too young is that of the original.
        let min = self.min_rtt.map(|(rtt, _)| rtt);
        if segment.retransmissions > 0 && min.is_some_and(|min| rtt < min) {
            return;
        }
        let expired = |since: Instant| now.since(since) > MIN_RTT_WINDOW;
        if segment.retransmissions == 0
            && self
                .min_rtt
                .is_none_or(|(min, since)| rtt <= min || expired(since))
        {
            self.min_rtt = Some((rtt, now));
        }
        // Step 3: reordering, when something below the highest arrives that was sent once.
        match self.fack {
            Some(fack) if segment.end().lt(fack) => {
                self.reordering_seen |= segment.retransmissions == 0;
            }
            _ => self.fack = Some(segment.end()),
        }
        let this = (segment.sent_at, segment.end());
        if self.newest.is_none_or(|newest| sent_after(this, newest)) {
            self.newest = Some(this);
            self.rtt = rtt;
        }
    }

    fn on_duplicate_report(&mut self, moment: Moment) {
        let same_round = self.dsack_round.is_some_and(|end| moment.snd_una.lt(end));
        if !same_round {
            self.dsack_round = Some(moment.snd_nxt);
            self.multiplier = self.multiplier.saturating_add(1).min(1 << 16);
            self.recoveries = MULTIPLIER_RECOVERIES;
            self.grown_at = Some(moment.now);
        }
    }

    fn on_recovered(&mut self, now: Instant) {
        // §6.2 step 4: the acknowledgement that enlarged the window is not counted.
        if self.grown_at == Some(now) {
            return;
        }
        self.recoveries = self.recoveries.saturating_sub(1);
        if self.recoveries == 0 {
            self.multiplier = 0;
        }
    }

    fn on_timeout(&mut self, moment: Moment, board: &mut Scoreboard) {
        // §6.3
        let patience = self.rtt + self.reordering_window(moment, board);
        board.mark_lost_sent(|sent_at| sent_at + patience <= moment.now);
    }

    fn detect(&mut self, moment: Moment, board: &mut Scoreboard) -> Detected {
        let Some(newest) = self.newest else {
            return Detected::default();
        };
        let patience = self.rtt + self.reordering_window(moment, board);
        let mut detected = Detected::default();
        while let Some(index) = board.oldest()
            && let Some(segment) = board.get(index)
            && sent_after(newest, (segment.sent_at, segment.end()))
        {
            let deadline = segment.sent_at + patience;
            if deadline > moment.now {
                // §6.2 step 5 waits for the last of these deadlines, to need fewer timers. The next
                // one is the same loss found no later, and needs no look at those behind it.
                detected.again = Some(deadline);
                break;
            }
            board.mark_lost(index);
            detected.lost = true;
        }
        detected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 100;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    /// Five segments, sent a millisecond apart from 0 on.
    fn five() -> Scoreboard {
        let mut board = Scoreboard::default();
        board.begin(true);
        for i in 0..5u32 {
            board.push(SeqNumber(i * MSS), MSS, false, at(u64::from(i)));
        }
        board
    }

    fn moment(now: u64) -> Moment {
        Moment {
            now: at(now),
            mss: MSS,
            srtt: Some(Duration::from_millis(40)),
            snd_una: SeqNumber(0),
            snd_nxt: SeqNumber(500),
            recovering: false,
        }
    }

    fn sack(rack: &mut Rack, board: &mut Scoreboard, now: u64, from: u32, to: u32) {
        board.sack(SeqNumber(from), SeqNumber(to), |s| {
            rack.on_delivered(at(now), s)
        });
    }

    #[test]
    fn rfc8985_6_2_one_sack_means_loss_after_a_quarter_of_the_rtt() {
        let (mut rack, mut board) = (Rack::default(), five());
        sack(&mut rack, &mut board, 44, 400, 500);
        let found = rack.detect(moment(44), &mut board);
        // RTT 40 ms, window 10 ms: the first of the first four was sent at 0, the last at 3.
        assert_eq!((found.lost, found.again), (false, Some(at(50))));
        let found = rack.detect(moment(50), &mut board);
        assert_eq!((found.lost, found.again), (true, Some(at(51))));
        assert_eq!(rack.detect(moment(53), &mut board).again, None);
        assert_eq!(board.pipe(), 0);
    }

    #[test]
    fn rfc8985_3_3_2_three_sacked_segments_need_no_patience() {
        let (mut rack, mut board) = (Rack::default(), five());
        sack(&mut rack, &mut board, 44, 200, 500);
        assert!(rack.detect(moment(44), &mut board).lost);
        assert_eq!(board.first_lost(), Some(0));
    }

    #[test]
    fn rfc8985_6_2_a_lost_retransmission_is_found() {
        let (mut rack, mut board) = (Rack::default(), five());
        sack(&mut rack, &mut board, 44, 200, 400);
        board.mark_first_lost();
        board.retransmitted(0, at(44), false);
        board.push(SeqNumber(500), MSS, false, at(45));
        sack(&mut rack, &mut board, 86, 500, 600);
        let found = rack.detect(moment(95), &mut board);
        assert!(found.lost);
        assert_eq!(board.first_lost(), Some(0));
    }

    #[test]
    fn rfc8985_6_2_the_window_grows_with_duplicate_reports() {
        let (mut rack, mut board) = (Rack::default(), five());
        sack(&mut rack, &mut board, 44, 400, 500);
        rack.on_duplicate_report(moment(44));
        rack.on_duplicate_report(moment(44));
        assert_eq!(rack.detect(moment(44), &mut board).again, Some(at(60)));
    }
}
