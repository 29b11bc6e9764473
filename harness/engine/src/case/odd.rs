//! Stimuli that are no whole segments: fragments, and ICMP messages that quote a segment.

use super::Case;
use super::link::{Cut, Outgoing};
use crate::compose::{Composed, plain};
use crate::eval::EvalError;
use tcpconf_suite::ast::{Fragmentation, IcmpStimulus, Inject};
use tcpconf_wire::{Icmp, Instant, fragment};

/// ICMP quotes at most so much of a packet here: all of the headers and some text (RFC 1812 §4.3.2.3).
const QUOTE_MAX: usize = 548;

impl Case {
    /// Sends a segment in fragments.
    pub(super) fn send_fragments(
        &mut self,
        index: usize,
        composed: &Composed,
        how: &Fragmentation,
        inject: &Inject,
        now: Instant,
    ) -> Result<(), EvalError> {
        let offsets = how
            .at
            .iter()
            .map(|expr| plain(expr, 0..=65_535, &self.view()).map(|n| n as usize))
            .collect::<Result<Vec<_>, _>>()?;
        let bytes = self.session.stick(index, composed);
        let id = self.next_id as u32 | 0x1_0000;
        fragment(&bytes, &offsets, how.overlap, id)
            .map_err(|e| EvalError::wrong(self.frame().span(), e.to_string()))?;
        self.bind_sent(inject, composed, index, now);
        let outgoing = Outgoing {
            cut: Some(Cut {
                offsets,
                overlap: how.overlap,
                id,
            }),
            ..Outgoing::new(index, bytes, None)
        };
        self.transmit(outgoing, now, inject);
        Ok(())
    }

    /// Sends an ICMP error that quotes a segment of the target.
    pub(super) fn send_icmp(
        &mut self,
        inject: &Inject,
        icmp: &IcmpStimulus,
        now: Instant,
    ) -> Result<(), EvalError> {
        let fail = |message: String| EvalError::wrong(icmp.kind.span, message);
        let view = self.view();
        let Some(label) = self.labels.get(&icmp.quote.value) else {
            return Err(EvalError::not_shown(
                icmp.quote.span,
                format!("no segment is named {}", icmp.quote.value),
            ));
        };
        let slot = label.slot;
        let mut quoted = label.segment.clone();
        if let Some(offset) = &icmp.seq_offset {
            match crate::eval::eval(offset, &view)? {
                crate::value::Value::Number(n) => quoted.seq += n as u32,
                other => return Err(fail(format!("a number is wanted, not {}", other.kind()))),
            }
        }
        let mut quote = quoted.build();
        quote.truncate(QUOTE_MAX);
        if let Some(length) = &icmp.truncate {
            quote.truncate(plain(length, 0..=65_535, &view)? as usize);
        }
        // From the quoted segment's destination, which is us, to its source, the target.
        let (from, to) = (quoted.ip.dst(), quoted.ip.src());
        let mut message = Icmp::named(from, to, &icmp.kind.value, quote).ok_or_else(|| {
            fail(format!(
                "there is no ICMP message {} in this version of IP",
                icmp.kind.value
            ))
        })?;
        if let Some(mtu) = &icmp.mtu {
            message = message.with_mtu(plain(mtu, 0..=u64::from(u32::MAX), &view)? as u32);
        }
        if let Some(code) = &icmp.code {
            message.code = plain(code, 0..=255, &view)? as u8;
        }
        let bytes = message.build();
        self.transmit(Outgoing::new(slot, bytes, None), now, inject);
        Ok(())
    }
}
