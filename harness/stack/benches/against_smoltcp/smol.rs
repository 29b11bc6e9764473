//! smoltcp as a subject.

use crate::Subject;
use crate::peer::{PORT, STACK};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant as SmolInstant;
use smoltcp::wire::{HardwareAddress, IpCidr};
use tcpconf_wire::Instant;

/// As the own stack's.
const BUFFER: usize = 256 * 1024;
const MTU: usize = 1500;

/// One packet in, packets out one by one.
struct Phy<'p> {
    input: Option<&'p [u8]>,
    output: Option<&'p mut Vec<u8>>,
}

struct Rx<'p>(&'p [u8]);

impl RxToken for Rx<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

struct Tx<'t, 'p>(&'t mut Option<&'p mut Vec<u8>>);

impl TxToken for Tx<'_, '_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let packet = self.0.take().expect("one packet a poll");
        packet.resize(length, 0);
        f(packet)
    }
}

impl<'p> Device for Phy<'p> {
    type RxToken<'t>
        = Rx<'p>
    where
        Self: 't;
    type TxToken<'t>
        = Tx<'t, 'p>
    where
        Self: 't;

    fn receive(&mut self, _: SmolInstant) -> Option<(Rx<'p>, Tx<'_, 'p>)> {
        Some((Rx(self.input.take()?), Tx(&mut self.output)))
    }

    fn transmit(&mut self, _: SmolInstant) -> Option<Tx<'_, 'p>> {
        self.output.is_some().then_some(Tx(&mut self.output))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

pub(crate) struct Smol {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

fn smol(now: Instant) -> SmolInstant {
    SmolInstant::from_micros((now.as_nanos() / 1000) as i64)
}

impl Smol {
    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.handle)
    }
}

impl Subject for Smol {
    fn new() -> Self {
        let mut phy = Phy {
            input: None,
            output: None,
        };
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut phy, SmolInstant::ZERO);
        interface.update_ip_addrs(|addresses| {
            let address = IpCidr::new(std::net::Ipv4Addr::from(STACK).into(), 24);
            addresses.push(address).expect("there is room for one");
        });
        let buffer = || SocketBuffer::new(vec![0; BUFFER]);
        let mut sockets = SocketSet::new(Vec::new());
        let mut socket = Socket::new(buffer(), buffer());
        socket.listen(PORT).expect("a closed socket");
        let handle = sockets.add(socket);
        Self {
            interface,
            sockets,
            handle,
        }
    }

    fn input(&mut self, now: Instant, packet: &[u8]) {
        let mut phy = Phy {
            input: Some(packet),
            output: None,
        };
        self.interface
            .poll_ingress_single(smol(now), &mut phy, &mut self.sockets);
    }

    fn output(&mut self, now: Instant, packet: &mut Vec<u8>) -> bool {
        let mut phy = Phy {
            input: None,
            output: Some(packet),
        };
        let result = self
            .interface
            .poll_egress(smol(now), &mut phy, &mut self.sockets);
        result == PollResult::SocketStateChanged && phy.output.is_none()
    }

    fn accept(&mut self) {
        assert_eq!(self.socket().state(), State::Established);
    }

    fn read(&mut self, _: Instant, buffer: &mut [u8]) -> usize {
        self.socket().recv_slice(buffer).expect("it is open")
    }

    fn write(&mut self, _: Instant, text: &[u8]) -> usize {
        self.socket().send_slice(text).expect("it is open")
    }

    fn close(&mut self, _: Instant) {
        self.socket().close();
    }

    fn ended(&mut self, _: Instant) {
        let socket = self.socket();
        assert_eq!(socket.state(), State::Closed);
        socket.listen(PORT).expect("a closed socket");
    }
}
