//! Operations on one host with a listener: segments relative to what it sent last, ICMP, calls of its application,
//! time, configuration. At the end the peers fall silent, and everything has to end.
//!
//! What must hold (`checks`): no panic; every invariant of the engine on every segment out; text is that of its place on both
//! sides; segments out are bounded, by operation and by virtual hour of silence; no timer is left in the past;
//! what a segment costs does not grow with the queue; what a connection holds is bounded; a silent peer is given up; at the end no socket and no timer is left.

mod checks;
mod memory;
#[cfg(test)]
mod tests;

use super::application::Application;
use super::input::Input;
use super::pattern::first_wrong;
use super::peer::{Peer, Shape};
use super::peer_options::Offer;
use super::seeds::Heard;
use super::settings::{Settings, address, socket_options};
use super::show;
use super::subject::Subject;
use checks::{MAX_WAKE_UPS_SILENT_HOUR, Work};
use memory::Memory;
use std::net::SocketAddr;
use std::time::Duration;
use tcpconf_engine::Watch;
use tcpconf_stack::ListenOptions;
use tcpconf_wire::view::IpView;
use tcpconf_wire::{Flags, Icmp, Instant, Packet, Segment};

/// The service's port.
const PORT: u16 = 80;
/// Peers connect from here on, one port a peer.
const PEER_PORTS: u16 = 40_000;
/// Peers are connected to here, one port a peer.
const PEER_LISTENS: u16 = 5001;
const PEERS: usize = 3;
/// Connections that may be there at once: the host opens more than one to a peer.
const MAX_CONNECTIONS: u32 = 24;
/// Operations of one input.
const MAX_OPERATIONS: u32 = 400;
/// Polls at one instant without a packet between them.
const MAX_ROUNDS: u32 = 64;
/// Segments out after which an input has no more operations: few have as many, and they would take most of the time.
const MAX_OUT_IN_ALL: u32 = 300;
/// Connections of the application that meet the silence at the end; others it aborts before. More would do the same, and
/// each costs as much as some ten operations.
const LEFT_ALONE: usize = 4;
/// Packets that can be sent again.
const KEPT: usize = 4;

/// The bytes are a configuration and operations.
///
/// # Panics
/// On a finding.
pub fn stack_ops(data: &[u8]) {
    World::new(data, None).run();
}

/// The same; how many operations they were.
///
/// # Panics
/// On a finding.
pub fn stack_ops_counted(data: &[u8]) -> u32 {
    World::new(data, None).run()
}

/// The same, telling what happens, a line an event: for whoever looks into a finding.
///
/// # Panics
/// On a finding.
pub fn stack_ops_told(data: &[u8], tell: fn(&str)) {
    World::new(data, Some(tell)).run();
}

/// The same; the packets of both directions until the peers fall silent.
///
/// # Panics
/// On a finding.
pub fn stack_ops_heard(data: &[u8]) -> Vec<Heard> {
    let mut world = World::new(data, None);
    world.heard = Some(Vec::new());
    world.operations();
    world.heard.take().unwrap_or_default()
}

struct World<'a> {
    input: Input<'a>,
    host: Subject,
    now: Instant,
    application: Application,
    peers: Vec<Peer>,
    watch: Watch,
    /// Packets of the peers, for replays.
    kept: Vec<Vec<u8>>,
    /// The memory of packets for the next ones.
    spare: Vec<Vec<u8>>,
    /// The last packet of the host, for ICMP to quote.
    last_out: Packet,
    /// Peers that had part in this operation, a bit each.
    touched: u8,
    /// What the connection of each peer has cost, and may cost.
    work: [Work; PEERS],
    /// Segments out at this operation, or at this instant when time passes.
    out: u32,
    /// Segments out.
    out_in_all: u32,
    largest: usize,
    listen: ListenOptions,
    tell: Option<fn(&str)>,
    /// What was on the wire, when somebody wants to know.
    heard: Option<Vec<Heard>>,
    buffer: Vec<u8>,
}

impl<'a> World<'a> {
    fn new(data: &'a [u8], tell: Option<fn(&str)>) -> Self {
        let mut input = Input::new(data);
        let settings = Settings::read(&mut input);
        if let Some(tell) = tell {
            tell(&format!("{settings:?}"));
        }
        let Settings {
            config,
            listen,
            manner,
            v6,
            offers,
            peer_mss,
            peer_shift,
            seed,
        } = settings;
        let peers = (0..PEERS as u16)
            .map(|n| {
                let offer = Offer {
                    mss: (offers & 1 != 0).then_some(peer_mss),
                    sack: offers & 2 != 0,
                    timestamps: offers & 4 != 0,
                    window_scale: (offers & 8 != 0).then_some(peer_shift),
                    fast_open: listen.fast_open.is_some(),
                };
                let ours = SocketAddr::new(address(v6, 10), PEER_PORTS + n);
                Peer::new(ours, SocketAddr::new(address(v6, 1), PORT), offer)
            })
            .collect();
        let largest = config.mtu.into();
        let mut host = Subject::new(config, seed);
        let memory = Memory::take(largest as u32);
        let mut application = Application::new(manner, memory.application);
        application.listener = host.listen(None, PORT, listen).ok();
        Self {
            input,
            watch: memory.watch,
            host,
            now: Instant::from_secs(1),
            application,
            peers,
            kept: Vec::with_capacity(KEPT),
            spare: memory.packets,
            last_out: Packet::new(memory.last_out, Instant::ZERO),
            touched: 0,
            work: [Work::default(); PEERS],
            out: 0,
            out_in_all: 0,
            largest,
            listen,
            tell,
            heard: None,
            buffer: memory.buffer,
        }
    }

    /// How many operations there were.
    fn operations(&mut self) -> u32 {
        if self.input.byte() & 1 == 0 {
            self.handshake(0);
        }
        let mut operations = 0;
        while operations < MAX_OPERATIONS
            && self.out_in_all < MAX_OUT_IN_ALL
            && !self.input.is_empty()
        {
            self.operation();
            operations += 1;
        }
        operations
    }

    /// How many operations there were.
    fn run(mut self) -> u32 {
        let operations = self.operations();
        self.end();
        self.leave();
        operations
    }

    /// The peers fall silent, then the application goes.
    fn end(&mut self) {
        // As in `call`.
        self.now += Duration::from_micros(1);
        for id in self.application.clients().into_iter().skip(LEFT_ALONE) {
            self.application.abort(&mut self.host, self.now, id);
        }
        self.settle();
        self.say("silence");
        self.silence();
        self.nobody_waits();
        for id in self.application.clients() {
            self.application.release(&mut self.host, self.now, id);
        }
        if let Some(listener) = self.application.listener.take() {
            self.host.release(self.now, listener);
        }
        self.settle();
        self.silence();
        assert_eq!(
            self.host.sockets(),
            0,
            "sockets are left when all has ended"
        );
        assert_eq!(
            self.host.poll_timeout(),
            None,
            "a timer without a connection"
        );
    }

    fn operation(&mut self) {
        self.out = 0;
        // Most operations concern one connection; of the others all are looked at.
        let choice = self.input.byte();
        self.touched = if matches!(choice, 0..=159 | 224..=245) {
            0
        } else {
            !0
        };
        match choice {
            0..=127 => {
                let peer = usize::from(choice >> 4 & 3) % PEERS;
                self.touched |= 1 << peer;
                let segment = self.peers[peer].relative(&mut self.input, &Shape(choice & 0x4f));
                self.send(&segment);
            }
            128..=159 => {
                let len = usize::from(self.input.byte()) * 8;
                self.cooperative(choice, Flags::NONE, len);
            }
            160..=183 => self.call(choice - 160),
            184..=207 => self.time(),
            208..=215 => self.icmp(),
            216..=223 => self.replay(),
            224..=231 => self.handshake(usize::from(choice) % PEERS),
            232..=235 => {
                let syn = self.peers[usize::from(choice) % PEERS].syn();
                self.send(&syn);
            }
            236..=239 => {
                let segment = self.peers[usize::from(choice) % PEERS].answer_syn();
                self.send(&segment);
            }
            240..=245 => self.cooperative(choice, Flags::FIN, 0),
            246..=249 => self.set_options(),
            _ => {
                let count = usize::from(self.input.byte());
                let bytes = (0..count).map(|_| self.input.byte()).collect();
                self.inject(bytes);
            }
        }
        self.settle();
        // Timers and path MTUs may walk over everything.
        self.check_connections(!matches!(choice, 160..=215));
    }

    fn handshake(&mut self, peer: usize) {
        let syn = self.peers[peer].syn();
        self.send(&syn);
        self.settle();
        let ack = self.peers[peer].answer_syn();
        self.send(&ack);
        self.settle();
    }

    fn cooperative(&mut self, choice: u8, flags: Flags, len: usize) {
        let peer = usize::from(choice) % PEERS;
        self.touched |= 1 << peer;
        let segment = self.peers[peer].cooperative(flags, len);
        self.send(&segment);
    }

    fn send(&mut self, segment: &Segment) {
        let mut bytes = self.spare.pop().unwrap_or_default();
        segment.build_into(&mut bytes);
        self.inject(bytes);
    }

    fn inject(&mut self, bytes: Vec<u8>) {
        if self.tell.is_some() {
            self.say(&format!("< {}", show(&bytes)));
        }
        self.watch.sent(self.now, &bytes);
        self.hear(false, &bytes);
        self.host.handle_packet(self.now, &bytes);
        if self.kept.len() == KEPT {
            self.spare.push(self.kept.remove(0));
        }
        self.kept.push(bytes);
    }

    /// A packet of before, or one of the host itself, with up to two octets changed.
    fn replay(&mut self) {
        let which = self.input.byte();
        let mut bytes = match self.kept.get(usize::from(which & 7)) {
            Some(bytes) => bytes.clone(),
            None => self.last_out.bytes.clone(),
        };
        for _ in 0..which >> 6 {
            let at = usize::from(self.input.word());
            let octet = self.input.byte();
            if let Some(there) = at.checked_rem(bytes.len()).and_then(|at| bytes.get_mut(at)) {
                *there = octet;
            }
        }
        if which >> 6 == 0 || !deceives(&bytes) {
            self.inject(bytes);
        }
    }

    fn icmp(&mut self) {
        let choice = self.input.byte();
        let (host, router) = (self.peers[0].target.ip(), self.peers[0].ours.ip());
        let (kind, code) = match (host.is_ipv6(), choice & 7) {
            (false, 0..=3) => (3, 4),
            (false, 4) => (3, self.input.byte() % 16),
            (false, 5) => (4, 0),
            (false, 6) => (11, 0),
            (true, 0..=3) => (2, 0),
            (true, 4) => (1, self.input.byte() % 8),
            (true, 5) => (4, self.input.byte() % 3),
            (true, 6) => (3, 0),
            _ => (self.input.byte(), self.input.byte()),
        };
        let mut body = self.last_out.bytes.clone();
        let header = if host.is_ipv6() { 40 } else { 20 };
        // The quoted sequence number, which RFC 5927 checks.
        if choice & 8 != 0
            && let Some(seq) = body.get_mut(header + 4..header + 8)
        {
            let offset = self.input.small();
            let old = u32::from_be_bytes([seq[0], seq[1], seq[2], seq[3]]);
            seq.copy_from_slice(&old.wrapping_add_signed(offset * 64).to_be_bytes());
        }
        if choice & 16 != 0 {
            body.truncate(usize::from(self.input.byte()));
        }
        let mtu = match choice >> 5 {
            0 => 576,
            1 => 600,
            2 => 1280,
            3 => 0,
            4 => 1,
            5 => 68,
            _ => u32::from(self.input.word()),
        };
        let icmp = Icmp::new(router, host, kind, code, body).with_mtu(mtu);
        self.inject(icmp.build());
    }

    fn call(&mut self, choice: u8) {
        // Behind what came: a RST of ABORT is no answer to it.
        self.now += Duration::from_micros(1);
        let which = self.input.byte();
        let Self {
            host,
            application,
            now,
            peers,
            ..
        } = self;
        if choice == 23 && application.listener.is_none() {
            application.listener = host.listen(None, PORT, self.listen).ok();
            return;
        }
        if choice == 22 {
            if let Some(listener) = application.listener.take() {
                host.release(*now, listener);
            }
            return;
        }
        if choice >= 19 {
            let peer = usize::from(which) % PEERS;
            let port = PEER_LISTENS + peer as u16;
            let remote = SocketAddr::new(peers[peer].ours.ip(), port);
            let opened = host.connect(*now, None, remote, None);
            if let Ok(id) = opened {
                application.opened(id);
            }
            return;
        }
        let Some(id) = application.client(which) else {
            return;
        };
        match choice {
            0..=5 => {
                let count = usize::from(self.input.word() % 8192);
                application.send(host, *now, id, count, choice == 5);
            }
            6..=10 => {
                let count = 1 + usize::from(self.input.word() % 8192);
                application.read(host, *now, id, count);
            }
            11..=14 => application.close(host, *now, id),
            15 | 16 => application.release(host, *now, id),
            _ => application.abort(host, *now, id),
        }
    }

    fn set_options(&mut self) {
        // As in `call`: a shorter user timeout may abort.
        self.now += Duration::from_micros(1);
        let which = self.input.byte();
        let options = socket_options(&mut self.input);
        if let Some(id) = self.application.client(which) {
            let known = self.host.set_options(id, options);
            assert!(known.is_ok(), "the application holds the socket: {known:?}");
        }
    }

    fn time(&mut self) {
        let choice = self.input.byte();
        let until = match choice {
            0..=95 => match self.host.poll_timeout() {
                Some(at) => self.now.max(at),
                None => self.now + Duration::from_millis(1),
            },
            96..=159 => self.now + Duration::from_millis(u64::from(choice - 95)),
            160..=223 => self.now + Duration::from_millis(u64::from(choice - 159) * 50),
            224..=247 => self.now + Duration::from_secs(u64::from(choice - 223)),
            _ => self.now + Duration::from_secs(u64::from(choice - 247) * 300),
        };
        self.pass(until);
    }

    /// Time passes, and no packet comes.
    fn pass(&mut self, until: Instant) {
        let millis = until.since(self.now).as_millis() as u32;
        let hours = 1 + millis / 3_600_000;
        let mut wake_ups = 0;
        while let Some(at) = self.host.poll_timeout().filter(|at| *at <= until) {
            wake_ups += 1;
            self.now = self.now.max(at);
            self.out = 0;
            self.host.handle_timeout(self.now);
            self.settle();
            assert!(
                wake_ups <= hours * MAX_WAKE_UPS_SILENT_HOUR * MAX_CONNECTIONS,
                "{wake_ups} wake-ups in {millis} ms without a packet"
            );
        }
        self.now = until;
        self.host.handle_timeout(self.now);
        for peer in &mut self.peers {
            peer.tick(millis);
        }
        self.out = 0;
    }

    /// Everything that the host and its application do at this moment.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < MAX_ROUNDS, "the host does not come to rest");
            let mut any = false;
            while self.host.poll_transmit_into(self.now, &mut self.buffer) {
                any = true;
                core::mem::swap(&mut self.buffer, &mut self.last_out.bytes);
                self.sent();
            }
            any |= self.application.handle_events(&mut self.host, self.now);
            if !any {
                break;
            }
        }
        let timer = self.host.poll_timeout();
        assert!(
            timer.is_none_or(|at| at > self.now),
            "a timer is left in the past: {timer:?} at {}",
            self.now
        );
    }

    fn hear(&mut self, of_host: bool, bytes: &[u8]) {
        if let Some(heard) = &mut self.heard {
            heard.push(Heard {
                at: self.now,
                of_host,
                bytes: bytes.to_vec(),
            });
        }
    }

    fn say(&self, line: &str) {
        if let Some(tell) = self.tell {
            tell(&format!("{} {line}", self.now));
        }
    }
}

/// Octets were changed such that the checksum holds again: nobody can tell that the text is not that of its place.
fn deceives(bytes: &[u8]) -> bool {
    let Ok(ip) = IpView::parse(bytes) else {
        return false;
    };
    let Ok(tcp) = ip.tcp() else {
        return false;
    };
    let start = tcp.seq + u32::from(tcp.flags.contains(Flags::SYN));
    ip.tcp_checksum_ok() && first_wrong(start, tcp.payload).is_some()
}
