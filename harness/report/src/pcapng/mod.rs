//! One pcapng file a case, with the verdict in it, so that Wireshark shows why.
//!
//! The section's comment holds id, verdict and message; a packet's comment holds what the engine
//! thought of it; stamps have nanoseconds.  Format: draft-ietf-opsawg-pcapng.

mod block;
mod name;

pub use name::file_name;
pub(crate) use name::stem;

use crate::text::seconds;
use crate::{Report, reason};
use block::{Enhanced, Writer};
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use tcpconf_engine::{CaseReport, Direction, Outcome, RunEvent, RunInfo, Shown};

/// Writes a capture for each case that did not pass, or for every case.
#[derive(Debug)]
pub struct Captures {
    folder: PathBuf,
    all: bool,
    run: Option<RunInfo>,
}

impl Captures {
    /// Captures go to `folder`, which is made when it is not there; `all`: passes too.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(folder: &Path, all: bool) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            all,
            run: None,
        })
    }

    fn write(&self, case: &CaseReport) -> io::Result<()> {
        let path = self.folder.join(file_name(&case.id));
        let file = BufWriter::new(File::create(path)?);
        let run = self
            .run
            .as_ref()
            .ok_or_else(|| io::Error::other("the run has not started"))?;
        write_case(file, run, case)
    }
}

/// Whether a case's packets are worth a file: it has some, and it did not pass.
pub(crate) fn wanted(case: &CaseReport, all: bool) -> bool {
    !case.trace.is_empty() && (all || case.verdict.outcome != Outcome::Pass)
}

impl Report for Captures {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        match event {
            RunEvent::Started(run) => self.run = Some(run.clone()),
            RunEvent::CaseFinished(case) if wanted(case, self.all) => self.write(case)?,
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes one case as a whole pcapng file.
///
/// # Errors
/// When `out` fails.
pub fn write_case(out: impl io::Write, run: &RunInfo, case: &CaseReport) -> io::Result<()> {
    let mut writer = Writer::new(out);
    writer.section(
        &format!("tcpconf {}", run.version),
        &section_comment(run, case),
    )?;
    writer.interface(&run.target)?;
    let verdict = verdict_comment(case);
    for (index, entry) in case.trace.iter().enumerate() {
        let mut comments = vec![match &entry.note {
            Some(note) => format!("{}  # {note}", entry.line()),
            None => entry.line(),
        }];
        if index + 1 == case.trace.len() {
            comments.push(verdict.clone());
        }
        writer.packet(&Enhanced {
            nanos: run.epoch_nanos.saturating_add(entry.at.as_nanos()),
            into_target: entry.direction == Direction::In,
            bytes: &entry.bytes,
            comments: &comments,
        })?;
    }
    writer.flush()
}

/// `FAIL at MUST: nothing came within 1s`
fn verdict_comment(case: &CaseReport) -> String {
    let shown = Shown::of(&case.verdict, &case.marks);
    let level = format!("{:?}", case.verdict.level).to_uppercase();
    match reason::sentence(case) {
        Some(sentence) => format!("{shown} at {level}: {sentence}"),
        None => format!("{shown} at {level}"),
    }
}

fn section_comment(run: &RunInfo, case: &CaseReport) -> String {
    let mut lines = vec![
        case.id.clone(),
        case.title.clone(),
        verdict_comment(case),
        format!("requirements: {}", case.spec.join(" ")),
        format!(
            "target {}, profile {}, seed {}, {}",
            run.target,
            run.profile,
            case.seed,
            seconds(case.duration)
        ),
    ];
    if let Some(failure) = &case.failure {
        lines.extend(
            failure
                .expected
                .iter()
                .map(|text| format!("expected {text}")),
        );
        lines.extend(failure.actual.iter().map(|text| format!("actual {text}")));
        for difference in &failure.differences {
            lines.push(format!(
                "{}: expected {}, got {}",
                difference.field, difference.expected, difference.actual
            ));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests;
