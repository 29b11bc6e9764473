//! Waits for packets, for events of applications, or for a point in time, and never spins.

use crate::seam::RealTarget;
use std::time::Duration;

/// Timers may be this late (`prctl(2)`, `PR_SET_TIMERSLACK`): the default of 50 µs would be most of the
/// harness's lateness.
#[cfg(target_os = "linux")]
const TIMER_SLACK_NANOS: std::ffi::c_ulong = 1_000;

/// Asks the system for exact timers on this thread.
#[cfg(target_os = "linux")]
pub(super) fn exact_timers() {
    // Refusal costs precision, nothing else; the measured lateness shows it.
    let _ = nix::sys::prctl::set_timerslack(TIMER_SLACK_NANOS);
}

/// Timers are as exact as the system makes them.
#[cfg(not(target_os = "linux"))]
pub(super) fn exact_timers() {}

/// What there is to wait on, whatever the target.
pub(super) struct Waiter {
    /// The link's descriptor, a copy: the link is lent out while the target is asked for its others.
    #[cfg(target_os = "linux")]
    link: std::os::fd::OwnedFd,
}

impl Waiter {
    /// For this target's link.
    ///
    /// # Errors
    /// What the system said.
    #[cfg(target_os = "linux")]
    pub(super) fn new(target: &mut dyn RealTarget) -> std::io::Result<Self> {
        let link = target.link().as_fd().try_clone_to_owned()?;
        Ok(Self { link })
    }

    /// For this target's link.
    ///
    /// # Errors
    /// None.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn new(_target: &mut dyn RealTarget) -> std::io::Result<Self> {
        Ok(Self {})
    }

    /// Waits until something has come or the time has passed; signals end it early.
    ///
    /// # Errors
    /// What the system said.
    #[cfg(target_os = "linux")]
    pub(super) fn wait(&self, target: &dyn RealTarget, timeout: Duration) -> std::io::Result<()> {
        use nix::errno::Errno;
        use nix::poll::{PollFd, PollFlags, ppoll};
        use std::os::fd::AsFd;
        let link = std::iter::once(self.link.as_fd());
        let mut fds: Vec<PollFd<'_>> = link
            .chain(target.app_fds())
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match ppoll(&mut fds, Some(timeout.into()), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Where there is no `ppoll`, packets are looked for every millisecond.
    ///
    /// # Errors
    /// None.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn wait(&self, _target: &dyn RealTarget, timeout: Duration) -> std::io::Result<()> {
        std::thread::sleep(timeout.min(Duration::from_millis(1)));
        Ok(())
    }
}
