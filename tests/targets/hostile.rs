//! Targets that flood, babble, fall silent or end can neither hang nor exhaust a run.

use crate::peer::{Manner, Peer};
use crate::watched;
use rstest::rstest;
use std::time::Duration;
use tcpconf_tests::{Ended, Verdicts, spend_real_time, tcpconf};

/// A run that is over in a second against a sound target.
const SUITE: [&str; 4] = [
    "run",
    "suites/handshake",
    "-E",
    "syn-draws-syn-ack or folder(handshake) and level(must) and third-ack",
];
/// Far more than a run needs, far less than a flood brings.
const MEMORY: u64 = 600 << 20;

/// Connections that are opened properly before it begins: the readiness, service and sanity probes.
const SOUND: usize = 3;

#[rstest]
#[case::silent(Manner::Silent, &[1, 3], "not answer")]
#[case::closes(Manner::Closes, &[1, 3], "the target closed its socket")]
#[case::absurd(Manner::Absurd, &[1, 3], "QEMU")]
#[case::deaf(Manner::Deaf, &[1, 3], "")]
#[case::floods(Manner::Floods, &[0, 1, 3, 5], "")]
#[case::garbage(Manner::Garbage, &[0, 1, 3, 5], "")]
fn a_run_ends_with_all_reports(
    #[case] manner: Manner,
    #[case] codes: &[i32],
    #[case] words: &str,
    #[values(SOUND, SOUND + 4)] sound: usize,
) {
    let _alone = spend_real_time();
    let peer = Peer::start(manner, sound);
    let limits = ["--timeout", "4s", "--deadline", "20s", "-j", "4"];
    let (ended, peak, verdicts) = play(&peer, &limits);
    let code = ended.code.unwrap();
    assert!(codes.contains(&code), "{}", ended.all());
    if sound == SOUND {
        assert!(ended.all().contains(words), "{}", ended.all());
    }
    assert!(peak < MEMORY, "{} MiB", peak >> 20);
    assert_eq!(verdicts.shown.len() as u64, verdicts.promised());
    peer.finish();
}

/// Runs the suite against the peer; with the most memory that it took.
fn play(peer: &Peer, more: &[&str]) -> (Ended, u64, Verdicts) {
    let folder = tempfile::tempdir().unwrap();
    let jsonl = folder.path().join("o.jsonl");
    let transport = peer.transport();
    let place = ["--target", "10.79.0.2:7", "--transport", &transport];
    let mut command = tcpconf(SUITE.into_iter().chain(place));
    command.args(more).arg("--jsonl").arg(&jsonl);
    let (ended, peak) = watched(command, Duration::from_secs(60));
    (ended, peak, Verdicts::read(&jsonl))
}

/// The one that spoke last is named, and so is the end.
#[test]
fn the_case_that_ended_the_target_is_named() {
    let _alone = spend_real_time();
    let peer = Peer::start(Manner::Closes, SOUND + 2);
    let (ended, _, verdicts) = play(&peer, &["-j", "1"]);
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    let killer = verdicts.finished()["killed_by"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(verdicts.shown[&killer], "fail");
    let note = format!("the target died in {killer}");
    assert!(ended.all().contains(&note), "{}", ended.all());
    peer.finish();
}
