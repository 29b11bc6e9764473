//! `unordered`: its `>` steps, in any order.
//!
//! A segment may fit several steps. Which one it stands for stays open until all have come, as in a
//! matching of a bipartite graph: no order of arrival makes a right set of segments fail.

use super::wait::{Taken, Waiting, Window};
use super::{Case, GRACE, Label};
use crate::eval::EvalError;
use crate::event::Difference;
use tcpconf_suite::ast::{Expect, Step, StepKind};
use tcpconf_wire::Instant;

/// What is wanted and what has come of it.
#[derive(Clone, Debug)]
pub(super) struct Unordered {
    wanted: Vec<Wanted>,
    came: Vec<Came>,
}

#[derive(Clone, Debug)]
struct Wanted {
    expect: Expect,
    window: Window,
    conn: String,
    /// The segment that stands for it.
    by: Option<usize>,
}

#[derive(Clone, Debug)]
struct Came {
    label: Label,
    /// The steps that it fits.
    fits: Vec<usize>,
}

impl Unordered {
    /// Finds a step for a segment, if need be by finding others for those that came before.
    fn place(&mut self, segment: usize, tried: &mut Vec<usize>) -> bool {
        for at in self.came[segment].fits.clone() {
            if tried.contains(&at) {
                continue;
            }
            tried.push(at);
            let free = match self.wanted[at].by {
                None => true,
                Some(other) => self.place(other, tried),
            };
            if free {
                self.wanted[at].by = Some(segment);
                return true;
            }
        }
        false
    }

    fn left(&self) -> impl Iterator<Item = &Wanted> {
        self.wanted.iter().filter(|wanted| wanted.by.is_none())
    }
}

impl Case {
    pub(super) fn unordered(&mut self, steps: &[Step]) -> Result<(), EvalError> {
        let wanted = steps
            .iter()
            .map(|step| match &step.kind {
                StepKind::Expect(expect) => Ok(Wanted {
                    expect: expect.clone(),
                    window: self.window(&expect.timing)?,
                    conn: self.conn_of(expect.conn.as_ref()),
                    by: None,
                }),
                _ => Err(EvalError::wrong(step.span, "unordered holds '>' steps")),
            })
            .collect::<Result<_, _>>()?;
        self.waiting = Some(Waiting::Unordered(Unordered {
            wanted,
            came: Vec::new(),
        }));
        Ok(())
    }

    pub(super) fn wait_unordered(
        &mut self,
        mut unordered: Unordered,
        now: Instant,
    ) -> Option<Instant> {
        let conns: Vec<String> = unordered.wanted.iter().map(|w| w.conn.clone()).collect();
        while unordered.left().next().is_some()
            && let Some((index, arrived, conn)) = self.first_arrival(&conns)
        {
            let mut fits = Vec::new();
            let mut nearest: Option<Vec<Difference>> = None;
            let mut passed = self
                .session
                .slot(index)
                .classify(&arrived.segment)
                .retransmission;
            for (at, wanted) in unordered.wanted.iter().enumerate() {
                if wanted.conn != conn {
                    continue;
                }
                match self.judge(&wanted.expect, &wanted.window, index, &arrived, &conn) {
                    Err(error) => {
                        self.broken(&error);
                        return None;
                    }
                    Ok(Taken::Fits) => fits.push(at),
                    Ok(Taken::Passed) => passed = true,
                    Ok(Taken::Mismatch(differences)) => {
                        passed &= !Window::is_missed(&differences);
                        if nearest.as_ref().is_none_or(|n| differences.len() < n.len()) {
                            nearest = Some(differences);
                        }
                    }
                }
            }
            let label = Label {
                at: arrived.at,
                segment: arrived.segment.clone(),
                slot: index,
            };
            unordered.came.push(Came { label, fits });
            if unordered.place(unordered.came.len() - 1, &mut Vec::new()) {
                self.accept(index, &arrived, None);
                self.bind(&unordered);
            } else if passed {
                unordered.came.pop();
                self.pass_over(index, &arrived);
            } else {
                self.note(arrived.entry, "mismatch");
                let actual = self.session.trace[arrived.entry].text.clone();
                let expected = self.show_unordered(&unordered);
                self.fail(
                    "a segment came that none of these steps wants",
                    Some(expected),
                    Some(actual),
                    nearest.unwrap_or_default(),
                );
                return None;
            }
        }
        let latest = unordered.left().map(|w| w.window.latest_at()).max()?;
        let until = latest + GRACE;
        if now < until {
            self.waiting = Some(Waiting::Unordered(unordered));
            return Some(until);
        }
        let expected = self.show_unordered(&unordered);
        self.fail(
            "not all of these came",
            Some(expected),
            Some("nothing".into()),
            Vec::new(),
        );
        None
    }

    /// Names the segments by the steps for which they stand now.
    fn bind(&mut self, unordered: &Unordered) {
        for wanted in &unordered.wanted {
            if let (Some(label), Some(by)) = (&wanted.expect.label, wanted.by) {
                let segment = unordered.came[by].label.clone();
                self.labels.insert(label.value.clone(), segment);
            }
        }
    }

    fn show_unordered(&self, unordered: &Unordered) -> String {
        unordered
            .left()
            .map(|w| self.show_expected(&w.expect, &w.window, &w.conn))
            .collect::<Vec<_>>()
            .join("  and  ")
    }
}
