//! What a test may do here; what it lacks is said aloud, or is a failure where everything must run.

use crate::tcpconf_path;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use tcpconf_target::testing::{REQUIRE_KERNEL, may_make_networks};

/// The user id that owns nothing (Debian's `nobody`).
const NOBODY: &str = "65534";

/// What a test needs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// To make network namespaces as root.
    Networks,
    /// That an ordinary user may make a user namespace with a network in it.
    UserNamespaces,
    /// A program.
    Program(&'static str),
    /// A file: a header, a device.
    File(&'static str),
}

/// Whether all of it is there; prints what is missing.
///
/// # Panics
/// When something is missing although [`REQUIRE_KERNEL`] says that it must be there.
pub fn has(needs: &[Privilege]) -> bool {
    needs.iter().all(|need| match need {
        Privilege::Networks => may_make_networks(),
        Privilege::UserNamespaces => there("an ordinary user may not make user namespaces", || {
            let mut command = ordinary("unshare");
            command.args(["-U", "-r", "-n", "true"]);
            command
        }),
        Privilege::File(path) => there(&format!("there is no {path}"), || {
            let mut command = Command::new("test");
            command.args(["-e", path]);
            command
        }),
        Privilege::Program(name) => there(&format!("{name} is not installed"), || {
            let mut command = Command::new("sh");
            command.args(["-c", &format!("PATH=$PATH:/usr/sbin command -v {name}")]);
            command
        }),
    })
}

fn there(reason: &str, try_it: impl FnOnce() -> Command) -> bool {
    if try_it()
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return true;
    }
    let required = std::env::var(REQUIRE_KERNEL).as_deref() == Ok("1");
    assert!(!required, "{REQUIRE_KERNEL}=1, but {reason}");
    println!("SKIPPED: {reason}");
    false
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A program as a user without privileges.
fn ordinary(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--"])
        .arg(program)
        .current_dir("/");
    command
}

/// `tcpconf` as a user without privileges, away from the workspace, which that user may not be able to
/// read: suites come from the binary.
pub fn as_ordinary_user<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = ordinary(readable_by_all());
    crate::program::pin(&mut command);
    command.args(arguments).current_dir("/");
    command
}

/// A copy of the binary that everybody may run.
fn readable_by_all() -> &'static Path {
    static COPY: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = COPY.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let everybody = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), everybody).expect("our own folder");
        let path = folder.path().join("tcpconf");
        std::fs::copy(tcpconf_path(), &path).expect("the binary can be read");
        (folder, path)
    });
    path
}

/// Held by a test while its run depends on real time: runs that share two cores make each other late.
pub fn spend_real_time() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}
