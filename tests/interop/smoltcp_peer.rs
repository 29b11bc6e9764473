//! smoltcp 0.14 as the peer, in this process, in virtual time, over a link with a delay.

use crate::figures::{AT_ONCE, BULK, CONNECTIONS, GREETING, check, fill, opener_closes_first};
use crate::own::{Application, Script};
use crate::wire::Wire;
use core::time::Duration;
use rstest::rstest;
use smoltcp::iface::{Config as InterfaceConfig, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant as SmolInstant;
use smoltcp::wire::{HardwareAddress, IpCidr, IpEndpoint};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use tcpconf_stack::{Config, Host};
use tcpconf_tests::spend_real_time;
use tcpconf_wire::Instant;

const DELAY: Duration = Duration::from_micros(500);
const MTU: usize = 1500;
const PORT: u16 = 7;
const OWN: [&str; 2] = ["10.80.0.1", "fd80::1"];
const PEER: [&str; 2] = ["10.80.0.2", "fd80::2"];
const BUFFER: usize = 256 * 1024;
/// Virtual time in which everything must be done.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Packets under way with their arrival.
type UnderWay = VecDeque<(Instant, Vec<u8>)>;

/// smoltcp's end of the link.
struct Phy {
    now: Instant,
    to_peer: UnderWay,
    to_own: UnderWay,
}

struct Rx(Vec<u8>);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

struct Tx<'a>(Instant, &'a mut UnderWay);

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut packet = vec![0; length];
        let result = f(&mut packet);
        self.1.push_back((self.0 + DELAY, packet));
        result
    }
}

impl Device for Phy {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: SmolInstant) -> Option<(Rx, Tx<'_>)> {
        let (_, packet) = self.to_peer.pop_front_if(|(at, _)| *at <= self.now)?;
        Some((Rx(packet), Tx(self.now, &mut self.to_own)))
    }

    fn transmit(&mut self, _: SmolInstant) -> Option<Tx<'_>> {
        Some(Tx(self.now, &mut self.to_own))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

/// One smoltcp socket with the stream that is on it.
struct Place {
    handle: SocketHandle,
    busy: bool,
    sent: u64,
    received: u64,
}

/// The peer: an interface, and sockets that are used again and again.
struct Peer {
    interface: Interface,
    sockets: SocketSet<'static>,
    places: Vec<Place>,
    script: Script,
    /// To whom it connects; it listens when there is nobody.
    remote: Option<SocketAddr>,
    begun: u32,
    done: u32,
    buffer: Vec<u8>,
}

fn smol(now: Instant) -> SmolInstant {
    SmolInstant::from_micros(i64::try_from(now.as_nanos() / 1000).expect("below 292,000 years"))
}

impl Peer {
    fn new(phy: &mut Phy, script: Script, remote: Option<SocketAddr>) -> Self {
        let mut config = InterfaceConfig::new(HardwareAddress::Ip);
        config.random_seed = 11;
        let mut interface = Interface::new(config, phy, SmolInstant::ZERO);
        interface.update_ip_addrs(|addresses| {
            for (address, prefix) in PEER.into_iter().zip([24, 64]) {
                let address: IpAddr = address.parse().expect("the addresses are right");
                let cidr = IpCidr::new(address.into(), prefix);
                addresses.push(cidr).expect("there is room for two");
            }
        });
        let mut sockets = SocketSet::new(Vec::new());
        let places = (0..script.at_once)
            .map(|_| {
                let buffer = || SocketBuffer::new(vec![0; BUFFER]);
                Place {
                    handle: sockets.add(Socket::new(buffer(), buffer())),
                    busy: false,
                    sent: 0,
                    received: 0,
                }
            })
            .collect();
        Self {
            interface,
            sockets,
            places,
            script,
            remote,
            begun: 0,
            done: 0,
            buffer: vec![0; 64 * 1024],
        }
    }

    fn step(&mut self) {
        for place in &mut self.places {
            let socket = self.sockets.get_mut::<Socket<'_>>(place.handle);
            if !place.busy && !socket.is_open() && self.begun < self.script.connections {
                match self.remote {
                    Some(remote) => {
                        let port = 10_000 + u16::try_from(self.begun % 50_000).expect("below");
                        let remote = IpEndpoint::from(remote);
                        socket
                            .connect(self.interface.context(), remote, port)
                            .expect("a closed socket");
                    }
                    None => socket.listen(PORT).expect("a closed socket"),
                }
                place.busy = true;
                (place.sent, place.received) = (0, 0);
                self.begun += 1;
            }
            if place.busy {
                Self::advance(
                    socket,
                    place,
                    self.script,
                    self.remote.is_some(),
                    &mut self.buffer,
                );
                self.done += u32::from(!place.busy);
            }
        }
    }

    fn advance(
        socket: &mut Socket<'_>,
        place: &mut Place,
        script: Script,
        opener: bool,
        buffer: &mut [u8],
    ) {
        let total = script.octets;
        if matches!(
            socket.state(),
            State::Closed | State::Listen | State::SynSent | State::SynReceived
        ) {
            assert_ne!(socket.state(), State::Closed, "it was reset or gave up");
            return;
        }
        while place.sent < total && socket.can_send() {
            let left = usize::try_from(total - place.sent).unwrap_or(buffer.len());
            let count = left.min(buffer.len());
            fill(&mut buffer[..count], place.sent);
            let taken = socket.send_slice(&buffer[..count]).expect("it is open");
            place.sent += taken as u64;
        }
        while socket.can_recv() {
            let count = socket.recv_slice(buffer).expect("there is something");
            check(&buffer[..count], place.received);
            place.received += count as u64;
        }
        let ended = !socket.may_recv();
        let end = if opener {
            socket.local_endpoint()
        } else {
            socket.remote_endpoint()
        };
        let first = script.connections == 1
            || end.is_some_and(|end| opener_closes_first(end.port) == opener);
        if place.sent == total && socket.may_send() && (ended || first) {
            socket.close();
        }
        if ended && !socket.may_send() {
            assert_eq!(place.received, total, "octets before the end");
            place.busy = false;
        }
    }
}

/// Plays a script between both; `own_opens` says who connects. Returns what was on the wire.
fn converse(family: usize, own_opens: bool, script: Script) -> Wire {
    // The other tests of this binary want the processor in real time.
    let _alone = spend_real_time();
    let addresses = |list: [&str; 2]| list.map(|a| a.parse().expect("the addresses are right"));
    let (own, peer): ([IpAddr; 2], [IpAddr; 2]) = (addresses(OWN), addresses(PEER));
    let mut host = Host::new(Config::with_addresses(own), 5);
    let mut phy = Phy {
        now: Instant::ZERO,
        to_peer: VecDeque::new(),
        to_own: VecDeque::new(),
    };
    let own_socket = SocketAddr::new(own[family], PORT);
    let mut other = Peer::new(&mut phy, script, (!own_opens).then_some(own_socket));
    let mut application = if own_opens {
        Application::active(script, SocketAddr::new(peer[family], PORT))
    } else {
        Application::passive(script, &mut host, own[family], PORT)
    };
    let mut wire = Wire::default();
    let mut packet = Vec::new();
    loop {
        let now = phy.now;
        while let Some((_, bytes)) = phy.to_own.pop_front_if(|(at, _)| *at <= now) {
            wire.see(&bytes);
            host.handle_packet(now, &bytes);
        }
        other.step();
        other
            .interface
            .poll(smol(now), &mut phy, &mut other.sockets);
        other.step();
        other
            .interface
            .poll(smol(now), &mut phy, &mut other.sockets);
        if own_opens {
            // A socket of smoltcp takes one connection, and no other one during TIME-WAIT.
            application.invite(other.begun);
        }
        application.step(&mut host, now);
        while host.poll_transmit_into(now, &mut packet) {
            wire.see(&packet);
            phy.to_peer.push_back((now + DELAY, packet.clone()));
        }
        if application.is_done() && other.done == script.connections {
            return wire;
        }
        let peer_at = other.interface.poll_at(smol(now), &other.sockets);
        let next = [
            phy.to_peer.front().map(|p| p.0),
            phy.to_own.front().map(|p| p.0),
            host.poll_timeout(),
            peer_at.map(|at| Instant::from_nanos(at.total_micros().unsigned_abs() * 1000)),
        ];
        let next = next.into_iter().flatten().min();
        let progress = || format!("{}; peer {} done", application.progress(), other.done);
        let next = next.unwrap_or_else(|| panic!("both are at rest at {now}: {}", progress()));
        // smoltcp counts whole microseconds.
        phy.now = next.max(now + Duration::from_micros(1));
        assert!(phy.now.since(Instant::ZERO) < PATIENCE, "{}", progress());
    }
}

#[rstest]
fn bulk_both_ways_with_smoltcp_says_nothing_twice(
    #[values(0, 1)] family: usize,
    #[values(true, false)] own_opens: bool,
) {
    let script = Script {
        octets: BULK,
        connections: 1,
        at_once: 1,
    };
    let wire = converse(family, own_opens, script);
    assert_eq!(wire.verdict(), Ok(()));
    assert!(wire.telling > 2 * script.octets / MTU as u64);
}

#[rstest]
fn connections_with_smoltcp_open_and_close(
    #[values(0, 1)] family: usize,
    #[values(true, false)] own_opens: bool,
) {
    let script = Script {
        octets: GREETING,
        connections: CONNECTIONS,
        at_once: AT_ONCE,
    };
    let wire = converse(family, own_opens, script);
    assert_eq!(wire.verdict(), Ok(()));
}
