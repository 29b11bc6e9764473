//! What is wrong before anything is played.

use crate::{records, run};
use rstest::rstest;
use tcpconf_tests::Verdicts;

#[rstest]
#[case::missing_suite(&["suites/nope"], 2)]
#[case::misspelt_suite(&["suites/handshak"], 2)]
#[case::five_errors(&["tests/cli/suites/five-errors.tcpt"], 2)]
#[case::empty_selection(&["suites/handshake", "-E", "nothing-is-called-so"], 4)]
#[case::wrong_filter(&["suites/handshake", "-E", "id(x"], 2)]
#[case::unknown_target(&["suites/handshake", "--target", "krenel"], 2)]
#[case::unknown_profile(&["suites/handshake", "--profile", "linx"], 2)]
#[case::multicast_target(&["suites/handshake", "--target", "224.0.0.1:80"], 2)]
#[case::broadcast_target(&["suites/handshake", "--target", "255.255.255.255:80"], 2)]
#[case::no_jobs(&["suites/handshake", "-j", "0"], 2)]
fn mistakes_are_named_with_their_code(#[case] arguments: &[&str], #[case] code: i32) {
    let ended = run(arguments.iter().copied());
    assert_eq!(ended.code, Some(code), "{}", ended.all());
    assert_eq!(ended.stdout, "");
    assert!(!ended.stderr.contains('\x1b'));
    let name = arguments
        .join(" ")
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    insta::assert_snapshot!(format!("mistake__{name}"), ended.stderr);
}

#[test]
fn all_five_errors_are_shown_in_one_pass() {
    let ended = run(["tests/cli/suites/five-errors.tcpt"]);
    let carets = ended.stderr.lines().filter(|l| l.contains("^^")).count();
    assert_eq!(carets, 5, "{}", ended.stderr);
    assert!(ended.stderr.contains("the suites have 5 errors"));
}

#[test]
fn only_unsupported_cases_are_exit_5_with_words() {
    let ended = run(["tests/cli/suites/only-fast-open.tcpt"]);
    assert_eq!(ended.code, Some(5), "{}", ended.all());
    assert!(
        ended
            .stdout
            .contains("the target supports none of what was selected")
    );
    assert!(ended.stdout.contains("does not claim fastopen"));
}

/// Otherwise the reports of the run before would be taken for this one's.
#[rstest]
#[case::empty_selection(&["suites/handshake", "-E", "nothing-is-called-so"], 4)]
#[case::missing_suite(&["suites/nope"], 2)]
fn a_run_that_cannot_begin_writes_its_reports(#[case] arguments: &[&str], #[case] code: i32) {
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("out.jsonl");
    let junit = folder.path().join("out.xml");
    for report in [&jsonl, &junit] {
        std::fs::write(report, "of the run before").unwrap();
    }
    let mut all = arguments.to_vec();
    all.extend([
        "--jsonl",
        crate::path(&jsonl),
        "--junit",
        crate::path(&junit),
    ]);
    let ended = run(all);
    assert_eq!(ended.code, Some(code), "{}", ended.all());
    let verdicts = Verdicts::read(&jsonl);
    assert_eq!(verdicts.promised(), 0);
    assert!(
        verdicts.finished()["counts"]
            .as_object()
            .unwrap()
            .is_empty()
    );
    assert!(tcpconf_tests::junit_cases(&junit).len() <= 1);
}

#[test]
fn filters_choose_what_is_played() {
    let (ended, verdicts) = records(["suites/handshake", "-E", "test(handshake/syn-window)"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert_eq!(verdicts.shown.len(), 10);
    let (_, both) = records([
        "suites/handshake",
        "-E",
        "syn-window",
        "--exclude",
        "id(*window=0*) or not syn-window",
    ]);
    assert!(!both.shown.is_empty());
    assert!(
        both.shown
            .keys()
            .all(|id| id.contains("syn-window") && !id.contains("window=0,"))
    );
    let (_, levels) = records(["suites/handshake", "--level", "must"]);
    assert!(
        levels
            .of("case-finished")
            .all(|case| case["level"] == "must")
    );
}
