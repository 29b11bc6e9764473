//! Two hosts and the link between them. The input is what the link does, packet by packet: lose, delay, double,
//! corrupt, cut. When it is used up, the link is fair, and then everything has to arrive and to end.
//!
//! What must hold: no panic; text is that of its place at every moment; no connection fails; after the link has
//! become fair all text arrives, both ends close, nothing is left, within bounded virtual time and packets.

#[cfg(test)]
mod tests;

use super::input::Input;
use super::settings::{Settings, address};
use super::subject::Subject;
use super::{first_wrong, show, stream};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tcpconf_stack::{Event, ListenOptions, SocketId};
use tcpconf_wire::view::IpView;
use tcpconf_wire::{Flags, Instant};

const PORT: u16 = 80;
/// Where the other side of a simultaneous open begins.
const OTHER_PORT: u16 = 5000;
/// Octets of one call of an application.
const STEP: usize = 4096;
/// One way, when nothing else is said.
const DELAY: Duration = Duration::from_millis(10);
/// The most that one side sends, octets.
const MAX_TOTAL: u32 = 16 * 1024;
/// Octets for each octet of the smallest buffer: tiny windows make long conversations.
const OCTETS_PER_BUFFER: u32 = 40;
/// Packets that an input may decide about.
const MAX_UNFAIR: u32 = 3000;
/// No SYN gives up before: each may be lost as long as the input decides, up to a minute apart.
const NEVER: Duration = Duration::from_secs(MAX_UNFAIR as u64 * 120);
/// From the moment at which the link is fair.
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// Packets of a fair link beside those for the text.
const MAX_PACKETS: u64 = 3000;
/// Packets of a fair link for an octet of text, which may be alone in its segment.
const MAX_PACKETS_PER_OCTET: u64 = 8;
/// Packets that a host may send at one instant.
const MAX_BURST: u32 = 2000;
/// TIME-WAIT, FIN-WAIT-2 and the last retransmissions, when all text is there.
const ENDING: Duration = Duration::from_secs(1200);

/// The bytes are two configurations and what the link does.
///
/// # Panics
/// On a finding.
pub fn two_stacks(data: &[u8]) {
    Net::new(data, None).run();
}

/// The same, telling what happens, a line an event: for whoever looks into a finding.
///
/// # Panics
/// On a finding.
pub fn two_stacks_told(data: &[u8], tell: fn(&str)) {
    Net::new(data, Some(tell)).run();
}

/// When, in which order, to whom, what.
type UnderWay = Reverse<(Instant, u64, usize, Vec<u8>)>;

/// One end of the connection.
#[derive(Debug, Default)]
struct End {
    id: Option<SocketId>,
    total: u32,
    sent: u32,
    received: u32,
    closed: bool,
    eof: bool,
}

struct Net<'a> {
    input: Input<'a>,
    hosts: [Subject; 2],
    ends: [End; 2],
    listener: Option<SocketId>,
    now: Instant,
    under_way: BinaryHeap<UnderWay>,
    count: u64,
    /// Packets that the input has decided about.
    decided: u32,
    /// Since when the link is fair, and how many packets it has carried since.
    fair: Option<(Instant, u64)>,
    tell: Option<fn(&str)>,
}

impl<'a> Net<'a> {
    fn new(data: &'a [u8], tell: Option<fn(&str)>) -> Self {
        let mut input = Input::new(data);
        let how = input.byte();
        let settings = [Settings::read(&mut input), Settings::read(&mut input)];
        if let Some(tell) = tell {
            settings.iter().for_each(|s| tell(&format!("{s:?}")));
        }
        let v6 = settings[0].v6;
        let smallest = settings
            .iter()
            .map(|s| s.config.receive_buffer.min(s.config.send_buffer))
            .min()
            .expect("there are two");
        let most = MAX_TOTAL.min(smallest.saturating_mul(OCTETS_PER_BUFFER));
        let total = [input.word(), input.word()].map(|n| u32::from(n) % (most + 1));
        let [a, b] = settings.map(|s| {
            let mut config = s.config;
            // Whatever the link does for a while, no side gives up.
            config.socket.user_timeout = None;
            config.socket.keep_alive = None;
            config.r2_syn = NEVER;
            config.synack_retries = 1000;
            (config, s.seed)
        });
        let mut hosts = [(a, 1), (b, 2)].map(|((mut config, seed), n)| {
            config.addresses = vec![address(v6, n)];
            Subject::new(config, seed)
        });
        let now = Instant::from_secs(1);
        let [first, second] = [1, 2].map(|n| address(v6, n));
        let (listener, ids) = if how & 1 == 0 {
            let options = ListenOptions {
                backlog: 4,
                fast_open: (how & 2 != 0).then_some(2),
                socket: hosts[1].config().socket,
            };
            let listener = hosts[1].listen(None, PORT, options).ok();
            let remote = SocketAddr::new(second, PORT);
            (
                listener,
                [hosts[0].connect(now, None, remote, None).ok(), None],
            )
        } else {
            let [a, b] = &mut hosts;
            (
                None,
                [open(a, now, first, second), open(b, now, second, first)],
            )
        };
        let [a, b] = ids;
        let end = |id, total| End {
            id,
            total,
            ..End::default()
        };
        Self {
            input,
            hosts,
            ends: [end(a, total[0]), end(b, total[1])],
            listener,
            now,
            under_way: BinaryHeap::new(),
            count: 0,
            decided: 0,
            fair: None,
            tell,
        }
    }

    fn say(&self, event: &str, to: usize, bytes: &[u8]) {
        if let Some(tell) = self.tell {
            let direction = ["<-", "->"][to];
            tell(&format!(
                "{} {direction} {event:9} {}",
                self.now,
                show(bytes)
            ));
        }
    }

    fn run(mut self) {
        let packets = MAX_PACKETS
            + MAX_PACKETS_PER_OCTET * u64::from(self.ends[0].total + self.ends[1].total);
        while !self.ends.iter().all(|end| end.eof) {
            self.applications();
            assert!(self.step(), "at rest before the end: {}", self.state());
            if let Some((since, carried)) = self.fair {
                let took = self.now.since(since);
                assert!(
                    took < LONGEST,
                    "not at the end after {took:?}: {}",
                    self.state()
                );
                assert!(carried < packets, "{carried} packets: {}", self.state());
            }
        }
        let [a, b] = &self.ends;
        assert_eq!(
            (a.received, b.received),
            (b.total, a.total),
            "not all text has come"
        );
        for (host, end) in self.hosts.iter_mut().zip(&self.ends) {
            if let Some(id) = end.id {
                host.release(self.now, id);
            }
        }
        if let Some(listener) = self.listener {
            self.hosts[1].release(self.now, listener);
        }
        let (end, before) = (self.now, self.fair.map_or(0, |(_, carried)| carried));
        while self.step() {
            // The input may go on to disturb.
            if let Some((since, carried)) = self.fair {
                let took = self.now.since(since.max(end));
                assert!(took < ENDING, "it does not end: {}", self.state());
                let carried = carried - before;
                assert!(carried < MAX_PACKETS, "{carried} packets at the end");
            }
        }
        for host in &self.hosts {
            assert_eq!(host.sockets(), 0, "sockets are left when all has ended");
        }
    }

    /// What both sides say of themselves, for a finding.
    fn state(&self) -> String {
        let of = |(host, end): (&Subject, &End)| {
            let status = end.id.and_then(|id| host.status(id));
            format!("{end:?} {status:?}\n")
        };
        self.hosts.iter().zip(&self.ends).map(of).collect()
    }

    /// Both applications do what they can.
    fn applications(&mut self) {
        if let (None, Some(listener)) = (self.ends[1].id, self.listener) {
            self.ends[1].id = self.hosts[1].accept(listener);
        }
        for (host, end) in self.hosts.iter_mut().zip(&mut self.ends) {
            end.act(host, self.now);
            while let Some((id, event)) = host.poll_event() {
                let ours = Some(id) == end.id;
                assert!(
                    !(ours && matches!(event, Event::Error(_))),
                    "{event:?}: {end:?}"
                );
            }
        }
    }

    /// Everything that can be sent now is sent, then the clock jumps. False at rest.
    fn step(&mut self) -> bool {
        for from in 0..2 {
            let mut burst = 0;
            let mut bytes = Vec::new();
            while self.hosts[from].poll_transmit_into(self.now, &mut bytes) {
                burst += 1;
                assert!(burst < MAX_BURST, "a host spins at {}", self.now);
                check_text(&bytes);
                self.carry(1 - from, core::mem::take(&mut bytes));
            }
            let timer = self.hosts[from].poll_timeout();
            assert!(
                timer.is_none_or(|at| at > self.now),
                "a timer is left in the past"
            );
        }
        let arrival = self.under_way.peek().map(|p| p.0.0);
        let [a, b] = &self.hosts;
        let next = [arrival, a.poll_timeout(), b.poll_timeout()];
        let Some(next) = next.into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(packet) = self.under_way.peek()
            && packet.0.0 <= self.now
            && let Some(Reverse((_, _, to, bytes))) = self.under_way.pop()
        {
            self.hosts[to].handle_packet(self.now, &bytes);
        }
        for host in &mut self.hosts {
            host.handle_timeout(self.now);
        }
        true
    }

    fn carry(&mut self, to: usize, mut bytes: Vec<u8>) {
        if self.input.is_empty() || self.decided == MAX_UNFAIR {
            let fair = self.fair.get_or_insert((self.now, 0));
            fair.1 += 1;
            self.say("fair", to, &bytes);
            return self.put(to, DELAY, bytes);
        }
        self.decided += 1;
        let choice = self.input.byte();
        let fate = match choice {
            0..=95 => "right",
            96..=143 => "lost",
            176..=207 => "doubled",
            208..=223 => "corrupted",
            224..=231 => "cut",
            _ => "late",
        };
        self.say(fate, to, &bytes);
        match choice {
            0..=95 => self.put(to, DELAY, bytes),
            96..=143 => {}
            144..=175 => {
                let delay = DELAY * u32::from(choice - 143);
                self.put(to, delay, bytes);
            }
            176..=207 => {
                let delay = DELAY * u32::from(choice - 175);
                self.put(to, DELAY, bytes.clone());
                self.put(to, delay, bytes);
            }
            208..=223 => {
                let at = usize::from(self.input.word()) % bytes.len();
                bytes[at] ^= self.input.byte();
                self.put(to, DELAY, bytes);
            }
            224..=231 => {
                bytes.truncate(usize::from(self.input.byte()));
                self.put(to, DELAY, bytes);
            }
            _ => {
                let delay = DELAY * (10 * u32::from(choice - 231));
                self.put(to, delay, bytes);
            }
        }
    }

    fn put(&mut self, to: usize, delay: Duration, bytes: Vec<u8>) {
        self.count += 1;
        let packet = (self.now + delay, self.count, to, bytes);
        self.under_way.push(Reverse(packet));
    }
}

impl End {
    /// Sends, closes behind the last octet, reads.
    fn act(&mut self, host: &mut Subject, now: Instant) {
        let Some(id) = self.id else {
            return;
        };
        while self.sent < self.total {
            let iss = host.status(id).expect("it is held").iss;
            let count = (self.total - self.sent).min(STEP as u32) as usize;
            let data = stream(iss + 1 + self.sent, count);
            let taken = host.send(now, id, &data).expect("it is open");
            self.sent += taken as u32;
            if taken < count {
                break;
            }
        }
        let established = host.status(id).is_some_and(|s| s.rcv_nxt != s.irs);
        if self.sent == self.total && !self.closed && established {
            host.close(now, id).expect("it is open");
            self.closed = true;
        }
        let mut buffer = [0; STEP];
        while !self.eof {
            let irs = host.status(id).expect("it is held").irs;
            let got = host.receive_into(now, id, &mut buffer);
            match got.expect("the connection holds") {
                Some(0) => break,
                Some(count) => {
                    let wrong = first_wrong(irs + 1 + self.received, &buffer[..count]);
                    assert_eq!(wrong, None, "behind octet {} of the text", self.received);
                    self.received += count as u32;
                }
                None => self.eof = true,
            }
        }
    }
}

/// One side of a simultaneous open.
fn open(host: &mut Subject, now: Instant, from: IpAddr, to: IpAddr) -> Option<SocketId> {
    let local = (from, OTHER_PORT);
    let remote = SocketAddr::new(to, OTHER_PORT);
    host.connect(now, Some(local), remote, None).ok()
}

fn check_text(bytes: &[u8]) {
    let ip = IpView::parse(bytes).expect("the host writes well-formed packets");
    let tcp = ip.tcp().expect("the host writes well-formed segments");
    let first = tcp.seq + u32::from(tcp.flags.contains(Flags::SYN));
    let wrong = first_wrong(first, tcp.payload);
    assert_eq!(wrong, None, "text out at {first} is wrong");
}
