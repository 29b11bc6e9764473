//! `tcpconf init NAME`: a commented target file from a few probes.
//!
//! The probes are a suite (probes.tcpt) that is played like any other; what counts is what its packets
//! show, not its verdicts.

mod observe;
mod text;

use super::open::{self, Choice};
use super::{is_writable, print, print_instead};
use crate::args::InitArgs;
use crate::failure::Failure;
use crate::library::Library;
use crate::profile;
use observe::Observed;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use tcpconf_engine::{Profile, RunEvent};
use tcpconf_suite::{Instance, SourceFile};
use tcpconf_target::{RunOptions, StopFlag, Target};
use text::Way;

/// Where the file is printed instead of written.
const STDOUT: &str = "-";

pub(super) fn init(args: &InitArgs) -> Result<u8, Failure> {
    is_fit_for_a_name(&args.name)?;
    let file = args.file.display().to_string();
    if file != STDOUT {
        is_free(&args.name, &args.file)?;
        is_writable(&args.file)?;
    }
    let (choice, profile) = open::resolve(&args.target, None)?;
    let generic = Profile {
        max_half_open: profile.max_half_open,
        services: profile::with_services(profile.clone(), &args.target.service).services,
        ..Profile::generic()
    };
    let instances = probes()?;
    let target = open::open(
        &choice,
        &args.target,
        &Profile {
            agent: profile.agent.clone(),
            link: profile.link.clone(),
            ..generic.clone()
        },
    )?;
    let services = match &target {
        Target::Real(real) => real.services(),
        Target::InProcess(_) => Vec::new(),
    };
    let observed = play(&instances, target, generic, args)?;
    let way = way(&choice, args, &profile, services);
    let text = text::table(&args.name, &way, &observed);
    if file == STDOUT {
        print(&text)?;
    } else {
        append(&args.file, &text).map_err(|failure| print_instead(&text, failure))?;
        print(&format!(
            "[{name}] is in {file}: tcpconf run suites --target {name}\n",
            name = args.name
        ))?;
    }
    Ok(0)
}

fn is_fit_for_a_name(name: &str) -> Result<(), Failure> {
    let bare = !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !bare || open::NAMES.contains(&name) {
        return Err(
            Failure::usage(format!("'{name}' cannot be a target's name"))
                .help("letters, digits, - and _, and none of stack, smoltcp, kernel"),
        );
    }
    Ok(())
}

/// The file does not describe a target of this name yet.
fn is_free(name: &str, file: &Path) -> Result<(), Failure> {
    // Devices and pipes describe nothing, and may have no end.
    if !file.is_file() {
        return Ok(());
    }
    let Ok(text) = std::fs::read_to_string(file) else {
        return Ok(());
    };
    let shown = file.display();
    let known = toml::from_str::<toml::Table>(&text)
        .map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
    if known.contains_key(name) {
        return Err(
            Failure::usage(format!("{shown} has a target '{name}' already"))
                .help("take another name, or --file - to see what would be written"),
        );
    }
    Ok(())
}

fn probes() -> Result<Vec<Instance>, Failure> {
    let mut library = Library::find(&["handshake".to_owned()])?;
    library.files = vec![SourceFile {
        path: "init/probes.tcpt".to_owned(),
        text: include_str!("probes.tcpt").to_owned(),
    }];
    Ok(library.plan(false, false)?.instances)
}

fn play(
    instances: &[Instance],
    target: Target,
    profile: Profile,
    args: &InitArgs,
) -> Result<Observed, Failure> {
    let mut observed = Observed::default();
    let options = RunOptions {
        target: args.target.target.clone(),
        ip: args.target.ip.map(Into::into),
        ..RunOptions::default()
    };
    let summary = tcpconf_target::run(
        instances,
        target,
        Arc::new(profile),
        options,
        &mut |event| {
            if let RunEvent::CaseFinished(report) = event {
                observed.take(&report);
            }
        },
        &StopFlag::new(),
    );
    match summary.broken {
        Some(sentence) => Err(Failure::broken(sentence)),
        None if observed == Observed::default() => Err(Failure::broken(format!(
            "{} answered none of the probes",
            args.target.target
        ))),
        None => Ok(observed),
    }
}

/// How the target was reached, for the file.
fn way(choice: &Choice, args: &InitArgs, profile: &Profile, services: Vec<(String, u16)>) -> Way {
    let agent = args.target.agent.clone().or_else(|| profile.agent.clone());
    let ours: Vec<String> = args.target.source.iter().map(ToString::to_string).collect();
    match choice {
        Choice::Stack | Choice::Smoltcp | Choice::Kernel => Way {
            address: Some(choice.to_string()),
            ..Way::default()
        },
        Choice::Host(_) => Way {
            address: Some(choice.to_string()),
            agent,
            ours,
            services,
            ..Way::default()
        },
        Choice::Attached(attachment) => Way {
            address: Some(attachment.address.to_string()),
            exec: attachment.exec.clone(),
            transport: Some(attachment.transport.to_string()),
            agent,
            ours: attachment.sources.iter().map(ToString::to_string).collect(),
            services,
        },
    }
}

/// Writes the text behind what is there, or leaves the file as it was.
fn append(file: &Path, text: &str) -> Result<(), Failure> {
    let broken = |error| Failure::broken(format!("{}: {error}", file.display()));
    let length = std::fs::metadata(file).map_or(0, |m| m.len());
    let mut out = OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .map_err(broken)?;
    let space = if length == 0 { "" } else { "\n" };
    write!(out, "{space}{text}").map_err(|error| {
        // The first error is the one to tell of.
        let _ = out.set_len(length);
        broken(error)
    })
}
