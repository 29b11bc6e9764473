//! ICMP messages, against answers written by hand.

use super::*;
use crate::{Content, Segment, parse};
use rstest::rstest;

const ROUTER: [u8; 4] = [192, 0, 2, 1];

fn quoted() -> Vec<u8> {
    let text = "P. seq 7 ack 9 win 1 data \"abc\" from 10.0.0.2:80 to 10.0.0.1:5000";
    text.parse::<Segment>().unwrap().build()
}

fn named(name: &str, body: Vec<u8>) -> Icmp {
    Icmp::named(ROUTER.into(), [10, 0, 0, 2].into(), name, body).unwrap()
}

#[rstest]
#[case(
    "frag-needed",
    28,
    "icmp frag-needed mtu 600 quote 10.0.0.2:80 > 10.0.0.1:5000 seq 7"
)]
#[case(
    "port-unreachable",
    24,
    "icmp port-unreachable quote 10.0.0.2:80 > 10.0.0.1:5000"
)]
#[case("ttl-exceeded", 23, "icmp ttl-exceeded quote 10.0.0.2 > 10.0.0.1")]
#[case("source-quench", 19, "icmp source-quench len 19")]
fn a_message_shows_as_much_of_its_quote_as_there_is(
    #[case] name: &str,
    #[case] bytes: usize,
    #[case] text: &str,
) {
    let message = named(name, quoted()[..bytes].to_vec()).with_mtu(600);
    assert_eq!(message.to_string(), text);
    let parsed = parse(&message.build());
    assert_eq!(parsed.malformed, []);
    assert_eq!(parsed.content, Content::Icmp(message));
}

#[test]
fn a_frag_needed_message_has_these_bytes() {
    let bytes = named("frag-needed", vec![0x45, 0]).with_mtu(0x0258).build();
    assert_eq!(bytes[9], 1, "protocol");
    // 0x0304 + 0x0258 + 0x4500 = 0x4a5c, inverted.
    assert_eq!(bytes[20..], [3, 4, 0xb5, 0xa3, 0, 0, 0x02, 0x58, 0x45, 0]);
}

#[test]
fn an_icmpv4_mtu_has_sixteen_bits_and_leaves_the_others() {
    let mut message = named("frag-needed", Vec::new());
    message.rest = 0xabcd_0000;
    let message = message.with_mtu(0x5_ffff);
    assert_eq!((message.mtu(), message.rest), (Some(0xffff), 0xabcd_ffff));
    assert_eq!(named("port-unreachable", Vec::new()).mtu(), None);
}

#[test]
fn packet_too_big_carries_a_mtu_of_four_bytes_and_a_checksum_over_the_addresses() {
    let (src, dst) = ("fe80::1".parse().unwrap(), "fe80::2".parse().unwrap());
    let message = Icmp::named(src, dst, "frag-needed", Vec::new()).unwrap();
    let message = message.with_mtu(0x1_0500);
    assert_eq!(message.mtu(), Some(0x1_0500));
    assert_eq!(message.class(), IcmpClass::PacketTooBig);
    let bytes = message.build();
    assert_eq!(bytes[6], 58, "next header");
    // 2*0xfe80 + 1 + 2 + length 8 + 58 + 0x0200 + 0x0001 + 0x0500 = 0x20446, folded 0x0448, inverted.
    assert_eq!(bytes[40..], [2, 0, 0xfb, 0xb7, 0, 1, 5, 0]);
}

#[rstest]
#[case("net-unreachable", IcmpClass::Unreachable, IcmpClass::Unreachable)]
#[case(
    "protocol-unreachable",
    IcmpClass::Unreachable,
    IcmpClass::ParameterProblem
)]
#[case("redirect-host", IcmpClass::Redirect, IcmpClass::Redirect)]
#[case(
    "reassembly-exceeded",
    IcmpClass::TimeExceeded,
    IcmpClass::TimeExceeded
)]
#[case(
    "parameter-problem",
    IcmpClass::ParameterProblem,
    IcmpClass::ParameterProblem
)]
#[case("echo-request", IcmpClass::EchoRequest, IcmpClass::EchoRequest)]
#[case("echo-reply", IcmpClass::EchoReply, IcmpClass::EchoReply)]
fn a_name_means_the_same_in_both_versions(
    #[case] name: &str,
    #[case] four: IcmpClass,
    #[case] six: IcmpClass,
) {
    assert_eq!(named(name, Vec::new()).class(), four);
    assert_eq!(named(name, Vec::new()).name(), Some(name));
    let nobody = std::net::Ipv6Addr::UNSPECIFIED.into();
    let message = Icmp::named(nobody, nobody, name, Vec::new()).unwrap();
    assert_eq!((message.class(), message.name()), (six, Some(name)));
}

#[test]
fn names_and_numbers_are_each_given_once() {
    let rows = icmp_names();
    for (index, row) in rows.iter().enumerate() {
        for other in &rows[..index] {
            assert_ne!(row.name, other.name);
            assert!(row.v4.is_none() || row.v4 != other.v4, "{}", row.name);
            assert!(row.v6.is_none() || row.v6 != other.v6, "{}", row.name);
        }
    }
    assert_eq!(
        Icmp::named(ROUTER.into(), ROUTER.into(), "beyond-scope", Vec::new()),
        None
    );
}

#[test]
fn messages_without_an_error_quote_nothing() {
    let ping = named("echo-request", quoted());
    assert_eq!(ping.quote(), None);
    let other = Icmp::new(ROUTER.into(), ROUTER.into(), 13, 0, quoted());
    assert_eq!((other.quote(), other.name()), (None, None));
    assert_eq!(other.to_string(), "icmp type 13 code 0 len 43");
}

#[test]
fn a_short_or_wrong_message_is_told() {
    let mut message = named("echo-request", Vec::new());
    message.checksum = Checksum::Bad;
    let bytes = message.build();
    let told = parse(&bytes).malformed;
    assert_eq!(told.len(), 1);
    assert!(matches!(told[0], Malformation::IcmpChecksum { got, expected } if got == !expected));
    let mut short = bytes[..27].to_vec();
    short[3] = 27;
    let told = parse(&short);
    assert!(told.malformed.contains(&Malformation::IcmpShort { got: 7 }));
    assert!(matches!(told.content, Content::Other(_)));
}
