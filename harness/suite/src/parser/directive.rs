//! Tests: directives, then steps.

use super::{Parsed, Parser};
use crate::ast::{Also, Attributes, Name, Span, Spanned, Test};
use crate::diagnostic::Code;
use crate::vocabulary::{DIRECTIVES, has};

/// A test while its body is read.
struct Body {
    test: Test,
    title: Option<Name>,
    seen: Vec<&'static str>,
}

impl Parser<'_> {
    pub(super) fn test(&mut self) -> Parsed<Test> {
        let start = self.at;
        self.word();
        let slug = self.plain_name("a test's name", Self::is_slug)?;
        let mut body = Body {
            title: None,
            seen: Vec::new(),
            test: Test {
                title: Spanned {
                    value: String::new(),
                    span: slug.span,
                },
                slug,
                spec: Vec::new(),
                also: Vec::new(),
                given: Vec::new(),
                matrix: Vec::new(),
                table: None,
                rules: None,
                attributes: Attributes::default(),
                steps: Vec::new(),
                span: Span::default(),
            },
        };
        self.braced("a test", |parser| parser.line_of_test(&mut body))?;
        let Body {
            mut test, title, ..
        } = body;
        match title {
            Some(title) => test.title = title,
            None => {
                let message = format!("test '{}' has no title", test.slug.value);
                let help = "say what holds: title \"A RST outside the window changes nothing\"";
                self.diagnostics.push(
                    self.error(Code::MissingTitle, test.slug.span, message)
                        .help(help),
                );
            }
        }
        test.span = self.since(start);
        Ok(test)
    }

    fn line_of_test(&mut self, body: &mut Body) -> Parsed<()> {
        let span = self.word_span();
        let word = self.peek_word();
        let Some((directive, _)) = DIRECTIVES.iter().find(|(name, _)| *name == word) else {
            let step = self.step()?;
            body.test.steps.push(step);
            return Ok(());
        };
        if !body.test.steps.is_empty() {
            let message = format!("'{directive}' stands behind the first step");
            return Err(self
                .error(Code::MisplacedDirective, span, message)
                .help("directives stand before the steps")
                .into());
        }
        let repeatable = ["spec", "also", "given"].contains(directive);
        if !repeatable && body.seen.contains(directive) {
            let message = format!("'{directive}' stands twice");
            return Err(self.error(Code::DuplicateDirective, span, message).into());
        }
        body.seen.push(directive);
        self.word();
        self.directive(directive, body)
    }

    fn directive(&mut self, directive: &str, body: &mut Body) -> Parsed<()> {
        let test = &mut body.test;
        match directive {
            "title" => body.title = Some(self.string()?),
            "spec" => test.spec.extend(self.names("a requirement's id")?),
            "also" => test.also.extend(self.also()?),
            "given" => test.given.extend(self.names("a feature")?),
            "matrix" => test.matrix = self.matrix()?,
            "table" => test.table = Some(self.table()?),
            "rules" => test.rules = Some(self.plain_name("the name of rules", Self::is_slug)?),
            "exclusive" => test.attributes.exclusive = true,
            "slow" => test.attributes.slow = true,
            "ip" => test.attributes.ip = Some(self.ip_version()?),
            "timeout" => test.attributes.timeout = Some(self.literal_duration()?),
            "service" => test.attributes.service = Some(self.name("a service")?),
            "backlog" => test.attributes.backlog = Some(self.small_number()?),
            _ => unreachable!("DIRECTIVES and this table name the same words"),
        }
        Ok(())
    }

    /// Words up to the end of the line, at least one.
    pub(super) fn names(&mut self, what: &str) -> Parsed<Vec<Name>> {
        let mut names = vec![self.name(what)?];
        while !self.peek_word().is_empty() {
            names.push(self.name(what)?);
        }
        Ok(names)
    }

    fn also(&mut self) -> Parsed<Vec<Also>> {
        let mut all: Vec<Also> = Vec::new();
        for id in self.names("a test of another system, such as TC8:BASICS_01")? {
            match all.last_mut() {
                Some(last) if id.value == "restated" && !last.restated => last.restated = true,
                _ if Self::is_cross_reference(&id.value) => {
                    all.push(Also {
                        id,
                        restated: false,
                    });
                }
                _ => {
                    let message = format!("expected SYSTEM:ID, found '{}'", id.value);
                    let help =
                        "such as TC8:BASICS_01, ANVL:9.27, RFC2525-2.3, 'restated' behind it";
                    return Err(self.error(Code::Syntax, id.span, message).help(help).into());
                }
            }
        }
        Ok(all)
    }

    fn is_cross_reference(id: &str) -> bool {
        id.split_once(':')
            .is_some_and(|(system, id)| !system.is_empty() && !id.is_empty())
            || id.starts_with("RFC2525-")
    }

    fn ip_version(&mut self) -> Parsed<Spanned<u8>> {
        let span = self.word_span();
        let value = match self.word() {
            "4" => 4,
            "6" => 6,
            _ => {
                let found = self.found_at(span);
                let message = format!("expected 4 or 6, found {found}");
                return Err(self.error(Code::Syntax, span, message).into());
            }
        };
        Ok(Spanned { value, span })
    }

    fn literal_duration(&mut self) -> Parsed<Spanned<std::time::Duration>> {
        let expr = self.value()?;
        match expr.kind {
            crate::ast::ExprKind::Duration(value) => Ok(Spanned {
                value,
                span: expr.span,
            }),
            _ => Err(self
                .error(Code::Type, expr.span, "expected a duration such as 30s")
                .into()),
        }
    }

    fn small_number(&mut self) -> Parsed<Spanned<u32>> {
        let expr = self.value()?;
        match expr.kind {
            crate::ast::ExprKind::Number(n) if u32::try_from(n).is_ok() => {
                let value = u32::try_from(n).expect("the guard says so");
                Ok(Spanned {
                    value,
                    span: expr.span,
                })
            }
            _ => Err(self
                .error(Code::Type, expr.span, "expected a number such as 5")
                .into()),
        }
    }

    /// Whether a directive stands where only steps may: reported with its own words.
    pub(super) fn directive_among_steps(&mut self) -> Parsed<()> {
        let span = self.word_span();
        let word = self.peek_word();
        if !has(DIRECTIVES, word) {
            return Ok(());
        }
        let message = format!("'{word}' can only stand in a test, before its steps");
        Err(self.error(Code::MisplacedDirective, span, message).into())
    }
}
