//! targets.toml: found by name, on top of a shipped profile, its errors with carets.

use rstest::rstest;
use std::path::Path;
use tcpconf_tests::{Ended, tcpconf};

const ONE: [&str; 4] = [
    "run",
    "handshake",
    "-E",
    "test(handshake/syn-draws-syn-ack)",
];

fn in_folder<'a>(folder: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Ended {
    let mut command = tcpconf(arguments);
    command.current_dir(folder);
    Ended::of(command)
}

fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("targets.toml"), text).unwrap();
    folder
}

#[test]
fn a_target_of_the_file_is_found_by_name_and_has_its_own_profile() {
    let folder = folder_with(
        "[mine]\naddress = \"stack\"\nprofile = \"stack\"\n\
         [[mine.expect]]\ntest = \"handshake/syn-draws-syn-ack*\"\noutcome = \"fail\"\nreason = \"a lie\"\n",
    );
    let ended = in_folder(folder.path(), ONE.into_iter().chain(["--target", "mine"]));
    assert_eq!(ended.code, Some(1), "{}", ended.all());
    assert!(ended.stdout.contains("XPASS"), "{}", ended.stdout);
    assert!(ended.stdout.contains("a lie"), "{}", ended.stdout);
}

#[test]
fn the_environment_names_another_file() {
    let folder = folder_with("[mine]\naddress = \"stack\"\nprofile = \"stack\"\n");
    let mut command = tcpconf(ONE.into_iter().chain(["--target", "mine"]));
    command.env("TCPCONF_TARGETS", folder.path().join("targets.toml"));
    let ended = Ended::of(command);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
}

#[rstest]
#[case::unknown_name(
    "[mine]\naddress = \"stack\"\n",
    "mien",
    "error: no target 'mien'\nhelp: did you mean 'mine'?\n"
)]
#[case::unknown_key(
    "[mine]\naddres = \"stack\"\n",
    "mine",
    "error: unknown field `addres`\n --> targets.toml:2:1\n  |\n2 | addres = \"stack\"\n  | ^^^^^^\n\
     help: did you mean 'address'?\n"
)]
#[case::unknown_feature(
    "[mine.features]\nsakc = \"yes\"\n",
    "mine",
    "error: unknown feature `sakc`\n --> targets.toml:2:1\n  |\n2 | sakc = \"yes\"\n  | ^^^^\n\
     help: did you mean 'sack'?\n"
)]
#[case::unknown_base(
    "[mine]\nprofile = \"linx\"\n",
    "mine",
    "error: targets.toml: no shipped profile 'linx'\nhelp: did you mean 'linux'?\n"
)]
#[case::unknown_transport(
    "[mine]\ntransport = \"tpa:x\"\n",
    "mine",
    "error: no transport 'tpa:x': there are tap:IF, tun:IF, packet:IF, unix:PATH, unix-listen:PATH, unixseq:PATH; \
     a name IF has 1 to 15 characters and no '/'\n"
)]
#[case::no_address(
    "[mine]\n[mine.features]\nsack = \"yes\"\n",
    "mine",
    "error: target 'mine' has no address\n\
     help: address = \"HOST:PORT\", or \"stack\", \"smoltcp\", \"kernel\" (docs/targets.md)\n"
)]
#[case::its_own_name(
    "[mine]\naddress = \"mine\"\n",
    "mine",
    "error: target 'mine': 'mine' is no address\n\
     help: address = \"HOST:PORT\", or \"stack\", \"smoltcp\", \"kernel\" (docs/targets.md)\n"
)]
#[case::name_of_a_built_in_target(
    "[stack]\n[stack.features]\nsack = \"no\"\n",
    "stack",
    "error: targets.toml: [stack] is never used: --target stack is not looked up there\n\
     help: give the table another name\n"
)]
fn what_is_wrong_is_shown_with_the_way_out(
    #[case] text: &str,
    #[case] name: &str,
    #[case] stderr: &str,
) {
    let folder = folder_with(text);
    let ended = in_folder(folder.path(), ONE.into_iter().chain(["--target", name]));
    assert_eq!(ended.code, Some(2), "{}", ended.all());
    assert_eq!(ended.stderr, stderr);
}

#[rstest]
#[case(&["--target", "exec:./x"], "how do packets reach exec:./x?")]
#[case(&["--target", "10.0.0.2:7", "--transport", "tap:t0"], "makes a device and hands it to a process")]
#[case(&["--target", "stack", "--transport", "tap:t0"], "--transport is not for the target stack")]
#[case(&["--target", "stack", "--address", "10.0.0.2:7"], "--address is only for")]
fn what_does_not_fit_together_is_a_usage_error(#[case] arguments: &[&str], #[case] words: &str) {
    let ended = Ended::of(tcpconf(ONE.into_iter().chain(arguments.iter().copied())));
    assert_eq!(ended.code, Some(2), "{}", ended.all());
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
}
