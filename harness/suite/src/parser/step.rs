//! Steps, but for the segments in them.

use super::{Parsed, Parser};
use crate::ast::{Branch, Builtin, Expr, Grade, Ignorable, Name, Reach, Sample, Step, StepKind};
use crate::diagnostic::Code;
use crate::impair::Impair;
use crate::limits::BLOCK_DEPTH;
use crate::vocabulary::{DIRECTIVES, IGNORABLE, RESERVED, STEPS, has, names};

impl Parser<'_> {
    /// `{`, one call of `line` for each line, `}`; goes on behind a line that is wrong.
    pub(super) fn braced(
        &mut self,
        what: &str,
        mut line: impl FnMut(&mut Self) -> Parsed<()>,
    ) -> Parsed<()> {
        self.skip_blanks();
        let open = self.since(self.at);
        self.expect("{")?;
        let open = crate::ast::Span {
            start: open.start,
            end: self.at,
        };
        if self.depth >= BLOCK_DEPTH {
            let message = format!("blocks are nested more than {BLOCK_DEPTH} deep");
            return Err(self.error(Code::Limit, open, message).into());
        }
        self.depth += 1;
        let closed = self.lines_of_block(&mut line);
        self.depth -= 1;
        if closed {
            return Ok(());
        }
        let message = format!("the block of {what} is not closed by '}}'");
        Err(self
            .error(Code::Unclosed, open, message)
            .label("opened here")
            .into())
    }

    fn lines_of_block(&mut self, line: &mut impl FnMut(&mut Self) -> Parsed<()>) -> bool {
        loop {
            self.skip_lines();
            if self.rest().is_empty() || self.at_item() {
                return false;
            }
            if self.accept("}") {
                return true;
            }
            let start = self.at;
            if let Err(diagnostic) = line(self).and_then(|()| self.end_of_step()) {
                let unclosed = diagnostic.code == Code::Unclosed;
                self.diagnostics.push(*diagnostic);
                self.recover(start);
                // The missing brace is reported; the blocks around it end here as well.
                if unclosed && self.rest().is_empty() {
                    return true;
                }
            }
        }
    }

    /// `{ steps }`
    pub(super) fn block(&mut self, what: &str) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        self.braced(what, |parser| {
            parser.directive_among_steps()?;
            let step = parser.step()?;
            steps.push(step);
            Ok(())
        })?;
        Ok(steps)
    }

    pub(super) fn step(&mut self) -> Parsed<Step> {
        self.skip_blanks();
        let start = self.at;
        let mut spec = Vec::new();
        let kind = self.step_kind(&mut spec)?;
        if spec.is_empty() && self.accept_word("spec") {
            spec = self.names("a requirement's id")?;
        }
        Ok(Step {
            kind,
            spec,
            span: self.since(start),
        })
    }

    fn step_kind(&mut self, spec: &mut Vec<Name>) -> Parsed<StepKind> {
        if self.accept("<") {
            return self.inject(None, spec);
        }
        if self.accept(">") {
            return self.expectation(None, spec);
        }
        let span = self.word_span();
        let word = self.peek_word();
        if Self::is_identifier(word) && !has(STEPS, word) {
            let start = self.at;
            self.at += word.len();
            let conn = Name {
                value: word.to_owned(),
                span,
            };
            if self.accept("<") {
                return self.inject(Some(conn), spec);
            }
            if self.accept(">") {
                return self.expectation(Some(conn), spec);
            }
            if self.accept_word("app") {
                return self.app(Some(conn));
            }
            self.at = start;
        }
        self.word();
        self.keyword_step(word, span)
    }

    fn keyword_step(&mut self, word: &str, span: crate::ast::Span) -> Parsed<StepKind> {
        Ok(match word {
            "reach" => StepKind::Reach(self.reach()?),
            "state" => {
                let state = self.name("a state")?;
                StepKind::State {
                    state,
                    passive: self.accept_word("passive"),
                }
            }
            "alive" => StepKind::Builtin(Builtin::Alive),
            "gone" => StepKind::Builtin(Builtin::Gone),
            "silence" => StepKind::Builtin(Builtin::Silence),
            "gone-or-silence" => StepKind::Builtin(Builtin::GoneOrSilence),
            "app" => return self.app(None),
            "check" => StepKind::Check(self.expression()?),
            "sample" => StepKind::Sample(self.sample()?),
            "repeat" => {
                let count = self.value()?;
                let counter = if self.accept_word("as") {
                    Some(self.binding_name()?)
                } else {
                    None
                };
                StepKind::Repeat {
                    count,
                    counter,
                    steps: self.block("repeat")?,
                }
            }
            "use" => self.use_fixture()?,
            "conn" => {
                let name = self.plain_name("a connection", Self::is_identifier)?;
                StepKind::Conn {
                    name,
                    steps: self.block("conn")?,
                }
            }
            "either" => StepKind::Either(self.either()?),
            "unordered" => StepKind::Unordered(self.block("unordered")?),
            "ignore" => StepKind::Ignore(self.ignore()?),
            "autoack" => StepKind::AutoAck(self.switch()?),
            "impair" => StepKind::Impair(self.impair(span)?),
            "wait" => StepKind::Wait(self.value()?),
            _ if has(RESERVED, word) => return Err(self.reserved(span, word).into()),
            _ => return Err(self.unknown_step(span).into()),
        })
    }

    fn unknown_step(&self, span: crate::ast::Span) -> crate::diagnostic::Diagnostic {
        let found = self.found_at(span);
        let word = &self.text[span.start..span.end];
        let diagnostic = self.error(
            Code::UnknownStep,
            span,
            format!("expected a step, found {found}"),
        );
        let known = names(STEPS).chain(names(DIRECTIVES));
        if word.is_empty() {
            diagnostic
        } else {
            diagnostic.suggest(word, known)
        }
    }

    fn reach(&mut self) -> Parsed<Reach> {
        let mut reach = Reach {
            state: self.name("a state")?,
            via: None,
            with: None,
        };
        loop {
            let span = self.word_span();
            if reach.via.is_none() && self.accept_word("via") {
                reach.via = Some(self.name("a path")?);
            } else if reach.with.is_none() && self.accept_word("with") {
                self.skip_blanks();
                match self.notation(tcpconf_wire::notation::parse_options)? {
                    Some(options) => reach.with = Some(options),
                    None => return Err(self.expected("options such as <mss 1460>").into()),
                }
            } else if matches!(self.peek_word(), word @ ("via" | "with") if !word.is_empty()) {
                return Err(self
                    .error(Code::DuplicateField, span, "stands twice")
                    .into());
            } else {
                return Ok(reach);
            }
        }
    }

    fn sample(&mut self) -> Parsed<Sample> {
        let count = self.value()?;
        let mut bindings: Vec<(Name, Expr)> = Vec::new();
        if self.accept_word("as") {
            loop {
                let name = self.binding_name()?;
                self.expect("=")?;
                bindings.push((name, self.expression()?));
                if !self.accept(",") {
                    break;
                }
            }
        }
        Ok(Sample {
            count,
            bindings,
            steps: self.block("sample")?,
        })
    }

    /// The name that `as` binds.
    pub(super) fn binding_name(&mut self) -> Parsed<Name> {
        self.plain_name("a label", Self::is_identifier)
    }

    fn use_fixture(&mut self) -> Parsed<StepKind> {
        let name = self.name("a fixture's name")?;
        let mut args = Vec::new();
        if self.accept("(") && !self.accept(")") {
            loop {
                self.skip_blanks();
                let (start, end) = (self.at, self.value_end(&[',', ')'])?);
                args.push(self.binding(start, end)?);
                self.at = end;
                if !self.accept(",") {
                    self.expect(")")?;
                    break;
                }
            }
        }
        Ok(StepKind::Use { name, args })
    }

    fn either(&mut self) -> Parsed<Vec<Branch>> {
        let mut branches = Vec::new();
        loop {
            self.skip_blanks();
            let start = self.at;
            let steps = self.block("either")?;
            let grade = self.grade()?;
            branches.push(Branch {
                steps,
                grade,
                span: self.since(start),
            });
            let before = self.at;
            self.skip_lines();
            if !self.accept_word("or") {
                self.at = before;
                return Ok(branches);
            }
        }
    }

    fn grade(&mut self) -> Parsed<Grade> {
        Ok(match self.peek_word() {
            "pass" => {
                self.word();
                Grade::Pass
            }
            "warn" => {
                self.word();
                Grade::Warn
            }
            "info" => {
                self.word();
                Grade::Info
            }
            _ => return Err(self.expected("'pass', 'warn' or 'info'").into()),
        })
    }

    fn ignore(&mut self) -> Parsed<Vec<crate::ast::Spanned<Ignorable>>> {
        let mut all = Vec::new();
        for name in self.names("what to pass over")? {
            let value = match name.value.as_str() {
                "acks" => Ignorable::Acks,
                "probes" => Ignorable::Probes,
                "keepalives" => Ignorable::Keepalives,
                "window-updates" => Ignorable::WindowUpdates,
                "data" => Ignorable::Data,
                word => {
                    let message = format!("'{word}' cannot be ignored");
                    return Err(self
                        .error(Code::Syntax, name.span, message)
                        .suggest(word, names(IGNORABLE))
                        .into());
                }
            };
            all.push(crate::ast::Spanned {
                value,
                span: name.span,
            });
        }
        Ok(all)
    }

    fn impair(&mut self, keyword: crate::ast::Span) -> Parsed<Vec<Name>> {
        let mut words = Vec::new();
        while !matches!(self.peek_word(), "" | "spec") {
            words.push(self.name("what the link does")?);
        }
        if words.iter().all(|word| !word.value.contains("${"))
            && let Err(mistake) = Impair::read(&words, keyword)
        {
            let diagnostic = self.error(Code::Syntax, mistake.span, mistake.message);
            return Err(match mistake.near {
                Some((word, known)) => diagnostic.suggest(&word, known),
                None => diagnostic,
            }
            .into());
        }
        Ok(words)
    }

    fn switch(&mut self) -> Parsed<bool> {
        if self.accept_word("on") {
            return Ok(true);
        }
        if self.accept_word("off") {
            return Ok(false);
        }
        Err(self.expected("'on' or 'off'").into())
    }
}
