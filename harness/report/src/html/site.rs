//! The pages of one or more runs: a matrix of tests × targets, and a page for each test.

use super::ladder::Ladder;
use super::run::Run;
use super::templates;
use crate::jsonl::record::{CaseFinished, Failure, InvariantFinished, Shown};
use crate::pcapng;
use minijinja::value::Serde;
use minijinja::{Error, context};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use tcpconf_suite::Requirements;

/// What pages need besides the runs.
#[derive(Clone, Debug, Default)]
pub struct SiteOptions {
    /// The folder of captures as the pages' folder sees it, if captures were written.
    pub captures: Option<PathBuf>,
    /// Captures of passes too.
    pub all_captures: bool,
}

impl SiteOptions {
    /// Captures in `captures`, for pages in `folder`.
    pub fn with_captures(folder: &Path, captures: Option<&Path>, all_captures: bool) -> Self {
        Self {
            captures: captures.map(|captures| seen_from(folder, captures)),
            all_captures,
        }
    }
}

/// `to` as a link in a page of the folder `from` has it.
fn seen_from(from: &Path, to: &Path) -> PathBuf {
    let (Ok(from), Ok(to)) = (std::path::absolute(from), std::path::absolute(to)) else {
        return to.to_owned();
    };
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

/// Words in the order in which they matter.
const WORST_FIRST: [Shown; 10] = [
    Shown::Error,
    Shown::Fail,
    Shown::Xpass,
    Shown::Warn,
    Shown::Info,
    Shown::Inconclusive,
    Shown::Xfail,
    Shown::Unsupported,
    Shown::Skip,
    Shown::Pass,
];

/// The pages: file names with their texts, `index.html` first of all.
///
/// # Errors
/// When a template fails, which is a defect.
pub fn site(
    runs: &[Run],
    requirements: &Requirements,
    options: &SiteOptions,
) -> Result<BTreeMap<String, String>, Error> {
    let environment = templates();
    let columns = columns(runs);
    let tests = tests(runs);
    let mut pages = BTreeMap::new();
    let index = environment.get_template("index.html")?.render(context! {
        columns => Serde(&columns),
        folders => Serde(folders(runs, &tests)),
        invariants => Serde(invariants(runs)),
        notes => runs.iter().flat_map(|run| run.notes.clone()).collect::<Vec<String>>(),
    })?;
    pages.insert("index.html".to_owned(), index);
    let template = environment.get_template("test.html")?;
    for test in &tests {
        let page = TestPage::of(test, runs, &columns, requirements, options);
        let text = template.render(context! { page => Serde(&page) })?;
        pages.insert(file_name(test), text);
    }
    Ok(pages)
}

/// A run as a column.
#[derive(Clone, Debug, Serialize)]
struct Column {
    name: String,
    profile: String,
    version: String,
    seed: u64,
    paths: String,
    elapsed: String,
    counts: Vec<Count>,
    broken: Option<String>,
    killed_by: Option<String>,
    unfinished: bool,
}

/// `3 fail`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Count {
    word: String,
    count: usize,
}

/// Targets by name; those of the same name are numbered.
fn columns(runs: &[Run]) -> Vec<Column> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    runs.iter()
        .map(|run| {
            let target = run.started.target.as_str();
            let times = seen.entry(target).or_default();
            *times += 1;
            let name = match *times {
                1 => target.to_owned(),
                n => format!("{target} ({n})"),
            };
            let shown = run.cases.iter().map(|case| case.shown);
            let finished = run.finished.as_ref();
            Column {
                name,
                profile: run.started.profile.clone(),
                version: run.started.version.clone(),
                seed: run.started.seed,
                paths: run.started.paths.join(" "),
                elapsed: finished.map_or_else(String::new, |f| seconds(f.elapsed_ns)),
                counts: counts(shown.chain(run.invariants.iter().map(|i| i.shown))),
                broken: finished.and_then(|f| f.broken.clone()),
                killed_by: finished.and_then(|f| f.killed_by.clone()),
                unfinished: finished.is_none_or(|f| f.interrupted),
            }
        })
        .collect()
}

fn counts(shown: impl Iterator<Item = Shown>) -> Vec<Count> {
    let mut counts = [0; WORST_FIRST.len()];
    for word in shown {
        let at = WORST_FIRST.iter().position(|known| *known == word);
        counts[at.expect("all words are in the list")] += 1;
    }
    WORST_FIRST
        .iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .map(|(shown, count)| Count {
            word: word(*shown),
            count,
        })
        .collect()
}

/// As JSON has it.
fn word(shown: Shown) -> String {
    match serde_json::to_value(shown) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn tests(runs: &[Run]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    runs.iter()
        .flat_map(|run| &run.cases)
        .filter(|case| seen.insert(case.test.as_str()))
        .map(|case| case.test.clone())
        .collect()
}

/// Rows of the matrix.
#[derive(Clone, Debug, Serialize)]
struct Folder {
    name: String,
    tests: Vec<Row>,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    id: String,
    title: String,
    file: String,
    cells: Vec<Vec<Count>>,
}

fn folders(runs: &[Run], tests: &[String]) -> Vec<Folder> {
    let by_test: Vec<BTreeMap<&str, Vec<&CaseFinished>>> = runs.iter().map(by_test).collect();
    let mut folders: Vec<Folder> = Vec::new();
    for test in tests {
        let name = test.rsplit_once('/').map_or("", |(folder, _)| folder);
        let none = Vec::new();
        let cases: Vec<&Vec<&CaseFinished>> = by_test
            .iter()
            .map(|run| run.get(test.as_str()).unwrap_or(&none))
            .collect();
        let row = Row {
            id: test.clone(),
            title: cases
                .iter()
                .flat_map(|cases| cases.first())
                .map(|case| case.title.clone())
                .next()
                .unwrap_or_default(),
            file: file_name(test),
            cells: cases
                .iter()
                .map(|cases| counts(cases.iter().map(|case| case.shown)))
                .collect(),
        };
        match folders.iter_mut().find(|folder| folder.name == name) {
            Some(folder) => folder.tests.push(row),
            None => folders.push(Folder {
                name: name.to_owned(),
                tests: vec![row],
            }),
        }
    }
    folders
}

fn by_test(run: &Run) -> BTreeMap<&str, Vec<&CaseFinished>> {
    let mut tests: BTreeMap<&str, Vec<&CaseFinished>> = BTreeMap::new();
    for case in &run.cases {
        tests.entry(&case.test).or_default().push(case);
    }
    tests
}

#[derive(Clone, Debug, Serialize)]
struct InvariantRow<'a> {
    id: &'a str,
    title: &'a str,
    cells: Vec<Option<InvariantCell<'a>>>,
}

#[derive(Clone, Debug, Serialize)]
struct InvariantCell<'a> {
    word: String,
    #[serde(flatten)]
    invariant: &'a InvariantFinished,
}

fn invariants(runs: &[Run]) -> Vec<InvariantRow<'_>> {
    let mut seen = BTreeSet::new();
    let all = runs.iter().flat_map(|run| &run.invariants);
    all.filter(|invariant| seen.insert(invariant.id.as_str()))
        .map(|first| InvariantRow {
            id: &first.id,
            title: &first.title,
            cells: runs
                .iter()
                .map(|run| {
                    let found = run.invariants.iter().find(|i| i.id == first.id);
                    found.map(|invariant| InvariantCell {
                        word: word(invariant.shown),
                        invariant,
                    })
                })
                .collect(),
        })
        .collect()
}

/// The page of one test.
#[derive(Clone, Debug, Serialize)]
struct TestPage {
    id: String,
    title: String,
    place: String,
    requirements: Vec<Asked>,
    runs: Vec<Played>,
}

#[derive(Clone, Debug, Serialize)]
struct Asked {
    id: String,
    /// `RFC 9293 §3.5.3, MUST`; nothing when the id is not known.
    source: String,
    /// Its section at the RFC Editor's.
    link: Option<String>,
    summary: String,
}

/// What one run made of the test.
#[derive(Clone, Debug, Serialize)]
struct Played {
    name: String,
    anchor: usize,
    cases: Vec<CaseView>,
}

#[derive(Clone, Debug, Serialize)]
struct CaseView {
    id: String,
    word: String,
    level: String,
    reason: Option<String>,
    duration: String,
    failure: Option<Failure>,
    place: String,
    ladder: Option<Ladder>,
    capture: Option<String>,
    seed: u64,
}

impl TestPage {
    fn of(
        test: &str,
        runs: &[Run],
        columns: &[Column],
        requirements: &Requirements,
        options: &SiteOptions,
    ) -> Self {
        let mut asked: Vec<String> = Vec::new();
        let (mut title, mut place) = (String::new(), String::new());
        let mut played = Vec::new();
        for (anchor, (run, column)) in runs.iter().zip(columns).enumerate() {
            let mut cases = Vec::new();
            for case in run.cases.iter().filter(|case| case.test == test) {
                if title.is_empty() {
                    title.clone_from(&case.title);
                    place = format!("{}:{}", case.location.file, case.location.line);
                }
                for id in &case.requirements {
                    if !asked.contains(id) {
                        asked.push(id.clone());
                    }
                }
                cases.push(CaseView::of(case, options));
            }
            played.push(Played {
                name: column.name.clone(),
                anchor,
                cases,
            });
        }
        Self {
            id: test.to_owned(),
            title,
            place,
            requirements: asked.iter().map(|id| Asked::of(id, requirements)).collect(),
            runs: played,
        }
    }
}

impl Asked {
    fn of(id: &str, requirements: &Requirements) -> Self {
        let known = requirements.find(id);
        Self {
            id: id.to_owned(),
            source: known.map_or_else(String::new, |r| {
                format!("RFC {} §{}, {}", r.rfc, r.section, r.level.name())
            }),
            link: known.map(|r| section_link(r.rfc, &r.section)),
            summary: known.map_or_else(String::new, |r| r.summary.clone()),
        }
    }
}

/// Where the section stands; appendices have no anchor of one form, so that theirs is the RFC itself.
fn section_link(rfc: u32, section: &str) -> String {
    let rfc = format!("https://www.rfc-editor.org/rfc/rfc{rfc}");
    let numbered = !section.is_empty() && section.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if numbered {
        format!("{rfc}#section-{section}")
    } else {
        rfc
    }
}

impl CaseView {
    fn of(case: &CaseFinished, options: &SiteOptions) -> Self {
        let captured = options.all_captures || case.trace.is_some();
        let capture = options.captures.as_ref().filter(|_| captured);
        let last = case.failure.as_ref().and_then(|f| f.location.last());
        let place = last.unwrap_or(&case.location);
        Self {
            id: case.id.clone(),
            word: word(case.shown),
            level: format!("{:?}", case.level).to_uppercase(),
            reason: case.reason.clone(),
            duration: seconds(case.duration_ns),
            failure: case.failure.clone(),
            place: format!("{}:{}", place.file, place.line),
            ladder: case.trace.as_deref().and_then(Ladder::of),
            capture: capture.map(|folder| {
                folder
                    .join(pcapng::file_name(&case.id))
                    .display()
                    .to_string()
            }),
            seed: case.seed,
        }
    }
}

/// `reset/x` is `reset.x.html`; what a file name may not hold is replaced as in those of captures.
fn file_name(test: &str) -> String {
    pcapng::stem(test) + ".html"
}

fn seconds(nanos: u64) -> String {
    format!("{:.2} s", nanos as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("out/html", "out/pcap", "../pcap")]
    #[case("html", "html/pcap", "pcap")]
    #[case("/a/b", "/c", "../../c")]
    fn captures_are_linked_from_the_folder_of_the_pages(
        #[case] from: &str,
        #[case] to: &str,
        #[case] link: &str,
    ) {
        assert_eq!(seen_from(Path::new(from), Path::new(to)), Path::new(link));
    }

    #[rstest]
    #[case("reset/x", "reset.x.html")]
    #[case("../../etc/passwd", "__.__.etc.passwd.")]
    #[case("a b/ü", "a_b._.")]
    #[case(&format!("a/{}", "x".repeat(300)), "a.xxx")]
    fn file_names_stay_in_their_folder(#[case] test: &str, #[case] begin: &str) {
        let name = file_name(test);
        assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
        assert!(name.starts_with(begin) && name.ends_with(".html"), "{name}");
        assert!(name.len() < 255, "{name}");
    }
}
