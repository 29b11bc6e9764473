//! The seam between the run loop and what it runs against.

use std::net::IpAddr;
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, CallId, Endpoint, FourTuple, Lease, Status};
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Capability;
use tcpconf_wire::{Instant, Packet};
use thiserror::Error;

/// Why a target cannot be opened or used. Each text names the cause and the way out.
#[derive(Debug, Error)]
pub enum TargetError {
    /// Usage: a target that cannot be meant (exit code 2).
    #[error("{0}")]
    Usage(String),
    /// A privilege is missing (exit code 3).
    #[error("{0}")]
    Privilege(String),
    /// Nothing answers (exit code 3).
    #[error("{0}")]
    Unreachable(String),
    /// The system refused something (exit code 3).
    #[error("{what}: {source}")]
    System {
        /// What was attempted.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Why a case cannot have what it needs.
#[derive(Debug, Error)]
pub enum LeaseError {
    /// The target does not offer it: the case is unsupported, for this reason.
    #[error("{0}")]
    Unsupported(String),
    /// Not now: try again when another case has ended.
    #[error("nothing free")]
    Busy,
    /// The target failed.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// An in-process target: a factory of endpoints in virtual time, one a case.
pub trait InProcess: Send + Sync {
    /// As the user names it.
    fn name(&self) -> &str;
    /// What its application interface can do; `None` when it has none.
    fn application(&self) -> Option<&[Capability]> {
        Some(&Capability::ALL)
    }
    /// A fresh endpoint with the service that the case needs behind its port, and the case's lease.
    ///
    /// # Errors
    /// [`LeaseError::Unsupported`] when it does not offer what the case needs.
    fn open(
        &self,
        seed: u64,
        needs: &Needs,
        ip: u8,
    ) -> Result<(Box<dyn Endpoint>, Lease), LeaseError>;
}

/// Packets to and from a real target, with stamps on the run's clock.
pub trait Link {
    /// Sends IP packets; the stamp of each, taken as close to the wire as the link can.
    ///
    /// # Errors
    /// What the system said; packets before the failing one are sent.
    fn send(&mut self, packets: &[Vec<u8>], stamps: &mut Vec<Instant>) -> std::io::Result<()>;
    /// Appends the IP packets that have arrived, and answers link-layer questions (ARP, neighbour
    /// solicitation) for our addresses on the way. Does not block.
    ///
    /// # Errors
    /// What the system said.
    fn receive(&mut self, packets: &mut Vec<Packet>) -> std::io::Result<()>;
    /// The descriptor that becomes readable when packets arrive.
    #[cfg(unix)]
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_>;
    /// The run's clock, now.
    fn now(&self) -> Instant;
    /// Packets that the link lost on the way to us (ring or socket buffer full), so far.
    fn dropped(&self) -> u64;
    /// Why nothing will ever come again, when the other end of the link is gone.
    fn ended(&self) -> Option<String> {
        None
    }
}

/// An application that cannot be reached any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostApplication {
    /// The [`Lease::key`] of the case whose application it was; `None` for that of all cases.
    pub key: Option<u64>,
    /// Who it was and what happened, in words.
    pub why: String,
}

/// A real target: a link, and leases on it.
pub trait RealTarget {
    /// As the user names it.
    fn name(&self) -> &str;
    /// The link.
    fn link(&mut self) -> &mut dyn Link;
    /// Addresses and ports for a case; a service of its own where the target can make one.
    ///
    /// With [`Needs::driven`] nothing stands behind [`Lease::target`]'s port, and the case may listen there;
    /// [`Lease::key`] is then unique in the run. With [`Needs::app`] there are [`Lease::listen_ports`] of
    /// ours that the target's application can connect to.
    ///
    /// # Errors
    /// [`LeaseError`].
    fn lease(&mut self, needs: &Needs, ip: u8, ports: usize) -> Result<Lease, LeaseError>;
    /// More ports for a case, all fresh.
    fn more_ports(&mut self, count: usize) -> Vec<u16>;
    /// The case has ended and its connections are reset.
    fn release(&mut self, lease: Lease);
    /// The next ISN to use, from the run's cursor.
    fn next_isn(&mut self) -> u32;
    /// Half-open connections that may stand at once; `None` when each case has a listener of its own.
    fn max_half_open(&self) -> Option<u32>;
    /// Packets a second that it is sent unless the user says otherwise; `None` without a limit.
    fn default_rate(&self) -> Option<u32> {
        None
    }
    /// Whether cases marked exclusive must run alone.
    fn exclusive_runs_alone(&self) -> bool;
    /// IP versions that it can be reached over.
    fn ip_versions(&self) -> &[u8];
    /// The epoch (nanoseconds since 1970) of the run's zero.
    fn epoch_nanos(&self) -> u64;
    /// Services that it has behind ports of its own, as the user said or as they were found.
    fn services(&self) -> Vec<(String, u16)> {
        Vec::new()
    }
    /// Why it cannot answer any more, when that is known without asking it: its process has ended.
    fn ended(&mut self) -> Option<String> {
        None
    }
    /// What the way to it does to packets, where that can look like a fault of the target.
    fn caveat(&self) -> Option<String> {
        None
    }
    /// The target's own addresses, for routing what arrives.
    fn addresses(&self) -> Vec<IpAddr>;
    /// What its application interface can do; `None` when it has none. What a case needs and does not find
    /// here makes it `unsupported` before it begins, with the capability's name.
    fn application(&self) -> Option<&[Capability]> {
        None
    }
    /// Why its application interface cannot do this, where more is known than that it cannot.
    fn why_not(&self, capability: Capability) -> Option<&'static str> {
        let _ = capability;
        None
    }
    /// Makes a call for the case that holds the lease; must not block. Ids are unique in the run. The reply
    /// comes from [`RealTarget::poll_app`]; when the case has ended (after [`AppCall::ResetAll`], which is
    /// its last call) nobody waits for one.
    fn call(&mut self, lease: &Lease, id: CallId, call: AppCall) {
        let _ = (lease, id, call);
    }
    /// The next event of an application: [`Lease::key`] says whose.
    fn poll_app(&mut self) -> Option<(u64, AppEvent)> {
        None
    }
    /// An application that has gone, asked for behind [`RealTarget::poll_app`]: replies that came with its end
    /// say nothing about the target. That of one case is told once.
    fn lost_application(&mut self) -> Option<LostApplication> {
        None
    }
    /// How late an application that is the harness's own began with a call since this was asked last, calls
    /// that still wait included: it shares the machine with us, and says nothing about the target. Zero where
    /// the application is somebody else's, whose way to us is part of what it is.
    fn application_late(&mut self) -> Duration {
        Duration::ZERO
    }
    /// How long a thread of the harness's own that plays the target's side (its services, its application) waited for
    /// a processor since this was asked last, or does so now; or how long a processor that the target runs on stood
    /// still, as a virtual machine's may: nor does that say anything about the target. `None` where none of that is known.
    fn waited_for_processor(&mut self) -> Option<Duration> {
        None
    }
    /// Sockets that are left when all cases have ended, TIME-WAIT aside, where it can tell: none should be.
    fn left_behind(&mut self) -> Vec<String> {
        Vec::new()
    }
    /// The descriptors that become readable when [`RealTarget::poll_app`] has something to tell.
    #[cfg(unix)]
    fn app_fds(&self) -> Vec<std::os::fd::BorrowedFd<'_>> {
        Vec::new()
    }
    /// What the target itself says of a connection of that lease, at once (netlink, say); `None` when it
    /// cannot tell: then a socket of the connection is asked by [`AppCall::Status`] if there is one.
    fn status(&mut self, lease: &Lease, connection: FourTuple) -> Option<Status> {
        let _ = (lease, connection);
        None
    }
}
