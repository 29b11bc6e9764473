//! Initial sequence numbers and the clock of the timestamps (RFC 9293 §3.4.1, RFC 6528, RFC 7323 §5.4).

use crate::faults::Change::{Isn, Stamps};
use crate::faults::scene::Scene;
use crate::faults::{Fault, Room};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use tcpconf_wire::SeqNumber;

/// The clock of RFC 9293 §3.4.1: a tick each four microseconds.
const TICK_NANOS: u64 = 4_000;
/// What BSD added for each connection (bug bank: NUMBER:JACK, constant increments).
const STEP: u32 = 64_000;

pub(in crate::faults) const ROOM: Room = Room {
    title: "Initial numbers",
    faults: &[
        Fault::new(
            "isn-constant",
            "gives every connection the same initial sequence number",
            "CVE-2020-27213 and others (NUMBER:JACK)",
            Isn(|_, _| SeqNumber(0x1000)),
        ),
        Fault::new(
            "isn-steps",
            "adds a constant for each connection",
            "CVE-2020-27630 and others (NUMBER:JACK)",
            Isn(|scene, _| SeqNumber(scene.host.answered.wrapping_mul(STEP))),
        ),
        Fault::new(
            "isn-generator",
            "takes initial sequence numbers from a linear congruential generator",
            "CVE-2020-27632 and others (NUMBER:JACK)",
            Isn(|scene, _| {
                let next = |x: u32, _| x.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                SeqNumber((0..=scene.host.answered).fold(1, next))
            }),
        ),
        Fault::new(
            "isn-clock",
            "takes the clock alone",
            "RFC 6528 §3: and a hash of the four-tuple",
            Isn(|scene, _| SeqNumber(ticks(scene))),
        ),
        Fault::new(
            "isn-hash",
            "takes the hash of the four-tuple alone",
            "RFC 6528 §3: and a clock",
            Isn(|scene, _| SeqNumber(hash(scene, 0))),
        ),
        Fault::new(
            "isn-slow-clock",
            "lets the clock tick once in a millisecond",
            "RFC 9293 §3.4.1 MUST-8: each four microseconds",
            Isn(|scene, _| SeqNumber(hash(scene, 0)) + scene.now.as_millis() as u32),
        ),
        Fault::new(
            "isn-random",
            "draws initial sequence numbers by lot",
            "RFC 6528 §3: they must rise for a four-tuple",
            Isn(|scene, _| SeqNumber(hash(scene, scene.now.as_nanos()))),
        ),
        Fault::new(
            "isn-backwards",
            "lets the clock run backwards",
            "RFC 9293 §3.4.1 MUST-8",
            Isn(|scene, _| SeqNumber(hash(scene, 0)) - ticks(scene)),
        ),
        Fault::new(
            "isn-of-peer",
            "derives its number from that of the peer",
            "RFC 9293 §3.4.1 MUST-9",
            Isn(|scene, _| scene.connection.irs + 12_345),
        ),
        Fault::new(
            "timestamps-one-clock",
            "shows the time since it was started in its timestamps",
            "RFC 7323 §7.1: an offset for each connection",
            Stamps(|scene| scene.now.as_millis() as u32),
        ),
    ],
};

fn ticks(scene: &Scene<'_>) -> u32 {
    (scene.now.as_nanos() / TICK_NANOS) as u32
}

/// A number that depends on the peer's socket and a salt.
fn hash(scene: &Scene<'_>, salt: u64) -> u32 {
    let mut hasher = SipHasher13::new_with_keys(salt, u64::from(scene.pair.remote.port()));
    hasher.write(scene.pair.remote.ip().to_string().as_bytes());
    hasher.finish() as u32
}
