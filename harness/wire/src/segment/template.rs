//! Segments as text: [`Segment`] to [`Template`] and back.
//!
//! Everything is literal here: sequence numbers are absolute and nothing is filled in.  What a suite
//! leaves to the connection (`wnd`, `isn`, `fresh`, …) must be resolved before.

use super::{Auto, Checksum, IpHeader, Ipv4Header, Ipv6Header, Segment};
use crate::notation::{
    ConstantValues, Cursor, Field, FieldName, FieldValue, FlagsSpec, NotationError, OptionItem,
    OptionsSpec, Relation, Span, Template, parse_template, unknown_word,
};
use crate::{SeqNumber, TcpOption};
use core::fmt;
use core::str::FromStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use thiserror::Error;

/// Why a template is no segment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// The field means something only in a connection.
    #[error("field '{field}' needs a connection to mean something")]
    NeedsConnection {
        /// Which field.
        field: FieldName,
    },
    /// A relation, several alternatives, or a value of another kind than the field takes.
    #[error("field '{field}' needs one plain value")]
    NotPlain {
        /// Which field.
        field: FieldName,
    },
    /// The number does not fit.
    #[error("{what} is at most {max}, got {got}")]
    TooLarge {
        /// Field or option.
        what: &'static str,
        /// The largest that fits.
        max: u64,
        /// What was given.
        got: u64,
    },
    /// The field does not exist in this version of IP, or the address is one of the other version.
    #[error("field '{field}' does not go with the segment's version of IP")]
    Family {
        /// Which field.
        field: FieldName,
    },
    /// `len` and `data` contradict each other.
    #[error("len {len} with data of {data} bytes")]
    LenAndData {
        /// `len`.
        len: u64,
        /// Bytes of `data`.
        data: usize,
    },
    /// `*`, `!name` or `...`: only a pattern can say that.
    #[error("option '{0}' is a pattern")]
    OptionPattern(String),
    /// A value stands for flags or options.
    #[error("flags and options must be written out")]
    NotWrittenOut,
}

/// Why a text is no segment.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SegmentFromStrError {
    /// It does not parse.
    #[error(transparent)]
    Notation(#[from] NotationError),
    /// It parses, but is not literal.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

impl Segment {
    /// `base` with what the template says: literal values only, sequence numbers absolute.
    ///
    /// `len` without `data` keeps a text of that length in `base`, and puts zeros otherwise.
    ///
    /// # Errors
    /// [`ApplyError`], naming the field that a suite must resolve first or that does not fit.
    pub fn from_template(template: &Template<u64>, base: Self) -> Result<Self, ApplyError> {
        let mut segment = base;
        match &template.flags {
            FlagsSpec::Literal(flags) => segment.flags = *flags,
            FlagsSpec::Value(_) => return Err(ApplyError::NotWrittenOut),
        }
        let mut extensions = Vec::new();
        let mut data = None;
        let mut len = None;
        for field in &template.fields {
            let value = match (field.relation, field.values.as_slice()) {
                (Relation::Eq, [value]) => value,
                _ => return Err(ApplyError::NotPlain { field: field.name }),
            };
            match (field.name, value) {
                (FieldName::Len, FieldValue::Number(number)) => len = Some(*number),
                (FieldName::Data, FieldValue::Bytes(bytes)) => data = Some(bytes.clone()),
                (FieldName::Extension, FieldValue::Typed(kind, body)) => {
                    extensions.push((*kind, body.clone()));
                }
                (name, value) => segment.apply(name, value)?,
            }
        }
        segment.apply_text(len, data)?;
        if !extensions.is_empty() {
            v6(&mut segment.ip, FieldName::Extension)?.extensions = extensions;
        }
        match &template.options {
            None => {}
            Some(OptionsSpec::Value(_)) => return Err(ApplyError::NotWrittenOut),
            Some(OptionsSpec::Items(items)) => {
                segment.options = items
                    .iter()
                    .map(TcpOption::try_from)
                    .collect::<Result<_, _>>()?;
            }
        }
        Ok(segment)
    }

    fn apply_text(&mut self, len: Option<u64>, data: Option<Vec<u8>>) -> Result<(), ApplyError> {
        if let Some(data) = data {
            self.payload = data;
            return match len {
                Some(len) if len != self.payload.len() as u64 => Err(ApplyError::LenAndData {
                    len,
                    data: self.payload.len(),
                }),
                _ => Ok(()),
            };
        }
        let Some(len) = len else { return Ok(()) };
        let len = usize::from(u16::try_from(len).map_err(|_| too_large("len", 0xffff, len))?);
        if self.payload.len() != len {
            self.payload = vec![0; len];
        }
        Ok(())
    }

    fn apply(&mut self, name: FieldName, value: &FieldValue<u64>) -> Result<(), ApplyError> {
        let not_plain = ApplyError::NotPlain { field: name };
        if matches!(value, FieldValue::Fresh | FieldValue::Same) {
            return Err(ApplyError::NeedsConnection { field: name });
        }
        let bits = |bits: u32| match value {
            FieldValue::Number(number) => limited(name.word(), *number, bits),
            _ => Err(not_plain.clone()),
        };
        let octet = |count: u32| bits(count).map(|number| number as u8);
        let word = || bits(16).map(|number| number as u16);
        let bit = || bits(1).map(|number| number == 1);
        let bytes = || match value {
            FieldValue::Bytes(bytes) => Ok(bytes.clone()),
            _ => Err(not_plain.clone()),
        };
        let checksum = || match value {
            FieldValue::Good => Ok(Checksum::Good),
            FieldValue::Bad => Ok(Checksum::Bad),
            _ => word().map(Checksum::Is),
        };
        let address = || match value {
            FieldValue::Address(address) => Ok(*address),
            _ => Err(not_plain.clone()),
        };
        match name {
            FieldName::Seq => self.seq = SeqNumber(bits(32)?),
            FieldName::Ack => self.ack = SeqNumber(bits(32)?),
            FieldName::Win => self.window = word()?,
            FieldName::Urg => self.urgent = word()?,
            FieldName::Checksum => self.checksum = checksum()?,
            FieldName::Offset => self.data_offset = Auto::Is(octet(4)?),
            FieldName::Reserved => self.reserved = octet(3)?,
            FieldName::Truncate => self.truncate = Some(word()?),
            FieldName::Src => self.ip.set_src(address()?)?,
            FieldName::Dst => self.ip.set_dst(address()?)?,
            FieldName::SrcPort => self.src_port = word()?,
            FieldName::DstPort => self.dst_port = word()?,
            FieldName::Ttl => *self.ip.ttl_mut() = octet(8)?,
            FieldName::Dscp => *self.ip.dscp_mut() = octet(6)?,
            FieldName::Ecn => *self.ip.ecn_mut() = octet(2)?,
            FieldName::Proto => *self.ip.protocol_mut() = Auto::Is(octet(8)?),
            FieldName::IpLen => *self.ip.length_mut() = Auto::Is(word()?),
            FieldName::IpId => v4(&mut self.ip, name)?.id = word()?,
            FieldName::Df => v4(&mut self.ip, name)?.df = bit()?,
            FieldName::Mf => v4(&mut self.ip, name)?.mf = bit()?,
            FieldName::Evil => v4(&mut self.ip, name)?.evil = bit()?,
            FieldName::FragOff => v4(&mut self.ip, name)?.fragment_offset = bits(13)? as u16,
            FieldName::Ihl => v4(&mut self.ip, name)?.header_length = Auto::Is(octet(4)?),
            FieldName::IpChecksum => v4(&mut self.ip, name)?.checksum = checksum()?,
            FieldName::IpOptions => v4(&mut self.ip, name)?.options = bytes()?,
            FieldName::FlowLabel => v6(&mut self.ip, name)?.flow_label = bits(20)?,
            FieldName::Wnd | FieldName::Isn | FieldName::TsVal | FieldName::TsEcr => {
                return Err(ApplyError::NeedsConnection { field: name });
            }
            FieldName::Len | FieldName::Data | FieldName::Extension => return Err(not_plain),
        }
        Ok(())
    }

    /// The segment as a template: addresses, ports and sequence number always, of the rest what differs
    /// from [`Segment::new`]. [`Segment::from_template`] gives the same segment back.
    pub fn to_template(&self) -> Template<u64> {
        // Destructured, so that a new field is not forgotten here.
        let Self {
            ip,
            src_port,
            dst_port,
            seq,
            ack,
            data_offset,
            reserved,
            flags,
            window,
            checksum,
            urgent,
            options,
            payload,
            truncate,
        } = self;
        let mut fields = FieldList(Vec::new());
        fields.number(FieldName::Seq, seq.0);
        fields.unless_zero(FieldName::Ack, ack.0);
        fields.unless_zero(FieldName::Win, *window);
        fields.unless_zero(FieldName::Urg, *urgent);
        if !payload.is_empty() {
            fields.push(FieldName::Data, FieldValue::Bytes(payload.clone()));
        }
        fields.checksum(FieldName::Checksum, *checksum);
        fields.auto(FieldName::Offset, *data_offset);
        fields.unless_zero(FieldName::Reserved, *reserved);
        if let Some(length) = truncate {
            fields.number(FieldName::Truncate, *length);
        }
        fields.push(FieldName::Src, FieldValue::Address(ip.src()));
        fields.number(FieldName::SrcPort, *src_port);
        fields.push(FieldName::Dst, FieldValue::Address(ip.dst()));
        fields.number(FieldName::DstPort, *dst_port);
        match ip {
            IpHeader::V4(header) => fields.ipv4(header),
            IpHeader::V6(header) => fields.ipv6(header),
        }
        Template {
            flags: FlagsSpec::Literal(*flags),
            fields: fields.0,
            options: (!options.is_empty())
                .then(|| OptionsSpec::Items(options.iter().map(OptionItem::from).collect())),
            span: Span::default(),
        }
    }
}

struct FieldList(Vec<Field<u64>>);

impl FieldList {
    fn push(&mut self, name: FieldName, value: FieldValue<u64>) {
        self.0.push(Field {
            name,
            relation: Relation::Eq,
            values: vec![value],
            span: Span::default(),
        });
    }

    fn number(&mut self, name: FieldName, number: impl Into<u64>) {
        self.push(name, FieldValue::Number(number.into()));
    }

    fn unless_zero(&mut self, name: FieldName, number: impl Into<u64>) {
        let number = number.into();
        if number != 0 {
            self.number(name, number);
        }
    }

    fn auto(&mut self, name: FieldName, value: Auto<impl Into<u64>>) {
        if let Auto::Is(number) = value {
            self.number(name, number);
        }
    }

    fn checksum(&mut self, name: FieldName, value: Checksum) {
        match value {
            Checksum::Good => {}
            Checksum::Bad => self.push(name, FieldValue::Bad),
            Checksum::Is(number) => self.number(name, number),
        }
    }

    fn ttl(&mut self, ttl: u8) {
        if ttl != 64 {
            self.number(FieldName::Ttl, ttl);
        }
    }

    fn ipv4(&mut self, header: &Ipv4Header) {
        let Ipv4Header {
            src: _,
            dst: _,
            dscp,
            ecn,
            id,
            evil,
            df,
            mf,
            fragment_offset,
            ttl,
            protocol,
            options,
            header_length,
            total_length,
            checksum,
        } = header;
        self.ttl(*ttl);
        self.unless_zero(FieldName::Dscp, *dscp);
        self.unless_zero(FieldName::Ecn, *ecn);
        self.unless_zero(FieldName::IpId, *id);
        if !df {
            self.number(FieldName::Df, 0_u8);
        }
        self.unless_zero(FieldName::Mf, *mf);
        self.unless_zero(FieldName::Evil, *evil);
        self.unless_zero(FieldName::FragOff, *fragment_offset);
        self.auto(FieldName::IpLen, *total_length);
        self.auto(FieldName::Ihl, *header_length);
        self.auto(FieldName::Proto, *protocol);
        self.checksum(FieldName::IpChecksum, *checksum);
        if !options.is_empty() {
            self.push(FieldName::IpOptions, FieldValue::Bytes(options.clone()));
        }
    }

    fn ipv6(&mut self, header: &Ipv6Header) {
        let Ipv6Header {
            src: _,
            dst: _,
            dscp,
            ecn,
            flow_label,
            hop_limit,
            extensions,
            protocol,
            payload_length,
        } = header;
        self.ttl(*hop_limit);
        self.unless_zero(FieldName::Dscp, *dscp);
        self.unless_zero(FieldName::Ecn, *ecn);
        self.auto(FieldName::IpLen, *payload_length);
        self.auto(FieldName::Proto, *protocol);
        self.unless_zero(FieldName::FlowLabel, *flow_label);
        for (kind, body) in extensions {
            self.push(FieldName::Extension, FieldValue::Typed(*kind, body.clone()));
        }
    }
}

/// The segment's template.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_template().fmt(f)
    }
}

/// Reads a literal segment. What is not written is as in [`Segment::new`]; addresses and ports are
/// unspecified, and IPv4 unless an IPv6 address stands there.
impl FromStr for Segment {
    type Err = SegmentFromStrError;

    fn from_str(text: &str) -> Result<Self, SegmentFromStrError> {
        let mut c = Cursor::new(text);
        let template = parse_template(&mut c, &mut ConstantValues)?;
        c.skip_blanks();
        if !c.at_end() {
            return Err(unknown_word(&c, []).into());
        }
        let six = template.fields.iter().any(|field| {
            matches!(
                field.values.first(),
                Some(FieldValue::Address(IpAddr::V6(_)))
            )
        });
        let nobody = if six {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        } else {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        };
        Ok(Self::from_template(&template, Self::new(nobody, nobody))?)
    }
}

pub(crate) fn limited(what: &'static str, number: u64, bits: u32) -> Result<u32, ApplyError> {
    let max = (1_u64 << bits) - 1;
    match u32::try_from(number) {
        Ok(fits) if number <= max => Ok(fits),
        _ => Err(too_large(what, max, number)),
    }
}

const fn too_large(what: &'static str, max: u64, got: u64) -> ApplyError {
    ApplyError::TooLarge { what, max, got }
}

const fn v4(ip: &mut IpHeader, field: FieldName) -> Result<&mut Ipv4Header, ApplyError> {
    match ip {
        IpHeader::V4(header) => Ok(header),
        IpHeader::V6(_) => Err(ApplyError::Family { field }),
    }
}

const fn v6(ip: &mut IpHeader, field: FieldName) -> Result<&mut Ipv6Header, ApplyError> {
    match ip {
        IpHeader::V6(header) => Ok(header),
        IpHeader::V4(_) => Err(ApplyError::Family { field }),
    }
}

impl IpHeader {
    const fn set_src(&mut self, address: IpAddr) -> Result<(), ApplyError> {
        match (self, address) {
            (Self::V4(header), IpAddr::V4(address)) => header.src = address,
            (Self::V6(header), IpAddr::V6(address)) => header.src = address,
            _ => {
                return Err(ApplyError::Family {
                    field: FieldName::Src,
                });
            }
        }
        Ok(())
    }

    const fn set_dst(&mut self, address: IpAddr) -> Result<(), ApplyError> {
        match (self, address) {
            (Self::V4(header), IpAddr::V4(address)) => header.dst = address,
            (Self::V6(header), IpAddr::V6(address)) => header.dst = address,
            _ => {
                return Err(ApplyError::Family {
                    field: FieldName::Dst,
                });
            }
        }
        Ok(())
    }

    const fn ttl_mut(&mut self) -> &mut u8 {
        match self {
            Self::V4(header) => &mut header.ttl,
            Self::V6(header) => &mut header.hop_limit,
        }
    }

    const fn dscp_mut(&mut self) -> &mut u8 {
        match self {
            Self::V4(header) => &mut header.dscp,
            Self::V6(header) => &mut header.dscp,
        }
    }

    const fn ecn_mut(&mut self) -> &mut u8 {
        match self {
            Self::V4(header) => &mut header.ecn,
            Self::V6(header) => &mut header.ecn,
        }
    }

    const fn protocol_mut(&mut self) -> &mut Auto<u8> {
        match self {
            Self::V4(header) => &mut header.protocol,
            Self::V6(header) => &mut header.protocol,
        }
    }

    const fn length_mut(&mut self) -> &mut Auto<u16> {
        match self {
            Self::V4(header) => &mut header.total_length,
            Self::V6(header) => &mut header.payload_length,
        }
    }
}
