//! Eyes on the wire: all TCP segments that pass an interface of a namespace, both ways.

use pnet::datalink::{self, Channel, Config};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tcpconf_target::testing::Place;
use tcpconf_wire::{Flags, Segment};

const ETHERNET_HEADER: usize = 14;
/// Frames wait here while the reader is not scheduled.
const BUFFER: usize = 1 << 20;

/// A segment that was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireSegment {
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// Its flags.
    pub flags: Flags,
    /// The whole IP packet.
    pub packet: Vec<u8>,
    window: u16,
}

/// Records until it is asked for what it saw.
#[derive(Debug)]
pub struct Sniffer {
    stop: Arc<AtomicBool>,
    reader: JoinHandle<Vec<WireSegment>>,
}

impl Sniffer {
    /// On `eth0` of this namespace.
    ///
    /// # Panics
    /// When the interface is not there or cannot be listened to.
    pub fn start(place: &Place) -> Self {
        let mut receiver = place.run(|| {
            let interface = datalink::interfaces()
                .into_iter()
                .find(|interface| interface.name == "eth0")
                .expect("a bed's hosts have an eth0");
            let config = Config {
                read_timeout: Some(Duration::from_millis(50)),
                read_buffer_size: BUFFER,
                ..Config::default()
            };
            match datalink::channel(&interface, config).expect("a packet socket") {
                Channel::Ethernet(_, receiver) => receiver,
                _ => panic!("a veth is Ethernet"),
            }
        });
        let stop = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stop);
        let reader = std::thread::spawn(move || {
            let mut seen = Vec::new();
            loop {
                match receiver.next() {
                    Ok(frame) => seen.extend(segment(frame.get(ETHERNET_HEADER..).unwrap_or(&[]))),
                    Err(error) if error.kind() == ErrorKind::TimedOut => {
                        // Only now: all that was on the wire before has been read.
                        if until.load(Ordering::Relaxed) {
                            return seen;
                        }
                    }
                    Err(error) => panic!("the wire cannot be read: {error}"),
                }
            }
        });
        Self { stop, reader }
    }

    /// Everything since the start.
    ///
    /// # Panics
    /// When the wire could not be read.
    pub fn finish(self) -> Vec<WireSegment> {
        self.stop.store(true, Ordering::Relaxed);
        self.reader.join().expect("the wire could be read")
    }
}

fn segment(packet: &[u8]) -> Option<WireSegment> {
    let segment = Segment::parse(packet)?;
    Some(WireSegment {
        from: segment.src(),
        to: segment.dst(),
        flags: segment.flags,
        packet: packet.to_vec(),
        window: segment.window,
    })
}

/// The RSTs to `target` that tcpconf did not send: those that are not among the packets of its traces.
///
/// Traces hold cases alone. Sanity handshakes, service probes and tries that were played again send RSTs
/// of their own; they are told from a kernel's by their window: a kernel's RST announces none.
pub fn foreign_resets(
    wire: &[WireSegment],
    target: SocketAddr,
    sent: impl IntoIterator<Item = Vec<u8>>,
) -> Vec<&WireSegment> {
    let mut ours = BTreeSet::new();
    let mut pairs = BTreeSet::new();
    for packet in sent {
        if let Some(segment) = segment(&packet) {
            pairs.insert((segment.from, segment.to));
        }
        ours.insert(packet);
    }
    wire.iter()
        .filter(|seen| seen.to.ip() == target.ip() && seen.flags.contains(Flags::RST))
        .filter(|seen| !ours.contains(&seen.packet))
        .filter(|seen| seen.window == 0 || pairs.contains(&(seen.from, seen.to)))
        .collect()
}
