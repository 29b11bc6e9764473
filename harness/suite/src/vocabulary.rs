//! The words that the language knows, each with a line for docs/format.md: data, not code.

mod application;

pub use application::{
    Capability, DESTINATIONS, OUTCOMES, SETTINGS, Setting, UnknownCapability, VERBS,
};

/// A word with what it means.
pub type Entry = (&'static str, &'static str);

/// Names of a table.
pub fn names(table: &'static [Entry]) -> impl Iterator<Item = &'static str> + Clone {
    table.iter().map(|(name, _)| *name)
}

/// Whether a table has the name.
pub fn has(table: &[Entry], name: &str) -> bool {
    table.iter().any(|(known, _)| *known == name)
}

/// RFC 9293 §3.3.2, in its spelling.
pub const STATES: &[Entry] = &[
    ("CLOSED", "no connection: a port without a listener"),
    ("LISTEN", "waiting for a SYN"),
    ("SYN-SENT", "a SYN was sent by the target"),
    ("SYN-RECEIVED", "a SYN came and was answered"),
    ("ESTABLISHED", "open both ways"),
    (
        "FIN-WAIT-1",
        "the target closed, its FIN is not acknowledged",
    ),
    ("FIN-WAIT-2", "the target closed, its FIN is acknowledged"),
    ("CLOSE-WAIT", "our FIN came, the target has not closed"),
    (
        "CLOSING",
        "both closed, the target's FIN is not acknowledged",
    ),
    (
        "LAST-ACK",
        "our FIN came first, the target's FIN is not acknowledged",
    ),
    ("TIME-WAIT", "both closed, old segments are waited for"),
];

/// `via PATH`: state, path, what it means. The first of a state is taken unless a path is named; a state
/// that does not stand here has one way.
pub const PATHS: &[(&str, &str, &str)] = &[
    ("SYN-RECEIVED", "passive", "a SYN comes to LISTEN"),
    (
        "SYN-RECEIVED",
        "simultaneous",
        "the application opens, and SYNs cross",
    ),
    ("ESTABLISHED", "passive", "we open"),
    ("ESTABLISHED", "active", "the target's application opens"),
    (
        "ESTABLISHED",
        "simultaneous",
        "the application opens, and SYNs cross",
    ),
    ("FIN-WAIT-1", "passive", "we open, the application closes"),
    ("FIN-WAIT-1", "active", "the application opens and closes"),
    (
        "FIN-WAIT-1",
        "service",
        "we open, the service `closer` closes",
    ),
    (
        "FIN-WAIT-2",
        "passive",
        "FIN-WAIT-1, and its FIN is acknowledged",
    ),
    (
        "FIN-WAIT-2",
        "active",
        "the same, opened by the application",
    ),
    ("FIN-WAIT-2", "service", "the same, of the service `closer`"),
    (
        "CLOSE-WAIT",
        "passive",
        "we open and close; the application does not",
    ),
    ("CLOSE-WAIT", "active", "the application opens, we close"),
    (
        "CLOSE-WAIT",
        "service",
        "we open and close; the service `hold` does not",
    ),
    ("CLOSING", "passive", "FIN-WAIT-1, and our FIN crosses"),
    ("CLOSING", "active", "the same, opened by the application"),
    ("CLOSING", "service", "the same, of the service `closer`"),
    (
        "LAST-ACK",
        "passive",
        "CLOSE-WAIT, and the application closes",
    ),
    ("LAST-ACK", "active", "the same, opened by the application"),
    (
        "LAST-ACK",
        "service",
        "we close, and the service `sink` after us",
    ),
    ("TIME-WAIT", "fin-wait-2", "through FIN-WAIT-2"),
    ("TIME-WAIT", "closing", "through CLOSING"),
    (
        "TIME-WAIT",
        "direct",
        "from FIN-WAIT-1: our FIN acknowledges the target's",
    ),
    (
        "TIME-WAIT",
        "fin-wait-2-active",
        "as `fin-wait-2`, opened by the application",
    ),
    (
        "TIME-WAIT",
        "closing-active",
        "as `closing`, opened by the application",
    ),
    (
        "TIME-WAIT",
        "direct-active",
        "as `direct`, opened by the application",
    ),
    (
        "TIME-WAIT",
        "service",
        "through FIN-WAIT-2, of the service `closer`",
    ),
];

/// What must stand behind the port for a path.
pub fn service_of_path(state: &str, path: &str) -> Option<&'static str> {
    match (state, path) {
        ("CLOSED", _) => Some("closed"),
        ("CLOSE-WAIT", "service") => Some("hold"),
        ("LAST-ACK", "service") => Some("sink"),
        (_, "service") => Some("closer"),
        _ => None,
    }
}

/// `service NAME`: what stands behind the port.
pub const SERVICES: &[Entry] = &[
    ("listen", "any listener; the default"),
    ("closed", "nothing listens"),
    ("sink", "reads and throws away"),
    ("echo", "sends back what it reads"),
    ("source", "sends without end"),
    ("noread", "accepts and never reads"),
    ("hold", "reads; after our FIN its own side stays open"),
    ("closer", "closes first"),
    ("http", "answers HTTP requests"),
];

/// `given FEATURE`: optional behaviour that a target may claim.
pub const FEATURES: &[Entry] = &[
    (
        "rfc5961",
        "challenge ACKs for in-window RST and SYN, and the ACK range (RFC 5961)",
    ),
    ("timestamps", "timestamps option (RFC 7323 §3)"),
    ("window-scale", "window scale option (RFC 7323 §2)"),
    ("sack", "selective acknowledgement (RFC 2018)"),
    ("dsack", "SACK blocks that report duplicates (RFC 2883)"),
    ("rack", "RACK-TLP loss detection (RFC 8985)"),
    ("ecn", "explicit congestion notification (RFC 3168)"),
    ("fastopen", "TCP Fast Open on the service (RFC 7413)"),
    ("md5", "MD5 signatures (RFC 2385)"),
    ("rfc6191", "TIME-WAIT reuse by timestamps (RFC 6191)"),
    (
        "time-wait-reset",
        "a RST ends TIME-WAIT (RFC 9293 §3.10.7.4); what follows RFC 1337 §3 ignores it",
    ),
    (
        "rfc6528",
        "initial sequence numbers by a keyed hash (RFC 6528)",
    ),
    ("keepalive", "keep-alive segments (RFC 9293 §3.8.4)"),
    (
        "urgent",
        "the urgent pointer reaches the application (RFC 6093)",
    ),
    (
        "syn-cookies",
        "SYN cookies when the backlog is full (RFC 4987 §3.6)",
    ),
];

/// What a value of `profile.…` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProfileKind {
    /// A duration.
    Duration,
    /// A number.
    Number,
}

/// A value in which targets differ.
#[derive(Clone, Copy, Debug)]
pub struct ProfileField {
    /// `profile.NAME`.
    pub name: &'static str,
    /// What it is.
    pub kind: ProfileKind,
    /// What an RFC names or allows; seconds for durations. For estimates only.
    pub rfc_value: f64,
    /// What it means.
    pub doc: &'static str,
}

/// `profile.NAME`.
pub const PROFILE: &[ProfileField] = &[
    ProfileField {
        name: "rto_initial",
        kind: ProfileKind::Duration,
        rfc_value: 1.0,
        doc: "the first retransmission timeout (RFC 6298 §2)",
    },
    ProfileField {
        name: "rto_min",
        kind: ProfileKind::Duration,
        rfc_value: 1.0,
        doc: "the least retransmission timeout (RFC 6298 §2.4)",
    },
    ProfileField {
        name: "rto_max",
        kind: ProfileKind::Duration,
        rfc_value: 60.0,
        doc: "the greatest retransmission timeout (RFC 6298 §2.5)",
    },
    ProfileField {
        name: "delayed_ack",
        kind: ProfileKind::Duration,
        rfc_value: 0.5,
        doc: "the longest delay of an acknowledgement (RFC 9293 §3.8.6.3)",
    },
    ProfileField {
        name: "msl",
        kind: ProfileKind::Duration,
        rfc_value: 120.0,
        doc: "the maximum segment lifetime (RFC 9293 §3.4.2)",
    },
    ProfileField {
        name: "probe_spacing",
        kind: ProfileKind::Duration,
        rfc_value: 1.0,
        doc: "the least time between two probes that a rate limit does not swallow (RFC 5961 §7)",
    },
    ProfileField {
        name: "syn_ack_retries",
        kind: ProfileKind::Number,
        rfc_value: 5.0,
        doc: "how often a SYN-ACK is sent again",
    },
    ProfileField {
        name: "answer",
        kind: ProfileKind::Duration,
        rfc_value: 1.0,
        doc: "how long to wait for an answer that should come at once",
    },
];

/// What an expression's value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A number.
    Number,
    /// A sequence number: modulo 2^32; a bare number is one relative to its sender's ISN.
    Seq,
    /// A span of time.
    Duration,
    /// A point in time.
    Time,
    /// True or false.
    Bool,
    /// Values of a `sample`.
    Array(Box<Type>),
    /// Cannot be known before expansion.
    Any,
}

/// Variables of the target.
pub const SYMBOLS: &[(&str, Type, &str)] = &[
    (
        "SND.UNA",
        Type::Seq,
        "oldest sequence number of the target that we have not acknowledged",
    ),
    (
        "SND.NXT",
        Type::Seq,
        "next sequence number that the target sends",
    ),
    (
        "SND.WND",
        Type::Number,
        "window that the target may send into, in bytes",
    ),
    (
        "RCV.NXT",
        Type::Seq,
        "next sequence number that a right receiver expects",
    ),
    (
        "RCV.WND",
        Type::Number,
        "window that the target has advertised, in bytes",
    ),
    ("ISS", Type::Seq, "initial sequence number of the target"),
    ("IRS", Type::Seq, "our initial sequence number"),
    (
        "SMSS",
        Type::Number,
        "the target's sender maximum segment size",
    ),
    (
        "TS.Recent",
        Type::Number,
        "timestamp that the target must echo (RFC 7323 §4.3)",
    ),
    (
        "Last.ACK.sent",
        Type::Seq,
        "last acknowledgement that the target sent (RFC 7323 §4.3)",
    ),
    (
        "acked",
        Type::Seq,
        "highest acknowledgement seen from the target",
    ),
    (
        "app.unread",
        Type::Number,
        "octets that the application had not read at the last `app status`",
    ),
    (
        "app.unacked",
        Type::Number,
        "octets that the application had sent and we had not acknowledged at the last `app status`",
    ),
];

/// What can be asked of a labelled segment: `first.seq`.
pub const MEMBERS: &[(&str, Type, &str)] = &[
    ("seq", Type::Seq, "sequence number"),
    ("ack", Type::Seq, "acknowledgement number"),
    (
        "end",
        Type::Seq,
        "sequence number behind the segment: SEG.SEQ + SEG.LEN",
    ),
    ("len", Type::Number, "octets of text"),
    ("win", Type::Number, "the window field"),
    ("wnd", Type::Number, "window in bytes, after scaling"),
    ("urg", Type::Number, "the urgent pointer"),
    ("mss", Type::Number, "value of the MSS option"),
    ("wscale", Type::Number, "value of the window scale option"),
    ("tsval", Type::Number, "TSval"),
    ("tsecr", Type::Number, "TSecr"),
    ("ttl", Type::Number, "TTL or hop limit"),
    ("ipid", Type::Number, "IPv4 identification"),
    ("port", Type::Number, "source port"),
    ("time", Type::Time, "when it was sent or received"),
];

/// A function of the language.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// Least number of arguments.
    pub least: usize,
    /// Greatest number of arguments.
    pub most: usize,
    /// What it yields.
    pub doc: &'static str,
}

/// The functions; their types are in the checker.
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "time",
        least: 1,
        most: 1,
        doc: "`time(LABEL)`: when the segment was sent or received",
    },
    Function {
        name: "distinct",
        least: 1,
        most: 1,
        doc: "`distinct(ARRAY)`: no value stands twice",
    },
    Function {
        name: "diff",
        least: 1,
        most: 1,
        doc: "`diff(ARRAY)`: each value less the one before; sequence numbers modulo 2^32",
    },
    Function {
        name: "count",
        least: 1,
        most: 1,
        doc: "`count(ARRAY)`: how many values",
    },
    Function {
        name: "min",
        least: 1,
        most: 8,
        doc: "`min(ARRAY)` or `min(a, b, …)`: the least",
    },
    Function {
        name: "max",
        least: 1,
        most: 8,
        doc: "`max(ARRAY)` or `max(a, b, …)`: the greatest",
    },
    Function {
        name: "sum",
        least: 1,
        most: 1,
        doc: "`sum(ARRAY)`: the sum",
    },
    Function {
        name: "all",
        least: 1,
        most: 1,
        doc: "`all(ARRAY)`: every value is true",
    },
    Function {
        name: "any",
        least: 1,
        most: 1,
        doc: "`any(ARRAY)`: some value is true",
    },
    Function {
        name: "rate",
        least: 1,
        most: 1,
        doc: "`rate(ARRAY)`: of sequence numbers, their forward steps a second from the first to the last round",
    },
    Function {
        name: "abs",
        least: 1,
        most: 1,
        doc: "`abs(x)`: the magnitude of a number or duration",
    },
    Function {
        name: "sorted",
        least: 1,
        most: 1,
        doc: "`sorted(ARRAY)`: no value is less than the one before",
    },
];

/// Directives: they stand before a test's steps.
pub const DIRECTIVES: &[Entry] = &[
    ("title", "`title \"…\"`: what holds, in one sentence"),
    (
        "spec",
        "`spec ID…`: requirements; the first gives the level",
    ),
    (
        "also",
        "`also SYSTEM:ID [restated] …`: tests of other systems",
    ),
    (
        "given",
        "`given FEATURE…`: optional features that must be there",
    ),
    (
        "matrix",
        "`matrix { NAME = VALUE, … }`: an instance for each combination",
    ),
    ("table", "`table { … }`: an instance for each row"),
    (
        "rules",
        "`rules NAME`: which rules say what each instance expects",
    ),
    (
        "exclusive",
        "the target, or an instance of it, must not be shared meanwhile",
    ),
    ("slow", "only with `--slow`"),
    ("ip", "`ip 4` or `ip 6`: only over this version"),
    ("timeout", "`timeout T`: the most that an instance may take"),
    ("service", "`service NAME`: what must stand behind the port"),
    ("backlog", "`backlog N`: the listener's backlog"),
];

/// Words that begin a step.
pub const STEPS: &[Entry] = &[
    ("<", "`[CONN] < SEGMENT`: send a segment to the target"),
    (
        ">",
        "`[CONN] > SEGMENT`: a segment must come from the target",
    ),
    (
        "reach",
        "`reach STATE [via PATH] [with <…>]`: bring the connection there",
    ),
    (
        "state",
        "`state STATE [passive]`: the target must be in this state",
    ),
    (
        "alive",
        "the connection still answers; without one, the port does",
    ),
    ("gone", "the connection is no more"),
    (
        "silence",
        "nothing comes for a while, and the target still answers",
    ),
    ("gone-or-silence", "either of them"),
    ("app", "`[CONN] app VERB …`: the target's application acts"),
    ("check", "`check EXPR`: must be true"),
    (
        "sample",
        "`sample N as NAME = EXPR, … { … }`: rounds on connections of their own",
    ),
    ("repeat", "`repeat N [as i] { … }`: steps again and again"),
    ("use", "`use FIXTURE[(…)]`: the steps of a fixture"),
    ("conn", "`conn NAME { … }`: steps on another connection"),
    (
        "either",
        "`either { … } pass or { … } warn or { … } info`: the first `>` decides",
    ),
    ("unordered", "`unordered { … }`: `>` steps in any order"),
    (
        "ignore",
        "`ignore acks|probes|keepalives|window-updates|data`: pass over these from now on",
    ),
    ("autoack", "`autoack on|off`: acknowledge what comes"),
    (
        "impair",
        "`impair [in|out] WHAT [WHICH]`, `impair [in|out] off`: what the link does to segments from now on",
    ),
    ("wait", "`wait T`: do nothing"),
];

/// `impair WHAT`.
pub const IMPAIRMENTS: &[Entry] = &[
    ("drop", "it is lost"),
    (
        "delay",
        "`delay T`, `delay T1..T2`: it comes later, by a time drawn between the two",
    ),
    (
        "reorder",
        "`reorder [by N]`: it comes behind the next N (1) of its direction, or 50 ms later if they do not come",
    ),
    ("duplicate", "it comes twice"),
    (
        "corrupt",
        "one bit of it is turned over, so that its checksum is wrong",
    ),
];

/// `impair … WHICH`: the kinds of segments that are counted.
pub const IMPAIRABLE: &[Entry] = &[
    ("segment", "any packet of the case"),
    ("data", "with text"),
    ("syn", "with SYN"),
    ("fin", "with FIN"),
    ("rst", "with RST"),
    ("ack", "an acknowledgement without text, SYN, FIN and RST"),
];

/// `ignore WHAT`.
pub const IGNORABLE: &[Entry] = &[
    ("acks", "pure acknowledgements"),
    ("probes", "zero-window probes"),
    ("keepalives", "keep-alives"),
    ("window-updates", "window updates"),
    ("data", "segments with text"),
];

/// Words that begin steps of a later version.
pub const RESERVED: &[Entry] = &[
    ("collect", "`collect until quiet T as d`"),
    ("background", "`background { … }`"),
    ("flood", "`flood rate N/s count N`"),
    ("segment", "named segments"),
    ("permutations", "`order = permutations(5)`"),
];
