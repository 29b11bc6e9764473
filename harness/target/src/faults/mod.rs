//! Faulty endpoints: what the tests of the suites are tested with.
//!
//! A test that cannot fail is a defect. Each [`Fault`] is the own stack with exactly one thing wrong: what
//! passes it is rewritten on the way in or out, or its configuration breaks a rule. The list is closed,
//! every fault says what it breaks and where the idea comes from, and a room holds those of one idea.
//! The [`NonStack`]s are no TCP at all, and no test may pass against them.
//!
//! What is not modelled: two faults at once, and faults that no rewriting of packets can make. The faults keep to RFC 9293 §3 but for what they break.

mod active;
mod application;
mod configuration;
mod endpoint;
mod extension;
mod icmp;
mod input;
mod non_stack;
mod output;
mod peer;
mod resource;
mod scene;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wire;

pub use endpoint::FaultyTarget;
pub use non_stack::NonStack;
#[cfg(test)]
pub(crate) use wire::OnTheWire;

use scene::{Host, Scene, Then};
use tcpconf_engine::{AppCall, AppEvent, Errno, Status, Value};
use tcpconf_stack::Config;
use tcpconf_wire::{Segment, SeqNumber};

/// One thing wrong with an endpoint that is sound otherwise.
#[derive(Debug)]
pub struct Fault {
    /// Its name in the matrix.
    pub name: &'static str,
    /// What it does wrong, in one sentence without subject and full stop.
    pub breaks: &'static str,
    /// Where the idea comes from: a CVE, a row of the bug bank, or the section of the RFC that it breaks.
    pub source: &'static str,
    change: Change,
}

/// What a fault does to the segments that pass it.
type Rewrite = fn(&mut Segment, &Scene<'_>) -> Then;

/// Where a fault sits.
#[derive(Debug)]
enum Change {
    /// On segments that arrive with a wrong checksum, which the sound endpoint would drop.
    Damaged(Rewrite),
    /// On all other segments that arrive.
    Input(Rewrite),
    /// On segments that leave.
    Output(Rewrite),
    /// In the choice of initial sequence numbers; the argument is the sound one.
    Isn(fn(&Scene<'_>, SeqNumber) -> SeqNumber),
    /// In the clock of the timestamps: TSval of the SYN-ACK.
    Stamps(fn(&Scene<'_>) -> u32),
    /// On ICMP messages that arrive: what the endpoint receives beside them.
    Icmp(fn(&Host) -> Vec<Segment>),
    /// In the configuration.
    Configuration(fn(&mut Config)),
    /// In what the endpoint is given: it lacks this feature, whatever the case asks for.
    Lacks(&'static str),
    /// In the user's calls: which one is made, and which is only answered.
    Call(fn(&mut AppCall, &Host) -> Called),
    /// In what the user is told.
    Told(fn(&mut AppEvent)),
    /// In what STATUS says.
    Status(fn(&mut Status)),
    /// On ICMP messages that arrive: none is taken.
    IcmpLost,
}

/// What becomes of a call that a fault has looked at.
#[derive(Debug)]
enum Called {
    /// It is made, as the fault left it.
    Made,
    /// It is not made, and answered by this.
    Answered(Result<Value, Errno>),
    /// It is answered as if it were made, and the host hangs for ever.
    Hang,
}

impl Called {
    /// Made, unless it is so: then it is answered as if it were.
    fn unless(condition: bool) -> Self {
        if condition {
            Self::Answered(Ok(Value::Done))
        } else {
            Self::Made
        }
    }
}

impl Fault {
    const fn new(
        name: &'static str,
        breaks: &'static str,
        source: &'static str,
        change: Change,
    ) -> Self {
        Self {
            name,
            breaks,
            source,
            change,
        }
    }
}

/// Faults of one idea.
#[derive(Debug)]
pub struct Room {
    /// What they have in common.
    pub title: &'static str,
    /// The faults.
    pub faults: &'static [Fault],
}

/// All faults.
pub const ROOMS: &[Room] = &[
    input::checksum::ROOM,
    input::reset::ROOM,
    input::acknowledgement::ROOM,
    input::sequence::ROOM,
    input::flags::ROOM,
    input::text::ROOM,
    input::options::ROOM,
    input::malformed::ROOM,
    input::open::ROOM,
    output::isn::ROOM,
    output::syn_ack::ROOM,
    output::options::ROOM,
    output::reset::ROOM,
    output::open::ROOM,
    output::stream::ROOM,
    active::SYN_SENT,
    active::CROSSING,
    active::OPENING,
    extension::window::ROOM,
    extension::stamps::ROOM,
    extension::time_wait::ROOM,
    extension::report::ROOM,
    extension::ecn::ROOM,
    extension::timer::ROOM,
    extension::sender::ROOM,
    extension::rack::ROOM,
    extension::fast_open::ROOM,
    icmp::ROOM,
    application::CALLS,
    application::ANSWERS,
    resource::ROOM,
    configuration::ROOM,
];

/// All faults of all rooms, in order.
pub fn faults() -> impl Iterator<Item = &'static Fault> {
    ROOMS.iter().flat_map(|room| room.faults)
}

/// The fault of this name.
pub fn fault(name: &str) -> Option<&'static Fault> {
    faults().find(|fault| fault.name == name)
}
