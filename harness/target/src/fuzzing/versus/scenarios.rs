//! Scripts with names: seeds of the fuzzer, and for each entry of the table one that cannot do without it.

use super::script::{AckBase, Operation, Script, SeqBase, Shape, union};
use tcpconf_wire::Flags;

/// A script, and the entry of the table that it needs.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) needs: bool,
    pub(super) script: Script,
}

const A: Flags = Flags::ACK;
const FA: Flags = union(Flags::FIN, Flags::ACK);
const SA: Flags = union(Flags::SYN, Flags::ACK);
const PA: Flags = union(Flags::PSH, Flags::ACK);
const SYN: Operation = Operation::Syn { open: true };
const CLOSED: Operation = Operation::Syn { open: false };

impl Shape {
    const fn seq(self, base: SeqBase, offset: i8) -> Self {
        Self {
            seq: (base, offset),
            ..self
        }
    }

    const fn ack(self, base: AckBase, offset: i8) -> Self {
        Self {
            ack: (base, offset),
            ..self
        }
    }

    const fn text(self, text: u16) -> Self {
        Self { text, ..self }
    }

    const fn window(self, window: u16) -> Self {
        Self { window, ..self }
    }

    const fn at_once(self) -> Self {
        Self {
            at_once: true,
            ..self
        }
    }

    const fn op(self) -> Operation {
        Operation::Segment(self)
    }
}

const fn say(flags: Flags) -> Shape {
    Shape::new(flags)
}

/// Scripts in which both do the same.
pub(super) fn plain() -> Vec<Scenario> {
    use Operation::{Abort, Close, Connect, Cooperate, Receive, Release, Send, Wait};
    let ack = say(A).op();
    let scripts: [(&str, Vec<Operation>); 12] = [
        (
            "passive-and-closed-by-the-peer",
            vec![
                SYN,
                ack,
                say(PA).text(1000).op(),
                Receive(100),
                say(FA).op(),
                Close,
                ack,
                Wait(15),
            ],
        ),
        (
            "passive-and-closed-by-the-target",
            vec![
                SYN,
                ack,
                Send(3000),
                Cooperate,
                Close,
                ack,
                say(FA).op(),
                Wait(15),
            ],
        ),
        (
            "active",
            vec![
                Connect,
                say(SA).op(),
                Send(100),
                Cooperate,
                say(PA).text(10).op(),
                Receive(100),
                Close,
                ack,
            ],
        ),
        (
            "simultaneous-open",
            vec![Connect, say(Flags::SYN).op(), ack, say(A).text(1).op()],
        ),
        (
            "simultaneous-close",
            vec![
                SYN,
                ack,
                Close,
                say(FA).ack(AckBase::Last, 0).op(),
                ack,
                Wait(15),
            ],
        ),
        (
            "refused",
            vec![Connect, say(union(Flags::RST, Flags::ACK)).op()],
        ),
        (
            "nothing-listens",
            vec![CLOSED, say(A).op(), say(SA).op(), say(Flags::RST).op()],
        ),
        (
            "reordered",
            vec![
                SYN,
                ack,
                say(A).seq(SeqBase::Next, 100).text(100).at_once().op(),
                say(A).text(100).at_once().op(),
                say(A).text(100).op(),
                Receive(1000),
            ],
        ),
        (
            "window-closed-and-opened",
            vec![
                SYN,
                say(A).window(0).op(),
                Send(1000),
                Wait(5),
                say(A).window(100).op(),
                Cooperate,
                Send(8000),
                Cooperate,
            ],
        ),
        (
            "reset-in-and-beside-the-window",
            vec![
                SYN,
                ack,
                say(Flags::RST).seq(SeqBase::Next, -1).op(),
                say(Flags::RST).seq(SeqBase::Edge, 0).op(),
                say(Flags::RST).op(),
                ack,
            ],
        ),
        (
            "aborted",
            vec![SYN, ack, say(PA).text(10).op(), Send(10), Abort, ack],
        ),
        (
            "released",
            vec![
                SYN,
                ack,
                Send(10),
                Release,
                Cooperate,
                say(FA).op(),
                Wait(15),
            ],
        ),
    ];
    scripts
        .into_iter()
        .map(|(name, operations)| scenario(name, false, operations))
        .collect()
}

/// For each entry of the table a script that cannot do without it.
pub(super) fn allowed() -> Vec<Scenario> {
    use Operation::{Abort, Close, Connect, Release, Send, Wait};
    let ack = say(A).op();
    let scripts: [(&str, Vec<Operation>); 27] = [
        (
            "mixed-controls-are-malformed",
            vec![CLOSED, say(union(Flags::SYN, Flags::FIN)).op()],
        ),
        (
            "reset-without-acknowledgement",
            vec![CLOSED, say(Flags::FIN).op()],
        ),
        (
            "no-ack-no-reading",
            vec![SYN, ack, say(Flags::NONE).seq(SeqBase::Next, -17).op()],
        ),
        (
            "syn-in-the-window-is-no-error",
            vec![SYN, ack, say(SA).op()],
        ),
        (
            "old-ack-takes-the-segment-with-it",
            vec![SYN, ack, say(A).ack(AckBase::Initial, 0).text(10).op()],
        ),
        (
            "syn-sent-looks-at-controls-first",
            vec![Connect, say(FA).ack(AckBase::All, 5).op()],
        ),
        (
            "text-on-syn-is-dropped",
            vec![Connect, say(SA).text(10).op()],
        ),
        (
            "acknowledgement-before-sequence-number",
            vec![
                SYN,
                say(A).seq(SeqBase::Next, -17).ack(AckBase::All, 5).op(),
            ],
        ),
        ("reset-of-what-is-deleted", vec![Connect, Abort]),
        (
            "fin-ahead-is-forgotten",
            vec![
                SYN,
                ack,
                say(FA).seq(SeqBase::Next, 10).op(),
                say(A).text(10).op(),
            ],
        ),
        (
            "fin-has-no-length",
            vec![
                SYN,
                ack,
                say(A).text(10).op(),
                say(FA).seq(SeqBase::Acked, -10).text(10).op(),
            ],
        ),
        (
            "acknowledgement-of-what-is-not-sent",
            vec![
                SYN,
                say(A).window(0).op(),
                Send(100),
                say(A).ack(AckBase::Given, 0).window(0).op(),
            ],
        ),
        (
            "syn-ack-in-syn-received-is-dropped",
            vec![SYN, say(SA).op()],
        ),
        (
            "fin-again-takes-the-ack-with-it",
            vec![SYN, ack, say(FA).op(), Send(100), say(FA).op()],
        ),
        (
            "text-behind-the-fin",
            vec![SYN, ack, say(FA).op(), say(A).text(10).op()],
        ),
        (
            "text-for-nobody",
            vec![
                SYN,
                ack,
                Release,
                say(A).seq(SeqBase::Next, 5).text(10).op(),
            ],
        ),
        (
            "rst-by-its-text",
            vec![
                SYN,
                ack,
                say(Flags::RST).seq(SeqBase::Next, -2).text(10).op(),
            ],
        ),
        (
            "fin-waits-for-room",
            vec![SYN, say(FA).window(0).op(), Close],
        ),
        (
            "last-ack-answers-duplicates",
            vec![
                SYN,
                ack,
                say(FA).op(),
                Close,
                say(A).ack(AckBase::Last, 0).op(),
            ],
        ),
        (
            "empty-segment-at-a-closed-window",
            vec![
                SYN,
                say(A).window(0).op(),
                Send(1),
                Wait(1),
                say(A).window(0).op(),
            ],
        ),
        (
            "fin-is-lost-in-the-handshake",
            vec![Connect, say(Flags::SYN).op(), Close, ack],
        ),
        (
            "time-wait-begins-again",
            vec![
                SYN,
                ack,
                Close,
                say(FA).op(),
                Wait(5),
                say(A).seq(SeqBase::Next, -42).op(),
                Wait(5),
                Wait(2),
            ],
        ),
        (
            "few-pieces-are-kept",
            [10, 20, 30, 40, 50]
                .into_iter()
                .map(|ahead| say(A).seq(SeqBase::Next, ahead).text(2).op())
                .fold(vec![SYN, ack], |mut script, piece| {
                    script.push(piece);
                    script
                }),
        ),
        (
            "probes-in-fin-wait-2-without-end",
            vec![
                SYN,
                ack,
                Send(1000),
                Close,
                say(A).ack(AckBase::All, -28).window(0).op(),
                say(A).window(0).op(),
                Wait(3),
            ],
        ),
        (
            "probes-of-an-earlier-connection-without-end",
            vec![
                SYN,
                ack,
                Send(1000),
                Close,
                say(A).ack(AckBase::All, -28).window(0).op(),
                say(A).window(0).op(),
                Connect,
                Wait(3),
            ],
        ),
        (
            "time-wait-is-over-sooner",
            vec![
                SYN,
                say(A).text(2).op(),
                Send(8000),
                Send(8000),
                Close,
                say(union(FA, Flags::PSH))
                    .seq(SeqBase::Next, -34)
                    .ack(AckBase::Last, 33)
                    .text(2000)
                    .op(),
                Operation::Cooperate,
            ],
        ),
        (
            "time-wait-began-sooner",
            vec![
                SYN,
                ack,
                Send(2000),
                Close,
                say(FA).op(),
                Operation::Cooperate,
                Wait(1),
                ack,
                ack,
                ack,
            ],
        ),
    ];
    let mut scenarios: Vec<Scenario> = scripts
        .into_iter()
        .map(|(name, operations)| scenario(name, true, operations))
        .collect();
    // Small segments, many rounds: the two do not get on equally fast.
    for scenario in &mut scenarios {
        if scenario.name.starts_with("time-wait-is") || scenario.name.starts_with("time-wait-began")
        {
            (scenario.script.mss, scenario.script.sack) = (Some(100), true);
        }
    }
    scenarios
}

fn scenario(name: &'static str, needs: bool, operations: Vec<Operation>) -> Scenario {
    Scenario {
        name,
        needs,
        script: Script {
            mss: Some(1460),
            operations,
            ..Script::default()
        },
    }
}
