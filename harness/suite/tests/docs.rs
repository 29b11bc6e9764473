//! docs/format.md is true: its examples are checked, its tables come from the data.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use tcpconf_suite::vocabulary::{self, ProfileKind, Type};
use tcpconf_suite::{Code, Requirements, Severity, SourceFile, limits, load};
use tcpconf_wire::notation::{Family, Shape, field_names};

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format.md")
}

/// A fenced block: its info string and its text.
fn examples(page: &str) -> Vec<(String, String)> {
    let mut examples = Vec::new();
    let mut rest = page;
    while let Some((_, behind)) = rest.split_once("```tcpt") {
        let (info, behind) = behind.split_once('\n').unwrap();
        let (text, after) = behind.split_once("\n```").unwrap();
        examples.push((info.to_owned(), text.to_owned()));
        rest = after;
    }
    examples
}

/// An example as a file: whole, or tests, or steps.
fn as_file(text: &str) -> String {
    if text.starts_with("tcpt 1") {
        return text.to_owned();
    }
    let head = "tcpt 1\nsuite \"example\"\n";
    let items = ["test ", "fixture ", "rules "];
    if items.iter().any(|item| text.starts_with(item)) {
        return format!("{head}{text}\n");
    }
    format!("{head}test example {{\ntitle \"example\"\nspec RFC9293-MUST-9\n{text}\n}}\n")
}

#[test]
fn every_example_is_right_or_gives_the_diagnostic_that_it_names() {
    let requirements =
        Requirements::from_toml(include_str!("../../../suites/requirements.toml")).unwrap();
    let page = std::fs::read_to_string(page()).unwrap();
    let examples = examples(&page);
    assert!(examples.len() > 10, "only {} examples", examples.len());
    for (info, text) in examples {
        let file = SourceFile {
            path: "docs/example.tcpt".to_owned(),
            text: as_file(&text),
        };
        let (plan, diagnostics) = load(vec![file], Vec::new(), &requirements);
        let rendered: String = diagnostics.iter().map(|d| d.render(false)).collect();
        match info.strip_prefix(",error=") {
            None => {
                assert_eq!(rendered, "", "{text}");
                assert!(!plan.instances.is_empty(), "{text}");
            }
            Some(code) => {
                let codes: Vec<&str> = diagnostics.iter().map(|d| d.code.name()).collect();
                assert_eq!(codes, [code], "{text}\n{rendered}");
            }
        }
    }
}

#[test]
fn every_table_is_that_of_the_data() {
    let page_text = std::fs::read_to_string(page()).unwrap();
    let mut fresh = String::new();
    let mut rest = page_text.as_str();
    let mut tables = 0;
    while let Some((before, behind)) = rest.split_once("<!-- generated: ") {
        let (name, behind) = behind.split_once(" -->\n").unwrap();
        let (_, after) = behind.split_once("<!-- end -->").unwrap();
        write!(
            fresh,
            "{before}<!-- generated: {name} -->\n{}<!-- end -->",
            table(name)
        )
        .unwrap();
        rest = after;
        tables += 1;
    }
    fresh.push_str(rest);
    assert_eq!(tables, 22);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(page(), &fresh).unwrap();
        return;
    }
    assert!(
        fresh == page_text,
        "docs/format.md is old: UPDATE_GOLDEN=1 writes its tables anew"
    );
}

fn table(name: &str) -> String {
    match name {
        "directives" => pairs("Directive", vocabulary::DIRECTIVES),
        "steps" => pairs("Step", vocabulary::STEPS),
        "verbs" => pairs("Verb", vocabulary::VERBS),
        "outcomes" => pairs("Outcome", vocabulary::OUTCOMES),
        "destinations" => pairs("Destination", vocabulary::DESTINATIONS),
        "settings" => pairs("Setting", vocabulary::SETTINGS),
        "impairments" => pairs("What", vocabulary::IMPAIRMENTS),
        "impairable" => pairs("Segments", vocabulary::IMPAIRABLE),
        "ignorable" => pairs("Segments", vocabulary::IGNORABLE),
        "states" => pairs("State", vocabulary::STATES),
        "services" => pairs("Service", vocabulary::SERVICES),
        "features" => pairs("Feature", vocabulary::FEATURES),
        "reserved" => pairs("Word", vocabulary::RESERVED),
        "icmp" => icmp(),
        "fields" => fields(),
        "paths" => rows(
            &["State", "Path", "Meaning"],
            vocabulary::PATHS
                .iter()
                .map(|(s, p, d)| vec![(*s).into(), code(p), (*d).into()]),
        ),
        "symbols" => typed("Symbol", vocabulary::SYMBOLS),
        "members" => typed("Member", vocabulary::MEMBERS),
        "profile" => rows(
            &["Value", "Type", "Meaning"],
            vocabulary::PROFILE.iter().map(|field| {
                let kind = match field.kind {
                    ProfileKind::Duration => "duration",
                    ProfileKind::Number => "number",
                };
                vec![
                    code(&format!("profile.{}", field.name)),
                    kind.into(),
                    field.doc.into(),
                ]
            }),
        ),
        "functions" => rows(
            &["Function"],
            vocabulary::FUNCTIONS
                .iter()
                .map(|function| vec![function.doc.to_owned()]),
        ),
        "diagnostics" => rows(
            &["Code", "Severity", "Meaning"],
            Code::ALL.iter().map(|diagnostic| {
                let severity = match diagnostic.severity() {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                };
                vec![
                    code(diagnostic.name()),
                    severity.into(),
                    diagnostic.doc().into(),
                ]
            }),
        ),
        "limits" => limits_table(),
        other => panic!("no table is called {other}"),
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn rows(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        writeln!(text, "| {} |", cells.join(" | ")).unwrap();
    }
    text
}

fn pairs(head: &str, table: &[vocabulary::Entry]) -> String {
    let row = |(name, doc): &vocabulary::Entry| vec![code(name), (*doc).to_owned()];
    rows(&[head, "Meaning"], table.iter().map(row))
}

fn typed(head: &str, table: &[(&str, Type, &str)]) -> String {
    rows(
        &[head, "Type", "Meaning"],
        table.iter().map(|(name, of, doc)| {
            let of = match of {
                Type::Number => "number",
                Type::Seq => "sequence number",
                Type::Time => "point in time",
                other => panic!("no symbol has type {other:?}"),
            };
            vec![code(name), of.into(), (*doc).into()]
        }),
    )
}

fn fields() -> String {
    rows(
        &["Field", "Takes", "In", "Meaning"],
        field_names().iter().map(|field| {
            let shape = match field.shape {
                Shape::Number(bits) => format!("{bits} bits"),
                Shape::Checksum => "`good`, `bad`, 16 bits".to_owned(),
                Shape::Port => "16 bits, `fresh`, `same`".to_owned(),
                Shape::Address => "an address".to_owned(),
                Shape::Bit => "nothing, 0, 1".to_owned(),
                Shape::Bytes => "`\"text\"`, `hex(…)`".to_owned(),
                Shape::Typed => "a number and `hex(…)`".to_owned(),
            };
            let direction = match (field.stimulus, field.pattern) {
                (true, true) => "`<` `>`",
                (true, false) => "`<`",
                (false, true) => "`>`",
                (false, false) => "neither",
            };
            let family = match field.family {
                Family::Both => "",
                Family::V4 => " (IPv4)",
                Family::V6 => " (IPv6)",
            };
            let doc = format!("{}{family}", field.doc);
            vec![code(field.word), shape, direction.into(), doc]
        }),
    )
}

fn icmp() -> String {
    let number = |of: Option<(u8, u8)>| match of {
        Some((kind, code)) => format!("{kind}/{code}"),
        None => "-".to_owned(),
    };
    rows(
        &["Message", "IPv4 type/code", "IPv6 type/code", "Meaning"],
        tcpconf_wire::icmp_names().iter().map(|row| {
            vec![
                code(row.name),
                number(row.v4),
                number(row.v6),
                row.doc.into(),
            ]
        }),
    )
}

fn limits_table() -> String {
    let all = [
        ("bytes of a file", limits::FILE_BYTES.to_string()),
        ("bytes of a line", limits::LINE_BYTES.to_string()),
        ("blocks within blocks", limits::BLOCK_DEPTH.to_string()),
        (
            "brackets within brackets of an expression",
            limits::EXPRESSION_DEPTH.to_string(),
        ),
        ("operators on one line", limits::OPERATORS.to_string()),
        (
            "steps of a run after expansion",
            limits::PLAN_STEPS.to_string(),
        ),
        (
            "fixtures that use fixtures",
            limits::FIXTURE_DEPTH.to_string(),
        ),
        ("instances of a test", limits::INSTANCES.to_string()),
        (
            "steps of an instance after expansion",
            limits::STEPS.to_string(),
        ),
        (
            "rounds of `sample` and `repeat`",
            limits::ROUNDS.to_string(),
        ),
        (
            "seconds that `impair` delays",
            limits::IMPAIR_DELAY.as_secs().to_string(),
        ),
        (
            "what `impair` counts to",
            limits::IMPAIR_ORDINAL.to_string(),
        ),
    ];
    rows(
        &["Limit", "At most"],
        all.into_iter().map(|(what, n)| vec![what.to_owned(), n]),
    )
}

#[test]
fn every_option_of_the_notation_is_described() {
    let page = std::fs::read_to_string(page()).unwrap();
    for word in tcpconf_wire::notation::option_words() {
        assert!(
            page.contains(&format!("`{word}")),
            "option {word} is not in docs/format.md"
        );
    }
}
