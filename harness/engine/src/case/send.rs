//! `<` steps: who sends, what is sent, what the models make of it.

use super::{Case, Label};
use crate::compose::Composed;
use crate::eval::EvalError;
use crate::model::Phase;
use crate::{Action, Outcome, SendId};
use std::net::{IpAddr, SocketAddr};
use tcpconf_suite::ast::{
    Expr, Field, FieldName, FieldValue, FlagsSpec, Inject, Stimulus, Template,
};
use tcpconf_wire::{Flags, Instant, Segment};

/// Ports asked for at a time.
const PORTS_AT_A_TIME: usize = 16;

/// What a step says of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    /// The connection's socket.
    Connection,
    /// A new socket: another port, another address, or both.
    Fresh { address: bool, port: bool },
    /// The socket of the connection before, for a new connection.
    Same,
    /// This very port; the connection's from then on when the segment is a SYN.
    Port(u16),
}

impl Case {
    pub(super) fn send(&mut self, inject: &Inject, now: Instant) -> Result<(), EvalError> {
        if let Some(after) = &inject.timing.after {
            let at = self.origin(&inject.timing)? + self.duration(after)?;
            if now < at {
                // Begin again when it is time.
                self.waiting = Some(super::wait::Waiting::Sleep { until: at });
                if let Some(frame) = self.frames.last_mut() {
                    frame.at -= 1;
                }
                return Ok(());
            }
        }
        let name = inject
            .conn
            .as_ref()
            .map_or_else(|| self.frame().conn.clone(), |c| c.value.clone());
        let (template, again) = match &inject.stimulus {
            Stimulus::Segment(template) => (template.clone(), None),
            Stimulus::SameAs { label, fields } => self.again(label, fields)?,
            Stimulus::Icmp(icmp) => return self.send_icmp(inject, icmp, now),
        };
        let Some(index) = self.sender(&name, &template)? else {
            // No port or address is free: the step begins again when there is one.
            if self.outcome.is_none()
                && let Some(frame) = self.frames.last_mut()
            {
                frame.at -= 1;
            }
            return Ok(());
        };
        let composed =
            self.session
                .compose(index, &template, again.as_ref(), now, &self.view_on(&name))?;
        match &inject.fragment {
            None => {
                let bytes = self
                    .session
                    .inject(index, &composed, now, self.note_on_sends);
                self.transmit(bytes, now, inject);
            }
            Some(fragmentation) => {
                self.send_fragments(index, &composed, fragmentation, inject, now)?
            }
        }
        if let Some(label) = &inject.label {
            self.labels.insert(
                label.value.clone(),
                Label {
                    at: now,
                    segment: composed.segment,
                    slot: index,
                },
            );
        }
        Ok(())
    }

    /// Queues a packet; the last one of a step is what timing counts from.
    pub(super) fn transmit(&mut self, bytes: Vec<u8>, now: Instant, inject: &Inject) {
        let id = self.queue(bytes, now);
        self.pending.insert(
            id,
            (now, inject.label.as_ref().map(|label| label.value.clone())),
        );
    }

    /// Queues a packet.
    pub(super) fn queue(&mut self, bytes: Vec<u8>, now: Instant) -> SendId {
        let id = SendId(self.next_id);
        self.next_id += 1;
        self.pending.insert(id, (now, None));
        self.last_send = Some(id);
        self.last_stamp = now;
        self.outbox.push_back(Action::Transmit { id, bytes });
        id
    }

    /// The segment that `same as` sends once more.
    fn again(
        &self,
        label: &tcpconf_suite::ast::Name,
        fields: &[Field<Expr>],
    ) -> Result<(Template<Expr>, Option<Segment>), EvalError> {
        let sent = self.labels.get(&label.value).ok_or_else(|| {
            EvalError::not_shown(label.span, format!("no segment is named {}", label.value))
        })?;
        let template = Template {
            flags: FlagsSpec::Literal(sent.segment.flags),
            fields: fields.to_vec(),
            options: None,
            span: label.span,
        };
        Ok((template, Some(sent.segment.clone())))
    }

    /// The connection that a segment is sent on, opened if need be. `None` when ports are wanted first.
    fn sender(
        &mut self,
        name: &str,
        template: &Template<Expr>,
    ) -> Result<Option<usize>, EvalError> {
        let syn = crate::compose::flags(&template.flags, &self.view_on(name))?
            & (Flags::SYN | Flags::ACK)
            == Flags::SYN;
        let said = self.said_sender(name, template)?;
        let existing = self.session.named(name);
        let retired = syn && self.retired.contains(name);
        let socket = match (said, existing) {
            (Sender::Fresh { address, port }, _) => self.fresh_socket(address, port),
            (Sender::Port(port), Some(index)) if syn => {
                let ours = self.session.slot(index).script.ours;
                if ours.port() == port {
                    None
                } else {
                    self.socket_at(port)
                }
            }
            (Sender::Port(port), None) => self.socket_at(port),
            (Sender::Same, Some(index)) if retired => {
                let ours = self.session.slot(index).script.ours;
                self.retired.remove(name);
                return Ok(Some(self.session.open(name, ours)));
            }
            (Sender::Connection, Some(_)) if retired => self.fresh_socket(false, true),
            (_, Some(index)) => {
                if syn && self.session.slot(index).script.phase == Phase::Reset {
                    self.session.reincarnate(index);
                }
                return Ok(Some(index));
            }
            (_, None) => self.fresh_socket(false, true),
        };
        match (socket, existing, said) {
            (Some(ours), ..) => {
                self.retired.remove(name);
                Ok(Some(self.session.open(name, ours)))
            }
            (None, Some(index), Sender::Port(_)) if self.outcome.is_none() => Ok(Some(index)),
            (None, ..) => Ok(None),
        }
    }

    /// What the fields `from` and `port` say.
    fn said_sender(&self, name: &str, template: &Template<Expr>) -> Result<Sender, EvalError> {
        let mut said = Sender::Connection;
        let (mut address, mut port) = (false, None);
        for field in &template.fields {
            match (field.name, field.values.first()) {
                (FieldName::Src, Some(FieldValue::Fresh)) => address = true,
                (FieldName::SrcPort, Some(FieldValue::Fresh)) => port = Some(true),
                (FieldName::SrcPort, Some(FieldValue::Same)) => port = Some(false),
                (FieldName::SrcPort, Some(FieldValue::Number(expr))) => {
                    let port = crate::compose::plain(expr, 0..=65_535, &self.view_on(name))?;
                    said = Sender::Port(port as u16);
                }
                _ => {}
            }
        }
        Ok(match (address, port) {
            (true, port) => Sender::Fresh {
                address,
                port: port.unwrap_or(true),
            },
            (false, Some(true)) => Sender::Fresh {
                address,
                port: true,
            },
            (false, Some(false)) => Sender::Same,
            (false, None) => said,
        })
    }

    /// A socket of ours that this case has not used. `None`: ports were asked for, or the case is over.
    fn fresh_socket(&mut self, address: bool, port: bool) -> Option<SocketAddr> {
        let mut ip = self.first_address()?;
        if address {
            let used = |ip: &IpAddr| self.session.slots().any(|s| s.script.ours.ip() == *ip);
            let free = self
                .setup
                .lease
                .addresses
                .iter()
                .find(|a| !used(a))
                .copied();
            let Some(free) = free else {
                self.unsupported("we have no further source address here (see --source)");
                return None;
            };
            ip = free;
        }
        if !port && let Some(last) = self.session.slots().last() {
            return Some(SocketAddr::new(ip, last.script.ours.port()));
        }
        match self.setup.lease.ports.pop_front() {
            Some(port) => {
                self.ports_asked = false;
                Some(SocketAddr::new(ip, port))
            }
            None if self.ports_asked => {
                self.conclude(Outcome::Error, Some("no source port is left".into()));
                None
            }
            None => {
                self.ports_asked = true;
                self.outbox.push_back(Action::NeedPorts(PORTS_AT_A_TIME));
                None
            }
        }
    }

    /// A socket with this very port, where the lease allows it. `None`: the case is over.
    fn socket_at(&mut self, port: u16) -> Option<SocketAddr> {
        if !self.setup.lease.any_port {
            self.unsupported(
                "ports outside our range need a source address of our own (see --source)",
            );
            return None;
        }
        Some(SocketAddr::new(self.first_address()?, port))
    }

    fn first_address(&mut self) -> Option<IpAddr> {
        let first = self.setup.lease.addresses.first().copied();
        if first.is_none() {
            let reason = "the lease has no source address";
            self.conclude(Outcome::Error, Some(reason.into()));
        }
        first
    }

    /// `autoack on`: acknowledges what came, at once.
    pub(super) fn acknowledge(&mut self, index: usize, now: Instant) {
        let slot = self.session.slot(index);
        let Some(arrived) = slot.inbox.back() else {
            return;
        };
        if arrived.segment.seq_len() == 0 || arrived.segment.flags.contains(Flags::RST) {
            return;
        }
        let c = &slot.wire;
        let mut ack = Segment::new(c.ours, c.target);
        ack.flags = Flags::ACK;
        ack.seq = c.rcv_nxt;
        ack.ack = c.our_rcv_nxt;
        ack.window = c.our_window;
        if c.timestamps_on() {
            ack.options = vec![
                tcpconf_wire::TcpOption::Nop,
                tcpconf_wire::TcpOption::Nop,
                tcpconf_wire::TcpOption::Timestamps {
                    val: c.ts_clock(now),
                    ecr: c.ts_from_target.unwrap_or(0),
                },
            ];
        }
        let composed = Composed {
            segment: ack,
            window: None,
            ts_base: None,
            syn_options: None,
        };
        let bytes = self.session.inject(index, &composed, now, Some("autoack"));
        self.queue(bytes, now);
    }
}
