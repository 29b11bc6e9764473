//! Congestion control behind a narrow trait: how much may be in flight.  What is lost, and what is
//! sent next, is decided elsewhere (`scoreboard`, `sender`).

mod cubic;
mod reno;
mod validation;

use crate::config::CongestionAlgorithm;
use tcpconf_wire::Instant;

pub(crate) use cubic::Cubic;
pub(crate) use reno::Reno;
pub(crate) use validation::Validation;

/// What a new acknowledgement says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    pub(crate) now: Instant,
    /// Octets newly acknowledged.
    pub(crate) octets: u32,
    /// Whether the window was the limit when they were in flight, or may grow all the same.
    pub(crate) window_limited: bool,
    /// SRTT in nanoseconds, once there was a sample.
    pub(crate) srtt_nanos: Option<u64>,
}

/// A congestion control algorithm. All amounts are octets.
pub(crate) trait CongestionControl {
    fn cwnd(&self) -> u32;
    fn ssthresh(&self) -> u32;
    /// The segment size changed (path MTU); the window in octets does not grow (RFC 4821 §4).
    fn set_mss(&mut self, mss: u32);
    /// New data was acknowledged, outside of fast recovery.
    fn on_ack(&mut self, acked: Acked);
    /// Loss was detected other than by timeout; `flight` octets were in flight.
    fn on_loss(&mut self, now: Instant, flight: u32);
    /// Fast recovery is over with `flight` octets in flight.
    fn on_recovered(&mut self, flight: u32);
    /// The retransmission timer expired: `first` for the first time for this segment.
    fn on_timeout(&mut self, now: Instant, flight: u32, first: bool);
    /// The timeout was needless (RFC 5682 §3): back to where the window was before it.
    fn undo_timeout(&mut self);
    /// Nothing was sent for longer than the RTO (RFC 5681 §4.1).
    fn on_idle(&mut self);
    /// The window that a connection begins with.
    fn initial_window(&self) -> u32;
    /// Validation of the window has decided (RFC 7661 §4.4).
    fn set_window(&mut self, cwnd: u32, ssthresh: u32);
}

/// Initial window (RFC 6928 §2), or one segment after a lost SYN (RFC 5681 §3.1).
pub(crate) fn initial_window(mss: u32, syn_lost: bool) -> u32 {
    if syn_lost {
        mss
    } else {
        (10 * mss).min((2 * mss).max(14_600))
    }
}

/// The algorithms to choose from.
#[derive(Debug)]
pub(crate) enum Congestion {
    Reno(Reno),
    Cubic(Box<Cubic>),
}

impl Default for Congestion {
    fn default() -> Self {
        Self::Reno(Reno::default())
    }
}

impl Congestion {
    #[inline]
    pub(crate) fn new(algorithm: CongestionAlgorithm, mss: u32, syn_lost: bool) -> Self {
        match algorithm {
            CongestionAlgorithm::Reno => Self::Reno(Reno::new(mss, syn_lost)),
            CongestionAlgorithm::Cubic => Self::Cubic(Box::new(Cubic::new(mss, syn_lost))),
        }
    }

    fn inner(&self) -> &dyn CongestionControl {
        match self {
            Self::Reno(reno) => reno,
            Self::Cubic(cubic) => &**cubic,
        }
    }

    fn inner_mut(&mut self) -> &mut dyn CongestionControl {
        match self {
            Self::Reno(reno) => reno,
            Self::Cubic(cubic) => &mut **cubic,
        }
    }
}

impl CongestionControl for Congestion {
    // Asked for with every segment, so that the call is not by a table.
    #[inline]
    fn cwnd(&self) -> u32 {
        match self {
            Self::Reno(reno) => reno.cwnd(),
            Self::Cubic(cubic) => cubic.cwnd(),
        }
    }
    fn ssthresh(&self) -> u32 {
        self.inner().ssthresh()
    }
    fn set_mss(&mut self, mss: u32) {
        self.inner_mut().set_mss(mss);
    }
    #[inline]
    fn on_ack(&mut self, acked: Acked) {
        match self {
            Self::Reno(reno) => reno.on_ack(acked),
            Self::Cubic(cubic) => cubic.on_ack(acked),
        }
    }
    fn on_loss(&mut self, now: Instant, flight: u32) {
        self.inner_mut().on_loss(now, flight);
    }
    fn on_recovered(&mut self, flight: u32) {
        self.inner_mut().on_recovered(flight);
    }
    fn on_timeout(&mut self, now: Instant, flight: u32, first: bool) {
        self.inner_mut().on_timeout(now, flight, first);
    }
    fn undo_timeout(&mut self) {
        self.inner_mut().undo_timeout();
    }
    fn on_idle(&mut self) {
        self.inner_mut().on_idle();
    }
    fn initial_window(&self) -> u32 {
        self.inner().initial_window()
    }
    fn set_window(&mut self, cwnd: u32, ssthresh: u32) {
        self.inner_mut().set_window(cwnd, ssthresh);
    }
}
