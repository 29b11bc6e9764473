//! Faults of connections that the endpoint opens itself: SYN-SENT, crossing SYNs, and what its user is told.

use super::Change::{Call, Configuration, Icmp, Input, Output};
use super::scene::{Host, Pair, Scene, Then, drop_if, hang_if, is_rst, is_syn, is_syn_ack};
use super::{Called, Fault, Room};
use std::time::Duration;
use tcpconf_engine::AppCall;
use tcpconf_wire::{Flags, Segment, TcpOption};

pub(super) const SYN_SENT: Room = Room {
    title: "What meets SYN-SENT",
    faults: &[
        Fault::new(
            "syn-sent-any-ack-opens",
            "takes a SYN-ACK whatever it acknowledges",
            "RFC 9293 §3.10.7.3, first check",
            Input(|segment, scene| {
                if scene.connection.is_opening() && is_syn_ack(segment) {
                    segment.ack = scene.connection.iss + 1;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-sent-wrong-ack-ignored",
            "drops what acknowledges the wrong number, without a RST",
            "RFC 9293 §3.10.7.3, first check",
            Input(|segment, scene| drop_if(is_wrong(segment, scene) && !is_rst(segment))),
        ),
        Fault::new(
            "syn-sent-wrong-ack-ends",
            "gives the open up for a wrong acknowledgement",
            "RFC 9293 §3.10.7.3, first check: discard the segment and return",
            Input(|segment, scene| ends_if(is_wrong(segment, scene) && !is_rst(segment), scene)),
        ),
        Fault::new(
            "syn-sent-any-rst-ends",
            "takes a RST whatever it acknowledges",
            "RFC 9293 §3.5.3; bug bank: blind resets of embryonic connections",
            Input(|segment, scene| ends_if(is_wrong(segment, scene) && is_rst(segment), scene)),
        ),
        Fault::new(
            "syn-sent-bare-rst-ends",
            "takes a RST without ACK",
            "RFC 9293 §3.10.7.3, second check",
            Input(|segment, scene| {
                let bare = is_rst(segment) && !segment.flags.contains(Flags::ACK);
                ends_if(bare && scene.connection.is_opening(), scene)
            }),
        ),
        Fault::new(
            "syn-sent-rst-ignored",
            "is not refused by a RST",
            "RFC 9293 §3.10.7.3, second check",
            Input(|segment, scene| drop_if(is_rst(segment) && scene.connection.is_opening())),
        ),
        Fault::new(
            "syn-sent-bare-ack-opens",
            "opens on an ACK without SYN",
            "RFC 9293 §3.10.7.3, fifth check",
            Input(|segment, scene| {
                let bare = !segment
                    .flags
                    .intersects(Flags::SYN | Flags::RST | Flags::FIN);
                if bare && acks_the_syn(segment, scene) {
                    segment.flags |= Flags::SYN;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-sent-no-flags-end",
            "gives the open up for a segment without SYN, RST and ACK",
            "RFC 9293 §3.10.7.3, fifth check",
            Input(|segment, scene| {
                let none = !segment
                    .flags
                    .intersects(Flags::SYN | Flags::RST | Flags::ACK);
                ends_if(none && scene.connection.is_opening(), scene)
            }),
        ),
        Fault::new(
            "syn-sent-fin-ends",
            "takes a FIN without SYN",
            "RFC 9293 §3.10.7.4, eighth check: do not process the FIN in SYN-SENT",
            Input(|segment, scene| {
                let fin = segment.flags & (Flags::FIN | Flags::SYN) == Flags::FIN;
                ends_if(fin && scene.connection.is_opening(), scene)
            }),
        ),
        Fault::new(
            "syn-ack-text-garbled",
            "takes the text of a SYN-ACK from the wrong place",
            "RFC 9293 §3.10.7.3, fourth check",
            Input(|segment, scene| {
                if scene.connection.is_opening() {
                    segment.payload.iter_mut().for_each(|octet| *octet ^= 1);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-fin-lost",
            "overlooks a FIN on the SYN-ACK",
            "RFC 9293 §3.10.7.3, fourth check",
            Input(|segment, scene| {
                if scene.connection.is_opening() && is_syn_ack(segment) {
                    segment.flags = segment.flags & !Flags::FIN;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-flags-compared",
            "takes no SYN-ACK with further flags",
            "RFC 9293 §3.10.7.3: flags are looked at one by one",
            Input(|segment, scene| {
                let plain = segment.flags == Flags::SYN | Flags::ACK;
                drop_if(scene.connection.is_opening() && is_syn_ack(segment) && !plain)
            }),
        ),
        Fault::new(
            "syn-ack-isn-signed",
            "takes sequence numbers of SYN-ACKs for signed, and 0 and 1 for none",
            "RFC 9293 §3.4",
            Input(|segment, scene| {
                let number = segment.seq.0;
                let odd = !(2..0x7fff_ffff).contains(&number);
                drop_if(scene.connection.is_opening() && is_syn_ack(segment) && odd)
            }),
        ),
        Fault::new(
            "syn-ack-window-ignored",
            "begins to send as if the window were open",
            "RFC 9293 §3.10.7.3, fourth check: SND.WND",
            Input(|segment, scene| {
                if scene.connection.is_opening() && is_syn_ack(segment) {
                    segment.window = u16::MAX;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-ack-mss-assumed",
            "takes the usual MSS for that of a SYN-ACK without the option",
            "RFC 9293 §3.7.1 MUST-15",
            Input(|segment, scene| {
                let opening = scene.connection.is_opening() && is_syn_ack(segment);
                if opening && segment.mss().is_none() {
                    segment.options.push(TcpOption::Mss(1_460));
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "late-syn-ack-ignored",
            "takes a SYN-ACK only as long as the first SYN is the last",
            "RFC 9293 §3.10.8: the SYN that is sent again is the same",
            Input(|segment, scene| {
                let late = scene.connection.syns_out > 1;
                drop_if(scene.connection.is_opening() && is_syn_ack(segment) && late)
            }),
        ),
        Fault::new(
            "syn-ack-from-any-port-opens",
            "takes a SYN-ACK for its connection wherever it comes from",
            "RFC 9293 §3.3.1: a connection is named by both sockets",
            Input(|segment, scene| {
                let mut opening = scene.host.connections.iter().rev();
                let opening = opening
                    .find(|(_, c)| c.is_opening())
                    .map(|(pair, c)| (*pair, *c));
                if is_syn_ack(segment)
                    && let Some((pair, connection)) = opening
                    && pair != scene.pair
                {
                    return Then::And(vec![Segment {
                        flags: segment.flags,
                        ack: connection.iss + 1,
                        ..Segment::new(pair.remote, pair.local)
                    }]);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "icmp-ends-opening",
            "gives an open up for any ICMP message, whatever it quotes",
            "RFC 9293 §3.9.2.2 MUST-56, RFC 5927 §4.1",
            Icmp(|host| {
                let opening = host.connections.iter().filter(|(_, c)| c.is_opening());
                opening.map(|(pair, _)| refusal(*pair, host)).collect()
            }),
        ),
    ],
};

pub(super) const CROSSING: Room = Room {
    title: "Crossing SYNs",
    faults: &[
        Fault::new(
            "crossing-syn-ignored",
            "does not know simultaneous open",
            "RFC 9293 §3.5 MUST-10",
            Input(|segment, scene| drop_if(scene.connection.is_opening() && is_syn(segment))),
        ),
        Fault::new(
            "crossing-syn-ends",
            "gives its own open up for a SYN that crosses",
            "RFC 9293 §3.5 MUST-10",
            Input(|segment, scene| {
                if scene.connection.is_opening() && is_syn(segment) {
                    return Then::And(vec![Segment {
                        flags: Flags::RST,
                        seq: segment.seq + 1,
                        ..Segment::new(scene.pair.remote, scene.pair.local)
                    }]);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "crossing-ack-ignored",
            "does not take an ACK for the end of a simultaneous open",
            "RFC 9293 §3.10.7.4, fifth check, SYN-RECEIVED",
            Input(|segment, scene| {
                let plain = segment.flags == Flags::ACK && segment.payload.is_empty();
                drop_if(has_crossed(scene) && plain)
            }),
        ),
        Fault::new(
            "crossing-syn-ack-ignored",
            "drops the SYN-ACK that ends a simultaneous open",
            "RFC 9293 §3.5, figure 8",
            Input(|segment, scene| drop_if(has_crossed(scene) && is_syn_ack(segment))),
        ),
        Fault::new(
            "crossing-text-lost",
            "drops text and FIN that end a simultaneous open",
            "RFC 9293 §3.10.7.4, SYN-RECEIVED",
            Input(|segment, scene| {
                let more = segment.flags.contains(Flags::FIN) || !segment.payload.is_empty();
                drop_if(has_crossed(scene) && more)
            }),
        ),
        Fault::new(
            "crossing-rst-ignored",
            "is not refused by a RST in SYN-RECEIVED",
            "RFC 9293 §3.10.7.4, second check",
            Input(|segment, scene| drop_if(has_crossed(scene) && is_rst(segment))),
        ),
        Fault::new(
            "crossing-rst-anywhere-ends",
            "takes a RST outside of the window of a simultaneous open",
            "RFC 9293 §3.5.3",
            Input(|segment, scene| {
                if has_crossed(scene) && is_rst(segment) {
                    segment.seq = scene.connection.rcv_nxt;
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "crossing-ack-of-anything-ends",
            "gives a simultaneous open up for a wrong ACK or another SYN",
            "RFC 9293 §3.10.7.4, SYN-RECEIVED",
            Input(|segment, scene| {
                let wrong = is_syn(segment) || segment.ack != scene.connection.iss + 1;
                let rst = super::scene::exact_rst(scene.pair, &scene.connection);
                if has_crossed(scene) && wrong && !is_rst(segment) {
                    return Then::And(vec![rst]);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "crossing-syn-ack-sent-once",
            "sends the SYN-ACK of a simultaneous open only once",
            "RFC 9293 §3.10.8",
            Output(|segment, scene| {
                let connection = &scene.connection;
                drop_if(connection.active && is_syn_ack(segment) && connection.syn_acks > 0)
            }),
        ),
    ],
};

pub(super) const OPENING: Room = Room {
    title: "The endpoint's own SYN, and what its user does",
    faults: &[
        Fault::new(
            "syn-without-mss",
            "leaves the MSS option off its SYN",
            "RFC 9293 §3.7.1 SHLD-5, MUST-14",
            Output(|segment, _| {
                if is_syn(segment) {
                    segment.options.retain(|o| !matches!(o, TcpOption::Mss(_)));
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "syn-with-text",
            "sends an octet with its SYN",
            "RFC 9293 §3.10.1: a SYN segment of the form <SEQ=ISS><CTL=SYN>",
            Output(|segment, _| {
                if is_syn(segment) {
                    segment.payload = vec![b'A'];
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "third-syn-hangs",
            "hangs when its third SYN is due",
            "RFC 9293 §3.10.8",
            Output(|segment, scene| hang_if(is_syn(segment) && scene.connection.syns_out >= 2)),
        ),
        Fault::new(
            "syn-sent-once",
            "never sends its SYN again",
            "RFC 9293 §3.10.8",
            Output(|segment, scene| drop_if(is_syn(segment) && scene.connection.syns_out >= 1)),
        ),
        Fault::new(
            "syn-given-up-soon",
            "gives its SYN up after 20 s",
            "RFC 9293 §3.8.3 MUST-23",
            Configuration(|config| config.r2_syn = Duration::from_secs(20)),
        ),
        Fault::new(
            "one-port-for-all",
            "opens all connections from one port",
            "RFC 6056 §3.2",
            Configuration(|config| config.ephemeral_ports = (50_000, 50_000)),
        ),
        Fault::new(
            "handshake-ack-missing",
            "does not acknowledge the SYN-ACK",
            "RFC 9293 §3.10.7.3, fourth check",
            Output(|segment, scene| {
                let connection = &scene.connection;
                drop_if(
                    connection.active && segment.flags == Flags::ACK && connection.acks_out == 0,
                )
            }),
        ),
        Fault::new(
            "acks-from-the-next-port",
            "goes on from another port than its SYN came from",
            "RFC 9293 §3.9.1.1 MUST-45",
            Output(|segment, scene| {
                if scene.connection.active && !is_syn(segment) {
                    segment.src_port = segment.src_port.wrapping_add(1);
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "old-segments-of-own-opens-ignored",
            "does not answer old segments of connections that it opened",
            "RFC 9293 §3.10.7.4, first check",
            Input(|segment, scene| drop_if(scene.connection.active && is_left(segment, scene))),
        ),
        Fault::new(
            "old-segments-after-fin-ignored",
            "does not answer old segments once it has sent or received a FIN",
            "RFC 9293 §3.10.7.4, first check",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let closing = connection.fin_end.is_some() || connection.fin_in;
                drop_if(closing && is_left(segment, scene))
            }),
        ),
        Fault::new(
            "last-ack-never-ends",
            "does not take the acknowledgement of its FIN when the peer closed first",
            "RFC 9293 §3.10.7.4, fifth check, LAST-ACK",
            Input(|segment, scene| {
                let connection = &scene.connection;
                let last = connection.fin_in && connection.fin_end == Some(segment.ack);
                drop_if(last && segment.flags == Flags::ACK && segment.seq == connection.rcv_nxt)
            }),
        ),
        Fault::new(
            "unasked-timestamps",
            "puts timestamps on segments though the SYN-ACK had none",
            "RFC 7323 §3.2",
            Output(|segment, scene| {
                let data = scene.connection.active && !segment.payload.is_empty();
                if data && segment.options.is_empty() {
                    segment
                        .options
                        .push(TcpOption::Timestamps { val: 1, ecr: 1 });
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "agreed-timestamps-left-off",
            "leaves timestamps off the segments of connections that it opened",
            "RFC 7323 §3.2",
            Output(|segment, scene| {
                let stamps = |o: &TcpOption| matches!(o, TcpOption::Timestamps { .. });
                if scene.connection.active && !segment.flags.contains(Flags::SYN) {
                    segment.options.retain(|o| !stamps(o));
                }
                Then::Pass
            }),
        ),
        Fault::new(
            "close-ignored",
            "does nothing on CLOSE and ABORT",
            "RFC 9293 §3.10.4, §3.10.5",
            Call(|call, _| Called::unless(matches!(call, AppCall::Close(_) | AppCall::Abort(_)))),
        ),
        Fault::new(
            "send-ignored",
            "does nothing on SEND",
            "RFC 9293 §3.10.2",
            Call(|call, _| Called::unless(matches!(call, AppCall::Send { .. }))),
        ),
        Fault::new(
            "second-listen-succeeds",
            "answers every passive OPEN behind the first by success, and does nothing",
            "RFC 9293 §3.10.1, LISTEN: connection already exists",
            Call(|call, _| {
                Called::unless(matches!(call, AppCall::Listen { with, .. } if !with.is_empty()))
            }),
        ),
        Fault::new(
            "user-timeout-ignored",
            "does not take the user timeout of OPEN",
            "RFC 9293 §3.9.1.1",
            Call(|call, _| {
                if let AppCall::Connect { with, .. } = call {
                    with.clear();
                }
                Called::Made
            }),
        ),
    ],
};

/// It acknowledges something else than the SYN of an open.
fn is_wrong(segment: &Segment, scene: &Scene<'_>) -> bool {
    scene.connection.is_opening()
        && segment.flags.contains(Flags::ACK)
        && segment.ack != scene.connection.iss + 1
}

fn acks_the_syn(segment: &Segment, scene: &Scene<'_>) -> bool {
    scene.connection.is_opening()
        && segment.flags.contains(Flags::ACK)
        && segment.ack == scene.connection.iss + 1
}

/// SYN-RECEIVED, reached from SYN-SENT.
fn has_crossed(scene: &Scene<'_>) -> bool {
    scene.connection.active && scene.connection.is_half_open()
}

/// An empty segment left of the window.
fn is_left(segment: &Segment, scene: &Scene<'_>) -> bool {
    segment.payload.is_empty()
        && segment.flags == Flags::ACK
        && scene.connection.offset(segment) >= 1 << 31
}

fn ends_if(condition: bool, scene: &Scene<'_>) -> Then {
    if condition {
        Then::And(vec![refusal(scene.pair, scene.host)])
    } else {
        Then::Pass
    }
}

/// The RST that refuses an open.
fn refusal(pair: Pair, host: &Host) -> Segment {
    Segment {
        flags: Flags::RST | Flags::ACK,
        ack: host.connection(pair).iss + 1,
        ..Segment::new(pair.remote, pair.local)
    }
}
