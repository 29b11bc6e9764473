//! What a run is told from outside: its options, and the flag that ends it early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tcpconf_engine::Mode;

/// `--ip`: over which IP versions the instances are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IpChoice {
    /// Over IPv4; tests for IPv6 alone are skipped.
    V4,
    /// Over IPv6; tests for IPv4 alone are skipped.
    V6,
    /// Each over both, the one over IPv6 under an id of its own (`…,ip=6]`).
    Both,
}

/// What a run is told from outside.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The target as the user named it.
    pub target: String,
    /// The paths of the command line, for the `again` line.
    pub paths: Vec<String>,
    /// Payload, and in virtual time ports and ISNs, derive from it.
    pub seed: u64,
    /// Cases at once; `None` leaves it to the target.
    pub jobs: Option<usize>,
    /// IP versions; `None` takes the target's first, or the one that a test asks for.
    pub ip: Option<IpChoice>,
    /// How often a failed case is played again.
    pub retries: u32,
    /// The first red case ends the run.
    pub fail_fast: bool,
    /// Whether slow cases run on real targets; in virtual time they always do.
    pub slow: bool,
    /// Longest time for one case; `None` derives it from what the case waits for.
    pub timeout: Option<Duration>,
    /// Longest wall-clock time for the run.
    pub deadline: Option<Duration>,
    /// Packets a second on real targets.
    pub rate: Option<u32>,
    /// Whether WARN and INFO are red.
    pub strict: bool,
    /// Whether the harness's own figures (turn-around, lateness) are noted.
    pub verbose: bool,
    /// Whether sanity handshakes are made; only tests of the run itself switch them off.
    pub sanity: bool,
    /// How long a packet travels one way in virtual time.
    pub one_way_delay: Duration,
    /// Sends later than this after they were asked for make a failure inconclusive (real targets).
    pub late_after: Duration,
    /// Judge or record.
    pub mode: Mode,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            target: "stack".into(),
            paths: Vec::new(),
            seed: 0,
            jobs: None,
            ip: None,
            retries: 0,
            fail_fast: false,
            slow: false,
            timeout: None,
            deadline: None,
            rate: None,
            strict: false,
            verbose: false,
            sanity: true,
            one_way_delay: Duration::from_micros(50),
            late_after: Duration::from_millis(20),
            mode: Mode::Judge,
        }
    }
}

/// Ends a run early: set by Ctrl-C, seen within a tenth of a second.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// A flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to end: running cases are interrupted, the others are not played. Safe to call
    /// from a signal handler.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the run was asked to end.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
