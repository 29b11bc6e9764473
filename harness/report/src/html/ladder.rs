//! Ladder diagrams: two hosts as rails, packets as rungs, laid out for the template `ladder.svg`.

use crate::jsonl::record::{Direction, Packet};
use crate::printable;
use serde::Serialize;

/// Rungs shown; of more the first and the last halves.
const MOST: usize = 40;
/// Pixels from one rung to the next.
const STEP: usize = 30;
/// Pixels above the first rung.
const TOP: usize = 48;
/// Characters of a label; the whole of it is the tooltip.
const LABEL: usize = 92;

/// What the template draws.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Ladder {
    height: usize,
    rungs: Vec<Rung>,
}

/// A packet, or the gap where packets are left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Rung {
    y: usize,
    /// `in`, `out` or `gap`.
    kind: &'static str,
    /// `mismatch`, `cleaning` or nothing.
    mark: &'static str,
    at: String,
    label: String,
    whole: String,
}

impl Ladder {
    /// Stamps are relative to the first packet.
    pub(super) fn of(packets: &[Packet]) -> Option<Self> {
        let first = packets.first()?.at_ns;
        let mut rungs = Vec::new();
        let left_out = packets.len().saturating_sub(MOST);
        for (index, packet) in packets.iter().enumerate() {
            let behind = index >= MOST / 2 && index < MOST / 2 + left_out;
            if behind {
                if index == MOST / 2 {
                    rungs.push(gap(left_out));
                }
                continue;
            }
            rungs.push(rung(packet, first));
        }
        for (index, rung) in rungs.iter_mut().enumerate() {
            rung.y = TOP + index * STEP;
        }
        Some(Self {
            height: TOP + rungs.len() * STEP,
            rungs,
        })
    }
}

fn gap(count: usize) -> Rung {
    let label = format!("{count} packets are left out here; the capture has them");
    Rung {
        y: 0,
        kind: "gap",
        mark: "",
        at: String::new(),
        whole: label.clone(),
        label,
    }
}

fn rung(packet: &Packet, first: u64) -> Rung {
    let seconds = packet.at_ns.saturating_sub(first) as f64 / 1e9;
    let name = packet.connection.iter().map(|name| format!("{name}: "));
    let whole: String = name.chain([packet.text.clone()]).collect();
    let whole = match &packet.note {
        Some(note) => format!("{whole}   # {note}"),
        None => whole,
    };
    let whole = printable(&whole);
    let note = packet.note.as_deref().unwrap_or_default();
    Rung {
        y: 0,
        kind: match packet.direction {
            Direction::In => "in",
            Direction::Out => "out",
        },
        // What the link did stands before it.
        mark: match note.rsplit("; ").next() {
            Some("mismatch") => "mismatch",
            Some("cleaning up") => "cleaning",
            _ => "",
        },
        at: format!("{seconds:.3}"),
        label: shortened(&whole),
        whole,
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LABEL {
        return text.to_owned();
    }
    let head: String = text.chars().take(LABEL - 1).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(at_ns: u64, text: &str, note: Option<&str>) -> Packet {
        Packet {
            direction: Direction::In,
            connection: None,
            at_ns,
            text: text.into(),
            note: note.map(str::to_owned),
            hex: String::new(),
        }
    }

    #[test]
    fn rungs_stand_below_one_another_with_stamps_from_the_first() {
        let packets = [
            packet(5_000_000_000, "S", None),
            packet(6_500_000_000, "R", Some("mismatch")),
        ];
        let ladder = Ladder::of(&packets).unwrap();
        assert_eq!(ladder.rungs[0].at, "0.000");
        assert_eq!(ladder.rungs[1].at, "1.500");
        assert_eq!(ladder.rungs[1].mark, "mismatch");
        assert_eq!(ladder.rungs[1].y - ladder.rungs[0].y, STEP);
        assert!(Ladder::of(&[]).is_none());
    }

    #[test]
    fn long_ladders_lose_their_middle_and_say_so() {
        let packets: Vec<Packet> = (0..100).map(|n| packet(n, &n.to_string(), None)).collect();
        let ladder = Ladder::of(&packets).unwrap();
        assert_eq!(ladder.rungs.len(), MOST + 1);
        assert_eq!(ladder.rungs[MOST / 2].kind, "gap");
        assert!(ladder.rungs[MOST / 2].label.starts_with("60 packets"));
        assert_eq!(ladder.rungs[MOST].label, "99");
    }

    #[test]
    fn long_labels_are_cut_and_whole_in_the_tooltip() {
        let ladder = Ladder::of(&[packet(0, &"x".repeat(200), None)]).unwrap();
        assert_eq!(ladder.rungs[0].label.chars().count(), LABEL);
        assert_eq!(ladder.rungs[0].whole.len(), 200);
    }
}
