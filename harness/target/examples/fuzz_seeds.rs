//! Plays suites against the built-in stack and writes each conversation as an input of `stack_ops` and `two_stacks`:
//! `cargo run -p tcpconf-target --features arbitrary --example fuzz_seeds FOLDER`, into FOLDER/TARGET. Those that
//! add coverage are kept by fuzz/seeds.sh.

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tcpconf_engine::{Direction, Profile, RunEvent};
use tcpconf_suite::{Requirements, SourceFile, load};
use tcpconf_target::fuzzing::{Heard, stack_ops_seed, two_stacks_seed};
use tcpconf_target::{RunOptions, StackTarget, StopFlag, Target, run};

/// Larger inputs teach a fuzzer less.
const MAX_SEED: usize = 600;

/// What makes an input of a conversation.
type Seed = fn(&[Heard]) -> Option<Vec<u8>>;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::args().nth(1).ok_or("usage: fuzz_seeds FOLDER")?);
    let requirements =
        Requirements::from_toml(&std::fs::read_to_string("suites/requirements.toml")?)?;
    let profile = Profile::from_toml(&std::fs::read_to_string("suites/targets/stack.toml")?)?;
    let (mut suites, mut fixtures) = (Vec::new(), Vec::new());
    for entry in Path::new("suites").read_dir()? {
        let folder = entry?.path();
        if folder.is_dir() && !folder.ends_with("targets") {
            let into = if folder.ends_with("fixtures") {
                &mut fixtures
            } else {
                &mut suites
            };
            sources(&folder, into)?;
        }
    }
    let (plan, _) = load(suites, fixtures, &requirements);
    let mut conversations = Vec::new();
    let mut sink = |event| {
        if let RunEvent::CaseFinished(report) = event {
            let heard = report.trace.iter().map(|entry| Heard {
                at: entry.at,
                of_host: entry.direction == Direction::Out,
                bytes: entry.bytes.clone(),
            });
            conversations.push(heard.collect::<Vec<Heard>>());
        }
    };
    let options = RunOptions {
        verbose: true,
        ..RunOptions::default()
    };
    run(
        &plan.instances,
        Target::InProcess(Arc::new(StackTarget::default())),
        Arc::new(profile),
        options,
        &mut sink,
        &StopFlag::new(),
    );
    let targets: [(&str, Seed); 2] = [
        ("stack_ops", stack_ops_seed),
        ("two_stacks", two_stacks_seed),
    ];
    for (name, seed_of) in targets {
        let folder = out.join(name);
        std::fs::create_dir_all(&folder)?;
        let mut count = 0;
        for seed in conversations.iter().filter_map(|heard| seed_of(heard)) {
            if seed.len() <= MAX_SEED {
                let mut hasher = DefaultHasher::new();
                seed.hash(&mut hasher);
                std::fs::write(folder.join(format!("{:016x}", hasher.finish())), &seed)?;
                count += 1;
            }
        }
        println!("{name}: {count} of {} conversations", conversations.len());
    }
    Ok(())
}

/// The suites of a folder and its folders.
fn sources(folder: &Path, into: &mut Vec<SourceFile>) -> Result<(), Box<dyn Error>> {
    for entry in folder.read_dir()? {
        let path = entry?.path();
        if path.is_dir() {
            sources(&path, into)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "tcpt")
        {
            into.push(SourceFile {
                path: path.display().to_string(),
                text: std::fs::read_to_string(&path)?,
            });
        }
    }
    Ok(())
}
