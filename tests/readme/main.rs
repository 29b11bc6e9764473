//! README.md and docs/findings.md say what the binary says.
//!
//! In ```` ```console ```` blocks, lines that begin with `$ ` are commands; what stands below one, up to the next, is
//! its output. Numbers and durations may differ, and `…` alone on a line stands for any number of lines.
//! Commands of tcpconf are run (`cargo run --release --` is the dev build here). Hosts are an nginx in a
//! namespace of the test's own, and of a run against one the cases that the README shows are played.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use regex::Regex;
use rstest::rstest;
use std::process::{Command, Stdio};
use tcpconf_tests::{Ended, root, tcpconf_path};

#[derive(Debug, PartialEq, Eq)]
struct Example {
    line: usize,
    command: String,
    output: Vec<String>,
}

fn examples(text: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut inside = false;
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
            open = false;
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            let command = command.split("  #").next().unwrap_or(command).trim();
            found.push(Example {
                line: index + 1,
                command: command.to_owned(),
                output: Vec::new(),
            });
            open = true;
        } else if let (true, Some(example)) = (open, found.last_mut()) {
            example.output.push(line.to_owned());
        }
    }
    for example in &mut found {
        while example.output.last().is_some_and(String::is_empty) {
            example.output.pop();
        }
    }
    found
}

/// Where the README's hosts are while it is tested.
#[cfg(target_os = "linux")]
const HOSTS: [(&str, &str); 3] = [
    ("10.0.0.2:80", "10.78.0.2:80"),
    ("[fd00::2]:80", "[fd78::2]:80"),
    ("fd00::99", "fd78::50"),
];

/// How a command can be played here.
#[derive(Debug, PartialEq, Eq)]
enum Play<'a> {
    /// As it stands.
    Here(&'a str),
    /// Against nginx in a namespace.
    Host(&'a str),
    /// Not at all.
    Not,
}

fn play(command: &str) -> Play<'_> {
    let command = command.strip_prefix("sudo ").unwrap_or(command);
    let heads = ["cargo run --release -- ", "cargo run -- ", "tcpconf "];
    let arguments = heads.iter().find_map(|head| command.strip_prefix(head));
    let host = Regex::new(r"--target \S+:\d+").unwrap();
    match arguments {
        None => Play::Not,
        Some(arguments) if host.is_match(arguments) => Play::Host(arguments),
        Some(arguments) => Play::Here(arguments),
    }
}

fn tcpconf_in_a_shell(arguments: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("exec '{}' {arguments}", tcpconf_path().display());
    command
        .args(["-c", &script])
        .current_dir(root())
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Whether it needs the kernel target where there is none.
#[cfg(target_os = "linux")]
fn lacks_a_kernel(arguments: &str) -> bool {
    use tcpconf_tests::{Privilege, has};

    arguments.contains("--target kernel") && !has(&[Privilege::UserNamespaces])
}

#[cfg(not(target_os = "linux"))]
fn lacks_a_kernel(arguments: &str) -> bool {
    arguments.contains("--target kernel")
}

/// What it says against nginx, if networks may be made: the case that the example shows alone.
#[cfg(target_os = "linux")]
fn against_a_host(arguments: &str, shown: &[String]) -> Option<Ended> {
    use tcpconf_target::testing::Bed;
    use tcpconf_tests::{Privilege, Server, blocks, has, spawn_in};

    if !has(&[Privilege::Networks, Privilege::Program("nginx")]) {
        return None;
    }
    let bed = Bed::new().unwrap();
    let _nginx = Server::nginx(&bed.target, 80);
    let mut arguments = arguments.to_owned();
    for (written, there) in HOSTS {
        arguments = arguments.replace(written, there);
    }
    for (id, _) in blocks(&shown.join("\n")) {
        arguments += &format!(" -E 'id({id})'");
    }
    let child = spawn_in(&bed.injector, tcpconf_in_a_shell(&arguments));
    let mut ended = Ended::from(child.wait_with_output().unwrap());
    for (written, there) in HOSTS {
        ended.stdout = ended.stdout.replace(there, written);
    }
    Some(ended)
}

#[cfg(not(target_os = "linux"))]
fn against_a_host(_arguments: &str, _shown: &[String]) -> Option<Ended> {
    None
}

/// A line without its numbers, durations and the widths that follow from them.
fn shape(line: &str) -> String {
    let number = Regex::new(r"\d[\d.]*(?:ns|µs|ms|min|s\b)?").unwrap();
    let blanks = Regex::new(r" {2,}").unwrap();
    let text = number.replace_all(line.trim_end(), "N");
    blanks.replace_all(&text, "  ").into_owned()
}

/// Whether `actual` is `expected`, in which `…` stands for any number of lines.
fn fits(expected: &[String], actual: &[String]) -> bool {
    match expected.split_first() {
        None => actual.is_empty(),
        Some((first, rest)) if first.trim() == "…" => {
            (0..=actual.len()).any(|skipped| fits(rest, &actual[skipped..]))
        }
        Some((first, rest)) => actual
            .split_first()
            .is_some_and(|(line, more)| shape(first) == shape(line) && fits(rest, more)),
    }
}

#[rstest]
#[case("README.md")]
#[case("docs/findings.md")]
fn commands_say_what_stands_below_them(#[case] page: &str) {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let all = examples(&text);
    let mut compared = 0;
    for example in &all {
        let ended = match play(&example.command) {
            Play::Here(arguments) if lacks_a_kernel(arguments) => None,
            Play::Here(arguments) => Some(Ended::of(tcpconf_in_a_shell(arguments))),
            Play::Host(arguments) if !example.output.is_empty() => {
                against_a_host(arguments, &example.output)
            }
            Play::Host(_) | Play::Not => None,
        };
        let Some(ended) = ended else {
            println!("not run: {}", example.command);
            continue;
        };
        if example.output.is_empty() {
            let line = example.line;
            assert_eq!(ended.code, Some(0), "{page}:{line}: {}", ended.all());
            continue;
        }
        compared += 1;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        let actual: Vec<String> = said.trim_end().lines().map(str::to_owned).collect();
        assert!(
            fits(&example.output, &actual),
            "{page}:{}: `{}` says\n{said}\nbut below it stands\n{}",
            example.line,
            example.command,
            example.output.join("\n")
        );
    }
    assert!(
        compared > 0,
        "{page} shows no command of tcpconf with its output"
    );
}

#[test]
fn outputs_are_compared_but_for_numbers() {
    let text = "```console\n$ tcpconf run a   # why\n 3 of 4 passed; 0.04s\n…\nend\n```\n```text\n$ not this\n```\n";
    let found = examples(text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].command, "tcpconf run a");
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(fits(
        &found[0].output,
        &lines(" 12 of 13 passed; 120.4ms\nx\ny\nend")
    ));
    assert!(fits(&found[0].output, &lines(" 12 of 13 passed; 2s\nend")));
    assert!(!fits(&found[0].output, &lines(" 12 of 13 failed; 2s\nend")));
    assert!(!fits(&found[0].output, &lines(" 12 of 13 passed; 2s\nx")));
}
