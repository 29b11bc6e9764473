//! A run with its verdicts, and what two runs must agree upon.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;
use tcpconf_tests::{Ended, Verdicts};

/// A run of the handshake suite that has ended.
pub(crate) struct Played {
    pub(crate) ended: Ended,
    pub(crate) verdicts: Verdicts,
    /// What it was, for messages.
    name: String,
}

impl Played {
    /// Runs `command`, which must write its records to `jsonl`.
    pub(crate) fn of(
        name: &str,
        jsonl: PathBuf,
        command: Command,
        run: impl FnOnce(Command) -> Ended,
    ) -> Self {
        let began = Instant::now();
        let ended = run(command);
        let took = began.elapsed();
        assert!(jsonl.exists(), "{name}: {}", ended.all());
        let verdicts = Verdicts::read(&jsonl);
        println!("{name}: {took:.1?}, {}", verdicts.finished()["counts"]);
        Self {
            ended,
            verdicts,
            name: name.to_owned(),
        }
    }

    /// Every instance that was promised has a verdict, and none of them is that the harness failed.
    pub(crate) fn is_complete(&self) {
        assert_eq!(
            self.verdicts.shown.len() as u64,
            self.verdicts.promised(),
            "{}",
            self.name
        );
        assert!(self.verdicts.promised() > 800, "{}", self.name);
        let unjudged = self.verdicts.with(&["error", "inconclusive"]);
        assert!(unjudged.is_empty(), "{}: {unjudged:?}", self.name);
        assert!(
            self.verdicts.finished()["broken"].is_null(),
            "{}",
            self.name
        );
    }

    pub(crate) fn ends_with(&self, code: i32) {
        let red = self.verdicts.with(&["fail", "xpass", "error"]);
        assert_eq!(
            self.ended.code,
            Some(code),
            "{}: {red:?}\n{}",
            self.name,
            self.ended.all()
        );
    }

    /// Two runs against the same target with the same profile show the same.
    pub(crate) fn shows_the_same_as(&self, other: &Self) {
        let (left, right) = (&self.verdicts.shown, &other.verdicts.shown);
        let shared: Vec<&String> = left.keys().filter(|id| right.contains_key(*id)).collect();
        assert!(shared.len() > 800, "{} / {}", self.name, other.name);
        let differ: Vec<String> = shared
            .into_iter()
            .filter(|id| left[*id] != right[*id])
            .map(|id| format!("{id}: {} / {}", left[id], right[id]))
            .collect();
        assert!(
            differ.is_empty(),
            "{} / {}: {differ:#?}",
            self.name,
            other.name
        );
    }

    /// Without a profile the host does the same; only what is said of it differs.
    pub(crate) fn is_what_happened_in(&self, bare: &Self) {
        let mut expected_failures = 0;
        for (id, word) in &self.verdicts.shown {
            let said = bare.verdicts.shown[id].as_str();
            let allowed: &[&str] = match word.as_str() {
                "xfail" => {
                    expected_failures += 1;
                    &["fail", "warn", "info"]
                }
                // Features that the profile denies are unknown without it.
                "unsupported" => continue,
                other => &[other],
            };
            let unknown = word == "fail" && said == "info";
            assert!(
                allowed.contains(&said) || unknown,
                "{id}: {word} with a profile, {said} without"
            );
        }
        println!("{}: {expected_failures} expected failures", self.name);
    }
}
