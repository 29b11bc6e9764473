//! A fault of the bank on the wire of any host: for the tests of what judges hosts by their packets alone.

use super::endpoint::FaultyEndpoint;
use super::{Change, Fault};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::rc::Rc;
use tcpconf_engine::{AppCall, AppEvent, CallId, Endpoint, FourTuple, Status};
use tcpconf_wire::{Instant, Packet};

/// A fault that rewrites packets, and what it has seen of them.
pub(crate) struct OnTheWire {
    endpoint: FaultyEndpoint,
    between: Rc<RefCell<Between>>,
}

/// Packets between the fault and the host behind it.
#[derive(Default)]
struct Between {
    to_host: VecDeque<Packet>,
    of_host: VecDeque<Packet>,
}

impl OnTheWire {
    /// `None` when the fault is not one of packets.
    pub(crate) fn new(fault: &'static Fault) -> Option<Self> {
        if matches!(fault.change, Change::Configuration(_) | Change::Call(_)) {
            return None;
        }
        let between = Rc::new(RefCell::default());
        let endpoint = FaultyEndpoint::new(fault, Box::new(Seam(Rc::clone(&between))));
        Some(Self { endpoint, between })
    }

    /// A packet arrives: what the host gets.
    pub(crate) fn arrives(&mut self, now: Instant, bytes: &[u8]) -> Vec<Packet> {
        self.endpoint
            .handle_packet(now, &Packet::new(bytes.to_vec(), now));
        self.for_host()
    }

    /// The host sends a packet: what leaves.
    pub(crate) fn leaves(&mut self, now: Instant, bytes: &[u8]) -> Option<Packet> {
        let packet = Packet::new(bytes.to_vec(), now);
        self.between.borrow_mut().of_host.push_back(packet);
        self.endpoint.poll_transmit(now)
    }

    /// What the fault hands to the host beside what arrived.
    pub(crate) fn for_host(&mut self) -> Vec<Packet> {
        self.between.borrow_mut().to_host.drain(..).collect()
    }
}

/// The host's side of [`Between`].
struct Seam(Rc<RefCell<Between>>);

impl Endpoint for Seam {
    fn addresses(&self) -> &[IpAddr] {
        &[]
    }

    fn handle_packet(&mut self, _now: Instant, packet: &Packet) {
        self.0.borrow_mut().to_host.push_back(packet.clone());
    }

    fn poll_transmit(&mut self, _now: Instant) -> Option<Packet> {
        self.0.borrow_mut().of_host.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn call(&mut self, _now: Instant, _id: CallId, _call: AppCall) {}

    fn poll_app(&mut self, _now: Instant) -> Option<AppEvent> {
        None
    }

    fn status(&self, _connection: FourTuple) -> Option<Status> {
        None
    }
}
