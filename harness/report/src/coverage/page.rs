//! docs/coverage.md: the committed state of coverage, so that a change of it is seen in review.

use super::{Counts, Coverage, RequirementCoverage, Status, percent};
use std::fmt::Write as _;

pub(super) fn page(coverage: &Coverage) -> String {
    let mut page = String::new();
    _ = write!(
        page,
        "# Coverage

Which requirement has which tests: computed by `tcpconf coverage suites`, compared by a test, written anew by
`UPDATE_COVERAGE=1 cargo test -p tcpconf-tests --test coverage`. docs/reports.md says what the words mean.

- {} tests in {} instances; a fault kills {} of the tests (docs/fault-matrix.md).
- {} requirements, of which {} can be seen from outside: {} covered, {} partly, {} untested.

## Yardsticks

| | reached | not, with a reason | open | of | what is counted |
|---|--:|--:|--:|--:|---|
",
        coverage.tests,
        coverage.instances,
        coverage.killed,
        coverage.all.total,
        coverage.all.visible(),
        coverage.all.covered,
        coverage.all.partly,
        coverage.all.untested,
    );
    for yardstick in &coverage.yardsticks {
        let open = yardstick.total - yardstick.reached - yardstick.excused;
        _ = writeln!(
            page,
            "| {} | {} | {} | {open} | {} | {} |",
            yardstick.name, yardstick.reached, yardstick.excused, yardstick.total, yardstick.what
        );
    }
    page.push_str(
        "
## RFC by RFC

| RFC | ids | covered | partly | untested | not visible | covered of visible | of wire and agent |
|---|--:|--:|--:|--:|--:|--:|--:|
",
    );
    for rfc in &coverage.rfcs {
        row(&mut page, &rfc.rfc.to_string(), &rfc.counts);
    }
    row(&mut page, "all", &coverage.all);
    for (title, status) in [
        ("Partly", Status::Partly),
        ("Untested", Status::Untested),
        ("Not visible from outside", Status::NotVisible),
    ] {
        _ = write!(page, "\n## {title}\n");
        for rfc in &coverage.rfcs {
            let of_rfc = |r: &&RequirementCoverage| r.rfc == rfc.rfc && r.status == status;
            let ids: Vec<&str> = coverage
                .requirements
                .iter()
                .filter(of_rfc)
                .map(|r| short(&r.id))
                .collect();
            if !ids.is_empty() {
                _ = writeln!(page, "\n**RFC {}**: {}", rfc.rfc, ids.join(", "));
            }
        }
    }
    page.push_str("\n## Tests of other systems that have none here\n");
    for reference in coverage.crossrefs.iter().filter(|r| r.tests.is_empty()) {
        let why = reference.not.as_deref().unwrap_or("open");
        _ = write!(page, "\n- `{}` {}: {why}", reference.id, reference.title);
    }
    page.push('\n');
    page
}

/// The id without its RFC.
fn short(id: &str) -> &str {
    id.split_once('-').map_or(id, |(_, rest)| rest)
}

fn row(page: &mut String, name: &str, counts: &Counts) {
    _ = writeln!(
        page,
        "| {name} | {} | {} | {} | {} | {} | {} | {} |",
        counts.total,
        counts.covered,
        counts.partly,
        counts.untested,
        counts.not_visible,
        percent(counts.covered, counts.visible()),
        percent(counts.prompt_covered, counts.prompt),
    );
}
