//! What must hold for any input. Each function panics when it does not.

use crate::notation::{
    ConstantValues, Cursor, NotationError, OptionItem, OptionsSpec, Template, parse_options,
    parse_template,
};
use crate::view::{IpView, PROTOCOL_TCP};
use crate::{
    Auto, Content, Icmp, Instant, IpHeader, Malformation, Parsed, PayloadStyle, PrintStyle,
    Reassembler, Segment, TcpOption, parse,
};

/// Any bytes: what [`packet_bytes`] and [`packet_text`] ask of them.
pub fn packet(bytes: &[u8]) {
    packet_bytes(bytes);
    packet_text(bytes);
}

/// Any bytes: parsing never panics, loses nothing, and agrees with the view.
pub fn packet_bytes(bytes: &[u8]) {
    let parsed = parse(bytes);
    assert_eq!(parsed.build(), bytes, "parsing lost something: {parsed:?}");
    view_agrees(bytes, &parsed);
    Reassembler::new().handle_packet(Instant::ZERO, bytes);
    if let Content::Icmp(icmp) = &parsed.content {
        icmp.quote();
    }
}

/// Any bytes: what they are, written as text, is read as the same.
pub fn packet_text(bytes: &[u8]) {
    match &parse(bytes).content {
        Content::Tcp(segment) => text_round_trip(segment),
        Content::Icmp(icmp) => icmp_text(icmp),
        Content::Fragment(_) | Content::Other(_) | Content::NotIp(_) => {}
    }
}

/// Any segment whose values fit their fields: text and bytes come back.
pub fn segment(segment: &Segment) {
    text_round_trip(segment);
    segment_bytes(segment);
    packet_text(&segment.build());
}

/// Any segment whose values fit their fields: bytes come back.
pub fn segment_bytes(segment: &Segment) {
    packet_bytes(&segment.build());
}

/// A segment without lies is parsed as it was written, and nothing is malformed about it.
pub fn sound_segment(sound: &Segment) {
    sound_segment_bytes(sound);
    segment(sound);
}

/// What [`sound_segment`] asks of the bytes alone.
pub fn sound_segment_bytes(sound: &Segment) {
    let built = sound.build();
    let parsed = parse(&built);
    assert_eq!(parsed.malformed, [], "{sound}");
    assert!(parsed.trailing.is_empty());
    assert_eq!(parsed.segment(), Some(sound));
    assert_eq!(parsed.build(), built, "{sound}");
    view_agrees(&built, &parsed);
}

/// Any ICMP message: bytes come back.
pub fn icmp(icmp: &Icmp) {
    packet(&icmp.build());
    icmp_text(icmp);
}

/// Any ICMP message can be written.
pub fn icmp_text(icmp: &Icmp) {
    assert!(icmp.to_string().starts_with("icmp "));
}

/// Any bytes as an option area: lengths add up, bytes and text come back.
pub fn options(area: &[u8]) {
    let mut malformed = Vec::new();
    let options = TcpOption::parse_all(area, &mut malformed);
    let mut built = TcpOption::build_all(&options);
    assert!(built.len() <= area.len() && area.len() - built.len() <= 3);
    let lengths: usize = options.iter().map(TcpOption::encoded_len).sum();
    assert_eq!(lengths, built.len(), "{options:?}");
    built.resize(area.len(), 0);
    assert_eq!(built, area, "{options:?}");
    assert!(options.len() <= area.len(), "every option takes a byte");
    let raw = options.iter().any(|o| matches!(o, TcpOption::Raw(_)));
    let explained = malformed
        .iter()
        .any(|m| matches!(m, Malformation::OptionLength { .. }));
    let ended = options.contains(&TcpOption::Eol);
    assert_eq!(raw && !ended, explained, "{options:?} {malformed:?}");
    options_text(&options);
}

/// Any template: its text is read as the same.
pub fn template(template: &Template<u64>) {
    let text = template.to_string();
    let read = read_template(&text).map(Template::without_spans);
    assert_eq!(read.as_ref(), Ok(template), "{text}");
}

/// Any text: reading never panics and never leaves its line, and what it reads is read again from its
/// own print.
pub fn text(text: &str) {
    let mut c = Cursor::new(text);
    let line = text.lines().next().unwrap_or_default();
    match parse_template(&mut c, &mut ConstantValues) {
        Ok(read) => {
            assert!(c.pos() <= line.len(), "crossed the end of the line");
            template(&read.without_spans());
        }
        Err(error) => {
            let span = error.span;
            assert!(span.start <= span.end, "{error:?}");
            assert!(text.get(span.start..span.end).is_some(), "{error:?}");
            assert!(!error.message.is_empty());
        }
    }
}

fn read_template(text: &str) -> Result<Template<u64>, NotationError> {
    let mut c = Cursor::new(text);
    let template = parse_template(&mut c, &mut ConstantValues)?;
    assert!(c.at_end(), "{:?} left over", c.rest());
    Ok(template)
}

fn options_text(options: &[TcpOption]) {
    let items: Vec<_> = options.iter().map(OptionItem::from).collect();
    let text = OptionsSpec::Items(items).to_string();
    let read = parse_options(&mut Cursor::new(&text), &mut ConstantValues);
    let Ok(Some(OptionsSpec::Items(items))) = read else {
        panic!("{text} does not parse: {read:?}");
    };
    let again: Result<Vec<TcpOption>, _> = items.iter().map(TcpOption::try_from).collect();
    assert_eq!(again.as_deref(), Ok(options), "{text}");
}

/// Any segment: its text, in each of two styles, is read as the same.
pub fn text_round_trip(segment: &Segment) {
    let text = segment.to_string();
    assert_eq!(text.parse().as_ref(), Ok(segment), "{text}");
    let full = PrintStyle {
        addresses: true,
        payload: PayloadStyle::Full,
        ..PrintStyle::default()
    };
    let trace = segment.display(full).to_string();
    assert_eq!(trace.parse().as_ref(), Ok(segment), "{trace}");
}

/// The borrowed view and the owned value are two readers of the same bytes.
fn view_agrees(bytes: &[u8], parsed: &Parsed) {
    let structural = |m: &Malformation| {
        matches!(
            m,
            Malformation::Version(_)
                | Malformation::IpShort { .. }
                | Malformation::IpHeaderLength { .. }
                | Malformation::IpLength { .. }
                | Malformation::Extension(_)
        )
    };
    let readable = !parsed.malformed.iter().any(structural);
    let view = match IpView::parse(bytes) {
        Ok(view) if readable => view,
        // A reserved octet that is not zero stops the one and not the other.
        Ok(_) => return assert!(parsed.malformed.contains(&Malformation::Extension(44))),
        Err(error) => return assert!(!readable, "view: {error}"),
    };
    let wrong_ip_checksum = |m: &Malformation| matches!(m, Malformation::IpChecksum { .. });
    assert_eq!(
        view.header_checksum_ok(),
        !parsed.malformed.iter().any(wrong_ip_checksum)
    );
    let Content::Tcp(segment) = &parsed.content else {
        return assert!(view.protocol != PROTOCOL_TCP || view.fragment.is_some());
    };
    assert_eq!(
        view.sound_tcp().is_some(),
        parsed.malformed.is_empty() && view.options.is_empty()
    );
    assert_eq!((view.src, view.dst), (segment.ip.src(), segment.ip.dst()));
    match &segment.ip {
        IpHeader::V4(header) => assert_eq!(
            (view.ttl, view.ecn, view.dscp),
            (header.ttl, header.ecn, header.dscp)
        ),
        IpHeader::V6(header) => assert_eq!(
            (view.ttl, view.ecn, view.dscp),
            (header.hop_limit, header.ecn, header.dscp)
        ),
    }
    let Ok(tcp) = view.tcp() else {
        return assert!(segment.truncate.is_some() || segment.data_offset != Auto::Auto);
    };
    assert_eq!(
        (tcp.src_port, tcp.dst_port),
        (segment.src_port, segment.dst_port)
    );
    assert_eq!((tcp.seq, tcp.ack), (segment.seq, segment.ack));
    assert_eq!((tcp.flags, tcp.reserved), (segment.flags, segment.reserved));
    assert_eq!((tcp.window, tcp.urgent), (segment.window, segment.urgent));
    assert_eq!(tcp.payload, segment.payload);
    let wrong_checksum = |m: &Malformation| matches!(m, Malformation::TcpChecksum { .. });
    assert_eq!(
        view.tcp_checksum_ok(),
        !parsed.malformed.iter().any(wrong_checksum)
    );
}
