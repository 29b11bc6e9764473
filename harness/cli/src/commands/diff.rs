//! `tcpconf diff`: two snapshots beside one another.

use super::print;
use crate::args::DiffArgs;
use crate::failure::Failure;
use crate::library::Library;
use std::path::Path;
use tcpconf_report::html::write_pages;
use tcpconf_report::snapshot::{Comparison, Snapshot};

/// The snapshots differ.
const EXIT_DIFFERS: u8 = 1;
/// When the terminal does not say how wide it is.
const WIDTH: usize = 160;

pub(super) fn diff(args: &DiffArgs) -> Result<u8, Failure> {
    let (left, right) = (read(&args.left)?, read(&args.right)?);
    // What tests ask for; snapshots of other suites are compared without it.
    let library = Library::find(&args.paths)?;
    let (plan, _) = library.load();
    let names = [name(&args.left), name(&args.right)];
    let instances = &plan.instances;
    let comparison = Comparison::of(names, &left, &right, instances, &library.requirements);
    if let Some(folder) = &args.html {
        let pages = comparison
            .html()
            .map_err(|error| Failure::broken(format!("--html: {error}")))?;
        write_pages(folder, &pages)
            .map_err(|error| Failure::broken(format!("{}: {error}", folder.display())))?;
    }
    let width = std::env::var("COLUMNS").ok().and_then(|w| w.parse().ok());
    print(&comparison.text(width.unwrap_or(WIDTH)))?;
    Ok(if comparison.tests.is_empty() {
        0
    } else {
        EXIT_DIFFERS
    })
}

/// A snapshot, or all of a folder (`*.txt`) as one.
fn read(path: &Path) -> Result<Snapshot, Failure> {
    if !path.is_dir() {
        return read_file(path);
    }
    let wrong = |error: std::io::Error| Failure::usage(format!("{}: {error}", path.display()));
    let mut whole = Snapshot::default();
    for entry in path.read_dir().map_err(wrong)? {
        let file = entry.map_err(wrong)?.path();
        if file.extension().is_none_or(|ending| ending != "txt") {
            continue;
        }
        whole.take(read_file(&file)?).map_err(|case| {
            let there = file.display();
            Failure::usage(format!(
                "{there}: the case '{case}' stands in another file, too"
            ))
        })?;
    }
    if whole.cases.is_empty() {
        let message = format!("{}: no snapshot is in this folder", path.display());
        return Err(Failure::usage(message).help(WRITTEN_BY));
    }
    Ok(whole)
}

/// Where snapshots come from.
const WRITTEN_BY: &str = "snapshots are written by: tcpconf snapshot PATH -o FILE";

fn read_file(file: &Path) -> Result<Snapshot, Failure> {
    let wrong = |error: String| Failure::usage(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    Snapshot::parse(&text).map_err(|error| wrong(error.to_string()).help(WRITTEN_BY))
}

/// The file or folder without what it is in, and ending.
fn name(file: &Path) -> String {
    file.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
