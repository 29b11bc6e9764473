//! What is wrong before anything is played.

use crate::{records, run};
use rstest::rstest;
use tcpconf_tests::{Ended, Verdicts, tcpconf};

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
#[case::fewer_than_no_jobs(&["suites/handshake", "-j", "-1"], 2)]
#[case::two_reports_in_one_file(&["suites/handshake", "--jsonl", "-", "--tap", "-"], 2)]
#[case::no_port(&["suites/handshake", "--target", "10.0.0.2"], 2)]
#[case::no_interface(&["suites/handshake", "--target", "exec:x", "--transport", "tap:a-name-that-is-too-long"], 2)]
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

fn other(arguments: &[&str]) -> Ended {
    Ended::of(tcpconf(arguments.iter().copied()))
}

/// Otherwise a snapshot of minutes is made, and lost.
#[rstest]
#[case::snapshot(&["snapshot", "suites/handshake/basic.tcpt", "--output"])]
#[case::init(&["init", "mine", "--file"])]
fn a_file_that_cannot_be_written_is_named_before_anything_is_played(#[case] arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("missing/file");
    let ended = other(&[arguments, &[crate::path(&file)]].concat());
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("missing/file"), "{}", ended.stderr);
}

#[cfg(target_os = "linux")]
#[rstest]
#[case::snapshot(&["snapshot", "suites/handshake/basic.tcpt", "--output", "/dev/full"], "# tcpconf snapshot 1\n")]
#[case::init(&["init", "mine", "--file", "/dev/full"], "# By tcpconf ")]
fn what_a_full_disk_does_not_take_is_on_stdout(#[case] arguments: &[&str], #[case] begin: &str) {
    let ended = other(arguments);
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    assert!(ended.stdout.starts_with(begin), "{}", ended.stdout);
    assert!(ended.stderr.contains("No space left"), "{}", ended.stderr);
    assert!(ended.stderr.contains("is on stdout"), "{}", ended.stderr);
}

#[test]
fn no_plays_and_no_quiet_are_refused() {
    for nothing in [["--plays", "0"], ["--quiet", "0s"]] {
        let ended = other(&[&["snapshot", "suites/handshake"][..], &nothing].concat());
        assert_eq!(ended.code, Some(2), "{}", ended.all());
    }
}

#[test]
fn a_test_is_explained_with_its_folder() {
    let ended = other(&["explain", "syn-draws-syn-ack"]);
    assert_eq!(ended.code, Some(2), "{}", ended.all());
    let help = "help: did you mean 'handshake/syn-draws-syn-ack'?\n";
    assert!(ended.stderr.ends_with(help), "{}", ended.stderr);
}

#[test]
fn formatting_nothing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let ended = other(&["fmt", crate::path(folder.path())]);
    assert_eq!(ended.code, Some(2), "{}", ended.all());
    assert!(
        ended.stderr.contains("no .tcpt file in"),
        "{}",
        ended.stderr
    );
}

#[cfg(unix)]
#[test]
fn formatting_leaves_a_link_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("a.tcpt"), folder.path().join("b.tcpt"));
    let text = std::fs::read_to_string(tcpconf_tests::root().join(crate::MIXED)).unwrap();
    std::fs::write(&file, text.replace("  ", "    ")).unwrap();
    std::os::unix::fs::symlink("a.tcpt", &link).unwrap();
    let ended = other(&["fmt", crate::path(&link)]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}
