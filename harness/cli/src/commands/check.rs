//! `tcpconf check`: every error in every file.

use super::{colour_on_stderr, plural, print};
use crate::args::CheckArgs;
use crate::failure::{EXIT_USAGE, Failure};
use crate::library::{Library, count};
use tcpconf_suite::diagnostic::Severity;

pub(super) fn check(args: &CheckArgs) -> Result<u8, Failure> {
    let library = Library::find(&args.paths)?.exhaustive(true);
    let (plan, diagnostics) = library.load();
    let colour = colour_on_stderr();
    for diagnostic in &diagnostics {
        anstream::eprint!("{}", diagnostic.render(colour));
    }
    let errors = count(&diagnostics, Severity::Error);
    let warnings = count(&diagnostics, Severity::Warning);
    let mut tests: Vec<&str> = plan.instances.iter().map(|i| i.test.as_str()).collect();
    tests.dedup();
    print(&format!(
        "{}: {}, {}; {}, {}\n",
        plural(library.files.len(), "file"),
        plural(tests.len(), "test"),
        plural(plan.instances.len(), "instance"),
        plural(errors, "error"),
        plural(warnings, "warning"),
    ))?;
    Ok(if errors > 0 { EXIT_USAGE } else { 0 })
}
