//! The bank is what it says: names that can be cited, faults that break one thing and leave the rest.

use super::*;
use crate::seam::InProcess;
use rstest::rstest;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use tcpconf_engine::Endpoint;
use tcpconf_suite::plan::Needs;
use tcpconf_wire::{Flags, Instant, Packet, TcpOption};

/// A host and the sockets of a peer that talks to it.
struct Talk {
    endpoint: Box<dyn Endpoint>,
    peer: SocketAddr,
    host: SocketAddr,
    now: Instant,
}

impl Talk {
    fn with(target: &dyn InProcess) -> Self {
        let needs = Needs {
            service: "sink".to_owned(),
            ..Needs::default()
        };
        let (endpoint, lease) = target.open(1, &needs, 4).unwrap();
        Self {
            endpoint,
            peer: SocketAddr::new(lease.addresses[0], 40_000),
            host: lease.target,
            now: Instant::from_secs(5),
        }
    }

    fn with_fault(name: &str) -> Self {
        Self::with(&FaultyTarget::new(fault(name).unwrap()))
    }

    /// A segment of the peer, and what comes back at once.
    fn say(&mut self, flags: Flags, seq: u32, ack: u32, text: &[u8]) -> Vec<Segment> {
        let segment = Segment {
            flags,
            seq: SeqNumber(seq),
            ack: SeqNumber(ack),
            window: 65_535,
            payload: text.to_vec(),
            options: match flags == Flags::SYN {
                true => vec![TcpOption::Mss(1460), TcpOption::SackPermitted],
                false => Vec::new(),
            },
            ..Segment::new(self.peer, self.host)
        };
        self.give(&segment)
    }

    fn give(&mut self, segment: &Segment) -> Vec<Segment> {
        let packet = Packet::new(segment.build(), self.now);
        self.endpoint.handle_packet(self.now, &packet);
        let out = std::iter::from_fn(|| self.endpoint.poll_transmit(self.now));
        out.map(|packet| Segment::parse(&packet.bytes).unwrap())
            .collect()
    }
}

#[test]
fn names_are_distinct_and_can_be_cited() {
    let mut names = BTreeSet::new();
    for each in faults() {
        assert!(names.insert(each.name), "{} stands twice", each.name);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(each.name.chars().all(plain), "{}", each.name);
        assert!(!each.breaks.ends_with('.'), "{}", each.name);
        assert!(!each.source.is_empty(), "{}", each.name);
        assert_eq!(fault(each.name).unwrap().name, each.name);
    }
}

#[test]
fn rooms_are_distinct() {
    let titles: BTreeSet<&str> = ROOMS.iter().map(|room| room.title).collect();
    assert_eq!(titles.len(), ROOMS.len());
    assert!(ROOMS.iter().all(|room| !room.faults.is_empty()));
}

/// The numbers change on both ways, so that everything else works.
#[test]
fn a_connection_with_a_chosen_isn_works() {
    let mut talk = Talk::with_fault("isn-constant");
    let syn_ack = &talk.say(Flags::SYN, 100, 0, b"")[0];
    assert_eq!(
        (syn_ack.seq, syn_ack.ack),
        (SeqNumber(0x1000), SeqNumber(101))
    );
    // What does not acknowledge it is reset, by its own number.
    let reset = &talk.say(Flags::ACK, 101, 0x0fff, b"")[0];
    assert_eq!((reset.flags, reset.seq), (Flags::RST, SeqNumber(0x0fff)));
    assert_eq!(talk.say(Flags::ACK, 101, 0x1001, b""), []);
    let mut answers = talk.say(Flags::ACK, 101, 0x1001, b"one");
    answers.extend(talk.say(Flags::ACK, 104, 0x1001, b"two"));
    let last = answers.last().unwrap();
    assert_eq!((last.seq, last.ack), (SeqNumber(0x1001), SeqNumber(107)));
}

#[test]
fn a_refusal_keeps_its_own_number() {
    let mut talk = Talk::with_fault("isn-constant");
    talk.host.set_port(81);
    let refusal = &talk.say(Flags::SYN, 100, 0, b"")[0];
    assert_eq!(refusal.flags, Flags::RST | Flags::ACK);
    assert_eq!((refusal.seq, refusal.ack), (SeqNumber(0), SeqNumber(101)));
}

#[test]
fn a_host_that_hangs_says_nothing_any_more() {
    let mut talk = Talk::with_fault("null-hangs");
    assert_eq!(talk.say(Flags::SYN, 100, 0, b"").len(), 1);
    assert_eq!(talk.say(Flags::NONE, 101, 0, b""), []);
    assert_eq!(talk.say(Flags::SYN, 100, 0, b""), []);
    assert_eq!(talk.endpoint.poll_timeout(), None);
}

#[test]
fn a_fault_of_input_breaks_nothing_else() {
    let mut talk = Talk::with_fault("rst-in-window-resets");
    let iss = talk.say(Flags::SYN, 100, 0, b"")[0].seq.0;
    // Outside of the window it is ignored as before.
    assert_eq!(talk.say(Flags::RST, 99, 0, b""), []);
    assert_eq!(talk.say(Flags::ACK, 101, iss + 1, b""), []);
    assert_eq!(talk.say(Flags::RST, 201, 0, b""), []);
    // In the window it ended the connection: what follows meets LISTEN.
    let reset = &talk.say(Flags::ACK, 101, iss + 1, b"text")[0];
    assert_eq!((reset.flags, reset.seq), (Flags::RST, SeqNumber(iss + 1)));
}

#[test]
fn a_damaged_segment_is_repaired_by_the_fault_of_checksums_alone() {
    for (name, answers) in [("checksum-not-looked-at", 1), ("rst-ignored", 0)] {
        let mut talk = Talk::with_fault(name);
        let syn = Segment {
            flags: Flags::SYN,
            checksum: tcpconf_wire::Checksum::Bad,
            ..Segment::new(talk.peer, talk.host)
        };
        assert_eq!(talk.give(&syn).len(), answers, "{name}");
    }
}

/// A damaged acknowledgement opens nothing, so the next one is the first.
#[test]
fn what_the_sound_stack_drops_is_not_counted() {
    let mut talk = Talk::with_fault("second-ack-resets");
    let iss = talk.say(Flags::SYN, 100, 0, b"")[0].seq.0;
    let damaged = Segment {
        flags: Flags::ACK,
        seq: SeqNumber(101),
        ack: SeqNumber(iss + 1),
        checksum: tcpconf_wire::Checksum::Bad,
        ..Segment::new(talk.peer, talk.host)
    };
    assert_eq!(talk.give(&damaged), []);
    assert_eq!(talk.say(Flags::ACK, 101, iss + 1, b""), []);
    let mut answers = talk.say(Flags::ACK, 101, iss + 1, b"one");
    answers.extend(talk.say(Flags::ACK, 104, iss + 1, b"two"));
    assert_eq!(answers.last().unwrap().ack, SeqNumber(107));
}

#[test]
fn a_configuration_is_used() {
    let mut talk = Talk::with_fault("sack-unanswered");
    assert!(!talk.say(Flags::SYN, 100, 0, b"")[0].sack_permitted());
}

#[rstest]
#[case(Flags::SYN, Some((Flags::RST | Flags::ACK, 0, 105)))]
#[case(Flags::NONE, Some((Flags::RST | Flags::ACK, 0, 104)))]
#[case(Flags::FIN, Some((Flags::RST | Flags::ACK, 0, 105)))]
#[case(Flags::ACK, Some((Flags::RST, 7, 0)))]
#[case(Flags::SYN | Flags::ACK, Some((Flags::RST, 7, 0)))]
#[case(Flags::RST, None)]
#[case(Flags::RST | Flags::ACK, None)]
fn refuser_answers_as_a_host_without_connections(
    #[case] flags: Flags,
    #[case] expected: Option<(Flags, u32, u32)>,
) {
    let mut talk = Talk::with(&NonStack::Refuser);
    let answers = talk.say(flags, 100, 7, b"text");
    let got = answers.first().map(|a| (a.flags, a.seq.0, a.ack.0));
    assert_eq!(got, expected);
    assert!(answers.len() <= 1);
}

#[test]
fn mirror_and_noise_answer_the_sender() {
    for what in [NonStack::Mirror, NonStack::Noise] {
        let mut talk = Talk::with(&what);
        let answers = talk.say(Flags::SYN, 100, 0, b"");
        assert_eq!(answers.len(), 1);
        assert_eq!((answers[0].src(), answers[0].dst()), (talk.host, talk.peer));
    }
    assert_eq!(
        Talk::with(&NonStack::BlackHole).say(Flags::SYN, 100, 0, b""),
        []
    );
}
