//! The suite language as data: what a `.tcpt` file says, spans kept.
//!
//! The tree is what the parser yields and what code may build; it prints back as `.tcpt`.  Parameters
//! (`${name}`) and fixtures are still in it; [`crate::plan`] takes them out, an instance at a time.

pub use tcpconf_wire::notation::{
    Field, FieldName, FieldValue, FlagsSpec, OptionItem, OptionsSpec,
};
pub use tcpconf_wire::notation::{Relation, Slot, Span, Template};

mod parameter;

pub use parameter::{Axis, Binding, Choice, Outcome, Rule, Rules, SameAs, Table};

use crate::plan::SourceFile;
use crate::vocabulary::{Capability, Setting};
use std::sync::Arc;
use std::time::Duration;

/// A value with the place where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// A name with its place.
pub type Name = Spanned<String>;

/// A whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suite {
    /// `suite "…"`.
    pub title: Name,
    /// `fixture NAME(params) { … }`.
    pub fixtures: Vec<Fixture>,
    /// `test SLUG { … }`, in order.
    pub tests: Vec<Test>,
    /// `rules NAME { … }`.
    pub rules: Vec<Rules>,
}

/// Steps with a name, for `use`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixture {
    /// Its name.
    pub name: Name,
    /// Its parameters, `${name}` inside.
    pub params: Vec<Name>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// All of it.
    pub span: Span,
}

/// A test, parameters not yet expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// `[a-z0-9-]+`, unique in its folder.
    pub slug: Name,
    /// `title "…"`.
    pub title: Name,
    /// `spec ID…`: the first gives the level; `${…}` allowed.
    pub spec: Vec<Name>,
    /// `also SYSTEM:ID [restated]`: cross-references.
    pub also: Vec<Also>,
    /// `given FEATURE…`.
    pub given: Vec<Name>,
    /// `matrix { … }`: the product of its axes.
    pub matrix: Vec<Axis>,
    /// `table { … }`: one instance a row; multiplied with the matrix when both stand.
    pub table: Option<Table>,
    /// `rules NAME`: which rules say what each instance expects.
    pub rules: Option<Name>,
    /// The other directives.
    pub attributes: Attributes,
    /// The steps.
    pub steps: Vec<Step>,
    /// All of it.
    pub span: Span,
}

/// A cross-reference to another system's test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Also {
    /// `TC8:FLAGS_PROCESSING_02`.
    pub id: Name,
    /// The old purpose contradicts today's RFCs and is stated anew here.
    pub restated: bool,
}

/// Directives that say how a test must be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `exclusive`: needs the target (or an instance of it) to itself.
    pub exclusive: bool,
    /// `slow`: only with `--slow`.
    pub slow: bool,
    /// `ip 4` or `ip 6`.
    pub ip: Option<Spanned<u8>>,
    /// `timeout T`.
    pub timeout: Option<Spanned<Duration>>,
    /// `service NAME`: the plain service that must stand behind the port; `listen` when absent.
    pub service: Option<Name>,
    /// `backlog N`: the listener's backlog, where the target can choose it.
    pub backlog: Option<Spanned<u32>>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it does.
    pub kind: StepKind,
    /// `spec ID` behind a step: this step's own requirement.
    pub spec: Vec<Name>,
    /// Where it stands.
    pub span: Span,
}

/// What a step does.
#[expect(
    clippy::large_enum_variant,
    reason = "most steps are segments, the largest kind"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// `< …`
    Inject(Inject),
    /// `> …`
    Expect(Expect),
    /// `> nothing for T`
    Nothing(Nothing),
    /// `either { … } pass or { … } warn or { … } info`
    Either(Vec<Branch>),
    /// `unordered { … }`: its `>` steps in any order.
    Unordered(Vec<Step>),
    /// `reach STATE [via PATH] [with <…>]`
    Reach(Reach),
    /// `state STATE [passive]`
    State {
        /// The state.
        state: Name,
        /// Send nothing to find out.
        passive: bool,
    },
    /// `alive`, `gone`, `silence`, `gone-or-silence`, as a step or through `use`.
    Builtin(Builtin),
    /// `app VERB …`
    App(AppStep),
    /// `check EXPR`
    Check(Expr),
    /// `sample N as name = EXPR, … { … }`
    Sample(Sample),
    /// `repeat N [as i] { … }`
    Repeat {
        /// How often.
        count: Expr,
        /// The counter, from 0, as a number.
        counter: Option<Name>,
        /// What.
        steps: Vec<Step>,
    },
    /// `use NAME` or `use NAME(a, b)`; gone after expansion.
    Use {
        /// Which fixture; may be `${…}`.
        name: Name,
        /// The arguments, each as text to be parsed where it is used.
        args: Vec<Binding>,
    },
    /// `conn NAME { … }`: the steps inside speak of that connection.
    Conn {
        /// The connection.
        name: Name,
        /// The steps.
        steps: Vec<Step>,
    },
    /// `ignore acks probes keepalives window-updates data`
    Ignore(Vec<Spanned<Ignorable>>),
    /// `autoack on|off`
    AutoAck(bool),
    /// `impair …`: its words, which [`crate::impair::Impair::read`] reads once they have no parameters.
    Impair(Vec<Name>),
    /// `wait T`
    Wait(Expr),
    /// Only in lowered steps: what `reach` stands for, from the built-in fixtures. A failure inside is
    /// inconclusive.
    Setup {
        /// The state that must be reached.
        state: String,
        /// By which path; empty where there is one way.
        path: String,
        /// How.
        steps: Vec<Step>,
    },
    /// Only in lowered steps: a fixture's steps in place of `use`. Spans inside belong to `file`.
    Inlined {
        /// The fixture's name.
        fixture: String,
        /// The file that the fixture stands in.
        file: Arc<SourceFile>,
        /// Its steps, arguments substituted.
        steps: Vec<Step>,
    },
}

/// What `ignore` lets pass over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ignorable {
    /// Pure acknowledgements.
    Acks,
    /// Zero-window probes.
    Probes,
    /// Keep-alives.
    Keepalives,
    /// Window updates.
    WindowUpdates,
    /// Segments with text.
    Data,
}

/// Steps that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// The connection still answers; without one, the port does.
    Alive,
    /// The connection is no more.
    Gone,
    /// Nothing comes for a while, and the connection still answers.
    Silence,
    /// Either.
    GoneOrSilence,
}

/// A packet that we send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inject {
    /// `b <`: which connection; the current one when absent.
    pub conn: Option<Name>,
    /// What.
    pub stimulus: Stimulus,
    /// `fragment at 8,16 [overlap]`.
    pub fragment: Option<Fragmentation>,
    /// `after T [of LABEL]`: wait before sending.
    pub timing: Timing,
    /// `as LABEL`.
    pub label: Option<Name>,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stimulus {
    /// A TCP segment.
    Segment(Template<Expr>),
    /// `same as LABEL` with overriding fields: a segment sent before, once more.
    SameAs {
        /// Which.
        label: Name,
        /// What differs.
        fields: Vec<Field<Expr>>,
    },
    /// An ICMP message.
    Icmp(IcmpStimulus),
}

/// `icmp KIND [mtu N] [code N] quote LABEL [seq +N] [truncate N]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcmpStimulus {
    /// `frag-needed`, `port-unreachable`, …
    pub kind: Name,
    /// Next-hop MTU.
    pub mtu: Option<Expr>,
    /// Another code.
    pub code: Option<Expr>,
    /// The quoted segment of the target.
    pub quote: Name,
    /// Added to the quoted sequence number.
    pub seq_offset: Option<Expr>,
    /// Cut the quote to N bytes.
    pub truncate: Option<Expr>,
}

/// `fragment at 8,16 [overlap]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragmentation {
    /// Offsets in bytes of the IP payload at which it is cut.
    pub at: Vec<Expr>,
    /// Each fragment but the last also carries the first eight bytes of the next.
    pub overlap: bool,
}

/// A segment that must come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// `b >`.
    pub conn: Option<Name>,
    /// What.
    pub pattern: Pattern,
    /// `within T`, `after T`, `at T1..T2`, `of LABEL`.
    pub timing: Timing,
    /// `as LABEL`.
    pub label: Option<Name>,
}

/// What must come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A segment with these fields.
    Segment(Template<Expr>),
    /// `FLAGS same as LABEL` with further fields.
    SameAs {
        /// The flags as written.
        flags: FlagsSpec<Expr>,
        /// Which segment.
        label: Name,
        /// Further fields.
        fields: Vec<Field<Expr>>,
    },
}

/// When, counted from the previous step's segment or a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// `within T`: not later.
    pub within: Option<Expr>,
    /// `after T`: not earlier.
    pub after: Option<Expr>,
    /// `of LABEL`.
    pub of: Option<Name>,
}

/// `> nothing for T`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nothing {
    /// `b >`.
    pub conn: Option<Name>,
    /// How long.
    pub duration: Expr,
}

/// One way in `either`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its steps; the first is a `>`.
    pub steps: Vec<Step>,
    /// What it is worth.
    pub grade: Grade,
    /// All of it.
    pub span: Span,
}

/// What a branch of `either` is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grade {
    /// As good as any.
    Pass,
    /// A fail at SHOULD.
    Warn,
    /// A fail at MAY.
    Info,
}

/// `reach STATE [via PATH] [with <…>]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The state, as RFC 9293 spells it.
    pub state: Name,
    /// `via PATH`.
    pub via: Option<Name>,
    /// `with <…>`: options of our SYN.
    pub with: Option<OptionsSpec<Expr>>,
}

/// `app VERB …`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppStep {
    /// `b app`: which connection's socket.
    pub conn: Option<Name>,
    /// What the application does.
    pub verb: AppVerb,
    /// `expect ERROR`, `expect eof`.
    pub expect: Option<Name>,
    /// `within T`: how long that may take.
    pub within: Option<Expr>,
}

/// What the target's application can be asked to do (RFC 9293 §3.9.1 and sockets).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppVerb {
    /// `listen [port N|fresh] [backlog N] [with …]`
    Listen {
        /// Besides the service's port: a listener for this connection.
        port: Option<ListenPort>,
        /// How many connections may wait.
        backlog: Option<Expr>,
        /// Settings of the listener.
        with: Vec<SettingValue>,
    },
    /// `connect [to WHERE] [port N] [data N] [with …]`: to an address and port leased to the case.
    Connect {
        /// Elsewhere: one of `DESTINATIONS`.
        to: Option<Name>,
        /// The target's port; chosen by the target when absent.
        port: Option<Expr>,
        /// Octets for the SYN (Fast Open).
        data: Option<Expr>,
        /// Settings of the socket.
        with: Vec<SettingValue>,
    },
    /// `accept`
    Accept,
    /// `send N [urgent] [more]`
    Send {
        /// How many octets.
        count: Expr,
        /// The last one is urgent.
        urgent: bool,
        /// More will follow at once.
        more: bool,
    },
    /// `recv N [queued] [== pattern]`
    Recv {
        /// How many octets.
        count: Expr,
        /// The call is made, and the next `recv` waits for it.
        queued: bool,
        /// They must be those that were sent.
        pattern: bool,
    },
    /// `recv urgent`
    ReceiveUrgent,
    /// `close`: no more to send.
    Close,
    /// `shutdown-read`: no more to receive.
    ShutdownRead,
    /// `release`: closed both ways.
    Release,
    /// `abort`
    Abort,
    /// `set NAME VALUE`
    Set(SettingValue),
    /// `status [is STATE]`: asks for what `app.unread` and its like then say.
    Status {
        /// What it must say.
        state: Option<Name>,
    },
    /// `expect …` alone: an event.
    Event,
}

/// Where a listener stands that is not the service's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenPort {
    /// `fresh`: a port of the target that is leased to the case.
    Fresh,
    /// This very port.
    Is(Expr),
}

/// `NAME VALUE`: a socket option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingValue {
    /// Which.
    pub name: Name,
    /// Its value.
    pub value: Expr,
}

impl AppVerb {
    /// What the target's application interface must be able to do.
    pub fn capabilities(&self) -> Vec<Capability> {
        let settings = |with: &[SettingValue]| {
            let found = with
                .iter()
                .filter_map(|s| Setting::from_name(&s.name.value));
            found.map(Capability::Set).collect::<Vec<_>>()
        };
        match self {
            Self::Listen { with, .. } => [vec![Capability::Listen], settings(with)].concat(),
            Self::Connect { with, .. } => [vec![Capability::Connect], settings(with)].concat(),
            Self::Set(setting) => settings(std::slice::from_ref(setting)),
            Self::Send { urgent, more, .. } => {
                let urgent = urgent.then_some(Capability::SendUrgent);
                let more = more.then_some(Capability::SendMore);
                let all = [Some(Capability::Send), urgent, more];
                all.into_iter().flatten().collect()
            }
            Self::Accept => vec![Capability::Accept],
            Self::Recv { .. } => vec![Capability::Receive],
            Self::ReceiveUrgent => vec![Capability::ReceiveUrgent],
            Self::Close => vec![Capability::Close],
            Self::ShutdownRead => vec![Capability::ShutdownRead],
            Self::Release => vec![Capability::Release],
            Self::Abort => vec![Capability::Abort],
            Self::Status { .. } => vec![Capability::Status],
            Self::Event => Vec::new(),
        }
    }
}

/// `sample N as name = EXPR, … { … }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many rounds.
    pub count: Expr,
    /// What is kept of each round, as an array.
    pub bindings: Vec<(Name, Expr)>,
    /// One round; each has a connection of its own.
    pub steps: Vec<Step>,
}

/// An expression with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    /// What it says.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// What an expression says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    /// `1460`, `0x80000000`
    Number(i128),
    /// `1.8`: exactly `digits / 10^places`, a factor in `check`.
    Decimal {
        /// All digits without the point: 18.
        digits: i128,
        /// How many of them stand behind the point, at most nine: 1.
        places: u32,
    },
    /// `500ms`
    Duration(Duration),
    /// `SND.NXT`, `ISS`, `b.RCV.NXT`, `profile.rto_max`, `first.win`, `i`: dots and all.
    Symbol(String),
    /// `${off}`; gone after expansion.
    Parameter(String),
    /// `abs N`: an absolute sequence number.
    Absolute(Box<Expr>),
    /// `-x`
    Negate(Box<Expr>),
    /// `not x`
    Not(Box<Expr>),
    /// `x + y`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `time(first)`, `distinct(diff(isn))`
    Call(Name, Vec<Expr>),
    /// `d[i]`
    Index(Box<Expr>, Box<Expr>),
    /// `d[i].seq`
    Member(Box<Expr>, Name),
    /// `(x)`: kept for printing.
    Group(Box<Expr>),
    /// Flags or options that a parameter stands for; only in lowered steps.
    Flags(tcpconf_wire::Flags),
    /// See [`ExprKind::Flags`].
    Options(Vec<OptionItem<Expr>>),
}

/// Operators, weakest first: `or`, `and`, comparisons, `+ -`, `* / %`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `or`
    Or,
    /// `and`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
}
