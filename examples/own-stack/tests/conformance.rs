//! smoltcp as somebody's own stack, behind tcpconf's seam: packets in, packets out, the next timer.
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant as Micros;
use smoltcp::wire::{HardwareAddress, IpCidr};
use std::{collections::VecDeque, net::IpAddr, time::Duration};
use tcpconf_library::*;

struct MyStack { interface: Interface, wire: Wire, sockets: SocketSet<'static>, addresses: [IpAddr; 1], port: u16,
    echo: bool, wake_up: Option<Instant>, replies: VecDeque<AppEvent> }
impl MyStack {
    fn new(case: &Case<'_>) -> Result<Self, String> {
        let service = case.needs.service.as_str();
        if case.needs.driven || !["listen", "closed", "echo", "sink"].contains(&service) {
            return Err(format!("no application that does what the case asks for ({service})"));
        }
        let (address, port) = (case.lease.target.ip(), case.lease.target.port());
        let (mut config, mut wire) = (Config::new(HardwareAddress::Ip), Wire::default());
        config.random_seed = case.seed;
        let mut interface = Interface::new(config, &mut wire, Micros::ZERO);
        let prefix = if address.is_ipv4() { 24 } else { 64 };
        interface.update_ip_addrs(|own| own.push(IpCidr::new(address.into(), prefix)).unwrap());
        let listeners = if service == "closed" { 0 } else { case.needs.backlog.unwrap_or(16) };
        let mut sockets = SocketSet::new(Vec::new());
        for _ in 0..listeners {
            let buffer = || SocketBuffer::new(vec![0; 65_535]);
            let socket = sockets.add(Socket::new(buffer(), buffer()));
            sockets.get_mut::<Socket>(socket).listen(port).map_err(|error| error.to_string())?;
        }
        Ok(Self { interface, wire, sockets, addresses: [address], port, echo: service == "echo", wake_up: None,
            replies: VecDeque::new() })
    }
    /// Lets the stack and the application behind its port do what they can.
    fn poll(&mut self, now: Instant) {
        let micros = |now: Instant| Micros::from_micros((now.as_nanos() / 1_000) as i64);
        self.interface.poll(micros(now), &mut self.wire, &mut self.sockets);
        for (_, socket) in self.sockets.iter_mut() {
            let smoltcp::socket::Socket::Tcp(socket) = socket;
            while let Ok(octets @ 1..) = socket.recv(|data| (data.len(), data.len())) {
                let _ = self.echo.then(|| socket.send_slice(&vec![0; octets]));
            }
            if socket.may_send() && !socket.may_recv() { socket.close(); }
            if !socket.is_open() { let _ = socket.listen(self.port); }
        }
        self.interface.poll(micros(now), &mut self.wire, &mut self.sockets);
        let at = self.interface.poll_at(micros(now), &self.sockets);
        self.wake_up = at.map(|at| now.max(Instant::ZERO + Duration::from_micros(at.total_micros() as u64)));
    }
}

impl Endpoint for MyStack {
    fn addresses(&self) -> &[IpAddr] { &self.addresses }
    fn handle_packet(&mut self, now: Instant, packet: &Packet) {
        self.wire.into_stack.push_back(packet.bytes.clone());
        self.poll(now);
    }
    fn poll_transmit(&mut self, now: Instant) -> Option<Packet> {
        if self.wire.out_of_stack.is_empty() { self.poll(now); }
        Some(Packet::new(self.wire.out_of_stack.pop_front()?, now))
    }
    fn poll_timeout(&self) -> Option<Instant> { self.wake_up }
    fn call(&mut self, _: Instant, id: CallId, _: AppCall) {
        self.replies.push_back(AppEvent::Reply { id, result: Err(Errno::Unsupported) });
    }
    fn poll_app(&mut self, _: Instant) -> Option<AppEvent> { self.replies.pop_front() }
    fn status(&self, _: FourTuple) -> Option<Status> { None }
}
#[derive(Default)]
struct Wire { into_stack: VecDeque<Vec<u8>>, out_of_stack: VecDeque<Vec<u8>> }
struct Rx(Vec<u8>);
struct Tx<'a>(&'a mut VecDeque<Vec<u8>>);
impl Device for Wire {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;
    fn capabilities(&self) -> DeviceCapabilities {
        let mut own = DeviceCapabilities::default();
        (own.medium, own.max_transmission_unit) = (Medium::Ip, 1500);
        own
    }
    fn receive(&mut self, _: Micros) -> Option<(Rx, Tx<'_>)> {
        Some((Rx(self.into_stack.pop_front()?), Tx(&mut self.out_of_stack)))
    }
    fn transmit(&mut self, _: Micros) -> Option<Tx<'_>> { Some(Tx(&mut self.out_of_stack)) }
}
impl RxToken for Rx { fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R { read(&self.0) } }
impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        self.0.push_back(vec![0; length]);
        write(self.0.back_mut().unwrap())
    }
}

#[test]
fn my_stack_shakes_hands_as_the_rfcs_say() {
    let suites = Suites::shipped().unwrap().only("handshake/");
    let profile = suites.profile("smoltcp").unwrap();
    let outcome = run_in_process("my stack", &suites, profile, |case| Ok(Box::new(MyStack::new(case)?)));
    assert!(outcome.ok(), "{outcome}");
}
