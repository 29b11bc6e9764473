//! The tests are tested: by the sound stack, by stacks with one fault, and by what is no stack.
//!
//! All plays are made in one pass ([`play::BANK`]); the tests here read its results. The bank of faults
//! is `tcpconf_target::faults`, the computed pages docs/fault-matrix.md and docs/fault-matrix/TOPIC.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod exceptions;
mod matrix;
mod play;

use exceptions::allowed;
use matrix::{is_narrow, killers, page, topic_page};
use play::{BANK, Bank, topics};
use std::collections::BTreeSet;
use tcpconf_target::InProcess as _;
use tcpconf_tests::root;

/// Issue 5 asks for at least so many.
const FAULTS: usize = 80;

fn ids(bank: &Bank, instances: impl IntoIterator<Item = usize>) -> Vec<&str> {
    instances
        .into_iter()
        .map(|at| bank.plan[at].id.as_str())
        .collect()
}

#[test]
fn every_test_passes_on_the_sound_stack() {
    let bank = &*BANK;
    assert_eq!(
        ids(bank, bank.sound.killed.iter().copied()),
        [] as [&str; 0]
    );
    assert_eq!(bank.sound.others, []);
    assert_eq!(bank.sound.passed.len(), bank.plan.len());
}

#[test]
fn every_test_is_killed_by_a_fault_of_its_own_kind() {
    let bank = &*BANK;
    let unkilled = killers(bank)
        .into_iter()
        .enumerate()
        .filter(|(_, count)| *count == 0)
        .map(|(at, _)| at);
    assert_eq!(
        ids(bank, unkilled),
        [] as [&str; 0],
        "no fault that fails less than a quarter of all instances fails these"
    );
}

/// A fault that no test sees is a hole in the suites, or no fault.
#[test]
fn every_fault_is_seen_by_a_test() {
    let bank = &*BANK;
    assert!(bank.faulty.len() >= FAULTS, "{} faults", bank.faulty.len());
    let unseen: Vec<&str> = bank
        .faulty
        .iter()
        .filter(|(_, played)| played.killed.is_empty())
        .map(|(fault, _)| fault.name)
        .collect();
    assert_eq!(unseen, [] as [&str; 0]);
    let narrow = bank
        .faulty
        .iter()
        .filter(|(_, played)| is_narrow(&played.killed, bank));
    assert!(narrow.count() >= FAULTS);
}

/// A faulty stack fails tests; it does not keep the harness from judging them.
#[test]
fn no_fault_crashes_or_spins() {
    let bank = &*BANK;
    for (fault, played) in &bank.faulty {
        let errors: Vec<_> = played
            .others
            .iter()
            .filter(|(_, reason)| !reason.starts_with("Inconclusive"))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:?}", fault.name);
    }
}

#[test]
fn no_test_passes_against_what_is_no_tcp() {
    let bank = &*BANK;
    for (what, played) in &bank.non_stacks {
        let passed: BTreeSet<&str> = played
            .passed
            .iter()
            .map(|at| bank.plan[*at].test.as_str())
            .collect();
        let expected: BTreeSet<&str> = allowed(*what).flat_map(|e| e.tests).copied().collect();
        assert_eq!(passed, expected, "against {}", what.name());
    }
}

#[test]
fn fault_matrix_is_up_to_date() {
    let bank = &*BANK;
    compare("docs/fault-matrix.md", &page(bank));
    for topic in topics() {
        compare(
            &format!("docs/fault-matrix/{topic}.md"),
            &topic_page(bank, &topic),
        );
    }
}

fn compare(path: &str, page: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_FAULT_MATRIX").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, page).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = page.lines().zip(committed.lines()).find(|(a, b)| a != b);
    assert!(
        page == committed,
        "{path} is old, first at {differs:#?}: UPDATE_FAULT_MATRIX=1 writes it anew"
    );
}
