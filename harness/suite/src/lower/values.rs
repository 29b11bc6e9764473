//! Values of parameters: texts, read where they are used.

use super::{Lowered, Lowerer, ValueSpans};
use crate::ast::*;
use crate::diagnostic::{Code, Diagnostic};
use crate::expr::ExprParser;
use crate::plan::SourceFile;
use crate::spans::Spans;
use std::collections::BTreeMap;
use std::sync::Arc;
use tcpconf_wire::Flags;
use tcpconf_wire::notation::{Cursor, NotationError, parse_options};

/// What a parameter stands for.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A text; where it stands, when it does stand in the file of the scope as it is.
    Text {
        /// The text.
        text: String,
        /// Its place, or the place that it came from.
        span: Span,
    },
    /// Options, `with` of `reach`.
    Options(OptionsSpec<Expr>),
    /// Not known yet: a parameter of a fixture that is checked on its own.
    Unknown,
}

/// What names mean in a place.
#[derive(Clone, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) file: &'a Arc<SourceFile>,
    pub(crate) suite: &'a Suite,
    values: BTreeMap<String, Value>,
}

/// How often a value may name a parameter whose value names a parameter.
const EXPANSIONS: usize = 8;
/// The end of what is said of a fixture's parameter when the fixture is checked on its own.
pub(crate) const NOT_KNOWN_HERE: &str = "is not known here";
/// What a value may grow to.
const EXPANDED_BYTES: usize = 4096;

impl<'a> Scope<'a> {
    pub(crate) fn of_test(
        file: &'a Arc<SourceFile>,
        suite: &'a Suite,
        bindings: &[(String, Binding)],
    ) -> Self {
        let value = |b: &Binding| Value::Text {
            text: b.text.clone(),
            span: b.span,
        };
        let values = bindings
            .iter()
            .map(|(name, b)| (name.clone(), value(b)))
            .collect();
        Self {
            file,
            suite,
            values,
        }
    }

    /// A scope in which the fixture's parameters have these values.
    pub(crate) fn with_values(
        file: &'a Arc<SourceFile>,
        suite: &'a Suite,
        values: impl IntoIterator<Item = (String, Value)>,
    ) -> Self {
        Self {
            file,
            suite,
            values: values.into_iter().collect(),
        }
    }

    /// The scope of a fixture that is used here.
    pub(super) fn for_fixture<'b>(
        &self,
        file: &'b Arc<SourceFile>,
        suite: &'b Suite,
        fixture: &Fixture,
        args: &[Binding],
        spans: ValueSpans,
    ) -> Lowered<Scope<'b>> {
        let mut values = BTreeMap::new();
        let same_file = Arc::ptr_eq(self.file, file);
        for (param, arg) in fixture.params.iter().zip(args) {
            let value = match self.sole_parameter(&arg.text) {
                Some(value) if same_file || !matches!(value, Value::Text { .. }) => value.clone(),
                _ => {
                    let text = self.expand(&arg.text, arg.span)?;
                    // A place in another file would point at the wrong text there.
                    let span = if same_file && spans == ValueSpans::Value {
                        arg.span
                    } else {
                        Span::default()
                    };
                    Value::Text { text, span }
                }
            };
            values.insert(param.value.clone(), value);
        }
        Ok(Scope {
            file,
            suite,
            values,
        })
    }

    /// The value of `${name}`, when the text is nothing else.
    fn sole_parameter(&self, text: &str) -> Option<&Value> {
        let name = text.strip_prefix("${")?.strip_suffix('}')?;
        self.values.get(name)
    }

    /// The text with every `${name}` replaced, the values' own included.
    pub(crate) fn expand(&self, text: &str, span: Span) -> Lowered<String> {
        let mut text = text.to_owned();
        for _ in 0..EXPANSIONS {
            if !text.contains("${") {
                return Ok(text);
            }
            text = self.expand_once(&text, span)?;
            if text.len() > EXPANDED_BYTES {
                break;
            }
        }
        if !text.contains("${") && text.len() <= EXPANDED_BYTES {
            return Ok(text);
        }
        let message = "the value of a parameter names itself, or is too long";
        Err(Diagnostic::new(Code::BadValue, self.file, span, message).into())
    }

    fn expand_once(&self, text: &str, span: Span) -> Lowered<String> {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            expanded.push_str(before);
            let Some((name, after)) = behind.split_once('}') else {
                let message = "'${' is not closed by '}'";
                return Err(Diagnostic::new(Code::Unclosed, self.file, span, message).into());
            };
            match self.values.get(name) {
                Some(Value::Text { text, .. }) => expanded.push_str(text),
                Some(Value::Options(options)) => expanded.push_str(&options.to_string()),
                Some(Value::Unknown) => {
                    let message = format!("'{name}' {NOT_KNOWN_HERE}");
                    return Err(Diagnostic::new(Code::BadValue, self.file, span, message).into());
                }
                None => return Err(self.unknown(name, span).into()),
            }
            if expanded.len() > EXPANDED_BYTES {
                return Ok(expanded);
            }
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    pub(crate) fn unknown(&self, name: &str, span: Span) -> Diagnostic {
        let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
        let diagnostic = Diagnostic::new(
            Code::UnknownParameter,
            self.file,
            span,
            format!("unknown parameter '{name}'"),
        );
        if known.is_empty() {
            return diagnostic.help("parameters come from 'matrix', 'table' or the fixture's head");
        }
        diagnostic.suggest(name, known)
    }

    fn value(&self, name: &str, span: Span) -> Lowered<&Value> {
        self.values
            .get(name)
            .ok_or_else(|| self.unknown(name, span).into())
    }

    /// Where to point for a name: at the value, when the name is nothing but one.
    pub(super) fn span_of_name(&self, name: &Name, spans: ValueSpans) -> Span {
        let written = self
            .file
            .text
            .get(name.span.start..name.span.end)
            .unwrap_or_default();
        match self.sole_parameter(written) {
            Some(Value::Text { span, .. })
                if spans == ValueSpans::Value && *span != Span::default() =>
            {
                *span
            }
            _ => name.span,
        }
    }
}

impl Lowerer<'_> {
    /// A name with its parameters replaced.
    pub(crate) fn name(&mut self, name: &Name, scope: &Scope<'_>) -> Lowered<Name> {
        if !name.value.contains("${") {
            return Ok(name.clone());
        }
        let span = match self.spans {
            ValueSpans::Use => name.span,
            ValueSpans::Value => scope.span_of_name(name, self.spans),
        };
        Ok(Spanned {
            value: scope.expand(&name.value, name.span)?,
            span,
        })
    }

    pub(super) fn template(
        &mut self,
        template: &Template<Expr>,
        scope: &Scope<'_>,
    ) -> Lowered<Template<Expr>> {
        let Template {
            flags,
            fields,
            options,
            span,
        } = template;
        Ok(Template {
            flags: self.flags(flags, scope)?,
            fields: self.fields(fields, scope)?,
            options: match options {
                Some(options) => Some(self.options(options, scope)?),
                None => None,
            },
            span: *span,
        })
    }

    pub(super) fn flags(
        &mut self,
        flags: &FlagsSpec<Expr>,
        scope: &Scope<'_>,
    ) -> Lowered<FlagsSpec<Expr>> {
        let FlagsSpec::Value(Expr {
            kind: ExprKind::Parameter(name),
            span,
        }) = flags
        else {
            return Ok(flags.clone());
        };
        let value = scope.value(name, *span)?;
        if matches!(value, Value::Unknown) {
            return Ok(flags.clone());
        }
        let text = scope.expand(&format!("${{{name}}}"), *span)?;
        Flags::parse(&text).map(FlagsSpec::Literal).map_err(|_| {
            let span = self.value_span(value, *span);
            let message = format!("'{text}' cannot be read as flags, as '{name}' is used");
            Diagnostic::new(Code::BadValue, scope.file, span, message)
                .help("letters of SFRP.UEWA, or '-'")
                .into()
        })
    }

    pub(super) fn fields(
        &mut self,
        fields: &[Field<Expr>],
        scope: &Scope<'_>,
    ) -> Lowered<Vec<Field<Expr>>> {
        let mut lowered = Vec::with_capacity(fields.len());
        for field in fields {
            let mut values = Vec::with_capacity(field.values.len());
            for value in &field.values {
                values.push(match value {
                    FieldValue::Number(expr) => self.field_value(expr, scope)?,
                    other => other.clone(),
                });
            }
            lowered.push(Field {
                values,
                ..field.clone()
            });
        }
        Ok(lowered)
    }

    /// A parameter in a field may stand for one of the field's words or an address, too.
    fn field_value(&mut self, expr: &Expr, scope: &Scope<'_>) -> Lowered<FieldValue<Expr>> {
        if let ExprKind::Parameter(name) = &expr.kind
            && !matches!(scope.value(name, expr.span)?, Value::Unknown)
        {
            let text = scope.expand(&format!("${{{name}}}"), expr.span)?;
            match text.as_str() {
                "good" => return Ok(FieldValue::Good),
                "bad" => return Ok(FieldValue::Bad),
                "fresh" => return Ok(FieldValue::Fresh),
                "same" => return Ok(FieldValue::Same),
                text => {
                    if let Ok(address) = text.parse() {
                        return Ok(FieldValue::Address(address));
                    }
                }
            }
        }
        self.expr(expr, scope).map(FieldValue::Number)
    }

    pub(super) fn options(
        &mut self,
        options: &OptionsSpec<Expr>,
        scope: &Scope<'_>,
    ) -> Lowered<OptionsSpec<Expr>> {
        let OptionsSpec::Value(Expr {
            kind: ExprKind::Parameter(name),
            span,
        }) = options
        else {
            return options.try_map(|expr| self.expr(expr, scope));
        };
        match scope.value(name, *span)?.clone() {
            Value::Unknown => Ok(options.clone()),
            Value::Options(options) => Ok(options),
            value @ Value::Text { .. } => {
                let options = self.read(&value, name, *span, scope, "options", |c, p| {
                    parse_options(c, p)?.ok_or_else(|| c.expected("options such as <mss 1460>"))
                })?;
                options.try_map(|expr| self.expr(expr, scope))
            }
        }
    }

    pub(super) fn optional(
        &mut self,
        expr: &Option<Expr>,
        scope: &Scope<'_>,
    ) -> Lowered<Option<Expr>> {
        expr.as_ref().map(|expr| self.expr(expr, scope)).transpose()
    }

    pub(crate) fn expr(&mut self, expr: &Expr, scope: &Scope<'_>) -> Lowered<Expr> {
        let mut boxed = |x: &Expr| self.expr(x, scope).map(Box::new);
        let kind = match &expr.kind {
            ExprKind::Parameter(name) => return self.parameter(name, expr.span, scope),
            ExprKind::Absolute(x) => ExprKind::Absolute(boxed(x)?),
            ExprKind::Negate(x) => ExprKind::Negate(boxed(x)?),
            ExprKind::Not(x) => ExprKind::Not(boxed(x)?),
            ExprKind::Group(x) => ExprKind::Group(boxed(x)?),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, boxed(a)?, boxed(b)?),
            ExprKind::Index(a, b) => ExprKind::Index(boxed(a)?, boxed(b)?),
            ExprKind::Member(x, name) => ExprKind::Member(boxed(x)?, name.clone()),
            ExprKind::Call(name, arguments) => ExprKind::Call(
                name.clone(),
                arguments
                    .iter()
                    .map(|x| self.expr(x, scope))
                    .collect::<Lowered<_>>()?,
            ),
            kind @ (ExprKind::Number(_)
            | ExprKind::Decimal { .. }
            | ExprKind::Duration(_)
            | ExprKind::Symbol(_)
            | ExprKind::Flags(_)
            | ExprKind::Options(_)) => kind.clone(),
        };
        Ok(Expr {
            kind,
            span: expr.span,
        })
    }

    fn parameter(&mut self, name: &str, span: Span, scope: &Scope<'_>) -> Lowered<Expr> {
        let value = scope.value(name, span)?.clone();
        if matches!(value, Value::Unknown) {
            return Ok(Expr {
                kind: ExprKind::Parameter(name.to_owned()),
                span,
            });
        }
        let read = self.read(&value, name, span, scope, "an expression", |c, p| {
            p.expression(c)
        })?;
        let compound = matches!(
            read.kind,
            ExprKind::Binary(..) | ExprKind::Negate(_) | ExprKind::Not(_) | ExprKind::Absolute(_)
        );
        let span = read.span;
        Ok(if compound {
            Expr {
                kind: ExprKind::Group(Box::new(read)),
                span,
            }
        } else {
            read
        })
    }

    /// Reads the whole of a value.
    fn read<T: Spans>(
        &mut self,
        value: &Value,
        name: &str,
        use_span: Span,
        scope: &Scope<'_>,
        what: &str,
        read: impl FnOnce(&mut Cursor<'_>, &mut ExprParser) -> Result<T, NotationError>,
    ) -> Lowered<T> {
        let text = scope.expand(&format!("${{{name}}}"), use_span)?;
        let at = self.value_span(value, use_span);
        // Where the text stands in the file as it is, spans are exact.
        let source = &scope.file.text;
        let exact = at != use_span && source.get(at.start..at.end) == Some(text.as_str());
        let mut cursor = if exact {
            Cursor::at(&source[..at.end], at.start)
        } else {
            Cursor::new(&text)
        };
        let result = read(&mut cursor, &mut ExprParser::default()).and_then(|read| {
            cursor.skip_blanks();
            if cursor.at_end() {
                Ok(read)
            } else {
                Err(cursor.expected("the value's end"))
            }
        });
        match result {
            Ok(read) if exact => Ok(read),
            Ok(read) => Ok(read.spanned(at)),
            Err(error) => {
                let span = if exact { error.span } else { at };
                let message = format!("'{text}' cannot be read as {what}: {}", error.message);
                let diagnostic = Diagnostic::new(Code::BadValue, scope.file, span, message);
                Err(match error.suggestion {
                    Some(near) => diagnostic.help(format!("did you mean '{near}'?")),
                    None => diagnostic.help(format!("'{name}' is used as {what}")),
                }
                .into())
            }
        }
    }

    fn value_span(&self, value: &Value, use_span: Span) -> Span {
        match value {
            Value::Text { span, .. }
                if self.spans == ValueSpans::Value && *span != Span::default() =>
            {
                *span
            }
            _ => use_span,
        }
    }
}
