//! The canonical layout: comments kept, nothing changed but blanks, the same when done twice.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use tcpconf_suite::{SourceFile, Spans, format, parse};

fn file(text: &str) -> SourceFile {
    SourceFile {
        path: "suites/x/test.tcpt".to_owned(),
        text: text.to_owned(),
    }
}

/// Every `.tcpt` file of the repository.
fn all_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![
        root.join("tests"),
        root.join("src"),
        root.join("../../suites"),
    ];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "tcpt") {
                files.push(path);
            }
        }
    }
    files
}

fn comments(text: &str) -> Vec<String> {
    let mut all: Vec<String> = text
        .lines()
        .filter_map(|line| line.find('#').map(|at| line[at..].trim().to_owned()))
        .collect();
    all.sort();
    all
}

#[test]
fn formatting_is_idempotent_and_keeps_meaning_and_comments_in_every_file() {
    let mut formatted_files = 0;
    for path in all_files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let Ok(formatted) = format(&file(&text)) else {
            continue;
        };
        formatted_files += 1;
        let (before, _) = parse(&file(&text));
        let (after, diagnostics) = parse(&file(&formatted));
        assert_eq!(diagnostics, [], "{}\n{formatted}", path.display());
        assert_eq!(
            before.map(Spans::without_spans),
            after.map(Spans::without_spans),
            "{}\n{formatted}",
            path.display()
        );
        assert_eq!(
            format(&file(&formatted)).unwrap(),
            formatted,
            "{}",
            path.display()
        );
        assert_eq!(comments(&text), comments(&formatted), "{}", path.display());
    }
    assert!(
        formatted_files > 3,
        "only {formatted_files} files were formatted"
    );
}

#[test]
fn what_is_printed_from_a_tree_parses_back_to_it() {
    let mut printed = 0;
    for path in all_files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let (Some(suite), diagnostics) = parse(&file(&text)) else {
            continue;
        };
        if !diagnostics.is_empty() {
            continue;
        }
        printed += 1;
        let suite = suite.without_spans();
        let text = suite.to_string();
        let (again, diagnostics) = parse(&file(&text));
        assert_eq!(diagnostics, [], "{text}");
        assert_eq!(again.map(Spans::without_spans), Some(suite), "{text}");
    }
    assert!(printed > 3, "only {printed} files were printed");
}

#[test]
fn layout_is_that_of_the_examples() {
    let text = r#"
# about the file
tcpt 1
suite "Layout"   # title
# about a
test a {
 title "A"
 slow
   spec RFC9293-MUST-9    # first
 also TC8:BASICS_01 restated # second
 matrix { off = one: 1, far: 0x80000000 }

 # about the step
 reach   ESTABLISHED with <mss 1460,nop>

 < R seq RCV.NXT+${off}
 > . seq SND.NXT ack RCV.NXT len 0 within 1s
 > S. ack IRS+1 as first # later
 > S. same as first within 3.5s as second
 either { > R } pass or { > nothing for 1000ms
   # before the brace
 } warn
 check time(second)-time(first)>=1.8*1s
}
fixture f(x,y) { < . win ${x} urg ${y}
}
# the end
"#;
    insta::assert_snapshot!(format(&file(text)).unwrap());
}
