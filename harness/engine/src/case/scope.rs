//! What symbols mean in a step: counters, samples, the profile, labels, the connection.

use super::{Case, Label};
use crate::eval::{Lack, Scope};
use crate::model::Connection;
use crate::value::Value;
use tcpconf_wire::{Flags, IpHeader, SeqNumber};

/// The scope of a step on a connection.
pub(super) struct View<'a> {
    pub(super) case: &'a Case,
    pub(super) conn: &'a str,
}

impl Scope for View<'_> {
    fn symbol(&self, name: &str) -> Result<Value, Lack> {
        let case = self.case;
        if let Some(n) = case.counters.get(name) {
            return Ok(Value::Number(*n));
        }
        if let Some(samples) = case.samples.get(name) {
            return Ok(Value::Array {
                items: samples.items.clone(),
                times: samples.times.clone(),
            });
        }
        if let Some(key) = name.strip_prefix("profile.") {
            return self.profile(key);
        }
        if let Some((head, rest)) = name.split_once('.') {
            if let Some(label) = case.labels.get(head) {
                let c = &case.session.slot(label.slot).script;
                return member(label, rest, c);
            }
            if head == "app" {
                return self.status(case.session.named(self.conn), rest);
            }
            if let Some(index) = case.session.named(head) {
                if let Some(key) = rest.strip_prefix("app.") {
                    return self.status(Some(index), key);
                }
                return variable(&case.session.slot(index).script, rest);
            }
        }
        let Some(index) = case.session.named(self.conn) else {
            return Err(Lack::NotShown(format!(
                "{name}: connection {} was not opened",
                self.conn
            )));
        };
        variable(&case.session.slot(index).script, name)
    }

    fn time(&self, label: &str) -> Result<i128, Lack> {
        self.case
            .labels
            .get(label)
            .map(|label| i128::from(label.at.as_nanos()))
            .ok_or_else(|| Lack::NotShown(format!("no segment is named {label}")))
    }
}

impl View<'_> {
    /// What the last `app status` said.
    fn status(&self, index: Option<usize>, key: &str) -> Result<Value, Lack> {
        let status = index.and_then(|index| self.case.app.status.get(&index));
        let status = status
            .ok_or_else(|| Lack::NotShown(format!("app.{key}: no 'app status' went before")))?;
        let number = match key {
            "unread" => status.unread,
            "unacked" => status.unacked,
            _ => return Err(Lack::Wrong(format!("no symbol app.{key}"))),
        };
        number
            .map(|n| Value::Number(n.into()))
            .ok_or_else(|| Lack::NotShown(format!("the target cannot tell app.{key}")))
    }

    fn profile(&self, key: &str) -> Result<Value, Lack> {
        let profile = &self.case.setup.profile;
        if key == "syn_ack_retries" {
            return profile
                .timing
                .syn_ack_retries
                .map(|n| Value::Number(n.into()))
                .ok_or_else(|| {
                    Lack::NotShown(format!("profile {} does not say {key}", profile.name))
                });
        }
        profile
            .duration(key)
            .map(Value::duration)
            .ok_or_else(|| Lack::Wrong(format!("no profile value {key}")))
    }
}

/// A variable of RFC 9293 §3.3.1 and its relatives.
fn variable(c: &Connection, name: &str) -> Result<Value, Lack> {
    let seq = |s: SeqNumber| Ok(Value::Seq(s));
    let known = |s: Option<SeqNumber>| {
        s.map(Value::Seq)
            .ok_or_else(|| Lack::NotShown(format!("{name} is not known yet")))
    };
    match name {
        "ISS" => known(c.iss),
        "IRS" => seq(c.irs),
        "SND.UNA" => known(c.iss.map(|_| c.snd_una)),
        "SND.NXT" => known(c.iss.map(|_| c.snd_nxt)),
        "SND.WND" => Ok(Value::Number(c.snd_wnd.into())),
        "RCV.NXT" => seq(c.rcv_nxt),
        "RCV.WND" => Ok(Value::Number(c.rcv_wnd().into())),
        "SMSS" => Ok(Value::Number(c.smss().into())),
        "TS.Recent" => c
            .ts_recent
            .map(|t| Value::Number(t.into()))
            .ok_or_else(|| Lack::NotShown("no timestamp was sent".into())),
        "Last.ACK.sent" => known(c.last_ack_sent),
        "acked" => known(c.acked),
        _ => Err(Lack::Wrong(format!("no symbol {name}"))),
    }
}

/// A field of a named segment.
fn member(label: &Label, name: &str, c: &Connection) -> Result<Value, Lack> {
    let s = &label.segment;
    let number = |n: u64| Ok(Value::Number(n.into()));
    let option = |n: Option<u64>| {
        n.map(|n| Value::Number(n.into())).ok_or_else(|| {
            let message = format!("the segment has no {name}");
            if s.src() == c.target {
                Lack::Omitted(message)
            } else {
                Lack::Wrong(message)
            }
        })
    };
    match name {
        "seq" => Ok(Value::Seq(s.seq)),
        "ack" => Ok(Value::Seq(s.ack)),
        "len" => number(s.payload.len() as u64),
        "win" => number(s.window.into()),
        "urg" => number(s.urgent.into()),
        "time" => Ok(Value::Time(label.at.as_nanos().into())),
        "port" => number(s.src_port.into()),
        "end" => Ok(Value::Seq(s.seq + s.seq_len())),
        "wnd" => {
            let (theirs, ours) = c.scales();
            let shift = match (s.flags.contains(Flags::SYN), s.src() == c.target) {
                (true, _) => 0,
                (false, true) => theirs,
                (false, false) => ours,
            };
            number(u64::from(s.window) << shift)
        }
        "ipid" => match &s.ip {
            IpHeader::V4(h) => number(h.id.into()),
            IpHeader::V6(_) => Err(Lack::NotShown(
                "an IPv6 packet has no identification".into(),
            )),
        },
        "ttl" => number(match &s.ip {
            IpHeader::V4(h) => h.ttl.into(),
            IpHeader::V6(h) => h.hop_limit.into(),
        }),
        "mss" => option(s.mss().map(u64::from)),
        "wscale" => option(s.window_scale().map(u64::from)),
        "tsval" => option(s.timestamps().map(|(val, _)| val.into())),
        "tsecr" => option(s.timestamps().map(|(_, ecr)| ecr.into())),
        _ => Err(Lack::Wrong(format!("a segment has no member {name}"))),
    }
}
