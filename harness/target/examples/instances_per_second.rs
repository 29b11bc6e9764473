//! Measures how many instances a second the run loop plays, and prints what did not pass.
//!
//! `cargo run --release -p tcpconf-target --example instances_per_second -- suites/handshake [JOBS [ROUNDS
//! [TARGET]]]`; the target is `stack` (default) or `kernel`, which needs root.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tcpconf_engine::{Profile, RunEvent, Shown};
use tcpconf_suite::{Requirements, SourceFile, load};
use tcpconf_target::{RunOptions, StackTarget, StopFlag, Target, exit_code, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or("suites/handshake".to_owned());
    let jobs = arguments.next().map_or(Ok(1), |jobs| jobs.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(1), |rounds| rounds.parse())?;
    let name = arguments.next().unwrap_or("stack".to_owned());
    let profile = match &*name {
        "kernel" => "suites/targets/linux.toml",
        _ => "suites/targets/stack.toml",
    };
    let requirements =
        Requirements::from_toml(&std::fs::read_to_string("suites/requirements.toml")?)?;
    let profile = Arc::new(Profile::from_toml(&std::fs::read_to_string(profile)?)?);
    let fixtures = sources(Path::new("suites/fixtures"))?;
    let (plan, diagnostics) = load(sources(Path::new(&folder))?, fixtures, &requirements);
    for diagnostic in &diagnostics {
        println!("{}: {}", diagnostic.file.path, diagnostic.message);
    }
    let began = Instant::now();
    let mut played = 0;
    for round in 0..rounds {
        let options = RunOptions {
            jobs: Some(jobs).filter(|jobs| *jobs > 0),
            verbose: round == 0,
            seed: round as u64,
            ..RunOptions::default()
        };
        let mut longest = (std::time::Duration::ZERO, String::new());
        let mut sink = |event| match event {
            RunEvent::CaseFinished(report) => {
                played += 1;
                if report.duration > longest.0 {
                    longest = (report.duration, report.id.clone());
                }
                let shown = Shown::of(&report.verdict, &report.marks);
                if round == 0 && shown != Shown::Pass {
                    let message = report.failure.map(|f| f.message).or(report.reason);
                    println!("{shown} {} {}", report.id, message.unwrap_or_default());
                }
            }
            RunEvent::InvariantFinished(report) if round == 0 => {
                let shown = Shown::of(&report.verdict, &report.marks);
                if shown != Shown::Pass {
                    println!("{shown} {} {:?}", report.id, report.findings.first());
                }
            }
            RunEvent::Note(note) => println!("{note}"),
            _ => {}
        };
        let target = target(&name)?;
        let stop = StopFlag::new();
        let summary = run(
            &plan.instances,
            target,
            profile.clone(),
            options,
            &mut sink,
            &stop,
        );
        if round == 0 {
            println!("longest: {longest:?}");
            println!("{:?} exit {}", summary.counts, exit_code(&summary, false));
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let rate = f64::from(played) / seconds;
    println!("{played} instances in {seconds:.3} s: {rate:.0} a second with {jobs} threads");
    Ok(())
}

#[cfg(target_os = "linux")]
fn target(name: &str) -> Result<Target, tcpconf_target::TargetError> {
    if name == "kernel" {
        return Ok(Target::Real(
            Box::new(tcpconf_target::KernelTarget::open()?),
        ));
    }
    Ok(Target::InProcess(Arc::new(StackTarget::default())))
}

#[cfg(not(target_os = "linux"))]
fn target(_name: &str) -> Result<Target, tcpconf_target::TargetError> {
    Ok(Target::InProcess(Arc::new(StackTarget::default())))
}

fn sources(folder: &Path) -> std::io::Result<Vec<SourceFile>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "tcpt"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            Ok(SourceFile {
                path: path.display().to_string(),
                text: std::fs::read_to_string(&path)?,
            })
        })
        .collect()
}
