//! Congestion window validation (RFC 7661): what a window is worth that the application does not fill.
//!
//! pipeACK, the most that was acknowledged within a round trip of late, shows how much of the window
//! has been used.  Below half of it the window is not validated: it is kept, but not for ever, does not
//! grow unless it is the limit, and a loss reduces what was used instead of what was allowed.

use core::time::Duration;
use tcpconf_wire::{Instant, SeqNumber};

/// The non-validated phase lasts no longer (§4.4, NVP).
const NON_VALIDATED_PERIOD: Duration = Duration::from_secs(300);
/// Parts of the sampling period, of which the oldest is forgotten as a whole (§4.2).
const BINS: usize = 4;

/// pipeACK and the phase.
#[derive(Debug)]
pub(crate) struct Validation {
    /// The largest sample in each part of the sampling period, the newest first.
    bins: [u32; BINS],
    newest_since: Instant,
    /// Whether there was a sample since the beginning, or since the last recovery.
    defined: bool,
    /// The running sample: what ends it, and the octets acknowledged so far.
    round: Option<(SeqNumber, u32)>,
    non_validated_since: Option<Instant>,
    /// max(pipeACK, LossFlightSize), while a loss in the non-validated phase is recovered from.
    at_loss: Option<u32>,
    /// R, the octets sent again during that recovery.
    resent: u32,
    /// Octets sent since the last acknowledgement.
    burst: u32,
}

impl Validation {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            bins: [0; BINS],
            newest_since: now,
            defined: false,
            round: None,
            non_validated_since: None,
            at_loss: None,
            resent: 0,
            burst: 0,
        }
    }

    /// §4.2: the sampling period is max(3*RTT, 1 s).
    fn age(&mut self, now: Instant, srtt: Option<Duration>) {
        let period = (3 * srtt.unwrap_or_default()).max(Duration::from_secs(1));
        let part = period / BINS as u32;
        let mut steps = 0;
        while steps < BINS && now.since(self.newest_since) >= part {
            self.bins.rotate_right(1);
            self.bins[0] = 0;
            self.newest_since += part;
            steps += 1;
        }
        if steps == BINS {
            self.newest_since = now;
        }
    }

    /// New data was acknowledged outside of recovery: `octets`, before which SND.UNA has become
    /// `snd_una` and SND.NXT still is `snd_nxt`.
    pub(crate) fn on_ack(
        &mut self,
        now: Instant,
        octets: u32,
        (snd_una, snd_nxt): (SeqNumber, SeqNumber),
        srtt: Option<Duration>,
    ) {
        self.age(now, srtt);
        let (end, before) = self.round.unwrap_or((snd_nxt, 0));
        let sample = before.saturating_add(octets);
        if snd_una.lt(end) {
            self.round = Some((end, sample));
            return;
        }
        self.round = None;
        self.bins[0] = self.bins[0].max(sample);
        self.defined = true;
    }

    /// pipeACK, or `None` while it is undefined.
    fn pipe_ack(&self) -> Option<u32> {
        let most = self.bins.iter().copied().max();
        most.filter(|_| self.defined)
    }

    /// §4.3: pipeACK >= cwnd/2, or undefined.
    fn is_validated(&self, cwnd: u32) -> bool {
        self.pipe_ack().is_none_or(|pipe| pipe >= cwnd / 2)
    }

    /// Whether the window is not validated, as of the last [`Validation::has_expired`].
    pub(crate) fn is_non_validated(&self) -> bool {
        self.non_validated_since.is_some()
    }

    /// Looks at the phase; true when the non-validated one has lasted too long, and the window is to be
    /// reduced (§4.4.3). Call again after that.
    pub(crate) fn has_expired(&mut self, now: Instant, cwnd: u32, srtt: Option<Duration>) -> bool {
        self.age(now, srtt);
        if self.is_validated(cwnd) {
            self.non_validated_since = None;
            return false;
        }
        let since = self.non_validated_since.get_or_insert(now);
        let expired = now.since(*since) >= NON_VALIDATED_PERIOD;
        if expired {
            *since += NON_VALIDATED_PERIOD;
        }
        expired
    }

    /// Loss with `flight` octets in flight: what the window becomes, if it was not validated (§4.4.1).
    pub(crate) fn on_loss(&mut self, flight: u32) -> Option<u32> {
        self.round = None;
        self.non_validated_since.take()?;
        let used = self.pipe_ack().unwrap_or(0).max(flight);
        self.at_loss = Some(used);
        self.resent = 0;
        Some(used / 2)
    }

    /// Octets were sent again for the first time during recovery.
    pub(crate) fn resent(&mut self, octets: u32) {
        self.resent = self.resent.saturating_add(octets);
    }

    /// Recovery is over: what the window becomes, if a non-validated one was lost from (§4.4.1). pipeACK
    /// is undefined again.
    pub(crate) fn on_recovered(&mut self) -> Option<u32> {
        let used = self.at_loss.take();
        self.undefine();
        Some(used?.saturating_sub(self.resent) / 2)
    }

    /// After recovery, and on a timeout: the standard methods count until there is a sample again.
    pub(crate) fn undefine(&mut self) {
        self.bins = [0; BINS];
        self.defined = false;
        self.round = None;
        self.non_validated_since = None;
        self.at_loss = None;
    }

    /// Octets went out, or an acknowledgement came in (`None`).
    pub(crate) fn note_burst(&mut self, octets: Option<u32>) {
        self.burst = octets.map_or(0, |octets| self.burst.saturating_add(octets));
    }

    /// §4.4.2: how much more may go out before the next acknowledgement.
    pub(crate) fn burst_left(&self, initial_window: u32) -> u32 {
        if self.is_non_validated() {
            initial_window.saturating_sub(self.burst)
        } else {
            u32::MAX
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Option<Duration> = Some(Duration::from_millis(100));

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn rfc7661_4_2_a_sample_is_what_a_round_trip_acknowledged() {
        let mut v = Validation::new(at(0));
        assert_eq!(v.pipe_ack(), None);
        v.on_ack(at(100), 2000, (SeqNumber(2000), SeqNumber(5000)), RTT);
        assert_eq!(v.pipe_ack(), None);
        v.on_ack(at(110), 2000, (SeqNumber(4000), SeqNumber(9000)), RTT);
        v.on_ack(at(120), 1000, (SeqNumber(5000), SeqNumber(9000)), RTT);
        assert_eq!(v.pipe_ack(), Some(5000));
    }

    #[test]
    fn rfc7661_4_2_the_largest_sample_of_a_second_counts() {
        let mut v = Validation::new(at(0));
        v.on_ack(at(100), 5000, (SeqNumber(5000), SeqNumber(5000)), RTT);
        v.on_ack(at(600), 1000, (SeqNumber(6000), SeqNumber(6000)), RTT);
        assert_eq!(v.pipe_ack(), Some(5000));
        v.age(at(1100), RTT);
        assert_eq!(v.pipe_ack(), Some(1000));
        v.age(at(5000), RTT);
        assert_eq!(v.pipe_ack(), Some(0));
    }

    #[test]
    fn rfc7661_4_4_half_of_the_window_validates_it() {
        let mut v = Validation::new(at(0));
        assert!(!v.has_expired(at(0), 10_000, RTT) && !v.is_non_validated());
        v.on_ack(at(100), 4999, (SeqNumber(0), SeqNumber(0)), RTT);
        assert!(!v.has_expired(at(100), 10_000, RTT) && v.is_non_validated());
        v.on_ack(at(200), 5000, (SeqNumber(0), SeqNumber(0)), RTT);
        assert!(!v.has_expired(at(200), 10_000, RTT) && !v.is_non_validated());
    }

    #[test]
    fn rfc7661_4_4_1_loss_takes_half_of_what_was_used() {
        let mut v = Validation::new(at(0));
        v.on_ack(at(100), 8000, (SeqNumber(0), SeqNumber(0)), RTT);
        v.has_expired(at(100), 40_000, RTT);
        assert_eq!(v.on_loss(3000), Some(4000));
        v.resent(2000);
        assert_eq!(v.on_recovered(), Some(3000));
        assert_eq!((v.pipe_ack(), v.on_loss(3000)), (None, None));
    }
}
