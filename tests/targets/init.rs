//! `tcpconf init`: what it writes of targets that are known, and that it runs.

use tcpconf_tests::{Ended, tcpconf};

const ONE: [&str; 3] = ["handshake", "-E", "test(handshake/syn-draws-syn-ack)"];

/// In virtual time every number is the same each time.
#[test]
fn the_built_in_stack_is_described_as_it_is() {
    let ended = Ended::of(tcpconf([
        "init", "mine", "--target", "stack", "--file", "-",
    ]));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    insta::assert_snapshot!(ended.stdout);
}

#[test]
fn what_is_written_runs_by_its_name_and_is_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let here = |arguments: &[&str]| {
        let mut command = tcpconf(arguments.iter().copied());
        command.current_dir(folder.path());
        Ended::of(command)
    };
    for (name, target) in [("mine", "stack"), ("yours", "smoltcp")] {
        let ended = here(&["init", name, "--target", target]);
        assert_eq!(ended.code, Some(0), "{}", ended.all());
        let played = here(&[&["run", "--target", name][..], &ONE].concat());
        assert_eq!(played.code, Some(0), "{}", played.all());
    }
    let again = here(&["init", "mine", "--target", "stack"]);
    assert_eq!(again.code, Some(2), "{}", again.all());
    assert!(
        again.stderr.contains("has a target 'mine' already"),
        "{}",
        again.stderr
    );
}

/// The kernel's values are known: TCP_TIMEOUT_INIT, `tcp_invalid_ratelimit`.
#[cfg(target_os = "linux")]
#[test]
fn this_machines_kernel_is_described_as_it_is() {
    use tcpconf_engine::{Claim, Profile};
    use tcpconf_tests::{Privilege, has, spend_real_time};
    if !has(&[Privilege::Networks]) {
        return;
    }
    let _alone = spend_real_time();
    let ended = Ended::of(tcpconf([
        "init", "mine", "--target", "kernel", "--file", "-",
    ]));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let all = Profile::all_from_toml(&ended.stdout).unwrap();
    let (mine, text) = (&all["mine"], &ended.stdout);
    for feature in ["window-scale", "sack", "timestamps", "rfc5961"] {
        assert_eq!(mine.claim(feature), Claim::Yes, "{feature}: {text}");
    }
    assert_eq!(mine.claim("fastopen"), Claim::Unknown);
    assert!(
        (900..=1_300).contains(&mine.timing.rto_initial_ms),
        "{text}"
    );
    assert!(
        (500..=900).contains(&mine.timing.probe_spacing_ms),
        "{text}"
    );
}
