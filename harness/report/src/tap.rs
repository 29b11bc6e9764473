//! TAP 14: one line a case, with a YAML block under what is not ok.
//!
//! A failure that leaves the exit code at 0 is a `TODO` (expected, or at SHOULD or MAY without
//! `--strict`); what was not judged is a `SKIP`.

use crate::place::Place;
use crate::{Report, printable, reason};
use std::io::{self, Write};
use tcpconf_engine::{CaseReport, InvariantReport, RunEvent, Shown};

/// Writes TAP 14.
#[derive(Debug)]
pub struct Tap<W> {
    out: W,
    strict: bool,
    points: usize,
}

impl<W: Write> Tap<W> {
    /// Writes to `out`; with `strict`, failures at SHOULD and MAY count.
    pub fn new(out: W, strict: bool) -> Self {
        Self {
            out,
            strict,
            points: 0,
        }
    }

    fn point(&mut self, shown: Shown, id: &str, why: Option<&str>) -> io::Result<()> {
        self.points += 1;
        let todo = |word: &str| format!(" # TODO {word}{}", why.map_or(String::new(), colon));
        let skip = |word: &str| format!(" # SKIP {word}{}", why.map_or(String::new(), colon));
        let (ok, directive) = match shown {
            Shown::Pass => (true, String::new()),
            Shown::Fail | Shown::Xpass | Shown::Error => (false, String::new()),
            Shown::Warn if self.strict => (false, String::new()),
            Shown::Info if self.strict => (false, String::new()),
            Shown::Warn => (false, todo("SHOULD")),
            Shown::Info => (false, todo("MAY")),
            Shown::Xfail => (false, todo("expected")),
            Shown::Unsupported => (true, skip("unsupported")),
            Shown::Inconclusive => (true, skip("inconclusive")),
            Shown::Skip => (true, skip("not run")),
        };
        let word = if ok { "ok" } else { "not ok" };
        writeln!(
            self.out,
            "{word} {} - {}{directive}",
            self.points,
            escaped(id)
        )
    }

    fn case(&mut self, case: &CaseReport) -> io::Result<()> {
        let shown = Shown::of(&case.verdict, &case.marks);
        let why = reason::explained(case);
        self.point(shown, &case.id, why.as_deref())?;
        if !matches!(shown, Shown::Pass | Shown::Unsupported | Shown::Skip) {
            let mut pairs = vec![
                ("verdict", shown.to_string()),
                ("level", format!("{:?}", case.verdict.level).to_uppercase()),
                ("requirements", case.spec.join(" ")),
                ("seed", case.seed.to_string()),
            ];
            pairs.extend(why.map(|text| ("message", text)));
            if let Some(failure) = &case.failure {
                let at = failure.location.last().unwrap_or(&case.location);
                pairs.push(("at", Place::of(at).short()));
                pairs.extend(failure.expected.clone().map(|text| ("expected", text)));
                pairs.extend(failure.actual.clone().map(|text| ("actual", text)));
            }
            self.yaml(&pairs)?;
        }
        self.out.flush()
    }

    fn invariant(&mut self, invariant: &InvariantReport) -> io::Result<()> {
        let shown = Shown::of(&invariant.verdict, &invariant.marks);
        self.point(shown, &invariant.id, invariant.reason.as_deref())?;
        if let Some(finding) = invariant.findings.first() {
            self.yaml(&[
                ("message", finding.message.clone()),
                ("case", finding.case.clone()),
                ("segment", finding.segment.clone()),
                ("findings", invariant.findings.len().to_string()),
            ])?;
        }
        self.out.flush()
    }

    fn yaml(&mut self, pairs: &[(&str, String)]) -> io::Result<()> {
        writeln!(self.out, "  ---")?;
        for (key, value) in pairs {
            // A JSON string is a YAML string.
            writeln!(
                self.out,
                "  {key}: {}",
                serde_json::Value::from(printable(value))
            )?;
        }
        writeln!(self.out, "  ...")
    }
}

impl<W: Write> Report for Tap<W> {
    fn event(&mut self, event: &RunEvent) -> io::Result<()> {
        match event {
            RunEvent::Started(_) => writeln!(self.out, "TAP version 14"),
            RunEvent::CaseStarted { .. } => Ok(()),
            RunEvent::CaseFinished(case) => self.case(case),
            RunEvent::InvariantFinished(invariant) => self.invariant(invariant),
            RunEvent::Note(note) => writeln!(self.out, "# {}", printable(note)),
            RunEvent::Finished(summary) => {
                writeln!(self.out, "1..{}", self.points)?;
                if let Some(broken) = &summary.broken {
                    writeln!(self.out, "Bail out! {}", printable(broken))?;
                } else if summary.interrupted {
                    writeln!(self.out, "Bail out! interrupted")?;
                }
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A description or directive in which `#` and `\` mean themselves (TAP 14, "Escaping").
fn escaped(text: &str) -> String {
    printable(text).replace('\\', r"\\").replace('#', r"\#")
}

fn colon(why: &str) -> String {
    format!(": {}", escaped(why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn written(strict: bool) -> String {
        let mut out = Vec::new();
        let mut tap = Tap::new(&mut out, strict);
        for event in sample::run_of_every_kind() {
            tap.event(&event).unwrap();
        }
        tap.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_status_has_its_line() {
        insta::assert_snapshot!(written(false));
    }

    #[test]
    fn strict_makes_warnings_failures() {
        let count = |text: &str| {
            text.lines()
                .filter(|l| l.starts_with("not ok") && !l.contains("# TODO"))
                .count()
        };
        assert_eq!(count(&written(true)), count(&written(false)) + 3);
    }

    #[test]
    fn numbers_are_as_many_as_the_plan_says() {
        let text = written(false);
        let points = text
            .lines()
            .filter(|l| l.starts_with("ok ") || l.starts_with("not ok "))
            .count();
        assert!(text.contains(&format!("\n1..{points}\n")), "{text}");
    }
}
