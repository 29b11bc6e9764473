//! Each oracle is seen to fire on the fault that it is for, and the same input to pass without the fault.

use super::*;
use crate::fuzzing::faulty::*;
use crate::fuzzing::subject::{Sound, Way};
use rstest::rstest;
use tcpconf_wire::Segment;

/// What becomes of the first packet.
const RIGHT: &[u8] = &[];
const LOST: &[u8] = &[96];

/// An input in which the sides send so many octets.
fn input(totals: [u16; 2], link: &[u8]) -> Vec<u8> {
    let [a, b] = totals.map(u16::to_le_bytes);
    [&[0], &*settings(&[]), &settings(&[]), &a, &b, link].concat()
}

fn play(data: &[u8], way: Way) -> String {
    finding(|| {
        let mut net = Net::new(data, None);
        net.hosts[0].behave(way);
        net.run();
    })
}

fn sends(change: impl FnMut(&mut Segment) -> bool + 'static) -> Way {
    Box::new(Sends(change))
}

#[rstest]
#[case::at_rest(Box::new(WithoutTimers), [4096; 2], LOST, "at rest before the end")]
#[case::time(sends(|s: &mut Segment| s.payload.is_empty()), [4096; 2], RIGHT, "not at the end after")]
#[case::packets(Box::new(SendsAgain::after(Duration::from_millis(1)).without_text()), [16; 2], RIGHT, "3256 packets: ")]
#[case::text_is_missing(Box::new(Delivers(|_| None)), [4096; 2], RIGHT,
    "assertion `left == right` failed: not all text has come")]
#[case::ending(
    Box::new(WakesUp::every(Duration::from_secs(1))),
    [0; 2],
    RIGHT,
    "it does not end"
)]
#[case::packets_at_the_end(
    Box::new(SendsAgain::after(Duration::from_millis(1))),
    [0; 2],
    RIGHT,
    "3000 packets at the end"
)]
#[case::sockets_at_the_end(
    Box::new(Leaks),
    [0; 2],
    RIGHT,
    "assertion `left == right` failed: sockets are left"
)]
#[case::error(sends({
    let mut closed = false;
    move |s: &mut Segment| {
        if closed {
            s.flags = Flags::RST | Flags::ACK;
        }
        closed |= s.flags.contains(Flags::FIN);
        true
    }
}), [0, 4096], RIGHT, "Error(Reset): ")]
#[case::open(sends(|s: &mut Segment| {
    if s.flags.contains(Flags::FIN) {
        s.flags = Flags::RST | Flags::ACK;
    }
    true
}), [16_000; 2], RIGHT, "it is open: Ended(Reset)")]
#[case::holds(sends(|s: &mut Segment| {
    if s.flags.contains(Flags::FIN) {
        s.flags = Flags::RST | Flags::ACK;
    }
    true
}), [16_000, 0], RIGHT, "the connection holds: ")]
#[case::burst(Box::new(SendsAgain::default()), [0; 2], RIGHT, "a host spins")]
#[case::past(Box::new(TimerInThePast), [0; 2], RIGHT, "a timer is left in the past")]
#[case::text_out(sends(|s: &mut Segment| {
    s.payload.iter_mut().for_each(|octet| *octet ^= 1);
    true
}), [4096; 2], RIGHT, "assertion `left == right` failed: text out at")]
#[case::text_in(Box::new(Delivers(|octets| {
    octets.iter_mut().for_each(|octet| *octet ^= 1);
    Some(octets.len())
})), [4096; 2], RIGHT, "assertion `left == right` failed: behind octet 0 of the text")]
#[case::text_in_again(Box::new(Delivers(|octets| {
    octets.copy_within(octets.len() / 2.., 0);
    Some(octets.len())
})), [4096; 2], RIGHT, "assertion `left == right` failed: behind octet 0 of the text")]
#[case::packet_form(Box::new(Writes(|bytes| bytes.truncate(10))), [0; 2], RIGHT, "the host writes well-formed packets")]
#[case::segment_form(Box::new(Writes(|bytes| bytes[32] = 0x10)), [0; 2], RIGHT, "the host writes well-formed segments")]
fn an_oracle_fires(
    #[case] way: Way,
    #[case] totals: [u16; 2],
    #[case] link: &[u8],
    #[case] message: &str,
) {
    let data = input(totals, link);
    assert_eq!(play(&data, Box::new(Sound)), "");
    let found = play(&data, way);
    assert!(found.starts_with(message), "{message}, not {found}");
}
