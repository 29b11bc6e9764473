//! The own stack against smoltcp 0.14, side by side on the same work: IPv4 packets of the same scripted
//! peer go in, an application reads and writes, packets come out, checksums verified and computed.
//!
//! `harness/stack/benches/compare` runs it and prints the ratios. Both stacks are in the same program, built as
//! Cargo's `bench` profile has it (that of `release`: no LTO, 16 units a crate), and get the same:
//!
//! - packets: parsed, IPv4 and TCP checksums verified on the way in and computed on the way out;
//! - options: MSS, SACK-permitted and window scale on the peer's SYN, both answer; no timestamps, which
//!   smoltcp has off unless it is given a generator. The own stack would answer them;
//! - buffers of 256 KiB each way, an MTU of 1500, Nagle and delayed ACKs on, as both have them;
//! - an application that reads, writes, opens and closes. The own stack makes a connection for each SYN and
//!   tells its events, which are taken; a socket of smoltcp listens again. The own stack has Reno, smoltcp no
//!   congestion control.
//!
//! What it does not measure: IPv6, options on every segment, loss, many connections at once.
//!
//! `repeat WORK STACK TIMES` does one kind of work with one of the two and nothing else, for counters of
//! instructions, which do not hear the rest of the machine: the difference of two runs under
//! `valgrind --tool=callgrind`, by the difference of their TIMES.
//!
//! On 2026-11-22 (Intel Xeon, 2 cores, shared with other builds, load 5 to 6): segments a second, the fastest sample of
//! two runs in which the two take turns, and their ratio; the ratio of user CPU time of `repeat`, the two in turn, the
//! median of 20 pairs for the first and 9 for the others; and instructions, the peer's included, of a connection, of a
//! segment, and of a request with its answer:
//!
//! | work | own | smoltcp | ratio | by CPU time | instructions own | smoltcp | ratio |
//! |---|---|---|---|---|---|---|---|
//! | handshake and close | 11.8 M | 11.4 M | 1.04 | 1.06 | 8205 | 9221 | 1.12 |
//! | bulk in | 8.7 M | 6.5 M | 1.32 | 1.31 | 3057 | 4107 | 1.34 |
//! | bulk out | 5.6 M | 4.7 M | 1.21 | 1.20 | 4000 | 4732 | 1.18 |
//! | request and response | 9.8 M | 9.7 M | 1.01 | 1.02 | 3369 | 3610 | 1.07 |
//!
//! Where the linker puts the code of either moves these ratios by 3 %: compare builds in turns, in the same minutes. In
//! the last row smoltcp has two speeds.
//!
//! A connection costs more than its instructions say because each does many things once: a socket of its own,
//! demultiplexed by a keyed hash, an ISN by RFC 6528, events; smoltcp's socket listens again. Of 5000 different
//! instructions, in 512 cache lines (586 before), 3900 run once a connection. In a first cache of 32 KiB, by
//! `valgrind --tool=cachegrind`, 238 lines a connection are fetched again (419 before), smoltcp's all stay.
//! What helps is found by `perf record -e cpu-clock:u`: where a processor waits, wide reads follow narrow writes (a value
//! built in one place and moved to another), or a page ends within a write. Neither one unit a crate, nor opt-level 2 or s
//! for the stack, is faster.
//!
//! With LTO and one unit a crate both are faster by a tenth to a fifth, smoltcp, which is generic, a little more.

mod own;
mod peer;
mod smol;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group};
use own::Own;
use peer::{Peer, TEXT};
use smol::Smol;
use tcpconf_wire::Instant;

/// Octets of a request, and of its answer.
const REQUEST: usize = 64;
/// Segments that come in before the stack is asked for its answers.
const BATCH: usize = 8;
/// Full segments of one measured run of a bulk transfer.
const BULK: usize = 64 * BATCH;
/// Requests of one measured run.
const REQUESTS: usize = 100;

/// A stack with one listener and an application.
trait Subject {
    /// A fresh one.
    fn new() -> Self;
    /// A packet comes in.
    fn input(&mut self, now: Instant, packet: &[u8]);
    /// The next packet out, into `packet`; false when there is none.
    fn output(&mut self, now: Instant, packet: &mut Vec<u8>) -> bool;
    /// The application takes the connection whose handshake is done.
    fn accept(&mut self);
    /// The application reads what is there: how many octets.
    fn read(&mut self, now: Instant, buffer: &mut [u8]) -> usize;
    /// The application writes what fits: how many octets.
    fn write(&mut self, now: Instant, text: &[u8]) -> usize;
    /// The application closes and forgets the connection.
    fn close(&mut self, now: Instant);
    /// The connection has ended on both sides; the next one may come.
    fn ended(&mut self, now: Instant);
}

/// A stack and the peer that talks to it.
struct Scene<S> {
    stack: S,
    peer: Peer,
    now: Instant,
    packet: Vec<u8>,
    buffer: Vec<u8>,
}

impl<S: Subject> Scene<S> {
    fn new() -> Self {
        Self {
            stack: S::new(),
            peer: Peer::new(),
            now: Instant::from_secs(1),
            packet: Vec::with_capacity(2048),
            buffer: vec![0x55; 64 * 1024],
        }
    }

    fn established() -> Self {
        let mut scene = Self::new();
        scene.open();
        scene
    }

    /// Time passes as on a link of 10 Gbit/s.
    fn tick(&mut self) {
        self.now += core::time::Duration::from_micros(1);
    }

    fn say(&mut self, build: impl FnOnce(&mut Peer) -> &[u8]) {
        let Self {
            stack, peer, now, ..
        } = self;
        stack.input(*now, build(peer));
    }

    /// The peer hears everything that the stack has to say now: how many segments.
    fn listen(&mut self) -> usize {
        let mut count = 0;
        while self.stack.output(self.now, &mut self.packet) {
            self.peer.hear(&self.packet);
            count += 1;
        }
        count
    }

    fn open(&mut self) {
        self.tick();
        self.say(Peer::syn);
        assert_eq!(self.listen(), 1, "a SYN-ACK");
        self.say(Peer::ack);
        self.stack.accept();
    }

    /// Opened and closed by the peer, closed by the application.
    fn open_and_close(&mut self) {
        self.open();
        self.say(Peer::fin);
        self.stack.close(self.now);
        assert_eq!(self.listen(), 1, "a FIN that acknowledges the FIN");
        self.say(Peer::ack);
        self.stack.ended(self.now);
    }

    fn bulk_in(&mut self) {
        let mut read = 0;
        for _ in 0..BULK / BATCH {
            self.tick();
            for _ in 0..BATCH {
                self.say(Peer::text);
            }
            read += self.stack.read(self.now, &mut self.buffer);
            assert!(self.listen() > 0, "full segments are acknowledged");
        }
        assert_eq!(read, BULK * TEXT);
    }

    fn bulk_out(&mut self) {
        let mut heard = 0;
        while heard < BULK * TEXT {
            self.tick();
            self.stack.write(self.now, &self.buffer);
            let before = self.peer.heard();
            let Self {
                stack,
                peer,
                now,
                packet,
                ..
            } = self;
            while stack.output(*now, packet) {
                if peer.hear(packet) {
                    stack.input(*now, peer.ack());
                }
            }
            self.say(Peer::ack);
            let more = self.peer.heard() - before;
            assert!(more > 0, "the window is open");
            heard += more;
        }
    }

    fn requests(&mut self) {
        for _ in 0..REQUESTS {
            self.tick();
            self.say(|peer| peer.request(REQUEST));
            assert_eq!(self.stack.read(self.now, &mut self.buffer), REQUEST);
            assert_eq!(self.stack.write(self.now, &[1; REQUEST]), REQUEST);
            assert_eq!(self.listen(), 1, "one answer");
        }
    }
}

fn both(c: &mut Criterion, name: &str, segments: usize, work: [fn(&mut Criterion, &str, u64); 2]) {
    for run in work {
        run(c, name, segments as u64);
    }
}

fn group<'a>(c: &'a mut Criterion, name: &str, segments: u64) -> BenchmarkGroup<'a, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(segments));
    group
}

fn handshakes<S: Subject>(c: &mut Criterion, name: &str, segments: u64, label: &str) {
    let mut scene = Scene::<S>::new();
    group(c, name, segments).bench_function(label, |b| b.iter(|| scene.open_and_close()));
}

fn on_one<S: Subject>(
    c: &mut Criterion,
    name: &str,
    segments: u64,
    label: &str,
    work: fn(&mut Scene<S>),
) {
    let mut scene = Scene::<S>::established();
    // Congestion windows and buffers are open before anything is measured.
    (0..20).for_each(|_| work(&mut scene));
    group(c, name, segments).bench_function(label, |b| b.iter(|| work(&mut scene)));
}

fn stacks(c: &mut Criterion) {
    // Four segments in and two out.
    both(
        c,
        "handshake and close",
        6,
        [
            |c, name, n| handshakes::<Own>(c, name, n, "own"),
            |c, name, n| handshakes::<Smol>(c, name, n, "smoltcp"),
        ],
    );
    both(
        c,
        "bulk in",
        BULK,
        [
            |c, name, n| on_one::<Own>(c, name, n, "own", Scene::bulk_in),
            |c, name, n| on_one::<Smol>(c, name, n, "smoltcp", Scene::bulk_in),
        ],
    );
    both(
        c,
        "bulk out",
        BULK,
        [
            |c, name, n| on_one::<Own>(c, name, n, "own", Scene::bulk_out),
            |c, name, n| on_one::<Smol>(c, name, n, "smoltcp", Scene::bulk_out),
        ],
    );
    both(
        c,
        "request and response",
        2 * REQUESTS,
        [
            |c, name, n| on_one::<Own>(c, name, n, "own", Scene::requests),
            |c, name, n| on_one::<Smol>(c, name, n, "smoltcp", Scene::requests),
        ],
    );
}

/// One kind of work with one of the two, so often: nothing else in the process, for counters of instructions.
fn repeat(work: &str, stack: &str, times: usize) {
    fn with<S: Subject>(work: &str, times: usize) {
        let run = match work {
            "handshake and close" => Scene::<S>::open_and_close,
            "bulk in" => Scene::bulk_in,
            "bulk out" => Scene::bulk_out,
            "request and response" => Scene::requests,
            other => panic!("no such work: {other}"),
        };
        let mut scene = match work {
            "handshake and close" => Scene::new(),
            _ => Scene::established(),
        };
        (0..times).for_each(|_| run(&mut scene));
    }
    match stack {
        "own" => with::<Own>(work, times),
        "smoltcp" => with::<Smol>(work, times),
        other => panic!("no such stack: {other}"),
    }
}

criterion_group!(benches, stacks);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, work, stack, times, ..] = &arguments[..]
        && command == "repeat"
    {
        repeat(work, stack, times.parse().expect("how often"));
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
