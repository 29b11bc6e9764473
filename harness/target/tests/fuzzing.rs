//! The fuzz targets' seeds, and the inputs that once were findings, on stable Rust.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use std::path::Path;
use tcpconf_suite::{Requirements, SourceFile, load};
use tcpconf_target::fuzzing::{FuzzTarget, stack_ops, stack_ops_suite, two_stacks};

/// Those of this crate and of the agent.
fn targets() -> impl Iterator<Item = FuzzTarget> {
    let agents = tcpconf_agent::fuzzing::FUZZ_TARGETS;
    tcpconf_target::fuzzing::FUZZ_TARGETS
        .into_iter()
        .chain(agents)
}

/// Runs the target over every file of a folder; gives how many there were.
fn run(folder: &str, name: &str, target: fn(&[u8])) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let Ok(entries) = root.join(folder).join(name).read_dir() else {
        return 0;
    };
    let mut count = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        target(&std::fs::read(&path).unwrap());
        count += 1;
    }
    count
}

#[test]
fn every_target_passes_its_seeds_and_what_was_ever_found() {
    for (name, target) in targets() {
        assert!(run("seeds", name, target) > 0, "no seeds for {name}");
        run("regressions", name, target);
    }
}

#[test]
fn what_was_found_can_be_written_as_a_suite() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let requirements = std::fs::read_to_string(root.join("suites/requirements.toml")).unwrap();
    let requirements = Requirements::from_toml(&requirements).unwrap();
    let mut written = 0;
    for folder in ["seeds", "regressions"] {
        for entry in root
            .join("fuzz")
            .join(folder)
            .join("stack_ops")
            .read_dir()
            .unwrap()
        {
            let path = entry.unwrap().path();
            let Some(text) = stack_ops_suite("found", &std::fs::read(&path).unwrap()) else {
                continue;
            };
            let source = SourceFile {
                path: "found.tcpt".into(),
                text: text.clone(),
            };
            let (plan, diagnostics) = load(vec![source], Vec::new(), &requirements);
            let messages: Vec<_> = diagnostics.iter().map(|d| &d.message).collect();
            assert!(
                diagnostics.is_empty(),
                "{}: {messages:?}\n{text}",
                path.display()
            );
            assert!(!plan.instances.is_empty());
            written += 1;
        }
    }
    assert!(written > 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What the fuzzers do at length, for a moment.
    #[test]
    fn any_bytes_are_no_finding(data in prop::collection::vec(any::<u8>(), 0..600)) {
        stack_ops(&data);
        two_stacks(&data);
        for (_, target) in tcpconf_agent::fuzzing::FUZZ_TARGETS {
            target(&data);
        }
    }
}
