//! A file as a whole: names that must be unique, parameters and fixtures that nothing uses.

use crate::ast::{Builtin, Fixture, Name, Rules, Span, Suite, Test};
use crate::diagnostic::{Code, Diagnostic};
use crate::load::{GIVEN_COLUMN, SPEC_COLUMN};
use crate::plan::SourceFile;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names of tests' parameters, and fixtures that no test uses.
pub(crate) fn suite(file: &Arc<SourceFile>, suite: &Suite) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    for test in &suite.tests {
        let params = parameters(test);
        duplicates(
            file,
            &params,
            Code::DuplicateParameter,
            "parameter",
            &mut diagnostics,
        );
        // The first column of a table may be there only to name its rows.
        let row_name = test.table.as_ref().and_then(|table| table.columns.first());
        let text = text_of_test(file, test);
        let matched = rules_of(suite, test).map_or(&[][..], |rules| &rules.matched);
        let used = |name: &str| {
            OWN_MEANING.contains(&name)
                || matched.iter().any(|column| column.value == name)
                || row_name.is_some_and(|column| column.value == name)
                || mentions(&text, name)
        };
        unused(file, &params, used, &mut diagnostics);
        let bound = rules_of(suite, test).map_or(&[][..], |rules| &rules.bound);
        let bound: Vec<&Name> = bound.iter().collect();
        unused(file, &bound, used, &mut diagnostics);
        if test.steps.is_empty() {
            let message = format!("test '{}' has no step", test.slug.value);
            diagnostics.push(Diagnostic::new(
                Code::EmptyBlock,
                file,
                test.slug.span,
                message,
            ));
        }
    }
    let names: Vec<&Name> = suite.rules.iter().map(|rules| &rules.name).collect();
    duplicates(
        file,
        &names,
        Code::DuplicateRules,
        "rules",
        &mut diagnostics,
    );
    for rules in &suite.rules {
        let params: Vec<&Name> = rules.matched.iter().chain(&rules.bound).collect();
        duplicates(
            file,
            &params,
            Code::DuplicateParameter,
            "parameter",
            &mut diagnostics,
        );
    }
    let words = words(&file.text);
    for fixture in &suite.fixtures {
        if words
            .get(fixture.name.value.as_str())
            .is_none_or(|count| *count < 2)
        {
            let message = format!("fixture '{}' is not used", fixture.name.value);
            let span = fixture.name.span;
            diagnostics.push(Diagnostic::new(Code::UnusedFixture, file, span, message));
        }
    }
    diagnostics
}

/// Names of fixtures and their parameters.
pub(super) fn fixture_names(file: &Arc<SourceFile>, suite: &Suite) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let names: Vec<&Name> = suite.fixtures.iter().map(|f| &f.name).collect();
    duplicates(
        file,
        &names,
        Code::DuplicateFixture,
        "fixture",
        &mut diagnostics,
    );
    for name in names {
        if Builtin::by_name(&name.value).is_some() {
            let message = format!("fixture '{}' is built in", name.value);
            diagnostics.push(Diagnostic::new(
                Code::DuplicateFixture,
                file,
                name.span,
                message,
            ));
        }
    }
    for fixture in &suite.fixtures {
        let params: Vec<&Name> = fixture.params.iter().collect();
        duplicates(
            file,
            &params,
            Code::DuplicateParameter,
            "parameter",
            &mut diagnostics,
        );
        let text = text_of_fixture(file, fixture);
        unused(
            file,
            &params,
            |name| mentions(&text, name),
            &mut diagnostics,
        );
    }
    diagnostics
}

/// Columns that count by themselves; `why` is there to be read.
const OWN_MEANING: &[&str] = &[SPEC_COLUMN, GIVEN_COLUMN, "why"];

/// The rules that a test goes by.
fn rules_of<'a>(suite: &'a Suite, test: &Test) -> Option<&'a Rules> {
    let name = test.rules.as_ref()?;
    suite.rules.iter().find(|r| r.name.value == name.value)
}

fn parameters(test: &Test) -> Vec<&Name> {
    let columns = test.table.iter().flat_map(|table| table.columns.iter());
    test.matrix
        .iter()
        .map(|axis| &axis.name)
        .chain(columns)
        .collect()
}

fn duplicates(
    file: &Arc<SourceFile>,
    names: &[&Name],
    code: Code,
    what: &str,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut first: BTreeMap<&str, Span> = BTreeMap::new();
    for name in names {
        if let Some(first) = first.get(name.value.as_str()) {
            let message = format!("{what} '{}' is defined twice", name.value);
            diagnostics.push(
                Diagnostic::new(code, file, name.span, message).related(*first, "first here"),
            );
        } else {
            first.insert(&name.value, name.span);
        }
    }
}

fn unused(
    file: &Arc<SourceFile>,
    params: &[&Name],
    used: impl Fn(&str) -> bool,
    diagnostics: &mut Vec<Diagnostic>,
) {
    for param in params {
        if !used(&param.value) {
            let message = format!("parameter '{}' is not used", param.value);
            let help = format!("use it as ${{{}}}", param.value);
            diagnostics
                .push(Diagnostic::new(Code::UnusedParameter, file, param.span, message).help(help));
        }
    }
}

fn mentions(text: &str, parameter: &str) -> bool {
    text.contains(&format!("${{{parameter}}}"))
}

fn text_of_test(file: &Arc<SourceFile>, test: &Test) -> String {
    file.text
        .get(test.span.start..test.span.end)
        .unwrap_or_default()
        .to_owned()
}

fn text_of_fixture(file: &Arc<SourceFile>, fixture: &Fixture) -> String {
    file.text
        .get(fixture.span.start..fixture.span.end)
        .unwrap_or_default()
        .to_owned()
}

/// How often each word stands in the text, comments included.
fn words(text: &str) -> BTreeMap<&str, usize> {
    let in_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut counts = BTreeMap::new();
    for word in text.split(|c: char| !in_word(c)) {
        *counts.entry(word).or_default() += 1;
    }
    counts
}
