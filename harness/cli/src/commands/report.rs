//! `tcpconf report`: runs beside one another.

use super::print;
use crate::args::ReportArgs;
use crate::failure::Failure;
use crate::library::Library;
use std::path::Path;
use tcpconf_report::html::{Run, SiteOptions, site, write_pages};

pub(super) fn report(args: &ReportArgs) -> Result<u8, Failure> {
    let runs = args
        .files
        .iter()
        .map(|file| read(file))
        .collect::<Result<Vec<Run>, _>>()?;
    let requirements = Library::shipped_requirements()?;
    let pages = site(&runs, &requirements, &SiteOptions::default())
        .map_err(|error| Failure::broken(format!("--html: {error}")))?;
    write_pages(&args.html, &pages)
        .map_err(|error| Failure::broken(format!("{}: {error}", args.html.display())))?;
    let index = args.html.join("index.html");
    print(&format!("{}\n", index.display()))?;
    Ok(0)
}

fn read(file: &Path) -> Result<Run, Failure> {
    let wrong = |error: String| Failure::usage(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    Run::from_jsonl(&text).map_err(|error| {
        wrong(error.to_string()).help("a file of a run is written by: tcpconf run --jsonl FILE")
    })
}
