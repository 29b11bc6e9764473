//! `tcpconf agent` as an ordinary remote host's: on the other side of a veth pair, with the services and the
//! application that suites need, and the verdicts that the kernel target gives.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod autosar;
mod death;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use tcpconf_target::testing::{Bed, INJECTOR, Place, TARGET};
use tcpconf_tests::{Ended, Privilege, Verdicts, has, spawn_in, spend_real_time, tcpconf};

/// Tests with plain services, with an application, with states that only an application leads to. The matrix has more of the
/// same, and hundreds of waits that a machine with other things to do may miss.
const PLAYED: [&str; 3] = [
    "suites/states/reach.tcpt",
    "suites/states/segments.tcpt",
    "suites/handshake/active-open.tcpt",
];

/// The agent in a target's namespace, which ends with this value.
struct Agent(Child);

impl Agent {
    /// With the text protocol.
    fn start(bed: &Bed, more: &[&str]) -> Self {
        let address = format!("{}:4000", TARGET[0]);
        let options = [&["--listen", &address, "--allow", INJECTOR[0]], more].concat();
        Self::with(
            &bed.target,
            &options,
            "tcpconf agent: listening on 10.78.0.2:4000\n",
        )
    }

    /// With these options; it is up when it has said so.
    fn with(place: &Place, options: &[&str], says: &str) -> Self {
        let mut command = tcpconf(["agent"]);
        command.args(options);
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = spawn_in(place, command);
        let mut line = String::new();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line, says);
        // Nobody reads the rest; it must not be stopped by that.
        std::thread::spawn(move || said.lines().for_each(drop));
        Self(child)
    }

    /// Interrupts it; its exit code.
    fn interrupt(mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(self.0.id().try_into().unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended already.
        self.0.kill().unwrap_or_default();
        drop(self.0.wait());
    }
}

fn run(mut command: Command, place: Option<&Place>) -> (Ended, Verdicts) {
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    command.arg("--jsonl").arg(&jsonl);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = match place {
        Some(place) => spawn_in(place, command),
        None => command.spawn().unwrap(),
    };
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert!(jsonl.exists(), "{}", ended.all());
    (ended, Verdicts::read(&jsonl))
}

#[test]
fn a_remote_host_with_an_agent_gets_the_kernel_targets_verdicts() {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let agent = Agent::start(&bed, &[]);
    let mut remote = tcpconf(["run", "--profile", "linux"]);
    remote.args(["--target", "10.78.0.2:7000", "--agent", "10.78.0.2:4000"]);
    remote.args(PLAYED);
    let (ended, there) = run(remote, Some(&bed.injector));
    let mut local = tcpconf(["run", "--target", "kernel"]);
    local.args(PLAYED);
    let (_, here) = run(local, None);
    let passed = there.with(&["pass"]);
    assert!(passed.len() > 30, "{}", ended.all());
    assert_eq!(there.shown, here.shown, "{}", ended.all());
    assert_eq!(agent.interrupt(), Some(130));
}

#[test]
fn an_own_source_address_needs_leave_to_be_connected_to() {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let bed = Bed::new().unwrap();
    let agent = Agent::start(&bed, &["--connect", "10.78.0.50"]);
    let answers = bed.injector.run(|| {
        let stream = std::net::TcpStream::connect((TARGET[0], 4_000)).unwrap();
        let mut requests = String::new();
        for (id, to) in ["10.78.0.50", "10.78.0.1", "10.78.0.51"].iter().enumerate() {
            requests += &format!("{id} connect {to}:9\n");
        }
        (&stream).write_all(requests.as_bytes()).unwrap();
        let said = BufReader::new(stream).lines().map(Result::unwrap);
        // What became of the connections is told by events, as it happens.
        said.filter(|line| !line.starts_with('*'))
            .take(3)
            .collect::<Vec<_>>()
    });
    assert_eq!(
        answers,
        [
            "0 ok socket 1",
            "1 ok socket 2",
            "2 error EACCES connecting to 10.78.0.51 is not allowed (--connect)",
        ]
    );
    assert_eq!(agent.interrupt(), Some(130));
}

/// Of a test that opens from a port of its own.
#[test]
fn a_port_that_the_agent_must_not_use_makes_a_test_unsupported() {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let agent = Agent::start(&bed, &["--ports", "7000-7999"]);
    let mut remote = tcpconf(["run", "suites/handshake/active-open.tcpt"]);
    remote.args(["--profile", "linux"]);
    remote.args(["--target", "10.78.0.2:7000", "--agent", "10.78.0.2:4000"]);
    let (ended, verdicts) = run(remote, Some(&bed.injector));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let reason = "the target's application is not allowed this app connect (EACCES): --ports or --connect of its agent";
    let unsupported = verdicts.with(&["unsupported"]);
    assert!(!unsupported.is_empty(), "{}", ended.all());
    for id in unsupported {
        assert_eq!(verdicts.case(id)["reason"], reason);
    }
    assert!(verdicts.with(&["pass"]).len() > 10, "{}", ended.all());
    assert_eq!(agent.interrupt(), Some(130));
}

#[test]
fn standard_input_and_output_are_a_controllers_line() {
    let mut command = tcpconf(["agent", "--stdio", "--ports", "50000-50999"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(b"1 hello\n2 listen 127.0.0.1:49999\n3 dance\n")
        .unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let [hello, listen, dance] = lines[..] else {
        panic!("{said}");
    };
    assert!(
        hello.starts_with("1 ok hello protocol=1 line=65536 agent=tcpconf/"),
        "{hello}"
    );
    assert!(hello.contains(" ports=50000-50999 "), "{hello}");
    assert_eq!(listen, "2 error EACCES port 49999 is not one of --ports");
    assert_eq!(dance, "3 error EOPNOTSUPP no verb 'dance'");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    for (arguments, code, words) in [
        (&["agent"][..], 2, "--listen"),
        (&["agent", "--listen", "here"], 2, "--listen"),
        (
            &["agent", "--listen", "127.0.0.1:0", "--allow", "10.0.0.0/40"],
            2,
            "--allow 10.0.0.0/40",
        ),
        (
            &["agent", "--listen", "127.0.0.1:0", "--ports", "9-8"],
            2,
            "names no port",
        ),
        (
            &["agent", "--listen", "192.0.2.1:4000"],
            3,
            "listening on 192.0.2.1:4000",
        ),
        (
            &[
                "run",
                "suites",
                "--target",
                "stack",
                "--agent",
                "127.0.0.1:1",
            ],
            2,
            "--agent is only",
        ),
    ] {
        let ended = Ended::of(tcpconf(arguments.iter().copied()));
        assert_eq!(ended.code, Some(code), "{}", ended.all());
        assert!(ended.stderr.contains(words), "{}", ended.all());
    }
}
