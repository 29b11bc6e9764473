//! What is wrong with a suite although it can be read: names, types, and tests that show nothing.
//!
//! Steps are checked as the engine will play them, an instance at a time, so that a value of a
//! matrix is judged where it is used.  Fixtures are checked on their own as well, their parameters
//! taken for anything.

mod file;
mod life;
mod names;
mod segment;
mod steps;
mod types;

pub(crate) use file::suite;

use crate::ast::{Step, Suite};
use crate::diagnostic::Diagnostic;
use crate::load::Citations;
use crate::lower::{Lowerer, Scope, Value, ValueSpans};
use crate::plan::{Instance, SourceFile};
use std::sync::Arc;
use steps::Checker;

type Shared = [(Arc<SourceFile>, Suite)];

/// Fixtures on their own, their parameters not known.
pub(crate) fn fixtures(
    file: &Arc<SourceFile>,
    suite: &Suite,
    shared: &Shared,
    citations: &Citations<'_>,
) -> Vec<Diagnostic> {
    let mut diagnostics = file::fixture_names(file, suite);
    for fixture in &suite.fixtures {
        let unknown = fixture
            .params
            .iter()
            .map(|p| (p.value.clone(), Value::Unknown));
        let scope = Scope::with_values(file, suite, unknown);
        let mut lowerer = Lowerer::new(shared, ValueSpans::Value);
        let steps = lowerer.steps(&fixture.steps, &scope);
        diagnostics.append(&mut lowerer.diagnostics);
        let mut checker = Checker::of_fixture(file, citations);
        checker.steps(&steps);
        diagnostics.append(&mut checker.diagnostics);
    }
    // What a fixture's own parameters decide shows only where it is used.
    diagnostics.retain(|d| !d.message.ends_with(crate::lower::NOT_KNOWN_HERE));
    diagnostics
}

/// The lowered steps of an instance.
pub(crate) fn steps(
    steps: &[Step],
    instance: &Instance,
    citations: &Citations<'_>,
) -> Vec<Diagnostic> {
    let mut checker = Checker::of_test(&instance.file, citations, steps);
    checker.steps(steps);
    checker.diagnostics
}

/// Whether the steps of an instance that is sound can fail, and on a dead target.
pub(crate) fn life(steps: &[Step], instance: &Instance) -> Vec<Diagnostic> {
    let slug = instance.suite.tests[instance.index].slug.span;
    life::check(steps, &instance.file, slug)
}
