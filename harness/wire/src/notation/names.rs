//! The one table of fields: parser, checker, suggestions and docs/format.md read it.

use super::FieldName;

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number of at most so many bits.
    Number(u32),
    /// `good`, `bad` or a number of 16 bits.
    Checksum,
    /// A port: a number of 16 bits, `fresh` or `same`.
    Port,
    /// `from …`, `to …`: an address, with a port or not.
    Address,
    /// `df`, `df 0`, `df 1`.
    Bit,
    /// `"text"` or `hex(…)`.
    Bytes,
    /// A type number and `hex(…)`.
    Typed,
}

/// In which IP version a field exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// In both.
    Both,
    /// In IPv4 alone.
    V4,
    /// In IPv6 alone.
    V6,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// The field.
    pub name: FieldName,
    /// How it is written; the first row of a field is its canonical spelling.
    pub word: &'static str,
    /// What it takes.
    pub shape: Shape,
    /// Whether it may stand in a segment that is sent.
    pub stimulus: bool,
    /// Whether it may stand in a segment that must come.
    pub pattern: bool,
    /// Where it exists.
    pub family: Family,
    /// One line for the reader.
    pub doc: &'static str,
}

impl FieldInfo {
    const fn new(name: FieldName, word: &'static str, shape: Shape, doc: &'static str) -> Self {
        Self {
            name,
            word,
            shape,
            stimulus: true,
            pattern: true,
            family: Family::Both,
            doc,
        }
    }

    const fn sent_only(self) -> Self {
        Self {
            pattern: false,
            ..self
        }
    }

    const fn of(self, family: Family) -> Self {
        Self { family, ..self }
    }
}

use Shape::{Address, Bit, Bytes, Checksum, Number, Port, Typed};

const FIELDS: &[FieldInfo] = &[
    FieldInfo::new(
        FieldName::Seq,
        "seq",
        Number(32),
        "sequence number; also the left of N:M(L)",
    ),
    FieldInfo::new(FieldName::Ack, "ack", Number(32), "acknowledgement number"),
    FieldInfo::new(
        FieldName::Len,
        "len",
        Number(16),
        "octets of text; also the L of N:M(L)",
    ),
    FieldInfo::new(
        FieldName::Win,
        "win",
        Number(16),
        "window field, not scaled",
    ),
    FieldInfo::new(
        FieldName::Wnd,
        "wnd",
        Number(32),
        "window in bytes after scaling",
    ),
    FieldInfo::new(FieldName::Urg, "urg", Number(16), "urgent pointer field"),
    FieldInfo::new(
        FieldName::Isn,
        "isn",
        Number(32),
        "initial sequence number of a SYN that we send",
    )
    .sent_only(),
    FieldInfo::new(
        FieldName::TsVal,
        "tsval",
        Number(32),
        "TSval of the timestamps option",
    ),
    FieldInfo::new(
        FieldName::TsEcr,
        "tsecr",
        Number(32),
        "TSecr of the timestamps option",
    ),
    FieldInfo::new(FieldName::Data, "data", Bytes, "the text itself"),
    FieldInfo::new(FieldName::Checksum, "checksum", Checksum, "TCP checksum"),
    FieldInfo::new(
        FieldName::Offset,
        "offset",
        Number(4),
        "data offset in 32-bit words",
    ),
    FieldInfo::new(
        FieldName::Reserved,
        "reserved",
        Number(3),
        "the three reserved bits",
    ),
    FieldInfo::new(
        FieldName::Truncate,
        "truncate",
        Number(16),
        "cut the TCP part to so many bytes",
    )
    .sent_only(),
    FieldInfo::new(
        FieldName::Src,
        "from",
        Address,
        "source: ADDR, ADDR:PORT, [V6]:PORT, addr fresh, port N",
    ),
    FieldInfo::new(
        FieldName::Dst,
        "to",
        Address,
        "destination: ADDR, ADDR:PORT, [V6]:PORT, port N",
    ),
    FieldInfo::new(FieldName::SrcPort, "sport", Port, "source port"),
    FieldInfo::new(
        FieldName::SrcPort,
        "port",
        Port,
        "source port, short for sport",
    ),
    FieldInfo::new(FieldName::DstPort, "dport", Port, "destination port"),
    FieldInfo::new(
        FieldName::Ttl,
        "ttl",
        Number(8),
        "time to live or hop limit",
    ),
    FieldInfo::new(
        FieldName::Dscp,
        "dscp",
        Number(6),
        "differentiated services code point",
    ),
    FieldInfo::new(FieldName::Ecn, "ecn", Number(2), "the two ECN bits"),
    FieldInfo::new(FieldName::IpId, "ipid", Number(16), "IPv4 identification").of(Family::V4),
    FieldInfo::new(FieldName::Df, "df", Bit, "do not fragment").of(Family::V4),
    FieldInfo::new(FieldName::Mf, "mf", Bit, "more fragments").of(Family::V4),
    FieldInfo::new(FieldName::Evil, "evil", Bit, "the reserved IPv4 flag").of(Family::V4),
    FieldInfo::new(
        FieldName::FragOff,
        "fragoff",
        Number(13),
        "fragment offset in units of eight bytes",
    )
    .of(Family::V4),
    FieldInfo::new(
        FieldName::IpLen,
        "iplen",
        Number(16),
        "IPv4 total length or IPv6 payload length",
    ),
    FieldInfo::new(
        FieldName::Ihl,
        "ihl",
        Number(4),
        "IPv4 header length in 32-bit words",
    )
    .of(Family::V4),
    FieldInfo::new(
        FieldName::Proto,
        "proto",
        Number(8),
        "protocol or last next header",
    ),
    FieldInfo::new(
        FieldName::IpChecksum,
        "ipchecksum",
        Checksum,
        "IPv4 header checksum",
    )
    .of(Family::V4),
    FieldInfo::new(FieldName::IpOptions, "ipoptions", Bytes, "IPv4 options").of(Family::V4),
    FieldInfo::new(
        FieldName::FlowLabel,
        "flowlabel",
        Number(20),
        "IPv6 flow label",
    )
    .of(Family::V6),
    FieldInfo::new(
        FieldName::Extension,
        "ext",
        Typed,
        "an IPv6 extension header: type, hex(body)",
    )
    .of(Family::V6),
];

/// All fields that the notation can name, in the order of printing.
pub const fn field_names() -> &'static [FieldInfo] {
    FIELDS
}

/// The row of a word.
pub fn field_by_word(word: &str) -> Option<&'static FieldInfo> {
    FIELDS.iter().find(|info| info.word == word)
}

impl FieldName {
    /// The field's row.
    pub fn info(self) -> &'static FieldInfo {
        FIELDS
            .iter()
            .find(|info| info.name == self)
            .expect("every field has a row: a test walks the enum")
    }

    /// The canonical spelling.
    pub fn word(self) -> &'static str {
        self.info().word
    }
}
