//! The AUTOSAR Testability Protocol instead of the text protocol: the same verdicts wherever it can express the calls.

use crate::{Agent, PLAYED, run};
use rstest::rstest;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use tcpconf_target::testing::{Bed, INJECTOR, Place, TARGET};
use tcpconf_tests::{Ended, Privilege, Verdicts, has, spend_real_time, tcpconf};

/// What a device with an upper tester has besides: services of its own. Another agent plays them, since an upper
/// tester has none.
const SERVICES: [(&str, u16); 4] = [
    ("listen", 7_000),
    ("hold", 7_001),
    ("closer", 7_002),
    ("sink", 7_003),
];

const LOOPBACK: &str = "127.0.0.1";
/// The interface of loopback carries segments longer than any MSS, and hundreds of them at once.
const NO_LONG_TEXT: &str = "syn-is-sent or same-address or text-flows or isns-differ";

/// Puts the services behind their ports, for as long as the conversation lasts.
fn offer_services(place: &Place, address: &str) -> TcpStream {
    let address = address.to_owned();
    place.run(move || {
        let stream = TcpStream::connect(&address).unwrap();
        let ip = address.split(':').next().unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
        for (id, (name, port)) in (1..).zip(SERVICES) {
            writeln!(&stream, "{id} service {name} {ip}:{port}").unwrap();
            let answer = answers.next().unwrap().unwrap();
            assert_eq!(answer, format!("{id} ok number {port}"));
        }
        stream
    })
}

/// An agent at `address` that `peer` may speak to and that has the services behind their ports, as long as the stream lives.
fn servers(place: &Place, address: &str, peer: &str) -> (Agent, TcpStream) {
    let options = ["--listen", address, "--allow", peer];
    let says = format!("tcpconf agent: listening on {address}\n");
    let agent = Agent::with(place, &options, &says);
    (agent, offer_services(place, address))
}

/// A run over `paths` with the application behind `agent`.
fn play(paths: &[&str], ip: &str, agent: &str, place: &Place) -> (Ended, Verdicts) {
    let mut command = tcpconf(["run", "--profile", "linux", "--agent", agent]);
    if ip == LOOPBACK {
        command.args(["-E", NO_LONG_TEXT]);
    }
    command.arg("--target").arg(format!("{ip}:7000"));
    for (name, port) in SERVICES {
        command.arg("--service").arg(format!("{name}={port}"));
    }
    command.args(paths);
    run(command, Some(place))
}

/// The text protocol's verdicts, and those through an upper tester behind `door`, with whatever is not the same.
fn compare(
    paths: &[&str],
    ip: &str,
    place: &Place,
    door: &str,
    text: &Verdicts,
) -> BTreeMap<String, BTreeSet<String>> {
    let (ended, verdicts) = play(paths, ip, &format!("autosar:{door}"), place);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert_eq!(verdicts.shown.len(), text.shown.len());
    let mut unsupported: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, shown) in &verdicts.shown {
        if shown == "unsupported" && text.shown[id] != "unsupported" {
            let case = verdicts.case(id);
            let reason = case["reason"].as_str().unwrap().to_owned();
            let test = case["test"].as_str().unwrap().to_owned();
            unsupported.entry(reason).or_default().insert(test);
        } else {
            assert_eq!(*shown, text.shown[id], "{id}: {}", ended.all());
        }
    }
    assert!(verdicts.with(&["pass"]).len() > text.with(&["pass"]).len() / 2);
    unsupported
}

#[test]
fn an_upper_tester_gives_the_text_protocols_verdicts_or_names_the_missing_primitive() {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let ip = TARGET[0];
    let agent = Agent::start(&bed, &[]);
    let (servers, _services) = servers(&bed.target, "10.78.0.2:4009", TARGET[0]);
    let (ended, text) = play(&PLAYED, ip, "10.78.0.2:4000", &bed.injector);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let mut missing = Vec::new();
    for door in ["udp:10.78.0.2:4001", "tcp:10.78.0.2:4002"] {
        let options = ["--autosar", door, "--allow", INJECTOR[0]];
        let (_, address) = door.split_once(':').unwrap();
        let says = format!("tcpconf agent: upper tester on {address}\n");
        let tester = Agent::with(&bed.target, &options, &says);
        missing.push(compare(&PLAYED, ip, &bed.injector, door, &text));
        assert_eq!(tester.interrupt(), Some(130));
    }
    assert_eq!(missing[0], missing[1], "UDP and TCP express the same");
    insta::assert_debug_snapshot!("what_an_upper_tester_cannot_express", missing[0]);
    assert_eq!(agent.interrupt(), Some(130));
    assert_eq!(servers.interrupt(), Some(130));
}

/// On this machine itself the rule that keeps its TCP quiet leaves the agent's ports alone.
#[rstest]
fn an_agent_on_this_machine_is_reached(#[values("udp", "tcp")] transport: &str) {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let place = &bed.target;
    let paths = ["suites/handshake/active-open.tcpt"];
    let (servers, _services) = servers(place, "127.0.0.1:4009", LOOPBACK);
    let text = ["--listen", "127.0.0.1:4000"];
    let agent = Agent::with(place, &text, "tcpconf agent: listening on 127.0.0.1:4000\n");
    let (ended, text) = play(&paths, LOOPBACK, "127.0.0.1:4000", place);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let door = format!("{transport}:127.0.0.1:4001");
    let tester = Agent::with(
        place,
        &["--autosar", &door],
        "tcpconf agent: upper tester on 127.0.0.1:4001\n",
    );
    compare(&paths, LOOPBACK, place, &door, &text);
    for agent in [agent, servers, tester] {
        assert_eq!(agent.interrupt(), Some(130));
    }
}

/// What the specification leaves to the device.
#[test]
fn an_old_device_is_spoken_to_in_its_dialect() {
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let bed = Bed::new().unwrap();
    let paths = ["suites/handshake/active-open.tcpt"];
    let agent = Agent::start(&bed, &[]);
    let (servers, _services) = servers(&bed.target, "10.78.0.2:4009", TARGET[0]);
    let (_, text) = play(&paths, TARGET[0], "10.78.0.2:4000", &bed.injector);
    let door = "udp:10.78.0.2:4001,response=0x08,numbering=3,service=0x0200";
    let options = ["--autosar", door, "--allow", INJECTOR[0]];
    let says = "tcpconf agent: upper tester on 10.78.0.2:4001\n";
    let tester = Agent::with(&bed.target, &options, says);
    compare(&paths, TARGET[0], &bed.injector, door, &text);
    for agent in [agent, servers, tester] {
        assert_eq!(agent.interrupt(), Some(130));
    }
}
