//! Proportional Rate Reduction (RFC 6937, RFC 9937): how much each acknowledgement lets out during
//! fast recovery, so that the flight ends near ssthresh without a pause and without a burst.

/// The counters of one recovery, in octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prr {
    delivered: u32,
    out: u32,
    /// FlightSize when recovery began.
    flight: u32,
    allowance: u32,
}

impl Prr {
    pub(crate) fn new(flight: u32) -> Self {
        Self {
            delivered: 0,
            out: 0,
            flight: flight.max(1),
            allowance: 0,
        }
    }

    /// An acknowledgement delivered `octets`; `progress` when SND.UNA advanced and no new loss was
    /// found (the slow start reduction bound; otherwise the conservative one).
    pub(crate) fn on_ack(
        &mut self,
        octets: u32,
        pipe: u32,
        ssthresh: u32,
        mss: u32,
        progress: bool,
    ) {
        self.delivered = self.delivered.saturating_add(octets);
        let send = if pipe > ssthresh {
            let share = u64::from(self.delivered) * u64::from(ssthresh);
            let share = share.div_ceil(u64::from(self.flight));
            u32::try_from(share)
                .unwrap_or(u32::MAX)
                .saturating_sub(self.out)
        } else {
            let mut limit = self.delivered.saturating_sub(self.out).max(octets);
            if progress {
                limit += mss;
            }
            limit.min(ssthresh - pipe)
        };
        self.allowance = send;
    }

    pub(crate) fn sent(&mut self, octets: u32) {
        self.out = self.out.saturating_add(octets);
        self.allowance = self.allowance.saturating_sub(octets);
    }

    /// Octets that may be sent now.
    pub(crate) fn allowance(&self) -> u32 {
        self.allowance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MSS: u32 = 1000;

    #[test]
    fn rfc6937_4_1_one_loss_of_twenty_sends_every_second_ack() {
        // RFC 6937 §4.1, figure: 20 segments in flight, the first is lost, ssthresh 10.
        let mut prr = Prr::new(20 * MSS);
        prr.sent(MSS);
        let mut pipe = 20 * MSS;
        let mut sent = 0;
        for _ in 0..19 {
            pipe -= MSS;
            prr.on_ack(MSS, pipe, 10 * MSS, MSS, false);
            while prr.allowance() >= MSS {
                prr.sent(MSS);
                pipe += MSS;
                sent += 1;
            }
        }
        assert_eq!((sent, pipe), (9, 10 * MSS));
    }

    #[test]
    fn rfc6937_3_below_ssthresh_it_grows_by_a_segment_an_ack_at_most() {
        let mut prr = Prr::new(20 * MSS);
        prr.on_ack(MSS, 4 * MSS, 10 * MSS, MSS, true);
        assert_eq!(prr.allowance(), 2 * MSS);
        let mut prr = Prr::new(20 * MSS);
        prr.on_ack(MSS, 4 * MSS, 10 * MSS, MSS, false);
        assert_eq!(prr.allowance(), MSS);
    }
}
