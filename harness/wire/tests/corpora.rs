//! The fuzz targets' seeds, and the inputs that once were findings, on stable Rust.

use std::path::Path;
use tcpconf_wire::testing::targets::TARGETS;

/// Runs the target over every file of a folder; gives how many there were.
fn run(folder: &str, name: &str, target: fn(&[u8])) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz")
        .join(folder)
        .join(name);
    let Ok(entries) = path.read_dir() else {
        return 0;
    };
    let inputs = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut count = 0;
    for input in inputs {
        println!("{}", input.display());
        target(&std::fs::read(&input).expect("the file can be read"));
        count += 1;
    }
    count
}

#[test]
fn every_target_passes_its_seeds_and_what_was_ever_found() {
    for (name, target) in TARGETS {
        assert!(run("seeds", name, target) > 0, "no seeds for {name}");
        run("regressions", name, target);
    }
}
