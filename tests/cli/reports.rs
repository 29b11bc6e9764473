//! What a run leaves behind, read by other people's parsers where there are any.

use crate::{MIXED, path, run};
use rstest::rstest;
use tcpconf_tests::{Verdicts, captures, junit_cases};
use tcpconf_wire::Segment;

struct Reports {
    folder: tempfile::TempDir,
    ended: tcpconf_tests::Ended,
}

impl Reports {
    fn of(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let (jsonl, junit) = (file("out.jsonl"), file("out.xml"));
        let (tap, pcap) = (file("out.tap"), file("pcap"));
        let mut all = arguments.to_vec();
        all.extend(["--jsonl", &jsonl, "--junit", &junit]);
        all.extend(["--tap", &tap, "--pcap", &pcap]);
        let ended = run(all);
        Self { folder, ended }
    }

    fn verdicts(&self) -> Verdicts {
        Verdicts::read(&self.folder.path().join("out.jsonl"))
    }
}

#[test]
fn all_reports_tell_the_same() {
    let reports = Reports::of(&[MIXED]);
    assert_eq!(reports.ended.code, Some(1), "{}", reports.ended.all());
    let folder = reports.folder.path();

    let verdicts = reports.verdicts();
    let words: Vec<(&str, &str)> = verdicts
        .shown
        .iter()
        .map(|(id, word)| (id.as_str(), word.as_str()))
        .collect();
    let expected = [
        ("suites/a-pass", "pass"),
        ("suites/b-fail", "fail"),
        ("suites/c-warn", "warn"),
        ("suites/d-pass", "pass"),
    ];
    assert_eq!(words, expected);
    let counts = &verdicts.finished()["counts"];
    assert_eq!((&counts["fail"], &counts["warn"]), (&1.into(), &1.into()));

    let junit = junit_cases(&folder.join("out.xml"));
    let inside: Vec<(&str, Vec<&str>)> = junit
        .iter()
        .filter(|case| case.suite == "suites")
        .map(|case| {
            (
                case.name.as_str(),
                case.inside.iter().map(String::as_str).collect(),
            )
        })
        .collect();
    assert_eq!(inside.len(), 4);
    assert_eq!(inside[0], ("a-pass", vec![]));
    assert_eq!(inside[1].0, "b-fail");
    assert!(inside[1].1.contains(&"failure"), "{inside:?}");
    assert_eq!(inside[2], ("c-warn", vec!["system-out"]));
    let invariants = junit.iter().filter(|case| case.suite == "invariant");
    assert_eq!(
        invariants.count(),
        verdicts.of("invariant-finished").count()
    );

    let tap = std::fs::read_to_string(folder.join("out.tap")).unwrap();
    let lines: Vec<&str> = tap.lines().collect();
    assert_eq!(lines[0], "TAP version 14");
    assert!(lines.contains(&"ok 1 - suites/a-pass"));
    assert!(lines.contains(&"not ok 2 - suites/b-fail"));
    assert!(tap.contains("\nnot ok 3 - suites/c-warn # TODO"));
    assert_eq!(lines.last(), Some(&"1..24"));
}

#[rstest]
#[case::failed_alone(&[MIXED], &["suites.b-fail.pcapng", "suites.c-warn.pcapng"])]
#[case::all(
    &[MIXED, "--pcap-all"],
    &["suites.a-pass.pcapng", "suites.b-fail.pcapng", "suites.c-warn.pcapng", "suites.d-pass.pcapng"]
)]
fn captures_hold_the_packets_of_the_records(#[case] arguments: &[&str], #[case] files: &[&str]) {
    let reports = Reports::of(arguments);
    let found = captures(&reports.folder.path().join("pcap"));
    let names: Vec<&str> = found.iter().map(|capture| capture.file.as_str()).collect();
    assert_eq!(names, files);
    let verdicts = reports.verdicts();
    for capture in &found {
        let id = capture.file.replace(".pcapng", "").replacen('.', "/", 1);
        let trace = verdicts.case(&id)["trace"].as_array().unwrap();
        assert_eq!(capture.packets.len(), trace.len());
        for (packet, entry) in capture.packets.iter().zip(trace) {
            let hex: String = packet.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(entry["hex"], hex);
            assert!(
                Segment::parse(packet).is_some(),
                "a TCP segment in an IP packet"
            );
        }
    }
    assert_eq!(
        verdicts.case("suites/a-pass")["trace"].is_array(),
        arguments.contains(&"--pcap-all")
    );
}

#[rstest]
#[case::no_such_folder("--junit", "/nonexistent/out.xml")]
#[case::no_such_folder_for_records("--jsonl", "/nonexistent/out.jsonl")]
#[case::a_folder("--tap", "/")]
#[case::a_file_in_the_way("--pcap", "/dev/null/pcap")]
#[case::a_full_disk("--junit", "/dev/full")]
#[case::a_full_disk_for_records("--jsonl", "/dev/full")]
fn a_report_that_cannot_be_written_is_exit_3_and_the_others_are_written(
    #[case] flag: &str,
    #[case] place: &str,
) {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    let (with, as_text) = match flag {
        "--tap" => ("--jsonl", false),
        _ => ("--tap", true),
    };
    let ended = run([MIXED, flag, place, with, path(&other)]);
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    let complaint = format!("error: {flag} {place}: ");
    assert!(ended.stderr.starts_with(&complaint), "{}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1);
    assert!(ended.stdout.contains("TOTAL"));
    let text = std::fs::read_to_string(&other).unwrap();
    assert!(if as_text {
        text.ends_with("1..24\n")
    } else {
        Verdicts::parse(&text).shown.len() == 4
    });
}

#[test]
fn records_on_stdout_stand_there_alone() {
    let ended = run([MIXED, "--jsonl", "-"]);
    assert_eq!(Verdicts::parse(&ended.stdout).shown.len(), 4);
    assert!(ended.stderr.contains("TOTAL"));
}

#[test]
fn nothing_in_a_pipe_is_a_control_character() {
    let ended = run(["suites/handshake", "-v"]);
    let odd = |c: char| c.is_control() && c != '\n';
    assert!(!ended.stdout.contains(odd) && !ended.stderr.contains(odd));
    let coloured = run([MIXED, "--color", "always"]);
    assert!(
        coloured.stdout.contains("\x1b["),
        "--color always is obeyed"
    );
}
