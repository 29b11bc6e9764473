//! Two snapshots beside one another: what differs, and whether an RFC allows it.

use super::{Behaviour, Snapshot, passed, side};
use std::collections::BTreeMap;
use tcpconf_suite::{Instance, Requirements};

/// What can be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One passes the test and the other does not, at MUST or SHOULD.
    NotAllowed,
    /// Neither passes, or one could not be judged.
    Open,
    /// One passes and the other does not, at MAY.
    May,
    /// Both pass: the requirement leaves room for either.
    Allowed,
    /// The packets of one of them differ from play to play.
    Unstable,
    /// Only one snapshot has the case.
    OneSided,
}

impl Kind {
    /// As a heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::NotAllowed => "not allowed: one passes, the other does not",
            Self::Open => "open: neither passes, or one was not judged",
            Self::May => "allowed: the requirement is at MAY",
            Self::Allowed => "allowed: both pass",
            Self::Unstable => "unstable: differs from play to play",
            Self::OneSided => "in one snapshot alone",
        }
    }

    /// A word for machines and style sheets.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotAllowed => "fail",
            Self::Open => "inconclusive",
            Self::May => "info",
            Self::Allowed => "pass",
            Self::Unstable | Self::OneSided => "skip",
        }
    }
}

/// A case that is not the same in both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The case.
    pub id: String,
    /// What can be said of it.
    pub kind: Kind,
    /// Why, one sentence.
    pub why: String,
    /// `RFC9293-MUST-2 MUST: …`, if the test is known.
    pub requirement: Option<String>,
    /// In the first snapshot.
    pub left: Option<Behaviour>,
    /// In the second.
    pub right: Option<Behaviour>,
}

/// All differences of two snapshots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What the two are called.
    pub names: [String; 2],
    /// Cases that are the same in both.
    pub same: usize,
    /// By test.
    pub tests: BTreeMap<String, Vec<Difference>>,
}

impl Comparison {
    /// Compares; the plan says what a test asks for.
    pub fn of(
        names: [String; 2],
        left: &Snapshot,
        right: &Snapshot,
        instances: &[Instance],
        requirements: &Requirements,
    ) -> Self {
        let known: BTreeMap<&str, &Instance> = instances
            .iter()
            .map(|instance| (instance.id.as_str(), instance))
            .collect();
        let mut comparison = Self {
            names,
            ..Self::default()
        };
        let ids: std::collections::BTreeSet<&String> =
            left.cases.keys().chain(right.cases.keys()).collect();
        for id in ids {
            let (one, other) = (left.cases.get(id), right.cases.get(id));
            if one == other {
                comparison.same += 1;
                continue;
            }
            let (kind, why) = judge(one, other, &comparison.names);
            let test = id.split('[').next().unwrap_or(id).to_owned();
            let requirement = known
                .get(id.as_str())
                .and_then(|instance| instance.spec.first())
                .and_then(|id| requirements.find(id))
                .map(|r| {
                    format!(
                        "{} (RFC {} §{}, {}): {}",
                        r.id,
                        r.rfc,
                        r.section,
                        r.level.name(),
                        r.summary
                    )
                });
            comparison.tests.entry(test).or_default().push(Difference {
                id: id.clone(),
                kind,
                why,
                requirement,
                left: one.cloned(),
                right: other.cloned(),
            });
        }
        comparison
    }

    /// All differences, in the order of tests.
    pub fn differences(&self) -> impl Iterator<Item = &Difference> {
        self.tests.values().flatten()
    }

    /// How many differences of each kind.
    pub fn counts(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for difference in self.differences() {
            *counts.entry(difference.kind).or_default() += 1;
        }
        counts
    }

    /// For a terminal of this width: both traces side by side.
    pub fn text(&self, width: usize) -> String {
        side::text(self, width)
    }

    /// As static HTML.
    ///
    /// # Errors
    /// When a template fails, which is a defect.
    pub fn html(&self) -> Result<BTreeMap<String, String>, minijinja::Error> {
        side::html(self)
    }
}

fn judge(
    left: Option<&Behaviour>,
    right: Option<&Behaviour>,
    names: &[String; 2],
) -> (Kind, String) {
    let (Some(one), Some(other)) = (left, right) else {
        let where_ = usize::from(left.is_none());
        return (Kind::OneSided, format!("only {} has it", names[where_]));
    };
    match (passed(&one.verdict), passed(&other.verdict)) {
        (true, true) if one.packets.is_none() || other.packets.is_none() => (
            Kind::Unstable,
            "the packets differ from play to play".into(),
        ),
        (true, true) => (
            Kind::Allowed,
            format!(
                "both pass, so the RFC leaves it open{}",
                freedom(one, other)
            ),
        ),
        (false, false) => (
            Kind::Open,
            format!(
                "{}: {}, {}: {}",
                names[0], one.verdict, names[1], other.verdict
            ),
        ),
        (one_passes, _) => {
            let (who, verdict) = if one_passes {
                (&names[1], &other.verdict)
            } else {
                (&names[0], &one.verdict)
            };
            let (kind, what) = match verdict.as_str() {
                "fail must" | "fail should" => (Kind::NotAllowed, "does not do what is asked"),
                "fail may" => (Kind::May, "does not do what it may do"),
                _ => (Kind::Open, "was not judged"),
            };
            (kind, format!("{who} {what} ({verdict})"))
        }
    }
}

/// Takes something out of a packet's line.
type Without = fn(&str) -> String;

/// What an implementation is free to choose, with what takes it out.
const FREE: [(&str, Without); 3] = [
    ("windows", without_window),
    ("delays", without_delay),
    ("options", without_options),
];

/// Whether only that differs in which an implementation is free: windows, delays, options.
fn freedom(one: &Behaviour, other: &Behaviour) -> String {
    let (Some(one), Some(other)) = (&one.packets, &other.packets) else {
        return String::new();
    };
    let alike = |kept: Option<&str>| {
        let reduced = |packets: &[String]| -> Vec<String> {
            let of = |packet: &String| {
                let taken = FREE.iter().filter(|(name, _)| Some(*name) != kept);
                taken.fold(packet.clone(), |text, (_, without)| without(&text))
            };
            packets.iter().map(of).collect()
        };
        reduced(one) == reduced(other)
    };
    if !alike(None) {
        return String::new();
    }
    let names = FREE.iter().map(|(name, _)| *name);
    let differing: Vec<&str> = names.filter(|name| !alike(Some(name))).collect();
    format!("; only {} differ", differing.join(" and "))
}

fn without_window(packet: &str) -> String {
    let mut words: Vec<&str> = packet.split(' ').collect();
    if let Some(at) = words.iter().position(|word| *word == "win") {
        words.drain(at..(at + 2).min(words.len()));
    }
    words.join(" ")
}

fn without_delay(packet: &str) -> String {
    packet
        .rsplit_once(" after ")
        .map_or(packet, |(head, _)| head)
        .to_owned()
}

fn without_options(packet: &str) -> String {
    // The direction is a `<` too, but nothing stands directly behind it.
    match (packet.find(" <").map(|at| at + 1), packet.rfind('>')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}{}", &packet[..start], &packet[end + 1..])
        }
        _ => packet.to_owned(),
    }
}
