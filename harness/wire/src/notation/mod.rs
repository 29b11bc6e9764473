//! The notation: packetdrill's way of writing segments, made exact.
//!
//! One grammar serves suites, traces, failure blocks, snapshots and reproducers.  It is generic over
//! what stands for a number: constants here (`u64`), expressions in the suite language
//! ([`ValueParser`]).  So there is one parser of segments in the project, [`parse_template`], and one
//! printer, the `Display` of [`Template`].
//!
//! ```text
//! S. seq 1000 ack 1 win 65535 <mss 1460,sackOK,nop,wscale 7>
//! P. 1:11(10) ack 1 win 512 checksum bad
//! ```

mod constant;
mod cursor;
mod map;
mod names;
mod parse;
mod parse_options;
mod print;
#[cfg(test)]
mod tests;

pub use constant::ConstantValues;
pub use cursor::{Cursor, is_ident_char, is_ident_start, nearest};
pub use names::{Family, FieldInfo, Shape, field_by_word, field_names};
pub use parse::{ValueParser, add_fields, parse_field, parse_flags, parse_template, unknown_word};
pub use parse_options::{option_words, parse_options};
pub use print::Fields;

use crate::Flags;
use std::net::IpAddr;

/// A range of bytes in a source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

/// A parse error: where, what was expected or is wrong, and the nearest right spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationError {
    /// Where.
    pub span: Span,
    /// A lowercase fragment: `unknown field 'wim'`.
    pub message: String,
    /// What could stand here instead, if something is near: `win`.
    pub suggestion: Option<String>,
}

/// The fields of a segment that the notation can name. The order is the order of printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldName {
    /// `seq N`; also the left of `N:M(L)`.
    Seq,
    /// `ack N`.
    Ack,
    /// `len N`: octets of text; also the `L` of `N:M(L)`.
    Len,
    /// `win N`: the window field.
    Win,
    /// `wnd N`: the window in bytes after scaling (a suite's field: needs the connection).
    Wnd,
    /// `urg N`: the urgent pointer.
    Urg,
    /// `isn N`: the initial sequence number of a SYN that we send (a suite's field).
    Isn,
    /// `tsval N`: overrides the timestamp clock (a suite's field).
    TsVal,
    /// `tsecr N`: overrides the echoed timestamp (a suite's field).
    TsEcr,
    /// `data "text"` or `data hex(0a0b)`: the text itself.
    Data,
    /// `checksum good|bad|N`.
    Checksum,
    /// `offset N`: data offset in words.
    Offset,
    /// `reserved N`: the three bits.
    Reserved,
    /// `truncate N`: cut the TCP part to N bytes.
    Truncate,
    /// `from ADDR`, `from ADDR:PORT`, `from [V6]:PORT`: source address (and port, as a field of its own).
    Src,
    /// `to ADDR…`: destination.
    Dst,
    /// `sport N`, `port N` (short for it), `from port N|fresh|same`.
    SrcPort,
    /// `dport N`.
    DstPort,
    /// `ttl N`: TTL or hop limit.
    Ttl,
    /// `dscp N`.
    Dscp,
    /// `ecn N`.
    Ecn,
    /// `ipid N`.
    IpId,
    /// `df` or `df 0|1`.
    Df,
    /// `mf` or `mf 0|1`.
    Mf,
    /// `evil` or `evil 0|1`: the reserved IPv4 flag.
    Evil,
    /// `fragoff N`: in units of eight bytes.
    FragOff,
    /// `iplen N`: IPv4 total length or IPv6 payload length.
    IpLen,
    /// `ihl N`: IPv4 header length in words.
    Ihl,
    /// `proto N`.
    Proto,
    /// `ipchecksum good|bad|N`.
    IpChecksum,
    /// `ipoptions hex(…)`: IPv4 options.
    IpOptions,
    /// `flowlabel N`.
    FlowLabel,
    /// `ext N hex(…)`: an IPv6 extension header; may stand several times.
    Extension,
}

/// How a field of a pattern relates to its value. Stimuli have only [`Relation::Eq`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `ack N`, `ack = N`.
    #[default]
    Eq,
    /// `len != N`.
    Ne,
    /// `len < N`.
    Lt,
    /// `len <= N`.
    Le,
    /// `len > N`.
    Gt,
    /// `len >= N`.
    Ge,
}

/// A value in a field. `V` is what stands for a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue<V> {
    /// A number.
    Number(V),
    /// `good`.
    Good,
    /// `bad`.
    Bad,
    /// `fresh`: a port or address that was not used before.
    Fresh,
    /// `same`: as in the connection before.
    Same,
    /// An address.
    Address(IpAddr),
    /// Bytes: `"text"` or `hex(…)`.
    Bytes(Vec<u8>),
    /// An extension header: type and body.
    Typed(u8, Vec<u8>),
}

/// One field as written: name, relation, one value or several alternatives (`ack IRS+1 | IRS+11`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<V> {
    /// Which field.
    pub name: FieldName,
    /// How it relates.
    pub relation: Relation,
    /// The alternatives, at least one.
    pub values: Vec<FieldValue<V>>,
    /// Where it stands.
    pub span: Span,
}

/// The flags as written: letters, or a number-like parameter (`${flags}` in the suite language).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagsSpec<V> {
    /// `S.`
    Literal(Flags),
    /// A value that stands for flags.
    Value(V),
}

/// A value in an option: given, or `*` (any; patterns only).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot<V> {
    /// `*`.
    Any,
    /// Given.
    Is(V),
}

/// The kinds of option that have a name: `mss`, `wscale`, `sackOK`, `sack`, `TS`, `md5`, `uto`, `tfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OptionName {
    /// `eol`.
    Eol,
    /// `nop`.
    Nop,
    /// `mss`.
    Mss,
    /// `wscale`.
    WindowScale,
    /// `sackOK`.
    SackPermitted,
    /// `sack`.
    Sack,
    /// `TS`.
    Timestamps,
    /// `md5`.
    Md5,
    /// `uto`.
    UserTimeout,
    /// `tfo`.
    FastOpen,
    /// `kind N`.
    Kind(u8),
}

/// One entry of `<…>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionItem<V> {
    /// `eol`.
    Eol,
    /// `nop`.
    Nop,
    /// `mss N`.
    Mss(Slot<V>),
    /// `wscale N`.
    WindowScale(Slot<V>),
    /// `sackOK`.
    SackPermitted,
    /// `sack L:R L:R …`; `sack *` is an empty list with `any`.
    Sack {
        /// Edges.
        blocks: Vec<(V, V)>,
        /// Any blocks will do (patterns only).
        any: bool,
    },
    /// `TS val N ecr N`.
    Timestamps {
        /// TSval.
        val: Slot<V>,
        /// TSecr.
        ecr: Slot<V>,
    },
    /// `md5 hex(…)`; `md5 *`.
    Md5(Slot<[u8; 16]>),
    /// `uto 30s`/`uto 5min` in a constant notation: `uto N` seconds, `uto N min`.
    UserTimeout {
        /// Minutes instead of seconds.
        minutes: bool,
        /// The value.
        value: Slot<V>,
    },
    /// `tfo` (a request), `tfo hex(…)`, `tfo *`.
    FastOpen(Slot<Vec<u8>>),
    /// `exp 254 0xf989 hex(…)`.
    Experimental {
        /// 253 or 254.
        kind: u8,
        /// Experiment identifier.
        exid: u16,
        /// What follows.
        data: Vec<u8>,
    },
    /// `kind N` or `kind N hex(…)`.
    Unknown {
        /// The kind octet.
        kind: u8,
        /// What follows the length octet.
        data: Vec<u8>,
    },
    /// `raw(hex)`.
    Raw(Vec<u8>),
    /// `!wscale`: must not be there (patterns only).
    Absent(OptionName),
    /// `...`: others may be there (patterns only).
    Rest,
}

/// The options as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionsSpec<V> {
    /// `<…>`
    Items(Vec<OptionItem<V>>),
    /// A value that stands for options (`${options}` in the suite language).
    Value(V),
}

/// A segment as written: flags first, then fields and options in any order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template<V> {
    /// The flags.
    pub flags: FlagsSpec<V>,
    /// The fields as they stand.
    pub fields: Vec<Field<V>>,
    /// The options; `None` when not written.
    pub options: Option<OptionsSpec<V>>,
    /// All of it.
    pub span: Span,
}
