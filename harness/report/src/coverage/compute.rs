//! From suites, requirements, cross-references and kills to coverage.

use super::{
    Citation, Counts, Coverage, CrossRefCoverage, Kills, RequirementCoverage, RfcCoverage,
    SCHEMA_VERSION, Status, yardstick,
};
use std::collections::{BTreeMap, BTreeSet};
use tcpconf_engine::{Claim, Invariant, Profile};
use tcpconf_suite::ast::{Step, StepKind};
use tcpconf_suite::{CrossRefs, Instance, Observable, Requirement, Requirements};

/// What coverage is computed from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// What can be cited.
    pub requirements: &'a Requirements,
    /// Tests of other systems.
    pub crossrefs: &'a CrossRefs,
    /// What the faults killed.
    pub kills: &'a Kills,
    /// The plan.
    pub instances: &'a [Instance],
    /// What is judged on every segment.
    pub invariants: &'a [Invariant],
    /// Counts only tests whose features this profile does not deny.
    pub profile: Option<&'a Profile>,
}

/// By requirement and by test.
type Cited<'a> = BTreeMap<String, BTreeMap<&'a str, Citation>>;

pub(super) fn coverage(sources: &Sources<'_>) -> Coverage {
    let (counted, left_out): (Vec<&Instance>, Vec<&Instance>) = sources
        .instances
        .iter()
        .partition(|instance| counts(instance, sources.profile));
    let cited = cited(&counted, sources.kills);
    let requirements: Vec<RequirementCoverage> = sources
        .requirements
        .iter()
        .map(|requirement| one(requirement, &cited, sources.invariants))
        .collect();
    let mut all = Counts::default();
    let mut rfcs: BTreeMap<u32, Counts> = BTreeMap::new();
    for requirement in &requirements {
        all.add(requirement);
        rfcs.entry(requirement.rfc).or_default().add(requirement);
    }
    let crossrefs = crossrefs(&counted, sources.crossrefs);
    let tests = names(&counted);
    let known: BTreeSet<&str> = sources.kills.tests().collect();
    Coverage {
        schema: SCHEMA_VERSION,
        profile: sources.profile.map(|profile| profile.name.clone()),
        killed: tests.intersection(&known).count(),
        tests: tests.len(),
        instances: counted.len(),
        left_out: names(&left_out).difference(&tests).count(),
        all,
        rfcs: rfcs
            .into_iter()
            .map(|(rfc, counts)| RfcCoverage { rfc, counts })
            .collect(),
        yardsticks: yardstick::yardsticks(sources, &requirements, &crossrefs),
        requirements,
        crossrefs,
    }
}

fn names<'a>(instances: &[&'a Instance]) -> BTreeSet<&'a str> {
    instances.iter().map(|i| i.test.as_str()).collect()
}

/// Whether the profile lets the test be played.
fn counts(instance: &Instance, profile: Option<&Profile>) -> bool {
    profile.is_none_or(|profile| {
        let features = &instance.needs.features;
        features.iter().all(|f| profile.claim(f) != Claim::No)
    })
}

fn cited<'a>(instances: &[&'a Instance], kills: &Kills) -> Cited<'a> {
    let mut cited = Cited::new();
    for instance in instances {
        let mut first: BTreeSet<String> = instance.spec.first().cloned().into_iter().collect();
        // A plan holds only instances that can be lowered.
        if let Ok(steps) = instance.lower() {
            of_steps(&steps, &mut first);
        }
        let killed = kills.kills(&instance.test, &instance.id);
        let further = instance.spec.iter().filter(|id| !first.contains(*id));
        let all = first
            .iter()
            .map(|id| (id, true))
            .chain(further.map(|id| (id, false)));
        for (id, first) in all {
            let new = Citation {
                test: instance.test.clone(),
                first,
                killed,
            };
            let tests = cited.entry(id.clone()).or_default();
            let known = tests
                .entry(instance.test.as_str())
                .or_insert_with(|| new.clone());
            if strength(&new) > strength(known) {
                *known = new;
            }
        }
    }
    cited
}

/// An instance that is both cites best; one that is killed says more than one that only comes first.
fn strength(citation: &Citation) -> (bool, bool, bool) {
    let both = citation.first && citation.killed;
    (both, citation.killed, citation.first)
}

/// Ids at steps, those of fixtures and branches too.
fn of_steps(steps: &[Step], ids: &mut BTreeSet<String>) {
    for step in steps {
        ids.extend(step.spec.iter().map(|id| id.value.clone()));
        match &step.kind {
            StepKind::Unordered(steps)
            | StepKind::Repeat { steps, .. }
            | StepKind::Conn { steps, .. }
            | StepKind::Inlined { steps, .. } => of_steps(steps, ids),
            StepKind::Sample(sample) => of_steps(&sample.steps, ids),
            StepKind::Either(branches) => {
                for branch in branches {
                    of_steps(&branch.steps, ids);
                }
            }
            // What fails on the way to a state is no failure of a requirement.
            _ => {}
        }
    }
}

fn one(
    requirement: &Requirement,
    cited: &Cited<'_>,
    invariants: &[Invariant],
) -> RequirementCoverage {
    let tests: Vec<Citation> = cited
        .get(&requirement.id)
        .map(|tests| tests.values().cloned().collect())
        .unwrap_or_default();
    let named = |invariant: &&Invariant| invariant.spec.contains(&requirement.id.as_str());
    let invariants: Vec<&Invariant> = invariants.iter().filter(named).collect();
    let by_invariant = invariants
        .iter()
        .any(|invariant| invariant.spec.first() == Some(&requirement.id.as_str()));
    let by_test = tests.iter().any(|test| test.first && test.killed);
    let status = if by_invariant || by_test {
        Status::Covered
    } else if !tests.is_empty() || !invariants.is_empty() {
        Status::Partly
    } else if requirement.observable == Observable::Local {
        Status::NotVisible
    } else {
        Status::Untested
    };
    RequirementCoverage {
        id: requirement.id.clone(),
        rfc: requirement.rfc,
        section: requirement.section.clone(),
        level: requirement.level.name().to_owned(),
        visible: format!("{:?}", requirement.observable).to_lowercase(),
        summary: requirement.summary.clone(),
        why: why(status, requirement, &tests),
        status,
        tests,
        invariants: invariants.iter().map(|i| i.name.to_owned()).collect(),
    }
}

fn why(status: Status, requirement: &Requirement, tests: &[Citation]) -> Option<String> {
    let sentence = match status {
        Status::Covered | Status::Untested => return None,
        Status::NotVisible => {
            let given = requirement.note.as_ref().or(requirement.probe.as_ref());
            return Some(given.map_or_else(
                || {
                    "what happens inside the target, or on an interface that tests do not have"
                        .into()
                },
                Clone::clone,
            ));
        }
        Status::Partly if tests.iter().any(|test| test.first) => {
            "no fault kills the tests that cite it first"
        }
        Status::Partly => "cited only beside another requirement",
    };
    Some(sentence.to_owned())
}

fn crossrefs(instances: &[&Instance], known: &CrossRefs) -> Vec<CrossRefCoverage> {
    let mut citing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for instance in instances {
        for (id, _) in &instance.also {
            citing.entry(id).or_default().insert(&instance.test);
        }
    }
    known
        .iter()
        .map(|record| CrossRefCoverage {
            id: record.id.clone(),
            title: record.title.clone(),
            tests: citing
                .get(record.id.as_str())
                .map(|tests| tests.iter().map(|test| (*test).to_owned()).collect())
                .unwrap_or_default(),
            not: record.not.clone(),
        })
        .collect()
}
