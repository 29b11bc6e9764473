//! The invariants outside a case: what a fuzzer asks of every segment that a target sends.
//!
//! A [`Watch`] follows any number of connections from the packets of both directions. It keeps no trace and
//! knows no steps. Connections that the target opens itself are judged only by what needs no connection model:
//! the model's variables are those of a passive open.

use crate::event::Finding;
use crate::invariant::{Evidence, judge_each};
use crate::model::Connection;
use crate::reading::Reading;
use std::net::SocketAddr;
use tcpconf_wire::view::IpView;
use tcpconf_wire::{
    Content, Flags, Instant, Malformation, Packet, PayloadStyle, PrintStyle, Segment, SeqNumber,
    TcpOption,
};

/// Connections followed at once; the one that was opened first goes first.
const MAX_CONNECTIONS: usize = 64;
/// The largest window there is (RFC 7323 §2.3).
const MAX_WINDOW: i32 = 1 << 30;
/// The invariants that need no model of the connection.
const CONTEXT_FREE: [&str; 8] = [
    "checksum",
    "reserved-bits",
    "header-form",
    "option-form",
    "flags",
    "no-rst-to-rst",
    "mss-on-syn-only",
    "sack-permitted-on-syn-only",
];

/// Judges every segment of a target by the [invariants](crate::invariants).
#[derive(Clone, Debug)]
pub struct Watch {
    mtu: u32,
    tracks: Vec<Track>,
    /// There were too many connections: one that seems new may be one that was forgotten.
    forgot: bool,
    text_is_known: bool,
}

#[derive(Clone, Debug)]
struct Track {
    connection: Connection,
    /// The target has sent a SYN of its own.
    opened_by_target: bool,
    /// Several SYNs were sent, of other ISNs or with other options, or it went on behind what should have ended the
    /// connection: which SYN it took up is not known.
    several_syns: bool,
    /// The target has sent something beside SYN and RST: before, a SYN cookie of an older SYN may still be good.
    answered: bool,
    /// A segment came behind one of a higher sequence number: its window is not taken (SND.WL1), but its
    /// acknowledgement moves the window that was taken, so that the edge is none that was offered.
    overtaken: bool,
    /// The highest sequence number that was sent to it.
    highest: Option<SeqNumber>,
    /// When something was sent to it last, and whether that was a RST.
    sent_at: Instant,
    sent_rst: bool,
}

impl Watch {
    /// Nothing seen yet; `mtu` is that of the path, in octets.
    pub fn new(mtu: u32) -> Self {
        Self {
            mtu,
            tracks: Vec::new(),
            forgot: false,
            text_is_known: false,
        }
    }

    /// Keeps no text, so that `same-text-again` never fires: for who knows himself what each octet must be.
    pub const fn with_known_text(mut self) -> Self {
        self.text_is_known = true;
        self
    }

    /// As if it were new, in the same memory.
    pub fn begin_again(&mut self, mtu: u32) {
        self.tracks.clear();
        (self.mtu, self.forgot) = (mtu, false);
    }

    /// These octets, an IP packet, were sent to the target at `now`. What is no TCP segment is no news.
    pub fn sent(&mut self, now: Instant, bytes: &[u8]) {
        let Ok(ip) = IpView::parse(bytes) else {
            return;
        };
        let Ok(tcp) = ip.tcp() else {
            return;
        };
        if ip.fragment.is_some() {
            return;
        }
        let ours = SocketAddr::new(ip.src, tcp.src_port);
        let target = SocketAddr::new(ip.dst, tcp.dst_port);
        let track = self.track(ours, target, tcp.seq);
        let sound = ip.header_checksum_ok() && ip.tcp_checksum_ok();
        let edge = track.connection.our_right_edge;
        let (before, had_syn) = (track.connection.irs, track.connection.syn_sent);
        // What lies nowhere near the window is not taken for anything.
        let distance = tcp.seq.distance_from(track.connection.rcv_nxt);
        if distance.unsigned_abs() <= MAX_WINDOW.unsigned_abs() {
            let highest = track.highest.unwrap_or(tcp.seq);
            track.overtaken |= tcp.seq.lt(highest);
            track.highest = Some(highest.max(tcp.seq));
        }
        track.connection.injected(now, &tcp, sound);
        track.sent_at = now;
        track.sent_rst = tcp.flags.contains(Flags::RST);
        let new = track.connection.irs != before;
        // A SYN cookie stays good for a while, whatever became of the SYN.
        track.several_syns |= new && had_syn && !track.answered;
        track.answered &= !new;
        if new {
            track.highest = Some(tcp.seq);
            track.overtaken = false;
        }
        track.several_syns |=
            tcp.flags.contains(Flags::SYN) && !track.connection.is_first_syn(&tcp);
        // A window beside an acknowledgement of what was never sent offers nothing. Without an ISN of the
        // target nothing was offered yet: the edge of an earlier incarnation is none of this one.
        let behind = track.connection.snd_nxt.distance_from(tcp.ack);
        if track.connection.iss.is_none() {
            track.connection.our_right_edge = None;
        } else if !(0..MAX_WINDOW).contains(&behind) {
            track.connection.our_right_edge = edge;
        }
    }

    /// What is wrong with a packet of the target; empty when every invariant holds that applies.
    pub fn seen(&mut self, packet: &Packet) -> Vec<Finding> {
        match IpView::parse(&packet.bytes) {
            Ok(ip) => self.seen_in(packet, &ip),
            Err(_) => self.seen_malformed(packet),
        }
    }

    /// The same of a packet that was looked at already.
    pub fn seen_in(&mut self, packet: &Packet, ip: &IpView<'_>) -> Vec<Finding> {
        let Some(tcp) = ip.sound_tcp() else {
            return self.seen_malformed(packet);
        };
        let from = SocketAddr::new(ip.src, tcp.src_port);
        let to = SocketAddr::new(ip.dst, tcp.dst_port);
        self.judge(packet, (from, to), &Reading::in_packet(&tcp), &[])
    }

    #[cold]
    fn seen_malformed(&mut self, packet: &Packet) -> Vec<Finding> {
        let parsed = tcpconf_wire::parse(&packet.bytes);
        let Content::Tcp(segment) = &parsed.content else {
            return Vec::new();
        };
        let sockets = (segment.src(), segment.dst());
        self.judge(packet, sockets, &Reading::of(segment), &parsed.malformed)
    }

    fn judge(
        &mut self,
        packet: &Packet,
        (from, to): (SocketAddr, SocketAddr),
        segment: &Reading<'_>,
        malformed: &[Malformation],
    ) -> Vec<Finding> {
        let mtu = self.mtu;
        let track = self.track(to, from, SeqNumber(0));
        let mut broken: Vec<(&'static str, String)> = Vec::new();
        let evidence = Evidence {
            segment,
            malformed,
            checksum: packet.checksum,
            connection: &track.connection,
            mtu,
        };
        judge_each(&evidence, &mut |name, why| {
            if let Some(why) = why {
                broken.push((name, why));
            }
        });
        track.opened_by_target |= segment.flags & (Flags::SYN | Flags::ACK) == Flags::SYN;
        broken.retain(|(name, _)| track.can_judge(name, packet.at));
        let kind = segment.flags & (Flags::SYN | Flags::ACK | Flags::RST);
        // A SYN-ACK behind what is no SYN is of another incarnation, which may have the same ISN.
        track.several_syns |= track.answered && kind == Flags::SYN | Flags::ACK;
        track.answered |= kind == Flags::ACK;
        track.connection.observed(segment);
        // The target did not take a RST, or a SYN, as the model believed: what it goes on with is not known.
        track.several_syns |= track.connection.revenant.is_some();
        broken
            .into_iter()
            .map(|(name, message)| Finding {
                invariant: name,
                case: "watch".to_owned(),
                at: packet.at,
                segment: show(&packet.bytes),
                message,
            })
            .collect()
    }

    /// Forgets what is known of a connection: whoever caused something that the model cannot follow.
    pub fn forget(&mut self, ours: SocketAddr, target: SocketAddr) {
        self.tracks
            .retain(|t| !t.connection.is_between(&ours, &target));
    }

    fn track(&mut self, ours: SocketAddr, target: SocketAddr, isn: SeqNumber) -> &mut Track {
        let known = self
            .tracks
            .iter()
            .position(|t| t.connection.is_between(&ours, &target));
        let index = known.unwrap_or_else(|| {
            if self.tracks.len() == MAX_CONNECTIONS {
                self.tracks.remove(0);
                self.forgot = true;
            }
            let mut connection = Connection::new(ours, target, isn);
            connection.text_is_known = self.text_is_known;
            self.tracks.push(Track {
                connection,
                opened_by_target: false,
                several_syns: self.forgot,
                answered: false,
                overtaken: false,
                highest: None,
                sent_at: Instant::ZERO,
                sent_rst: false,
            });
            self.tracks.len() - 1
        });
        &mut self.tracks[index]
    }
}

impl Track {
    /// Whether enough is known of the connection for this invariant to mean something at `now`.
    fn can_judge(&self, invariant: &str, now: Instant) -> bool {
        let known = !self.opened_by_target && !self.several_syns && self.connection.syn_sent;
        match invariant {
            // RFC 7413 §3.1 leaves open whether a SYN-ACK that is sent again still has its cookie.
            "isn-stable" => {
                let is_cookie = |o: &TcpOption| matches!(o, TcpOption::FastOpen(_));
                let first = self.connection.syn_ack.as_ref();
                known && !first.is_some_and(|first| first.options.iter().any(is_cookie))
            }
            "data-within-window" => known && !self.overtaken,
            // A RST that comes later is that of a timeout or of the user, or answers something else.
            "no-rst-to-rst" => self.sent_at == now && self.sent_rst,
            name => known || CONTEXT_FREE.contains(&name),
        }
    }
}

fn show(packet: &[u8]) -> String {
    let style = PrintStyle {
        addresses: true,
        payload: PayloadStyle::LengthOnly,
        ..PrintStyle::default()
    };
    let segment = Segment::parse(packet).expect("what was judged is a segment");
    segment.display(style).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syn() -> Segment {
        let ours = SocketAddr::from(([10, 0, 0, 1], 4000));
        let mut syn = Segment::new(ours, SocketAddr::from(([10, 0, 0, 2], 80)));
        syn.flags = Flags::SYN;
        syn.seq = SeqNumber(100);
        syn.window = 1000;
        syn
    }

    fn answer(change: impl Fn(&mut Segment)) -> Vec<Finding> {
        let mut watch = Watch::new(1500);
        watch.sent(Instant::ZERO, &syn().build());
        let mut answer = Segment::new(syn().dst(), syn().src());
        answer.flags = Flags::SYN | Flags::ACK;
        answer.ack = SeqNumber(101);
        change(&mut answer);
        watch.seen(&Packet::new(answer.build(), Instant::ZERO))
    }

    #[test]
    fn a_right_answer_is_no_finding() {
        assert_eq!(answer(|_| {}), []);
    }

    #[test]
    fn an_answer_beyond_what_was_sent_is_a_finding() {
        let findings = answer(|s| s.ack = SeqNumber(102));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].invariant, "ack-within-sent");
    }

    #[test]
    fn the_window_of_an_ended_connection_offers_nothing_to_the_next() {
        let mut watch = Watch::new(1500);
        let mut findings = Vec::new();
        // The first one's window ends behind the second one's, in the order of sequence numbers.
        for (isn, iss) in [(100, SeqNumber(5000)), (200, SeqNumber(3000))] {
            let isn = SeqNumber(isn);
            let back = |flags, seq: SeqNumber, payload: &[u8]| {
                let mut segment = Segment::new(syn().dst(), syn().src());
                (segment.flags, segment.seq, segment.ack) = (flags, seq, isn + 1);
                segment.payload = payload.to_vec();
                Packet::new(segment.build(), Instant::ZERO)
            };
            let mut ours = syn();
            (ours.seq, ours.window) = (isn, 500);
            watch.sent(Instant::ZERO, &ours.build());
            watch.seen(&back(Flags::SYN | Flags::ACK, iss, &[]));
            (ours.flags, ours.seq, ours.ack) = (Flags::ACK, isn + 1, iss + 1);
            watch.sent(Instant::ZERO, &ours.build());
            findings = watch.seen(&back(Flags::ACK, iss + 1, &[0; 501]));
            watch.seen(&back(Flags::RST, iss + 502, &[]));
        }
        let said: Vec<_> = findings
            .iter()
            .map(|f| (f.invariant, &*f.message))
            .collect();
        assert_eq!(
            said,
            [("data-within-window", "1 octets beyond the offered window")]
        );
    }

    /// Other octets at the same place.
    #[test]
    fn text_that_changes_is_a_finding_where_nobody_else_knows_it() {
        let findings = |watch: Watch| {
            let mut watch = watch;
            watch.sent(Instant::ZERO, &syn().build());
            let mut segment = Segment::new(syn().dst(), syn().src());
            segment.flags = Flags::SYN | Flags::ACK;
            segment.ack = SeqNumber(101);
            watch.seen(&Packet::new(segment.build(), Instant::ZERO));
            let mut ack = syn();
            (ack.flags, ack.seq, ack.ack) = (Flags::ACK, SeqNumber(101), segment.seq + 1);
            watch.sent(Instant::ZERO, &ack.build());
            (segment.flags, segment.seq) = (Flags::ACK, segment.seq + 1);
            ["abc", "abd"]
                .into_iter()
                .flat_map(|text| {
                    segment.payload = text.into();
                    watch.seen(&Packet::new(segment.build(), Instant::ZERO))
                })
                .map(|finding| finding.invariant)
                .collect::<Vec<_>>()
        };
        assert_eq!(findings(Watch::new(1500)), ["same-text-again"]);
        assert_eq!(findings(Watch::new(1500).with_known_text()), [""; 0]);
    }

    #[test]
    fn a_wrong_checksum_is_a_finding_on_any_connection() {
        let mut stray = syn();
        stray.checksum = tcpconf_wire::Checksum::Bad;
        let findings = Watch::new(1500).seen(&Packet::new(stray.build(), Instant::ZERO));
        assert!(findings.iter().any(|f| f.invariant == "checksum"));
    }
}
