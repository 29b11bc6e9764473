//! `impair …`: what the link between us and the target does to segments, read from the step's words.
//!
//! A step says one thing; steps add up until `impair off`.  What is drawn by chance comes from the case's
//! seed; nothing here draws.

use crate::ast::Name;
use crate::limits::{IMPAIR_DELAY, IMPAIR_ORDINAL};
use crate::vocabulary::{Entry, IMPAIRABLE, IMPAIRMENTS, names};
use std::fmt;
use std::time::Duration;
use tcpconf_wire::notation::Span;

/// What a step asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Impair {
    /// `off`: what was asked for before is over, in one direction or in both.
    Off(Option<Way>),
    /// This, from now on.
    On(Impairment),
}

/// One thing that the link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impairment {
    /// Only in this direction.
    pub way: Option<Way>,
    /// What.
    pub effect: Effect,
    /// To which of them.
    pub pick: Pick,
    /// What counts.
    pub kind: Kind,
}

/// A direction, as the target sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// Into the target: `<`.
    In,
    /// Out of the target: `>`.
    Out,
}

/// What happens to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It is lost.
    Drop,
    /// It comes later by a time between these two.
    Delay(Duration, Duration),
    /// It comes behind so many that were sent after it.
    Reorder(u32),
    /// It comes twice.
    Duplicate,
    /// A bit of it is turned over.
    Corrupt,
}

/// Which segments, counted from the step on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Each.
    All,
    /// The N-th, from 1.
    Nth(u32),
    /// The first N.
    First(u32),
    /// Each N-th.
    EveryNth(u32),
    /// Each with this probability, in parts of a million.
    Chance(u32),
}

/// What kind of segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any packet.
    Segment,
    /// With text.
    Data,
    /// With SYN.
    Syn,
    /// With FIN.
    Fin,
    /// With RST.
    Rst,
    /// An acknowledgement and nothing else.
    Ack,
}

/// A certainty, in the unit of [`Pick::Chance`].
pub const CERTAIN: u32 = 1_000_000;

/// What is wrong with the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub span: Span,
    /// One sentence.
    pub message: String,
    /// The word, and what it may have been meant to be.
    pub near: Option<(String, Vec<&'static str>)>,
}

impl Impair {
    /// Reads the words behind `impair`; `span` is the step's, for what is missing.
    ///
    /// # Errors
    /// [`Mistake`].
    pub fn read(words: &[Name], span: Span) -> Result<Self, Mistake> {
        let mut reader = Reader { words, span };
        let way = match reader.peek() {
            Some("in") => Some(Way::In),
            Some("out") => Some(Way::Out),
            _ => None,
        };
        if way.is_some() {
            reader.next();
        }
        let command = if reader.accept("off") {
            Self::Off(way)
        } else {
            let effect = reader.effect()?;
            let (pick, kind) = reader.selection()?;
            Self::On(Impairment {
                way,
                effect,
                pick,
                kind,
            })
        };
        match reader.next() {
            None => Ok(command),
            Some(word) => Err(mistake(word, "the end of the line", &[])),
        }
    }
}

impl Impairment {
    /// Whether it concerns this direction.
    pub fn concerns(&self, way: Way) -> bool {
        self.way.is_none_or(|own| own == way)
    }
}

struct Reader<'a> {
    words: &'a [Name],
    span: Span,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.first().map(|word| word.value.as_str())
    }

    fn next(&mut self) -> Option<&'a Name> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn accept(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        if found {
            self.next();
        }
        found
    }

    fn wanted(&mut self, what: &str) -> Result<&'a Name, Mistake> {
        let span = self.span;
        self.next().ok_or_else(|| Mistake {
            span,
            message: format!("'impair' lacks {what}"),
            near: None,
        })
    }

    fn effect(&mut self) -> Result<Effect, Mistake> {
        let word = self.wanted("what the link does, such as drop")?;
        Ok(match word.value.as_str() {
            "drop" => Effect::Drop,
            "duplicate" => Effect::Duplicate,
            "corrupt" => Effect::Corrupt,
            "delay" => {
                let word = self.wanted("a time, such as 30ms")?;
                let (least, most) = match word.value.split_once("..") {
                    Some((least, most)) => (duration(word, least)?, duration(word, most)?),
                    None => (duration(word, &word.value)?, duration(word, &word.value)?),
                };
                if least > most || most > IMPAIR_DELAY {
                    let most = IMPAIR_DELAY.as_secs();
                    let what = format!("a time up to {most} s, or two of them, the shorter first");
                    return Err(mistake(word, &what, &[]));
                }
                Effect::Delay(least, most)
            }
            "reorder" if self.accept("by") => {
                let word = self.wanted("how many come before it")?;
                Effect::Reorder(number(word, &word.value)?)
            }
            "reorder" => Effect::Reorder(1),
            _ => return Err(mistake(word, "what the link does", IMPAIRMENTS)),
        })
    }

    fn selection(&mut self) -> Result<(Pick, Kind), Mistake> {
        let pick = match self.peek() {
            Some("first") => {
                self.next();
                let word = self.wanted("how many")?;
                Pick::First(number(word, &word.value)?)
            }
            Some("every") => {
                self.next();
                match self
                    .words
                    .first()
                    .and_then(|word| Some((word, ordinal(&word.value)?)))
                {
                    Some((word, digits)) => {
                        self.next();
                        Pick::EveryNth(number(word, digits)?)
                    }
                    None => {
                        return Ok((Pick::All, self.kind(true)?));
                    }
                }
            }
            Some(text) if text.ends_with('%') => {
                let word = self.wanted("a share")?;
                let chance = share(text).ok_or_else(|| {
                    mistake(word, "a share from 0% to 100%, at most four decimals", &[])
                })?;
                return Ok((Pick::Chance(chance), self.kind(false)?));
            }
            Some(text) if ordinal(text).is_some() => {
                let word = self.wanted("a number")?;
                Pick::Nth(number(word, ordinal(text).unwrap_or_default())?)
            }
            _ => return Ok((Pick::All, self.kind(false)?)),
        };
        Ok((pick, self.kind(true)?))
    }

    /// What kind of segment; any when nothing stands there and nothing must.
    fn kind(&mut self, must: bool) -> Result<Kind, Mistake> {
        if self.words.is_empty() && !must {
            return Ok(Kind::Segment);
        }
        let word = self.wanted("which segments, such as data")?;
        Kind::NAMES
            .iter()
            .find_map(|(kind, name)| (*name == word.value).then_some(*kind))
            .ok_or_else(|| mistake(word, "which segments", IMPAIRABLE))
    }
}

fn mistake(word: &Name, what: &str, table: &'static [Entry]) -> Mistake {
    Mistake {
        span: word.span,
        message: format!("expected {what}, found '{}'", word.value),
        near: (!table.is_empty()).then(|| (word.value.clone(), names(table).collect())),
    }
}

/// The digits of `2nd`.
fn ordinal(word: &str) -> Option<&str> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let suffix = &word[digits.len()..];
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    (is_number && matches!(suffix, "st" | "nd" | "rd" | "th")).then_some(digits)
}

fn number(word: &Name, digits: &str) -> Result<u32, Mistake> {
    digits
        .parse()
        .ok()
        .filter(|n| (1..=IMPAIR_ORDINAL).contains(n))
        .ok_or_else(|| mistake(word, &format!("a number from 1 to {IMPAIR_ORDINAL}"), &[]))
}

fn duration(word: &Name, text: &str) -> Result<Duration, Mistake> {
    use crate::ast::{Expr, ExprKind};
    match crate::parse_expr(text) {
        Ok(Expr {
            kind: ExprKind::Duration(duration),
            ..
        }) => Ok(duration),
        _ => Err(mistake(word, "a time such as 30ms or 10ms..50ms", &[])),
    }
}

/// `2.5%` in parts of a million.
fn share(text: &str) -> Option<u32> {
    let text = text.strip_suffix('%')?;
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 4 {
        return None;
    }
    if text.ends_with('.') {
        return None;
    }
    let parts: u32 = format!("{decimals:0<4}").parse().ok()?;
    let all = whole
        .parse::<u32>()
        .ok()?
        .checked_mul(CERTAIN / 100)?
        .checked_add(parts)?;
    (all <= CERTAIN).then_some(all)
}

impl Kind {
    /// All of them with their names.
    pub const NAMES: [(Self, &'static str); 6] = [
        (Self::Segment, "segment"),
        (Self::Data, "data"),
        (Self::Syn, "syn"),
        (Self::Fin, "fin"),
        (Self::Rst, "rst"),
        (Self::Ack, "ack"),
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMES.iter().find(|(kind, _)| kind == self);
        f.write_str(name.map_or("segment", |(_, name)| name))
    }
}

impl fmt::Display for Impairment {
    /// As a step says it, the direction left out: `drop 2nd data`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |d: Duration| {
            if d.subsec_nanos().is_multiple_of(1_000_000) {
                format!("{}ms", d.as_millis())
            } else {
                format!("{}us", d.as_micros())
            }
        };
        match self.effect {
            Effect::Drop => f.write_str("drop")?,
            Effect::Delay(least, most) if least == most => write!(f, "delay {}", time(least))?,
            Effect::Delay(least, most) => write!(f, "delay {}..{}", time(least), time(most))?,
            Effect::Reorder(1) => f.write_str("reorder")?,
            Effect::Reorder(by) => write!(f, "reorder by {by}")?,
            Effect::Duplicate => f.write_str("duplicate")?,
            Effect::Corrupt => f.write_str("corrupt")?,
        }
        match (self.pick, self.kind) {
            (Pick::All, Kind::Segment) => Ok(()),
            (Pick::All, kind) => write!(f, " {kind}"),
            (Pick::Nth(n), kind) => write!(f, " {n}{} {kind}", suffix(n)),
            (Pick::First(n), kind) => write!(f, " first {n} {kind}"),
            (Pick::EveryNth(n), kind) => write!(f, " every {n}{} {kind}", suffix(n)),
            (Pick::Chance(chance), kind) => {
                let (whole, parts) = (chance / (CERTAIN / 100), chance % (CERTAIN / 100));
                let share = format!("{whole}.{parts:04}");
                let share = share.trim_end_matches('0').trim_end_matches('.');
                match kind {
                    Kind::Segment => write!(f, " {share}%"),
                    kind => write!(f, " {share}% {kind}"),
                }
            }
        }
    }
}

const fn suffix(n: u32) -> &'static str {
    match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::Spanned;
    use proptest::prelude::*;
    use rstest::rstest;

    fn read(text: &str) -> Result<Impair, Mistake> {
        let mut at = 0;
        let words: Vec<Name> = text
            .split(' ')
            .filter(|word| !word.is_empty())
            .map(|word| {
                let start = at + text[at..].find(word).unwrap();
                at = start + word.len();
                Spanned {
                    value: word.to_owned(),
                    span: Span { start, end: at },
                }
            })
            .collect();
        Impair::read(
            &words,
            Span {
                start: 0,
                end: text.len(),
            },
        )
    }

    #[rstest]
    #[case("drop 2nd data", None, Effect::Drop, Pick::Nth(2), Kind::Data)]
    #[case(
        "out drop 5%",
        Some(Way::Out),
        Effect::Drop,
        Pick::Chance(50_000),
        Kind::Segment
    )]
    #[case(
        "in drop 0.25% data",
        Some(Way::In),
        Effect::Drop,
        Pick::Chance(2_500),
        Kind::Data
    )]
    #[case(
        "reorder by 3 every 4th ack",
        None,
        Effect::Reorder(3),
        Pick::EveryNth(4),
        Kind::Ack
    )]
    #[case(
        "reorder 1st segment",
        None,
        Effect::Reorder(1),
        Pick::Nth(1),
        Kind::Segment
    )]
    #[case(
        "duplicate first 2 syn",
        None,
        Effect::Duplicate,
        Pick::First(2),
        Kind::Syn
    )]
    #[case("corrupt every fin", None, Effect::Corrupt, Pick::All, Kind::Fin)]
    #[case(
        "in delay 30ms rst",
        Some(Way::In),
        Effect::Delay(ms(30), ms(30)),
        Pick::All,
        Kind::Rst
    )]
    #[case(
        "delay 1ms..2s",
        None,
        Effect::Delay(ms(1), ms(2000)),
        Pick::All,
        Kind::Segment
    )]
    fn words_mean_what_they_say(
        #[case] text: &str,
        #[case] way: Option<Way>,
        #[case] effect: Effect,
        #[case] pick: Pick,
        #[case] kind: Kind,
    ) {
        let wanted = Impairment {
            way,
            effect,
            pick,
            kind,
        };
        assert_eq!(read(text), Ok(Impair::On(wanted)));
    }

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn off_ends_one_direction_or_both() {
        assert_eq!(read("off"), Ok(Impair::Off(None)));
        assert_eq!(read("out off"), Ok(Impair::Off(Some(Way::Out))));
    }

    #[rstest]
    #[case("", 0..0, "'impair' lacks what the link does, such as drop", None)]
    #[case("out", 0..3, "'impair' lacks what the link does, such as drop", None)]
    #[case("dorp", 0..4, "expected what the link does, found 'dorp'", Some("drop"))]
    #[case("drop 2nd", 0..8, "'impair' lacks which segments, such as data", None)]
    #[case("drop 2nd daat", 9..13, "expected which segments, found 'daat'", Some("data"))]
    #[case("drop 101%", 5..9, "expected a share from 0% to 100%, at most four decimals, found '101%'", None)]
    #[case("drop 0th data", 5..8, "expected a number from 1 to 1000000, found '0th'", None)]
    #[case("delay 30", 6..8, "expected a time such as 30ms or 10ms..50ms, found '30'", None)]
    #[case("delay 2s..1s", 6..12, "expected a time up to 3600 s, or two of them, the shorter first, found '2s..1s'", None)]
    #[case("off now", 4..7, "expected the end of the line, found 'now'", None)]
    fn what_is_wrong_is_named_with_its_place(
        #[case] text: &str,
        #[case] place: std::ops::Range<usize>,
        #[case] message: &str,
        #[case] near: Option<&str>,
    ) {
        let mistake = read(text).unwrap_err();
        assert_eq!(mistake.message, message);
        assert_eq!(mistake.span.start..mistake.span.end, place);
        if let Some(near) = near {
            assert!(mistake.near.unwrap().1.contains(&near));
        }
    }

    fn impairment() -> impl Strategy<Value = Impairment> {
        let number = 1..=IMPAIR_ORDINAL;
        let effect = prop_oneof![
            Just(Effect::Drop),
            Just(Effect::Duplicate),
            Just(Effect::Corrupt),
            number.clone().prop_map(Effect::Reorder),
            (0u64..3_000_000, 0u64..3_000_000).prop_map(|(a, b)| {
                let us = Duration::from_micros;
                Effect::Delay(us(a.min(b)), us(a.max(b)))
            }),
        ];
        let pick = prop_oneof![
            Just(Pick::All),
            number.clone().prop_map(Pick::Nth),
            number.clone().prop_map(Pick::First),
            number.prop_map(Pick::EveryNth),
            (0..=CERTAIN).prop_map(Pick::Chance),
        ];
        let kind = proptest::sample::select(Kind::NAMES.map(|(kind, _)| kind).to_vec());
        (effect, pick, kind).prop_map(|(effect, pick, kind)| Impairment {
            way: None,
            effect,
            pick,
            kind,
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(impairment in impairment()) {
            prop_assert_eq!(read(&impairment.to_string()), Ok(Impair::On(impairment)));
        }
    }
}
