//! The own stack behind a TUN device, in real time: one event loop that sleeps when there is nothing to
//! do.

use crate::own::Application;
use crate::wire::Wire;
use core::time::Duration;
use smoltcp::phy::{Device as _, Medium, RxToken as _, TunTapInterface, TxToken as _, wait};
use smoltcp::time::{Duration as SmolDuration, Instant as SmolInstant};
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileExt as _;
use tcpconf_stack::Host;
use tcpconf_wire::Instant;

/// Real time without an end after which something is broken.
const PATIENCE: Duration = Duration::from_secs(300);
const NO_TIME: SmolInstant = SmolInstant::ZERO;

/// The device, opened in the namespace of the calling thread.
pub(crate) struct Tun {
    device: TunTapInterface,
    started: std::time::Instant,
    schedule: File,
}

impl Tun {
    /// Makes a device with this name.
    pub(crate) fn open(name: &str) -> std::io::Result<Self> {
        Ok(Self {
            device: TunTapInterface::new(name, Medium::Ip)?,
            started: std::time::Instant::now(),
            schedule: File::open("/proc/thread-self/schedstat")?,
        })
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.started.elapsed()
    }

    /// How long this thread has waited for a processor in all.
    fn kept_waiting(&self) -> Duration {
        let mut text = [0; 64];
        let count = self.schedule.read_at(&mut text, 0).unwrap_or(0);
        let text = str::from_utf8(&text[..count]).unwrap_or_default();
        let nanos = text.split(' ').nth(1).and_then(|field| field.parse().ok());
        Duration::from_nanos(nanos.unwrap_or(0))
    }

    /// Runs the host until its application is done and nothing is left to send at once. Returns by how
    /// much this loop was late at worst: a round of work, and how long it waited for a processor.
    pub(crate) fn run(
        &mut self,
        host: &mut Host,
        application: &mut Application,
        wire: &mut Wire,
    ) -> Duration {
        let mut packet = Vec::new();
        let began = self.now();
        let (mut late, mut waited, mut resumed) = (Duration::ZERO, self.kept_waiting(), began);
        loop {
            let mut moved = false;
            let waiting = self.kept_waiting();
            late = late.max(waiting - waited).max(self.now().since(resumed));
            waited = waiting;
            resumed = self.now();
            // Read before the device is: what came until then is heard before timers run, so that a
            // process that was not scheduled for a while does not repeat what is acknowledged already.
            let now = self.now();
            while let Some((taken, _)) = self.device.receive(NO_TIME) {
                taken.consume(|bytes| {
                    wire.see(bytes);
                    host.handle_packet(now, bytes);
                });
                moved = true;
            }
            application.step(host, now);
            while host.poll_transmit_into(now, &mut packet) {
                wire.see(&packet);
                let token = self.device.transmit(NO_TIME).expect("a TUN always takes");
                token.consume(packet.len(), |buffer| buffer.copy_from_slice(&packet));
                moved = true;
            }
            if moved {
                continue;
            }
            if application.is_done() {
                return late;
            }
            let progress = || application.progress();
            assert!(now.since(began) < PATIENCE, "stuck: {}", progress());
            let until = host
                .poll_timeout()
                .map_or(Duration::from_secs(1), |at| at.since(now));
            let until = until.clamp(Duration::from_micros(50), Duration::from_secs(1));
            late = late.max(self.now().since(resumed));
            wait(self.device.as_raw_fd(), Some(SmolDuration::from(until))).expect("select works");
            resumed = self.now();
        }
    }
}
