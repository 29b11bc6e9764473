//! What tests need that talk to real kernels: may they, and where.
//!
//! Public for the tests of other packages; nothing of the program itself uses it.

use crate::net::linux::rtnetlink::Routing;
use crate::net::linux::{ethtool, namespace};
use pnet::util::MacAddr;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Sender, channel};

/// When set to 1, a test that lacks privileges fails instead of being skipped.
pub const REQUIRE_KERNEL: &str = "TCPCONF_REQUIRE_KERNEL";

/// Whether this process may make private networks; prints why not.
///
/// # Panics
/// When it may not although [`REQUIRE_KERNEL`] says that it must.
pub fn may_make_networks() -> bool {
    if !namespace::needs_user_namespace() {
        return true;
    }
    let reason = "making network namespaces needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW)";
    assert!(
        std::env::var(REQUIRE_KERNEL).as_deref() != Ok("1"),
        "{REQUIRE_KERNEL}=1, but {reason}"
    );
    println!("SKIPPED: {reason}");
    false
}

/// The index of the injector's interface: see [`Routing::create_veth`].
const INDEX: u32 = 1_000;

type Work = Box<dyn FnOnce() + Send>;

/// A thread that lives in a private network namespace and runs what it is given. Programs that are
/// started there live in it too.
#[derive(Debug)]
pub struct Place {
    work: Sender<Work>,
}

impl Place {
    fn new() -> io::Result<(Self, std::os::fd::OwnedFd)> {
        let (work, inbox) = channel::<Work>();
        let (entered, answer) = channel();
        std::thread::spawn(move || {
            if entered.send(namespace::enter_new()).is_ok() {
                while let Ok(work) = inbox.recv() {
                    work();
                }
            }
        });
        let namespace = answer
            .recv()
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))??;
        Ok((Self { work }, namespace))
    }

    /// Runs `work` there and waits for its result.
    ///
    /// # Panics
    /// When `work` does.
    pub fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, answer) = channel();
        let work = move || {
            // The caller waits for this below.
            let _gone = done.send(work());
        };
        assert!(
            self.work.send(Box::new(work)).is_ok(),
            "the thread of the namespace has ended"
        );
        answer.recv().expect("the work in the namespace panicked")
    }
}

/// Two hosts on a link of their own: the injector's, with 10.78.0.1 and fd78::1, and the one under
/// test, with 10.78.0.2 and fd78::2. Both are gone when this is dropped.
#[derive(Debug)]
pub struct Bed {
    /// Where tcpconf runs.
    pub injector: Place,
    /// Where the stack under test is.
    pub target: Place,
}

/// The injector's addresses in a [`Bed`].
pub const INJECTOR: [&str; 2] = ["10.78.0.1", "fd78::1"];
/// The target's addresses in a [`Bed`].
pub const TARGET: [&str; 2] = ["10.78.0.2", "fd78::2"];

impl Bed {
    /// Makes both.
    ///
    /// # Errors
    /// What the system said.
    pub fn new() -> io::Result<Self> {
        let (injector, _) = Place::new()?;
        let (target, other_end) = Place::new()?;
        injector.run(move || {
            quiet()?;
            let mut routing = Routing::open()?;
            routing.create_veth(
                INDEX,
                ("eth0", MacAddr::new(2, 0, 0, 0x78, 0, 1)),
                ("eth0", MacAddr::new(2, 0, 0, 0x78, 0, 2)),
                other_end.as_fd(),
            )?;
            routing_up()
        })?;
        target.run(|| {
            quiet()?;
            ethtool::switch_all_off("eth0")?;
            routing_up()
        })?;
        injector.run(|| settle(&mut Routing::open()?, INJECTOR))?;
        target.run(|| settle(&mut Routing::open()?, TARGET))?;
        Ok(Self { injector, target })
    }

    /// Makes the target the injector's router, and gives it an address behind itself.
    ///
    /// # Errors
    /// What the system said.
    pub fn put_behind(&self, address: IpAddr) -> io::Result<()> {
        let router = TARGET[usize::from(address.is_ipv6())];
        let router: IpAddr = router.parse().expect("the addresses above are right");
        self.injector.run(move || {
            let mut routing = Routing::open()?;
            let index = routing.link_named("eth0")?.index;
            routing.add_default_route(index, router)
        })?;
        self.target.run(move || {
            let mut routing = Routing::open()?;
            let index = routing.link_named("lo")?.index;
            let bits = if address.is_ipv4() { 32 } else { 128 };
            routing.add_address(index, address, bits)
        })
    }
}

fn quiet() -> io::Result<()> {
    for family in ["all", "default"] {
        namespace::set_sysctl(&format!("ipv6/conf/{family}/accept_dad"), "0")?;
        namespace::set_sysctl(&format!("ipv6/conf/{family}/router_solicitations"), "0")?;
    }
    Ok(())
}

fn routing_up() -> io::Result<()> {
    let mut routing = Routing::open()?;
    for name in ["lo", "eth0"] {
        let index = routing.link_named(name)?.index;
        routing.set_up(index)?;
    }
    Ok(())
}

fn settle(routing: &mut Routing, addresses: [&str; 2]) -> io::Result<()> {
    routing.wait_until_running("eth0")?;
    let index = routing.link_named("eth0")?.index;
    for (address, prefix) in addresses.into_iter().zip([24, 64]) {
        let address: IpAddr = address.parse().expect("the addresses above are right");
        routing.add_address(index, address, prefix)?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) use prober::Prober;

#[cfg(test)]
mod prober {
    use crate::RealTarget;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::net::SocketAddr;
    use std::time::Duration;
    use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, Lease, SocketHandle, Value};
    use tcpconf_suite::plan::Needs;
    use tcpconf_wire::{Flags, Packet, Segment, SeqNumber};

    /// One connection by hand: sends segments, hands out what comes.
    pub(crate) struct Prober<'a> {
        pub(crate) target: &'a mut dyn RealTarget,
        pub(crate) lease: Lease,
        pub(crate) ours: SocketAddr,
        pub(crate) seq: SeqNumber,
        pub(crate) ack: SeqNumber,
        queue: Vec<Packet>,
        calls: u64,
    }

    impl<'a> Prober<'a> {
        pub(crate) fn new(target: &'a mut dyn RealTarget, service: &str, ip: u8) -> Self {
            let needs = Needs {
                service: service.into(),
                ..Needs::default()
            };
            Self::with(target, &needs, ip)
        }

        pub(crate) fn with(target: &'a mut dyn RealTarget, needs: &Needs, ip: u8) -> Self {
            let mut lease = target.lease(needs, ip, 8).unwrap();
            let ours = SocketAddr::new(lease.addresses[0], lease.ports.pop_front().unwrap());
            let seq = SeqNumber(target.next_isn());
            Self {
                target,
                lease,
                ours,
                seq,
                ack: SeqNumber(0),
                queue: Vec::new(),
                calls: 0,
            }
        }

        pub(crate) fn segment(&self, flags: Flags, payload: &[u8]) -> Segment {
            let mut segment = Segment::new(self.ours, self.lease.target);
            segment.seq = self.seq;
            segment.ack = self.ack;
            segment.flags = flags;
            segment.window = 65_535;
            segment.payload = payload.to_vec();
            segment
        }

        pub(crate) fn send(&mut self, flags: Flags, payload: &[u8]) -> tcpconf_wire::Instant {
            let segment = self.segment(flags, payload);
            let mut stamps = Vec::new();
            self.target
                .link()
                .send(&[segment.build()], &mut stamps)
                .unwrap();
            self.seq = SeqNumber(self.seq.0.wrapping_add(segment.seq_len()));
            stamps[0]
        }

        /// The next packet to us within `wait`.
        pub(crate) fn next(&mut self, wait: Duration) -> Option<(Segment, Packet)> {
            let link = self.target.link();
            let until = link.now() + wait;
            loop {
                link.receive(&mut self.queue).unwrap();
                while !self.queue.is_empty() {
                    let packet = self.queue.remove(0);
                    if let Some(segment) = Segment::parse(&packet.bytes)
                        && segment.dst() == self.ours
                    {
                        return Some((segment, packet));
                    }
                }
                if link.now() >= until {
                    return None;
                }
                let left = u16::try_from(until.since(link.now()).as_millis() + 1).unwrap();
                let mut fds = [PollFd::new(link.as_fd(), PollFlags::POLLIN)];
                poll(&mut fds, PollTimeout::from(left)).unwrap();
            }
        }

        /// Segments with something in them: text, FIN or RST.
        pub(crate) fn next_telling(&mut self, wait: Duration) -> Option<Segment> {
            loop {
                let (segment, _) = self.next(wait)?;
                if segment.seq_len() > 0 || segment.flags.contains(Flags::RST) {
                    return Some(segment);
                }
            }
        }

        pub(crate) fn connect(&mut self) {
            self.send(Flags::SYN, &[]);
            let (answer, _) = self.next(Duration::from_secs(2)).expect("a SYN-ACK");
            assert_eq!(answer.flags, Flags::SYN | Flags::ACK);
            self.ack = SeqNumber(answer.seq.0.wrapping_add(1));
            self.send(Flags::ACK, &[]);
        }

        /// Takes `segment` into account.
        pub(crate) fn took(&mut self, segment: &Segment) {
            self.ack = SeqNumber(segment.seq.0.wrapping_add(segment.seq_len()));
        }

        /// The next event of the target's application for this lease, within a while.
        pub(crate) fn event(&mut self) -> AppEvent {
            const PATIENCE: u16 = 10_000;
            loop {
                if let Some((key, event)) = self.target.poll_app() {
                    assert_eq!(key, self.lease.key);
                    return event;
                }
                let fds = self.target.app_fds();
                let mut fds: Vec<_> = fds
                    .into_iter()
                    .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
                    .collect();
                let ready = poll(&mut fds, PollTimeout::from(PATIENCE)).unwrap();
                assert!(ready > 0, "the application is silent");
            }
        }

        /// Makes a call; events before its reply are passed over.
        pub(crate) fn call(&mut self, call: AppCall) -> Result<Value, Errno> {
            self.calls += 1;
            let wanted = CallId(self.calls);
            self.target.call(&self.lease, wanted, call);
            loop {
                if let AppEvent::Reply { id, result } = self.event()
                    && id == wanted
                {
                    return result;
                }
            }
        }

        /// The same, where the answer is a socket.
        pub(crate) fn socket(&mut self, call: AppCall) -> SocketHandle {
            match self.call(call) {
                Ok(Value::Socket(socket)) => socket,
                other => panic!("no socket: {other:?}"),
            }
        }

        pub(crate) fn finish(mut self) {
            self.send(Flags::RST | Flags::ACK, &[]);
            self.target.release(self.lease);
        }
    }
}
