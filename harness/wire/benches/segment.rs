//! How long it takes to look at, read, write and print one segment.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tcpconf_wire::view::IpView;
use tcpconf_wire::{Flags, PrintStyle, Segment, SeqNumber, TcpOption, parse};

fn syn_ack() -> Segment {
    let mut segment = Segment::new(([10, 0, 0, 2], 80).into(), ([10, 0, 0, 1], 40_000).into());
    segment.flags = Flags::SYN | Flags::ACK;
    segment.seq = SeqNumber(0x1234_5678);
    segment.ack = SeqNumber(0x8765_4321);
    segment.window = 64_240;
    segment.options = vec![
        TcpOption::Mss(1460),
        TcpOption::SackPermitted,
        TcpOption::Timestamps { val: 1, ecr: 2 },
        TcpOption::Nop,
        TcpOption::WindowScale(7),
    ];
    segment
}

fn segments(c: &mut Criterion) {
    let small = syn_ack();
    let mut large = small.clone();
    large.payload = vec![0x55; 1400];
    for (name, segment) in [("syn-ack", small), ("1400 octets", large)] {
        let bytes = segment.build();
        let text = segment.to_string();
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        group.bench_function("view", |b| {
            b.iter(|| {
                let view = IpView::parse(black_box(&bytes)).expect("built right");
                let tcp = view.tcp().expect("built right");
                (tcp.options().count(), view.tcp_checksum_ok())
            });
        });
        group.bench_function("parse", |b| b.iter(|| parse(black_box(&bytes))));
        group.bench_function("build", |b| b.iter(|| black_box(&segment).build()));
        group.bench_function("print a trace", |b| {
            b.iter(|| {
                black_box(&segment)
                    .display(PrintStyle::default())
                    .to_string()
            });
        });
        group.bench_function("read text", |b| {
            b.iter(|| black_box(&text).parse::<Segment>().expect("printed by us"));
        });
        group.finish();
    }
}

criterion_group!(benches, segments);
criterion_main!(benches);
