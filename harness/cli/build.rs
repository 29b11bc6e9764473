//! The binary carries the suites: a file added to them must reach it.

fn main() {
    println!("cargo::rerun-if-changed=../../suites");
    println!("cargo::rerun-if-changed=build.rs");
}
