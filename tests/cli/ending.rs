//! Runs that end otherwise than planned: interrupted, unheard, without privileges, without a target.

use crate::{MIXED, path};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rstest::rstest;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tcpconf_target::testing::{Bed, TARGET};
use tcpconf_tests::{
    BlackHole, Ended, Privilege, Server, Verdicts, captures, has, junit_cases, root, spawn_in,
    spend_real_time, tcpconf, tcpconf_path,
};

/// Waits for it, and ends it when it hangs.
fn ended_within(mut child: std::process::Child, limit: Duration) -> Ended {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > limit {
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            panic!(
                "still running after {limit:?}: {}",
                Ended::from(output).all()
            );
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.wait_with_output().unwrap().into()
}

#[rstest]
#[case(Signal::SIGINT)]
#[case(Signal::SIGTERM)]
fn an_interrupted_run_cleans_up_and_writes_valid_reports(#[case] signal: Signal) {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (jsonl, junit, tap, pcap) = (file("o.jsonl"), file("o.xml"), file("o.tap"), file("pcap"));
    // Half a minute and more on a real target: the back-off of the SYN-ACK.
    let mut command = tcpconf([
        "run",
        "suites/handshake",
        "--target",
        "kernel",
        "-E",
        "folder(handshake)",
        "-v",
        "--jsonl",
        path(&jsonl),
        "--junit",
        path(&junit),
        "--tap",
        path(&tap),
        "--pcap",
        path(&pcap),
        "--pcap-all",
    ]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    // Interrupted while some cases have ended and others have not.
    let mut line = String::new();
    while !line.contains("PASS") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended too soon");
    }
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let ended = ended_within(child, Duration::from_secs(10));
    assert_eq!(ended.code, Some(130), "{rest}{}", ended.all());
    assert!(rest.contains("interrupted"), "{rest}");

    let verdicts = Verdicts::read(&jsonl);
    assert_eq!(verdicts.finished()["interrupted"], true);
    let judged = verdicts.with(&["pass"]).len();
    let unjudged = verdicts.with(&["skip", "inconclusive"]).len();
    assert!(
        judged > 0 && unjudged > 0,
        "{judged} judged, {unjudged} not"
    );
    assert_eq!(verdicts.shown.len() as u64, verdicts.promised());
    let cases = junit_cases(&junit);
    assert_eq!(
        cases
            .iter()
            .filter(|case| case.suite == "handshake")
            .count(),
        verdicts.shown.len()
    );
    assert!(std::fs::read_to_string(&tap).unwrap().contains("Bail out!"));
    let packets: usize = captures(&pcap).iter().map(|c| c.packets.len()).sum();
    assert!(packets > 0);
}

#[rstest]
#[case::passing("suites/handshake", 0)]
#[case::failing(MIXED, 1)]
fn a_reader_that_has_read_enough_is_no_error(#[case] suite: &str, #[case] code: i32) {
    let mut child = tcpconf(["run", suite, "-v"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.starts_with("tcpconf "), "{line}");
    drop(out);
    let ended = ended_within(child, Duration::from_secs(60));
    assert_eq!(ended.stderr, "");
    assert_eq!(ended.code, Some(code));
}

/// The same in a shell, as it is typed.
#[test]
fn head_shows_one_line_and_nothing_else() {
    let mut command = Command::new("sh");
    let script = format!(
        "'{}' run suites/handshake -v | head -1",
        tcpconf_path().display()
    );
    command.args(["-c", &script]).current_dir(root());
    let ended = Ended::of(command);
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.all());
    assert_eq!(ended.stderr, "");
}

/// No capability, and no user namespace to be had.
#[test]
fn kernel_target_without_privileges_says_what_is_missing() {
    if !has(&[Privilege::UserNamespaces]) {
        return;
    }
    let mut command = Command::new("unshare");
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && \
                  exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all \"$0\" \"$@\"";
    command
        .args(["-U", "-r", "sh", "-c", script])
        .arg(tcpconf_path())
        .args(["run", "suites/handshake", "--target", "kernel"])
        .current_dir(root());
    let ended = Ended::of(command);
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    assert!(ended.stderr.contains("needs root"), "{}", ended.stderr);
    assert!(ended.stderr.contains("`stack`"), "{}", ended.stderr);
}

#[test]
fn host_target_without_privileges_says_what_is_missing() {
    if !has(&[Privilege::UserNamespaces]) {
        return;
    }
    let mut command =
        tcpconf_tests::as_ordinary_user(["run", "suites/handshake", "--target", "127.0.0.1:9"]);
    command.current_dir("/");
    let ended = Ended::of(command);
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    let privilege = ["root", "CAP_NET_RAW"];
    assert!(
        privilege.iter().any(|p| ended.stderr.contains(p)),
        "{}",
        ended.stderr
    );
}

fn against(bed: &Bed, target: &str, more: &[&str]) -> (Ended, Verdicts) {
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    let mut command = tcpconf(["run", "suites/handshake", "--target", target]);
    command.arg("--jsonl").arg(&jsonl).args(more);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = spawn_in(&bed.injector, command);
    let ended = ended_within(child, Duration::from_secs(90));
    let verdicts = Verdicts::read(&jsonl);
    (ended, verdicts)
}

fn at(address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

#[rstest]
#[case::ipv4(TARGET[0])]
#[case::ipv6(TARGET[1])]
fn a_closed_port_is_exit_3_and_says_so(#[case] address: &str) {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let (ended, verdicts) = against(&bed, &at(address, 81), &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    assert!(ended.all().contains("is closed"), "{}", ended.all());
    assert!(verdicts.with(&["pass"]).is_empty());
    assert!(verdicts.finished()["broken"].is_string());
}

/// What is to be seen at a closed port can be tested at one.
#[test]
fn cases_of_a_closed_port_are_judged_at_a_closed_port() {
    if !has(&[Privilege::Networks, Privilege::Program("nginx")]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let _nginx = Server::nginx(&bed.target, 80);
    let (ended, verdicts) = against(
        &bed,
        &at(TARGET[0], 80),
        &[
            "--service",
            "closed=81",
            "-E",
            "closed-",
            "--profile",
            "linux",
        ],
    );
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(!verdicts.with(&["pass"]).is_empty(), "{:?}", verdicts.shown);
}

#[rstest]
#[case::ipv4("10.78.0.77")]
#[case::ipv6("fd78::77")]
fn an_address_without_a_host_is_exit_3_and_says_so(#[case] address: &str) {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let (ended, verdicts) = against(&bed, &at(address, 80), &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    assert!(ended.all().contains(address), "{}", ended.all());
    assert!(verdicts.with(&["pass"]).is_empty());
}

/// A host that is found and never answers: no test may take silence for an answer.
#[rstest]
#[case::ipv4(BlackHole::ADDRESSES[0])]
#[case::ipv6(BlackHole::ADDRESSES[1])]
fn nothing_passes_against_a_black_hole(#[case] address: &str) {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    BlackHole::dig(&bed);
    let (ended, verdicts) = against(&bed, &at(address, 80), &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    assert!(ended.all().contains("does not answer"), "{}", ended.all());
    assert_eq!(verdicts.with(&["pass", "xpass"]), Vec::<&str>::new());
}

#[rstest]
#[case::ipv4("203.0.113.1")]
#[case::ipv6("2001:db8::1")]
fn an_address_without_a_route_is_exit_3_in_every_report(#[case] address: &str) {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let bed = Bed::new().unwrap();
    let (ended, verdicts) = against(&bed, &at(address, 80), &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    assert!(ended.stderr.starts_with("error: "), "{}", ended.stderr);
    assert!(ended.stderr.contains("route"), "{}", ended.stderr);
    let broken = verdicts.finished()["broken"].as_str().unwrap();
    assert!(ended.stderr.contains(broken), "{broken}");
}

#[test]
fn a_name_that_nobody_knows_is_exit_3() {
    let ended = Ended::of(tcpconf([
        "run",
        "suites/handshake",
        "--target",
        "no-such-host.invalid:80",
    ]));
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    assert!(
        ended.stderr.contains("no-such-host.invalid"),
        "{}",
        ended.stderr
    );
}
