//! Parser of flags, fields and whole templates.

use super::cursor::{is_ident_char, is_ident_start, nearest};
use super::names::{Shape, field_by_word, field_names};
use super::parse_options::{is_options_start, parse_options};
use super::{
    Cursor, Field, FieldName, FieldValue, FlagsSpec, NotationError, Relation, Span, Template,
};
use crate::Flags;
use std::net::{IpAddr, Ipv4Addr};

/// What stands for a number: constants here, expressions in the suite language.
pub trait ValueParser {
    /// A number as written.
    type Value: Clone;

    /// Reads a value. An expression is arithmetic only: comparisons, `|`, `:` and `,` end it.
    ///
    /// # Errors
    /// When no value stands here.
    fn value(&mut self, c: &mut Cursor<'_>) -> Result<Self::Value, NotationError>;

    /// Reads `${name}`, standing for flags or options; the cursor stays when there is none.
    fn parameter(&mut self, c: &mut Cursor<'_>) -> Option<Self::Value>;

    /// The value of a field that stands without one: `df` is `df 1`.
    fn constant(&mut self, number: u64, span: Span) -> Self::Value;

    /// Whether `start:end(len)` says the same twice, where that can be told.
    fn range_agrees(&self, start: &Self::Value, end: &Self::Value, len: &Self::Value) -> bool {
        let _ = (start, end, len);
        true
    }
}

/// Reads flags: letters of `SFRP.UEWA`, `-` for none, or a parameter.
///
/// # Errors
/// When none stand here, a letter is unknown or stands twice.
pub fn parse_flags<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
) -> Result<FlagsSpec<P::Value>, NotationError> {
    c.skip_blanks();
    if let Some(value) = p.parameter(c) {
        return Ok(FlagsSpec::Value(value));
    }
    let start = c.pos();
    let word = c.word(|c| is_ident_char(c) || c == '.' || c == '-');
    let what = "flags (letters of SFRP.UEWA, or '-')";
    if word.is_empty() {
        return Err(c.expected(what));
    }
    Flags::parse(word).map(FlagsSpec::Literal).map_err(|wrong| {
        if word.matches(wrong).count() > 1 && Flags::parse(&wrong.to_string()).is_ok() {
            return c.error(start, format!("flag '{wrong}' stands twice in '{word}'"));
        }
        c.error(start, format!("expected {what}, found '{word}'"))
    })
}

/// Reads one field, or `start:end(len)`. `None` when the next word is no field: the cursor has not
/// moved then. Some spellings give several fields (`from ADDR:PORT`, `0:10(10)`).
///
/// # Errors
/// When the field's value is not what the field takes.
pub fn parse_field<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
) -> Result<Option<Vec<Field<P::Value>>>, NotationError> {
    let mut ahead = c.clone();
    ahead.skip_blanks();
    let start = ahead.pos();
    if ahead
        .peek_char()
        .is_some_and(|first| first.is_ascii_digit())
    {
        *c = ahead;
        return range(c, p, start).map(Some);
    }
    let Some(info) = field_by_word(ahead.word(is_ident_char)) else {
        return Ok(None);
    };
    *c = ahead;
    let name = info.name;
    match info.shape {
        Shape::Address => return address_fields(c, p, start, name).map(Some),
        Shape::Bit => return bit(c, p, start, name).map(|field| Some(vec![field])),
        Shape::Number(_) | Shape::Checksum | Shape::Port | Shape::Bytes | Shape::Typed => {}
    }
    let relation = relation(c);
    one_field(c, p, start, name, info.shape, relation).map(|field| Some(vec![field]))
}

/// Reads flags, then fields and options in any order until something else.
///
/// # Errors
/// The first that is wrong.
pub fn parse_template<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
) -> Result<Template<P::Value>, NotationError> {
    c.skip_blanks();
    let start = c.pos();
    let flags = parse_flags(c, p)?;
    let mut template = Template {
        flags,
        fields: Vec::new(),
        options: None,
        span: c.span_from(start),
    };
    loop {
        if let Some(fields) = parse_field(c, p)? {
            add_fields(&mut template.fields, fields)?;
        } else {
            c.skip_blanks();
            let at = c.pos();
            if template.options.is_some() && is_options_start(c) {
                c.next_char();
                return Err(c.error(at, "options stand twice"));
            }
            if template.options.is_some() {
                return Ok(template);
            }
            match parse_options(c, p)? {
                None => return Ok(template),
                options => template.options = options,
            }
        }
        template.span = c.span_from(start);
    }
}

/// Adds what [`parse_field`] read. A field may stand twice only as a relation (`len > 0 len < 9`),
/// extension headers as often as you like.
///
/// # Errors
/// When a field stands twice with a plain value.
pub fn add_fields<V>(fields: &mut Vec<Field<V>>, new: Vec<Field<V>>) -> Result<(), NotationError> {
    for field in new {
        let clash = field.name != FieldName::Extension
            && fields.iter().any(|old| {
                old.name == field.name
                    && (old.relation == Relation::Eq || field.relation == Relation::Eq)
            });
        if clash {
            return Err(NotationError {
                span: field.span,
                message: format!("field '{}' stands twice", field.name.word()),
                suggestion: None,
            });
        }
        fields.push(field);
    }
    Ok(())
}

/// The error for a word that is neither a field nor anything else that the caller knows; `others` are
/// the caller's own words, for the suggestion.
pub fn unknown_word<'w>(
    c: &Cursor<'_>,
    others: impl IntoIterator<Item = &'w str>,
) -> NotationError {
    let mut ahead = c.clone();
    ahead.skip_blanks();
    let start = ahead.pos();
    if !ahead.peek_char().is_some_and(is_ident_start) {
        return ahead.expected("a field");
    }
    let word = ahead.word(|c| is_ident_char(c) || c == '-');
    let words = field_names().iter().map(|info| info.word);
    let suggestion = nearest(word, words.chain(others)).map(str::to_owned);
    NotationError {
        suggestion,
        ..ahead.error(start, format!("unknown field '{word}'"))
    }
}

fn range<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
    start: usize,
) -> Result<Vec<Field<P::Value>>, NotationError> {
    let first = p.value(c)?;
    expect(c, ":", "':' of a range start:end(len)")?;
    let end = p.value(c)?;
    expect(c, "(", "'(' of a range start:end(len)")?;
    let len = p.value(c)?;
    expect(c, ")", "')'")?;
    if !p.range_agrees(&first, &end, &len) {
        return Err(c.error(start, "the range's length is not its end less its start"));
    }
    let span = c.span_from(start);
    let field = |name, value| Field {
        name,
        relation: Relation::Eq,
        values: vec![FieldValue::Number(value)],
        span,
    };
    Ok(vec![
        field(FieldName::Seq, first),
        field(FieldName::Len, len),
    ])
}

fn one_field<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
    start: usize,
    name: FieldName,
    shape: Shape,
    relation: Relation,
) -> Result<Field<P::Value>, NotationError> {
    let mut values = Vec::new();
    loop {
        c.skip_blanks();
        let at = c.pos();
        let value = value_of(c, p, shape)?;
        let ordered = !matches!(relation, Relation::Eq | Relation::Ne);
        if ordered && !matches!(value, FieldValue::Number(_)) {
            return Err(c.error(at, format!("'{relation}' compares numbers alone")));
        }
        if relation != Relation::Eq && matches!(value, FieldValue::Fresh | FieldValue::Same) {
            return Err(c.error(at, format!("'{relation}' does not go with this")));
        }
        values.push(value);
        let mut ahead = c.clone();
        ahead.skip_blanks();
        if !ahead.eat("|") {
            break;
        }
        *c = ahead;
    }
    Ok(Field {
        name,
        relation,
        values,
        span: c.span_from(start),
    })
}

fn value_of<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
    shape: Shape,
) -> Result<FieldValue<P::Value>, NotationError> {
    match shape {
        Shape::Checksum if c.eat_keyword("good") => Ok(FieldValue::Good),
        Shape::Checksum if c.eat_keyword("bad") => Ok(FieldValue::Bad),
        Shape::Port if c.eat_keyword("fresh") => Ok(FieldValue::Fresh),
        Shape::Port if c.eat_keyword("same") => Ok(FieldValue::Same),
        Shape::Number(_) | Shape::Checksum | Shape::Port | Shape::Bit => {
            p.value(c).map(FieldValue::Number)
        }
        Shape::Bytes => bytes(c).map(FieldValue::Bytes),
        Shape::Typed => {
            let kind = small(c, "an extension header's type")?;
            c.skip_blanks();
            bytes(c).map(|body| FieldValue::Typed(kind, body))
        }
        Shape::Address if c.peek_char() == Some('$') => p.value(c).map(FieldValue::Number),
        Shape::Address => address(c).map(FieldValue::Address),
    }
}

fn bit<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
    start: usize,
    name: FieldName,
) -> Result<Field<P::Value>, NotationError> {
    let span = c.span_from(start);
    let mut ahead = c.clone();
    ahead.skip_blanks();
    let relation = if ahead.eat("!=") {
        Relation::Ne
    } else if ahead.eat("=") || ahead.peek_char().is_some_and(|d| d.is_ascii_digit()) {
        Relation::Eq
    } else {
        return Ok(Field {
            name,
            relation: Relation::Eq,
            values: vec![FieldValue::Number(p.constant(1, span))],
            span,
        });
    };
    *c = ahead;
    one_field(c, p, start, name, Shape::Bit, relation)
}

fn address_fields<P: ValueParser>(
    c: &mut Cursor<'_>,
    p: &mut P,
    start: usize,
    name: FieldName,
) -> Result<Vec<Field<P::Value>>, NotationError> {
    let port_name = match name {
        FieldName::Src => FieldName::SrcPort,
        _ => FieldName::DstPort,
    };
    c.skip_blanks();
    if c.eat_keyword("port") {
        let relation = relation(c);
        return one_field(c, p, start, port_name, Shape::Port, relation).map(|field| vec![field]);
    }
    if c.eat_keyword("addr") {
        c.skip_blanks();
        let value = if c.eat_keyword("fresh") {
            FieldValue::Fresh
        } else if c.eat_keyword("same") {
            FieldValue::Same
        } else {
            return Err(c.expected("'fresh' or 'same'"));
        };
        return Ok(vec![Field {
            name,
            relation: Relation::Eq,
            values: vec![value],
            span: c.span_from(start),
        }]);
    }
    let relation = relation(c);
    let host = one_field(c, p, start, name, Shape::Address, relation)?;
    let single = host.values.len() == 1 && host.relation == Relation::Eq;
    if !single || !c.eat(":") {
        return Ok(vec![host]);
    }
    let port = one_field(c, p, start, port_name, Shape::Port, Relation::Eq)?;
    let span = c.span_from(start);
    Ok(vec![Field { span, ..host }, Field { span, ..port }])
}

fn relation(c: &mut Cursor<'_>) -> Relation {
    let mut ahead = c.clone();
    ahead.skip_blanks();
    let tokens = [
        ("!=", Relation::Ne),
        ("<=", Relation::Le),
        (">=", Relation::Ge),
        ("==", Relation::Eq),
        ("<", Relation::Lt),
        (">", Relation::Gt),
        ("=", Relation::Eq),
    ];
    let found = tokens.into_iter().find(|(token, _)| ahead.eat(token));
    found.map_or(Relation::Eq, |(_, relation)| {
        *c = ahead;
        relation
    })
}

fn address(c: &mut Cursor<'_>) -> Result<IpAddr, NotationError> {
    let start = c.pos();
    let what = "an address";
    if c.eat("[") {
        let text = c.word(|c| c.is_ascii_hexdigit() || c == ':' || c == '.');
        let closed = c.eat("]");
        let parsed = text.parse().map(IpAddr::V6);
        return match parsed {
            Ok(address) if closed => Ok(address),
            _ => Err(c.error(start, "malformed IPv6 address in brackets")),
        };
    }
    let text = c.word(|c| c.is_ascii_hexdigit() || c == ':' || c == '.');
    if text.is_empty() {
        return Err(c.expected(what));
    }
    if text.matches(':').count() >= 2 {
        return text
            .parse()
            .map(IpAddr::V6)
            .map_err(|_| c.error(start, format!("malformed IPv6 address '{text}'")));
    }
    *c = c.rewound(start);
    let text = c.word(|c| c.is_ascii_digit() || c == '.');
    text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| {
        if text.is_empty() {
            return c.expected(what);
        }
        c.error(start, format!("malformed address '{text}'"))
    })
}

/// `"text"` or `hex(…)`.
pub(super) fn bytes(c: &mut Cursor<'_>) -> Result<Vec<u8>, NotationError> {
    if c.peek_char() == Some('"') {
        return c.string();
    }
    if c.eat_keyword("hex") {
        return c.hex_body();
    }
    Err(c.expected("\"text\" or hex(…)"))
}

/// A number of eight bits that is part of the notation, not a value.
pub(super) fn small(c: &mut Cursor<'_>, what: &str) -> Result<u8, NotationError> {
    c.skip_blanks();
    let start = c.pos();
    let number = c.number()?;
    u8::try_from(number).map_err(|_| c.error(start, format!("{what} is at most 255")))
}

/// Takes `token`, blanks before it passed over.
pub(super) fn expect(c: &mut Cursor<'_>, token: &str, what: &str) -> Result<(), NotationError> {
    c.skip_blanks();
    if c.eat(token) {
        return Ok(());
    }
    Err(c.expected(what))
}
