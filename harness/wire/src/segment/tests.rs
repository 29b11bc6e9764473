//! Segments as text and bytes, against answers written by hand.

use super::*;
use crate::notation::{ConstantValues, Cursor, parse_template};
use crate::{Content, parse};
use rstest::rstest;

/// A SYN from 10.0.0.1:40000 to 10.0.0.2:80; ID 0, DF, TTL 64.
const SYN: &str = "S seq 1 win 65535 from 10.0.0.1:40000 to 10.0.0.2:80";

fn segment(text: &str) -> Segment {
    text.parse().unwrap()
}

/// The checksums were computed by hand: 16-bit words added, carries folded, inverted.
#[test]
fn a_syn_has_these_bytes() {
    let bytes = segment(&format!("{SYN} <mss 1460>")).build();
    let expected = [
        // IP: version and length, TOS, total length, ID, flags, TTL, protocol, checksum, addresses.
        0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, 6, 0x26, 0xca, 10, 0, 0, 1, 10, 0, 0, 2,
        // TCP: ports, sequence, acknowledgement, offset and flags, window, checksum, urgent pointer, MSS.
        0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 0x02, 0xff, 0xff, 0xe7, 0x92, 0, 0, 2, 4,
        0x05, 0xb4,
    ];
    assert_eq!(bytes, expected, "{bytes:02x?}");
}

/// What a text builds is read with these complaints, and as this text.
#[rstest]
#[case("", &[], "")]
#[case("checksum bad", &["TCP checksum 0x00b1, expected 0xff4e"], "checksum 177")]
#[case("checksum 0", &["TCP checksum 0x0000, expected 0xff4e"], "checksum 0")]
#[case("offset 4", &["data offset 4 words in a segment of 20 bytes"], "offset 4")]
#[case("offset 15", &["data offset 15 words in a segment of 20 bytes"], "offset 15")]
#[case("reserved 5", &["reserved bits 101"], "reserved 5")]
#[case("truncate 12", &["TCP header cut short: 12 of 20 bytes"], "- seq 1 from 10.0.0.1:40000 to 10.0.0.2:80 truncate 12")]
#[case("truncate 0", &["TCP header cut short: 0 of 20 bytes"], "- from 10.0.0.1:0 to 10.0.0.2:0 truncate 0")]
#[case("evil", &["reserved IPv4 flag set"], "evil")]
#[case("ipchecksum 1", &["IPv4 header checksum 0x0001, expected 0x26ce"], "ipchecksum 1")]
#[case("ihl 4", &["IPv4 header length 4 words in a packet of 40 bytes"], "ihl 4")]
#[case("ihl 15", &["IPv4 header length 15 words in a packet of 40 bytes"], "ihl 15")]
#[case("iplen 41", &["IP length field 41, 40 bytes came"], "iplen 41")]
#[case("iplen 19", &["IP length field 19, 40 bytes came"], "iplen 19")]
#[case("iplen 30", &["TCP header cut short: 10 of 20 bytes"], "- seq 1 from 10.0.0.1:40000 to 10.0.0.2:80 truncate 10")]
#[case("<raw(0200)>", &["option kind 2 at 0: length octet 0, 4 bytes left"], "<raw(02000000)>")]
#[case("<nop,raw(0501)>", &["option kind 5 at 1: length octet 1, 3 bytes left"], "<nop,raw(050100)>")]
#[case("<raw(01010203)>", &["option kind 2 at 2: length octet 3, 2 bytes left"], "<nop,nop,raw(0203)>")]
#[case("<raw(01010108)>", &["option kind 8 at 3: no length octet"], "<nop,nop,nop,raw(08)>")]
#[case("<kind 2 hex(01)>", &["option kind 2 with length 3"], "<kind 2 hex(01)>")]
#[case("<tfo hex(010203)>", &["option kind 34 with length 5"], "<tfo hex(010203)>")]
#[case("<eol,raw(010000)>", &["padding behind the end of the options is not zero"], "<eol,raw(010000)>")]
#[case("<nop,eol>", &[], "<nop>")]
#[case("<eol,eol,eol,eol>", &[], "<eol,raw(000000)>")]
#[case("offset 6 <mss 1460>", &[], "<mss 1460>")]
fn lies_are_told_and_kept(#[case] lie: &str, #[case] complaints: &[&str], #[case] read: &str) {
    let bytes = segment(&format!("{SYN} {lie}")).build();
    let parsed = parse(&bytes);
    let told: Vec<String> = parsed.malformed.iter().map(ToString::to_string).collect();
    assert_eq!(told, complaints);
    assert_eq!(parsed.build(), bytes);
    let read = match read.strip_prefix('-') {
        Some(rest) => segment(&format!("-{rest}")),
        None => segment(&format!("{SYN} {read}")),
    };
    assert_eq!(parsed.segment(), Some(&read));
}

/// RFC 1071: in one's complement zero has two forms, and flipping turns the one into the other.
#[test]
fn a_bad_checksum_is_bad_even_where_the_right_one_is_zero() {
    let mut bad = segment(&format!("{SYN} checksum bad"));
    let right_is_zero = (0..=u16::MAX).find(|window| {
        let mut good = bad.clone();
        (good.window, good.checksum) = (*window, Checksum::Good);
        good.build()[36..38] == [0, 0]
    });
    for window in [right_is_zero.unwrap(), 1, 2, 3] {
        bad.window = window;
        let malformed = parse(&bad.build()).malformed;
        assert_eq!(malformed.len(), 1, "window {window}");
        assert!(malformed[0].is_checksum());
    }
}

#[rstest]
#[case("S", None, None, "S 0:0(0) win 0")]
#[case(
    "S. seq 1000 ack 501 win 65535 <mss 1460>",
    Some(1000),
    Some(500),
    "S. 0:0(0) ack 1 win 65535 <mss 1460>"
)]
#[case(
    "P. seq 5 ack 7 win 1 data \"abc\"",
    Some(4),
    Some(0),
    "P. 1:4(3) ack 7 win 1"
)]
#[case(
    ". seq 3 ack 9 <nop,sack 11:21 31:41>",
    Some(4),
    Some(8),
    ". -1:-1(0) ack 1 win 0 <nop,sack 3:13 23:33>"
)]
#[case("R seq 9 ack 5", Some(4), Some(4), "R 5:5(0) ack 5 win 0")]
#[case(
    "F. urg 2 offset 4 reserved 1 checksum bad ttl 3 df 0 ipid 8 evil",
    None,
    None,
    "F. 0:0(0) ack 0 win 0 urg 2 checksum bad offset 4 reserved 1 evil"
)]
fn traces_have_packetdrills_look(
    #[case] text: &str,
    #[case] seq_base: Option<u32>,
    #[case] ack_base: Option<u32>,
    #[case] trace: &str,
) {
    let style = PrintStyle {
        seq_base,
        ack_base,
        ..PrintStyle::default()
    };
    assert_eq!(segment(text).display(style).to_string(), trace);
    assert_eq!(
        format!("{:>60}", segment(text).display(style)),
        format!("{trace:>60}")
    );
}

#[test]
fn a_trace_can_show_addresses_and_text() {
    let style = PrintStyle {
        addresses: true,
        payload: PayloadStyle::Full,
        ..PrintStyle::default()
    };
    let text = "P. seq 7 ack 1 data \"hello\" from [fe80::1]:1 to [fe80::2]:2 ttl 255";
    assert_eq!(
        segment(text).display(style).to_string(),
        "P. 7:12(5) ack 1 win 0 data \"hello\" from [fe80::1]:1 to [fe80::2]:2 ttl 255"
    );
}

#[rstest]
#[case("S wnd 1", "field 'wnd' needs a connection to mean something")]
#[case("S isn 1", "field 'isn' needs a connection to mean something")]
#[case("S tsval 1", "field 'tsval' needs a connection to mean something")]
#[case(
    "S from port fresh",
    "field 'sport' needs a connection to mean something"
)]
#[case(
    "S from addr same",
    "field 'from' needs a connection to mean something"
)]
#[case("S win < 5", "field 'win' needs one plain value")]
#[case("S win 5 | 6", "field 'win' needs one plain value")]
#[case("S win 65536", "win is at most 65535, got 65536")]
#[case("S seq 4294967296", "seq is at most 4294967295, got 4294967296")]
#[case("S reserved 8", "reserved is at most 7, got 8")]
#[case("S len 65536", "len is at most 65535, got 65536")]
#[case("S len 2 data \"abc\"", "len 2 with data of 3 bytes")]
#[case(
    "S flowlabel 1",
    "field 'flowlabel' does not go with the segment's version of IP"
)]
#[case(
    "S ext 0 hex(010400000000)",
    "field 'ext' does not go with the segment's version of IP"
)]
#[case(
    "S from ::1 ipid 1",
    "field 'ipid' does not go with the segment's version of IP"
)]
#[case(
    "S from ::1 to 10.0.0.1",
    "field 'to' does not go with the segment's version of IP"
)]
#[case("S <mss *>", "option 'mss *' is a pattern")]
#[case("S <!mss>", "option '!mss' is a pattern")]
#[case("S <...>", "option '...' is a pattern")]
#[case("S <mss 65536>", "mss is at most 65535, got 65536")]
#[case("S <uto 32768>", "uto is at most 32767, got 32768")]
#[case("S wim 1", "unknown field 'wim' (byte 2); did you mean 'win'?")]
fn what_is_not_literal_is_refused(#[case] text: &str, #[case] message: &str) {
    assert_eq!(text.parse::<Segment>().unwrap_err().to_string(), message);
}

#[test]
fn a_length_without_data_keeps_a_text_that_fits_and_puts_zeros_otherwise() {
    assert_eq!(segment("P. 1:4(3)").payload, [0, 0, 0]);
    let mut base = segment(SYN);
    base.payload = b"abc".to_vec();
    let three = parse_template(&mut Cursor::new("P. seq 0 len 3"), &mut ConstantValues).unwrap();
    assert_eq!(
        Segment::from_template(&three, base).unwrap().payload,
        b"abc"
    );
}

#[test]
fn what_lies_left_of_the_base_is_negative_in_a_trace() {
    let style = PrintStyle {
        seq_base: Some(1_000),
        ack_base: Some(50),
        ..PrintStyle::default()
    };
    let trace = |text: &str| segment(text).display(style).to_string();
    assert_eq!(trace(". seq 999 ack 49"), ". -1:-1(0) ack -1 win 0");
    assert_eq!(trace("P. 998:1001(3) ack 51"), "P. -2:1(3) ack 1 win 0");
    assert_eq!(
        trace(". seq 1000 ack 50 <sack 40:60>"),
        ". 0:0(0) ack 0 win 0 <sack -10:10>"
    );
}

#[test]
fn options_are_found_by_name() {
    let segment = segment("S <mss 9,wscale 3,sackOK,TS val 1 ecr 2,sack 1:2 3:4>");
    assert_eq!(segment.mss(), Some(9));
    assert_eq!(segment.window_scale(), Some(3));
    assert!(segment.sack_permitted());
    assert_eq!(segment.timestamps(), Some((1, 2)));
    let blocks: Vec<_> = segment.sack_blocks().map(|(l, r)| (l.0, r.0)).collect();
    assert_eq!(blocks, [(1, 2), (3, 4)]);
    let bare = Segment::new(segment.src(), segment.dst());
    assert_eq!(
        (bare.mss(), bare.window_scale(), bare.timestamps()),
        (None, None, None)
    );
    assert!(!bare.sack_permitted());
    assert_eq!(bare.sack_blocks().count(), 0);
}

#[rstest]
#[case(&[], "no IP packet: no bytes")]
#[case(&[0x50; 40], "no IP packet: version 5")]
#[case(&[0x45; 19], "IP header cut short: 19 of 20 bytes")]
#[case(&[0x60; 39], "IP header cut short: 39 of 40 bytes")]
fn what_is_no_packet_says_why(#[case] bytes: &[u8], #[case] complaint: &str) {
    let parsed = parse(bytes);
    assert_eq!(parsed.content, Content::NotIp(bytes.to_vec()));
    assert_eq!(parsed.malformed[0].to_string(), complaint);
    assert_eq!(parsed.malformed.len(), 1);
}

#[test]
fn link_padding_is_kept_apart() {
    let mut bytes = segment(SYN).build();
    bytes.extend([0; 6]);
    let parsed = parse(&bytes);
    assert_eq!(parsed.segment(), Some(&segment(SYN)));
    assert_eq!(parsed.trailing, [0; 6]);
    assert_eq!(parsed.malformed, []);
}

#[test]
fn extension_headers_are_followed_and_lies_about_them_told() {
    let text = "S from [::1]:1 to [::2]:2 ext 0 hex(010400000000) ext 60 hex(010400000000)";
    let bytes = segment(text).build();
    assert_eq!(bytes[6], 0);
    assert_eq!(bytes[40], 60);
    assert_eq!(bytes[48], 6);
    assert_eq!(parse(&bytes).segment(), Some(&segment(text)));
    let mut beyond = bytes.clone();
    beyond[49] = 200;
    let parsed = parse(&beyond);
    assert!(matches!(parsed.content, Content::Other(_)));
    assert_eq!(parsed.malformed, [crate::Malformation::Extension(60)]);
    assert_eq!(parsed.build(), beyond);
}

#[test]
fn a_fragment_header_with_a_reserved_octet_is_left_alone() {
    let text = "S from [::1]:1 to [::2]:2 ext 44 hex(000000000007)";
    let mut bytes = segment(text).build();
    assert_eq!(
        parse(&bytes).segment(),
        Some(&segment(text)),
        "an atomic fragment is whole"
    );
    bytes[41] = 1;
    let parsed = parse(&bytes);
    assert_eq!(parsed.malformed, [crate::Malformation::Extension(44)]);
    assert!(matches!(parsed.content, Content::Other(_)));
    assert_eq!(parsed.build(), bytes);
}

#[test]
fn values_too_wide_are_cut_to_their_fields() {
    let mut wide = segment("S from [::1]:1 to [::2]:2");
    wide.reserved = 8;
    wide.data_offset = Auto::Is(0x15);
    wide.options = vec![TcpOption::UserTimeout {
        minutes: false,
        value: 0xffff,
    }];
    let IpHeader::V6(header) = &mut wide.ip else {
        panic!("IPv6 was asked for")
    };
    (header.ecn, header.flow_label) = (4, 0x10_0000);
    let bytes = wide.build();
    assert_eq!(bytes[..4], [0x60, 0, 0, 0]);
    assert_eq!(
        bytes[52..54],
        [0x50, 0x02],
        "offset 5, no reserved bit, SYN"
    );
    assert_eq!(bytes[60..64], [28, 4, 0x7f, 0xff]);

    let mut wide = segment(SYN);
    let IpHeader::V4(header) = &mut wide.ip else {
        panic!("IPv4 was asked for")
    };
    (header.ecn, header.fragment_offset, header.df) = (4, 0x2000, false);
    header.header_length = Auto::Is(0x15);
    let bytes = wide.build();
    assert_eq!((bytes[0], bytes[1]), (0x45, 0));
    assert_eq!(bytes[6..8], [0, 0]);
}
