//! From the tree to what the engine plays: parameters and fixtures substituted, `reach` spelled out.

mod app;
mod reach;
mod values;

pub(crate) use values::{NOT_KNOWN_HERE, Scope, Value};

use crate::ast::*;
use crate::diagnostic::{Code, Diagnostic};
use crate::impair::Impair;
use crate::limits;
use crate::plan::{Instance, SourceFile};
use std::sync::Arc;

type Lowered<T> = Result<T, Box<Diagnostic>>;

/// Where the spans of a substituted value point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueSpans {
    /// At `${…}`, so that every span of a step lies in its line: for the engine.
    Use,
    /// At the value itself: for diagnostics.
    Value,
}

/// Lowers steps; collects what is wrong.
pub(crate) struct Lowerer<'a> {
    pub(crate) shared: &'a [(Arc<SourceFile>, Suite)],
    pub(crate) spans: ValueSpans,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Fixtures that are being expanded, outermost first.
    stack: Vec<String>,
    /// How many steps were lowered.
    pub(crate) steps: usize,
}

impl Instance {
    /// The steps with parameters and fixtures substituted and `reach` spelled out.
    ///
    /// # Errors
    /// What is wrong with them: never for an instance of a plan that `load` gave without errors.
    pub fn lower(&self) -> Result<Vec<Step>, Vec<Diagnostic>> {
        let test = &self.suite.tests[self.index];
        let scope = self.scope();
        let mut lowerer = Lowerer::new(&self.shared, ValueSpans::Use);
        let steps = lowerer.steps(&test.steps, &scope);
        if lowerer.diagnostics.iter().any(Diagnostic::is_error) {
            return Err(lowerer.diagnostics);
        }
        Ok(steps)
    }

    pub(crate) fn scope(&self) -> Scope<'_> {
        Scope::of_test(&self.file, &self.suite, &self.bindings)
    }
}

impl<'a> Lowerer<'a> {
    pub(crate) fn new(shared: &'a [(Arc<SourceFile>, Suite)], spans: ValueSpans) -> Self {
        Self {
            shared,
            spans,
            diagnostics: Vec::new(),
            stack: Vec::new(),
            steps: 0,
        }
    }

    /// Lowers what can be lowered; what cannot is left out and reported.
    pub(crate) fn steps(&mut self, steps: &[Step], scope: &Scope<'_>) -> Vec<Step> {
        let mut lowered = Vec::with_capacity(steps.len());
        for step in steps {
            self.steps += 1;
            if self.steps == limits::STEPS {
                let message = format!("more than {} steps after expansion", limits::STEPS);
                self.report(Diagnostic::new(Code::Limit, scope.file, step.span, message));
            }
            if self.steps >= limits::STEPS {
                break;
            }
            match self.step(step, scope) {
                Ok(step) => lowered.push(step),
                Err(diagnostic) => self.report(*diagnostic),
            }
        }
        lowered
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn step(&mut self, step: &Step, scope: &Scope<'_>) -> Lowered<Step> {
        let mut spec = Vec::new();
        for id in &step.spec {
            spec.push(self.name(id, scope)?);
        }
        Ok(Step {
            kind: self.kind(step, scope)?,
            spec,
            span: step.span,
        })
    }

    fn kind(&mut self, step: &Step, scope: &Scope<'_>) -> Lowered<StepKind> {
        Ok(match &step.kind {
            StepKind::Inject(x) => StepKind::Inject(self.inject(x, scope)?),
            StepKind::Expect(x) => StepKind::Expect(self.expect(x, scope)?),
            StepKind::Nothing(Nothing { conn, duration }) => StepKind::Nothing(Nothing {
                conn: conn.clone(),
                duration: self.expr(duration, scope)?,
            }),
            StepKind::Either(branches) => StepKind::Either(
                branches
                    .iter()
                    .map(|branch| Branch {
                        steps: self.steps(&branch.steps, scope),
                        grade: branch.grade,
                        span: branch.span,
                    })
                    .collect(),
            ),
            StepKind::Unordered(steps) => StepKind::Unordered(self.steps(steps, scope)),
            StepKind::Reach(reach) => self.reach(reach, step.span, scope)?,
            StepKind::State { state, passive } => StepKind::State {
                state: self.state(state, scope)?,
                passive: *passive,
            },
            StepKind::App(app) => StepKind::App(self.app(app, scope)?),
            StepKind::Check(expr) => StepKind::Check(self.expr(expr, scope)?),
            StepKind::Impair(words) => StepKind::Impair(self.impair(words, step.span, scope)?),
            StepKind::Wait(expr) => StepKind::Wait(self.expr(expr, scope)?),
            StepKind::Sample(Sample {
                count,
                bindings,
                steps,
            }) => {
                let mut lowered = Vec::new();
                for (name, expr) in bindings {
                    lowered.push((name.clone(), self.expr(expr, scope)?));
                }
                StepKind::Sample(Sample {
                    count: self.expr(count, scope)?,
                    bindings: lowered,
                    steps: self.steps(steps, scope),
                })
            }
            StepKind::Repeat {
                count,
                counter,
                steps,
            } => StepKind::Repeat {
                count: self.expr(count, scope)?,
                counter: counter.clone(),
                steps: self.steps(steps, scope),
            },
            StepKind::Use { name, args } => self.use_fixture(name, args, scope)?,
            StepKind::Conn { name, steps } => StepKind::Conn {
                name: name.clone(),
                steps: self.steps(steps, scope),
            },
            kind @ (StepKind::Builtin(_)
            | StepKind::Ignore(_)
            | StepKind::AutoAck(_)
            | StepKind::Setup { .. }
            | StepKind::Inlined { .. }) => kind.clone(),
        })
    }

    /// The words with parameters substituted, which may be several words each.
    fn impair(&mut self, words: &[Name], span: Span, scope: &Scope<'_>) -> Lowered<Vec<Name>> {
        let mut lowered = Vec::new();
        for word in words {
            let Spanned { value, span } = self.name(word, scope)?;
            lowered.extend(value.split_whitespace().map(|part| Spanned {
                value: part.to_owned(),
                span,
            }));
        }
        if lowered.iter().any(|word| word.value.contains("${")) {
            return Ok(lowered);
        }
        match Impair::read(&lowered, span) {
            Ok(_) => Ok(lowered),
            Err(mistake) => {
                let diagnostic =
                    Diagnostic::new(Code::BadValue, scope.file, mistake.span, mistake.message);
                Err(match mistake.near {
                    Some((word, known)) => diagnostic.suggest(&word, known),
                    None => diagnostic,
                }
                .into())
            }
        }
    }

    fn inject(&mut self, inject: &Inject, scope: &Scope<'_>) -> Lowered<Inject> {
        let Inject {
            conn,
            stimulus,
            fragment,
            timing,
            label,
        } = inject;
        let stimulus = match stimulus {
            Stimulus::Segment(template) => Stimulus::Segment(self.template(template, scope)?),
            Stimulus::SameAs { label, fields } => Stimulus::SameAs {
                label: self.name(label, scope)?,
                fields: self.fields(fields, scope)?,
            },
            Stimulus::Icmp(IcmpStimulus {
                kind,
                mtu,
                code,
                quote,
                seq_offset,
                truncate,
            }) => Stimulus::Icmp(IcmpStimulus {
                kind: self.name(kind, scope)?,
                mtu: self.optional(mtu, scope)?,
                code: self.optional(code, scope)?,
                quote: self.name(quote, scope)?,
                seq_offset: self.optional(seq_offset, scope)?,
                truncate: self.optional(truncate, scope)?,
            }),
        };
        let fragment = match fragment {
            Some(Fragmentation { at, overlap }) => Some(Fragmentation {
                at: at
                    .iter()
                    .map(|x| self.expr(x, scope))
                    .collect::<Lowered<_>>()?,
                overlap: *overlap,
            }),
            None => None,
        };
        Ok(Inject {
            conn: conn.clone(),
            stimulus,
            fragment,
            timing: self.timing(timing, scope)?,
            label: label.clone(),
        })
    }

    fn expect(&mut self, expect: &Expect, scope: &Scope<'_>) -> Lowered<Expect> {
        let Expect {
            conn,
            pattern,
            timing,
            label,
        } = expect;
        let pattern = match pattern {
            Pattern::Segment(template) => Pattern::Segment(self.template(template, scope)?),
            Pattern::SameAs {
                flags,
                label,
                fields,
            } => Pattern::SameAs {
                flags: self.flags(flags, scope)?,
                label: self.name(label, scope)?,
                fields: self.fields(fields, scope)?,
            },
        };
        Ok(Expect {
            conn: conn.clone(),
            pattern,
            timing: self.timing(timing, scope)?,
            label: label.clone(),
        })
    }

    fn timing(&mut self, timing: &Timing, scope: &Scope<'_>) -> Lowered<Timing> {
        let Timing { within, after, of } = timing;
        Ok(Timing {
            within: self.optional(within, scope)?,
            after: self.optional(after, scope)?,
            of: match of {
                Some(label) => Some(self.name(label, scope)?),
                None => None,
            },
        })
    }

    fn use_fixture(
        &mut self,
        name: &Name,
        args: &[Binding],
        scope: &Scope<'_>,
    ) -> Lowered<StepKind> {
        let name = self.name(name, scope)?;
        if let (Some(builtin), true) = (Builtin::by_name(&name.value), args.is_empty()) {
            return Ok(StepKind::Builtin(builtin));
        }
        let Some((file, suite, fixture)) = self.find_fixture(&name.value, scope) else {
            return Err(self.unknown_fixture(&name, scope).into());
        };
        if self.stack.contains(&name.value) || self.stack.len() >= limits::FIXTURE_DEPTH {
            let message = format!("fixture '{}' uses itself", name.value);
            let chain = [self.stack.as_slice(), std::slice::from_ref(&name.value)].concat();
            return Err(
                Diagnostic::new(Code::FixtureRecursion, scope.file, name.span, message)
                    .help(chain.join(" uses "))
                    .into(),
            );
        }
        if args.len() != fixture.params.len() {
            let names: Vec<&str> = fixture.params.iter().map(|p| p.value.as_str()).collect();
            let message = format!(
                "fixture '{}' takes {} arguments, not {}",
                name.value,
                fixture.params.len(),
                args.len()
            );
            return Err(Diagnostic::new(Code::Arity, scope.file, name.span, message)
                .help(format!("use {}({})", name.value, names.join(", ")))
                .into());
        }
        let inner = scope.for_fixture(file, suite, fixture, args, self.spans)?;
        self.stack.push(name.value.clone());
        let steps = self.steps(&fixture.steps, &inner);
        self.stack.pop();
        Ok(StepKind::Inlined {
            fixture: name.value,
            file: Arc::clone(file),
            steps,
        })
    }

    fn find_fixture<'s>(
        &self,
        name: &str,
        scope: &Scope<'s>,
    ) -> Option<(&'s Arc<SourceFile>, &'s Suite, &'s Fixture)>
    where
        'a: 's,
    {
        let find = |suite: &'s Suite| suite.fixtures.iter().find(|f| f.name.value == name);
        if let Some(fixture) = find(scope.suite) {
            return Some((scope.file, scope.suite, fixture));
        }
        self.shared
            .iter()
            .find_map(|(file, suite)| Some((file, suite, find(suite)?)))
    }

    fn unknown_fixture(&self, name: &Name, scope: &Scope<'_>) -> Diagnostic {
        let suites = self
            .shared
            .iter()
            .map(|(_, suite)| suite)
            .chain([scope.suite]);
        let known: Vec<&str> = suites
            .flat_map(|suite| suite.fixtures.iter().map(|f| f.name.value.as_str()))
            .chain(Builtin::ALL.iter().map(|(_, name)| *name))
            .collect();
        let span = scope.span_of_name(name, self.spans);
        let message = format!("unknown fixture '{}'", name.value);
        Diagnostic::new(Code::UnknownFixture, scope.file, span, message).suggest(&name.value, known)
    }
}

impl Builtin {
    /// All, as written.
    pub const ALL: &[(Self, &str)] = &[
        (Self::Alive, "alive"),
        (Self::Gone, "gone"),
        (Self::Silence, "silence"),
        (Self::GoneOrSilence, "gone-or-silence"),
    ];

    /// The step of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find_map(|(builtin, known)| (*known == name).then_some(*builtin))
    }

    /// As written.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find_map(|(builtin, name)| (*builtin == self).then_some(*name))
            .expect("ALL holds every one")
    }
}
