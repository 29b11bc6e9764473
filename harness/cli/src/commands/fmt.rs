//! `tcpconf fmt`: suites in their canonical form.

use super::{colour_on_stderr, print};
use crate::args::FmtArgs;
use crate::failure::{EXIT_USAGE, Failure};
use crate::library;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A file is not canonical.
const EXIT_DIFFERS: u8 = 1;

pub(super) fn fmt(args: &FmtArgs) -> Result<u8, Failure> {
    let mut paths = Vec::new();
    for path in &args.paths {
        paths.extend(library::suite_paths(path)?);
    }
    let (mut changed, mut broken, mut out) = (0, 0, String::new());
    for path in &paths {
        match format(path)? {
            Formatted::Same => {}
            Formatted::Broken => broken += 1,
            Formatted::Differs(text) => {
                changed += 1;
                let verb = if args.check {
                    "not canonical"
                } else {
                    "formatted"
                };
                writeln!(out, "{verb}: {}", path.display()).expect("a String takes everything");
                if !args.check {
                    write(path, &text)?;
                }
            }
        }
    }
    print(&out)?;
    Ok(match (broken, changed) {
        (1.., _) => EXIT_USAGE,
        (0, 1..) if args.check => EXIT_DIFFERS,
        _ => 0,
    })
}

enum Formatted {
    Same,
    Differs(String),
    /// It has errors, which have been shown.
    Broken,
}

fn format(path: &Path) -> Result<Formatted, Failure> {
    let file = library::read(path)?;
    Ok(match tcpconf_suite::format(&file) {
        Ok(formatted) if formatted == file.text => Formatted::Same,
        Ok(formatted) => Formatted::Differs(formatted),
        Err(diagnostics) => {
            for diagnostic in diagnostics {
                anstream::eprint!("{}", diagnostic.render(colour_on_stderr()));
            }
            Formatted::Broken
        }
    })
}

/// Replaces the file in one step, so that an interrupt leaves the old or the new one.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| Failure::broken(format!("{} cannot be written: {error}", path.display()));
    // Where a link leads to: the link stays one.
    let path = &fs::canonicalize(path).map_err(failed)?;
    let new = path.with_extension("tcpt.new");
    let replaced = fs::write(&new, text)
        .and_then(|()| fs::metadata(path))
        .and_then(|old| fs::set_permissions(&new, old.permissions()))
        .and_then(|()| fs::rename(&new, path));
    if let Err(error) = replaced {
        // The first error is the one to tell of.
        let _ = fs::remove_file(&new);
        return Err(failed(error));
    }
    Ok(())
}
