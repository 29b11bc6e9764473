//! Each oracle is seen to fire on the fault that it is for, and the same input to pass without the fault.

use super::*;
use crate::fuzzing::faulty::*;
use crate::fuzzing::subject::{Sound, Way};
use rstest::{Context, rstest};
use tcpconf_stack::SocketOptions;
use tcpconf_wire::{IpHeader, Segment, TcpOption};

/// The peers offer no options.
const NO_OFFERS: (usize, u8) = (2, 0x0f);
const ONLY_MSS: (usize, u8) = (2, 0x0e);
/// SYN by SYN, not the handshake of the first peer.
const NO_HANDSHAKE: &[u8] = &[1];
const HANDSHAKE: &[u8] = &[0];
/// SYN of the first peer.
const SYN: &[u8] = &[234];
/// 80 octets of the first peer; and an ACK that is all that a peer that behaves sends.
const TEXT: &[u8] = &[129, 10];
const ACK: &[u8] = &[129, 0];
/// Eleven octets, fifty ahead of RCV.NXT.
const TEXT_AHEAD: &[u8] = &[1, 0, 110, 2, 50];
/// The manners of [`Manner`](super::super::application::Manner).
const SOURCE: (usize, u8) = (MANNER, 1);
const ECHO: (usize, u8) = (MANNER, 2);
const NO_READ: (usize, u8) = (MANNER, 3);
/// A RST from a peer without a connection.
const RST: &[u8] = &[0x10, 11, 0];
/// A duplicate ACK of the first peer.
const DUPLICATE_ACK: &[u8] = &[2, 0, 0, 0];
/// The first client's options are changed; 300 s pass.
const OPTIONS: &[u8] = &[246, 0, 0];
const FIVE_MINUTES: &[u8] = &[184, 248];

fn input(changes: &[(usize, u8)], operations: &[&[u8]]) -> Vec<u8> {
    [settings(changes), operations.concat()].concat()
}

fn play(data: &[u8], way: Way) -> String {
    finding(|| {
        let mut world = World::new(data, None);
        world.host.behave(way);
        world.run();
    })
}

/// The same input is no finding on a sound host, and this one on the faulty host.
fn fires(data: &[u8], way: Way, message: &str) {
    assert_eq!(play(data, Box::new(Sound)), "");
    let found = play(data, way);
    assert!(found.starts_with(message), "{message}, not {found}");
}

fn sends(change: impl FnMut(&mut Segment) -> bool + 'static) -> Way {
    Box::new(Sends(change))
}

/// On segments behind the handshake.
fn later(segment: &Segment) -> bool {
    !segment.flags.intersects(Flags::SYN | Flags::RST)
}

#[rstest]
#[case::checksum(bank("out-acknowledgement-checksum-wrong"), &[], &[HANDSHAKE, TEXT])]
#[case::reserved_bits(bank("syn-ack-with-reserved-bits"), &[], &[HANDSHAKE])]
#[case::header_form(sends(|s: &mut Segment| {
    let later = later(s);
    if let IpHeader::V4(ip) = &mut s.ip {
        ip.evil = later;
    }
    true
}), &[], &[HANDSHAKE, TEXT])]
#[case::option_form(sends(|s: &mut Segment| {
    if later(s) {
        s.options = vec![TcpOption::Raw(vec![8, 3, 0, 1])];
    }
    true
}), &[NO_OFFERS], &[HANDSHAKE, TEXT])]
#[case::flags(sends(|s: &mut Segment| {
    if later(s) {
        s.flags = Flags::PSH;
    }
    true
}), &[], &[HANDSHAKE, TEXT])]
#[case::no_rst_to_rst(bank("rst-in-listen-answered"), &[], &[NO_HANDSHAKE, RST])]
#[case::mss_on_syn_only(bank("out-mss-on-text"), &[ECHO], &[HANDSHAKE, TEXT])]
#[case::sack_permitted_on_syn_only(bank("out-sack-permitted-behind-the-handshake"), &[], &[HANDSHAKE, TEXT])]
#[case::window_scale_negotiated(bank("scale-unasked"), &[NO_OFFERS], &[HANDSHAKE])]
#[case::timestamps_negotiated(bank("timestamps-unasked"), &[NO_OFFERS], &[HANDSHAKE])]
#[case::timestamps_on_every_segment(sends(|s: &mut Segment| {
    if later(s) {
        s.options.clear();
    }
    true
}), &[], &[HANDSHAKE, TEXT])]
#[case::timestamp_echo(bank("echo-missing"), &[], &[HANDSHAKE])]
#[case::sack_negotiated(bank("out-sack-unasked"), &[NO_OFFERS], &[HANDSHAKE, TEXT_AHEAD])]
#[case::sack_of_what_was_sent(sends(|s: &mut Segment| {
    if later(s) {
        s.options.push(TcpOption::Sack(vec![(s.ack.0.wrapping_add(100), s.ack.0.wrapping_add(200))]));
    }
    true
}), &[], &[HANDSHAKE, TEXT])]
#[case::ack_within_sent(bank("syn-ack-forgets-syn"), &[], &[HANDSHAKE])]
#[case::data_within_window(bank("out-initial-window-missing"), &[ONLY_MSS, SOURCE], &[HANDSHAKE])]
#[case::data_within_mss(bank("options-ignored"), &[SOURCE, (PEER_MSS, 2)], &[HANDSHAKE])]
#[case::isn_stable(bank("syn-ack-again-without-options"), &[], &[NO_HANDSHAKE, SYN])]
#[case::right_edge(sends(|s: &mut Segment| {
    if later(s) {
        s.window = 1;
    }
    true
}), &[], &[HANDSHAKE, TEXT])]
fn an_invariant_of_the_engine_fires(
    #[case] way: Way,
    #[case] changes: &[(usize, u8)],
    #[case] operations: &[&[u8]],
    #[context] context: Context,
) {
    let data = input(changes, operations);
    assert_eq!(play(&data, Box::new(Sound)), "");
    let found = play(&data, way);
    let names: Vec<String> = found
        .lines()
        .filter_map(|line| line.trim().strip_prefix("invariant: \""))
        .map(|name| name.trim_end_matches("\",").replace('-', "_"))
        .collect();
    assert_eq!(names, [context.description.unwrap_or_default()], "{found}");
}

/// Text of one octet ahead of RCV.NXT, each beside a hole, a few times over.
fn holes() -> Vec<u8> {
    let mut out = HANDSHAKE.to_vec();
    for n in 0..160u8 {
        out.extend([1, 0, 100, 2, 4 * (1 + n % 31)]);
    }
    out
}

/// A queue of small segments, and acknowledgements that take nothing from it.
fn duplicates() -> Vec<u8> {
    let mut out = HANDSHAKE.to_vec();
    out.extend(ACK.repeat(4));
    out.extend(DUPLICATE_ACK.repeat(120));
    out
}

const IN_FLIGHT: fn(&tcpconf_stack::Status, u64) -> u64 = |status, _| status.unacked as u64 / 40;
const AHEAD: fn(&tcpconf_stack::Status, u64) -> u64 = |_, ahead| ahead;

#[rstest]
#[case::text_out(sends(|s: &mut Segment| {
    s.payload.iter_mut().for_each(|octet| *octet ^= 1);
    true
}), &[SOURCE], &[HANDSHAKE], "octet Some(0) of the text is wrong")]
#[case::text_in(Box::new(Delivers(|octets| {
    octets.iter_mut().for_each(|octet| *octet ^= 1);
    Some(octets.len())
})), &[], &[HANDSHAKE, TEXT], "octet 0 of the stream is wrong")]
#[case::send_takes_too_much(Box::new(TakesMore), &[SOURCE], &[HANDSHAKE], "SEND took")]
#[case::link(Box::new(Writes(|bytes| bytes.resize(1501, 0))), &[], &[HANDSHAKE], "1501 octets on a link of 1500")]
#[case::packet_form(Box::new(Writes(|bytes| bytes.truncate(10))), &[], &[HANDSHAKE], "the host writes well-formed packets")]
#[case::segment_form(Box::new(Writes(|bytes| bytes[32] = 0x10)), &[], &[HANDSHAKE], "the host writes well-formed segments")]
#[case::segments_at_once(Box::new(SendsAgain::default()), &[], &[HANDSHAKE], "577 segments in one operation")]
#[case::rest(Box::new(Restless::default()), &[], &[HANDSHAKE], "the host does not come to rest")]
#[case::past(Box::new(TimerInThePast), &[], &[HANDSHAKE], "a timer is left in the past")]
#[case::silent_hour(Box::new(SendsAgain::after(Duration::from_millis(100))), &[NO_READ], &[HANDSHAKE],
    "601 segments for 2 sockets in silence")]
#[case::wake_ups_of_silence(Box::new(WakesUp::every(Duration::from_millis(100))), &[NO_READ], &[HANDSHAKE],
    "3001 wake-ups for 2 sockets in silence")]
#[case::wake_ups_of_a_pause(Box::new(WakesUp::every(Duration::from_millis(1))), &[], &[HANDSHAKE, FIVE_MINUTES],
    "24001 wake-ups in 300000 ms without a packet")]
#[case::silent_peer_without_timers(Box::new(WithoutTimers), &[SOURCE], &[HANDSHAKE], "still waiting after 560s")]
#[case::sockets_at_the_end(Box::new(Leaks), &[], &[NO_HANDSHAKE], "assertion `left == right` failed: sockets are left")]
#[case::timer_at_the_end(Box::new(TimerOfNobody), &[], &[HANDSHAKE],
    "assertion `left == right` failed: a timer without a connection")]
#[case::sockets(Box::new(SocketForEach::default()), &[], &[HANDSHAKE, &ACK.repeat(30)], "too many sockets")]
#[case::held(Box::new(ForgetsSockets), &[NO_READ], &[HANDSHAKE, OPTIONS], "the application holds the socket")]
#[case::unread(Box::new(Has(|s| s.unread = 4097)), &[], &[HANDSHAKE, TEXT], "unread beyond 4096")]
#[case::unacked(Box::new(Has(|s| s.unacked = 4097)), &[], &[HANDSHAKE, TEXT], "unacked beyond 4096")]
#[case::memory(Box::new(Has(|s| s.memory += 80_000)), &[], &[HANDSHAKE, TEXT], "memory beyond")]
#[case::flight(Box::new(Has(|s| s.snd_nxt = s.snd_una + 5000)), &[], &[HANDSHAKE, TEXT], "flight beyond 4096")]
#[case::flight_of_nothing(Box::new(Has(|s| s.snd_nxt = s.snd_una - 1)), &[], &[HANDSHAKE, TEXT], "flight beyond 4096")]
#[case::mss(Box::new(Has(|s| s.mss = 0)), &[], &[HANDSHAKE, TEXT], "an MSS of zero")]
#[case::cost_of_the_retransmission_queue(Box::new(Walks::over(IN_FLIGHT)),
    &[SOURCE, (SEND_BUFFER, 5), (PEER_MSS, 2)], &[&duplicates()[..]], "a segment cost")]
#[case::cost_of_the_reassembly_queue(Box::new(Walks::over(AHEAD)),
    &[(RANGES, 3), (RECEIVE_BUFFER, 0)], &[&holes()[..]], "a segment cost")]
fn an_oracle_fires(
    #[case] way: Way,
    #[case] changes: &[(usize, u8)],
    #[case] operations: &[&[u8]],
    #[case] message: &str,
) {
    fires(&input(changes, operations), way, message);
}

#[test]
fn a_backlog_that_is_too_long_fires() {
    let data = input(&[(BACKLOG, 1)], &[NO_HANDSHAKE, SYN, &[232, 233]]);
    assert_eq!(play(&data, Box::new(Sound)), "");
    let found = finding(|| {
        let mut world = World::new(&data, None);
        let listener = world.application.listener.take().unwrap();
        world.host.release(world.now, listener);
        let backlog = 8;
        let listen = ListenOptions {
            backlog,
            ..world.listen
        };
        world.application.listener = world.host.listen(None, PORT, listen).ok();
        world.run();
    });
    assert!(found.starts_with("backlog: "), "{found}");
}

/// A host without R2: it sends again for ever, a minute apart.
#[test]
fn a_silent_peer_that_is_never_given_up_fires() {
    let data = input(&[SOURCE], &[HANDSHAKE]);
    let found = finding(|| {
        let mut world = World::new(&data, None);
        world.operations();
        for id in world.application.clients() {
            let options = SocketOptions {
                user_timeout: None,
                ..world.listen.socket
            };
            world.host.set_options(id, options).unwrap();
        }
        world.end();
    });
    assert!(found.starts_with("still waiting after 560s"), "{found}");
}
