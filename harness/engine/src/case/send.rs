//! `<` steps: who sends, what is sent, what the models make of it.

use super::link::Outgoing;
use super::{Case, Label};
use crate::compose::Composed;
use crate::eval::EvalError;
use crate::model::{Connection, Phase};
use crate::reading::Reading;
use crate::{Action, Outcome};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tcpconf_suite::ast::{
    Expr, Field, FieldName, FieldValue, FlagsSpec, Inject, Stimulus, Template,
};
use tcpconf_wire::{Flags, Instant, Segment, TcpOption};

/// Ports asked for at a time.
pub(super) const PORTS_AT_A_TIME: usize = 16;

/// How long a server has to write the beginning of its answer: below any retransmission timeout, so that no
/// probe of the shut window comes.
const ANSWER_GATHERS: Duration = Duration::from_millis(100);

const FOREIGN_PORT: &str =
    "ports outside our range need a source address of our own (see --source)";

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
        let (template, mut again) = match &inject.stimulus {
            Stimulus::Segment(template) => (Cow::Borrowed(template), None),
            Stimulus::SameAs { label, fields } => {
                let (template, segment) = self.again(label, fields)?;
                (Cow::Owned(template), Some(segment))
            }
            Stimulus::Icmp(icmp) => return self.send_icmp(inject, icmp, now),
        };
        let repeated = self.repeated_on(inject, &template);
        let index = match repeated {
            Some(index) => Some(index),
            None => self.sender(&name, &template, again.is_some())?,
        };
        let Some(index) = index else {
            // No port or address is free: the step begins again when there is one.
            if self.outcome.is_none()
                && let Some(frame) = self.frames.last_mut()
            {
                frame.at -= 1;
            }
            return Ok(());
        };
        if let (None, Some(segment)) = (repeated, &mut again) {
            let ours = self.session.slot(index).script.ours;
            let template = Segment::new(ours, segment.dst());
            (segment.ip, segment.src_port) = (template.ip, template.src_port);
        }
        let composed =
            self.session
                .compose(index, &template, again.as_ref(), now, &self.view_on(&name))?;
        match &inject.fragment {
            None => {
                let bytes = self.session.stick(index, &composed);
                self.bind_sent(inject, &composed, index, now);
                let outgoing = Outgoing::new(index, bytes, self.note_on_sends);
                self.transmit(outgoing, now, inject);
            }
            Some(fragmentation) => {
                self.send_fragments(index, &composed, fragmentation, inject, now)?
            }
        }
        Ok(())
    }

    /// The name of a segment that is about to be sent.
    pub(super) fn bind_sent(
        &mut self,
        inject: &Inject,
        composed: &Composed,
        index: usize,
        now: Instant,
    ) {
        if let Some(label) = &inject.label {
            self.labels.insert(
                label.value.clone(),
                Label {
                    at: now,
                    segment: composed.segment.clone(),
                    slot: index,
                },
            );
        }
    }

    /// Sends the packet of a step: its stamp is what timing counts from.
    pub(super) fn transmit(&mut self, outgoing: Outgoing, now: Instant, inject: &Inject) {
        let outgoing = Outgoing {
            label: inject.label.as_ref().map(|label| label.value.clone()),
            asked: true,
            ..outgoing
        };
        self.emit(outgoing, now);
    }

    /// The connection on which `same as` repeats a segment: that of the segment, unless the step names one.
    fn repeated_on(&self, inject: &Inject, template: &Template<Expr>) -> Option<usize> {
        let chosen = |f: &Field<Expr>| matches!(f.name, FieldName::Src | FieldName::SrcPort);
        match (&inject.stimulus, &inject.conn) {
            (Stimulus::SameAs { label, .. }, None) if !template.fields.iter().any(chosen) => {
                self.labels.get(&label.value).map(|label| label.slot)
            }
            _ => None,
        }
    }

    /// The segment that `same as` sends once more.
    fn again(
        &self,
        label: &tcpconf_suite::ast::Name,
        fields: &[Field<Expr>],
    ) -> Result<(Template<Expr>, Segment), EvalError> {
        let sent = self.labels.get(&label.value).ok_or_else(|| {
            EvalError::not_shown(label.span, format!("no segment is named {}", label.value))
        })?;
        let template = Template {
            flags: FlagsSpec::Literal(sent.segment.flags),
            fields: fields.to_vec(),
            options: None,
            span: label.span,
        };
        Ok((template, sent.segment.clone()))
    }

    /// The connection that a segment is sent on, opened if need be. `None` when ports are wanted first.
    fn sender(
        &mut self,
        name: &str,
        template: &Template<Expr>,
        again: bool,
    ) -> Result<Option<usize>, EvalError> {
        let syn = crate::compose::flags(&template.flags, &self.view_on(name))?
            & (Flags::SYN | Flags::ACK)
            == Flags::SYN;
        let said = self.said_sender(name, template)?;
        let existing = self.session.named(name);
        let ours = existing.map(|index| self.session.slot(index).script.ours);
        if let (Some(index), Some(ours)) = (existing, ours)
            && !self.retired.contains(name)
        {
            let other_port = matches!(said, Sender::Port(port) if port != ours.port());
            let opens = matches!(said, Sender::Fresh { .. }) || other_port && syn;
            if !opens {
                if other_port && !self.setup.lease.any_port {
                    self.unsupported(FOREIGN_PORT);
                    return Ok(None);
                }
                let begins_anew = syn && self.session.slot(index).script.phase == Phase::Reset;
                let own_isn = again
                    || template
                        .fields
                        .iter()
                        .any(|f| matches!(f.name, FieldName::Seq | FieldName::Isn));
                if begins_anew && !own_isn {
                    self.session.reincarnate(index);
                }
                return Ok(Some(index));
            }
        }
        let socket = match (said, ours) {
            (Sender::Fresh { address, port }, _) => self.fresh_socket(address, port),
            (Sender::Port(port), _) => self.socket_at(port),
            (Sender::Same, Some(ours)) => Some(ours),
            (Sender::Same | Sender::Connection, _) => self.fresh_socket(false, true),
        };
        Ok(socket.map(|ours| {
            self.retired.remove(name);
            let index = self.session.open(name, ours);
            if let Some(place) = self.app.place_of(name) {
                self.session.slot_mut(index).bind(place);
            }
            index
        }))
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
            self.unsupported(FOREIGN_PORT);
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
        let c = slot.heard();
        if c.phase == Phase::Reset || c.is_of_the_past(&Reading::of(&arrived.segment)) {
            return;
        }
        let bytes = plain_ack(c, now).build();
        self.emit(Outgoing::new(index, bytes, Some("autoack")), now);
    }

    /// A connection was opened to a service that wants a request first: it is sent at once.
    ///
    /// It shuts the window until the answer's head and the text behind it, which servers write apart, lie
    /// together: a source sends full segments.
    pub(super) fn request(&mut self, index: usize, now: Instant) {
        let Some(request) = self.setup.lease.request.clone() else {
            return;
        };
        let mut segment = plain_ack(&self.session.slot(index).script, now);
        segment.flags |= Flags::PSH;
        segment.window = 0;
        segment.payload = request.to_vec();
        self.session
            .requested(index, segment.seq + segment.seq_len());
        let own = self.note_on_sends.replace("the service's request");
        let outgoing = Outgoing::new(index, segment.build(), self.note_on_sends);
        self.emit(outgoing, now);
        let opens = plain_ack(&self.session.slot(index).script, now + ANSWER_GATHERS);
        let outgoing = Outgoing {
            asked: true,
            after: ANSWER_GATHERS,
            ..Outgoing::new(index, opens.build(), self.note_on_sends)
        };
        self.emit(outgoing, now);
        self.note_on_sends = own;
    }
}

/// An acknowledgement of what came in order, at the target's RCV.NXT.
fn plain_ack(c: &Connection, now: Instant) -> Segment {
    let mut ack = Segment::new(c.ours, c.target);
    ack.flags = Flags::ACK;
    ack.seq = c.rcv_nxt;
    ack.ack = c.our_rcv_nxt;
    ack.window = c.our_window;
    if c.timestamps_on() {
        ack.options = vec![
            TcpOption::Nop,
            TcpOption::Nop,
            TcpOption::Timestamps {
                val: c.ts_clock(now),
                ecr: c.ts_from_target.unwrap_or(0),
            },
        ];
    }
    ack
}
