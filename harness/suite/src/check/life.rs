//! Whether a test can fail at all, and on a dead target: proof of life.

use crate::ast::{AppVerb, Builtin, Span, Step, StepKind};
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::SourceFile;
use std::sync::Arc;

pub(super) fn check(steps: &[Step], file: &Arc<SourceFile>, slug: Span) -> Vec<Diagnostic> {
    let mut life = Life {
        file: Arc::clone(file),
        silent: None,
        expects: false,
    };
    life.steps(steps);
    let mut diagnostics = Vec::new();
    if let Some((file, span)) = life.silent {
        let message = "nothing shows that the target still lives after this";
        diagnostics.push(
            Diagnostic::new(Code::NoProofOfLife, &file, span, message)
                .help("add 'alive', or another '>' behind it"),
        );
    }
    if !life.expects {
        let message = "the test expects nothing of the target";
        diagnostics.push(
            Diagnostic::new(Code::NothingExpected, file, slug, message)
                .help("a test without '>', 'state', 'alive', 'gone' or 'check' cannot fail"),
        );
    }
    diagnostics
}

/// A walk that remembers the last silence without an answer behind it.
#[derive(Clone)]
struct Life {
    file: Arc<SourceFile>,
    silent: Option<(Arc<SourceFile>, Span)>,
    expects: bool,
}

impl Life {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        match &step.kind {
            StepKind::Nothing(_) => {
                self.expects = true;
                self.silent = Some((Arc::clone(&self.file), step.span));
            }
            StepKind::Expect(_)
            | StepKind::State { passive: false, .. }
            | StepKind::Builtin(
                Builtin::Alive | Builtin::Gone | Builtin::Silence | Builtin::GoneOrSilence,
            ) => self.answered(),
            StepKind::State { passive: true, .. } | StepKind::Check(_) => self.expects = true,
            StepKind::App(app) => {
                if app.expect.is_some() || matches!(app.verb, AppVerb::Recv { .. }) {
                    self.answered();
                }
            }
            StepKind::Either(branches) => {
                let before = self.clone();
                let mut silent = None;
                for branch in branches {
                    *self = before.clone();
                    self.steps(&branch.steps);
                    silent = silent.or(self.silent.take());
                }
                self.expects = true;
                self.silent = silent;
            }
            StepKind::Unordered(steps)
            | StepKind::Repeat { steps, .. }
            | StepKind::Conn { steps, .. } => self.steps(steps),
            StepKind::Sample(sample) => self.steps(&sample.steps),
            StepKind::Setup { steps, .. } => {
                let expects = self.expects;
                self.steps(steps);
                // Failing to get there is inconclusive, not a failure.
                self.expects = expects;
            }
            StepKind::Inlined { file, steps, .. } => {
                let outer = std::mem::replace(&mut self.file, Arc::clone(file));
                self.steps(steps);
                self.file = outer;
            }
            StepKind::Inject(_)
            | StepKind::Reach(_)
            | StepKind::Use { .. }
            | StepKind::Ignore(_)
            | StepKind::AutoAck(_)
            | StepKind::Impair(_)
            | StepKind::Wait(_) => {}
        }
    }

    fn answered(&mut self) {
        self.expects = true;
        self.silent = None;
    }
}
