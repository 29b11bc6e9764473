//! Transports with the built-in stack behind them: the verdicts of `--target stack`, in real time. `tap:` is lwIP's (foreign.rs).

use crate::watched;
use rstest::rstest;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tcpconf_target::testing::{Bed, Place};
use tcpconf_tests::{Privilege, Verdicts, has, spawn_in, spend_real_time, tcpconf};

/// The program behind the transport.
const BEHIND: &str = env!("CARGO_BIN_EXE_behind");
/// What is over in seconds.
const QUICK: &str = "closed- or listen- or exact-rst or rst-outside or mss-in or syn-draws";
const PATIENCE: Duration = Duration::from_secs(200);

fn handshake(more: &[&str]) -> Command {
    let mut command = tcpconf(["run", "suites/handshake", "--profile", "stack", "-E", QUICK]);
    command.args(more);
    command
}

fn play(mut command: Command) -> Verdicts {
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    command.arg("--jsonl").arg(&jsonl);
    let (ended, _) = watched(command, PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    Verdicts::read(&jsonl)
}

/// As through the seam, but for what a stack behind a wire cannot be asked for.
fn are_those_of_the_stack(verdicts: &Verdicts) {
    let own = play(handshake(&["--target", "stack"]));
    assert_eq!(verdicts.shown.len(), own.shown.len());
    let judged = |id: &&String| verdicts.shown[*id] != "unsupported";
    let judged: Vec<&String> = own.shown.keys().filter(judged).collect();
    assert!(judged.len() > 100, "{} cases", judged.len());
    for id in judged {
        assert_eq!(verdicts.shown[id], own.shown[id], "{id}");
    }
}

#[rstest]
#[case::tun("tun", "tun:tcpconf0", true)]
#[case::unix("listen", "unix:SOCKET", false)]
#[case::unix_listen("connect", "unix-listen:SOCKET", false)]
#[case::unixseq("packets", "unixseq:SOCKET", false)]
fn a_stack_that_is_started_behind_a_transport(
    #[case] kind: &str,
    #[case] transport: &str,
    #[case] device: bool,
) {
    if device && !has(&[Privilege::Networks, Privilege::File("/dev/net/tun")]) {
        return;
    }
    let _alone = spend_real_time();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let transport = transport.replace("SOCKET", &socket.display().to_string());
    let target = format!("exec:{BEHIND} {kind}");
    let way = ["--target", &target, "--transport", &transport];
    let addresses = ["--address", "192.0.2.1:80", "--source", "192.0.2.10"];
    are_those_of_the_stack(&play(handshake(&[way, addresses].concat())));
}

/// A program at the other end of an interface.
struct Running(Child);

impl Running {
    fn start(place: &Place) -> Self {
        let mut command = Command::new(BEHIND);
        command.arg("interface").env("TCPCONF_IF", "eth0");
        command.stdin(Stdio::null());
        Self(spawn_in(place, command))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().unwrap_or_default();
        drop(self.0.wait());
    }
}

#[test]
fn a_stack_behind_an_interface_that_exists() {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let _running = Running::start(&bed.target);
    let command = handshake(&[
        "--target",
        "192.0.2.1:80",
        "--transport",
        "packet:eth0",
        "--source",
        "192.0.2.10",
    ]);
    are_those_of_the_stack(&bed.injector.run(move || play(command)));
}

/// A path that was mistyped may be that of the user's work.
#[rstest]
#[case::stream("unix-listen")]
#[case::packets("unixseq")]
fn a_file_at_the_sockets_path_stays(#[case] kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("thesis.txt");
    std::fs::write(&file, "years").unwrap();
    let mut command = tcpconf(["run", "handshake", "--target", "exec:/bin/true"]);
    command.arg("--transport");
    command.arg(format!("{kind}:{}", file.display()));
    let ended = tcpconf_tests::Ended::of(command);
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    assert!(ended.stderr.contains("no socket"), "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "years");
}
