//! Asking a neighbour for its link-layer address.

use crate::net::neighbour::{self, Notice};
use crate::net::station::Frame;
use pnet::util::MacAddr;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tcpconf_wire::Instant;

/// How long each question waits for its answer, about 3 s in all.
pub(crate) const TRIES: [Duration; 4] = [
    Duration::from_millis(300),
    Duration::from_millis(700),
    Duration::from_millis(1_000),
    Duration::from_millis(1_000),
];
/// Whether an address is free is asked twice.
pub(crate) const PROBES: [Duration; 2] = [Duration::from_millis(150); 2];

/// An Ethernet interface, frame by frame.
pub(crate) trait Wire {
    /// Sends a notice from `ours`.
    fn say(&self, interface: u32, ours: MacAddr, notice: &Notice) -> io::Result<()>;
    /// Hands over the frames that are there.
    fn overhear(&mut self, take: &mut dyn FnMut(&Frame<'_>)) -> io::Result<()>;
    /// Waits until a frame is there or the time has come.
    fn wait(&mut self, until: Instant) -> io::Result<()>;
    /// The run's clock.
    fn time(&self) -> Instant;
}

/// The link-layer address of `wanted`; `None` when nobody answers.
pub(crate) fn resolve(
    wire: &mut dyn Wire,
    interface: u32,
    (source, ours): (IpAddr, MacAddr),
    wanted: IpAddr,
    tries: &[Duration],
) -> io::Result<Option<MacAddr>> {
    let question = neighbour::question(wanted, source, ours)
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    for wait in tries {
        wire.say(interface, ours, &question)?;
        let until = wire.time() + *wait;
        while wire.time() < until {
            wire.wait(until)?;
            let mut found = None;
            wire.overhear(&mut |frame| {
                if frame.interface == interface
                    && let Some(mac) = neighbour::told(frame.ethertype, frame.payload, wanted)
                {
                    found = Some(mac);
                }
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}
