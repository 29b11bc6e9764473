use super::*;
use std::path::Path;
use tcpconf_engine::{Invariant, Level, Profile};
use tcpconf_suite::{CrossRefs, Instance, Requirements, SourceFile, load};

const REQUIREMENTS: &str = r#"
schema_version = 1
record_count = 7
requirement = [
  { id = "RFC9293-MUST-1", rfc = 9293, section = "3.1", level = "MUST", basis = "label", observable = "wire", service = "listen", topic = "a", summary = "First and killed." },
  { id = "RFC9293-MUST-2", rfc = 9293, section = "3.1", level = "MUST", basis = "label", observable = "wire", service = "listen", topic = "a", summary = "Only further." },
  { id = "RFC9293-MUST-3", rfc = 9293, section = "3.1", level = "SHOULD", basis = "label", observable = "agent", service = "listen", topic = "b", summary = "First, never killed." },
  { id = "RFC9293-MUST-4", rfc = 9293, section = "3.1", level = "MUST", basis = "label", observable = "time", service = "listen", topic = "b", summary = "Nobody." },
  { id = "RFC9293-MUST-5", rfc = 9293, section = "3.1", level = "MAY", basis = "prose", observable = "local", service = "-", topic = "c", summary = "Inside.", note = "Internal." },
  { id = "RFC6298-2-1", rfc = 6298, section = "2", level = "MUST", basis = "prose", observable = "wire", service = "listen", topic = "d", summary = "An invariant's." },
  { id = "RFC6298-2-2", rfc = 6298, section = "2", level = "MUST", basis = "prose", observable = "wire", service = "listen", topic = "d", summary = "At a step." },
]
"#;

const CROSSREFS: &str = r#"
schema_version = 1
[[system]]
name = "TC8"
title = "t"
source = "s"
complete = true
count = 3
[[crossref]]
id = "TC8:A_01"
title = "with a test"
[[crossref]]
id = "TC8:A_02"
title = "with a reason"
not = "because"
[[crossref]]
id = "TC8:A_03"
title = "open"
"#;

const SUITE: &str = r#"tcpt 1
suite "s"

test killed {
  title "t"
  spec RFC9293-MUST-1 RFC9293-MUST-2
  also TC8:A_01
  matrix { flags = S, SW }
  < ${flags}
  > S.  spec RFC6298-2-2
}

test not-killed {
  title "t"
  spec RFC9293-MUST-3
  given sack
  < S
  > S.
}
"#;

const INVARIANTS: [Invariant; 1] = [Invariant {
    name: "always",
    title: "t",
    spec: &["RFC6298-2-1"],
    level: Level::Must,
}];

fn plan(requirements: &Requirements) -> Vec<Instance> {
    let file = SourceFile {
        path: "suites/topic/a.tcpt".into(),
        text: SUITE.into(),
    };
    let (plan, diagnostics) = load(vec![file], Vec::new(), requirements);
    let text: String = diagnostics.iter().map(|d| d.render(false)).collect();
    assert_eq!(text, "");
    plan.instances
}

fn coverage(kills: &str, profile: Option<&Profile>) -> Coverage {
    let requirements = Requirements::from_toml(REQUIREMENTS).unwrap();
    let crossrefs = CrossRefs::from_toml(CROSSREFS).unwrap();
    let instances = plan(&requirements);
    let kills = Kills::from_toml(&format!("schema_version = 1\n{kills}")).unwrap();
    Coverage::of(&Sources {
        requirements: &requirements,
        crossrefs: &crossrefs,
        kills: &kills,
        instances: &instances,
        invariants: &INVARIANTS,
        profile,
    })
}

fn statuses(coverage: &Coverage) -> Vec<Status> {
    coverage.requirements.iter().map(|r| r.status).collect()
}

const KILLED: &str = "[tests]\n'topic/killed' = 2\n";

#[test]
fn every_status_has_its_reason() {
    use Status::{Covered, NotVisible, Partly, Untested};
    let expected = [
        Covered, Partly, Partly, Untested, NotVisible, Covered, Covered,
    ];
    assert_eq!(statuses(&coverage(KILLED, None)), expected);
}

#[test]
fn a_survivor_counts_only_when_another_instance_is_killed() {
    let one = "survivors = ['topic/killed[flags=S]']\n";
    assert_eq!(
        statuses(&coverage(&format!("{one}{KILLED}"), None))[0],
        Status::Covered
    );
    let both = "survivors = ['topic/killed[flags=S]', 'topic/killed[flags=SW]']\n";
    assert_eq!(
        statuses(&coverage(&format!("{both}{KILLED}"), None))[0],
        Status::Partly
    );
}

#[test]
fn a_profile_leaves_out_what_it_denies() {
    let toml = "name = 'small'\n[features]\nsack = 'no'\n";
    let profile = Profile::from_toml(toml).unwrap();
    let coverage = coverage(KILLED, Some(&profile));
    assert_eq!((coverage.tests, coverage.left_out), (1, 1));
    assert_eq!(statuses(&coverage)[2], Status::Untested);
}

#[test]
fn yardsticks_count_tests_and_reasons() {
    let coverage = coverage(KILLED, None);
    let tc8 = coverage
        .yardsticks
        .iter()
        .find(|y| y.name == "TC8")
        .unwrap();
    assert_eq!((tc8.reached, tc8.excused, tc8.total), (1, 1, 3));
    assert_eq!(coverage.contradictions().count(), 0);
}

#[test]
fn tables_and_pages() {
    let coverage = coverage(KILLED, None);
    insta::assert_snapshot!("table", coverage.table());
    insta::assert_snapshot!("listing", coverage.listing(9293).unwrap());
    insta::assert_snapshot!("page", coverage.page());
    assert_eq!(coverage.listing(1), None);
}

#[test]
fn html_names_every_requirement_with_its_status() {
    let coverage = coverage(KILLED, None);
    let html = &coverage.html().unwrap()["index.html"];
    for requirement in &coverage.requirements {
        assert!(html.contains(&format!("<tr id=\"{}\">", requirement.id)));
    }
    assert!(html.contains("<span class=\"word not-visible\">not visible</span>"));
    assert!(html.contains("none: because"));
}

#[test]
fn kills_read_back() {
    let tests = BTreeMap::from([("a/b".to_owned(), 3)]);
    let kills = Kills::new(tests, ["a/b[c=d]".to_owned()].into());
    assert_eq!(Kills::from_toml(&kills.to_toml()).unwrap(), kills);
    assert!(kills.kills("a/b", "a/b[c=e]"));
    assert!(!kills.kills("a/b", "a/b[c=d]"));
}

/// The file is written by `UPDATE_SCHEMA=1 cargo test -p tcpconf-report schema`.
#[test]
fn written_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/coverage.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Coverage)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        file,
        schema,
        "{} is out of date: set UPDATE_SCHEMA=1",
        path.display()
    );
}
