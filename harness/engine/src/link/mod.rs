//! The link between us and the target, where a test or a target file wants it other than perfect.
//!
//! Says what becomes of each packet, from rules and the case's seed: the same seed and the same packets
//! give the same fates.  It holds nothing and sends nothing; [`queue`] holds what comes later.  Not
//! modelled: a bandwidth, a queue that overflows, losses that come in bursts.

mod queue;
#[cfg(test)]
mod tests;

pub(crate) use queue::Queue;

use crate::LinkSettings;
use std::time::Duration;
use tcpconf_suite::impair::{CERTAIN, Effect, Impair, Impairment, Kind, Pick, Way};
use tcpconf_wire::Flags;
use tcpconf_wire::view::{IpView, PROTOCOL_TCP};

/// Rules of one case: a loop that adds one each round ends here.
const RULES_MAX: usize = 1_000;
/// How long a packet waits for those that are to overtake it.
pub(crate) const REORDER_WAIT: Duration = Duration::from_millis(50);

/// What becomes of a packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// It never arrives.
    pub(crate) lost: bool,
    /// A bit of it is turned over: which, chosen by whoever knows the packet.
    pub(crate) corrupt: Option<u64>,
    /// It arrives twice.
    pub(crate) twice: bool,
    /// It arrives so much later.
    pub(crate) delay: Duration,
    /// So many of its direction go before it.
    pub(crate) behind: u32,
    /// What was done and why, for the trace; nothing was done when it is empty.
    pub(crate) note: Option<String>,
}

/// What a rule tells packets apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Traits {
    flags: Flags,
    text: bool,
    tcp: bool,
}

#[derive(Clone, Debug)]
struct Rule {
    what: Impairment,
    /// Of the target file: it stands for the whole run, and what it breaks is not the target's fault.
    of_target: bool,
    /// Its number in the case: the draws of each rule are its own.
    number: u64,
    /// Packets that it has counted, a direction each.
    counted: [u64; 2],
}

/// The rules that hold now.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    seed: u64,
    rules: Vec<Rule>,
    numbers: u64,
    /// Packets that the target's own link lost.
    pub(crate) lost_by_target: u64,
}

impl Link {
    /// The link as the target file has it.
    pub(crate) fn new(seed: u64, settings: &LinkSettings) -> Self {
        let mut link = Self {
            seed,
            rules: Vec::new(),
            numbers: 0,
            lost_by_target: 0,
        };
        let all = |effect, pick| Impairment {
            way: None,
            effect,
            pick,
            kind: Kind::Segment,
        };
        if settings.delay_ms > 0 {
            let delay = Duration::from_millis(settings.delay_ms);
            link.add(all(Effect::Delay(delay, delay), Pick::All), true);
        }
        if settings.loss > 0 {
            link.add(all(Effect::Drop, Pick::Chance(settings.loss)), true);
        }
        link
    }

    /// Whether every packet passes as it is.
    pub(crate) fn is_perfect(&self) -> bool {
        self.rules.is_empty()
    }

    /// What a step asks for.
    pub(crate) fn command(&mut self, command: Impair) {
        match command {
            Impair::On(what) => self.add(what, false),
            Impair::Off(None) => self.rules.retain(|rule| rule.of_target),
            Impair::Off(Some(way)) => {
                let other = match way {
                    Way::In => Way::Out,
                    Way::Out => Way::In,
                };
                for rule in &mut self.rules {
                    if !rule.of_target && rule.what.way.is_none() {
                        rule.what.way = Some(other);
                    }
                }
                self.rules
                    .retain(|rule| rule.of_target || rule.what.way != Some(way));
            }
        }
    }

    fn add(&mut self, what: Impairment, of_target: bool) {
        if self.rules.len() == RULES_MAX {
            self.rules.remove(0);
        }
        self.rules.push(Rule {
            what,
            of_target,
            number: self.numbers,
            counted: [0; 2],
        });
        self.numbers += 1;
    }

    /// What becomes of the next packet of this direction.
    ///
    /// `own`: the harness's own question to the target, which only takes its time.
    pub(crate) fn fate(&mut self, way: Way, traits: Traits, own: bool) -> Fate {
        let mut fate = Fate::default();
        let mut notes: Vec<String> = Vec::new();
        for rule in &mut self.rules {
            let what = rule.what;
            let takes_time = matches!(what.effect, Effect::Delay(..)) && rule.of_target;
            if !what.concerns(way) || !traits.are(what.kind) || own && !takes_time {
                continue;
            }
            let counted = &mut rule.counted[way as usize];
            *counted += 1;
            let draw = Draw {
                seed: self.seed,
                rule: rule.number << 1 | way as u64,
                packet: *counted,
            };
            let picked = match what.pick {
                Pick::All => true,
                Pick::Nth(n) => *counted == u64::from(n),
                Pick::First(n) => *counted <= u64::from(n),
                Pick::EveryNth(n) => counted.is_multiple_of(u64::from(n)),
                Pick::Chance(chance) => draw.below(0, u64::from(CERTAIN)) < u64::from(chance),
            };
            if !picked {
                continue;
            }
            let done = match what.effect {
                Effect::Drop => {
                    fate.lost = true;
                    self.lost_by_target += u64::from(rule.of_target);
                    "dropped".to_owned()
                }
                Effect::Delay(least, most) => {
                    let room = (most - least).as_micros() as u64;
                    let delay = least + Duration::from_micros(draw.below(1, room + 1));
                    fate.delay += delay;
                    format!("{} ms late", delay.as_secs_f64() * 1e3)
                }
                Effect::Reorder(by) => {
                    fate.behind = fate.behind.max(by);
                    format!("put behind the next {by}")
                }
                Effect::Duplicate => {
                    fate.twice = true;
                    "doubled".to_owned()
                }
                Effect::Corrupt => {
                    fate.corrupt = Some(draw.below(1, u64::MAX));
                    "corrupted".to_owned()
                }
            };
            let whose = if rule.of_target {
                "the target's link"
            } else {
                "the link"
            };
            notes.push(format!("{done} by {whose} ({what})"));
        }
        fate.note = (!notes.is_empty()).then(|| notes.join(", "));
        fate
    }
}

impl Traits {
    /// Of an IP packet; one that is no whole TCP segment has none.
    pub(crate) fn of(packet: &[u8]) -> Self {
        let none = Self {
            flags: Flags::default(),
            text: false,
            tcp: false,
        };
        let Ok(ip) = IpView::parse(packet) else {
            return none;
        };
        match ip.tcp() {
            Ok(view) if ip.protocol == PROTOCOL_TCP => Self {
                flags: view.flags,
                text: !view.payload.is_empty(),
                tcp: true,
            },
            _ => none,
        }
    }

    fn are(self, kind: Kind) -> bool {
        let has = |flag| self.flags.contains(flag);
        match kind {
            Kind::Segment => true,
            Kind::Data => self.text,
            Kind::Syn => has(Flags::SYN),
            Kind::Fin => has(Flags::FIN),
            Kind::Rst => has(Flags::RST),
            Kind::Ack => {
                let more = self.flags.intersects(Flags::SYN | Flags::FIN | Flags::RST);
                self.tcp && !self.text && has(Flags::ACK) && !more
            }
        }
    }
}

/// Turns one bit of the packet over, behind the ports, so that its checksum is wrong and it is still
/// this connection's.
pub(crate) fn corrupt(packet: &mut [u8], choice: u64) {
    /// Octets of the two ports.
    const PORTS: usize = 4;
    let header = match packet.first().map(|first| first >> 4) {
        Some(4) => usize::from(packet[0] & 0xf) * 4,
        _ => 40,
    };
    let first = (header + PORTS).min(packet.len().saturating_sub(1));
    let bits = (packet.len() - first) as u64 * 8;
    if bits == 0 {
        return;
    }
    let bit = choice % bits;
    packet[first + (bit / 8) as usize] ^= 1 << (bit % 8);
}

/// A throw of dice that is the same whenever it is asked for.
#[derive(Clone, Copy)]
struct Draw {
    seed: u64,
    rule: u64,
    packet: u64,
}

impl Draw {
    /// A number below `bound`, the `nth` of this throw.
    fn below(self, nth: u64, bound: u64) -> u64 {
        let parts = [self.rule, self.packet, nth];
        let mixed = parts
            .iter()
            .fold(self.seed, |mixed, part| mix(mixed ^ part));
        ((u128::from(mixed) * u128::from(bound)) >> 64) as u64
    }
}

/// SplitMix64.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
