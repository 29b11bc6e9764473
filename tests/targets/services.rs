//! Services that somebody named, by a flag or a file, and services that are found by talking to them; a web server
//! as a source.

use rstest::rstest;
use std::path::Path;
use std::process::{Command, Stdio};
use tcpconf_engine::Profile;
use tcpconf_target::testing::{Bed, TARGET};
use tcpconf_tests::{Ended, Privilege, Server, Verdicts, has, spawn_in, spend_real_time, tcpconf};

const PORT: u16 = 8_000;
/// More than any of the tests lets through.
const LONG: usize = 1 << 20;
/// Files with tests that need a source.
const PLAYED: [&str; 2] = [
    "suites/close/opener-closes.tcpt",
    "suites/rfc2525/sender.tcpt",
];
/// One of them.
const GOES_ON: &str = "close/source-goes-on-after-our-fin";

fn there() -> bool {
    has(&[Privilege::Networks, Privilege::Program("python3")])
}

/// Runs it in the injector's namespace.
fn play(bed: &Bed, mut command: Command) -> Ended {
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = spawn_in(&bed.injector, command);
    child.wait_with_output().unwrap().into()
}

/// `tcpconf run` with these arguments, traces of all cases included.
fn run(bed: &Bed, arguments: &[&str], targets: Option<&Path>) -> (Ended, Verdicts) {
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    let mut command = tcpconf(["run", "--pcap-all", "--jsonl"]);
    command.arg(&jsonl).args(arguments);
    if let Some(file) = targets {
        command.env("TCPCONF_TARGETS", file);
    }
    let ended = play(bed, command);
    assert!(jsonl.exists(), "{}", ended.all());
    (ended, Verdicts::read(&jsonl))
}

/// How tcpconf comes to know that a web server stands there.
#[rstest]
#[case::a_flag(&["--target", "10.78.0.2:8000", "--service", "http=8000", "--profile", "linux"])]
#[case::a_flag_beside_the_target(&["--target", "10.78.0.2:9", "--service", "http=8000", "--profile", "linux"])]
#[case::a_probe(&["--target", "10.78.0.2:8000", "--profile", "linux"])]
#[case::a_file(&["--target", "web"])]
fn a_web_server_is_a_source(#[case] said: &[&str]) {
    if !there() {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let server = Server::python(&bed.target, PORT);
    let other = Server::python(&bed.target, 9);
    server.offer("index.html", LONG);
    server.offer("long", LONG);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("targets.toml");
    let text = "[web]\nprofile = \"linux\"\naddress = \"10.78.0.2:8000\"\nhttp_path = \"/long\"\n\
                [web.services]\nhttp = 8000\n";
    std::fs::write(&file, text).unwrap();
    let (ended, verdicts) = run(&bed, &[&PLAYED[..], said].concat(), Some(&file));
    for id in [
        GOES_ON,
        "rfc2525/initial-window[mss=100]",
        "rfc2525/initial-window[mss=1000]",
        "rfc2525/slow-start-grows-by-what-is-acknowledged",
        "rfc2525/one-segment-after-a-timeout",
        "rfc2525/window-probe-deadlock[rounds=1]",
    ] {
        assert!(
            verdicts.with(&["pass"]).contains(&id),
            "{id}: {}",
            ended.all()
        );
    }
    let asked = |path: &str| verdicts.sent().any(|packet| contains(&packet, path));
    assert!(asked(if said.contains(&"web") {
        "GET /long HTTP"
    } else {
        "GET / HTTP"
    }));
    drop(other);
}

fn contains(packet: &[u8], text: &str) -> bool {
    packet
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn a_short_answer_is_nobodys_failure() {
    if !there() {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let server = Server::python(&bed.target, PORT);
    server.offer("index.html", 50);
    let said = ["--target", "10.78.0.2:8000", "--profile", "linux"];
    let (ended, verdicts) = run(&bed, &[&PLAYED[..], &said].concat(), None);
    let case = verdicts.case(GOES_ON);
    assert_eq!(case["outcome"], "inconclusive", "{}", ended.all());
    let reason = case["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("the web server's answer was over after"),
        "{reason}"
    );
    assert!(
        verdicts.with(&["fail", "warn"]).is_empty(),
        "{}",
        ended.all()
    );
}

#[test]
fn init_finds_what_stands_behind_the_port_and_its_file_runs() {
    if !there() {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let server = Server::python(&bed.target, PORT);
    server.offer("index.html", LONG);
    let folder = tempfile::tempdir().unwrap();
    let here = |arguments: &[&str]| {
        let mut command = tcpconf(arguments.iter().copied());
        command.current_dir(folder.path());
        play(&bed, command)
    };
    let address = format!("{}:{PORT}", TARGET[0]);
    let ended = here(&["init", "web", "--target", &address]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let file = folder.path().join("targets.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let web = &Profile::all_from_toml(&text).unwrap()["web"];
    assert_eq!(web.services.get("http"), Some(&PORT), "{text}");
    assert_eq!(web.http_path, "/");
    assert!(text.contains("# delay_ms = 30"), "{text}");
    let only = format!("test({GOES_ON})");
    let (played, verdicts) = run(
        &bed,
        &[PLAYED[0], "-E", &only, "--target", "web"],
        Some(&file),
    );
    assert_eq!(
        verdicts.with(&["pass"]).first(),
        Some(&GOES_ON),
        "{}",
        played.all()
    );
}
