//! This machine's kernel, as root and as an ordinary user.

use crate::verdict::Played;
use nix::unistd::geteuid;
use std::process::Command;
use std::time::Duration;
use tcpconf_tests::{Ended, Privilege, as_ordinary_user, has, spend_real_time, tcpconf};

fn play(name: &str, more: &[&str], start: impl FnOnce(&[&str]) -> Command) -> Played {
    // Where an ordinary user may write.
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    std::fs::write(&jsonl, "").unwrap();
    for (path, mode) in [(folder.path(), 0o755), (jsonl.as_path(), 0o666)] {
        let everybody = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, everybody).unwrap();
    }
    let file = jsonl.display().to_string();
    let mut arguments = vec![
        "run",
        "suites/handshake",
        "--target",
        "kernel",
        "--jsonl",
        &file,
    ];
    arguments.extend(more);
    let command = start(&arguments);
    Played::of(name, jsonl.clone(), command, Ended::of)
}

fn as_root(arguments: &[&str]) -> Command {
    tcpconf(arguments.iter().copied())
}

fn as_user(arguments: &[&str]) -> Command {
    as_ordinary_user(arguments.iter().copied())
}

/// Of every size: as many cases at once as the target likes, some, few; both IP versions; both users.
#[test]
fn the_handshake_suite_on_this_kernel_has_the_same_verdicts_for_everybody() {
    if !has(&[Privilege::UserNamespaces]) {
        return;
    }
    let _alone = spend_real_time();
    let mut runs = vec![
        play("kernel, user, IPv4 and IPv6", &["--ip", "both"], as_user),
        play(
            "kernel, user, IPv6, -j 60",
            &["--ip", "6", "-j", "60"],
            as_user,
        ),
    ];
    if geteuid().is_root() {
        runs.push(play(
            "kernel, root, IPv4 and IPv6",
            &["--ip", "both"],
            as_root,
        ));
        runs.push(play(
            "kernel, root, IPv4, -j 25",
            &["--ip", "4", "-j", "25"],
            as_root,
        ));
    }
    for run in &runs {
        run.is_complete();
        run.ends_with(0);
    }
    // Over one IP version alone, ids have no `ip=6`, and tests of the other version are skipped.
    let both = &runs[0].verdicts.shown;
    for run in &runs[1..] {
        let differ: Vec<_> = run
            .verdicts
            .shown
            .iter()
            .filter(|(id, word)| *word != "skip" && both[*id] != **word)
            .collect();
        assert!(differ.is_empty(), "{differ:?}");
    }
}

/// All eleven states by every path on IPv4 and IPv6, each confirmed; and the kernel's table of sockets is empty
/// afterwards, TIME-WAIT aside.
#[test]
fn all_states_are_reached_on_this_kernel_and_its_sockets_are_gone_afterwards() {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    let file = jsonl.display().to_string();
    let arguments = ["run", "suites/states", "--target", "kernel", "--ip", "both"];
    let command = as_root(&[&arguments[..], &["--jsonl", &file]].concat());
    let run = Played::of("kernel, states", jsonl, command, Ended::of);
    run.is_complete();
    run.ends_with(0);
    for state in [
        "CLOSED",
        "LISTEN",
        "SYN-SENT",
        "SYN-RECEIVED",
        "ESTABLISHED",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "CLOSE-WAIT",
        "CLOSING",
        "LAST-ACK",
        "TIME-WAIT",
    ] {
        let reached = run.verdicts.shown.iter().any(|(id, shown)| {
            shown == "pass"
                && match state {
                    "CLOSED" => id.starts_with("states/closed-refuses"),
                    "LISTEN" => id.starts_with("states/listen-waits"),
                    "SYN-SENT" => id.starts_with("states/active-open-is-syn-sent"),
                    _ => {
                        id.starts_with("states/state-by-path")
                            && id.contains(&format!("state={state},"))
                    }
                }
        });
        assert!(reached, "{state} was not reached");
    }
    let said = run.ended.all();
    assert!(!said.contains("sockets that are left"), "{said}");
}

/// Nothing of a run stays: no process, no network namespace, no interface.
#[test]
fn nothing_is_left_behind_by_a_run_that_is_killed() {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let interfaces = || {
        let mut names: Vec<String> = pnet::datalink::interfaces()
            .into_iter()
            .map(|i| i.name)
            .collect();
        names.sort();
        names
    };
    let before = (interfaces(), named_namespaces());
    let mut child = as_root(&["run", "suites/handshake", "--target", "kernel"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1_500));
    assert!(
        child.try_wait().unwrap().is_none(),
        "it ended too soon to be killed"
    );
    let pid = child.id();
    let family = descendants(pid);
    child.kill().unwrap();
    child.wait().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let alive: Vec<u32> = family.into_iter().filter(|pid| is_running(*pid)).collect();
    assert!(alive.is_empty(), "processes {alive:?} are still there");
    assert_eq!((interfaces(), named_namespaces()), before);
}

fn named_namespaces() -> Vec<std::ffi::OsString> {
    std::fs::read_dir("/run/netns").map_or_else(
        |_| Vec::new(),
        |entries| entries.flatten().map(|entry| entry.file_name()).collect(),
    )
}

fn is_running(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The process and all that it started.
fn descendants(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        at += 1;
        let tasks = std::fs::read_dir(format!("/proc/{parent}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let children = std::fs::read_to_string(task.path().join("children"));
            let children = children.unwrap_or_default();
            found.extend(children.split_whitespace().flat_map(str::parse::<u32>));
        }
    }
    found
}
