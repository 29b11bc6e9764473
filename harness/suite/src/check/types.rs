//! Types of expressions, and names in them.

use super::steps::Checker;
use crate::ast::{BinaryOp, Expr, ExprKind, Name, Span};
use crate::diagnostic::Code;
use crate::vocabulary::{FUNCTIONS, MEMBERS, PROFILE, ProfileKind, RESERVED, SYMBOLS, Type, has};

impl Type {
    /// For messages: `a number`.
    pub(super) fn article(&self) -> String {
        match self {
            Self::Number => "a number".to_owned(),
            Self::Seq => "a sequence number".to_owned(),
            Self::Duration => "a duration".to_owned(),
            Self::Time => "a point in time".to_owned(),
            Self::Bool => "a truth value".to_owned(),
            Self::Array(_) => "an array".to_owned(),
            Self::Any => "anything".to_owned(),
        }
    }

    fn plural(&self) -> &'static str {
        match self {
            Self::Number => "numbers",
            Self::Seq => "sequence numbers",
            Self::Duration => "durations",
            Self::Time => "points in time",
            Self::Bool => "truth values",
            Self::Array(_) => "arrays",
            Self::Any => "anything",
        }
    }

    fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    fn is_numeric(&self) -> bool {
        matches!(self, Self::Number | Self::Seq)
    }
}

impl Checker<'_> {
    /// The expression must have one of the types.
    pub(super) fn must_be(&mut self, expr: &Expr, wanted: &[Type]) {
        let found = self.type_of(expr);
        if found.is_any() || wanted.contains(&found) {
            return;
        }
        let wanted: Vec<String> = wanted.iter().map(Type::article).collect();
        let message = format!(
            "expected {}, found {}",
            wanted.join(" or "),
            found.article()
        );
        let mut diagnostic = self.error(Code::Type, expr.span, message);
        if wanted
            .first()
            .is_some_and(|w| *w == Type::Duration.article())
        {
            diagnostic = diagnostic.help("durations have a unit: 500ms, 1.5s, 2min");
        }
        self.report(diagnostic);
    }

    pub(super) fn type_of(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            ExprKind::Number(_) | ExprKind::Decimal { .. } => Type::Number,
            ExprKind::Duration(_) => Type::Duration,
            ExprKind::Symbol(name) => self.symbol(name, expr.span),
            ExprKind::Parameter(_) | ExprKind::Flags(_) | ExprKind::Options(_) => Type::Any,
            ExprKind::Absolute(x) => {
                self.must_be(x, &[Type::Number]);
                Type::Seq
            }
            ExprKind::Negate(x) => {
                self.must_be(x, &[Type::Number, Type::Duration]);
                self.quietly(|checker| checker.type_of(x))
            }
            ExprKind::Not(x) => {
                self.must_be(x, &[Type::Bool]);
                Type::Bool
            }
            ExprKind::Group(x) => self.type_of(x),
            ExprKind::Binary(op, a, b) => {
                let (left, right) = (self.type_of(a), self.type_of(b));
                self.binary(*op, &left, &right, expr.span)
            }
            ExprKind::Call(name, arguments) => self.call(name, arguments),
            ExprKind::Index(array, index) => {
                self.must_be(index, &[Type::Number]);
                match self.type_of(array) {
                    Type::Array(of) => *of,
                    Type::Any => Type::Any,
                    other => {
                        let message = format!("{} cannot be indexed", other.article());
                        self.report(self.error(Code::Type, array.span, message));
                        Type::Any
                    }
                }
            }
            ExprKind::Member(x, name) => {
                let of = self.type_of(x);
                if !of.is_any() {
                    let message = format!("{} has no member '{}'", of.article(), name.value);
                    self.report(self.error(Code::Type, name.span, message));
                }
                Type::Any
            }
        }
    }

    fn symbol(&mut self, name: &str, span: Span) -> Type {
        if let Some(of) = self.names.values.get(name) {
            return of.clone();
        }
        if let Some(field) = name.strip_prefix("profile.") {
            return self.profile(field, span);
        }
        if let Some((_, of, _)) = SYMBOLS.iter().find(|(known, ..)| *known == name) {
            return of.clone();
        }
        if let Some((head, rest)) = name.split_once('.') {
            return self.qualified(head, rest, span);
        }
        if self.names.labels.contains_key(name) {
            let message = format!("label '{name}' is no value");
            let help = format!("say what of it: {name}.seq, {name}.win, time({name})");
            self.report(self.error(Code::Type, span, message).help(help));
            return Type::Any;
        }
        let known: Vec<String> = SYMBOLS
            .iter()
            .map(|(name, ..)| (*name).to_owned())
            .chain(self.names.values.keys().cloned())
            .collect();
        let diagnostic = self
            .error(
                Code::UnknownSymbol,
                span,
                format!("unknown symbol '{name}'"),
            )
            .suggest(name, known.iter().map(String::as_str));
        self.report(diagnostic);
        Type::Any
    }

    fn profile(&mut self, field: &str, span: Span) -> Type {
        match PROFILE
            .iter()
            .find(|known| known.name == field)
            .map(|known| known.kind)
        {
            Some(ProfileKind::Duration) => Type::Duration,
            Some(ProfileKind::Number) => Type::Number,
            None => {
                let message = format!("unknown profile value '{field}'");
                let known = PROFILE.iter().map(|known| known.name);
                let diagnostic = self
                    .error(Code::UnknownProfile, span, message)
                    .suggest(field, known);
                self.report(diagnostic);
                Type::Any
            }
        }
    }

    /// `b.RCV.NXT` or `first.seq`.
    fn qualified(&mut self, head: &str, rest: &str, span: Span) -> Type {
        let symbol = SYMBOLS.iter().find(|(known, ..)| *known == rest);
        let member = MEMBERS.iter().find(|(known, ..)| *known == rest);
        if let (true, Some((_, of, _))) = (self.names.conns.contains(head), symbol) {
            return of.clone();
        }
        if let (true, Some((_, of, _))) = (self.names.labels.contains_key(head), member) {
            return of.clone();
        }
        let diagnostic = if rest == "fastopen" {
            self.error(
                Code::Reserved,
                span,
                "capture of options is reserved for a later version",
            )
        } else if self.names.labels.contains_key(head) {
            let message = format!("a segment has no '{rest}'");
            self.error(Code::UnknownSymbol, span, message)
                .suggest(rest, MEMBERS.iter().map(|(name, ..)| *name))
        } else if let (Some((_, of, _)), true) = (member, self.lenient) {
            return of.clone();
        } else if member.is_some() {
            return self.missing_label(head, span);
        } else if symbol.is_some() {
            self.unknown_connection(head, span)
        } else {
            let known: Vec<&str> = SYMBOLS.iter().map(|(name, ..)| *name).collect();
            let name = format!("{head}.{rest}");
            self.error(
                Code::UnknownSymbol,
                span,
                format!("unknown symbol '{name}'"),
            )
            .suggest(&name, known)
        };
        self.report(diagnostic);
        Type::Any
    }

    fn missing_label(&mut self, label: &str, span: Span) -> Type {
        self.label(&Name {
            value: label.to_owned(),
            span,
        });
        Type::Any
    }

    fn call(&mut self, name: &Name, arguments: &[Expr]) -> Type {
        let Some(function) = FUNCTIONS.iter().find(|f| f.name == name.value) else {
            if has(RESERVED, &name.value) {
                let message = format!("'{}' is reserved for a later version", name.value);
                self.report(self.error(Code::Reserved, name.span, message));
                return Type::Any;
            }
            let known = FUNCTIONS.iter().map(|f| f.name);
            let message = format!("unknown function '{}'", name.value);
            let diagnostic = self
                .error(Code::UnknownFunction, name.span, message)
                .suggest(&name.value, known);
            self.report(diagnostic);
            return Type::Any;
        };
        if !(function.least..=function.most).contains(&arguments.len()) {
            let count = if function.least == function.most {
                function.least.to_string()
            } else {
                format!("{} to {}", function.least, function.most)
            };
            let message = format!(
                "'{}' takes {count} argument{}, not {}",
                name.value,
                if function.most == 1 { "" } else { "s" },
                arguments.len()
            );
            let diagnostic = self
                .error(Code::Arity, name.span, message)
                .help(function.doc);
            self.report(diagnostic);
            return Type::Any;
        }
        if function.name == "time" {
            self.label_argument(&arguments[0]);
            return Type::Time;
        }
        if function.name == "abs" {
            self.must_be(&arguments[0], &[Type::Number, Type::Duration]);
            return self.quietly(|checker| checker.type_of(&arguments[0]));
        }
        if matches!(function.name, "min" | "max") && arguments.len() > 1 {
            return self.least_or_greatest(arguments);
        }
        let of = match self.type_of(&arguments[0]) {
            Type::Array(of) => *of,
            Type::Any => Type::Any,
            other => {
                let message = format!("'{}' takes an array, not {}", name.value, other.article());
                let diagnostic = self
                    .error(Code::Type, arguments[0].span, message)
                    .help("arrays come from 'sample N as NAME = …'");
                self.report(diagnostic);
                Type::Any
            }
        };
        match function.name {
            "all" | "any" => {
                self.elements(&of, &Type::Bool, name);
                Type::Bool
            }
            "rate" => {
                self.elements(&of, &Type::Seq, name);
                Type::Number
            }
            "distinct" | "sorted" => Type::Bool,
            "count" => Type::Number,
            "diff" => Type::Array(Box::new(match of {
                Type::Seq => Type::Number,
                Type::Time => Type::Duration,
                other => other,
            })),
            _ => of,
        }
    }

    /// What an array must be made of.
    fn elements(&mut self, of: &Type, wanted: &Type, function: &Name) {
        if of != wanted && !of.is_any() {
            let message = format!(
                "'{}' takes an array of {}, this is one of {}",
                function.value,
                wanted.plural(),
                of.plural()
            );
            self.report(self.error(Code::Type, function.span, message));
        }
    }

    fn least_or_greatest(&mut self, arguments: &[Expr]) -> Type {
        let types: Vec<Type> = arguments.iter().map(|x| self.type_of(x)).collect();
        let first = types[0].clone();
        for (argument, of) in arguments.iter().zip(&types).skip(1) {
            let alike = *of == first || of.is_any() || first.is_any();
            if !(alike || of.is_numeric() && first.is_numeric()) {
                let message = format!("{} beside {}", of.article(), first.article());
                self.report(self.error(Code::Type, argument.span, message));
            }
        }
        first
    }

    /// The argument of `time`.
    fn label_argument(&mut self, argument: &Expr) {
        match &argument.kind {
            ExprKind::Symbol(name) if !name.contains('.') => {
                self.label(&Name {
                    value: name.clone(),
                    span: argument.span,
                });
            }
            ExprKind::Parameter(_) => {}
            _ => self.report(self.error(Code::Type, argument.span, "expected a label")),
        }
    }

    fn binary(&mut self, op: BinaryOp, a: &Type, b: &Type, span: Span) -> Type {
        result_of(op, a, b).unwrap_or_else(|| {
            let message = format!(
                "'{}' does not go between {} and {}",
                op.symbol(),
                a.article(),
                b.article()
            );
            self.report(self.error(Code::Type, span, message));
            Type::Any
        })
    }
}

/// What an operator yields; `None` when it does not go with the types.
fn result_of(op: BinaryOp, a: &Type, b: &Type) -> Option<Type> {
    use BinaryOp::{Add, And, Div, Eq, Ge, Gt, Le, Lt, Mul, Ne, Or, Rem, Sub};
    use Type::{Any, Bool, Duration, Number, Seq, Time};
    Some(match (op, a, b) {
        (Eq | Ne | Lt | Le | Gt | Ge | And | Or, Any, _)
        | (Eq | Ne | Lt | Le | Gt | Ge | And | Or, _, Any)
        | (And | Or, Bool, Bool) => Bool,
        (Eq | Ne, a, b) if a == b => Bool,
        (Eq | Ne | Lt | Le | Gt | Ge, a, b) if a.is_numeric() && b.is_numeric() => Bool,
        (Lt | Le | Gt | Ge, Duration, Duration) | (Lt | Le | Gt | Ge, Time, Time) => Bool,
        (_, Any, _) | (_, _, Any) => Any,
        (Add | Sub | Mul | Div | Rem, Number, Number)
        | (Sub, Seq, Seq)
        | (Div, Duration, Duration) => Number,
        (Add, Seq, Number) | (Add, Number, Seq) | (Sub, Seq, Number) => Seq,
        (Add | Sub, Duration, Duration)
        | (Sub, Time, Time)
        | (Mul | Div, Duration, Number)
        | (Mul, Number, Duration) => Duration,
        (Add | Sub, Time, Duration) | (Add, Duration, Time) => Time,
        _ => return None,
    })
}
