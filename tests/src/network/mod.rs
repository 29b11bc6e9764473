//! Networks for tests: who may make them, servers in them, what is on the wire.
//!
//! The two hosts on a link come from [`tcpconf_target::testing::Bed`]: namespaces without a name, which
//! the kernel removes with the last process in them, also when a test panics or is killed.

mod black_hole;
mod privilege;
mod server;
mod sniffer;

pub use black_hole::BlackHole;
pub use privilege::{Privilege, as_ordinary_user, has, spend_real_time};
pub use server::Server;
pub use sniffer::{Sniffer, WireSegment, foreign_resets};

use std::process::{Child, Command, Output};
use tcpconf_target::testing::Place;

/// Starts a program in a network namespace.
///
/// # Panics
/// When it cannot be started.
pub fn spawn_in(place: &Place, mut command: Command) -> Child {
    let name = command.get_program().to_string_lossy().into_owned();
    place
        .run(move || command.spawn())
        .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"))
}

/// Runs a tool there; it must succeed.
fn tool(place: &Place, line: &str) {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a tool has a name"));
    command.args(words);
    let output: Output = place
        .run(move || command.output())
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
}
