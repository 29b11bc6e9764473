//! The binary under test, built once, and a run of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The workspace: suites are named relative to it, as a user in a clone does.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is a folder of the workspace")
}

/// Names a binary to be tested instead of the one that is built: another profile, another version.
const INSTEAD: &str = "TCPCONF_TESTS_BINARY";

/// The path of the `tcpconf` binary: that of the dev profile, unless `TCPCONF_TESTS_BINARY` names one.
///
/// # Panics
/// When it does not build.
pub fn tcpconf_path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        if let Some(path) = std::env::var_os(INSTEAD) {
            return PathBuf::from(path);
        }
        escargot::CargoBuild::new()
            .manifest_path(root().join("Cargo.toml"))
            .package("tcpconf")
            .bin("tcpconf")
            .run()
            .expect("tcpconf must build")
            .path()
            .to_owned()
    })
}

/// `tcpconf` in the workspace's folder, with nothing of the caller's environment that could change what
/// it says.
pub fn tcpconf<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(tcpconf_path());
    command.args(arguments).current_dir(root());
    pin(&mut command);
    command
}

/// Pins the environment of a program that prints.
pub(crate) fn pin(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("TCPCONF_") || text.starts_with("CLICOLOR") || text == "RUST_BACKTRACE"
        {
            command.env_remove(&name);
        }
    }
    command.env("NO_COLOR", "1").env("COLUMNS", "100");
}

/// What a program left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it said.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Ended {
    /// Runs it to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn of(mut command: Command) -> Self {
        command.output().expect("the program must start").into()
    }

    /// All that it printed, for messages of failing tests.
    pub fn all(&self) -> String {
        format!("exit {:?}\n{}\n{}", self.code, self.stdout, self.stderr)
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("tcpconf prints UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("tcpconf prints UTF-8"),
        }
    }
}
