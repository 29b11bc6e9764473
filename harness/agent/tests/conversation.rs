//! The examples of docs/agent.md, line by line: against the agent of this crate, and those of the required
//! verbs against the one in C.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tcpconf_agent::server::{Agent, AgentOptions};

/// For a line that does not come.
const PATIENCE: Duration = Duration::from_secs(10);

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The lines of all blocks of a language in docs/agent.md.
fn blocks(languages: &[&str]) -> Vec<String> {
    let text = std::fs::read_to_string(docs().join("agent.md")).unwrap();
    let mut inside = false;
    let mut out = Vec::new();
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            inside = !inside && languages.contains(&language);
        } else if inside {
            out.push(line.to_owned());
        }
    }
    out
}

/// Ports of the documentation, 7000 to 7009, as ports that nobody has here.
fn with_free_ports(lines: &[String]) -> Vec<String> {
    let mut taken = Vec::new();
    let free: BTreeMap<String, String> = (7_000..7_010)
        .map(|port| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let here = listener.local_addr().unwrap().port();
            taken.push(listener);
            (port.to_string(), here.to_string())
        })
        .collect();
    let replaced = |word: &str| -> String {
        let (before, port) = word.rsplit_once(':').unwrap_or(("", word));
        match free.get(port) {
            Some(here) if before.is_empty() => here.clone(),
            Some(here) => format!("{before}:{here}"),
            None => word.to_owned(),
        }
    };
    lines
        .iter()
        .map(|line| line.split(' ').map(replaced).collect::<Vec<_>>().join(" "))
        .collect()
}

/// Whether a line is as the documentation has it, where `…` stands for anything.
fn is_as(line: &str, documented: &str) -> bool {
    let mut parts = documented.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((last, between)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in between {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Plays requests and wants the answers; those to one request may come in any order.
fn converse(address: SocketAddr, lines: &[String]) {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut wanted: Vec<&str> = Vec::new();
    let mut said = Vec::new();
    let mut settle = |wanted: &mut Vec<&str>, said: &mut Vec<String>| {
        while !wanted.is_empty() {
            let mut line = String::new();
            let read = reader.read_line(&mut line);
            assert!(
                matches!(read, Ok(1..)),
                "{read:?} instead of {wanted:?} after:\n{}",
                said.join("\n")
            );
            let line = line.trim_end().to_owned();
            said.push(format!("< {line}"));
            let found = wanted.iter().position(|wanted| is_as(&line, wanted));
            let Some(found) = found else {
                panic!("none of {wanted:?}:\n{}", said.join("\n"));
            };
            wanted.remove(found);
        }
    };
    for line in lines {
        if let Some(request) = line.strip_prefix("> ") {
            settle(&mut wanted, &mut said);
            said.push(line.clone());
            writeln!(&stream, "{request}").unwrap();
        } else if let Some(answer) = line.strip_prefix("< ") {
            wanted.push(answer);
        } else {
            panic!("neither asked nor answered: {line}");
        }
    }
    settle(&mut wanted, &mut said);
    assert!(said.len() > 30, "the documentation has examples");
}

#[test]
fn this_agent_says_what_the_documentation_says() {
    let agent = Agent::listen(([127, 0, 0, 1], 0).into(), AgentOptions::default()).unwrap();
    let address = agent.address().unwrap();
    let (stop, stopped) = std::os::unix::net::UnixStream::pair().unwrap();
    let serving = std::thread::spawn(move || agent.run(stopped.as_fd(), &mut || None, &mut |_| {}));
    converse(
        address,
        &with_free_ports(&blocks(&["agent", "agent-optional"])),
    );
    drop(stop);
    serving.join().unwrap().unwrap();
}

/// The agent in C while it runs.
struct InC {
    child: Child,
    address: SocketAddr,
}

impl InC {
    /// `None`, with a word about it, when there is no compiler.
    fn start(folder: &Path) -> Option<Self> {
        let program = folder.join("agent");
        let compiled = Command::new("cc")
            .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-o"])
            .arg(&program)
            .arg(docs().join("examples/agent.c"))
            .status();
        let Ok(status) = compiled else {
            assert!(
                std::env::var("TCPCONF_REQUIRE_KERNEL").as_deref() != Ok("1"),
                "TCPCONF_REQUIRE_KERNEL=1, but there is no cc"
            );
            println!("SKIPPED: there is no cc");
            return None;
        };
        assert!(status.success(), "agent.c compiles without a warning");
        let mut child = Command::new(program)
            .arg("0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap();
        Some(Self {
            child,
            address: address.parse().unwrap(),
        })
    }
}

impl Drop for InC {
    fn drop(&mut self) {
        self.child.kill().unwrap_or_default();
        drop(self.child.wait());
    }
}

#[test]
fn the_agent_in_c_says_what_the_documentation_says() {
    let folder = tempfile::tempdir().unwrap();
    let Some(agent) = InC::start(folder.path()) else {
        return;
    };
    let lines = with_free_ports(&blocks(&["agent"]));
    converse(agent.address, &lines);
    // The next controller finds nothing that the last one left.
    converse(agent.address, &renumbered(&lines));
}

/// Sockets are numbered on from those of the last conversation.
fn renumbered(lines: &[String]) -> Vec<String> {
    const MADE: u64 = 4;
    let up = |word: &str| -> String {
        word.parse::<u64>()
            .map_or_else(|_| word.to_owned(), |number| (number + MADE).to_string())
    };
    lines
        .iter()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let numbered = match words.as_slice() {
                [">", _, "hello" | "reset" | "listen" | "connect", ..] => None,
                [">", ..] => Some(3..4),
                ["<", "*", "accepted", ..] => Some(3..5),
                ["<", "*", ..] => Some(3..4),
                ["<", _, "ok", "socket", _] => Some(4..5),
                _ => None,
            }
            .unwrap_or(0..0);
            let words = words.iter().enumerate();
            words
                .map(|(at, word)| match numbered.contains(&at) {
                    true => up(word),
                    false => (*word).to_owned(),
                })
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

#[test]
fn the_pattern_in_the_documentation_is_the_payload_of_suites() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(docs().join("agent.md")).unwrap();
    let begin = text.find("    uint8_t octet(uint32_t o) {").unwrap();
    let end = begin + text[begin..].find("\n    }\n").unwrap() + "\n    }\n".len();
    let source = folder.path().join("octet.c");
    let program = folder.path().join("octet");
    let main = "int main(void) { for (uint32_t i = 0; i < 9000; i++) putchar(octet(i * 77777u)); }";
    let code = format!(
        "#include <stdint.h>\n#include <stdio.h>\n{}\n{main}\n",
        &text[begin..end]
    );
    std::fs::write(&source, code).unwrap();
    let Ok(status) = Command::new("cc")
        .arg("-o")
        .args([&program, &source])
        .status()
    else {
        println!("SKIPPED: there is no cc");
        return;
    };
    assert!(status.success());
    let printed = Command::new(program).output().unwrap().stdout;
    let wanted: Vec<u8> = (0..9_000u32)
        .map(|i| tcpconf_engine::payload::octet(i.wrapping_mul(77_777)))
        .collect();
    assert!(printed == wanted, "the octets differ");
}
