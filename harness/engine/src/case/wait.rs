//! Waiting: LANGUAGE.md semantics 5, to the letter.
//!
//! A waiting `>` tries to match first. What does not match is a mismatch, but for a segment with
//! SEG.LEN > 0 whose range was all sent before: a retransmission, passed over.

use super::app_step::AppWait;
use super::either::Head;
use super::probe::Probe;
use super::unordered::Unordered;
use super::{Case, GRACE, Label};
use crate::Mode;
use crate::eval::EvalError;
use crate::event::Difference;
use crate::matching::{Match, match_field, match_flags, matches, same_as};
use crate::model::{Connection, Seen};
use crate::session::Arrived;
use crate::value::seconds;
use tcpconf_suite::ast::{Branch, Expect, Ignorable, Name, Nothing, Pattern, StepKind, Timing};
use tcpconf_wire::{Flags, Instant, Segment};

/// What the current step waits for.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    Sleep {
        until: Instant,
    },
    Expect {
        expect: Box<Expect>,
        window: Window,
        conn: String,
    },
    Nothing {
        until: Instant,
        conn: String,
    },
    Either {
        branches: Vec<Branch>,
        /// The first step of each, with its time.
        heads: Vec<Head>,
    },
    Unordered(Unordered),
    Quiet {
        until: Instant,
        /// How the first segment on this connection is called.
        name: Option<Box<(String, Name)>>,
    },
    Probe(Probe),
    App(AppWait),
}

/// From when to when a segment may come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    origin: Instant,
    earliest: Instant,
    latest: Instant,
}

/// What became of an arrival.
pub(super) enum Taken {
    /// It fits.
    Fits,
    /// It is passed over.
    Passed,
    /// It is a mismatch.
    Mismatch(Vec<Difference>),
}

impl Case {
    pub(super) fn expect(&mut self, expect: &Expect, _now: Instant) -> Result<(), EvalError> {
        let conn = self.conn_of(expect.conn.as_ref());
        self.waiting = Some(Waiting::Expect {
            window: self.window(&expect.timing)?,
            expect: Box::new(expect.clone()),
            conn,
        });
        Ok(())
    }

    pub(super) fn nothing(&mut self, nothing: &Nothing) -> Result<(), EvalError> {
        let until = self.last_stamp + self.duration(&nothing.duration)?;
        let conn = self.conn_of(nothing.conn.as_ref());
        self.waiting = Some(Waiting::Nothing { until, conn });
        Ok(())
    }

    /// Records what comes. A name that `step` gives is that of the first segment on its connection: later stimuli
    /// may refer to it.
    pub(super) fn observe_until_quiet(&mut self, step: &StepKind, now: Instant) {
        if let Mode::Observe { quiet } = self.setup.mode {
            let name = match step {
                StepKind::Expect(expect) => expect.label.clone().map(|label| {
                    let conn = self.conn_of(expect.conn.as_ref());
                    Box::new((conn, label))
                }),
                _ => None,
            };
            let until = now + quiet;
            self.waiting = Some(Waiting::Quiet { until, name });
        }
    }

    pub(super) fn conn_of(&self, name: Option<&Name>) -> String {
        name.map_or_else(|| self.frame().conn.clone(), |n| n.value.clone())
    }

    pub(super) fn window(&self, timing: &Timing) -> Result<Window, EvalError> {
        let origin = self.origin(timing)?;
        let earliest = match &timing.after {
            Some(after) => origin + self.duration(after)?,
            None => Instant::ZERO,
        };
        let latest = match &timing.within {
            Some(within) => origin + self.duration(within)?,
            None => {
                let answer = self.setup.profile.timing.answer_ms;
                origin.max(earliest) + std::time::Duration::from_millis(answer)
            }
        };
        Ok(Window {
            origin,
            earliest,
            latest,
        })
    }

    /// Goes on with what waits. `None` when the step is over (or failed), else when to look again.
    pub(super) fn wait(&mut self, waiting: Waiting, now: Instant) -> Option<Instant> {
        let patience = self.patience(now);
        match waiting {
            Waiting::Sleep { until } => {
                // What is due now is late by the driver's fault.
                self.late_by = self.late_by.max(now.since(until));
                self.keep(now, until, Waiting::Sleep { until })
            }
            Waiting::Expect {
                expect,
                window,
                conn,
            } => self.wait_expect(expect, window, conn, patience),
            Waiting::Nothing { until, conn } => self.wait_nothing(until, conn, patience),
            Waiting::Either { branches, heads } => self.wait_either(branches, heads, patience),
            Waiting::Unordered(unordered) => self.wait_unordered(unordered, patience),
            Waiting::Quiet { until, name } => self.wait_quiet(until, name, patience),
            Waiting::Probe(probe) => self.wait_probe(probe, now),
            Waiting::App(wait) => self.wait_app(wait, now),
        }
    }

    /// Waits on until `at`; `None` when it is past.
    pub(super) fn keep(&mut self, now: Instant, at: Instant, waiting: Waiting) -> Option<Instant> {
        if now >= at {
            return None;
        }
        self.waiting = Some(waiting);
        Some(at)
    }

    fn wait_expect(
        &mut self,
        expect: Box<Expect>,
        window: Window,
        conn: String,
        now: Instant,
    ) -> Option<Instant> {
        while let Some((index, arrived)) = self.next_arrival(&conn) {
            let taken = match self.judge(&expect, &window, index, &arrived, &conn) {
                Ok(taken) => taken,
                Err(error) => {
                    self.broken(&error);
                    return None;
                }
            };
            match taken {
                Taken::Fits => {
                    self.accept(index, &arrived, expect.label.as_ref());
                    return None;
                }
                Taken::Passed => self.pass_over(index, &arrived),
                Taken::Mismatch(differences) => {
                    self.note(arrived.entry, "mismatch");
                    self.mismatch(&expect, &window, &conn, &arrived, differences);
                    return None;
                }
            }
        }
        let until = window.latest + GRACE;
        if now < until {
            self.waiting = Some(Waiting::Expect {
                expect,
                window,
                conn,
            });
            return Some(until);
        }
        self.nothing_came(&expect, &window, &conn);
        None
    }

    fn wait_nothing(&mut self, until: Instant, conn: String, now: Instant) -> Option<Instant> {
        while let Some((index, arrived)) = self.next_arrival(&conn) {
            if arrived.at > until {
                // It belongs to the next step.
                self.session.slot_mut(index).inbox.push_front(arrived);
                self.last_stamp = until;
                return None;
            }
            let seen = self.session.slot(index).classify(&arrived.segment);
            if seen.retransmission {
                self.pass_over(index, &arrived);
                continue;
            }
            self.note(arrived.entry, "nothing was to come");
            let actual = self.session.trace[arrived.entry].text.clone();
            let message = format!("{actual} came where nothing was to come");
            self.fail(&message, Some("nothing".into()), Some(actual), Vec::new());
            return None;
        }
        let at = until + GRACE;
        if now < at {
            self.waiting = Some(Waiting::Nothing { until, conn });
            return Some(at);
        }
        self.last_stamp = until;
        None
    }

    fn wait_quiet(
        &mut self,
        until: Instant,
        name: Option<Box<(String, Name)>>,
        now: Instant,
    ) -> Option<Instant> {
        let (mut until, mut name) = (until, name);
        let indices: Vec<usize> = (0..self.session.slots().count()).collect();
        for index in indices {
            while let Some(arrived) = self.session.slot_mut(index).inbox.pop_front() {
                if let Mode::Observe { quiet } = self.setup.mode {
                    until = until.max(arrived.at + quiet);
                }
                self.note(arrived.entry, "observed");
                self.last_stamp = self.last_stamp.max(arrived.at);
                self.session.slot_mut(index).consume(&arrived.segment);
                let named = name.take_if(|n| self.session.named(&n.0) == Some(index));
                if let Some(named) = named {
                    self.give_name(&named.1, index, &arrived);
                }
            }
        }
        self.keep(now, until, Waiting::Quiet { until, name })
    }

    /// The next segment on a connection that no step has taken.
    pub(super) fn next_arrival(&mut self, conn: &str) -> Option<(usize, Arrived)> {
        let index = self.session.named(conn)?;
        let arrived = self.session.slot_mut(index).inbox.pop_front()?;
        Some((index, arrived))
    }

    /// The segment that came first of all on these connections that no step has taken.
    pub(super) fn first_arrival(&mut self, conns: &[String]) -> Option<(usize, Arrived, String)> {
        let came = |conn: &String| {
            let index = self.session.named(conn)?;
            Some(self.session.slot(index).inbox.front()?.entry)
        };
        let (_, conn) = conns
            .iter()
            .filter_map(|conn| Some((came(conn)?, conn)))
            .min()?;
        let conn = conn.clone();
        let (index, arrived) = self.next_arrival(&conn)?;
        Some((index, arrived, conn))
    }

    pub(super) fn judge(
        &self,
        expect: &Expect,
        window: &Window,
        index: usize,
        arrived: &Arrived,
        conn: &str,
    ) -> Result<Taken, EvalError> {
        let segment = &arrived.segment;
        let slot = self.session.slot(index);
        let view = self.view_on(conn);
        let mut result = match &expect.pattern {
            Pattern::Segment(template) => matches(template, segment, &slot.script, &view)?,
            Pattern::SameAs {
                flags,
                label,
                fields,
            } => {
                let mut result = Match::default();
                match_flags(flags, segment.flags, &view, &mut result)?;
                let Some(label) = self.labels.get(&label.value) else {
                    return Err(EvalError::not_shown(
                        label.span,
                        format!("no segment is named {}", label.value),
                    ));
                };
                same_as(&label.segment, segment, &slot.script, &mut result);
                for field in fields {
                    match_field(field, segment, &slot.script, &view, &mut result)?;
                }
                result
            }
        };
        if result.fits()
            && self.app_sends(index)
            && let Some(difference) = wrong_text(&slot.script, segment)
        {
            result.differences.push(difference);
        }
        if result.fits() {
            if arrived.at < window.earliest {
                result.differences.push(Difference {
                    field: "time".into(),
                    expected: format!("not before {}", show_since(window.earliest, window.origin)),
                    actual: show_since(arrived.at, window.origin),
                });
                return Ok(Taken::Mismatch(result.differences));
            }
            if arrived.at > window.latest {
                result.differences.push(Difference {
                    field: "time".into(),
                    expected: format!("within {}", show_since(window.latest, window.origin)),
                    actual: show_since(arrived.at, window.origin),
                });
                return Ok(Taken::Mismatch(result.differences));
            }
            return Ok(Taken::Fits);
        }
        let seen = slot.classify(segment);
        if seen.retransmission {
            return Ok(Taken::Passed);
        }
        if self.is_ignored(&seen) {
            // Passed over, but what the application sent it must be all the same.
            let wrong = self
                .app_sends(index)
                .then(|| wrong_text(&slot.script, segment));
            return Ok(match wrong.flatten() {
                Some(difference) => Taken::Mismatch(vec![difference]),
                None => Taken::Passed,
            });
        }
        Ok(Taken::Mismatch(result.differences))
    }

    fn is_ignored(&self, seen: &Seen) -> bool {
        self.frame().ignored.iter().any(|kind| match kind {
            Ignorable::Acks => seen.pure_ack,
            Ignorable::Probes => seen.probe,
            Ignorable::Keepalives => seen.keepalive,
            Ignorable::WindowUpdates => seen.window_update,
            Ignorable::Data => seen.data,
        })
    }

    /// A step takes the segment.
    pub(super) fn accept(&mut self, index: usize, arrived: &Arrived, label: Option<&Name>) {
        self.session.slot_mut(index).consume(&arrived.segment);
        self.last_stamp = arrived.at;
        self.last_send = None;
        if let Some(label) = label {
            self.give_name(label, index, arrived);
        }
    }

    /// From now on the segment has this name.
    fn give_name(&mut self, label: &Name, index: usize, arrived: &Arrived) {
        self.labels.insert(
            label.value.clone(),
            Label {
                at: arrived.at,
                segment: arrived.segment.clone(),
                slot: index,
            },
        );
    }

    pub(super) fn pass_over(&mut self, index: usize, arrived: &Arrived) {
        self.note(arrived.entry, "passed over");
        self.session.slot_mut(index).consume(&arrived.segment);
    }

    pub(super) fn note(&mut self, entry: usize, note: &str) {
        if let Some(entry) = self.session.trace.get_mut(entry) {
            entry.note = Some(match entry.note.take() {
                Some(before) if before.contains("link (") => format!("{before}; {note}"),
                _ => note.to_owned(),
            });
        }
    }
}

impl Window {
    pub(super) const fn origin_at(&self) -> Instant {
        self.origin
    }

    pub(super) const fn latest_at(&self) -> Instant {
        self.latest
    }

    /// It fits, but for its time.
    pub(super) fn is_missed(differences: &[Difference]) -> bool {
        differences.iter().all(|d| d.field == "time")
    }

    pub(super) fn within(&self) -> std::time::Duration {
        self.latest.since(self.origin)
    }
}

/// What `app send` gave to the target names its place in the stream.
fn wrong_text(c: &Connection, segment: &Segment) -> Option<Difference> {
    let first = segment.seq + u32::from(segment.flags.contains(Flags::SYN));
    let offset = first - (c.iss? + 1);
    let (at, expected) = crate::payload::first_wrong(offset, &segment.payload)?;
    Some(Difference {
        field: format!("octet {} of the stream", offset.wrapping_add(at as u32)),
        expected: format!("{expected:#04x}"),
        actual: format!("{:#04x}", segment.payload[at]),
    })
}

pub(super) fn show_since(at: Instant, origin: Instant) -> String {
    seconds(at.since(origin).as_nanos() as i128)
}
