//! The goals of the catalogue of test purposes, counted.

use super::{CrossRefCoverage, RequirementCoverage, Sources, Status, Yardstick};
use std::collections::BTreeMap;
use tcpconf_suite::{Basis, Requirement};

pub(super) fn yardsticks(
    sources: &Sources<'_>,
    requirements: &[RequirementCoverage],
    crossrefs: &[CrossRefCoverage],
) -> Vec<Yardstick> {
    let of = |wanted: &dyn Fn(&Requirement) -> bool| -> Vec<Status> {
        let pairs = sources.requirements.iter().zip(requirements);
        pairs
            .filter(|(requirement, _)| wanted(requirement))
            .map(|(_, coverage)| coverage.status)
            .collect()
    };
    let labels = of(&|r| r.rfc == 9293 && r.basis == Basis::Label);
    let cells = of(&|r| r.rfc == 9293 && r.state.is_some() && r.event.is_some());
    let mut yardsticks = vec![
        visible("RFC 9293 appendix B", "labels with a test", &labels),
        visible(
            "RFC 9293 section 3.10",
            "records of the state x event matrix with a test",
            &cells,
        ),
    ];
    for system in sources.crossrefs.systems() {
        let (true, Some(total)) = (system.complete, system.count) else {
            continue;
        };
        let here: Vec<&CrossRefCoverage> = crossrefs
            .iter()
            .filter(|reference| {
                let owner = sources.crossrefs.system(&reference.id);
                owner.is_some_and(|owner| owner.name == system.name)
            })
            .collect();
        yardsticks.push(Yardstick {
            name: system.name.clone(),
            what: "ids that a test names with also".to_owned(),
            reached: here.iter().filter(|r| !r.tests.is_empty()).count(),
            excused: here
                .iter()
                .filter(|r| r.tests.is_empty() && r.not.is_some())
                .count(),
            total,
        });
    }
    yardsticks.push(topics(sources, requirements));
    yardsticks
}

/// Those that can be seen; the others are excused.
fn visible(name: &str, what: &str, statuses: &[Status]) -> Yardstick {
    let count = |wanted: &[Status]| statuses.iter().filter(|s| wanted.contains(s)).count();
    Yardstick {
        name: name.to_owned(),
        what: what.to_owned(),
        reached: count(&[Status::Covered, Status::Partly]),
        excused: count(&[Status::NotVisible]),
        total: statuses.len(),
    }
}

/// The catalogue sorts purposes in rows, the requirements are sorted in topics: these are counted.
fn topics(sources: &Sources<'_>, requirements: &[RequirementCoverage]) -> Yardstick {
    let mut topics: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for (requirement, coverage) in sources.requirements.iter().zip(requirements) {
        let (reached, seen) = topics.entry(&requirement.topic).or_default();
        *reached |= coverage.status == Status::Covered;
        *seen |= coverage.status != Status::NotVisible;
    }
    Yardstick {
        name: "topics".to_owned(),
        what: "topics of requirements.toml with a covered requirement".to_owned(),
        reached: topics.values().filter(|(reached, _)| *reached).count(),
        excused: topics.values().filter(|(_, seen)| !*seen).count(),
        total: topics.len(),
    }
}
