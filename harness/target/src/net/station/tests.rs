use super::*;
use rstest::rstest;

const OURS: MacAddr = MacAddr(2, 0, 0, 0, 0, 1);
const NEXT: MacAddr = MacAddr(2, 0, 0, 0, 0, 9);

fn station(ports: Option<RangeInclusive<u16>>) -> Station {
    let mut station = Station::default();
    for (target, owned) in [("10.0.0.2", "10.0.0.1"), ("fd00::2", "fd00::1")] {
        station.add(Path {
            target: target.parse().unwrap(),
            interface: 7,
            hop: Hop::Ethernet {
                ours: OURS,
                next: NEXT,
            },
            owned: Owned::addresses([owned.parse().unwrap()]),
            answers: true,
            ports: ports.clone(),
        });
    }
    station
}

fn v4(protocol: u8, source: [u8; 4], destination: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
    packet.extend_from_slice(&source);
    packet.extend_from_slice(&destination);
    packet.extend_from_slice(body);
    let length = u16::try_from(packet.len()).unwrap();
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet
}

fn hear(station: &Station, to: MacAddr, packet: &[u8]) -> Heard {
    let mut frame = ethernet_header(to, NEXT, ETHERTYPE_IPV4).to_vec();
    frame.extend_from_slice(packet);
    station.hear(&Frame::ethernet(7, &frame).unwrap())
}

const TARGET: [u8; 4] = [10, 0, 0, 2];
const ME: [u8; 4] = [10, 0, 0, 1];
/// From port 80 to port 40000.
const SEGMENT: [u8; 20] = [
    0, 80, 0x9c, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0,
];

#[rstest]
#[case::tcp_from_the_target(6, TARGET, ME, OURS, true)]
#[case::tcp_from_another(6, [10, 0, 0, 3], ME, OURS, false)]
#[case::tcp_to_another(6, TARGET, [10, 0, 0, 9], OURS, false)]
#[case::to_another_mac(6, TARGET, ME, MacAddr(2, 0, 0, 0, 0, 5), false)]
#[case::icmp_from_a_router(1, [192, 0, 2, 1], ME, OURS, true)]
#[case::udp(17, TARGET, ME, OURS, false)]
#[case::broadcast_frame(6, TARGET, ME, MacAddr(255, 255, 255, 255, 255, 255), true)]
fn what_reaches_a_case(
    #[case] protocol: u8,
    #[case] source: [u8; 4],
    #[case] destination: [u8; 4],
    #[case] mac: MacAddr,
    #[case] reaches: bool,
) {
    let heard = hear(
        &station(None),
        mac,
        &v4(protocol, source, destination, &SEGMENT),
    );
    assert_eq!(heard == Heard::Packet, reaches);
}

#[rstest]
#[case(39_000..=41_000, true)]
#[case(30_000..=31_000, false)]
fn the_ports_of_others_are_not_ours(#[case] ports: RangeInclusive<u16>, #[case] reaches: bool) {
    let heard = hear(&station(Some(ports)), OURS, &v4(6, TARGET, ME, &SEGMENT));
    assert_eq!(heard == Heard::Packet, reaches);
}

#[test]
fn padding_of_short_frames_is_cut_off_and_long_frames_are_left_alone() {
    let mut frame = ethernet_header(OURS, NEXT, ETHERTYPE_IPV4).to_vec();
    frame.extend_from_slice(&v4(6, TARGET, ME, &SEGMENT));
    frame.resize(60, 0);
    assert_eq!(Frame::ethernet(7, &frame).unwrap().payload.len(), 40);
    frame.resize(70, 0);
    assert_eq!(Frame::ethernet(7, &frame).unwrap().payload.len(), 56);
}

#[test]
fn packets_go_by_destination_then_by_family() {
    let station = station(None);
    let mut v6 = vec![0x60; 40];
    v6[24..40].copy_from_slice(&"fd00::2".parse::<Ipv6Addr>().unwrap().octets());
    let target = |packet: &[u8]| station.path_for(packet).unwrap().target.to_string();
    assert_eq!(target(&v6), "fd00::2");
    assert_eq!(target(&[0x60; 3]), "fd00::2");
    assert_eq!(target(&v4(6, ME, [1, 2, 3, 4], &[])), "10.0.0.2");
    assert_eq!(target(&[]), "10.0.0.2");
}

#[test]
fn frames_of_other_interfaces_mean_nothing() {
    let packet = v4(6, TARGET, ME, &SEGMENT);
    let frame = Frame {
        interface: 8,
        destination: None,
        ethertype: ETHERTYPE_IPV4,
        payload: &packet,
    };
    assert_eq!(station(None).hear(&frame), Heard::Nothing);
}
