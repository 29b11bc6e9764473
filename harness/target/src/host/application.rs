//! The application side of a host across a network: an agent there (docs/agent.md), and what it puts
//! behind ports.

use super::HostTarget;
use crate::net::cursor::{HeldPorts, PortCursor};
use crate::service::Service;
use crate::{LeaseError, LostApplication, TargetError};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;
use tcpconf_agent::autosar::tester::Testers;
use tcpconf_agent::autosar::{Device, client as autosar};
use tcpconf_agent::client::{Cases, Client, ClientError};
use tcpconf_agent::text::Request;
use tcpconf_engine::{AppCall, AppEvent, CallId, Errno, FourTuple, Status, Value};
use tcpconf_suite::plan::Needs;
use tcpconf_suite::vocabulary::Capability;

/// For the agent to be reached, and to answer before the run begins and between cases.
const PATIENCE: Duration = Duration::from_secs(5);
/// For its answer while cases are played: they stand still meanwhile.
const STATUS_WITHIN: Duration = Duration::from_millis(250);
/// For each response of an upper tester. One that opens connections while its caller waits needs long.
const UPPER_TESTER_WITHIN: Duration = Duration::from_secs(3);
/// A long call may have to wait until the agent has read its first part: not for long.
const ROOM_WITHIN: Duration = Duration::from_millis(100);
/// Ports for cases when the agent does not say which it may use: below those that systems choose themselves.
const PORTS: (u16, u16) = (20_000, 29_999);
/// Ports that a case may listen at besides the service's.
const SPARE_PORTS: usize = 4;
/// Who holds the ports of services that last as long as the run: leases count from 1.
const RUN: u64 = 0;
/// Ports that are tried for a service before the agent is taken at its word.
const TRIES: usize = 8;

/// How the agent is spoken to.
enum Line {
    /// The text protocol.
    Text(Box<Cases>),
    /// The AUTOSAR Testability Protocol: no services, and nothing is asked but what cases call.
    Autosar(Testers),
}

/// An agent, and the ports of the target that it may have.
pub(super) struct Remote {
    address: SocketAddr,
    target: SocketAddr,
    line: Line,
    capabilities: Vec<Capability>,
    ports: HeldPorts,
    /// Services that were put behind ports, for as long as the run lasts.
    services: BTreeMap<Service, u16>,
    /// Those of one case: its key and where.
    own: BTreeMap<u64, SocketAddr>,
}

impl HostTarget {
    /// Lets an agent on the target's host drive its application. Where nobody listens on the target's
    /// port, the agent does.
    ///
    /// # Errors
    /// [`TargetError::Unreachable`] when it does not answer as an agent does.
    pub fn with_agent(mut self, address: SocketAddr) -> Result<Self, TargetError> {
        let mut remote = Remote::open(address, self.target, self.clock.epoch_nanos())
            .map_err(|error| unreachable(address, &error))?;
        match remote.serve(Service::Listen, self.target, None) {
            // Somebody is there already, or the port is none of the agent's.
            Ok(_) | Err(ClientError::Refused(_)) => {}
            Err(error) => return Err(unreachable(address, &error)),
        }
        remote.ports.hold(self.target.port(), RUN);
        self.application = Some(remote);
        Ok(self)
    }
}

impl HostTarget {
    /// Lets the upper tester of a device drive its application (AUTOSAR Testability Protocol). Nothing is
    /// sent before a case needs it.
    ///
    /// # Errors
    /// [`TargetError::System`].
    pub fn with_upper_tester(mut self, device: &Device) -> Result<Self, TargetError> {
        let testers = Testers::new(
            device.transport,
            device.address,
            device.dialect,
            device.reading,
            UPPER_TESTER_WITHIN,
        );
        let testers = testers.map_err(|source| TargetError::System {
            what: "waiting for the upper tester".into(),
            source,
        })?;
        let (low, high) = PORTS;
        self.application = Some(Remote {
            address: device.address,
            target: self.target,
            line: Line::Autosar(testers),
            capabilities: autosar::capabilities(),
            ports: HeldPorts::new(PortCursor::new(low..=high, self.clock.epoch_nanos())),
            services: BTreeMap::new(),
            own: BTreeMap::new(),
        });
        Ok(self)
    }
}

fn unreachable(address: SocketAddr, error: &ClientError) -> TargetError {
    let way_out = match error {
        ClientError::Io(_) => format!("; `tcpconf agent --listen {address}` there starts one"),
        _ => String::new(),
    };
    TargetError::Unreachable(format!("the agent at {address} {error}{way_out}"))
}

impl Remote {
    fn open(address: SocketAddr, target: SocketAddr, epoch: u64) -> Result<Self, ClientError> {
        let client = Client::connect(address, PATIENCE)?;
        let (low, high) = client.hello().ports.unwrap_or(PORTS);
        Ok(Self {
            address,
            target,
            capabilities: client.capabilities().to_vec(),
            line: Line::Text(Box::new(Cases::new(client))),
            ports: HeldPorts::new(PortCursor::new(low..=high.max(low), epoch)),
            services: BTreeMap::new(),
            own: BTreeMap::new(),
        })
    }

    pub(super) fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    /// The primitive that is missing, where there are primitives.
    pub(super) fn why_not(&self, capability: Capability) -> Option<&'static str> {
        match self.line {
            Line::Text(_) => None,
            Line::Autosar(_) => autosar::express(capability).err(),
        }
    }

    /// `None` when it is gone: a stream that has ended is readable for ever.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.line {
            Line::Text(cases) => {
                let client = cases.client();
                (!client.is_lost()).then(|| client.fd())
            }
            Line::Autosar(testers) => Some(testers.fd()),
        }
    }

    pub(super) fn call(&mut self, key: u64, id: CallId, call: AppCall) {
        match &mut self.line {
            Line::Text(cases) => {
                cases.call(key, id, call);
                cases.flush_within(ROOM_WITHIN);
            }
            Line::Autosar(testers) => testers.call(key, id, call),
        }
    }

    pub(super) fn poll(&mut self) -> Option<(u64, AppEvent)> {
        match &mut self.line {
            Line::Text(cases) => cases.poll(),
            Line::Autosar(testers) => testers.poll(),
        }
    }

    /// The agent, when it is gone; an upper tester that a case cannot reach any more.
    pub(super) fn lost(&mut self) -> Option<LostApplication> {
        let address = self.address;
        match &mut self.line {
            Line::Text(cases) => {
                let end = cases.client().end()?;
                let colon = if end.is_empty() { "" } else { ": " };
                Some(LostApplication {
                    key: None,
                    why: format!("the agent at {address} is gone{colon}{end}"),
                })
            }
            Line::Autosar(testers) => {
                let (key, end) = testers.lost()?;
                Some(LostApplication {
                    key,
                    why: format!("the upper tester at {address} cannot be reached: {end}"),
                })
            }
        }
    }

    /// What the agent says; `None` when it cannot tell, or not soon enough.
    pub(super) fn status(&mut self, connection: FourTuple) -> Option<Status> {
        match &mut self.line {
            Line::Text(cases) => cases.status(connection, STATUS_WITHIN).ok().flatten(),
            Line::Autosar(_) => None,
        }
    }

    /// A port for a case that needs the agent: a free one for a case that listens itself, or one with a
    /// service behind it that nobody else offers. `None` when the case is better served elsewhere.
    pub(super) fn port_for(
        &mut self,
        needs: &Needs,
        known: bool,
        key: u64,
    ) -> Result<Option<u16>, LeaseError> {
        let Line::Text(cases) = &self.line else {
            if needs.events {
                let reason = "the AUTOSAR Testability Protocol has no event for `app expect`";
                return Err(LeaseError::Unsupported(reason.into()));
            }
            return needs.driven.then(|| self.port(key)).transpose();
        };
        if needs.app && cases.client().is_lost() {
            let gone = ClientError::Gone(String::new());
            return Err(unreachable(self.address, &gone).into());
        }
        if needs.driven {
            return self.port(key).map(Some);
        }
        let service = needs.service.parse().ok().filter(|service| {
            let offered = &cases.client().hello().services;
            *service != Service::Closed && offered.contains(service)
        });
        let Some(service) = service else {
            return Ok(None);
        };
        if let Some(backlog) = needs.backlog {
            let port = self.put(service, Some(backlog), key)?;
            self.own.insert(key, self.at(port));
            return Ok(Some(port));
        }
        if known || service == Service::Listen {
            return Ok(None);
        }
        if let Some(port) = self.services.get(&service) {
            return Ok(Some(*port));
        }
        let port = self.put(service, None, RUN)?;
        self.services.insert(service, port);
        Ok(Some(port))
    }

    /// Ports where a case's application may listen besides.
    pub(super) fn spare_ports(&mut self, key: u64) -> Result<Vec<u16>, LeaseError> {
        self.take(SPARE_PORTS, key)
    }

    /// The case has ended: what was put behind a port for it goes.
    pub(super) fn release(&mut self, key: u64) {
        if let Some(local) = self.own.remove(&key) {
            // If the agent is gone, so is the service.
            drop(self.serve(Service::Closed, local, None));
        }
        self.ports.give_back(key);
    }

    fn port(&mut self, holder: u64) -> Result<u16, LeaseError> {
        self.take(1, holder).map(|ports| ports[0])
    }

    fn take(&mut self, count: usize, holder: u64) -> Result<Vec<u16>, LeaseError> {
        match self.ports.take_many(count, holder) {
            Some(ports) => Ok(ports),
            None if self.ports.held_by_others(&[RUN, holder]) => Err(LeaseError::Busy),
            None => Err(LeaseError::Unsupported(format!(
                "the agent's {} ports do not suffice: --ports LOW-HIGH gives it more",
                self.ports.len()
            ))),
        }
    }

    /// Puts a service behind a port that is free.
    fn put(
        &mut self,
        service: Service,
        backlog: Option<u32>,
        holder: u64,
    ) -> Result<u16, LeaseError> {
        for _ in 0..TRIES {
            let port = self.port(holder)?;
            match self.serve(service, self.at(port), backlog) {
                Ok(Value::Number(_)) => return Ok(port),
                Ok(other) => {
                    let said = ClientError::Protocol(format!("{other:?} in answer to service"));
                    return Err(unreachable(self.address, &said).into());
                }
                Err(ClientError::Refused(refusal)) if refusal.errno == Errno::AddressInUse => {}
                Err(ClientError::Refused(refusal)) => {
                    return Err(LeaseError::Unsupported(format!(
                        "the agent cannot offer the service '{service}': {refusal}"
                    )));
                }
                Err(error) => return Err(unreachable(self.address, &error).into()),
            }
        }
        Err(LeaseError::Unsupported(format!(
            "the agent found no free port for the service '{service}'"
        )))
    }

    fn serve(
        &mut self,
        service: Service,
        local: SocketAddr,
        backlog: Option<u32>,
    ) -> Result<Value, ClientError> {
        let request = Request::Service {
            service,
            local,
            backlog,
        };
        match &mut self.line {
            Line::Text(cases) => cases.ask(&request, PATIENCE),
            Line::Autosar(_) => Err(ClientError::Refused(Errno::Unsupported.into())),
        }
    }

    fn at(&self, port: u16) -> SocketAddr {
        SocketAddr::new(self.target.ip(), port)
    }
}
