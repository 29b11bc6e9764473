//! Visits every span of a tree: to take them off, or to point them all at one place.

use crate::ast::*;

/// Something with places in it.
pub trait Spans {
    /// Calls `f` on every span.
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span));

    /// The same without places: what is compared after printing and parsing.
    #[must_use]
    fn without_spans(mut self) -> Self
    where
        Self: Sized,
    {
        self.each_span(&mut |span| *span = Span::default());
        self
    }

    /// The same with every place replaced by one.
    #[must_use]
    fn spanned(mut self, at: Span) -> Self
    where
        Self: Sized,
    {
        self.each_span(&mut |span| *span = at);
        self
    }
}

impl<T: Spans> Spans for Vec<T> {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        for item in self {
            item.each_span(f);
        }
    }
}

impl<T: Spans> Spans for Option<T> {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        if let Some(item) = self {
            item.each_span(f);
        }
    }
}

impl<T> Spans for Spanned<T> {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        f(&mut self.span);
    }
}

impl Spans for Suite {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            title,
            fixtures,
            tests,
            rules,
        } = self;
        title.each_span(f);
        fixtures.each_span(f);
        tests.each_span(f);
        rules.each_span(f);
    }
}

impl Spans for Fixture {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            name,
            params,
            steps,
            span,
        } = self;
        name.each_span(f);
        params.each_span(f);
        steps.each_span(f);
        f(span);
    }
}

impl Spans for Test {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            slug,
            title,
            spec,
            also,
            given,
            matrix,
            table,
            rules,
            attributes,
            steps,
            span,
        } = self;
        slug.each_span(f);
        title.each_span(f);
        spec.each_span(f);
        also.each_span(f);
        given.each_span(f);
        matrix.each_span(f);
        table.each_span(f);
        rules.each_span(f);
        attributes.each_span(f);
        steps.each_span(f);
        f(span);
    }
}

impl Spans for Also {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self { id, restated: _ } = self;
        id.each_span(f);
    }
}

impl Spans for Attributes {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            exclusive: _,
            slow: _,
            ip,
            timeout,
            service,
            backlog,
        } = self;
        ip.each_span(f);
        timeout.each_span(f);
        service.each_span(f);
        backlog.each_span(f);
    }
}

impl Spans for Rules {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            name,
            matched,
            bound,
            rows,
            span,
        } = self;
        name.each_span(f);
        matched.each_span(f);
        bound.each_span(f);
        rows.each_span(f);
        f(span);
    }
}

impl Spans for Rule {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            choices,
            outcome,
            span,
        } = self;
        choices.each_span(f);
        match outcome {
            Outcome::Bind(values) => values.each_span(f),
            Outcome::SameAs(SameAs { cell, reason }) => {
                for (name, value) in cell {
                    name.each_span(f);
                    value.each_span(f);
                }
                reason.each_span(f);
            }
        }
        f(span);
    }
}

impl Spans for Choice {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            negated: _,
            labels,
            span,
        } = self;
        labels.each_span(f);
        f(span);
    }
}

impl Spans for Axis {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self { name, values } = self;
        name.each_span(f);
        values.each_span(f);
    }
}

impl Spans for Binding {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            label: _,
            text: _,
            span,
        } = self;
        f(span);
    }
}

impl Spans for Table {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self { columns, rows } = self;
        columns.each_span(f);
        rows.each_span(f);
    }
}

impl Spans for Step {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self { kind, spec, span } = self;
        kind.each_span(f);
        spec.each_span(f);
        f(span);
    }
}

impl Spans for StepKind {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        match self {
            Self::Inject(x) => x.each_span(f),
            Self::Expect(x) => x.each_span(f),
            Self::Nothing(Nothing { conn, duration }) => {
                conn.each_span(f);
                duration.each_span(f);
            }
            Self::Either(branches) => branches.each_span(f),
            Self::Unordered(steps) => steps.each_span(f),
            Self::Reach(Reach { state, via, with }) => {
                state.each_span(f);
                via.each_span(f);
                with.each_span(f);
            }
            Self::State { state, passive: _ } => state.each_span(f),
            Self::Builtin(_) | Self::AutoAck(_) => {}
            Self::App(AppStep {
                conn,
                verb,
                expect,
                within,
            }) => {
                conn.each_span(f);
                verb.each_span(f);
                expect.each_span(f);
                within.each_span(f);
            }
            Self::Check(expr) | Self::Wait(expr) => expr.each_span(f),
            Self::Sample(Sample {
                count,
                bindings,
                steps,
            }) => {
                count.each_span(f);
                for (name, expr) in bindings {
                    name.each_span(f);
                    expr.each_span(f);
                }
                steps.each_span(f);
            }
            Self::Repeat {
                count,
                counter,
                steps,
            } => {
                count.each_span(f);
                counter.each_span(f);
                steps.each_span(f);
            }
            Self::Use { name, args } => {
                name.each_span(f);
                args.each_span(f);
            }
            Self::Conn { name, steps } => {
                name.each_span(f);
                steps.each_span(f);
            }
            Self::Ignore(all) => all.each_span(f),
            Self::Impair(words) => words.each_span(f),
            Self::Setup {
                state: _,
                path: _,
                steps,
            }
            | Self::Inlined {
                fixture: _,
                file: _,
                steps,
            } => {
                steps.each_span(f);
            }
        }
    }
}

impl Spans for Branch {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            steps,
            grade: _,
            span,
        } = self;
        steps.each_span(f);
        f(span);
    }
}

impl Spans for AppVerb {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        match self {
            Self::Listen {
                port,
                backlog,
                with,
            } => {
                if let Some(ListenPort::Is(port)) = port {
                    port.each_span(f);
                }
                backlog.each_span(f);
                with.each_span(f);
            }
            Self::Connect {
                to,
                port,
                data,
                with,
            } => {
                to.each_span(f);
                port.each_span(f);
                data.each_span(f);
                with.each_span(f);
            }
            Self::Send { count, .. } | Self::Recv { count, .. } => count.each_span(f),
            Self::Set(setting) => setting.each_span(f),
            Self::Status { state } => state.each_span(f),
            Self::Accept
            | Self::ReceiveUrgent
            | Self::Close
            | Self::ShutdownRead
            | Self::Release
            | Self::Abort
            | Self::Event => {}
        }
    }
}

impl Spans for SettingValue {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self { name, value } = self;
        name.each_span(f);
        value.each_span(f);
    }
}

impl Spans for Inject {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            conn,
            stimulus,
            fragment,
            timing,
            label,
        } = self;
        conn.each_span(f);
        match stimulus {
            Stimulus::Segment(template) => template.each_span(f),
            Stimulus::SameAs { label, fields } => {
                label.each_span(f);
                fields.each_span(f);
            }
            Stimulus::Icmp(IcmpStimulus {
                kind,
                mtu,
                code,
                quote,
                seq_offset,
                truncate,
            }) => {
                kind.each_span(f);
                quote.each_span(f);
                for number in [mtu, code, seq_offset, truncate] {
                    number.each_span(f);
                }
            }
        }
        if let Some(Fragmentation { at, overlap: _ }) = fragment {
            at.each_span(f);
        }
        timing.each_span(f);
        label.each_span(f);
    }
}

impl Spans for Expect {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            conn,
            pattern,
            timing,
            label,
        } = self;
        conn.each_span(f);
        match pattern {
            Pattern::Segment(template) => template.each_span(f),
            Pattern::SameAs {
                flags,
                label,
                fields,
            } => {
                flags.each_span(f);
                label.each_span(f);
                fields.each_span(f);
            }
        }
        timing.each_span(f);
        label.each_span(f);
    }
}

impl Spans for Timing {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self { within, after, of } = self;
        within.each_span(f);
        after.each_span(f);
        of.each_span(f);
    }
}

impl Spans for Template<Expr> {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            flags,
            fields,
            options,
            span,
        } = self;
        flags.each_span(f);
        fields.each_span(f);
        options.each_span(f);
        f(span);
    }
}

impl Spans for FlagsSpec<Expr> {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        if let Self::Value(value) = self {
            value.each_span(f);
        }
    }
}

impl Spans for Field<Expr> {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        let Self {
            name: _,
            relation: _,
            values,
            span,
        } = self;
        for value in values {
            if let FieldValue::Number(value) = value {
                value.each_span(f);
            }
        }
        f(span);
    }
}

impl Spans for OptionsSpec<Expr> {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        match self {
            Self::Value(value) => value.each_span(f),
            Self::Items(items) => items.each_span(f),
        }
    }
}

impl Spans for OptionItem<Expr> {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        match self {
            Self::Mss(slot) | Self::WindowScale(slot) => slot.each_span(f),
            Self::UserTimeout { minutes: _, value } => value.each_span(f),
            Self::Timestamps { val, ecr } => {
                val.each_span(f);
                ecr.each_span(f);
            }
            Self::Sack { blocks, any: _ } => {
                for (left, right) in blocks {
                    left.each_span(f);
                    right.each_span(f);
                }
            }
            Self::Eol
            | Self::Nop
            | Self::SackPermitted
            | Self::Md5(_)
            | Self::FastOpen(_)
            | Self::Experimental { .. }
            | Self::Unknown { .. }
            | Self::Raw(_)
            | Self::Absent(_)
            | Self::Rest => {}
        }
    }
}

impl Spans for Slot<Expr> {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        if let Self::Is(value) = self {
            value.each_span(f);
        }
    }
}

impl Spans for Expr {
    fn each_span(&mut self, f: &mut dyn FnMut(&mut Span)) {
        f(&mut self.span);
        match &mut self.kind {
            ExprKind::Absolute(x) | ExprKind::Negate(x) | ExprKind::Not(x) | ExprKind::Group(x) => {
                x.each_span(f)
            }
            ExprKind::Binary(_, a, b) | ExprKind::Index(a, b) => {
                a.each_span(f);
                b.each_span(f);
            }
            ExprKind::Call(name, arguments) => {
                name.each_span(f);
                arguments.each_span(f);
            }
            ExprKind::Member(x, name) => {
                x.each_span(f);
                name.each_span(f);
            }
            ExprKind::Options(items) => items.each_span(f),
            ExprKind::Number(_)
            | ExprKind::Decimal { .. }
            | ExprKind::Duration(_)
            | ExprKind::Symbol(_)
            | ExprKind::Parameter(_)
            | ExprKind::Flags(_) => {}
        }
    }
}
