//! Whatever arrives, the host does not panic, does not spin, and holds no more than its limits.

mod common;

use common::{Trace, ip_datagram, plain};
use proptest::prelude::*;
use tcpconf_stack::{Config, ListenOptions};

/// Sends all that is due now; fails when that does not end.
fn drain(t: &mut Trace) -> usize {
    let mut count = 0;
    while t.host.poll_transmit(t.now).is_some() {
        count += 1;
        assert!(count < 1000, "the host spins");
    }
    count
}

fn segment() -> impl Strategy<Value = Vec<u8>> {
    let near = prop_oneof![
        -3i64..4,
        -70_000i64..70_000,
        Just(1 << 31),
        any::<i32>().prop_map(i64::from)
    ];
    let options = prop_oneof![
        Just(Vec::new()),
        proptest::collection::vec(any::<u8>(), 0..41),
        proptest::collection::vec(prop_oneof![0u8..11, Just(30), Just(34)], 0..41),
    ];
    let flags = prop_oneof![
        Just(0x10u16),
        Just(0x18),
        Just(0x11),
        Just(0x02),
        Just(0x12),
        Just(0x04),
        0u16..512
    ];
    (
        near.clone(),
        near,
        flags,
        any::<u16>(),
        any::<u16>(),
        options,
        0usize..1500,
    )
        .prop_map(|(seq, ack, flags, window, urgent, mut options, len)| {
            options.resize(options.len() / 4 * 4, 1);
            let mut bytes = Vec::new();
            bytes.extend((seq as u32).to_be_bytes());
            bytes.extend((ack as u32).to_be_bytes());
            let offset = (5 + options.len() / 4) as u16;
            bytes.extend((offset << 12 | flags).to_be_bytes());
            bytes.extend(window.to_be_bytes());
            bytes.extend([0, 0]);
            bytes.extend(urgent.to_be_bytes());
            bytes.extend(options);
            bytes.resize(bytes.len() + len, 0x5a);
            bytes
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_octets_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut t = Trace::established(plain());
        t.host.handle_packet(t.now, &bytes);
        for protocol in [1, 6, 58] {
            let packet = ip_datagram(t.tuple.remote, t.tuple.local, protocol, bytes.clone());
            t.host.handle_packet(t.now, &packet);
        }
        prop_assert!(drain(&mut t) <= 4);
    }

    #[test]
    fn any_segments_near_the_connection_are_survived(
        segments in proptest::collection::vec((segment(), 0u64..3000, 0u8..8), 1..60),
        modern in any::<bool>(),
    ) {
        let config = if modern { Config::with_addresses([[10, 0, 0, 1].into()]) } else { plain() };
        let mut t = Trace::listening(config.clone());
        t.drive("< S 0:0(0) win 10000 <mss 1000,sackOK,ts 1 0,nop,wscale 2>");
        let _ = t.poll();
        t.drive("< . 1:1(0) ack 1 win 10000 <ts 2 0>");
        let id = t.accept();
        for (mut tcp, wait, call) in segments {
            let (Some(iss), isn) = (t.iss, t.peer_isn) else { unreachable!() };
            let status = t.status();
            let (rcv, snd) = status.map_or((isn, iss), |s| (s.rcv_nxt.0, s.snd_nxt.0));
            let word = |b: &[u8]| u32::from_be_bytes([b[0], b[1], b[2], b[3]]);
            let seq = word(&tcp[0..4]).wrapping_add(rcv);
            let ack = word(&tcp[4..8]).wrapping_add(snd);
            tcp[0..4].copy_from_slice(&seq.to_be_bytes());
            tcp[4..8].copy_from_slice(&ack.to_be_bytes());
            let mut full = Vec::new();
            full.extend(t.tuple.remote.port().to_be_bytes());
            full.extend(t.tuple.local.port().to_be_bytes());
            full.extend(tcp);
            let packet = common::ip_packet(t.tuple.remote, t.tuple.local, full);
            match call {
                0 => { let _ = t.host.send(t.now, id, &[1; 3000]); }
                1 => { let _ = t.host.receive(t.now, id, 500); }
                2 => { let _ = t.host.close(t.now, id); }
                _ => {}
            }
            t.host.handle_packet(t.now, &packet);
            prop_assert!(drain(&mut t) < 300);
            t.now += core::time::Duration::from_millis(wait);
        }
        if let Some(status) = t.host.status(id) {
            let limit = 4 * (config.receive_buffer + config.send_buffer) as usize + 200_000;
            prop_assert!(status.memory < limit);
        }
        // Left alone and released, everything ends.
        t.host.release(t.now, id);
        let listener = t.listener.expect("it listens");
        t.host.close(t.now, listener).expect("it listens");
        let mut timers = 0;
        while let Some(at) = t.host.poll_timeout() {
            t.now = t.now.max(at);
            drain(&mut t);
            timers += 1;
            prop_assert!(timers < 2000);
        }
        prop_assert_eq!(t.host.sockets(), 0);
    }
}

#[test]
fn a_flood_of_syns_holds_no_more_than_the_backlog() {
    let mut t = Trace::with(plain());
    let options = ListenOptions {
        backlog: 16,
        ..ListenOptions::default()
    };
    let listener = t.host.listen(None, common::PORT, options).unwrap();
    for port in 1..5000 {
        t.tuple.remote.set_port(port);
        t.drive("< S 0:0(0) win 1000");
        while t.host.poll_transmit(t.now).is_some() {}
    }
    assert_eq!(t.host.status(listener).unwrap().half_open, 16);
    assert_eq!(t.host.sockets(), 17);
    t.now += core::time::Duration::from_secs(400);
    while t.host.poll_timeout().is_some_and(|at| at <= t.now) {
        while t.host.poll_transmit(t.now).is_some() {}
    }
    for _ in 0..20 {
        t.now += core::time::Duration::from_secs(100);
        while t.host.poll_transmit(t.now).is_some() {}
    }
    assert_eq!(t.host.status(listener).unwrap().half_open, 0);
    assert_eq!(t.host.sockets(), 1);
}

#[test]
fn tiny_out_of_order_segments_are_bounded() {
    let mut t = Trace::established(plain());
    for i in 0..20_000u32 {
        let seq = 3 + 2 * i;
        t.drive(&format!("< . {seq}:{}(1) ack 1 win 10000", seq + 1));
        drain(&mut t);
    }
    assert!(t.status().unwrap().memory < 200_000);
}
