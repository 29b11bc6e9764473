use super::allowed::{ALLOWED, Allowed};
use super::scenarios::{Scenario, allowed, plain};
use super::script::Script;
use super::{World, stack_vs_smoltcp};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn play(script: &Script, table: &[Allowed]) -> Result<Vec<&'static str>, String> {
    World::new(script, table, None).run()
}

#[test]
fn both_do_the_same_in_plain_scenarios_over_both_ip_versions() {
    for mut scenario in plain() {
        for v6 in [false, true] {
            scenario.script.v6 = v6;
            let used = play(&scenario.script, &[]);
            assert_eq!(used, Ok(Vec::new()), "{}", scenario.name);
        }
    }
}

#[test]
fn each_entry_of_the_table_is_needed_by_its_scenario() {
    let scenarios = allowed();
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let entries: BTreeSet<&str> = ALLOWED.iter().map(|entry| entry.name).collect();
    assert_eq!(entries.len(), ALLOWED.len(), "names are unique");
    assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), entries);
    for Scenario { name, script, .. } in &scenarios {
        let used = play(script, &ALLOWED).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(used.contains(name), "{name} uses {used:?}");
        let others: Vec<Allowed> = ALLOWED.into_iter().filter(|e| e.name != *name).collect();
        assert!(play(script, &others).is_err(), "{name} is not needed");
    }
}

#[test]
fn each_entry_says_why_and_where() {
    for entry in &ALLOWED {
        assert!(!entry.reason.is_empty() && !entry.differs.is_empty());
        assert!(entry.reference.starts_with("RFC "), "{}", entry.name);
    }
}

#[test]
#[should_panic(expected = "the two differ in [Reset]")]
fn a_difference_that_is_not_allowed_is_a_finding() {
    let scenario = &allowed()[1];
    if let Err(difference) = play(&scenario.script, &[]) {
        panic!("{difference}");
    }
}

/// `TCPCONF_WRITE_SEEDS=1 cargo test -p tcpconf-target --features arbitrary scenarios_are` writes them anew.
#[test]
fn scenarios_are_the_seeds_and_regressions_of_the_fuzzer() {
    let write = std::env::var_os("TCPCONF_WRITE_SEEDS").is_some();
    for scenario in plain().into_iter().chain(allowed()) {
        let path = file(&scenario);
        let data = scenario.script.write();
        if write {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &data).unwrap();
        }
        let found = std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(found, data, "{}", path.display());
        stack_vs_smoltcp(&found);
    }
}

fn file(scenario: &Scenario) -> PathBuf {
    let folder = if scenario.needs {
        "regressions"
    } else {
        "seeds"
    };
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz")
        .join(folder)
        .join("stack_vs_smoltcp")
        .join(scenario.name)
}
