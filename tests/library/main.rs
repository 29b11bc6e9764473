//! examples/own-stack: the suites in somebody else's `cargo test`, and docs/library.md, which shows it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// What README.md and docs/library.md promise.
const MAX_LINES: usize = 100;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn example() -> String {
    std::fs::read_to_string(root().join("examples/own-stack/tests/conformance.rs")).unwrap()
}

#[test]
fn the_example_is_built_outside_the_workspace_and_passes() {
    let folder = root().join("examples/own-stack");
    // The versions of the workspace: nothing is fetched, and what is built already is not built again.
    std::fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["test", "--offline"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", root().join("target"))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(
        stdout.contains("test my_stack_shakes_hands_as_the_rfcs_say ... ok"),
        "{stdout}"
    );
}

#[test]
fn the_document_shows_the_example_as_it_is() {
    let (example, document) = (
        example(),
        std::fs::read_to_string(root().join("docs/library.md")).unwrap(),
    );
    assert!(
        document.contains(&format!("```rust\n{example}```\n")),
        "docs/library.md shows another examples/own-stack/tests/conformance.rs"
    );
    assert!(example.lines().count() <= MAX_LINES);
}
