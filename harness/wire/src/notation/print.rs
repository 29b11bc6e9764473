//! Printer: the canonical text of templates. What it prints parses back to the same value.

use super::{
    Field, FieldName, FieldValue, FlagsSpec, NotationError, OptionItem, OptionName, OptionsSpec,
    Relation, Slot, Template,
};
use core::fmt::{self, Display, Formatter, Write};

/// Fields in a row, blanks between: what stands behind the flags.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a, V>(pub &'a [Field<V>]);

impl<V: Display> Display for Template<V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.flags.fmt(f)?;
        if !self.fields.is_empty() {
            write!(f, " {}", Fields(&self.fields))?;
        }
        if let Some(options) = &self.options {
            write!(f, " {options}")?;
        }
        Ok(())
    }
}

impl<V: Display> Display for FlagsSpec<V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(flags) => flags.fmt(f),
            Self::Value(value) => value.fmt(f),
        }
    }
}

impl<V: Display> Display for Fields<'_, V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut gap = "";
        while let Some((first, behind)) = rest.split_first() {
            f.write_str(gap)?;
            gap = " ";
            rest = behind;
            let joined = behind.first().and_then(|second| joined(first, second));
            if let Some(text) = joined {
                f.write_str(&text)?;
                rest = &behind[1..];
            } else {
                first.fmt(f)?;
            }
        }
        Ok(())
    }
}

/// The short form of two neighbours: `from ADDR:PORT`, and `start:end(len)` where the source had it.
fn joined<V: Display>(first: &Field<V>, second: &Field<V>) -> Option<String> {
    let single = |field: &Field<V>| field.relation == Relation::Eq && field.values.len() == 1;
    if !single(first) || !single(second) {
        return None;
    }
    let (one, two) = (&first.values[0], &second.values[0]);
    match (first.name, second.name, one, two) {
        (
            FieldName::Src | FieldName::Dst,
            FieldName::SrcPort | FieldName::DstPort,
            FieldValue::Address(address),
            FieldValue::Number(port),
        ) if (first.name == FieldName::Src) == (second.name == FieldName::SrcPort) => {
            let word = first.name.word();
            Some(match address {
                std::net::IpAddr::V4(v4) => format!("{word} {v4}:{port}"),
                std::net::IpAddr::V6(v6) => format!("{word} [{v6}]:{port}"),
            })
        }
        (FieldName::Seq, FieldName::Len, FieldValue::Number(seq), FieldValue::Number(len))
            if first.span == second.span && first.span.start < first.span.end =>
        {
            let start: i64 = seq.to_string().parse().ok()?;
            let len: u32 = len.to_string().parse().ok()?;
            let end = match u32::try_from(start) {
                Ok(start) => i64::from(start.wrapping_add(len)),
                Err(_) if start < 0 => start + i64::from(len), // left of a trace's base
                Err(_) => return None,
            };
            Some(format!("{start}:{end}({len})"))
        }
        _ => None,
    }
}

impl<V: Display> Display for Field<V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let words = match (self.name, self.values.first()) {
            (FieldName::SrcPort, Some(FieldValue::Fresh | FieldValue::Same)) => "from port",
            (FieldName::DstPort, Some(FieldValue::Fresh | FieldValue::Same)) => "to port",
            (FieldName::Src, Some(FieldValue::Fresh | FieldValue::Same)) => "from addr",
            (FieldName::Dst, Some(FieldValue::Fresh | FieldValue::Same)) => "to addr",
            (name, _) => name.word(),
        };
        f.write_str(words)?;
        let bit = matches!(self.name, FieldName::Df | FieldName::Mf | FieldName::Evil);
        if let ([FieldValue::Number(value)], Relation::Eq, true) =
            (self.values.as_slice(), self.relation, bit)
        {
            return match value.to_string().as_str() {
                "1" => Ok(()),
                text if text.starts_with(|c: char| c.is_ascii_digit()) => write!(f, " {text}"),
                text => write!(f, " = {text}"),
            };
        }
        match self.relation {
            Relation::Eq if bit => f.write_str(" =")?,
            Relation::Eq => {}
            relation => write!(f, " {relation}")?,
        }
        for (index, value) in self.values.iter().enumerate() {
            f.write_str(if index == 0 { " " } else { " | " })?;
            value.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Relation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        })
    }
}

impl<V: Display> Display for FieldValue<V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => value.fmt(f),
            Self::Good => f.write_str("good"),
            Self::Bad => f.write_str("bad"),
            Self::Fresh => f.write_str("fresh"),
            Self::Same => f.write_str("same"),
            Self::Address(address) => address.fmt(f),
            Self::Bytes(bytes) => text_or_hex(f, bytes),
            Self::Typed(kind, body) => {
                write!(f, "{kind} ")?;
                hex(f, "hex", body)
            }
        }
    }
}

impl<V: Display> Display for OptionsSpec<V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Items(items) => {
                f.write_char('<')?;
                for (index, item) in items.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { "," })?;
                    item.fmt(f)?;
                }
                f.write_char('>')
            }
        }
    }
}

impl<V: Display> Display for Slot<V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_char('*'),
            Self::Is(value) => value.fmt(f),
        }
    }
}

impl<V: Display> Display for OptionItem<V> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eol => OptionName::Eol.fmt(f),
            Self::Nop => OptionName::Nop.fmt(f),
            Self::SackPermitted => OptionName::SackPermitted.fmt(f),
            Self::Mss(value) => write!(f, "{} {value}", OptionName::Mss),
            Self::WindowScale(value) => write!(f, "{} {value}", OptionName::WindowScale),
            Self::Sack { any: true, .. } => write!(f, "{} *", OptionName::Sack),
            Self::Sack { blocks, any: false } => {
                OptionName::Sack.fmt(f)?;
                blocks.iter().try_for_each(|(l, r)| write!(f, " {l}:{r}"))
            }
            Self::Timestamps { val, ecr } => {
                write!(f, "{} val {val} ecr {ecr}", OptionName::Timestamps)
            }
            Self::Md5(slot) => {
                write!(f, "{} ", OptionName::Md5)?;
                match slot {
                    Slot::Any => f.write_char('*'),
                    Slot::Is(digest) => hex(f, "hex", digest),
                }
            }
            Self::UserTimeout { minutes, value } => {
                let unit = if *minutes { " min" } else { "" };
                write!(f, "{} {value}{unit}", OptionName::UserTimeout)
            }
            Self::FastOpen(Slot::Any) => write!(f, "{} *", OptionName::FastOpen),
            Self::FastOpen(Slot::Is(cookie)) => {
                OptionName::FastOpen.fmt(f)?;
                optional_hex(f, cookie)
            }
            Self::Experimental { kind, exid, data } => {
                write!(f, "exp {kind} {exid:#06x}")?;
                optional_hex(f, data)
            }
            Self::Unknown { kind, data } => {
                OptionName::Kind(*kind).fmt(f)?;
                optional_hex(f, data)
            }
            Self::Raw(bytes) => hex(f, "raw", bytes),
            Self::Absent(name) => write!(f, "!{name}"),
            Self::Rest => f.write_str("..."),
        }
    }
}

impl Display for OptionName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eol => f.write_str("eol"),
            Self::Nop => f.write_str("nop"),
            Self::Mss => f.write_str("mss"),
            Self::WindowScale => f.write_str("wscale"),
            Self::SackPermitted => f.write_str("sackOK"),
            Self::Sack => f.write_str("sack"),
            Self::Timestamps => f.write_str("TS"),
            Self::Md5 => f.write_str("md5"),
            Self::UserTimeout => f.write_str("uto"),
            Self::FastOpen => f.write_str("tfo"),
            Self::Kind(kind) => write!(f, "kind {kind}"),
        }
    }
}

impl Display for FieldName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Display for NotationError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {})", self.message, self.span.start)?;
        match &self.suggestion {
            Some(near) => write!(f, "; did you mean '{near}'?"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for NotationError {}

/// `"…"` when every byte is printable ASCII or a line end, `hex(…)` otherwise.
fn text_or_hex(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let readable = |b: &u8| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    if !bytes.iter().all(readable) {
        return hex(f, "hex", bytes);
    }
    f.write_char('"')?;
    for byte in bytes {
        match byte {
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            b'"' => f.write_str("\\\"")?,
            b'\\' => f.write_str("\\\\")?,
            byte => f.write_char(char::from(*byte))?,
        }
    }
    f.write_char('"')
}

fn optional_hex(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    if bytes.is_empty() {
        return Ok(());
    }
    f.write_char(' ')?;
    hex(f, "hex", bytes)
}

fn hex(f: &mut Formatter<'_>, word: &str, bytes: &[u8]) -> fmt::Result {
    write!(f, "{word}(")?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
    f.write_char(')')
}
