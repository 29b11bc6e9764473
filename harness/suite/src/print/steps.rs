//! Steps as lines.

use super::layout::Shape;
use super::{Printer, joined, value};
use crate::ast::*;
use std::fmt;
use tcpconf_wire::notation::Fields;

/// A value that is text already, literals as the source spells them.
#[derive(Clone)]
struct Text(String);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Printer<'_> {
    pub(super) fn step(&mut self, step: &Step) {
        let spec = if step.spec.is_empty() {
            String::new()
        } else {
            format!("spec {}", joined(&step.spec))
        };
        let at = Some(step.span.start);
        match &step.kind {
            StepKind::Inject(inject) => self.inject(at, inject, spec),
            StepKind::Expect(expect) => self.expect(at, expect, spec),
            StepKind::Either(branches) => self.either(at, branches),
            StepKind::Unordered(steps) => self.opened(step, "unordered {".to_owned(), steps),
            StepKind::Sample(sample) => {
                let head = self.sample_head(sample);
                self.opened(step, head, &sample.steps);
            }
            StepKind::Repeat {
                count,
                counter,
                steps,
            } => {
                let counter = counter
                    .as_ref()
                    .map_or(String::new(), |name| format!(" as {}", name.value));
                let head = format!("repeat {}{counter} {{", self.expr(count));
                self.opened(step, head, steps);
            }
            StepKind::Conn { name, steps } => {
                self.opened(step, format!("conn {} {{", name.value), steps);
            }
            kind => {
                let text = self.simple(kind);
                self.line(at, spaced([text, spec]));
            }
        }
    }

    /// A step with a block.
    fn opened(&mut self, step: &Step, head: String, steps: &[Step]) {
        self.line(Some(step.span.start), head);
        let close = if step.spec.is_empty() {
            "}".to_owned()
        } else {
            format!("}}  spec {}", joined(&step.spec))
        };
        self.block(steps, step.span.end, &close);
    }

    /// A step that is one line and no segment.
    fn simple(&self, kind: &StepKind) -> String {
        match kind {
            StepKind::Nothing(Nothing { conn, duration }) => {
                format!(
                    "{}> nothing  for {}",
                    prefix(conn.as_ref()),
                    self.expr(duration)
                )
            }
            StepKind::Reach(Reach { state, via, with }) => spaced([
                format!("reach   {}", state.value),
                via.as_ref()
                    .map_or(String::new(), |path| format!("via {}", path.value)),
                with.as_ref()
                    .map_or(String::new(), |o| format!("with {}", self.options(o))),
            ]),
            StepKind::State { state, passive } => spaced([
                format!("state   {}", state.value),
                if *passive {
                    "passive".to_owned()
                } else {
                    String::new()
                },
            ]),
            StepKind::Builtin(builtin) => builtin.name().to_owned(),
            StepKind::App(app) => self.app(app),
            StepKind::Check(expr) => format!("check   {}", self.expr(expr)),
            StepKind::Use { name, args } => {
                let args: Vec<String> = args.iter().map(value).collect();
                let args = if args.is_empty() {
                    String::new()
                } else {
                    format!("({})", args.join(", "))
                };
                format!("use     {}{args}", name.value)
            }
            StepKind::Ignore(all) => {
                let words: Vec<&str> = all.iter().map(|what| what.value.name()).collect();
                format!("ignore  {}", words.join(" "))
            }
            StepKind::AutoAck(on) => format!("autoack {}", if *on { "on" } else { "off" }),
            StepKind::Impair(words) => format!("impair  {}", joined(words)),
            StepKind::Wait(duration) => format!("wait    {}", self.expr(duration)),
            StepKind::Setup { state, .. } => format!("reach   {state}"),
            StepKind::Inlined { fixture, .. } => format!("use     {fixture}"),
            StepKind::Inject(_)
            | StepKind::Expect(_)
            | StepKind::Either(_)
            | StepKind::Unordered(_)
            | StepKind::Sample(_)
            | StepKind::Repeat { .. }
            | StepKind::Conn { .. } => String::new(),
        }
    }

    fn app(&self, app: &AppStep) -> String {
        let clause = |word: &str, value: &Option<Expr>| {
            value.as_ref().map_or(String::new(), |value| {
                format!(" {word} {}", self.expr(value))
            })
        };
        let named = |word: &str, name: &Option<Name>| {
            name.as_ref()
                .map_or(String::new(), |name| format!(" {word} {}", name.value))
        };
        let verb = match &app.verb {
            AppVerb::Listen {
                port,
                backlog,
                with,
            } => {
                let port = match port {
                    Some(ListenPort::Is(port)) => format!(" port {}", self.expr(port)),
                    Some(ListenPort::Fresh) => " port fresh".to_owned(),
                    None => String::new(),
                };
                let backlog = clause("backlog", backlog);
                format!("listen{port}{backlog}{}", self.settings(with))
            }
            AppVerb::Connect {
                to,
                port,
                data,
                with,
            } => {
                let to = named("to", to);
                let (port, data) = (clause("port", port), clause("data", data));
                format!("connect{to}{port}{data}{}", self.settings(with))
            }
            AppVerb::Accept => "accept".to_owned(),
            AppVerb::Send {
                count,
                urgent,
                more,
            } => {
                let urgent = if *urgent { " urgent" } else { "" };
                let more = if *more { " more" } else { "" };
                format!("send {}{urgent}{more}", self.expr(count))
            }
            AppVerb::Recv {
                count,
                queued,
                pattern,
            } => {
                let queued = if *queued { " queued" } else { "" };
                let pattern = if *pattern { " == pattern" } else { "" };
                format!("recv {}{queued}{pattern}", self.expr(count))
            }
            AppVerb::ReceiveUrgent => "recv urgent".to_owned(),
            AppVerb::Close => "close".to_owned(),
            AppVerb::ShutdownRead => "shutdown-read".to_owned(),
            AppVerb::Release => "release".to_owned(),
            AppVerb::Abort => "abort".to_owned(),
            AppVerb::Set(setting) => format!("set {}", self.setting(setting)),
            AppVerb::Status { state } => format!("status{}", named("is", state)),
            AppVerb::Event => String::new(),
        };
        let expect = app
            .expect
            .as_ref()
            .map_or(String::new(), |e| format!("expect {}", e.value));
        let within = clause("within", &app.within);
        format!(
            "{:7} {}",
            format!("{}app", prefix(app.conn.as_ref())),
            spaced([verb, expect, within.trim_start().to_owned()])
        )
    }

    fn settings(&self, with: &[SettingValue]) -> String {
        let all: Vec<String> = with.iter().map(|s| self.setting(s)).collect();
        if all.is_empty() {
            String::new()
        } else {
            format!(" with {}", all.join(", "))
        }
    }

    fn setting(&self, SettingValue { name, value }: &SettingValue) -> String {
        format!("{} {}", name.value, self.expr(value))
    }

    fn sample_head(&self, sample: &Sample) -> String {
        let bindings: Vec<String> = sample
            .bindings
            .iter()
            .map(|(name, expr)| format!("{} = {}", name.value, self.expr(expr)))
            .collect();
        let bindings = if bindings.is_empty() {
            String::new()
        } else {
            format!(" as {}", bindings.join(", "))
        };
        format!("sample {}{bindings} {{", self.expr(&sample.count))
    }

    fn either(&mut self, at: Option<usize>, branches: &[Branch]) {
        self.line(at, "either {");
        for (i, branch) in branches.iter().enumerate() {
            let or = if i + 1 < branches.len() { " or {" } else { "" };
            let close = format!("}} {}{or}", branch.grade.name());
            self.block(&branch.steps, branch.span.end, &close);
        }
    }

    fn inject(&mut self, at: Option<usize>, inject: &Inject, spec: String) {
        let Inject {
            conn,
            stimulus,
            fragment,
            timing,
            label,
        } = inject;
        let prefix = prefix(conn.as_ref());
        let timing = self.timing(timing);
        let label = label
            .as_ref()
            .map_or(String::new(), |label| format!("as {}", label.value));
        let fragment = fragment
            .as_ref()
            .map_or(String::new(), |f| self.fragment(f));
        match stimulus {
            Stimulus::Segment(template) => {
                let body = spaced([
                    self.body(&template.fields, template.options.as_ref()),
                    fragment,
                ]);
                let head = format!("{prefix}< {}", self.flags(&template.flags));
                self.push(
                    at,
                    Shape::Segment {
                        head,
                        columns: vec![body, timing, label, spec],
                    },
                );
            }
            Stimulus::SameAs { label: of, fields } => {
                let head = format!("{prefix}< same as {}", of.value);
                let body = self.body(fields, None);
                self.line(at, spaced([head, body, fragment, timing, label, spec]));
            }
            Stimulus::Icmp(icmp) => {
                let head = format!("{prefix}< {}", self.icmp(icmp));
                self.line(at, spaced([head, timing, label, spec]));
            }
        }
    }

    fn expect(&mut self, at: Option<usize>, expect: &Expect, spec: String) {
        let Expect {
            conn,
            pattern,
            timing,
            label,
        } = expect;
        let (flags, body) = match pattern {
            Pattern::Segment(template) => (
                &template.flags,
                self.body(&template.fields, template.options.as_ref()),
            ),
            Pattern::SameAs {
                flags,
                label,
                fields,
            } => {
                let same = format!("same as {}", label.value);
                (flags, spaced([same, self.body(fields, None)]))
            }
        };
        let head = format!("{}> {}", prefix(conn.as_ref()), self.flags(flags));
        let label = label
            .as_ref()
            .map_or(String::new(), |label| format!("as {}", label.value));
        let columns = vec![body, self.timing(timing), label, spec];
        self.push(at, Shape::Segment { head, columns });
    }

    fn icmp(&self, icmp: &IcmpStimulus) -> String {
        let IcmpStimulus {
            kind,
            mtu,
            code,
            quote,
            seq_offset,
            truncate,
        } = icmp;
        let number = |word: &str, value: &Option<Expr>| {
            value.as_ref().map_or(String::new(), |value| {
                format!("{word} {}", self.expr(value))
            })
        };
        let seq = match seq_offset {
            // The sign belongs to the word: what stands behind it is added.
            Some(offset) if !matches!(offset.kind, ExprKind::Negate(_)) => {
                format!("seq +{}", self.expr(offset))
            }
            offset => number("seq", offset),
        };
        spaced([
            format!("icmp {}", kind.value),
            number("mtu", mtu),
            number("code", code),
            format!("quote {}", quote.value),
            seq,
            number("truncate", truncate),
        ])
    }

    fn fragment(&self, fragment: &Fragmentation) -> String {
        let at: Vec<String> = fragment.at.iter().map(|x| self.expr(x)).collect();
        let overlap = if fragment.overlap { " overlap" } else { "" };
        format!("fragment at {}{overlap}", at.join(","))
    }

    fn timing(&self, timing: &Timing) -> String {
        let Timing { within, after, of } = timing;
        let when = match (within, after) {
            (Some(within), Some(after)) => {
                format!("at {}..{}", self.expr(after), self.expr(within))
            }
            (Some(within), None) => format!("within {}", self.expr(within)),
            (None, Some(after)) => format!("after {}", self.expr(after)),
            (None, None) => String::new(),
        };
        match of {
            Some(label) => format!("{when} of {}", label.value),
            None => when,
        }
    }

    fn flags(&self, flags: &FlagsSpec<Expr>) -> String {
        match flags {
            FlagsSpec::Literal(flags) => flags.to_string(),
            FlagsSpec::Value(value) => self.expr(value),
        }
    }

    fn text(&self, expr: &Expr) -> Result<Text, fmt::Error> {
        Ok(Text(self.expr(expr)))
    }

    fn options(&self, options: &OptionsSpec<Expr>) -> String {
        match options.try_map(|expr| self.text(expr)) {
            Ok(options) => options.to_string(),
            Err(fmt::Error) => options.to_string(),
        }
    }

    fn body(&self, fields: &[Field<Expr>], options: Option<&OptionsSpec<Expr>>) -> String {
        let fields: Vec<Field<Text>> = fields
            .iter()
            .filter_map(|f| f.try_map(|expr| self.text(expr)).ok())
            .collect();
        let mut parts = Vec::new();
        let mut rest = fields.as_slice();
        while let Some((first, behind)) = rest.split_first() {
            // Two fields may have one short form: `from ADDR:PORT`, `0:10(10)`.
            let pair = behind.first().map(|_| Fields(&rest[..2]).to_string());
            let apart = behind.first().map(|second| format!("{first} {second}"));
            if pair == apart {
                parts.push(first.to_string());
                rest = behind;
            } else {
                parts.extend(pair);
                rest = &behind[1..];
            }
        }
        parts.extend(options.map(|options| self.options(options)));
        spaced(parts)
    }
}

/// `b ` before a step of another connection.
fn prefix(conn: Option<&Name>) -> String {
    conn.map_or(String::new(), |name| format!("{} ", name.value))
}

/// The parts that are not empty, two blanks between.
fn spaced(parts: impl IntoIterator<Item = String>) -> String {
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("  ")
}

impl Grade {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }
}

impl Ignorable {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acks => "acks",
            Self::Probes => "probes",
            Self::Keepalives => "keepalives",
            Self::WindowUpdates => "window-updates",
            Self::Data => "data",
        }
    }
}
