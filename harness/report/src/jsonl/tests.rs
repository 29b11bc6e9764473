use super::record::{Record, SCHEMA_VERSION};
use super::*;
use crate::sample;
use std::path::Path;

fn written(all_packets: bool) -> Vec<Record> {
    let mut out = Vec::new();
    let mut report = JsonLines::new(&mut out, all_packets);
    for event in sample::run_of_every_kind() {
        report.event(&event).unwrap();
    }
    report.finish().unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn traces(records: &[Record]) -> Vec<(String, bool)> {
    records
        .iter()
        .filter_map(|record| match record {
            Record::CaseFinished(case) => Some((case.id.clone(), case.trace.is_some())),
            _ => None,
        })
        .collect()
}

#[test]
fn first_line_states_the_schema_and_lines_read_back() {
    let records = written(false);
    assert_eq!(records.len(), sample::run_of_every_kind().len());
    let Record::Started(started) = &records[0] else {
        panic!("{:?}", records[0])
    };
    assert_eq!(started.schema, SCHEMA_VERSION);
    assert!(matches!(records.last(), Some(Record::Finished(_))));
}

#[test]
fn packets_come_with_what_did_not_pass_or_when_asked_for() {
    for (id, traced) in traces(&written(false)) {
        assert_eq!(traced, id.contains("fail"), "{id}");
    }
    assert!(
        traces(&written(true))
            .iter()
            .filter(|(_, traced)| *traced)
            .count()
            > 1
    );
}

#[test]
fn failed_case_as_a_line() {
    let event = RunEvent::CaseFinished(Box::new(sample::failed()));
    let line = serde_json::to_string_pretty(&Record::of(&event, true)).unwrap();
    insta::assert_snapshot!(line);
}

/// The file is written by `UPDATE_SCHEMA=1 cargo test -p tcpconf-report schema`.
#[test]
fn written_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/jsonl.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(Record)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
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
