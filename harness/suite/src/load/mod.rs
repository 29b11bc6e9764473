//! Files to a plan: tests multiplied by their parameters, checked, and their needs derived.

mod citations;
mod expand;
mod needs;
mod rules;

pub(crate) use citations::Citations;

use crate::ast::{Name, Span, Suite, Test};
use crate::diagnostic::{Code, Diagnostic, tidy};
use crate::limits::PLAN_STEPS;
use crate::lower::{Lowerer, Scope, ValueSpans};
use crate::plan::{Instance, Level, Plan, SourceFile};
use crate::requirements::Requirements;
use crate::vocabulary::{FEATURES, SERVICES, names};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Reads suites: `files` to be run, `fixtures` that any of them may use.
///
/// The plan has every instance that is sound, of files that could be read whole; with an error among
/// the diagnostics it is not complete.
/// Diagnostics are in the order of files and places.  Of a test that goes by `rules` the plan has a
/// representative part: of each row and each value of its first column three instances.
pub fn load(
    files: Vec<SourceFile>,
    fixtures: Vec<SourceFile>,
    requirements: &Requirements,
) -> (Plan, Vec<Diagnostic>) {
    load_files(files, fixtures, requirements, false)
}

/// As [`load`], with every instance of tests that go by `rules`.
pub fn load_exhaustive(
    files: Vec<SourceFile>,
    fixtures: Vec<SourceFile>,
    requirements: &Requirements,
) -> (Plan, Vec<Diagnostic>) {
    load_files(files, fixtures, requirements, true)
}

fn load_files(
    files: Vec<SourceFile>,
    fixtures: Vec<SourceFile>,
    requirements: &Requirements,
    exhaustive: bool,
) -> (Plan, Vec<Diagnostic>) {
    let mut loader = Loader {
        citations: Citations::new(requirements),
        diagnostics: Vec::new(),
        tests: BTreeMap::new(),
        plan: Plan::default(),
        steps: 0,
        exhaustive,
    };
    let mut shared = Vec::new();
    for file in fixtures {
        if let Some(parsed) = loader.parse(file) {
            shared.push(parsed);
        }
    }
    let shared = Arc::new(shared);
    for (file, suite) in shared.iter() {
        loader.check_fixtures(file, suite, &shared);
    }
    for file in files {
        let before = loader.diagnostics.len();
        if let Some((file, suite)) = loader.parse(file) {
            let unread: Vec<Span> = loader.diagnostics[before..]
                .iter()
                .filter(|diagnostic| diagnostic.is_error())
                .map(|diagnostic| diagnostic.span)
                .collect();
            let checked = loader.diagnostics.len();
            let instances = loader.plan.instances.len();
            let whole = whole_items(&suite, &unread);
            loader.suite(file, suite, &shared);
            if !unread.is_empty() {
                loader.drop_consequences(checked, &whole);
                loader.plan.instances.truncate(instances);
            }
        }
    }
    tidy(&mut loader.diagnostics);
    (loader.plan, loader.diagnostics)
}

/// The tests and fixtures in which no line was left unread.
fn whole_items(suite: &Suite, unread: &[Span]) -> Vec<Span> {
    let tests = suite.tests.iter().map(|test| test.span);
    let fixtures = suite.fixtures.iter().map(|fixture| fixture.span);
    tests
        .chain(fixtures)
        .filter(|item| {
            !unread
                .iter()
                .any(|at| item.start <= at.start && at.start <= item.end)
        })
        .collect()
}

type Shared = Arc<Vec<(Arc<SourceFile>, Suite)>>;

struct Loader<'a> {
    citations: Citations<'a>,
    diagnostics: Vec<Diagnostic>,
    /// `folder/slug` and the file that has it.
    tests: BTreeMap<String, Arc<SourceFile>>,
    plan: Plan,
    /// Steps that were lowered so far.
    steps: usize,
    /// Every instance of tests that go by rules.
    exhaustive: bool,
}

impl Loader<'_> {
    fn parse(&mut self, file: SourceFile) -> Option<(Arc<SourceFile>, Suite)> {
        let file = Arc::new(file);
        let (suite, diagnostics) = crate::parser::parse_shared(&file);
        self.diagnostics.extend(diagnostics);
        suite.map(|suite| (file, suite))
    }

    /// What seems to be missing may stand in a line that could not be read: of the same test or fixture,
    /// or, for the names of fixtures, anywhere in the file. `whole` are the items that were read whole.
    fn drop_consequences(&mut self, from: usize, whole: &[Span]) {
        let rest = self.diagnostics.split_off(from);
        let is_whole = |at: Span| {
            whole
                .iter()
                .any(|item| item.start <= at.start && at.end <= item.end)
        };
        self.diagnostics
            .extend(rest.into_iter().filter(|diagnostic| match diagnostic.code {
                Code::UnknownFixture
                | Code::UnusedFixture
                | Code::UnknownRules
                | Code::UnknownValue
                | Code::RuleMissing
                | Code::RuleUnreached
                | Code::RuleSameAs => false,
                Code::EmptyBlock
                | Code::MissingSpec
                | Code::NothingExpected
                | Code::NoProofOfLife
                | Code::UnknownLabel
                | Code::UnknownParameter
                | Code::UnusedParameter => is_whole(diagnostic.span),
                _ => true,
            }));
    }

    fn check_fixtures(&mut self, file: &Arc<SourceFile>, suite: &Suite, shared: &Shared) {
        self.diagnostics
            .extend(crate::check::fixtures(file, suite, shared, &self.citations));
    }

    fn suite(&mut self, file: Arc<SourceFile>, suite: Suite, shared: &Shared) {
        self.check_fixtures(&file, &suite, shared);
        self.diagnostics.extend(crate::check::suite(&file, &suite));
        let folder = folder_of(&file.path);
        let suite = Arc::new(suite);
        let mut asked = rules::Asked::of(&file, &suite);
        for (index, test) in suite.tests.iter().enumerate() {
            let id = format!("{folder}/{}", test.slug.value);
            if let Some(other) = self.tests.get(&id) {
                let message = format!("test '{id}' exists already");
                let mut diagnostic =
                    Diagnostic::new(Code::DuplicateTest, &file, test.slug.span, message);
                if !Arc::ptr_eq(other, &file) {
                    diagnostic = diagnostic.help(format!("the other is in {}", other.path));
                }
                self.diagnostics.push(diagnostic);
            } else {
                self.tests.insert(id.clone(), Arc::clone(&file));
            }
            self.test(&id, index, test, (&file, &suite, shared), &mut asked);
        }
        for asked in asked.into_values() {
            asked.finish(&mut self.diagnostics);
        }
    }

    fn test(
        &mut self,
        id: &str,
        index: usize,
        test: &Test,
        (file, suite, shared): (&Arc<SourceFile>, &Arc<Suite>, &Shared),
        asked: &mut BTreeMap<&str, rules::Asked<'_>>,
    ) {
        let mut variants = match expand::variants(test, file) {
            Ok(variants) => variants,
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                return;
            }
        };
        if let Some(name) = &test.rules {
            let Some(asked) = asked.get_mut(name.value.as_str()) else {
                let known = suite.rules.iter().map(|rules| rules.name.value.as_str());
                self.known(name, known, Code::UnknownRules, "rules", file);
                return;
            };
            variants = asked.judged(test, variants, self.exhaustive, &mut self.diagnostics);
        }
        let mut seen = BTreeSet::new();
        for variant in variants {
            let instance_id = variant.id(id);
            if !seen.insert(instance_id.clone()) {
                let message = format!("two instances are called '{instance_id}'");
                let span = variant.span(test.slug.span);
                self.diagnostics.push(
                    Diagnostic::new(Code::DuplicateInstance, file, span, message)
                        .help("give the values short names: off = one: 1, far: 0x80000000"),
                );
                continue;
            }
            let instance = Instance {
                id: instance_id,
                test: id.to_owned(),
                title: test.title.value.clone(),
                spec: Vec::new(),
                level: Level::Must,
                also: Vec::new(),
                needs: Default::default(),
                file: Arc::clone(file),
                suite: Arc::clone(suite),
                shared: Arc::clone(shared),
                index,
                bindings: variant.bindings,
                span: test.span,
            };
            if self.steps > PLAN_STEPS {
                let message = format!("the run has more than {PLAN_STEPS} steps");
                self.diagnostics
                    .push(Diagnostic::new(Code::Limit, file, test.slug.span, message));
                return;
            }
            if let Some(instance) = self.instance(instance, test) {
                self.plan.instances.push(instance);
            }
        }
    }

    /// Fills in what follows from the bindings; `None` when the instance cannot be played.
    fn instance(&mut self, mut instance: Instance, test: &Test) -> Option<Instance> {
        let file = Arc::clone(&instance.file);
        let suite = Arc::clone(&instance.suite);
        let shared = Arc::clone(&instance.shared);
        let bindings = instance.bindings.clone();
        let scope = Scope::of_test(&file, &suite, &bindings);
        let before = self.diagnostics.len();
        let mut lowerer = Lowerer::new(&shared, ValueSpans::Value);

        let mut spec = self.requirement_ids(test, &instance, &scope, &mut lowerer);
        let mut given = self.words(&test.given, &scope, &mut lowerer);
        given.extend(self.cells(GIVEN_COLUMN, &instance, &scope, &mut lowerer));
        given.retain(|name| name.value != NO_FEATURE);
        for name in &given {
            self.known(
                name,
                names(FEATURES),
                Code::UnknownFeature,
                "feature",
                &file,
            );
        }
        let cited: Vec<Name> = test.also.iter().map(|also| also.id.clone()).collect();
        let cited = self.words(&cited, &scope, &mut lowerer);
        let unknown = cited
            .iter()
            .filter_map(|id| self.citations.unknown_crossref(id, &file));
        self.diagnostics.extend(unknown);
        let service = test.attributes.service.as_slice();
        let service = self.words(service, &scope, &mut lowerer).pop();
        if let Some(name) = &service {
            self.known(
                name,
                names(SERVICES),
                Code::UnknownService,
                "service",
                &file,
            );
        }
        let steps = lowerer.steps(&test.steps, &scope);
        self.steps += lowerer.steps;
        self.diagnostics.append(&mut lowerer.diagnostics);
        self.diagnostics
            .extend(crate::check::steps(&steps, &instance, &self.citations));

        if !self.diagnostics[before..].iter().any(Diagnostic::is_error) {
            self.diagnostics
                .extend(crate::check::life(&steps, &instance));
        }
        instance.needs = needs::needs(&test.attributes, service.map(|s| s.value), given, &steps);
        let restated = test.also.iter().map(|also| also.restated);
        instance.also = cited.into_iter().map(|id| id.value).zip(restated).collect();
        instance.level = spec
            .first()
            .and_then(|id| self.citations.find(&id.value))
            .map_or(Level::Must, |requirement| requirement.level.level());
        instance.spec = spec.drain(..).map(|id| id.value).collect();
        (!self.diagnostics[before..].iter().any(Diagnostic::is_error)).then_some(instance)
    }

    fn words(&mut self, names: &[Name], scope: &Scope<'_>, lowerer: &mut Lowerer<'_>) -> Vec<Name> {
        let mut words = Vec::new();
        for name in names {
            match lowerer.name(name, scope) {
                Ok(name) => words.push(name),
                Err(diagnostic) => self.diagnostics.push(*diagnostic),
            }
        }
        words
    }

    /// The words of the instance's cells in a column.
    fn cells(
        &mut self,
        column: &str,
        instance: &Instance,
        scope: &Scope<'_>,
        lowerer: &mut Lowerer<'_>,
    ) -> Vec<Name> {
        let cells = instance.bindings.iter().filter(|(name, _)| name == column);
        cells
            .flat_map(|(_, cell)| self.words(&expand::words(cell), scope, lowerer))
            .collect()
    }

    fn known<'n>(
        &mut self,
        name: &Name,
        known: impl Iterator<Item = &'n str> + Clone,
        code: Code,
        what: &str,
        file: &Arc<SourceFile>,
    ) {
        if known.clone().any(|k| k == name.value) {
            return;
        }
        let message = format!("unknown {what} '{}'", name.value);
        let diagnostic =
            Diagnostic::new(code, file, name.span, message).suggest(&name.value, known);
        self.diagnostics.push(diagnostic);
    }

    /// The test's ids and those of its row, expanded and looked up.
    fn requirement_ids(
        &mut self,
        test: &Test,
        instance: &Instance,
        scope: &Scope<'_>,
        lowerer: &mut Lowerer<'_>,
    ) -> Vec<Name> {
        let mut ids = self.words(&test.spec, scope, lowerer);
        ids.extend(self.cells(SPEC_COLUMN, instance, scope, lowerer));
        for id in &ids {
            if self.citations.find(&id.value).is_none() {
                self.diagnostics
                    .push(self.citations.unknown(id, &instance.file));
            }
        }
        if ids.is_empty() && test.spec.is_empty() {
            let message = format!("'{}' cites no requirement", instance.id);
            self.diagnostics.push(
                Diagnostic::new(Code::MissingSpec, &instance.file, test.slug.span, message)
                    .help("name an id of requirements.toml: spec RFC9293-MUST-2"),
            );
        }
        ids
    }
}

/// The column of a table whose cells are requirement ids.
pub(crate) const SPEC_COLUMN: &str = "spec";

/// The column of a table whose cells are optional features.
pub(crate) const GIVEN_COLUMN: &str = "given";

/// What stands in a cell of [`GIVEN_COLUMN`] for none.
const NO_FEATURE: &str = "-";

/// The name of the directory that holds the file; its own name without ending, when none is named.
fn folder_of(path: &str) -> String {
    let mut parts = path.rsplit(['/', '\\']);
    let file = parts.next().unwrap_or_default();
    match parts.find(|part| !part.is_empty() && *part != ".") {
        Some(folder) => folder.to_owned(),
        None => file.split('.').next().unwrap_or_default().to_owned(),
    }
}
