//! Which fault kills which test, as pages.

use crate::exceptions::allowed;
use crate::play::{Bank, Instances};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tcpconf_target::InProcess as _;
use tcpconf_target::faults::{Fault, ROOMS};

/// A fault that fails a quarter of all instances or more says nothing of the single test.
const NARROW_BELOW: f64 = 0.25;

/// Whether the kills of a fault count.
pub(crate) fn is_narrow(kills: &Instances, bank: &Bank) -> bool {
    (kills.len() as f64) < NARROW_BELOW * bank.plan.len() as f64
}

/// How many faults whose kills count fail each instance.
pub(crate) fn killers(bank: &Bank) -> Vec<usize> {
    let mut killers = vec![0; bank.plan.len()];
    for (_, played) in &bank.faulty {
        if is_narrow(&played.killed, bank) {
            for at in &played.killed {
                killers[*at] += 1;
            }
        }
    }
    killers
}

/// The page, docs/fault-matrix.md.
pub(crate) fn page(bank: &Bank) -> String {
    let mut page = String::new();
    head(&mut page, bank);
    faults(&mut page, bank);
    non_stacks(&mut page, bank);
    page
}

/// The page of one topic, docs/fault-matrix/TOPIC.md.
pub(crate) fn topic_page(bank: &Bank, topic: &str) -> String {
    let mut page = format!("# Fault matrix: {topic}\n");
    tests(&mut page, bank, topic);
    page
}

fn head(page: &mut String, bank: &Bank) {
    let unkilled: Vec<&str> = killers(bank)
        .iter()
        .zip(&bank.plan)
        .filter(|(count, _)| **count == 0)
        .map(|(_, instance)| instance.id.as_str())
        .collect();
    let narrow = bank
        .faulty
        .iter()
        .filter(|(_, played)| is_narrow(&played.killed, bank))
        .count();
    let (instances, all) = (bank.plan.len(), bank.faulty.len());
    let tests = by_test(bank).len();
    _ = write!(
        page,
        "# Fault matrix

A test that cannot fail is a defect, so the tests are tested: each instance of `suites` is played against the own
stack with one fault at a time; docs/fault-matrix/TOPIC.md says what kills each test. This page is computed by `tests/self_validation` and compared there;
`UPDATE_FAULT_MATRIX=1 cargo test -p tcpconf-tests --test self_validation` writes it anew.

A kill is a failure of one of the test's own steps, not of an invariant, and with the sanity check off. It counts when
the fault fails less than a quarter of all instances: a fault that breaks everything says nothing of the single test.

- {tests} tests in {instances} instances, each of which passes on the sound stack.
- {all} faults in {} rooms, of which {narrow} are narrow enough to count.
- Instances that no such fault kills: {}.

",
        ROOMS.len(),
        list_or_none(&unkilled),
    );
}

fn list_or_none(ids: &[&str]) -> String {
    match ids {
        [] => "none".to_owned(),
        ids => ids
            .iter()
            .map(|id| format!("`{id}`"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn faults(page: &mut String, bank: &Bank) {
    page.push_str("## The faults, and how many instances each kills\n");
    for room in ROOMS {
        _ = write!(
            page,
            "\n### {}\n\n| fault | what it does wrong | from | kills |\n|---|---|---|--:|\n",
            room.title
        );
        for fault in room.faults {
            let kills = kills_of(bank, fault);
            let mark = if is_narrow(kills, bank) {
                ""
            } else {
                " (too many to count)"
            };
            _ = writeln!(
                page,
                "| `{}` | {} | {} | {}{mark} |",
                fault.name,
                fault.breaks,
                fault.source,
                kills.len(),
            );
        }
    }
}

fn kills_of<'b>(bank: &'b Bank, fault: &Fault) -> &'b Instances {
    let (_, played) = bank
        .faulty
        .iter()
        .find(|(other, _)| other.name == fault.name)
        .expect("every fault of the bank is played");
    &played.killed
}

fn tests(page: &mut String, bank: &Bank, topic: &str) {
    page.push_str(
        "
Faults that count, those with the fewest kills first; behind each how many of the test's instances it kills.

| test | instances | killed by |
|---|--:|---|
",
    );
    let of_topic = |test: &str| {
        test.split_once('/')
            .is_some_and(|(folder, _)| folder == topic)
    };
    for (test, instances) in by_test(bank).into_iter().filter(|(test, _)| of_topic(test)) {
        let mut killers: Vec<(usize, &str, usize)> = bank
            .faulty
            .iter()
            .filter(|(_, played)| is_narrow(&played.killed, bank))
            .map(|(fault, played)| {
                let here = played.killed.intersection(&instances).count();
                (played.killed.len(), fault.name, here)
            })
            .filter(|(_, _, here)| *here > 0)
            .collect();
        killers.sort_unstable();
        let killers: Vec<String> = killers
            .iter()
            .map(|(_, fault, here)| format!("{fault} {here}"))
            .collect();
        _ = writeln!(
            page,
            "| `{test}` | {} | {} |",
            instances.len(),
            killers.join(", ")
        );
    }
}

fn by_test(bank: &Bank) -> BTreeMap<&str, Instances> {
    let mut tests: BTreeMap<&str, Instances> = BTreeMap::new();
    for (at, instance) in bank.plan.iter().enumerate() {
        tests.entry(&instance.test).or_default().insert(at);
    }
    tests
}

fn non_stacks(page: &mut String, bank: &Bank) {
    page.push_str(
        "
## What is no TCP

No test may pass against these, but for those that ask for exactly their answer.

| what | instances that pass | why, and of which tests |
|---|--:|---|
",
    );
    for (what, played) in &bank.non_stacks {
        let why: Vec<String> = allowed(*what)
            .map(|e| format!("{}: `{}`", e.reason, e.tests.join("`, `")))
            .collect();
        let passed = played.passed.len();
        _ = writeln!(page, "| {} | {passed} | {} |", what.name(), why.join("; "));
    }
}
