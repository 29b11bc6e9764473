//! What a segment costs does not grow with what is queued (issue 3's oracle): time of the worst
//! acknowledgements against few and many segments in flight.

mod common;

use common::{Trace, plain};
use rstest::rstest;
use tcpconf_stack::{Config, LossRecovery};

/// Octets of a segment.
const SIZE: u32 = 40;

/// ESTABLISHED with `count` segments in flight.
fn in_flight(count: u32, recovery: LossRecovery) -> Trace {
    let config = Config {
        sack: true,
        window_scale: true,
        loss_recovery: recovery,
        black_hole_after: None,
        ..plain()
    };
    let mut t = Trace::listening(config);
    t.drive(&format!(
        "
        < S 0:0(0) win 65535 <mss {SIZE},sackOK,wscale 4>
        > S. 0:0(0) ack 1
        < . 1:1(0) ack 1 win 65535"
    ));
    t.accept();
    // The window grows until it lets all of them out.
    let mut acked = 1;
    loop {
        t.send((count * SIZE) as usize);
        let mut sent = 0;
        while t.host.poll_transmit(t.now).is_some() {
            sent += 1;
        }
        if sent >= count {
            return t;
        }
        for _ in 0..sent {
            acked += SIZE;
            let ack = t.build(&format!(". 1:1(0) ack {acked} win 65535"));
            t.host.handle_packet(t.now, &ack);
        }
    }
}

/// The fastest of some runs of 40 ACKs that each SACK another segment, in nanoseconds: what is measured
/// is work, not the scheduler.
fn cost(count: u32, recovery: LossRecovery) -> u128 {
    (0..5)
        .map(|_| {
            let mut t = in_flight(count, recovery);
            let status = t.status().expect("a connection");
            let una = status.snd_una.0.wrapping_sub(status.iss.0);
            let packets: Vec<Vec<u8>> = (0..40)
                .map(|i| {
                    // Single segments from the top down, each in a hole of its own.
                    let from = una + (count - 2 - 2 * i) * SIZE;
                    let to = from + SIZE;
                    let text = format!(
                        ". 1:1(0) ack {una} win 65535 <nop,nop,sack {from}:{to} {}:{to}>",
                        una + SIZE
                    );
                    t.build(&if i % 2 == 0 {
                        format!(". 1:1(0) ack {una} win 65535 <nop,nop,sack {from}:{to}>")
                    } else {
                        text
                    })
                })
                .collect();
            // Everything below is found lost, or SACKed, once: that is not the price of one ACK.
            for packet in &packets[..8] {
                t.host.handle_packet(t.now, packet);
            }
            let start = std::time::Instant::now();
            for packet in &packets[8..] {
                t.host.handle_packet(t.now, packet);
            }
            start.elapsed().as_nanos()
        })
        .min()
        .expect("some runs")
}

#[rstest]
#[case::sack(LossRecovery::Sack)]
#[case::rack(LossRecovery::Rack)]
fn an_ack_costs_the_same_with_many_segments_in_flight(#[case] recovery: LossRecovery) {
    let (few, many) = (cost(128, recovery), cost(4000, recovery));
    // A walk over everything would cost thirty times as much.
    assert!(many < 4 * few, "{few} ns with few, {many} ns with many");
}
