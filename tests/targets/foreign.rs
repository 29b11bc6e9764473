//! Stacks that others built: lwIP behind a TAP device, libslirp inside QEMU behind a Unix socket.

use crate::watched;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tcpconf_tests::{Ended, Privilege, Verdicts, has, root, spend_real_time, tcpconf};

/// What is over in seconds.
const LWIP: &str = "closed- or listen- or exact-rst or rst-outside or mss-in or syn-draws";
const SLIRP: &str = "closed- or listen- or mss-in or syn-draws";
/// Frames that overflow a buffer of Debian's lwIP: see suites/targets/lwip.toml.
const TOO_LONG: &str = "id(*size=536*) or id(*size=1000*) or id(*size=1460*)";
const PATIENCE: Duration = Duration::from_secs(200);

fn play<'a>(arguments: impl IntoIterator<Item = &'a str>) -> (Ended, Verdicts) {
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    let mut command = tcpconf(["run", "suites/handshake"]);
    command.args(arguments).arg("--jsonl").arg(&jsonl);
    let (ended, _) = watched(command, PATIENCE);
    assert!(jsonl.exists(), "{}", ended.all());
    (ended, Verdicts::read(&jsonl))
}

/// Judged as its target file says, most of it passed.
fn is_as_expected(ended: &Ended, verdicts: &Verdicts) {
    let red = verdicts.with(&["fail", "xpass", "error", "inconclusive"]);
    assert_eq!(ended.code, Some(0), "{red:?}\n{}", ended.all());
    let passed = verdicts.with(&["pass"]).len();
    let expected = verdicts.with(&["xfail"]).len();
    println!("{passed} passed, {expected} expected failures");
    assert!(
        passed > 150 && expected > 0,
        "{passed} passed, {expected} expected failures"
    );
}

fn compile(source: &Path, program: &Path) {
    let mut command = Command::new("gcc");
    command.args(["-O1", "-Wall", "-Werror", "-I/usr/include/lwip"]);
    command
        .arg(source)
        .arg("-o")
        .arg(program)
        .args(["-llwip", "-lpthread"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn lwip_on_a_tap_device_does_what_its_target_file_says() {
    let needs = [
        Privilege::Networks,
        Privilege::Program("gcc"),
        Privilege::File("/dev/net/tun"),
        Privilege::File("/usr/include/lwip/lwip/opt.h"),
    ];
    if !has(&needs) {
        return;
    }
    let _alone = spend_real_time();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("lwip");
    compile(&root().join("tests/targets/lwip.c"), &program);
    let target = format!("exec:{}", program.display());
    let (ended, verdicts) = play([
        "--target",
        &target,
        "--profile",
        "lwip",
        "-E",
        LWIP,
        "--exclude",
        TOO_LONG,
    ]);
    is_as_expected(&ended, &verdicts);
}

#[test]
fn libslirp_in_qemu_does_what_its_target_file_says_without_a_privilege() {
    if !has(&[Privilege::Program("qemu-system-x86_64")]) {
        return;
    }
    let _alone = spend_real_time();
    let (ended, verdicts) = play(["--target", "slirp", "-E", SLIRP]);
    is_as_expected(&ended, &verdicts);
}

/// What was awaited is named, with what the process had to say.
#[test]
fn a_process_that_never_answers_or_ends_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("s").display());
    for (script, words) in [
        (
            "echo no memory >&2; exit 7",
            "ended with exit code 7; the last that it wrote:\n    no memory",
        ),
        ("echo hello; sleep 100", "nothing listens at"),
    ] {
        let file = folder.path().join("stack.sh");
        std::fs::write(&file, script).unwrap();
        let target = format!("exec:sh {}", file.display());
        let profile = folder.path().join("p.toml");
        std::fs::write(&profile, "name = \"p\"\n[link]\nready_ms = 700\n").unwrap();
        let mut command = tcpconf(["run", "suites/handshake", "--target", &target]);
        command
            .args(["--transport", &socket])
            .arg("--profile")
            .arg(&profile);
        let (ended, _) = watched(command, Duration::from_secs(30));
        assert_eq!(ended.code, Some(3), "{}", ended.all());
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}
