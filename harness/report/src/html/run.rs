//! What HTML shows of a run: the records of its JSON Lines, gathered.

use crate::jsonl::record::{
    CaseFinished, Finished, InvariantFinished, Record, SCHEMA_VERSION, Started,
};
use thiserror::Error;

/// A run, from its records.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The first line.
    pub started: Started,
    /// In the order in which they ended.
    pub cases: Vec<CaseFinished>,
    /// In the order of the reports.
    pub invariants: Vec<InvariantFinished>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// The last line; absent when the run was killed.
    pub finished: Option<Finished>,
}

/// Why JSON Lines are not those of a run.
#[derive(Debug, Error)]
pub enum RunError {
    /// A line is no JSON, or an event has not the documented form.
    #[error("line {line}: {source}")]
    Line {
        /// From 1.
        line: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// The first line is not `started`.
    #[error("it does not begin with the event 'started'")]
    NotStarted,
    /// A newer tcpconf wrote it.
    #[error("its schema is {got}, but this version reads {expected}")]
    Version {
        /// What this version reads.
        expected: u32,
        /// What the file says.
        got: u32,
    },
}

impl Run {
    /// A run that has begun.
    pub fn new(started: Started) -> Self {
        Self {
            started,
            cases: Vec::new(),
            invariants: Vec::new(),
            notes: Vec::new(),
            finished: None,
        }
    }

    /// The next record.
    pub fn record(&mut self, record: Record) {
        match record {
            Record::Started(started) => self.started = started,
            Record::CaseStarted { .. } => {}
            Record::CaseFinished(case) => self.cases.push(*case),
            Record::InvariantFinished(invariant) => self.invariants.push(invariant),
            Record::Note { text } => self.notes.push(text),
            Record::Finished(finished) => self.finished = Some(finished),
        }
    }

    /// Reads the file that `--jsonl` wrote. Events that this version does not know are skipped, and so is half a
    /// line at the end.
    ///
    /// # Errors
    /// [`RunError`].
    pub fn from_jsonl(text: &str) -> Result<Self, RunError> {
        let is_open = |run: &Self| run.finished.is_none();
        let mut run: Option<Self> = None;
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let wrong = |source| RunError::Line {
                line: index + 1,
                source,
            };
            let value: serde_json::Value = match serde_json::from_str(line) {
                Ok(value) => value,
                // The run was killed, or its disk full, while it wrote this line.
                Err(_) if run.as_ref().is_some_and(is_open) && text.ends_with(line) => break,
                Err(error) => return Err(wrong(error)),
            };
            let known = value["event"].as_str().is_some_and(|e| EVENTS.contains(&e));
            match (&mut run, known) {
                (Some(run), true) => run.record(serde_json::from_value(value).map_err(wrong)?),
                (Some(_), false) => {}
                (None, _) => {
                    let Ok(Record::Started(started)) = serde_json::from_value(value) else {
                        return Err(RunError::NotStarted);
                    };
                    if started.schema != SCHEMA_VERSION {
                        return Err(RunError::Version {
                            expected: SCHEMA_VERSION,
                            got: started.schema,
                        });
                    }
                    run = Some(Self::new(started));
                }
            }
        }
        run.ok_or(RunError::NotStarted)
    }
}

/// The events of this version.
const EVENTS: [&str; 6] = [
    "started",
    "case-started",
    "case-finished",
    "invariant-finished",
    "note",
    "finished",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn lines() -> String {
        sample::run_of_every_kind()
            .iter()
            .map(|event| serde_json::to_string(&Record::of(event, true)).unwrap() + "\n")
            .collect()
    }

    #[test]
    fn every_event_of_this_version_is_read() {
        let run = Run::from_jsonl(&lines()).unwrap();
        assert_eq!(run.cases.len(), sample::cases().len());
        assert_eq!(run.invariants.len(), 2);
        assert_eq!(run.notes.len(), 1);
        assert!(run.finished.is_some());
        for event in sample::run_of_every_kind() {
            let value = serde_json::to_value(Record::of(&event, false)).unwrap();
            assert!(EVENTS.contains(&value["event"].as_str().unwrap()));
        }
    }

    #[test]
    fn unknown_events_are_skipped_and_a_cut_file_is_a_run() {
        let mut text: String = lines().lines().take(3).map(|l| format!("{l}\n")).collect();
        text.push_str("{\"event\":\"of-tomorrow\"}\n");
        let run = Run::from_jsonl(&text).unwrap();
        assert_eq!(run.cases.len(), 1);
        assert!(run.finished.is_none());
        let half = text + "{\"event\":\"case-fin";
        assert_eq!(Run::from_jsonl(&half).unwrap(), run);
    }

    #[test]
    fn what_is_no_run_is_refused_with_its_line() {
        assert!(matches!(Run::from_jsonl(""), Err(RunError::NotStarted)));
        assert!(matches!(
            Run::from_jsonl("{\"event\":\"note\",\"text\":\"x\"}"),
            Err(RunError::NotStarted)
        ));
        let amid = lines().replacen("\"event\":\"note\"", "\"event\"", 1);
        assert!(matches!(Run::from_jsonl(&amid), Err(RunError::Line { .. })));
        let broken = lines() + "{";
        let last = broken.lines().count();
        assert!(
            matches!(Run::from_jsonl(&broken), Err(RunError::Line { line, .. }) if line == last)
        );
    }
}
