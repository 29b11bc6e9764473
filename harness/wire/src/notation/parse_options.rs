//! Parser of `<…>`.

use super::cursor::{is_ident_char, nearest};
use super::parse::{bytes, expect, small};
use super::{Cursor, NotationError, OptionItem, OptionName, OptionsSpec, Slot, ValueParser};

/// The words of options, as they are written.
const WORDS: [(&str, Word); 13] = [
    ("eol", Word::Named(OptionName::Eol)),
    ("nop", Word::Named(OptionName::Nop)),
    ("mss", Word::Named(OptionName::Mss)),
    ("wscale", Word::Named(OptionName::WindowScale)),
    ("sackOK", Word::Named(OptionName::SackPermitted)),
    ("sack", Word::Named(OptionName::Sack)),
    ("TS", Word::Named(OptionName::Timestamps)),
    ("md5", Word::Named(OptionName::Md5)),
    ("uto", Word::Named(OptionName::UserTimeout)),
    ("tfo", Word::Named(OptionName::FastOpen)),
    ("exp", Word::Experimental),
    ("kind", Word::Kind),
    ("raw", Word::Raw),
];

#[derive(Clone, Copy)]
enum Word {
    Named(OptionName),
    Experimental,
    Kind,
    Raw,
}

/// The words that may begin an item of `<…>`.
pub fn option_words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|(word, _)| *word)
}

/// Whether `<…>` begins here: `<` with a letter, `>`, `!`, `*` or `.` behind it.
pub(super) fn is_options_start(c: &Cursor<'_>) -> bool {
    let mut ahead = c.clone();
    ahead.eat("<")
        && matches!(ahead.peek_char(), Some(c) if c.is_ascii_alphabetic() || ">!*.".contains(c))
}

/// Reads `<…>` or a parameter that stands for options; `None` when neither follows.
///
/// # Errors
/// When an option is unknown, its value is wrong, or the list does not end on its line.
pub fn parse_options<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
) -> Result<Option<OptionsSpec<P::Value>>, NotationError> {
    let mut ahead = c.clone();
    ahead.skip_blanks();
    if let Some(value) = p.parameter(&mut ahead) {
        *c = ahead;
        return Ok(Some(OptionsSpec::Value(value)));
    }
    if !is_options_start(&ahead) {
        return Ok(None);
    }
    *c = ahead;
    c.eat("<");
    let mut items = Vec::new();
    c.skip_blanks();
    if c.eat(">") {
        return Ok(Some(OptionsSpec::Items(items)));
    }
    loop {
        c.skip_blanks();
        items.push(item(c, p)?);
        c.skip_blanks();
        if c.eat(">") {
            return Ok(Some(OptionsSpec::Items(items)));
        }
        if !c.eat(",") {
            return Err(c.expected("',' or '>'"));
        }
    }
}

fn item<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
) -> Result<OptionItem<P::Value>, NotationError> {
    if c.eat("...") {
        return Ok(OptionItem::Rest);
    }
    if c.eat("!") {
        return absent(c).map(OptionItem::Absent);
    }
    Ok(match word(c)? {
        Word::Raw => OptionItem::Raw(c.hex_body()?),
        Word::Kind => {
            let kind = small(c, "an option's kind")?;
            let data = optional_bytes(c)?.unwrap_or_default();
            OptionItem::Unknown { kind, data }
        }
        Word::Experimental => experimental(c)?,
        Word::Named(name) => named(c, p, name)?,
    })
}

fn named<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
    name: OptionName,
) -> Result<OptionItem<P::Value>, NotationError> {
    Ok(match name {
        OptionName::Eol => OptionItem::Eol,
        OptionName::Nop => OptionItem::Nop,
        OptionName::SackPermitted => OptionItem::SackPermitted,
        OptionName::Mss => OptionItem::Mss(slot(c, p)?),
        OptionName::WindowScale => OptionItem::WindowScale(slot(c, p)?),
        OptionName::Sack => sack(c, p)?,
        OptionName::Timestamps => timestamps(c, p)?,
        OptionName::Md5 => OptionItem::Md5(digest(c)?),
        OptionName::UserTimeout => {
            let value = slot(c, p)?;
            c.skip_blanks();
            let minutes = c.eat_keyword("min");
            if !minutes {
                c.eat_keyword("s");
            }
            OptionItem::UserTimeout { minutes, value }
        }
        OptionName::FastOpen if any(c) => OptionItem::FastOpen(Slot::Any),
        OptionName::FastOpen => {
            OptionItem::FastOpen(Slot::Is(optional_bytes(c)?.unwrap_or_default()))
        }
        OptionName::Kind(kind) => OptionItem::Unknown {
            kind,
            data: optional_bytes(c)?.unwrap_or_default(),
        },
    })
}

fn word(c: &mut Cursor<'_>) -> Result<Word, NotationError> {
    let mut ahead = c.clone();
    let start = ahead.pos();
    let text = ahead.word(is_ident_char);
    if text.is_empty() {
        let suggestion = (c.peek_char() == Some('*')).then(|| "...".to_owned());
        return Err(NotationError {
            suggestion,
            ..c.expected("an option")
        });
    }
    if let Some((_, word)) = WORDS.iter().find(|(word, _)| *word == text) {
        *c = ahead;
        return Ok(*word);
    }
    Err(NotationError {
        suggestion: nearest(text, option_words()).map(str::to_owned),
        ..ahead.error(start, format!("unknown option '{text}'"))
    })
}

fn absent(c: &mut Cursor<'_>) -> Result<OptionName, NotationError> {
    let start = c.pos();
    match word(c)? {
        Word::Named(name) => Ok(name),
        Word::Kind => small(c, "an option's kind").map(OptionName::Kind),
        Word::Experimental | Word::Raw => Err(c.error(start, "'!' takes the name of one kind")),
    }
}

fn any(c: &mut Cursor<'_>) -> bool {
    c.skip_blanks();
    c.eat("*")
}

fn slot<P: ValueParser>(c: &mut Cursor<'_>, p: &mut P) -> Result<Slot<P::Value>, NotationError> {
    if any(c) {
        return Ok(Slot::Any);
    }
    p.value(c).map(Slot::Is)
}

fn sack<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
) -> Result<OptionItem<P::Value>, NotationError> {
    let mut blocks = Vec::new();
    let any = any(c);
    loop {
        c.skip_blanks();
        if any || c.at_line_end() || matches!(c.peek_char(), Some(',' | '>')) {
            return Ok(OptionItem::Sack { blocks, any });
        }
        let left = p.value(c)?;
        expect(c, ":", "':' between the edges of a block")?;
        blocks.push((left, p.value(c)?));
    }
}

fn timestamps<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
) -> Result<OptionItem<P::Value>, NotationError> {
    if any(c) {
        return Ok(OptionItem::Timestamps {
            val: Slot::Any,
            ecr: Slot::Any,
        });
    }
    if !c.eat_keyword("val") {
        return Err(c.expected("'val' and 'ecr'"));
    }
    let val = slot(c, p)?;
    c.skip_blanks();
    if !c.eat_keyword("ecr") {
        return Err(c.expected("'ecr'"));
    }
    let ecr = slot(c, p)?;
    Ok(OptionItem::Timestamps { val, ecr })
}

fn digest(c: &mut Cursor<'_>) -> Result<Slot<[u8; 16]>, NotationError> {
    if any(c) {
        return Ok(Slot::Any);
    }
    let start = c.pos();
    let bytes = bytes(c)?;
    let length = bytes.len();
    bytes.try_into().map(Slot::Is).map_err(|_| {
        c.error(
            start,
            format!("an MD5 digest has 16 bytes, this has {length}"),
        )
    })
}

fn experimental<V>(c: &mut Cursor<'_>) -> Result<OptionItem<V>, NotationError> {
    c.skip_blanks();
    let start = c.pos();
    let kind = small(c, "an option's kind")?;
    if !matches!(kind, 253 | 254) {
        return Err(c.error(start, "experimental options are of kind 253 or 254"));
    }
    c.skip_blanks();
    let start = c.pos();
    let exid = u16::try_from(c.number()?)
        .map_err(|_| c.error(start, "an experiment identifier has 16 bits"))?;
    let data = optional_bytes(c)?.unwrap_or_default();
    Ok(OptionItem::Experimental { kind, exid, data })
}

fn optional_bytes(c: &mut Cursor<'_>) -> Result<Option<Vec<u8>>, NotationError> {
    c.skip_blanks();
    if matches!(c.peek_char(), Some(',' | '>')) {
        return Ok(None);
    }
    bytes(c).map(Some)
}
