//! Plays inputs of a target that can tell, and tells what happens: `cargo run -p tcpconf-target --features
//! arbitrary --example fuzz_tell TARGET FILE…`. With `suite` in the place of TARGET, inputs of `stack_ops` are printed
//! as suites.

use std::process::ExitCode;
use tcpconf_target::fuzzing::{TELLING_TARGETS, stack_ops_suite};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    if name == "suite" {
        for path in arguments {
            match std::fs::read(&path) {
                Ok(data) => print!("{}", stack_ops_suite("found", &data).unwrap_or_default()),
                Err(error) => eprintln!("{path}: {error}"),
            }
        }
        return ExitCode::SUCCESS;
    }
    let Some((_, run)) = TELLING_TARGETS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = TELLING_TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: fuzz_tell suite|{} FILE…", known.join("|"));
        return ExitCode::from(2);
    };
    for path in arguments {
        println!("== {path}");
        match std::fs::read(&path) {
            Ok(data) => run(&data, |line| println!("{line}")),
            Err(error) => eprintln!("{path}: {error}"),
        }
    }
    ExitCode::SUCCESS
}
