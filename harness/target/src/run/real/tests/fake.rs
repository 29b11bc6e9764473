//! A real target that is none: a fake host on a fake wire, with a clock that runs faster.

use crate::run::testing::{Fake, FakeApplication, Manner, TARGET, lease};
use crate::seam::{LeaseError, Link, LostApplication, RealTarget};
use std::cell::RefCell;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::time::Duration;
use tcpconf_engine::{AppCall, AppEvent, CallId, FourTuple, Lease, Status};
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Capability;
use tcpconf_wire::view::IpView;
use tcpconf_wire::{Instant, Packet};

/// The fake clock runs faster than the real one, so that seconds of patience cost little.
pub(super) const SPEED: u32 = 20;

/// A lease with this service kills the target when its SYN arrives.
pub(super) const KILLER: &str = "killer";

/// What the tests see of a fake target.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) leases: usize,
    pub(super) most_leases: usize,
    /// Leases that stood when an exclusive case got its own, itself counted.
    pub(super) beside_exclusive: Vec<usize>,
    pub(super) sent: Vec<Instant>,
    /// How often it was asked how long threads of its waited for a processor.
    pub(super) asked_of_threads: u32,
}

pub(super) struct FakeLink {
    pub(super) fake: Fake,
    began: std::time::Instant,
    pub(super) speed: u32,
    inbox: Vec<Vec<u8>>,
    readable: (UnixDatagram, UnixDatagram),
    killer_port: Option<u16>,
    pub(super) fails: bool,
    /// How long a packet has lain there when it is taken.
    pub(super) unread: Duration,
    /// How far its clock leaps when packets have been taken: nobody looks at it for so long.
    pub(super) leap: Duration,
    leapt: Duration,
    /// What is taken next comes once more.
    pub(super) duplicates: bool,
    seen: Rc<RefCell<Seen>>,
}

impl FakeLink {
    pub(super) fn arrive(&mut self, bytes: Vec<u8>) {
        self.inbox.push(bytes);
        // A full socket is readable all the same.
        let _ = self.readable.1.send(&[1]);
    }
}

impl Link for FakeLink {
    fn send(&mut self, packets: &[Vec<u8>], stamps: &mut Vec<Instant>) -> std::io::Result<()> {
        for packet in packets {
            if self.fails {
                return Err(std::io::Error::other("the wire is cut"));
            }
            let now = self.now();
            stamps.push(now);
            self.seen.borrow_mut().sent.push(now);
            let source = IpView::parse(packet).unwrap().tcp().unwrap().src_port;
            if Some(source) == self.killer_port {
                self.fake.manner = Manner::BlackHole;
            }
            for answer in self.fake.answers(packet) {
                self.arrive(answer);
            }
        }
        Ok(())
    }

    fn receive(&mut self, packets: &mut Vec<Packet>) -> std::io::Result<()> {
        let at = Instant::ZERO + self.now().since(Instant::ZERO + self.unread);
        if !self.inbox.is_empty() {
            self.leapt += self.leap;
        }
        let inbox = self.inbox.clone();
        if !std::mem::take(&mut self.duplicates) {
            self.inbox.clear();
        }
        packets.extend(inbox.into_iter().map(|bytes| Packet::new(bytes, at)));
        while self.readable.0.recv(&mut [0; 8]).is_ok() {}
        Ok(())
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.readable.0.as_fd()
    }

    fn now(&self) -> Instant {
        Instant::ZERO + self.unread + self.leapt + self.began.elapsed() * self.speed
    }

    fn dropped(&self) -> u64 {
        0
    }
}

pub(super) struct FakeReal {
    pub(super) link: FakeLink,
    next_port: u16,
    pub(super) max_half_open: Option<u32>,
    pub(super) exclusive_alone: bool,
    pub(super) room: usize,
    pub(super) app: Option<FakeApplication>,
    /// What is lost with the first call, by the key of its case.
    pub(super) loses: Option<fn(u64) -> LostApplication>,
    /// Whether it says so when it has died.
    pub(super) tells_its_end: bool,
    /// How late its application is, whenever that is asked.
    pub(super) late: Duration,
    /// How long a thread of its waited for a processor, likewise.
    pub(super) waited: Option<Duration>,
}

impl RealTarget for FakeReal {
    fn name(&self) -> &str {
        "fake"
    }

    fn link(&mut self) -> &mut dyn Link {
        &mut self.link
    }

    fn lease(&mut self, needs: &Needs, _ip: u8, _ports: usize) -> Result<Lease, LeaseError> {
        let mut seen = self.link.seen.borrow_mut();
        if needs.service == "nowhere" {
            return Err(LeaseError::Unsupported("no such service".into()));
        }
        if seen.leases >= self.room {
            return Err(LeaseError::Busy);
        }
        seen.leases += 1;
        seen.most_leases = seen.most_leases.max(seen.leases);
        if needs.exclusive {
            let leases = seen.leases;
            seen.beside_exclusive.push(leases);
        }
        self.next_port += 1;
        if needs.service == KILLER {
            self.link.killer_port = Some(self.next_port);
        }
        Ok(Lease {
            key: u64::from(self.next_port),
            ..lease(self.next_port)
        })
    }

    fn more_ports(&mut self, count: usize) -> Vec<u16> {
        vec![9; count]
    }

    fn release(&mut self, _lease: Lease) {
        self.link.seen.borrow_mut().leases -= 1;
    }

    fn next_isn(&mut self) -> u32 {
        u32::from(self.next_port) << 8
    }

    fn max_half_open(&self) -> Option<u32> {
        self.max_half_open
    }

    fn exclusive_runs_alone(&self) -> bool {
        self.exclusive_alone
    }

    fn ip_versions(&self) -> &[u8] {
        &[4]
    }

    fn epoch_nanos(&self) -> u64 {
        1
    }

    fn ended(&mut self) -> Option<String> {
        let dead = self.link.fake.manner == Manner::BlackHole;
        (dead && self.tells_its_end).then(|| "it ended by SIGSEGV".to_owned())
    }

    fn addresses(&self) -> Vec<IpAddr> {
        vec![TARGET.ip()]
    }

    fn application(&self) -> Option<&[Capability]> {
        self.app.as_ref().map(|_| &Capability::ALL[..])
    }

    fn call(&mut self, lease: &Lease, id: CallId, call: AppCall) {
        let app = self.app.as_mut().expect("only called when there is one");
        app.call(lease, id, call);
    }

    fn poll_app(&mut self) -> Option<(u64, AppEvent)> {
        self.app.as_mut()?.poll()
    }

    fn application_late(&mut self) -> Duration {
        self.late
    }

    fn waited_for_processor(&mut self) -> Option<Duration> {
        self.link.seen.borrow_mut().asked_of_threads += 1;
        self.waited
    }

    fn lost_application(&mut self) -> Option<LostApplication> {
        let calls = self.app.as_ref()?.calls.borrow();
        let (key, _) = calls.first()?;
        Some(self.loses.take()?(*key))
    }

    fn app_fds(&self) -> Vec<BorrowedFd<'_>> {
        self.app.iter().map(|app| app.readable.0.as_fd()).collect()
    }

    fn status(&mut self, lease: &Lease, _connection: FourTuple) -> Option<Status> {
        Some(Status {
            state: format!("of {}", lease.key),
            ..Status::default()
        })
    }
}

/// A fake target, and what it sees.
pub(super) fn fake(manner: Manner) -> (FakeReal, Rc<RefCell<Seen>>) {
    let readable = UnixDatagram::pair().unwrap();
    readable.0.set_nonblocking(true).unwrap();
    readable.1.set_nonblocking(true).unwrap();
    let seen = Rc::new(RefCell::new(Seen::default()));
    let link = FakeLink {
        fake: Fake::new(manner),
        began: std::time::Instant::now(),
        speed: SPEED,
        inbox: Vec::new(),
        readable,
        killer_port: None,
        fails: false,
        unread: Duration::ZERO,
        leap: Duration::ZERO,
        leapt: Duration::ZERO,
        duplicates: false,
        seen: seen.clone(),
    };
    let target = FakeReal {
        link,
        next_port: 40_000,
        max_half_open: None,
        exclusive_alone: false,
        room: usize::MAX,
        app: None,
        loses: None,
        tells_its_end: false,
        late: Duration::ZERO,
        waited: None,
    };
    (target, seen)
}
