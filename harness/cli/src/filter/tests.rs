use super::*;
use rstest::rstest;
use std::sync::Arc;
use tcpconf_suite::SourceFile;
use tcpconf_suite::ast::{Name, Span, Suite};

fn instance() -> Instance {
    let name = Name {
        value: "x".into(),
        span: Span::default(),
    };
    Instance {
        id: "reset/rst-in-window[state=ESTABLISHED,off=max(1,2)]".into(),
        test: "reset/rst-in-window".into(),
        title: String::new(),
        spec: vec!["RFC5961-3.2-4".into(), "RFC9293-MUST-2".into()],
        level: Level::Should,
        also: vec![("TC8:FLAGS_02".into(), true)],
        needs: Default::default(),
        file: Arc::new(SourceFile {
            path: String::new(),
            text: String::new(),
        }),
        suite: Arc::new(Suite {
            title: name,
            fixtures: Vec::new(),
            tests: Vec::new(),
            rules: Vec::new(),
        }),
        shared: Arc::default(),
        index: 0,
        bindings: Vec::new(),
        span: Span::default(),
    }
}

#[rstest]
#[case("window", true)]
#[case("windows", false)]
#[case("test(reset/rst-in-window)", true)]
#[case("test(reset/rst)", false)]
#[case("id(reset/*)", true)]
#[case("id(reset/rst-in-window[state=ESTABLISHED,off=max(1,2)])", true)]
#[case("id( \"reset/rst-in-window[state=ESTABLISHED,off=max(1,2)]\" )", true)]
#[case("id(reset/rst-in-window[state=ESTABLISHED,off=max(1,2),ip=6])", true)]
#[case("id(reset/rst-in-window)", false)]
#[case("spec(RFC9293-*)", true)]
#[case("also(TC8:*)", true)]
#[case("folder(reset)", true)]
#[case("suite(r?set)", true)]
#[case("folder(hand*)", false)]
#[case("level(SHOULD)", true)]
#[case("level(must)", false)]
#[case("not window", false)]
#[case("not not window", true)]
#[case("not(window)", false)]
#[case("nothing or window and reset", true)]
#[case("(window or nothing) and nothing", false)]
#[case("window or nothing and nothing", true)]
#[case("nothing and nothing or(window)", true)]
fn selects(#[case] filter: &str, #[case] selected: bool) {
    assert_eq!(
        Filter::parse(filter).unwrap().matches(&instance()),
        selected
    );
}

#[test]
fn says_what_is_wrong_and_where() {
    let wrong = [
        "",
        "idd(x)",
        "id(x",
        "id()",
        "id(\"x)",
        "(a or b",
        "a or b)",
        "a b",
        "a and",
        "and a",
        "level(most)",
        "é and zzzz(x)",
    ];
    let texts = wrong.map(|filter| {
        let error = Filter::parse(filter).unwrap_err();
        let help = error
            .help
            .as_ref()
            .map_or(String::new(), |help| format!("\nhelp: {help}"));
        format!("{error}{help}\n")
    });
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    assert!(Filter::parse(&"(".repeat(100_000)).is_err());
    assert!(Filter::parse(&"not ".repeat(100_000)).is_err());
}
