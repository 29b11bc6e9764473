//! One conversation with a target: its connections, the invariants, the trace.
//!
//! What cases, fuzzers, the learner and `init` share.  Pure: bytes in, bytes out, time as argument.

use crate::compose::{Composed, compose};
use crate::eval::{EvalError, Scope};
use crate::event::{Direction, Finding, TraceEntry};
use crate::invariant::{Evidence, Judgement, invariants, judge};
use crate::model::{Connection, Phase, Seen};
use crate::reading::Reading;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use tcpconf_suite::ast::{Expr, Template};
use tcpconf_wire::view::{IpView, PROTOCOL_TCP, TcpView};
use tcpconf_wire::{
    Checksum, ChecksumState, Content, Flags, Instant, Packet, PayloadStyle, PrintStyle, Segment,
    SeqNumber, TcpOption,
};

/// The target knows its link's MTU, we do not: what came through was not too large for it.
const MTU: u32 = u32::MAX;

/// A segment of the target that no step has taken yet.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) at: Instant,
    pub(crate) segment: Segment,
    /// Its entry in the trace.
    pub(crate) entry: usize,
}

/// A connection with all that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    name: String,
    /// As the steps have consumed it: what symbols mean.
    pub(crate) script: Connection,
    /// As the wire shows it: what invariants and cleaning up go by.
    pub(crate) wire: Connection,
    /// As we have heard it, where the link keeps segments of the target from us.
    heard: Option<Box<Connection>>,
    /// Options of our SYN: they stick.
    pub(crate) syn_options: Vec<TcpOption>,
    /// What no step has taken yet.
    pub(crate) inbox: VecDeque<Arrived>,
    /// The target's first SYN says which port it comes from.
    awaited: bool,
    /// Behind the request that the service was sent: what acknowledges no more is part of opening it.
    request_end: Option<SeqNumber>,
}

impl Slot {
    fn new(name: &str, ours: SocketAddr, target: SocketAddr, isn: SeqNumber, ts_base: u32) -> Self {
        let mut connection = Connection::new(ours, target, isn);
        connection.ts_base = ts_base;
        Self {
            name: name.to_owned(),
            wire: connection.clone(),
            heard: None,
            script: connection,
            syn_options: Vec::new(),
            inbox: VecDeque::new(),
            awaited: false,
            request_end: None,
        }
    }

    /// Whether the segment does nothing but acknowledge the service's request.
    fn is_about_the_request(&self, segment: &Segment) -> bool {
        let answered = self
            .script
            .iss
            .is_none_or(|iss| self.heard().our_rcv_nxt != iss + 1);
        self.request_end.is_some_and(|end| segment.ack.le(end))
            && !answered
            && segment.payload.is_empty()
            && segment.flags & (Flags::SYN | Flags::FIN | Flags::RST | Flags::ACK) == Flags::ACK
    }

    /// The other end is that.
    pub(crate) fn bind(&mut self, target: SocketAddr) {
        self.models().for_each(|model| model.target = target);
    }

    fn models(&mut self) -> impl Iterator<Item = &mut Connection> {
        let heard = self.heard.as_deref_mut();
        [&mut self.script, &mut self.wire].into_iter().chain(heard)
    }

    /// The connection as our end of it knows it.
    pub(crate) fn heard(&self) -> &Connection {
        self.heard.as_deref().unwrap_or(&self.wire)
    }

    /// Whether a segment of the target that came for our socket belongs here.
    fn takes(&mut self, segment: &Segment) -> bool {
        if segment.src() == self.wire.target {
            self.awaited = false;
            return true;
        }
        let first = self.awaited
            && segment.src().ip() == self.wire.target.ip()
            && segment.flags.contains(Flags::SYN);
        if first {
            self.awaited = false;
            self.bind(segment.src());
        }
        first
    }

    /// What the segment is, seen against what the steps have consumed.
    pub(crate) fn classify(&self, segment: &Segment) -> Seen {
        self.script.classify(&Reading::of(segment))
    }

    /// A step takes the segment: symbols change.
    pub(crate) fn consume(&mut self, segment: &Segment) {
        self.script.observed(&Reading::of(segment));
    }
}

/// One conversation.
#[derive(Clone, Debug)]
pub struct Session {
    case: String,
    target: SocketAddr,
    slots: Vec<Slot>,
    /// Names of the connections that steps can speak of.
    names: BTreeMap<String, usize>,
    /// The newest connection of each socket of ours.
    sockets: BTreeMap<SocketAddr, usize>,
    /// The link keeps things from us: what we hear is followed on its own.
    parted: bool,
    isn: SeqNumber,
    ts_base: u32,
    pub(crate) trace: Vec<TraceEntry>,
    pub(crate) findings: Vec<Finding>,
    judged: BTreeMap<&'static str, u64>,
    /// Packets that belong to no connection of ours.
    pub(crate) strays: u64,
}

/// The connection that steps speak of unless they name one.
pub(crate) const UNNAMED: &str = "main";

/// ISNs of one case lie this far apart: more than any case sends on a connection.
const ISN_STEP: u32 = 1 << 24;

impl Session {
    /// A conversation with `target`. `isn` is the first that we use, `ts_base` the start of our
    /// timestamp clock.
    pub fn new(case: impl Into<String>, target: SocketAddr, isn: u32, ts_base: u32) -> Self {
        Self {
            case: case.into(),
            target,
            slots: Vec::new(),
            names: BTreeMap::new(),
            sockets: BTreeMap::new(),
            parted: false,
            isn: SeqNumber(isn),
            ts_base,
            trace: Vec::new(),
            findings: Vec::new(),
            judged: BTreeMap::new(),
            strays: 0,
        }
    }

    /// The next ISN of ours.
    pub(crate) fn next_isn(&mut self) -> SeqNumber {
        let isn = self.isn;
        self.isn += ISN_STEP;
        isn
    }

    pub(crate) fn slot(&self, index: usize) -> &Slot {
        &self.slots[index]
    }

    pub(crate) fn slot_mut(&mut self, index: usize) -> &mut Slot {
        &mut self.slots[index]
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }

    /// The connection with this name, if it was opened.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// The names of all connections that steps can speak of.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.names.keys()
    }

    /// The name of a connection, unless it is the one without a name.
    fn name_of(&self, index: usize) -> Option<String> {
        let name = &self.slots[index].name;
        (name != UNNAMED).then(|| name.clone())
    }

    /// Makes a connection that does not exist yet, from our socket `ours`, under `name`.
    /// One that had the name before is followed further, but steps cannot speak of it any more.
    pub(crate) fn open(&mut self, name: &str, ours: SocketAddr) -> usize {
        let isn = self.next_isn();
        let mut slot = Slot::new(name, ours, self.target, isn, self.ts_base);
        if let Some(before) = self.sockets.get(&ours).map(|at| &self.slots[*at]) {
            slot.wire.succeeds(&before.wire);
            slot.script.succeeds(&before.wire);
        }
        slot.heard = self.parted.then(|| Box::new(slot.wire.clone()));
        self.slots.push(slot);
        let index = self.slots.len() - 1;
        self.names.insert(name.to_owned(), index);
        self.sockets.insert(ours, index);
        index
    }

    /// Makes a connection that the target is about to open to our socket `ours`, from `port` or, when that
    /// is 0, from a port of its choice.
    pub(crate) fn await_open(&mut self, name: &str, ours: SocketAddr, port: u16) -> usize {
        let index = self.open(name, ours);
        let target = SocketAddr::new(self.target.ip(), port);
        let slot = &mut self.slots[index];
        slot.awaited = true;
        slot.bind(target);
        index
    }

    /// Builds the segment of a template on a connection.
    pub(crate) fn compose(
        &self,
        index: usize,
        template: &Template<Expr>,
        again: Option<&Segment>,
        now: Instant,
        scope: &dyn Scope,
    ) -> Result<Composed, EvalError> {
        let slot = &self.slots[index];
        compose(template, &slot.script, &slot.syn_options, again, now, scope)
    }

    /// The next SYN on this four-tuple begins a new incarnation, with an ISN of our choice.
    pub(crate) fn reincarnate(&mut self, index: usize) {
        let isn = self.next_isn();
        let slot = &mut self.slots[index];
        slot.models().for_each(|model| model.reincarnate(isn));
    }

    /// From now on we may hear less, or later, than the target says.
    pub(crate) fn part(&mut self) {
        self.parted = true;
        for slot in &mut self.slots {
            if slot.heard.is_none() {
                slot.heard = Some(Box::new(slot.wire.clone()));
            }
        }
    }

    /// What sticks to the connection of a segment that is about to be sent; its bytes.
    pub(crate) fn stick(&mut self, index: usize, composed: &Composed) -> Vec<u8> {
        let slot = &mut self.slots[index];
        for connection in slot.models() {
            if let Some(window) = composed.window {
                connection.our_window = window;
            }
            if let Some(base) = composed.ts_base {
                connection.ts_base = base;
            }
        }
        if let Some(options) = &composed.syn_options {
            slot.syn_options.clone_from(options);
        }
        composed.segment.build()
    }

    /// Writes bytes into the trace that were to be sent on a connection and never reach the target.
    pub(crate) fn note_lost(
        &mut self,
        index: usize,
        bytes: &[u8],
        now: Instant,
        note: Option<String>,
    ) {
        self.trace.push(TraceEntry {
            direction: Direction::In,
            connection: self.name_of(index),
            at: now,
            text: show(bytes, style(&self.slots[index].wire, Direction::In)),
            bytes: bytes.to_vec(),
            note,
        });
    }

    /// Another entry in the trace like that one: a copy that the link made.
    pub(crate) fn copy_entry(&mut self, entry: usize) -> usize {
        let mut copy = self.trace[entry].clone();
        copy.note = Some("made by the link (duplicate)".to_owned());
        self.trace.push(copy);
        self.trace.len() - 1
    }

    /// Applies bytes that are sent on a connection, and will arrive, to what the steps go by.
    pub(crate) fn promise(&mut self, index: usize, bytes: &[u8], now: Instant) {
        let slot = &mut self.slots[index];
        if let Some((view, sound)) = of_connection(bytes, &slot.wire) {
            slot.script.injected(now, &view, sound);
        }
    }

    /// Applies bytes that leave for the target to what the wire has shown, and writes them into the trace.
    pub(crate) fn note_sent(
        &mut self,
        index: usize,
        bytes: &[u8],
        now: Instant,
        note: Option<String>,
    ) {
        let slot = &mut self.slots[index];
        let style = style(&slot.wire, Direction::In);
        if let Some((view, sound)) = of_connection(bytes, &slot.wire) {
            slot.wire.injected(now, &view, sound);
            if let Some(heard) = &mut slot.heard {
                heard.injected(now, &view, sound);
            }
        }
        let style = if slot.wire.syn_sent {
            self::style(&slot.wire, Direction::In)
        } else {
            style
        };
        self.trace.push(TraceEntry {
            direction: Direction::In,
            connection: self.name_of(index),
            at: now,
            text: show(bytes, style),
            bytes: bytes.to_vec(),
            note,
        });
    }

    /// Takes a packet of the target, which the invariants judge: its connection, if it belongs to any,
    /// and what is to be [delivered](Self::deliver).
    pub(crate) fn observe(&mut self, packet: &Packet) -> Option<(usize, Arrived)> {
        let parsed = tcpconf_wire::parse(&packet.bytes);
        let Content::Tcp(mut segment) = parsed.content else {
            self.strays += 1;
            self.trace.push(TraceEntry {
                direction: Direction::Out,
                connection: None,
                at: packet.at,
                text: show(&packet.bytes, PrintStyle::default()),
                bytes: packet.bytes.clone(),
                note: Some("no TCP segment".into()),
            });
            return None;
        };
        if packet.checksum == ChecksumState::NotReady {
            segment.checksum = Checksum::Good; // what stands there says nothing
        }
        let index = self.sockets.get(&segment.dst()).copied();
        let index = index.filter(|index| self.slots[*index].takes(&segment));
        let Some(index) = index else {
            self.strays += 1;
            self.trace.push(TraceEntry {
                direction: Direction::Out,
                connection: None,
                at: packet.at,
                text: show(&packet.bytes, PrintStyle::default()),
                bytes: packet.bytes.clone(),
                note: Some("no connection of this case".into()),
            });
            return None;
        };
        let connection = self.name_of(index);
        let slot = &mut self.slots[index];
        let reading = Reading::of(&segment);
        let judgements = judge(&Evidence {
            segment: &reading,
            malformed: &parsed.malformed,
            checksum: packet.checksum,
            connection: &slot.wire,
            mtu: MTU,
        });
        slot.wire.observed(&reading);
        slot.script.shown = slot.wire.shows();
        let text = show_segment(&segment, style(&slot.wire, Direction::Out));
        for judgement in judgements {
            match judgement {
                Judgement::Holds(name) => *self.judged.entry(name).or_default() += 1,
                Judgement::Broken(name, message) => {
                    *self.judged.entry(name).or_default() += 1;
                    self.findings.push(Finding {
                        invariant: name,
                        case: self.case.clone(),
                        at: packet.at,
                        segment: text.clone(),
                        message,
                    });
                }
            }
        }
        self.trace.push(TraceEntry {
            direction: Direction::Out,
            connection,
            at: packet.at,
            text,
            bytes: packet.bytes.clone(),
            note: None,
        });
        let arrived = Arrived {
            at: packet.at,
            segment,
            entry: self.trace.len() - 1,
        };
        Some((index, arrived))
    }

    /// Puts a segment of the target before the steps.
    pub(crate) fn deliver(&mut self, index: usize, arrived: Arrived) {
        let slot = &mut self.slots[index];
        let about_the_request = slot.is_about_the_request(&arrived.segment);
        if let Some(heard) = &mut slot.heard {
            heard.observed(&Reading::of(&arrived.segment));
        }
        if about_the_request {
            slot.consume(&arrived.segment);
            self.trace[arrived.entry].note = Some("about the service's request".into());
            return;
        }
        slot.inbox.push_back(arrived);
    }

    /// How many octets the answer to a service's request had, when it is over: a source never ends.
    pub(crate) fn answer_ended(&self) -> Option<u32> {
        self.slots.iter().find_map(|slot| {
            slot.request_end?;
            let c = &slot.wire;
            Some(c.target_fin? - (c.iss? + 1))
        })
    }

    /// The request that a service is sent on a connection ends here.
    pub(crate) fn requested(&mut self, index: usize, end: SeqNumber) {
        self.slots[index].request_end = Some(end);
    }

    /// How many segments each invariant judged, in the order of [`invariants`].
    pub(crate) fn judged(&self) -> Vec<(&'static str, u64)> {
        invariants()
            .iter()
            .filter_map(|i| self.judged.get(i.name).map(|n| (i.name, *n)))
            .collect()
    }

    /// Connections that are half-open on the target as far as the wire tells.
    pub(crate) fn half_open(&self) -> u32 {
        self.slots.iter().filter(|s| s.wire.half_open()).count() as u32
    }

    /// An exact RST for every connection that may still stand: segments with the index of their slot.
    pub(crate) fn cleanup(&self) -> Vec<(usize, Segment)> {
        let mut resets = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let c = &slot.wire;
            let mut done: Vec<SeqNumber> = Vec::new();
            for seq in c.places_to_reset() {
                if done.contains(&seq) {
                    continue;
                }
                done.push(seq);
                // Without timestamps: PAWS does not apply to RST (RFC 7323 §5.2).
                let mut rst = Segment::new(c.ours, c.target);
                rst.flags = Flags::RST;
                rst.seq = seq;
                resets.push((index, rst));
            }
            if let (Phase::SynSent, Some(iss)) = (c.phase, c.iss) {
                // RFC 9293 §3.10.7.3: a RST counts when it acknowledges the SYN.
                let mut rst = Segment::new(c.ours, c.target);
                rst.flags = Flags::RST | Flags::ACK;
                rst.ack = iss + 1;
                resets.push((index, rst));
            }
        }
        resets
    }
}

/// The segment in a packet of ours, if it is one of this connection, and whether a receiver takes it for sound.
fn of_connection<'b>(bytes: &'b [u8], connection: &Connection) -> Option<(TcpView<'b>, bool)> {
    let ip = IpView::parse(bytes).ok()?;
    let view = ip.tcp().ok().filter(|_| ip.protocol == PROTOCOL_TCP)?;
    let ours = SocketAddr::new(ip.src, view.src_port) == connection.ours;
    let theirs = SocketAddr::new(ip.dst, view.dst_port) == connection.target;
    let sound = ip.header_checksum_ok() && ip.tcp_checksum_ok() && ip.fragment.is_none();
    (ours && theirs).then_some((view, sound))
}

/// How segments of a connection are written: relative to its ISNs, octets of text as their number.
pub(crate) fn style(c: &Connection, direction: Direction) -> PrintStyle {
    let ours = c.syn_sent.then_some(c.irs.0);
    let theirs = c.iss.map(|iss| iss.0);
    let (seq_base, ack_base) = match direction {
        Direction::In => (ours, theirs),
        Direction::Out => (theirs, ours),
    };
    PrintStyle {
        seq_base,
        ack_base,
        addresses: false,
        payload: PayloadStyle::LengthOnly,
    }
}

pub(crate) fn show_segment(segment: &Segment, style: PrintStyle) -> String {
    segment.display(style).to_string()
}

/// TCP among the protocols of IP (RFC 9293 §3.1).
const TCP: u8 = 6;

fn show(bytes: &[u8], style: PrintStyle) -> String {
    match tcpconf_wire::parse(bytes).content {
        Content::Tcp(segment) => show_segment(&segment, style),
        Content::Icmp(icmp) => icmp.to_string(),
        Content::Fragment(piece) => match piece.ip.fragment() {
            Some((offset, more)) => format!(
                "fragment at {offset} len {}{}",
                piece.payload.len(),
                if more { "" } else { " last" }
            ),
            None => format!("fragment len {}", piece.payload.len()),
        },
        Content::Other(datagram) => format!(
            "protocol {} len {}",
            datagram.ip.protocol_or(TCP),
            datagram.payload.len()
        ),
        Content::NotIp(bytes) => format!("{} octets without an IP header", bytes.len()),
    }
}
