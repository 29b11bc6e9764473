//! The fuzz targets' seeds, and the inputs that once were findings, on stable Rust.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use std::path::Path;
use tcpconf_target::fuzzing::{FUZZ_TARGETS, stack_ops, two_stacks};

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
    for (name, target) in FUZZ_TARGETS {
        assert!(run("seeds", name, target) > 0, "no seeds for {name}");
        run("regressions", name, target);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What the fuzzers do at length, for a moment.
    #[test]
    fn any_bytes_are_no_finding(data in prop::collection::vec(any::<u8>(), 0..600)) {
        stack_ops(&data);
        two_stacks(&data);
    }
}
