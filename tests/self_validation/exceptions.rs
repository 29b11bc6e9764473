//! Tests that something which is no TCP may pass, each with its reason.

use tcpconf_target::faults::NonStack;

/// Tests that may pass against what is no TCP.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exception {
    /// Against this.
    pub(crate) what: NonStack,
    /// Why that is right.
    pub(crate) reason: &'static str,
    /// The tests.
    pub(crate) tests: &'static [&'static str],
}

/// All of them.
pub(crate) const EXCEPTIONS: [Exception; 1] = [Exception {
    what: NonStack::Refuser,
    reason: "a port where nothing listens refuses, and that is what these tests ask for",
    tests: &[
        "handshake/closed-ack-draws-rst",
        "handshake/closed-bad-checksum-is-dropped",
        "handshake/closed-fin-ack-draws-rst",
        "handshake/closed-fin-draws-rst-ack",
        "handshake/closed-malformed-options",
        "handshake/closed-no-ack-draws-rst-ack",
        "handshake/closed-refused-every-time",
        "handshake/closed-rst-is-dropped",
        "handshake/closed-same-syn-refused-again",
        "handshake/closed-syn-draws-rst",
        "header/own-checksum-on-resets",
        "header/reserved-bits-of-resets",
        "states/closed",
        "states/closed-refuses",
    ],
}];

/// Those for one of them.
pub(crate) fn allowed(what: NonStack) -> impl Iterator<Item = &'static Exception> {
    EXCEPTIONS.iter().filter(move |e| e.what == what)
}
