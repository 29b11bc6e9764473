//! `tcpconf coverage`: which requirement has which tests.

use super::open;
use super::{colour_on_stderr, print};
use crate::args::{CoverageArgs, TargetArgs};
use crate::failure::Failure;
use crate::library::Library;
use crate::profile;
use std::path::Path;
use tcpconf_engine::{Profile, invariants};
use tcpconf_report::coverage::{Coverage, Sources};
use tcpconf_report::html::write_pages;
use tcpconf_suite::{CrossRefs, Plan};

pub(super) fn coverage(args: &CoverageArgs) -> Result<u8, Failure> {
    let library = Library::find(&args.paths)?;
    let plan = library.plan(false, colour_on_stderr())?;
    let profile = wanted(args)?;
    let coverage = of(&library, &plan, profile.as_ref());
    let text = match args.rfc {
        None => coverage.table(),
        Some(rfc) => coverage.listing(rfc).ok_or_else(|| {
            let rfcs: Vec<String> = coverage.rfcs.iter().map(|r| r.rfc.to_string()).collect();
            Failure::usage(format!("no requirement is of RFC {rfc}"))
                .suggest(&rfc.to_string(), rfcs.iter().map(String::as_str))
        })?,
    };
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&coverage).expect("strings and numbers serialize");
        if file == Path::new("-") {
            return print(&(json + "\n")).map(|()| 0);
        }
        write(file, &(json + "\n"))?;
    }
    if let Some(folder) = &args.html {
        let pages = coverage
            .html()
            .map_err(|error| Failure::broken(format!("--html: {error}")))?;
        write_pages(folder, &pages)
            .map_err(|error| Failure::broken(format!("{}: {error}", folder.display())))?;
    }
    print(&text)?;
    Ok(0)
}

/// Computed from what the library holds.
pub(super) fn of(library: &Library, plan: &Plan, profile: Option<&Profile>) -> Coverage {
    let none = CrossRefs::default();
    Coverage::of(&Sources {
        requirements: &library.requirements,
        crossrefs: library.requirements.crossrefs().unwrap_or(&none),
        kills: &library.kills,
        instances: &plan.instances,
        invariants: invariants(),
        profile,
    })
}

/// The profile that is named, else that of the target that is named.
fn wanted(args: &CoverageArgs) -> Result<Option<Profile>, Failure> {
    let asked = args.profile.as_deref();
    match (&args.target, asked) {
        (Some(target), _) => {
            open::resolve(&TargetArgs::named(target), asked).map(|(_, profile)| Some(profile))
        }
        (None, Some(name)) => profile::find(name).map(Some),
        (None, None) => Ok(None),
    }
}

/// Writes a file.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text)
        .map_err(|error| Failure::broken(format!("{}: {error}", file.display())))
}
