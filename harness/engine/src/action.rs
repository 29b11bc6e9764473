//! What a case asks of its driver, and what it is given to begin with.

use crate::{AppCall, CallId, FourTuple, Profile, Verdict};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tcpconf_suite::plan::Instance;
use tcpconf_wire::Instant;

/// Names a packet, so that its send stamp can be handed back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SendId(pub u64);

/// What the driver must do next.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send these bytes (an IP packet) now, then call `handle_sent` with the stamp.
    Transmit {
        /// Its name.
        id: SendId,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// Hand this to the target's application.
    Call {
        /// Its name.
        id: CallId,
        /// The call.
        call: AppCall,
    },
    /// Ask the target what it says of this connection, then call `handle_status`.
    Status(FourTuple),
    /// The case has used its ports up: call `add_ports` with this many more.
    NeedPorts(usize),
    /// Nothing to do before this instant, unless a packet or an application event comes.
    WaitUntil(Instant),
    /// The verdict stands and cleaning up is done. `Case::into_report` has the rest.
    Done(Verdict),
}

/// Addresses and ports that belong to one case while it runs.
#[derive(Clone, Debug)]
pub struct Lease {
    /// Names the case to a real target with an application interface; 0 elsewhere.
    pub key: u64,
    /// Addresses that we may send from; the first is the usual one.
    pub addresses: Vec<IpAddr>,
    /// Ports that we may send from, all of them unused on the target for long enough.
    pub ports: VecDeque<u16>,
    /// Segments may come from any port of `addresses`: they are no host's. Otherwise only `ports` are ours.
    pub any_port: bool,
    /// The target's service.
    pub target: SocketAddr,
    /// A port of the target behind which nothing listens.
    pub closed_port: u16,
    /// Ports of the target's host besides, where its application may listen: nobody else does.
    pub spare_ports: VecDeque<u16>,
    /// Where the target's application may connect to.
    pub listen_ports: VecDeque<u16>,
    /// What the service behind the port must be sent on a new connection before it is what the case needs:
    /// an HTTP request, where a web server stands in for a source.
    pub request: Option<Arc<[u8]>>,
}

/// Whether `>` steps judge or record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// A mismatch ends the case.
    #[default]
    Judge,
    /// `>` steps record what comes until it is quiet for this long, and never end the case (snapshots).
    Observe {
        /// How long it must be quiet.
        quiet: std::time::Duration,
    },
}

/// What a case begins with.
#[derive(Clone, Debug)]
pub struct CaseSetup {
    /// The test.
    pub instance: Instance,
    /// Addresses and ports.
    pub lease: Lease,
    /// What is known of the target.
    pub profile: Arc<Profile>,
    /// Judge or record.
    pub mode: Mode,
    /// For ISNs and payload: ISNs come from a cursor of the run on real targets.
    pub seed: u64,
    /// The first ISN that we use; each connection of the case takes the next, 2^24 further on.
    pub isn: u32,
    /// Sends later than this after they were asked for make a failure inconclusive.
    pub late_after: std::time::Duration,
}
