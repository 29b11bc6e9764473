//! Properties: no text makes the crate panic; what the grammar allows is read, printed and formatted
//! without loss.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use tcpconf_suite::{Requirements, SourceFile, Spans, format, load, parse, parse_expr};

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "suites/x/generated.tcpt".to_owned(),
        text: text.to_owned(),
    }
}

/// Everything that may be done with a text.
fn exercise(text: &str) {
    let (_, diagnostics) = parse(&file(text));
    for diagnostic in &diagnostics {
        assert!(!diagnostic.render(false).is_empty());
    }
    if let Ok(formatted) = format(&file(text)) {
        let again = format(&file(&formatted));
        assert_eq!(again.as_ref(), Ok(&formatted), "of {text}");
    }
    let (plan, diagnostics) = load(vec![file(text)], vec![file(text)], &Requirements::default());
    for diagnostic in &diagnostics {
        assert!(!diagnostic.render(true).is_empty());
    }
    for instance in plan.instances.iter().take(10) {
        instance.lower().unwrap();
    }
    let _ = parse_expr(text);
}

/// Pieces that the parser must take apart, right and wrong ones.
fn piece() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "tcpt 1\n",
        "suite \"x\"\n",
        "test a {\n",
        "fixture f(x) {\n",
        "}",
        "{",
        "\n",
        " ",
        "  ",
        "title \"T\"\n",
        "spec RFC9293-MUST-9",
        "matrix { a = 1, b: <mss 1,nop> }",
        "table {\n",
        "a | b\n",
        " | ",
        " -> ",
        "rules r {\n",
        "rules r\n",
        "a -> b\n",
        "not 1, 2 -> same-as a=1 \"x\"\n",
        "* -> alive\n",
        "either {",
        "} pass or {",
        "} warn",
        "< S",
        "> S.",
        "> nothing for 1s",
        "seq RCV.NXT+${a}",
        "ack",
        "0:10(10)",
        "<mss 1460,TS val 1 ecr *>",
        "<",
        ">",
        "within 1s",
        "at 1s..2s of x",
        "as x",
        "same as x",
        "${",
        "${a}",
        "\"",
        "\\",
        "#",
        "# c\n",
        "(",
        ")",
        "[",
        "]",
        "check ",
        "time(x)",
        "abs ",
        "not ",
        "-",
        "+",
        "1.5s",
        "0x",
        "0xffffffffffffffff",
        "99999999999999999999",
        "use f(",
        "use f(${a})",
        "conn b {",
        "b <",
        "sample 2 as i = ISS {",
        "repeat 3 {",
        "icmp frag-needed quote x",
        "data \"\\x41\"",
        "hex(0a",
        "é",
        "\u{0}",
        "\r\n",
        "app send 5 expect eof",
        "reach ESTABLISHED with ${a}",
        "state TIME-WAIT passive",
        "unordered {",
        "from 10.0.0.1:80",
        "from [::1]:80",
        "fragment at 8,16 overlap",
        "wait 1h",
        "ignore acks",
        "impair out drop 2nd data",
        "impair ${a}",
        "impair delay",
    ];
    prop_oneof![
        8 => proptest::sample::select(WORDS).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        exercise(&text);
        exercise(&format!("tcpt 1\nsuite \"x\"\ntest a {{\n{text}"));
    }

    #[test]
    fn no_row_of_pieces_makes_it_panic(pieces in proptest::collection::vec(piece(), 0..60)) {
        let text = pieces.concat();
        exercise(&text);
        exercise(&format!("tcpt 1\nsuite \"x\"\ntest a {{\n{text}"));
    }

    #[test]
    fn no_damage_to_a_right_file_makes_it_panic(
        start in 0usize..4000,
        length in 0usize..40,
        piece in piece(),
    ) {
        let text = include_str!("files/language.tcpt");
        let boundary = |at: usize| (at.min(text.len())..).find(|at| text.is_char_boundary(*at)).unwrap();
        let (start, end) = (boundary(start), boundary(start + length));
        exercise(&format!("{}{piece}{}", &text[..start], &text[end..]));
    }

    #[test]
    fn what_the_grammar_allows_survives_printing_and_formatting(suite in right_suite()) {
        let (parsed, diagnostics) = parse(&file(&suite));
        prop_assert_eq!(&diagnostics, &[], "{}", suite);
        let parsed = parsed.unwrap().without_spans();
        let formatted = format(&file(&suite)).unwrap();
        for comment in COMMENTS {
            let count = |text: &str| text.matches(comment).count();
            prop_assert_eq!(count(&suite), count(&formatted), "{} in {}", comment, formatted);
        }
        for text in [format(&file(&suite)).unwrap(), parsed.to_string()] {
            let (again, diagnostics) = parse(&file(&text));
            prop_assert_eq!(&diagnostics, &[], "{}", text);
            prop_assert_eq!(again.map(Spans::without_spans), Some(parsed.clone()), "{}", text);
            prop_assert_eq!(format(&file(&text)).unwrap(), text.clone(), "{}", text);
        }
    }
}

/// The comments that [`right_suite`] writes.
const COMMENTS: &[&str] = &[
    "# top",
    "# end",
    "# two",
    "# it is",
    "# head",
    "# between",
    "# why not",
    "# c",
    "# alone",
    "# open",
    "# by",
    "# go",
    "# close",
];

fn expr() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<u32>().prop_map(|n| n.to_string()),
        any::<u32>().prop_map(|n| format!("{n:#x}")),
        (0u32..100, 0u32..1000).prop_map(|(a, b)| format!("{a}.{b:03}")),
        (
            1u32..5000,
            proptest::sample::select(vec!["us", "ms", "s", "min", "h", "d"])
        )
            .prop_map(|(n, unit)| format!("{n}{unit}")),
        proptest::sample::select(vec![
            "RCV.NXT",
            "ISS",
            "${p}",
            "first.seq",
            "profile.rto_max",
            "b.acked"
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let op = proptest::sample::select(vec!["+", "-", "*", "/", "%", " + ", " - "]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("{a}{op}{b}")),
            inner.clone().prop_map(|x| format!("({x} )")),
            inner.clone().prop_map(|x| format!("-{x}")),
            inner.clone().prop_map(|x| format!("abs {x}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("max({a},{b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("d[{a}].seq+({b})")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let compared = (
        expr(),
        proptest::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]),
        expr(),
    )
        .prop_map(|(a, op, b)| format!("{a} {op} {b}"));
    compared.prop_recursive(2, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} and {b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} or {b}")),
            inner.prop_map(|x| format!("not {x}")),
        ]
    })
}

fn segment() -> impl Strategy<Value = String> {
    let flags = proptest::sample::select(vec!["S", ".", "F.", "-", "SFRP.UEWA", "${f}"]);
    let field = prop_oneof![
        (
            proptest::sample::select(vec!["seq", "ack", "win", "len", "ttl"]),
            expr()
        )
            .prop_map(|(name, value)| format!("{name} {value}")),
        Just("data \"a\\n\\\"#{\"".to_owned()),
        Just("checksum bad".to_owned()),
        Just("from 10.0.0.1:80".to_owned()),
        Just("df".to_owned()),
    ];
    let options = proptest::option::of(proptest::sample::select(vec![
        "<>",
        "<mss 1460, sackOK,TS val 1 ecr 0x10,nop,wscale 7>",
        "<sack 1:2 3:4,raw(0x0200)>",
        "${o}",
    ]));
    (flags, proptest::collection::vec(field, 0..3), options).prop_map(
        |(flags, mut fields, options)| {
            fields.sort();
            fields.dedup_by_key(|f| f.split(' ').next().map(str::to_owned));
            fields.extend(options.map(str::to_owned));
            format!("{flags} {}", fields.join("  "))
        },
    )
}

fn step() -> impl Strategy<Value = String> {
    let label = proptest::option::of(Just("  as x"));
    let line = prop_oneof![
        4 => (segment(), label.clone()).prop_map(|(s, l)| format!("< {s}{}", l.unwrap_or(""))),
        4 => (segment(), expr(), label).prop_map(|(s, t, l)| format!(">{s} within {t} of y{}", l.unwrap_or(""))),
        1 => (segment(), expr(), expr()).prop_map(|(s, a, b)| format!("b > {s} at {a}..{b}")),
        1 => expr().prop_map(|t| format!("> nothing for {t}   # why not")),
        1 => condition().prop_map(|c| format!("check {c}")),
        1 => Just("reach ${s} via passive with <mss 1>".to_owned()),
        1 => Just("use f( one, ${x} ) # c".to_owned()),
        1 => Just("# alone".to_owned()),
        1 => Just("app send 5 expect eof".to_owned()),
        1 => expr().prop_map(|n| format!("b app connect port {n} data 5 with nodelay 1 , mss {n}")),
        1 => expr().prop_map(|n| format!("app listen  backlog {n}")),
        1 => expr().prop_map(|n| format!("b app listen port {n} backlog 2")),
        1 => Just("b app listen  port fresh with ttl 3".to_owned()),
        1 => Just("app recv 5 queued".to_owned()),
        1 => Just("app connect to same port 7  expect any".to_owned()),
        1 => Just("app status is TIME-WAIT".to_owned()),
        1 => Just("app recv 5 == pattern  expect reset within 3s # c".to_owned()),
        1 => Just("app send 9 urgent  more".to_owned()),
        1 => Just("< icmp frag-needed mtu 600 quote x seq +5 truncate 8 as i".to_owned()),
        1 => Just("< same as x  win 5  after 1s".to_owned()),
        1 => Just("> S. same as x  at 1s..2s  spec RFC1-1".to_owned()),
        1 => Just("ignore acks  window-updates".to_owned()),
        1 => Just("impair  out drop  5%   data # c".to_owned()),
        1 => Just("impair in delay ${t} every 3rd ack  spec RFC1-1".to_owned()),
        1 => Just("impair off".to_owned()),
        1 => Just(String::new()),
    ];
    line.prop_recursive(2, 12, 3, |inner| {
        let block = proptest::collection::vec(inner, 1..4).prop_map(|lines| lines.join("\n"));
        prop_oneof![
            block
                .clone()
                .prop_map(|b| format!("conn b {{ # open\n{b}\n}}")),
            block
                .clone()
                .prop_map(|b| format!("repeat 3 as i {{\n{b}\n}} # close")),
            block
                .clone()
                .prop_map(|b| format!("sample 4 as isn = ISS , t = x.time {{\n{b}\n}}")),
            (block.clone(), block)
                .prop_map(|(a, b)| format!("either {{\n{a}\n}} pass\nor {{ {b}\n}} info")),
        ]
    })
}

fn right_suite() -> impl Strategy<Value = String> {
    let directives = proptest::sample::subsequence(
        vec![
            "spec A-1 B-${x}",
            "also TC8:X_01 restated ANVL:1.2",
            "given sack ecn  # two",
            "exclusive",
            "slow # it is",
            "ip 6",
            "timeout 1.5s",
            "service echo",
            "backlog 0x10",
            "rules r-1 # go",
            "matrix { a = one: 1, two: <mss 1,nop>,\n three: \"x,y\" }",
            "table {\n s | t # head\n 1 | long: a b\n\n # between\n 22 | 3\n}",
        ],
        0..8,
    );
    (directives, proptest::collection::vec(step(), 0..6)).prop_map(|(directives, steps)| {
        format!(
            "# top\ntcpt 1\nsuite \"x \\\" y\"\n\ntest a-1 {{\n  title \"T\"\n{}\n{}\n}}\n\
             rules r-1 {{ # by\n a |  b -> c | spec\n x,y  | not z -> long: a b | A-1 # why\n\n \
             * | * ->  same-as a=x b=y \"for -> no | reason\"\n}}\n\
             fixture f(a,b) {{\n alive\n}}\n# end",
            directives.join("\n"),
            steps.join("\n")
        )
    })
}
