//! A walk over lowered steps with the names that are known at each.

use super::names::{Names, all_labels};
use crate::ast::*;
use crate::diagnostic::{Code, Diagnostic};
use crate::limits::ROUNDS;
use crate::load::Citations;
use crate::plan::SourceFile;
use crate::spans::Spans;
use crate::vocabulary::{DESTINATIONS, OUTCOMES, SETTINGS, STATES, Setting, Type, has, names};
use std::collections::BTreeSet;
use std::sync::Arc;
use tcpconf_wire::{icmp_by_name, icmp_names};

/// The walk.
pub(super) struct Checker<'a> {
    file: Arc<SourceFile>,
    citations: &'a Citations<'a>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) names: Names,
    /// Labels that are bound anywhere.
    labels: BTreeSet<String>,
    /// A fixture on its own: labels and connections may come from where it is used.
    pub(super) lenient: bool,
    /// Inside of a fixture's steps, which may be used twice and bind their labels anew.
    in_fixture: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn of_test(
        file: &Arc<SourceFile>,
        citations: &'a Citations<'a>,
        steps: &[Step],
    ) -> Self {
        Self {
            labels: all_labels(steps),
            lenient: false,
            ..Self::of_fixture(file, citations)
        }
    }

    pub(super) fn of_fixture(file: &Arc<SourceFile>, citations: &'a Citations<'a>) -> Self {
        Self {
            file: Arc::clone(file),
            citations,
            diagnostics: Vec::new(),
            names: Names::default(),
            labels: BTreeSet::new(),
            lenient: true,
            in_fixture: false,
        }
    }

    pub(super) fn error(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, &self.file, span, message)
    }

    pub(super) fn text_at(&self, span: Span) -> &str {
        self.file.text.get(span.start..span.end).unwrap_or_default()
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Runs a check whose complaints were made before.
    pub(super) fn quietly<T>(&mut self, check: impl FnOnce(&mut Self) -> T) -> T {
        let count = self.diagnostics.len();
        let result = check(self);
        self.diagnostics.truncate(count);
        result
    }

    pub(super) fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            for id in &step.spec {
                if self.citations.find(&id.value).is_none() {
                    self.report(self.citations.unknown(id, &self.file));
                }
            }
            self.step(step);
        }
    }

    fn step(&mut self, step: &Step) {
        match &step.kind {
            StepKind::Inject(inject) => self.inject(inject),
            StepKind::Expect(expect) => self.expect(expect),
            StepKind::Nothing(nothing) => {
                self.conn(nothing.conn.as_ref());
                self.must_be(&nothing.duration, &[Type::Duration]);
            }
            StepKind::Either(branches) => self.either(branches, step.span),
            StepKind::Unordered(steps) => self.unordered(steps, step.span),
            StepKind::App(app) => self.app(app),
            StepKind::Check(expr) => self.must_be(expr, &[Type::Bool]),
            StepKind::Wait(expr) => self.must_be(expr, &[Type::Duration]),
            StepKind::Sample(sample) => self.sample(sample, step.span),
            StepKind::Repeat {
                count,
                counter,
                steps,
            } => {
                self.rounds(count);
                if let Some(counter) = counter {
                    self.names
                        .values
                        .insert(counter.value.clone(), Type::Number);
                }
                self.block(steps, step.span);
            }
            StepKind::Conn { name, steps } => {
                self.names.conns.insert(name.value.clone());
                self.block(steps, step.span);
            }
            StepKind::Setup { steps, .. } => self.steps(steps),
            StepKind::Inlined { file, steps, .. } => {
                let outer = std::mem::replace(&mut self.file, Arc::clone(file));
                let was = std::mem::replace(&mut self.in_fixture, true);
                self.steps(steps);
                self.in_fixture = was;
                self.file = outer;
            }
            StepKind::Reach(_)
            | StepKind::State { .. }
            | StepKind::Builtin(_)
            | StepKind::Use { .. }
            | StepKind::Ignore(_)
            | StepKind::AutoAck(_)
            | StepKind::Impair(_) => {}
        }
    }

    fn block(&mut self, steps: &[Step], span: Span) {
        if steps.is_empty() {
            self.report(self.error(Code::EmptyBlock, span, "the block has no step"));
        }
        self.steps(steps);
    }

    /// A connection that a step speaks of without opening it.
    fn conn(&mut self, conn: Option<&Name>) {
        let Some(conn) = conn else { return };
        if !self.names.conns.contains(&conn.value) && !self.lenient {
            let diagnostic = self.unknown_connection(&conn.value, conn.span);
            self.report(diagnostic);
        }
    }

    pub(super) fn unknown_connection(&self, name: &str, span: Span) -> Diagnostic {
        let known: Vec<&str> = self.names.conns.iter().map(String::as_str).collect();
        let diagnostic = self.error(
            Code::UnknownConnection,
            span,
            format!("unknown connection '{name}'"),
        );
        if known.is_empty() {
            return diagnostic.help(format!("open it: conn {name} {{ … }} or {name} < S"));
        }
        diagnostic.suggest(name, known)
    }

    /// A label that is asked for.
    pub(super) fn label(&mut self, label: &Name) {
        let name = label.value.as_str();
        let parameter = name.contains("${");
        if self.names.labels.contains_key(name) || self.lenient || parameter {
            return;
        }
        let diagnostic = if self.labels.contains(name) {
            let message = format!("label '{name}' is not bound yet");
            self.error(Code::UnknownLabel, label.span, message)
                .help("a label can be used behind the step that binds it with 'as'")
        } else {
            let known: Vec<&str> = self.names.labels.keys().map(String::as_str).collect();
            let message = format!("unknown label '{name}'");
            self.error(Code::UnknownLabel, label.span, message)
                .suggest(name, known)
        };
        self.report(diagnostic);
    }

    pub(super) fn bind(&mut self, label: Option<&Name>) {
        let Some(label) = label else { return };
        let first = self.names.labels.insert(label.value.clone(), label.span);
        if let (Some(first), false) = (first, self.in_fixture) {
            let message = format!("label '{}' is bound twice", label.value);
            let diagnostic = self
                .error(Code::DuplicateLabel, label.span, message)
                .related(first, "first here");
            self.report(diagnostic);
        }
    }

    fn inject(&mut self, inject: &Inject) {
        if let Some(conn) = &inject.conn {
            self.names.conns.insert(conn.value.clone());
        }
        self.timing(&inject.timing);
        match &inject.stimulus {
            Stimulus::Segment(template) => {
                self.stimulus_fields(&template.fields);
                self.options(template.options.as_ref(), true, template.span);
            }
            Stimulus::SameAs { label, fields } => {
                self.label(label);
                self.stimulus_fields(fields);
            }
            Stimulus::Icmp(icmp) => self.icmp(icmp),
        }
        if let Some(fragment) = &inject.fragment {
            for offset in &fragment.at {
                self.must_be(offset, &[Type::Number]);
            }
        }
        self.bind(inject.label.as_ref());
    }

    fn icmp(&mut self, icmp: &IcmpStimulus) {
        let IcmpStimulus {
            kind,
            mtu,
            code,
            quote,
            seq_offset,
            truncate,
        } = icmp;
        if icmp_by_name(&kind.value).is_none() && !kind.value.contains("${") {
            let message = format!("unknown ICMP message '{}'", kind.value);
            let diagnostic = self
                .error(Code::UnknownIcmp, kind.span, message)
                .suggest(&kind.value, icmp_names().iter().map(|row| row.name));
            self.report(diagnostic);
        }
        self.label(quote);
        for number in [mtu, code, seq_offset, truncate].into_iter().flatten() {
            self.must_be(number, &[Type::Number]);
        }
    }

    fn expect(&mut self, expect: &Expect) {
        self.conn(expect.conn.as_ref());
        self.timing(&expect.timing);
        match &expect.pattern {
            Pattern::Segment(template) => {
                self.pattern_fields(&template.fields);
                self.options(template.options.as_ref(), false, template.span);
            }
            Pattern::SameAs {
                flags: _,
                label,
                fields,
            } => {
                self.label(label);
                self.pattern_fields(fields);
            }
        }
        self.bind(expect.label.as_ref());
    }

    fn timing(&mut self, timing: &Timing) {
        let Timing { within, after, of } = timing;
        for duration in [within, after].into_iter().flatten() {
            self.must_be(duration, &[Type::Duration]);
        }
        if let Some(label) = of {
            self.label(label);
            if within.is_none() && after.is_none() {
                let message = "'of' needs 'within', 'after' or 'at'";
                self.report(self.error(Code::Syntax, label.span, message));
            }
        }
    }

    fn app(&mut self, app: &AppStep) {
        match (&app.verb, &app.conn) {
            (AppVerb::Connect { .. } | AppVerb::Listen { port: Some(_), .. }, Some(conn)) => {
                self.names.conns.insert(conn.value.clone());
            }
            (_, conn) => self.conn(conn.as_ref()),
        }
        match &app.verb {
            AppVerb::Send { count, .. } | AppVerb::Recv { count, .. } => {
                self.must_be(count, &[Type::Number]);
            }
            AppVerb::Listen {
                port,
                backlog,
                with,
            } => {
                if let Some(ListenPort::Is(port)) = port {
                    self.must_be(port, &[Type::Number]);
                }
                self.numbers([backlog]);
                with.iter().for_each(|setting| self.setting_value(setting));
            }
            AppVerb::Connect {
                to,
                port,
                data,
                with,
            } => {
                if let Some(to) = to {
                    self.setting(to, DESTINATIONS, "destination");
                }
                self.numbers([port, data]);
                with.iter().for_each(|setting| self.setting_value(setting));
            }
            AppVerb::Set(setting) => self.setting_value(setting),
            AppVerb::Status { state: Some(state) } => self.setting(state, STATES, "state"),
            AppVerb::Status { state: None }
            | AppVerb::Accept
            | AppVerb::ReceiveUrgent
            | AppVerb::Close
            | AppVerb::ShutdownRead
            | AppVerb::Release
            | AppVerb::Abort
            | AppVerb::Event => {}
        }
        if let Some(outcome) = &app.expect {
            self.setting(outcome, OUTCOMES, "event or error");
        }
        if let Some(within) = &app.within {
            self.must_be(within, &[Type::Duration]);
        }
    }

    fn numbers<'e>(&mut self, numbers: impl IntoIterator<Item = &'e Option<Expr>>) {
        for number in numbers.into_iter().flatten() {
            self.must_be(number, &[Type::Number]);
        }
    }

    /// A time is written with its unit; all else is a number, and -1 stands for "off" where there is that.
    fn setting_value(&mut self, SettingValue { name, value }: &SettingValue) {
        self.setting(name, SETTINGS, "setting");
        match Setting::from_name(&name.value) {
            Some(Setting::Linger) | None => self.must_be(value, &[Type::Number, Type::Duration]),
            Some(setting) if setting.is_duration() => self.must_be(value, &[Type::Duration]),
            Some(_) => self.must_be(value, &[Type::Number]),
        }
    }

    fn setting(&mut self, name: &Name, table: &'static [crate::vocabulary::Entry], what: &str) {
        if has(table, &name.value) || name.value.contains("${") {
            return;
        }
        let message = format!("unknown {what} '{}'", name.value);
        let diagnostic = self
            .error(Code::UnknownSetting, name.span, message)
            .suggest(&name.value, names(table));
        self.report(diagnostic);
    }

    fn either(&mut self, branches: &[Branch], span: Span) {
        if branches.len() < 2 {
            self.report(self.error(Code::EmptyBlock, span, "'either' needs two branches"));
        }
        let before = self.names.clone();
        let mut ends = Vec::new();
        for branch in branches {
            self.names = before.clone();
            self.block(&branch.steps, branch.span);
            ends.push(std::mem::take(&mut self.names));
            if let Some(first) = first_step(&branch.steps)
                && !begins_by_arrival(&first.kind)
            {
                let message = "a branch of 'either' must begin with '>'";
                let diagnostic = self
                    .error(Code::BranchStart, first.span, message)
                    .help("the first '>' decides which branch is taken");
                self.report(diagnostic);
            }
        }
        self.names = Names::meet(ends).unwrap_or(before);
        for (i, branch) in branches.iter().enumerate() {
            let alike = branches[..i]
                .iter()
                .find(|other| same_start(&other.steps, &branch.steps));
            if let (Some(other), Some(first)) = (alike, first_step(&branch.steps)) {
                let message = "two branches begin with the same '>'";
                let mut diagnostic = self.error(Code::BranchesAlike, first.span, message);
                if let Some(other) = first_step(&other.steps) {
                    diagnostic = diagnostic.related(other.span, "this one would always be taken");
                }
                self.report(diagnostic);
            }
        }
    }

    fn unordered(&mut self, steps: &[Step], span: Span) {
        self.block(steps, span);
        for step in steps {
            if !matches!(step.kind, StepKind::Expect(_)) {
                let message = "'unordered' holds nothing but '>' steps";
                self.report(self.error(Code::BranchStart, step.span, message));
            }
        }
    }

    fn sample(&mut self, sample: &Sample, span: Span) {
        self.rounds(&sample.count);
        let outside = self.names.clone();
        self.block(&sample.steps, span);
        let mut arrays = Vec::new();
        for (name, expr) in &sample.bindings {
            arrays.push((name, self.type_of(expr)));
        }
        self.names = outside;
        for (name, of) in arrays {
            let of = Type::Array(Box::new(of));
            if self.names.values.insert(name.value.clone(), of).is_some() {
                let message = format!("array '{}' is bound twice", name.value);
                self.report(self.error(Code::DuplicateLabel, name.span, message));
            }
        }
    }

    fn rounds(&mut self, count: &Expr) {
        self.must_be(count, &[Type::Number]);
        if let ExprKind::Number(n) = count.kind
            && !(1..=ROUNDS).contains(&n)
        {
            let message = format!("{n} rounds are not between 1 and {ROUNDS}");
            self.report(self.error(Code::Limit, count.span, message));
        }
    }
}

/// The first step that does something by itself.
fn first_step(steps: &[Step]) -> Option<&Step> {
    let step = steps.first()?;
    match &step.kind {
        StepKind::Inlined { steps, .. } | StepKind::Conn { steps, .. } => {
            first_step(steps).or(Some(step))
        }
        _ => Some(step),
    }
}

fn begins_by_arrival(kind: &StepKind) -> bool {
    matches!(
        kind,
        StepKind::Expect(_) | StepKind::Nothing(_) | StepKind::Builtin(Builtin::Silence)
    )
}

/// Whether two branches wait for the same segment.
fn same_start(a: &[Step], b: &[Step]) -> bool {
    match (
        first_step(a).map(|s| &s.kind),
        first_step(b).map(|s| &s.kind),
    ) {
        (Some(StepKind::Expect(a)), Some(StepKind::Expect(b))) => {
            let plain = |e: &Expect| {
                Expect {
                    label: None,
                    ..e.clone()
                }
                .without_spans()
            };
            plain(a) == plain(b)
        }
        (Some(StepKind::Nothing(a)), Some(StepKind::Nothing(b))) => {
            a.conn.as_ref().map(|c| &c.value) == b.conn.as_ref().map(|c| &c.value)
        }
        _ => false,
    }
}
