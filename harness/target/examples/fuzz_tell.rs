//! Plays inputs of a target that can tell, and tells what happens: `cargo run -p tcpconf-target --features
//! arbitrary --example fuzz_tell TARGET FILE…`.

use std::process::ExitCode;
use tcpconf_target::fuzzing::TELLING_TARGETS;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let Some((_, run)) = TELLING_TARGETS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = TELLING_TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: fuzz_tell {} FILE…", known.join("|"));
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
