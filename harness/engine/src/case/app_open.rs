//! Where `app listen` and `app connect` open: ports of the target and of ours that are leased to the case.

use super::Case;
use super::application::Purpose;
use crate::eval::EvalError;
use crate::payload;
use crate::{AppCall, Outcome};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tcpconf_suite::ast::{ListenPort, Name};
use tcpconf_suite::vocabulary::Setting;

/// ff02::1, all nodes of the link (RFC 4291 §2.7.1).
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

impl Case {
    /// A port of the target besides the service's. `None` when there is none left.
    pub(super) fn port_of_listener(&mut self, port: &ListenPort) -> Result<Option<u16>, EvalError> {
        match port {
            ListenPort::Fresh => Ok(self.setup.lease.spare_ports.pop_front()),
            ListenPort::Is(port) => {
                let port = crate::compose::plain(port, 1..=65_535, &self.view())?;
                Ok(Some(port as u16))
            }
        }
    }

    /// Active OPEN to a port of ours that was leased. False when there is none.
    pub(super) fn connect(
        &mut self,
        conn: &str,
        port: Option<u16>,
        data: usize,
        with: Vec<(Setting, i64)>,
    ) -> bool {
        let Some(address) = self.setup.lease.addresses.first().copied() else {
            self.conclude(
                Outcome::Error,
                Some("the lease has no source address".into()),
            );
            return false;
        };
        let lease = &mut self.setup.lease;
        // Any other port of ours will do as well.
        let leased = lease.listen_ports.pop_front();
        let Some(listen_port) = leased.or_else(|| lease.ports.pop_front()) else {
            if self.ports_asked {
                let reason = "the target can connect to no further port of ours";
                self.unsupported(reason);
            } else {
                self.ports_asked = true;
                self.outbox
                    .push_back(crate::Action::NeedPorts(super::send::PORTS_AT_A_TIME));
                // The step begins again when there are ports.
                if let Some(frame) = self.frames.last_mut() {
                    frame.at -= 1;
                }
            }
            return false;
        };
        self.ports_asked = false;
        let remote = SocketAddr::new(address, listen_port);
        self.retired.remove(conn);
        self.session.await_open(conn, remote, port.unwrap_or(0));
        let any: IpAddr = match address {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let call = AppCall::Connect {
            remote,
            local: port.map(|port| SocketAddr::new(any, port)),
            with,
            data: payload::octets(0, data),
        };
        self.call(call, Purpose::Step);
        true
    }

    /// Where `connect to WHERE` goes, and where it comes from (`DESTINATIONS`).
    pub(super) fn elsewhere(
        &self,
        to: &Name,
        conn: &str,
        port: Option<u16>,
    ) -> Result<(SocketAddr, Option<SocketAddr>), EvalError> {
        let target = self.setup.lease.target;
        let v4 = target.is_ipv4();
        let address = |four: Ipv4Addr, six: Ipv6Addr| match v4 {
            true => IpAddr::V4(four),
            false => IpAddr::V6(six),
        };
        let any = address(Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED);
        let local = port.map(|port| SocketAddr::new(any, port));
        let at = |address| (SocketAddr::new(address, target.port()), local);
        Ok(match to.value.as_str() {
            "same" => {
                let index = self.session.named(conn).ok_or_else(|| {
                    EvalError::wrong(to.span, "there is no connection to open once more")
                })?;
                let wire = &self.session.slot(index).wire;
                (wire.ours, Some(wire.target))
            }
            "self" => {
                let port = port.unwrap_or(target.port());
                let here = SocketAddr::new(target.ip(), port);
                (here, Some(here))
            }
            "unspecified" => at(any),
            "multicast" => at(address(Ipv4Addr::new(224, 0, 0, 1), ALL_NODES)),
            "broadcast" => at(address(Ipv4Addr::BROADCAST, ALL_NODES)),
            other => {
                let message = format!("unknown destination '{other}'");
                return Err(EvalError::wrong(to.span, message));
            }
        })
    }
}
