//! The fuzz targets' seeds, and the inputs that once were findings, on stable Rust.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use std::path::Path;
use tcpconf_agent::fuzzing::{FUZZ_TARGETS, FuzzTarget};

/// Runs the target over every file of a folder; gives how many there were.
fn run(folder: &str, name: &str, target: FuzzTarget) -> usize {
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
    #[test]
    fn any_octets_are_no_finding(data in prop::collection::vec(any::<u8>(), 0..600)) {
        for (_, target) in FUZZ_TARGETS {
            target(&data);
        }
    }
}
