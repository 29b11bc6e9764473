//! `reach`: the steps that lead to a state, from `builtin.tcpt`.

use super::{Lowered, Lowerer, Scope, Value};
use crate::ast::*;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::SourceFile;
use crate::spans::Spans;
use crate::vocabulary::{PATHS, STATES, has, names};
use std::sync::{Arc, LazyLock};

/// Options of our SYN when `with` does not say: without an MSS the target would send 536 octets.
const DEFAULT_MSS: i128 = 1460;

/// Read once; it never changes.
static BUILTIN: LazyLock<(Arc<SourceFile>, Suite)> = LazyLock::new(|| {
    let file = Arc::new(SourceFile {
        path: "builtin.tcpt".to_owned(),
        text: include_str!("builtin.tcpt").to_owned(),
    });
    let (suite, diagnostics) = crate::parser::parse_shared(&file);
    debug_assert!(
        diagnostics.is_empty(),
        "a test reads the file: {diagnostics:?}"
    );
    (file, suite.expect("a test reads the file"))
});

impl Lowerer<'_> {
    pub(super) fn state(&mut self, state: &Name, scope: &Scope<'_>) -> Lowered<Name> {
        let name = self.name(state, scope)?;
        if has(STATES, &name.value) || name.value.contains("${") {
            return Ok(name);
        }
        let message = format!("unknown state '{}'", name.value);
        Err(
            Diagnostic::new(Code::UnknownState, scope.file, name.span, message)
                .suggest(&name.value, names(STATES))
                .into(),
        )
    }

    pub(super) fn reach(
        &mut self,
        reach: &Reach,
        span: Span,
        scope: &Scope<'_>,
    ) -> Lowered<StepKind> {
        let state = self.state(&reach.state, scope)?;
        let path = match &reach.via {
            Some(path) => self.path(path, &state, scope)?.value,
            None => first_path(&state.value).to_owned(),
        };
        let with = match &reach.with {
            Some(options) => self.options(options, scope)?,
            None => default_options(span),
        };
        Ok(StepKind::Setup {
            steps: self.setup(&state.value, &path, with, span),
            state: state.value,
            path,
        })
    }

    fn path(&mut self, path: &Name, state: &Name, scope: &Scope<'_>) -> Lowered<Name> {
        let path = self.name(path, scope)?;
        let known = || {
            PATHS
                .iter()
                .filter(|(s, ..)| *s == state.value)
                .map(|(_, path, _)| *path)
        };
        if known().any(|name| name == path.value) {
            return Ok(path);
        }
        let message = format!("'{}' is no path to {}", path.value, state.value);
        let diagnostic = Diagnostic::new(Code::UnknownPath, scope.file, path.span, message);
        let known: Vec<&str> = known().collect();
        Err(if known.is_empty() {
            diagnostic.help(format!(
                "there is one way to {}: leave 'via' out",
                state.value
            ))
        } else {
            diagnostic.suggest(&path.value, known)
        }
        .into())
    }

    /// The fixture of the state, all its places those of `reach`.
    fn setup(&mut self, state: &str, path: &str, with: OptionsSpec<Expr>, span: Span) -> Vec<Step> {
        let (file, suite) = &*BUILTIN;
        let name = fixture_name(state, path);
        let fixture = suite
            .fixtures
            .iter()
            .find(|fixture| fixture.name.value == name)
            .expect("builtin.tcpt has a fixture for every path: a test checks it");
        let values = [("with".to_owned(), Value::Options(with))];
        let inner = Scope::with_values(file, suite, values);
        let steps = self.steps(&fixture.steps, &inner);
        flat(steps).spanned(span)
    }
}

/// The path that is taken unless one is named; empty where there is one way.
fn first_path(state: &str) -> &'static str {
    let mut paths = PATHS.iter().filter(|(of, ..)| *of == state);
    paths.next().map_or("", |(_, path, _)| path)
}

fn fixture_name(state: &str, path: &str) -> String {
    let state = state.to_lowercase();
    if path.is_empty() {
        state
    } else {
        format!("{state}-{path}")
    }
}

/// The steps without fixtures around them: a setup is played as one.
fn flat(steps: Vec<Step>) -> Vec<Step> {
    steps
        .into_iter()
        .flat_map(|step| match step.kind {
            StepKind::Inlined { steps, .. } => flat(steps),
            kind => vec![Step { kind, ..step }],
        })
        .collect()
}

fn default_options(span: Span) -> OptionsSpec<Expr> {
    let mss = Expr {
        kind: ExprKind::Number(DEFAULT_MSS),
        span,
    };
    OptionsSpec::Items(vec![OptionItem::Mss(Slot::Is(mss))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_file_is_sound_and_has_every_path_and_no_other_fixture() {
        let file = SourceFile {
            path: "builtin.tcpt".to_owned(),
            text: include_str!("builtin.tcpt").to_owned(),
        };
        let (suite, diagnostics) = crate::parse(&file);
        assert_eq!(diagnostics, []);
        let suite = suite.unwrap();
        let ways = PATHS
            .iter()
            .map(|(state, path, _)| fixture_name(state, path));
        let single = names(STATES).filter(|state| first_path(state).is_empty());
        let mut expected: Vec<String> = ways.chain(single.map(str::to_lowercase)).collect();
        let mut found: Vec<String> = suite.fixtures.into_iter().map(|f| f.name.value).collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}
