//! What names mean at a step: labels, arrays, connections.

use crate::ast::{Name, Span, Step, StepKind};
use crate::vocabulary::Type;
use std::collections::{BTreeMap, BTreeSet};

/// What can be named at a step.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Labels of segments that were sent or received before.
    pub(super) labels: BTreeMap<String, Span>,
    /// Arrays of `sample`, counters of `repeat`.
    pub(super) values: BTreeMap<String, Type>,
    /// Connections besides the first.
    pub(super) conns: BTreeSet<String>,
}

impl Names {
    /// After `either`: what every branch binds.
    pub(super) fn meet(mut all: Vec<Self>) -> Option<Self> {
        let mut first = all.pop()?;
        for other in all {
            first
                .labels
                .retain(|name, _| other.labels.contains_key(name));
            first
                .values
                .retain(|name, _| other.values.contains_key(name));
            first.conns.retain(|name| other.conns.contains(name));
        }
        Some(first)
    }
}

/// Every label that some step binds, to tell "later" from "never".
pub(super) fn all_labels(steps: &[Step]) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    collect(steps, &mut labels);
    labels
}

fn collect(steps: &[Step], labels: &mut BTreeSet<String>) {
    for step in steps {
        if let Some(label) = label_of(&step.kind) {
            labels.insert(label.value.clone());
        }
        for inner in inner(&step.kind) {
            collect(inner, labels);
        }
    }
}

fn label_of(kind: &StepKind) -> Option<&Name> {
    match kind {
        StepKind::Inject(inject) => inject.label.as_ref(),
        StepKind::Expect(expect) => expect.label.as_ref(),
        _ => None,
    }
}

/// The blocks of a step.
pub(super) fn inner(kind: &StepKind) -> Vec<&[Step]> {
    match kind {
        StepKind::Either(branches) => branches.iter().map(|b| b.steps.as_slice()).collect(),
        StepKind::Sample(sample) => vec![&sample.steps],
        StepKind::Unordered(steps)
        | StepKind::Repeat { steps, .. }
        | StepKind::Conn { steps, .. }
        | StepKind::Setup { steps, .. }
        | StepKind::Inlined { steps, .. } => vec![steps],
        StepKind::Inject(_)
        | StepKind::Expect(_)
        | StepKind::Nothing(_)
        | StepKind::Reach(_)
        | StepKind::State { .. }
        | StepKind::Builtin(_)
        | StepKind::App(_)
        | StepKind::Check(_)
        | StepKind::Use { .. }
        | StepKind::Ignore(_)
        | StepKind::AutoAck(_)
        | StepKind::Impair(_)
        | StepKind::Wait(_) => Vec::new(),
    }
}
