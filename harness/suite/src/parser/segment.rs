//! `<` and `>`: the notation's fields and options, and the clauses of the suite between them.

use super::{Parsed, Parser};
use crate::ast::{
    Expect, Expr, Field, Fragmentation, IcmpStimulus, Inject, Name, Nothing, OptionsSpec, Pattern,
    Span, StepKind, Stimulus, Template, Timing,
};
use crate::diagnostic::Code;
use crate::vocabulary::{RESERVED, has};
use tcpconf_wire::notation::{add_fields, field_names, parse_field, parse_flags, parse_options};

/// Clauses that may stand among the fields, in any order.
const CLAUSES: &[&str] = &[
    "within", "after", "at", "of", "as", "same", "spec", "fragment", "nothing", "for",
];

/// Fields and clauses of a step while they are read.
#[derive(Default)]
struct Parts {
    fields: Vec<Field<Expr>>,
    options: Option<OptionsSpec<Expr>>,
    timing: Timing,
    label: Option<Name>,
    fragment: Option<Fragmentation>,
    same_as: Option<Name>,
    spec: Vec<Name>,
}

impl Parser<'_> {
    /// Behind `<`.
    pub(super) fn inject(&mut self, conn: Option<Name>, spec: &mut Vec<Name>) -> Parsed<StepKind> {
        let start = self.word_span();
        if self.accept_word("icmp") {
            return self.icmp(conn, spec);
        }
        if self.peek_word() == "same" {
            let mut parts = self.parts(true)?;
            let label = parts.same_as.take().expect("the word 'same' was there");
            if let Some(options) = &parts.options {
                return Err(self.options_beside_same_as(options, start).into());
            }
            *spec = parts.spec;
            return Ok(StepKind::Inject(Inject {
                conn,
                stimulus: Stimulus::SameAs {
                    label,
                    fields: parts.fields,
                },
                fragment: parts.fragment,
                timing: parts.timing,
                label: parts.label,
            }));
        }
        let flags = self.notation(parse_flags)?;
        let parts = self.parts(true)?;
        if let Some(label) = parts.same_as {
            let message = "'same as' stands in place of the flags in '<'";
            let help = format!("write '< same as {}' and what differs", label.value);
            return Err(self
                .error(Code::FieldNotHere, label.span, message)
                .help(help)
                .into());
        }
        let span = self.since(start.start);
        *spec = parts.spec;
        Ok(StepKind::Inject(Inject {
            conn,
            stimulus: Stimulus::Segment(Template {
                flags,
                fields: parts.fields,
                options: parts.options,
                span,
            }),
            fragment: parts.fragment,
            timing: parts.timing,
            label: parts.label,
        }))
    }

    fn options_beside_same_as(
        &self,
        _options: &OptionsSpec<Expr>,
        start: Span,
    ) -> crate::diagnostic::Diagnostic {
        self.error(
            Code::FieldNotHere,
            start,
            "options cannot stand beside 'same as'",
        )
        .help("the segment is sent again with the options that it had")
    }

    /// Behind `>`.
    pub(super) fn expectation(
        &mut self,
        conn: Option<Name>,
        spec: &mut Vec<Name>,
    ) -> Parsed<StepKind> {
        let start = self.word_span();
        if self.accept_word("nothing") {
            if !self.accept_word("for") {
                return Err(self.expected("'for' and a duration").into());
            }
            let duration = self.value()?;
            return Ok(StepKind::Nothing(Nothing { conn, duration }));
        }
        let flags = self.notation(parse_flags)?;
        let parts = self.parts(false)?;
        let pattern = match parts.same_as {
            Some(label) => {
                if let Some(options) = &parts.options {
                    return Err(self.options_beside_same_as(options, start).into());
                }
                Pattern::SameAs {
                    flags,
                    label,
                    fields: parts.fields,
                }
            }
            None => Pattern::Segment(Template {
                flags,
                fields: parts.fields,
                options: parts.options,
                span: self.since(start.start),
            }),
        };
        *spec = parts.spec;
        Ok(StepKind::Expect(Expect {
            conn,
            pattern,
            timing: parts.timing,
            label: parts.label,
        }))
    }

    /// Fields, options and clauses up to the end of the line or block.
    fn parts(&mut self, inward: bool) -> Parsed<Parts> {
        let mut parts = Parts::default();
        loop {
            let span = self.word_span();
            match self.rest().chars().next() {
                None | Some('\n' | '#' | '}') => return Ok(parts),
                Some(_) => {}
            }
            if self.clause(inward, span, &mut parts)? {
                continue;
            }
            if let Some(options) = self.notation(parse_options)? {
                Self::once(self, &mut parts.options, options, span, "options")?;
                continue;
            }
            match self.notation(parse_field)? {
                Some(fields) => {
                    if let Err(error) = add_fields(&mut parts.fields, fields) {
                        let error = self.error(Code::DuplicateField, error.span, error.message);
                        self.diagnostics.push(error);
                    }
                }
                None => return Err(self.unknown_field(span).into()),
            }
        }
    }

    fn unknown_field(&self, span: Span) -> crate::diagnostic::Diagnostic {
        let word = &self.text[span.start..span.end];
        if has(RESERVED, word) {
            return self.reserved(span, word);
        }
        let known: Vec<&str> = field_names()
            .iter()
            .map(|info| info.word)
            .chain(CLAUSES.iter().copied())
            .collect();
        self.error(Code::UnknownField, span, format!("unknown field '{word}'"))
            .suggest(word, known)
    }

    fn once<T>(&self, slot: &mut Option<T>, value: T, span: Span, what: &str) -> Parsed<()> {
        if slot.is_some() {
            return Err(self.twice(span, what).into());
        }
        *slot = Some(value);
        Ok(())
    }

    fn twice(&self, span: Span, what: &str) -> crate::diagnostic::Diagnostic {
        self.error(Code::DuplicateField, span, format!("'{what}' stands twice"))
    }

    /// Reads a clause, if one stands here.
    fn clause(&mut self, inward: bool, span: Span, parts: &mut Parts) -> Parsed<bool> {
        let word = self.peek_word();
        if !CLAUSES.contains(&word) || word == "nothing" || word == "for" {
            return Ok(false);
        }
        if inward && matches!(word, "within" | "at") || !inward && word == "fragment" {
            let direction = if inward { "'<'" } else { "'>'" };
            let message = format!("'{word}' has no meaning in {direction}");
            return Err(self.error(Code::FieldNotHere, span, message).into());
        }
        self.word();
        match word {
            "within" => {
                let value = self.value()?;
                self.once(&mut parts.timing.within, value, span, word)?;
            }
            "after" => {
                let value = self.value()?;
                self.once(&mut parts.timing.after, value, span, word)?;
            }
            "at" => {
                let from = self.value()?;
                self.expect("..")?;
                let to = self.value()?;
                self.once(&mut parts.timing.after, from, span, word)?;
                self.once(&mut parts.timing.within, to, span, word)?;
            }
            "of" => {
                let label = self.name("a label")?;
                self.once(&mut parts.timing.of, label, span, word)?;
            }
            "as" => {
                let label = self.binding_name()?;
                self.once(&mut parts.label, label, span, word)?;
            }
            "same" => {
                if !self.accept_word("as") {
                    return Err(self.expected("'as' and a label").into());
                }
                let label = self.name("a label")?;
                self.once(&mut parts.same_as, label, span, "same as")?;
            }
            "spec" => parts.spec = self.names("a requirement's id")?,
            _ => {
                let fragment = self.fragment()?;
                self.once(&mut parts.fragment, fragment, span, word)?;
            }
        }
        Ok(true)
    }

    /// Behind `fragment`.
    fn fragment(&mut self) -> Parsed<Fragmentation> {
        if !self.accept_word("at") {
            return Err(self.expected("'at' and offsets").into());
        }
        let mut at = vec![self.value()?];
        while self.accept(",") {
            at.push(self.value()?);
        }
        Ok(Fragmentation {
            at,
            overlap: self.accept_word("overlap"),
        })
    }

    /// Behind `< icmp`.
    fn icmp(&mut self, conn: Option<Name>, spec: &mut Vec<Name>) -> Parsed<StepKind> {
        let kind = self.name("an ICMP message, such as frag-needed")?;
        let (mut mtu, mut code, mut seq_offset, mut truncate) = (None, None, None, None);
        let (mut quote, mut label) = (None, None);
        let mut timing = Timing::default();
        loop {
            let span = self.word_span();
            let word = self.peek_word();
            let number = match word {
                "mtu" => Some(&mut mtu),
                "code" => Some(&mut code),
                "seq" => Some(&mut seq_offset),
                "truncate" => Some(&mut truncate),
                "after" => Some(&mut timing.after),
                _ => None,
            };
            if let Some(slot) = number {
                self.word();
                // `seq +70000` is added to the quoted sequence number.
                if word == "seq" {
                    self.accept("+");
                }
                let value = self.value()?;
                self.once(slot, value, span, word)?;
                continue;
            }
            let name = match word {
                "quote" => &mut quote,
                "as" => &mut label,
                "of" => &mut timing.of,
                "spec" => {
                    self.word();
                    *spec = self.names("a requirement's id")?;
                    continue;
                }
                _ => break,
            };
            self.word();
            let value = self.name("a label")?;
            self.once(name, value, span, word)?;
        }
        let Some(quote) = quote else {
            return Err(self.expected("'quote' and the label of a segment").into());
        };
        let stimulus = Stimulus::Icmp(IcmpStimulus {
            kind,
            mtu,
            code,
            quote,
            seq_offset,
            truncate,
        });
        Ok(StepKind::Inject(Inject {
            conn,
            stimulus,
            fragment: None,
            timing,
            label,
        }))
    }
}
