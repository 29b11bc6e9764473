use super::*;
use crate::testing::{Prober, may_make_networks};
use rstest::rstest;
use std::time::Duration;
use tcpconf_wire::{ChecksumState, Flags, LinkKind, parse, view::IpView};

const SOON: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_millis(150);

#[rstest]
fn a_syn_draws_a_syn_ack_with_right_checksum_and_stamps(#[values(4, 6)] ip: u8) {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "listen", ip);
    let sent = prober.send(Flags::SYN, &[]);
    let (answer, packet) = prober.next(SOON).expect("a SYN-ACK");
    assert_eq!(answer.flags, Flags::SYN | Flags::ACK);
    assert_eq!(answer.ack, prober.seq);
    assert_eq!(packet.checksum, ChecksumState::Judged);
    assert_eq!(packet.link, LinkKind::Unicast);
    assert!(parse(&packet.bytes).malformed.is_empty());
    assert!(IpView::parse(&packet.bytes).unwrap().tcp_checksum_ok());
    assert!(packet.at >= sent, "{} before {sent}", packet.at);
    assert!(packet.at <= prober.target.link().now());
    assert!(packet.at.since(sent) < Duration::from_millis(100));
    prober.finish();
}

#[rstest]
fn nothing_listens_behind_the_closed_service_and_the_closed_port(#[values(4, 6)] ip: u8) {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "closed", ip);
    for port in [prober.lease.target.port(), prober.lease.closed_port] {
        prober.lease.target.set_port(port);
        prober.send(Flags::SYN, &[]);
        let (answer, _) = prober.next(SOON).expect("a RST");
        assert_eq!(answer.flags, Flags::RST | Flags::ACK);
    }
}

#[rstest]
fn echo_sends_back_and_closes_after_the_peer(#[values(4, 6)] ip: u8) {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "echo", ip);
    prober.connect();
    prober.send(Flags::ACK | Flags::PSH, b"HELLO");
    let back = prober.next_telling(SOON).expect("the echo");
    assert_eq!(back.payload, b"HELLO");
    prober.took(&back);
    prober.send(Flags::ACK | Flags::FIN, &[]);
    let fin = prober.next_telling(SOON).expect("a FIN");
    assert!(fin.flags.contains(Flags::FIN));
    prober.finish();
}

#[rstest]
#[case::listen("listen", true)]
#[case::sink("sink", true)]
#[case::hold("hold", false)]
#[case::noread("noread", false)]
fn who_closes_after_the_peer(#[case] service: &str, #[case] closes: bool) {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, service, 4);
    prober.connect();
    prober.send(Flags::ACK | Flags::PSH, b"HELLO");
    prober.send(Flags::ACK | Flags::FIN, &[]);
    let wait = if closes { SOON } else { QUIET };
    let fin = prober.next_telling(wait);
    assert_eq!(fin.is_some_and(|s| s.flags.contains(Flags::FIN)), closes);
    prober.finish();
}

#[test]
fn source_sends_without_end_and_names_its_octets() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "source", 4);
    prober.connect();
    let mut position = 0u64;
    while position < 200_000 {
        let segment = prober.next_telling(SOON).expect("text without end");
        if segment.seq != prober.ack {
            continue;
        }
        for octet in &segment.payload {
            assert_eq!(*octet, crate::service::source_octet(position));
            position += 1;
        }
        prober.took(&segment);
        prober.send(Flags::ACK, &[]);
    }
    prober.finish();
}

#[test]
fn closer_closes_at_once() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "closer", 4);
    prober.connect();
    let fin = prober.next_telling(SOON).expect("a FIN");
    assert!(fin.flags.contains(Flags::FIN));
    prober.finish();
}

#[test]
fn http_answers_and_closes() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "http", 4);
    prober.connect();
    prober.send(Flags::ACK | Flags::PSH, b"GET / HTTP/1.1\r\nHost: x\r\n");
    prober.send(Flags::ACK | Flags::PSH, b"\r\n");
    let answer = prober.next_telling(SOON).expect("a response");
    assert_eq!(answer.payload, crate::service::HTTP_RESPONSE);
    prober.took(&answer);
    prober.finish();
}

#[test]
fn noread_lets_the_window_close() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "noread", 4);
    prober.connect();
    let mut window = u16::MAX;
    for _ in 0..400 {
        prober.send(Flags::ACK | Flags::PSH, &[b'X'; 1_400]);
        if let Some((segment, _)) = prober.next(Duration::from_millis(60)) {
            window = segment.window;
        }
        if window < 1_400 {
            break;
        }
    }
    assert!(window < 1_400, "the window is still {window}");
    prober.finish();
}

#[test]
fn a_released_port_answers_by_rst() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "listen", 4);
    prober.connect();
    let lease = prober.lease.clone();
    prober.target.release(lease);
    prober
        .ours
        .set_port(prober.lease.ports.pop_front().unwrap());
    let mut answer = None;
    // Closing is asked for, not waited for.
    for _ in 0..20 {
        prober.send(Flags::SYN, &[]);
        answer = prober.next(QUIET).map(|(segment, _)| segment.flags);
        if answer == Some(Flags::RST | Flags::ACK) {
            break;
        }
    }
    assert_eq!(answer, Some(Flags::RST | Flags::ACK));
}

#[test]
fn a_case_that_must_be_alone_gets_another_host() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let needs = Needs {
        service: "listen".into(),
        exclusive: true,
        ..Needs::default()
    };
    let shared = target.lease(&Needs::default(), 4, 1).unwrap();
    let mut prober = Prober::new(&mut target, "listen", 4);
    prober.lease = prober.target.lease(&needs, 4, 2).unwrap();
    assert_ne!(prober.lease.target.ip(), shared.target.ip());
    prober.ours = SocketAddr::new(
        prober.lease.addresses[0],
        prober.lease.ports.pop_front().unwrap(),
    );
    prober.connect();
    let alone = prober.lease.target.ip();
    prober.finish();
    assert!(!target.addresses().contains(&alone));
    assert!(target.addresses().contains(&shared.target.ip()));
}

#[test]
fn what_is_not_offered_is_unsupported() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let unknown = Needs {
        service: "gopher".into(),
        ..Needs::default()
    };
    assert!(matches!(
        target.lease(&unknown, 4, 1),
        Err(LeaseError::Unsupported(_))
    ));
}

#[test]
fn a_thousand_leases_come_and_go() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let before = std::fs::read_dir("/proc/self/fd").unwrap().count();
    for _ in 0..1_000 {
        let prober = Prober::new(&mut target, "sink", 4);
        prober.finish();
    }
    // Other tests of this process open files at the same time.
    let after = std::fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(after < before + 200, "{before} descriptors became {after}");
}

#[test]
fn a_burst_is_answered_in_full_and_nothing_is_lost() {
    if !may_make_networks() {
        return;
    }
    const SEGMENTS: usize = 5_000;
    let mut target = KernelTarget::open().unwrap();
    let prober = Prober::new(&mut target, "closed", 4);
    let syn = prober.segment(Flags::SYN, &[]).build();
    let mut stamps = Vec::new();
    let link = prober.target.link();
    let packets = vec![syn; SEGMENTS];
    link.send(&packets, &mut stamps).unwrap();
    assert_eq!(stamps.len(), SEGMENTS);
    assert!(stamps.is_sorted());
    let mut answers = Vec::new();
    let until = link.now() + SOON;
    while answers.len() < SEGMENTS && link.now() < until {
        link.receive(&mut answers).unwrap();
    }
    assert_eq!(answers.len() as u64 + link.dropped(), SEGMENTS as u64);
    assert!(answers.windows(2).all(|pair| pair[0].at <= pair[1].at));
    prober.finish();
}

#[test]
fn an_address_that_the_target_does_not_know_is_answered_for() {
    if !may_make_networks() {
        return;
    }
    let mut target = KernelTarget::open().unwrap();
    let mut prober = Prober::new(&mut target, "listen", 6);
    // Behind those that leases are given, of which the target is told.
    prober.ours.set_ip("fd77::cafe".parse().unwrap());
    prober.connect();
    prober.finish();
}
