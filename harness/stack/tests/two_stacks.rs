//! Two hosts in virtual time over a link that loses, reorders and duplicates.

use core::time::Duration;
use std::collections::BinaryHeap;
use tcpconf_stack::{
    Config, CongestionAlgorithm, Event, Host, ListenOptions, LossRecovery, Received, SocketId,
    UnusedWindow,
};
use tcpconf_wire::Instant;

/// A small generator, so that each run is the same (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// What the link does, each in per mille.
#[derive(Clone, Copy)]
struct Faults {
    lost: u64,
    late: u64,
    twice: u64,
}

const CLEAN: Faults = Faults {
    lost: 0,
    late: 0,
    twice: 0,
};

/// When, in which order, to whom, what.
type UnderWay = std::cmp::Reverse<(Instant, u64, usize, Vec<u8>)>;

struct Net {
    hosts: [Host; 2],
    now: Instant,
    /// Packets under way: earliest first.
    under_way: BinaryHeap<UnderWay>,
    dice: Dice,
    faults: Faults,
    count: u64,
}

const DELAY: Duration = Duration::from_millis(10);

fn octet(at: u64) -> u8 {
    (at.wrapping_mul(2_654_435_761) >> 13) as u8
}

impl Net {
    fn new(faults: Faults, seed: u64, change: impl Fn(&mut Config)) -> Self {
        let config = |n: u8| {
            let mut config = Config::with_addresses([[10, 0, 0, n].into()]);
            change(&mut config);
            config
        };
        Self {
            hosts: [Host::new(config(1), seed), Host::new(config(2), !seed)],
            now: Instant::ZERO,
            under_way: BinaryHeap::new(),
            dice: Dice(seed | 1),
            faults,
            count: 0,
        }
    }

    /// One step: everything that can be sent now is sent, then the clock jumps. False at rest.
    fn step(&mut self) -> bool {
        for from in 0..2 {
            let mut budget = 100_000;
            while let Some(packet) = self.hosts[from].poll_transmit(self.now) {
                budget -= 1;
                assert!(budget > 0, "a host spins at {}", self.now);
                self.carry(1 - from, packet.bytes);
            }
        }
        let arrival = self.under_way.peek().map(|p| p.0.0);
        let next = [
            arrival,
            self.hosts[0].poll_timeout(),
            self.hosts[1].poll_timeout(),
        ]
        .into_iter()
        .flatten()
        .min();
        let Some(next) = next else {
            return false;
        };
        self.now = self.now.max(next);
        while let Some(packet) = self.under_way.peek()
            && packet.0.0 <= self.now
        {
            if let Some(std::cmp::Reverse((_, _, to, bytes))) = self.under_way.pop() {
                self.hosts[to].handle_packet(self.now, &bytes);
            }
        }
        for host in &mut self.hosts {
            host.handle_timeout(self.now);
        }
        true
    }

    fn carry(&mut self, to: usize, bytes: Vec<u8>) {
        let Faults { lost, late, twice } = self.faults;
        let copies = 1 + u64::from(self.dice.roll(1000) < twice);
        for _ in 0..copies {
            if self.dice.roll(1000) < lost {
                continue;
            }
            let extra = if self.dice.roll(1000) < late {
                Duration::from_millis(1 + self.dice.roll(15))
            } else {
                Duration::ZERO
            };
            self.count += 1;
            let at = self.now + DELAY + extra;
            self.under_way
                .push(std::cmp::Reverse((at, self.count, to, bytes.clone())));
        }
    }

    fn open(&mut self) -> (SocketId, SocketId) {
        let options = ListenOptions {
            socket: self.hosts[1].config().socket,
            ..ListenOptions::default()
        };
        let listener = self.hosts[1].listen(None, 80, options);
        let listener = listener.expect("the port is free");
        let a = self.hosts[0]
            .connect(self.now, None, ([10, 0, 0, 2], 80).into(), None)
            .expect("a free port");
        loop {
            assert!(self.step());
            if let Some(b) = self.hosts[1].accept(listener) {
                self.hosts[1].close(self.now, listener).expect("it listens");
                return (a, b);
            }
        }
    }

    /// Both ways at once `total` octets, then both close. Returns the time that it took.
    fn exchange(&mut self, total: u64) -> Duration {
        let ids = self.open();
        let ids = [ids.0, ids.1];
        let start = self.now;
        let (mut sent, mut received, mut eof) = ([0u64; 2], [0u64; 2], [false; 2]);
        while !(eof[0] && eof[1]) {
            for i in 0..2 {
                while sent[i] < total {
                    let count = (total - sent[i]).min(8192);
                    let data: Vec<u8> = (0..count).map(|o| octet(sent[i] + o)).collect();
                    let taken = self.hosts[i]
                        .send(self.now, ids[i], &data)
                        .expect("it is open");
                    sent[i] += taken as u64;
                    if sent[i] == total {
                        self.hosts[i].close(self.now, ids[i]).expect("it is open");
                    }
                    if taken == 0 {
                        break;
                    }
                }
                loop {
                    match self.hosts[i]
                        .receive(self.now, ids[i], 1 << 20)
                        .expect("no error")
                    {
                        Received::Data(data) => {
                            for byte in data {
                                assert_eq!(byte, octet(received[i]), "octet {}", received[i]);
                                received[i] += 1;
                            }
                        }
                        Received::Nothing => break,
                        Received::Eof => {
                            eof[i] = true;
                            break;
                        }
                    }
                }
            }
            assert!(
                self.step(),
                "at rest before the end: {received:?} of {total}"
            );
        }
        assert_eq!(received, [total; 2]);
        let took = self.now.since(start);
        for (host, id) in self.hosts.iter_mut().zip(ids) {
            host.release(self.now, id);
        }
        while self.step() {}
        for host in &mut self.hosts {
            assert_eq!(host.sockets(), 0, "everything ends");
            while let Some((_, event)) = host.poll_event() {
                assert!(!matches!(event, Event::Error(_)));
            }
        }
        took
    }
}

#[test]
fn a_clean_link_carries_everything_without_retransmission() {
    let mut net = Net::new(CLEAN, 1, |_| {});
    let ids = net.open();
    let data: Vec<u8> = (0..3_000_000).map(octet).collect();
    let (mut sent, mut received) = (0, 0);
    while received < data.len() {
        sent += net.hosts[0].send(net.now, ids.0, &data[sent..]).unwrap();
        if let Received::Data(d) = net.hosts[1].receive(net.now, ids.1, 1 << 20).unwrap() {
            assert_eq!(d, data[received..received + d.len()]);
            received += d.len();
        }
        net.step();
    }
    assert_eq!(net.hosts[0].status(ids.0).unwrap().retransmissions, 0);
}

#[test]
fn loss_reordering_and_duplication_corrupt_nothing() {
    for seed in 0..12 {
        let faults = Faults {
            lost: 10,
            late: 20,
            twice: 10,
        };
        Net::new(faults, seed, |_| {}).exchange(2_000_000);
    }
}

/// 1 GiB each way with `TCPCONF_DEEP=1` (a minute), a 64th of it otherwise.
#[test]
fn a_gibibyte_arrives_intact() {
    let faults = Faults {
        lost: 10,
        late: 20,
        twice: 10,
    };
    let deep = std::env::var("TCPCONF_DEEP").as_deref() == Ok("1");
    let total = if deep { 1 << 30 } else { 1 << 24 };
    let took = Net::new(faults, 77, |_| {}).exchange(total);
    println!("{total} octets each way in {took:?} of virtual time");
}

#[test]
fn cubic_carries_it_as_well() {
    let faults = Faults {
        lost: 10,
        late: 20,
        twice: 10,
    };
    for seed in 0..4 {
        let cubic = |c: &mut Config| c.socket.congestion = CongestionAlgorithm::Cubic;
        Net::new(faults, seed, cubic).exchange(2_000_000);
    }
}

#[test]
fn rack_carries_it_as_well() {
    for (seed, lost) in [(0, 10), (1, 10), (2, 50), (3, 150)] {
        let faults = Faults {
            lost,
            late: 50,
            twice: 10,
        };
        let rack = |c: &mut Config| c.loss_recovery = LossRecovery::Rack;
        Net::new(faults, seed, rack).exchange(500_000);
    }
}

#[test]
fn reordering_alone_makes_rack_retransmit_little() {
    let faults = Faults { late: 100, ..CLEAN };
    let rack = |c: &mut Config| c.loss_recovery = LossRecovery::Rack;
    let mut net = Net::new(faults, 9, rack);
    let ids = net.open();
    let data: Vec<u8> = (0..3_000_000).map(octet).collect();
    let (mut sent, mut received) = (0, 0);
    while received < data.len() {
        sent += net.hosts[0].send(net.now, ids.0, &data[sent..]).unwrap();
        if let Received::Data(d) = net.hosts[1].receive(net.now, ids.1, 1 << 20).unwrap() {
            received += d.len();
        }
        net.step();
    }
    let segments = data.len() as u64 / 1448;
    let again = net.hosts[0].status(ids.0).unwrap().retransmissions;
    assert!(again < segments / 20, "{again} of {segments}");
}

#[test]
fn heavy_loss_corrupts_nothing() {
    for seed in 0..6 {
        let faults = Faults {
            lost: 150,
            late: 200,
            twice: 100,
        };
        Net::new(faults, seed, |_| {}).exchange(100_000);
    }
}

#[test]
fn without_options_it_works_as_well() {
    let faults = Faults {
        lost: 20,
        late: 20,
        twice: 10,
    };
    for seed in 0..6 {
        let plain = |c: &mut Config| {
            c.sack = false;
            c.timestamps = false;
            c.window_scale = false;
            c.receive_buffer = 20_000;
            c.send_buffer = 9_000;
        };
        Net::new(faults, seed, plain).exchange(500_000);
    }
}

/// An MSS of 40: what the answer to the SYN leaves out, neither side uses.
#[test]
fn tiny_segments_make_progress() {
    let tiny = |c: &mut Config| c.mtu = 80;
    Net::new(CLEAN, 3, tiny).exchange(5_000);
}

#[test]
fn tiny_buffers_make_progress() {
    let faults = Faults { lost: 20, ..CLEAN };
    let tiny = |c: &mut Config| {
        c.receive_buffer = 700;
        c.send_buffer = 100;
    };
    Net::new(faults, 3, tiny).exchange(5_000);
}

#[test]
fn one_per_cent_of_loss_leaves_a_useful_rate() {
    let faults = Faults { lost: 10, ..CLEAN };
    let took = Net::new(faults, 5, |_| {}).exchange(4_000_000);
    // 20 ms round trip: the model of RFC 3819 §8.5.1 gives about 7 Mbit/s at 1 % loss.
    assert!(took < Duration::from_secs(15), "{took:?}");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]

    /// Whatever the configuration and the link, everything arrives and everything ends.
    #[test]
    fn any_configuration_on_any_link_is_live(
        seed in 0u64..1_000_000,
        (lost, late, twice) in (0u64..250, 0u64..400, 0u64..300),
        (mtu, receive_buffer, send_buffer) in (70u16..1600, 100u32..200_000, 10u32..200_000),
        (scale, stamps, sack, rack, cubic) in proptest::prelude::any::<(bool, bool, bool, bool, bool)>(),
        (prr, f_rto, ecn, nagle, validate) in proptest::prelude::any::<(bool, bool, bool, bool, bool)>(),
        delayed_ack_ms in 0u64..400,
        rto_min_ms in 20u64..1000,
        total in 1u64..40_000,
    ) {
        let faults = Faults { lost, late, twice };
        let change = |c: &mut Config| {
            c.mtu = mtu;
            c.receive_buffer = receive_buffer;
            c.send_buffer = send_buffer;
            c.window_scale = scale;
            c.timestamps = stamps;
            c.sack = sack;
            c.prr = prr;
            c.f_rto = f_rto;
            c.delayed_ack = Duration::from_millis(delayed_ack_ms);
            c.rto_min = Duration::from_millis(rto_min_ms);
            c.socket.nagle = nagle;
            c.socket.user_timeout = None;
            c.r2_syn = Duration::from_secs(100_000);
            c.synack_retries = 1000;
            if validate {
                c.unused_window = UnusedWindow::Validate;
            }
            if rack {
                c.loss_recovery = LossRecovery::Rack;
            }
            if cubic {
                c.socket.congestion = CongestionAlgorithm::Cubic;
            }
            if ecn {
                c.ecn = tcpconf_stack::Ecn::Request;
            }
        };
        Net::new(faults, seed, change).exchange(total);
    }
}
