//! `either`: the first `>` decides the branch.

use super::wait::{Taken, Waiting, Window};
use super::{Case, GRACE};
use crate::eval::EvalError;
use crate::event::Difference;
use crate::session::Arrived;
use tcpconf_suite::ast::{Branch, Expect, Grade, Name, StepKind};
use tcpconf_wire::Instant;

/// The first step of a branch.
#[derive(Clone, Debug)]
pub(super) enum Head {
    Expect(Box<Expect>, Window, String),
    Nothing(Instant, String),
}

/// What an arrival means for the branches.
enum Choice {
    Branch(usize, Option<Name>),
    Passed,
    None(String, Vec<Difference>),
}

impl Case {
    pub(super) fn either(&mut self, branches: &[Branch]) -> Result<(), EvalError> {
        let heads = branches
            .iter()
            .map(|branch| match branch.steps.first().map(|s| &s.kind) {
                Some(StepKind::Expect(expect)) => Ok(Head::Expect(
                    Box::new(expect.clone()),
                    self.window(&expect.timing)?,
                    self.conn_of(expect.conn.as_ref()),
                )),
                Some(StepKind::Nothing(nothing)) => Ok(Head::Nothing(
                    self.last_stamp + self.duration(&nothing.duration)?,
                    self.conn_of(nothing.conn.as_ref()),
                )),
                _ => Err(EvalError::wrong(branch.span, "a branch begins with '>'")),
            })
            .collect::<Result<_, _>>()?;
        self.waiting = Some(Waiting::Either {
            branches: branches.to_vec(),
            heads,
        });
        Ok(())
    }

    pub(super) fn wait_either(
        &mut self,
        branches: Vec<Branch>,
        heads: Vec<Head>,
        now: Instant,
    ) -> Option<Instant> {
        let conns: Vec<String> = heads
            .iter()
            .map(|h| match h {
                Head::Expect(_, _, conn) | Head::Nothing(_, conn) => conn.clone(),
            })
            .collect();
        let silent = heads
            .iter()
            .enumerate()
            .filter_map(|(at, h)| match h {
                Head::Nothing(until, _) => Some((*until, at)),
                Head::Expect(..) => None,
            })
            .min();
        let quiet = silent.map(|(until, _)| until);
        while let Some((index, arrived, conn)) = self.first_arrival(&conns) {
            if quiet.is_some_and(|until| arrived.at > until) {
                self.session.slot_mut(index).inbox.push_front(arrived);
                break;
            }
            match self.choose(&heads, index, &arrived, &conn) {
                Err(error) => {
                    self.broken(&error);
                    return None;
                }
                Ok(Choice::Branch(at, label)) => {
                    self.accept(index, &arrived, label.as_ref());
                    let actual = self.session.trace[arrived.entry].text.clone();
                    self.take_branch(&branches, at, &heads, &actual);
                    return None;
                }
                Ok(Choice::Passed) => self.pass_over(index, &arrived),
                Ok(Choice::None(expected, differences)) => {
                    self.note(arrived.entry, "mismatch");
                    let actual = self.session.trace[arrived.entry].text.clone();
                    self.fail(
                        "none of the alternatives came",
                        Some(expected),
                        Some(actual),
                        differences,
                    );
                    return None;
                }
            }
        }
        let latest = heads
            .iter()
            .map(|h| match h {
                Head::Expect(_, window, _) => window.latest_at(),
                Head::Nothing(until, _) => *until,
            })
            .max()
            .unwrap_or(now);
        let until = quiet.unwrap_or(latest) + GRACE;
        if now < until {
            self.waiting = Some(Waiting::Either { branches, heads });
            return Some(until);
        }
        match silent {
            Some((until, at)) => {
                self.last_stamp = until;
                self.take_branch(&branches, at, &heads, "nothing");
            }
            None => {
                let expected = self.show_heads(&heads);
                self.fail(
                    "none of the alternatives came",
                    Some(expected),
                    Some("nothing".into()),
                    Vec::new(),
                );
            }
        }
        None
    }

    /// Which branch an arrival decides.
    fn choose(
        &self,
        heads: &[Head],
        index: usize,
        arrived: &Arrived,
        conn: &str,
    ) -> Result<Choice, EvalError> {
        let mut nearest: Option<Vec<Difference>> = None;
        let (mut passed, mut missed, mut silent) = (false, false, false);
        for (at, head) in heads.iter().enumerate() {
            let (expect, window) = match head {
                Head::Expect(expect, window, its_conn) if its_conn == conn => (expect, window),
                Head::Expect(..) => continue,
                Head::Nothing(_, its_conn) => {
                    let seen = self.session.slot(index).classify(&arrived.segment);
                    silent |= its_conn == conn && seen.retransmission;
                    continue;
                }
            };
            match self.judge(expect, window, index, arrived, conn)? {
                Taken::Fits => return Ok(Choice::Branch(at, expect.label.clone())),
                Taken::Passed => passed = true,
                Taken::Mismatch(differences) => {
                    missed |= Window::is_missed(&differences);
                    if nearest.as_ref().is_none_or(|n| differences.len() < n.len()) {
                        nearest = Some(differences);
                    }
                }
            }
        }
        // What one branch passes over is a mismatch where another wants it at another time.
        if silent || passed && !missed {
            return Ok(Choice::Passed);
        }
        Ok(Choice::None(
            self.show_heads(heads),
            nearest.unwrap_or_default(),
        ))
    }

    fn show_heads(&self, heads: &[Head]) -> String {
        heads
            .iter()
            .map(|head| match head {
                Head::Expect(expect, window, conn) => self.show_expected(expect, window, conn),
                Head::Nothing(..) => "nothing".into(),
            })
            .collect::<Vec<_>>()
            .join("  or  ")
    }

    /// Goes on with a branch. One that is tolerated but not wanted is remembered as the failure that the
    /// case ends with, unless something worse comes.
    fn take_branch(&mut self, branches: &[Branch], at: usize, heads: &[Head], actual: &str) {
        let branch = &branches[at];
        let rank = |g: Grade| match g {
            Grade::Pass => 0,
            Grade::Info => 1,
            Grade::Warn => 2,
        };
        if self.grade.is_none_or(|old| rank(old) < rank(branch.grade)) {
            self.grade = Some(branch.grade);
            if branch.grade != Grade::Pass {
                let wanted: Vec<Head> = branches
                    .iter()
                    .zip(heads)
                    .filter(|(b, _)| b.grade == Grade::Pass)
                    .map(|(_, head)| head.clone())
                    .collect();
                let expected = self.show_heads(&wanted);
                self.tolerated(branch, expected, actual.to_owned());
            }
        }
        let rest = branch.steps.get(1..).unwrap_or_default().to_vec();
        self.push(&rest, super::frame::Role::Plain, None, None);
    }
}
