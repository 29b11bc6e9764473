//! Snapshots: how a target reacts to every stimulus, as text that can be compared.
//!
//! A snapshot holds, case by case, the verdict and the packets of a play in which nothing was judged
//! (`Mode::Observe`), normalised: numbers relative to the ISNs, windows and delays as classes, timestamps
//! as "some number". What differs between plays with different seeds is no behaviour: a number that is drawn
//! anew becomes `n1`, and a case that differs in more is *unstable* and keeps only its verdict.
//!
//! The text is the interface: `#` comments, a line at the left margin for each case, packets indented
//! below it.

mod compare;
mod normal;
mod side;
#[cfg(test)]
mod tests;

pub use compare::{Comparison, Difference, Kind};
pub use normal::packet_line;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use tcpconf_engine::{CaseReport, Outcome};
use thiserror::Error;

/// At the top of the file; the number grows when the text changes its meaning.
const HEAD: &str = "# tcpconf snapshot 1";
/// Behind the verdict of a case whose packets differ from play to play.
const UNSTABLE: &str = "unstable";

/// What a target did in one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// `pass`, `fail must`, `unsupported` … in a play that was judged.
    pub verdict: String,
    /// Packets both ways, normalised; `None` when they differ from play to play.
    pub packets: Option<Vec<String>>,
}

/// What a target did in all cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Target, profile, how long it had to be quiet: comments of the file, without `#`.
    pub about: Vec<String>,
    /// By the case's id.
    pub cases: BTreeMap<String, Behaviour>,
}

/// Why a text is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SnapshotError {
    /// The first line is another one.
    #[error("it does not begin with '{HEAD}'")]
    Head,
    /// A line that is none of the kinds.
    #[error("line {0} is neither a case nor a packet")]
    Line(usize),
    /// A case stands twice.
    #[error("line {line}: the case '{id}' stands twice")]
    Twice {
        /// From 1.
        line: usize,
        /// The case.
        id: String,
    },
}

impl Snapshot {
    /// The verdict of a play that was judged, with the packets of plays that were not.
    ///
    /// Cases that were not played anywhere keep their verdict and have no packets.
    pub fn of(about: Vec<String>, judged: &[CaseReport], observed: &[Vec<CaseReport>]) -> Self {
        let mut plays: BTreeMap<&str, Vec<Vec<String>>> = BTreeMap::new();
        for case in observed.iter().flatten() {
            let lines = normal::lines(&case.trace);
            plays.entry(&case.id).or_default().push(lines);
        }
        let cases = judged.iter().map(|case| {
            let plays = plays.remove(case.id.as_str());
            let behaviour = Behaviour {
                verdict: verdict(case),
                packets: plays.map_or(Some(Vec::new()), |plays| normal::merged(&plays)),
            };
            (case.id.clone(), behaviour)
        });
        Self {
            about,
            cases: cases.collect(),
        }
    }

    /// The file.
    pub fn render(&self) -> String {
        let mut out = format!("{HEAD}\n");
        for line in &self.about {
            writeln!(out, "# {line}").expect("a String takes everything");
        }
        for (id, case) in &self.cases {
            let stability = match case.packets {
                Some(_) => String::new(),
                None => format!(" {UNSTABLE}"),
            };
            writeln!(out, "\n{id}: {}{stability}", case.verdict)
                .expect("a String takes everything");
            for packet in case.packets.iter().flatten() {
                writeln!(out, "  {packet}").expect("a String takes everything");
            }
        }
        out
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub fn parse(text: &str) -> Result<Self, SnapshotError> {
        let mut lines = text.lines().enumerate();
        if lines.next().map(|(_, line)| line) != Some(HEAD) {
            return Err(SnapshotError::Head);
        }
        let mut snapshot = Self::default();
        let mut current: Option<String> = None;
        for (index, line) in lines {
            let wrong = SnapshotError::Line(index + 1);
            if line.is_empty() {
                continue;
            }
            if let Some(comment) = line.strip_prefix('#') {
                snapshot.about.push(comment.trim().to_owned());
            } else if let Some(packet) = line.strip_prefix("  ") {
                let id = current.as_ref().ok_or_else(|| wrong.clone())?;
                let packets = snapshot.cases.get_mut(id).and_then(|c| c.packets.as_mut());
                packets.ok_or(wrong)?.push(packet.to_owned());
            } else {
                let (id, verdict) = line.rsplit_once(": ").ok_or(wrong)?;
                let (verdict, packets) = match verdict.strip_suffix(UNSTABLE) {
                    Some(verdict) => (verdict.trim_end(), None),
                    None => (verdict, Some(Vec::new())),
                };
                let behaviour = Behaviour {
                    verdict: verdict.to_owned(),
                    packets,
                };
                if snapshot.cases.insert(id.to_owned(), behaviour).is_some() {
                    let (line, id) = (index + 1, id.to_owned());
                    return Err(SnapshotError::Twice { line, id });
                }
                current = Some(id.to_owned());
            }
        }
        Ok(snapshot)
    }

    /// One for each folder of suites, by its name: what stands before the first `/` of a case's id.
    pub fn by_folder(self) -> BTreeMap<String, Self> {
        let mut folders: BTreeMap<String, Self> = BTreeMap::new();
        for (id, case) in self.cases {
            let folder = id.split('/').next().unwrap_or_default().to_owned();
            let part = folders.entry(folder).or_insert_with(|| Self {
                about: self.about.clone(),
                cases: BTreeMap::new(),
            });
            part.cases.insert(id, case);
        }
        folders
    }

    /// Takes in another part of the same target's behaviour; its comments are dropped.
    ///
    /// # Errors
    /// The id of a case that both have.
    pub fn take(&mut self, other: Self) -> Result<(), String> {
        if self.cases.is_empty() {
            self.about = other.about;
        }
        for (id, case) in other.cases {
            if self.cases.insert(id.clone(), case).is_some() {
                return Err(id);
            }
        }
        Ok(())
    }

    /// How many cases have no packets since they differ from play to play.
    pub fn unstable(&self) -> usize {
        self.unstable_ids().len()
    }

    /// Which they are.
    pub fn unstable_ids(&self) -> Vec<String> {
        let cases = self.cases.iter().filter(|(_, c)| c.packets.is_none());
        cases.map(|(id, _)| id.clone()).collect()
    }
}

/// The outcome; a failure with its level, whether or not the profile expects it.
fn verdict(case: &CaseReport) -> String {
    match case.verdict.outcome {
        Outcome::Fail => format!("fail {:?}", case.verdict.level).to_lowercase(),
        outcome => format!("{outcome:?}").to_lowercase(),
    }
}

/// Whether a verdict says that the target did as it was asked.
fn passed(verdict: &str) -> bool {
    verdict == "pass"
}
