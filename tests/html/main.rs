//! The HTML report, opened in a real browser; the pages have no scripts.
//!
//! Needs chromium; skipped with the reason without it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;
use tcpconf_tests::{Ended, Privilege, has, root, tcpconf};
use tempfile::TempDir;

/// No network of its own, no profile of the user.
const QUIET: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// The document as the browser understood it.
fn opened(page: &Path) -> String {
    let profile = TempDir::new().unwrap();
    let mut command = Command::new("chromium");
    command
        .args(QUIET)
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()));
    let ended = Ended::of(command);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    ended.stdout
}

/// A run whose tests are meant to fail, and one of handshakes that pass, with pages and captures.
fn pages() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for (name, suite) in [
        ("red", "tests/golden/suites/segment.tcpt"),
        ("green", "suites/handshake/basic.tcpt"),
    ] {
        let (html, pcap) = (at(&format!("{name}/html")), at(&format!("{name}/pcap")));
        let jsonl = at(&format!("{name}.jsonl"));
        let arguments = [
            "run", suite, "--html", &html, "--pcap", &pcap, "--jsonl", &jsonl,
        ];
        let ended = Ended::of(tcpconf(arguments));
        let expected = Some(i32::from(name == "red"));
        assert_eq!(ended.code, expected, "{}", ended.all());
    }
    folder
}

#[test]
fn browser_shows_the_matrix_and_every_failure_with_its_ladder() {
    if !has(&[Privilege::Program("chromium")]) {
        return;
    }
    let folder = pages();
    let index = opened(&folder.path().join("red/html/index.html"));
    assert!(index.contains("<table class=\"matrix\">"), "{index}");
    assert!(index.contains("<a class=\"mono\" href=\"suites.flags.html\">suites/flags</a>"));
    assert!(index.contains("<span class=\"word fail\">1 fail</span>"));
    assert!(index.contains("invariant/checksum"));

    let page = opened(&folder.path().join("red/html/suites.several.html"));
    assert!(page.contains("<svg class=\"ladder\""), "{page}");
    assert!(page.contains("<table class=\"beside\">"));
    assert!(page.contains("<table class=\"differences\">"));
    assert!(page.contains("<details class=\"case\" open=\"\">"));
    let link = page
        .split("href=\"../pcap/")
        .nth(1)
        .expect("a link to the capture");
    let capture = link.split('"').next().unwrap();
    assert!(
        folder.path().join("red/pcap").join(capture).is_file(),
        "{capture}"
    );
}

#[test]
fn runs_stand_beside_one_another() {
    let folder = pages();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (both, red, green) = (at("both"), at("red.jsonl"), at("green.jsonl"));
    let ended = Ended::of(tcpconf(["report", "--html", &both, &red, &green]));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let index = std::fs::read_to_string(folder.path().join("both/index.html")).unwrap();
    assert!(index.contains("<th>stack</th><th>stack (2)</th>"));
    assert!(folder.path().join("both/suites.several.html").is_file());
    assert!(
        index.contains("<td class=\"none\">-</td>"),
        "not played in the other run"
    );
}

#[test]
fn what_is_no_run_is_refused() {
    let manifest = root().join("Cargo.toml").display().to_string();
    let ended = Ended::of(tcpconf(["report", "--html", "/nonexistent", &manifest]));
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("line 1"), "{}", ended.stderr);
}

#[test]
fn browser_shows_coverage() {
    if !has(&[Privilege::Program("chromium")]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let at = folder.path().display().to_string();
    let ended = Ended::of(tcpconf(["coverage", "suites", "--html", &at]));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let page = opened(&folder.path().join("index.html"));
    assert!(page.contains("<tr id=\"RFC9293-MUST-2\">"));
    assert!(page.contains("<table id=\"yardsticks\">"));
    assert!(page.contains("TC8:BASICS_01"));
}
