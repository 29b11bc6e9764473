use super::*;
use rstest::rstest;
use tcpconf_wire::{Flags, Segment};

/// Runs a program over a packet as the kernel does, as far as our programs go.
fn passes(program: &[sock_filter], ethertype: u16, packet: &[u8]) -> bool {
    let octets = |at: u32, count: usize| {
        let at = (at - NETWORK) as usize;
        let found = packet.get(at..at + count)?;
        Some(
            found
                .iter()
                .fold(0, |value, octet| value << 8 | u32::from(*octet)),
        )
    };
    let (mut accumulator, mut at) = (0u32, 0usize);
    loop {
        let step = program[at];
        at += 1;
        let loaded = match step.code {
            LOAD_HALF if step.k == ETHERTYPE => Some(u32::from(ethertype)),
            LOAD_BYTE => octets(step.k, 1),
            LOAD_HALF => octets(step.k, 2),
            LOAD_WORD => octets(step.k, 4),
            RETURN => return step.k != 0,
            jump => {
                let yes = match jump {
                    JUMP_EQUAL => accumulator == step.k,
                    JUMP_AT_LEAST => accumulator >= step.k,
                    JUMP_ABOVE => accumulator > step.k,
                    JUMP_ANY_BIT => accumulator & step.k != 0,
                    other => panic!("instruction {other:#x}"),
                };
                at += usize::from(if yes { step.jt } else { step.jf });
                continue;
            }
        };
        match loaded {
            Some(value) => accumulator = value,
            // The kernel drops what is too short to be looked at.
            None => return false,
        }
    }
}

fn segment(from: &str, port: u16) -> Vec<u8> {
    let from: std::net::SocketAddr = (from.parse::<IpAddr>().unwrap(), 80).into();
    let to = if from.is_ipv4() {
        "10.0.0.1"
    } else {
        "fd00::1"
    };
    let mut segment = Segment::new(from, (to.parse::<IpAddr>().unwrap(), port).into());
    segment.flags = Flags::ACK;
    segment.build()
}

#[rstest]
#[case::from_the_target("10.0.0.2", "10.0.0.2", 5_000, true)]
#[case::first_port("10.0.0.2", "10.0.0.2", 4_000, true)]
#[case::last_port("10.0.0.2", "10.0.0.2", 6_000, true)]
#[case::below("10.0.0.2", "10.0.0.2", 3_999, false)]
#[case::above("10.0.0.2", "10.0.0.2", 6_001, false)]
#[case::from_another("10.0.0.2", "10.0.0.3", 5_000, false)]
#[case::six("fd00::2", "fd00::2", 5_000, true)]
#[case::six_below("fd00::2", "fd00::2", 3_999, false)]
#[case::six_above("fd00::2", "fd00::2", 6_001, false)]
#[case::six_from_another("fd00::2", "fd00::3", 5_000, false)]
fn only_the_targets_segments_to_our_ports_pass(
    #[case] target: &str,
    #[case] from: &str,
    #[case] port: u16,
    #[case] pass: bool,
) {
    let target: IpAddr = target.parse().unwrap();
    let ethertype = if target.is_ipv4() { 0x0800 } else { 0x86dd };
    let program = program(&Wanted {
        target,
        ports: Some(4_000..=6_000),
    });
    assert_eq!(passes(&program, ethertype, &segment(from, port)), pass);
}

#[test]
fn arp_icmp_and_fragments_pass_and_udp_does_not() {
    let wanted = Wanted {
        target: "10.0.0.2".parse().unwrap(),
        ports: Some(4_000..=6_000),
    };
    let program = program(&wanted);
    assert!(passes(&program, 0x0806, &[0; 28]));
    let mut packet = segment("10.0.0.2", 9);
    assert!(!passes(&program, 0x0800, &packet));
    packet[7] = 1;
    assert!(
        passes(&program, 0x0800, &packet),
        "a later fragment has no ports"
    );
    packet[9] = 17;
    assert!(!passes(&program, 0x0800, &packet), "UDP");
    packet[9] = 1;
    packet[15] = 99;
    assert!(passes(&program, 0x0800, &packet), "ICMP of any router");
}

#[test]
fn neighbour_discovery_of_anybody_passes() {
    let wanted = Wanted {
        target: "fd00::2".parse().unwrap(),
        ports: None,
    };
    let mut packet = segment("fd00::3", 9);
    assert!(!passes(&program(&wanted), 0x86dd, &packet));
    packet[6] = 58;
    assert!(passes(&program(&wanted), 0x86dd, &packet));
}

#[test]
fn what_is_too_short_is_dropped() {
    let target = "10.0.0.2".parse().unwrap();
    let program = program(&Wanted {
        target,
        ports: None,
    });
    let packet = segment("10.0.0.2", 9);
    assert!(!passes(&program, 0x0800, &packet[..14]));
    assert!(!passes(&nothing(), 0x0800, &packet));
    assert!(passes(&everything(), 0x0800, &packet));
}
