use super::*;
use crate::sample;

fn run(target: &str) -> Run {
    let mut run = None;
    for event in sample::run_of_every_kind() {
        match (Record::of(&event, true), &mut run) {
            (Record::Started(started), _) => run = Some(Run::new(started)),
            (record, Some(run)) => run.record(record),
            (_, None) => unreachable!(),
        }
    }
    let mut run = run.unwrap();
    run.started.target = target.into();
    run
}

fn pages(runs: &[Run]) -> BTreeMap<String, String> {
    let options = SiteOptions {
        captures: Some("../pcap".into()),
        all_captures: false,
    };
    site(runs, &sample::requirements(), &options).unwrap()
}

#[test]
fn every_template_compiles_and_asks_for_nothing_from_outside() {
    let environment = templates();
    for (name, source) in TEMPLATES {
        assert!(environment.get_template(name).is_ok());
        for outside in ["http:", "https:", "<script", "@import", "url("] {
            assert!(!source.contains(outside), "{name}: {outside}");
        }
    }
}

#[test]
fn matrix_has_a_column_for_each_run_and_a_page_for_each_test() {
    let mut second = run("smoltcp");
    second.cases.retain(|case| case.id != "reset/pass");
    let pages = pages(&[run("stack"), second, run("stack")]);
    let index = &pages["index.html"];
    for column in ["stack", "smoltcp", "stack (2)"] {
        assert!(index.contains(&format!("<th>{column}</th>")), "{column}");
    }
    for case in sample::cases() {
        let file = format!("{}.html", case.test.replace('/', "."));
        assert!(index.contains(&format!("href=\"{file}\"")), "{file}");
        assert!(pages[&file].contains(&case.title));
    }
    assert!(
        index.contains("class=\"none\""),
        "what was not run is blank"
    );
}

#[test]
fn failure_shows_what_was_expected_what_came_and_the_requirement() {
    let page = pages(&[run("stack")])["reset.fail-should.html"].replace("&#x2f;", "/");
    for text in [
        "another segment came",
        "seq 1   ack 1   len 0",
        "R.  1:1(0) ack 1 win 0",
        "1001 (RCV.NXT+1000)",
        "RFC 9293 §3.10.7.4, MUST",
        "href=\"https://www.rfc-editor.org/rfc/rfc9293#section-3.10.7.4\"",
        "href=\"../pcap/reset.fail-should.pcapng\"",
        "<svg class=\"ladder\"",
    ] {
        assert!(page.contains(text), "{text}");
    }
}

#[test]
fn what_came_from_outside_is_escaped() {
    let mut run = run("<b>");
    run.cases[2].title = "<script>alert(1)</script>".into();
    let pages = pages(&[run]);
    for (name, text) in &pages {
        assert!(!text.contains("<script"), "{name}");
        assert!(!text.contains("<b>"), "{name}");
    }
}

#[test]
fn report_writes_into_a_folder_that_it_makes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("a/b");
    let options = SiteOptions::default();
    let mut report = Html::new(folder.clone(), sample::requirements(), options).unwrap();
    for event in sample::run_of_every_kind() {
        report.event(&event).unwrap();
    }
    report.finish().unwrap();
    let index = std::fs::read_to_string(folder.join("index.html")).unwrap();
    assert!(index.contains("reset&#x2f;pass"));
    let page = std::fs::read_to_string(folder.join("reset.pass.html")).unwrap();
    assert!(
        !page.contains("<svg"),
        "no packets of passes, unless asked for"
    );
}
