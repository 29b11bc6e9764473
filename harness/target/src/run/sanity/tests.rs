use super::*;
use crate::run::testing::{OURS, TARGET, lease};
use rstest::rstest;
use tcpconf_wire::checksum;

const ISN: u32 = 1000;

/// Polls and acknowledges sends until it waits or is done; what it sent.
fn drive(handshake: &mut Handshake, now: Instant) -> (Vec<Flags>, Action) {
    let mut sent = Vec::new();
    loop {
        match handshake.poll(now) {
            Action::Transmit { id, bytes } => {
                let ip = IpView::parse(&bytes).unwrap();
                assert!(ip.tcp_checksum_ok() && ip.header_checksum_ok());
                sent.push(ip.tcp().unwrap().flags);
                handshake.handle_sent(id, now);
            }
            other => return (sent, other),
        }
    }
}

fn from_target(ack: u32, flags: Flags) -> Packet {
    let to = SocketAddr::new(OURS, 40_000);
    let bytes = segment(TARGET, to, SeqNumber(7), SeqNumber(ack), flags);
    Packet::new(bytes, Instant::ZERO)
}

fn begun() -> Handshake {
    let mut handshake = Handshake::new(&lease(40_000), ISN);
    let (sent, _) = drive(&mut handshake, Instant::ZERO);
    assert_eq!(sent, [Flags::SYN]);
    assert_eq!(handshake.half_open(), 1);
    handshake
}

#[test]
fn a_syn_ack_is_acknowledged_and_reset() {
    let mut handshake = begun();
    handshake.handle_packet(
        Instant::ZERO,
        &from_target(ISN + 1, Flags::SYN | Flags::ACK),
    );
    let (sent, end) = drive(&mut handshake, Instant::ZERO);
    assert_eq!(sent, [Flags::ACK, Flags::RST | Flags::ACK]);
    assert!(matches!(end, Action::Done(v) if v.outcome == Outcome::Pass));
    assert_eq!((handshake.found(), handshake.half_open()), (Probe::Open, 0));
}

#[rstest]
#[case(ISN + 1, Flags::RST | Flags::ACK, Probe::Closed)]
#[case(ISN, Flags::RST | Flags::ACK, Probe::Silent)]
#[case(ISN + 2, Flags::SYN | Flags::ACK, Probe::Silent)]
#[case(ISN + 1, Flags::ACK, Probe::Silent)]
fn only_an_answer_to_its_syn_counts(#[case] ack: u32, #[case] flags: Flags, #[case] found: Probe) {
    let mut handshake = begun();
    handshake.handle_packet(Instant::ZERO, &from_target(ack, flags));
    assert_eq!(handshake.found(), found);
}

#[test]
fn silence_is_found_after_a_second_syn() {
    let mut handshake = begun();
    let (sent, wait) = drive(&mut handshake, Instant::from_millis(500));
    assert!(sent.is_empty());
    assert!(matches!(wait, Action::WaitUntil(at) if at == Instant::from_secs(1)));
    let (sent, _) = drive(&mut handshake, Instant::from_secs(1));
    assert_eq!(sent, [Flags::SYN]);
    let (sent, end) = drive(&mut handshake, Instant::from_secs(3));
    assert!(sent.is_empty());
    assert!(matches!(end, Action::Done(v) if v.outcome == Outcome::Fail));
    assert_eq!(handshake.found(), Probe::Silent);
}

#[test]
fn an_icmp_error_is_told_apart_from_silence() {
    let mut handshake = begun();
    let mut bytes = from_target(0, Flags::NONE).bytes;
    bytes.truncate(20);
    bytes.extend([3, 13, 0, 0, 0, 0, 0, 0]);
    bytes[2..4].copy_from_slice(&28_u16.to_be_bytes());
    bytes[9] = PROTOCOL_ICMP;
    bytes[10..12].fill(0);
    let sum = checksum::of(&bytes[..20]);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    handshake.handle_packet(Instant::ZERO, &Packet::new(bytes, Instant::ZERO));
    assert_eq!(handshake.found(), Probe::Icmp(3, 13));
}

#[rstest]
#[case(
    Probe::Silent,
    "192.0.2.1:80 does not answer: 2 connection requests in 3 s drew nothing; is the host up, and is there a filter in between?"
)]
#[case(
    Probe::Closed,
    "192.0.2.1:80 is closed: it answered the connection request by RST; start a service there, or name another port"
)]
#[case(
    Probe::Icmp(3, 1),
    "192.0.2.1:80 cannot be reached: ICMP type 3 code 1 answered the connection request; check the route and the filters on the way"
)]
#[case(Probe::NotSent("no route".into()), "a connection request to 192.0.2.1:80 could not be sent: no route")]
fn each_finding_has_its_sentence(#[case] found: Probe, #[case] sentence: &str) {
    assert_eq!(found.sentence(TARGET), sentence);
}
