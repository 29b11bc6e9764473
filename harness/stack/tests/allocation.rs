//! No allocation for a segment once buffers have grown: counted by the allocator.

use tcpconf_stack::{Config, Host, ListenOptions, SocketId};
use tcpconf_wire::Instant;

struct Pair {
    hosts: [Host; 2],
    ids: [SocketId; 2],
    now: Instant,
    packet: Vec<u8>,
    buffer: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        let config = |n: u8| Config::with_addresses([[10, 0, 0, n].into()]);
        let (mut a, mut b) = (Host::new(config(1), 1), Host::new(config(2), 2));
        let now = Instant::ZERO;
        let listener = b
            .listen(None, 80, ListenOptions::default())
            .expect("the port is free");
        let id = a
            .connect(now, None, ([10, 0, 0, 2], 80).into(), None)
            .expect("a free port");
        let mut pair = Self {
            hosts: [a, b],
            ids: [id, id],
            now,
            packet: Vec::with_capacity(2000),
            buffer: vec![0; 100_000],
        };
        pair.settle();
        pair.ids[1] = pair.hosts[1]
            .accept(listener)
            .expect("the handshake is done");
        pair
    }

    fn settle(&mut self) {
        loop {
            let mut moved = false;
            for i in 0..2 {
                while self.hosts[i].poll_transmit_into(self.now, &mut self.packet) {
                    self.hosts[1 - i].handle_packet(self.now, &self.packet);
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        while self.hosts.iter_mut().any(|h| h.poll_event().is_some()) {}
    }

    /// 50 kB one way, and the answer.
    fn round(&mut self, from: usize) -> usize {
        let data = [7; 50_000];
        let sent = self.hosts[from]
            .send(self.now, self.ids[from], &data)
            .expect("it is open");
        self.settle();
        self.now += core::time::Duration::from_millis(300);
        self.settle();
        let got = self.hosts[1 - from]
            .receive_into(self.now, self.ids[1 - from], &mut self.buffer)
            .expect("it is open");
        self.settle();
        assert_eq!(got, Some(sent));
        sent
    }
}

#[test]
fn bulk_in_both_directions_allocates_nothing() {
    let mut pair = Pair::new();
    for _ in 0..20 {
        pair.round(0);
        pair.round(1);
    }
    let mut octets = 0;
    let info = allocation_counter::measure(|| {
        for _ in 0..50 {
            octets += pair.round(0) + pair.round(1);
        }
    });
    assert_eq!(octets, 5_000_000);
    assert_eq!(info.count_total, 0);
}
