//! Any text as a suite: reading never panics, errors lie in the text, the layout is stable.

use tcpconf_suite::{SourceFile, Spans, format, parse};

/// The bytes are a suite file.
///
/// # Panics
/// On a finding.
pub fn suite_parse(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let file = file(text);
    let (suite, diagnostics) = parse(&file);
    for diagnostic in &diagnostics {
        assert!(!diagnostic.message.is_empty(), "{diagnostic:?}");
        let span = diagnostic.span;
        assert!(text.get(span.start..span.end).is_some(), "{diagnostic:?}");
    }
    assert!(
        suite.is_some() || !diagnostics.is_empty(),
        "no suite, and nobody says why"
    );
    let Ok(once) = format(&file) else {
        return;
    };
    let formatted = self::file(&once);
    let (again, complaints) = parse(&formatted);
    assert_eq!(complaints, [], "its own layout is not understood:\n{once}");
    assert_eq!(
        suite.map(Spans::without_spans),
        again.map(Spans::without_spans),
        "the layout changes the meaning:\n{once}"
    );
    let twice = format(&formatted);
    assert_eq!(
        twice.as_deref(),
        Ok(once.as_str()),
        "the layout is not stable"
    );
}

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "suites/fuzz/input.tcpt".to_owned(),
        text: text.to_owned(),
    }
}
