//! Waits for packets or for a point in time, and never spins.

use crate::seam::Link;
use std::time::Duration;

/// Timers may be this late (`prctl(2)`, `PR_SET_TIMERSLACK`): the default of 50 µs would be most of the
/// harness's lateness.
#[cfg(target_os = "linux")]
const TIMER_SLACK_NANOS: std::ffi::c_ulong = 1_000;

/// Asks the system for exact timers on this thread.
#[cfg(target_os = "linux")]
pub(crate) fn exact_timers() {
    // Refusal costs precision, nothing else; the measured lateness shows it.
    let _ = nix::sys::prctl::set_timerslack(TIMER_SLACK_NANOS);
}

/// Waits until packets have come or the time has passed; signals end it early.
///
/// # Errors
/// What the system said.
#[cfg(target_os = "linux")]
pub(crate) fn wait(link: &dyn Link, timeout: Duration) -> std::io::Result<()> {
    use nix::errno::Errno;
    use nix::poll::{PollFd, PollFlags, ppoll};
    let mut fds = [PollFd::new(link.as_fd(), PollFlags::POLLIN)];
    match ppoll(&mut fds, Some(timeout.into()), None) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Timers are as exact as the system makes them.
#[cfg(not(target_os = "linux"))]
pub(crate) fn exact_timers() {}

/// Where there is no `ppoll`, packets are looked for every millisecond.
#[cfg(not(target_os = "linux"))]
pub(crate) fn wait(_link: &dyn Link, timeout: Duration) -> std::io::Result<()> {
    std::thread::sleep(timeout.min(Duration::from_millis(1)));
    Ok(())
}
