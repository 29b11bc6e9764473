//! Segments as lines of a trace: packetdrill's look, relative to where the connection began.
//!
//! It is the same printer as everywhere, over a template that leaves out what is no news.

use super::Segment;
use crate::Flags;
use crate::notation::{
    Field, FieldName, FieldValue, OptionItem, OptionsSpec, Relation, Span, Template,
};
use core::convert::Infallible;
use core::fmt;

/// How the text of a segment is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadStyle {
    /// Its octets.
    Full,
    /// Only how many there are.
    #[default]
    LengthOnly,
}

/// How a segment is shown in a trace. The default is absolute, without addresses and text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrintStyle {
    /// What sequence numbers are relative to: the sender's ISN.
    pub seq_base: Option<u32>,
    /// What acknowledgement numbers and SACK edges are relative to: the receiver's ISN.
    pub ack_base: Option<u32>,
    /// Whether addresses and ports are shown, and with them what of the IP header differs from host to
    /// host (TTL, DSCP, identification, DF, flow label).
    pub addresses: bool,
    /// How the text is shown.
    pub payload: PayloadStyle,
}

/// A segment with the way to show it.
#[derive(Clone, Copy, Debug)]
pub struct StyledSegment<'a> {
    segment: &'a Segment,
    style: PrintStyle,
}

impl Segment {
    /// The segment as a line of a trace: `S. 0:0(0) ack 1 win 65535 <mss 1460>`.
    ///
    /// Range and window always stand there, the acknowledgement number with the ACK flag or when it is not zero; all that
    /// is wrong or odd (checksum, offset, reserved bits, lengths, fragments) is named.
    pub const fn display(&self, style: PrintStyle) -> StyledSegment<'_> {
        StyledSegment {
            segment: self,
            style,
        }
    }

    /// [`Segment::display`] as a template. What lies left of a base is negative.
    pub fn to_trace(&self, style: PrintStyle) -> Template<i64> {
        let signed = |n: &u64| Ok::<_, Infallible>(n.cast_signed());
        let mut template = match self.to_template().try_map(signed) {
            Ok(template) => template,
            Err(never) => match never {},
        };
        let relative = |number: u32, base: Option<u32>| match base {
            Some(base) => i64::from(number.wrapping_sub(base).cast_signed()),
            None => i64::from(number),
        };
        // A span of their own makes the printer write the two as a range.
        let range = Span { start: 0, end: 1 };
        let number = |name, number: i64, span| Field {
            name,
            relation: Relation::Eq,
            values: vec![FieldValue::Number(number)],
            span,
        };
        let mut fields = vec![
            number(FieldName::Seq, relative(self.seq.0, style.seq_base), range),
            number(FieldName::Len, self.payload.len() as i64, range),
        ];
        if self.flags.contains(Flags::ACK) {
            let ack = relative(self.ack.0, style.ack_base);
            fields.push(number(FieldName::Ack, ack, Span::default()));
        } else if self.ack.0 != 0 {
            fields.push(number(FieldName::Ack, self.ack.0.into(), Span::default()));
        }
        fields.push(number(FieldName::Win, self.window.into(), Span::default()));
        template.fields.retain(|field| match field.name {
            FieldName::Seq | FieldName::Ack | FieldName::Win => false,
            FieldName::Data => style.payload == PayloadStyle::Full,
            FieldName::Src
            | FieldName::Dst
            | FieldName::SrcPort
            | FieldName::DstPort
            | FieldName::Ttl
            | FieldName::Dscp
            | FieldName::IpId
            | FieldName::Df
            | FieldName::FlowLabel => style.addresses,
            _ => true,
        });
        fields.append(&mut template.fields);
        template.fields = fields;
        if let Some(OptionsSpec::Items(items)) = &mut template.options {
            for item in items {
                if let OptionItem::Sack { blocks, .. } = item {
                    for edge in blocks.iter_mut().flat_map(|(l, r)| [l, r]) {
                        *edge = relative(*edge as u32, style.ack_base);
                    }
                }
            }
        }
        template
    }
}

impl fmt::Display for StyledSegment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.segment.to_trace(self.style).to_string())
    }
}
