//! Measures the kernel target's link: making networks, SYN to RST one at a time, bursts.
//!
//! `cargo run --release -p tcpconf-target --example link_latency` as root.

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::net::SocketAddr;
    use std::time::{Duration, Instant};
    use tcpconf_suite::plan::Needs;
    use tcpconf_target::{KernelTarget, RealTarget};
    use tcpconf_wire::{Flags, Segment};

    const ROUNDS: usize = 20_000;
    const BURST: usize = 50_000;
    const NETWORKS: u32 = 20;

    let began = Instant::now();
    let mut target = KernelTarget::open()?;
    println!("opening: {:?}", began.elapsed());

    let alone = Needs {
        exclusive: true,
        ..Needs::default()
    };
    let (mut made, mut gone) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..NETWORKS {
        let began = Instant::now();
        let lease = target.lease(&alone, 4, 1)?;
        made += began.elapsed();
        let began = Instant::now();
        target.release(lease);
        gone += began.elapsed();
    }
    println!(
        "a network alone: made in {:?}, given back in {:?}",
        made / NETWORKS,
        gone / NETWORKS
    );

    let closed = Needs {
        service: "closed".into(),
        ..Needs::default()
    };
    let lease = target.lease(&closed, 4, 1)?;
    let ours = SocketAddr::new(lease.addresses[0], lease.ports[0]);
    let mut syn = Segment::new(ours, lease.target);
    syn.flags = Flags::SYN;
    let syn = vec![syn.build()];
    let link = target.link();
    let (mut stamped, mut seen) = (Vec::new(), Vec::new());
    let (mut packets, mut stamps) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        packets.clear();
        stamps.clear();
        link.send(&syn, &mut stamps)?;
        while packets.is_empty() {
            link.receive(&mut packets)?;
        }
        stamped.push(packets[0].at.since(stamps[0]));
        seen.push(link.now().since(stamps[0]));
    }
    for (name, times) in [("by its stamp", &mut stamped), ("in our hands", &mut seen)] {
        times.sort_unstable();
        println!(
            "SYN to RST {name}: p50 {:?}, p99 {:?}",
            times[ROUNDS / 2],
            times[ROUNDS * 99 / 100]
        );
    }

    let burst = vec![syn[0].clone(); BURST];
    packets.clear();
    let began = Instant::now();
    link.send(&burst, &mut stamps)?;
    let sent = began.elapsed();
    while packets.len() as u64 + link.dropped() < BURST as u64 {
        link.receive(&mut packets)?;
    }
    println!(
        "a burst of {BURST}: sent in {sent:?}, {} answers, {} lost by us",
        packets.len(),
        link.dropped()
    );
    Ok(())
}
