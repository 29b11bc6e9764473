//! What a connection that does nothing costs: counted by the allocator.

use tcpconf_stack::{Config, Host, ListenOptions, SocketId};
use tcpconf_wire::Instant;

const CONNECTIONS: usize = 100_000;
/// Above this something was allocated that an idle connection does not need.
const BYTES_EACH: u64 = 1_050;

/// Two hosts with all the connections between them.
struct Pair {
    hosts: [Host; 2],
    /// Handles of the connections, on both hosts.
    ids: [Vec<SocketId>; 2],
}

fn exchange(hosts: &mut [Host; 2], packet: &mut Vec<u8>, now: Instant) {
    let mut moved = true;
    while moved {
        moved = false;
        for i in 0..2 {
            while hosts[i].poll_transmit_into(now, packet) {
                hosts[1 - i].handle_packet(now, packet);
                moved = true;
            }
        }
    }
    while hosts.iter_mut().any(|host| host.poll_event().is_some()) {}
}

fn connect_all(now: Instant) -> Pair {
    // One address has not ports enough.
    let addresses = [[10, 0, 0, 1], [10, 0, 0, 3]];
    let config = Config {
        ephemeral_ports: (1024, u16::MAX),
        ..Config::with_addresses(addresses.map(Into::into))
    };
    let server = Config::with_addresses([[10, 0, 0, 2].into()]);
    let mut hosts = [Host::new(config, 1), Host::new(server, 2)];
    let listener = hosts[1].listen(None, 80, ListenOptions::default());
    let listener = listener.expect("the port is free");
    let mut ids = [(); 2].map(|()| Vec::with_capacity(CONNECTIONS));
    let mut packet = Vec::new();
    for number in 0..CONNECTIONS {
        let local = (addresses[number % 2].into(), 0);
        let id = hosts[0].connect(now, Some(local), ([10, 0, 0, 2], 80).into(), None);
        ids[0].push(id.expect("a free port"));
        exchange(&mut hosts, &mut packet, now);
        ids[1].push(hosts[1].accept(listener).expect("the handshake is done"));
    }
    Pair { hosts, ids }
}

#[test]
fn a_hundred_thousand_idle_connections_cost_little_each_and_give_it_all_back() {
    let mut now = Instant::from_secs(1);
    let mut pair = None;
    let fresh = allocation_counter::measure(|| pair = Some(connect_all(now)));
    let mut pair = pair.expect("just made");
    let each = |bytes: i64| bytes.unsigned_abs() / (2 * CONNECTIONS as u64);
    println!("{} bytes each", each(fresh.bytes_current));
    assert!(fresh.bytes_current > 0);
    assert!(each(fresh.bytes_current) < BYTES_EACH);

    // A request and its answer on each, all read; then they are idle again.
    let mut packet = Vec::new();
    let mut buffer = [0; 1000];
    let used = allocation_counter::measure(|| {
        for (&a, &b) in pair.ids[0].iter().zip(&pair.ids[1]) {
            for (from, to, here, there) in [(0, 1, a, b), (1, 0, b, a)] {
                let sent = pair.hosts[from].send(now, here, &buffer);
                assert_eq!(sent, Ok(1000));
                exchange(&mut pair.hosts, &mut packet, now);
                let got = pair.hosts[to].receive_into(now, there, &mut buffer);
                assert_eq!(got, Ok(Some(1000)));
            }
            exchange(&mut pair.hosts, &mut packet, now);
        }
        now += core::time::Duration::from_secs(1);
        exchange(&mut pair.hosts, &mut packet, now);
    });
    let after = fresh.bytes_current + used.bytes_current;
    println!("{} bytes each after use", each(after));

    let ended = allocation_counter::measure(|| {
        for (&a, &b) in pair.ids[0].iter().zip(&pair.ids[1]) {
            pair.hosts[0].release(now, a);
            pair.hosts[1].release(now, b);
            exchange(&mut pair.hosts, &mut packet, now);
        }
        now += core::time::Duration::from_secs(300);
        exchange(&mut pair.hosts, &mut packet, now);
        // Only the listener is left; what the tables keep for the next connections goes with the hosts.
        assert_eq!(pair.hosts.each_ref().map(Host::sockets), [0, 1]);
    });
    let left = after + ended.bytes_current;
    println!("{} bytes each are kept in tables", each(left));
    assert!(each(left) < 300, "{left}");
}
